package sqlite

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/ncruces/go-sqlite3"

	"github.com/roamwire/roamwire/node/store"
	"github.com/roamwire/roamwire/ocpi"
)

// Changes returns the objects of a selection that have changed after a cursor, oldest change first, at most limit of them.
// All of it is read at one moment.
func (db *DB) Changes(ctx context.Context, selection store.Selection, after int64, limit int) (feed store.Feed, err error) {
	err = db.read(ctx, func(c *conn) error {
		latest, _, err := c.number(`SELECT value FROM sequence WHERE name = 'change'`)
		if err != nil {
			return err
		}
		feed.Next = max(after, latest)
		found, err := c.changed(selection, after, limit)
		if err != nil {
			return err
		}
		if len(found) > limit {
			found = found[:limit]
		}
		if len(found) == limit && limit > 0 {
			feed.Next = found[limit-1].Change
		}
		for i := range found {
			if err := c.complete(&found[i], after); err != nil {
				return err
			}
		}
		feed.Changes = found
		return nil
	})
	if err != nil {
		return store.Feed{}, fmt.Errorf("read changes of %s: %w", selection.Module, err)
	}
	return feed, nil
}

// changed finds what has changed in a selection, without bodies and parts.
func (c *conn) changed(selection store.Selection, after int64, limit int) ([]store.Change, error) {
	collections, err := c.collections(selection)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, party := range selection.Audience {
		names = append(names, party.String())
	}
	audiences, err := json.Marshal(names)
	if err != nil {
		return nil, err
	}
	tokenType := selection.TokenType
	if selection.Module != ocpi.ModuleTokens {
		tokenType = ""
	}
	var found []store.Change
	for _, of := range collections {
		keep := func(removed bool) func(*sqlite3.Stmt) {
			return func(s *sqlite3.Stmt) {
				change := store.Change{Removed: removed, Changed: time.UnixMicro(s.ColumnInt64(6)).UTC()}
				change.Key = store.Key{Module: selection.Module, Source: selection.Source, Party: of.party}
				scan(s, &change.Object)
				found = append(found, change)
			}
		}
		for _, table := range []string{"object", "removed"} {
			err := c.query(keep(table == "removed"), `SELECT created, id, token_type, audience, change, last_updated, changed
				FROM `+table+` INDEXED BY `+table+`_change
				WHERE collection = ?1 AND change > ?2 AND (?3 OR audience = '' OR audience IN (SELECT value FROM json_each(?4)))
					AND (?5 = '' OR token_type = ?5)
				ORDER BY change LIMIT ?6`, of.id, after, selection.AnyAudience, string(audiences), tokenType, limit)
			if err != nil {
				return nil, err
			}
		}
	}
	slices.SortFunc(found, func(a, b store.Change) int { return cmp.Compare(a.Change, b.Change) })
	return found, nil
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

// complete adds the body of a change, and the parts where only those have changed.
func (c *conn) complete(change *store.Change, after int64) error {
	if change.Removed {
		return nil
	}
	found := false
	var whole int64
	err := c.query(func(s *sqlite3.Stmt) {
		found, whole = true, s.ColumnInt64(1)
		change.Body = s.ColumnBlob(0, nil)
		change.Stamped = s.ColumnBool(2)
	}, `SELECT b.json, o.whole, o.stamped FROM object o JOIN content b ON b.id = o.created WHERE o.created = ?1`, change.Created)
	switch {
	case err != nil:
		return err
	case !found:
		return errors.New("an object is missing")
	case whole > after:
		return nil
	}
	change.Parts, err = c.parts(change.Created, after)
	return err
}

// parts are the parts of a location that have changed after a cursor. A connector of an EVSE that is among them is left
// out.
func (c *conn) parts(created, after int64) (parts []store.Part, err error) {
	evse, covered := "", false
	err = c.query(func(s *sqlite3.Stmt) {
		part := store.Part{EVSE: s.ColumnText(0), Connector: s.ColumnText(1), Status: s.ColumnInt64(2) <= after}
		if part.Connector == "" {
			evse, covered = part.EVSE, !part.Status
		} else {
			part.Status = false
			if covered && part.EVSE == evse {
				return
			}
		}
		parts = append(parts, part)
	}, `SELECT evse, connector, change, status FROM part WHERE object = ?1 AND (change > ?2 OR status > ?2) ORDER BY evse, connector`, created, after)
	return parts, err
}

// ChangeOf returns what has changed in one object after a cursor, whether anything has or not; or store.ErrNotFound where
// there is neither the object nor a trace of its removal.
func (db *DB) ChangeOf(ctx context.Context, key store.Key, after int64) (change store.Change, err error) {
	err = db.read(ctx, func(c *conn) error {
		found := false
		read := func(removed bool) func(*sqlite3.Stmt) {
			return func(s *sqlite3.Stmt) {
				found = true
				change = store.Change{Removed: removed, Changed: time.UnixMicro(s.ColumnInt64(6)).UTC()}
				change.Key = key
				scan(s, &change.Object)
			}
		}
		for _, table := range []string{"object", "removed"} {
			err := c.query(read(table == "removed"), `SELECT o.created, o.id, o.token_type, o.audience, o.change, o.last_updated, o.changed
				FROM collection c JOIN `+table+` o ON o.collection = c.id
				WHERE c.module = ?1 AND c.source = ?2 AND c.country_code = ?3 AND c.party_id = ?4 AND o.id_key = ?5 AND o.token_type = ?6`,
				string(key.Module), key.Source, key.Party.CountryCode, key.Party.PartyID, idKey(key.Module, key.ID), key.TokenType)
			if err != nil {
				return err
			}
			if found {
				return c.complete(&change, after)
			}
		}
		return store.ErrNotFound
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

// Index returns the objects of a selection without their bodies, in the order of creation, after the one given.
func (db *DB) Index(ctx context.Context, selection store.Selection, after int64, limit int) (objects []store.Object, err error) {
	err = db.read(ctx, func(c *conn) error {
		collections, err := c.collections(selection)
		if err != nil {
			return err
		}
		for _, of := range collections {
			n := 0
			err := c.query(func(s *sqlite3.Stmt) {
				if n == limit || !hears(selection, s.ColumnText(3)) || !hasType(selection, s.ColumnText(2)) {
					return
				}
				n++
				o := store.Object{Key: store.Key{Module: selection.Module, Source: selection.Source, Party: of.party}}
				scan(s, &o)
				objects = append(objects, o)
			}, `SELECT created, id, token_type, audience, change, last_updated FROM object
				WHERE collection = ?1 AND created > ?2 ORDER BY created LIMIT ?3`, of.id, after, limit)
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read index of %s: %w", selection.Module, err)
	}
	slices.SortFunc(objects, func(a, b store.Object) int { return cmp.Compare(a.Created, b.Created) })
	return objects[:min(limit, len(objects))], nil
}
