package handshake

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"strings"
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
func (h *Handshake) begin(ctx context.Context, name string, kind Kind, direction ocpi.Direction, prepare func(*Relation) error) (*run, error) {
	now := h.now()
	r := &run{Handshake: h, name: name, id: rand.Text()}
	err := h.config.Store.ChangeRelation(ctx, name, func(rel *Relation) error {
		if rel.Attempt.underWay(now) {
			return ErrBusy
		}
		if err := prepare(rel); err != nil {
			return err
		}
		rel.Attempt = &Attempt{ID: r.id, Kind: kind, Direction: direction, Step: 1, Began: now, Until: now.Add(h.config.Timeout)}
		if kind == Proving {
			rel.Attempt.Step = stepProve
		}
		if direction == ocpi.Outbound && kind != Unregistering {
			rel.Again, rel.Tries = time.Time{}, rel.Tries+1
		}
		r.relation = rel.Clone()
		return nil
	})
	if err != nil {
		return nil, err
	}
	r.notify(ctx, r.relation.Attempt, false)
	return r, nil
}

// change stores the next state of the relation, if the attempt is still ours.
func (r *run) change(ctx context.Context, fn func(*Relation) error) error {
	var changed Relation
	err := r.config.Store.ChangeRelation(ctx, r.name, func(rel *Relation) error {
		if rel.Attempt == nil || rel.Attempt.ID != r.id {
			return errLost
		}
		if err := fn(rel); err != nil {
			return err
		}
		changed = rel.Clone()
		return nil
	})
	if err == nil { // the store may have refused it
		r.relation = changed
	}
	return err
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
	r.notify(ctx, r.relation.Attempt, false)
	return nil
}

func nothing(*Relation) error { return nil }

// done ends the attempt with success.
func (r *run) done(ctx context.Context, fn func(*Relation) error) error {
	last := r.relation.Attempt
	err := r.change(ctx, func(rel *Relation) error {
		rel.Attempt = nil
		if last.Direction == ocpi.Outbound {
			rel.Again, rel.Tries = time.Time{}, 0
		}
		return fn(rel)
	})
	if err != nil {
		return err
	}
	r.config.Logger.InfoContext(ctx, "exchange of credentials done", "partner", r.name, "kind", last.Kind, "direction", last.Direction, "state", r.relation.State)
	r.notify(ctx, last, true)
	return nil
}

// fail records why the attempt failed. The relation is as it was before, apart from what after changes.
func (r *run) fail(ctx context.Context, cause error, after ...func(*Relation)) error {
	if errors.Is(cause, errLost) {
		return cause
	}
	ctx, cancel := r.detached(ctx)
	defer cancel()
	err := r.change(ctx, func(rel *Relation) error {
		rel.Attempt.Failure = cutOff(reason(cause))
		for _, f := range after {
			f(rel)
		}
		return nil
	})
	if err != nil {
		return errors.Join(cause, fmt.Errorf("record the failure: %w", err))
	}
	r.config.Logger.WarnContext(ctx, "exchange of credentials failed", "partner", r.name, "state", r.relation.Words())
	return cause
}

// cutOff keeps a text from growing with what partners send.
func cutOff(text string) string {
	const longest = 2000
	if len(text) > longest {
		return strings.ToValidUTF8(text[:longest], "") + "…"
	}
	return text
}

// reason is the text our own people get to see. It may say more than what the partner is told.
func reason(err error) string {
	var e *ocpi.Error
	if !errors.As(err, &e) {
		return err.Error()
	}
	if e.Err != nil {
		return e.Err.Error()
	}
	return e.StatusMessage()
}

// again makes Recover go on after a failure: not before the partner has asked for it, with some chance so that two who
// wait for each other do not meet again, and as long as the partner may remember what we have begun.
func (r *run) again(cause error) func(*Relation) {
	var wait time.Duration
	if e, ok := errors.AsType[*ocpiclient.Error](cause); ok {
		wait = e.RetryAfter
	}
	return func(rel *Relation) {
		wait := max(wait, pause(rel.Tries))
		if spread := wait / 2; spread > 0 {
			wait += mathrand.N(spread)
		}
		if at := r.now().Add(wait); at.Before(r.end(rel)) {
			rel.Again = at
		}
	}
}

// end is how long it is worth trying: as long as the partner knows the token A that we register with, or the token before
// the one that we have offered.
func (r *run) end(rel *Relation) time.Time {
	switch {
	case rel.Offer != nil && rel.Offer.Kind == Registering:
		return rel.Offer.Made.Add(r.config.Window)
	case rel.Offer != nil:
		return rel.Offer.Made.Add(r.config.Grace)
	case len(rel.Outbound) > 0:
		return rel.Outbound[rel.newest()].Made.Add(r.config.Grace)
	default:
		return time.Time{}
	}
}

// pause is how long to wait before the next try.
func pause(tries int) time.Duration {
	const longest = 10 * time.Minute
	return min(5*time.Second<<min(max(tries-1, 0), 10), longest)
}

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

// The numbers of the steps of exchanges we begin. The first is 1.
const (
	stepChoose    = 2
	stepDetails   = 3
	stepEndpoints = 4
	stepToken     = 5
	stepSend      = 6
	stepStore     = 7
	stepProve     = 8
)

// The numbers of the steps of exchanges that partners begin. The first is 1.
const (
	stepTheirVersions  = 2
	stepFind           = 3
	stepTheirDetails   = 4
	stepTheirEndpoints = 5
	stepCommit         = 6
)

// bounded gives an exchange its time, and all its calls one correlation id.
func (r *run) bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ocpiclient.WithCorrelationID(ctx, r.id), r.config.Timeout)
}

// detached gives time to what must be done although whoever asked has gone, or the time of the exchange is over.
func (r *run) detached(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), r.config.CallTimeout)
}
