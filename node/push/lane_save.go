package push

import (
	"context"
	"fmt"

	"github.com/go-json-experiment/json"
	"github.com/roamwire/roamwire/node/store"
)

// save writes what has changed in the lane; unless now is set, not more often than needed.
func (l *lane) save(ctx context.Context, now bool) error {
	at := l.config.Now()
	if !l.dirty || !now && at.Sub(l.saved) < saveEvery && (len(l.flying) > 0 || len(l.queue) > 0 || l.behind) {
		return nil
	}
	state, err := json.Marshal(&l.state)
	if err != nil {
		return fmt.Errorf("write lane %s of %s: %w", l.module, l.partner.Name, err)
	}
	var keep []store.Delivery
	for _, d := range l.keep {
		keep = append(keep, d)
	}
	var forget []store.Key
	for key := range l.forget {
		forget = append(forget, key)
	}
	floor := l.floor()
	record := store.Lane{Partner: l.partner.Name, Module: l.module, Cursor: floor, State: state}
	if err := l.config.Store.SaveLane(ctx, record, keep, forget); err != nil {
		return err
	}
	l.cursor, l.saved, l.dirty = floor, at, false
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

// unread is the cursor at which the feed is read again if the queue is dropped.
func (l *lane) unread() int64 {
	cursor := l.read
	for _, c := range l.queue {
		cursor = min(cursor, c.since)
	}
	return cursor
}

// finish waits for what is under way and saves the lane.
func (l *lane) finish(sending context.Context) {
	for len(l.flying) > 0 {
		l.take(<-l.results)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(sending), grace)
	defer cancel()
	if err := l.save(ctx, true); err != nil {
		l.config.Logger.Error("cannot save how far pushes have come", "partner", l.partner.Name, "module", l.module, "error", err)
	}
}
