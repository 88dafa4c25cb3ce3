package pull_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/roamwire/roamwire/node/pull"
	"github.com/roamwire/roamwire/node/store"
	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/ocpiclient"
)

// Twenty objects are known, and then lists come twice. What they prove is removed, and nothing else (requirements L-03,
// TF-28 to TF-30).
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
