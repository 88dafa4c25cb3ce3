package push

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/google/go-cmp/cmp"

	"github.com/roamwire/roamwire/node/store"
	"github.com/roamwire/roamwire/node/store/sqlite"
	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/ocpiclient"
	"github.com/roamwire/roamwire/ocpi/ocpitest"
	v230 "github.com/roamwire/roamwire/ocpi/v230"
)

var (
	us   = ocpi.NewParty("NL", "GPE")
	them = ocpi.NewParty("DE", "GWH")
)

// A receiver is an eMSP that takes what it gets and keeps account of it.
type receiver struct {
	mu sync.Mutex
	// answer decides what comes of a request; nil takes everything. It may take its time.
	answer func(*http.Request) int
	// plain leaves out what is OCPI's in HTTP 404.
	plain atomic.Bool
	calls []call
	// under are the objects that are being sent, by path; most is how many there were at once.
	under       map[string]int
	most, total int
	// overlaps are the objects of which two messages were under way at once.
	overlaps []string
}

// A call is a request that has ended.
type call struct {
	method, path, body string
	at                 time.Time
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, _ := io.ReadAll(req.Body)
	r.mu.Lock()
	r.under[req.URL.Path]++
	if r.under[req.URL.Path] > 1 {
		r.overlaps = append(r.overlaps, req.URL.Path)
	}
	r.total++
	r.most = max(r.most, r.total)
	answer := r.answer
	r.mu.Unlock()
	status := http.StatusOK
	if answer != nil {
		status = answer(req)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.under[req.URL.Path]--
	r.total--
	r.calls = append(r.calls, call{req.Method, req.URL.Path, string(body), time.Now()})
	w.WriteHeader(status)
	if status == http.StatusNotFound && r.plain.Load() {
		return
	}
	fmt.Fprint(w, `{"status_code":1000,"timestamp":"2026-01-01T00:00:00Z"}`)
}

func (r *receiver) setAnswer(answer func(*http.Request) int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answer = answer
}

func (r *receiver) seen() []call {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.calls)
}

// A rig pushes to a receiver from a database of its own.
type rig struct {
	*testing.T
	db      *sqlite.DB
	partner Partner
	config  Config
	to      *receiver
	stop    func()
}

func newRig(t *testing.T, policy Policy) *rig {
	t.Helper()
	db, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "data"), sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	to := &receiver{under: map[string]int{}}
	server := httptest.NewServer(to)
	transport := ocpiclient.NewTransport(ocpiclient.TransportConfig{AllowPrivate: true})
	r := &rig{T: t, db: db, to: to, stop: func() {}}
	t.Cleanup(func() {
		r.stop()
		server.Close()
		transport.Close()
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	r.partner = Partner{
		Name: "p", Role: ocpi.RoleEMSP, Audience: []ocpi.Party{them}, Parties: []ocpi.Party{us}, Sole: true,
		Modules: []ocpi.ModuleID{ocpi.ModuleLocations, ocpi.ModuleSessions, ocpi.ModuleTariffs}, Policy: policy,
	}
	var endpoints []ocpi.Endpoint
	for _, m := range r.partner.Modules {
		endpoints = append(endpoints, ocpi.Endpoint{Module: m, URL: server.URL + "/" + string(m)})
	}
	r.config = Config{
		Store: db, Poll: time.Millisecond, Logger: slog.New(slog.DiscardHandler),
		Backoff:  Backoff{First: 5 * time.Millisecond, Longest: 20 * time.Millisecond, LongestHeld: 20 * time.Millisecond, Settle: 50 * time.Millisecond},
		Partners: func(context.Context) ([]Partner, error) { return []Partner{r.partner}, nil },
		Client: func(context.Context, string) (*ocpiclient.Client, error) {
			return ocpiclient.New(ocpiclient.Config{
				Partner: &ocpi.Partner{Roles: []ocpi.PartyRole{{Role: ocpi.RoleEMSP, Party: them}}},
				Version: ocpi.V211, Token: "token", Transport: transport, Endpoints: endpoints,
			})
		},
	}
	return r
}

// start begins to push, after what was before has ended.
func (r *rig) start() {
	r.stop()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		New(r.config).Run(ctx)
	}()
	r.stop = func() { cancel(); <-done }
}

// put stores an object of ours. Without touched parts it has changed as a whole.
func put[T any](r *rig, module ocpi.ModuleID, id string, object T, touched ...store.Part) {
	r.Helper()
	body, err := json.Marshal(&object)
	if err != nil {
		r.Fatal(err)
	}
	err = r.db.Write(r.Context(), func(tx store.Tx) error {
		_, err := tx.Put(store.Object{
			Key: store.Key{Module: module, Party: us, ID: id}, Body: body, LastUpdated: time.Now(), Touched: touched,
		})
		return err
	})
	if err != nil {
		r.Fatal(err)
	}
}

