package ocpiserver_test

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/ocpiserver"
	"github.com/roamwire/roamwire/ocpi/ocpitest"
	"github.com/roamwire/roamwire/ocpi/v230"
)

const (
	profileBody = `{"charging_rate_unit":"A","charging_profile_period":[{"start_period":0,"limit":16.5}]}`
	activeBody  = `{"start_date_time":"2026-11-01T12:00:00Z","charging_profile":` + profileBody + `}`
)

// Requirements DP-01 to DP-03: a CPO is asked for the active charging profile of a session, and to set and to clear one.
func TestChargingProfilesAreAskedForSetAndCleared_DP01(t *testing.T) {
	eachLater(t, func(t *testing.T, v ocpi.Version, server *ocpitest.Server) {
		path := "/" + string(v) + "/receiver/chargingprofiles/S%2F1"
		to := "https://emsp.example.com/results/1?a=b&c=d"
		query := "response_url=" + url.QueryEscape(to)
		for _, request := range []struct{ method, query, body string }{
			{"GET", "?duration=900&" + query, ""},
			{"PUT", "", `{"response_url":"` + to + `","charging_profile":` + profileBody + `}`},
			{"DELETE", "?" + query, ""},
		} {
			response, envelope := call(t, server, request.method, path+request.query, request.body)
			if text := string(envelope.Data); response.StatusCode != http.StatusOK || !strings.Contains(text, `"ACCEPTED"`) || !strings.Contains(text, `"timeout":30`) {
				t.Errorf("%s: HTTP %d %s %s", request.method, response.StatusCode, text, envelope.StatusMessage)
			}
		}
		taken := server.CPO.ChargingProfiles.Taken()
		if len(taken) != 3 || taken[0].Duration != 15*time.Minute || taken[1].Profile == nil || taken[1].Profile.ChargingProfilePeriod[0].Limit.String() != "16.5" || taken[2].Profile != nil {
			t.Fatalf("%+v", taken)
		}
		for _, request := range taken {
			if request.SessionID != "S/1" || request.ResponseURL != to || request.Partner != server.Partner.ID {
				t.Errorf("%+v", request)
			}
		}
	})
}

// Requirements DP-01, DP-03: the parameters are required, and a result must have somewhere to go.
func TestRequestsForChargingProfilesNeedTheirParameters_DP01(t *testing.T) {
	eachLater(t, func(t *testing.T, v ocpi.Version, server *ocpitest.Server) {
		path := "/" + string(v) + "/receiver/chargingprofiles/S1"
		for _, bad := range []struct{ method, query, body string }{
			{"GET", "", ""}, {"GET", "?duration=900", ""}, {"GET", "?response_url=https://x.example.com", ""}, {"GET", "?duration=0&response_url=https://x.example.com", ""},
			{"GET", "?duration=soon&response_url=https://x.example.com", ""}, {"DELETE", "", ""}, {"DELETE", "?response_url=ftp://x.example.com", ""},
			{"DELETE", "?response_url=%2Fhere", ""}, {"PUT", "", `{"response_url":"nowhere","charging_profile":` + profileBody + `}`},
			{"PUT", "", `{"response_url":"https://x.example.com"}`},
		} {
			if response, envelope := call(t, server, bad.method, path+bad.query, bad.body); response.StatusCode != http.StatusOK || envelope.StatusCode != ocpi.StatusInvalidParameters {
				t.Errorf("%+v: HTTP %d, status %d", bad, response.StatusCode, envelope.StatusCode)
			}
		}
		if taken := server.CPO.ChargingProfiles.Taken(); len(taken) != 0 {
			t.Errorf("%+v", taken)
		}
	})
}

// A session that the caller does not see is an answer, and no error.
func TestTheSessionOfAChargingProfileCanBeUnknown(t *testing.T) {
	eachLater(t, func(t *testing.T, v ocpi.Version, server *ocpitest.Server) {
		server.CPO.ChargingProfiles.Respond(func(ocpitest.ProfileRequest) (v230.ChargingProfileResponse, error) {
			return v230.ChargingProfileResponse{}, ocpi.NotFound("there is no such session")
		})
		response, envelope := call(t, server, "DELETE", "/cpo/"+string(v)+"/chargingprofiles/S1?response_url=https://x.example.com/1", "")
		if text := string(envelope.Data); response.StatusCode != http.StatusOK || !strings.Contains(text, `"UNKNOWN_SESSION"`) || !strings.Contains(text, `"timeout"`) {
			t.Errorf("HTTP %d %s", response.StatusCode, text)
		}
	})
}

