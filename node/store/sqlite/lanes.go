package sqlite

import (
	"context"
	"fmt"

	"github.com/ncruces/go-sqlite3"

	"github.com/roamwire/roamwire/node/store"
	"github.com/roamwire/roamwire/ocpi"
)

// Lane returns a lane, or store.ErrNotFound.
func (db *DB) Lane(ctx context.Context, partner string, module ocpi.ModuleID) (store.Lane, error) {
	lanes, err := db.lanes(ctx, ` WHERE partner = ?1 AND module = ?2`, partner, string(module))
	if err == nil && len(lanes) == 0 {
		err = store.ErrNotFound
	}
	if err != nil {
		return store.Lane{}, fmt.Errorf("read lane %s of %q: %w", module, partner, err)
	}
	return lanes[0], nil
}

// Lanes returns all lanes, by partner and module.
func (db *DB) Lanes(ctx context.Context) ([]store.Lane, error) {
	lanes, err := db.lanes(ctx, ` ORDER BY partner, module`)
	if err != nil {
		return nil, fmt.Errorf("read lanes: %w", err)
	}
	return lanes, nil
}

func (db *DB) lanes(ctx context.Context, where string, args ...any) (lanes []store.Lane, err error) {
	err = db.read(ctx, func(c *conn) error {
		return c.query(func(s *sqlite3.Stmt) {
			lanes = append(lanes, store.Lane{
				Partner: s.ColumnText(0), Module: ocpi.ModuleID(s.ColumnText(1)), Cursor: s.ColumnInt64(2), State: s.ColumnBlob(3, nil),
				Nudge: s.ColumnInt64(4),
			})
		}, `SELECT partner, module, cursor, state, nudge FROM lane`+where, args...)
	})
	return lanes, err
}

// SaveLane keeps a lane and deliveries that have changed with it, forgets others, and writes events, as one step. It is
// store.ErrNudged where the lane was nudged since it was read.
func (db *DB) SaveLane(ctx context.Context, lane store.Lane, keep []store.Delivery, forget []store.Key, events ...store.Event) error {
	err := db.writer.do(ctx, func(t *tx) error {
		nudge, _, err := t.conn.number(`SELECT nudge FROM lane WHERE partner = ?1 AND module = ?2`, lane.Partner, string(lane.Module))
		if err != nil {
			return err
		}
		if nudge != lane.Nudge {
			return store.ErrNudged
		}
		err = t.conn.run(`INSERT INTO lane (partner, module, cursor, state) VALUES (?1, ?2, ?3, ?4)
			ON CONFLICT (partner, module) DO UPDATE SET cursor = excluded.cursor, state = excluded.state`,
			lane.Partner, string(lane.Module), lane.Cursor, lane.State)
		if err != nil {
			return err
		}
		for i := range keep {
			if err := t.conn.keepDelivery(&keep[i]); err != nil {
				return err
			}
		}
		for _, key := range forget {
			err := t.conn.run(`DELETE FROM delivery
				WHERE partner = ?1 AND module = ?2 AND country_code = ?3 AND party_id = ?4 AND id = ?5 AND token_type = ?6`,
				lane.Partner, string(key.Module), key.Party.CountryCode, key.Party.PartyID, key.ID, key.TokenType)
			if err != nil {
				return err
			}
		}
		return t.emit(events)
	})
	if err != nil {
		return fmt.Errorf("keep lane %s of %q: %w", lane.Module, lane.Partner, explain(err))
	}
	return nil
}

func (c *conn) keepDelivery(d *store.Delivery) error {
	return c.run(`REPLACE INTO delivery (partner, module, country_code, party_id, id, token_type, sent, held, due, state)
		VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)`,
		d.Partner, string(d.Key.Module), d.Key.Party.CountryCode, d.Key.Party.PartyID, d.Key.ID, d.Key.TokenType,
		d.Sent, d.Held, microsOrNever(d.Due), d.State)
}

