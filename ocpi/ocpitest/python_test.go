package ocpitest_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/convert"
	"github.com/roamwire/roamwire/ocpi/ocpitest"
	"github.com/roamwire/roamwire/ocpi/v211"
)

// A pythonSite is a Partner with the habits of the Python implementation in both roles, registered with BE/TST.
type pythonSite struct {
	*ocpitest.Partner
	peer ocpitest.Peer
}

func newPythonSite(t *testing.T) pythonSite {
	t.Helper()
	p := newPartner(t, ocpitest.PartnerConfig{
		Party: gpe, Roles: []ocpi.Role{ocpi.RoleCPO, ocpi.RoleEMSP}, Flavour: ocpitest.FlavourOCPIPython,
	})
	other := newPartner(t, ocpitest.PartnerConfig{Party: ocpi.NewParty("BE", "TST"), Roles: []ocpi.Role{ocpi.RoleCPO, ocpi.RoleEMSP}})
	url, tokenA := p.Invite()
	if err := other.Register(t.Context(), url, tokenA); err != nil {
		t.Fatal(err)
	}
	return pythonSite{p, other.Peer()}
}

// A pythonCase is a request and its answer. Where authorization is empty the registered token is sent.
type pythonCase struct {
	name, method, path  string
	authorization, body string
	contentType         string
	http                int
	// want is the whole body, with … for anything.
	want string
	// header are headers of the answer, with … for anything.
	header map[string]string
}

func (c pythonCase) check(t *testing.T, s pythonSite) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), c.method, s.URL+c.path, strings.NewReader(c.body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", c.authorization)
	if c.authorization == "" {
		request.Header.Set("Authorization", "Token "+s.peer.TheirToken)
	}
	if c.authorization == "none" {
		request.Header.Del("Authorization")
	}
	if c.contentType != "" {
		request.Header.Set("Content-Type", c.contentType)
	}
	reply, err := do(request)
	if err != nil {
		t.Fatal(err)
	}
	if reply.HTTP != c.http || !like(c.want, string(reply.Body)) {
		t.Errorf("HTTP %d, want %d\n got %.2000s\nwant %.2000s", reply.HTTP, c.http, reply.Body, c.want)
	}
	for name, want := range c.header {
		if got := reply.Header.Values(name); len(got) != 1 || !like(want, got[0]) {
			t.Errorf("header %s: got %q, want %q", name, got, want)
		}
	}
	if got := reply.Header.Get("X-Request-ID"); got != "" {
		t.Errorf("it has a request id: %s", got)
	}
}

// like compares a text with a pattern in which … stands for anything.
func like(pattern, text string) bool {
	parts := strings.Split(pattern, "…")
	for i := range parts {
		parts[i] = regexp.QuoteMeta(parts[i])
	}
	return regexp.MustCompile("(?s)^" + strings.Join(parts, ".*") + "$").MatchString(text)
}

func envelope(data string, status int, message string) string {
	return fmt.Sprintf(`{"data":%s,"status_code":%d,"status_message":"%s","timestamp":"2…Z"}`, data, status, message)
}

func ok(data string) string { return envelope(data, 1000, "Generic success code") }

const (
	notAuthenticated = `{"detail":"Not authenticated"}`
	invalidToken     = `{"detail":"Your authorization token is invalid."}`
	unauthorized     = `{"detail":"Unauthorized"}`
	notRegistered    = `{"detail":"Client is not registered"}`
	registeredBefore = `{"detail":"Client is already registered"}`
)

