package sqlite

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"

	"github.com/roamwire/roamwire/node/store"
)

// maxBatch bounds how many writes share one commit, and with that how long the first of them waits.
const maxBatch = 256

// A PanicError is what Write returns when its function panicked.
type PanicError struct {
	// Value is what was given to panic.
	Value any
	// Stack is where it happened.
	Stack []byte
}

// Error describes the panic without its stack.
func (e *PanicError) Error() string { return fmt.Sprintf("panic: %v", e.Value) }

// Write runs fn in a transaction and returns nil once its changes are on disk. If fn returns an error or panics,
// nothing it did is kept, and the error, or a *PanicError, is returned.
//
// All writes run one after the other in one goroutine, so fn must be quick, must not call Write itself, and must not
// end its goroutine (as testing.T.FailNow does). It must not use the Tx after returning. If ctx ends before fn has
// started, fn is not run; once it has started, Write waits for the outcome.
func (db *DB) Write(ctx context.Context, fn func(store.Tx) error) error {
	return db.writer.run(ctx, &job{fn: func(t *tx) error { return fn(t) }, data: true})
}

// A job is one call of Write.
type job struct {
	fn func(*tx) error
	// data tells that it writes objects, events and commands alone.
	data bool
	// claimed is set by the writer when it starts the job, or by the caller when it gives up waiting: whoever is first.
	claimed atomic.Bool
	err     error
	done    chan struct{}
}

// A writer is the goroutine that owns the connection that writes.
type writer struct {
	conn    *conn
	watch   *watch
	memory  *memory
	log     checkpoint
	jobs    chan *job
	closing chan struct{}
	closed  chan struct{}
	once    sync.Once
	// closeErr may be read after closed.
	closeErr error
}

func startWriter(c *conn, db *DB, opts Options) *writer {
	// The channel has no buffer: a job that was sent has been received, and will be answered, even during close.
	w := &writer{
		conn:    c,
		watch:   &db.watch,
		memory:  &db.memory,
		log:     checkpoint{conn: c, readers: db.readers, opts: opts},
		jobs:    make(chan *job),
		closing: make(chan struct{}),
		closed:  make(chan struct{}),
	}
	w.log.watch()
	go w.loop()
	return w
}

func (w *writer) close() error {
	w.once.Do(func() { close(w.closing) })
	<-w.closed
	return w.closeErr
}

func (w *writer) do(ctx context.Context, fn func(*tx) error) error { return w.run(ctx, &job{fn: fn}) }

func (w *writer) run(ctx context.Context, j *job) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	j.done = make(chan struct{})
	select {
	case w.jobs <- j:
	case <-ctx.Done():
		return ctx.Err()
	case <-w.closing:
		return ErrClosed
	}
	select {
	case <-j.done:
		return j.err
	case <-ctx.Done():
	}
	if j.claimed.CompareAndSwap(false, true) {
		return ctx.Err()
	}
	<-j.done
	return j.err
}

func (w *writer) loop() {
	defer close(w.closed)
	batch := make([]*job, 0, maxBatch)
	for {
		select {
		case <-w.closing:
			w.closeErr = w.conn.close()
			return
		case j := <-w.jobs:
			batch = w.gather(append(batch[:0], j), len(batch))
			w.commit(batch)
			_ = w.log.run() // fails while another process is busy, and is tried again
		}
	}
}

// gather adds the jobs that are waiting. Callers answered by the last batch often come back at once; they get the
// processor first, as long as that brings in new jobs, so that a batch does not start with the first of them alone.
func (w *writer) gather(batch []*job, last int) []*job {
	for len(batch) < maxBatch {
		select {
		case j := <-w.jobs:
			batch = append(batch, j)
			continue
		default:
		}
		if len(batch) >= last {
			break
		}
		before := len(batch)
		runtime.Gosched()
		select {
		case j := <-w.jobs:
			batch = append(batch, j)
		default:
		}
		if len(batch) == before {
			break
		}
	}
	return batch
}

// commit runs the jobs in one transaction and answers them when it is on disk.
func (w *writer) commit(batch []*job) {
	err := w.transact(batch)
	for _, j := range batch {
		if j.err == nil && err != nil {
			j.err = fmt.Errorf("write to the database: %w", explain(err))
		}
		close(j.done)
	}
}

func (w *writer) transact(batch []*job) (err error) {
	if err := w.conn.run(`BEGIN IMMEDIATE`); err != nil {
		return err
	}
	defer func() {
		// SQLite ends the transaction by itself after some errors, such as a full disk.
		if err != nil && !w.conn.GetAutocommit() {
			err = errors.Join(err, w.conn.run(`ROLLBACK`))
		}
	}()
	before, watching := w.watch.now() // and nobody else can write any more
	seq, known := &sequence{conn: w.conn}, &known{}
	for _, j := range batch {
		if !j.claimed.CompareAndSwap(false, true) {
			continue
		}
		if err := w.savepoint(j, seq, known); err != nil {
			return err
		}
		watching = watching && j.data && j.err == nil
	}
	if err := seq.save(); err != nil {
		return err
	}
	if err := w.conn.run(`COMMIT`); err != nil {
		return err
	}
	if watching {
		if after, ok := w.watch.now(); ok {
			w.memory.carry(&before, &after, seq.latest, known.collections)
		}
	}
	return nil
}

// savepoint runs one job so that it can fail alone. Its error is one that concerns the whole transaction.
func (w *writer) savepoint(j *job, seq *sequence, known *known) error {
	if err := w.conn.run(`SAVEPOINT job`); err != nil {
		return err
	}
	t := &tx{conn: w.conn, sequence: seq, known: known}
	j.err = call(j.fn, t)
	t.over = true
	if t.err != nil {
		j.err = t.err
	}
	if w.conn.GetAutocommit() {
		return fmt.Errorf("the transaction was abandoned: %w", j.err)
	}
	if j.err != nil {
		known.forget()
		if err := w.conn.run(`ROLLBACK TO job`); err != nil {
			return err
		}
	}
	return w.conn.run(`RELEASE job`)
}

func call(fn func(*tx) error, t *tx) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = &PanicError{Value: v, Stack: debug.Stack()}
		}
	}()
	return fn(t)
}

// A sequence gives the numbers of changes within one transaction. It reads the last number when the first is needed:
// between transactions, another process may have given some.
type sequence struct {
	conn   *conn
	value  int64
	loaded bool
	// latest is the last number given for each collection.
	latest map[int64]int64
}

// next gives the number of a change in a collection.
func (s *sequence) next(collection int64) (int64, error) {
	if !s.loaded {
		value, ok, err := s.conn.number(`SELECT value FROM sequence WHERE name = 'change'`)
		if err != nil || !ok {
			return 0, errors.Join(errors.New("read the number of the last change"), err)
		}
		s.value, s.loaded, s.latest = value, true, map[int64]int64{}
	}
	s.value++
	s.latest[collection] = s.value
	return s.value, nil
}

func (s *sequence) save() error {
	if !s.loaded {
		return nil
	}
	for collection, latest := range s.latest {
		// A collection that a failed job has made is gone again, which this does not mind.
		if err := s.conn.run(`UPDATE collection SET latest = ?2 WHERE id = ?1`, collection, latest); err != nil {
			return err
		}
	}
	return s.conn.run(`UPDATE sequence SET value = ?1 WHERE name = 'change'`, s.value)
}
