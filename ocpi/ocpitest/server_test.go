package ocpitest_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/convert"
	"github.com/roamwire/roamwire/ocpi/ocpiserver"
	"github.com/roamwire/roamwire/ocpi/ocpitest"
	"github.com/roamwire/roamwire/ocpi/v211"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// A reply is what a server answered.
type reply struct {
	http   int
	header http.Header
	ocpi.Envelope[jsontext.Value]
}

// call makes one request as the server's own partner.
func call(ctx context.Context, t *testing.T, server *ocpitest.Server, method, path string, body any) reply {
	t.Helper()
	var content io.Reader = http.NoBody
	if body != nil {
		raw, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		content = strings.NewReader(string(raw))
	}
	url := path
	if !strings.HasPrefix(path, "http") {
		url = server.URL + path
	}
	request, err := http.NewRequestWithContext(ctx, method, url, content)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Token "+server.Token)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	r := reply{http: response.StatusCode, header: response.Header}
	if err := json.UnmarshalRead(response.Body, &r.Envelope); err != nil {
		t.Fatalf("%s %s answered no envelope: %v", method, path, err)
	}
	return r
}

func start(t *testing.T, config ocpiserver.Config) *ocpitest.Server {
	t.Helper()
	server, err := ocpitest.NewServer(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	return server
}

func TestServerAnswersForEveryModuleOfItsOwn(t *testing.T) {
	server := start(t, ocpiserver.Config{})
	server.CPO.Fill(sample())
	server.EMSP.Fill(sample())
	cases := []struct {
		name, path string
		// want is the number of objects in a list; 0 for a single object.
		want int
	}{
		{"versions", "/versions", 3},
		{"versions of the CPO side", "/cpo/versions", 3},
		{"version details", "/2.1.1/details", 0},
		{"credentials", "/cpo/2.1.1/credentials", 0},
		{"locations", "/cpo/2.1.1/locations", 6},
		{"a location", "/cpo/2.1.1/locations/LOC2", 0},
		{"an EVSE", "/cpo/2.1.1/locations/LOC2/LOC2-3", 0},
		{"a connector", "/cpo/2.1.1/locations/LOC1/LOC1-1/2", 0},
		{"sessions", "/cpo/2.1.1/sessions?date_from=2026-01-01T00:00:00Z", 3},
		{"CDRs", "/cpo/2.1.1/cdrs", 2},
		{"tariffs", "/cpo/2.1.1/tariffs", 3},
		{"tokens", "/emsp/2.1.1/tokens", 4},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			r := call(t.Context(), t, server, http.MethodGet, c.path, nil)
			if r.http != http.StatusOK || r.StatusCode != ocpi.StatusSuccess {
				t.Fatalf("HTTP %d, OCPI %d: %s", r.http, r.StatusCode, r.StatusMessage)
			}
			var items []jsontext.Value
			if c.want > 0 {
				if err := json.Unmarshal(r.Data, &items); err != nil {
					t.Fatal(err)
				}
			}
			if len(items) != c.want {
				t.Errorf("%d objects, want %d: %s", len(items), c.want, r.Data)
			}
		})
	}
}

func TestServerHandsOutItsCredentials(t *testing.T) {
	server := start(t, ocpiserver.Config{})
	for _, role := range []string{"cpo", "emsp"} {
		r := call(t.Context(), t, server, http.MethodGet, "/"+role+"/2.1.1/credentials", nil)
		credentials, findings, err := v211.DecodeCredentials(r.Data)
		if err != nil || len(findings) > 0 {
			t.Fatalf("%v, %v", findings, err)
		}
		want := v211.Credentials{
			Token: server.Token, URL: server.URL + "/" + role + "/versions", BusinessDetails: v211.BusinessDetails{Name: "Test kit"},
			CountryCode: "NL", PartyID: "GPE",
		}
		if diff := cmp.Diff(want, credentials); diff != "" {
			t.Errorf("credentials (-want +got):\n%s", diff)
		}
	}
}

func TestServerPagesThroughCursors(t *testing.T) {
	server := start(t, ocpiserver.Config{PageLimit: 2})
	server.CPO.Fill(sample())
	var got []string
	for next := "/cpo/2.1.1/locations"; next != ""; {
		r := call(t.Context(), t, server, http.MethodGet, next, nil)
		var page []v211.Location
		if err := json.Unmarshal(r.Data, &page); err != nil {
			t.Fatal(err)
		}
		for _, l := range page {
			got = append(got, l.ID)
			if findings := l.Validate(); len(findings) > 0 {
				t.Errorf("location %s: %v", l.ID, findings)
			}
		}
		if total := r.header.Get("X-Total-Count"); total != "6" {
			t.Errorf("X-Total-Count is %s", total)
		}
		link, found := strings.CutPrefix(r.header.Get("Link"), "<")
		next, _, _ = strings.Cut(link, ">")
		if found && !strings.Contains(next, "cursor=") {
			t.Errorf("%s has no cursor", next)
		}
	}
	if diff := cmp.Diff([]string{"LOC1", "LOC2", "LOC3", "LOC4", "LOC5", "LOC6"}, got); diff != "" {
		t.Errorf("locations (-want +got):\n%s", diff)
	}
}