func (r *rig) status(module ocpi.ModuleID) Status {
	r.Helper()
	all, err := State(r.Context(), r.db, []Partner{r.partner})
	if err != nil {
		r.Fatal(err)
	}
	return all[slices.IndexFunc(all, func(s Status) bool { return s.Module == module })]
}

// until waits until a lane is as wanted.
func (r *rig) until(what string, module ocpi.ModuleID, is func(Status) bool) Status {
	r.Helper()
	for range 2000 {
		if s := r.status(module); is(s) {
			return s
		}
		time.Sleep(5 * time.Millisecond)
	}
	r.Fatalf("not within 10 s: %s: %+v", what, r.status(module))
	return Status{}
}

func settled(s Status) bool { return s.Backlog == 0 && len(s.Held) == 0 && s.WaitsUntil.IsZero() }

func tariff(n int) v230.Tariff { return ocpitest.Network(us).Tariff(n) }

func (r *rig) putTariff(n int) string {
	t := tariff(n)
	put(r, ocpi.ModuleTariffs, string(t.ID), t)
	return string(t.ID)
}

// No more messages are under way at once than the policy says, and never two about one object.
func TestTheLimitOfMessagesAtOnceIsKept(t *testing.T) {
	r := newRig(t, Policy{Concurrency: 3})
	r.to.answer = func(*http.Request) int { time.Sleep(3 * time.Millisecond); return http.StatusOK }
	r.start()
	for range 3 {
		for n := range 20 {
			r.putTariff(n + 1)
		}
	}
	r.until("all is sent", ocpi.ModuleTariffs, settled)
	if r.to.most != 3 {
		t.Errorf("%d messages were under way at once, want 3", r.to.most)
	}
	if len(r.to.overlaps) > 0 {
		t.Errorf("there were two messages at once about %v", r.to.overlaps)
	}
}

func TestTheRateOfMessagesIsKept(t *testing.T) {
	r := newRig(t, Policy{Rate: 50})
	for n := range 30 {
		r.putTariff(n + 1)
	}
	began := time.Now()
	r.start()
	r.until("all is sent", ocpi.ModuleTariffs, settled)
	calls := r.to.seen()
	if len(calls) != 30 {
		t.Fatalf("%d messages", len(calls))
	}
	// A tenth of a second's messages may come at once, the others a fiftieth of a second after each other.
	if took, least := calls[29].at.Sub(began), 25*time.Second/50; took < least {
		t.Errorf("30 messages took %s, want at least %s", took, least)
	}
}

// While a lane waits for its partner it asks with one message; the wait is on disk and goes on after a restart.
func TestALaneThatWaitsGoesOnWaitingAfterARestart(t *testing.T) {
	r := newRig(t, Policy{})
	r.config.Backoff = Backoff{First: time.Hour, Longest: time.Hour, LongestHeld: time.Hour}
	r.to.answer = func(*http.Request) int { return http.StatusServiceUnavailable }
	r.start()
	for n := range 30 {
		r.putTariff(n + 1)
	}
	before := r.until("it waits", ocpi.ModuleTariffs, func(s Status) bool { return !s.WaitsUntil.IsZero() })
	if before.Failures < breakAfter || !strings.Contains(before.LastError, "503") || before.Backlog+len(before.Held) < 30 {
		t.Errorf("%+v", before)
	}
	r.stop()
	calls := len(r.to.seen())
	r.start()
	r.putTariff(31)
	time.Sleep(300 * time.Millisecond)
	if after := r.status(ocpi.ModuleTariffs); !after.WaitsUntil.Equal(before.WaitsUntil) || len(r.to.seen()) != calls {
		t.Errorf("it waits until %s after the restart and %s before, after %d more messages", after.WaitsUntil, before.WaitsUntil, len(r.to.seen())-calls)
	}
}

func TestAPartnerThatIsBackGetsEachObjectOnce(t *testing.T) {
	r := newRig(t, Policy{})
	r.to.answer = func(*http.Request) int { return http.StatusServiceUnavailable }
	r.start()
	for range 3 {
		for n := range 40 {
			r.putTariff(n + 1)
		}
	}
	r.until("it waits", ocpi.ModuleTariffs, func(s Status) bool { return !s.WaitsUntil.IsZero() })
	var mu sync.Mutex
	got := map[string]int{}
	r.to.setAnswer(func(req *http.Request) int {
		mu.Lock()
		defer mu.Unlock()
		got[req.URL.Path]++
		return http.StatusOK
	})
	r.until("all is sent", ocpi.ModuleTariffs, settled)
	mu.Lock()
	defer mu.Unlock()
	if len(got) != 40 {
		t.Errorf("%d objects", len(got))
	}
	again := 0
	for _, n := range got {
		again += n - 1
	}
	if again > 8 { // one that was under way in an older state when the partner came back is sent once more
		t.Errorf("%d messages more than objects", again)
	}
}

