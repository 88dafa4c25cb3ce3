package node_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/roamwire/roamwire/node"
	"github.com/roamwire/roamwire/node/backend"
	"github.com/roamwire/roamwire/node/object"
	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/command"
	"github.com/roamwire/roamwire/ocpi/ocpitest"
	"github.com/roamwire/roamwire/ocpi/v230"
)

var second = ocpi.NewParty("NL", "TWO")

// A gate stands before a node and writes down which party each request is for.
type gate struct {
	mu      sync.Mutex
	through http.Handler
	// last is whom the last request was for whose path has some text, by that text.
	last map[string]string
}

func (g *gate) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	routing, _ := ocpi.ReadRouting(r.Header)
	g.mu.Lock()
	through := g.through
	for _, what := range []string{"commands", "chargingprofiles", "charging_preferences"} {
		if strings.Contains(r.URL.Path, "/"+what) {
			g.last[what] = routing.To.String()
		}
	}
	g.mu.Unlock()
	through.ServeHTTP(w, r)
}

// whom says whom the last request was for.
func (g *gate) whom(what string) string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.last[what]
}

// twoCPOs are the nodes of a platform of two CPOs and of an eMSP. The locations LOC1 of both CPOs have the same id; LOC-TWO and the
// session S-TWO are the second's alone.
func twoCPOs(t *testing.T, version ocpi.Version) (emsp running, g *gate) {
	t.Helper()
	g = &gate{last: map[string]string{}}
	front := httptest.NewServer(g)
	t.Cleanup(front.Close)
	c := config(t)
	c.PublicURL, c.AllowPrivate, c.Versions = front.URL, true, []ocpi.Version{version}
	c.Parties = []node.Party{
		{Party: own, Roles: []ocpi.Role{ocpi.RoleCPO}, Name: "Grenspaal"}, {Party: second, Roles: []ocpi.Role{ocpi.RoleCPO}, Name: "Two"},
	}
	cpo := start(t, c)
	g.through = cpo.Handler()
	theirSample := ocpitest.Network(second)
	location, session := theirSample.Location(2), theirSample.ActiveSession()
	location.ID, session.ID, session.LocationID = "LOC-TWO", "S-TWO", "LOC-TWO"
	session.EVSEUID, session.ConnectorID = location.EVSEs[0].UID, location.EVSEs[0].Connectors[0].ID
	session.CDRToken.CountryCode, session.CDRToken.PartyID = ocpi.CiString(theirs.CountryCode), ocpi.CiString(theirs.PartyID)
	put(t, cpo.Objects.Locations, sample.Location(1))
	if _, err := cpo.Objects.Locations.Put(t.Context(),
		object.Item[v230.Location]{Party: second, Object: theirSample.Location(1)}, object.Item[v230.Location]{Party: second, Object: location}); err != nil {
		t.Fatal(err)
	}
	if _, err := cpo.Objects.Sessions.Put(t.Context(), object.Item[v230.Session]{Party: second, Object: session}); err != nil {
		t.Fatal(err)
	}
	e := config(t)
	e.Parties, e.AllowPrivate = []node.Party{{Party: theirs, Roles: []ocpi.Role{ocpi.RoleEMSP}, Name: "Greenwheels"}}, true
	emsp = start(t, e)
	joined(t, cpo, emsp)
	return emsp, g
}

