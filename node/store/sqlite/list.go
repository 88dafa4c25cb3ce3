package sqlite

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/ncruces/go-sqlite3"

	"github.com/roamwire/roamwire/node/store"
	"github.com/roamwire/roamwire/ocpi"
)

// List returns a page of the selection with bodies and without renditions. A Limit below 1 counts as 1, an Offset
// below 0 as 0. A cursor that List never returned gives an *ocpi.Error.
func (db *DB) List(ctx context.Context, selection store.Selection, q ocpi.Query) (store.Page, error) {
	return db.list(ctx, selection, q, (*conn).load, body)
}

// ListRenditions returns the page that List returns, but with the renditions of one version. Only objects that lack
// the rendition have their Body.
func (db *DB) ListRenditions(ctx context.Context, selection store.Selection, q ocpi.Query, version ocpi.Version) (store.Page, error) {
	return db.list(ctx, selection, q, (*conn).loadRenditions, version)
}

// body is the version of what is not a rendition but the object itself.
const body ocpi.Version = ""

// A loader reads the objects with these numbers; parties are the owners of their collections.
type loader func(c *conn, selection store.Selection, parties map[int64]ocpi.Party, created []int64, version ocpi.Version) ([]store.Object, error)

func (db *DB) list(ctx context.Context, selection store.Selection, q ocpi.Query, load loader, version ocpi.Version) (page store.Page, err error) {
	after, err := parseCursor(q.Cursor)
	if err != nil {
		return store.Page{}, err
	}
	err = db.read(ctx, func(c *conn) error {
		shelves, err := c.shelves(selection)
		if err != nil {
			return err
		}
		if shelves, err = c.count(shelves, windowOf(q)); err != nil {
			return err
		}
		page.Total = total(shelves)
		created, err := c.positions(shelves, windowOf(q), cutOf(q, after, page.Total))
		if err != nil {
			return err
		}
		if limit := max(q.Limit, 1); len(created) > limit {
			created = created[:limit]
			page.Next = cursorAfter(created[limit-1])
		}
		page.Objects, err = load(c, selection, owners(shelves), created, version)
		return err
	})
	if err != nil {
		return store.Page{}, fmt.Errorf("read page of %s: %w", selection.Module, err)
	}
	return page, nil
}

// A cut is the part of the matching objects that makes a page.
type cut struct {
	// after is the Created of the last object of the page before.
	after int64
	// skip is how many matching objects to leave out.
	skip int
	// take is how many to take: one more than the page has, to know whether something follows.
	take int
}

func cutOf(q ocpi.Query, after int64, total int) cut {
	part := cut{after: after, take: min(max(q.Limit, 1), total) + 1}
	if after == 0 {
		part.skip = min(max(q.Offset, 0), total)
	}
	return part
}

// positions returns the numbers of the objects of a page, in order. Every shelf is in order already, so each is read
// only as far as the page can reach if all of it were from this shelf.
func (c *conn) positions(shelves []shelf, w window, part cut) (created []int64, err error) {
	if part.skip == total(shelves) {
		return nil, nil
	}
	alone := len(shelves) == 1
	for _, s := range shelves {
		switch {
		case s.narrow():
			err = c.within(&created, s, w, part.after)
		case alone:
			err = c.along(&created, s, w, part)
			part.skip = 0
		default:
			err = c.along(&created, s, w, cut{after: part.after, take: part.skip + part.take})
		}
		if err != nil {
			return nil, err
		}
	}
	slices.Sort(created)
	created = created[min(part.skip, len(created)):]
	return created[:min(part.take, len(created))], nil
}

// within appends all objects of a shelf that are in the window, in any order.
func (c *conn) within(created *[]int64, s shelf, w window, after int64) error {
	return c.query(appendTo(created), `SELECT created FROM object INDEXED BY object_window
		WHERE collection = ?1 AND audience = ?2 AND token_type = ?3
			AND last_updated >= ?4 AND last_updated < ?5 AND created > ?6`,
		s.collection, s.audience, s.tokenType, w.from, w.to, after)
}

