package exchange

import (
	"fmt"
	"runtime/debug"
	"time"

	"github.com/roamwire/roamwire/ocpi"
)

const (
	// gather is how long the writer lets exchanges come together before it takes them.
	gather = 50 * time.Millisecond
	// chunk is how many exchanges are written in one transaction.
	chunk = 256

	// After each transaction the writer rests restPerWork times as long as it has worked, so that it takes no more than a
	// quarter of one processor. What takes longer than a third of maxRest has waited for the disk, not worked.
	restPerWork = 3
	maxRest     = 100 * time.Millisecond

	trimEvery  = time.Second
	lookEvery  = time.Minute
	reopenWait = time.Second
)

// A writer is the goroutine behind a Recorder.
type writer struct {
	*Recorder
	masker *masker
	// log is nil while it is not open.
	log Log
	// failed is when the log last failed.
	failed  time.Time
	trouble trouble

	// batch is being written; next is the first exchange of it that is not.
	batch batch
	next  int
	// records is the memory of one transaction.
	records []Record

	trimmed time.Time
	// written is set where something was written since.
	written bool
	// more is set where there is more to trim.
	more bool
}

// run writes until the recorder is closed.
func (w *writer) run() {
	defer close(w.closed)
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	late := time.NewTimer(trimEvery)
	defer late.Stop()
	for w.work(); ; w.work() {
		if late.Stop(); w.written { // nothing else may come that makes room for it
			late.Reset(max(trimEvery-time.Since(w.trimmed), 0))
		}
		select {
		case <-w.closing:
			w.finish()
			return
		case <-w.wake:
			w.rest(gather)
		case <-late.C:
		case <-look.C:
			w.trouble.tell(w.dropped.Load())
		}
	}
}

// work writes what is queued and trims the log.
func (w *writer) work() {
	for w.ctx.Err() == nil && w.ready() && (w.fill() || w.trimDue()) {
		begun := time.Now()
		w.step()
		w.trouble.tell(w.dropped.Load())
		w.rest(restPerWork * time.Since(begun))
		if w.next == len(w.batch.entries) && !w.more && w.queue.length() < chunk {
			w.rest(gather)
		}
	}
}

// step is one transaction's worth of work.
func (w *writer) step() {
	if w.next < len(w.batch.entries) {
		w.append(min(w.next+chunk, len(w.batch.entries)))
	}
	if w.log != nil && w.trimDue() {
		w.trim()
	}
}

// finish writes what is left, once, and closes the log.
func (w *writer) finish() {
	w.failed = time.Time{} // whether the log works again is tried once more
	for w.ctx.Err() == nil && w.fill() && w.ready() {
		w.append(min(w.next+chunk, len(w.batch.entries)))
	}
	w.dropped.Add(int64(len(w.batch.entries) - w.next))
	w.next = len(w.batch.entries)
	if err := w.closeLog(); err != nil {
		w.logger.Error("close the exchange log", "error", err)
	}
}

// fill takes a batch from the queue if there is none, and reports whether there is something to write.
func (w *writer) fill() bool {
	if w.next < len(w.batch.entries) {
		return true
	}
	w.queue.giveBack(w.batch)
	w.batch, w.next = w.queue.take(), 0
	return len(w.batch.entries) > 0
}

// append writes the exchanges of the batch up to end. If that fails, they are lost.
func (w *writer) append(end int) {
	w.records = w.records[:0]
	for ; w.next < end; w.next++ {
		if r, ok := w.mask(w.batch.exchange(w.next)); ok {
			w.records = append(w.records, r)
		}
	}
	n := int64(len(w.records))
	err := w.log.Append(w.ctx, w.records)
	clear(w.records)
	if err != nil {
		w.dropped.Add(n)
		w.fail(err)
		return
	}
	w.trouble.err = nil
	w.written = true
	w.recorded.Add(n)
}

// mask makes the record of an exchange. A bug that one of them brings to light must not end the node.
func (w *writer) mask(e *ocpi.Exchange) (r Record, ok bool) {
	defer func() {
		if v := recover(); v != nil {
			w.dropped.Add(1)
			w.trouble.panic = fmt.Sprintf("%v\n%s", v, debug.Stack())
		}
	}()
	return w.masker.record(e), true
}

func (w *writer) trimDue() bool { return w.more || time.Since(w.trimmed) >= trimEvery }

func (w *writer) trim() {
	w.written = false
	w.trimmed = time.Now() // how long ago it was is no question of the clock that was passed in
	var err error
	if w.more, err = w.log.Trim(w.ctx, w.settings.limits(w.now())); err != nil {
		w.fail(err)
	}
}

// ready reports whether the log is open, and opens it if the last failure is some time ago.
func (w *writer) ready() bool {
	if w.log != nil {
		return true
	}
	if time.Since(w.failed) < reopenWait {
		return false
	}
	log, err := w.open(w.ctx)
	if err != nil {
		w.fail(err)
		return false
	}
	w.log = log
	return true
}

// fail closes the log, to be opened again.
func (w *writer) fail(err error) {
	_ = w.closeLog()  // the first error is the one to tell
	w.written = false // it is trimmed when it is open again
	w.trouble.err, w.failed = err, time.Now()
	w.trouble.tell(w.dropped.Load())
	time.AfterFunc(reopenWait, w.again)
}

func (w *writer) closeLog() error {
	log := w.log
	w.log = nil
	if log == nil {
		return nil
	}
	return log.Close()
}

// again makes the writer look whether there is something to do.
func (r *Recorder) again() {
	select {
	case r.wake <- struct{}{}:
	default: // it has been told
	}
}

// rest waits, unless the recorder is closing: nobody needs the processor more urgently then.
func (r *Recorder) rest(d time.Duration) {
	timer := time.NewTimer(min(d, maxRest))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-r.closing:
	}
}
