package exchange

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/roamwire/roamwire/ocpi"
)

// A Recorder takes exchanges and writes them to a log in the background. Nothing that happens to the log harms those who
// bring exchanges: where it is too slow or cannot be written, exchanges are left out and counted.
type Recorder struct {
	settings Settings
	open     func(context.Context) (Log, error)
	logger   *slog.Logger
	now      func() time.Time

	queue     queue
	strangers strangers
	// wake tells the writer that the queue is not empty.
	wake    chan struct{}
	start   sync.Once
	stop    sync.Once
	closing chan struct{}
	closed  chan struct{}
	// cancel ends what the writer is doing.
	ctx    context.Context
	cancel context.CancelFunc

	recorded, dropped, withoutBodies atomic.Int64
}

// Options are the surroundings of a Recorder.
type Options struct {
	// Logger gets what goes wrong, at most once a minute. Default slog.Default().
	Logger *slog.Logger
	// Now is the clock that decides how old exchanges are. Default time.Now.
	Now func() time.Time
}

// patience is how long the writer has to end when it is interrupted. Only a disk that hangs takes longer.
const patience = time.Second

const (
	queuedExchanges = 2048
	queuedTexts     = 1 << 20
	queuedBodies    = 256 << 10
)

// New returns a recorder for a log that open opens; it is called again after the log has failed. Nothing is opened before
// Start or the first exchange.
func New(open func(context.Context) (Log, error), settings Settings, options Options) *Recorder {
	r := &Recorder{
		settings: settings.withDefaults(), open: open, logger: options.Logger, now: options.Now,
		wake: make(chan struct{}, 1), closing: make(chan struct{}), closed: make(chan struct{}),
	}
	if r.logger == nil {
		r.logger = slog.Default()
	}
	if r.now == nil {
		r.now = time.Now
	}
	r.queue.room = room{exchanges: queuedExchanges, texts: queuedTexts, bodies: max(queuedBodies, 4*r.settings.BodySize)}
	r.ctx, r.cancel = context.WithCancel(context.Background())
	return r
}

// Start opens the log and begins to remove what is too old, also while there are no exchanges.
func (r *Recorder) Start() {
	if r.settings.Off {
		return
	}
	r.start.Do(func() {
		w := &writer{Recorder: r, masker: newMasker(r.settings.Unmasked), trouble: trouble{logger: r.logger}}
		go w.run()
	})
}

// Capture is how much of each body the recorder wants, in bytes.
func (r *Recorder) Capture() int {
	if r.settings.Off {
		return 0
	}
	return r.settings.BodySize
}

// Observe takes an exchange. It never waits, and copies what it keeps of the bodies.
func (r *Recorder) Observe(_ context.Context, e ocpi.Exchange) {
	if r.settings.Off {
		return
	}
	if isStranger(&e) {
		if !r.strangers.admit(time.Now()) {
			r.dropped.Add(1)
			return
		}
		e = shortened(e)
	}
	e.RequestBody = e.RequestBody[:min(len(e.RequestBody), r.settings.BodySize)]
	e.ResponseBody = e.ResponseBody[:min(len(e.ResponseBody), r.settings.BodySize)]
	switch r.queue.put(e) {
	case refused:
		r.dropped.Add(1)
		return
	case queuedWithoutBodies:
		r.withoutBodies.Add(1)
	case queued:
	}
	r.Start()
	r.again()
}

// Recorded is how many exchanges have been written.
func (r *Recorder) Recorded() int64 { return r.recorded.Load() }

// Dropped is how many exchanges were left out because there were too many, or because the log cannot be written.
func (r *Recorder) Dropped() int64 { return r.dropped.Load() }

// WithoutBodies is how many exchanges were recorded without their bodies because there were too many.
func (r *Recorder) WithoutBodies() int64 { return r.withoutBodies.Load() }

// Close writes what is waiting, as far as ctx gives time for it, and closes the log. The error tells what was lost.
func (r *Recorder) Close(ctx context.Context) error {
	before := r.dropped.Load()
	r.queue.close()
	r.stop.Do(func() { close(r.closing) })
	r.start.Do(func() { close(r.closed) }) // it has never been started
	defer r.cancel()
	select {
	case <-r.closed:
	case <-ctx.Done():
		r.cancel()
		if !r.wait(patience) {
			return errors.New("close the exchange log: it does not end, and what was not written is lost")
		}
	}
	r.dropped.Add(int64(len(r.queue.take().entries)))
	if lost := r.dropped.Load() - before; lost > 0 {
		return fmt.Errorf("close the exchange log: %d exchanges were not written", lost)
	}
	return nil
}

// wait waits for the writer, and reports whether it has ended.
func (r *Recorder) wait(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-r.closed:
		return true
	case <-timer.C:
		return false
	}
}
