package backend

import (
	"context"
	"sync"

	"github.com/roamwire/roamwire/ocpi"
)

const (
	// batchLines is how many objects are stored in one transaction.
	batchLines = 200
	// linesAhead is how many lines are read while others are stored.
	linesAhead = 3 * batchLines
)

// A lineQueue holds the lines of a bulk request that are read and not yet taken to be stored. One goroutine puts lines
// in, another takes them out in batches.
//
// Whether lines that do not fill a batch are stored is decided under one lock by the one that stores: lines are never
// left lying because the reader believed that there was somebody busy who would come back for them.
type lineQueue[T any] struct {
	mu     sync.Mutex
	change *sync.Cond
	lines  []line[T]
	// paused tells that the reader waits for the client: what there is, is worth storing.
	paused  bool
	stopped bool
}

func newLineQueue[T any]() *lineQueue[T] {
	q := &lineQueue[T]{}
	q.change = sync.NewCond(&q.mu)
	return q
}

// put adds a line, and waits for room. It fails only when ctx ends.
func (q *lineQueue[T]) put(ctx context.Context, l line[T]) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.lines) >= linesAhead {
		defer context.AfterFunc(ctx, q.wake)()
		for len(q.lines) >= linesAhead && ctx.Err() == nil {
			q.change.Wait()
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	q.lines = append(q.lines, l)
	q.paused = false
	if len(q.lines) >= batchLines {
		q.change.Broadcast()
	}
	return nil
}

// wake makes who waits look again.
func (q *lineQueue[T]) wake() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.change.Broadcast()
}

// pause says that the next line may be long in coming.
func (q *lineQueue[T]) pause() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.paused = true
	q.change.Broadcast()
}

// end adds the lines that follow the last one, and says that there are no more.
func (q *lineQueue[T]) end(last ...line[T]) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.lines = append(q.lines, last...)
	q.stopped = true
	q.change.Broadcast()
}

// take takes the next batch; none follows after an empty one. It waits for a whole batch while lines come in. No batch
// has two objects with the same key: their order counts.
func (q *lineQueue[T]) take() []line[T] {
	q.mu.Lock()
	defer q.mu.Unlock()
	for !q.stopped && len(q.lines) < batchLines && (len(q.lines) == 0 || !q.paused) {
		q.change.Wait()
	}
	keys := map[ocpi.Key]bool{}
	n := 0
	for ; n < len(q.lines) && n < batchLines; n++ {
		l := &q.lines[n]
		if l.object == nil {
			continue
		}
		if keys[l.key] {
			break
		}
		keys[l.key] = true
	}
	batch := q.lines[:n:n]
	q.lines = q.lines[n:]
	q.change.Broadcast()
	return batch
}