func TestServerTakesWhatAPartnerPushes(t *testing.T) {
	server := start(t, ocpiserver.Config{})
	theirs := ocpitest.Network(ocpi.NewParty("BE", "TST"))
	env := convert.Env{Owner: theirs.CPO, EMSP: theirs.EMSP, Location: find(theirs)}
	location, _ := convert.LocationTo211(theirs.Location(1), env)
	session, _ := convert.SessionTo211(theirs.ActiveSession(), env)
	tariff, _ := convert.TariffTo211(theirs.FreeTariff(), env)
	token, _ := convert.TokenTo211(theirs.Token(1), env)
	cdr, _ := convert.CDRTo211(theirs.CDR(1), env)
	otherCDR, _ := convert.CDRTo211(theirs.CDR(2), env)
	otherCDR.ID = cdr.ID
	start, _ := convert.StartSessionTo211(theirs.StartSession(callback), env)
	result, _ := convert.CommandResultTo211(theirs.CommandResult(), env)
	tokenPath := fmt.Sprintf("/cpo/2.1.1/tokens/BE/TST/%s", token.UID)
	steps := []struct {
		name, method, path string
		body               any
		http               int
		status             ocpi.StatusCode
	}{
		{"a new location", http.MethodPut, "/emsp/2.1.1/locations/BE/TST/LOC1", &location, 201, 1000},
		{"the status of an EVSE", http.MethodPatch, "/emsp/2.1.1/locations/BE/TST/LOC1/LOC1-1", map[string]string{"status": "CHARGING"}, 200, 1000},
		{"the status of an EVSE that there is not", http.MethodPatch, "/emsp/2.1.1/locations/BE/TST/LOC1/LOC1-9", map[string]string{"status": "CHARGING"}, 404, 2000},
		{"no deletion of a location", http.MethodDelete, "/emsp/2.1.1/locations/BE/TST/LOC1", nil, 405, 2000},
		{"a new session", http.MethodPut, "/emsp/2.1.1/sessions/BE/TST/SES-ACTIVE", &session, 201, 1000},
		{"a new tariff", http.MethodPut, "/emsp/2.1.1/tariffs/BE/TST/FREE", &tariff, 201, 1000},
		{"the deletion of a tariff", http.MethodDelete, "/emsp/2.1.1/tariffs/BE/TST/FREE", nil, 200, 1000},
		{"its deletion again", http.MethodDelete, "/emsp/2.1.1/tariffs/BE/TST/FREE", nil, 404, 2000},
		{"a new token", http.MethodPut, tokenPath, &token, 201, 1000},
		{"the end of the token", http.MethodPatch, tokenPath, map[string]bool{"valid": false}, 200, 1000},
		{"a CDR", http.MethodPost, "/emsp/2.1.1/cdrs", &cdr, 201, 1000},
		{"the CDR again", http.MethodPost, "/emsp/2.1.1/cdrs", &cdr, 200, 1000},
		{"another CDR with its id", http.MethodPost, "/emsp/2.1.1/cdrs", &otherCDR, 200, 2001},
		{"a command", http.MethodPost, "/cpo/2.1.1/commands/START_SESSION", &start, 200, 1000},
		{"the result of a command", http.MethodPost, "/emsp/2.1.1/commands/START_SESSION/17", &result, 200, 1000},
	}
	for _, s := range steps {
		r := call(t.Context(), t, server, s.method, s.path, s.body)
		if r.http != s.http || r.StatusCode != s.status {
			t.Errorf("%s: HTTP %d, OCPI %d: %s; want %d and %d", s.name, r.http, r.StatusCode, r.StatusMessage, s.http, s.status)
		}
	}
	locations, tokens := server.EMSP.Locations.From(server.Partner.ID), server.CPO.Tokens.From(server.Partner.ID)
	if len(locations) != 1 || locations[0].EVSEs[0].Status != v230.StatusCharging {
		t.Errorf("locations: %v", locations)
	}
	if len(tokens) != 1 || tokens[0].Valid || tokens[0].ContractID != theirs.Token(1).ContractID {
		t.Errorf("tokens: %v", tokens)
	}
	if cdrs := server.EMSP.CDRs.From(server.Partner.ID); len(cdrs) != 1 || !cdrs[0].TotalEnergy.Equal(theirs.CDR(1).TotalEnergy) {
		t.Errorf("CDRs: %v", cdrs)
	}
	if sessions := server.EMSP.Sessions.From(server.Partner.ID); len(sessions) != 1 || sessions[0].LocationID != "LOC3" {
		t.Errorf("sessions: %v", sessions)
	}
	commands := server.CPO.Commands.Taken()
	if len(commands) != 1 || commands[0].Partner != "tester" || commands[0].ResponseURL() != callback || commands[0].StartSession.LocationID != "LOC3" {
		t.Errorf("commands: %v", commands)
	}
	want := []ocpitest.CommandResult{{Partner: "tester", Type: v230.CommandTypeStartSession, UID: "17", Result: theirs.CommandResult()}}
	if diff := cmp.Diff(want, server.EMSP.CommandResults.Taken()); diff != "" {
		t.Errorf("results (-want +got):\n%s", diff)
	}
}

