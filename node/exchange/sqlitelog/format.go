package sqlitelog

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/ncruces/go-sqlite3"

	"github.com/roamwire/roamwire/node/store"
)

const (
	// applicationID marks the file as a log of exchanges: "ROAX".
	applicationID = 0x524f4158
	// format is that of the tables below. It is kept in user_version.
	format = 1

	pageSize = 8192
	// checkpointPages is the length at which SQLite copies the write-ahead log into the file, 16 MiB: the disk is waited
	// for only then.
	checkpointPages = (16 << 20) / pageSize
)

var writerPragmas = fmt.Sprintf(`
	PRAGMA page_size = %d;
	PRAGMA auto_vacuum = INCREMENTAL;
	PRAGMA temp_store = MEMORY;
	PRAGMA cache_size = -1024;
	PRAGMA synchronous = NORMAL;
	PRAGMA wal_autocheckpoint = %d;
	PRAGMA journal_size_limit = %d`, pageSize, checkpointPages, checkpointPages*pageSize)

// The columns of exchange are those of exchange.Record; times are in microseconds. Bodies that are TEXT are as they are
// kept, those that are BLOBs are compressed by deflate.
const tables = `
	CREATE TABLE exchange (
		id INTEGER PRIMARY KEY, -- when it ended, in microseconds since 1970, or one more than the one before
		at INTEGER NOT NULL,
		duration INTEGER NOT NULL,
		direction TEXT NOT NULL,
		partner TEXT NOT NULL,
		method TEXT NOT NULL,
		url TEXT NOT NULL,
		module TEXT NOT NULL,
		object TEXT NOT NULL,
		http INTEGER NOT NULL,
		status INTEGER NOT NULL,
		request_id TEXT NOT NULL,
		correlation_id TEXT NOT NULL,
		request_size INTEGER NOT NULL,
		response_size INTEGER NOT NULL,
		findings TEXT NOT NULL, -- one a line
		quirks TEXT NOT NULL,
		error TEXT NOT NULL,
		losses TEXT NOT NULL DEFAULT '' -- one a line
	) STRICT;
	CREATE TABLE body (
		id INTEGER PRIMARY KEY,
		request ANY,
		response ANY
	) STRICT;
	-- How often each deviation of a partner was put right, also in exchanges that are gone.
	CREATE TABLE quirk (
		partner TEXT NOT NULL,
		name TEXT NOT NULL,
		messages INTEGER NOT NULL,
		last INTEGER NOT NULL, -- microseconds since 1970
		PRIMARY KEY (partner, name)
	) STRICT, WITHOUT ROWID;
	-- How many bytes of bodies there are.
	CREATE TABLE tally (bodies INTEGER NOT NULL) STRICT;
	INSERT INTO tally VALUES (0);`

var errForeign = errors.New("the file is a database of another program")

// prepare makes the tables of a new file, and refuses files that are not ours.
func (l *Log) prepare() error {
	if err := l.checkFormat(); !errors.Is(err, errEmpty) {
		return errors.Join(err, l.addLosses())
	}
	if err := l.writeAhead(); err != nil {
		return err
	}
	return l.write(context.Background(), func() error {
		if err := l.checkFormat(); !errors.Is(err, errEmpty) {
			return err // another process has made them meanwhile
		}
		return l.conn.Exec(tables + fmt.Sprintf(`PRAGMA application_id = %d; PRAGMA user_version = %d`, applicationID, format))
	})
}

// addLosses adds the column for losses to a table that was made without it. Programs that do not know it can go on with the
// table: it has a default.
func (l *Log) addLosses() error {
	if !l.noLosses {
		return nil
	}
	return l.write(context.Background(), func() error {
		if err := l.checkFormat(); err != nil || !l.noLosses {
			return err // another process has added it meanwhile
		}
		l.noLosses = false
		return l.run(`ALTER TABLE exchange ADD COLUMN losses TEXT NOT NULL DEFAULT ''`)
	})
}

// errEmpty is about a file without tables, which is as good as none.
var errEmpty = fmt.Errorf("the file is empty: %w", fs.ErrNotExist)

func (l *Log) checkFormat() error {
	id, found, tables, err := l.readFormat()
	if err == nil && tables > 0 && id == applicationID {
		var columns int64
		columns, err = l.number(`SELECT count(*) FROM pragma_table_info('exchange') WHERE name = 'losses'`)
		l.noLosses = columns == 0
	}
	switch {
	case err != nil:
		return err
	case id == 0 && tables == 0:
		return errEmpty
	case id != applicationID:
		return errForeign
	case found > format:
		return fmt.Errorf("%w: the exchange log has format %d and this program knows formats up to %d; "+
			"use the newer program, or move the file away", store.ErrNewerFormat, found, format)
	}
	return nil
}

// readFormat reads what the file is, all at one moment: another process may be making it.
func (l *Log) readFormat() (id, found, tables int64, err error) {
	if err := l.run(`SAVEPOINT format`); err != nil {
		return 0, 0, 0, err
	}
	defer func() { err = errors.Join(err, l.run(`RELEASE format`)) }()
	if id, err = l.number(`PRAGMA application_id`); err != nil {
		return 0, 0, 0, err
	}
	if found, err = l.number(`PRAGMA user_version`); err != nil {
		return 0, 0, 0, err
	}
	tables, err = l.number(`SELECT count(*) FROM sqlite_schema`)
	return id, found, tables, err
}

func (l *Log) writeAhead() error {
	var mode string
	err := l.query(func(s *sqlite3.Stmt) { mode = s.ColumnText(0) }, `PRAGMA journal_mode = WAL`)
	if err != nil {
		return fmt.Errorf("switch to write-ahead logging: %w", err)
	}
	if mode != "wal" {
		return fmt.Errorf("switch to write-ahead logging: SQLite stays with %q", mode)
	}
	return nil
}
