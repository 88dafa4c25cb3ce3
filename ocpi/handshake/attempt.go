package handshake

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/ocpiclient"
)

// A run is the work on one attempt.
type run struct {
	*Handshake
	name string
	id   string
	// relation is as it was stored last.
	relation Relation
}

// errLost is returned to whoever works on an attempt that is no longer its own: it took too long and another took over,
// or a person has ended it.
var errLost = errors.New("the exchange was taken over or ended by somebody else")

// begin starts an attempt, unless another is under way: of two at once, one wins. prepare may refuse, and brings the
// relation into the state to begin in.
func (h *Handshake) begin(ctx context.Context, name string, kind Kind, direction ocpi.Direction, prepare func(*Relation, *Attempt) error) (*run, error) {
	now := h.now()
	r := &run{Handshake: h, name: name, id: rand.Text()}
	err := h.config.Store.ChangeRelation(ctx, name, func(rel *Relation) error {
		if rel.Attempt.underWay(now) {
			return ErrBusy
		}
		attempt := &Attempt{ID: r.id, Kind: kind, Direction: direction, Step: 1, Began: now, Until: now.Add(h.config.Timeout), Tries: 1}
		if old := rel.Attempt; old != nil && old.Kind == kind && old.Direction == direction {
			attempt.Tries = old.Tries + 1
		}
		if err := prepare(rel, attempt); err != nil {
			return err
		}
		rel.Attempt = attempt
		r.relation = rel.Clone()
		return nil
	})
	if err != nil {
		return nil, err
	}
	r.tell(ctx, false)
	return r, nil
}

// change stores the next state of the relation, if the attempt is still ours.
func (r *run) change(ctx context.Context, fn func(*Relation) error) error {
	return r.config.Store.ChangeRelation(ctx, r.name, func(rel *Relation) error {
		if rel.Attempt == nil || rel.Attempt.ID != r.id {
			return errLost
		}
		if err := fn(rel); err != nil {
			return err
		}
		r.relation = rel.Clone()
		return nil
	})
}

// step begins the next step, and stores what the one before has found.
func (r *run) step(ctx context.Context, number int, fn func(*Relation) error) error {
	err := r.change(ctx, func(rel *Relation) error {
		rel.Attempt.Step = number
		return fn(rel)
	})
	if err != nil {
		return err
	}
	r.tell(ctx, false)
	return nil
}

func nothing(*Relation) error { return nil }

// done ends the attempt with success.
func (r *run) done(ctx context.Context, fn func(*Relation) error) error {
	last := r.relation.Attempt
	err := r.change(ctx, func(rel *Relation) error {
		rel.Attempt = nil
		return fn(rel)
	})
	if err != nil {
		return err
	}
	r.config.Logger.InfoContext(ctx, "exchange of credentials done", "partner", r.name, "kind", last.Kind, "direction", last.Direction, "state", r.relation.State)
	r.notify(ctx, last, true)
	return nil
}

// fail records why the attempt failed. The relation is as it was before, apart from what back puts back.
func (r *run) fail(ctx context.Context, cause error, back func(*Relation)) error {
	if errors.Is(cause, errLost) {
		return cause
	}
	// The record must be made even though whoever asked has gone.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), r.config.CallTimeout)
	defer cancel()
	err := r.change(ctx, func(rel *Relation) error {
		rel.Attempt.Failure = reason(cause)
		if back != nil {
			back(rel)
		}
		return nil
	})
	if err != nil {
		return errors.Join(cause, fmt.Errorf("record the failure: %w", err))
	}
	r.config.Logger.WarnContext(ctx, "exchange of credentials failed", "partner", r.name, "state", r.relation.Words())
	return cause
}

// reason is the text people get to see.
func reason(err error) string {
	var e *ocpi.Error
	if errors.As(err, &e) && e.Err == nil {
		return e.StatusMessage()
	}
	return err.Error()
}

// tell says that a step has begun.
func (r *run) tell(ctx context.Context, done bool) { r.notify(ctx, r.relation.Attempt, done) }

func (r *run) notify(ctx context.Context, a *Attempt, done bool) {
	if r.config.OnStep == nil {
		return
	}
	r.config.OnStep(ctx, Step{Partner: r.name, Kind: a.Kind, Direction: a.Direction, Number: a.Step, Done: done, Text: stepText(a)})
}

// stepText names the step an attempt is at.
func stepText(a *Attempt) string {
	steps := sending
	switch {
	case a.Direction == ocpi.Inbound:
		steps = receiving
	case a.Kind == Unregistering:
		steps = ending
	}
	if a.Step < 1 || a.Step > len(steps) {
		return ""
	}
	return steps[a.Step-1]
}

// The steps of exchanges we begin, and of those partners begin.
var (
	sending = []string{
		"read their versions", "choose the highest version both speak", "read the endpoints of that version",
		"check the endpoints", "make the token they will call us with", "send our credentials",
		"check and store the credentials they answer with", "try the token they gave us",
	}
	receiving = []string{
		"check the credentials", "read their versions", "find the version they called us in",
		"read the endpoints of that version", "check the endpoints", "store both tokens",
	}
	ending = []string{"end the registration"}
)

// The steps' numbers.
const (
	stepVersions = 1 + iota
	stepChoose
	stepDetails
	stepEndpoints
	stepToken
	stepSend
	stepStore
	stepProve
)

const (
	stepCheck = 1 + iota
	stepTheirVersions
	stepFind
	stepTheirDetails
	stepTheirEndpoints
	stepCommit
)

// bounded gives an exchange its time, and all its calls one correlation id.
func (r *run) bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ocpiclient.WithCorrelationID(ctx, r.id), r.config.Timeout)
}

// pause is how long Recover waits before the next try.
func pause(tries int) time.Duration {
	return min(5*time.Second<<min(tries-1, 10), 10*time.Minute)
}
