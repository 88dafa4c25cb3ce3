package pull_test

import (
	"strings"
	"testing"
	"time"

	"github.com/roamwire/roamwire/node/pull"
	"github.com/roamwire/roamwire/ocpi"
)

// short is a list that ends after a number of objects of 20.
func short(objects int) pull.Page {
	p := page(20, 0, objects)
	p.Missing = 20 - objects
	return p
}

// A list that ends below its total has lost its end: it counts as a failure, whatever the module, and moves nothing
// (requirement TF-28).
func TestAListThatEndsShortIsNotComplete(t *testing.T) {
	for _, module := range []ocpi.ModuleID{ocpi.ModuleTariffs, ocpi.ModuleSessions, ocpi.ModuleCDRs} {
		for _, full := range []bool{true, false} {
			r := newRig(t, always(page(20, 0, 20)))
			r.partner.Modules = []ocpi.ModuleID{module}
			p := r.another(func(c *pull.Config) { c.Takers = map[ocpi.ModuleID]pull.Taker{module: r.shelf} })
			before, err := p.Pull(t.Context(), grenspaal, module, true, nil)
			if err != nil {
				t.Fatal(err)
			}
			r.now = r.now.Add(time.Hour)
			list := short(7)
			list.Newest = start
			r.list = always(list)
			state, err := p.Pull(t.Context(), grenspaal, module, full, nil)
			if err == nil || !strings.Contains(state.LastError, "after 7 of 20 objects") || state.Failures != 1 {
				t.Errorf("%s, full %t: %q %v", module, full, state.LastError, err)
			}
			if !state.Cursor.Equal(before.Cursor) || !state.LastFull.Equal(before.LastFull) || !state.LastDelta.Equal(before.LastDelta) || state.Last.Gone > 0 {
				t.Errorf("%s, full %t: %+v", module, full, state)
			}
		}
	}
}

// A partner whose totals are always too high does not fail for ever. It is told, and its lists prove nothing.
func TestTotalsThatAreAlwaysTooHighAreNotReliedOn(t *testing.T) {
	for _, full := range []bool{true, false} {
		r := newRig(t, always(page(20, 0, 20)))
		r.full(t)
		pullOnce := func() (pull.State, error) { return r.Pull(t.Context(), grenspaal, ocpi.ModuleTariffs, full, nil) }
		list := short(7)
		list.Newest, list.Total, list.Missing = start, 8, 1
		r.list = always(list)
		for i := range 6 {
			state, err := pullOnce()
			short := state.ShortDelta
			if full {
				short = state.ShortFull
			}
			if done := i >= 4; (err == nil) != done || state.Cursor.Equal(start) != done || short.Habit() != done || short.Lists != i+1 {
				t.Errorf("full %t, list %d: %+v %v", full, i+1, state, err)
			}
			if full && err == nil && (state.Unproven == "" || state.Last.Gone > 0) {
				t.Errorf("%+v", state)
			}
		}
		if said := strings.Count(r.log.String(), "not relied on"); said != 1 {
			t.Errorf("full %t: said %d times", full, said)
		}
		r.list = always(page(20, 0, 20))
		if state, err := pullOnce(); err != nil || state.ShortFull.Lists+state.ShortDelta.Lists > 0 {
			t.Errorf("full %t, a list as it should be: %+v %v", full, state, err)
		}
		r.list = always(list)
		if _, err := pullOnce(); err == nil {
			t.Errorf("full %t: a short list after that is not a failure", full)
		}
	}
}
