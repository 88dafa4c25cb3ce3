package pull

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

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
	if !r.prove(ctx) {
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
	c := counting{run: r, before: make(map[missingID]store.Missing, len(known))}
	if err := c.judge(ctx, known); err != nil {
		return err
	}
	for _, m := range known {
		if c.of(m.Key.Party).proven {
			c.before[missingID{m.Key, m.EVSE}] = m
		}
	}
	return c.all(ctx)
}

// prove finds out which lists prove that something is missing from them, and whether any does. Where objects of one party may be
// in the list of another, none does without the others.
func (r *run) prove(ctx context.Context) (any bool) {
	all := true
	for _, l := range r.readings {
		if l.known.Unproven = l.unproven(); l.known.Unproven != "" {
			all = false
			r.config.Logger.WarnContext(ctx, "a list says nothing about what has vanished", "partner", r.partner.ID, "module", r.module,
				"party", l.party, "reason", l.known.Unproven)
			continue
		}
		any = true
	}
	mixed := r.state.Mixed || slices.ContainsFunc(r.readings, func(l *reading) bool { return l.foreign })
	return any && (all || !mixed)
}

// unproven says why the list cannot prove that something is missing from it; empty where it can. Each object counts once,
// and against the largest total of all pages: while objects are removed under way, those after them move up, and some may be
// passed over although the last total is reached (requirements TF-29, TF-30).
func (r *reading) unproven() string {
	switch {
	case !r.whole:
		return "it was not complete"
	case r.noList:
		return "there was no list in an answer"
	case len(r.unsent) > 0:
		return r.known.UnsentFull.String()
	case r.unnamed:
		return "objects without a usable id were in the list"
	case r.objects() == 0 && r.known.Objects == 0 && !r.known.Listed:
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
func (r *reading) goneAfter(ctx context.Context, known []store.Missing) (int, error) {
	selection := store.Selection{Module: r.module, Source: r.partner.ID, AnyAudience: true}
	if r.party != (ocpi.Party{}) {
		selection.Parties = []ocpi.Party{r.party}
	}
	stored, err := r.config.Store.List(ctx, selection, ocpi.Query{Limit: 1})
	if err != nil {
		return 0, err
	}
	here := stored.Total
	for _, m := range known {
		if ours := r.party == (ocpi.Party{}) || r.party == m.Key.Party; ours && m.EVSE == "" && r.known.GoneAfter > 0 && m.Pulls >= r.known.GoneAfter {
			here-- // is gone already
		}
	}
	shrunk := &r.known.Shrunk
	from := max(shrunk.From, r.known.Objects, here)
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
	// parties are the verdicts of the lists of several parties on their objects, others that on all other objects.
	parties map[ocpi.Party]verdict
	others  verdict
}

// A verdict is what a list proves.
type verdict struct {
	// proven tells that what is not in it is missing.
	proven bool
	// goneAfter is how many lists in a row something must be missing from, goneBefore how many it took the last time.
	goneAfter, goneBefore int
}

// judge finds the verdicts. About objects of parties that are not asked for theirs, all lists must say the same.
func (c *counting) judge(ctx context.Context, known []store.Missing) (err error) {
	c.parties, c.others = map[ocpi.Party]verdict{}, verdict{proven: true}
	for _, l := range c.readings {
		v := verdict{proven: l.known.Unproven == "", goneAfter: l.known.GoneAfter, goneBefore: l.known.GoneAfter}
		if v.proven {
			if v.goneAfter, err = l.goneAfter(ctx, known); err != nil {
				return err
			}
			v.goneBefore = cmp.Or(v.goneBefore, v.goneAfter)
			l.known.GoneAfter = v.goneAfter
		}
		c.parties[l.party] = v
		c.others = verdict{c.others.proven && v.proven, max(c.others.goneAfter, v.goneAfter), max(c.others.goneBefore, v.goneBefore)}
	}
	return nil
}

// of is the verdict on the objects of a party.
func (c *counting) of(party ocpi.Party) verdict {
	if v, asked := c.parties[party]; asked {
		return v
	}
	return c.others
}

// wasListed reports whether an object was in any list.
func (r *run) wasListed(key store.Key) bool {
	return slices.ContainsFunc(r.readings, func(l *reading) bool { return l.has(key) })
}

// evsesLacking are the EVSEs that were missing from locations that were there.
func (c *counting) evsesLacking() map[missingID]struct{} {
	all := map[missingID]struct{}{}
	for _, l := range c.readings {
		for id := range l.evses {
			if c.of(id.key.Party).proven {
				all[id] = struct{}{}
			}
		}
	}
	return all
}

// stretch is how many objects are looked at in one step.
const stretch = 1000

func (c *counting) all(ctx context.Context) error {
	evses := c.evsesLacking()
	fresh, err := c.objectsMissing(ctx, evses)
	if err != nil {
		return err
	}
	if err := c.evsesMissing(ctx, evses, fresh); err != nil {
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
func (c *counting) objectsMissing(ctx context.Context, evses map[missingID]struct{}) (fresh map[store.Key]bool, err error) {
	fresh = map[store.Key]bool{}
	for id := range evses {
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
			if !changed && c.of(o.Key.Party).proven && !c.wasListed(o.Key) {
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
func (c *counting) evsesMissing(ctx context.Context, evses map[missingID]struct{}, fresh map[store.Key]bool) error {
	missing := make([]store.Missing, 0, len(evses))
	for id := range evses {
		_, before := c.before[id]
		m := c.again(id)
		if !before && fresh[id.key] {
			m.Pulls = min(1, c.of(id.key.Party).goneAfter-1)
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
	v := c.of(m.Key.Party)
	return m.Pulls >= v.goneAfter && m.Pulls-1 < max(v.goneBefore, v.goneAfter)
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
		c.gone += len(parts)
	case errors.Is(err, ocpi.ErrNotFound): // the partner has deleted it meanwhile
	case ctx.Err() != nil:
		return err
	default:
		for _, m := range parts {
			m.Pulls = c.of(key.Party).goneAfter - 1
		}
		c.problem(ctx, Problem{ID: key.ID, Reason: "it is gone, and cannot be removed: " + err.Error()})
	}
	return nil
}
