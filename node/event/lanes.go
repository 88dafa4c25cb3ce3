package event

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/roamwire/roamwire/node/store"
)

// lookEvery is how often webhooks are looked up: another process may have changed them.
const lookEvery = 2 * time.Second

// run runs the lanes of all webhooks until ctx ends.
func (w *Webhooks) run(ctx context.Context) {
	every := time.NewTicker(lookEvery)
	defer every.Stop()
	for ctx.Err() == nil {
		if err := w.arrange(ctx); err != nil && ctx.Err() == nil {
			w.config.Logger.ErrorContext(ctx, "cannot look for webhooks", "error", err)
		}
		select {
		case <-ctx.Done():
		case <-every.C:
		case <-w.wake:
		}
	}
	for _, r := range w.lanes {
		<-r.done
	}
}

// arrange starts the lanes that are missing, and stops those that are wanted no longer or not as they are.
func (w *Webhooks) arrange(ctx context.Context) error {
	hooks, err := w.config.Store.Hooks(ctx)
	if err != nil {
		return err
	}
	wanted := map[string]hook{}
	for _, record := range hooks {
		h, err := readHook(record)
		if err != nil { // the others go on
			w.config.Logger.ErrorContext(ctx, "a webhook cannot be read", "error", err)
			continue
		}
		if h.state.Untold {
			if err := w.tellDisabled(ctx, h); err != nil {
				return err
			}
		}
		if !h.state.Disabled {
			wanted[record.ID] = h
		}
	}
	var stopping sync.WaitGroup
	for id, r := range w.lanes {
		if h, ok := wanted[id]; ok && h.state.version() == r.version && !r.ended() {
			continue
		}
		r.stop()
		delete(w.lanes, id)
		stopping.Go(func() { <-r.done })
	}
	stopping.Wait()
	for id, h := range wanted {
		if w.lanes[id] == nil {
			w.start(ctx, id, h.state.version())
		}
	}
	return nil
}

// tellDisabled tells that a webhook was switched off: at least once, whenever the process ends.
func (w *Webhooks) tellDisabled(ctx context.Context, h hook) error {
	data, err := json.Marshal(&DisabledWebhook{ID: h.record.ID, URL: h.state.URL, Reason: h.state.Reason})
	if err != nil {
		return err
	}
	err = w.config.Store.Write(ctx, func(tx store.Tx) error {
		return tx.Emit(store.Event{Type: WebhookDisabled, Subject: subject(h.record.ID), Data: data})
	})
	if err != nil {
		return fmt.Errorf("tell that webhook %s was switched off: %w", h.record.ID, err)
	}
	err = w.config.Store.ChangeHook(ctx, h.record.ID, func(record *store.Hook) ([]store.DeadEvent, error) {
		h, err := readHook(*record)
		if err != nil {
			return nil, err
		}
		if h.state.Untold = false; !h.state.Disabled {
			h.state.Reason = ""
		}
		return nil, h.state.save(record)
	})
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	return err
}

func (r *running) ended() bool {
	select {
	case <-r.done:
		return true
	default:
		return false
	}
}

func (w *Webhooks) start(ctx context.Context, id string, of version) {
	ctx, stop := context.WithCancel(ctx)
	r := &running{version: of, stop: stop, done: make(chan struct{})}
	w.lanes[id] = r
	l := newLane(w, id)
	go func() {
		defer close(r.done)
		defer stop()
		if err := l.run(ctx); err != nil && ctx.Err() == nil && !errors.Is(err, errChanged) {
			w.config.Logger.ErrorContext(ctx, "a webhook has stopped and is started again", "webhook", id, "error", err)
		}
	}()
}

// trimDead removes dead events that have been kept for long enough.
func (w *Webhooks) trimDead(ctx context.Context) error {
	hooks, err := w.config.Store.Hooks(ctx)
	if err != nil {
		return err
	}
	before := w.config.Now().Add(-w.config.Keep.DeadFor)
	for _, h := range hooks {
		for {
			dead, err := w.config.Store.DeadEvents(ctx, h.ID, 0, batch)
			if err != nil {
				return err
			}
			var old []int64
			for _, d := range dead {
				if d.Died.Before(before) {
					old = append(old, d.Number)
				}
			}
			if len(old) == 0 {
				break
			}
			if _, err := w.config.Store.RemoveDeadEvents(ctx, h.ID, old...); err != nil {
				return err
			}
		}
	}
	return nil
}
