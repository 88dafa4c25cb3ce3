package push

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/roamwire/roamwire/node/store"
	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/ocpiclient"
	"github.com/roamwire/roamwire/ocpi/ocpitest"
	v230 "github.com/roamwire/roamwire/ocpi/v230"
)

// House rule 6: of an object that changes faster than the partner answers, old states are not sent.
func TestAnObjectThatChangesFasterThanItIsSentIsSentInItsNewestState(t *testing.T) {
	r := newRig(t, Policy{})
	hot := string(tariff(1).ID)
	r.to.answer = func(req *http.Request) int {
		if path.Base(req.URL.Path) == hot {
			time.Sleep(50 * time.Millisecond)
		}
		return http.StatusOK
	}
	r.start()
	for range 400 { // 200/s for 2 s
		r.putTariff(1)
		time.Sleep(5 * time.Millisecond)
	}
	r.until("all is sent", ocpi.ModuleTariffs, settled)
	if n := len(r.to.seen()); n == 0 || n > 300 {
		t.Errorf("of 400 states %d were sent", n)
	}
}

// A partner that fails over everything fails over no object: all of them arrive when it is well again.
func TestAnOutageThatAnswers500ParksNothing(t *testing.T) {
	r := newRig(t, Policy{})
	var n atomic.Int64
	r.to.answer = func(*http.Request) int { n.Add(1); return http.StatusInternalServerError }
	r.start()
	for i := range 10 {
		r.putTariff(i + 1)
	}
	for i := 0; n.Load() < 150 && i < 1000; i++ {
		time.Sleep(10 * time.Millisecond)
	}
	r.to.setAnswer(nil)
	r.until("everything is sent", ocpi.ModuleTariffs, func(s Status) bool { return s.Backlog == 0 && len(s.Held) == 0 && s.WaitsUntil.IsZero() })
	if s := r.status(ocpi.ModuleTariffs); len(s.Parked) > 0 {
		t.Errorf("%d of 10 parked after the partner is back, e.g. %+v", len(s.Parked), s.Parked[0])
	}
}

// Failures while nothing gets through say nothing about the object.
func TestWhatFailedWhileThePartnerWasAwayDoesNotCount(t *testing.T) {
	r := newRig(t, Policy{})
	var n atomic.Int64
	r.to.answer = func(*http.Request) int { n.Add(1); return http.StatusServiceUnavailable }
	r.start()
	r.putTariff(1)
	for n.Load() < 20 {
		time.Sleep(5 * time.Millisecond)
	}
	var once sync.Once
	r.to.setAnswer(func(*http.Request) int {
		status := http.StatusOK
		once.Do(func() { status = http.StatusInternalServerError })
		return status
	})
	r.until("done", ocpi.ModuleTariffs, func(s Status) bool { return s.Backlog == 0 && len(s.Held) == 0 && s.WaitsUntil.IsZero() })
	if s := r.status(ocpi.ModuleTariffs); len(s.Parked) > 0 {
		t.Errorf("parked by a single 500: %+v", s.Parked[0])
	}
}

// What was refused was another state.
func TestANewStateOfAParkedObjectBeginsAnew(t *testing.T) {
	r := newRig(t, Policy{})
	r.to.answer = func(*http.Request) int { return http.StatusBadRequest }
	r.start()
	r.putTariff(1)
	r.until("parked", ocpi.ModuleTariffs, func(s Status) bool { return len(s.Parked) == 1 && s.Backlog == 0 })
	var once sync.Once
	r.to.setAnswer(func(*http.Request) int {
		status := http.StatusOK
		once.Do(func() { status = http.StatusServiceUnavailable })
		return status
	})
	r.putTariff(1) // the corrected state
	time.Sleep(time.Second)
	calls := r.to.seen()
	if s := r.status(ocpi.ModuleTariffs); len(s.Parked) > 0 {
		t.Errorf("parked with %q after %d messages; the corrected state was never refused", s.Parked[0].Reason, len(calls))
	}
}

