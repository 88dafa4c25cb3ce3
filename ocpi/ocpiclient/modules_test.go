package ocpiclient_test

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/ocpiclient"
	"github.com/roamwire/roamwire/ocpi/ocpiserver"
	"github.com/roamwire/roamwire/ocpi/ocpitest"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// inEachLater runs a test with our own server and a client of it that has found all endpoints, in each version since 2.2.
func inEachLater(t *testing.T, config ocpiserver.Config, test func(t *testing.T, server *ocpitest.Server, client *ocpiclient.Client)) {
	t.Helper()
	for _, v := range []ocpi.Version{ocpi.V221, ocpi.V230} {
		t.Run(string(v), func(t *testing.T) {
			config := config
			config.Versions, config.PageLimit = ocpi.Versions(), 2
			config.ClientInfos = new(ocpitest.ClientInfos)
			server, err := ocpitest.NewServer(config)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = server.Close() })
			partner := server.Partner
			partner.Roles = append(both(ours), ocpi.PartyRole{Role: ocpi.RoleHub, Party: ours})
			server.Partners.Add(server.Token, partner)
			client := ocpiclient.Config{Token: server.Token, Version: v}
			details, err := newClient(t, client).Details(t.Context(), server.URL+"/"+string(v)+"/details")
			if err != nil {
				t.Fatal(err)
			}
			client.Endpoints = details.Endpoints
			test(t, server, newClient(t, client))
		})
	}
}

var (
	profile = v230.ChargingProfile{
		ChargingRateUnit:      v230.ChargingRateUnitA,
		ChargingProfilePeriod: []v230.ChargingProfilePeriod{{StartPeriod: 0, Limit: ocpi.NumberOf(16)}},
	}
	active = v230.ActiveChargingProfile{StartDateTime: ocpi.NewDateTime(time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)), ChargingProfile: profile}
)

// Requirements DP-01 to DP-03: a CPO is asked about charging profiles, with where the result is to go.
func TestAClientAsksForSetsAndClearsProfiles_DP01(t *testing.T) {
	inEachLater(t, ocpiserver.Config{}, func(t *testing.T, server *ocpitest.Server, client *ocpiclient.Client) {
		profiles, to := client.ChargingProfiles(), "https://x.example.com/results/a?b=c&d=é/"
		calls := []func() (v230.ChargingProfileResponse, error){
			func() (v230.ChargingProfileResponse, error) {
				return profiles.Get(t.Context(), "S/1", 15*time.Minute, to)
			},
			func() (v230.ChargingProfileResponse, error) {
				return profiles.Set(t.Context(), "S/1", v230.SetChargingProfile{ChargingProfile: profile, ResponseURL: to})
			},
			func() (v230.ChargingProfileResponse, error) { return profiles.Clear(t.Context(), "S/1", to) },
		}
		for i, call := range calls {
			if response, err := call(); err != nil || response.Result != v230.ChargingProfileResponseTypeAccepted || response.Timeout != 30 {
				t.Errorf("%d: %+v, %v", i, response, err)
			}
		}
		want := []ocpitest.ProfileRequest{
			{Duration: 15 * time.Minute}, {Profile: &profile}, {},
		}
		for i := range want {
			want[i].Partner, want[i].SessionID, want[i].ResponseURL = server.Partner.ID, "S/1", to
		}
		if diff := cmp.Diff(want, server.CPO.ChargingProfiles.Taken(), comparable()); diff != "" {
			t.Error(diff)
		}
	})
}

// comparable lets values of the model be compared.
func comparable() cmp.Option {
	return cmp.Options{
		cmp.Comparer(func(a, b ocpi.Number) bool { return a.String() == b.String() }),
		cmp.Comparer(func(a, b ocpi.DateTime) bool { return a.Equal(b) }),
	}
}

