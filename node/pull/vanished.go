package pull

import (
	"context"
	"errors"

	"github.com/roamwire/roamwire/node/store"
	"github.com/roamwire/roamwire/ocpi"
)

// vanished finds what we have of the partner and was not in its list. What is missing from several lists in a row counts as
// removed (requirement L-03). Sessions and CDRs never do: they have happened.
func (r *run) vanished(ctx context.Context, state *State) error {
	switch r.module {
	case ocpi.ModuleLocations, ocpi.ModuleTariffs, ocpi.ModuleTokens:
	default:
		return nil
	}
	if !r.whole() {
		r.config.Logger.WarnContext(ctx, "a list was not complete; it says nothing about what has vanished",
			"partner", r.partner.ID, "module", r.module, "objects", r.objects(), "total", r.most)
		return nil
	}
	if state.Objects > smallList && 2*r.objects() < state.Objects {
		r.config.Logger.WarnContext(ctx, "a list has become much shorter", "partner", r.partner.ID, "module", r.module,
			"objects", r.objects(), "before", state.Objects, "gone_after", r.policy.GoneAfter)
	}
	known, err := r.config.Store.Missing(ctx, r.partner.ID, r.module)
	if err != nil {
		return err
	}
	c := counting{run: r, before: make(map[missingID]store.Missing, len(known)), goneBefore: state.GoneAfter}
	setDefault(&c.goneBefore, r.policy.GoneAfter)
	for _, m := range known {
		c.before[missingID{m.Key, m.EVSE}] = m
	}
	return c.all(ctx)
}

// smallList is how many objects a list has that nobody is warned about.
const smallList = 10

// whole reports whether the list can prove that something is missing from it. Each object counts once, and against the
// largest total of all pages: while objects are removed under way, those after them move up, and some may be passed over
// although the last total is reached (requirements TF-29, TF-30).
func (r *run) whole() bool { return !r.unnamed && r.objects() >= r.most }

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
	// goneBefore is how many pulls it took then to be removed.
	goneBefore int
}

// stretch is how many objects are looked at in one step.
const stretch = 1000

func (c *counting) all(ctx context.Context) error {
	selection := store.Selection{Module: c.module, Source: c.partner.ID, AnyAudience: true}
	for after, more := int64(0), true; more; {
		objects, err := c.config.Store.Index(ctx, selection, after, stretch)
		if err != nil {
			return err
		}
		var missing []missingID
		for _, o := range objects {
			after = o.Created
			if c.has(o.Key) || o.Change > c.latest { // what has changed since was sent by the partner meanwhile
				continue
			}
			missing = append(missing, missingID{key: o.Key})
		}
		if err := c.count(ctx, missing); err != nil {
			return err
		}
		more = len(objects) == stretch
	}
	var missing []missingID
	for id := range c.evses {
		missing = append(missing, id)
	}
	if err := c.count(ctx, missing); err != nil {
		return err
	}
	forget := make([]store.Missing, 0, len(c.before))
	for _, m := range c.before { // is there again
		forget = append(forget, m)
	}
	return c.config.Store.ChangeMissing(ctx, nil, forget)
}

// count counts once more for each that is missing, and removes what was missing often enough.
func (c *counting) count(ctx context.Context, missing []missingID) error {
	keep := make([]store.Missing, 0, len(missing))
	for _, id := range missing {
		was, again := c.before[id]
		delete(c.before, id)
		m := store.Missing{Key: id.key, EVSE: id.evse, Pulls: was.Pulls + 1, Since: was.Since}
		if !again {
			m.Since = c.began
		}
		// What was removed already is not removed again, unless the policy has changed.
		if m.Pulls >= c.policy.GoneAfter && was.Pulls < max(c.goneBefore, c.policy.GoneAfter) {
			if err := c.remove(ctx, &m); err != nil {
				return err
			}
		}
		keep = append(keep, m)
	}
	if len(keep) == 0 {
		return nil
	}
	return c.config.Store.ChangeMissing(ctx, keep, nil)
}

// remove removes what counts as gone. What cannot be removed is told, and tried again after the next pull of everything.
func (c *counting) remove(ctx context.Context, m *store.Missing) error {
	err := c.config.Takers[c.module].Remove(ctx, c.partner.Partner, *m, c.began)
	switch {
	case err == nil:
		c.counts.Gone++
	case errors.Is(err, ocpi.ErrNotFound): // the partner has deleted it meanwhile
	case ctx.Err() != nil:
		return err
	default:
		m.Pulls = c.policy.GoneAfter - 1
		c.problem(Problem{ID: m.Key.ID, Reason: "it is gone, and cannot be removed: " + err.Error()})
	}
	return nil
}