// What is refused three times is parked; the others go on. A newer state of it is tried, and so is what a person asks for.
func TestARefusedObjectIsParkedUntilItChanges(t *testing.T) {
	r := newRig(t, Policy{})
	bad := string(tariff(1).ID)
	r.to.answer = func(req *http.Request) int {
		if path.Base(req.URL.Path) == bad {
			return http.StatusBadRequest
		}
		return http.StatusOK
	}
	r.start()
	tries := func() (n int) {
		for _, c := range r.to.seen() {
			if path.Base(c.path) == bad {
				n++
			}
		}
		return n
	}
	parked := func(s Status) bool { return len(s.Parked) == 1 && s.Backlog == 0 }
	r.putTariff(1)
	r.putTariff(2)
	got := r.until("it is parked", ocpi.ModuleTariffs, parked)
	if h := got.Parked[0]; h.ID != bad || h.Attempts != maxRefusals || !strings.Contains(h.Reason, "400") || tries() != maxRefusals {
		t.Errorf("%+v after %d tries", h, tries())
	}
	r.stop()
	r.start()
	time.Sleep(100 * time.Millisecond)
	if n := tries(); n != maxRefusals {
		t.Errorf("%d tries after a restart", n)
	}
	r.putTariff(1)
	r.until("the newer state is tried", ocpi.ModuleTariffs, func(s Status) bool { return tries() > maxRefusals && parked(s) })
	before := tries()
	if n, err := Retry(t.Context(), r.db, time.Now(), "p", ocpi.ModuleTariffs, bad); n != 1 || err != nil {
		t.Errorf("%d %v", n, err)
	}
	r.until("it is tried again", ocpi.ModuleTariffs, func(s Status) bool { return tries() > before && parked(s) })
	r.to.setAnswer(nil)
	r.putTariff(1)
	r.until("it is taken", ocpi.ModuleTariffs, func(s Status) bool { return settled(s) && len(s.Parked) == 0 })
}

// A module that is no module cannot be tried again.
func TestRetryOfAnUnknownModule(t *testing.T) {
	r := newRig(t, Policy{})
	if _, err := Retry(t.Context(), r.db, time.Now(), "p", "nonsense", ""); err == nil || !strings.Contains(err.Error(), "nonsense") {
		t.Errorf("error %v", err)
	}
}

func session(status v230.SessionStatus, kwh int64) v230.Session {
	s := ocpitest.Sample{CPO: us, EMSP: them, At: noon}.Sessions()[0]
	s.Status, s.KWh = status, ocpi.NumberOf(kwh)
	s.LastUpdated = ocpi.NewDateTime(noon.Add(time.Duration(kwh) * time.Second))
	return s
}

// Requirement SES-08: a session is put before it is patched, in order, and its status never goes back.
func TestASessionIsToldInOrder(t *testing.T) {
	r := newRig(t, Policy{Whole: false})
	r.to.answer = func(*http.Request) int { time.Sleep(2 * time.Millisecond); return http.StatusOK }
	r.start()
	for _, state := range []v230.Session{
		session(v230.SessionStatusPending, 0), session(v230.SessionStatusActive, 1), session(v230.SessionStatusActive, 2),
		session(v230.SessionStatusActive, 3), session(v230.SessionStatusCompleted, 4),
	} {
		put(r, ocpi.ModuleSessions, string(state.ID), state)
		time.Sleep(4 * time.Millisecond)
	}
	r.until("all is told", ocpi.ModuleSessions, settled)
	calls := r.to.seen()
	if calls[0].method != http.MethodPut {
		t.Errorf("the first message is a %s", calls[0].method)
	}
	last := ocpi.NumberOf(-1)
	for i, c := range calls {
		if i > 0 && c.method != http.MethodPatch {
			t.Errorf("message %d is a %s", i+1, c.method)
		}
		var said struct {
			KWh *ocpi.Number `json:"kwh"`
		}
		if err := json.Unmarshal([]byte(c.body), &said); err != nil {
			t.Fatal(err)
		}
		if said.KWh == nil {
			continue
		}
		if said.KWh.Decimal().LessThan(last.Decimal()) {
			t.Errorf("%s kWh come after %s", said.KWh, last)
		}
		last = *said.KWh
	}
	if len(r.to.overlaps) > 0 || last.String() != "4" || !strings.Contains(calls[len(calls)-1].body, "COMPLETED") {
		t.Errorf("at the end %s kWh; at the same time %v; the last message %s", last, r.to.overlaps, calls[len(calls)-1].body)
	}

	back := session(v230.SessionStatusActive, 5)
	put(r, ocpi.ModuleSessions, string(back.ID), back)
	parked := r.until("it is parked", ocpi.ModuleSessions, func(s Status) bool { return len(s.Parked) == 1 })
	if !strings.Contains(parked.Parked[0].Reason, "go back") || len(r.to.seen()) != len(calls) {
		t.Errorf("%s after %d more messages", parked.Parked[0].Reason, len(r.to.seen())-len(calls))
	}
	again := session(v230.SessionStatusCompleted, 6)
	put(r, ocpi.ModuleSessions, string(again.ID), again)
	r.until("the last state is told", ocpi.ModuleSessions, func(s Status) bool { return settled(s) && len(s.Parked) == 0 })
	if calls := r.to.seen(); calls[len(calls)-1].method != http.MethodPut {
		t.Error("what is told of a session that had ended is not all of it")
	}
}

