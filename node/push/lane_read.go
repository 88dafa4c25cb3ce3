package push

import (
	"context"

	"github.com/roamwire/roamwire/node/store"
)

// fill reads the feed on, where there may be more and the lane does not wait for its partner.
func (l *lane) fill(ctx context.Context) error {
	for l.behind && !l.state.Breaker.open() && len(l.queue) < stretch {
		found, err := l.config.Store.Changes(ctx, l.selection, l.read, stretch)
		if err != nil {
			return err
		}
		l.enqueue(found.Changes)
		l.behind = len(found.Changes) == stretch
		if found.Next > l.read {
			l.read, l.dirty = found.Next, true
		}
	}
	if !l.behind {
		for key, change := range l.sent {
			if change <= l.read {
				delete(l.sent, key)
			}
		}
	}
	return nil
}

// enqueue gives objects that have changed their turn, each once and in its newest state: one that waits already is read anew
// when its turn comes, one that is being sent is sent again after that, and one that is held has its turn.
func (l *lane) enqueue(changes []store.Change) {
	for _, c := range changes {
		f, q, h := l.flying[c.Key], l.waiting[c.Key], l.held[c.Key]
		switch {
		case l.sent[c.Key] >= c.Change || c.Removed && c.Change <= l.birth():
		case f != nil:
			f.again = f.again || c.Change > f.change
		case h != nil:
			l.hasChanged(h, c.Change)
		case q != nil:
			q.change = nil
		default:
			l.push(&queued{c.Key, l.read, &c})
		}
	}
}

// hasChanged gives an object that is held another try soon, if it is by its present state that it failed.
func (l *lane) hasChanged(h *held, change int64) {
	now := l.config.Now()
	soon := now.Add(l.config.Backoff.First)
	switch m := &h.memory; {
	case m.Parked:
		l.reschedule(h, now)
	case change > m.Change && (m.Refused > 0 || m.Faults > 0) && h.Due.After(soon):
		l.reschedule(h, soon)
	}
}

// birth is the latest change that was before the partner saw what is read now.
func (l *lane) birth() int64 {
	if c := l.state.CatchUp; c != nil {
		return c.Birth
	}
	return l.state.Birth
}

func (l *lane) push(q *queued) {
	l.queue = append(l.queue, q)
	l.waiting[q.key] = q
}

// readOne reads one change, to ask with. It reports false where there is none.
func (l *lane) readOne(ctx context.Context) bool {
	found, err := l.config.Store.Changes(ctx, l.selection, l.read, 1)
	if err != nil {
		l.rest = l.config.Now().Add(l.config.Backoff.First)
		return true // the next turn tells
	}
	l.enqueue(found.Changes)
	l.read = max(l.read, found.Next)
	return len(found.Changes) > 0
}

// look finds out whether a person wants objects to be tried again.
func (l *lane) look(ctx context.Context) error {
	now := l.config.Now()
	if len(l.held) == 0 && !l.state.Breaker.open() || now.Sub(l.looked) < lookEvery {
		return nil
	}
	l.looked = now
	stored, err := l.config.Store.Lane(ctx, l.partner.Name, l.module)
	if err != nil || stored.Nudge == l.nudge {
		return err
	}
	return l.heed(ctx)
}

// lookUp reads the objects that are held.
func (l *lane) lookUp(ctx context.Context) error {
	found, err := l.readHeld(ctx)
	if err != nil {
		return err
	}
	l.stale = true
	for _, h := range found {
		l.held[h.Key] = h
		if longest := max(longestParked, l.config.Backoff.LongestHeld, l.config.Backoff.Settle); l.ahead(h.Due, longest) {
			l.reschedule(h, l.config.Now())
		}
	}
	return nil
}

func (l *lane) readHeld(ctx context.Context) ([]*held, error) {
	found, err := l.config.Store.Held(ctx, l.partner.Name, l.module)
	if err != nil {
		return nil, err
	}
	all := make([]*held, len(found))
	for i, d := range found {
		m, err := readMemory(d)
		if err != nil {
			return nil, err
		}
		all[i] = &held{d, m}
	}
	return all, nil
}

// unread is the cursor at which the feed is read again if the queue is dropped.
func (l *lane) unread() int64 {
	cursor := l.read
	for _, q := range l.queue {
		cursor = min(cursor, q.since)
	}
	return cursor
}

// dropQueue has what was read and not begun read again when the partner is back: it may have changed.
func (l *lane) dropQueue() {
	l.read, l.queue, l.behind = l.unread(), nil, true
	clear(l.waiting)
}

// sees reports whether the partner may be sent an object.
func (l *lane) sees(c *store.Change) bool {
	return l.partner.Sees(&c.Object)
}
