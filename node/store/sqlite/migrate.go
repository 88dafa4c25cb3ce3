package sqlite

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"path/filepath"
	"time"

	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/driver"
	"github.com/pressly/goose/v3"

	"github.com/roamwire/roamwire/node/store"
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

const (
	// applicationID marks the file as ours: "ROAM".
	applicationID = 0x524f414d

	versionTable = "schema_version"
)

var errForeign = errors.New("the file is a database of another program")

// prepareFile sets what must be set before the first table, and refuses files that are not ours. Of several processes
// that make the same file, SQLite refuses some without waiting, so it is tried more than once.
func (c *conn) prepareFile() (err error) {
	const tries = 20
	for range tries {
		if err = c.mark(); err == nil {
			err = c.writeAhead()
		}
		if !errors.Is(err, sqlite3.BUSY) {
			return err
		}
		time.Sleep(20 * time.Millisecond)
	}
	return err
}

// mark makes an empty file ours.
func (c *conn) mark() error {
	var id, tables int64
	err := c.snapshot(func(c *conn) (err error) {
		if id, _, err = c.number(`PRAGMA application_id`); err != nil {
			return err
		}
		tables, _, err = c.number(`SELECT count(*) FROM sqlite_schema`)
		return err
	})
	if err != nil || id == applicationID {
		return err
	}
	if id != 0 || tables > 0 {
		return errForeign
	}
	if err := c.Exec(fmt.Sprintf(`PRAGMA page_size = %d`, pageSize)); err != nil {
		return err
	}
	return c.writeMark()
}

func (c *conn) writeMark() error {
	return c.Exec(fmt.Sprintf(`PRAGMA application_id = %d`, applicationID))
}

func (c *conn) writeAhead() error {
	var mode string
	err := c.query(func(s *sqlite3.Stmt) { mode = s.ColumnText(0) }, `PRAGMA journal_mode = WAL`)
	if err != nil {
		return fmt.Errorf("switch to write-ahead logging: %w", err)
	}
	if mode != "wal" {
		return fmt.Errorf("switch to write-ahead logging: SQLite stays with %q", mode)
	}
	return nil
}

// migrations are the files of this program, by name.
func migrations() fs.FS {
	files, err := fs.Sub(migrationFiles, "migrations")
	if err != nil {
		panic(err) // the name of the folder is not a valid path
	}
	return files
}

// migrate brings the file to the newest format this program knows.
func migrate(ctx context.Context, c *conn, path string, files fs.FS) error {
	newest, err := newestFormat(files)
	if err != nil {
		return err
	}
	current, err := c.format()
	if err != nil {
		return err
	}
	if current > newest {
		return fmt.Errorf("%w: the file has format %d and this program knows formats up to %d; "+
			"use the newer program, or restore a backup from before the upgrade", store.ErrNewerFormat, current, newest)
	}
	if current == newest {
		return nil
	}
	return applyMigrations(ctx, c, path, files, newest)
}

func newestFormat(files fs.FS) (newest int64, err error) {
	names, err := fs.Glob(files, "*.sql")
	if err != nil {
		return 0, err
	}
	for _, name := range names {
		n, err := goose.NumericComponent(name)
		if err != nil {
			return 0, err
		}
		newest = max(newest, n)
	}
	return newest, nil
}

// format is the number of the newest migration the file has had; 0 for a new file.
func (c *conn) format() (int64, error) {
	tables, _, err := c.number(`SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = '` + versionTable + `'`)
	if err != nil || tables == 0 {
		return 0, err
	}
	format, _, err := c.number(`SELECT coalesce(max(version_id), 0) FROM ` + versionTable + ` WHERE is_applied`)
	return format, err
}

// applyMigrations tries several times, because another process may be doing the same: then one of the two fails, and
// finds the work done when it looks again.
func applyMigrations(ctx context.Context, c *conn, path string, files fs.FS, newest int64) error {
	const tries = 5
	var err error
	for range tries {
		if err = goUp(ctx, path, files); err == nil || ctx.Err() != nil {
			break
		}
		if format, formatErr := c.format(); formatErr == nil && format >= newest {
			return nil
		}
		time.Sleep(50 * time.Millisecond)
	}
	if err != nil {
		return fmt.Errorf("bring the file to format %d: %w", newest, err)
	}
	return nil
}

func goUp(ctx context.Context, path string, files fs.FS) error {
	db, err := sqlDB(path)
	if err != nil {
		return err
	}
	defer db.Close()
	provider, err := goose.NewProvider(goose.DialectSQLite3, db, files,
		goose.WithTableName(versionTable), goose.WithDisableGlobalRegistry(true), goose.WithLogger(goose.NopLogger()))
	if err != nil {
		return err
	}
	_, err = provider.Up(ctx)
	return err
}

// sqlDB opens the file for goose, which wants a database/sql handle. Transactions begin as writers, so that two
// processes wait for each other rather than fail.
func sqlDB(path string) (*sql.DB, error) {
	name := url.URL{Scheme: "file", Path: filepath.ToSlash(path), RawQuery: "_txlock=immediate"}
	db, err := driver.Open(name.String(), func(c *sqlite3.Conn) error {
		return errors.Join(c.BusyTimeout(10*time.Second), c.Exec(`PRAGMA synchronous = FULL`))
	})
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	return db, nil
}
