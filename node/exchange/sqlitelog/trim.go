package sqlitelog

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/ncruces/go-sqlite3"

	"github.com/roamwire/roamwire/node/exchange"
)

const (
	// trimRows is how many exchanges or bodies are removed at a time; more than are added at a time.
	trimRows = 1024
	// trimPages is how many pages the file is made shorter at a time, 2 MiB.
	trimPages = 512
)

var errGone = errors.New("the file has been removed, or replaced by another")

// Trim implements exchange.Log. Each call is a short piece of the work.
func (l *Log) Trim(ctx context.Context, limits exchange.Limits) (more bool, err error) {
	if l.Replaced() {
		return false, fmt.Errorf("trim the exchange log: %w", errGone)
	}
	err = l.write(ctx, func() error {
		for _, step := range []func(exchange.Limits) (bool, error){l.trimBodies, l.trimRecords, l.trimSize, l.shrink} {
			did, err := step(limits)
			if err != nil {
				return err
			}
			more = more || did
		}
		return nil
	})
	if err != nil {
		return false, fmt.Errorf("trim the exchange log: %w", explain(err))
	}
	if more {
		return true, nil
	}
	if err := l.giveBack(limits); err != nil {
		return false, fmt.Errorf("trim the exchange log: %w", explain(err))
	}
	return false, nil
}

// giveBack makes the files on the disk as short as they should be, where they are not: SQLite does so when the next
// checkpoint is due, which may be days later. Those who read are not waited for; it is tried again with the next trim.
func (l *Log) giveBack(limits exchange.Limits) (err error) {
	if !longer(l.path, limits.Size) && !longer(l.path+"-wal", checkpointPages*pageSize) {
		return nil
	}
	if err := l.conn.BusyTimeout(0); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.conn.BusyTimeout(busyTimeout)) }()
	if err := l.conn.Exec(`PRAGMA wal_checkpoint(TRUNCATE)`); err != nil && !errors.Is(err, sqlite3.BUSY) {
		return err
	}
	return nil
}

// longer reports whether a file is longer than it may be. One that is not there is not.
func longer(path string, most int64) bool {
	info, err := os.Stat(path)
	return err == nil && info.Size() > most
}

// trimBodies removes bodies that are too old.
func (l *Log) trimBodies(limits exchange.Limits) (bool, error) {
	ended, err := l.number(`SELECT at + duration FROM exchange WHERE id = (SELECT min(id) FROM body)`)
	if err != nil || ended == 0 || ended >= limits.Bodies.UnixMicro() {
		return false, err
	}
	last, err := l.number(`SELECT max(id) FROM (
		SELECT id, at + duration AS ended FROM body JOIN exchange USING (id) ORDER BY id LIMIT ?1) WHERE ended < ?2`,
		trimRows, limits.Bodies.UnixMicro())
	if err != nil {
		return false, err
	}
	return true, l.removeBodies(last)
}

// trimRecords removes exchanges that are too old.
func (l *Log) trimRecords(limits exchange.Limits) (bool, error) {
	ended, err := l.number(`SELECT at + duration FROM exchange ORDER BY id LIMIT 1`)
	if err != nil || ended == 0 || ended >= limits.Records.UnixMicro() {
		return false, err
	}
	last, err := l.number(`SELECT max(id) FROM (
		SELECT id, at + duration AS ended FROM exchange ORDER BY id LIMIT ?1) WHERE ended < ?2`,
		trimRows, limits.Records.UnixMicro())
	if err != nil {
		return false, err
	}
	return true, l.removeRecords(last)
}

