package pull_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/roamwire/roamwire/node/pull"
	"github.com/roamwire/roamwire/node/store"
	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/ocpiclient"
)

// Twenty objects are known, and then lists come twice. What they prove is removed, and nothing else (requirements L-03,
// TF-28 to TF-30, DT-14).
func TestAListProvesWhatHasVanishedOnlyIfItIsWhole(t *testing.T) {
	broken := func(named ...string) pull.Page {
		return pull.Page{Total: 20, Objects: 1, Named: named, Unnamed: len(named) == 0, Problems: []pull.Problem{{Reason: "broken"}}}
	}
	for name, test := range map[string]struct {
		lists []pull.Page
		want  []string
	}{
		"a whole list without the last two":                      {[]pull.Page{page(18, 0, 10), page(18, 10, 18)}, []string{"T18", "T19"}},
		"a list that is shorter than its total":                  {[]pull.Page{page(20, 0, 18)}, nil},
		"objects that come twice do not stand for those missing": {[]pull.Page{page(20, 0, 10), page(20, 5, 10), page(20, 10, 15)}, nil},
		"an object that moved up unseen, as one before it went":  {[]pull.Page{page(20, 0, 10), page(19, 11, 20)}, nil},
		"a total that falls, and nothing missed":                 {[]pull.Page{page(19, 0, 10), page(18, 9, 19)}, []string{"T19"}},
		"a broken object with an id is there":                    {[]pull.Page{page(20, 0, 18), broken("T18"), {Total: 20, Objects: 1, Keys: []store.Key{key("new")}}}, []string{"T19"}},
		"a broken object without an id may be any":               {[]pull.Page{page(19, 0, 18), broken()}, nil},
		"no total at all": {[]pull.Page{page(-1, 0, 19)}, []string{"T19"}},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, always(page(20, 0, 20)))
			r.full(t)
			r.list = always(test.lists...)
			for range 2 {
				if got := r.names(); len(got) > 0 {
					t.Fatalf("%q removed after one list", got)
				}
				r.full(t)
			}
			if diff := cmp.Diff(test.want, r.names()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// An answer without a list proves nothing, however often it comes.
func TestAnAnswerWithoutAListProvesNothing(t *testing.T) {
	r := newRig(t, always(page(20, 0, 20)))
	r.full(t)
	r.list = always(pull.Page{Total: -1, NoList: true})
	for range 4 {
		if state := r.full(t); state.Last.Gone > 0 || state.Unproven == "" || state.Objects != 20 {
			t.Errorf("%+v", state)
		}
	}
	r.list = always(page(20, 0, 20))
	if state := r.full(t); state.Unproven != "" {
		t.Errorf("a whole list: %+v", state)
	}
}

// A list that loses more than half of many objects takes twice as long to be believed. If it comes back, nothing has
// happened.
func TestAListThatBecomesMuchShorterIsDoubted(t *testing.T) {
	for name, left := range map[string]int{"nothing": 0, "some": 8} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, always(page(20, 0, 20)))
			r.full(t)
			few := always(page(left, 0, left))
			for i := range 3 {
				r.list = few
				if state := r.full(t); state.Last.Gone > 0 || state.Shrunk != (pull.Shrunk{From: 20, Pulls: i + 1}) {
					t.Errorf("list %d: %+v", i+1, state)
				}
			}
			r.list = always(page(20, 0, 20))
			if state := r.full(t); state.Shrunk.Pulls != 0 {
				t.Errorf("it is back: %+v", state)
			}
			r.list = few
			for i, want := range []int{0, 0, 0, 20 - left, 0, 0} {
				if state := r.full(t); state.Last.Gone != want || (state.Shrunk.Pulls != 0) != (i < 3) {
					t.Errorf("list %d: want %d gone: %+v", i+1, want, state)
				}
			}
		})
	}
}

// What a partner has pushed to us is not gone because its list is empty: there are partners whose lists never have anything.
func TestAListThatNeverHadAnythingProvesNothing(t *testing.T) {
	r := newRig(t, always(pull.Page{Total: 0}))
	if err := r.put(t.Context(), page(20, 0, 20).Keys...); err != nil {
		t.Fatal(err)
	}
	for range 5 {
		if state := r.full(t); state.Last.Gone > 0 || state.Unproven == "" {
			t.Errorf("%+v", state)
		}
	}
}

