package pull

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
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
	// readings are the lists, one after the other.
	readings []*reading
	// gone is how many objects count as removed.
	gone int
	// problems are the objects that could not be stored, kept those from before that have not come again.
	problems, kept []Problem
}

// leaseFor is how long a lease holds from when it is renewed.
const leaseFor = 2 * time.Minute

// begin takes the lease for a pull and finds out what is to be asked for. Whoever gets a run releases it.
func (p *Puller) begin(ctx context.Context, partner Partner, module ocpi.ModuleID, full bool) (*run, error) {
	name := "pull/" + partner.ID + "/" + string(module)
	r := &run{
		Puller: p, partner: partner, module: module, policy: partner.Policy.withDefaults(), began: p.config.Now(),
		lease: store.Lease{Name: name, Holder: p.config.Holder},
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
	r.full = full || r.state.fullDue(r.partner, r.began)
	if !r.full && !r.state.Cursor.IsZero() {
		r.from = r.state.Cursor.Add(-r.config.Overlap)
		if back := r.began.Add(-lookBack); r.state.looksBack(r.began) && back.Before(r.from) {
			r.from, r.back = back, true
		}
	}
	r.kept = r.state.Problems
	r.openLists()
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
	before.Lists = slices.Clone(before.Lists)
	err := r.work(ctx)
	if ctx.Err() != nil {
		return before, r.failed(errors.Join(err, ctx.Err()))
	}
	r.judgeMixed(err == nil)
	if err == nil {
		r.succeed()
	} else {
		r.fail(err)
	}
	r.sumUp()
	if saveErr := r.save(ctx, &r.state, r.lease, r.finished()...); saveErr != nil {
		err = errors.Join(err, saveErr)
	}
	if err != nil {
		err = r.failed(err)
		r.config.Logger.WarnContext(ctx, "a pull was not complete", "error", err, "objects", r.came())
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
		State: r.state, Full: r.full, Began: r.began, Ended: r.config.Now(), Came: r.came(), Unstored: r.problems,
	})}
}

func (r *run) attributes() []any {
	took, counts := r.config.Now().Sub(r.began).Round(time.Millisecond), r.became()
	return []any{
		slog.String("partner", r.partner.ID), slog.Any("module", r.module), slog.Bool("full", r.full),
		slog.Int("objects", r.came()), slog.Int("pages", r.pagesCame()), slog.Duration("took", took),
		slog.Int("created", counts.Created), slog.Int("updated", counts.Updated),
		slog.Int("refused", counts.Refused), slog.Int("gone", counts.Gone),
	}
}

// work fetches the lists and draws the conclusions. One that cannot be had keeps nobody from the others.
func (r *run) work(ctx context.Context) (failure error) {
	for _, l := range r.readings {
		err := l.read(ctx)
		switch {
		case err == nil:
			continue
		case failure == nil:
			failure = err
		default:
			failure = fmt.Errorf("%w; %w", failure, err)
		}
		if ctx.Err() != nil || endsPull(err) {
			return failure
		}
	}
	if !r.full || !slices.ContainsFunc(r.readings, func(l *reading) bool { return l.whole }) {
		return failure
	}
	return cmp.Or(failure, r.vanished(ctx))
}

// endsPull reports whether after a list that has failed the others need not be asked for: the partner wants to be left alone,
// or another process pulls.
func endsPull(err error) bool {
	e, ok := errors.AsType[*ocpiclient.Error](err)
	return errors.Is(err, store.ErrLeased) || ok && e.RetryAfter > 0
}

// came is how many objects have come that have a name, each once.
func (r *run) came() int {
	if len(r.readings) == 1 {
		return r.readings[0].objects()
	}
	seen, named := map[uint64]struct{}{}, map[uint64]struct{}{}
	for _, l := range r.readings {
		l.addTo(seen, named)
	}
	return len(seen) + len(named)
}

// pagesCame is how many pages have come.
func (r *run) pagesCame() (n int) {
	for _, l := range r.readings {
		n += l.pages
	}
	return n
}

// became is what became of the objects of all lists.
func (r *run) became() Counts {
	counts := Counts{Gone: r.gone}
	for _, l := range r.readings {
		counts.add(l.counts)
	}
	return counts
}

// succeed notes what came of a pull that was complete.
func (r *run) succeed() {
	s, now := &r.state, r.config.Now()
	s.Last, s.LastError, s.Failures, s.NotBefore = r.became(), "", 0, time.Time{}
	if newest := r.newestToTrust(); newest.After(s.Cursor) {
		s.Cursor = newest
	}
	if !r.full {
		s.Problems, s.LastDelta = r.problemsNow(), now
		if before := cmp.Or(s.Version, ocpi.V211); r.partner.Version.Compare(before) < 0 {
			s.Version = r.partner.Version // some of what is here now says less
		}
		for _, l := range r.readings {
			l.judgeDateFrom()
		}
	} else {
		s.Problems, s.LastFull, s.FullError, s.FullFailures = r.problems, now, "", 0
		s.Version = r.partner.Version
		s.Objects = r.objectsNow()
	}
	s.plan(r.policy, r.full, r.back, now)
}

// objectsNow takes down how many objects there were in each list, and returns how many there were in all.
func (r *run) objectsNow() int {
	for _, l := range r.readings {
		if !l.noList {
			l.known.Objects = l.objects()
			l.known.Listed = l.known.Listed || l.known.Objects > 0
		}
	}
	if len(r.readings) == 1 {
		return r.state.Objects
	}
	return r.came()
}

// newestToTrust is the newest time seen, by the partner's clock, and not after it was asked for the first list: what has changed
// since may be missing, and an object with a time in the future must not hide what comes before it.
func (r *run) newestToTrust() time.Time {
	first, asked := r.readings[0].asked, r.began
	if ahead := first.Sub(r.began); !first.IsZero() && ahead.Abs() < clockOff {
		asked = first
	}
	var newest time.Time
	for _, l := range r.readings {
		if l.newest.After(newest) {
			newest = l.newest
		}
	}
	if newest.After(asked) {
		return asked
	}
	return newest
}

// clockOff is how far a partner's clock can be from ours. What is further off is no clock.
const clockOff = 24 * time.Hour

// fail notes that the pull was not complete. The cursor stays, and with it what is asked for the next time.
func (r *run) fail(err error) {
	s, now := &r.state, r.config.Now()
	s.Last, s.Problems = r.became(), r.problemsNow()
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
