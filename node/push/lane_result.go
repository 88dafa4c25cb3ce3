package push

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/roamwire/roamwire/node/store"
	"github.com/roamwire/roamwire/ocpi"
)

// take takes a result in.
func (l *lane) take(r result) {
	delete(l.flying, r.change.Key)
	l.dirty = true
	d := l.held[r.change.Key]
	if r.err == nil {
		if !r.skipped {
			l.succeeded()
		}
		if at := r.memory.Location; at != "" && at != confirmed {
			l.state.Placed = placed{r.change.ID, at}
		}
		l.passOver(r.change, d != nil)
		r.memory.Since, r.memory.Attempts, r.memory.Refused, r.memory.Reason, r.memory.Failed = 0, 0, 0, "", time.Time{}
		l.release(r.change.Key, r.memory, r.change.Change)
		return
	}
	if errors.Is(r.err, context.Canceled) { // the lane is being stopped
		l.hold(r, d, l.config.Now())
		return
	}
	v := judge(r.err)
	l.failed(r.err, v)
	l.fail(r, d, v)
}

// passOver sees to it that a state that was sent is not sent again when the feed comes to it.
func (l *lane) passOver(c store.Change, wasHeld bool) {
	if wasHeld || c.Change > l.read {
		l.ahead[c.Key] = c.Change
	}
	l.queue = slices.DeleteFunc(l.queue, func(q queued) bool { return q.Change.Change == c.Change })
}

// succeeded notes that a message got through. A partner that is back gets what was held at once.
func (l *lane) succeeded() {
	now := l.config.Now()
	l.state.Sent++
	l.state.Success = now
	if !l.state.Breaker.succeeded() {
		return
	}
	l.behind = true
	for key, d := range l.held {
		if !d.Due.IsZero() {
			d.Due = now
			l.keep[key] = *d
		}
	}
	l.config.Logger.Info("the partner takes pushes again", "partner", l.partner.Name, "module", l.module)
	if l.config.OnBack != nil {
		l.config.OnBack(l.partner.Name)
	}
}

// failed notes a failure, after which the lane may wait for its partner. What was read and not begun is read again then:
// it may have changed.
func (l *lane) failed(err error, v verdict) {
	l.state.Error, l.state.Failed, l.dirty = err.Error(), l.config.Now(), true
	if v.refused || v.hopeless {
		l.state.Breaker.succeeded() // the partner is there
		return
	}
	if v.partner {
		l.client = nil // is made anew: the partner may have moved, or its token changed
	}
	wasOpen := l.state.Breaker.open()
	l.state.Breaker.failed(l.config.Now(), v.atOnce, v.asked, l.config.Backoff)
	if wasOpen || !l.state.Breaker.open() {
		return
	}
	l.config.Logger.Warn("pushes wait for the partner", "partner", l.partner.Name, "module", l.module, "error", err)
	l.read, l.queue, l.behind = l.unread(), nil, true
}

// Bounds of tries of one object.
const (
	// maxRefusals is how often an object is sent that the partner refuses, before it is parked.
	maxRefusals = 3
	// maxAttempts is how often an object is tried that fails while others get through.
	maxAttempts = 15
)

// fail holds an object for another try, or parks it. CDRs are money: what could not be sent at all is parked, and all else
// is tried until it gets through.
func (l *lane) fail(r result, d *store.Delivery, v verdict) {
	m := &r.memory
	if d != nil {
		before, _ := readMemory(*d)
		m.Attempts, m.Refused = before.Attempts, before.Refused
	}
	m.Attempts++
	m.Reason, m.Failed = r.err.Error(), l.config.Now()
	due := l.config.Now().Add(max(v.asked, spread(doubled(l.config.Backoff.First, m.Attempts-1, l.config.Backoff.LongestHeld))))
	if v.refused {
		m.Refused++
	}
	given := m.Refused >= maxRefusals || m.Attempts >= maxAttempts && !v.partner
	parked := v.hopeless || given && l.module != ocpi.ModuleCDRs
	if parked {
		due = time.Time{}
		l.config.Logger.Warn("an object is parked: the partner does not take it", "partner", l.partner.Name, "module", l.module, "id", r.change.ID, "error", r.err)
	}
	l.hold(r, d, due)
}

func (l *lane) hold(r result, d *store.Delivery, due time.Time) {
	r.memory.Since = r.since
	sent := int64(0)
	if d != nil {
		sent = d.Sent
	}
	record, err := r.memory.delivery(l.partner.Name, r.change.Key, sent)
	if err != nil {
		l.config.Logger.Error("cannot keep what is to be sent again", "error", err)
		return
	}
	record.Held, record.Due = true, due
	l.held[r.change.Key] = &record
	l.keep[r.change.Key] = record
	delete(l.forget, r.change.Key)
	l.dirty = true
}

// release ends the holding of an object.
func (l *lane) release(key store.Key, m memory, sent int64) {
	_, wasHeld := l.held[key]
	delete(l.held, key)
	delete(l.keep, key)
	l.dirty = true
	if !m.lasting() {
		if wasHeld { // otherwise it may still be waiting to be forgotten
			l.forget[key] = true
		}
		return
	}
	delete(l.forget, key)
	record, err := m.delivery(l.partner.Name, key, sent)
	if err != nil {
		l.config.Logger.Error("cannot keep what was sent", "error", err)
		return
	}
	l.keep[key] = record
}
