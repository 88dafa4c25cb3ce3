package ocpiserver_test

import (
	"context"
	"encoding/base64"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/convert"
	"github.com/roamwire/roamwire/ocpi/ocpiserver"
	"github.com/roamwire/roamwire/ocpi/ocpitest"
	"github.com/roamwire/roamwire/ocpi/v211"
	"github.com/roamwire/roamwire/ocpi/v230"
	"github.com/roamwire/roamwire/ocpi/wire"
)

// later are the versions whose interfaces have roles.
var later = []ocpi.Version{ocpi.V221, ocpi.V230}

// eachLater runs a test with a server of every version, in each of the later ones.
func eachLater(t *testing.T, test func(t *testing.T, v ocpi.Version, server *ocpitest.Server)) {
	t.Helper()
	for _, v := range later {
		t.Run(string(v), func(t *testing.T) {
			_, server := newTarget(t, ocpiserver.Config{Versions: ocpi.Versions()})
			test(t, v, server)
		})
	}
}

// inVersion is an object of ours as a partner of a version would send it.
func inVersion[T any](t *testing.T, v ocpi.Version, pick func(wire.Codecs) wire.Codec[T], object T) string {
	t.Helper()
	codecs, ok := wire.For(v)
	if !ok {
		t.Fatalf("there is no version %s", v)
	}
	raw, losses, err := pick(codecs).Write(object, convert.Env{})
	if err != nil || convert.Withheld(losses) {
		t.Fatal(err, losses)
	}
	return string(convert.StripLeftovers(raw))
}

func details(t *testing.T, server *ocpitest.Server, path string) v230.VersionDetails {
	t.Helper()
	response, envelope := call(t, server, "GET", path, "")
	got, findings, err := v230.DecodeVersionDetails(envelope.Data)
	if response.StatusCode != http.StatusOK || err != nil || len(findings) > 0 {
		t.Fatalf("%s: HTTP %d %s: %v %v", path, response.StatusCode, envelope.Data, err, findings)
	}
	return got
}

