// Package sqlite keeps the node's data in one SQLite file.
//
// Writes go through one goroutine that commits what is waiting together, so that many small writes share the cost of
// making them durable. Reads run beside it on a few connections, each on a snapshot of its own. Several processes may
// have the same file open.
package sqlite

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"
)

// ErrClosed is returned by every method after Close.
var ErrClosed = errors.New("the store is closed")

// Options are the settings of a DB. The zero value is good for a node.
type Options struct {
	// Readers is the number of reads that can run at the same time; 4 if zero.
	Readers int
	// BusyTimeout is how long to wait while another process is writing; 10 seconds if zero.
	BusyTimeout time.Duration
}

func (o Options) withDefaults() Options {
	if o.Readers <= 0 {
		o.Readers = 4
	}
	if o.BusyTimeout <= 0 {
		o.BusyTimeout = 10 * time.Second
	}
	return o
}

// A DB is an open database file. Its methods may be called from many goroutines.
type DB struct {
	path    string
	writer  *writer
	readers *pool
	watch   watch
	memory  memory
}

// Open opens the database file at path and brings it to the newest format; a file that does not exist is made, its
// folder is not. The error wraps store.ErrNewerFormat if a newer version of the program has written the file.
func Open(ctx context.Context, path string, opts Options) (*DB, error) {
	opts = opts.withDefaults()
	absolute, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("open database %s: %w", path, err)
	}
	if target, err := filepath.EvalSymlinks(absolute); err == nil { // where SQLite keeps the files beside it
		absolute = target
	}
	db, err := open(ctx, absolute, opts)
	if err != nil {
		return nil, fmt.Errorf("open database %s: %w", absolute, explain(err))
	}
	return db, nil
}

func open(ctx context.Context, path string, opts Options) (*DB, error) {
	c, err := openWriter(ctx, path, opts)
	if err != nil {
		return nil, err
	}
	if err := migrate(ctx, c, path, migrations()); err != nil {
		return nil, errors.Join(err, c.close())
	}
	readers, err := openPool(ctx, path, opts)
	if err != nil {
		return nil, errors.Join(err, c.close())
	}
	db := &DB{path: path, readers: readers}
	db.writer = startWriter(c, db, opts)
	db.watch.open(path)
	db.proveWatch(ctx)
	return db, nil
}

// proveWatch makes sure that the watch sees what is written, and does without it where it does not.
func (db *DB) proveWatch(ctx context.Context) {
	before, watching := db.watch.now()
	if !watching {
		return
	}
	err := db.writer.do(ctx, func(t *tx) error { return t.conn.writeMark() }) // changes nothing, but is written
	if after, _ := db.watch.now(); err != nil || after == before {
		_ = db.watch.close() // it is of no use either way
	}
}

// Close waits for the writes and reads that have begun, refuses all others with ErrClosed, and closes the file.
func (db *DB) Close() error {
	// The writer comes last because the last connection to close empties the write-ahead log, and readers may not.
	if err := errors.Join(db.watch.close(), db.readers.close(), db.writer.close()); err != nil {
		return fmt.Errorf("close database %s: %w", db.path, explain(err))
	}
	return nil
}
