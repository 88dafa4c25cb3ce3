package sqlite

import (
	"errors"
	"fmt"
	"time"

	"github.com/ncruces/go-sqlite3"

	"github.com/roamwire/roamwire/node/store"
	"github.com/roamwire/roamwire/ocpi"
)

var errOver = errors.New("the transaction is over")

// A tx is the transaction of one Write.
type tx struct {
	conn     *conn
	sequence *sequence
	known    *known
	// over is set when the function has returned.
	over bool
	// err is the first failure of a change. It fails the Write even if its function ignores it, because the change may
	// be half done.
	err error
}

var _ store.Tx = (*tx)(nil)

// Object implements store.Tx.
func (t *tx) Object(key store.Key) (store.Object, error) {
	if t.over {
		return store.Object{}, errOver
	}
	o, err := t.conn.object(key)
	if err != nil {
		return store.Object{}, fmt.Errorf("read %s: %w", describe(key), explain(err))
	}
	return o, nil
}

// Change implements store.Tx.
func (t *tx) Change(key store.Key) (int64, error) {
	if t.over {
		return 0, errOver
	}
	change, err := t.change(key)
	if err != nil {
		return 0, fmt.Errorf("read change of %s: %w", describe(key), explain(err))
	}
	return change, nil
}

func (t *tx) change(key store.Key) (int64, error) {
	if anyType(key) {
		id, err := t.conn.find(key)
		if err != nil {
			return 0, err
		}
		change, _, err := t.conn.number(`SELECT change FROM object WHERE created = ?1`, id)
		return change, err
	}
	collection, ok, err := t.known.collection(t.conn, key)
	if err == nil && !ok {
		err = store.ErrNotFound
	}
	if err != nil {
		return 0, err
	}
	at, err := t.at(collection, key)
	if err == nil && at.id == 0 {
		err = store.ErrNotFound
	}
	return at.change, err
}

// A row is where an object is, if its id is not 0. Its name is the object's id.
type row struct {
	id, change     int64
	audience, name string
}

func (t *tx) at(collection int64, key store.Key) (at row, err error) {
	meant := choose(&key)
	err = t.conn.query(func(s *sqlite3.Stmt) {
		if created, name := s.ColumnInt64(0), s.ColumnText(3); meant.takes(name, created) {
			at = row{created, s.ColumnInt64(1), s.ColumnText(2), name}
		}
	}, `SELECT created, change, audience, id FROM object WHERE collection = ?1 AND id_key = ?2 AND token_type = ?3`,
		collection, idKey(key.ID), key.TokenType)
	return at, err
}

// Removed implements store.Tx.
func (t *tx) Removed(key store.Key) (int64, error) {
	if t.over {
		return 0, errOver
	}
	meant, change := choose(&key), int64(0)
	err := t.conn.query(func(s *sqlite3.Stmt) {
		if meant.fits(s.ColumnText(1)) {
			change = max(change, s.ColumnInt64(0))
		}
	}, `SELECT r.change, r.id FROM collection c JOIN removed r ON r.collection = c.id
		WHERE c.module = ?1 AND c.source = ?2 AND c.country_code = ?3 AND c.party_id = ?4 AND r.id_key = ?5 AND r.token_type = ?6`,
		string(key.Module), key.Source, key.Party.CountryCode, key.Party.PartyID, idKey(key.ID), key.TokenType)
	if err != nil {
		return 0, fmt.Errorf("read removal of %s: %w", describe(key), explain(err))
	}
	return change, nil
}

// Put implements store.Tx.
func (t *tx) Put(o store.Object) (created bool, err error) {
	if t.over {
		return false, errOver
	}
	created, err = t.put(o)
	if err != nil {
		t.err = errors.Join(t.err, fmt.Errorf("write %s: %w", describe(o.Key), explain(err)))
		return false, t.err
	}
	return created, nil
}

