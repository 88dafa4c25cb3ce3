package exchange_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/roamwire/roamwire/node/exchange"
	"github.com/roamwire/roamwire/ocpi"
)

// However many callers nobody knows, they take little of the record, and nothing from partners.
func TestStrangersHaveASmallShare(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := new(memory)
		r := exchange.New(log.open, exchange.Settings{}, exchange.Options{Logger: quiet()})
		body := []byte(`{"id":"1"}`)
		observe := func(direction ocpi.Direction, partner string) {
			r.Observe(t.Context(), ocpi.Exchange{
				Direction: direction, Partner: partner, Method: strings.Repeat("M", 5000), URL: "/" + strings.Repeat("u", 5000),
				RequestID: strings.Repeat("r", 128), CorrelationID: strings.Repeat("c", 128), RequestBody: body, RequestSize: 10,
				Module: ocpi.ModuleLocations, Route: "/cpo/2.1.1/locations/{location_id}",
			})
		}
		for range 10 * 60 {
			for range 20 {
				observe(ocpi.Inbound, "")
			}
			observe(ocpi.Inbound, "partner")
			observe(ocpi.Outbound, "")
			time.Sleep(100 * time.Millisecond)
		}
		if err := r.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		count := map[string]int{}
		for _, record := range log.records {
			kind := fmt.Sprint(record.Direction, record.Partner)
			count[kind]++
			url, id, request := 2<<10, 128, string(body)
			if kind == "in" {
				url, id, request = 512, 64, ""
			}
			if n := len(record.URL); n != url+len("…") || len(record.Object) > url+len("…") || len(record.Method) > 40 {
				t.Fatalf("%s: a URL of %d bytes, an object of %d, a method of %d", kind, n, len(record.Object), len(record.Method))
			}
			if n := len(strings.TrimSuffix(record.RequestID, "…")); n != id || len(strings.TrimSuffix(record.CorrelationID, "…")) != n || record.Request != request || record.RequestSize != 10 {
				t.Fatalf("%s: an id of %d bytes, %q of %d bytes", kind, n, record.Request, record.RequestSize)
			}
		}
		if count["inpartner"] != 600 || count["out"] != 600 || count["in"] < 690 || count["in"] > 710 || r.Dropped() != int64(12_000-count["in"]) {
			t.Errorf("%v, %d dropped", count, r.Dropped())
		}
	})
}
