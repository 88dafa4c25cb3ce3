package pull_test

import (
	"strings"
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

// Everything is pulled in the small hours, and not twice in a night.
func TestEverythingIsPulledAtNight(t *testing.T) {
	r := newRig(t, always(page(2, 0, 2)))
	for hour := range 48 {
		r.now = start.Add(time.Duration(hour) * time.Hour / 2)
		at := r.full(t).FullDue
		if hours := at.Sub(r.now).Hours(); at.Hour() < 1 || at.Hour() >= 5 || hours < 6 || hours > 30 {
			t.Errorf("after a pull at %s the next is at %s", r.now, at)
		}
	}
	r.partner.Policy.FullEvery = 10 * time.Hour
	if state := r.full(t); state.FullDue.Sub(r.now) < 8*time.Hour || state.FullDue.Sub(r.now) > 12*time.Hour {
		t.Errorf("every 10 hours: the next after %s", state.FullDue.Sub(r.now))
	}
}

// What is new is asked for until everything is due.
func TestEverythingIsPulledWhenItIsDue(t *testing.T) {
	r := newRig(t, always(page(2, 0, 2)))
	state := r.full(t)
	for r.now = start; r.now.Before(state.FullDue); r.now = r.now.Add(2 * time.Hour) {
		got, err := r.delta(t)
		if err != nil || !got.LastFull.Equal(state.LastFull) || got.Due.After(state.FullDue) {
			t.Fatalf("%+v %v", got, err)
		}
	}
	if got, err := r.delta(t); err != nil || !got.LastFull.Equal(r.now) {
		t.Errorf("%+v %v", got, err)
	}
}

// Only a partner that sends everything ignores date_from. It is said once, and then it is asked for everything alone.
func TestAPartnerThatIgnoresDateFromIsAskedForEverything(t *testing.T) {
	old := page(1, 0, 1) // a location that keeps its time when an EVSE of it changes
	old.Oldest, old.Newest = start.Add(-1000*time.Hour), start
	all := page(20, 0, 20)
	all.Oldest = start.Add(-1000 * time.Hour)
	r := newRig(t, always(page(20, 0, 20)))
	r.full(t)
	for _, test := range []struct {
		name  string
		pages pull.Page
		want  bool
		said  int
	}{
		{"one object from before", old, false, 0},
		{"everything", all, true, 1},
		{"everything again", all, true, 1},
		{"what is new alone", newer(start), false, 1},
	} {
		r.list = always(test.pages)
		state, err := r.delta(t)
		if err != nil || state.IgnoresDateFrom != test.want {
			t.Errorf("%s: %+v %v", test.name, state, err)
		}
		if onlyFull := state.Due.Equal(state.FullDue); onlyFull != test.want {
			t.Errorf("%s: the next at %s, everything at %s", test.name, state.Due, state.FullDue)
		}
		if said := strings.Count(r.log.String(), "ignores date_from"); said != test.said {
			t.Errorf("%s: said %d times, want %d", test.name, said, test.said)
		}
	}
}

// After failures there are pauses, which double up to an hour and are as long as the partner asks.
func TestPausesAfterFailures(t *testing.T) {
	r := newRig(t, always())
	for i, want := range []time.Duration{time.Minute, 2 * time.Minute, 4 * time.Minute, 8 * time.Minute, 16 * time.Minute, 32 * time.Minute, time.Hour, time.Hour} {
		r.list = func(ocpi.Query) ([]pull.Page, error) { return nil, &ocpiclient.Error{HTTP: 503} }
		state, err := r.delta(t)
		if wait := state.Due.Sub(r.now); err == nil || state.Failures != i+1 || wait < want*4/5 || wait > want*6/5+1 {
			t.Errorf("failure %d: %s, want about %s: %v", i+1, wait, want, err)
		}
	}
	r.list = func(ocpi.Query) ([]pull.Page, error) {
		return nil, &ocpiclient.Error{HTTP: 429, RetryAfter: 5 * time.Hour}
	}
	if state, err := r.delta(t); err == nil || state.Due.Sub(r.now) < 5*time.Hour {
		t.Errorf("the next after %s: %v", state.Due.Sub(r.now), err)
	}
	r.list = always(page(1, 0, 1))
	if state, err := r.delta(t); err != nil || state.Failures != 0 || state.LastError != "" || !state.NotBefore.IsZero() {
		t.Errorf("%+v %v", state, err)
	}
}