// Requirements DV-01, DV-02, DC-06: version details since 2.2 are one document about all roles, and say the role of each
// endpoint.
func TestVersionDetailsHaveARoleForEachEndpoint(t *testing.T) {
	eachLater(t, func(t *testing.T, v ocpi.Version, server *ocpitest.Server) {
		var got []string
		for _, e := range details(t, server, "/"+string(v)+"/details").Endpoints {
			got = append(got, string(e.Role)+" "+strings.TrimPrefix(e.URL, server.URL))
			if response, _ := call(t, server, "BREW", strings.TrimPrefix(e.URL, server.URL), ""); response.StatusCode == http.StatusOK {
				t.Errorf("%s takes any method", e.URL)
			}
		}
		root := " /" + string(v)
		want := []string{
			"SENDER" + root + "/credentials", "SENDER" + root + "/sender/locations", "SENDER" + root + "/sender/sessions",
			"SENDER" + root + "/sender/cdrs", "SENDER" + root + "/sender/tariffs", "RECEIVER" + root + "/receiver/tokens",
			"RECEIVER" + root + "/receiver/commands", "RECEIVER" + root + "/receiver/chargingprofiles", "RECEIVER" + root + "/receiver/locations", "RECEIVER" + root + "/receiver/sessions",
			"RECEIVER" + root + "/receiver/cdrs", "RECEIVER" + root + "/receiver/tariffs", "SENDER" + root + "/sender/tokens",
			"SENDER" + root + "/sender/commands", "SENDER" + root + "/sender/chargingprofiles",
		}
		if !slices.Equal(got, want) {
			t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
		for _, path := range []string{"/versions", "/cpo/versions", "/emsp/versions"} {
			_, envelope := call(t, server, "GET", path, "")
			if want := `"` + server.URL + "/" + string(v) + `/details"`; !strings.Contains(string(envelope.Data), want) {
				t.Errorf("%s has no %s: %s", path, want, envelope.Data)
			}
		}
	})
}

// The paths of the reference are there too, with the endpoints of one role.
func TestThePathsOfTheReferenceAreServedInEveryVersion(t *testing.T) {
	eachLater(t, func(t *testing.T, v ocpi.Version, server *ocpitest.Server) {
		for _, side := range []string{"/cpo/", "/emsp/"} {
			endpoints := details(t, server, side+string(v)+"/details").Endpoints
			if len(endpoints) != 8 {
				t.Errorf("%s has %d endpoints", side, len(endpoints))
			}
			for _, e := range endpoints {
				if want := server.URL + side + string(v) + "/" + string(e.Identifier); e.URL != want {
					t.Errorf("%s is at %s", want, e.URL)
				}
			}
		}
		for _, path := range []string{"/cpo/" + string(v), "/" + string(v) + "/sender"} {
			if response, envelope := call(t, server, "GET", path+"/locations", ""); response.StatusCode != http.StatusOK || string(envelope.Data) == "[]" {
				t.Errorf("%s: HTTP %d %s", path, response.StatusCode, envelope.Data)
			}
		}
	})
}

// Requirements DT-01, DT-02, DT-04, DT-05: tokens come in Base64, with or without the newline of the specification's example,
// or as they are.
func TestTokensAreTakenInBothForms(t *testing.T) {
	eachLater(t, func(t *testing.T, v ocpi.Version, server *ocpitest.Server) {
		encode := base64.StdEncoding.EncodeToString
		for token, want := range map[string]int{
			server.Token: 200, encode([]byte(server.Token)): 200, encode([]byte(server.Token + "\n")): 200, encode([]byte("x" + server.Token)): 401,
		} {
			if response, _ := call(t, server, "GET", "/"+string(v)+"/credentials", "", "Authorization", "Token "+token); response.StatusCode != want {
				t.Errorf("%s: HTTP %d", token, response.StatusCode)
			}
		}
	})
}

// An object may keep what it was in another version. That is for us alone.
func TestPartnersGetNothingOfWhatTheModelKeepsOfOtherVersions(t *testing.T) {
	kept := ocpi.Extra{
		convert.LeftoverMember: jsontext.Value(`{"tariff_id":"1"}`), convert.LeftoverMember221: jsontext.Value(`{}`),
		"house_number": jsontext.Value(`7`),
	}
	sample := ocpitest.Network(own)
	tariff, session, token := sample.ACTariff(), sample.Session(1), sample.Token(1)
	tariff.Extra, session.Extra, token.Extra = kept, kept, kept
	location := sample.Location(1)
	location.Extra, location.EVSEs[0].Extra, location.EVSEs[0].Connectors[0].Extra = kept, kept, kept
	eachLater(t, func(t *testing.T, v ocpi.Version, server *ocpitest.Server) {
		server.CPO.Locations.Put(location)
		server.CPO.Tariffs.Put(tariff)
		server.CPO.Sessions.Put(session)
		server.EMSP.Tokens.Put(token)
		one := "/" + string(v) + "/sender/locations/" + string(location.ID)
		for _, path := range []string{
			one, one + "/" + string(location.EVSEs[0].UID), one + "/" + string(location.EVSEs[0].UID) + "/" + string(location.EVSEs[0].Connectors[0].ID),
			"/" + string(v) + "/sender/locations", "/" + string(v) + "/sender/tariffs", "/" + string(v) + "/sender/sessions?date_from=2020-01-01T00:00:00Z",
			"/" + string(v) + "/sender/tokens",
		} {
			_, envelope := call(t, server, "GET", path, "")
			if text := string(envelope.Data); strings.Contains(text, "ocpi_2_") || !strings.Contains(text, `"house_number":7`) {
				t.Errorf("%s: %s", path, text)
			}
		}
	})
}

// What a partner sent in 2.1.1 is shown to it in a later version without what was kept of it, and comes back whole in 2.1.1.
func TestAPartnerThatMovesToALaterVersionSeesItsObjects(t *testing.T) {
	eachLater(t, func(t *testing.T, v ocpi.Version, server *ocpitest.Server) {
		party := ocpi.NewParty("BE", "TST")
		old, _ := convert.LocationTo211(ocpitest.Network(party).Location(1), convert.Env{Owner: party})
		old.Type = v211.LocationTypeOther // which the model cannot say
		path := "/locations/BE/TST/" + old.ID
		if response, envelope := call(t, server, "PUT", "/emsp/2.1.1"+path, text(t, &old)); response.StatusCode != http.StatusCreated {
			t.Fatalf("HTTP %d: %s", response.StatusCode, envelope.StatusMessage)
		}
		_, envelope := call(t, server, "GET", "/"+string(v)+"/receiver"+path, "")
		if text := string(envelope.Data); strings.Contains(text, "ocpi_2_") || !strings.Contains(text, `"party_id":"TST"`) {
			t.Errorf("in %s: %s", v, text)
		}
		_, envelope = call(t, server, "GET", "/emsp/2.1.1"+path, "")
		if !strings.Contains(string(envelope.Data), `"type":"OTHER"`) {
			t.Errorf("in 2.1.1: %s", envelope.Data)
		}
	})
}

// Requirement DTA-01: tariffs have no PATCH since 2.2.
func TestTariffsAreNotPatchedSince22(t *testing.T) {
	eachLater(t, func(t *testing.T, v ocpi.Version, server *ocpitest.Server) {
		party := ocpi.NewParty("BE", "TST")
		tariff := ocpitest.Network(party).ACTariff()
		path := "/" + string(v) + "/receiver/tariffs/BE/TST/" + string(tariff.ID)
		body := inVersion(t, v, func(c wire.Codecs) wire.Codec[v230.Tariff] { return c.Tariffs }, tariff)
		if response, envelope := call(t, server, "PUT", path, body); response.StatusCode != http.StatusCreated {
			t.Fatalf("HTTP %d: %s", response.StatusCode, envelope.StatusMessage)
		}
		response, _ := call(t, server, "PATCH", path, `{"currency":"EUR","last_updated":"2030-01-01T00:00:00Z"}`)
		if allow := response.Header.Get("Allow"); response.StatusCode != http.StatusMethodNotAllowed || allow != "GET, PUT, DELETE" {
			t.Errorf("PATCH: HTTP %d, allowed %s", response.StatusCode, allow)
		}
		if response, _ := call(t, server, "DELETE", path, ""); response.StatusCode != http.StatusOK {
			t.Errorf("DELETE: HTTP %d", response.StatusCode)
		}
	})
}

// Requirements DL-01, DS-04, DK-02, DT-10: a PATCH without last_updated gets 2001, unless the partner's quirks let it in.
func TestAPATCHNeedsATimeSince22(t *testing.T) {
	eachLater(t, func(t *testing.T, v ocpi.Version, server *ocpitest.Server) {
		party := ocpi.NewParty("BE", "TST")
		session := ocpitest.Network(party).Session(1)
		session.Status = v230.SessionStatusActive
		path := "/" + string(v) + "/receiver/sessions/BE/TST/" + string(session.ID)
		body := inVersion(t, v, func(c wire.Codecs) wire.Codec[v230.Session] { return c.Sessions }, session)
		if response, envelope := call(t, server, "PUT", path, body); response.StatusCode != http.StatusCreated {
			t.Fatalf("HTTP %d: %s", response.StatusCode, envelope.StatusMessage)
		}
		for _, test := range []struct {
			quirks, patch string
			want          ocpi.StatusCode
		}{
			{"", `{"kwh":99}`, ocpi.StatusInvalidParameters},
			{"standard", `{"kwh":99}`, ocpi.StatusInvalidParameters},
			{"", `{"kwh":99,"last_updated":null}`, ocpi.StatusInvalidParameters},
			{"", `{"kwh":99,"last_updated":"2026-06-01T00:00:00Z"}`, ocpi.StatusSuccess},
			{"untimed-patch", `{"kwh":100}`, ocpi.StatusSuccess},
		} {
			partner := server.Partner
			partner.Quirks = test.quirks
			server.Partners.Add(server.Token, partner)
			response, envelope := call(t, server, "PATCH", path, test.patch)
			if response.StatusCode != http.StatusOK || envelope.StatusCode != test.want {
				t.Errorf("%s of a partner with %q: HTTP %d, status %d: %s", test.patch, test.quirks, response.StatusCode, envelope.StatusCode, envelope.StatusMessage)
			}
			if test.want != ocpi.StatusSuccess && !strings.Contains(envelope.StatusMessage, "/last_updated") {
				t.Errorf("%s: %s", test.patch, envelope.StatusMessage)
			}
		}
	})
}

// Requirements DM-01, DM-02, ZM-01: CANCEL_RESERVATION came with 2.2; what is no command is not supported.
func TestAReservationIsCancelledSince22(t *testing.T) {
	eachLater(t, func(t *testing.T, v ocpi.Version, server *ocpitest.Server) {
		path, body := "/"+string(v)+"/receiver/commands/", `{"response_url":"https://x.example.com/1","reservation_id":"r1"}`
		for command, want := range map[string]string{"CANCEL_RESERVATION": `"ACCEPTED"`, "MAKE_COFFEE": `"NOT_SUPPORTED"`} {
			response, envelope := call(t, server, "POST", path+command, body)
			if text := string(envelope.Data); response.StatusCode != http.StatusOK || !strings.Contains(text, want) || !strings.Contains(text, `"timeout"`) {
				t.Errorf("%s: HTTP %d %s", command, response.StatusCode, text)
			}
		}
		taken := server.CPO.Commands.Taken()
		if len(taken) != 1 || taken[0].CancelReservation == nil || taken[0].CancelReservation.ReservationID != "r1" {
			t.Errorf("%+v", taken)
		}
		if _, envelope := call(t, server, "POST", "/cpo/2.1.1/commands/CANCEL_RESERVATION", body); !strings.Contains(string(envelope.Data), `"NOT_SUPPORTED"`) {
			t.Errorf("2.1.1: %s", envelope.Data)
		}
	})
}

// Requirements DM-02, DM-03: the result of a command is a CommandResult, of which RESERVE_NOW may have a second one (DM-04).
func TestResultsOfCommandsAreTaken(t *testing.T) {
	eachLater(t, func(t *testing.T, v ocpi.Version, server *ocpitest.Server) {
		for _, result := range []string{"ACCEPTED", "CANCELED_RESERVATION"} {
			response, envelope := call(t, server, "POST", "/"+string(v)+"/sender/commands/RESERVE_NOW/17", `{"result":"`+result+`"}`)
			if response.StatusCode != http.StatusOK || envelope.StatusCode != ocpi.StatusSuccess {
				t.Errorf("%s: HTTP %d %s", result, response.StatusCode, envelope.StatusMessage)
			}
		}
		taken := server.EMSP.CommandResults.Taken()
		if len(taken) != 2 || taken[1].UID != "17" || taken[1].Result.Result != v230.CommandResultTypeCanceledReservation {
			t.Errorf("%+v", taken)
		}
	})
}

// Requirement DD-14: a CDR is found again where it was posted.
func TestACDRIsFoundAgainWhereItWasPosted(t *testing.T) {
	eachLater(t, func(t *testing.T, v ocpi.Version, server *ocpitest.Server) {
		cdr := ocpitest.Network(ocpi.NewParty("BE", "TST")).CDR(1)
		body := inVersion(t, v, func(c wire.Codecs) wire.Codec[v230.CDR] { return c.CDRs }, cdr)
		for i, root := range []string{"/" + string(v) + "/receiver/cdrs", "/emsp/" + string(v) + "/cdrs"} {
			response, envelope := call(t, server, "POST", root, body)
			want := server.URL + root + "/" + string(cdr.ID)
			if at := response.Header.Get("Location"); response.StatusCode != []int{http.StatusCreated, http.StatusOK}[i] || at != want {
				t.Fatalf("HTTP %d %s, at %s", response.StatusCode, envelope.StatusMessage, at)
			}
			_, envelope = call(t, server, "GET", strings.TrimPrefix(want, server.URL), "")
			if text := string(envelope.Data); !strings.Contains(text, `"`+string(cdr.ID)+`"`) || strings.Contains(text, "ocpi_2_") {
				t.Errorf("%s", text)
			}
		}
	})
}

// What is served in the later versions is in the documents, and nothing else.
func TestEveryVersionIsDescribed(t *testing.T) {
	_, server := newTarget(t, ocpiserver.Config{Versions: ocpi.Versions()})
	cpo := server.CPO.Backend()
	cpo.Sessions = takers{Sender: &server.CPO.Sessions}
	handler, err := ocpiserver.New(ocpiserver.Config{
		BaseURL: server.URL, Versions: ocpi.Versions(), Partners: server.Partners, Credentials: &ocpitest.Credentials{},
		CPO: cpo, EMSP: server.EMSP.Backend(),
	})
	if err != nil {
		t.Fatal(err)
	}
	var d description
	if err := json.Unmarshal(handler.Document(""), &d, json.MatchCaseInsensitiveNames(true)); err != nil {
		t.Fatal(err)
	}
	served := handler.Served()
	slices.Sort(served)
	if has := d.operations(); !slices.Equal(has, served) {
		t.Errorf("described:\n%s\nserved:\n%s", strings.Join(has, "\n"), strings.Join(served, "\n"))
	}
	for _, v := range later {
		if text := string(handler.Document(v)); !strings.Contains(text, "/"+string(v)+"/sender/locations") || strings.Contains(text, "/2.1.1/") {
			t.Errorf("the document of %s is not about it", v)
		}
	}
}

// Requirements DK-01, DK-03, ZK-01: a token that is not ours gets 404 with 2004, the type is that of the version, and a token
// that may not charge is an answer.
func TestATokenIsAuthorizedByItsTypeInTheVersion(t *testing.T) {
	eachLater(t, func(t *testing.T, v ocpi.Version, server *ocpitest.Server) {
		sample := ocpitest.Network(own)
		for i, kind := range []v230.TokenType{v230.TokenTypeRFID, v230.TokenTypeAppUser, v230.TokenTypeEMAID} {
			token := sample.Token(i + 1)
			token.UID, token.Type, token.Valid = ocpi.CiString("UID-"+string(kind)), kind, kind != v230.TokenTypeAppUser
			server.EMSP.Tokens.Put(token)
		}
		for _, test := range []struct {
			question string
			http     int
			status   ocpi.StatusCode
			says     string
		}{
			{"UID-RFID/authorize", 200, 1000, `"allowed":"ALLOWED"`},
			{"UID-RFID/authorize?type=RFID", 200, 1000, `"uid":"UID-RFID"`},
			{"UID-APP_USER/authorize?type=APP_USER", 200, 1000, `"allowed":"BLOCKED"`},
			{"UID-APP_USER/authorize?type=OTHER", 404, 2004, ""},
			{"UID-APP_USER/authorize", 404, 2004, ""},
			{"UID-EMAID/authorize?type=EMAID", 200, 1000, `"allowed":"ALLOWED"`},
			{"UID-EMAID/authorize?type=OTHER", map[ocpi.Version]int{ocpi.V221: 200, ocpi.V230: 404}[v], map[ocpi.Version]ocpi.StatusCode{ocpi.V221: 1000, ocpi.V230: 2004}[v], ""},
		} {
			response, envelope := call(t, server, "POST", "/"+string(v)+"/sender/tokens/"+test.question, "")
			if response.StatusCode != test.http || envelope.StatusCode != test.status || !strings.Contains(string(envelope.Data), test.says) {
				t.Errorf("%s: HTTP %d, status %d %s", test.question, response.StatusCode, envelope.StatusCode, envelope.Data)
			}
			if test.http == http.StatusNotFound && envelope.Data != nil {
				t.Errorf("%s: %s", test.question, envelope.Data)
			}
		}
		if response, envelope := call(t, server, "POST", "/emsp/2.1.1/tokens/NOBODY/authorize", ""); response.StatusCode != 404 || envelope.StatusCode != ocpi.StatusClientError {
			t.Errorf("2.1.1: HTTP %d, status %d", response.StatusCode, envelope.StatusCode)
		}
	})
}

// Requirement DT-31: identifiers are the same whatever their case.
func TestIdentifiersAreTheSameInEitherCaseSince22(t *testing.T) {
	eachLater(t, func(t *testing.T, v ocpi.Version, server *ocpitest.Server) {
		location := ocpitest.Network(ocpi.NewParty("BE", "TST")).Location(1)
		evse := location.EVSEs[0]
		path := "/" + string(v) + "/receiver/locations/be/tst/" + string(location.ID)
		body := inVersion(t, v, func(c wire.Codecs) wire.Codec[v230.Location] { return c.Locations }, location)
		body = strings.Replace(body, `"id":"`+string(location.ID)+`"`, `"id":"`+strings.ToLower(string(location.ID))+`"`, 1)
		if response, envelope := call(t, server, "PUT", path, body); response.StatusCode != http.StatusCreated {
			t.Fatalf("HTTP %d: %s", response.StatusCode, envelope.StatusMessage)
		}
		lower := strings.ToLower(string(evse.UID))
		for _, test := range []struct{ method, body string }{{"GET", ""}, {"PATCH", `{"uid":"` + string(evse.UID) + `","status":"BLOCKED","last_updated":"2030-01-01T00:00:00Z"}`}} {
			if response, envelope := call(t, server, test.method, path+"/"+lower, test.body); response.StatusCode != http.StatusOK || !envelope.StatusCode.Success() {
				t.Errorf("%s: HTTP %d: %s", test.method, response.StatusCode, envelope.StatusMessage)
			}
		}
		if got := server.EMSP.Locations.From("tester")[0]; len(got.EVSEs) != len(location.EVSEs) || got.EVSEs[0].Status != v230.StatusBlocked || got.EVSEs[0].UID != evse.UID {
			t.Errorf("%d EVSEs, the first %s is %s", len(got.EVSEs), got.EVSEs[0].UID, got.EVSEs[0].Status)
		}
	})
}

// Requirement DT-31: EVSEs in the PATCH of a location are those that stay, and those in its PUT are held against what is here,
// in either case.
func TestEVSEsInALocationAreTheSameInEitherCaseSince22(t *testing.T) {
	eachLater(t, func(t *testing.T, v ocpi.Version, server *ocpitest.Server) {
		tester, err := server.Partners.PartnerByToken(t.Context(), server.Token)
		if err != nil {
			t.Fatal(err)
		}
		replacing := *tester
		replacing.Receive.EVSEs = ocpi.ReplaceEVSEs
		server.Partners.Add("replacing", replacing)
		location := ocpitest.Network(ocpi.NewParty("BE", "TST")).Location(1)
		location.EVSEs = location.EVSEs[:1]
		location.EVSEs[0].UID, location.EVSEs[0].Connectors[0].ID = "EVSE1", "C1"
		path := "/" + string(v) + "/receiver/locations/be/tst/" + string(location.ID)
		locations := func(c wire.Codecs) wire.Codec[v230.Location] { return c.Locations }
		body := inVersion(t, v, locations, location)
		if response, envelope := call(t, server, "PUT", path, body); response.StatusCode != http.StatusCreated {
			t.Fatalf("HTTP %d: %s", response.StatusCode, envelope.StatusMessage)
		}
		older := location
		older.EVSEs = slices.Clone(location.EVSEs)
		older.EVSEs[0].UID, older.EVSEs[0].LastUpdated = "evse1", ocpi.NewDateTime(time.Unix(1e9, 0))
		if _, envelope := call(t, server, "PUT", path, inVersion(t, v, locations, older)); envelope.StatusCode != ocpi.StatusInvalidParameters {
			t.Errorf("an older EVSE is taken: %d %s", envelope.StatusCode, envelope.StatusMessage)
		}
		patch := `{"evses":[{"uid":"evse1","status":"BLOCKED"}],"last_updated":"2030-01-01T00:00:00Z"}`
		if _, envelope := call(t, server, "PATCH", path, patch, "Authorization", "Token replacing"); !envelope.StatusCode.Success() {
			t.Fatalf("%d %s", envelope.StatusCode, envelope.StatusMessage)
		}
		if got := server.EMSP.Locations.From("tester")[0]; len(got.EVSEs) != 1 || got.EVSEs[0].Status != v230.StatusBlocked {
			t.Errorf("%+v", got.EVSEs)
		}
	})
}

// Requirement DT-34: the roles that came with 2.2 read locations and tariffs, and nothing about drivers.
func TestNavigatorsReadWhatDriversAreShown(t *testing.T) {
	eachLater(t, func(t *testing.T, v ocpi.Version, server *ocpitest.Server) {
		server.Partners.Add("nsp", ocpi.Partner{ID: "nsp", Roles: []ocpi.PartyRole{{Role: ocpi.RoleNSP, Party: ocpi.NewParty("FR", "NSP")}}})
		for path, want := range map[string]int{
			"/sender/locations": 200, "/sender/locations/" + string(ocpitest.Network(own).Location(1).ID): 200, "/sender/tariffs": 200,
			"/sender/sessions?date_from=2020-01-01T00:00:00Z": 404, "/sender/cdrs": 404, "/sender/tokens": 404, "/receiver/tokens/FR/NSP/1": 404,
		} {
			if response, envelope := call(t, server, "GET", "/"+string(v)+path, "", "Authorization", "Token nsp"); response.StatusCode != want {
				t.Errorf("%s: HTTP %d %s", path, response.StatusCode, envelope.StatusMessage)
			}
		}
		if response, _ := call(t, server, "GET", "/cpo/2.1.1/locations", "", "Authorization", "Token nsp"); response.StatusCode != http.StatusNotFound {
			t.Errorf("2.1.1: HTTP %d", response.StatusCode)
		}
	})
}

// takers are sessions whose drivers may have preferences.
type takers struct {
	*ocpitest.Sender[v230.Session]
	taken map[string]v230.ChargingPreferences
}

func (s takers) TakePreferences(ctx context.Context, from *ocpi.Partner, id string, preferences v230.ChargingPreferences) (v230.ChargingPreferencesResponse, error) {
	session, err := s.Get(ctx, from, id)
	if err != nil {
		return "", err
	}
	if session.EVSEUID == "PLAIN" {
		return "", ocpiserver.ErrNoPreferences
	}
	s.taken[id] = preferences
	return v230.ChargingPreferencesResponseEnergyNeedRequired, nil
}

// Requirement DS-09: a driver's preferences are PUT to a session of ours; the answer is a bare string.
func TestDriversHavePreferences(t *testing.T) {
	for _, v := range later {
		sessions := takers{new(ocpitest.Sender[v230.Session]), map[string]v230.ChargingPreferences{}}
		sample := ocpitest.Network(own)
		plain := sample.Session(2)
		plain.EVSEUID = "PLAIN"
		sessions.Put(sample.Session(1), plain)
		server, err := ocpitest.NewServer(ocpiserver.Config{Versions: ocpi.Versions(), CPO: &ocpiserver.CPO{Sessions: sessions}})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = server.Close() })
		one := string(sample.Session(1).ID)
		const wish = `{"profile_type":"GREEN","energy_need":12.5}`
		for _, test := range []struct {
			id, body string
			http     int
			status   ocpi.StatusCode
			data     string
		}{
			{one, wish, 200, 1000, `"ENERGY_NEED_REQUIRED"`},
			{one, `{"energy_need":12.5}`, 200, 2001, ""},
			{one, `{`, 400, 2001, ""},
			{string(plain.ID), wish, 404, 2001, ""},
			{"NOBODYS", wish, 404, 2000, ""},
		} {
			response, envelope := call(t, server, "PUT", "/"+string(v)+"/sender/sessions/"+test.id+"/charging_preferences", test.body)
			if response.StatusCode != test.http || envelope.StatusCode != test.status || string(envelope.Data) != test.data {
				t.Errorf("%s of %s in %s: HTTP %d, status %d %s", test.body, test.id, v, response.StatusCode, envelope.StatusCode, envelope.Data)
			}
		}
		if got := sessions.taken[one]; got.ProfileType != v230.ProfileTypeGreen || got.EnergyNeed == nil || got.EnergyNeed.String() != "12.5" {
			t.Errorf("%+v", got)
		}
		if response, _ := call(t, server, "PUT", "/cpo/2.1.1/sessions/"+one+"/charging_preferences", wish); response.StatusCode != http.StatusNotFound {
			t.Errorf("2.1.1: HTTP %d", response.StatusCode)
		}
	}
}