// What was pushed is held against a list as what was listed is.
func TestAListThatIsMuchShorterThanWhatWasPushedIsDoubted(t *testing.T) {
	r := newRig(t, always(page(5, 0, 5)))
	if err := r.put(t.Context(), page(20, 0, 20).Keys...); err != nil {
		t.Fatal(err)
	}
	for i, want := range []int{0, 0, 0, 15, 0} {
		if state := r.full(t); state.Last.Gone != want {
			t.Errorf("list %d: want %d gone: %+v", i+1, want, state)
		}
	}
}

// Pages that are asked for again because one was too large do not make a short list look whole.
func TestAListThatWasTooLargeIsCountedOnce(t *testing.T) {
	r := newRig(t, always(page(20, 0, 20)))
	r.full(t)
	r.list = func(q ocpi.Query) ([]pull.Page, error) {
		if q.Limit == 100 {
			return []pull.Page{page(20, 0, 10)}, ocpiclient.ErrTooLarge
		}
		return []pull.Page{page(20, q.Offset, 15)}, nil
	}
	for range 3 {
		if state := r.full(t); state.Objects != 15 {
			t.Errorf("%d objects, want 15", state.Objects)
		}
	}
	if got := r.names(); len(got) > 0 {
		t.Errorf("%q removed", got)
	}
}

// An EVSE that is missing from a location which comes twice in a list is missing once.
func TestAnEVSEThatIsMissedTwiceInAListIsMissingOnce(t *testing.T) {
	r := newRig(t, nil)
	twice := page(1, 0, 1)
	twice.MissingEVSEs = []store.Missing{{Key: key("T0"), EVSE: "-1"}}
	r.list = always(twice, twice)
	r.full(t)
	if got := r.names(); len(got) > 0 {
		t.Errorf("%q removed after one list", got)
	}
	r.full(t)
	r.full(t)
	r.full(t)
	if diff := cmp.Diff([]string{"T0-1"}, r.names()); diff != "" {
		t.Error(diff)
	}
}

// What a partner sends while its list is read is there, also if the list has been past its place.
func TestWhatIsPushedDuringAPullHasNotVanished(t *testing.T) {
	r := newRig(t, nil)
	r.partner.Policy.GoneAfter = 1
	r.list = func(ocpi.Query) ([]pull.Page, error) {
		return []pull.Page{page(1, 0, 1)}, r.put(t.Context(), key("pushed"))
	}
	r.full(t)
	if got := r.names(); len(got) > 0 {
		t.Errorf("%q removed", got)
	}
}

// An EVSE that is pushed while the page without it is under way is there.
func TestAnEVSEPushedDuringAPullHasNotVanished(t *testing.T) {
	r := newRig(t, always(page(1, 0, 1)))
	r.partner.Policy.GoneAfter = 1
	r.full(t)
	missed := page(1, 0, 1)
	missed.MissingEVSEs = []store.Missing{{Key: key("T0"), EVSE: "pushed"}}
	r.list = func(ocpi.Query) ([]pull.Page, error) { return []pull.Page{missed}, r.put(t.Context(), key("T0")) }
	r.full(t)
	if got := r.names(); len(got) > 0 {
		t.Errorf("%q removed", got)
	}
	r.full(t) // a location that changes all the time keeps no EVSE
	if diff := cmp.Diff([]string{"T0pushed"}, r.names()); diff != "" {
		t.Error(diff)
	}
}

// The EVSEs of a location go in one step: the whole location is written each time.
func TestTheEVSEsOfALocationAreRemovedAtOnce(t *testing.T) {
	r := newRig(t, nil)
	missed := page(2, 0, 2)
	for i := range 2000 {
		missed.MissingEVSEs = append(missed.MissingEVSEs, store.Missing{Key: key(fmt.Sprint("T", i%2)), EVSE: fmt.Sprint(i)})
	}
	r.list = always(missed)
	r.full(t)
	if state := r.full(t); state.Last.Gone != 2000 || r.removals != 2 {
		t.Errorf("%d EVSEs in %d steps", state.Last.Gone, r.removals)
	}
}

// The lease is renewed while many are removed, which may take long.
func TestTheLeaseHoldsWhileThingsAreRemoved(t *testing.T) {
	r := newRig(t, always(page(200, 0, 200)))
	r.full(t)
	r.list = always(page(150, 0, 150))
	r.full(t)
	other := r.another(func(c *pull.Config) { c.Holder = "another process" })
	refused, removed := 0, 0
	slow := removing{r.shelf, func() {
		r.now = r.now.Add(10 * time.Second)
		removed++
		if _, err := other.Pull(t.Context(), grenspaal, ocpi.ModuleTariffs, true, nil); errors.Is(err, store.ErrLeased) {
			refused++
		}
	}}
	p := r.another(func(c *pull.Config) { c.Takers = map[ocpi.ModuleID]pull.Taker{ocpi.ModuleTariffs: slow} })
	if _, err := p.Pull(t.Context(), grenspaal, ocpi.ModuleTariffs, true, nil); err != nil || removed != 50 || refused != 50 {
		t.Errorf("%d removed, another process was refused %d times: %v", removed, refused, err)
	}
}

