package ocpiserver_test

import (
	"bytes"
	"context"
	"net/http"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/ocpiserver"
	"github.com/roamwire/roamwire/ocpi/ocpitest"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// Whatever a partner sends, the answer is an envelope, never a redirect, and never a failure of ours.
func FuzzRequest(f *testing.F) {
	var cpo ocpitest.CPO
	var emsp ocpitest.EMSP
	cpo.Fill(ocpitest.Network(own))
	emsp.Fill(ocpitest.Network(own))
	partner := ocpi.NewParty("BE", "TST")
	partners := new(ocpitest.Partners)
	partners.Add("t", ocpi.Partner{ID: "p", Roles: []ocpi.PartyRole{{Role: ocpi.RoleCPO, Party: partner}, {Role: ocpi.RoleEMSP, Party: partner}, {Role: ocpi.RoleHub, Party: partner}}})
	server, err := ocpiserver.New(ocpiserver.Config{
		BaseURL: "http://x.example.com/ocpi", Partners: partners, CPO: cpo.Backend(), EMSP: emsp.Backend(),
		Credentials: &ocpitest.Credentials{}, Logger: quiet(), Versions: ocpi.Versions(), ClientInfos: new(ocpitest.ClientInfos),
		Hub: &ocpiserver.Hub{ClientInfos: new(ocpitest.Sender[v230.ClientInfo])},
		Modules: []ocpiserver.Module{{
			ID: "x-any", Role: ocpi.Receiver, Methods: []string{"GET", "POST", "PUT", "PATCH", "DELETE"},
			Handle: func(_ context.Context, m ocpiserver.ModuleCall) (ocpiserver.ModuleAnswer, error) {
				return ocpiserver.ModuleAnswer{Data: m.Data}, nil
			},
		}},
	})
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []struct{ method, target, body string }{
		{"GET", "/ocpi/cpo/2.1.1/locations?limit=2&offset=1&date_from=2026-01-01T00:00:00Z&cursor=1", ""},
		{"PUT", "/ocpi/emsp/2.1.1/locations/BE/TST/%2F", `{"id":"/"}`},
		{"PATCH", "/ocpi//emsp/2.1.1/locations/be/tst/../x/", `{"evses":null}`},
		{"POST", "/ocpi/emsp/2.1.1/tokens/1/authorize?type=&token_type=x", `{}`},
		{"POST", "/ocpi/cpo/2.1.1/commands/START_SESSION", `{"response_url":""}`},
		{"DELETE", "/ocpi/emsp/2.1.1/tariffs/BE/TST/%00", ""},
		{"GET", "/ocpi/2.2.1/receiver/chargingprofiles/S1?duration=9&response_url=https://x.example.com/%2F", ""},
		{"PUT", "/ocpi/2.3.0/receiver/chargingprofiles/S1", `{"response_url":"https://x.example.com","charging_profile":{"charging_rate_unit":"W"}}`},
		{"POST", "/ocpi/2.3.0/sender/chargingprofiles/active/1", `{"result":"ACCEPTED","profile":{"start_date_time":"2026-01-01T00:00:00Z","charging_profile":{"charging_rate_unit":"A"}}}`},
		{"PUT", "/ocpi/2.2.1/receiver/hubclientinfo/be/tst", `{"party_id":"TST","country_code":"BE","role":"CPO","status":"PLANNED","last_updated":"2026-01-01T00:00:00Z"}`},
		{"GET", "/ocpi/2.3.0/sender/hubclientinfo?limit=0&offset=-1", ""},
		{"PATCH", "/ocpi/2.2.1/receiver/x-any/%2F/%2E%2e//?a=%zz", `[1]`},
	} {
		f.Add(seed.method, seed.target, []byte(seed.body))
	}
	f.Fuzz(func(t *testing.T, method, target string, body []byte) {
		request, err := http.NewRequestWithContext(t.Context(), method, "http://x.example.com"+target, bytes.NewReader(body))
		if err != nil {
			return
		}
		request.Header.Set("Authorization", "Token t")
		r := newRecorder()
		server.ServeHTTP(r, request)
		var envelope ocpi.Envelope[jsontext.Value]
		if err := json.Unmarshal(r.body.Bytes(), &envelope); err != nil {
			t.Fatalf("%s %s: %q: %v", method, target, r.body.Bytes(), err)
		}
		if r.status >= 300 && r.status < 400 || r.status >= 500 || envelope.StatusCode.ServerError() {
			t.Fatalf("%s %s: HTTP %d, status %d (%s)", method, target, r.status, envelope.StatusCode, envelope.StatusMessage)
		}
	})
}
