package sqlite

import (
	"context"
	"fmt"
	"time"

	"github.com/ncruces/go-sqlite3"

	"github.com/roamwire/roamwire/node/store"
	"github.com/roamwire/roamwire/ocpi"
)

// Pull returns how far the pulls of a module from a partner have come, or store.ErrNotFound.
func (db *DB) Pull(ctx context.Context, partner string, module ocpi.ModuleID) (store.Pull, error) {
	found, err := db.pulls(ctx, ` WHERE partner = ?1 AND module = ?2`, partner, string(module))
	if err == nil && len(found) == 0 {
		err = store.ErrNotFound
	}
	if err != nil {
		return store.Pull{}, fmt.Errorf("read pulls of %s from %q: %w", module, partner, err)
	}
	return found[0], nil
}

// Pulls returns all pulls, by partner and module.
func (db *DB) Pulls(ctx context.Context) ([]store.Pull, error) {
	found, err := db.pulls(ctx, ` ORDER BY partner, module`)
	if err != nil {
		return nil, fmt.Errorf("read pulls: %w", err)
	}
	return found, nil
}

func (db *DB) pulls(ctx context.Context, where string, args ...any) (found []store.Pull, err error) {
	err = db.read(ctx, func(c *conn) error {
		return c.query(func(s *sqlite3.Stmt) {
			found = append(found, store.Pull{Partner: s.ColumnText(0), Module: ocpi.ModuleID(s.ColumnText(1)), State: s.ColumnBlob(2, nil)})
		}, `SELECT partner, module, state FROM pull`+where, args...)
	})
	return found, err
}

// SavePull keeps how far pulls have come, under a lease: the error is store.ErrLeased where it is not the holder's any more.
// Under the zero Lease it is kept in any case. Events are written with it.
func (db *DB) SavePull(ctx context.Context, p store.Pull, under store.Lease, events ...store.Event) error {
	err := db.writer.do(ctx, func(t *tx) error {
		if err := t.conn.holds(under); err != nil {
			return err
		}
		err := t.conn.run(`REPLACE INTO pull (partner, module, state) VALUES (?1, ?2, ?3)`, p.Partner, string(p.Module), p.State)
		if err != nil {
			return err
		}
		return t.emit(events)
	})
	if err != nil {
		return fmt.Errorf("keep pull of %s from %q: %w", p.Module, p.Partner, explain(err))
	}
	return nil
}

// Missing returns what was missing from the last pull of everything.
func (db *DB) Missing(ctx context.Context, source string, module ocpi.ModuleID) (found []store.Missing, err error) {
	err = db.read(ctx, func(c *conn) error {
		return c.query(func(s *sqlite3.Stmt) {
			found = append(found, store.Missing{
				Key: store.Key{
					Module: module, Source: source, Party: ocpi.Party{CountryCode: s.ColumnText(0), PartyID: s.ColumnText(1)},
					ID: s.ColumnText(2), TokenType: s.ColumnText(3),
				},
				EVSE: s.ColumnText(4), Pulls: s.ColumnInt(5), Since: timeOrNever(s.ColumnInt64(6)),
			})
		}, `SELECT country_code, party_id, id, token_type, evse, pulls, since FROM missing WHERE source = ?1 AND module = ?2`, source, string(module))
	})
	if err != nil {
		return nil, fmt.Errorf("read what is missing of %s from %q: %w", module, source, err)
	}
	return found, nil
}

// ChangeMissing keeps what is missing, and forgets what is there again, as one step. The lease is as with SavePull.
func (db *DB) ChangeMissing(ctx context.Context, keep, forget []store.Missing, under store.Lease) error {
	err := db.writer.do(ctx, func(t *tx) error {
		if err := t.conn.holds(under); err != nil {
			return err
		}
		for _, m := range forget {
			err := t.conn.run(`DELETE FROM missing WHERE source = ?1 AND module = ?2 AND country_code = ?3 AND party_id = ?4
				AND id = ?5 AND token_type = ?6 AND evse = ?7`,
				m.Key.Source, string(m.Key.Module), m.Key.Party.CountryCode, m.Key.Party.PartyID, m.Key.ID, m.Key.TokenType, m.EVSE)
			if err != nil {
				return err
			}
		}
		for _, m := range keep {
			err := t.conn.run(`REPLACE INTO missing (source, module, country_code, party_id, id, token_type, evse, pulls, since)
				VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)`,
				m.Key.Source, string(m.Key.Module), m.Key.Party.CountryCode, m.Key.Party.PartyID, m.Key.ID, m.Key.TokenType, m.EVSE,
				m.Pulls, microsOrNever(m.Since))
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("keep what is missing: %w", explain(err))
	}
	return nil
}

// Lease takes a lease, or renews the holder's own. While somebody else has it, the error is store.ErrLeased.
func (db *DB) Lease(ctx context.Context, l store.Lease, now time.Time) error {
	err := db.writer.do(ctx, func(t *tx) error {
		var holder string
		var until time.Time
		err := t.conn.query(func(s *sqlite3.Stmt) { holder, until = s.ColumnText(0), timeOrNever(s.ColumnInt64(1)) },
			`SELECT holder, until FROM lease WHERE name = ?1`, l.Name)
		if err != nil {
			return err
		}
		if holder != "" && holder != l.Holder && now.Before(until) {
			return fmt.Errorf("%w until %s, unless it goes on: %s", store.ErrLeased, until.UTC().Format(time.RFC3339), holder)
		}
		return t.conn.run(`REPLACE INTO lease (name, holder, until) VALUES (?1, ?2, ?3)`, l.Name, l.Holder, microsOrNever(l.Until))
	})
	if err != nil {
		return fmt.Errorf("lease %s: %w", l.Name, explain(err))
	}
	return nil
}

// holds fails where a lease has gone to somebody else. One that has ended is held until somebody takes it.
func (c *conn) holds(l store.Lease) error {
	if l == (store.Lease{}) {
		return nil
	}
	var holder string
	err := c.query(func(s *sqlite3.Stmt) { holder = s.ColumnText(0) }, `SELECT holder FROM lease WHERE name = ?1`, l.Name)
	if err == nil && holder != l.Holder {
		err = fmt.Errorf("%w meanwhile: %s", store.ErrLeased, l.Name)
	}
	return err
}

// Release gives a lease back, if the holder has it.
func (db *DB) Release(ctx context.Context, name, holder string) error {
	err := db.writer.do(ctx, func(t *tx) error {
		return t.conn.run(`DELETE FROM lease WHERE name = ?1 AND holder = ?2`, name, holder)
	})
	if err != nil {
		return fmt.Errorf("release %s: %w", name, explain(err))
	}
	return nil
}