// A pull that was stopped for longer than its lease holds, and whose place another has taken, does not count.
func TestAPullThatHasLostItsLeaseDoesNotCount(t *testing.T) {
	r := newRig(t, always(page(20, 0, 20)))
	r.full(t)
	r.list = always(page(15, 0, 15))
	r.full(t)
	other := r.another(func(c *pull.Config) { c.Holder = "another process" })
	lost := removing{r.shelf, func() {
		r.now = r.now.Add(time.Hour)
		r.list = always(page(20, 0, 20)) // they are there again
		if _, err := other.Pull(t.Context(), grenspaal, ocpi.ModuleTariffs, true, nil); err != nil {
			t.Error(err)
		}
	}}
	p := r.another(func(c *pull.Config) { c.Takers = map[ocpi.ModuleID]pull.Taker{ocpi.ModuleTariffs: lost} })
	if _, err := p.Pull(t.Context(), grenspaal, ocpi.ModuleTariffs, true, nil); !errors.Is(err, store.ErrLeased) {
		t.Errorf("error %v", err)
	}
	missing, err := r.db.Missing(t.Context(), grenspaal, ocpi.ModuleTariffs)
	if err != nil || len(missing) > 0 || len(r.names()) != 1 {
		t.Errorf("%d count as missing, %q removed: %v", len(missing), r.names(), err)
	}
}

// removing is a Taker that does something before each removal.
type removing struct {
	*shelf
	before func()
}

func (r removing) Remove(ctx context.Context, from *ocpi.Partner, key store.Key, evses []string, at time.Time) error {
	r.before()
	return r.shelf.Remove(ctx, from, key, evses, at)
}

// A partner that has registered anew is asked for everything, and what was missing before does not count.
func TestARegistrationMadeAnewPullsEverything(t *testing.T) {
	r := newRig(t, always(page(3, 0, 3)))
	r.partner.Since = start.Add(-time.Hour)
	r.full(t)
	r.list = always(page(2, 0, 2))
	r.full(t)
	r.now = start.Add(24 * time.Hour)
	r.partner.Since = r.now.Add(-time.Minute)
	r.list = func(ocpi.Query) ([]pull.Page, error) { return nil, ocpiclient.ErrEndless }
	for i := range 2 {
		if state, err := r.delta(t); err == nil || state.Failures != i+1 || !state.LastFull.IsZero() {
			t.Errorf("failure %d: %+v %v", i+1, state, err)
		}
	}
	r.list = always(page(2, 0, 2))
	if state, err := r.delta(t); err != nil || !state.LastFull.Equal(r.now) {
		t.Errorf("%+v %v", state, err)
	}
	if q, _ := r.asked(); !q.DateFrom.IsZero() || len(r.names()) > 0 {
		t.Errorf("asked from %s; %q removed", q.DateFrom, r.names())
	}
}

// A policy that has become stricter holds for what was missed before.
func TestALowerGoneAfterHoldsForWhatIsMissingAlready(t *testing.T) {
	r := newRig(t, always(page(2, 0, 2)))
	r.partner.Policy.GoneAfter = 5
	r.full(t)
	r.list = always(page(1, 0, 1))
	for range 3 {
		r.full(t)
	}
	r.partner.Policy.GoneAfter = 2
	for range 2 {
		r.full(t)
	}
	if diff := cmp.Diff([]string{"T1"}, r.names()); diff != "" {
		t.Error(diff)
	}
}

// An object that cannot be removed does not make the pull fail; where the partner has just deleted it, it is gone.
func TestAnObjectThatCannotBeRemovedDoesNotStopThePull(t *testing.T) {
	for name, test := range map[string]struct {
		refuse   error
		problems int
	}{
		"it is gone already": {ocpi.NotFound("no such tariff"), 0},
		"it cannot be read":  {errors.New("broken on disk"), 1},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, always(page(2, 0, 2)))
			r.full(t)
			r.list, r.refuse = always(page(1, 0, 1)), test.refuse
			r.full(t)
			if state := r.full(t); len(state.Problems) != test.problems || state.LastFull.IsZero() {
				t.Errorf("%+v", state)
			}
		})
	}
}
