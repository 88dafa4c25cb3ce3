package push

import (
	"context"
	"time"
)

// wait waits for results, notes, news, or the time at which something is due.
func (l *lane) wait(ctx context.Context, changed <-chan struct{}) {
	if l.state.Breaker.open() {
		changed = nil // what changes is read when the partner is back
	}
	timer := time.NewTimer(l.pause())
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-changed:
	case <-timer.C:
	case n := <-l.notes:
		l.write(ctx, n)
	case r := <-l.results:
		l.take(r)
		for len(l.results) > 0 {
			l.take(<-l.results)
		}
	}
}

// longestPause is how long a lane sleeps that has nothing to do.
const longestPause = time.Minute

// pause is how long nothing is due.
func (l *lane) pause() time.Duration {
	now := l.config.Now()
	pause := longestPause
	sooner := func(at time.Time) { pause = max(0, min(pause, at.Sub(now))) }
	if l.dirty {
		sooner(later(l.saved.Add(saveEvery), l.rest))
	}
	if b := l.state.Breaker; b.open() {
		if len(l.flying) == 0 {
			sooner(later(b.Until, l.rest))
		}
		sooner(l.looked.Add(lookEvery))
		return max(pause, time.Millisecond)
	}
	if len(l.held) > 0 {
		sooner(l.looked.Add(lookEvery))
	}
	full := len(l.flying) >= l.config.Concurrency
	if l.doubting() {
		if len(l.flying) == 0 && (len(l.queue) > 0 || l.behind || l.anyHeld()) {
			sooner(later(l.state.Doubt, l.rest))
		}
		return max(pause, time.Millisecond)
	}
	if due := l.firstDue(); !due.IsZero() && !full {
		sooner(later(due, l.rest))
	}
	if l.rest.After(now) && len(l.queue) > 0 {
		sooner(l.rest)
	}
	if !full && (l.behind && len(l.queue) < stretch || len(l.queue) > 0 && !l.rest.After(now)) {
		return 0
	}
	return max(pause, time.Millisecond)
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