// The table of who is let in where.
func TestPythonLooksAtTokens(t *testing.T) {
	s := newPythonSite(t)
	_, a := s.Invite()
	c := s.peer.TheirToken
	in64 := base64.StdEncoding.EncodeToString([]byte(c))
	const hexToken = "00000000000000000000000000000000"
	var versions, locations, details, credentials = "/versions", "/cpo/2.1.1/locations/", "/2.1.1/details", "/cpo/2.1.1/credentials/"
	body := `{"token":"b","url":"http://127.0.0.1:1/versions","business_details":{"name":"x"},"party_id":"TST","country_code":"BE"}`
	generic := envelope("[]", 3000, "Generic server error")
	cases := []pythonCase{
		{name: "no header, module", path: locations, authorization: "none", http: 403, want: notAuthenticated},
		{name: "no header, versions", path: versions, authorization: "none", http: 403, want: notAuthenticated},
		{name: "no header, POST credentials", method: "POST", path: credentials, authorization: "none", body: body, http: 403, want: notAuthenticated},
		{name: "no header, PUT credentials", method: "PUT", path: credentials, authorization: "none", body: body, http: 403, want: notAuthenticated},
		{name: "one word, module", path: locations, authorization: "Token", http: 403, want: invalidToken},
		{name: "one word, versions", path: versions, authorization: c, http: 403, want: invalidToken},
		{name: "unknown, module", path: locations, authorization: "Token " + hexToken, http: 403, want: invalidToken},
		{name: "unknown, versions", path: versions, authorization: "Token " + hexToken, http: 401, want: unauthorized},
		{name: "unknown, details", path: details, authorization: "Token " + hexToken, http: 401, want: unauthorized},
		{name: "unknown, GET credentials", path: credentials, authorization: "Token x", http: 403, want: invalidToken},
		{name: "unknown, POST credentials", method: "POST", path: credentials, authorization: "Token x", body: body, http: 401, want: unauthorized},
		{name: "unknown, PUT credentials", method: "PUT", path: credentials, authorization: "Token x", body: body, http: 405, want: notRegistered},
		{name: "unknown, DELETE credentials", method: "DELETE", path: credentials, authorization: "Token x", http: 403, want: invalidToken},
		{name: "token A, module", path: locations, authorization: "Token " + a, http: 403, want: invalidToken},
		{name: "token A, versions", path: versions, authorization: "Token " + a, http: 200, want: ok("[…]")},
		{name: "token A, details", path: details, authorization: "Token " + a, http: 200, want: ok("{…}")},
		{name: "token A, PUT credentials", method: "PUT", path: credentials, authorization: "Token " + a, body: body, http: 405, want: notRegistered},
		{name: "token A, POST credentials proceeds", method: "POST", path: credentials, authorization: "Token " + a, body: body, http: 200, want: generic},
		{name: "token C, module", path: locations, http: 200, want: ok("[…]")},
		{name: "token C, versions", path: versions, http: 200, want: ok(`[{"version":"2.1.1","url":"` + s.URL + `/2.1.1/details"}]`)},
		{name: "token C, details", path: details, http: 200, want: ok("{…}")},
		{name: "token C, POST credentials", method: "POST", path: credentials, body: body, http: 405, want: registeredBefore},
		{name: "Base64, module", path: locations, authorization: "Token " + in64, http: 403, want: invalidToken},
		{name: "Base64, versions", path: versions, authorization: "Token " + in64, http: 200, want: ok("[…]")},
		{name: "Base64, details", path: details, authorization: "Token " + in64, http: 401, want: unauthorized},
		{name: "Base64, POST credentials", method: "POST", path: credentials, authorization: "Token " + in64, body: body, http: 401, want: unauthorized},
		{name: "Base64, PUT credentials", method: "PUT", path: credentials, authorization: "Token " + in64, body: body, http: 405, want: notRegistered},
		{name: "any scheme", path: locations, authorization: "Bearer " + c, http: 200, want: ok("[…]")},
		{name: "more words", path: locations, authorization: "Token " + c + " more", http: 200, want: ok("[…]")},
		{name: "versions cannot read a token that is no Base64", path: versions, authorization: "Token plain-token-c", http: 200, want: generic},
	}
	for _, c := range cases {
		if c.method == "" {
			c.method = "GET"
		}
		t.Run(c.name, func(t *testing.T) { c.check(t, s) })
	}
}

func TestPythonRoutes(t *testing.T) {
	s := newPythonSite(t)
	notFound, notAllowed := `{"detail":"Not Found"}`, `{"detail":"Method Not Allowed"}`
	cases := []pythonCase{
		{name: "a list without its slash", method: "GET", path: "/cpo/2.1.1/locations?limit=1", authorization: "none", http: 307,
			header: map[string]string{"Location": s.URL + "/cpo/2.1.1/locations/?limit=1"}},
		{name: "an object with a slash", method: "GET", path: "/cpo/2.1.1/locations/LOC1/", http: 307, header: map[string]string{"Location": s.URL + "/cpo/2.1.1/locations/LOC1"}},
		{name: "a CDR without the slash", method: "POST", path: "/emsp/2.1.1/cdrs", http: 307, header: map[string]string{"Location": s.URL + "/emsp/2.1.1/cdrs/"}},
		{name: "versions with a slash", method: "GET", path: "/versions/", http: 307, header: map[string]string{"Location": s.URL + "/versions"}},
		{name: "a path that there is not", method: "GET", path: "/cpo/2.1.1/nothing/", authorization: "none", http: 404, want: notFound},
		{name: "versions of one role", method: "GET", path: "/cpo/versions", http: 404, want: notFound},
		{name: "a version that there is not", method: "GET", path: "/2.2.1/details", http: 404, want: notFound},
		{name: "a CDR of the CPO", method: "GET", path: "/cpo/2.1.1/cdrs/CDR1", http: 404, want: notFound},
		{name: "the long form of a command's result", method: "POST", path: "/emsp/2.1.1/commands/START_SESSION/1", http: 404, want: notFound},
		{name: "a wrong method names the first one only", method: "DELETE", path: "/cpo/2.1.1/tokens/BE/TST/1", http: 405, want: notAllowed, header: map[string]string{"Allow": "GET"}},
		{name: "OPTIONS", method: "OPTIONS", path: "/versions", http: 405, want: notAllowed},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) { c.check(t, s) })
	}
}

