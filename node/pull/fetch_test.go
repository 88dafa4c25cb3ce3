package pull_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/roamwire/roamwire/node/pull"
	"github.com/roamwire/roamwire/node/store"
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

// Objects that were not stored are told until they come again, also where what is new is pulled in between, and each is in
// the log.
func TestWhatCouldNotBeStoredStaysTold(t *testing.T) {
	broken := func(id string) pull.Page {
		return pull.Page{
			Position: 2, Total: 3, Objects: 1, Named: []string{id}, Counts: pull.Counts{Refused: 1}, Problems: []pull.Problem{{ID: id, Reason: "no currency"}},
		}
	}
	again := page(1, 0, 0)
	again.Keys = []store.Key{key("broken")}
	for name, test := range map[string]struct {
		full bool
		list []pull.Page
		want []string
	}{
		"nothing new":                  {false, nil, []string{"BROKEN"}},
		"something else":               {false, []pull.Page{newer(start)}, []string{"BROKEN"}},
		"another that is broken":       {false, []pull.Page{broken("OTHER")}, []string{"OTHER", "BROKEN"}},
		"the same again":               {false, []pull.Page{broken("BROKEN")}, []string{"BROKEN"}},
		"it was stored":                {false, []pull.Page{again}, nil},
		"everything, and it is not in": {true, []pull.Page{page(2, 0, 2)}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, always(page(3, 0, 2), broken("BROKEN")))
			r.full(t)
			if said := strings.Count(r.log.String(), "id=BROKEN"); said != 1 {
				t.Errorf("%d times in the log", said)
			}
			r.list = always(test.list...)
			state, err := r.Pull(t.Context(), grenspaal, ocpi.ModuleTariffs, test.full, nil)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, p := range state.Problems {
				got = append(got, p.ID)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// What is refused does not fill the log.
func TestManyProblemsAreToldInPart(t *testing.T) {
	p := page(100, 0, 0)
	for i := range 100 {
		p.Problems = append(p.Problems, pull.Problem{ID: fmt.Sprint(i), Reason: "broken"})
	}
	r := newRig(t, always(p))
	if state := r.full(t); len(state.Problems) != 20 || strings.Count(r.log.String(), "was not stored") != 20 {
		t.Errorf("%d are kept:\n%s", len(state.Problems), r.log.String())
	}
}

// A list without an end is given up.
func TestAPullHasABudget(t *testing.T) {
	for name, change := range map[string]func(*pull.Config){
		"of objects": func(c *pull.Config) { c.MaxObjects = 1000 },
		"of bytes":   func(c *pull.Config) { c.MaxBytes = 1000 },
	} {
		t.Run(name, func(t *testing.T) {
			pages, r := 0, newRig(t, nil)
			endless := takerFunc(func(_ context.Context, _ *ocpi.Partner, each func(pull.Page) error) error {
				for {
					pages++
					p := page(-1, pages*100, pages*100+100)
					p.Size = 100
					if err := each(p); err != nil {
						return err
					}
				}
			})
			puller := r.another(func(c *pull.Config) {
				change(c)
				c.Takers = map[ocpi.ModuleID]pull.Taker{ocpi.ModuleTariffs: endless}
			})
			state, err := puller.Pull(t.Context(), grenspaal, ocpi.ModuleTariffs, true, nil)
			if err == nil || !strings.Contains(state.LastError, "too long") || pages != 11 {
				t.Errorf("after %d pages: %v", pages, err)
			}
		})
	}
}

// What moves up between a page that is too large and the smaller ones is not passed over (requirement TF-30).
func TestAListThatShrinksBeforeSmallerPages(t *testing.T) {
	r := newRig(t, func(q ocpi.Query) ([]pull.Page, error) {
		if q.Limit == 100 {
			return []pull.Page{page(20, 0, 10)}, ocpiclient.ErrTooLarge
		}
		return []pull.Page{page(17, q.Offset, 17)}, nil
	})
	r.full(t)
	if q, n := r.asked(); q.Offset != 7 || n != 3 {
		t.Errorf("asked %d times, at last from %d", n, q.Offset)
	}
}

// takerFunc is a Taker that goes over pages of its own.
type takerFunc func(ctx context.Context, from *ocpi.Partner, each func(pull.Page) error) error

func (f takerFunc) Pages(ctx context.Context, _ *ocpiclient.Client, from *ocpi.Partner, _ ocpi.Query, each func(pull.Page) error) error {
	return f(ctx, from, each)
}

func (f takerFunc) Remove(context.Context, *ocpi.Partner, store.Key, []string, time.Time) error {
	return nil
}

// Partners that are slow keep nobody waiting but themselves.
func TestSlowPartnersHurtOnlyThemselves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRigAt(t, time.Time{}, nil)
		var partners []pull.Partner
		for i := range 21 {
			p := r.partner
			own := *p.Partner
			own.ID = fmt.Sprint(i)
			p.Partner = &own
			partners = append(partners, p)
		}
		var quick atomic.Int32
		slow := takerFunc(func(ctx context.Context, from *ocpi.Partner, _ func(pull.Page) error) error {
			if from.ID == "20" {
				quick.Add(1)
				return nil
			}
			<-ctx.Done() // pages go on and on
			return ctx.Err()
		})
		began, all := time.Now(), partners
		p := r.another(func(c *pull.Config) {
			c.Takers = map[ocpi.ModuleID]pull.Taker{ocpi.ModuleTariffs: slow}
			c.Partners = func(context.Context) ([]pull.Partner, error) {
				if time.Since(began) < time.Second {
					return all[:20], nil
				}
				return all, nil
			}
		})
		running(t, p, func() { time.Sleep(time.Minute) })
		if quick.Load() != 1 {
			t.Errorf("the last was asked %d times in a minute", quick.Load())
		}
	})
}

// What the policy leaves out is pulled by its name alone.
func TestWhatThePolicyExceptsIsPulledByNameAlone(t *testing.T) {
	r := newRig(t, always(page(2, 0, 2)))
	r.partner.Policy.Except = []ocpi.ModuleID{ocpi.ModuleTariffs}
	if modules, err := r.Modules(t.Context(), grenspaal); err != nil || len(modules) > 0 {
		t.Errorf("%q %v", modules, err)
	}
	r.full(t)
}
