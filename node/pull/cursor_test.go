package pull_test

import (
	"testing"
	"time"

	"github.com/roamwire/roamwire/node/pull"
	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/ocpiclient"
)

// newer is a page with one object of a time.
func newer(at time.Time) pull.Page {
	p := page(1, 0, 1)
	p.Newest, p.Oldest = at, at
	return p
}

// The cursor is the newest time that was seen and stored, never goes back, and never after we asked.
func TestTheCursorMovesWithWhatWasStored(t *testing.T) {
	seen := start.Add(-time.Hour)
	for name, test := range map[string]struct {
		pages   []pull.Page
		failure error
		want    time.Time
	}{
		"something new":             {[]pull.Page{newer(start.Add(-time.Minute))}, nil, start.Add(-time.Minute)},
		"nothing at all":            {nil, nil, seen},
		"something old":             {[]pull.Page{newer(seen.Add(-time.Hour))}, nil, seen},
		"a time in the future":      {[]pull.Page{newer(start.Add(100 * time.Hour))}, nil, start},
		"a list that breaks off":    {[]pull.Page{newer(start.Add(-time.Minute))}, ocpiclient.ErrEndless, seen},
		"an object that is refused": {[]pull.Page{newer(start.Add(-time.Minute)), {Total: 2, Objects: 1, Named: []string{"X"}, Problems: []pull.Problem{{ID: "X"}}}}, nil, start.Add(-time.Minute)},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, always(page(20, 0, 20)))
			r.full(t)
			r.list = func(ocpi.Query) ([]pull.Page, error) { return test.pages, test.failure }
			state, err := r.delta(t)
			if (err == nil) != (test.failure == nil) || !state.Cursor.Equal(test.want) {
				t.Errorf("cursor %s, want %s: %v", state.Cursor, test.want, err)
			}
			if q, _ := r.asked(); !q.DateFrom.Equal(seen.Add(-5 * time.Minute)) {
				t.Errorf("asked from %s", q.DateFrom)
			}
		})
	}
}

// Where the first list is empty there is no time to go on from: our clock may be ahead of the partner's.
func TestAnEmptyFirstListGivesNoCursor(t *testing.T) {
	r := newRig(t, always())
	r.full(t)
	if _, err := r.delta(t); err != nil {
		t.Fatal(err)
	}
	if q, n := r.asked(); n != 2 || !q.DateFrom.IsZero() {
		t.Errorf("query %d from %s", n, q.DateFrom)
	}
}

// What has changed since the partner was asked may be missing from a list that takes long. That is by its clock, which may
// be behind ours.
func TestTheCursorStopsWhereThePartnerWasAsked(t *testing.T) {
	at := start.Add
	for name, test := range map[string]struct {
		// asked is when the partner made the first page, by its clock; newest what it had on the last.
		asked, newest, want time.Time
	}{
		"a long list, a clock behind":             {at(-30 * time.Minute), at(-10 * time.Minute), at(-30 * time.Minute)},
		"a long list, a clock ahead":              {at(30 * time.Minute), at(50 * time.Minute), at(30 * time.Minute)},
		"a time in the future, a clock behind":    {at(-time.Hour), at(1000 * time.Hour), at(-time.Hour)},
		"nothing newer, a clock ahead":            {at(time.Hour), at(-time.Minute), at(-time.Minute)},
		"no clock":                                {time.Time{}, at(20 * time.Minute), start},
		"a clock that stands still since years":   {at(-20000 * time.Hour), at(-time.Minute), at(-time.Minute)},
		"a clock that is right, and nothing late": {start, at(-time.Hour), at(-time.Hour)},
	} {
		t.Run(name, func(t *testing.T) {
			first, last := page(2, 0, 1), page(2, 1, 2)
			first.Time, last.Time = test.asked, test.asked.Add(20*time.Minute)
			last.Newest, last.Oldest = test.newest, test.newest
			r := newRig(t, always(first, last))
			if state := r.full(t); !state.Cursor.Equal(test.want) {
				t.Errorf("cursor %s, want %s", state.Cursor, test.want)
			}
		})
	}
}
