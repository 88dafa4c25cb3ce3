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

// ListRenditions returns the page that List returns, but with the renditions of one version: objects that have one
// come with Created and Rendition alone.
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
	rows := 0
	var copies arena
	err := c.query(func(s *sqlite3.Stmt) {
		rows++
		o := &objects[s.ColumnInt(9)]
		*o = metadata(selection, parties, s)
		o.Body = copies.copy(s.ColumnRawBlob(8))
	}, `SELECT o.created, o.id, o.token_type, o.audience, o.change, o.last_updated, o.times, o.collection, b.json, n.key
		FROM json_each(?1) n
		CROSS JOIN object o ON o.created = n.value
		JOIN content b ON b.id = o.created`, jsonArray(created))
	if err == nil && rows != len(created) {
		err = errors.New("objects are missing")
	}
	return objects, err
}

// loadRenditions reads the renditions of these objects in one version, and like load those objects that have none.
func (c *conn) loadRenditions(selection store.Selection, parties map[int64]ocpi.Party, created []int64, version ocpi.Version) ([]store.Object, error) {
	form, ok, err := c.number(`SELECT no FROM form WHERE version = ?1`, string(version))
	if err != nil {
		return nil, err
	}
	if !ok || len(created) == 0 {
		return c.load(selection, parties, created, body)
	}
	objects := make([]store.Object, len(created))
	for i, number := range created {
		objects[i].Created = number
	}
	if err := c.renditions(objects, form); err != nil {
		return nil, err
	}
	return objects, c.loadMissing(selection, parties, objects)
}

// renditions sets the Rendition of each object that has one. Objects that were created one after the other, as from a
// file, lie side by side and are read along; others are looked up one by one.
func (c *conn) renditions(objects []store.Object, form int64) error {
	first, last := objects[0].Created, objects[len(objects)-1].Created
	var copies arena
	next := 0
	row := func(s *sqlite3.Stmt) {
		number := s.ColumnInt64(0)
		for next < len(objects) && objects[next].Created < number {
			next++
		}
		if next < len(objects) && objects[next].Created == number {
			objects[next].Rendition = copies.copy(s.ColumnRawBlob(1))
		}
	}
	if last-first < 2*int64(len(objects)) {
		return c.query(row, `SELECT id - ?1, json FROM content WHERE id BETWEEN ?1 + ?2 AND ?1 + ?3 ORDER BY id`,
			contentID(form, 0), first, last)
	}
	numbers := make([]int64, len(objects))
	for i := range objects {
		numbers[i] = objects[i].Created
	}
	return c.query(row, `SELECT b.id - ?2, b.json FROM json_each(?1) n CROSS JOIN content b ON b.id = ?2 + n.value`,
		jsonArray(numbers), contentID(form, 0))
}

// loadMissing reads whole those objects that have no rendition.
func (c *conn) loadMissing(selection store.Selection, parties map[int64]ocpi.Party, objects []store.Object) error {
	var missing []int64
	var places []int
	for i := range objects {
		if objects[i].Rendition == nil {
			missing, places = append(missing, objects[i].Created), append(places, i)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	whole, err := c.load(selection, parties, missing, body)
	if err != nil {
		return err
	}
	for i, place := range places {
		objects[place] = whole[i]
	}
	return nil
}

// An arena holds copies of many small texts in few pieces of memory, which is kinder to the garbage collector.
type arena struct{ free []byte }

const arenaPiece = 32 << 10

// copy returns a copy that is never nil.
func (a *arena) copy(text []byte) []byte {
	if a.free == nil || len(text) > len(a.free) {
		a.free = make([]byte, max(arenaPiece, len(text)))
	}
	piece := a.free[:len(text):len(text)]
	a.free = a.free[len(text):]
	copy(piece, text)
	return piece
}

// metadata reads the columns of scan and then times and collection.
func metadata(selection store.Selection, parties map[int64]ocpi.Party, s *sqlite3.Stmt) store.Object {
	o := store.Object{Key: store.Key{Module: selection.Module, Source: selection.Source, Party: parties[s.ColumnInt64(7)]}}
	scan(s, &o)
	o.Times = s.ColumnBlob(6, nil)
	return o
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

// LatestChange returns the number of the latest change, which may be a deletion, to an object of this module from this
// source; 0 if there never was one. It costs little: who keeps a page in memory can ask it whether the page still holds.
func (db *DB) LatestChange(ctx context.Context, module ocpi.ModuleID, source string) (int64, error) {
	return through(db, latestOf, latestKey{module, source}, func() (int64, error) { return db.latestChange(ctx, module, source) })
}

func (db *DB) latestChange(ctx context.Context, module ocpi.ModuleID, source string) (latest int64, err error) {
	err = db.look(ctx, func(c *conn) (err error) {
		latest, _, err = c.number(`SELECT coalesce(max(latest), 0) FROM collection WHERE module = ?1 AND source = ?2`, string(module), source)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("read latest change of %s: %w", module, err)
	}
	return latest, nil
}
