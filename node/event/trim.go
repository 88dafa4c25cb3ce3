package event

import (
	"context"
	"errors"
	"time"
)

const (
	trimEvery = time.Minute
	// trimAtOnce is how many events one write removes: others want to write too.
	trimAtOnce = 1000
)

// trim removes old events until ctx ends.
func (e *Events) trim(ctx context.Context) {
	every := time.NewTicker(trimEvery)
	defer every.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-every.C:
		}
		if err := errors.Join(e.trimJournal(ctx), e.Webhooks.trimDead(ctx)); err != nil && ctx.Err() == nil {
			e.config.Logger.ErrorContext(ctx, "cannot remove old events", "error", err)
		}
	}
}

func (e *Events) trimJournal(ctx context.Context) error {
	count, err := e.keep(ctx)
	if err != nil {
		return err
	}
	before := e.config.Now().Add(-e.config.Keep.For)
	for ctx.Err() == nil {
		removed, err := e.config.Store.TrimEvents(ctx, before, count, trimAtOnce)
		if err != nil || removed < trimAtOnce {
			return err
		}
	}
	return ctx.Err()
}

// keep is how many events are kept: at least as many as there may be that an enabled webhook has not had yet.
func (e *Events) keep(ctx context.Context) (int, error) {
	latest, err := e.config.Store.LatestEvent(ctx)
	if err != nil {
		return 0, err
	}
	hooks, err := e.config.Store.Hooks(ctx)
	if err != nil {
		return 0, err
	}
	count := int64(e.config.Keep.Events)
	for _, record := range hooks {
		if h, err := readHook(record); err == nil && !h.state.Disabled { // one that cannot be read is told where lanes are started
			count = max(count, latest-record.Cursor)
		}
	}
	return int(count), nil
}