// Requirements DP-05, DP-06: the sender takes the three results and changes of the active profile, and answers without data.
func TestResultsAndUpdatesOfChargingProfilesAreTaken_DP05_DP06(t *testing.T) {
	eachLater(t, func(t *testing.T, v ocpi.Version, server *ocpitest.Server) {
		root := "/" + string(v) + "/sender/chargingprofiles/"
		for _, message := range []struct{ method, path, body string }{
			{"POST", "active/u1", `{"result":"ACCEPTED","profile":` + activeBody + `}`},
			{"POST", "set/u2", `{"result":"REJECTED"}`},
			{"POST", "clear/u3", `{"result":"UNKNOWN"}`},
			{"PUT", "S1", activeBody},
		} {
			response, envelope := call(t, server, message.method, root+message.path, message.body)
			if response.StatusCode != http.StatusOK || envelope.StatusCode != ocpi.StatusSuccess || envelope.Data != nil {
				t.Errorf("%s: HTTP %d, status %d, data %s", message.path, response.StatusCode, envelope.StatusCode, envelope.Data)
			}
		}
		taken := server.EMSP.ChargingProfileResults.Taken()
		if len(taken) != 4 || taken[0].Profile == nil || taken[0].UID != "u1" || taken[1].Result != v230.ChargingProfileResultTypeRejected ||
			taken[2].Kind != "clear" || taken[3].SessionID != "S1" || taken[3].Profile == nil {
			t.Errorf("%+v", taken)
		}
	})
}

// Charging profiles are for eMSPs and smart charging providers, and came with 2.2.
func TestWhoMayAskForChargingProfiles(t *testing.T) {
	_, server := newTarget(t, ocpiserver.Config{Versions: ocpi.Versions(), Logger: quiet()})
	for role, want := range map[ocpi.Role]int{ocpi.RoleEMSP: 200, ocpi.RoleSCSP: 200, ocpi.RoleCPO: 404, ocpi.RoleNSP: 404} {
		server.Partners.Add(string(role), ocpi.Partner{ID: string(role), Roles: []ocpi.PartyRole{{Role: role, Party: ocpi.NewParty("FR", "ABC")}}})
		response, _ := call(t, server, "GET", "/2.2.1/receiver/chargingprofiles/S1?duration=60&response_url=https://x.example.com", "", "Authorization", "Token "+string(role))
		if response.StatusCode != want {
			t.Errorf("%s: HTTP %d, want %d", role, response.StatusCode, want)
		}
	}
	for _, path := range []string{"/cpo/2.1.1/chargingprofiles/S1", "/2.1.1/receiver/chargingprofiles/S1"} {
		if response, _ := call(t, server, "GET", path+"?duration=60&response_url=https://x.example.com", ""); response.StatusCode != http.StatusNotFound {
			t.Errorf("%s: HTTP %d", path, response.StatusCode)
		}
	}
}

// withHub is a server that takes what hubs say, and is a hub itself; the token of a hub is "hub".
func withHub(t *testing.T) *ocpitest.Server {
	t.Helper()
	var clients ocpitest.Sender[v230.ClientInfo]
	for _, id := range []string{"AAA", "BBB", "CCC"} {
		clients.Put(v230.ClientInfo{
			CountryCode: "DE", PartyID: ocpi.CiString(id), Role: ocpi.RoleCPO, Status: v230.ConnectionStatusConnected, LastUpdated: ocpi.NewDateTime(time.Now()),
		})
	}
	_, server := newTarget(t, ocpiserver.Config{
		Versions: ocpi.Versions(), Logger: quiet(), ClientInfos: new(ocpitest.ClientInfos), Hub: &ocpiserver.Hub{ClientInfos: &clients},
	})
	server.Partners.Add("hub", ocpi.Partner{ID: "hub", Roles: []ocpi.PartyRole{{Role: ocpi.RoleHub, Party: ocpi.NewParty("SE", "HUB")}}})
	return server
}