// What an eMSP asks for is for the party of a platform that has what it is about, which has come by a pull of each party's list
// (requirement DT-21).
func TestWhatIsAskedIsForThePartyThatHasIt_DT21(t *testing.T) {
	for _, version := range []ocpi.Version{ocpi.V221, ocpi.V230} {
		t.Run(string(version), func(t *testing.T) {
			t.Parallel()
			emsp, g := twoCPOs(t, version)
			for module, objects := range map[ocpi.ModuleID]int{ocpi.ModuleLocations: 3, ocpi.ModuleSessions: 1} {
				state, err := againFrom(t, emsp, "grenspaal", module, true)
				if err != nil || state.Objects != objects || len(state.Lists) != 2 || state.Mixed {
					t.Fatalf("%s: %+v: %v", module, state, err)
				}
			}
			token := sample.StartSession("").Token
			token.CountryCode, token.PartyID = ocpi.CiString(theirs.CountryCode), ocpi.CiString(theirs.PartyID)
			ofSecond := sample.Location(1).ID
			for _, ask := range []struct {
				name, at string
				request  backend.CommandRequest
				want     ocpi.Party
			}{
				{"a start", "commands", backend.CommandRequest{Type: v230.CommandTypeStartSession, Location: ocpi.Key{ID: "LOC-TWO"}, Token: &token}, second},
				{"a start where an owner is named", "commands", backend.CommandRequest{
					Type: v230.CommandTypeStartSession, Location: ocpi.Key{Party: second, ID: string(ofSecond)}, Token: &token,
				}, second},
				{"a reservation", "commands", backend.CommandRequest{
					Type: v230.CommandTypeReserveNow, Location: ocpi.Key{ID: "LOC-TWO"}, Token: &token, ReservationID: "R1", ExpiryDate: time.Now().Add(time.Hour),
				}, second},
				{"that reservation, given up", "commands", backend.CommandRequest{Type: v230.CommandTypeCancelReservation, ReservationID: "R1"}, second},
				{"a stop", "commands", backend.CommandRequest{Type: v230.CommandTypeStopSession, Session: ocpi.Key{ID: "S-TWO"}}, second},
				{"a profile", "chargingprofiles", backend.CommandRequest{Type: command.GetProfile, Session: ocpi.Key{ID: "S-TWO"}, Duration: time.Minute}, second},
				{"what is not known here", "commands", backend.CommandRequest{
					Type: v230.CommandTypeStopSession, Partner: "grenspaal", Session: ocpi.Key{ID: "S-NONE"},
				}, own},
			} {
				if _, err := emsp.Send(t.Context(), ask.request); err != nil {
					t.Errorf("%s: %v", ask.name, err)
				}
				if got := g.whom(ask.at); got != ask.want.String() {
					t.Errorf("%s is for %s, want %s", ask.name, got, ask.want)
				}
			}
			_, _ = emsp.Prefer(t.Context(), backend.PreferenceRequest{
				Partner: "grenspaal", Session: ocpi.Key{ID: "S-TWO"}, Preferences: v230.ChargingPreferences{ProfileType: v230.ProfileTypeFast},
			})
			if got := g.whom("charging_preferences"); got != second.String() {
				t.Errorf("preferences are for %s, want %s", got, second)
			}
			both := backend.CommandRequest{Type: v230.CommandTypeStartSession, Location: ocpi.Key{ID: string(ofSecond)}, Token: &token}
			if _, err := emsp.Send(t.Context(), both); err == nil || !strings.Contains(err.Error(), "several parties of grenspaal have") {
				t.Errorf("a place that two parties have: %v", err)
			}
		})
	}
}

// Nothing is asked of a CPO of which its hub says that it is away: the operator hears so at once (requirement DH-04).
func TestACPOThatIsAwayFromItsHubIsAskedNothing_DH04(t *testing.T) {
	emsp, g := twoCPOs(t, ocpi.V221)
	if _, err := againFrom(t, emsp, "grenspaal", ocpi.ModuleSessions, true); err != nil {
		t.Fatal(err)
	}
	says := func(status v230.ConnectionStatus) {
		t.Helper()
		info := v230.ClientInfo{
			CountryCode: ocpi.CiString(second.CountryCode), PartyID: ocpi.CiString(second.PartyID), Role: ocpi.RoleCPO, Status: status,
			LastUpdated: ocpi.NewDateTime(time.Now()),
		}
		if err := emsp.HubSays(t.Context(), "grenspaal", info); err != nil {
			t.Fatal(err)
		}
	}
	stop := backend.CommandRequest{Type: v230.CommandTypeStopSession, Session: ocpi.Key{ID: "S-TWO"}}
	want := "grenspaal says that " + second.String() + " is not connected"
	says(v230.ConnectionStatusOffline)
	if _, err := emsp.Send(t.Context(), stop); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("a stop: %v", err)
	}
	prefer := backend.PreferenceRequest{Session: stop.Session, Preferences: v230.ChargingPreferences{ProfileType: v230.ProfileTypeFast}}
	if _, err := emsp.Prefer(t.Context(), prefer); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("preferences: %v", err)
	}
	if got := g.whom("commands") + g.whom("charging_preferences"); got != "" {
		t.Errorf("%s was asked", got)
	}
	says(v230.ConnectionStatusConnected)
	if _, err := emsp.Send(t.Context(), stop); err != nil || g.whom("commands") != second.String() {
		t.Errorf("when it is back: %v", err)
	}
}
