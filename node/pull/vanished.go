package pull

import (
	"context"

	"github.com/roamwire/roamwire/node/store"
	"github.com/roamwire/roamwire/ocpi"
)

// vanished finds what we have of the partner and was not in its list. What is missing from several lists in a row counts as
// removed (requirement L-03). Sessions and CDRs never do: they have happened. A list with objects that could not be named,
// or with fewer objects than its total, says nothing about what is missing.
func (r *run) vanished(ctx context.Context) error {
	switch r.module {
	case ocpi.ModuleLocations, ocpi.ModuleTariffs, ocpi.ModuleTokens:
	default:
		return nil
	}
	if r.total > r.objects || r.unnamed {
		r.config.Logger.WarnContext(ctx, "a list was not complete; it says nothing about what has vanished",
			"partner", r.partner.ID, "module", r.module, "objects", r.objects, "total", r.total)
		return nil
	}
	known, err := r.config.Store.Missing(ctx, r.partner.ID, r.module)
	if err != nil {
		return err
	}
	before := make(map[missingID]store.Missing, len(known))
	for _, m := range known {
		before[missingID{m.Key, m.EVSE}] = m
	}
	missing, err := r.unseen(ctx)
	if err != nil {
		return err
	}
	return r.count(ctx, before, append(missing, r.evses...))
}

// A missingID is what is missing.
type missingID struct {
	key  store.Key
	evse string
}

// unseen are the objects we have and the list has not.
func (r *run) unseen(ctx context.Context) ([]store.Missing, error) {
	const stretch = 1000
	selection := store.Selection{Module: r.module, Source: r.partner.ID, AnyAudience: true}
	var missing []store.Missing
	for after := int64(0); ; {
		objects, err := r.config.Store.Index(ctx, selection, after, stretch)
		if err != nil {
			return nil, err
		}
		for _, o := range objects {
			after = o.Created
			if _, seen := r.seen[r.hash(o.Key)]; !seen {
				missing = append(missing, store.Missing{Key: o.Key})
			}
		}
		if len(objects) < stretch {
			return missing, nil
		}
	}
}

// count counts how often each was missing, and removes what was missing often enough.
func (r *run) count(ctx context.Context, before map[missingID]store.Missing, missing []store.Missing) error {
	var keep, forget []store.Missing
	for _, m := range missing {
		id := missingID{m.Key, m.EVSE}
		m.Since, m.Pulls = r.began, 1
		if was, ok := before[id]; ok {
			m.Since, m.Pulls = was.Since, was.Pulls+1
			delete(before, id)
		}
		if m.Pulls == r.policy.GoneAfter {
			if err := r.config.Takers[r.module].Remove(ctx, r.partner.Partner, m, r.began); err != nil {
				return err
			}
			r.counts.Gone++
		}
		keep = append(keep, m)
	}
	for _, m := range before { // is there again
		forget = append(forget, m)
	}
	return r.config.Store.ChangeMissing(ctx, keep, forget)
}
