package sqlite

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/ncruces/go-sqlite3"
)

// explain adds to an error of SQLite what it means for the person who runs the node.
func explain(err error) error {
	if meaning := meaningOf(err); meaning != "" {
		return fmt.Errorf("%s (%w)", meaning, err)
	}
	return err
}

func meaningOf(err error) string {
	switch {
	case errors.Is(err, sqlite3.FULL):
		return "the disk is full"
	case errors.Is(err, sqlite3.READONLY), errors.Is(err, sqlite3.PERM), errors.Is(err, fs.ErrPermission):
		return "the file or its folder may not be written"
	case errors.Is(err, sqlite3.BUSY):
		return "another process is writing and does not finish"
	case errors.Is(err, sqlite3.CANTOPEN):
		return "the file cannot be opened; see that its folder exists and may be written"
	case errors.Is(err, sqlite3.NOTADB):
		return "the file is not a database"
	case errors.Is(err, sqlite3.CORRUPT):
		return "the file is damaged; restore it from a backup"
	case errors.Is(err, sqlite3.IOERR):
		return "the disk does not read or write"
	default:
		return ""
	}
}
