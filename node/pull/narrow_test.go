package pull_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/roamwire/roamwire/node/pull"
	"github.com/roamwire/roamwire/node/store"
	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/ocpiclient"
)

var errInside = &ocpiclient.Error{Kind: ocpiclient.TryLater, Method: "GET", URL: "/tariffs", HTTP: 500, Message: "oops"}

// A failing partner has a list of T0, T1 and so on, and fails over pages with some of them.
type failing struct {
	*shelf
	objects int
	broken  []int
	failure error
	// largest is how many objects its pages have at most; 0 for as many as asked for.
	largest int
	// opaque tells that its Links have cursors and no offsets, rounds that it makes page numbers of offsets, and mute that it
	// does not say how many objects there are.
	opaque, rounds, mute bool
	// deaf tells that it does not look at the offset, stubborn that its Links name its own page size.
	deaf, stubborn bool
	// wavers tells that its totals go up and down, stays that it shows nothing on small pages and leads nowhere from there.
	wavers, stays bool
	// passes tells that it fails once, and meanwhile is done when it does.
	passes    bool
	meanwhile func()
	newest    time.Time
	// hides is an object that is there, and is not shown on the page that it is on.
	hides int
	// from is since when it was asked last, limits are what it was asked for, failures how many pages failed.
	from     time.Time
	limits   []int
	failures int
}

// Pages goes over the list as long as somebody wants its pages.
func (f *failing) Pages(ctx context.Context, _ *ocpiclient.Client, _ *ocpi.Partner, q ocpi.Query, each func(pull.Page) error) error {
	f.from = q.DateFrom
	size := q.Limit
	if f.largest > 0 {
		size = min(size, f.largest)
	}
	from := q.Offset
	if f.rounds {
		from -= from % size
	}
	if f.deaf {
		from = 0
	}
	for position, more := q.Offset, true; more && len(f.limits) < 1000+len(f.broken); {
		if f.stubborn && position > q.Offset {
			size = 100
		}
		p, err := f.page(from, size, q.Limit)
		if err != nil {
			return err
		}
		p.Position = position
		if err := f.put(ctx, p.Keys...); err != nil {
			return err
		}
		if err := each(p); err != nil {
			return err
		}
		from, position, more = from+size, position+p.Objects, p.More
	}
	return nil
}

func (f *failing) page(from, size, limit int) (pull.Page, error) {
	f.limits = append(f.limits, limit)
	to := max(from, min(f.objects, from+size))
	if slices.ContainsFunc(f.broken, func(i int) bool { return from <= i && i < to }) {
		f.failures++
		if f.passes {
			f.broken = nil
		}
		if f.meanwhile != nil {
			f.meanwhile()
		}
		return pull.Page{}, f.failure
	}
	p := page(f.objects, from, to)
	p.Newest, p.More = f.newest, to < f.objects
	if f.mute {
		p.Total = -1
	}
	if hidden := key(fmt.Sprint("T", f.hides)); f.hides > 0 && slices.Contains(p.Keys, hidden) {
		p.Keys = slices.DeleteFunc(p.Keys, func(k store.Key) bool { return k == hidden })
		p.Objects--
	}
	if p.More && !f.opaque {
		p.Next = to
	}
	if f.wavers && len(f.limits)%2 == 0 {
		p.Total--
	}
	if f.stays && limit < 100 {
		p.Keys, p.Objects, p.Next = nil, 0, from
	}
	return p, nil
}

// failingRig is a rig whose partner fails.
func failingRig(t *testing.T, f *failing) *rig {
	t.Helper()
	r := newRig(t, nil)
	f.shelf, f.newest = r.shelf, start.Add(-time.Hour)
	r.Puller = r.another(func(c *pull.Config) {
		c.Takers = map[ocpi.ModuleID]pull.Taker{ocpi.ModuleTariffs: f, ocpi.ModuleCDRs: f}
	})
	return r
}

func (f *failing) without() int { return f.objects - len(f.broken) }

