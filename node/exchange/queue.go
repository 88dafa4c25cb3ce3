package exchange

import (
	"sync"

	"github.com/roamwire/roamwire/ocpi"
)

// A queue holds exchanges until they are written. It has room for so many and no more, and copies bodies into memory that
// is used again, because those who bring them use theirs again too.
type queue struct {
	room room

	mu      sync.Mutex
	waiting batch
	// spare is an empty batch with its memory.
	spare  batch
	closed bool
}

// A room is how much a queue holds. The writer holds as much again.
type room struct {
	exchanges int
	// texts bounds all but the bodies, in bytes.
	texts, bodies int
}

// A batch is some exchanges with their bodies.
type batch struct {
	entries []entry
	texts   int
	bodies  []byte
}

// An entry is an exchange whose bodies are elsewhere in the batch.
type entry struct {
	ocpi.Exchange
	request, response span
}

type span struct{ start, end int }

// An outcome is what became of an exchange.
type outcome int

const (
	queued outcome = iota
	// queuedWithoutBodies is an exchange for whose bodies there was no room.
	queuedWithoutBodies
	refused
)

// put adds an exchange if there is room for it.
func (q *queue) put(e ocpi.Exchange) outcome {
	texts := sizeOfTexts(&e)
	q.mu.Lock()
	defer q.mu.Unlock()
	w := &q.waiting
	if q.closed || len(w.entries) >= q.room.exchanges || w.texts+texts > q.room.texts {
		return refused
	}
	w.texts += texts
	result := queued
	added := entry{Exchange: e}
	if len(w.bodies)+len(e.RequestBody)+len(e.ResponseBody) > q.room.bodies {
		result = queuedWithoutBodies
	} else {
		added.request, added.response = w.copy(e.RequestBody), w.copy(e.ResponseBody)
	}
	added.RequestBody, added.ResponseBody = nil, nil
	w.entries = append(w.entries, added)
	return result
}

func (b *batch) copy(body []byte) span {
	start := len(b.bodies)
	b.bodies = append(b.bodies, body...)
	return span{start, len(b.bodies)}
}

func sizeOfTexts(e *ocpi.Exchange) int {
	n := len(e.URL) + len(e.RequestID) + len(e.CorrelationID) + len(e.Error)
	for _, secret := range e.Secrets {
		n += len(secret)
	}
	for _, f := range e.Findings {
		n += len(f.Pointer) + len(f.Message)
	}
	for _, l := range e.Losses.First {
		n += len(l.Pointer) + len(l.Reason)
	}
	return n
}

// length is how many exchanges are waiting.
func (q *queue) length() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.waiting.entries)
}

// take empties the queue.
func (q *queue) take() batch {
	q.mu.Lock()
	defer q.mu.Unlock()
	taken := q.waiting
	q.waiting, q.spare = q.spare, batch{}
	return taken
}

// close refuses what comes from now on.
func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
}

// giveBack makes the memory of a batch that is written useful again.
func (q *queue) giveBack(b batch) {
	clear(b.entries)
	q.mu.Lock()
	defer q.mu.Unlock()
	q.spare = batch{entries: b.entries[:0], bodies: b.bodies[:0]}
}

// exchange returns an entry whole.
func (b *batch) exchange(i int) *ocpi.Exchange {
	e := &b.entries[i]
	e.RequestBody = b.bodies[e.request.start:e.request.end]
	e.ResponseBody = b.bodies[e.response.start:e.response.end]
	return &e.Exchange
}
