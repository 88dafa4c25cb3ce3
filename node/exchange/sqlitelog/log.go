// Package sqlitelog keeps the record of exchanges in one SQLite file, apart from the node's data: it may be large, and
// what happened in the last moments before a power cut may be missing from it.
package sqlitelog

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/ncruces/go-sqlite3"

	"github.com/roamwire/roamwire/node/exchange"
)

// A Log is an open file of exchanges. Several processes may have the same file open, and one goroutine at a time uses
// a Log.
type Log struct {
	conn *sqlite3.Conn
	path string
	// file is what was at path when it was opened.
	file       os.FileInfo
	statements map[string]*sqlite3.Stmt
	insertion  insertion
	packer     packer
	// noLosses tells that the table has no column for losses: an older version of the program has made it.
	noLosses bool
	// searched is up to where there are no exchanges with strangers that have to go.
	searched int64
}

var _ exchange.Log = (*Log)(nil)

// busyTimeout is how long to wait while another process writes.
const busyTimeout = 5 * time.Second

// Open opens the file at path for writing, and makes it if it does not exist; its folder is not made. The error wraps
// store.ErrNewerFormat if a newer version of the program has written the file.
func Open(ctx context.Context, path string) (*Log, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDONLY, 0o600) // SQLite would let others read it
	if err == nil {
		err = f.Close()
	}
	if err != nil {
		return nil, fmt.Errorf("open exchange log %s: %w", path, explain(err))
	}
	l, err := open(ctx, path, writerPragmas)
	if err != nil {
		return nil, err
	}
	if err := l.prepare(); err != nil {
		return nil, errors.Join(fmt.Errorf("open exchange log %s: %w", path, explain(err)), l.Close())
	}
	return l, nil
}

// OpenReader opens a file that exists, to read it. The error wraps fs.ErrNotExist where it does not.
func OpenReader(ctx context.Context, path string) (*Log, error) {
	l, err := open(ctx, path, `PRAGMA query_only = ON`)
	if err != nil {
		return nil, err
	}
	if err := l.checkFormat(); err != nil {
		return nil, errors.Join(fmt.Errorf("open exchange log %s: %w", path, explain(err)), l.Close())
	}
	return l, nil
}

func open(ctx context.Context, path string, pragmas string) (*Log, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("open exchange log: %w", err)
	}
	conn, err := sqlite3.OpenFlags(path, sqlite3.OPEN_READWRITE)
	if err != nil {
		return nil, fmt.Errorf("open exchange log %s: %w", path, explain(err))
	}
	conn.SetInterrupt(ctx)
	if err := errors.Join(conn.BusyTimeout(busyTimeout), conn.Exec(pragmas)); err != nil {
		return nil, fmt.Errorf("open exchange log %s: %w", path, explain(errors.Join(err, conn.Close())))
	}
	return &Log{conn: conn, path: path, file: info, statements: map[string]*sqlite3.Stmt{}}, nil
}

// Close closes the file.
func (l *Log) Close() error {
	l.conn.SetInterrupt(context.Background())
	var errs []error
	for _, s := range l.statements {
		errs = append(errs, s.Close())
	}
	if err := errors.Join(append(errs, l.conn.Close())...); err != nil {
		return fmt.Errorf("close exchange log %s: %w", l.path, explain(err))
	}
	return nil
}

// Replaced reports whether the file has been removed, or another put in its place.
func (l *Log) Replaced() bool {
	info, err := os.Stat(l.path)
	return err != nil || !os.SameFile(info, l.file)
}

// prepared returns the statement of this text, which stays prepared as long as the log is open.
func (l *Log) prepared(sql string) (*sqlite3.Stmt, error) {
	if s, ok := l.statements[sql]; ok {
		return s, nil
	}
	s, _, err := l.conn.PrepareFlags(sql, sqlite3.PREPARE_PERSISTENT)
	if err != nil {
		return nil, err
	}
	l.statements[sql] = s
	return s, nil
}

// query runs a statement and calls row for each row of its result.
func (l *Log) query(row func(*sqlite3.Stmt), sql string, args ...any) error {
	s, err := l.prepared(sql)
	if err != nil {
		return err
	}
	if err := bind(s, args); err != nil {
		return err
	}
	for s.Step() {
		row(s)
	}
	err = s.Err()
	if resetErr := s.Reset(); err == nil {
		err = resetErr
	}
	return err
}

func (l *Log) run(sql string, args ...any) error {
	return l.query(func(*sqlite3.Stmt) {}, sql, args...)
}

// number runs a statement that returns at most one number; 0 where there is none.
func (l *Log) number(sql string, args ...any) (n int64, err error) {
	err = l.query(func(s *sqlite3.Stmt) { n = s.ColumnInt64(0) }, sql, args...)
	return n, err
}

func bind(s *sqlite3.Stmt, args []any) error {
	for i, arg := range args {
		if err := bindOne(s, i+1, arg); err != nil {
			return err
		}
	}
	return nil
}

func bindOne(s *sqlite3.Stmt, param int, arg any) error {
	switch v := arg.(type) {
	case int64:
		return s.BindInt64(param, v)
	case int:
		return s.BindInt(param, v)
	case string:
		return s.BindText(param, v)
	case []byte:
		return s.BindBlob(param, v)
	default:
		return fmt.Errorf("bind parameter %d: no way to store a %T", param, arg)
	}
}

// write runs fn in a transaction.
func (l *Log) write(ctx context.Context, fn func() error) (err error) {
	old := l.conn.SetInterrupt(ctx)
	defer l.conn.SetInterrupt(old)
	if err := l.run(`BEGIN IMMEDIATE`); err != nil {
		return err
	}
	defer func() {
		if err == nil {
			return
		}
		l.conn.SetInterrupt(context.Background())
		if !l.conn.GetAutocommit() { // SQLite has not ended the transaction by itself
			err = errors.Join(err, l.run(`ROLLBACK`))
		}
	}()
	if err := fn(); err != nil {
		return err
	}
	return l.run(`COMMIT`)
}
