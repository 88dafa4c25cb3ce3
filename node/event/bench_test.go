package event

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/roamwire/roamwire/node/store"
	"github.com/roamwire/roamwire/ocpi"
)

// An event at 20 clients after its commit, at 1,000 events a second. The operation is one event.
func BenchmarkFanOut(b *testing.B) {
	db := open(b)
	e, _ := start(b, Config{Store: db})
	url := serve(b, e)
	const clients, pause = 20, time.Millisecond
	body := bytes.Repeat([]byte("x"), 1000)
	committed := make([]time.Time, b.N)
	late := make([][]time.Duration, clients)
	var reading sync.WaitGroup
	ready := make(chan struct{}, clients)
	var mu sync.Mutex
	for c := range clients {
		reading.Go(func() {
			l := listen(b, url, "")
			ready <- struct{}{}
			for range b.N {
				fields, ok := l.block()
				if !ok {
					b.Error("the stream ended")
					return
				}
				at := time.Now()
				_, rest, _ := bytes.Cut([]byte(fields["data"]), []byte(`"n":"`))
				digits, _, _ := bytes.Cut(rest, []byte(`"`))
				n, _ := strconv.Atoi(string(digits))
				mu.Lock()
				if done := committed[n]; !done.IsZero() {
					late[c] = append(late[c], at.Sub(done))
				} else {
					late[c] = append(late[c], 0) // the client was faster than the writer
				}
				mu.Unlock()
			}
		})
	}
	for range clients {
		<-ready
	}
	b.ResetTimer()
	began := time.Now()
	// Writers enough that a commit may take its time.
	next := make(chan int)
	var writing sync.WaitGroup
	for range 16 {
		writing.Go(func() {
			for n := range next {
				event := store.Event{Type: "location.changed", Module: ocpi.ModuleLocations, Data: fmt.Appendf(nil, `{"n":"%d","x":"%s"}`, n, body)}
				if err := db.Write(context.Background(), func(tx store.Tx) error { return tx.Emit(event) }); err != nil {
					b.Error(err)
				}
				mu.Lock()
				committed[n] = time.Now()
				mu.Unlock()
			}
		})
	}
	for n := range b.N {
		time.Sleep(time.Until(began.Add(time.Duration(n) * pause)))
		next <- n
	}
	close(next)
	writing.Wait()
	reading.Wait()
	all := slices.Concat(late...)
	slices.Sort(all)
	b.ReportMetric(float64(all[len(all)/2].Microseconds())/1000, "p50-ms")
	b.ReportMetric(float64(all[len(all)*99/100].Microseconds())/1000, "p99-ms")
	b.ReportMetric(float64(b.N)/time.Since(began).Seconds(), "events/s")
}