func clientInfo(party, role, status, updated string) string {
	return `{"country_code":"NL","party_id":"` + party + `","role":"` + role + `","status":"` + status + `","last_updated":"` + updated + `"}`
}

// Requirements DH-01, DH-03, DH-06, DT-18: a hub says who is reached through it, in messages without routing headers, and
// nobody else can.
func TestAHubSaysWhoIsReachedThroughIt_DH01(t *testing.T) {
	server := withHub(t)
	hub := []string{"Authorization", "Token hub", ocpi.HeaderFromCountry, "XX", ocpi.HeaderFromParty, "YYY"}
	for _, v := range later {
		path := "/" + string(v) + "/receiver/hubclientinfo/NL/A" + string(v[2:3]) + "B"
		party := "A" + string(v[2:3]) + "B"
		if response, _ := call(t, server, "GET", path, "", hub...); response.StatusCode != http.StatusNotFound {
			t.Errorf("before: HTTP %d", response.StatusCode)
		}
		for _, step := range []struct {
			body string
			http int
			code ocpi.StatusCode
		}{
			{clientInfo(party, "CPO", "CONNECTED", "2026-01-02T00:00:00Z"), 201, 1000},
			{clientInfo(party, "CPO", "OFFLINE", "2026-01-03T00:00:00Z"), 200, 1000},
			{clientInfo(party, "CPO", "CONNECTED", "2026-01-01T00:00:00Z"), 200, 2001}, // it is older
			{clientInfo("ZZZ", "CPO", "CONNECTED", "2026-01-04T00:00:00Z"), 200, 2001}, // the URL says another
			{clientInfo(party, "EMSP", "SUSPENDED", "2026-01-05T00:00:00Z"), 201, 1000},
			{`{}`, 200, 2001},
		} {
			response, envelope := call(t, server, "PUT", path, step.body, hub...)
			if response.StatusCode != step.http || envelope.StatusCode != step.code || response.Header.Get(ocpi.HeaderToParty) != "" {
				t.Errorf("%s: HTTP %d, status %d %s", step.body, response.StatusCode, envelope.StatusCode, envelope.StatusMessage)
			}
		}
		if _, envelope := call(t, server, "GET", path, "", hub...); !strings.Contains(string(envelope.Data), `"SUSPENDED"`) {
			t.Errorf("%s", envelope.Data)
		}
		if response, _ := call(t, server, "DELETE", path, "", hub...); response.StatusCode != http.StatusMethodNotAllowed || response.Header.Get("Allow") != "GET, PUT" {
			t.Errorf("DELETE: HTTP %d, allowed %s", response.StatusCode, response.Header.Get("Allow"))
		}
		if response, _ := call(t, server, "PUT", path, clientInfo(party, "CPO", "CONNECTED", "2026-02-01T00:00:00Z")); response.StatusCode != http.StatusNotFound {
			t.Errorf("from a partner that is no hub: HTTP %d", response.StatusCode)
		}
	}
}

// Requirement DH-02: a hub lists its clients in pages.
func TestAHubListsItsClientsInPages_DH02(t *testing.T) {
	server := withHub(t)
	for _, v := range later {
		response, envelope := call(t, server, "GET", "/"+string(v)+"/sender/hubclientinfo?limit=2", "")
		if response.Header.Get("X-Total-Count") != "3" || !strings.Contains(response.Header.Get("Link"), "/sender/hubclientinfo?") || strings.Count(string(envelope.Data), `"DE"`) != 2 {
			t.Errorf("%s: %v %s", v, response.Header, envelope.Data)
		}
		var roles []string
		for _, e := range details(t, server, "/"+string(v)+"/details").Endpoints {
			if e.Identifier == ocpi.ModuleHubClientInfo {
				roles = append(roles, string(e.Role))
			}
		}
		if strings.Join(roles, " ") != "SENDER RECEIVER" {
			t.Errorf("%s: %v", v, roles)
		}
	}
}

