package pull_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/roamwire/roamwire/node/pull"
	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/ocpiclient"
)

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

// A handful of objects from before is no proof: they may keep their time when a part of them changes.
func TestAFewOldObjectsAreNoProof(t *testing.T) {
	for all := 1; all <= 4; all++ {
		r := newRig(t, always(page(all, 0, all)))
		r.full(t)
		old := page(all, 0, all)
		old.Oldest, old.Newest = start.Add(-1000*time.Hour), start
		r.list = always(old)
		if state, err := r.delta(t); err != nil || state.IgnoresDateFrom || state.Due.Equal(state.FullDue) {
			t.Errorf("%d objects: %+v %v", all, state, err)
		}
	}
	old := page(10, 0, 10) // half of everything
	old.Oldest, old.Newest = start.Add(-1000*time.Hour), start
	r := newRig(t, always(page(20, 0, 20)))
	r.full(t)
	r.list = always(old)
	if state, err := r.delta(t); err != nil || state.IgnoresDateFrom {
		t.Errorf("half of the objects: %+v %v", state, err)
	}
}

// Of sessions and CDRs nothing vanishes: what is new is enough, unless the partner cannot be asked for it.
func TestSessionsAndCDRsAreSeldomPulledInFull(t *testing.T) {
	for _, module := range []ocpi.ModuleID{ocpi.ModuleSessions, ocpi.ModuleCDRs} {
		for every, want := range map[time.Duration]time.Duration{0: 28 * 24 * time.Hour, time.Hour: 28 * 24 * time.Hour, 2000 * time.Hour: 2000 * time.Hour} {
			r := newRig(t, always(page(20, 0, 20)))
			r.partner.Modules, r.partner.Policy.FullEvery = []ocpi.ModuleID{module}, every
			p := r.another(func(c *pull.Config) { c.Takers = map[ocpi.ModuleID]pull.Taker{module: r.shelf} })
			state, err := p.Pull(t.Context(), grenspaal, module, true, nil)
			if wait := state.FullDue.Sub(start); err != nil || wait < want*4/5 || wait > want*6/5 {
				t.Errorf("%s, full every %s: again after %s: %v", module, every, wait, err)
			}
			if every == 0 && (state.FullDue.Hour() < 1 || state.FullDue.Hour() >= 5) {
				t.Errorf("%s: at %s", module, state.FullDue)
			}
			all := page(20, 0, 20)
			all.Oldest = start.Add(-1000 * time.Hour)
			r.list = always(all)
			state, err = p.Pull(t.Context(), grenspaal, module, false, nil)
			if err != nil || !state.IgnoresDateFrom || every == 0 && state.Due.Sub(start) > 30*time.Hour {
				t.Errorf("%s, which ignores date_from: again at %s: %v", module, state.Due, err)
			}
		}
	}
}

// Each night the CDRs of the last weeks are asked for: one that was lost on the way is money. Where that fails, what is new is
// asked for all the same.
func TestCDRsOfTheLastWeeksAreAskedForEveryNight(t *testing.T) {
	r := newRig(t, always(page(20, 0, 20)))
	r.partner.Modules = []ocpi.ModuleID{ocpi.ModuleCDRs}
	p := r.another(func(c *pull.Config) { c.Takers = map[ocpi.ModuleID]pull.Taker{ocpi.ModuleCDRs: r.shelf} })
	do := func(full bool) (pull.State, time.Duration) {
		t.Helper()
		state, _ := p.Pull(t.Context(), grenspaal, ocpi.ModuleCDRs, full, nil)
		q, _ := r.asked()
		return state, r.now.Sub(q.DateFrom)
	}
	state, _ := do(true)
	if _, back := do(false); back > 2*time.Hour {
		t.Errorf("by day it goes back %s", back)
	}
	if night := state.LookBackDue; night.Hour() < 1 || night.Hour() >= 5 || night.Sub(start) > 30*time.Hour {
		t.Errorf("the first night is %s", night)
	}
	const weeks = 35 * 24 * time.Hour
	r.now = state.LookBackDue
	r.list = func(ocpi.Query) ([]pull.Page, error) { return nil, ocpiclient.ErrEndless }
	if _, back := do(false); back < weeks || back > weeks+time.Hour {
		t.Errorf("at night it goes back %s", back)
	}
	r.list = always(page(20, 0, 20))
	r.now = r.now.Add(10 * time.Minute)
	if _, back := do(false); back > 24*time.Hour {
		t.Errorf("after a night that failed it goes back %s", back)
	}
	r.now = r.now.Add(8 * time.Hour)
	state, back := do(false)
	if back < weeks || state.LookBackDue.Sub(r.now) > 30*time.Hour || state.LookBackDue.Before(r.now) {
		t.Errorf("it is made up for with %s, and the next is at %s", back, state.LookBackDue)
	}
}

// A policy holds at once, and not after the pull that was planned before it.
func TestAShorterTimeBetweenPullsHoldsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRigAt(t, time.Time{}, always(page(20, 0, 20)))
		r.running(t, func() { time.Sleep(3 * time.Minute) })
		_, before := r.asked()
		r.partner.Policy.Every = time.Minute
		r.running(t, func() { time.Sleep(5 * time.Minute) })
		if _, n := r.asked(); n < before+3 {
			t.Errorf("asked %d times in five minutes", n-before)
		}
	})
}

