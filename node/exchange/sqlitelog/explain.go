package sqlitelog

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/ncruces/go-sqlite3"
)

// explain adds to an error of SQLite what it means for the person who runs the node.
func explain(err error) error {
	var meaning string
	switch {
	case errors.Is(err, sqlite3.FULL):
		meaning = "the disk is full"
	case errors.Is(err, sqlite3.READONLY), errors.Is(err, sqlite3.PERM), errors.Is(err, fs.ErrPermission):
		meaning = "the file or its folder may not be written"
	case errors.Is(err, sqlite3.BUSY):
		meaning = "another process is writing and does not finish"
	case errors.Is(err, sqlite3.NOTADB), errors.Is(err, sqlite3.CORRUPT):
		meaning = "the file is damaged; move it away, and a new one is begun"
	case errors.Is(err, sqlite3.IOERR):
		meaning = "the disk does not read or write"
	default:
		return err
	}
	return fmt.Errorf("%s (%w)", meaning, err)
}
