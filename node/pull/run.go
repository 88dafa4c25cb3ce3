package pull

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/roamwire/roamwire/node/store"
	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/ocpiclient"
)

// A run is one pull of one module.
type run struct {
	*Puller
	partner  Partner
	module   ocpi.ModuleID
	policy   Policy
	full     bool
	from     time.Time
	began    time.Time
	progress func(objects, total int)

	// latest is the number of the latest change when the pull began.
	latest   int64
	pages    int
	counts   Counts
	problems []Problem
	newest   time.Time
	stale    bool
	// position is the place in the list after the last page, total how many objects it has by that page, and most by the
	// page that counted most.
	position, total, most int
	list
}

// leaseFor is how long a lease holds; it is renewed with every page.
const leaseFor = 2 * time.Minute

// pull makes one pull and keeps what came of it.
func (p *Puller) pull(ctx context.Context, partner Partner, module ocpi.ModuleID, full bool, progress func(objects, total int)) (State, error) {
	lease := "pull/" + partner.ID + "/" + string(module)
	if err := p.renew(ctx, lease); err != nil {
		return State{}, fmt.Errorf("pull %s of %s: %w", module, partner.ID, err)
	}
	defer func() { _ = p.config.Store.Release(context.WithoutCancel(ctx), lease, p.config.Holder) }() // it ends by itself
	state, err := p.read(ctx, partner.ID, module)
	if err != nil {
		return state, err
	}
	r := &run{
		Puller: p, partner: partner, module: module, policy: partner.Policy.withDefaults(), began: p.config.Now(), progress: progress,
		total: -1, list: newList(),
	}
	r.full = full || state.LastFull.IsZero() || !r.began.Before(state.FullDue)
	if !r.full && !state.Cursor.IsZero() {
		r.from = state.Cursor.Add(-p.config.Overlap)
	}
	if r.latest, err = p.config.Store.LatestChange(ctx, module, partner.ID); err != nil {
		return state, fmt.Errorf("pull %s of %s: %w", module, partner.ID, err)
	}
	err = r.fetch(ctx, lease)
	if err == nil && r.full {
		err = r.vanished(ctx, &state)
	}
	r.close(&state, err)
	if saveErr := p.save(context.WithoutCancel(ctx), &state); saveErr != nil {
		err = errors.Join(err, saveErr)
	}
	if err != nil {
		err = fmt.Errorf("pull %s of %s: %w", module, partner.ID, err)
		p.config.Logger.WarnContext(ctx, "a pull was not complete", "error", err)
		return state, err
	}
	p.config.Logger.InfoContext(ctx, "pulled", "partner", partner.ID, "module", module, "full", r.full, "objects", r.objects(),
		"pages", r.pages, "took", p.config.Now().Sub(r.began).Round(time.Millisecond), "created", r.counts.Created, "updated", r.counts.Updated, "refused", r.counts.Refused, "gone", r.counts.Gone)
	return state, nil
}

func (p *Puller) renew(ctx context.Context, lease string) error {
	now := p.config.Now()
	return p.config.Store.Lease(ctx, store.Lease{Name: lease, Holder: p.config.Holder, Until: now.Add(leaseFor)}, now)
}

// maxProblems is how many objects that could not be stored are remembered.
const maxProblems = 20

func (r *run) take(page Page) {
	r.pages++
	if page.Total >= 0 && page.Total < r.total { // those after the ones that went have moved up
		r.position = max(0, r.position-(r.total-page.Total))
	}
	r.position += page.Objects
	r.total, r.most = page.Total, max(r.most, page.Total)
	r.counts.add(page.Counts)
	if page.Newest.After(r.newest) {
		r.newest = page.Newest
	}
	if !r.from.IsZero() && !page.Oldest.IsZero() && page.Oldest.Before(r.from.Add(-time.Second)) {
		r.stale = true
	}
	for _, problem := range page.Problems {
		r.problem(problem)
	}
	r.add(page)
	if r.progress != nil {
		r.progress(r.objects(), r.total)
	}
}

func (r *run) problem(p Problem) {
	if len(r.problems) < maxProblems {
		r.problems = append(r.problems, p)
	}
}

// ignoresDateFrom reports whether the partner has sent everything when it was asked for what is new. One object from before
// is no proof: there are partners whose locations keep their time when an EVSE of theirs changes.
func (r *run) ignoresDateFrom(state *State) bool { return r.stale && 2*r.objects() >= state.Objects }

// close notes what came of the pull. The cursor is the newest time seen, by the partner's clock, and never after we began to
// ask: an object with a time in the future must not hide what comes before it. Where nothing new came it stays.
func (r *run) close(state *State, err error) {
	now := r.config.Now()
	state.Last, state.Problems = r.counts, r.problems
	if err != nil {
		r.fail(state, err, now)
		return
	}
	state.LastError, state.Failures, state.NotBefore = "", 0, time.Time{}
	if !r.full {
		ignored := r.ignoresDateFrom(state)
		if ignored && !state.IgnoresDateFrom {
			r.config.Logger.Warn("a partner ignores date_from: it sends everything when asked for what is new, and is only asked for everything from now on",
				"partner", r.partner.ID, "module", r.module)
		}
		state.IgnoresDateFrom, state.LastDelta = ignored, now
	} else {
		state.LastFull, state.Objects, state.GoneAfter = now, r.objects(), r.policy.GoneAfter
	}
	newest := r.newest
	if newest.After(r.began) {
		newest = r.began
	}
	if newest.After(state.Cursor) {
		state.Cursor = newest
	}
	state.plan(r.policy, r.full, now)
}

// fail notes that the pull was not complete. The cursor stays, and with it what is asked for the next time.
func (r *run) fail(state *State, err error, now time.Time) {
	state.Failures++
	state.LastError, state.LastFailure, state.NotBefore = err.Error(), now, time.Time{}
	wait := min(time.Minute<<min(state.Failures-1, 10), time.Hour, r.policy.Every)
	if e, ok := errors.AsType[*ocpiclient.Error](err); ok && e.RetryAfter > 0 {
		wait = max(wait, e.RetryAfter)
		state.NotBefore = now.Add(e.RetryAfter)
	}
	state.Due = now.Add(spread(wait))
	if state.Due.Before(state.NotBefore) {
		state.Due = state.NotBefore
	}
}
