package pull

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"slices"
	"time"

	"github.com/roamwire/roamwire/node/store"
	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/ocpiclient"
)

// A reading is one list while it is read. A pull has one, or one for each party of a platform that has several.
type reading struct {
	*run
	// party is who is asked for the list; zero where there is only one.
	party ocpi.Party
	// known is what is known of the list, in the state of the run.
	known *List
	received
	// foreign tells that there were objects of another party of the platform.
	foreign bool
}

// lists are the parties that are asked for a module, each for its list: since 2.2 a platform has the objects of all its parties
// at one address, and a message says which party it is for (requirement DT-21). The zero Party stands for the one list there is
// in 2.1.1, and that of a hub or a single party.
func (p Partner) lists(module ocpi.ModuleID) []ocpi.Party {
	role := ocpi.RoleCPO
	if module == ocpi.ModuleTokens {
		role = ocpi.RoleEMSP
	}
	parties := p.Parties(role)
	if !ocpi.Routed(p.Version, module) || p.Has(ocpi.RoleHub) || len(parties) < 2 {
		return []ocpi.Party{{}}
	}
	return parties
}

// openLists makes the readings of a pull, each with what is known of its list.
func (r *run) openLists() {
	parties, seed := r.partner.lists(r.module), maphash.MakeSeed()
	if r.state.Lists = r.state.listsOf(parties); len(r.state.Lists) == 0 {
		r.state.Mixed = false
		r.readings = []*reading{{run: r, known: &r.state.List, received: nothingYet(seed)}}
		return
	}
	r.readings = make([]*reading, len(parties))
	for i, party := range parties {
		r.readings[i] = &reading{run: r, party: party, known: &r.state.Lists[i], received: nothingYet(seed)}
	}
}

// listsOf is what is known of the lists of several parties; nil where there is one list.
func (s *State) listsOf(parties []ocpi.Party) (lists []List) {
	if len(parties) < 2 {
		return nil
	}
	for _, party := range parties {
		known := List{Party: party}
		if i := s.listOf(party); i >= 0 {
			known = s.Lists[i]
		}
		lists = append(lists, known)
	}
	return lists
}

func (s *State) listOf(party ocpi.Party) int {
	return slices.IndexFunc(s.Lists, func(l List) bool { return l.Party == party })
}

// read fetches the list and finds out whether it was whole.
func (r *reading) read(ctx context.Context) error {
	err := r.fetch(ocpiclient.WithReceiver(ctx, r.party))
	if err == nil {
		r.ended = true
		err = cmp.Or(r.endsShort(ctx), r.lacksUnsent(ctx))
	}
	r.whole = err == nil
	if err != nil && r.party != (ocpi.Party{}) {
		return fmt.Errorf("the list of %s: %w", r.party, err)
	}
	return err
}

// endsShort fails where the list ended below its total: the rest is lost. A partner whose lists do so again and again counts
// what it does not list, and is not failed for ever.
func (r *reading) endsShort(ctx context.Context) error {
	short := &r.known.ShortDelta
	if r.full {
		short = &r.known.ShortFull
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
func (r *reading) lacksUnsent(ctx context.Context) error {
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
func (r *reading) unsentBefore() *Unsent {
	switch {
	case r.full:
		return &r.known.UnsentFull
	case r.back:
		return &r.known.UnsentBack
	default:
		return &r.known.UnsentDelta
	}
}

// judgeDateFrom finds out whether the partner sends everything when it is asked for what is new. A few objects from before
// are no proof: there are partners whose locations keep their time when an EVSE of theirs changes. So it takes a list that
// is about as long as that of everything, and not of a handful.
func (r *reading) judgeDateFrom() {
	const handful = 5
	old := !r.from.IsZero() && !r.oldest.IsZero() && r.oldest.Before(r.from.Add(-time.Second))
	ignores := old && r.objects() >= handful && 5*r.objects() >= 4*r.known.Objects
	if ignores && !r.known.IgnoresDateFrom {
		r.config.Logger.Warn("a partner ignores date_from: it sends everything when asked for what is new, and is only asked for everything from now on",
			"partner", r.partner.ID, "module", r.module)
	}
	r.known.IgnoresDateFrom = ignores
}

// hasForeign reports whether there is an object of another of the platform's parties on a page.
func (r *reading) hasForeign(page *Page) bool {
	return r.party != (ocpi.Party{}) && slices.ContainsFunc(page.Keys, func(k store.Key) bool {
		return k.Party != r.party && r.state.listOf(k.Party) >= 0
	})
}

// sumUp tells of the lists of several parties as if they were one.
func (r *run) sumUp() {
	lists := r.state.Lists
	if len(lists) == 0 {
		return
	}
	sum := List{Objects: r.state.Objects}
	for i := range lists {
		l := &lists[i]
		sum.Listed = sum.Listed || l.Listed
		sum.IgnoresDateFrom = sum.IgnoresDateFrom || l.IgnoresDateFrom
		sum.GoneAfter = max(sum.GoneAfter, l.GoneAfter)
		sum.ShortFull, sum.ShortDelta = sum.ShortFull.longer(l.ShortFull), sum.ShortDelta.longer(l.ShortDelta)
		sum.Shrunk = cmp.Or(sum.Shrunk, l.Shrunk)
		if sum.Unproven == "" && l.Unproven != "" {
			sum.Unproven = fmt.Sprintf("the list of %s: %s", l.Party, l.Unproven)
		}
	}
	r.state.List = sum
}

// judgeMixed finds out whether lists have objects of other parties in them. That they have not shows in whole lists of everything
// alone.
func (r *run) judgeMixed(complete bool) {
	foreign := slices.ContainsFunc(r.readings, func(l *reading) bool { return l.foreign })
	if foreign && !r.state.Mixed {
		r.config.Logger.Warn("a partner with several parties was asked for the list of one, and has sent objects of another: it may not read whom a message is for",
			"partner", r.partner.ID, "module", r.module)
	}
	r.state.Mixed = foreign || r.state.Mixed && (!r.full || !complete)
}
