package ocpiclient_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"
	"time"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/convert"
	"github.com/roamwire/roamwire/ocpi/ocpiclient"
	"github.com/roamwire/roamwire/ocpi/ocpitest"
	"github.com/roamwire/roamwire/ocpi/wire"
)

const (
	pulled   = 2000
	pageSize = 100
)

// BenchmarkPull pulls all locations of a partner from loopback, and beside it fetches the same bytes with bare net/http
// and looks into none of them. The ratio of the two is what reading, checking and translating costs.
func BenchmarkPull(b *testing.B) {
	pages, size := locationPages(b)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		offset, _ := strconv.Atoi(r.URL.Query().Get("offset"))
		if end := offset + pageSize; end < pulled {
			w.Header().Set("Link", fmt.Sprintf(`<http://%s%s?offset=%d&limit=%d>; rel="next"`, r.Host, r.URL.Path, end, pageSize))
		}
		w.Header().Set("X-Total-Count", strconv.Itoa(pulled))
		w.Header().Set("Content-Length", strconv.Itoa(len(pages[offset/pageSize])))
		_, _ = w.Write(pages[offset/pageSize])
	}))
	defer server.Close()
	transport := ocpiclient.NewTransport(ocpiclient.TransportConfig{AllowPrivate: true})
	defer transport.Close()
	client, err := ocpiclient.New(ocpiclient.Config{
		Partner: &ocpi.Partner{Roles: both(theirs)}, Version: ocpi.V211, Token: token, Endpoints: endpoints(server.URL), Transport: transport,
	})
	if err != nil {
		b.Fatal(err)
	}
	var ours, bare time.Duration
	b.SetBytes(size)
	for b.Loop() {
		started := time.Now()
		pullAll(b, client)
		ours += time.Since(started)
		b.StopTimer()
		started = time.Now()
		fetchAll(b, server.URL+"/ocpi/cpo/2.1.1/locations")
		bare += time.Since(started)
		b.StartTimer()
	}
	b.ReportMetric(float64(ours)/float64(bare), "ratio")
	b.ReportMetric(float64(pulled*b.N)/ours.Seconds(), "locations/s")
}

func pullAll(b *testing.B, client *ocpiclient.Client) {
	b.Helper()
	n := 0
	for _, err := range client.CPO().Locations.List(b.Context(), ocpi.Query{}) {
		if err != nil {
			b.Fatal(err)
		}
		n++
	}
	if n != pulled {
		b.Fatalf("%d locations came, want %d", n, pulled)
	}
}

func fetchAll(b *testing.B, url string) {
	b.Helper()
	for offset := 0; offset < pulled; offset += pageSize {
		response, err := http.Get(fmt.Sprintf("%s?offset=%d", url, offset))
		if err != nil {
			b.Fatal(err)
		}
		if _, err := io.ReadAll(response.Body); err != nil {
			b.Fatal(err)
		}
		_ = response.Body.Close()
	}
}

// locationPages are the pages of the list as a partner of 2.1.1 sends them.
func locationPages(b *testing.B) (pages [][]byte, size int64) {
	b.Helper()
	sample := ocpitest.Network(theirs)
	codecs, _ := wire.For(ocpi.V211)
	for len(pages)*pageSize < pulled {
		page := []byte(`{"data":[`)
		for i := range pageSize {
			raw, _, err := codecs.Locations.Write(sample.Location(len(pages)*pageSize+i+1), convert.Env{Owner: theirs})
			if err != nil {
				b.Fatal(err)
			}
			if i > 0 {
				page = append(page, ',')
			}
			page = append(page, raw...)
		}
		page = append(page, `],"status_code":1000,"status_message":"Success","timestamp":"2026-11-23T04:26:09Z"}`...)
		pages, size = append(pages, page), size+int64(len(page))
	}
	return pages, size
}
