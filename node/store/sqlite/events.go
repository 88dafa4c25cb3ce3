package sqlite

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ncruces/go-sqlite3"

	"github.com/roamwire/roamwire/node/store"
	"github.com/roamwire/roamwire/ocpi"
)

// Emit implements store.Tx.
func (t *tx) Emit(e store.Event) error {
	if t.over {
		return errOver
	}
	number, err := t.sequence.next(noCollection)
	if err == nil {
		err = t.conn.run(`INSERT INTO event (number, time, type, subject, partner, module, data) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)`,
			number, time.Now().UnixMicro(), e.Type, e.Subject, e.Partner, string(e.Module), e.Data)
	}
	if err != nil {
		t.err = fmt.Errorf("write event %s of %s: %w", e.Type, e.Subject, explain(err))
		return t.err
	}
	return nil
}

// emit writes events with what happened.
func (t *tx) emit(events []store.Event) error {
	for _, e := range events {
		if err := t.Emit(e); err != nil {
			return err
		}
	}
	return nil
}

// noCollection is the number of no collection: what is numbered is no object.
const noCollection = 0

// looksAtOnce is how many events are looked at by one read, whichever of them are wanted.
const looksAtOnce = 5000

// readsAtOnce is how many bytes of data one read returns, and one event more: before and after, an event can hold two objects of the
// largest size there is.
const readsAtOnce = 8 << 20

// Events returns the events after a number that are wanted, at most limit of them and fewer where they are large. next is the
// number to go on after; it is above the one given even where no event was wanted, unless there are no more.
func (db *DB) Events(ctx context.Context, want store.EventFilter, after int64, limit int) (events []store.Event, next int64, err error) {
	next = after
	size := 0
	err = db.look(ctx, func(c *conn) error {
		return c.some(func(s *sqlite3.Stmt) (more bool) {
			next = s.ColumnInt64(0)
			if wanted(want, s) {
				events = append(events, scanEvent(s))
				size += len(events[len(events)-1].Data)
			}
			return len(events) < limit && size < readsAtOnce
		}, `SELECT number, time, type, subject, partner, module, data FROM event WHERE number > ?1 ORDER BY number LIMIT ?2`, after, looksAtOnce)
	})
	if err != nil {
		return nil, after, fmt.Errorf("read events: %w", err)
	}
	return events, next, nil
}

func wanted(want store.EventFilter, s *sqlite3.Stmt) bool {
	if len(want.Types) > 0 {
		name := s.ColumnText(2)
		if !slices.ContainsFunc(want.Types, func(t string) bool {
			start, wild := strings.CutSuffix(t, "*")
			return t == name || wild && strings.HasPrefix(name, start)
		}) {
			return false
		}
	}
	if len(want.Partners) > 0 && !slices.Contains(want.Partners, s.ColumnText(4)) {
		return false
	}
	return len(want.Modules) == 0 || slices.Contains(want.Modules, ocpi.ModuleID(s.ColumnText(5)))
}

func scanEvent(s *sqlite3.Stmt) store.Event {
	return store.Event{
		Number: s.ColumnInt64(0), Time: timeOrNever(s.ColumnInt64(1)), Type: s.ColumnText(2), Subject: s.ColumnText(3),
		Partner: s.ColumnText(4), Module: ocpi.ModuleID(s.ColumnText(5)), Data: s.ColumnBlob(6, nil),
	}
}

// LatestEvent is the number of the latest event, also where it was removed since; 0 where there never was one. It costs next to
// nothing while nothing is written.
func (db *DB) LatestEvent(ctx context.Context) (int64, error) {
	return through(db, latestOf, latestKey{module: "", source: eventsKey}, func() (latest int64, err error) {
		err = db.look(ctx, func(c *conn) error {
			latest, _, err = c.number(`SELECT coalesce(max(number), (` + trimmedEvents + `), 0) FROM event`)
			return err
		})
		if err != nil {
			return 0, fmt.Errorf("read the number of the latest event: %w", err)
		}
		return latest, nil
	})
}

