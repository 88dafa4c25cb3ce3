package sqlite

import (
	"context"
	"fmt"
	"time"

	"github.com/ncruces/go-sqlite3"

	"github.com/roamwire/roamwire/node/store"
)

const commandColumns = `id, received, partner, type, state, match, created, changed, due, body`

func scanCommand(s *sqlite3.Stmt) store.Command {
	return store.Command{
		ID: s.ColumnText(0), Received: s.ColumnBool(1), Partner: s.ColumnText(2), Type: s.ColumnText(3), State: s.ColumnText(4),
		Match: s.ColumnText(5), Created: timeOrNever(s.ColumnInt64(6)), Changed: timeOrNever(s.ColumnInt64(7)),
		Due: timeOrNever(s.ColumnInt64(8)), Body: s.ColumnBlob(9, nil),
	}
}

func (c *conn) command(id string) (found store.Command, err error) {
	err = c.query(func(s *sqlite3.Stmt) { found = scanCommand(s) }, `SELECT `+commandColumns+` FROM command WHERE id = ?1`, id)
	if err == nil && found.ID == "" {
		err = store.ErrNotFound
	}
	return found, err
}

// Command implements store.Tx.
func (t *tx) Command(id string) (store.Command, error) {
	if t.over {
		return store.Command{}, errOver
	}
	c, err := t.conn.command(id)
	if err != nil {
		return c, fmt.Errorf("read command %q: %w", id, explain(err))
	}
	return c, nil
}

// PutCommand implements store.Tx.
func (t *tx) PutCommand(c store.Command) error {
	if t.over {
		return errOver
	}
	err := t.conn.run(`INSERT INTO command (`+commandColumns+`) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
		ON CONFLICT (id) DO UPDATE SET received = excluded.received, partner = excluded.partner, type = excluded.type, state = excluded.state,
			match = excluded.match, created = excluded.created, changed = excluded.changed, due = excluded.due, body = excluded.body`,
		c.ID, c.Received, c.Partner, c.Type, c.State, c.Match, microsOrNever(c.Created), microsOrNever(c.Changed), microsOrNever(c.Due), c.Body)
	if err != nil {
		t.err = fmt.Errorf("write command %q: %w", c.ID, explain(err))
		return t.err
	}
	return nil
}

// Command returns a command, or store.ErrNotFound.
func (db *DB) Command(ctx context.Context, id string) (found store.Command, err error) {
	err = db.read(ctx, func(c *conn) error {
		found, err = c.command(id)
		return err
	})
	if err != nil {
		return found, fmt.Errorf("read command %q: %w", id, err)
	}
	return found, nil
}

// Commands returns commands, newest first.
func (db *DB) Commands(ctx context.Context, want store.CommandFilter) (found []store.Command, err error) {
	err = db.read(ctx, func(c *conn) error {
		before := int64(1) << 62
		if want.Before != "" {
			no, ok, err := c.number(`SELECT no FROM command WHERE id = ?1`, want.Before)
			if err != nil || !ok {
				return err
			}
			before = no
		}
		return c.query(func(s *sqlite3.Stmt) { found = append(found, scanCommand(s)) },
			`SELECT `+commandColumns+` FROM command
				WHERE no < ?1 AND created >= ?2 AND (?3 = '' OR partner = ?3) AND (?4 = '' OR type = ?4) AND (?5 = '' OR state = ?5)
					AND (?6 = '' OR match = ?6) AND (NOT ?7 OR received) AND (NOT ?8 OR NOT received)
				ORDER BY no DESC LIMIT ?9`,
			before, microsOrNever(want.Since), want.Partner, want.Type, want.State, want.Match, want.Received, want.Sent, limitOf(want.Limit))
	})
	if err != nil {
		return nil, fmt.Errorf("read commands: %w", err)
	}
	return found, nil
}

// limitOf is a limit as SQLite has it: 0 stands for none.
func limitOf(limit int) int {
	if limit <= 0 {
		return -1
	}
	return limit
}

// MatchingCommands returns the commands of a partner, or of all where it is empty, that wait for something of this kind, oldest
// first.
func (db *DB) MatchingCommands(ctx context.Context, partner, match string, since time.Time) (found []store.Command, err error) {
	err = db.read(ctx, func(c *conn) error {
		return c.query(func(s *sqlite3.Stmt) { found = append(found, scanCommand(s)) },
			`SELECT `+commandColumns+` FROM command INDEXED BY command_match WHERE match = ?2 AND match <> '' AND created >= ?3 AND (?1 = '' OR partner = ?1)
				ORDER BY no`, partner, match, microsOrNever(since))
	})
	if err != nil {
		return nil, fmt.Errorf("read commands of %q: %w", partner, err)
	}
	return found, nil
}

// DueCommands returns the commands of one direction about which something is to be done by a time, the most urgent first, at
// most limit.
func (db *DB) DueCommands(ctx context.Context, received bool, by time.Time, limit int) (found []store.Command, err error) {
	err = db.read(ctx, func(c *conn) error {
		return c.query(func(s *sqlite3.Stmt) { found = append(found, scanCommand(s)) },
			`SELECT `+commandColumns+` FROM command INDEXED BY command_due WHERE due > 0 AND received = ?1 AND due <= ?2 ORDER BY due LIMIT ?3`,
			received, by.UnixMicro(), limitOf(limit))
	})
	if err != nil {
		return nil, fmt.Errorf("read commands that are due: %w", err)
	}
	return found, nil
}

// TrimCommands removes commands about which nothing is to be done and that were changed last before a time; at most limit. It
// returns how many it has removed.
func (db *DB) TrimCommands(ctx context.Context, before time.Time, limit int) (removed int, err error) {
	err = db.writer.do(ctx, func(t *tx) error {
		err := t.conn.run(`DELETE FROM command WHERE no IN (SELECT no FROM command WHERE due = 0 AND changed < ?1 ORDER BY no LIMIT ?2)`,
			before.UnixMicro(), limit)
		removed = int(t.conn.Changes())
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("remove old commands: %w", explain(err))
	}
	return removed, nil
}