func TestServerAnswersCommandsAsTheTestSays(t *testing.T) {
	server := start(t, ocpiserver.Config{})
	server.CPO.Commands.Respond(func(c ocpitest.Command) (v230.CommandResponse, error) {
		if c.StopSession == nil {
			return v230.CommandResponse{}, &ocpi.Error{Code: ocpi.StatusUnknownLocation, Message: "unknown location"}
		}
		return v230.CommandResponse{Result: v230.CommandResponseTypeUnknownSession}, nil
	})
	env := convert.Env{Owner: gpe, EMSP: tub}
	stop, _ := convert.StopSessionTo211(sample().StopSession(callback), env)
	reserve, _ := convert.ReserveNowTo211(sample().ReserveNow(callback), env)
	unlock, _ := convert.UnlockConnectorTo211(sample().UnlockConnector(callback), env)
	cases := []struct {
		name, command string
		body          any
		status        ocpi.StatusCode
		data          string
	}{
		{"an unknown session is an answer", "STOP_SESSION", &stop, 1000, `{"result":"UNKNOWN_SESSION"}`},
		{"an unknown location is an error", "RESERVE_NOW", &reserve, 2003, ""},
		{"so it is for every command", "UNLOCK_CONNECTOR", &unlock, 2003, ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			r := call(t.Context(), t, server, http.MethodPost, "/cpo/2.1.1/commands/"+c.command, c.body)
			if r.StatusCode != c.status || string(r.Data) != c.data {
				t.Errorf("OCPI %d and %s, want %d and %s", r.StatusCode, r.Data, c.status, c.data)
			}
		})
	}
	for i, c := range server.CPO.Commands.Taken() {
		if c.ResponseURL() != callback {
			t.Errorf("command %d has the response_url %q", i, c.ResponseURL())
		}
	}
}

func TestServerKeepsWhatItsConfigurationBrings(t *testing.T) {
	var cpo ocpitest.CPO
	cpo.Fill(sample())
	var partners ocpitest.Partners
	partners.Add("of-my-own", ocpi.Partner{ID: "mine", Roles: []ocpi.PartyRole{{Role: ocpi.RoleEMSP, Party: tub}}})
	server := start(t, ocpiserver.Config{CPO: cpo.Backend(), Partners: &partners})
	if server.Token != "" || server.CPO != nil || server.EMSP != nil || server.Partners != nil {
		t.Error("the server has made what the configuration brought")
	}
	server.Token = "of-my-own"
	if r := call(t.Context(), t, server, http.MethodGet, "/cpo/2.1.1/locations", nil); r.http != http.StatusOK {
		t.Errorf("locations: HTTP %d", r.http)
	}
	if r := call(t.Context(), t, server, http.MethodGet, "/emsp/2.1.1/tokens", nil); r.http != http.StatusNotFound {
		t.Errorf("a role that is not there: HTTP %d", r.http)
	}
}

func TestServerThatCannotBeIsAnError(t *testing.T) {
	if _, err := ocpitest.NewServer(ocpiserver.Config{Versions: []ocpi.Version{"1.0"}}); err == nil {
		t.Error("a server of version 1.0 has started")
	}
}

func TestClosedServerIsGone(t *testing.T) {
	server, err := ocpitest.NewServer(ocpiserver.Config{})
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Close(); err != nil {
		t.Error(err)
	}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+"/versions", nil)
	if err != nil {
		t.Fatal(err)
	}
	if response, err := http.DefaultClient.Do(request); err == nil {
		_ = response.Body.Close()
		t.Error("it still answers")
	}
}