// What the partner has is known also before it is on disk, which waits while the lane is busy: a change that is taken back
// is told.
func TestWhatIsTakenBackIsTold(t *testing.T) {
	r := newRig(t, Policy{})
	release := make(chan struct{})
	r.to.answer = func(req *http.Request) int {
		if path.Base(req.URL.Path) == "SLOW" {
			<-release
		}
		return http.StatusOK
	}
	r.start()
	slow := session(v230.SessionStatusActive, 1)
	slow.ID = "SLOW"
	put(r, ocpi.ModuleSessions, "SLOW", slow)
	var said []string
	for n, kwh := range []int64{1, 2, 1} {
		s := session(v230.SessionStatusActive, kwh)
		s.LastUpdated = ocpi.NewDateTime(noon.Add(time.Duration(n) * time.Second))
		put(r, ocpi.ModuleSessions, string(s.ID), s)
		r.until("it is told", ocpi.ModuleSessions, func(Status) bool { return len(r.to.seen()) > n })
		c := r.to.seen()[n]
		var body struct {
			KWh *ocpi.Number `json:"kwh"`
		}
		if err := json.Unmarshal([]byte(c.body), &body); err != nil || body.KWh == nil {
			t.Fatalf("%s: %v", c.body, err)
		}
		said = append(said, c.method+" "+body.KWh.String())
	}
	close(release)
	if diff := cmp.Diff([]string{"PUT 1", "PATCH 2", "PATCH 1"}, said); diff != "" {
		t.Error(diff)
	}
}

// Requirement L-15: of many changes in many locations, however the feed is cut, the last state of each part arrives.
func TestNoPartOfALocationIsLost(t *testing.T) {
	r := newRig(t, Policy{})
	const locations, evses = 300, 3 // more than the feed is read at once
	all := make([]v230.Location, locations)
	for i := range all {
		all[i] = ocpitest.Network(us).Location(1)
		evse := all[i].EVSEs[0]
		all[i].EVSEs = nil
		for e := range evses {
			evse.UID = ocpi.CiString(fmt.Sprint("E", e))
			all[i].EVSEs = append(all[i].EVSEs, evse)
		}
		all[i].ID = ocpi.CiString(fmt.Sprint("L", i))
		put(r, ocpi.ModuleLocations, string(all[i].ID), all[i])
	}
	r.start()
	r.until("all locations are there", ocpi.ModuleLocations, settled)
	r.stop()
	set := func(i, e int) {
		all[i].EVSEs[e].Status = v230.StatusBlocked
		put(r, ocpi.ModuleLocations, string(all[i].ID), all[i], store.Part{EVSE: fmt.Sprint("E", e), Status: true})
	}
	for i := range all { // the second change of the first half comes after the first of the others
		set(i, 0)
	}
	for i := range locations / 2 {
		set(i, 1)
	}
	before := len(r.to.seen())
	r.start()
	r.until("all statuses are there", ocpi.ModuleLocations, settled)
	got := map[string]int{}
	for _, c := range r.to.seen()[before:] {
		got[strings.TrimPrefix(c.path, "/locations/NL/GPE/")]++
	}
	want := map[string]int{}
	for i := range all {
		want[fmt.Sprintf("L%d/E0", i)] = 1
		if i < locations/2 {
			want[fmt.Sprintf("L%d/E1", i)] = 1
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
