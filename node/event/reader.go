package event

import (
	"context"

	"github.com/roamwire/roamwire/node/store"
)

// A reader goes through the journal for one consumer.
type reader struct {
	feed *feed
	want store.EventFilter
	// at is the number up to which everything was read.
	at int64
}

// begin sets where the reader begins. A client that names no place begins with what happens from now on.
func (r *reader) begin(ctx context.Context, from place) (err error) {
	switch {
	case from.now:
		r.at, err = r.feed.config.Store.LatestEvent(ctx)
	case from.after == 0:
		r.at, err = r.feed.config.Store.TrimmedEvents(ctx)
	default:
		r.at = from.after
	}
	return err
}

// read returns what follows, as much as is at hand, and moves on. Where events that the reader has not seen are there no more,
// or never were, it says so and reads nothing.
func (r *reader) read(ctx context.Context) (found []*message, lost *Lost, err error) {
	found, next, upto, ok := r.feed.after(r.at, &r.want)
	if !ok {
		found, next, err = r.readStore(ctx, upto)
	}
	if err != nil {
		return nil, nil, err
	}
	if !ok || r.at > upto { // what is in memory is complete
		if lost, err = r.lost(ctx); lost != nil || err != nil {
			return nil, lost, err
		}
	}
	r.at = next
	return found, nil, nil
}

// readStore reads what is not in memory. Up to upto, everything is in the store.
func (r *reader) readStore(ctx context.Context, upto int64) (found []*message, next int64, err error) {
	events, next, err := r.feed.config.Store.Events(ctx, r.want, r.at, batch)
	if err != nil {
		return nil, r.at, err
	}
	size := 0
	for _, e := range events {
		m, err := write(r.feed.config.Source, e)
		if err != nil {
			return nil, r.at, err
		}
		if size += len(m.frame); size > batchBytes && len(found) > 0 {
			return found, found[len(found)-1].number, nil
		}
		found = append(found, m)
	}
	if next == r.at { // there is no more
		next = max(next, upto)
	}
	return found, next, nil
}

// lost looks whether the reader has missed something. It does so after reading: what is removed before that was read.
func (r *reader) lost(ctx context.Context) (*Lost, error) {
	trimmed, err := r.feed.config.Store.TrimmedEvents(ctx)
	if err != nil {
		return nil, err
	}
	if trimmed > r.at {
		l := &Lost{First: r.at + 1, Last: trimmed, Reason: LostTrimmed}
		r.at = trimmed
		return l, nil
	}
	latest, err := r.feed.config.Store.LatestEvent(ctx)
	if err != nil || latest >= r.at {
		return nil, err
	}
	l := &Lost{Last: latest, Reason: LostUnknown}
	r.at = latest
	return l, nil
}
