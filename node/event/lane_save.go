package event

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/roamwire/roamwire/node/store"
)

// errChanged ends a lane whose webhook a person has changed or removed, or that was switched off.
var errChanged = errors.New("the webhook was changed")

// due is when the lane is saved, if it has anything to save.
func (l *lane) due() (at time.Time, ok bool) {
	switch {
	case l.dirty:
		return l.saved.Add(saveEvery), true
	case l.moved:
		return l.saved.Add(saveMoved), true
	}
	return time.Time{}, false
}

// save writes how far the lane has come; unless now is set, not more often than needed.
func (l *lane) save(ctx context.Context, now bool) error {
	at := l.config.Now()
	if due, ok := l.due(); !ok || !now && at.Before(due) {
		return nil
	}
	changed := false
	err := l.config.Store.ChangeHook(ctx, l.id, func(record *store.Hook) ([]store.DeadEvent, error) {
		h, err := readHook(*record)
		if err != nil {
			return nil, err
		}
		if h.state.Birth != l.hook.state.Birth { // it was removed, and this one only has its name
			return nil, errChanged
		}
		changed = h.state.version() != l.hook.state.version()
		dead := l.merge(record, &h.state)
		return dead, h.state.save(record)
	})
	if errors.Is(err, store.ErrNotFound) {
		return errChanged
	}
	if err != nil {
		return err
	}
	l.saved, l.dirty, l.moved, l.dead = at, false, false, nil
	if changed {
		return errChanged
	}
	return nil
}

// merge writes how far the lane has come into what is on disk, where a person may have changed the webhook meanwhile.
func (l *lane) merge(record *store.Hook, disk *webhookState) (dead []store.DeadEvent) {
	progress := *l.state()
	if disk.Revision != l.hook.state.Revision { // what failed is tried again at once
		progress.Until, progress.Refused, progress.Refusing = time.Time{}, 0, ""
	}
	if disk.Epoch == l.hook.state.Epoch {
		record.Cursor, dead = l.cursor, l.dead
	} else { // the cursor is where a person wants it, before all that is given up here
		progress.Since = time.Time{}
	}
	disk.Lane = progress
	disk.Replays = slices.DeleteFunc(disk.Replays, func(r replay) bool { return l.done[r.ID] >= r.Upto })
	for i, r := range disk.Replays {
		disk.Replays[i].After = max(r.After, l.done[r.ID])
	}
	return dead
}

// disable switches the webhook off, unless a person has changed it: that endpoint may be another. That it is off is told by
// whoever starts lanes.
func (l *lane) disable(ctx context.Context) error {
	err := l.config.Store.ChangeHook(ctx, l.id, func(record *store.Hook) ([]store.DeadEvent, error) {
		h, err := readHook(*record)
		if err != nil {
			return nil, err
		}
		if h.state.version() != l.hook.state.version() {
			return nil, errChanged
		}
		dead := l.merge(record, &h.state)
		h.state.Disabled, h.state.Reason, h.state.Untold = true, l.disabled, true
		h.state.Revision++
		return dead, h.state.save(record)
	})
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	l.dirty, l.moved, l.dead = false, false, nil
	l.config.Logger.WarnContext(ctx, "a webhook was switched off", "webhook", l.id, "reason", l.disabled)
	l.webhooks.poke()
	return errChanged
}

// finish saves the lane when it ends.
func (l *lane) finish() {
	ctx, cancel := context.WithTimeout(context.Background(), grace)
	defer cancel()
	if err := l.save(ctx, true); err != nil && !errors.Is(err, errChanged) {
		l.config.Logger.Error("cannot save how far a webhook has come", "webhook", l.id, "error", err)
	}
}
