package sqlite

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/ncruces/go-sqlite3"

	"github.com/roamwire/roamwire/node/store"
	"github.com/roamwire/roamwire/ocpi"
)

// maxTariffStates bounds how many states of one tariff are read, the latest ones.
const maxTariffStates = 1000

// TariffStates are the states that a tariff had, the latest first; none where it was never there.
func (db *DB) TariffStates(ctx context.Context, key store.Key) (states []store.TariffState, err error) {
	meant := choose(&key)
	err = db.look(ctx, func(c *conn) error {
		states = nil
		return c.query(func(s *sqlite3.Stmt) {
			if !meant.fits(s.ColumnText(0)) {
				return
			}
			state := store.TariffState{Key: key, Since: timeOrNever(s.ColumnInt64(1)), Until: timeOrNever(s.ColumnInt64(2)), Body: s.ColumnBlob(3, nil)}
			state.ID, state.AnyCase = s.ColumnText(0), false
			states = append(states, state)
		}, `SELECT id, since, until, json FROM tariff_state
			WHERE id_key = ?1 AND source = ?2 AND country_code = ?3 AND party_id = ?4 ORDER BY no DESC LIMIT ?5`,
			idKey(key.ID), key.Source, key.Party.CountryCode, key.Party.PartyID, maxTariffStates)
	})
	if err != nil {
		return nil, fmt.Errorf("read the states of %s: %w", describe(key), explain(err))
	}
	return states, nil
}

// keepTariff notes how a tariff is from now on, and until when it was otherwise. That it is published again as it was says nothing, and a
// time ahead of the clock is taken for now.
func (t *tx) keepTariff(id int64, o *store.Object) error {
	if o.Module != ocpi.ModuleTariffs {
		return nil
	}
	var before []byte
	err := t.conn.query(func(s *sqlite3.Stmt) { before = s.ColumnBlob(0, nil) }, `SELECT json FROM tariff_state WHERE object = ?1 AND until = 0`, id)
	if err != nil || sameButTime(before, o.Body) {
		return err
	}
	since := o.LastUpdated
	if now := time.Now(); since.After(now) {
		since = now
	}
	if err := t.endTariff(id, since); err != nil {
		return err
	}
	return t.conn.run(`INSERT INTO tariff_state (object, source, country_code, party_id, id_key, id, since, until, json)
		VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 0, ?8)`,
		id, o.Source, o.Party.CountryCode, o.Party.PartyID, idKey(o.ID), o.ID, since.UnixMicro(), o.Body)
}

// sameButTime reports whether two objects have the same members, but for last_updated.
func sameButTime(a, b []byte) bool {
	membersOf := func(body []byte) (members map[string]jsontext.Value) {
		if json.Unmarshal(body, &members, jsontext.AllowDuplicateNames(true)) != nil {
			return nil
		}
		delete(members, "last_updated")
		return members
	}
	members, others := membersOf(a), membersOf(b)
	return members != nil && others != nil && maps.EqualFunc(members, others, func(a, b jsontext.Value) bool { return bytes.Equal(a, b) })
}

// endTariff notes until when a tariff was as it was.
func (t *tx) endTariff(id int64, at time.Time) error {
	return t.conn.run(`UPDATE tariff_state SET until = max(since, ?2, 1) WHERE object = ?1 AND until = 0`, id, at.UnixMicro())
}

// TrimTariffStates removes states that ended before a time, at most limit of them.
func (db *DB) TrimTariffStates(ctx context.Context, before time.Time, limit int) (removed int, err error) {
	err = db.writer.do(ctx, func(t *tx) error {
		err := t.conn.run(`DELETE FROM tariff_state WHERE no IN (SELECT no FROM tariff_state WHERE until > 0 AND until < ?1 ORDER BY until LIMIT ?2)`,
			before.UnixMicro(), limit)
		removed = int(t.conn.Changes())
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("remove old states of tariffs: %w", explain(err))
	}
	return removed, nil
}
