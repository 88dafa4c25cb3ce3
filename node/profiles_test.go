package node_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/roamwire/roamwire/node"
	"github.com/roamwire/roamwire/node/backend"
	"github.com/roamwire/roamwire/node/store"
	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/command"
	"github.com/roamwire/roamwire/ocpi/ocpitest"
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

// laterEMSP is a CPO's node with an eMSP that speaks a later version, and how the node is configured.
func laterEMSP(t *testing.T, version ocpi.Version, change func(*node.Config)) (running, *ocpitest.Partner, node.Config) {
	t.Helper()
	c := config(t)
	c.Parties[0].Roles, c.AllowPrivate, c.Versions = []ocpi.Role{ocpi.RoleCPO}, true, ocpi.Versions()
	change(&c)
	n := start(t, c)
	p, err := ocpitest.NewPartner(ocpitest.PartnerConfig{Party: theirs, Roles: []ocpi.Role{ocpi.RoleEMSP}, Versions: []ocpi.Version{version}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close() })
	register(t, n, p, emsp, ocpi.RoleEMSP)
	c.Listen = strings.TrimSuffix(strings.TrimPrefix(n.URL(), "http://"), "/ocpi")
	return n, p, c
}

// What was accepted has its result delivered, also after a restart and until the partner has it (requirements DP-01 to DP-04). What
// becomes of a charging profile that nobody reports is unknown.
func TestEveryAcceptedProfileGetsItsResultAfterARestart_DP04(t *testing.T) {
	for _, test := range []struct {
		name, method, body string
		// result is what the operator's system reports after the restart, empty for nothing; want is what the partner gets.
		result v230.ChargingProfileResultType
		want   string
	}{
		{"set", http.MethodPut, `{"charging_profile":{"charging_rate_unit":"A"},"response_url":"RESPONSE"}`, "ACCEPTED", `{"result":"ACCEPTED"}`},
		{"set, and nobody reports", http.MethodPut, `{"charging_profile":{"charging_rate_unit":"A"},"response_url":"RESPONSE"}`, "", `{"result":"UNKNOWN"}`},
		{"asked for", http.MethodGet, "", "REJECTED", `{"result":"REJECTED"}`},
		{"cleared", http.MethodDelete, "", "UNKNOWN", `{"result":"UNKNOWN"}`},
	} {
		for _, version := range []ocpi.Version{ocpi.V221, ocpi.V230} {
			t.Run(test.name+" in "+string(version), func(t *testing.T) {
				n, p, configured := laterEMSP(t, version, func(c *node.Config) {
					c.Commands.ResultWithin = 20 * time.Second
					if test.result == "" {
						c.Commands.ResultWithin = 2 * time.Second
					}
				})
				charged(t, n)
				response := p.URL + "/" + string(version) + "/sender/chargingprofiles/" + map[string]string{"PUT": "set", "GET": "active", "DELETE": "clear"}[test.method] + "/our-1"
				answered := make(chan ocpitest.Reply, 1)
				go func() {
					endpoint := p.Peer().EndpointOf(ocpi.ModuleChargingProfiles, ocpi.Receiver) + "/S-PROFILE?duration=900&response_url=" + url.QueryEscape(response)
					reply, err := p.Do(t.Context(), test.method, endpoint, jsontext.Value(strings.Replace(test.body, "RESPONSE", response, 1)))
					if err != nil {
						t.Error(err)
					}
					answered <- reply
				}()
				taken := asked(t, n)
				if _, err := n.Commands.Receiver.AnswerProfile(t.Context(), taken.ID, v230.ChargingProfileResponseTypeAccepted, ""); err != nil {
					t.Fatal(err)
				}
				if reply := <-answered; !strings.Contains(string(reply.Data), `"ACCEPTED"`) {
					t.Fatalf("answer: %s", reply.Body)
				}
				n.stop()

				// The first time the partner is not able to take the result, the second time the node is gone again.
				p.Mean(ocpitest.Fault{On: ocpitest.Paths("/our-1"), Times: 1, Do: ocpitest.ServerError(http.StatusServiceUnavailable)})
				n = start(t, configured)
				if test.result != "" {
					if _, err := n.Commands.Receiver.ProfileResult(t.Context(), taken.ID, test.result, nil); err != nil {
						t.Fatal(err)
					}
				}
				awaited(t, p, 1, ocpitest.Paths("/our-1"))
				n.stop()
				n = start(t, configured)
				got := awaited(t, p, 2, ocpitest.Paths("/our-1"))
				if string(got[1].Body) != test.want || got[1].Method != http.MethodPost {
					t.Errorf("the result is %s %s, want %s", got[1].Method, got[1].Body, test.want)
				}
				c := became(t, n, taken.ID, "the result is delivered", func(c command.Command) bool { return c.State == command.Ended })
				if c.Delivery.At.IsZero() || len(p.Requests(ocpitest.Paths("/our-1"))) != 2 {
					t.Errorf("%+v", c.Delivery)
				}
			})
		}
	}
}

// Requests about profiles, and how they were answered, are there after a restart.
func TestRequestsAboutProfilesSurviveARestart(t *testing.T) {
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