// modules are a module with both sides, agreed on with the tester, and one that answers by itself.
func modules() []ocpiserver.Module {
	agreed := func(p *ocpi.Partner) bool { return p.ID == "tester" }
	echo := func(_ context.Context, m ocpiserver.ModuleCall) (ocpiserver.ModuleAnswer, error) {
		switch {
		case len(m.Path) > 0 && m.Path[0] == "missing":
			return ocpiserver.ModuleAnswer{}, ocpi.NotFound("nothing is here")
		case len(m.Path) > 0 && m.Path[0] == "broken":
			return ocpiserver.ModuleAnswer{Data: []byte(`{`)}, nil
		}
		said := `{"partner":"` + m.Partner.ID + `","path":"` + strings.Join(m.Path, "|") + `","q":"` + m.Query.Get("q") + `","from":"` + m.Routing.From.String() + `","version":"` + string(m.Version) + `"`
		if m.Data != nil {
			said += `,"data":` + string(m.Data)
		}
		return ocpiserver.ModuleAnswer{HTTP: http.StatusCreated, Data: []byte(said + `}`), Header: http.Header{"x-limit": {"7"}}}, nil
	}
	return []ocpiserver.Module{
		{ID: "betst-parking", Role: ocpi.Sender, Methods: []string{"GET", "PUT"}, Agreed: agreed, Handle: echo},
		{ID: "betst-parking", Role: ocpi.Receiver, Versions: []ocpi.Version{ocpi.V230}, Callers: []ocpi.Role{ocpi.RoleNSP}, Handle: echo},
		{ID: "betst-file", Role: ocpi.Sender, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = w.Write([]byte(ocpiserver.PartnerOf(r.Context()).ID + " " + r.URL.EscapedPath()))
		})},
	}
}

// A module by agreement is served like those of OCPI, to those with whom it is agreed on.
func TestModulesByAgreement(t *testing.T) {
	var mu sync.Mutex
	var seen []ocpi.Exchange
	_, server := newTarget(t, ocpiserver.Config{
		Versions: ocpi.Versions(), Logger: quiet(), Modules: modules(), Capture: 100,
		Observe: func(_ context.Context, x ocpi.Exchange) {
			mu.Lock()
			defer mu.Unlock()
			seen = append(seen, x)
		},
	})
	server.Partners.Add("other", ocpi.Partner{ID: "other", Roles: []ocpi.PartyRole{{Role: ocpi.RoleCPO, Party: ocpi.NewParty("FR", "ABC")}}})
	other := []string{"Authorization", "Token other"}
	for _, v := range ocpi.Versions() {
		root := "/" + string(v)
		path := root + "/sender/betst-parking"
		response, envelope := call(t, server, "PUT", path+"/a%2Fb/c?q=1", `{"n":1}`, ocpi.HeaderFromCountry, "BE", ocpi.HeaderFromParty, "TST", "X-Request-ID", "r1")
		text := string(envelope.Data)
		if response.StatusCode != http.StatusCreated || !strings.Contains(text, `"path":"a/b|c"`) || !strings.Contains(text, `"data":{"n":1}`) || !strings.Contains(text, `"q":"1"`) {
			t.Errorf("%s: HTTP %d %s %s", v, response.StatusCode, text, envelope.StatusMessage)
		}
		if later := v != ocpi.V211; strings.Contains(text, "TST") != later || (response.Header.Get(ocpi.HeaderToParty) == "TST") != later {
			t.Errorf("%s: routing: %s %v", v, text, response.Header)
		}
		if response.Header.Get("X-Request-ID") != "r1" || response.Header.Get("X-Limit") != "7" {
			t.Errorf("%s: %v", v, response.Header)
		}
		for _, bad := range []struct {
			method, path, body string
			http               int
			header             []string
		}{
			{"DELETE", path, "", 405, nil}, {"GET", path + "/missing", "", 404, nil}, {"PUT", path, "{", 400, nil}, {"GET", path, "", 404, other},
			{"GET", path, "", 401, []string{"Authorization", "Token x"}}, {"GET", path + "/broken", "", 200, nil}, {"GET", root + "/receiver/betst-parking", "", 404, nil},
		} {
			if response, envelope := call(t, server, bad.method, bad.path, bad.body, bad.header...); response.StatusCode != bad.http || envelope.StatusCode.Success() {
				t.Errorf("%s %s: HTTP %d, status %d", bad.method, bad.path, response.StatusCode, envelope.StatusCode)
			}
		}
		for _, who := range []struct {
			header []string
			told   bool
		}{{nil, true}, {other, false}} {
			if _, envelope := call(t, server, "GET", root+"/details", "", who.header...); strings.Contains(string(envelope.Data), server.URL+path+`"`) != who.told {
				t.Errorf("%s: told %v: %s", v, who.told, envelope.Data)
			}
		}
	}
	request, _ := http.NewRequestWithContext(t.Context(), "GET", server.URL+"/2.3.0/sender/betst-file/x%2Fy", nil)
	request.Header.Set("Authorization", "Token "+server.Token)
	response, err := http.DefaultClient.Do(request)
	if err != nil || response.StatusCode != http.StatusOK {
		t.Fatal(err, response)
	}
	_ = response.Body.Close()
	mu.Lock()
	defer mu.Unlock()
	last := seen[len(seen)-1]
	if last.Module != "betst-file" || last.Partner != "tester" || last.HTTP != 200 || string(last.ResponseBody) != "tester /x%2Fy" {
		t.Errorf("%+v %s", last, last.ResponseBody)
	}
	if first := seen[0]; first.Module != "betst-parking" || first.Route != "/2.1.1/sender/betst-parking/{path...}" && first.Route == "" || string(first.RequestBody) != `{"n":1}` {
		t.Errorf("%+v", first)
	}
	if document := document(t, server); !strings.Contains(document, "/2.2.1/sender/betst-parking/{path}") || strings.Contains(document, "...}") {
		t.Error("the OpenAPI document does not have the module")
	}
}