// along appends objects of a shelf in the order of creation.
func (c *conn) along(created *[]int64, s shelf, w window, part cut) error {
	if !w.bounded {
		return c.query(appendTo(created), `SELECT created FROM object INDEXED BY object_order
			WHERE collection = ?1 AND audience = ?2 AND token_type = ?3 AND created > ?4
			ORDER BY created LIMIT ?5 OFFSET ?6`,
			s.collection, s.audience, s.tokenType, part.after, part.take, part.skip)
	}
	return c.query(appendTo(created), `SELECT created FROM object INDEXED BY object_order
		WHERE collection = ?1 AND audience = ?2 AND token_type = ?3 AND created > ?4
			AND last_updated >= ?7 AND last_updated < ?8
		ORDER BY created LIMIT ?5 OFFSET ?6`,
		s.collection, s.audience, s.tokenType, part.after, part.take, part.skip, w.from, w.to)
}

func appendTo(created *[]int64) func(*sqlite3.Stmt) {
	return func(s *sqlite3.Stmt) { *created = append(*created, s.ColumnInt64(0)) }
}

// load reads the objects with these numbers and their bodies.
func (c *conn) load(selection store.Selection, parties map[int64]ocpi.Party, created []int64, _ ocpi.Version) ([]store.Object, error) {
	objects := make([]store.Object, len(created))
	err := c.loadForm(0, created, func(i int, s *sqlite3.Stmt, json []byte) {
		objects[i] = metadata(selection, parties, s)
		objects[i].Body = json
	})
	return objects, err
}

// loadRenditions reads the objects with these numbers, and their renditions in one version or else their bodies.
func (c *conn) loadRenditions(selection store.Selection, parties map[int64]ocpi.Party, created []int64, version ocpi.Version) ([]store.Object, error) {
	form, ok, err := c.number(`SELECT no FROM form WHERE version = ?1`, string(version))
	if err != nil {
		return nil, err
	}
	if !ok {
		return c.load(selection, parties, created, body)
	}
	objects := make([]store.Object, len(created))
	var missing []int64
	var places []int
	err = c.loadForm(form, created, func(i int, s *sqlite3.Stmt, json []byte) {
		objects[i] = metadata(selection, parties, s)
		if json == nil {
			missing, places = append(missing, created[i]), append(places, i)
			return
		}
		objects[i].Renditions = map[ocpi.Version][]byte{version: json}
	})
	if err != nil || len(missing) == 0 {
		return objects, err
	}
	err = c.loadForm(0, missing, func(i int, _ *sqlite3.Stmt, json []byte) { objects[places[i]].Body = json })
	return objects, err
}

// loadForm reads the rows of these objects with their JSON in one form, nil where they do not have it. The function
// gets the index of the object in created.
func (c *conn) loadForm(form int64, created []int64, row func(i int, s *sqlite3.Stmt, json []byte)) error {
	rows := 0
	err := c.query(func(s *sqlite3.Stmt) {
		rows++
		row(s.ColumnInt(6), s, copyBlob(s, 8))
	}, `SELECT o.created, o.id, o.token_type, o.audience, o.change, o.last_updated, n.key, o.collection, b.json
		FROM json_each(?1) n
		CROSS JOIN object o ON o.created = n.value
		LEFT JOIN content b ON b.id = ?2 + o.created`, jsonArray(created), contentID(form, 0))
	if err == nil && rows != len(created) {
		err = errors.New("objects are missing")
	}
	return err
}

func metadata(selection store.Selection, parties map[int64]ocpi.Party, s *sqlite3.Stmt) store.Object {
	o := store.Object{Key: store.Key{Module: selection.Module, Source: selection.Source, Party: parties[s.ColumnInt64(7)]}}
	scan(s, &o)
	return o
}

// copyBlob returns a copy of a column that is nil only if the column is NULL.
func copyBlob(s *sqlite3.Stmt, column int) []byte {
	if s.ColumnType(column) == sqlite3.NULL {
		return nil
	}
	return s.ColumnBlob(column, []byte{})
}

func jsonArray(numbers []int64) string {
	b := make([]byte, 0, 2+8*len(numbers))
	b = append(b, '[')
	for i, n := range numbers {
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendInt(b, n, 10)
	}
	return string(append(b, ']'))
}
