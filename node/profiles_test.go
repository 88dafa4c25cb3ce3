package node_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/roamwire/roamwire/node"
	"github.com/roamwire/roamwire/node/backend"
	"github.com/roamwire/roamwire/node/store"
	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/command"
	"github.com/roamwire/roamwire/ocpi/v230"
)

const (
	setBody  = `{"partner":"grenspaal","session_id":"S-PROFILE","charging_profile":{"charging_rate_unit":"A","charging_profile_period":[{"start_period":0,"limit":16.5}]}}`
	tellBody = `{"session_id":"S-PROFILE","active_charging_profile":{"start_date_time":"2026-11-01T12:00:00Z","charging_profile":{"charging_rate_unit":"A","charging_profile_period":[{"start_period":0,"limit":7.5}]}}}`
)

// charged gives the CPO a session of the eMSP's driver.
func charged(t *testing.T, cpo running) {
	t.Helper()
	session := sample.ActiveSession()
	session.ID = "S-PROFILE"
	session.CDRToken.CountryCode, session.CDRToken.PartyID = ocpi.CiString(theirs.CountryCode), ocpi.CiString(theirs.PartyID)
	put(t, cpo.Objects.Sessions, session)
}

// The whole way, between two nodes and their operators' systems: a profile is set, changes are told, and it is asked for and cleared
// (requirements DP-01 to DP-07).
func TestChargingProfilesBetweenTwoNodes_DP01(t *testing.T) {
	t.Parallel()
	for _, version := range []ocpi.Version{ocpi.V221, ocpi.V230} {
		t.Run(string(version), func(t *testing.T) {
			cpo, emsp := twoNodesIn(t, version)
			charged(t, cpo)
			app, chargers := operate(t, emsp), operate(t, cpo)
			ask := func(path, body, result string) (c backend.Command) {
				done := make(chan struct{})
				go func() {
					defer close(done)
					app.want(http.StatusOK, "POST", "/api/v1/commands/"+path+"?wait=20", body, &c)
				}()
				taken := asked(t, cpo)
				chargers.want(http.StatusUnprocessableEntity, "POST", "/api/v1/commands/"+taken.ID+"/answer", `{"result":"MAYBE"}`, nil)
				chargers.want(http.StatusOK, "POST", "/api/v1/commands/"+taken.ID+"/answer", `{"result":"ACCEPTED"}`, nil)
				chargers.want(http.StatusUnprocessableEntity, "POST", "/api/v1/commands/"+taken.ID+"/result", `{"result":"FAILED"}`, nil)
				chargers.want(http.StatusOK, "POST", "/api/v1/commands/"+taken.ID+"/result", result, nil)
				<-done
				return c
			}
			var told struct {
				Items []backend.Command `json:"items"`
			}
			chargers.want(http.StatusAccepted, "POST", "/api/v1/commands/update-charging-profile", tellBody, &told)
			if len(told.Items) != 0 {
				t.Errorf("nobody has set a profile, and %+v is told", told.Items)
			}
			set := ask("set-charging-profile", setBody, `{"result":"ACCEPTED"}`)
			if set.Outcome != "ACCEPTED" || set.Type != string(command.SetProfile) || set.Direction != "sent" {
				t.Errorf("%+v", set)
			}
			chargers.want(http.StatusAccepted, "POST", "/api/v1/commands/update-charging-profile", tellBody, &told)
			if len(told.Items) != 1 || told.Items[0].Partner != "greenwheels" || told.Items[0].Direction != "sent" {
				t.Errorf("%+v", told.Items)
			}
			became(t, emsp, set.ID, "the eMSP knows the active profile", func(c command.Command) bool { return c.Active != nil })
			app.want(http.StatusOK, "GET", "/api/v1/commands/"+set.ID, "", &set)
			if !strings.Contains(string(set.Active), "7.5") {
				t.Errorf("%s", set.Active)
			}
			get := ask("get-charging-profile", `{"partner":"grenspaal","session_id":"S-PROFILE","duration":900}`,
				`{"result":"ACCEPTED","profile":{"start_date_time":"2026-11-01T12:00:00Z","charging_profile":{"charging_rate_unit":"W"}}}`)
			if get.Outcome != "ACCEPTED" || !strings.Contains(string(get.Profile), `"W"`) {
				t.Errorf("%+v", get)
			}
			if cleared := ask("clear-charging-profile", `{"partner":"grenspaal","session_id":"S-PROFILE"}`, `{"result":"UNKNOWN"}`); cleared.Outcome != "UNKNOWN" {
				t.Errorf("%+v", cleared)
			}
			app.want(http.StatusUnprocessableEntity, "POST", "/api/v1/commands/set-charging-profile", strings.Replace(setBody, "16.5", "16.55", 1), nil)
			app.want(http.StatusUnprocessableEntity, "POST", "/api/v1/commands/set-charging-profile", strings.Replace(setBody, `"A"`, `"HP"`, 1), nil)
			var unknown backend.Command
			app.want(http.StatusOK, "POST", "/api/v1/commands/clear-charging-profile?wait=20", `{"partner":"grenspaal","session_id":"OTHER"}`, &unknown)
			if unknown.Outcome != "UNKNOWN_SESSION" || unknown.Answer == nil || unknown.Answer.Result != "UNKNOWN_SESSION" {
				t.Errorf("%+v", unknown)
			}
		})
	}
}

// Partners on 2.1.1 have no charging profiles.
func TestChargingProfilesNeedALaterVersion(t *testing.T) {
	cpo, emsp := twoNodesIn(t, ocpi.V211)
	charged(t, cpo)
	operate(t, emsp).want(http.StatusConflict, "POST", "/api/v1/commands/set-charging-profile", setBody, nil)
}

// Requests about profiles survive a restart: the result goes out from where it was.
func TestResultsOfProfilesSurviveARestart(t *testing.T) {
	c := config(t)
	c.AllowPrivate, c.Versions = true, ocpi.Versions()
	n, err := node.New(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	session := sample.ActiveSession()
	put(t, n.Objects.Sessions, session)
	known := &ocpi.Partner{ID: "greenwheels", Version: ocpi.V230, Roles: []ocpi.PartyRole{{Role: ocpi.RoleSCSP, Party: theirs}}}
	response, err := n.Commands.Receiver.ClearChargingProfile(t.Context(), known, "NONE", "https://x.example.com/1")
	if err != nil || response.Result != v230.ChargingProfileResponseTypeUnknownSession {
		t.Errorf("%+v, %v", response, err)
	}
	// A smart charging provider may ask about any session of ours; here it is rejected, as nothing can be sent to it.
	response, err = n.Commands.Receiver.ClearChargingProfile(t.Context(), known, string(session.ID), "https://x.example.com/1")
	if err != nil || response.Result != v230.ChargingProfileResponseTypeRejected {
		t.Errorf("%+v, %v", response, err)
	}
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := node.New(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = again.Close() })
	kept, err := again.Commands.List(t.Context(), store.CommandFilter{Received: true, Type: string(command.ClearProfile)})
	if err != nil || len(kept) != 2 || time.Since(kept[0].Created) > time.Minute {
		t.Errorf("%+v, %v", kept, err)
	}
}
