package node_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/roamwire/roamwire/node"
	"github.com/roamwire/roamwire/node/backend"
	"github.com/roamwire/roamwire/node/object"
	"github.com/roamwire/roamwire/node/partner"
	"github.com/roamwire/roamwire/node/pull"
	"github.com/roamwire/roamwire/node/store"
	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/ocpitest"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// reader is an eMSP's node, and a CPO that has registered with it.
func reader(t *testing.T) (running, *ocpitest.Partner) {
	t.Helper()
	return readerWith(t, func(*node.Config) {})
}

func readerWith(t *testing.T, change func(*node.Config)) (running, *ocpitest.Partner) {
	t.Helper()
	c := config(t)
	c.Parties, c.AllowPrivate = []node.Party{{Party: theirs, Roles: []ocpi.Role{ocpi.RoleEMSP}, Name: "Greenwheels"}}, true
	change(&c)
	n := start(t, c)
	p, err := ocpitest.NewPartner(ocpitest.PartnerConfig{Party: own, Roles: []ocpi.Role{ocpi.RoleCPO}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close() })
	invite(t, n, p)
	eventually(t, "everything was pulled", func() bool { return !pullOf(t, n, ocpi.ModuleCDRs).LastFull.IsZero() })
	return n, p
}

// invite has the CPO register.
func invite(t *testing.T, n running, p *ocpitest.Partner) {
	t.Helper()
	register(t, n, p, "grenspaal", ocpi.RoleCPO)
}

