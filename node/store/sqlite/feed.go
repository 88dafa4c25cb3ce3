package sqlite

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/ncruces/go-sqlite3"

	"github.com/roamwire/roamwire/node/store"
	"github.com/roamwire/roamwire/ocpi"
)

// Changes returns the objects of a selection that have changed after a cursor, at most limit of them, and at least one if
// there is one. All of it is read at one moment.
func (db *DB) Changes(ctx context.Context, selection store.Selection, after int64, limit int) (feed store.Feed, err error) {
	limit = max(limit, 1)
	err = db.read(ctx, func(c *conn) error {
		latest, _, err := c.number(`SELECT value FROM sequence WHERE name = 'change'`)
		if err != nil {
			return err
		}
		feed.Next = max(after, latest)
		places, err := c.places(selection, after, limit)
		if err != nil {
			return err
		}
		if len(places) == limit {
			feed.Next = places[limit-1].number
		}
		for _, at := range places {
			change := store.Change{Removed: at.removed}
			change.Key = store.Key{Module: selection.Module, Source: selection.Source, Party: at.collection.party}
			if at.removed {
				err = c.removal(&change, at)
			} else {
				err = c.present(&change, at.created, after)
			}
			if err != nil {
				return err
			}
			feed.Changes = append(feed.Changes, change)
		}
		return nil
	})
	if err != nil {
		return store.Feed{}, fmt.Errorf("read changes of %s: %w", selection.Module, err)
	}
	return feed, nil
}

// A place is where an object stands in the feed after a cursor: at the first of its changes that was not followed by
// another of the same part. By its latest change, a page could end between two changes of an object that has not come up,
// and the cursor would pass over the first.
type place struct {
	number     int64
	created    int64
	collection collectionRow
	removed    bool
}

// Where changes are found, by kind: their number, the object, and what selections choose by.
const (
	wholeChanges = `SELECT whole, created, audience, token_type FROM object INDEXED BY object_whole
		WHERE collection = ?1 AND whole > ?2 ORDER BY whole`
	partChanges = `SELECT p.change, o.created, o.audience, o.token_type
		FROM part p INDEXED BY part_change CROSS JOIN object o ON o.created = p.object
		WHERE p.collection = ?1 AND p.change > ?2 ORDER BY p.change`
	statusChanges = `SELECT p.status, o.created, o.audience, o.token_type
		FROM part p INDEXED BY part_status CROSS JOIN object o ON o.created = p.object
		WHERE p.collection = ?1 AND p.status > ?2 ORDER BY p.status`
	removals = `SELECT change, created, audience, token_type FROM removed INDEXED BY removed_change
		WHERE collection = ?1 AND change > ?2 ORDER BY change`
)

// places finds the first objects of a selection in the feed after a cursor, in order.
func (c *conn) places(selection store.Selection, after int64, limit int) (places []place, err error) {
	collections, err := c.collections(selection)
	if err != nil {
		return nil, err
	}
	for _, of := range collections {
		for _, kind := range []string{wholeChanges, partChanges, statusChanges, removals} {
			seen := map[int64]bool{}
			err := c.some(func(s *sqlite3.Stmt) (more bool) {
				at := place{number: s.ColumnInt64(0), created: s.ColumnInt64(1), collection: of, removed: kind == removals}
				if !seen[at.created] && hears(selection, s.ColumnText(2)) && hasType(selection, s.ColumnText(3)) {
					seen[at.created] = true
					places = append(places, at)
				}
				return len(seen) < limit
			}, kind, of.id, after)
			if err != nil {
				return nil, err
			}
		}
	}
	slices.SortFunc(places, func(a, b place) int { return cmp.Compare(a.number, b.number) })
	seen := map[int64]bool{}
	places = slices.DeleteFunc(places, func(at place) bool {
		before := seen[at.created]
		seen[at.created] = true
		return before
	})
	return places[:min(limit, len(places))], nil
}

// A collectionRow is a collection with its owner.
type collectionRow struct {
	id    int64
	party ocpi.Party
}

// collections are those of a selection.
func (c *conn) collections(selection store.Selection) (found []collectionRow, err error) {
	err = c.query(func(s *sqlite3.Stmt) {
		row := collectionRow{s.ColumnInt64(0), ocpi.Party{CountryCode: s.ColumnText(1), PartyID: s.ColumnText(2)}}
		if owns(selection, row.party) {
			found = append(found, row)
		}
	}, `SELECT id, country_code, party_id FROM collection WHERE module = ?1 AND source = ?2`, string(selection.Module), selection.Source)
	return found, err
}

// present reads an object that is there, and the parts where only those have changed.
func (c *conn) present(change *store.Change, created, after int64) error {
	found := false
	var whole int64
	err := c.query(func(s *sqlite3.Stmt) {
		found = true
		scanChange(s, change)
		whole, change.Times, change.Body = s.ColumnInt64(7), s.ColumnBlob(8, nil), s.ColumnBlob(9, nil)
	}, `SELECT o.created, o.id, o.token_type, o.audience, o.change, o.last_updated, o.changed, o.whole, o.times, b.json
		FROM object o JOIN content b ON b.id = o.created WHERE o.created = ?1`, created)
	switch {
	case err != nil:
		return err
	case !found:
		return errors.New("an object is missing")
	case whole > after:
		return nil
	}
	change.Parts, err = c.parts(created, after)
	return err
}

