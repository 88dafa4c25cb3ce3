package event

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/roamwire/roamwire/node/store"
	"github.com/roamwire/roamwire/ocpi"
)

// Dead returns the events that an endpoint did not take and that are not sent by themselves any more, after a number, at
// most limit of them and fewer where they are large; none only where there are none. It is store.ErrNotFound where there is no
// such webhook.
func (w *Webhooks) Dead(ctx context.Context, id string, after int64, limit int) ([]DeadEvent, error) {
	if _, err := w.find(ctx, id); err != nil {
		return nil, err
	}
	found, err := w.config.Store.DeadEvents(ctx, id, after, limit)
	if err != nil {
		return nil, err
	}
	dead := make([]DeadEvent, len(found))
	for i, d := range found {
		m, err := write(w.config.Source, d.Event)
		if err != nil {
			return nil, err
		}
		dead[i] = DeadEvent{
			Number: d.Number, Time: d.Time, Type: d.Type, Subject: d.Subject, Partner: d.Partner, Module: d.Module, Reason: d.Reason, Died: d.Died,
			Event: m.json(),
		}
	}
	return dead, nil
}

// A DeadEvent is an event that an endpoint did not take.
type DeadEvent struct {
	Number  int64         `json:"number"`
	Time    time.Time     `json:"time"`
	Type    string        `json:"type"`
	Subject string        `json:"subject,omitempty"`
	Partner string        `json:"partner,omitempty"`
	Module  ocpi.ModuleID `json:"module,omitempty"`
	// Reason is why it was not taken, Died when it was given up.
	Reason string    `json:"reason"`
	Died   time.Time `json:"died"`
	// Event is the CloudEvent that was sent.
	Event jsontext.Value `json:"event"`
}

// RemoveDead removes dead events of a webhook; all of them where no number is given. It returns how many there were.
func (w *Webhooks) RemoveDead(ctx context.Context, id string, numbers ...int64) (int, error) {
	if _, err := w.find(ctx, id); err != nil {
		return 0, err
	}
	return w.config.Store.RemoveDeadEvents(ctx, id, numbers...)
}

// A Replay says what is to be sent again. One of its fields is set.
type Replay struct {
	// Numbers are those of dead events, AllDead stands for all of them. They are sent before what is new.
	Numbers []int64 `json:"numbers,omitempty"`
	AllDead bool    `json:"all_dead,omitzero"`
	// After is the number after which all events are sent again that are kept; 0 for all that are.
	After *int64 `json:"after,omitempty"`
	// Since is the time since when all events are sent again that are kept; zero for none.
	Since time.Time `json:"since,omitzero"`
}

const mostReplays = 1000

// Replay has events sent again. It is an *Invalid, or store.ErrNotFound.
func (w *Webhooks) Replay(ctx context.Context, id string, what Replay) error {
	set := 0
	for _, given := range []bool{len(what.Numbers) > 0, what.AllDead, what.After != nil, !what.Since.IsZero()} {
		if given {
			set++
		}
	}
	switch {
	case set != 1:
		return invalid("", ocpi.FindingConsistency, "one of numbers, after and since")
	case len(what.Numbers) > mostReplays:
		return invalid("/numbers", ocpi.FindingLength, "is longer than %d entries", mostReplays)
	case what.After != nil:
		return w.replayAfter(ctx, id, *what.After)
	case !what.Since.IsZero():
		return w.replaySince(ctx, id, what.Since)
	}
	spans := []replay{{After: 0, Upto: 1<<63 - 1}}
	if !what.AllDead {
		var err error
		if spans, err = w.deadSpans(ctx, id, what.Numbers); err != nil {
			return err
		}
	}
	return w.change(ctx, id, func(_ *store.Hook, s *webhookState) error {
		if what.AllDead {
			s.Replays = nil // all are among them
		}
		if len(s.Replays)+len(spans) > mostReplays {
			return invalid("/numbers", ocpi.FindingLength, "is too much: %d replays wait already", len(s.Replays))
		}
		for _, span := range spans {
			span.ID = s.Revision*mostReplays + int64(len(s.Replays)) + 1
			s.Replays = append(s.Replays, span)
		}
		s.Lane.Until, s.Lane.Refused, s.Lane.Refusing = time.Time{}, 0, ""
		return nil
	})
}

// deadSpans makes one replay for each dead event.
func (w *Webhooks) deadSpans(ctx context.Context, id string, numbers []int64) (spans []replay, err error) {
	if _, err := w.find(ctx, id); err != nil {
		return nil, err
	}
	for i, n := range numbers {
		dead, err := w.config.Store.DeadEvents(ctx, id, n-1, 1)
		if err != nil {
			return nil, err
		}
		if n <= 0 || len(dead) == 0 || dead[0].Number != n {
			return nil, invalid(fmt.Sprintf("/numbers/%d", i), ocpi.FindingRange, "%d is no dead event of this webhook", n)
		}
		spans = append(spans, replay{After: n - 1, Upto: n})
	}
	slices.SortFunc(spans, func(a, b replay) int { return int(max(-1, min(1, a.Upto-b.Upto))) })
	return spans, nil
}

// replaySince moves the cursor of a webhook back to a time.
func (w *Webhooks) replaySince(ctx context.Context, id string, since time.Time) error {
	first, err := w.config.Store.FirstEventSince(ctx, since)
	if err != nil {
		return err
	}
	if first == 0 {
		return invalid("/since", ocpi.FindingRange, "is after all that has happened")
	}
	return w.rewind(ctx, id, first-1)
}

// replayAfter moves the cursor of a webhook back.
func (w *Webhooks) replayAfter(ctx context.Context, id string, after int64) error {
	trimmed, err := w.config.Store.TrimmedEvents(ctx)
	if err != nil {
		return err
	}
	if after == 0 {
		after = trimmed
	}
	if after < trimmed {
		return invalid("/after", ocpi.FindingRange, "must be 0 or at least %d: events up to there are kept no longer", trimmed)
	}
	latest, err := w.config.Store.LatestEvent(ctx)
	if err != nil {
		return err
	}
	if after > latest {
		return invalid("/after", ocpi.FindingRange, "must be at most %d: nothing has happened since", latest)
	}
	return w.rewind(ctx, id, after)
}

// rewind moves the cursor of a webhook back. One that is further behind stays there: it has not had those events once.
func (w *Webhooks) rewind(ctx context.Context, id string, after int64) error {
	return w.change(ctx, id, func(record *store.Hook, s *webhookState) error {
		s.Again = max(s.Again, record.Cursor)
		record.Cursor = min(record.Cursor, after)
		s.Epoch++
		s.Lane.Until, s.Lane.Since, s.Lane.Refused, s.Lane.Refusing = time.Time{}, time.Time{}, 0, ""
		return nil
	})
}
