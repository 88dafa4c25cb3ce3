package pull

import (
	"hash/maphash"
	"maps"
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
	newest, oldest              time.Time
	// asked is when the partner made the first page, by its clock.
	asked time.Time
	// noList tells that an answer held no list, opaque that the Link of the last page names no offset, and movedUp that objects
	// that had come were asked for again.
	noList, opaque, movedUp bool
	// unsent are the objects that the partner could not send. ended tells that the list was read to its end, whole that nothing
	// was missing from it.
	unsent       []Problem
	ended, whole bool
}

func nothingYet(seed maphash.Seed) received {
	return received{total: -1, least: -1, list: newList(seed)}
}

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
	r.addObjects(page)
}

// has reports whether an object was on the page.
func (p *Page) has(id string) bool {
	return slices.ContainsFunc(p.Keys, func(k store.Key) bool { return strings.EqualFold(k.ID, id) }) ||
		slices.ContainsFunc(p.Problems, func(q Problem) bool { return strings.EqualFold(q.ID, id) })
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

func newList(seed maphash.Seed) list {
	return list{seed: seed, seen: map[uint64]struct{}{}, named: map[uint64]struct{}{}, evses: map[missingID]struct{}{}}
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

// addTo adds what there was that has a name to all that there was in lists.
func (l *list) addTo(seen, named map[uint64]struct{}) {
	maps.Copy(seen, l.seen)
	maps.Copy(named, l.named)
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