// An object that the partner cannot send is found, stepped over and told; all others are stored. The list is not complete
// (requirement TF-28).
func TestAnObjectThatThePartnerCannotSendIsSteppedOver(t *testing.T) {
	garbled := &ocpiclient.Error{Kind: ocpiclient.TryLater, HTTP: 200, Status: ocpi.StatusServerError, Message: "cannot serialize"}
	for name, f := range map[string]*failing{
		"the first":                       {objects: 250, broken: []int{0}},
		"one on the first page":           {objects: 250, broken: []int{67}},
		"one on the second":               {objects: 250, broken: []int{142}},
		"one on the last":                 {objects: 250, broken: []int{207}},
		"the last":                        {objects: 250, broken: []int{249}},
		"the only one":                    {objects: 1, broken: []int{0}},
		"the last of an unknown number":   {objects: 250, broken: []int{249}, mute: true},
		"two beside each other":           {objects: 250, broken: []int{99, 100}},
		"three on a page":                 {objects: 250, broken: []int{3, 40, 99}},
		"one on each page":                {objects: 250, broken: []int{50, 150, 220}},
		"pages smaller than asked for":    {objects: 250, broken: []int{67, 68}, largest: 30},
		"offsets that are page numbers":   {objects: 250, broken: []int{67, 149}, rounds: true},
		"Links to pages of another size":  {objects: 250, broken: []int{67, 142}, stubborn: true},
		"3000":                            {objects: 250, broken: []int{67}, failure: garbled},
		"pages with objects that hide":    {objects: 250, broken: []int{167}, hides: 20},
		"hidden beside the one":           {objects: 250, broken: []int{167}, hides: 166},
		"an unknown number, page numbers": {objects: 250, broken: []int{67, 249}, rounds: true, mute: true},
	} {
		t.Run(name, func(t *testing.T) {
			if f.failure == nil {
				f.failure = errInside
			}
			r := failingRig(t, f)
			state, err := r.Pull(t.Context(), grenspaal, ocpi.ModuleTariffs, true, nil)
			if err == nil || !state.LastFull.IsZero() || !state.Cursor.IsZero() || state.Failures != 1 || state.FullFailures != 1 {
				t.Fatalf("it counts as complete: %+v %v", state, err)
			}
			for i, place := range f.broken {
				if p := state.Problems[i]; p.Place == nil || p.Place.Offset != place || !strings.Contains(p.ID, fmt.Sprintf("(offset %d)", place)) || p.Reason != f.failure.Error() {
					t.Errorf("told is %+v", p)
				}
				if said := strings.Count(r.log.String(), fmt.Sprintf("(offset %d)\"", place)); said != 1 {
					t.Errorf("%d times in the log:\n%s", said, r.log.String())
				}
			}
			if text := state.LastError; !strings.Contains(text, state.Problems[0].ID) || !strings.Contains(text, f.failure.Error()) {
				t.Errorf("the error is %q", text)
			}
			want := f.without()
			if f.hides > 0 {
				want--
			}
			if got := r.stored(t); got != want || len(state.Problems) != len(f.broken) || state.Last.Refused != len(f.broken) {
				t.Errorf("%d stored, want %d: %+v", got, want, state)
			}
			if most := 10 + 20*len(f.broken); len(f.limits) > most || f.failures > 5*len(f.broken) {
				t.Errorf("%d pages, %d of them failed: %v", len(f.limits), f.failures, f.limits)
			}
		})
	}
}

// stored is how many objects are there.
func (r *rig) stored(t *testing.T) int {
	t.Helper()
	objects, err := r.db.Index(t.Context(), store.Selection{Module: ocpi.ModuleTariffs, Source: grenspaal, AnyAudience: true}, 0, 10_000)
	if err != nil {
		t.Fatal(err)
	}
	return len(objects)
}