// ChangeHeld changes the deliveries to a partner that wait: all of them, or those of a module, or those with an id. It returns
// how many there are. Their lanes, and those of the same kind that wait for the partner without any, are nudged.
func (db *DB) ChangeHeld(
	ctx context.Context, partner string, module ocpi.ModuleID, id string, fn func(*store.Delivery) error,
) (changed int, err error) {
	err = db.writer.do(ctx, func(t *tx) error {
		found, err := t.conn.deliveries(` WHERE partner = ?1 AND held = 1 AND (?2 = '' OR module = ?2) AND (?3 = '' OR id = ?3)`, partner, string(module), id)
		if err != nil {
			return err
		}
		for i := range found {
			if err := fn(&found[i]); err != nil {
				return err
			}
			if err := t.conn.keepDelivery(&found[i]); err != nil {
				return err
			}
		}
		changed = len(found)
		return t.conn.run(`UPDATE lane SET nudge = nudge + 1 WHERE partner = ?1 AND (?2 = '' OR module = ?2)`, partner, string(module))
	})
	if err != nil {
		return 0, fmt.Errorf("change what waits for %q: %w", partner, explain(err))
	}
	return changed, nil
}

// RemoveLane forgets a lane and its deliveries.
func (db *DB) RemoveLane(ctx context.Context, partner string, module ocpi.ModuleID) error {
	err := db.writer.do(ctx, func(t *tx) error {
		if err := t.conn.run(`DELETE FROM lane WHERE partner = ?1 AND module = ?2`, partner, string(module)); err != nil {
			return err
		}
		return t.conn.run(`DELETE FROM delivery WHERE partner = ?1 AND module = ?2`, partner, string(module))
	})
	if err != nil {
		return fmt.Errorf("forget lane %s of %q: %w", module, partner, explain(err))
	}
	return nil
}

// Delivery returns what is remembered of an object at a partner, or store.ErrNotFound.
func (db *DB) Delivery(ctx context.Context, partner string, key store.Key) (store.Delivery, error) {
	found, err := db.deliveries(ctx, ` WHERE partner = ?1 AND module = ?2 AND country_code = ?3 AND party_id = ?4 AND id = ?5 AND token_type = ?6`,
		partner, string(key.Module), key.Party.CountryCode, key.Party.PartyID, key.ID, key.TokenType)
	if err == nil && len(found) == 0 {
		err = store.ErrNotFound
	}
	if err != nil {
		return store.Delivery{}, fmt.Errorf("read delivery of %s to %q: %w", describe(key), partner, err)
	}
	return found[0], nil
}

// Held returns the deliveries of a lane that wait: those for another try by when it is due, then those for a person.
func (db *DB) Held(ctx context.Context, partner string, module ocpi.ModuleID) ([]store.Delivery, error) {
	found, err := db.deliveries(ctx, ` INDEXED BY delivery_held WHERE partner = ?1 AND module = ?2 AND held = 1 ORDER BY due = 0, due, id`,
		partner, string(module))
	if err != nil {
		return nil, fmt.Errorf("read what waits for %q: %w", partner, err)
	}
	return found, nil
}

func (db *DB) deliveries(ctx context.Context, where string, args ...any) (found []store.Delivery, err error) {
	err = db.read(ctx, func(c *conn) error {
		found, err = c.deliveries(where, args...)
		return err
	})
	return found, err
}

func (c *conn) deliveries(where string, args ...any) (found []store.Delivery, err error) {
	err = c.query(func(s *sqlite3.Stmt) {
		found = append(found, store.Delivery{
			Partner: s.ColumnText(0),
			Key: store.Key{
				Module: ocpi.ModuleID(s.ColumnText(1)), Party: ocpi.Party{CountryCode: s.ColumnText(2), PartyID: s.ColumnText(3)},
				ID: s.ColumnText(4), TokenType: s.ColumnText(5),
			},
			Sent: s.ColumnInt64(6), Held: s.ColumnBool(7), Due: timeOrNever(s.ColumnInt64(8)), State: s.ColumnBlob(9, nil),
		})
	}, `SELECT partner, module, country_code, party_id, id, token_type, sent, held, due, state FROM delivery`+where, args...)
	return found, err
}
