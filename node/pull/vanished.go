package pull

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/roamwire/roamwire/node/store"
	"github.com/roamwire/roamwire/ocpi"
)

// vanished finds what we have of the partner and was not in its list. What is missing from several lists in a row counts as
// removed (requirement L-03). Sessions and CDRs never do: they have happened.
func (r *run) vanished(ctx context.Context) error {
	switch r.module {
	case ocpi.ModuleLocations, ocpi.ModuleTariffs, ocpi.ModuleTokens:
	default:
		return nil
	}
	if r.state.Unproven = r.unproven(); r.state.Unproven != "" {
		r.config.Logger.WarnContext(ctx, "a list says nothing about what has vanished", "partner", r.partner.ID, "module", r.module,
			"reason", r.state.Unproven)
		return nil
	}
	known, err := r.config.Store.Missing(ctx, r.partner.ID, r.module)
	if err != nil {
		return err
	}
	if r.state.LastFull.IsZero() { // what was missing before the partner registered anew does not count
		if err := r.config.Store.ChangeMissing(ctx, nil, known, r.lease); err != nil {
			return err
		}
		known = nil
	}
	c := counting{run: r, before: make(map[missingID]store.Missing, len(known)), goneBefore: r.state.GoneAfter}
	if c.goneAfter, err = r.goneAfter(ctx, known); err != nil {
		return err
	}
	c.goneBefore = cmp.Or(c.goneBefore, c.goneAfter)
	for _, m := range known {
		c.before[missingID{m.Key, m.EVSE}] = m
	}
	r.state.GoneAfter = c.goneAfter
	return c.all(ctx)
}

// unproven says why the list cannot prove that something is missing from it; empty where it can. Each object counts once,
// and against the largest total of all pages: while objects are removed under way, those after them move up, and some may be
// passed over although the last total is reached (requirements TF-29, TF-30).
func (r *run) unproven() string {
	switch {
	case r.noList:
		return "there was no list in an answer"
	case len(r.unsent) > 0:
		return r.state.UnsentFull.String()
	case r.unnamed:
		return "objects without a usable id were in the list"
	case r.objects() == 0 && r.state.Objects == 0 && !r.state.Listed:
		return "nothing was ever in the list" // and what we have was pushed to us
	case r.objects() < r.most:
		return fmt.Sprintf("the list had %d different objects, and its total was %d", r.objects(), r.most)
	default:
		return ""
	}
}

// smallList is how many objects a list has that may lose any number of them.
const smallList = 10

// goneAfter is how many lists in a row an object must be missing from. A list that has lost more than half, or that has less
// than half of what the partner has pushed to us, is more likely a mistake of the partner's than the truth: it takes twice as
// many then.
func (r *run) goneAfter(ctx context.Context, known []store.Missing) (int, error) {
	stored, err := r.config.Store.List(ctx, store.Selection{Module: r.module, Source: r.partner.ID, AnyAudience: true}, ocpi.Query{Limit: 1})
	if err != nil {
		return 0, err
	}
	here := stored.Total
	for _, m := range known {
		if m.EVSE == "" && r.state.GoneAfter > 0 && m.Pulls >= r.state.GoneAfter {
			here-- // is gone already
		}
	}
	shrunk := &r.state.Shrunk
	from := max(shrunk.From, r.state.Objects, here)
	if from <= smallList || 2*r.objects() >= from {
		*shrunk = Shrunk{}
		return r.policy.GoneAfter, nil
	}
	*shrunk = Shrunk{From: from, Pulls: shrunk.Pulls + 1}
	r.config.Logger.WarnContext(ctx, "a list is much shorter than what is here", "partner", r.partner.ID, "module", r.module,
		"objects", r.objects(), "here", from, "pulls", shrunk.Pulls, "gone_after", 2*r.policy.GoneAfter)
	if shrunk.Pulls >= 2*r.policy.GoneAfter { // it is the truth
		*shrunk = Shrunk{}
	}
	return 2 * r.policy.GoneAfter, nil
}

// A missingID is what is missing.
type missingID struct {
	key  store.Key
	evse string
}

// A counting counts how often what is missing was missing before.
type counting struct {
	*run
	// before is what was missing from the list before this one, and is not found to be missing again yet.
	before map[missingID]store.Missing
	// goneAfter is how many lists in a row something must be missing from, goneBefore how many it took then.
	goneAfter, goneBefore int
}

