package push

import (
	"context"
	"errors"
	"time"

	"github.com/roamwire/roamwire/node/store"
)

// A word is what a person has said of a CDR while the partner was asked for it, and when that had been posted.
type word struct {
	outcome Outcome
	posted  time.Time
}

// errSettled tells that a person has said what became of a CDR.
var errSettled = errors.New("a person has said what became of it")

// heed takes in what a person has changed in the objects that are held, and has the partner asked now. What the lane has found
// out meanwhile and not written yet stays.
func (l *lane) heed(ctx context.Context) error {
	stored, err := l.config.Store.Lane(ctx, l.partner.Name, l.module)
	if err != nil {
		return err
	}
	found, err := l.readHeld(ctx)
	if err != nil {
		return err
	}
	onDisk := map[store.Key]bool{}
	for _, h := range found {
		onDisk[h.Key] = true
		l.heedHeld(h)
	}
	for key, h := range l.held {
		if !h.memory.Posting || onDisk[key] {
			continue
		}
		d, err := l.config.Store.Delivery(ctx, l.partner.Name, key)
		if isNotFound(err) {
			continue // it is not on disk yet
		}
		if err != nil {
			return err
		}
		if m, err := readMemory(d); err == nil && m.Location != "" {
			l.settle(h, Arrived)
		}
	}
	l.nudge, l.stale, l.dirty = stored.Nudge, true, true
	now := l.config.Now()
	if l.state.Breaker.open() {
		l.state.Breaker.Until = now
	}
	if l.doubting() {
		l.state.Doubt = now
	}
	return nil
}

// heedHeld takes in how an object is held on disk.
func (l *lane) heedHeld(stored *held) {
	key := stored.Key
	h := l.held[key]
	_, unsaved := l.keep[key]
	switch {
	case h == nil && (unsaved || l.forget[key]): // it was dealt with meanwhile
	case h == nil, !unsaved && l.flying[key] == nil:
		l.held[key] = stored
	case h.memory.Posting && !stored.memory.Posting && h.memory.Posted.Equal(stored.memory.Posted):
		l.settle(h, NotArrived)
	case l.flying[key] == nil && stored.Due.Before(h.Due):
		l.reschedule(h, stored.Due)
	}
}

// settle takes in what a person has said of a CDR. While it is being sent, that waits for what comes of it.
func (l *lane) settle(h *held, outcome Outcome) {
	if l.flying[h.Key] != nil {
		l.words[h.Key] = word{outcome, h.memory.Posted}
		delete(l.keep, h.Key)
		return
	}
	m := h.memory
	m.settled(outcome)
	if outcome == Arrived {
		m.settle()
		l.release(h.Key, m, h.Sent)
		return
	}
	l.hold(h.Key, m, m.Since, l.config.Now())
}

// settled notes what became of a CDR.
func (m *memory) settled(outcome Outcome) {
	m.Posting, m.Parked, m.Asks = false, false, 0
	if outcome == Arrived {
		m.Location = confirmed
	}
}

// heeded is a result with what a person has said meanwhile, who knows more than the failure says. That a CDR did not arrive is
// nothing about one that was posted since.
func (l *lane) heeded(r result) result {
	w, ok := l.words[r.change.Key]
	delete(l.words, r.change.Key)
	switch {
	case !ok, r.err == nil, !r.loaded: // nothing was said, or nothing need be
	case w.outcome == Arrived:
		r.memory.settled(Arrived)
		r.err, r.skipped = nil, true
	case r.memory.Posting && r.memory.Posted.Equal(w.posted):
		r.memory.settled(NotArrived)
		r.err = errSettled
	}
	return r
}
