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
	return nil
}

func (l *lane) enqueue(changes []store.Change) {
	for _, c := range changes {
		l.queue = append(l.queue, queued{c, l.read})
	}
}

// readOne reads one change, to ask with.
func (l *lane) readOne(ctx context.Context) {
	found, err := l.config.Store.Changes(ctx, l.selection, l.read, 1)
	if err != nil {
		return // the next turn tells
	}
	l.enqueue(found.Changes)
	l.read = max(l.read, found.Next)
	if len(found.Changes) == 0 {
		l.state.Breaker, l.dirty = breaker{}, true // there is nothing to wait with
	}
}

// look sees to it that what others have changed of the held objects is seen.
func (l *lane) look(ctx context.Context) error {
	if len(l.held) == 0 || l.config.Now().Sub(l.looked) < lookEvery {
		return nil
	}
	if err := l.save(ctx, true); err != nil {
		return err
	}
	return l.lookUp(ctx)
}

func (l *lane) lookUp(ctx context.Context) error {
	held, err := l.config.Store.Held(ctx, l.partner.Name, l.module)
	if err != nil {
		return err
	}
	l.looked = l.config.Now()
	clear(l.held)
	for _, d := range held {
		l.held[d.Key] = &d
	}
	return nil
}
