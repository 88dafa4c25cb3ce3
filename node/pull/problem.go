package pull

import (
	"context"
	"slices"
)

// maxProblems is how many objects that could not be stored are remembered, and logged of each pull.
const maxProblems = 20

// problemsNow are the objects that are known not to be stored, also those that did not come this time. One that is known by
// its place alone is forgotten where the list with this place was read to its end.
func (r *run) problemsNow() []Problem {
	all := slices.Clone(r.problems)
	for _, p := range r.kept {
		told := slices.ContainsFunc(r.problems, func(q Problem) bool { return q.ID == p.ID })
		if !told && !r.hasBeenAt(p.Place) {
			all = append(all, p)
		}
	}
	return all[:min(len(all), maxProblems)]
}

// hasBeenAt reports whether a place was in a list that was read to its end. The last weeks begin a little later each time, and
// so does what is new: where there is an object that cannot be had again, it is the one of before.
func (r *run) hasBeenAt(p *Place) bool {
	if p == nil {
		return false
	}
	for _, l := range r.readings {
		if l.ended && l.party == p.Party {
			moved := !p.From.IsZero() && (r.back || len(l.unsent) > 0)
			return moved || !r.from.After(p.From)
		}
	}
	return false
}

// hasCome forgets the problems from before with objects that were on a page.
func (r *run) hasCome(page *Page) {
	r.kept = slices.DeleteFunc(slices.Clone(r.kept), func(p Problem) bool { return page.has(p.ID) })
}

// problem remembers and tells an object that could not be stored.
func (r *run) problem(ctx context.Context, p Problem) {
	if len(r.problems) == maxProblems {
		return
	}
	r.problems = append(r.problems, p)
	r.config.Logger.WarnContext(ctx, "an object was not stored", "partner", r.partner.ID, "module", r.module, "id", p.ID, "reason", p.Reason)
}