// A request about a profile has a result of its own, so that not even a GET is sent twice.
func TestARequestForAProfileIsSentOnce(t *testing.T) {
	calls := 0
	partner := newAwkward(t, ocpiclient.Config{Version: ocpi.V221}, func(w http.ResponseWriter, _ *http.Request) {
		calls++
		fails(w, http.StatusServiceUnavailable, ocpi.StatusServerError, "later")
	})
	client := newClient(t, ocpiclient.Config{
		Version: ocpi.V221, Endpoints: []ocpi.Endpoint{{Module: ocpi.ModuleChargingProfiles, Role: ocpi.Receiver, URL: partner.URL + "/p"}},
	})
	if _, err := client.ChargingProfiles().Get(t.Context(), "S1", time.Minute, "https://x.example.com"); err == nil || calls != 1 {
		t.Errorf("%d calls: %v", calls, err)
	}
}

// Requirements DP-05, DP-06: the three results go to the URL that was given, and changes to the endpoint.
func TestAClientTellsResultsAndUpdatesOfProfiles_DP05_DP06(t *testing.T) {
	inEachLater(t, ocpiserver.Config{}, func(t *testing.T, server *ocpitest.Server, client *ocpiclient.Client) {
		results, base := client.ChargingProfileResults(), server.URL+"/"+string(client.Version())+"/sender/chargingprofiles/"
		for i, err := range []error{
			results.Active(t.Context(), base+"active/1", v230.ActiveChargingProfileResult{Result: v230.ChargingProfileResultTypeAccepted, Profile: &active}),
			results.Set(t.Context(), base+"set/2", v230.ChargingProfileResult{Result: v230.ChargingProfileResultTypeRejected}),
			results.Cleared(t.Context(), base+"clear/3", v230.ClearProfileResult{Result: v230.ChargingProfileResultTypeUnknown}),
			results.Update(t.Context(), "S1", active),
		} {
			if err != nil {
				t.Errorf("%d: %v", i, err)
			}
		}
		want := []ocpitest.ProfileResult{
			{Kind: "active", UID: "1", Result: v230.ChargingProfileResultTypeAccepted, Profile: &active},
			{Kind: "set", UID: "2", Result: v230.ChargingProfileResultTypeRejected},
			{Kind: "clear", UID: "3", Result: v230.ChargingProfileResultTypeUnknown},
			{Kind: "update", SessionID: "S1", Profile: &active},
		}
		for i := range want {
			want[i].Partner = server.Partner.ID
		}
		if diff := cmp.Diff(want, server.EMSP.ChargingProfileResults.Taken(), comparable()); diff != "" {
			t.Error(diff)
		}
		err := results.Set(t.Context(), "https://elsewhere.example.com/x", v230.ChargingProfileResult{Result: v230.ChargingProfileResultTypeAccepted})
		if !errors.Is(err, ocpiclient.ErrOtherHost) {
			t.Errorf("to another host: %v", err)
		}
	})
}

// Requirements DH-01, DH-02: a hub is asked for its clients, and says about each.
func TestAClientListsAndTellsClientInfos_DH01_DH02(t *testing.T) {
	var clients ocpitest.Sender[v230.ClientInfo]
	for _, id := range []ocpi.CiString{"AAA", "BBB", "CCC"} {
		clients.Put(v230.ClientInfo{CountryCode: "DE", PartyID: id, Role: ocpi.RoleCPO, Status: v230.ConnectionStatusConnected, LastUpdated: active.StartDateTime})
	}
	inEachLater(t, ocpiserver.Config{Hub: &ocpiserver.Hub{ClientInfos: &clients}}, func(t *testing.T, _ *ocpitest.Server, client *ocpiclient.Client) {
		var got []string
		for info, err := range client.ClientInfos().List(t.Context(), ocpi.Query{}) {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, string(info.PartyID))
		}
		if strings.Join(got, " ") != "AAA BBB CCC" {
			t.Error(got)
		}
		party, receiver := ocpi.NewParty("DE", "AAA"), client.ClientInfoReceiver()
		if _, err := receiver.Get(t.Context(), party); !errors.Is(err, ocpi.ErrNotFound) {
			t.Error(err)
		}
		info := v230.ClientInfo{CountryCode: "DE", PartyID: "AAA", Role: ocpi.RoleEMSP, Status: v230.ConnectionStatusOffline, LastUpdated: active.StartDateTime}
		if err := receiver.Put(t.Context(), info); err != nil {
			t.Fatal(err)
		}
		if back, err := receiver.Get(t.Context(), party); err != nil || back.Status != v230.ConnectionStatusOffline || back.Role != ocpi.RoleEMSP {
			t.Errorf("%+v, %v", back, err)
		}
	})
}