func TestPythonVersionDetails(t *testing.T) {
	s := newPythonSite(t)
	reply, err := plain(t.Context(), "GET", s.URL+"/2.1.1/details", s.peer.TheirToken, "")
	if err != nil {
		t.Fatal(err)
	}
	var details v211.VersionDetails
	if err := json.Unmarshal(reply.Data, &details); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range details.Endpoints {
		got = append(got, string(e.Identifier)+" "+strings.TrimPrefix(e.URL, s.URL))
	}
	want := []string{
		"credentials /cpo/2.1.1/credentials/", "locations /cpo/2.1.1/locations/", "cdrs /cpo/2.1.1/cdrs/",
		"sessions /cpo/2.1.1/sessions/", "tokens /cpo/2.1.1/tokens/", "tariffs /cpo/2.1.1/tariffs/",
		"credentials /emsp/2.1.1/credentials/", "locations /emsp/2.1.1/locations/", "cdrs /emsp/2.1.1/cdrs/",
		"sessions /emsp/2.1.1/sessions/", "tokens /emsp/2.1.1/tokens/", "tariffs /emsp/2.1.1/tariffs/",
		"commands /emsp/2.1.1/commands/",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("endpoints (-want +got):\n%s", diff)
	}
}

func TestPythonPages(t *testing.T) {
	s := newPythonSite(t)
	host := strings.TrimPrefix(s.URL, "http://")
	link := func(module, query string) string {
		return "<https://" + strings.TrimSuffix(host, "/ocpi") + "/ocpi/cpo/VersionNumber.v_2_1_1/ModuleID." + module + "/?" + query + `>; rel="next"`
	}
	invalid := func(name, message, kind string) string {
		return fmt.Sprintf(`{"detail":[{"loc":["query","%s"],"msg":"%s","type":"%s"}]}`, name, message, kind)
	}
	cases := []pythonCase{
		{name: "the last page has an empty link", path: "/cpo/2.1.1/locations/", http: 200, want: ok(`[{"id":"LOC1",…},{"id":"LOC6",…}]`),
			header: map[string]string{"X-Total-Count": "6", "X-Limit": "50", "Link": ""}},
		{name: "the link cannot be followed", path: "/cpo/2.1.1/locations/?limit=2&offset=1", http: 200, want: ok(`[{"id":"LOC2",…},{"id":"LOC3",…}]`),
			header: map[string]string{"X-Limit": "2", "Link": link("locations", "date_from=None&date_to=None&offset=3&limit=2")}},
		{name: "the eMSP's link is the CPO's", path: "/emsp/2.1.1/tokens/?limit=1", http: 200, want: ok(`[{…}]`),
			header: map[string]string{"Link": link("tokens", "date_from=None&date_to=None&offset=1&limit=1")}},
		{name: "dates are in the link", path: "/cpo/2.1.1/tariffs/?limit=1&date_from=2020-01-01T00:00:00Z&date_to=2030-01-01T00:00:00", http: 200, want: ok(`[{…}]`),
			header: map[string]string{"Link": link("tariffs", "date_from=2020-01-01+00%3A00%3A00%2B00%3A00&date_to=2030-01-01+00%3A00%3A00&offset=1&limit=1")}},
		{name: "sessions without date_from", path: "/cpo/2.1.1/sessions/", http: 200, want: ok(`[{…},{…},{…}]`)},
		{name: "CDRs", path: "/cpo/2.1.1/cdrs/", http: 200, want: ok(`[{…"end_date_time":"2…}]`)},
		{name: "there is no largest limit", path: "/cpo/2.1.1/locations/?limit=10000000000000000000000", http: 200, want: ok(`[…"id":"LOC6"…]`),
			header: map[string]string{"X-Limit": "10000000000000000000000", "Link": ""}},
		{name: "limit 0 links to itself", path: "/cpo/2.1.1/locations/?limit=0", http: 200, want: ok(`[]`),
			header: map[string]string{"X-Limit": "0", "Link": link("locations", "date_from=None&date_to=None&offset=0&limit=0")}},
		{name: "beyond the end", path: "/cpo/2.1.1/locations/?offset=99", http: 200, want: ok(`[]`), header: map[string]string{"Link": ""}},
		{name: "the last of two", path: "/cpo/2.1.1/locations/?limit=1&limit=3", http: 200, want: ok(`[…]`), header: map[string]string{"X-Limit": "3"}},
		{name: "seconds for a date", path: "/cpo/2.1.1/locations/?date_from=4102444800", http: 200, want: ok(`[]`)},
		{name: "a limit that is no number", path: "/cpo/2.1.1/locations/?limit=x", http: 422, want: invalid("limit", "value is not a valid integer", "type_error.integer")},
		{name: "None for a date", path: "/cpo/2.1.1/locations/?date_from=None", http: 422, want: invalid("date_from", "invalid datetime format", "value_error.datetime")},
		{name: "a date without a time", path: "/cpo/2.1.1/locations/?date_to=2026-01-01", http: 422, want: invalid("date_to", "invalid datetime format", "value_error.datetime")},
		{name: "a plus that is a space", path: "/cpo/2.1.1/locations/?date_from=2026-01-01T00:00:00+00:00", http: 422, want: invalid("date_from", "invalid datetime format", "value_error.datetime")},
		{name: "a wrong token beats a wrong query", path: "/cpo/2.1.1/locations/?limit=x", authorization: "Token x", http: 403, want: invalidToken},
	}
	for _, c := range cases {
		c.method = "GET"
		t.Run(c.name, func(t *testing.T) { c.check(t, s) })
	}
}

