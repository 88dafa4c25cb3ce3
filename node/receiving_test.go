package node_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/ocpitest"
	"github.com/roamwire/roamwire/ocpi/v211"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// A pusher is a CPO that pushes to a node, and looks at what it has there.
type pusher struct {
	*testing.T
	*ocpitest.Partner
}

// at is the URL of one of its objects at the node.
func (p pusher) at(module ocpi.ModuleID, ids ...string) string {
	u := strings.TrimRight(p.Peer().Endpoint(module), "/") + "/" + own.CountryCode + "/" + own.PartyID
	for _, id := range ids {
		u += "/" + url.PathEscape(id)
	}
	return u
}

func (p pusher) send(method, url string, body any) ocpitest.Reply {
	p.Helper()
	reply, err := p.Do(p.Context(), method, url, body)
	if err != nil {
		p.Fatal(err)
	}
	return reply
}

// taken sends what must be taken.
func (p pusher) taken(method, url string, body any) ocpitest.Reply {
	p.Helper()
	reply := p.send(method, url, body)
	if reply.StatusCode != ocpi.StatusSuccess {
		p.Errorf("%s %s: HTTP %d, status %d: %s", method, url, reply.HTTP, reply.StatusCode, reply.StatusMessage)
	}
	return reply
}

func (p pusher) location(id string) (l v211.Location) {
	p.Helper()
	if err := json.Unmarshal(p.taken("GET", p.at(ocpi.ModuleLocations, id), nil).Data, &l); err != nil {
		p.Fatal(err)
	}
	return l
}

// double is a location of the partner with two EVSEs or more.
func (p pusher) double() v230.Location {
	p.Helper()
	for _, l := range p.CPO.Locations.All() {
		if len(l.EVSEs) > 1 {
			return l
		}
	}
	p.Fatal("no location with two EVSEs")
	return v230.Location{}
}

// meanwhile does something once, when a page has been made and has not come yet.
func (p pusher) meanwhile(module ocpi.ModuleID, do func()) {
	p.Mean(ocpitest.Fault{On: ocpitest.Calls(http.MethodGet, module), Times: 1, Do: ocpitest.Change(func(*http.Request, *ocpitest.Answer) { do() })})
}

// What a partner pushes while a page is under way is not put back by the page.
func TestAPageUnderWayPutsNothingBack(t *testing.T) {
	n, partner := reader(t)
	p := pusher{t, partner}
	tariff, location := string(p.CPO.Tariffs.All()[0].ID), p.double()
	p.meanwhile(ocpi.ModuleTariffs, func() {
		p.CPO.Tariffs.Remove(tariff)
		p.taken("DELETE", p.at(ocpi.ModuleTariffs, tariff), nil)
	})
	p.meanwhile(ocpi.ModuleLocations, func() {
		p.taken("PATCH", p.at(ocpi.ModuleLocations, string(location.ID), string(location.EVSEs[0].UID)), jsontext.Value(`{"status":"OUTOFORDER"}`))
	})
	for _, module := range []ocpi.ModuleID{ocpi.ModuleTariffs, ocpi.ModuleLocations} {
		if _, err := again(t, n, module, true); err != nil {
			t.Fatal(err)
		}
	}
	if got := p.send("GET", p.at(ocpi.ModuleTariffs, tariff), nil); got.HTTP != http.StatusNotFound {
		t.Errorf("the deleted tariff is here again: HTTP %d", got.HTTP)
	}
	if got := p.location(string(location.ID)).EVSEs[0].Status; got != v211.StatusOutOfOrder {
		t.Errorf("the status that was pushed is %s", got)
	}
}

// Requirements L-03, L-16: an EVSE that was counted as removed comes back by a push too, whatever else has changed since.
func TestAnEVSEThatWasCountedAsRemovedComesBackByAPush(t *testing.T) {
	n, partner := reader(t)
	p := pusher{t, partner}
	whole := p.double()
	part := whole
	part.EVSEs = whole.EVSEs[1:]
	p.CPO.Locations.Put(part)
	for range 2 {
		if _, err := again(t, n, ocpi.ModuleLocations, true); err != nil {
			t.Fatal(err)
		}
	}
	if got := p.location(string(whole.ID)); got.EVSEs[len(got.EVSEs)-1].Status != v211.StatusRemoved {
		t.Fatalf("it is not removed: %+v", got.EVSEs)
	}
	later := ocpi.NewDateTime(time.Now().Add(10 * time.Second)).Truncate()
	p.taken("PATCH", p.at(ocpi.ModuleLocations, string(whole.ID), string(whole.EVSEs[1].UID)), map[string]any{"status": "BLOCKED", "last_updated": later})
	whole.EVSEs[1].Status, whole.EVSEs[1].LastUpdated, whole.LastUpdated = v230.StatusBlocked, later, later
	reply, err := ocpitest.Push(t.Context(), p.Partner, whole)
	if err != nil || reply.StatusCode != ocpi.StatusSuccess {
		t.Errorf("status %d: %s %v", reply.StatusCode, reply.StatusMessage, err)
	}
	for _, evse := range p.location(string(whole.ID)).EVSEs {
		if evse.Status == v211.StatusRemoved {
			t.Errorf("%s is removed", evse.UID)
		}
	}
}

