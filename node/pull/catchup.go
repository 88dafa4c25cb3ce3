package pull

import (
	"sync/atomic"
	"time"
)

// Wake lets what is new be asked for at the next look, whenever it would have been due: after an outage the side that was
// away asks for what it has missed (requirement TF-66).
func (p *Puller) Wake(partner string) { p.woken.Store(partner, struct{}{}) }

// Heard is told of each request of a partner. One that was silent for longer than Config.Silence may have lost messages to
// us, and is pulled from. It costs little.
func (p *Puller) Heard(partner string, at time.Time) {
	if partner == "" {
		return
	}
	known, ok := p.heard.Load(partner)
	if !ok {
		known, _ = p.heard.LoadOrStore(partner, new(atomic.Int64))
	}
	last := known.(*atomic.Int64).Swap(at.UnixNano())
	if last != 0 && at.Sub(time.Unix(0, last)) > p.config.Silence {
		p.Wake(partner)
	}
}