func raw(t *testing.T, object any) string {
	t.Helper()
	b, err := json.Marshal(object)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// Objects of BE/TST in the form of the Python implementation.
const (
	pythonConnector = `{"id":"1","standard":"IEC_62196_T2","format":"SOCKET","power_type":"AC_3_PHASE","voltage":230,"amperage":32,
		"tariff_id":"FREE","last_updated":"2026-03-03T10:00:00Z"}`
	pythonEVSE     = `{"uid":"LOC1-1","status":"AVAILABLE","connectors":[` + pythonConnector + `],"last_updated":"2026-03-03T10:00:00Z"}`
	pythonLocation = `{"id":"LOC1","type":"ON_STREET","name":"Korenmarkt","address":"Korenmarkt 1","city":"Gent","postal_code":"9000","country":"BEL",
		"coordinates":{"latitude":"51.0543","longitude":"3.7219"},"evses":[` + pythonEVSE + `],"time_zone":"Europe/Brussels",
		"energy_mix":{"is_green_energy":true,"energy_sources":[{"source":"WIND","percentage":100}],
			"environ_impact":{"category":"CARBON_DIOXIDE","amount":12},"supplier_name":"Wind","energy_product_name":"Green"},
		"last_updated":"2026-03-03T10:00:00Z"}`
	pythonCDR = `{"id":"CDR-Upper","start_date_time":"2026-03-03T09:00:00Z","end_date_time":"2026-03-03T10:00:00Z","auth_id":"NL-GPE-C1",
		"auth_method":"WHITELIST","location":` + pythonLocation + `,"currency":"EUR","charging_periods":[{"start_date_time":"2026-03-03T09:00:00Z",
		"dimensions":[{"type":"ENERGY","volume":10}]}],"total_cost":3.50,"total_energy":10,"total_time":1,"last_updated":"2026-03-03T10:00:00Z"}`
)

// changed is an object with other members; null removes one.
func changed(t *testing.T, object string, members map[string]string) string {
	t.Helper()
	var all map[string]jsontext.Value
	if err := json.Unmarshal([]byte(object), &all); err != nil {
		t.Fatal(err)
	}
	for name, value := range members {
		if value == "" {
			delete(all, name)
			continue
		}
		all[name] = jsontext.Value(value)
	}
	b, err := json.Marshal(all, json.Deterministic(true))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestPythonObjects(t *testing.T) {
	s := newPythonSite(t)
	theirs := ocpitest.Network(ocpi.NewParty("BE", "TST"))
	env := convert.Env{Owner: theirs.CPO, EMSP: theirs.EMSP}
	x, _ := convert.TariffTo211(theirs.FreeTariff(), env)
	k, _ := convert.TokenTo211(theirs.Token(1), env)
	start, _ := convert.StartSessionTo211(theirs.StartSession(callback), env)
	tariff, token := raw(t, &x), raw(t, &k)
	schedule := `{"period_begin":"2026-03-04T12:00:00Z","status":"RESERVED"}`
	missing := func(loc string) string {
		return `{"detail":[{"loc":["body","` + loc + `"],"msg":"field required","type":"value_error.missing"}]}`
	}
	at, tokenAt := "/emsp/2.1.1/locations/BE/TST/LOC1", "/cpo/2.1.1/tokens/BE/TST/"+k.UID
	objectNotFound := `{"detail":"Object not found."}`
	steps := []pythonCase{
		{name: "an own location is an array of one", method: "GET", path: "/cpo/2.1.1/locations/LOC1", http: 200,
			want: ok(`[{"id":"LOC1","type":"…","name":"…"evses":[{"uid":"LOC1-1",…"status_schedule":null,…"directions":[],…"twentyfourseven":…}]`)},
		{name: "so is an EVSE", method: "GET", path: "/cpo/2.1.1/locations/LOC1/LOC1-1", http: 200, want: ok(`[{"uid":"LOC1-1",…}]`)},
		{name: "and a connector", method: "GET", path: "/cpo/2.1.1/locations/LOC1/LOC1-1/1", http: 200, want: ok(`[{"id":"1",…}]`)},
		{name: "an object that there is not", method: "GET", path: "/cpo/2.1.1/locations/LOC99", http: 404, want: objectNotFound},
		{name: "an id that is too long", method: "GET", path: "/cpo/2.1.1/locations/" + strings.Repeat("x", 40), http: 422,
			want: `{"detail":[{"loc":["path","location_id"],"msg":"location_id length must be lower or equal to 39","type":"value_error"}]}`},

		{name: "a location without time_zone", method: "PUT", path: at, body: changed(t, pythonLocation, map[string]string{"time_zone": ""}), http: 422, want: missing("time_zone")},
		{name: "a location with null for a list", method: "PUT", path: at, body: changed(t, pythonLocation, map[string]string{"images": "null"}), http: 422,
			want: `{"detail":[{"loc":["body","images"],"msg":"none is not an allowed value","type":"type_error.none.not_allowed"}]}`},
		{name: "a location of a type that there is not", method: "PUT", path: at, body: changed(t, pythonLocation, map[string]string{"type": `"MOON"`}), http: 422,
			want: `{"detail":[{"loc":["body","type"],"msg":"value is not a valid enumeration member","type":"type_error.enum"}]}`},
		{name: "a new location is answered with 200 and itself", method: "PUT", path: at, body: changed(t, pythonLocation, map[string]string{"postal_code": "", "unknown": "1"}), http: 200,
			want: ok(`[{"id":"LOC1",…"postal_code":"",…"charging_when_closed":…}]`)},
		{name: "environ_impact is one object with a category", method: "GET", path: at, http: 200,
			want: ok(`[{…"energy_sources":[{"source":"WIND","percentage":100.0}],"environ_impact":{"category":"CARBON_DIOXIDE","amount":12.0},…}]`)},
		{name: "environ_impact of 2.1.1", method: "PATCH", path: at, body: `{"energy_mix":{"is_green_energy":true,"energy_sources":[],"environ_impact":[{"source":"CARBON_DIOXIDE","amount":1}]}}`, http: 422,
			want: `{"detail":[{"loc":["body","energy_mix","environ_impact"],"msg":"value is not a valid dict",…},{…"supplier_name"],…},{…"energy_product_name"],…}]}`},
		{name: "status_schedule that is a list", method: "PUT", path: at + "/LOC1-1", body: changed(t, pythonEVSE, map[string]string{"status_schedule": "[" + schedule + "]"}), http: 422,
			want: `{"detail":[{"loc":["body","status_schedule"],"msg":"value is not a valid dict","type":"type_error.dict"}]}`},
		{name: "status_schedule that is an empty list", method: "PUT", path: at + "/LOC1-1", body: changed(t, pythonEVSE, map[string]string{"status_schedule": "[]"}), http: 422,
			want: `{"detail":[{"loc":["body","status_schedule","period_begin"],"msg":"field required","type":"value_error.missing"},{"loc":["body","status_schedule","status"],…}]}`},
		{name: "status_schedule that is one object", method: "PUT", path: at + "/LOC1-1", body: changed(t, pythonEVSE, map[string]string{"status_schedule": schedule}), http: 200,
			want: ok(`[{"uid":"LOC1-1",…"status_schedule":{"period_begin":"2026-03-04T12:00:00Z","period_end":null,"status":"RESERVED"},…}]`)},
		{name: "a PATCH of an EVSE", method: "PATCH", path: at + "/LOC1-1", body: `{"status":"CHARGING"}`, http: 200, want: ok(`[{…"status":"CHARGING",…}]`)},
		{name: "null in a PATCH is ignored", method: "PATCH", path: at, body: `{"name":null,"unknown":1}`, http: 200, want: ok(`[{…"name":"…",…}]`)},
		{name: "an empty PATCH", method: "PATCH", path: at, body: `{}`, http: 200, want: ok(`[{"id":"LOC1",…}]`)},
		{name: "a PATCH with part of an object in it", method: "PATCH", path: at, body: `{"coordinates":{"latitude":"52.0"}}`, http: 422,
			want: `{"detail":[{"loc":["body","coordinates","longitude"],"msg":"field required","type":"value_error.missing"}]}`},
		{name: "a PATCH of what there is not", method: "PATCH", path: "/emsp/2.1.1/locations/BE/TST/LOC9", body: `{"name":"x"}`, http: 404, want: objectNotFound},
		{name: "a connector without tariff_id", method: "PUT", path: at + "/LOC1-1/1", body: changed(t, pythonConnector, map[string]string{"tariff_id": ""}), http: 422, want: missing("tariff_id")},

		{name: "a CDR of 2.1.1", method: "POST", path: "/emsp/2.1.1/cdrs/", body: changed(t, pythonCDR, map[string]string{"end_date_time": "", "stop_date_time": `"2026-03-03T10:00:00Z"`}), http: 422, want: missing("end_date_time")},
		{name: "a CDR of theirs", method: "POST", path: "/emsp/2.1.1/cdrs/", body: pythonCDR, http: 200,
			want:   ok(`[{"id":"cdr-upper","start_date_time":"…","end_date_time":"2026-03-03T10:00:00Z",…"meter_id":null,"currency":"EUR","tariffs":[],…"total_cost":3.5,"total_energy":10.0,…"remark":null,…}]`),
			header: map[string]string{"Location": "https://…/ocpi/emsp/VersionNumber.v_2_1_1/ModuleID.cdrs/cdr-upper"}},
		{name: "the CDR once more", method: "POST", path: "/emsp/2.1.1/cdrs/", body: pythonCDR, http: 200, want: ok(`[{"id":"cdr-upper",…}]`)},
		{name: "the CDR in another spelling", method: "GET", path: "/emsp/2.1.1/cdrs/CDR-UPPER", http: 200, want: ok(`[{"id":"cdr-upper",…}]`)},

		{name: "a new tariff has numbers with a point", method: "PUT", path: "/emsp/2.1.1/tariffs/BE/TST/FREE", body: tariff, http: 200, want: ok(`[{"id":"FREE",…"price":0.0,"step_size":1…}]`)},
		{name: "the deletion of a tariff", method: "DELETE", path: "/emsp/2.1.1/tariffs/BE/TST/FREE", http: 200, want: ok(`[]`)},
		{name: "its deletion again", method: "DELETE", path: "/emsp/2.1.1/tariffs/BE/TST/FREE", http: 404, want: objectNotFound},

		{name: "a new token", method: "PUT", path: tokenAt, body: token, http: 200, want: ok(`[{"uid":"` + k.UID + `","type":"RFID",…}]`)},
		{name: "a token without two fields", method: "PUT", path: tokenAt, body: changed(t, token, map[string]string{"issuer": "", "uid": ""}), http: 422,
			want: `{"detail":[{"loc":["body","uid"],…},{"loc":["body","issuer"],"msg":"field required","type":"value_error.missing"}]}`},
		{name: "no body", method: "PUT", path: tokenAt, http: 422, want: `{"detail":[{"loc":["body"],"msg":"field required","type":"value_error.missing"}]}`},
		{name: "an empty list for a body", method: "POST", path: "/emsp/2.1.1/commands/1", body: "[]", http: 422, want: missing("result")},
		{name: "a text for a body", method: "PUT", path: tokenAt, body: token, contentType: "text/plain", http: 422, want: `{"detail":[{"loc":["body"],"msg":"value is not a valid dict","type":"type_error.dict"}]}`},
		{name: "malformed JSON beats a wrong token", method: "PUT", path: tokenAt, authorization: "Token x", body: `{`, http: 422, want: `{"detail":[{"ctx":…"json_invalid"}]}`},
		{name: "a wrong token beats a wrong body", method: "PUT", path: tokenAt, authorization: "Token x", body: `{}`, http: 403, want: invalidToken},
		{name: "a body that is not UTF-8", method: "PUT", path: tokenAt, body: "\"\xff\"", http: 400, want: `{"detail":"There was an error parsing the body"}`},
		{name: "a time that is none", method: "PATCH", path: tokenAt, body: `{"last_updated":"yesterday"}`, http: 422, want: `{"detail":[{"loc":["body","last_updated"],"msg":"Invalid isoformat string: …}]}`},

		{name: "authorize", method: "POST", path: "/emsp/2.1.1/tokens/" + string(sample().Token(1).UID) + "/authorize?token_type=RFID", http: 200, want: ok(`[{"allowed":"ALLOWED","location":null,"info":null}]`)},
		{name: "authorize a token that there is not", method: "POST", path: "/emsp/2.1.1/tokens/none/authorize", http: 404, want: objectNotFound},
		{name: "authorize a type that there is not", method: "POST", path: "/emsp/2.1.1/tokens/none/authorize?token_type=CARD", http: 422, want: `{"detail":[{"loc":["query","token_type"],…"type":"type_error.enum"}]}`},
		{name: "authorize without a location", method: "POST", path: "/emsp/2.1.1/tokens/none/authorize", body: "{}", http: 422, want: missing("location_id")},

		{name: "a command", method: "POST", path: "/cpo/2.1.1/commands/START_SESSION", body: raw(t, &start), http: 200, want: ok(`[{"result":"ACCEPTED"}]`)},
		{name: "a command at a location that there is not", method: "POST", path: "/cpo/2.1.1/commands/START_SESSION", body: changed(t, raw(t, &start), map[string]string{"location_id": `"NONE"`}), http: 200,
			want: envelope(`[{"result":"REJECTED"}]`, 2003, "Unknown Location")},
		{name: "a command without its fields", method: "POST", path: "/cpo/2.1.1/commands/STOP_SESSION", body: `{"session_id":"1"}`, http: 422,
			want: `{"detail":[{"loc":["response_url"],"msg":"field required","type":"value_error.missing"}]}`},
		{name: "a command that there is not", method: "POST", path: "/cpo/2.1.1/commands/start_session", body: `{}`, http: 422, want: `{"detail":[{"loc":["path","command"],…}]}`},
		{name: "the result of a command", method: "POST", path: "/emsp/2.1.1/commands/17", body: `{"result":"ACCEPTED"}`, http: 200, want: ok(`[]`)},

		{name: "credentials are no array", method: "GET", path: "/cpo/2.1.1/credentials/", http: 200,
			want: ok(`{"token":"` + s.peer.TheirToken + `","url":"` + s.URL + `/versions","business_details":{"name":"Test partner","website":null,"logo":null},"party_id":"GPE","country_code":"NL"}`)},
		{name: "a wrong body beats a wrong token at the POST of credentials", method: "POST", path: "/cpo/2.1.1/credentials/", authorization: "Token x", body: `{"token":"b"}`, http: 422,
			want: `{"detail":[{"loc":["body","url"],…},{"loc":["body","business_details"],…},{"loc":["body","party_id"],…},{"loc":["body","country_code"],…}]}`},
	}
	for _, c := range steps {
		t.Run(c.name, func(t *testing.T) { c.check(t, s) })
	}
	if got := s.EMSP.CDRs.From(ocpitest.PeerID); len(got) != 1 || got[0].EndDateTime.String() != "2026-03-03T10:00:00Z" {
		t.Errorf("the backend has the CDRs %+v", got)
	}
	if got := s.EMSP.CommandResults.Taken(); len(got) != 1 || got[0].UID != "17" {
		t.Errorf("the backend has the results %+v", got)
	}
}

// What the other side does wrong when it is called back, and what it is told.
func TestPythonRegistrationThatFails(t *testing.T) {
	cases := []struct {
		name string
		do   ocpitest.Action
		on   ocpi.ModuleID
		code ocpi.StatusCode
	}{
		{"versions fail", ocpitest.ServerError(500), ocpitest.CallVersions, 3001},
		{"details fail", ocpitest.ServerError(500), ocpitest.CallDetails, 3001},
		{"no connection", ocpitest.CutConnection(), ocpitest.CallVersions, 3000},
		{"no JSON", ocpitest.NotJSON(), ocpitest.CallVersions, 3000},
		{"an OCPI error", ocpitest.OCPIError(3000), ocpitest.CallVersions, 3002},
		{"no version in common", ocpitest.OfferVersions("2.2.1"), ocpitest.CallVersions, 3002},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			p := newPartner(t, ocpitest.PartnerConfig{Flavour: ocpitest.FlavourOCPIPython})
			cpo := newCPO(t)
			url, tokenA := p.Invite()
			cpo.Mean(ocpitest.Fault{On: ocpitest.Calls("GET", c.on), Do: c.do})
			if err := cpo.Register(t.Context(), url, tokenA); !errors.Is(err, &ocpi.Error{Code: c.code}) {
				t.Errorf("got %v, want %d", err, c.code)
			}
			cpo.Nice()
			if err := cpo.Register(t.Context(), url, tokenA); err != nil {
				t.Errorf("token A has not survived: %v", err)
			}
		})
	}
}