// A partner that takes nothing at all refuses no object: all of them arrive when it is well again.
func TestAPartnerThatRefusesEverythingIsWaitedFor(t *testing.T) {
	r := newRig(t, Policy{})
	r.to.answer = func(*http.Request) int { return http.StatusNotFound }
	r.start()
	for i := range 100 {
		r.putTariff(i + 1)
	}
	time.Sleep(2 * time.Second)
	r.to.setAnswer(nil)
	time.Sleep(500 * time.Millisecond)
	s := r.status(ocpi.ModuleTariffs)
	if len(s.Parked) > 0 {
		t.Errorf("%d of 100 are parked after the partner's 404s have ended; the lane never waited (%v)", len(s.Parked), s.WaitsUntil)
	}
}

// biller is an eMSP that bills every POST.
type biller struct {
	mu     sync.Mutex
	posts  map[string]int
	gets   int
	at     map[string]string // path -> CDR
	answer func(id string) (status int, hang time.Duration, broken bool, where string)
	// get answers questions; nil shows what is there.
	get http.HandlerFunc
}

func (b *biller) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	if req.Method == http.MethodGet {
		b.mu.Lock()
		b.gets++
		get := b.get
		cdr, ok := b.at[req.URL.Path]
		b.mu.Unlock()
		if get != nil {
			get(w, req)
			return
		}
		if !ok {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		fmt.Fprintf(w, `{"data":%s,"status_code":1000,"timestamp":"2026-01-01T00:00:00Z"}`, cdr)
		return
	}
	body, _ := io.ReadAll(req.Body)
	var cdr struct{ ID string }
	_ = json.Unmarshal(body, &cdr)
	id := struct {
		ID string `json:"id"`
	}{}
	_ = json.Unmarshal(body, &id)
	b.mu.Lock()
	answer := b.answer
	b.mu.Unlock()
	status, hang, broken, where := answer(id.ID)
	if status == http.StatusCreated {
		b.mu.Lock()
		b.posts[id.ID]++
		if where == "" {
			where = "/cdrs/" + id.ID
		}
		b.at[where] = string(body)
		b.mu.Unlock()
	}
	time.Sleep(hang)
	if broken {
		panic(http.ErrAbortHandler)
	}
	if where != "nowhere" {
		w.Header().Set("Location", "http://"+req.Host+where)
	}
	w.WriteHeader(status)
	fmt.Fprint(w, `{"status_code":1000,"timestamp":"2026-01-01T00:00:00Z"}`)
}

func (b *biller) set(answer func(id string) (int, time.Duration, bool, string)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.answer = answer
}

func (b *biller) count(id string) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.posts[id]
}

func cdrRig(t *testing.T, policy Policy) (*rig, *biller) {
	r := newRig(t, policy)
	b := &biller{posts: map[string]int{}, at: map[string]string{}}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) { b.ServeHTTP(w, req) }))
	t.Cleanup(server.Close)
	transport := ocpiclient.NewTransport(ocpiclient.TransportConfig{AllowPrivate: true})
	r.partner.Modules = []ocpi.ModuleID{ocpi.ModuleCDRs}
	r.config.Client = func(context.Context, string) (*ocpiclient.Client, error) {
		return ocpiclient.New(ocpiclient.Config{
			Partner: &ocpi.Partner{Roles: []ocpi.PartyRole{{Role: ocpi.RoleEMSP, Party: them}}},
			Version: ocpi.V211, Token: "token", Transport: transport,
			Endpoints: []ocpi.Endpoint{{Module: ocpi.ModuleCDRs, URL: server.URL + "/cdrs"}},
		})
	}
	return r, b
}

// other is another party of ours.
var other = ocpi.NewParty("NL", "SUB")