// What would say something else in the partner's version is not sent: a credit CDR without its mark would be a charge, a private
// location would be for everybody.
func TestWhatAVersionCannotSayIsWithheld(t *testing.T) {
	_, server := newTarget(t, ocpiserver.Config{Versions: ocpi.Versions(), Logger: quiet()})
	sample := ocpitest.Network(own)
	credit, private := sample.CDR(1), sample.Location(1)
	credit.Credit, credit.CreditReferenceID = new(true), new(credit.ID)
	credit.ID = "CREDIT"
	private.ID, private.Publish = "PRIVATE", false
	last := sample.CDR(1)
	last.ID = "LAST"
	server.CPO.CDRs.Put(credit, last)
	server.CPO.Locations.Put(private)
	for _, v := range ocpi.Versions() {
		var cdrs strings.Builder
		for url := "/cpo/" + string(v) + "/cdrs?limit=1"; url != ""; {
			response, envelope := call(t, server, "GET", url, "")
			if response.StatusCode != http.StatusOK || len(envelope.Data) == 0 {
				t.Fatalf("%s: HTTP %d %s", url, response.StatusCode, envelope.StatusMessage)
			}
			cdrs.Write(envelope.Data)
			next, _, _ := strings.Cut(strings.TrimPrefix(response.Header.Get("Link"), "<"+server.URL), ">")
			url = next
		}
		told := v != ocpi.V211
		if got := strings.Contains(cdrs.String(), `"CREDIT"`); got != told || !strings.Contains(cdrs.String(), `"LAST"`) {
			t.Errorf("%s: the credit CDR is there: %v: %s", v, got, cdrs.String())
		}
		response, envelope := call(t, server, "GET", "/cpo/"+string(v)+"/locations/PRIVATE", "")
		if want := map[bool]int{true: 200, false: 404}[told]; response.StatusCode != want {
			t.Errorf("%s: HTTP %d %s", v, response.StatusCode, envelope.StatusMessage)
		}
	}
}