func TestPythonRotatesAndEnds(t *testing.T) {
	p := newPartner(t, ocpitest.PartnerConfig{Flavour: ocpitest.FlavourOCPIPython})
	cpo := newCPO(t)
	url, tokenA := p.Invite()
	if err := cpo.Register(t.Context(), url, tokenA); err != nil {
		t.Fatal(err)
	}
	before := cpo.Peer()
	if err := cpo.Rotate(t.Context()); err != nil {
		t.Fatal(err)
	}
	checkPair(t, p, cpo)
	if after := cpo.Peer(); after.TheirToken == before.TheirToken {
		t.Error("the token has stayed")
	}
	if err := cpo.Unregister(t.Context()); err != nil {
		t.Fatal(err)
	}
	if p.Registered() {
		t.Error("it is still registered")
	}
}

// Push is what the Python implementation sends by itself.
func TestPartnersPush(t *testing.T) {
	cases := []struct {
		name    string
		flavour ocpitest.Flavour
		slash   bool
		push    func(context.Context, *ocpitest.Partner) (ocpitest.Reply, error)
		method  string
		path    string
		body    string
	}{
		{"a location", "", false, push(sample().Location(1)), "PUT", "/emsp/2.1.1/locations/NL/GPE/LOC1", `{"id":"LOC1",…`},
		{"a location of theirs, where the endpoint has a slash", ocpitest.FlavourOCPIPython, true, push(sample().Location(1)), "PUT", "/emsp/2.1.1/locations/NL/GPE/LOC1", `{…"status_schedule":null…`},
		{"a location of theirs, where it has none", ocpitest.FlavourOCPIPython, false, push(sample().Location(1)), "PUT", "/emsp/2.1.1/locationsNL/GPE/LOC1", `…`},
		{"a session", "", false, push(sample().Session(1)), "PUT", "/emsp/2.1.1/sessions/NL/GPE/SES1", `{"id":"SES1",…"location":{"id":"LOC1"…`},
		{"a CDR", "", false, push(sample().CDR(1)), "POST", "/emsp/2.1.1/cdrs", `{…"stop_date_time":"…`},
		{"a CDR of theirs", ocpitest.FlavourOCPIPython, false, push(sample().CDR(1)), "POST", "/emsp/2.1.1/cdrs", `{…"end_date_time":"…"remark":null…`},
		{"a tariff", "", false, push(sample().FreeTariff()), "PUT", "/emsp/2.1.1/tariffs/NL/GPE/FREE", `{"id":"FREE",…`},
		{"a token", "", false, push(ocpitest.Network(gpe).Token(1)), "PUT", "/cpo/2.1.1/tokens/NL/GPE/" + string(sample().Token(1).UID), `{"uid":…`},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			roles := []ocpi.Role{ocpi.RoleCPO}
			other := []ocpi.Role{ocpi.RoleEMSP}
			if strings.HasPrefix(c.path, "/cpo") {
				roles, other = other, roles
			}
			p := newPartner(t, ocpitest.PartnerConfig{Party: gpe, Roles: roles, Flavour: c.flavour})
			peer := newPartner(t, ocpitest.PartnerConfig{Roles: other})
			peer.Mean(ocpitest.Fault{Do: ocpitest.ChangeEndpoints(func(endpoints []v211.Endpoint) []v211.Endpoint {
				for i := range endpoints {
					if c.slash {
						endpoints[i].URL += "/"
					}
				}
				return endpoints
			})})
			url, tokenA := p.Invite()
			if err := peer.Register(t.Context(), url, tokenA); err != nil {
				t.Fatal(err)
			}
			peer.Forget()
			reply, err := c.push(t.Context(), p)
			if err != nil {
				t.Fatal(err)
			}
			got := peer.Requests(nil)
			if len(got) != 1 || got[0].Method != c.method || got[0].URL.Path != "/ocpi"+c.path || !like(c.body+"…", string(got[0].Body)) {
				t.Errorf("HTTP %d, %d requests: %s %s %s", reply.HTTP, len(got), got[0].Method, got[0].URL, got[0].Body)
			}
			if c.flavour == "" && reply.HTTP != http.StatusCreated {
				t.Errorf("HTTP %d: %s", reply.HTTP, reply.Body)
			}
		})
	}
}

