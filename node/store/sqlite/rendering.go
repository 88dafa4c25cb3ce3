package sqlite

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/ncruces/go-sqlite3"

	"github.com/roamwire/roamwire/node/store"
	"github.com/roamwire/roamwire/ocpi"
)

// Unrendered looks at our objects of a module in the order of creation, at limit of them after the one given, and returns those
// that lack the rendition of one of the versions, with their bodies. Next is the one after which to go on; 0 at the end.
func (db *DB) Unrendered(
	ctx context.Context, module ocpi.ModuleID, versions []ocpi.Version, after int64, limit int,
) (objects []store.Object, next int64, err error) {
	selection := store.Selection{Module: module, AnyAudience: true}
	index, err := db.Index(ctx, selection, after, limit)
	if err != nil || len(index) == 0 {
		return nil, 0, err
	}
	err = db.read(ctx, func(c *conn) error {
		lacking, err := c.lacking(index, versions)
		if err != nil {
			return err
		}
		for _, created := range lacking {
			o, err := c.whole(module, created)
			if errors.Is(err, store.ErrNotFound) { // it went meanwhile
				continue
			}
			if err != nil {
				return err
			}
			objects = append(objects, o)
		}
		return nil
	})
	if err != nil {
		return nil, 0, fmt.Errorf("find %s without a rendition: %w", module, err)
	}
	return objects, index[len(index)-1].Created, nil
}

// lacking are the numbers of those objects that lack the rendition of one of the versions.
func (c *conn) lacking(objects []store.Object, versions []ocpi.Version) (created []int64, err error) {
	forms, err := c.forms()
	if err != nil {
		return nil, err
	}
	for i := range objects {
		for _, version := range versions {
			has := false
			if form, ok := forms[version]; ok {
				if _, has, err = c.number(`SELECT 1 FROM content WHERE id = ?1`, contentID(form, objects[i].Created)); err != nil {
					return nil, err
				}
			}
			if !has {
				created = append(created, objects[i].Created)
				break
			}
		}
	}
	return created, nil
}

// whole reads an object of ours by its number.
func (c *conn) whole(module ocpi.ModuleID, created int64) (o store.Object, err error) {
	found := false
	err = c.query(func(s *sqlite3.Stmt) {
		found = true
		o.Key = store.Key{Module: module, Party: ocpi.Party{CountryCode: s.ColumnText(6), PartyID: s.ColumnText(7)}}
		scan(s, &o)
		o.Body = s.ColumnBlob(8, nil)
	}, `SELECT o.created, o.id, o.token_type, o.audience, o.change, o.last_updated, c.country_code, c.party_id, b.json
		FROM object o JOIN collection c ON c.id = o.collection JOIN content b ON b.id = o.created WHERE o.created = ?1`, created)
	if err == nil && !found {
		err = store.ErrNotFound
	}
	return o, err
}

// Render gives objects other renditions and other versions that they are withheld from, all in one transaction. That is no change
// of the objects: it has no number, and no feed tells of it. Those that have changed since they were read are left as they are.
func (db *DB) Render(ctx context.Context, objects []store.Object) error {
	err := db.writer.do(ctx, func(t *tx) error {
		for i := range objects {
			if err := t.render(&objects[i]); err != nil {
				return fmt.Errorf("%s: %w", describe(objects[i].Key), err)
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("write renditions: %w", explain(err))
	}
	return nil
}

func (t *tx) render(o *store.Object) error {
	change, _, err := t.conn.number(`SELECT change FROM object WHERE created = ?1`, o.Created)
	if err != nil || change != o.Change {
		return err
	}
	if err := t.renditions(o.Created, o); err != nil {
		return err
	}
	audience := audienceText(o)
	return t.conn.run(`UPDATE object SET audience = ?2 WHERE created = ?1 AND audience <> ?2`, o.Created, audience)
}

// removedAtOnce is how many renditions are removed in one transaction.
const removedAtOnce = 500

// KeepOnly removes all renditions but those with these names, some at a time.
func (db *DB) KeepOnly(ctx context.Context, renditions []ocpi.Version) error {
	var forms map[ocpi.Version]int64
	err := db.read(ctx, func(c *conn) (err error) {
		forms, err = c.forms()
		return err
	})
	for version, form := range forms {
		if err == nil && !slices.Contains(renditions, version) {
			err = db.removeForm(ctx, form)
		}
	}
	if err != nil {
		return fmt.Errorf("remove renditions: %w", explain(err))
	}
	return nil
}

// removeForm removes all renditions of a form, and then the form. It stands as long as something has it: its number can be given
// again.
func (db *DB) removeForm(ctx context.Context, form int64) error {
	first, end := contentID(form, 0), contentID(form+1, 0)
	for left := true; left; {
		err := db.writer.do(ctx, func(t *tx) error {
			err := t.conn.run(`DELETE FROM content WHERE id IN (SELECT id FROM content WHERE id >= ?1 AND id < ?2 LIMIT ?3)`, first, end, removedAtOnce)
			if err != nil {
				return err
			}
			if left = t.conn.Changes() == removedAtOnce; left {
				return nil
			}
			t.known.versions = nil
			return t.conn.run(`DELETE FROM form WHERE no = ?1`, form)
		})
		if err != nil {
			return err
		}
	}
	return nil
}
