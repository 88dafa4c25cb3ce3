package push

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/go-json-experiment/json"

	"github.com/roamwire/roamwire/node/store"
)

// save writes what has changed in the lane; unless now is set, not more often than needed.
func (l *lane) save(ctx context.Context, now bool) error {
	at := l.config.Now()
	if !l.dirty || !now && at.Sub(l.saved) < saveEvery && (len(l.flying) > 0 || len(l.queue) > 0 || l.behind) {
		return nil
	}
	err := l.saveNow(ctx)
	for errors.Is(err, store.ErrNudged) {
		if err = l.heed(ctx); err == nil {
			err = l.saveNow(ctx)
		}
	}
	if err == nil {
		l.saved = at
	}
	return err
}

func (l *lane) saveNow(ctx context.Context) error {
	floor := l.floor()
	if c := l.state.CatchUp; c != nil {
		c.Cursor = floor
	} else {
		l.main = floor
	}
	state, err := json.Marshal(&l.state)
	if err != nil {
		return fmt.Errorf("write lane %s of %s: %w", l.module, l.partner.Name, err)
	}
	record := store.Lane{Partner: l.partner.Name, Module: l.module, Cursor: l.main, State: state, Nudge: l.nudge}
	keep, forget := slices.Collect(maps.Values(l.keep)), slices.Collect(maps.Keys(l.forget))
	if err := l.config.Store.SaveLane(ctx, record, keep, forget, l.parkings...); err != nil {
		return err
	}
	l.dirty, l.parkings = false, nil
	clear(l.keep)
	clear(l.forget)
	return nil
}

// floor is the cursor: everything up to it was dealt with.
func (l *lane) floor() int64 {
	floor := l.unread()
	for key, f := range l.flying {
		if l.held[key] == nil { // a held one is on disk
			floor = min(floor, f.since)
		}
	}
	return floor
}

// A note is what a job wants to have on disk before it goes on. The lane writes it, as everything that it remembers, and says
// when it has.
type note struct {
	delivery store.Delivery
	memory   memory
	done     chan error
}

// write writes notes, as many as there are by now, and answers them.
func (l *lane) write(ctx context.Context, first note) {
	notes := []note{first}
	for more := true; more; {
		select {
		case n := <-l.notes:
			notes = append(notes, n)
		default:
			more = false
		}
	}
	for _, n := range notes {
		if before := l.held[n.delivery.Key]; before != nil {
			n.delivery.Sent = before.Sent
		}
		l.held[n.delivery.Key] = &held{n.delivery, n.memory}
		l.keep[n.delivery.Key] = n.delivery
		delete(l.forget, n.delivery.Key)
	}
	l.stale, l.dirty = true, true
	err := l.save(ctx, true)
	if err != nil {
		l.troubled(ctx, err)
	}
	for _, n := range notes {
		if w, ok := l.words[n.delivery.Key]; ok && w.outcome == Arrived {
			n.done <- errSettled
			continue
		}
		n.done <- err
	}
}
