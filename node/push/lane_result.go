package push

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/roamwire/roamwire/node/store"
	"github.com/roamwire/roamwire/ocpi"
)

// A result is what came of sending one object.
type result struct {
	change store.Change
	// memory is what is to be remembered of it; loaded is false where it could not be found out what was remembered before.
	memory memory
	loaded bool
	// noted tells that the memory is on disk already, as that of an object that is held.
	noted bool
	// skipped tells that there was nothing to send; sent is the change that the partner is known to have.
	skipped bool
	sent    int64
	err     error
}

// take takes a result in.
func (l *lane) take(r result) {
	key := r.change.Key
	f := l.flying[key]
	delete(l.flying, key)
	l.stale, l.dirty = true, true
	r = l.heeded(r)
	switch {
	case r.err == nil:
		l.took(r)
		if f.again {
			l.push(&queued{key: key, since: f.change})
		}
	case !r.loaded, errors.Is(r.err, context.Canceled) && !r.noted && l.module != ocpi.ModuleSessions: // nothing has happened
		l.again(key, f.since, r.err)
	case errors.Is(r.err, context.Canceled), errors.Is(r.err, errSettled):
		l.hold(key, r.memory, f.since, l.config.Now())
	default:
		l.struck(r, f.since)
	}
}

// struck takes in that the sending of an object has failed.
func (l *lane) struck(r result, since int64) {
	v, before := judge(r.err), r.memory.Failed
	others := before.IsZero() || l.state.Success.After(before)
	if others && !before.IsZero() {
		v = v.ofObject()
	}
	l.doubt(r.change.Key, v)
	l.failed(r.err, v)
	l.fail(r, since, v, others)
}

// took notes that the partner has an object, or that there was nothing to send.
func (l *lane) took(r result) {
	key := r.change.Key
	if !r.skipped {
		l.succeeded()
	}
	l.place(key, r.memory.Location)
	if l.module == ocpi.ModuleSessions {
		l.tell(key, r.memory)
	}
	if r.change.Change > l.read || l.held[key] != nil {
		l.sent[key] = r.change.Change
	}
	if q := l.waiting[key]; q != nil && q.change != nil && q.change.Change <= r.change.Change {
		delete(l.waiting, key)
		l.queue = slices.DeleteFunc(l.queue, func(other *queued) bool { return other == q })
	}
	r.memory.settle()
	l.release(key, r.memory, r.sent)
}

// place notes where the partner has a CDR. That it does not say where is worth less than a place known before.
func (l *lane) place(key store.Key, location string) {
	switch {
	case location == "":
	case location != confirmed:
		if len(l.state.Placed.like()) == 0 {
			l.tryAllAgain() // now it is known where to look for CDRs
		}
		l.state.Placed = placed{ID: key.ID, Location: location}
	case len(l.state.Placed.like()) == 0:
		l.state.Placed = placed{key.Party, key.ID, confirmed}
	}
}

// tell notes that it is known what the partner has of a session, until that has ended.
func (l *lane) tell(key store.Key, m memory) {
	if m.Stage == ended {
		delete(l.told, key)
		return
	}
	l.told[key] = true
}

// again gives an object its turn again, of which nothing was sent.
func (l *lane) again(key store.Key, since int64, err error) {
	if errors.Is(err, context.Canceled) {
		if l.held[key] == nil && l.waiting[key] == nil {
			l.push(&queued{key: key, since: since})
		}
		return
	}
	l.postpone(key, since, err)
}

// succeeded notes that a message got through.
func (l *lane) succeeded() {
	l.state.Sent++
	l.state.Success = l.config.Now()
	clear(l.failing)
	l.suspects = 0
	longDoubt := l.doubts >= longDoubts
	l.doubts, l.state.Doubt = 0, time.Time{}
	if l.state.Breaker.reached() || longDoubt {
		l.back()
	}
}

// back notes that the partner was away and is there again: it gets what was held at once.
func (l *lane) back() {
	l.behind = true
	l.tryAllAgain()
	l.config.Logger.Info("the partner takes pushes again", "partner", l.partner.Name, "module", l.module)
	if l.config.OnBack != nil {
		l.config.OnBack(l.partner.Name)
	}
}

// longDoubts is how many pauses of a doubt make it as good as an absence: it was the partner, and not the objects.
const longDoubts = 6

// tryAllAgain makes all held objects due, also those that are parked: what was in the way may be gone.
func (l *lane) tryAllAgain() {
	for _, h := range l.held {
		if !h.Due.IsZero() {
			l.reschedule(h, l.config.Now())
		}
	}
}

// reschedule makes a held object due at another time. One that is being sent is left to what comes of that.
func (l *lane) reschedule(h *held, due time.Time) {
	h.Due, l.stale = due, true
	if l.flying[h.Key] == nil {
		l.keep[h.Key], l.dirty = h.Delivery, true
	}
}

// doubt notes that the partner has refused an object or failed over it, and makes a pause where it takes none. An object that fails
// again after the partner took others is known to be bad, and says little about the partner.
func (l *lane) doubt(key store.Key, v verdict) {
	if v.fault != refused && v.fault != trouble {
		return
	}
	wasDoubting := l.doubting()
	if !l.failing[key] && !v.again {
		l.suspects++
	}
	l.failing[key] = true
	if !l.doubting() {
		return
	}
	if !wasDoubting {
		l.config.Logger.Warn("a partner takes none of many objects; they are sent one at a time until it does", "partner", l.partner.Name, "module", l.module)
	}
	pause := spread(doubled(l.config.Backoff.First/4, l.doubts, l.config.Backoff.Longest))
	l.doubts++
	l.state.Doubt = l.config.Now().Add(pause)
}

