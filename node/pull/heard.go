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
	// before is the since of the wake before.
	before time.Time
}

// apart is how much time lies between two wakes of a partner: one that comes and goes is not asked all the time.
const apart = time.Minute

// Heard tells that a partner has called us. What a partner has not sent while it was silent is lost, because messages are
// not kept for us (requirement TF-65): when it is heard of again, what is new is asked for (requirement TF-66). The same
// goes for its first call since we have begun, unless we have asked it a short while ago.
//
// It is called with every request, and costs next to nothing.
func (p *Puller) Heard(partner string, at time.Time) {
	known, ok := p.heard.Load(partner)
	if !ok {
		known, _ = p.heard.LoadOrStore(partner, &atomic.Int64{})
	}
	before := known.(*atomic.Int64).Swap(at.UnixNano())
	switch silent := at.Sub(time.Unix(0, before)); {
	case before == 0:
		p.wake(partner, at, at.Add(-p.config.Silence))
	case silent > p.config.Silence:
		p.config.Logger.Info("a partner was silent; what is new is pulled", "partner", partner, "silent", silent.Round(time.Second))
		p.wake(partner, at, at)
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
	p.mu.Lock()
	defer p.mu.Unlock()
	w := p.wakes[partner]
	if w.at.IsZero() {
		w.at = now.Add(rand.N(p.config.CatchUp))
		if earliest := w.before.Add(apart); w.at.Before(earliest) {
			w.at = earliest
		}
	}
	if since.After(w.since) {
		w.since = since
	}
	p.wakes[partner] = w
}

// woken takes the wake of a partner if its time has come.
func (p *Puller) woken(partner string) wake {
	now := p.config.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	w := p.wakes[partner]
	if w.at.IsZero() || now.Before(w.at) {
		return wake{}
	}
	p.wakes[partner] = wake{before: w.since}
	return w
}