func (r *rig) putTariffOf(party ocpi.Party, n int) {
	r.Helper()
	t := tariff(n)
	body, err := json.Marshal(&t)
	if err != nil {
		r.Fatal(err)
	}
	err = r.db.Write(r.Context(), func(tx store.Tx) error {
		_, err := tx.Put(store.Object{Key: store.Key{Module: ocpi.ModuleTariffs, Party: party, ID: string(t.ID)}, Body: body, LastUpdated: time.Now()})
		return err
	})
	if err != nil {
		r.Fatal(err)
	}
}

// putCDRThat stores a CDR after something was done with its id.
func (r *rig) putCDRThat(n int, first func(id string)) string {
	first(string(ocpitest.Network(us).CDR(n).ID))
	return r.putCDR(n)
}

// body is a CDR as the partner would have it.
func (b *biller) body(id string) string {
	for _, cdr := range b.at {
		if _, rest, ok := strings.Cut(cdr, `"id":"`); ok {
			its, _, _ := strings.Cut(rest, `"`)
			return strings.Replace(cdr, `"id":"`+its, `"id":"`+id, 1)
		}
	}
	return ""
}

func (r *rig) putCDR(n int) string {
	cdr := ocpitest.Network(us).CDR(n)
	put(r, ocpi.ModuleCDRs, string(cdr.ID), cdr)
	return string(cdr.ID)
}

// House rule 5: while a CDR is being posted that is on disk, whatever else the lane keeps.
func TestThatACDRIsBeingPostedStaysOnDisk(t *testing.T) {
	r, b := cdrRig(t, Policy{})
	b.answer = func(string) (int, time.Duration, bool, string) { return http.StatusServiceUnavailable, 0, false, "" }
	r.config.Backoff = Backoff{First: 300 * time.Millisecond, Longest: 600 * time.Millisecond, LongestHeld: time.Minute}
	r.start()
	for n := range 6 {
		r.putCDR(n + 1)
	}
	r.until("it waits with all held", ocpi.ModuleCDRs, func(s Status) bool { return !s.WaitsUntil.IsZero() && len(s.Held) >= 5 })
	// The partner is back, and slow from the second CDR on.
	var n atomic.Int64
	b.set(func(string) (int, time.Duration, bool, string) {
		if n.Add(1) == 1 {
			return http.StatusCreated, 0, false, ""
		}
		return http.StatusCreated, 4 * time.Second, false, ""
	})
	for n.Load() < 4 {
		time.Sleep(5 * time.Millisecond)
	}
	time.Sleep(700 * time.Millisecond) // a SIGKILL now finds on disk:
	held, err := r.db.Held(t.Context(), "p", ocpi.ModuleCDRs)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range held {
		m, _ := readMemory(d)
		if b.count(d.Key.ID) > 0 && !m.Posting {
			t.Errorf("CDR %s is being posted (partner has it), and on disk is posting=%v due=%v: after a crash it is posted again without asking", d.Key.ID, m.Posting, d.Due)
		}
	}
}

// Requirement CDR-08: a lane that is stopped while CDRs wait for their turn remembers that they may have arrived.
func TestStoppingForgetsNothingOfCDRs(t *testing.T) {
	r, b := cdrRig(t, Policy{Rate: 1})
	r.config.Backoff = Backoff{First: 200 * time.Millisecond, Longest: 200 * time.Millisecond, LongestHeld: 200 * time.Millisecond}
	// The partner takes CDRs and the answers are lost.
	b.answer = func(string) (int, time.Duration, bool, string) { return http.StatusCreated, 0, true, "" }
	r.start()
	var ids []string
	for n := range 4 {
		ids = append(ids, r.putCDR(n+1))
	}
	r.until("all were posted", ocpi.ModuleCDRs, func(s Status) bool {
		for _, id := range ids {
			if b.count(id) == 0 {
				return false
			}
		}
		return true
	})
	// All four are tried again (they would be asked for); the node is stopped meanwhile, and started again.
	b.set(func(string) (int, time.Duration, bool, string) { return http.StatusCreated, 0, false, "" })
	time.Sleep(300 * time.Millisecond)
	r.stop()
	r.start()
	r.until("settled", ocpi.ModuleCDRs, settled)
	for _, id := range ids {
		if b.count(id) != 1 {
			t.Errorf("CDR %s was billed %d times", id, b.count(id))
		}
	}
}

