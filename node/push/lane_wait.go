package push

import (
	"context"
	"time"
)

// wait waits for results, news, or the time at which something is due.
func (l *lane) wait(ctx context.Context, changed <-chan struct{}) error {
	if l.state.Breaker.open() {
		changed = nil // what changes is read when the partner is back
	}
	timer := time.NewTimer(l.pause())
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-changed:
	case <-timer.C:
	case r := <-l.results:
		l.take(r)
		for len(l.results) > 0 {
			l.take(<-l.results)
		}
	}
	return nil
}

// longestPause is how long a lane sleeps that has nothing to do.
const longestPause = time.Minute

// pause is how long nothing is due.
func (l *lane) pause() time.Duration {
	now := l.config.Now()
	pause := longestPause
	sooner := func(at time.Time) { pause = max(0, min(pause, at.Sub(now))) }
	if l.dirty {
		sooner(l.saved.Add(saveEvery))
	}
	if len(l.held) > 0 {
		sooner(l.looked.Add(lookEvery))
	}
	full := len(l.flying) >= l.config.Concurrency
	if b := l.state.Breaker; b.open() {
		if len(l.flying) == 0 {
			sooner(b.Until)
		}
		return max(pause, time.Millisecond)
	}
	for key, d := range l.held {
		if _, flying := l.flying[key]; !flying && !full && !d.Due.IsZero() {
			sooner(d.Due)
		}
	}
	if l.behind && len(l.queue) < stretch && !full {
		return 0
	}
	return max(pause, time.Millisecond)
}
