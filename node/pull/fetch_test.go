package pull_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/roamwire/roamwire/node/pull"
	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/ocpiclient"
)

// sized is a list of 20 objects, of which a page that has one of the given is too large.
func sized(large ...int) func(ocpi.Query) ([]pull.Page, error) {
	return func(q ocpi.Query) (pages []pull.Page, err error) {
		for from := q.Offset; from < 20; from += q.Limit {
			to := min(20, from+q.Limit)
			if slices.ContainsFunc(large, func(i int) bool { return from <= i && i < to }) {
				return pages, ocpiclient.ErrTooLarge
			}
			pages = append(pages, page(20, from, to))
		}
		return pages, nil
	}
}

// An object that is too large is left out and told, and what comes after it is not lost.
func TestAnObjectThatIsTooLargeIsLeftOut(t *testing.T) {
	for name, test := range map[string]struct {
		large []int
		fails bool
	}{
		"the first":           {[]int{0}, false},
		"one in the middle":   {[]int{7}, false},
		"the last":            {[]int{19}, false},
		"two beside another":  {[]int{7, 8}, false},
		"one here, one there": {[]int{3, 17}, false},
		"every page":          {[]int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19}, true},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, sized(test.large...))
			state, err := r.Pull(t.Context(), grenspaal, ocpi.ModuleTariffs, true, nil)
			if errors.Is(err, ocpiclient.ErrTooLarge) != test.fails {
				t.Fatal(err)
			}
			if _, n := r.asked(); n > 40 {
				t.Errorf("asked %d times", n)
			}
			if test.fails {
				return
			}
			if state.Objects != 20-len(test.large) || len(state.Problems) != len(test.large) || state.Last.Refused != len(test.large) {
				t.Errorf("%+v", state)
			}
			// An object that was never seen proves nothing about those we have.
			r.list = sized(test.large...)
			r.full(t)
			if got := r.names(); len(got) > 0 {
				t.Errorf("%q removed", got)
			}
		})
	}
}