// Delete implements store.Tx.
func (t *tx) Delete(key store.Key) error {
	if t.over {
		return errOver
	}
	id, err := t.conn.find(key)
	if errors.Is(err, store.ErrNotFound) {
		return fmt.Errorf("delete %s: %w", describe(key), err)
	}
	if err == nil {
		err = t.delete(id)
	}
	if err != nil {
		t.err = errors.Join(t.err, fmt.Errorf("delete %s: %w", describe(key), explain(err)))
		return t.err
	}
	return nil
}

func (t *tx) delete(id int64) error {
	collection, _, err := t.conn.number(`SELECT collection FROM object WHERE created = ?1`, id)
	if err != nil {
		return err
	}
	change, err := t.sequence.next(collection)
	if err != nil {
		return err
	}
	err = t.conn.run(`REPLACE INTO removed (collection, id_key, token_type, id, audience, created, change, changed, last_updated)
		SELECT collection, id_key, token_type, id, audience, created, ?2, ?3, last_updated FROM object WHERE created = ?1`,
		id, change, time.Now().UnixMicro())
	if err != nil {
		return err
	}
	if err := t.endTariff(id, time.Now()); err != nil {
		return err
	}
	return t.conn.run(`DELETE FROM object WHERE created = ?1`, id)
}

func (t *tx) put(o store.Object) (created bool, err error) {
	if o.Module == ocpi.ModuleTokens && o.TokenType == "" {
		return false, errors.New("a token is stored with its type, which is part of its identity")
	}
	collection, err := t.collection(o.Key)
	if err != nil {
		return false, err
	}
	change, err := t.sequence.next(collection)
	if err != nil {
		return false, err
	}
	at, err := t.at(collection, o.Key)
	if err != nil {
		return false, err
	}
	created = at.id == 0
	if created {
		at.id, err = t.insert(collection, change, &o)
	} else {
		err = t.update(at, collection, change, &o)
	}
	if err != nil {
		return false, err
	}
	if err := t.content(at.id, &o); err != nil {
		return false, err
	}
	return created, t.keepTariff(at.id, &o)
}

// collection is the number of the collection that a key is in, which is made where it is missing.
func (t *tx) collection(key store.Key) (int64, error) {
	id, ok, err := t.known.collection(t.conn, key)
	if ok || err != nil {
		return id, err
	}
	err = t.conn.run(`INSERT INTO collection (module, source, country_code, party_id) VALUES (?1, ?2, ?3, ?4)`,
		string(key.Module), key.Source, key.Party.CountryCode, key.Party.PartyID)
	if err != nil {
		return 0, err
	}
	id = t.conn.LastInsertRowID()
	t.known.add(key, id)
	return id, nil
}

func (t *tx) insert(collection, change int64, o *store.Object) (int64, error) {
	err := t.conn.run(`INSERT INTO object (collection, id, id_key, token_type, audience, change, whole, changed, times, last_updated)
		VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6, ?7, ?8, ?9)`,
		collection, o.ID, idKey(o.ID), o.TokenType, audienceText(o), change, time.Now().UnixMicro(), o.Times, o.LastUpdated.UnixMicro())
	id := t.conn.LastInsertRowID()
	if err != nil {
		return 0, err
	}
	return id, t.conn.run(`DELETE FROM removed WHERE collection = ?1 AND id_key = ?2 AND token_type = ?3 AND (?4 OR id = ?5)`,
		collection, idKey(o.ID), o.TokenType, o.Module == ocpi.ModuleCDRs, o.ID)
}

func (t *tx) update(at row, collection, change int64, o *store.Object) error {
	audience := audienceText(o)
	// For those to whom it was not shown before, all of it is new.
	whole := len(o.Touched) == 0 || at.audience != audience
	if whole {
		o.Touched = nil
	}
	if err := t.touch(at.id, collection, change, o.Touched); err != nil {
		return err
	}
	if at.name != o.ID { // which is in an index, so it is left alone where it stays
		if err := t.conn.run(`UPDATE object SET id = ?2 WHERE created = ?1`, at.id, o.ID); err != nil {
			return err
		}
	}
	return t.conn.run(`UPDATE object SET audience = ?2, change = ?3, whole = iif(?7, ?3, whole), changed = ?4, times = ?5, last_updated = ?6
		WHERE created = ?1`,
		at.id, audience, change, time.Now().UnixMicro(), o.Times, o.LastUpdated.UnixMicro(), whole)
}

