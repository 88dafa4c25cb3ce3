package sqlite

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/ncruces/go-sqlite3"

	"github.com/roamwire/roamwire/node/store"
)

// AddAccessKey adds a key, or returns store.ErrExists where its name or hash is taken.
func (db *DB) AddAccessKey(ctx context.Context, k store.AccessKey) error {
	scopes, err := json.Marshal(k.Scopes)
	if err != nil {
		return err
	}
	err = db.writer.do(ctx, func(t *tx) error {
		err := t.conn.run(`INSERT INTO access_key (hash, name, scopes, added, expires) VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO NOTHING`,
			k.Hash[:], k.Name, string(scopes), microsOrNever(k.Added), microsOrNever(k.Expires))
		if err == nil && t.conn.Changes() == 0 {
			err = store.ErrExists
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("add key %q: %w", k.Name, explain(err))
	}
	return nil
}

// AccessKeys returns all keys, by name.
func (db *DB) AccessKeys(ctx context.Context) ([]store.AccessKey, error) {
	return db.accessKeys(ctx, ` ORDER BY name`)
}

// AccessKey returns the key with this hash, or store.ErrNotFound. It costs next to nothing while nothing is written.
func (db *DB) AccessKey(ctx context.Context, hash store.TokenHash) (store.AccessKey, error) {
	return through(db, accessOf, hash, func() (store.AccessKey, error) {
		keys, err := db.accessKeys(ctx, ` WHERE hash = ?1`, hash[:])
		if err == nil && len(keys) == 0 {
			err = store.ErrNotFound
		}
		if err != nil {
			return store.AccessKey{}, err
		}
		return keys[0], nil
	})
}

func (db *DB) accessKeys(ctx context.Context, where string, args ...any) (keys []store.AccessKey, err error) {
	err = db.read(ctx, func(c *conn) error {
		var bad error
		err := c.query(func(s *sqlite3.Stmt) {
			k := store.AccessKey{Name: s.ColumnText(1), Added: timeOrNever(s.ColumnInt64(3)), Expires: timeOrNever(s.ColumnInt64(4))}
			copy(k.Hash[:], s.ColumnRawBlob(0))
			if err := json.Unmarshal([]byte(s.ColumnText(2)), &k.Scopes); err != nil {
				bad = err
			}
			keys = append(keys, k)
		}, `SELECT hash, name, scopes, added, expires FROM access_key`+where, args...)
		if err == nil {
			err = bad
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read keys: %w", err)
	}
	return keys, nil
}

// RemoveAccessKey removes a key by name, or returns store.ErrNotFound.
func (db *DB) RemoveAccessKey(ctx context.Context, name string) error {
	err := db.writer.do(ctx, func(t *tx) error {
		err := t.conn.run(`DELETE FROM access_key WHERE name = ?1`, name)
		if err == nil && t.conn.Changes() == 0 {
			err = store.ErrNotFound
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("remove key %q: %w", name, explain(err))
	}
	return nil
}

// BeginAnswer notes that a request with an idempotency key is under way. Where the key was used before, it changes nothing
// and returns what is known of that.
func (db *DB) BeginAnswer(ctx context.Context, a store.Answer) (before store.Answer, used bool, err error) {
	err = db.writer.do(ctx, func(t *tx) error {
		before, used = store.Answer{}, false
		err := t.conn.query(func(s *sqlite3.Stmt) {
			used = true
			before = store.Answer{
				Key: a.Key, Begun: timeOrNever(s.ColumnInt64(1)), Status: s.ColumnInt(2), Header: s.ColumnBlob(3, nil), Body: s.ColumnBlob(4, nil),
			}
			copy(before.Request[:], s.ColumnRawBlob(0))
		}, `SELECT request, begun, status, header, body FROM answer WHERE key = ?1`, a.Key)
		if err != nil || used {
			return err
		}
		return t.conn.keepAnswer(&a)
	})
	if err != nil {
		return before, used, fmt.Errorf("note a request: %w", explain(err))
	}
	return before, used, nil
}

// KeepAnswer keeps what a request with an idempotency key was answered.
func (db *DB) KeepAnswer(ctx context.Context, a store.Answer) error {
	err := db.writer.do(ctx, func(t *tx) error { return t.conn.keepAnswer(&a) })
	if err != nil {
		return fmt.Errorf("keep an answer: %w", explain(err))
	}
	return nil
}

func (c *conn) keepAnswer(a *store.Answer) error {
	return c.run(`REPLACE INTO answer (key, request, begun, status, header, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6)`,
		a.Key, a.Request[:], a.Begun.UnixMicro(), a.Status, a.Header, a.Body)
}

// ForgetAnswer forgets a request with an idempotency key, as one that failed without having done anything.
func (db *DB) ForgetAnswer(ctx context.Context, key string) error {
	err := db.writer.do(ctx, func(t *tx) error { return t.conn.run(`DELETE FROM answer WHERE key = ?1`, key) })
	if err != nil {
		return fmt.Errorf("forget a request: %w", explain(err))
	}
	return nil
}

// TrimAnswers forgets requests from before a time.
func (db *DB) TrimAnswers(ctx context.Context, before time.Time) error {
	err := db.writer.do(ctx, func(t *tx) error { return t.conn.run(`DELETE FROM answer WHERE begun < ?1`, before.UnixMicro()) })
	if err != nil {
		return fmt.Errorf("forget old requests: %w", explain(err))
	}
	return nil
}
