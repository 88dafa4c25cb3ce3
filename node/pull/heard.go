package pull

import (
	"math/rand/v2"
	"sync/atomic"
	"time"
)

// A wake says that a partner is to be caught up with. The zero wake is none.
type wake struct {
	// at is when that begins; zero for not at all.
	at time.Time
	// since is the time after which a complete pull makes it needless.
	since time.Time
	// last is when something was last pulled for a wake alone.
	last time.Time
}

// apart is how much time lies between two wakes of a partner: one that comes and goes is not asked all the time.
const apart = time.Minute

// Heard tells that a partner has called us. What a partner has not sent while it was silent is lost, because messages are
// not kept for us (requirement TF-65): when it is heard of again, what is new is asked for (requirement TF-66). The same
// goes for its first call since we have begun, however short we were away, unless we have asked it since.
//
// It is called with every request, and costs next to nothing.
func (p *Puller) Heard(partner string, at time.Time) {
	known, ok := p.heard.Load(partner)
	if !ok {
		known, _ = p.heard.LoadOrStore(partner, &atomic.Int64{})
	}
	before := time.Unix(0, known.(*atomic.Int64).Swap(at.UnixNano()))
	first := before.UnixNano() == 0
	if first {
		before = p.began
	}
	switch silent := at.Sub(before); {
	case silent > p.config.Silence:
		p.config.Logger.Info("a partner was silent; what is new is pulled", "partner", partner, "silent", silent.Round(time.Second))
		p.wake(partner, at, at)
	case first:
		p.wake(partner, at, p.began)
	}
}

// Wake tells that a partner that could not be reached answers again.
func (p *Puller) Wake(partner string) {
	now := p.config.Now()
	p.wake(partner, now, now)
}

// wake has a partner caught up with in a moment. It does not happen at once, because a partner that is back has many to
// answer.
func (p *Puller) wake(partner string, now, since time.Time) {
	p.change(partner, func(w *wake) {
		if w.at.IsZero() {
			w.at = now.Add(rand.N(p.config.CatchUp))
			if earliest := w.last.Add(apart); w.at.Before(earliest) {
				w.at = earliest
			}
		}
		if since.After(w.since) {
			w.since = since
		}
	})
}

// woken takes the wake of a partner if its time has come.
func (p *Puller) woken(partner string) (taken wake) {
	now := p.config.Now()
	p.change(partner, func(w *wake) {
		if !w.at.IsZero() && !now.Before(w.at) {
			taken, *w = *w, wake{last: w.last}
		}
	})
	return taken
}

// caughtUp tells that something was pulled for a wake alone.
func (p *Puller) caughtUp(partner string, now time.Time) {
	p.change(partner, func(w *wake) { w.last = now })
}

// wakeAgain gives back a wake that was taken and could not be followed, for later.
func (p *Puller) wakeAgain(partner string, w wake, at time.Time) {
	if w.at.IsZero() {
		return
	}
	p.change(partner, func(next *wake) {
		if next.at.Before(at) {
			next.at = at
		}
		if w.since.After(next.since) {
			next.since = w.since
		}
	})
}

func (p *Puller) change(partner string, fn func(*wake)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	w := p.wakes[partner]
	fn(&w)
	p.wakes[partner] = w
}