// failed notes a failure, after which the lane may wait for its partner.
func (l *lane) failed(err error, v verdict) {
	now := l.config.Now()
	l.state.Error, l.state.Failed, l.dirty = err.Error(), now, true
	switch {
	case v.fault == hopeless:
		return // says nothing about the partner
	case v.fault == ours:
		l.rest = now.Add(l.config.Backoff.First)
		return
	case v.fault == refused, v.fault == early:
		if l.state.Breaker.reached() {
			l.back()
		}
		return
	case (v.fault == trouble || v.fault == unclear) && (v.asked == 0 || v.again) && !l.state.Breaker.open():
		return // what is to be thought of it shows by what becomes of others
	}
	l.client = nil // is made anew: the partner may have moved, or its token changed
	wasOpen := l.state.Breaker.open()
	l.state.Breaker.failed(now, v.atOnce, v.asked, l.config.Backoff)
	if wasOpen || !l.state.Breaker.open() {
		return
	}
	l.config.Logger.Warn("pushes wait for the partner", "partner", l.partner.Name, "module", l.module, "error", err)
	l.dropQueue()
}

// Bounds of tries of one object.
const (
	// maxRefusals is how often an object is sent that the partner refuses, before it is parked.
	maxRefusals = 3
	// maxFaults is how often it is tried where the partner fails over it, while others get through.
	maxFaults = 15
	// maxAsks is how often a partner is asked for a CDR that it cannot tell of.
	maxAsks = 5
	// longestParked is the longest time between two tries of a parked object.
	longestParked = 24 * time.Hour
)

// fail holds an object for another try, or parks it. Only what says something about the object counts: failures while nothing
// else gets through are the partner's. CDRs are money: what could not be sent at all is parked, and so is one of which it
// cannot be found out whether it arrived; all else is tried until it gets through.
func (l *lane) fail(r result, since int64, v verdict, others bool) {
	m, now := &r.memory, l.config.Now()
	if m.Change != r.change.Change { // what was refused was another state
		m.Refused, m.Faults, m.Change = 0, 0, r.change.Change
	}
	switch {
	case v.fault == unclear, v.asking && others:
		m.Asks++
	case v.fault == refused && (others || !l.doubting()):
		m.Refused++
	case v.fault == trouble && others:
		m.Faults++
	}
	m.Attempts++
	m.Reason, m.Failed = r.err.Error(), now
	if m.First.IsZero() {
		m.First = now
	}
	wasParked := m.Parked
	m.Parked = v.fault == hopeless || (v.fault == unclear || v.asking) && m.Asks >= maxAsks ||
		l.module != ocpi.ModuleCDRs && (v.fault == refused && m.Refused >= maxRefusals || m.Faults >= maxFaults)
	due := now.Add(max(v.asked, spread(doubled(l.config.Backoff.First, m.Attempts-1, l.config.Backoff.LongestHeld))))
	if m.Parked {
		due = now.Add(spread(doubled(l.config.Backoff.Parked, m.Parks, max(l.config.Backoff.Parked, longestParked))))
		m.Parks++
		if !wasParked {
			l.tellParked(r.change.Key, m)
		}
	}
	l.hold(r.change.Key, r.memory, since, due)
}

// A Parking is an object that was parked: a partner does not take it, and a person has to look.
type Parking struct {
	Partner string
	Key     store.Key
	// Attempts is how often it was tried, Reason why the last of them failed.
	Attempts int
	Reason   string
	// Unclear tells of a CDR of which it is not known whether it arrived.
	Unclear bool
}

// tellParked tells of an object that is parked, by the log at once and by an event with what the lane writes next.
func (l *lane) tellParked(key store.Key, m *memory) {
	l.config.Logger.Warn("an object is parked", "partner", l.partner.Name, "module", l.module, "id", key.ID, "error", m.Reason)
	if l.config.Parked != nil {
		l.parkings = append(l.parkings, l.config.Parked(Parking{
			Partner: l.partner.Name, Key: key, Attempts: m.Attempts, Reason: m.Reason, Unclear: m.Posting,
		}))
	}
}

func (l *lane) hold(key store.Key, m memory, since int64, due time.Time) {
	h := &held{memory: m}
	h.memory.Since = since
	sent := int64(0)
	if before := l.held[key]; before != nil {
		sent = before.Sent
	}
	record, err := h.memory.delivery(l.partner.Name, key, sent)
	if err != nil {
		l.config.Logger.Error("cannot keep what is to be sent again", "error", err)
		return
	}
	record.Held, record.Due = true, due
	h.Delivery = record
	l.held[key], l.keep[key] = h, record
	delete(l.forget, key)
	l.stale, l.dirty = true, true
}

// release ends the holding of an object.
func (l *lane) release(key store.Key, m memory, sent int64) {
	_, wasHeld := l.held[key]
	delete(l.held, key)
	delete(l.keep, key)
	l.stale, l.dirty = true, true
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
