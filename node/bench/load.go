package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// A load is what many clients did for a while.
type load struct {
	rate      float64
	latencies []time.Duration
}

// percentile is the latency that p of 100 requests stayed below.
func (l load) percentile(p int) time.Duration {
	return l.latencies[min(len(l.latencies)-1, len(l.latencies)*p/100)].Round(10 * time.Microsecond)
}

// request is the nth request of a load.
type request func(n int) (method, url string, body []byte)

// newClient returns a client that keeps a connection for each of its users.
func newClient(connections int) *http.Client {
	return &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: connections, MaxConnsPerHost: connections, DisableCompression: true}}
}

// generate lets clients call as fast as they can, until time is over or most requests have been sent.
func (b *bench) generate(ctx context.Context, clients, most int, next request) (load, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	client := newClient(clients)
	defer client.CloseIdleConnections()
	var sent atomic.Int64
	latencies := make([][]time.Duration, clients)
	started := time.Now()
	var wait sync.WaitGroup
	for i := range clients {
		wait.Go(func() {
			for ctx.Err() == nil && (most > 0 || time.Since(started) < b.duration) {
				n := int(sent.Add(1)) - 1
				if most > 0 && n >= most {
					return
				}
				method, url, body := next(n)
				begun := time.Now()
				if err := b.send(ctx, client, method, url, body); err != nil {
					cancel(err)
					return
				}
				latencies[i] = append(latencies[i], time.Since(begun))
			}
		})
	}
	wait.Wait()
	took := time.Since(started)
	all := slices.Concat(latencies...)
	slices.Sort(all)
	if err := context.Cause(ctx); err != nil && len(all) == 0 || ctx.Err() != nil {
		return load{}, err
	}
	return load{rate: float64(len(all)) / took.Seconds(), latencies: all}, nil
}

func (b *bench) send(ctx context.Context, client *http.Client, method, url string, body []byte) error {
	request, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header["Authorization"] = []string{"Token " + b.token}
	if b.key != "" { // it goes to the backend API
		request.Header["Authorization"], request.Header["Content-Type"] = []string{"Bearer " + b.key}, []string{"application/json"}
	}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode >= http.StatusMultipleChoices {
		raw, _ := io.ReadAll(response.Body)
		return fmt.Errorf("%s %s: %s: %s", method, url, response.Status, raw)
	}
	_, err = io.Copy(io.Discard, response.Body)
	return err
}
