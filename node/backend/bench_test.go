package backend_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/roamwire/roamwire/node/backend"
	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// Locations stored by one bulk request; the target of the issue is 100,000 in 30 s.
func BenchmarkBulkLocations(b *testing.B) {
	p := open(b, nil)
	l := sample.Location(4)
	b.Logf("%d EVSEs, %d bytes", len(l.EVSEs), len(text(b, l)))
	var body bytes.Buffer
	for i := range b.N {
		l.ID = ocpi.CiString(fmt.Sprintf("B%d", i))
		body.WriteString(text(b, l) + "\n")
	}
	b.ResetTimer()
	request, err := http.NewRequest("POST", p.url+"/api/v1/locations/bulk", &body)
	if err != nil {
		b.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+p.keys[backend.ScopeWrite])
	resp, err := http.DefaultClient.Do(request)
	if err != nil {
		b.Fatal(err)
	}
	defer resp.Body.Close()
	results, err := io.ReadAll(resp.Body)
	if err != nil || bytes.Count(results, []byte(`"result":"created"`)) != b.N {
		b.Fatal(err, string(results[:min(500, len(results))]))
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "locations/s")
}

// Changes of status by 64 clients, each on disk before it is answered; the target of the issue is 3,000/s.
func BenchmarkStatusChanges(b *testing.B) {
	const clients, places = 64, 500
	p := open(b, nil)
	l := sample.Location(4)
	for i := range places {
		l.ID = ocpi.CiString(fmt.Sprintf("S%d", i))
		l.EVSEs[0].UID = ocpi.CiString(fmt.Sprintf("E%d", i))
		p.want(http.StatusCreated, "PUT", pathOf(l), text(b, l))
	}
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: clients}}
	b.ResetTimer()
	var next atomic.Int64
	var work sync.WaitGroup
	for range clients {
		work.Go(func() {
			for i := next.Add(1); i <= int64(b.N); i = next.Add(1) {
				status := []v230.Status{v230.StatusCharging, v230.StatusAvailable, v230.StatusBlocked}[i/places%3]
				r, err := http.NewRequest("POST", fmt.Sprintf("%s/api/v1/evses/E%d/status", p.url, i%places), strings.NewReader(`{"status":"`+string(status)+`"}`))
				if err != nil {
					b.Error(err)
					return
				}
				r.Header.Set("Authorization", "Bearer "+p.keys[backend.ScopeWrite])
				resp, err := client.Do(r)
				if err != nil {
					b.Error(err)
					return
				}
				_, _ = io.Copy(io.Discard, resp.Body)
				resp.Body.Close()
				if resp.StatusCode != http.StatusOK {
					b.Error(resp.Status)
				}
			}
		})
	}
	work.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "changes/s")
}
