package pull

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/roamwire/roamwire/node/store"
	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/ocpiclient"
)

// A run is one pull of one module, under a lease.
type run struct {
	*Puller
	partner Partner
	module  ocpi.ModuleID
	policy  Policy
	state   State
	// full tells that everything is asked for; otherwise what has changed since from, or everything where that is zero.
	// back tells that from lies weeks back.
	full, back bool
	from       time.Time
	began      time.Time
	// lease is renewed a while before it ends.
	lease store.Lease
	// latest is the number of the latest change when the pull began.
	latest   int64
	progress func(objects, total int)
	received
}

// leaseFor is how long a lease holds from when it is renewed.
const leaseFor = 2 * time.Minute

// begin takes the lease for a pull and finds out what is to be asked for. Whoever gets a run releases it.
func (p *Puller) begin(ctx context.Context, partner Partner, module ocpi.ModuleID, full bool) (*run, error) {
	name := "pull/" + partner.ID + "/" + string(module)
	r := &run{
		Puller: p, partner: partner, module: module, policy: partner.Policy.withDefaults(), began: p.config.Now(),
		lease: store.Lease{Name: name, Holder: p.config.Holder}, received: nothingYet(),
	}
	if err := r.renew(ctx); err != nil {
		return nil, r.failed(err)
	}
	if err := r.prepare(ctx, full); err != nil {
		r.release(ctx)
		return nil, r.failed(err)
	}
	return r, nil
}

func (r *run) prepare(ctx context.Context, full bool) (err error) {
	if r.state, err = r.read(ctx, r.partner, r.module); err != nil {
		return err
	}
	r.full = full || r.state.fullDue(r.policy, r.partner.Version, r.began)
	if !r.full && !r.state.Cursor.IsZero() {
		r.from = r.state.Cursor.Add(-r.config.Overlap)
		if back := r.began.Add(-lookBack); r.state.looksBack(r.began) && back.Before(r.from) {
			r.from, r.back = back, true
		}
	}
	r.kept = r.state.Problems
	r.latest, err = r.config.Store.LatestChange(ctx, r.module, r.partner.ID)
	return err
}

// renew makes the lease last, if more than a quarter of it is over. Once it has ended somebody else may have had it.
func (r *run) renew(ctx context.Context) error {
	now := r.config.Now()
	switch {
	case r.lease.Until.Sub(now) > leaseFor*3/4:
		return nil
	case !r.lease.Until.IsZero() && !now.Before(r.lease.Until):
		return fmt.Errorf("%w, perhaps: our lease has ended", store.ErrLeased)
	}
	r.lease.Until = now.Add(leaseFor)
	return r.config.Store.Lease(ctx, r.lease, now)
}

// release gives the lease back. Where that fails it ends by itself.
func (r *run) release(ctx context.Context) {
	_ = r.config.Store.Release(context.WithoutCancel(ctx), r.lease.Name, r.lease.Holder)
}

func (r *run) failed(err error) error {
	return fmt.Errorf("pull %s of %s: %w", r.module, r.partner.ID, err)
}

// pull makes the pull and keeps what came of it. One that is stopped by ctx leaves the state as it was.
func (r *run) pull(ctx context.Context) (State, error) {
	before := r.state
	err := r.work(ctx)
	if ctx.Err() != nil {
		return before, r.failed(errors.Join(err, ctx.Err()))
	}
	if err == nil {
		r.succeed()
	} else {
		r.fail(err)
	}
	if saveErr := r.save(ctx, &r.state, r.lease, r.finished()...); saveErr != nil {
		err = errors.Join(err, saveErr)
	}
	if err != nil {
		err = r.failed(err)
		r.config.Logger.WarnContext(ctx, "a pull was not complete", "error", err, "objects", r.objects())
		return r.state, err
	}
	r.config.Logger.InfoContext(ctx, "pulled", r.attributes()...)
	return r.state, nil
}

// A Finished is a pull that has come to its end, complete or not.
type Finished struct {
	State
	// Full tells that everything was asked for.
	Full bool
	// Began and Ended are when.
	Began, Ended time.Time
	// Came is how many objects came.
	Came int
	// Unstored are the first objects of this pull that could not be stored; State.Problems are also those from before.
	Unstored []Problem
}

// finished is the event that tells of the pull.
func (r *run) finished() []store.Event {
	if r.config.Finished == nil {
		return nil
	}
	return []store.Event{r.config.Finished(Finished{
		State: r.state, Full: r.full, Began: r.began, Ended: r.config.Now(), Came: r.objects(), Unstored: r.problems,
	})}
}

func (r *run) attributes() []any {
	took := r.config.Now().Sub(r.began).Round(time.Millisecond)
	return []any{
		slog.String("partner", r.partner.ID), slog.Any("module", r.module), slog.Bool("full", r.full),
		slog.Int("objects", r.objects()), slog.Int("pages", r.pages), slog.Duration("took", took),
		slog.Int("created", r.counts.Created), slog.Int("updated", r.counts.Updated),
		slog.Int("refused", r.counts.Refused), slog.Int("gone", r.counts.Gone),
	}
}

// work fetches the list and draws the conclusions.
func (r *run) work(ctx context.Context) error {
	if err := r.fetch(ctx); err != nil {
		return err
	}
	r.ended = true
	if err := cmp.Or(r.endsShort(ctx), r.lacksUnsent(ctx)); err != nil {
		return err
	}
	if !r.full {
		return nil
	}
	return r.vanished(ctx)
}