// A list that breaks off every time it is pulled in full does not keep what is new away.
func TestAFullPullThatKeepsFailingDoesNotStopDeltas(t *testing.T) {
	r := newRig(t, always(page(20, 0, 20)))
	state := r.full(t)
	r.list = func(q ocpi.Query) ([]pull.Page, error) {
		if q.DateFrom.IsZero() {
			return []pull.Page{page(20, 0, 10)}, &ocpiclient.Error{HTTP: 500, Kind: ocpiclient.TryLater}
		}
		return []pull.Page{newer(r.now.Add(-time.Minute))}, nil
	}
	began := state.FullDue.Add(time.Minute)
	deltas, fulls := 0, 0
	for r.now = began; r.now.Sub(began) < 48*time.Hour; r.now = state.Due { // whenever something is due
		state, _ = r.delta(t)
		if q, _ := r.asked(); q.DateFrom.IsZero() {
			fulls++
		} else {
			deltas++
		}
		if state.FullFailures != fulls || !strings.Contains(state.FullError, "HTTP 500") {
			t.Fatalf("after %d failures: %+v", fulls, state)
		}
	}
	if deltas < 40 || fulls < 10 || fulls > 25 {
		t.Errorf("%d pulls of what is new and %d of everything in two days", deltas, fulls)
	}
	r.list = always(page(20, 0, 20))
	if state := r.full(t); state.FullFailures != 0 || state.FullError != "" || state.Failures != 0 {
		t.Errorf("%+v", state)
	}
}

// A stop of the process is no failure of the partner's.
func TestAStopIsNoFailure(t *testing.T) {
	r := newRig(t, always(page(2, 0, 2)))
	before := r.full(t)
	ctx, cancel := context.WithCancel(t.Context())
	r.list = func(ocpi.Query) ([]pull.Page, error) { cancel(); return nil, ctx.Err() }
	state, err := r.Pull(ctx, grenspaal, ocpi.ModuleTariffs, true, nil)
	if diff := cmp.Diff(before, state); err == nil || diff != "" {
		t.Errorf("%v\n%s", err, diff)
	}
	r.list = always(page(2, 0, 2))
	r.full(t) // the lease was given back
}

// There are partners who answer that there is nothing new with HTTP 404. That their lists are gone shows when everything is
// pulled.
func TestNotFoundIsNothingNew(t *testing.T) {
	r := newRig(t, always(page(2, 0, 2)))
	before := r.full(t)
	r.list = func(ocpi.Query) ([]pull.Page, error) {
		return nil, &ocpiclient.Error{HTTP: 404, Kind: ocpiclient.NotFound}
	}
	state, err := r.delta(t)
	if err != nil || !state.Cursor.Equal(before.Cursor) || state.LastDelta.IsZero() {
		t.Errorf("what is new: %+v %v", state, err)
	}
	for _, full := range []bool{true, false} {
		if state, err := r.Pull(t.Context(), grenspaal, ocpi.ModuleTariffs, full, nil); err == nil || state.Failures == 0 {
			t.Errorf("full %t: %+v", full, state)
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

// A partner that has moved to a later version is asked for everything once: what the version before could not say is not new. The
// cursor stays. Moving back is no reason, and a failure has its own time.
func TestAPartnerThatMovesToALaterVersionIsPulledInWholeOnce_C12(t *testing.T) {
	r := newRig(t, always(page(20, 0, 20)))
	r.partner.Version = ocpi.V211
	before := r.full(t)
	for _, step := range []struct {
		version ocpi.Version
		full    bool
	}{{ocpi.V211, false}, {ocpi.V221, true}, {ocpi.V221, false}, {ocpi.V230, true}, {ocpi.V211, false}, {ocpi.V230, true}} {
		r.partner.Version = step.version
		r.now = r.now.Add(time.Minute)
		state, err := r.delta(t)
		if err != nil || state.LastFull.Equal(r.now) != step.full || !state.Cursor.Equal(before.Cursor) {
			t.Errorf("in %s: everything was pulled: %t; cursor %s, was %s: %v", step.version, !step.full, state.Cursor, before.Cursor, err)
		}
	}
	r.partner.Version = "3.0"
	r.answer(func(ocpi.Query) ([]pull.Page, error) { return nil, ocpiclient.ErrEndless })
	if state, err := r.delta(t); err == nil || state.FullFailures != 1 {
		t.Errorf("%+v %v", state, err)
	}
	if state, err := r.delta(t); err == nil || state.FullFailures != 1 {
		t.Errorf("it is not asked for what is new alone: %+v %v", state, err)
	}
}

// A partner that moves is asked at once, not when its next pull is due.
func TestAPartnerThatMovesToALaterVersionIsPulledFromAtOnce_C12(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRigAt(t, time.Time{}, always(page(3, 0, 3)))
		r.partner.Version = ocpi.V211
		for n, version := range []ocpi.Version{ocpi.V211, ocpi.V230} {
			r.partner.Version = version
			r.running(t, func() { time.Sleep(time.Minute + time.Second/2) })
			if q, asked := r.asked(); asked != n+1 || !q.DateFrom.IsZero() {
				t.Errorf("in %s: asked %d times, the last from %s", version, asked, q.DateFrom)
			}
		}
	})
}