// Requirement CDR-08: the partner has its CDRs at places that cannot be guessed.
func TestACDRIsNotPostedAgainWhereItCannotBeLookedFor(t *testing.T) {
	r, b := cdrRig(t, Policy{})
	b.answer = func(string) (int, time.Duration, bool, string) { return http.StatusCreated, 0, true, "/x/8f3ac1d2" }
	r.start()
	id := r.putCDR(1)
	for b.count(id) < 1 {
		time.Sleep(time.Millisecond)
	}
	b.set(func(string) (int, time.Duration, bool, string) { return http.StatusCreated, 0, false, "/x/77aa01" })
	time.Sleep(time.Second)
	if n := b.count(id); n != 1 {
		t.Errorf("the CDR was billed %d times", n)
	}
}

// What is held does not go to a partner that may not see it any more.
func TestWhatIsHeldIsForThosePartnersAloneThatMaySeeIt(t *testing.T) {
	r := newRig(t, Policy{})
	r.partner.Parties = []ocpi.Party{us, other}
	r.to.answer = func(*http.Request) int { return http.StatusBadRequest }
	put230 := func(audience ocpi.Party) {
		s := session(v230.SessionStatusActive, 1)
		body, _ := json.Marshal(&s)
		if err := r.db.Write(t.Context(), func(tx store.Tx) error {
			_, err := tx.Put(store.Object{Key: store.Key{Module: ocpi.ModuleSessions, Party: us, ID: string(s.ID)}, Body: body, LastUpdated: time.Now(), Audience: audience})
			return err
		}); err != nil {
			t.Fatal(err)
		}
	}
	r.start()
	tr := tariff(1)
	body, _ := json.Marshal(&tr)
	if err := r.db.Write(t.Context(), func(tx store.Tx) error {
		_, err := tx.Put(store.Object{Key: store.Key{Module: ocpi.ModuleTariffs, Party: other, ID: string(tr.ID)}, Body: body, LastUpdated: time.Now()})
		return err
	}); err != nil {
		t.Fatal(err)
	}
	put230(them)
	r.until("parked", ocpi.ModuleTariffs, func(s Status) bool { return len(s.Parked) == 1 })
	r.until("parked", ocpi.ModuleSessions, func(s Status) bool { return len(s.Parked) == 1 })
	r.stop()
	before := len(r.to.seen())
	put230(ocpi.NewParty("FR", "XXX"))   // the session turns out to be another eMSP's driver's
	r.partner.Parties = []ocpi.Party{us} // the operator shows the partner our own party alone
	r.to.setAnswer(nil)
	if _, err := Retry(t.Context(), r.db, time.Now(), "p", "", ""); err != nil {
		t.Fatal(err)
	}
	r.start()
	time.Sleep(500 * time.Millisecond)
	for _, c := range r.to.seen()[before:] {
		t.Errorf("the partner was sent %s %s", c.method, c.path)
	}
}

// A partner that begins to see a party of ours gets what that has.
func TestAPartyThatIsAddedIsPushed(t *testing.T) {
	r := newRig(t, Policy{})
	tr := tariff(1)
	body, _ := json.Marshal(&tr)
	if err := r.db.Write(t.Context(), func(tx store.Tx) error {
		_, err := tx.Put(store.Object{Key: store.Key{Module: ocpi.ModuleTariffs, Party: other, ID: string(tr.ID)}, Body: body, LastUpdated: time.Now()})
		return err
	}); err != nil {
		t.Fatal(err)
	}
	r.start()
	r.putTariff(2)
	r.until("settled", ocpi.ModuleTariffs, settled)
	r.stop()
	r.partner.Parties = []ocpi.Party{us, other}
	r.start()
	time.Sleep(500 * time.Millisecond)
	if n := len(r.to.seen()); n != 2 {
		t.Errorf("%d messages: the tariff of the party that was added is not sent, and the lane says %+v", n, r.status(ocpi.ModuleTariffs))
	}
}