// TrimmedEvents is the number of the last event that was removed; 0 where none was. A reader that is not past it has missed
// something. It costs next to nothing while nothing is written.
func (db *DB) TrimmedEvents(ctx context.Context) (int64, error) {
	return through(db, latestOf, latestKey{module: "", source: trimmedKey}, func() (trimmed int64, err error) {
		err = db.read(ctx, func(c *conn) error {
			trimmed, _, err = c.number(trimmedEvents)
			return err
		})
		if err != nil {
			return 0, fmt.Errorf("read up to where events were removed: %w", err)
		}
		return trimmed, nil
	})
}

// FirstEventSince is the number of the first event that is kept from a time or later; 0 for none.
func (db *DB) FirstEventSince(ctx context.Context, since time.Time) (first int64, err error) {
	err = db.read(ctx, func(c *conn) error { // the clock may have been set back: the first by number may be another than by time
		first, _, err = c.number(`SELECT coalesce(min(number), 0) FROM event INDEXED BY event_time WHERE time >= ?1`, since.UnixMicro())
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("look for the first event since %s: %w", since.Format(time.RFC3339), err)
	}
	return first, nil
}

const trimmedEvents = `SELECT value FROM sequence WHERE name = 'trimmed events'`

// TrimEvents removes the oldest events: those from before a time, and those above a count; at most limit at once. It returns
// how many it has removed.
func (db *DB) TrimEvents(ctx context.Context, before time.Time, count, limit int) (removed int, err error) {
	last, err := db.oldEvents(ctx, before, count, limit)
	if err == nil && last > 0 {
		err = db.writer.do(ctx, func(t *tx) error {
			if err := t.conn.run(`DELETE FROM event WHERE number <= ?1`, last); err != nil {
				return err
			}
			removed = int(t.conn.Changes())
			return t.conn.run(`INSERT INTO sequence (name, value) VALUES ('trimmed events', ?1)
				ON CONFLICT (name) DO UPDATE SET value = max(value, excluded.value)`, last)
		})
	}
	if err != nil {
		return 0, fmt.Errorf("remove old events: %w", explain(err))
	}
	return removed, nil
}

// oldEvents is the number of the last event that TrimEvents is to remove, 0 for none. Counting a million events takes its time,
// which others who want to write do not have; what is added meanwhile is newer.
func (db *DB) oldEvents(ctx context.Context, before time.Time, count, limit int) (last int64, err error) {
	err = db.read(ctx, func(c *conn) error {
		total, _, err := c.number(`SELECT count(*) FROM event`)
		if err != nil {
			return err
		}
		old, _, err := c.number(`SELECT count(*) FROM (SELECT 1 FROM event INDEXED BY event_time WHERE time < ?1 LIMIT ?2)`, before.UnixMicro(), limit)
		if err != nil {
			return err
		}
		// What is removed is a beginning of the journal: where the clock was set back, nothing is removed from its middle.
		n := min(max(old, total-int64(count)), int64(limit))
		if n <= 0 {
			return nil
		}
		last, _, err = c.number(`SELECT number FROM event ORDER BY number LIMIT 1 OFFSET ?1`, n-1)
		return err
	})
	return last, err
}

// Hooks returns all hooks, by ID.
func (db *DB) Hooks(ctx context.Context) (hooks []store.Hook, err error) {
	err = db.read(ctx, func(c *conn) error {
		return c.query(func(s *sqlite3.Stmt) {
			hooks = append(hooks, store.Hook{ID: s.ColumnText(0), Cursor: s.ColumnInt64(1), State: s.ColumnBlob(2, nil)})
		}, `SELECT id, cursor, state FROM hook ORDER BY id`)
	})
	if err != nil {
		return nil, fmt.Errorf("read hooks: %w", err)
	}
	return hooks, nil
}

// AddHook adds a hook, or returns store.ErrExists.
func (db *DB) AddHook(ctx context.Context, h store.Hook) error {
	err := db.writer.do(ctx, func(t *tx) error {
		err := t.conn.run(`INSERT INTO hook (id, cursor, state) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING`, h.ID, h.Cursor, h.State)
		if err == nil && t.conn.Changes() == 0 {
			err = store.ErrExists
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("add hook %q: %w", h.ID, explain(err))
	}
	return nil
}

// ChangeHook changes a hook as one atomic step, or returns store.ErrNotFound. Dead events that fn returns are kept, in the
// same step; those that are kept already stay as they are.
func (db *DB) ChangeHook(ctx context.Context, id string, fn func(*store.Hook) (dead []store.DeadEvent, err error)) error {
	err := db.writer.do(ctx, func(t *tx) error {
		var h store.Hook
		err := t.conn.query(func(s *sqlite3.Stmt) {
			h = store.Hook{ID: s.ColumnText(0), Cursor: s.ColumnInt64(1), State: s.ColumnBlob(2, nil)}
		}, `SELECT id, cursor, state FROM hook WHERE id = ?1`, id)
		if err == nil && h.ID == "" {
			err = store.ErrNotFound
		}
		if err != nil {
			return err
		}
		dead, err := fn(&h)
		if err != nil {
			return err
		}
		for _, d := range dead {
			err := t.conn.run(`INSERT INTO dead_event (hook, number, time, type, subject, partner, module, data, reason, died)
				VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) ON CONFLICT DO NOTHING`,
				id, d.Number, d.Time.UnixMicro(), d.Type, d.Subject, d.Partner, string(d.Module), d.Data, d.Reason, d.Died.UnixMicro())
			if err != nil {
				return err
			}
		}
		return t.conn.run(`UPDATE hook SET cursor = ?2, state = ?3 WHERE id = ?1`, id, h.Cursor, h.State)
	})
	if err != nil {
		return fmt.Errorf("change hook %q: %w", id, explain(err))
	}
	return nil
}

// RemoveHook removes a hook with its dead events, or returns store.ErrNotFound.
func (db *DB) RemoveHook(ctx context.Context, id string) error {
	err := db.writer.do(ctx, func(t *tx) error {
		if err := t.conn.run(`DELETE FROM hook WHERE id = ?1`, id); err != nil {
			return err
		}
		if t.conn.Changes() == 0 {
			return store.ErrNotFound
		}
		return t.conn.run(`DELETE FROM dead_event WHERE hook = ?1`, id)
	})
	if err != nil {
		return fmt.Errorf("remove hook %q: %w", id, explain(err))
	}
	return nil
}

// DeadEvents returns the dead events of a hook after a number, at most limit of them and fewer where they are large; none only
// where there are none.
func (db *DB) DeadEvents(ctx context.Context, hook string, after int64, limit int) (dead []store.DeadEvent, err error) {
	err = db.read(ctx, func(c *conn) error {
		size := 0
		return c.some(func(s *sqlite3.Stmt) (more bool) {
			dead = append(dead, store.DeadEvent{Event: scanEvent(s), Reason: s.ColumnText(7), Died: timeOrNever(s.ColumnInt64(8))})
			size += len(dead[len(dead)-1].Data)
			return size < readsAtOnce
		}, `SELECT number, time, type, subject, partner, module, data, reason, died FROM dead_event
			WHERE hook = ?1 AND number > ?2 ORDER BY number LIMIT ?3`, hook, after, limit)
	})
	if err != nil {
		return nil, fmt.Errorf("read dead events of hook %q: %w", hook, err)
	}
	return dead, nil
}

// RemoveDeadEvents removes dead events of a hook; all of them where no number is given. It returns how many there were.
func (db *DB) RemoveDeadEvents(ctx context.Context, hook string, numbers ...int64) (removed int, err error) {
	err = db.writer.do(ctx, func(t *tx) error {
		removed = 0
		if len(numbers) == 0 {
			err := t.conn.run(`DELETE FROM dead_event WHERE hook = ?1`, hook)
			removed = int(t.conn.Changes())
			return err
		}
		for _, n := range numbers {
			if err := t.conn.run(`DELETE FROM dead_event WHERE hook = ?1 AND number = ?2`, hook, n); err != nil {
				return err
			}
			removed += int(t.conn.Changes())
		}
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("remove dead events of hook %q: %w", hook, explain(err))
	}
	return removed, nil
}