// removal reads what is left of an object that was removed.
func (c *conn) removal(change *store.Change, at place) error {
	return c.query(func(s *sqlite3.Stmt) { scanChange(s, change) },
		`SELECT created, id, token_type, audience, change, last_updated, changed FROM removed INDEXED BY removed_change
			WHERE collection = ?1 AND change = ?2`, at.collection.id, at.number)
}

// scanChange reads the columns of scan and then changed.
func scanChange(s *sqlite3.Stmt, change *store.Change) {
	scan(s, &change.Object)
	change.Changed = time.UnixMicro(s.ColumnInt64(6)).UTC()
}

// parts are the parts of a location that have changed after a cursor. Where the EVSE itself is among them, its connectors
// are left out: then it has changed as more than a status.
func (c *conn) parts(created, after int64) (parts []store.Part, err error) {
	err = c.query(func(s *sqlite3.Stmt) {
		part := store.Part{EVSE: s.ColumnText(0), Connector: s.ColumnText(1)}
		if part.Connector == "" {
			part.Status = s.ColumnInt64(2) <= after
		} else if n := len(parts) - 1; n >= 0 && parts[n] == (store.Part{EVSE: part.EVSE, Status: parts[n].Status}) {
			parts[n].Status = false
			return
		}
		parts = append(parts, part)
	}, `SELECT evse, connector, change FROM part WHERE object = ?1 AND (change > ?2 OR status > ?2) ORDER BY evse, connector`, created, after)
	return parts, err
}

// ChangeOf returns what has changed in one object after a cursor, whether anything has or not; or store.ErrNotFound where
// there is neither the object nor a trace of its removal.
func (db *DB) ChangeOf(ctx context.Context, key store.Key, after int64) (change store.Change, err error) {
	change.Key = key
	change.AnyCase = false
	err = db.read(ctx, func(c *conn) error {
		created, err := c.find(key)
		if err == nil {
			return c.present(&change, created, after)
		}
		if !errors.Is(err, store.ErrNotFound) {
			return err
		}
		meant := choose(&key)
		err = c.query(func(s *sqlite3.Stmt) {
			if meant.takes(s.ColumnText(1), -s.ColumnInt64(4)) { // the latest
				scanChange(s, &change)
				change.Removed = true
			}
		}, `SELECT r.created, r.id, r.token_type, r.audience, r.change, r.last_updated, r.changed
			FROM collection c JOIN removed r ON r.collection = c.id
			WHERE c.module = ?1 AND c.source = ?2 AND c.country_code = ?3 AND c.party_id = ?4 AND r.id_key = ?5 AND r.token_type = ?6`,
			string(key.Module), key.Source, key.Party.CountryCode, key.Party.PartyID, idKey(key.ID), key.TokenType)
		if err == nil && !change.Removed {
			err = store.ErrNotFound
		}
		return err
	})
	if err != nil {
		return store.Change{}, fmt.Errorf("read changes of %s: %w", describe(key), err)
	}
	return change, nil
}

// Backlog counts what has changed in a selection after a cursor.
func (db *DB) Backlog(ctx context.Context, selection store.Selection, after int64) (backlog store.Backlog, err error) {
	err = db.read(ctx, func(c *conn) error {
		collections, err := c.collections(selection)
		if err != nil {
			return err
		}
		count := func(s *sqlite3.Stmt) {
			if !hears(selection, s.ColumnText(0)) || !hasType(selection, s.ColumnText(1)) {
				return
			}
			backlog.Objects += s.ColumnInt(2)
			if oldest := time.UnixMicro(s.ColumnInt64(3)).UTC(); backlog.Oldest.IsZero() || oldest.Before(backlog.Oldest) {
				backlog.Oldest = oldest
			}
		}
		for _, of := range collections {
			for _, table := range []string{"object", "removed"} {
				err := c.query(count, `SELECT audience, token_type, count(*), min(changed) FROM `+table+` INDEXED BY `+table+`_change
					WHERE collection = ?1 AND change > ?2 GROUP BY audience, token_type`, of.id, after)
				if err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err != nil {
		return store.Backlog{}, fmt.Errorf("count changes of %s: %w", selection.Module, err)
	}
	return backlog, nil
}

// Index returns the objects of a selection without their bodies, in the order of creation, after the one given; at most
// limit of them, and at least one if there is one.
func (db *DB) Index(ctx context.Context, selection store.Selection, after int64, limit int) (objects []store.Object, err error) {
	err = db.read(ctx, func(c *conn) error {
		shelves, err := c.shelves(selection)
		if err != nil {
			return err
		}
		everything := windowOf(ocpi.Query{})
		if shelves, err = c.count(shelves, everything); err != nil {
			return err
		}
		created, err := c.positions(shelves, everything, cut{after: after, take: max(limit, 1)})
		if err != nil {
			return err
		}
		parties := owners(shelves)
		return c.query(func(s *sqlite3.Stmt) { objects = append(objects, metadata(selection, parties, s)) },
			`SELECT o.created, o.id, o.token_type, o.audience, o.change, o.last_updated, o.times, o.collection
				FROM json_each(?1) n CROSS JOIN object o ON o.created = n.value ORDER BY n.key`, jsonArray(created))
	})
	if err != nil {
		return nil, fmt.Errorf("read index of %s: %w", selection.Module, err)
	}
	return objects, nil
}
