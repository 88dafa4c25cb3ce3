package backend

import (
	"context"
	"testing"
	"testing/synctest"

	"github.com/roamwire/roamwire/ocpi"
)

func good(number int, id string) line[int] {
	return line[int]{number: number, key: ocpi.Key{ID: id}, object: &incoming[int]{}}
}

// The one that stores is about to say that it is free when the next line comes: a client that waits for the answer to
// this line must not wait until it sends another.
func TestALineThatComesWhileOthersAreStoredIsTakenNext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newLineQueue[int]()
		taken := make(chan int, 10)
		for i := range 3 {
			if err := q.put(t.Context(), good(i, "A")); err != nil {
				t.Fatal(err)
			}
		}
		go func() {
			for batch := q.take(); len(batch) > 0; batch = q.take() {
				taken <- len(batch)
			}
			close(taken)
		}()
		synctest.Wait()
		if len(taken) > 0 {
			t.Error("taken while lines come in")
		}
		q.pause()
		for range 3 { // one key: one after the other
			if n := <-taken; n != 1 {
				t.Error(n)
			}
		}
		if err := q.put(t.Context(), good(3, "B")); err != nil {
			t.Fatal(err)
		}
		q.pause()
		if n := <-taken; n != 1 {
			t.Error(n)
		}
		q.end(line[int]{number: 4})
		if n := <-taken; n != 1 {
			t.Error(n)
		}
		if _, open := <-taken; open {
			t.Error("more than was put")
		}
	})
}

func TestWhoSendsFasterThanLinesAreStoredWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newLineQueue[int]()
		ctx, cancel := context.WithCancel(t.Context())
		put, failed := 0, error(nil)
		done := make(chan struct{})
		go func() {
			defer close(done)
			for failed == nil {
				if failed = q.put(ctx, line[int]{number: put}); failed == nil {
					put++
				}
			}
		}()
		synctest.Wait()
		if got := len(q.take()); got != batchLines {
			t.Error(got)
		}
		synctest.Wait()
		cancel()
		<-done
		if put != linesAhead+batchLines || failed == nil {
			t.Error(put, failed)
		}
	})
}