// What cannot be meant is refused when the server is made.
func TestModulesByAgreementMustFit(t *testing.T) {
	handle := func(context.Context, ocpiserver.ModuleCall) (ocpiserver.ModuleAnswer, error) {
		return ocpiserver.ModuleAnswer{}, nil
	}
	good := ocpiserver.Module{ID: "x-y", Role: ocpi.Sender, Handle: handle}
	for name, change := range map[string]func(*ocpiserver.Module){
		"no id": func(m *ocpiserver.Module) { m.ID = "" }, "a path": func(m *ocpiserver.Module) { m.ID = "a/b" }, "braces": func(m *ocpiserver.Module) { m.ID = "{a}" },
		"dots": func(m *ocpiserver.Module) { m.ID = ".." }, "OCPI's": func(m *ocpiserver.Module) { m.ID = ocpi.ModuleLocations },
		"no side": func(m *ocpiserver.Module) { m.Role = "" }, "nothing to do": func(m *ocpiserver.Module) { m.Handle = nil },
		"two things to do": func(m *ocpiserver.Module) { m.Handler = http.NotFoundHandler() }, "HEAD": func(m *ocpiserver.Module) { m.Methods = []string{"HEAD"} },
		"a version that is not spoken": func(m *ocpiserver.Module) { m.Versions = []ocpi.Version{ocpi.V211} },
	} {
		m := good
		change(&m)
		config := ocpiserver.Config{BaseURL: "https://x.example.com", Versions: later, Partners: new(ocpitest.Partners), Modules: []ocpiserver.Module{m}}
		if _, err := ocpiserver.New(config); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
	config := ocpiserver.Config{BaseURL: "https://x.example.com", Versions: later, Partners: new(ocpitest.Partners), Modules: []ocpiserver.Module{good, good}}
	if _, err := ocpiserver.New(config); err == nil {
		t.Error("one module is taken twice")
	}
	config.Modules = config.Modules[:1]
	if _, err := ocpiserver.New(config); err != nil {
		t.Error(err)
	}
}

// document is the OpenAPI document of a server.
func document(t *testing.T, server *ocpitest.Server) string {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+"/openapi.json", nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	raw, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}