// The limit is one of requests: an object may take several.
func TestTheRateIsThatOfRequests(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	r := newRig(t, Policy{Rate: 10, Concurrency: 8})
	l := ocpitest.Network(us).Location(1)
	evse := l.EVSEs[0]
	l.EVSEs = nil
	var parts []store.Part
	for e := range 4 {
		evse.UID = ocpi.CiString(fmt.Sprint("E", e))
		l.EVSEs = append(l.EVSEs, evse)
		parts = append(parts, store.Part{EVSE: fmt.Sprint("E", e), Status: true})
	}
	for i := range 20 {
		l.ID = ocpi.CiString(fmt.Sprint("L", i))
		put(r, ocpi.ModuleLocations, string(l.ID), l)
	}
	r.start()
	r.until("there", ocpi.ModuleLocations, settled)
	r.stop()
	before := len(r.to.seen())
	for i := range 20 {
		l.ID = ocpi.CiString(fmt.Sprint("L", i))
		put(r, ocpi.ModuleLocations, string(l.ID), l, parts...)
	}
	r.start()
	r.until("there", ocpi.ModuleLocations, settled)
	calls := r.to.seen()[before:]
	took := calls[len(calls)-1].at.Sub(calls[0].at).Seconds()
	if rate := float64(len(calls)) / took; rate > 15 {
		t.Errorf("%d requests in %.1f s: %.0f a second, the policy says 10", len(calls), took, rate)
	}
}

// House rule 5: the process was killed after a PATCH and before that was kept, and the change is taken back.
func TestAChangeTakenBackAfterACrashIsTold(t *testing.T) {
	r := newRig(t, Policy{})
	r.start()
	s := session(v230.SessionStatusActive, 1)
	put(r, ocpi.ModuleSessions, string(s.ID), s)
	r.until("settled", ocpi.ModuleSessions, settled)
	lane, err := r.db.Lane(t.Context(), "p", ocpi.ModuleSessions)
	if err != nil {
		t.Fatal(err)
	}
	d, err := r.db.Delivery(t.Context(), "p", store.Key{Module: ocpi.ModuleSessions, Party: us, ID: string(s.ID)})
	if err != nil {
		t.Fatal(err)
	}
	s2 := session(v230.SessionStatusActive, 2)
	put(r, ocpi.ModuleSessions, string(s.ID), s2)
	r.until("settled", ocpi.ModuleSessions, func(st Status) bool { return settled(st) && st.Sent == 2 })
	r.stop()
	// what a SIGKILL before the save would have left
	if err := r.db.SaveLane(t.Context(), lane, []store.Delivery{d}, nil); err != nil {
		t.Fatal(err)
	}
	s3 := session(v230.SessionStatusActive, 1)
	s3.LastUpdated = ocpi.NewDateTime(noon.Add(time.Hour))
	put(r, ocpi.ModuleSessions, string(s.ID), s3)
	r.start()
	r.until("settled", ocpi.ModuleSessions, settled)
	calls := r.to.seen()
	last := calls[len(calls)-1]
	if !strings.Contains(last.body, `"kwh"`) {
		t.Errorf("the partner has 2 kWh, ours says 1; told was: %s %s", last.method, last.body)
	}
}

