package push

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/roamwire/roamwire/node/store"
	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/ocpiclient"
)

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
