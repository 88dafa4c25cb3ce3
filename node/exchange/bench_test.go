package exchange

import (
	"bytes"
	"context"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/convert"
	"github.com/roamwire/roamwire/ocpi/ocpitest"
)

// What the caller pays while there is room in the queue; what is queued is thrown away now and then.
func BenchmarkObserve(b *testing.B) {
	for name, e := range exchanges(b) {
		b.Run(name, func(b *testing.B) {
			blocked := func(ctx context.Context) (Log, error) { <-ctx.Done(); return nil, ctx.Err() }
			r := New(blocked, Settings{}, Options{})
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if r.Observe(b.Context(), e); i%200 == 0 {
					r.queue.giveBack(r.queue.take())
				}
			}
			ctx, cancel := context.WithCancel(b.Context())
			cancel()
			_ = r.Close(ctx)
		})
	}
}

// What it takes to make a record of an exchange, masked.
func BenchmarkMask(b *testing.B) {
	for name, e := range exchanges(b) {
		b.Run(name, func(b *testing.B) {
			m := newMasker(false)
			b.ReportAllocs()
			for b.Loop() {
				m.record(&e)
			}
		})
	}
}

// exchanges are one with a large answer and one without, as they come most often.
func exchanges(b *testing.B) map[string]ocpi.Exchange {
	return map[string]ocpi.Exchange{"page": pageExchange(b), "patch": patchExchange()}
}

func pageExchange(b *testing.B) ocpi.Exchange {
	var page bytes.Buffer
	page.WriteString(`{"data":[`)
	for n := range 50 {
		location, _ := convert.LocationTo211(ocpitest.Network(ocpi.NewParty("DE", "ROA")).Location(n+1), convert.Env{})
		raw, err := json.Marshal(&location)
		if err != nil {
			b.Fatal(err)
		}
		page.Write(append(raw, ','))
	}
	return ocpi.Exchange{
		At: time.Unix(1_790_000_000, 0), Duration: time.Millisecond, Direction: ocpi.Inbound, Partner: "greenwheels", Method: "GET",
		URL: "/ocpi/cpo/2.1.1/locations?limit=50", Route: "/cpo/2.1.1/locations", Module: ocpi.ModuleLocations,
		RequestID: "ABCDEFGHIJKLMNOPQRSTUVWXYZ", CorrelationID: "ABCDEFGHIJKLMNOPQRSTUVWXYZ", HTTP: 200, Status: ocpi.StatusSuccess,
		ResponseSize: int64(page.Len()), ResponseBody: page.Bytes()[:8<<10], Secrets: []string{"a-token-of-greenwheels-0123456789ab"},
	}
}

func patchExchange() ocpi.Exchange {
	request := `{"status":"CHARGING","last_updated":"2026-01-31T12:00:00Z"}`
	response := `{"status_code":1000,"status_message":"Success","timestamp":"2026-01-31T12:00:00Z"}`
	return ocpi.Exchange{
		At: time.Unix(1_790_000_000, 0), Duration: time.Millisecond, Direction: ocpi.Inbound, Partner: "greenwheels", Method: "PATCH",
		URL:    "/ocpi/emsp/2.1.1/locations/NL/PTN/P1234/EVSE-1234-1",
		Route:  "/emsp/2.1.1/locations/{country_code}/{party_id}/{location_id}/{evse_uid}",
		Module: ocpi.ModuleLocations, RequestID: "ABCDEFGHIJKLMNOPQRSTUVWXYZ", CorrelationID: "ABCDEFGHIJKLMNOPQRSTUVWXYZ",
		HTTP: 200, Status: ocpi.StatusSuccess, RequestSize: int64(len(request)), ResponseSize: int64(len(response)),
		RequestBody: []byte(request), ResponseBody: []byte(response), Secrets: []string{"a-token-of-greenwheels-0123456789ab"},
	}
}