// Where the object cannot be sent for long, pulls go on without it, and what is new comes. What has vanished is not known then.
// As soon as it can be sent it is there.
func TestAnObjectThatCannotBeSentDoesNotStopPulls(t *testing.T) {
	f := &failing{objects: 150, broken: []int{7}, failure: errInside}
	r := failingRig(t, f)
	if err := r.put(t.Context(), key("vanished")); err != nil {
		t.Fatal(err)
	}
	for i := range 8 {
		state, err := r.Pull(t.Context(), grenspaal, ocpi.ModuleTariffs, true, nil)
		if done := i >= 4; (err == nil) != done || state.LastFull.IsZero() == done || state.Cursor.IsZero() == done || (state.Failures == 0) != done {
			t.Errorf("list %d: %+v %v", i+1, state, err)
		}
		if len(state.Problems) != 1 || state.UnsentFull.Lists != i+1 || err == nil && !strings.Contains(state.Unproven, "(offset 7)") {
			t.Errorf("list %d: %+v", i+1, state)
		}
	}
	if got := r.names(); len(got) > 0 || strings.Count(r.log.String(), "go on without them") != 1 {
		t.Errorf("%q removed:\n%s", got, r.log.String())
	}
	f.broken = nil
	state := r.full(t)
	if len(state.Problems) > 0 || state.UnsentFull.Lists > 0 || state.Objects != 150 || state.Unproven != "" {
		t.Errorf("it can be sent: %+v", state)
	}
	f.broken = []int{7}
	if _, err := r.Pull(t.Context(), grenspaal, ocpi.ModuleTariffs, true, nil); err == nil {
		t.Error("another that cannot be sent is not asked for again")
	}
}

// What is new is asked for from the same time until the object comes or has failed for long, and not for ever.
func TestTheCursorWaitsForAnObjectThatCannotBeSent(t *testing.T) {
	f := &failing{objects: 20, failure: errInside}
	r := failingRig(t, f)
	before := r.full(t)
	f.objects, f.broken, f.newest = 3, []int{1}, start
	from := before.Cursor.Add(-5 * time.Minute)
	for i := range 6 {
		state, err := r.delta(t)
		done := i >= 4
		if (err == nil) != done || state.Cursor.Equal(before.Cursor) == done || len(state.Problems) != 1 || state.LastFull != before.LastFull {
			t.Errorf("list %d: %+v %v", i+1, state, err)
		}
		if i <= 4 && (!f.from.Equal(from) || !state.Problems[0].Place.From.Equal(from) || !strings.Contains(state.Problems[0].ID, "2026-03-02T10:55:00Z")) {
			t.Errorf("list %d: from %s, %+v", i+1, f.from, state.Problems)
		}
		if i == 4 {
			f.objects, f.broken = 0, nil
		}
	}
	f.objects = 20
	if state := r.full(t); len(state.Problems) > 0 {
		t.Errorf("everything was pulled: %+v", state)
	}
}

// An object that cannot be sent is in each list of what is new while others come: the window begins before it. It is told once.
func TestAnObjectThatCannotBeSentIsToldOnceWhileTheCursorMoves(t *testing.T) {
	f := &failing{objects: 20, failure: errInside}
	r := failingRig(t, f)
	r.full(t)
	f.objects, f.broken = 3, []int{1}
	for i := range 12 {
		r.now = r.now.Add(time.Minute)
		f.newest = r.now
		state, err := r.delta(t)
		if len(state.Problems) != 1 || (err == nil) != (i >= 4) {
			t.Errorf("list %d: %+v %v", i+1, state, err)
		}
	}
}