// stretch is how many objects are looked at in one step.
const stretch = 1000

func (c *counting) all(ctx context.Context) error {
	fresh, err := c.objectsMissing(ctx)
	if err != nil {
		return err
	}
	if err := c.evsesMissing(ctx, fresh); err != nil {
		return err
	}
	forget := make([]store.Missing, 0, len(c.before))
	for _, m := range c.before { // is there again
		forget = append(forget, m)
	}
	return c.config.Store.ChangeMissing(ctx, nil, forget, c.lease)
}

// objectsMissing counts the objects that are missing. What has changed since the pull began was sent by the partner
// meanwhile. fresh are those of them that EVSEs are missing from.
func (c *counting) objectsMissing(ctx context.Context) (fresh map[store.Key]bool, err error) {
	fresh = map[store.Key]bool{}
	for id := range c.evses {
		fresh[id.key] = false
	}
	selection := store.Selection{Module: c.module, Source: c.partner.ID, AnyAudience: true}
	for after, more := int64(0), true; more; {
		objects, err := c.config.Store.Index(ctx, selection, after, stretch)
		if err != nil {
			return nil, err
		}
		var missing []store.Missing
		for _, o := range objects {
			after = o.Created
			changed := o.Change > c.latest
			if _, counts := fresh[o.Key]; counts {
				fresh[o.Key] = changed
			}
			if !changed && !c.has(o.Key) {
				missing = append(missing, c.again(missingID{key: o.Key}))
			}
		}
		if err := c.count(ctx, missing); err != nil {
			return nil, err
		}
		more = len(objects) == stretch
	}
	return fresh, nil
}

// evsesMissing counts the EVSEs that are missing from locations that were in the list. One that is missed for the first time
// from a location which has changed since the pull began may have come meanwhile, by a push, and is never removed at once.
func (c *counting) evsesMissing(ctx context.Context, fresh map[store.Key]bool) error {
	missing := make([]store.Missing, 0, len(c.evses))
	for id := range c.evses {
		_, before := c.before[id]
		m := c.again(id)
		if !before && fresh[id.key] {
			m.Pulls = min(1, c.goneAfter-1)
		}
		missing = append(missing, m)
	}
	return c.count(ctx, missing)
}

// again is how often something is missing now.
func (c *counting) again(id missingID) store.Missing {
	m := store.Missing{Key: id.key, EVSE: id.evse, Pulls: 1, Since: c.began}
	if was, again := c.before[id]; again {
		m.Pulls, m.Since = was.Pulls+1, was.Since
	}
	delete(c.before, id)
	return m
}

// count keeps how often things are missing, and removes what is missing often enough.
func (c *counting) count(ctx context.Context, missing []store.Missing) error {
	gone := map[store.Key][]*store.Missing{}
	for i := range missing {
		if m := &missing[i]; c.isGone(m) {
			gone[m.Key] = append(gone[m.Key], m)
		}
	}
	for key, parts := range gone {
		if err := c.renew(ctx); err != nil {
			return err
		}
		if err := c.remove(ctx, key, parts); err != nil {
			return err
		}
	}
	if len(missing) == 0 {
		return nil
	}
	return c.config.Store.ChangeMissing(ctx, missing, nil, c.lease)
}

// isGone reports whether something is to be removed. What was removed already is not removed again, unless the policy has
// changed.
func (c *counting) isGone(m *store.Missing) bool {
	return m.Pulls >= c.goneAfter && m.Pulls-1 < max(c.goneBefore, c.goneAfter)
}

// remove removes an object, or EVSEs of it, that count as gone. What cannot be removed is told, and tried again after the
// next pull of everything.
func (c *counting) remove(ctx context.Context, key store.Key, parts []*store.Missing) error {
	var evses []string
	for _, m := range parts {
		if m.EVSE != "" {
			evses = append(evses, m.EVSE)
		}
	}
	err := c.config.Takers[c.module].Remove(ctx, c.partner.Partner, key, evses, c.began)
	switch {
	case err == nil:
		c.counts.Gone += len(parts)
	case errors.Is(err, ocpi.ErrNotFound): // the partner has deleted it meanwhile
	case ctx.Err() != nil:
		return err
	default:
		for _, m := range parts {
			m.Pulls = c.goneAfter - 1
		}
		c.problem(ctx, Problem{ID: key.ID, Reason: "it is gone, and cannot be removed: " + err.Error()})
	}
	return nil
}
