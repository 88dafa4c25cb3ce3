package pull

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
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

	counts   Counts
	objects  int
	total    int
	newest   time.Time
	stale    int
	unnamed  bool
	problems []Problem
	// seen are hashes of the keys that were in the list.
	seed maphash.Seed
	seen map[uint64]struct{}
	// evses are EVSEs that were missing from locations that were there.
	evses []store.Missing
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
		total: -1, seed: maphash.MakeSeed(), seen: map[uint64]struct{}{},
	}
	r.full = full || state.LastFull.IsZero() || r.began.Sub(state.LastFull) >= r.policy.FullEvery
	if !r.full {
		r.from = state.Cursor.Add(-p.config.Overlap)
	}
	err = r.pages(ctx, lease)
	if err == nil && r.full {
		err = r.vanished(ctx)
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
	p.config.Logger.InfoContext(ctx, "pulled", "partner", partner.ID, "module", module, "full", r.full, "objects", r.objects,
		"created", r.counts.Created, "updated", r.counts.Updated, "refused", r.counts.Refused, "gone", r.counts.Gone)
	return state, nil
}

func (p *Puller) renew(ctx context.Context, lease string) error {
	now := p.config.Now()
	return p.config.Store.Lease(ctx, store.Lease{Name: lease, Holder: p.config.Holder, Until: now.Add(leaseFor)}, now)
}

// pages fetches and stores the list. An answer that is too large is asked for again in smaller pages.
func (r *run) pages(ctx context.Context, lease string) error {
	client, err := r.config.Client(ctx, r.partner.ID)
	if err != nil {
		return err
	}
	limit := r.policy.Limit
	for {
		query := ocpi.Query{DateFrom: r.from, Limit: limit}
		err := r.config.Takers[r.module].Pages(ctx, client, r.partner.Partner, query, func(page Page) error {
			r.take(page)
			return r.renew(ctx, lease)
		})
		if !errors.Is(err, ocpiclient.ErrTooLarge) || limit <= 1 {
			return err
		}
		limit = max(1, limit/4)
	}
}

// maxProblems is how many objects that could not be stored are remembered.
const maxProblems = 20

func (r *run) take(page Page) {
	r.objects += page.Objects
	r.total = page.Total
	r.counts.add(page.Counts)
	if page.Newest.After(r.newest) {
		r.newest = page.Newest
	}
	if !r.from.IsZero() && !page.Oldest.IsZero() && page.Oldest.Before(r.from.Add(-time.Second)) {
		r.stale++
	}
	r.unnamed = r.unnamed || page.Unnamed
	for _, problem := range page.Problems {
		if len(r.problems) < maxProblems {
			r.problems = append(r.problems, problem)
		}
	}
	if r.full {
		for _, key := range page.Keys {
			r.seen[r.hash(key)] = struct{}{}
		}
		r.evses = append(r.evses, page.MissingEVSEs...)
	}
	if r.progress != nil {
		r.progress(r.objects, r.total)
	}
}

func (r *run) hash(key store.Key) uint64 { return maphash.Comparable(r.seed, key) }

// close notes what came of the pull. The cursor is the newest time seen, by the partner's clock, and never after we began to
// ask: an object with a time in the future must not hide what comes before it.
func (r *run) close(state *State, err error) {
	now := r.config.Now()
	state.Last, state.Problems = r.counts, r.problems
	if err != nil {
		state.Failures++
		state.LastError, state.LastFailure = err.Error(), now
		wait := min(time.Minute<<min(state.Failures-1, 10), time.Hour, r.policy.Every)
		if e, ok := errors.AsType[*ocpiclient.Error](err); ok {
			wait = max(wait, e.RetryAfter)
		}
		state.Due = now.Add(spread(wait))
		return
	}
	state.LastError, state.Failures = "", 0
	state.IgnoresDateFrom = r.stale > 0 || r.full && state.IgnoresDateFrom
	newest := r.newest
	if newest.After(r.began) {
		newest = r.began
	}
	if newest.After(state.Cursor) {
		state.Cursor = newest
	}
	if r.full {
		state.LastFull, state.Objects = now, r.objects
		if state.Cursor.IsZero() {
			state.Cursor = r.began
		}
	} else {
		state.LastDelta = now
	}
	if r.stale > 0 {
		r.config.Logger.Warn("a partner ignores date_from: it sends everything when asked for what is new", "partner", r.partner.ID, "module", r.module)
	}
	state.Due = now.Add(spread(min(r.policy.Every, r.policy.FullEvery)))
}
