package ocpitest

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"sync"

	"github.com/roamwire/roamwire/ocpi"
)

// A Sender holds our own objects of one module in memory, for partners to pull. It implements ocpiserver.Sender and
// ocpiserver.Getter. The zero Sender is empty and ready.
type Sender[T Object] struct {
	// Visible tells whether a partner may see an object; nil for partners that may see everything. Objects of parties
	// that do not deal with the partner (ocpi.Partner.Serves) are hidden in any case. Set it before the first request.
	Visible func(to *ocpi.Partner, object *T) bool

	mu sync.RWMutex
	// entries are in the order of creation, which updates do not change (requirement TF-27).
	entries []sent[T]
	numbers map[ocpi.Key]int
	latest  int
}

// A sent object has the number of its creation, which is its place in the list for ever.
type sent[T Object] struct {
	number int
	key    ocpi.Key
	object T
}

// Put adds objects at the end, or replaces those that are there already without moving them. The party, the id and,
// for a token, the type tell objects apart.
func (s *Sender[T]) Put(objects ...T) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.numbers == nil {
		s.numbers = map[ocpi.Key]int{}
	}
	for _, object := range objects {
		key := keyOf(&object)
		if number, ok := s.numbers[key]; ok {
			s.entries[s.place(number)].object = clone(object)
			continue
		}
		s.latest++
		s.numbers[key] = s.latest
		s.entries = append(s.entries, sent[T]{s.latest, key, clone(object)})
	}
}

// place finds an entry by its number.
func (s *Sender[T]) place(number int) int {
	at, _ := slices.BinarySearchFunc(s.entries, number, func(e sent[T], number int) int { return e.number - number })
	return at
}

// Update changes the object with this id, the oldest of several, as one atomic step. Where fn fails, nothing has
// changed and its error is returned. Where there is no such object, it is ocpi.ErrNotFound. fn must not call the
// Sender, nor make the object another one.
func (s *Sender[T]) Update(id string, fn func(*T) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	at := s.index(id)
	if at < 0 {
		return ocpi.NotFound("there is no object %s", id)
	}
	changed := clone(s.entries[at].object)
	if err := fn(&changed); err != nil {
		return err
	}
	if key := keyOf(&changed); key != s.entries[at].key {
		return fmt.Errorf("ocpitest: the update of %s has made it %s of %s", id, key.ID, key.Party)
	}
	s.entries[at].object = clone(changed) // fn may have kept a pointer
	return nil
}

// Remove takes the object with this id away, the oldest of several, and reports whether there was one. OCPI has no
// word for that: partners notice only that the object is missing from the list.
func (s *Sender[T]) Remove(id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	at := s.index(id)
	if at < 0 {
		return false
	}
	delete(s.numbers, s.entries[at].key)
	s.entries = slices.Delete(s.entries, at, at+1)
	return true
}

func (s *Sender[T]) index(id string) int {
	return slices.IndexFunc(s.entries, func(e sent[T]) bool { return e.key.ID == id })
}

// All returns every object, oldest first.
func (s *Sender[T]) All() []T {
	s.mu.RLock()
	defer s.mu.RUnlock()
	objects := make([]T, len(s.entries))
	for i := range s.entries {
		objects[i] = clone(s.entries[i].object)
	}
	return objects
}

// Get implements ocpiserver.Getter.
func (s *Sender[T]) Get(_ context.Context, to *ocpi.Partner, id string) (T, error) {
	return s.find(to, func(key ocpi.Key) bool { return key.ID == id }, id)
}

func (s *Sender[T]) find(to *ocpi.Partner, wanted func(ocpi.Key) bool, id string) (T, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for i := range s.entries {
		if e := &s.entries[i]; wanted(e.key) && s.shows(to, e) {
			return clone(e.object), nil
		}
	}
	var none T
	return none, ocpi.NotFound("there is no object %s", id)
}

// List implements ocpiserver.Sender. The cursor of a page is the number of its last object, so that no page is
// incomplete because objects were updated, added or removed between two requests.
func (s *Sender[T]) List(_ context.Context, to *ocpi.Partner, q ocpi.Query) (ocpi.Page[T], error) {
	after := 0
	if q.Cursor != "" {
		var err error
		if after, err = strconv.Atoi(q.Cursor); err != nil {
			return ocpi.Page[T]{}, ocpi.InvalidParameters("the cursor is none of ours")
		}
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	var page ocpi.Page[T]
	last := 0
	for i := range s.entries {
		e := &s.entries[i]
		if !within(q, lastUpdated(&e.object)) || !s.shows(to, e) {
			continue
		}
		page.Total++
		switch before := e.number <= after || q.Cursor == "" && page.Total <= q.Offset; {
		case before:
		case len(page.Items) < q.Limit:
			page.Items = append(page.Items, clone(e.object))
			last = e.number
		case page.Next == "" && last > 0:
			page.Next = strconv.Itoa(last)
		}
	}
	return page, nil
}

// within reports whether the query's time window has room for t: from is in it, to is not (requirement TF-31).
func within(q ocpi.Query, t ocpi.DateTime) bool {
	return (q.DateFrom.IsZero() || !t.Time().Before(q.DateFrom)) && (q.DateTo.IsZero() || t.Time().Before(q.DateTo))
}

func (s *Sender[T]) shows(to *ocpi.Partner, e *sent[T]) bool {
	if len(to.Serves) > 0 && !slices.Contains(to.Serves, e.key.Party) {
		return false
	}
	if s.Visible == nil {
		return true
	}
	shown := clone(e.object)
	return s.Visible(to, &shown)
}