// Requirement L-18: a partner that does not raise the time of a location for its EVSEs is understood: a change of the location
// that was lost comes with the next list, and one that is pushed is taken.
func TestALocationIsHeldAgainstItsOwnTimeAlone(t *testing.T) {
	n, partner := reader(t)
	p := pusher{t, partner}
	l := p.double()
	path := p.at(ocpi.ModuleLocations, string(l.ID))
	base := time.Now().Add(-time.Hour)
	l.City, l.LastUpdated = "Moved", ocpi.NewDateTime(base).Truncate() // the PUT of this is lost
	l.EVSEs[0].Status, l.EVSEs[0].LastUpdated = v230.StatusBlocked, ocpi.NewDateTime(base.Add(time.Minute)).Truncate()
	p.taken("PATCH", path+"/"+url.PathEscape(string(l.EVSEs[0].UID)), map[string]any{"status": "BLOCKED", "last_updated": l.EVSEs[0].LastUpdated})
	p.CPO.Locations.Put(l)
	if _, err := again(t, n, ocpi.ModuleLocations, true); err != nil {
		t.Fatal(err)
	}
	if got := p.location(string(l.ID)); got.City != "Moved" {
		t.Errorf("the city is still %s", got.City)
	}
	p.taken("PATCH", path, map[string]any{"city": "Moved again", "last_updated": ocpi.NewDateTime(base.Add(time.Second)).Truncate()})
	got := p.location(string(l.ID))
	if got.City != "Moved again" {
		t.Errorf("the city is still %s", got.City)
	}
	state, err := again(t, n, ocpi.ModuleLocations, true)
	if err != nil || state.Last.Older != 1 || p.location(string(l.ID)).City != "Moved again" {
		t.Errorf("an older list: %+v %v", state.Last, err)
	}
}

// Requirement CDR-08: a CDR that says the same is the same, however it is written and whenever it was last changed.
func TestACDRInOtherWordsIsTheSame(t *testing.T) {
	n, partner := reader(t)
	p := pusher{t, partner}
	cdr := sample.CDRs()[0]
	cdr.ID = "CDR-AGAIN"
	first, err := ocpitest.Push(t.Context(), p.Partner, cdr)
	if err != nil || first.HTTP != http.StatusCreated {
		t.Fatalf("%+v %v", first, err)
	}
	location := first.Header.Get("Location")
	stored := p.taken("GET", location, nil).Data
	for name, change := range map[string]map[string]any{
		"as it was":             {},
		"a newer last_updated":  {"last_updated": ocpi.NewDateTime(time.Now()).Truncate()},
		"no value":              {"remark": nil, "x": nil},
		"its id in other case":  {"id": "cdr-again"},
		"the time without zone": {"start_date_time": strings.TrimSuffix(cdr.StartDateTime.String(), "Z")},
	} {
		body := map[string]any{}
		if err := json.Unmarshal(stored, &body); err != nil {
			t.Fatal(err)
		}
		maps.Copy(body, change)
		got := p.send("POST", p.Peer().Endpoint(ocpi.ModuleCDRs), body)
		if got.HTTP != http.StatusOK || got.StatusCode != ocpi.StatusSuccess || got.Header.Get("Location") != location {
			t.Errorf("%s: HTTP %d, status %d: %s, at %q", name, got.HTTP, got.StatusCode, got.StatusMessage, got.Header.Get("Location"))
		}
	}
	cdr.LastUpdated = ocpi.NewDateTime(time.Now()).Truncate()
	p.CPO.CDRs.Put(cdr)
	if state, err := again(t, n, ocpi.ModuleCDRs, true); err != nil || state.Last.Refused != 0 {
		t.Errorf("pulled: %+v %v %v", state.Last, state.Problems, err)
	}
}
