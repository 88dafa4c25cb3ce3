package ocpiclient_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"sync/atomic"
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

const benchHosts = 50

// BenchmarkSend sends one composed status to 50 partners, and beside it the same body to the same hosts with a bare
// http.Client that reads the answers. The two take turns, so that what else the machine does meets both. The ratio is the
// part of bare net/http's rate that Send reaches.
func BenchmarkSend(b *testing.B) {
	sample := ocpitest.Network(ours)
	location := sample.Location(1)
	key := ocpi.Key{Party: ours, ID: string(location.ID)}
	clients, urls := sendTo(b, key.ID+"/"+string(location.EVSEs[0].UID))
	m, err := clients[0].EMSP().Locations.ComposeStatus(b.Context(), key, location.EVSEs[0])
	if err != nil {
		b.Fatal(err)
	}
	body := []byte(`{"status":"AVAILABLE","last_updated":"2026-03-03T20:36:00Z"}`)
	if m.Size() != len(body) {
		b.Fatalf("%d bytes are not the same as %d", m.Size(), len(body))
	}
	bare := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}, Timeout: 30 * time.Second}
	bareSend := func(host int) error { return patchBare(b.Context(), bare, urls[host], body) }
	ourSend := func(host int) error {
		_, err := clients[host].Send(b.Context(), m)
		return err
	}
	fanOut(b, bareSend)
	fanOut(b, ourSend)
	var theirTime, ourTime time.Duration
	for b.Loop() {
		theirTime += fanOut(b, bareSend)
		ourTime += fanOut(b, ourSend)
	}
	b.ReportMetric(float64(theirTime)/float64(ourTime), "ratio")
	b.ReportMetric(float64(b.N*fanned)/theirTime.Seconds(), "bare/s")
	b.ReportMetric(float64(b.N*fanned)/ourTime.Seconds(), "messages/s")
}

// fanned is how many messages one round sends, by 16 goroutines.
const fanned = 20 * benchHosts

// fanOut sends a round, and says how long it took.
func fanOut(b *testing.B, send func(host int) error) time.Duration {
	b.Helper()
	started := time.Now()
	var next atomic.Int64
	var all sync.WaitGroup
	for range 16 {
		all.Go(func() {
			for i := next.Add(1); i <= fanned; i = next.Add(1) {
				if err := send(int(i % benchHosts)); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
	return time.Since(started)
}

func patchBare(ctx context.Context, client *http.Client, url string, body []byte) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPatch, url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Authorization", "Token "+token)
	request.Header.Set("Content-Type", "application/json")
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	_, err = io.ReadAll(response.Body)
	return err
}

// sendTo starts partners that take everything.
func sendTo(b *testing.B, path string) (clients []*ocpiclient.Client, urls []string) {
	b.Helper()
	transport := ocpiclient.NewTransport(ocpiclient.TransportConfig{AllowPrivate: true})
	b.Cleanup(transport.Close)
	for range benchHosts {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			w.Header().Set("Content-Type", "application/json")
			ok(w, "null")
		}))
		b.Cleanup(server.Close)
		client, err := ocpiclient.New(ocpiclient.Config{
			Partner: &ocpi.Partner{ID: "them", Roles: both(theirs)}, Own: ours, Version: ocpi.V211, Token: token,
			Endpoints: endpoints(server.URL), Transport: transport,
		})
		if err != nil {
			b.Fatal(err)
		}
		clients = append(clients, client)
		urls = append(urls, server.URL+"/ocpi/emsp/2.1.1/locations/"+ours.CountryCode+"/"+ours.PartyID+"/"+path)
	}
	return clients, urls
}
