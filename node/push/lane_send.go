package push

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"github.com/roamwire/roamwire/node/store"
)

// begin begins as many sends as may be under way: first held objects that are due, then what the feed brings. While the
// lane waits for its partner, one message is sent when it is time to ask.
func (l *lane) begin(ctx, sending context.Context) {
	room := l.config.Concurrency - len(l.flying)
	if l.state.Breaker.open() {
		if l.config.Now().Before(l.state.Breaker.Until) {
			return
		}
		room = min(room, 1-len(l.flying))
		l.behind = true
	}
	if room <= 0 {
		return
	}
	if l.client == nil {
		client, err := l.config.Client(ctx, l.partner.Name)
		if err != nil {
			l.failed(err, verdict{partner: true, atOnce: true})
			return
		}
		l.client = client
	}
	room = l.beginHeld(ctx, sending, room)
	if room > 0 && l.state.Breaker.open() && len(l.queue) == 0 {
		l.readOne(ctx)
	}
	l.beginQueued(sending, room)
}

func (l *lane) beginHeld(ctx, sending context.Context, room int) int {
	if room <= 0 || len(l.held) == 0 {
		return room
	}
	now := l.config.Now()
	var due []*store.Delivery
	for key, d := range l.held {
		_, flying := l.flying[key]
		if !flying && !d.Due.IsZero() && (!d.Due.After(now) || l.state.Breaker.open()) {
			due = append(due, d)
		}
	}
	slices.SortFunc(due, func(a, b *store.Delivery) int { return cmp.Or(a.Due.Compare(b.Due), cmp.Compare(a.Key.ID, b.Key.ID)) })
	for _, d := range due[:min(room, len(due))] {
		m, err := readMemory(*d)
		if err != nil {
			l.config.Logger.ErrorContext(ctx, "cannot push", "error", err)
			continue
		}
		change, err := l.config.Store.ChangeOf(ctx, d.Key, m.Since)
		if errors.Is(err, store.ErrNotFound) {
			l.release(d.Key, m, d.Sent)
			continue
		}
		if err != nil {
			l.config.Logger.ErrorContext(ctx, "cannot push", "error", err)
			continue
		}
		l.send(sending, queued{change, m.Since})
		room--
	}
	return room
}

// beginQueued begins with what the feed has brought. An object that is being sent waits for that; one that is held is
// tried again with its new state where it was parked, and has its turn where it was not.
func (l *lane) beginQueued(sending context.Context, room int) {
	rest := l.queue[:0]
	for i, c := range l.queue {
		if room == 0 {
			rest = append(rest, l.queue[i:]...)
			break
		}
		if f, flying := l.flying[c.Key]; flying {
			if c.Change.Change > f.change { // otherwise it is what is being sent
				rest = append(rest, c)
			}
			continue
		}
		if l.ahead[c.Key] >= c.Change.Change {
			l.dirty = true
			continue
		}
		if d := l.held[c.Key]; d != nil {
			if d.Due.IsZero() {
				d.Due = l.config.Now()
				l.keep[c.Key] = *d
			}
			l.dirty = true
			continue
		}
		l.send(sending, c)
		room--
	}
	clear(l.queue[len(rest):])
	l.queue = rest
	if len(rest) == 0 && !l.behind {
		clear(l.ahead)
	}
}

// send sends one object in a goroutine of its own.
func (l *lane) send(ctx context.Context, c queued) {
	l.flying[c.Key] = flight{c.since, c.Change.Change}
	j := &job{config: &l.config, partner: &l.partner, change: c.Change, client: l.client, press: l.press, placed: l.state.Placed}
	j.known = l.known(c.Key)
	go func() {
		r := result{change: c.Change, since: c.since}
		if l.limiter != nil {
			r.err = l.limiter.Wait(ctx)
		}
		if r.err == nil {
			r.memory, r.skipped, r.err = j.do(ctx)
		}
		l.results <- r
	}()
}

// known is what is remembered of an object, where that is not what is on disk; nil where it is.
func (l *lane) known(key store.Key) *store.Delivery {
	if d := l.held[key]; d != nil {
		return new(*d)
	}
	if d, ok := l.keep[key]; ok {
		return &d
	}
	if l.forget[key] {
		return &store.Delivery{Partner: l.partner.Name, Key: key}
	}
	return nil
}