// Requirement SES-08: the partner may have been told that the session has ended.
func TestASessionNeverGoesBackAfterALostAnswer(t *testing.T) {
	r := newRig(t, Policy{})
	r.start()
	s := session(v230.SessionStatusActive, 1)
	put(r, ocpi.ModuleSessions, string(s.ID), s)
	r.until("settled", ocpi.ModuleSessions, settled)
	r.config.Backoff = Backoff{First: time.Second, Longest: time.Second, LongestHeld: time.Second}
	r.start()
	r.to.setAnswer(func(req *http.Request) int { return http.StatusGatewayTimeout }) // the partner has taken it, the proxy gave up
	put(r, ocpi.ModuleSessions, string(s.ID), session(v230.SessionStatusCompleted, 2))
	r.until("held", ocpi.ModuleSessions, func(st Status) bool { return len(st.Held) == 1 })
	r.to.setAnswer(nil)
	n := len(r.to.seen())
	put(r, ocpi.ModuleSessions, string(s.ID), session(v230.SessionStatusActive, 3))
	time.Sleep(2500 * time.Millisecond)
	for _, c := range r.to.seen()[n:] {
		if strings.Contains(c.body, "ACTIVE") {
			t.Errorf("after COMPLETED (answered 504) was sent: %s %s", c.method, c.body[:min(200, len(c.body))])
		}
	}
}

// What a partner never had need not be deleted there.
func TestANewPartnerIsToldOfNoDeletion(t *testing.T) {
	r := newRig(t, Policy{})
	for i := range 5 {
		id := r.putTariff(i + 1)
		if err := r.db.Write(t.Context(), func(tx store.Tx) error { return tx.Delete(store.Key{Module: ocpi.ModuleTariffs, Party: us, ID: id}) }); err != nil {
			t.Fatal(err)
		}
	}
	r.to.answer = func(*http.Request) int { return http.StatusBadRequest } // "2001: unknown tariff", as many answer
	r.start()
	time.Sleep(time.Second)
	if s := r.status(ocpi.ModuleTariffs); len(r.to.seen()) > 0 {
		t.Errorf("%d messages, the first %s; %d parked", len(r.to.seen()), r.to.seen()[0].method, len(s.Parked))
	}
}

// That an object cannot be sent says nothing about the partner.
func TestWhatCannotBeSentEndsNoWait(t *testing.T) {
	var l lane
	l.config = Config{}.withDefaults()
	l.held, l.keep, l.forget = map[store.Key]*held{}, map[store.Key]store.Delivery{}, map[store.Key]bool{}
	l.state.Breaker = breaker{Failures: 9, Until: time.Now(), Waits: 6}
	l.failed(fmt.Errorf("session would go back"), judge(fmt.Errorf("session would go back")))
	if !l.state.Breaker.open() {
		t.Error("the lane sends to its partner again, which has not answered")
	}
}

// House rule 7: however often an object changes while it is being sent, the others go on.
func TestAnObjectThatIsSentSlowlyKeepsNoOtherWaiting(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	r := newRig(t, Policy{})
	hot := string(tariff(1).ID)
	r.to.answer = func(req *http.Request) int {
		if path.Base(req.URL.Path) == hot {
			time.Sleep(4 * time.Second)
		}
		return http.StatusOK
	}
	r.start()
	for range 400 {
		r.putTariff(1)
		time.Sleep(3 * time.Millisecond)
	}
	began := time.Now()
	other := r.putTariff(2)
	for time.Since(began) < 40*time.Second && !slices.ContainsFunc(r.to.seen(), func(c call) bool { return path.Base(c.path) == other }) {
		time.Sleep(time.Millisecond)
	}
	if waited := time.Since(began); waited > 3*time.Second {
		t.Errorf("another object of the lane waited %s, with 7 of 8 sends free", waited.Round(time.Millisecond))
	}
}

