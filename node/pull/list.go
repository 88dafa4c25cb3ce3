package pull

import (
	"hash/maphash"
	"slices"
	"strings"
	"time"

	"github.com/roamwire/roamwire/node/store"
)

// received is what has come of a partner's list so far.
type received struct {
	list
	// pages, entries and size are how much has come, also what came twice.
	pages, entries int
	size           int64
	// position is the place in the list after the last page.
	position int
	// total is how many objects the list has by the last page, most and least by the pages that counted most and least; -1
	// for not known. missing is how many of the least have not come at the end.
	total, most, least, missing int
	counts                      Counts
	// problems are the objects that could not be stored, kept those from before that have not come again.
	problems, kept []Problem
	newest, oldest time.Time
	// asked is when the partner made the first page, by its clock.
	asked time.Time
	// noList tells that an answer held no list, opaque that the Link of the last page names no offset, and movedUp that objects
	// that had come were asked for again.
	noList, opaque, movedUp bool
	// unsent are the objects that the partner could not send. ended tells that the list was read to its end.
	unsent []Problem
	ended  bool
}

func nothingYet() received { return received{total: -1, least: -1, list: newList()} }

// addPage takes a page down. Problems are left to the caller.
func (r *received) addPage(page *Page) {
	if r.pages++; r.pages == 1 {
		r.asked = page.Time
	}
	r.entries += page.Objects
	r.size += int64(page.Size)
	r.position = page.Position + page.Objects
	r.opaque = page.More && page.Next < r.position
	r.position = max(r.position, page.Next) // a page may be cut before objects are hidden
	r.total, r.most, r.missing = page.Total, max(r.most, page.Total), page.Missing
	if page.Total >= 0 && (r.least < 0 || page.Total < r.least) {
		r.least = page.Total
	}
	r.counts.add(page.Counts)
	if page.Newest.After(r.newest) {
		r.newest = page.Newest
	}
	if r.oldest.IsZero() || !page.Oldest.IsZero() && page.Oldest.Before(r.oldest) {
		r.oldest = page.Oldest
	}
	r.noList = r.noList || page.NoList
	r.kept = slices.DeleteFunc(slices.Clone(r.kept), func(p Problem) bool { return page.has(p.ID) })
	r.addObjects(page)
}

// has reports whether an object was on the page.
func (p *Page) has(id string) bool {
	return slices.ContainsFunc(p.Keys, func(k store.Key) bool { return strings.EqualFold(k.ID, id) }) ||
		slices.ContainsFunc(p.Problems, func(q Problem) bool { return strings.EqualFold(q.ID, id) })
}

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
	if p == nil || !r.ended {
		return false
	}
	moved := !p.From.IsZero() && (r.back || len(r.unsent) > 0)
	return moved || !r.from.After(p.From)
}

// A list is what was in a partner's list, each object once however often it came. Of the objects it keeps hashes alone:
// there may be a million.
type list struct {
	seed maphash.Seed
	seen map[uint64]struct{}
	// named are the ids of objects that could not be read. unnamed tells that there were some without an id.
	named   map[uint64]struct{}
	unnamed bool
	// evses are EVSEs that were missing from locations that were there.
	evses map[missingID]struct{}
}

func newList() list {
	return list{seed: maphash.MakeSeed(), seen: map[uint64]struct{}{}, named: map[uint64]struct{}{}, evses: map[missingID]struct{}{}}
}

func (l *list) addObjects(page *Page) {
	for _, key := range page.Keys {
		l.seen[maphash.Comparable(l.seed, key)] = struct{}{}
	}
	for _, id := range page.Named {
		l.named[l.hash(id)] = struct{}{}
	}
	for _, m := range page.MissingEVSEs {
		l.evses[missingID{m.Key, m.EVSE}] = struct{}{}
	}
	l.unnamed = l.unnamed || page.Unnamed
}

// objects is how many there were that have a name.
func (l *list) objects() int { return len(l.seen) + len(l.named) }

// has reports whether an object was there, or may have been: of one that could not be read the id alone is known.
func (l *list) has(key store.Key) bool {
	if _, seen := l.seen[maphash.Comparable(l.seed, key)]; seen {
		return true
	}
	_, named := l.named[l.hash(key.ID)]
	return named
}

func (l *list) hash(id string) uint64 { return maphash.String(l.seed, strings.ToLower(id)) }
