package pull

import (
	"hash/maphash"
	"strings"

	"github.com/roamwire/roamwire/node/store"
)

// A list is what was in a partner's list, each object once however often it came. Of the objects it keeps hashes alone:
// there may be a million.
type list struct {
	seed maphash.Seed
	seen map[uint64]struct{}
	// named are the ids of objects that could not be read. unnamed tells that there were some without an id.
	named   map[string]struct{}
	unnamed bool
	// evses are EVSEs that were missing from locations that were there.
	evses map[missingID]struct{}
}

func newList() list {
	return list{seed: maphash.MakeSeed(), seen: map[uint64]struct{}{}, named: map[string]struct{}{}, evses: map[missingID]struct{}{}}
}

func (l *list) add(page Page) {
	for _, key := range page.Keys {
		l.seen[l.hash(key)] = struct{}{}
	}
	for _, id := range page.Named {
		l.named[strings.ToLower(id)] = struct{}{}
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
	if _, seen := l.seen[l.hash(key)]; seen {
		return true
	}
	_, named := l.named[strings.ToLower(key.ID)]
	return named
}

func (l *list) hash(key store.Key) uint64 { return maphash.Comparable(l.seed, key) }
