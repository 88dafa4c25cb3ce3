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
	"testing"
	"time"

	"github.com/roamwire/roamwire/node/store"
	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/ocpiclient"
	"github.com/roamwire/roamwire/ocpi/ocpitest"
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