// A partner that has asked to wait for a day is asked at once where a person wants that.
func TestAPersonCanEndAWait(t *testing.T) {
	r := newRig(t, Policy{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		w.Header().Set("Retry-After", "86400")
		w.WriteHeader(http.StatusTooManyRequests)
	}))
	defer server.Close()
	client := r.config.Client
	var back atomic.Bool
	transport := ocpiclient.NewTransport(ocpiclient.TransportConfig{AllowPrivate: true})
	r.config.Client = func(ctx context.Context, name string) (*ocpiclient.Client, error) {
		if back.Load() {
			return client(ctx, name)
		}
		return ocpiclient.New(ocpiclient.Config{
			Partner: &ocpi.Partner{Roles: []ocpi.PartyRole{{Role: ocpi.RoleEMSP, Party: them}}},
			Version: ocpi.V211, Token: "token", Transport: transport,
			Endpoints: []ocpi.Endpoint{{Module: ocpi.ModuleTariffs, URL: server.URL + "/tariffs"}},
		})
	}
	r.start()
	r.putTariff(1)
	r.until("it waits", ocpi.ModuleTariffs, func(s Status) bool { return !s.WaitsUntil.IsZero() })
	back.Store(true)
	r.stop()
	r.partner.Terms = "the partner has another URL and token"
	r.start()
	n, err := Retry(t.Context(), r.db, time.Now(), "p", "", "")
	if err != nil {
		t.Fatal(err)
	}
	time.Sleep(3 * time.Second)
	if len(r.to.seen()) == 0 {
		t.Errorf("retry says %d objects are tried again now; nothing is sent, the lane waits until %s", n, r.status(ocpi.ModuleTariffs).WaitsUntil)
	}
}

// House rule 7: partners that share a host, as on a platform, do not share its connections.
func TestPartnersOnOneHostDoNotHurtEachOther(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	r := newRig(t, Policy{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		_, _ = io.ReadAll(req.Body)
		if !strings.HasPrefix(req.URL.Path, "/good") {
			select {
			case <-req.Context().Done():
			case <-time.After(5 * time.Second):
			}
			return
		}
		r.to.mu.Lock()
		r.to.calls = append(r.to.calls, call{req.Method, req.URL.Path, "", time.Now()})
		r.to.mu.Unlock()
		fmt.Fprint(w, `{"status_code":1000,"timestamp":"2026-01-01T00:00:00Z"}`)
	}))
	defer server.Close()
	transport := ocpiclient.NewTransport(ocpiclient.TransportConfig{AllowPrivate: true})
	r.config.Partners = func(context.Context) (all []Partner, err error) {
		for i := range 8 {
			p := r.partner
			p.Name = fmt.Sprint("bad", i)
			p.Modules = []ocpi.ModuleID{ocpi.ModuleTariffs}
			all = append(all, p)
		}
		good := r.partner
		good.Name, good.Modules, good.Policy.FromNow, good.Since = "good", []ocpi.ModuleID{ocpi.ModuleTariffs}, true, time.Now()
		return append(all, good), nil
	}
	since := time.Now().Add(500 * time.Millisecond)
	partners := r.config.Partners
	r.config.Partners = func(ctx context.Context) ([]Partner, error) {
		all, err := partners(ctx)
		all[8].Since = since
		return all, err
	}
	r.config.Client = func(_ context.Context, name string) (*ocpiclient.Client, error) {
		return ocpiclient.New(ocpiclient.Config{
			Partner: &ocpi.Partner{Roles: []ocpi.PartyRole{{Role: ocpi.RoleEMSP, Party: them}}},
			Version: ocpi.V211, Token: "token", Transport: transport,
			Endpoints: []ocpi.Endpoint{{Module: ocpi.ModuleTariffs, URL: server.URL + "/" + name}},
		})
	}
	for n := range 20 {
		r.putTariff(n + 1)
	}
	r.start()
	time.Sleep(1500 * time.Millisecond)
	began := time.Now()
	r.putTariff(21)
	for time.Since(began) < 10*time.Second && len(r.to.seen()) == 0 {
		time.Sleep(5 * time.Millisecond)
	}
	if waited := time.Since(began); waited > 4*time.Second {
		t.Errorf("the partner that answers at once waited %s", waited.Round(time.Millisecond))
	}
}
