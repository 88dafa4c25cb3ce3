package push

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/roamwire/roamwire/node/store"
	"github.com/roamwire/roamwire/ocpi"
	v230 "github.com/roamwire/roamwire/ocpi/v230"
)

// CDRs are money: those that an eMSP had not got when its registration ended are sent when it has registered again, once.
func TestCDRsOutliveARegistration(t *testing.T) {
	r, b := cdrRig(t, Policy{})
	b.answer = taken("/cdrs/")
	r.partner.Since = time.Now().Add(-time.Hour)
	r.start()
	ids := []string{r.putCDR(1)}
	r.until("the first is there", ocpi.ModuleCDRs, func(s Status) bool { return s.Sent == 1 && settled(s) })
	b.set(func(string) (int, time.Duration, bool, string) { return http.StatusServiceUnavailable, 0, false, "" })
	for n := range 40 {
		ids = append(ids, r.putCDR(n+2))
	}
	r.until("it waits", ocpi.ModuleCDRs, func(s Status) bool { return !s.WaitsUntil.IsZero() && s.Backlog > 20 })
	r.stop()
	ids = append(ids, r.putCDR(42))
	r.partner.Since, r.partner.Terms = time.Now(), "a new token"
	b.set(taken("/cdrs/"))
	r.start()
	r.until("all are there", ocpi.ModuleCDRs, settled)
	for _, id := range ids {
		if n := b.count(id); n != 1 {
			t.Errorf("CDR %s was billed %d times", id, n)
		}
	}
}

// What is held for an eMSP that has registered again as another party is not for that, and neither are its CDRs.
func TestCDRsOfAnotherPartyEndWithARegistration(t *testing.T) {
	r, b := cdrRig(t, Policy{})
	b.answer = func(string) (int, time.Duration, bool, string) { return http.StatusServiceUnavailable, 0, false, "" }
	r.partner.Since = time.Now().Add(-time.Hour)
	r.start()
	for n := range 20 {
		r.putCDR(n + 1)
	}
	r.until("it waits", ocpi.ModuleCDRs, func(s Status) bool { return !s.WaitsUntil.IsZero() })
	r.stop()
	r.partner.Since, r.partner.Audience = time.Now(), []ocpi.Party{ocpi.NewParty("FR", "XXX")}
	b.set(taken("/cdrs/"))
	r.start()
	id := r.putCDR(30)
	r.until("what is new is there", ocpi.ModuleCDRs, settled)
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.posts) != 1 || b.posts[id] != 1 {
		t.Errorf("posted were %v", b.posts)
	}
}

// Requirement SES-08: the partner may have been told that a session has ended when the node was stopped.
func TestASessionNeverGoesBackAfterAStop(t *testing.T) {
	r := newRig(t, Policy{})
	r.start()
	s := session(v230.SessionStatusActive, 1)
	put(r, ocpi.ModuleSessions, string(s.ID), s)
	r.until("it is there", ocpi.ModuleSessions, settled)
	arrived := make(chan bool, 1)
	r.to.setAnswer(func(req *http.Request) int {
		arrived <- true
		<-req.Context().Done()
		return http.StatusOK
	})
	put(r, ocpi.ModuleSessions, string(s.ID), session(v230.SessionStatusCompleted, 2))
	<-arrived
	r.stop()
	r.to.setAnswer(nil)
	put(r, ocpi.ModuleSessions, string(s.ID), session(v230.SessionStatusActive, 3))
	before := len(r.to.seen())
	r.start()
	r.until("it is parked, or sent", ocpi.ModuleSessions, func(s Status) bool { return len(s.Parked) == 1 || settled(s) })
	for _, c := range r.to.seen()[before:] {
		if strings.Contains(c.body, "ACTIVE") {
			t.Errorf("after COMPLETED was sent %s %s", c.method, c.body[:min(200, len(c.body))])
		}
	}
}

// Our own disk may be slow: a CDR that was not its turn in time is no CDR that cannot be sent.
func TestACDRThatIsNotKeptInTimeIsNotParked(t *testing.T) {
	j := &job{notes: make(chan note), partner: &Partner{}, config: &Config{Now: time.Now}}
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if v := judge(j.keep(ctx, &memory{})); v.fault != ours {
		t.Errorf("%+v", v)
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
