package sqlite

import (
	"strconv"

	"github.com/roamwire/roamwire/ocpi"
)

// A cursor says where the next page starts: it is the Created of the last object of the page before, in base 36. It
// says nothing about what is listed, so a partner that changes it only moves in its own list.
func cursorAfter(created int64) string { return strconv.FormatInt(created, 36) }

// parseCursor returns the Created after which to continue; 0 for the empty cursor.
func parseCursor(cursor string) (int64, error) {
	if cursor == "" {
		return 0, nil
	}
	created, err := strconv.ParseInt(cursor, 36, 64)
	if err != nil || created <= 0 || cursorAfter(created) != cursor {
		return 0, ocpi.InvalidParameters("the cursor is not one of ours; follow the Link header as it is")
	}
	return created, nil
}