func pullOf(t *testing.T, n running, module ocpi.ModuleID) pull.State {
	t.Helper()
	states, err := n.Pulls(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range states {
		if s.Module == module {
			return s
		}
	}
	return pull.State{}
}

// again pulls a module now.
func again(t *testing.T, n running, module ocpi.ModuleID, full bool) (pull.State, error) {
	t.Helper()
	return againFrom(t, n, "grenspaal", module, full)
}

func againFrom(t *testing.T, n running, name string, module ocpi.ModuleID, full bool) (pull.State, error) {
	t.Helper()
	puller, err := n.Puller(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for {
		state, err := puller.Pull(t.Context(), name, module, full, nil)
		if !errors.Is(err, store.ErrLeased) {
			return state, err
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// A partner that has registered is pulled from, without anyone asking (requirements L-01, TF-28).
func TestEverythingIsPulledOnRegistration(t *testing.T) {
	n, p := reader(t)
	if got, want := pullOf(t, n, ocpi.ModuleLocations).Objects, len(p.CPO.Locations.All()); got != want || want == 0 {
		t.Errorf("%d locations, they have %d", got, want)
	}
}

// What vanishes from the list counts as removed after several pulls of everything, and not before (requirements L-03, L-16).
func TestWhatVanishesIsRemovedAfterSeveralPulls(t *testing.T) {
	n, p := reader(t)
	fault := p.Mean(ocpitest.Fault{On: ocpitest.Calls(http.MethodGet, ocpi.ModuleLocations), Do: ocpitest.Change(func(_ *http.Request, a *ocpitest.Answer) {
		a.Header.Del("X-Total-Count")
		a.Header.Del("Link")
		a.Body = []byte(`{"data":[],"status_code":1000,"timestamp":"2026-01-01T00:00:00Z"}`)
	})})
	for i, want := range []int{0, len(p.CPO.Locations.All()), 0} {
		state, err := again(t, n, ocpi.ModuleLocations, true)
		if err != nil || state.Last.Gone != want {
			t.Errorf("pull %d: %d gone, want %d: %v", i+1, state.Last.Gone, want, err)
		}
	}
	fault.Remove()
	if state, err := again(t, n, ocpi.ModuleLocations, true); err != nil || state.Last.Refused != 0 || state.Last.Updated != len(p.CPO.Locations.All()) {
		t.Errorf("they are back: %+v %v", state, err)
	}
}

// A list that breaks off moves no cursor and proves nothing about what is missing, but what came stays.
func TestAListThatBreaksOffProvesNothing(t *testing.T) {
	n, p := reader(t)
	before := pullOf(t, n, ocpi.ModuleLocations)
	p.Mean(ocpitest.Fault{On: ocpitest.Calls(http.MethodGet, ocpi.ModuleLocations), Do: ocpitest.TinyPages(2)})
	p.Mean(ocpitest.Fault{On: ocpitest.Calls(http.MethodGet, ocpi.ModuleLocations), After: 1, Do: ocpitest.ServerError(http.StatusNotFound)})
	for range 3 {
		state, err := again(t, n, ocpi.ModuleLocations, true)
		if err == nil || !state.Cursor.Equal(before.Cursor) || state.Last.Gone != 0 || !state.LastFull.Equal(before.LastFull) {
			t.Fatalf("%+v %v", state, err)
		}
	}
}

// What a Link that was lost leads to is asked for by its offset; nothing of it is passed over (requirement TF-28).
func TestALinkThatIsLostLosesNoObjects(t *testing.T) {
	n, p := reader(t)
	for _, full := range []bool{false, true} {
		changeAllLocations(t, p)
		tiny := p.Mean(ocpitest.Fault{On: ocpitest.Calls(http.MethodGet, ocpi.ModuleLocations), Do: ocpitest.TinyPages(1)})
		lost := p.Mean(ocpitest.Fault{On: ocpitest.Calls(http.MethodGet, ocpi.ModuleLocations), After: 1, Times: 1, Do: ocpitest.Change(func(_ *http.Request, a *ocpitest.Answer) {
			a.Header.Del("Link")
		})})
		state, err := again(t, n, ocpi.ModuleLocations, full)
		if want := len(p.CPO.Locations.All()); err != nil || state.Last.Updated != want || lost.Hits() != 1 {
			t.Errorf("full %t: want %d updated: %+v %v", full, want, state, err)
		}
		tiny.Remove()
		lost.Remove()
	}
}

// A list that is empty although its total says otherwise is not complete, and moves nothing (requirement TF-28).
func TestAnEmptyListWithATotalIsNotComplete(t *testing.T) {
	n, p := reader(t)
	before := pullOf(t, n, ocpi.ModuleLocations)
	changeAllLocations(t, p)
	fault := p.Mean(ocpitest.Fault{On: ocpitest.Calls(http.MethodGet, ocpi.ModuleLocations), Do: ocpitest.Change(func(_ *http.Request, a *ocpitest.Answer) {
		a.Header.Del("Link")
		a.Body = []byte(`{"data":[],"status_code":1000,"timestamp":"2026-01-01T00:00:00Z"}`)
	})})
	for _, full := range []bool{false, true} {
		state, err := again(t, n, ocpi.ModuleLocations, full)
		if err == nil || !state.Cursor.Equal(before.Cursor) || !state.LastFull.Equal(before.LastFull) || state.Last.Gone > 0 {
			t.Errorf("full %t: %+v %v", full, state, err)
		}
	}
	fault.Remove()
	if state, err := again(t, n, ocpi.ModuleLocations, false); err != nil || state.Last.Updated != len(p.CPO.Locations.All()) {
		t.Errorf("afterwards: %+v %v", state, err)
	}
}

// changeAllLocations changes all locations of the partner now.
func changeAllLocations(t *testing.T, p *ocpitest.Partner) {
	t.Helper()
	now := ocpi.NewDateTime(time.Now()).Truncate()
	for _, l := range p.CPO.Locations.All() {
		if err := p.CPO.Locations.Update(string(l.ID), func(l *v230.Location) error {
			l.City, l.LastUpdated = l.City+"!", now
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
}

// An answer without a list is no empty list.
func TestAnAnswerWithoutAListProvesNothing(t *testing.T) {
	n, p := reader(t)
	for name, body := range map[string]string{
		"null":     `{"data":null,"status_code":1000,"timestamp":"2026-01-01T00:00:00Z"}`,
		"no data":  `{"status_code":1000,"timestamp":"2026-01-01T00:00:00Z"}`,
		"HTTP 204": ``,
	} {
		fault := p.Mean(ocpitest.Fault{On: ocpitest.Calls(http.MethodGet, ocpi.ModuleLocations), Do: ocpitest.Change(func(_ *http.Request, a *ocpitest.Answer) {
			a.Header.Del("X-Total-Count")
			a.Header.Del("Link")
			if a.Body = []byte(body); body == "" {
				a.HTTP = http.StatusNoContent
			}
		})})
		for range 3 {
			if state, err := again(t, n, ocpi.ModuleLocations, true); err != nil || state.Last.Gone > 0 || state.Unproven == "" {
				t.Errorf("%s: %+v %v", name, state, err)
			}
		}
		fault.Remove()
	}
}

// A partner that has gone and registers again is asked for everything, as a new one is.
func TestARegistrationThatIsMadeAgainPullsEverything(t *testing.T) {
	t.Parallel()
	n, p := reader(t)
	before := pullOf(t, n, ocpi.ModuleLocations)
	if err := p.Unregister(t.Context()); err != nil {
		t.Fatal(err)
	}
	old := p.CPO.Locations.All()[0]
	old.ID, old.LastUpdated = "ADDED-WHILE-AWAY", ocpi.NewDateTime(before.Cursor.Add(-1000*time.Hour))
	p.CPO.Locations.Put(old)
	invite(t, n, p)
	eventually(t, "what was added while it was away is here", func() bool {
		return pullOf(t, n, ocpi.ModuleLocations).Objects == len(p.CPO.Locations.All())
	})
}

// One object that cannot be read does not keep the others away, and is told (requirement TF-17).
func TestABrokenObjectIsTold(t *testing.T) {
	n, p := reader(t)
	p.Mean(ocpitest.Fault{On: ocpitest.Calls(http.MethodGet, ocpi.ModuleTariffs), Do: ocpitest.ChangeData(func(_ *http.Request, data jsontext.Value) jsontext.Value {
		return append(jsontext.Value(`[{"id":"BROKEN","currency":5},`), data[1:]...)
	})})
	state, err := again(t, n, ocpi.ModuleTariffs, true)
	if err != nil || state.Last.Refused != 1 || len(state.Problems) != 1 || state.Problems[0].ID != "BROKEN" || state.Objects != len(p.CPO.Tariffs.All())+1 {
		t.Errorf("%+v %v", state, err)
	}
}

// One object that the partner cannot send, whatever it answers to pages with it, does not keep the others away, and is told with
// its place and the answer. The pull is not complete (requirements TF-17, TF-28).
func TestAnObjectThatThePartnerCannotSendIsTold(t *testing.T) {
	t.Parallel()
	n, p := readerWith(t, func(c *node.Config) { c.APIListen = "127.0.0.1:0" })
	inPagesOf(t, n, 4)
	next := keyed(t, n, "operator", backend.ScopeRead).hears("?type=pull.finished")
	const place = 1
	broken := []byte(`"id":"` + string(p.CPO.Locations.All()[place].ID) + `"`)
	for name, answer := range map[string]struct {
		http int
		body string
	}{
		"HTTP 500":  {http.StatusInternalServerError, "oops"},
		"OCPI 3000": {http.StatusOK, `{"status_code":3000,"status_message":"oops","timestamp":"2026-01-01T00:00:00Z"}`},
		"no JSON":   {http.StatusOK, `{"data":[{"id":`},
	} {
		changeAllLocations(t, p)
		before := pullOf(t, n, ocpi.ModuleLocations)
		fault := p.Mean(ocpitest.Fault{On: ocpitest.Calls(http.MethodGet, ocpi.ModuleLocations), Do: ocpitest.Change(func(_ *http.Request, a *ocpitest.Answer) {
			if bytes.Contains(a.Body, broken) {
				a.Header.Del("Link")
				a.HTTP, a.Body = answer.http, []byte(answer.body)
			}
		})})
		state, err := again(t, n, ocpi.ModuleLocations, true)
		if err == nil || state.Last.Updated != len(p.CPO.Locations.All())-1 || state.Last.Refused != 1 || !state.LastFull.Equal(before.LastFull) || state.Last.Gone > 0 {
			t.Errorf("%s: %+v %v", name, state, err)
		}
		if len(state.Problems) != 1 || state.Problems[0].Place == nil || state.Problems[0].Place.Offset != place || !strings.Contains(state.LastError, "(offset 1)") {
			t.Errorf("%s: told is %+v, %q", name, state.Problems, state.LastError)
		}
		if e := next("pull.finished"); !strings.Contains(string(e.Data), `"unstored":[{"id":"number 2 of the list (offset 1)","reason":"GET `) || !strings.Contains(string(e.Data), `"error":"the partner could not send`) {
			t.Errorf("%s: the event tells %s", name, e.Data)
		}
		fault.Remove()
		if state, err := again(t, n, ocpi.ModuleLocations, true); err != nil || state.Last.Updated != 1 || len(state.Problems) > 0 {
			t.Errorf("%s: afterwards: %+v %v", name, state, err)
		}
		if e := next("pull.finished"); strings.Contains(string(e.Data), "unstored") {
			t.Errorf("%s: afterwards: the event tells %s", name, e.Data)
		}
	}
}

// inPagesOf has lists asked for in pages of a size.
func inPagesOf(t *testing.T, n running, objects int) {
	t.Helper()
	err := n.Partners.ChangePolicy(t.Context(), "grenspaal", func(p *partner.Policy) error {
		p.Pull.Limit = objects
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// A page of 100 MB and a location with too many EVSEs cost what is on them, and nothing else. A location with 10,000 EVSEs is
// taken like any other.
func TestWhatIsTooLargeIsToldAndTheRestIsStored(t *testing.T) {
	t.Parallel()
	n, p := readerWith(t, func(c *node.Config) { // the test's own partner takes its time for such pages
		c.Registration.CallTimeout, c.Registration.Timeout = time.Minute, 5*time.Minute
	})
	inPagesOf(t, n, 4)
	with := func(id string, evses int) v230.Location {
		l := sample.Location(1)
		l.ID = ocpi.CiString(id)
		evse := l.EVSEs[0]
		l.EVSEs = nil
		for i := range evses {
			one := evse
			one.UID, one.EVSEID = ocpi.CiString(fmt.Sprint("E", i)), nil
			l.EVSEs = append(l.EVSEs, one)
		}
		return l
	}
	for _, l := range []v230.Location{with("MANY", 10_000), with("HUGE", 1), with("TOOMANY", 25_000), with("LAST", 1)} {
		p.CPO.Locations.Put(l)
	}
	p.Mean(ocpitest.Fault{On: ocpitest.Calls(http.MethodGet, ocpi.ModuleLocations), Do: func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			answer := httptest.NewRecorder()
			next.ServeHTTP(answer, r)
			if strings.Contains(answer.Body.String(), `"id":"HUGE"`) {
				ocpitest.HugeBody(100<<20)(next).ServeHTTP(w, r)
				return
			}
			maps.Copy(w.Header(), answer.Header())
			_, _ = answer.Body.WriteTo(w)
		})
	}})
	state, err := again(t, n, ocpi.ModuleLocations, true)
	var told []string
	for _, p := range state.Problems {
		told = append(told, p.ID)
	}
	if all := len(p.CPO.Locations.All()); err != nil || state.Last.Created != 2 || state.Last.Refused != 2 || state.Objects != all-1 || state.Unproven == "" {
		t.Errorf("of %d locations: %+v %v", all, state, err)
	}
	slices.Sort(told)
	if len(told) != 2 || told[0] != "TOOMANY" || !strings.HasPrefix(told[1], "number ") {
		t.Errorf("told are %q", told)
	}
}

// A broken object with an id is one that is there: the others that have vanished are still found (requirements L-03, TF-17).
func TestABrokenObjectDoesNotHideWhatHasVanished(t *testing.T) {
	n, p := reader(t)
	all := len(p.CPO.Locations.All())
	p.Mean(ocpitest.Fault{On: ocpitest.Calls(http.MethodGet, ocpi.ModuleLocations), Do: ocpitest.Change(func(_ *http.Request, a *ocpitest.Answer) {
		a.Header.Del("X-Total-Count")
		a.Header.Del("Link")
		a.Body = []byte(`{"data":[{"id":"` + string(p.CPO.Locations.All()[0].ID) + `","coordinates":5}],"status_code":1000,"timestamp":"2026-01-01T00:00:00Z"}`)
	})})
	for i, want := range []int{0, all - 1, 0} {
		state, err := again(t, n, ocpi.ModuleLocations, true)
		if err != nil || state.Last.Gone != want || state.Last.Refused != 1 {
			t.Errorf("pull %d: %d gone, want %d: %+v %v", i+1, state.Last.Gone, want, state, err)
		}
	}
}

// An id may have the signs of an EVSE id in it.
func TestABrokenObjectWithAStarInItsIDHasAName(t *testing.T) {
	n, p := reader(t)
	p.Mean(ocpitest.Fault{On: ocpitest.Calls(http.MethodGet, ocpi.ModuleTariffs), Do: ocpitest.ChangeData(func(_ *http.Request, data jsontext.Value) jsontext.Value {
		return append(jsontext.Value(`[{"id":"NL*GRP*T1","currency":5},`), data[1:]...)
	})})
	state, err := again(t, n, ocpi.ModuleTariffs, true)
	if err != nil || state.Objects != len(p.CPO.Tariffs.All())+1 || state.Problems[0].ID != "NL*GRP*T1" || state.Unproven != "" {
		t.Errorf("%+v %v", state, err)
	}
}

// Objects that go while the list is read move those after them up. None is taken for gone (requirements TF-29, TF-30).
func TestAListThatShrinksUnderWayProvesNothing(t *testing.T) {
	n, p := reader(t)
	removed := p.CPO.Locations.All()[0]
	p.Mean(ocpitest.Fault{On: ocpitest.Calls(http.MethodGet, ocpi.ModuleLocations), Do: ocpitest.TinyPages(2)})
	for range 3 {
		p.CPO.Locations.Put(removed)
		hide := p.Mean(ocpitest.Fault{On: ocpitest.Calls(http.MethodGet, ocpi.ModuleLocations), After: 1, Times: 1, Do: func(next http.Handler) http.Handler {
			p.CPO.Locations.Remove(string(removed.ID))
			return next
		}})
		state, err := again(t, n, ocpi.ModuleLocations, true)
		if err != nil || state.Last.Gone != 0 || hide.Hits() != 1 {
			t.Errorf("%d hits: %+v %v", hide.Hits(), state, err)
		}
		hide.Remove()
	}
}

// A partner that could not be reached, and can be again, is asked for what is new, without anyone asking (requirement TF-66).
func TestAPartnerIsCaughtUpWithWhenItTakesPushesAgain(t *testing.T) {
	n, p := reader(t)
	before := pullOf(t, n, ocpi.ModuleLocations)
	if !before.LastDelta.IsZero() {
		t.Fatalf("%+v", before)
	}
	token := p.Mean(ocpitest.Fault{On: ocpitest.Calls(http.MethodPut, ocpi.ModuleTokens), Do: ocpitest.ServerError(http.StatusServiceUnavailable)})
	for _, x := range sample.Tokens() {
		if _, err := n.Objects.Tokens.Put(t.Context(), object.Item[v230.Token]{Party: theirs, Object: x}); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "the lane waits", func() bool { return token.Hits() > 4 })
	token.Remove()
	eventually(t, "what is new was pulled", func() bool { return !pullOf(t, n, ocpi.ModuleLocations).LastDelta.IsZero() })
}

// A partner that does not look at date_from is found out.
func TestAnIgnoredDateFromIsFoundOut(t *testing.T) {
	n, p := reader(t)
	if state, err := again(t, n, ocpi.ModuleLocations, false); err != nil || state.IgnoresDateFrom {
		t.Fatalf("%+v %v", state, err)
	}
	p.Mean(ocpitest.Fault{On: ocpitest.Calls(http.MethodGet, ocpi.ModuleLocations), Do: func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			r.URL.RawQuery = ""
			next.ServeHTTP(w, r)
		})
	}})
	if state, err := again(t, n, ocpi.ModuleLocations, false); err != nil || !state.IgnoresDateFrom {
		t.Errorf("%+v %v", state, err)
	}
}

// Two processes never pull the same thing at once.
func TestAPullIsLeased(t *testing.T) {
	t.Parallel()
	n, p := reader(t)
	held := p.Mean(ocpitest.Fault{On: ocpitest.Calls(http.MethodGet, ocpi.ModuleTariffs), Do: ocpitest.Slow(time.Second)})
	defer held.Remove()
	first := make(chan error, 1)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	a, err := n.Puller(ctx)
	if err != nil {
		t.Fatal(err)
	}
	b, err := n.Puller(ctx)
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		_, err := a.Pull(ctx, "grenspaal", ocpi.ModuleTariffs, true, nil)
		first <- err
	}()
	time.Sleep(300 * time.Millisecond)
	if _, second := b.Pull(ctx, "grenspaal", ocpi.ModuleTariffs, true, nil); !errors.Is(second, store.ErrLeased) {
		t.Errorf("the second: %v", second)
	}
	if err := <-first; err != nil {
		t.Errorf("the first: %v", err)
	}
}

// What the policy leaves out is not pulled.
func TestPullsFollowThePolicy(t *testing.T) {
	n, _ := reader(t)
	inPagesOf(t, n, 1)
	pages := 0
	puller, err := n.Puller(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := puller.Pull(t.Context(), "grenspaal", ocpi.ModuleLocations, true, func(_, _ int) { pages++ }); err != nil || pages < 2 {
		t.Errorf("%d pages, %v", pages, err)
	}
}