// trimSize removes exchanges with strangers where the file is nearly full, and then what is oldest: bodies, if they have
// more than half of it.
func (l *Log) trimSize(limits exchange.Limits) (bool, error) {
	used, _, err := l.size()
	if err != nil || used <= limits.Size-limits.Size/16 {
		return false, err
	}
	bodies, err := l.number(`SELECT bodies FROM tally`)
	if err != nil {
		return false, err
	}
	sql, remove := `SELECT max(id) FROM (SELECT id FROM exchange ORDER BY id LIMIT ?1)`, l.removeRecords
	if bodies > limits.Size/2 {
		sql, remove = `SELECT max(id) FROM (SELECT id FROM body ORDER BY id LIMIT ?1)`, l.removeBodies
	}
	if did, err := l.trimStrangers(); did || err != nil {
		return did, err
	}
	const rowsPer = 64 << 10 // a small file is not emptied in one go
	last, err := l.number(sql, min(trimRows, limits.Size/rowsPer))
	if err != nil || last == 0 {
		return false, err
	}
	return true, remove(last)
}

const (
	// lookRows is how many exchanges are looked at in search of strangers at a time.
	lookRows = 4 * trimRows
	// strangersStay is how long those with strangers stay all the same, in microseconds: people look for them when a
	// partner cannot get in.
	strangersStay = 10 * 60 * 1_000_000
)

// trimStrangers removes exchanges with callers that were not recognised, which are many when somebody wants the others to
// go. It goes through the file once, a piece at a time, and then through what is added to it.
func (l *Log) trimStrangers() (bool, error) {
	last, err := l.number(`SELECT max(id) FROM (SELECT id FROM exchange
		WHERE id > ?1 AND id < (SELECT max(id) FROM exchange) - ?2 ORDER BY id LIMIT ?3)`, l.searched, strangersStay, lookRows)
	if err != nil || last == 0 {
		return false, err
	}
	const strangers = `SELECT id FROM exchange WHERE id > ?1 AND id <= ?2 AND partner = '' AND direction = 'in'`
	size, err := l.number(sizeOfBodies+`id IN (`+strangers+`)`, l.searched, last)
	if err != nil {
		return false, err
	}
	for _, sql := range []string{`DELETE FROM body WHERE id IN (` + strangers + `)`, `DELETE FROM exchange WHERE id IN (` + strangers + `)`} {
		if err := l.run(sql, l.searched, last); err != nil {
			return false, err
		}
	}
	l.searched = last
	return true, l.run(`UPDATE tally SET bodies = bodies - ?1`, size)
}

// shrink makes a file shorter that has more empty pages than it may have, as after its limit was lowered.
func (l *Log) shrink(limits exchange.Limits) (bool, error) {
	used, size, err := l.size()
	if err != nil || size <= limits.Size || used == size {
		return false, err
	}
	return true, l.conn.Exec(fmt.Sprintf(`PRAGMA incremental_vacuum(%d)`, trimPages))
}

// size is how much of the file is used, and how long it is.
func (l *Log) size() (used, size int64, err error) {
	var pages, free, each int64
	for sql, n := range map[string]*int64{`PRAGMA page_count`: &pages, `PRAGMA freelist_count`: &free, `PRAGMA page_size`: &each} {
		if *n, err = l.number(sql); err != nil {
			return 0, 0, err
		}
	}
	return (pages - free) * each, pages * each, nil
}

// removeRecords removes exchanges up to an id, with their bodies.
func (l *Log) removeRecords(last int64) error {
	if err := l.removeBodies(last); err != nil {
		return err
	}
	return l.run(`DELETE FROM exchange WHERE id <= ?1`, last)
}

const sizeOfBodies = `SELECT coalesce(sum(coalesce(octet_length(request), 0) + coalesce(octet_length(response), 0)), 0) FROM body WHERE `

// removeBodies removes the bodies of exchanges up to an id.
func (l *Log) removeBodies(last int64) error {
	size, err := l.number(sizeOfBodies+`id <= ?1`, last)
	if err != nil {
		return err
	}
	if err := l.run(`DELETE FROM body WHERE id <= ?1`, last); err != nil {
		return err
	}
	return l.run(`UPDATE tally SET bodies = bodies - ?1`, size)
}
