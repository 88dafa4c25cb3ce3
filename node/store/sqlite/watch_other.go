//go:build !((linux || darwin) && !sqlite3_flock && !sqlite3_dotlk)

package sqlite

import (
	"errors"
	"os"
)

// mapShared is not possible here, so nothing is remembered.
func mapShared(*os.File) ([]byte, error) { return nil, errors.ErrUnsupported }

func unmapShared([]byte) error { return nil }
