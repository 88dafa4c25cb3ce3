package push

import (
	"math/rand/v2"
	"time"
)

// breakAfter is how many failures in a row, without a success between them, make a lane wait for its partner.
const breakAfter = 5

// A breaker says whether a lane may send. It is part of the lane's state on disk.
type breaker struct {
	// Failures is how many messages in a row have failed.
	Failures int `json:"failures,omitzero"`
	// Until is when one message may be sent to see whether the partner is back; zero while everything may be sent.
	Until time.Time `json:"until,omitzero"`
	// Waits is how often in a row that was in vain.
	Waits int `json:"waits,omitzero"`
}

// open reports whether the lane waits for its partner.
func (b *breaker) open() bool { return !b.Until.IsZero() }

// reached tells that the partner was reached. It returns whether that ends a wait.
func (b *breaker) reached() (back bool) {
	back = b.open()
	*b = breaker{}
	return back
}

// failed tells that a message has failed. At once says that the partner takes nothing at all, as with a token that is not
// good; asked is how long the partner asks to wait.
func (b *breaker) failed(now time.Time, atOnce bool, asked time.Duration, backoff Backoff) {
	b.Failures++
	switch {
	case b.open():
		if now.Before(b.Until) {
			return // was under way when the wait began
		}
		b.Waits++
	case !atOnce && asked == 0 && b.Failures < breakAfter:
		return
	}
	b.Until = now.Add(max(asked, spread(doubled(backoff.First, b.Waits, backoff.Longest))))
}

// doubled is a time that doubles with each try, up to the longest.
func doubled(first time.Duration, tries int, longest time.Duration) time.Duration {
	d := first
	for ; tries > 0 && d < longest; tries-- {
		d *= 2
	}
	return min(d, longest)
}

// spread is a time within a quarter of the one given, so that lanes do not all come back at once.
func spread(d time.Duration) time.Duration { return d*3/4 + rand.N(d/2+1) }