// endsShort fails where the list ended below its total: the rest is lost. A partner whose lists do so again and again counts
// what it does not list, and is not failed for ever.
func (r *run) endsShort(ctx context.Context) error {
	short := &r.state.ShortDelta
	if r.full {
		short = &r.state.ShortFull
	}
	if r.missing == 0 {
		*short = Short{}
		return nil
	}
	*short = Short{Lists: short.Lists + 1, Missing: r.missing, Total: r.least}
	if !short.Habit() {
		return errors.New(short.String())
	}
	if short.Lists == shortLists {
		r.config.Logger.WarnContext(ctx, "lists end below their totals again and again: a partner counts what it does not list, and its total is not relied on any more",
			"partner", r.partner.ID, "module", r.module, "full", r.full, "missing", r.missing, "total", r.least)
	}
	return nil
}

// lacksUnsent fails where the partner could not send some objects, so that they are asked for again. Where that does not help,
// the pull goes on without them; they are asked for with the next list that they are in.
func (r *run) lacksUnsent(ctx context.Context) error {
	unsent := r.unsentBefore()
	if len(r.unsent) == 0 {
		*unsent = Unsent{}
		return nil
	}
	*unsent = Unsent{Lists: unsent.Lists + 1, Objects: len(r.unsent), First: r.unsent[0]}
	if !unsent.Habit() {
		return errors.New(unsent.String())
	}
	if unsent.Lists == unsentLists {
		r.config.Logger.WarnContext(ctx, "a partner fails over objects of its own again and again, and pulls go on without them",
			"partner", r.partner.ID, "module", r.module, "full", r.full, "objects", unsent.Objects, "first", unsent.First.ID)
	}
	return nil
}

// unsentBefore is what the last list of the kind lacked. One of the last weeks has objects that one of what is new has not.
func (r *run) unsentBefore() *Unsent {
	switch {
	case r.full:
		return &r.state.UnsentFull
	case r.back:
		return &r.state.UnsentBack
	default:
		return &r.state.UnsentDelta
	}
}

// succeed notes what came of a pull that was complete.
func (r *run) succeed() {
	s, now := &r.state, r.config.Now()
	s.Last, s.LastError, s.Failures, s.NotBefore = r.counts, "", 0, time.Time{}
	if newest := r.newestToTrust(); newest.After(s.Cursor) {
		s.Cursor = newest
	}
	if !r.full {
		s.Problems, s.LastDelta = r.problemsNow(), now
		if before := cmp.Or(s.Version, ocpi.V211); r.partner.Version.Compare(before) < 0 {
			s.Version = r.partner.Version // some of what is here now says less
		}
		r.judgeDateFrom()
	} else {
		s.Problems, s.LastFull, s.FullError, s.FullFailures = r.problems, now, "", 0
		s.Version = r.partner.Version
		if !r.noList {
			s.Objects = r.objects()
			s.Listed = s.Listed || s.Objects > 0
		}
	}
	s.plan(r.policy, r.full, r.back, now)
}

// newestToTrust is the newest time seen, by the partner's clock, and not after it was asked: what has changed since may be
// missing, and an object with a time in the future must not hide what comes before it.
func (r *run) newestToTrust() time.Time {
	asked := r.began
	if ahead := r.asked.Sub(r.began); !r.asked.IsZero() && ahead.Abs() < clockOff {
		asked = r.asked
	}
	if r.newest.After(asked) {
		return asked
	}
	return r.newest
}

// clockOff is how far a partner's clock can be from ours. What is further off is no clock.
const clockOff = 24 * time.Hour

// judgeDateFrom finds out whether the partner sends everything when it is asked for what is new. A few objects from before
// are no proof: there are partners whose locations keep their time when an EVSE of theirs changes. So it takes a list that
// is about as long as that of everything, and not of a handful.
func (r *run) judgeDateFrom() {
	const handful = 5
	old := !r.from.IsZero() && !r.oldest.IsZero() && r.oldest.Before(r.from.Add(-time.Second))
	ignores := old && r.objects() >= handful && 5*r.objects() >= 4*r.state.Objects
	if ignores && !r.state.IgnoresDateFrom {
		r.config.Logger.Warn("a partner ignores date_from: it sends everything when asked for what is new, and is only asked for everything from now on",
			"partner", r.partner.ID, "module", r.module)
	}
	r.state.IgnoresDateFrom = ignores
}

// fail notes that the pull was not complete. The cursor stays, and with it what is asked for the next time.
func (r *run) fail(err error) {
	s, now := &r.state, r.config.Now()
	s.Last, s.Problems = r.counts, r.problemsNow()
	s.LastError, s.LastFailure, s.NotBefore = err.Error(), now, time.Time{}
	s.Failures++
	if r.full {
		s.FullError = s.LastError
		s.FullFailures++
	}
	var wait time.Duration
	if e, ok := errors.AsType[*ocpiclient.Error](err); ok && e.RetryAfter > 0 {
		wait, s.NotBefore = e.RetryAfter, now.Add(e.RetryAfter)
	}
	s.planAgain(r.policy, r.full, r.back, wait, now)
}