func push[T ocpitest.Object](object T) func(context.Context, *ocpitest.Partner) (ocpitest.Reply, error) {
	return func(ctx context.Context, p *ocpitest.Partner) (ocpitest.Reply, error) {
		return ocpitest.Push(ctx, p, object)
	}
}

// Whatever a body is, the answer is one of theirs.
func FuzzPythonBody(f *testing.F) {
	for _, seed := range []string{
		pythonLocation, `{}`, `[]`, `[1]`, `5`, `"x"`, `null`, `{"evses":5}`, `{"evses":[5]}`, `{"coordinates":[]}`, `{"name":{}}`, `{`, "\xff", `{"id":1,"id":2}`,
	} {
		f.Add(seed)
	}
	p, err := ocpitest.NewPartner(ocpitest.PartnerConfig{Flavour: ocpitest.FlavourOCPIPython})
	if err != nil {
		f.Fatal(err)
	}
	cpo, err := ocpitest.NewPartner(ocpitest.PartnerConfig{Party: gpe, Roles: []ocpi.Role{ocpi.RoleCPO}, CallTimeout: 3 * time.Second})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _, _ = p.Close(), cpo.Close() })
	url, tokenA := p.Invite()
	if err := cpo.Register(f.Context(), url, tokenA); err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, body string) {
		for _, method := range []string{http.MethodPut, http.MethodPatch} {
			reply, err := cpo.Do(t.Context(), method, p.URL+"/emsp/2.1.1/locations/NL/GPE/LOC1", []byte(body))
			if err != nil {
				t.Fatal(err)
			}
			switch reply.HTTP {
			case 200, 400, 404, 422:
			default:
				t.Errorf("%s: HTTP %d: %s", method, reply.HTTP, reply.Body)
			}
			if !jsontext.Value(reply.Body).IsValid() || reply.HTTP == 200 && reply.StatusCode != 1000 {
				t.Errorf("%s: %s", method, reply.Body)
			}
		}
		p.Forget()
	})
}