// A CDR that cannot be sent fails each look at the last weeks, and those of what is new not. It is told once.
func TestALookBackCountsByItself(t *testing.T) {
	f := &failing{objects: 20, failure: errInside}
	r := failingRig(t, f)
	r.partner.Modules = []ocpi.ModuleID{ocpi.ModuleCDRs}
	state, err := r.Pull(t.Context(), grenspaal, ocpi.ModuleCDRs, true, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 7 {
		r.now = state.LookBackDue
		f.objects, f.broken = 20, []int{4}
		state, err = r.Pull(t.Context(), grenspaal, ocpi.ModuleCDRs, false, nil)
		if done := i >= 4; (err == nil) != done || len(state.Problems) != 1 || state.UnsentBack.Lists != i+1 {
			t.Fatalf("look %d: %+v %v", i+1, state, err)
		}
		r.now = r.now.Add(time.Hour)
		f.objects, f.broken = 0, nil
		if state, err = r.Pull(t.Context(), grenspaal, ocpi.ModuleCDRs, false, nil); err != nil {
			t.Fatal(err)
		}
	}
}

// A partner that fails over everything is asked a few times and no more, and no object is said to be at fault.
func TestAPartnerThatFailsOverEverythingIsLeftAlone(t *testing.T) {
	all := &failing{objects: 250, failure: errInside}
	for i := range 250 {
		all.broken = append(all.broken, i)
	}
	r := failingRig(t, all)
	state, err := r.Pull(t.Context(), grenspaal, ocpi.ModuleTariffs, true, nil)
	if !errors.Is(err, errInside) || len(all.limits) > 7 || len(state.Problems) > 0 || state.Last.Refused > 0 {
		t.Errorf("%d pages: %+v %v", len(all.limits), state, err)
	}
	if strings.Contains(r.log.String(), "an object was not stored") {
		t.Errorf("%s", r.log.String())
	}

	many := &failing{objects: 2000, failure: errInside}
	for i := range 40 {
		many.broken = append(many.broken, 50*i)
	}
	r = failingRig(t, many)
	state, err = r.Pull(t.Context(), grenspaal, ocpi.ModuleTariffs, true, nil)
	if !errors.Is(err, errInside) || !strings.Contains(err.Error(), "20 objects") || len(state.Problems) != 20 || many.failures > 101 || len(many.limits) > 350 {
		t.Errorf("%d pages, %d failed: %v", len(many.limits), many.failures, err)
	}
}

// Where Links have no offsets, nothing can be stepped over, and that is said.
func TestWithCursorsNothingIsSteppedOver(t *testing.T) {
	f := &failing{objects: 250, broken: []int{142}, failure: errInside, opaque: true}
	r := failingRig(t, f)
	state, err := r.Pull(t.Context(), grenspaal, ocpi.ModuleTariffs, true, nil)
	if !errors.Is(err, errInside) || !strings.Contains(state.LastError, "name no offset") || len(f.limits) > 3 || len(state.Problems) > 0 {
		t.Errorf("%d pages: %+v %v", len(f.limits), state, err)
	}
	// On the first page nothing is known of its Links yet.
	f = &failing{objects: 250, broken: []int{7}, failure: errInside, opaque: true}
	r = failingRig(t, f)
	if _, err := r.Pull(t.Context(), grenspaal, ocpi.ModuleTariffs, true, nil); !strings.Contains(err.Error(), "name no offset") || len(f.limits) > 6 {
		t.Errorf("%d pages: %v", len(f.limits), err)
	}
}

// An object that is too large is left out by its offset too, if the partner goes by offsets although its Links have none.
func TestALargeObjectBehindCursorsIsLeftOutIfOffsetsAreHeeded(t *testing.T) {
	f := &failing{objects: 250, broken: []int{142}, failure: ocpiclient.ErrTooLarge, opaque: true}
	r := failingRig(t, f)
	if state := r.full(t); state.Objects != 249 || len(state.Problems) != 1 || len(f.limits) > 30 {
		t.Errorf("%d pages: %+v", len(f.limits), state)
	}
	f = &failing{objects: 250, broken: []int{142}, failure: ocpiclient.ErrTooLarge, opaque: true, deaf: true}
	r = failingRig(t, f)
	if state, err := r.Pull(t.Context(), grenspaal, ocpi.ModuleTariffs, true, nil); err == nil || !strings.Contains(err.Error(), "does not go by offsets") || len(state.Problems) > 0 {
		t.Errorf("%+v %v", state, err)
	}
}

// A failure of the first page that passes does not have the whole list read in small pages, where Links alone lead on.
func TestWithCursorsAListIsNotReadInSmallPages(t *testing.T) {
	f := &failing{objects: 2000, broken: []int{7}, failure: errInside, opaque: true, passes: true}
	r := failingRig(t, f)
	if _, err := r.Pull(t.Context(), grenspaal, ocpi.ModuleTariffs, true, nil); !errors.Is(err, errInside) || len(f.limits) > 2 {
		t.Errorf("%d pages: %v", len(f.limits), err)
	}
	if state := r.full(t); state.Objects != 2000 || len(f.limits) > 22 {
		t.Errorf("afterwards: %d pages: %+v", len(f.limits), state)
	}
}

// Narrowing comes to an end, whatever a partner says of its list.
func TestNarrowingEnds(t *testing.T) {
	for name, f := range map[string]*failing{
		"totals go up and down":       {objects: 450, broken: []int{132}, failure: errInside, wavers: true},
		"small pages lead to nothing": {objects: 450, broken: []int{132}, failure: errInside, stays: true},
	} {
		t.Run(name, func(t *testing.T) {
			r := failingRig(t, f)
			if _, err := r.Pull(t.Context(), grenspaal, ocpi.ModuleTariffs, true, nil); err == nil || len(f.limits) > 1500 {
				t.Errorf("%d pages: %v", len(f.limits), err)
			}
		})
	}
}

// Page numbers in the place of offsets are no offsets.
func TestPageNumbersAreNoOffsets(t *testing.T) {
	r := newRig(t, func(q ocpi.Query) ([]pull.Page, error) {
		p := page(300, 0, 100)
		p.More, p.Next = true, 1
		return []pull.Page{p}, errInside
	})
	if _, err := r.Pull(t.Context(), grenspaal, ocpi.ModuleTariffs, true, nil); !strings.Contains(err.Error(), "name no offset") {
		t.Error(err)
	}
}

// A page that comes when it is smaller costs nothing, and then pages are as large as ever.
func TestAFailureThatPassesIsNone(t *testing.T) {
	f := &failing{objects: 450, broken: []int{130}, failure: errInside, passes: true}
	r := failingRig(t, f)
	if state := r.full(t); state.Objects != 450 || len(state.Problems) > 0 {
		t.Errorf("%+v", state)
	}
	if diff := cmp.Diff([]int{100, 100, 25, 25, 25, 25, 100, 100, 100}, f.limits); diff != "" {
		t.Error(diff)
	}
}

// What is about the partner, or about the call, is no fault of an object's.
func TestOtherFailuresAreNotNarrowed(t *testing.T) {
	for name, failure := range map[string]error{
		"away":         &ocpiclient.Error{Kind: ocpiclient.TryLater, HTTP: 503},
		"not let in":   &ocpiclient.Error{Kind: ocpiclient.Permanent, HTTP: 401},
		"asks to wait": &ocpiclient.Error{Kind: ocpiclient.TryLater, HTTP: 500, RetryAfter: time.Minute},
		"refused":      &ocpiclient.Error{Kind: ocpiclient.Permanent, HTTP: 200, Status: 2001},
		"no answer":    &ocpiclient.Error{Kind: ocpiclient.TryLater},
		"endless":      ocpiclient.ErrEndless,
	} {
		t.Run(name, func(t *testing.T) {
			f := &failing{objects: 250, broken: []int{120}, failure: failure}
			r := failingRig(t, f)
			if state, err := r.Pull(t.Context(), grenspaal, ocpi.ModuleTariffs, true, nil); err == nil || len(f.limits) != 2 || len(state.Problems) > 0 {
				t.Errorf("%d pages: %v", len(f.limits), err)
			}
		})
	}
}

// Pages of any size are narrowed to a single object in a few steps.
func TestEverySizeIsNarrowed(t *testing.T) {
	for _, limit := range []int{1, 2, 3, 4, 5, 10, 20, 50, 97, 200, 997, 1000} {
		f := &failing{objects: 2 * limit, broken: []int{limit + limit/3}, failure: errInside}
		r := failingRig(t, f)
		r.partner.Policy.Limit = limit
		if _, err := r.Pull(t.Context(), grenspaal, ocpi.ModuleTariffs, true, nil); err == nil || r.stored(t) != 2*limit-1 || f.failures > 6 || len(f.limits) > 60 {
			t.Errorf("limit %d: %d stored, %d of %d pages failed: %v", limit, r.stored(t), f.failures, len(f.limits), err)
		}
	}
}

// The lease holds while page after page fails slowly.
func TestTheLeaseHoldsWhilePagesFail(t *testing.T) {
	f := &failing{objects: 100, broken: []int{7}, failure: errInside}
	r := failingRig(t, f)
	f.meanwhile = func() { r.now = r.now.Add(50 * time.Second) }
	if state, err := r.Pull(t.Context(), grenspaal, ocpi.ModuleTariffs, true, nil); len(state.Problems) != 1 {
		t.Errorf("%+v %v", state, err)
	}
}
