package exchange

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/roamwire/roamwire/ocpi"
)

// A Filter selects exchanges of a log. Its zero value selects all.
type Filter struct {
	Partner   string
	Direction ocpi.Direction
	Module    ocpi.ModuleID
	// Object is an id of the object, or several as in LOC1/EVSE1. Case does not matter. The uid of a token is found in
	// its masked form, which tokens may share.
	Object string
	// MessageID is a request or correlation id.
	MessageID string
	// Status are the statuses to select; all if empty.
	Status []Status
	// Since leaves out what ended before it.
	Since time.Time
	// After leaves out records up to this ID.
	After int64
	// Limit is how many to select, the newest; all if zero.
	Limit int
	// Bodies asks for the bodies, too.
	Bodies bool
}

// Objects are the forms in which the object of a filter may be in the log: as it is, and as a token that is masked.
func (f Filter) Objects() (plain, token string) {
	if masked := mask(f.Object); f.Module == ocpi.ModuleTokens || masked != stars {
		return f.Object, masked
	}
	return f.Object, f.Object // every short id is masked alike, so this would find them all
}

// A Status is a range of statuses, or everything that failed.
type Status struct {
	// OCPI tells that the range is of OCPI statuses and not of HTTP ones.
	OCPI bool
	// From and To are both in the range.
	From, To int
	// Failed selects exchanges without an answer, with an HTTP status from 400 or an OCPI status from 2000.
	Failed bool
}

const (
	httpDigits = 3
	ocpiDigits = 4
)

// ParseStatus reads a status as people write it: 404, 4xx, 2001, 20xx, 2xxx or failed.
func ParseStatus(text string) (Status, error) {
	text = strings.ToLower(strings.TrimSpace(text))
	if text == "failed" {
		return Status{Failed: true}, nil
	}
	digits := strings.TrimRight(text, "x")
	from, err := strconv.Atoi(digits + strings.Repeat("0", len(text)-len(digits)))
	if err != nil || digits == "" || from <= 0 || len(text) != httpDigits && len(text) != ocpiDigits {
		return Status{}, fmt.Errorf("%q is no status: use an HTTP status such as 404 or 4xx, an OCPI status such as 2001 or 2xxx, or failed", text)
	}
	to, _ := strconv.Atoi(digits + strings.Repeat("9", len(text)-len(digits))) // as good a number as the first
	return Status{OCPI: len(text) == ocpiDigits, From: from, To: to}, nil
}
