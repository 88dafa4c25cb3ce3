package backend

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/go-json-experiment/json"

	"github.com/roamwire/roamwire/ocpi"
)

// A LineResult is what came of one line of a bulk request.
type LineResult struct {
	Line     int      `json:"line" doc:"The number of the line, from 1"`
	ID       string   `json:"id,omitempty" doc:"The object's id or uid; missing where it cannot be read"`
	Result   string   `json:"result" enum:"created,updated,unchanged,error"`
	Problems []Detail `json:"problems,omitempty" doc:"Why nothing was stored"`
}

const (
	// resultsAhead is how many bytes of results are kept for a client that sends all of its lines before it reads.
	resultsAhead = 64 << 20
	// longestRead is how long a client may take to read a part of the results.
	longestRead = time.Minute
)

const bulkDoc = "One object in a line (NDJSON), as many lines as you like; empty lines are passed over. Each is created or replaced for itself, " +
	"200 in a transaction: what is good is stored, and the answer says for each line in order what came of it, as the lines come in. " +
	"Members that OCPI does not have are mistakes. There is no need for an idempotency key: the same lines again change nothing."

// addBulk adds the operation that stores many objects in one call.
func addBulk[T any](a *API, m module[T]) {
	path := "/" + string(m.id) + "/bulk"
	o := operation{tag: string(m.id), scope: ScopeWrite, result: schemaOf[LineResult](a), resultType: linesType, doc: bulkDoc}
	o = o.as("POST", path, "bulk-"+string(m.id), "Create or replace many "+string(m.id)+" of ours")
	o.body, o.bodyType = m.object+inputSuffix, linesType
	documented := map[string]*huma.MediaType{linesType: {}}
	a.addRaw(o, []*huma.Param{}, func(w http.ResponseWriter, r *http.Request) {
		if err := readableType(r, documented); err != nil {
			a.fail(w, r, err)
			return
		}
		b := &bulk[T]{api: a, module: m, r: r, w: w, control: http.NewResponseController(w)}
		b.run()
	})
}

// A bulk is one bulk request.
type bulk[T any] struct {
	api     *API
	module  module[T]
	r       *http.Request
	w       http.ResponseWriter
	control *http.ResponseController
	// lines counts the lines read.
	lines int
	// out is written to by the goroutine that stores.
	out *results
}

// A line is a line with the object in it, or with what is wrong with it.
type line[T any] struct {
	number   int
	id       string
	key      ocpi.Key
	object   *incoming[T]
	problems []Detail
}

// run reads, stores and answers, each beside the others.
func (b *bulk[T]) run() {
	_ = b.control.EnableFullDuplex() // HTTP/2 needs no leave for it
	b.w.Header().Set("Content-Type", linesType)
	b.w.WriteHeader(http.StatusOK)
	ctx, cancel := context.WithCancel(b.r.Context())
	defer cancel()
	b.out = newResults()
	queue := newLineQueue[T]()
	var work sync.WaitGroup
	work.Go(func() { b.out.send(b.w, b.control, cancel) })
	work.Go(func() {
		defer b.out.end()
		for batch := queue.take(); len(batch) > 0; batch = queue.take() {
			b.store(ctx, batch)
		}
	})
	var last []line[T]
	if err := b.read(ctx, queue); err != nil && ctx.Err() == nil {
		last = []line[T]{{number: b.lines + 1, problems: []Detail{{Message: "the rest could not be read: " + problemOf(unreadable(err)).Detail}}}}
	}
	queue.end(last...)
	work.Wait()
}

// read reads lines into the queue.
func (b *bulk[T]) read(ctx context.Context, queue *lineQueue[T]) error {
	// What has come is stored while the client thinks about what to send.
	body := bodyPart{b.r.Body, b.control, b.api.config.BodyTimeout, queue.pause}
	lines := bufio.NewReaderSize(body, 1<<16)
	for more := true; more; {
		var text []byte
		var err error
		if text, more, err = b.next(lines); err != nil {
			return err
		}
		if len(text) == 0 {
			continue
		}
		if err = queue.put(ctx, b.parse(text)); err != nil {
			return err
		}
	}
	return nil
}

// A bodyPart is a body of which a client may take some time for each part, however long it is.
type bodyPart struct {
	body    io.Reader
	control *http.ResponseController
	timeout time.Duration
	// before is called each time that the client is waited for.
	before func()
}

// Read implements io.Reader.
func (p bodyPart) Read(b []byte) (int, error) {
	p.before()
	_ = p.control.SetReadDeadline(time.Now().Add(p.timeout)) // there is none in tests
	n, err := p.body.Read(b)
	if errors.Is(err, io.EOF) { // net/http goes on reading, to see whether the client is still there
		_ = p.control.SetReadDeadline(time.Time{})
	}
	return n, err
}

// next reads one line, without its end; more is false after the last. Of a line that is too long only the beginning is
// returned, too long still.
func (b *bulk[T]) next(lines *bufio.Reader) (text []byte, more bool, err error) {
	for {
		part, err := lines.ReadSlice('\n')
		if room := b.api.config.MaxBody + 1 - int64(len(text)); int64(len(part)) > room {
			part = part[:room]
		}
		text = append(text, part...)
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case errors.Is(err, io.EOF):
			b.lines++
			return b.trimmed(text), false, nil
		case err != nil:
			return nil, false, err
		}
		b.lines++
		return b.trimmed(text), true, nil
	}
}