// touch notes which parts of an object change; none stands for all of it, and makes what was noted before of no use.
func (t *tx) touch(id, collection, change int64, parts []store.Part) error {
	if len(parts) == 0 {
		return t.conn.run(`DELETE FROM part WHERE object = ?1`, id)
	}
	for _, part := range parts {
		whole, status := change, int64(0)
		if part.Status && part.Connector == "" {
			whole, status = 0, change
		}
		err := t.conn.run(`INSERT INTO part (object, evse, connector, change, status, collection) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
			ON CONFLICT DO UPDATE SET change = max(change, excluded.change), status = max(status, excluded.status)`,
			id, part.EVSE, part.Connector, whole, status, collection)
		if err != nil {
			return err
		}
	}
	return nil
}

const replaceContent = `REPLACE INTO content (id, json) VALUES (?1, ?2)`

// content writes the body and the renditions.
func (t *tx) content(id int64, o *store.Object) error {
	if err := t.conn.run(replaceContent, id, o.Body); err != nil {
		return err
	}
	return t.renditions(id, o)
}

// renditions writes the renditions, and removes those that the object has no longer.
func (t *tx) renditions(id int64, o *store.Object) error {
	forms, err := t.known.forms(t.conn)
	if err != nil {
		return err
	}
	for version := range o.Renditions {
		if _, ok := forms[version]; ok {
			continue
		}
		if forms[version], err = t.addForm(version); err != nil {
			return err
		}
	}
	for version, form := range forms {
		if rendition, ok := o.Renditions[version]; ok {
			err = t.conn.run(replaceContent, contentID(form, id), rendition)
		} else {
			err = t.conn.run(`DELETE FROM content WHERE id = ?1`, contentID(form, id))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Keeps implements store.Tx.
func (t *tx) Keeps(rendition ocpi.Version) (bool, error) {
	if t.over {
		return false, errOver
	}
	forms, err := t.known.forms(t.conn)
	if err != nil {
		return false, fmt.Errorf("read which renditions there are: %w", explain(err))
	}
	_, ok := forms[rendition]
	return ok, nil
}

// Keep implements store.Tx.
func (t *tx) Keep(rendition ocpi.Version) error {
	keeps, err := t.Keeps(rendition)
	if err != nil || keeps {
		return err
	}
	form, err := t.addForm(rendition)
	if err != nil {
		t.err = errors.Join(t.err, fmt.Errorf("keep the rendition %s: %w", rendition, explain(err)))
		return t.err
	}
	t.known.versions[rendition] = form
	return nil
}

func (t *tx) addForm(version ocpi.Version) (int64, error) {
	if version == "" {
		return 0, errors.New("a rendition needs a version")
	}
	err := t.conn.run(`INSERT INTO form (version) VALUES (?1)`, string(version))
	return t.conn.LastInsertRowID(), err
}

// forms returns the numbers of all versions that have renditions.
func (c *conn) forms() (map[ocpi.Version]int64, error) {
	forms := map[ocpi.Version]int64{}
	err := c.query(func(s *sqlite3.Stmt) {
		forms[ocpi.Version(s.ColumnText(1))] = s.ColumnInt64(0)
	}, `SELECT no, version FROM form WHERE no > 0`)
	return forms, err
}

// contentID is the number of the row that holds an object in one of its forms; form 0 is the object itself.
func contentID(form, created int64) int64 { return form<<48 + created }

func describe(key store.Key) string {
	if key.Source == "" {
		return fmt.Sprintf("%s %q of %s", key.Module, key.ID, key.Party)
	}
	return fmt.Sprintf("%s %q of %s from %s", key.Module, key.ID, key.Party, key.Source)
}
