package sqlite

import (
	"math"

	"github.com/ncruces/go-sqlite3"

	"github.com/roamwire/roamwire/node/store"
	"github.com/roamwire/roamwire/ocpi"
)

// A shelf is the objects of a collection that have the same audience and, being tokens, the same type. A selection is
// a set of whole shelves, mostly one, so a list never reads objects that it must not show.
type shelf struct {
	collection int64
	party      ocpi.Party
	audience   string
	tokenType  string
	objects    int
	// matching is how many of the objects are in the window.
	matching int
}

// narrow reports whether fewer objects are in the window than outside: then it is cheaper to read the window and sort
// than to go along in the order of creation and leave out the others.
func (s shelf) narrow() bool { return s.matching < s.objects-s.matching }

// shelves returns the shelves of a selection that are not empty.
func (c *conn) shelves(selection store.Selection) (shelves []shelf, err error) {
	err = c.query(func(row *sqlite3.Stmt) {
		s := shelf{
			collection: row.ColumnInt64(0),
			party:      ocpi.Party{CountryCode: row.ColumnText(1), PartyID: row.ColumnText(2)},
			audience:   row.ColumnText(3),
			tokenType:  row.ColumnText(4),
			objects:    row.ColumnInt(5),
		}
		if selects(selection, s.party, s.audience, s.tokenType) {
			shelves = append(shelves, s)
		}
	}, `SELECT c.id, c.country_code, c.party_id, t.audience, t.token_type, t.objects
		FROM collection c JOIN tally t ON t.collection = c.id
		WHERE c.module = ?1 AND c.source = ?2 AND t.objects > 0`, string(selection.Module), selection.Source)
	return shelves, err
}

func owners(shelves []shelf) map[int64]ocpi.Party {
	parties := make(map[int64]ocpi.Party, len(shelves))
	for _, s := range shelves {
		parties[s.collection] = s.party
	}
	return parties
}

func total(shelves []shelf) (n int) {
	for _, s := range shelves {
		n += s.matching
	}
	return n
}

// A window is a span of last_updated, in microseconds since 1970: from is in it, to is not.
type window struct {
	from, to int64
	// bounded is false if the window has no borders, so that everything is in it.
	bounded bool
}

func windowOf(q ocpi.Query) window {
	w := window{from: math.MinInt64, to: math.MaxInt64, bounded: !q.DateFrom.IsZero() || !q.DateTo.IsZero()}
	if !q.DateFrom.IsZero() {
		w.from = q.DateFrom.UnixMicro()
	}
	if !q.DateTo.IsZero() {
		w.to = q.DateTo.UnixMicro()
	}
	return w
}

// count finds how many objects of each shelf are in the window, and leaves out the shelves that have none.
func (c *conn) count(shelves []shelf, w window) ([]shelf, error) {
	matching := shelves[:0]
	for _, s := range shelves {
		var err error
		if s.matching, err = c.countShelf(s, w); err != nil {
			return nil, err
		}
		if s.matching > 0 {
			matching = append(matching, s)
		}
	}
	return matching, nil
}

// countShelf counts what is in the window or what is outside, whichever is less: both windows that partners use, the
// last hours and everything since the beginning, then cost little. Which is less shows by counting both up to a bound
// that grows.
func (c *conn) countShelf(s shelf, w window) (int, error) {
	if !w.bounded {
		return s.objects, nil
	}
	for bound := 1000; ; bound *= 4 {
		inside, err := c.countSpan(s, w.from, w.to, bound)
		if err != nil || inside < bound {
			return inside, err
		}
		before, err := c.countSpan(s, math.MinInt64, w.from, bound)
		if err != nil {
			return 0, err
		}
		after, err := c.countSpan(s, w.to, math.MaxInt64, bound)
		if err != nil {
			return 0, err
		}
		if before < bound && after < bound {
			return s.objects - before - after, nil
		}
	}
}

// countSpan counts objects last updated between two times, at most bound.
func (c *conn) countSpan(s shelf, from, to int64, bound int) (int, error) {
	n, _, err := c.number(`SELECT count(*) FROM (SELECT 1 FROM object INDEXED BY object_window
		WHERE collection = ?1 AND audience = ?2 AND token_type = ?3 AND last_updated >= ?4 AND last_updated < ?5 LIMIT ?6)`,
		s.collection, s.audience, s.tokenType, from, to, bound)
	return int(n), err
}