// trimmed is a line without what is around its object, unless it is too long.
func (b *bulk[T]) trimmed(line []byte) []byte {
	if int64(len(line)) > b.api.config.MaxBody {
		return line
	}
	return bytes.TrimSpace(line)
}

// parse reads the object in a line.
func (b *bulk[T]) parse(text []byte) line[T] {
	l := line[T]{number: b.lines}
	if int64(len(text)) > b.api.config.MaxBody {
		l.problems = []Detail{{Code: ocpi.FindingLength, Message: fmt.Sprintf("the line is longer than %d bytes", b.api.config.MaxBody)}}
		return l
	}
	object, err := b.module.receive(text)
	if err != nil {
		l.id = idIn(text, b.module.idName)
		l.problems = problemsOf(err)
		return l
	}
	is := b.module.parts(&object.object)
	l.id, l.key, l.object = string(*is.id), is.key(), object
	if !b.api.ours(l.key.Party) {
		l.object, l.problems = nil, []Detail{{Pointer: "/party_id", Code: ocpi.FindingMismatch, Message: l.key.Party.String() + " is no party of this node"}}
	}
	return l
}

// idIn is the id in an object that cannot be taken; empty where it cannot be read.
func idIn(text []byte, name string) string {
	var members map[string]any
	if json.Unmarshal(text, &members) != nil {
		return ""
	}
	id, ok := members[name].(string)
	if !ok {
		return ""
	}
	return id
}

func problemsOf(err error) []Detail {
	p := problemOf(err)
	if len(p.Problems) > 0 {
		return p.Problems
	}
	return []Detail{{Message: p.Detail}}
}

// store stores the good lines of a batch, and tells what came of each.
func (b *bulk[T]) store(ctx context.Context, batch []line[T]) {
	var items []Item[T]
	var good []int
	for i := range batch {
		if batch[i].object != nil {
			items = append(items, Item[T]{Party: batch[i].key.Party, Object: batch[i].object.object})
			good = append(good, i)
		}
	}
	results := make([]LineResult, len(batch))
	for i, l := range batch {
		results[i] = LineResult{Line: l.number, ID: l.id, Result: "error", Problems: l.problems}
	}
	if len(items) > 0 {
		outcomes, err := b.module.own.Save(ctx, items, func(i int, before, after *T) (err error) {
			if *after, err = batch[good[i]].object.against(before, b.api.now()); err != nil {
				return err
			}
			if b.module.immutable && before != nil {
				return b.module.sameAgain(before, after)
			}
			return nil
		})
		if err != nil {
			b.api.config.Logger.ErrorContext(ctx, "a batch of a bulk request was not stored", "module", b.module.id, "error", err)
		}
		for n, i := range good {
			results[i].tell(outcomes, n, err)
		}
	}
	for i := range results {
		b.out.add(&results[i])
	}
}

// tell says what came of an object that was good.
func (r *LineResult) tell(outcomes []Outcome, n int, err error) {
	if err == nil {
		err = outcomes[n].Err
	}
	switch {
	case err != nil:
		r.Problems = problemsOf(err)
	case outcomes[n].Created:
		r.Result = "created"
	case outcomes[n].Changed:
		r.Result = "updated"
	default:
		r.Result = "unchanged"
	}
}

// results are the lines of an answer that wait for the client to read them.
type results struct {
	mu     sync.Mutex
	change *sync.Cond
	buffer []byte
	ended  bool
	gone   bool
}

func newResults() *results {
	r := &results{}
	r.change = sync.NewCond(&r.mu)
	return r
}

// add adds a line. It waits only for a client that has very much to read.
func (r *results) add(result *LineResult) {
	text, err := json.Marshal(result)
	if err != nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for len(r.buffer) > resultsAhead && !r.gone {
		r.change.Wait()
	}
	r.buffer = append(append(r.buffer, text...), '\n')
	r.change.Broadcast()
}

func (r *results) end() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ended = true
	r.change.Broadcast()
}

// send sends lines as they come, until there are no more or the client is gone; then stop is called.
func (r *results) send(w io.Writer, control *http.ResponseController, stop func()) {
	defer func() { _ = control.SetWriteDeadline(time.Time{}) }() // the connection is used again
	for {
		r.mu.Lock()
		for len(r.buffer) == 0 && !r.ended {
			r.change.Wait()
		}
		part := r.buffer
		r.buffer = nil
		r.change.Broadcast()
		r.mu.Unlock()
		if len(part) == 0 {
			return
		}
		_ = control.SetWriteDeadline(time.Now().Add(longestRead)) // there is none in tests
		_, err := w.Write(part)
		if err == nil {
			err = control.Flush()
		}
		if err != nil {
			r.mu.Lock()
			r.gone = true
			r.change.Broadcast()
			r.mu.Unlock()
			stop()
			return
		}
	}
}