// A module by agreement is called with the care of all others.
func TestAModuleByAgreementIsCalled(t *testing.T) {
	config := ocpiserver.Config{Modules: []ocpiserver.Module{{
		ID: "betst-parking", Role: ocpi.Sender, Methods: []string{"GET", "PUT"},
		Handle: func(_ context.Context, m ocpiserver.ModuleCall) (ocpiserver.ModuleAnswer, error) {
			if len(m.Path) == 0 {
				return ocpiserver.ModuleAnswer{}, ocpi.InvalidParameters("which one?")
			}
			return ocpiserver.ModuleAnswer{Data: jsontext.Value(`["` + m.Method + `","` + strings.Join(m.Path, "|") + `","` + m.Query.Get("q") + string(m.Data) + `"]`)}, nil
		},
	}}}
	inEachLater(t, config, func(t *testing.T, _ *ocpitest.Server, client *ocpiclient.Client) {
		call := ocpiclient.ModuleCall{Module: "betst-parking", Side: ocpi.Sender, Method: "PUT", Path: []string{"a/b", ".."}, Query: url.Values{"q": {"1 2"}}, Data: jsontext.Value(`7`)}
		answer, err := client.Call(t.Context(), call)
		if err != nil || string(answer.Data) != `["PUT","a/b|..","1 27"]` || answer.HTTP != http.StatusOK || answer.Header.Get("X-Request-ID") == "" {
			t.Errorf("%+v %s %v", answer, answer.Data, err)
		}
		call.Path, call.Method, call.Data = nil, "", nil
		var failed *ocpiclient.Error
		if _, err := client.Call(t.Context(), call); !errors.As(err, &failed) || failed.Status != ocpi.StatusInvalidParameters {
			t.Errorf("%v", err)
		}
		for _, bad := range []func(*ocpiclient.ModuleCall){
			func(m *ocpiclient.ModuleCall) { m.Side = ocpi.Receiver }, func(m *ocpiclient.ModuleCall) { m.Module = "other" },
			func(m *ocpiclient.ModuleCall) { m.Method = "BREW" }, func(m *ocpiclient.ModuleCall) { m.Data = jsontext.Value(`{`) },
			func(m *ocpiclient.ModuleCall) { m.Path = []string{""} },
		} {
			wrong := call
			bad(&wrong)
			if _, err := client.Call(t.Context(), wrong); err == nil || errors.As(err, &failed) && failed.HTTP != 0 && failed.Status == 0 {
				t.Errorf("%+v is called: %v", wrong, err)
			}
		}
	})
}

// Version 2.1.1 has none of the modules that came with 2.2.
func TestLaterModulesAreNotCalledIn211(t *testing.T) {
	client := newClient(t, ocpiclient.Config{Endpoints: []ocpi.Endpoint{
		{Module: ocpi.ModuleChargingProfiles, URL: "http://127.0.0.1:1/x"}, {Module: ocpi.ModuleHubClientInfo, URL: "http://127.0.0.1:1/x"},
	}})
	_, err := client.ChargingProfiles().Get(t.Context(), "S1", time.Minute, "https://x.example.com")
	for i, err := range []error{
		err, client.ChargingProfileResults().Update(t.Context(), "S1", active), client.ClientInfoReceiver().Put(t.Context(), v230.ClientInfo{CountryCode: "DE", PartyID: "AAA"}),
	} {
		if !errors.Is(err, ocpiclient.ErrNotOffered) {
			t.Errorf("%d: %v", i, err)
		}
	}
	for _, err := range client.ClientInfos().List(t.Context(), ocpi.Query{}) {
		if !errors.Is(err, ocpiclient.ErrNotOffered) {
			t.Errorf("list: %v", err)
		}
	}
}
