package event

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/roamwire/roamwire/node/store"
)

// A feed follows the journal, whichever process writes it, and holds its newest part in memory, written once for all
// consumers. It does so only while there are any.
type feed struct {
	config Config

	mu        sync.Mutex
	consumers int
	// wake is closed when the first consumer comes, changed when there is something new, over when the feed has ended.
	wake, changed, over chan struct{}
	// recent are all events after number from and up to number upto, in order.
	recent     []*message
	bytes      int
	from, upto int64
	// known is set while from and upto are numbers of this moment.
	known bool
}

const (
	// mostRecent and mostBytes are how much is held in memory.
	mostRecent = 8192
	mostBytes  = 32 << 20
	// batch is how many events are read at once, and batchBytes how much of them is handed to a consumer at once.
	batch      = 256
	batchBytes = 1 << 20
	// While nothing has happened for quiet, the feed is looked at calm times less often.
	quiet = time.Second
	calm  = 5
)

func newFeed(config Config) *feed {
	return &feed{config: config, wake: make(chan struct{}), changed: make(chan struct{}), over: make(chan struct{})}
}

// run follows the journal until ctx ends.
func (f *feed) run(ctx context.Context) {
	defer close(f.over)
	timer := time.NewTimer(0)
	defer timer.Stop()
	var happened time.Time
	for {
		wake := f.sleeping()
		select {
		case <-ctx.Done():
			return
		case <-wake: // at once where there is somebody
		}
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		found, err := f.look(ctx)
		if err != nil && ctx.Err() == nil {
			f.config.Logger.ErrorContext(ctx, "cannot read what has happened", "error", err)
			timer.Reset(time.Second)
			continue
		}
		if found {
			happened = time.Now()
		}
		pause := f.config.Poll
		if time.Since(happened) > quiet {
			pause *= calm
		}
		timer.Reset(pause)
	}
}

// sleeping returns a channel that is closed when somebody is there. While nobody is, nothing is held.
func (f *feed) sleeping() <-chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.consumers == 0 && f.known {
		f.known, f.recent, f.bytes = false, nil, 0
	}
	return f.wake
}

// enter tells of a consumer, and leave that it is gone.
func (f *feed) enter() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.consumers++; f.consumers == 1 {
		close(f.wake)
	}
}

func (f *feed) leave() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.consumers--; f.consumers == 0 {
		f.wake = make(chan struct{})
	}
}

// look reads what is new.
func (f *feed) look(ctx context.Context) (found bool, err error) {
	latest, err := f.config.Store.LatestEvent(ctx)
	if err != nil {
		return false, err
	}
	at, known := f.place()
	if !known || latest < at {
		f.begin(latest)
		return true, nil
	}
	for at < latest {
		events, next, err := f.config.Store.Events(ctx, store.EventFilter{}, at, batch)
		if err != nil {
			return found, err
		}
		trimmed, err := f.config.Store.TrimmedEvents(ctx)
		if err != nil {
			return found, err
		}
		if trimmed > at { // what comes after it in memory is complete, what was before is told to readers as lost
			f.begin(trimmed)
			at, found = trimmed, true
			continue
		}
		if next <= at {
			return found, nil
		}
		written := make([]*message, 0, len(events))
		for _, e := range events {
			m, err := write(f.config.Source, e)
			if err != nil {
				return found, err
			}
			written = append(written, m)
		}
		f.add(written, next)
		at, found = next, true
	}
	return found, nil
}

func (f *feed) place() (upto int64, known bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.upto, f.known
}

// begin holds what comes after a number.
func (f *feed) begin(after int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.recent, f.bytes, f.from, f.upto, f.known = nil, 0, after, after, true
	f.announce()
}

// add holds more, and lets go of the oldest.
func (f *feed) add(written []*message, upto int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.known {
		return
	}
	f.recent, f.upto = append(f.recent, written...), upto
	for _, m := range written {
		f.bytes += len(m.frame)
	}
	drop := 0
	for drop < len(f.recent)-1 && (len(f.recent)-drop > mostRecent || f.bytes > mostBytes) {
		f.bytes -= len(f.recent[drop].frame)
		f.from = f.recent[drop].number
		drop++
	}
	f.recent = slices.Delete(f.recent, 0, drop)
	f.announce()
}

func (f *feed) announce() {
	close(f.changed)
	f.changed = make(chan struct{})
}

// news returns a channel that is closed when there is more than there is now.
func (f *feed) news() <-chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.changed
}

// after returns what is wanted after a number, and the number to go on after, from memory. It is not ok where that does not
// reach back so far; upto is then the number up to which everything is in the store.
func (f *feed) after(number int64, want *store.EventFilter) (found []*message, next, upto int64, ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.known {
		return nil, number, 0, false
	}
	if number < f.from {
		return nil, number, f.upto, false
	}
	first, _ := slices.BinarySearchFunc(f.recent, number+1, func(m *message, n int64) int { return int(max(-1, min(1, m.number-n))) })
	size := 0
	for _, m := range f.recent[first:] {
		if !wants(want, m) {
			continue
		}
		if len(found) == batch || len(found) > 0 && size+len(m.frame) > batchBytes {
			return found, found[len(found)-1].number, f.upto, true
		}
		found = append(found, m)
		size += len(m.frame)
	}
	return found, max(number, f.upto), f.upto, true
}
