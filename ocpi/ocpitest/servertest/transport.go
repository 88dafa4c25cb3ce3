package servertest

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/v211"
)

// testOperations calls each of the 42 operations of 2.1.1, in an order in which they succeed (requirements V-01 to V-05,
// L-01, L-06, L-09 to L-14, SES-01, SES-05 to SES-08, CDR-01, CDR-04 to CDR-06, TAR-01, TAR-04, TOK-01, TOK-05, TOK-06,
// CMD-01, CMD-02, CMD-05, C-02, TF-10, TF-18, TF-43, TF-48).
func testOperations(t *testing.T, target Target) {
	c := target.partner(t, 0)
	since := "?date_from=2000-01-01T00:00:00Z"
	sample := target.Sample
	own := string(sample.Location(1).ID)
	evse := string(sample.Location(1).EVSEs[0].UID)
	location, session, tariff, token := c.location("OP-1"), c.session("OP-1"), c.tariff("OP-1"), c.token("OP-1")
	uid := location.EVSEs[0].UID
	connector := location.EVSEs[0].Connectors[0]
	start := v211.StartSession{ResponseURL: "https://partner.example.com/1", Token: token, LocationID: own}
	at := func(side, module, id string) string { return c.owned(side, module, id) }

	operations := []struct {
		method, path string
		body         any
		http         int
	}{
		{"GET", "/versions", nil, 200},
		{"GET", "/2.1.1/details", nil, 200},
		{"GET", "/cpo/versions", nil, 200},
		{"GET", "/emsp/versions", nil, 200},
		{"GET", "/cpo/2.1.1/credentials", nil, 200},
		{"GET", "/emsp/2.1.1/credentials", nil, 200},
		{"GET", "/cpo/2.1.1/locations", nil, 200},
		{"GET", "/cpo/2.1.1/locations/" + own, nil, 200},
		{"GET", "/cpo/2.1.1/locations/" + own + "/" + evse, nil, 200},
		{"GET", "/cpo/2.1.1/locations/" + own + "/" + evse + "/1", nil, 200},
		{"GET", "/cpo/2.1.1/sessions" + since, nil, 200},
		{"GET", "/cpo/2.1.1/cdrs", nil, 200},
		{"GET", "/cpo/2.1.1/tariffs", nil, 200},
		{"PUT", at("cpo", "tokens", "OP-1"), token, 201},
		{"GET", at("cpo", "tokens", "OP-1"), nil, 200},
		{"PATCH", at("cpo", "tokens", "OP-1"), `{"valid":false}`, 200},
		{"POST", "/cpo/2.1.1/commands/START_SESSION", start, 200},
		{"POST", "/cpo/2.1.1/commands/STOP_SESSION", v211.StopSession{ResponseURL: start.ResponseURL, SessionID: "none"}, 200},
		{"POST", "/cpo/2.1.1/commands/RESERVE_NOW", v211.ReserveNow{ResponseURL: start.ResponseURL, Token: token, LocationID: own, ReservationID: 1}, 200},
		{"POST", "/cpo/2.1.1/commands/UNLOCK_CONNECTOR", v211.UnlockConnector{ResponseURL: start.ResponseURL, LocationID: own, EVSEUID: evse, ConnectorID: "1"}, 200},
		{"PUT", at("emsp", "locations", "OP-1"), location, 201},
		{"GET", at("emsp", "locations", "OP-1"), nil, 200},
		{"PATCH", at("emsp", "locations", "OP-1"), `{"name":"Renamed"}`, 200},
		{"PUT", at("emsp", "locations", "OP-1/"+uid), location.EVSEs[0], 200},
		{"GET", at("emsp", "locations", "OP-1/"+uid), nil, 200},
		{"PATCH", at("emsp", "locations", "OP-1/"+uid), `{"status":"CHARGING"}`, 200},
		{"PUT", at("emsp", "locations", "OP-1/"+uid+"/"+connector.ID), connector, 200},
		{"GET", at("emsp", "locations", "OP-1/"+uid+"/"+connector.ID), nil, 200},
		{"PATCH", at("emsp", "locations", "OP-1/"+uid+"/"+connector.ID), `{"amperage":20}`, 200},
		{"PUT", at("emsp", "sessions", "OP-1"), session, 201},
		{"GET", at("emsp", "sessions", "OP-1"), nil, 200},
		{"PATCH", at("emsp", "sessions", "OP-1"), `{"kwh":1}`, 200},
		{"POST", "/emsp/2.1.1/cdrs", c.cdr("OP-1"), 201},
		{"GET", "/emsp/2.1.1/cdrs/OP-1", nil, 200},
		{"PUT", at("emsp", "tariffs", "OP-1"), tariff, 201},
		{"GET", at("emsp", "tariffs", "OP-1"), nil, 200},
		{"PATCH", at("emsp", "tariffs", "OP-1"), `{"currency":"SEK"}`, 200},
		{"DELETE", at("emsp", "tariffs", "OP-1"), nil, 200},
		{"GET", "/emsp/2.1.1/tokens", nil, 200},
		{"POST", "/emsp/2.1.1/tokens/" + string(sample.Token(1).UID) + "/authorize", nil, 200},
		{"POST", "/emsp/2.1.1/commands/uid-1", `{"result":"ACCEPTED"}`, 200},
		{"POST", "/emsp/2.1.1/commands/START_SESSION/uid-1", `{"result":"TIMEOUT"}`, 200},
	}
	for _, o := range operations {
		r := c.do(o.method, o.path, o.body)
		if r.http != o.http {
			t.Errorf("%s: got HTTP %d, status %d (%s), want HTTP %d", r.call, r.http, r.envelope.StatusCode, r.envelope.StatusMessage, o.http)
		}
	}

	details := data[v211.VersionDetails](c.do("GET", c.offered("/versions", ocpi.V211), nil).ok())
	if len(details.Endpoints) < 2 {
		t.Errorf("V-04: got %v", details)
	}
	for side, want := range map[string]string{
		"cpo":  "credentials locations sessions cdrs tariffs tokens commands",
		"emsp": "credentials locations sessions cdrs tariffs tokens commands",
	} {
		var modules []string
		for _, e := range data[v211.VersionDetails](c.do("GET", c.offered("/"+side+"/versions", ocpi.V211), nil).ok()).Endpoints {
			modules = append(modules, string(e.Identifier))
			if !strings.HasPrefix(e.URL, target.URL+"/"+side+"/2.1.1/") {
				t.Errorf("V-05: endpoint %v of the %s", e, side)
			}
		}
		if diff := cmp.Diff(want, strings.Join(modules, " ")); diff != "" {
			t.Errorf("V-05: modules of the %s: %s", side, diff)
		}
	}
	credentials := data[v211.Credentials](c.do("GET", "/cpo/2.1.1/credentials", nil).ok())
	if credentials.Token != c.Token || credentials.URL != target.URL+"/cpo/versions" || credentials.PartyID != target.Own.PartyID {
		t.Errorf("C-02: got %+v", credentials)
	}
}

// offered is the URL of a version's details, which must be among the versions (requirement V-01).
func (c client) offered(path string, v ocpi.Version) string {
	c.t.Helper()
	versions := data[[]v211.Version](c.do("GET", path, nil).ok())
	i := slices.IndexFunc(versions, func(o v211.Version) bool { return o.Version == v })
	if i < 0 {
		c.t.Fatalf("V-01: %s has no %s: %v", path, v, versions)
	}
	return versions[i].URL
}

func testAuthorization(t *testing.T, target Target) {
	paths := []string{"/versions", "/2.1.1/details", "/cpo/2.1.1/locations", "/cpo/2.1.1/credentials", "/emsp/2.1.1/tokens"}
	testTokensOf(t, target, paths)
}

// testTokensOf checks that these paths need a token that is known here (requirements TF-01, TF-03, TF-04, TF-06, TF-08, DT-02, DT-04, DT-05).
func testTokensOf(t *testing.T, target Target, paths []string) {
	t.Helper()
	c := target.partner(t, 0)
	base64Token := base64.StdEncoding.EncodeToString([]byte(c.Token))
	tests := []struct {
		name, header string
		http         int
	}{
		{"TF-01 the token", "Token " + c.Token, 200},
		{"TF-06 the token in Base64", "Token " + base64Token, 200},
		{"DT-02 Base64 with a newline inside", "Token " + base64.StdEncoding.EncodeToString([]byte(c.Token+"\n")), 200},
		{"TF-08 the scheme in lower case", "token " + c.Token, 200},
		{"TF-03 no header", "", 401},
		{"TF-04 an unknown token", "Token unknown", 401},
		{"TF-04 an unknown token that looks like Base64", "Token dW5rbm93bg==", 401},
		{"TF-08 another scheme", "Bearer " + c.Token, 401},
		{"TF-08 no scheme", c.Token, 401},
		{"TF-08 only the scheme", "Token", 401},
		{"the token twice", "Token " + c.Token + " " + c.Token, 401},
		{"part of the token", "Token " + c.Token[1:], 401},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for _, path := range paths {
				header := http.Header{}
				if tt.header != "" {
					header.Set("Authorization", tt.header)
				}
				r := target.partner(t, 0).doWith("GET", path, nil, header)
				if r.http != tt.http {
					t.Errorf("%s: got HTTP %d, want %d", path, r.http, tt.http)
				}
				if r.http == 401 && strings.Contains(r.envelope.StatusMessage, c.Token) {
					t.Errorf("%s: the answer repeats the token", path)
				}
			}
		})
	}
}

// Requirements TF-49, TF-50, TF-59, TF-63.
func testURLs(t *testing.T, target Target) {
	c := target.partner(t, 0)
	id := "URL/1 *ä?#%"
	path := "/emsp/2.1.1/locations/" + c.Party.CountryCode + "/" + c.Party.PartyID + "/" + url.PathEscape(id)
	c.do("PUT", path, c.location(id)).created()
	lower := strings.ToLower(c.Party.CountryCode + "/" + c.Party.PartyID)
	evse := c.location(id).EVSEs[0].UID
	for _, same := range []string{
		path, path + "/", "/emsp//2.1.1///locations/" + c.Party.CountryCode + "//" + c.Party.PartyID + "/" + url.PathEscape(id),
		"/emsp/2.1.1/locations/" + lower + "/" + url.PathEscape(id),
	} {
		if got := data[v211.Location](c.do("GET", same, nil).ok()); got.ID != id {
			t.Errorf("%s: got %s", same, got.ID)
		}
	}
	c.do("GET", path+"/"+evse+"/", nil).ok()
	c.do("PATCH", path+"//"+evse, `{"status":"BLOCKED"}`).ok()
	for _, dots := range []string{"%2E%2E", "%2E", ".x"} {
		unescaped, err := url.PathUnescape(dots)
		if err != nil {
			t.Fatal(err)
		}
		c.do("PUT", c.owned("emsp", "tariffs", dots), c.tariff(unescaped)).created()
		c.do("GET", c.owned("emsp", "tariffs", dots), nil).ok()
	}
	for _, list := range []string{"/cpo/2.1.1/locations/", "/cpo/2.1.1//locations?limit=1", "/versions/", "/2.1.1/details/", "/cpo/2.1.1/"} {
		c.do("GET", list, nil).ok()
	}
	c.do("POST", "/emsp/2.1.1/cdrs/", c.cdr("URL-1")).created()
	for _, v := range []ocpi.Version{ocpi.V221, ocpi.V230} {
		if !slices.Contains(target.Versions, v) {
			c.do("GET", "/cpo/"+string(v)+"/locations", nil).notFound()
			c.do("GET", "/"+string(v)+"/details", nil).notFound()
		}
	}
	for _, unknown := range []string{
		"/", "/nothing", "/cpo", "/cpo/2.1.1/nothing", "/cpo/2.0/locations", "/2.0/details",
		"/cpo/2.1.1/locations/none", "/cpo/2.1.1/locations/LOC1/none", "/cpo/2.1.1/locations/LOC1/none/1", "/cpo/2.1.1/locations/a/b/c/d",
		c.owned("emsp", "locations", "none"), c.owned("emsp", "sessions", "none"), "/emsp/2.1.1/cdrs/none",
		"/emsp/2.1.1/locations/XX/YYY/" + url.PathEscape(id), "/emsp/2.1.1/locations/" + target.Own.String() + "/LOC1",
	} {
		c.do("GET", unknown, nil).notFound()
	}
}

// page is one page of a list.
type page struct {
	reply
	items []jsontext.Value
	next  string
}

func (c client) page(path string) page {
	c.t.Helper()
	r := c.do("GET", path, nil).ok()
	p := page{reply: r, items: data[[]jsontext.Value](r)}
	if link := r.header.Get("Link"); link != "" {
		u, rel, ok := strings.Cut(strings.TrimPrefix(link, "<"), ">")
		if !ok || strings.TrimSpace(rel) != `; rel="next"` {
			c.t.Fatalf("TF-21: the link is %q", link)
		}
		p.next = u
	}
	return p
}

func (p page) param(name string) string {
	u, err := url.Parse(p.next)
	if err != nil {
		p.t.Fatal(err)
	}
	return u.Query().Get(name)
}

func (p page) wantHeaders(total, limit int) {
	p.t.Helper()
	if got := p.header.Get("X-Total-Count"); got != strconv.Itoa(total) {
		p.t.Errorf("TF-25: %s: X-Total-Count is %q, want %d", p.call, got, total)
	}
	if got := p.header.Get("X-Limit"); got != strconv.Itoa(limit) {
		p.t.Errorf("TF-26: %s: X-Limit is %q, want %d", p.call, got, limit)
	}
}

// all follows Link from page to page (requirement TF-28).
func (c client) all(path string) []string {
	c.t.Helper()
	var ids []string
	for n := 0; path != "" && n < 1000; n++ {
		p := c.page(path)
		for _, raw := range p.items {
			var named struct {
				ID  string `json:"id"`
				UID string `json:"uid"`
			}
			if err := json.Unmarshal(raw, &named); err != nil {
				c.t.Fatal(err)
			}
			ids = append(ids, named.ID+named.UID)
		}
		path = p.next
	}
	return ids
}

func testPages(t *testing.T, target Target) { testPagesOf(t, target, "/cpo/2.1.1/locations") }

// testPagesOf checks the pages of our locations (requirement DT-13).
func testPagesOf(t *testing.T, target Target, list string) {
	t.Helper()
	c := target.partner(t, 0)
	locations := target.Sample.Locations()
	total, most := len(locations), target.PageLimit
	var ids []string
	for _, l := range locations {
		ids = append(ids, string(l.ID))
	}

	first := c.page(list)
	first.wantHeaders(total, most)
	if len(first.items) != most || first.param("offset") != strconv.Itoa(most) || first.param("limit") != strconv.Itoa(most) {
		t.Errorf("TF-24: %d objects, next %s", len(first.items), first.next)
	}
	large := c.page(list + "?limit=2000")
	large.wantHeaders(total, most)
	if large.param("offset") != strconv.Itoa(most) || large.param("limit") != strconv.Itoa(most) {
		t.Errorf("TF-23: next is %s", large.next)
	}
	c.page(list+"?limit=99999999999999999999").wantHeaders(total, most)
	for _, limit := range []int{1, 2, most} {
		if diff := cmp.Diff(ids, c.all(fmt.Sprintf("%s?limit=%d", list, limit))); diff != "" {
			t.Errorf("TF-19, TF-27: pages of %d: %s", limit, diff)
		}
	}
	if diff := cmp.Diff(ids, c.all(list)); diff != "" {
		t.Errorf("TF-27: a second time: %s", diff)
	}
	for offset := range total + 2 {
		p := c.page(fmt.Sprintf("%s?offset=%d&limit=1", list, offset))
		p.wantHeaders(total, 1)
		if want := min(1, max(0, total-offset)); len(p.items) != want || (p.next != "") != (offset < total-1) {
			t.Errorf("TF-21, TF-33: offset %d: %d objects, next %q", offset, len(p.items), p.next)
		}
	}
	last := c.page(fmt.Sprintf("%s?offset=%d", list, total-1))
	last.wantHeaders(total, most)
	if len(last.items) != 1 || last.next != "" {
		t.Errorf("TF-21: the last page has a link to %q", last.next)
	}
	far := c.page(list + "?offset=99999999999999999999")
	if len(far.items) != 0 || far.next != "" {
		t.Errorf("TF-33: got %d objects and a link to %q", len(far.items), far.next)
	}
	testDates(t, c, list, target)
}

// testDates checks the filters on last_updated (requirements TF-22, TF-31, TF-32, TF-34, DT-12).
func testDates(t *testing.T, c client, list string, target Target) {
	t.Helper()
	at := func(d time.Duration) string {
		return target.Sample.Location(2).LastUpdated.Time().Add(d).Format(time.RFC3339)
	}
	matching := func(from, to string) []string {
		var ids []string
		for _, l := range target.Sample.Locations() {
			updated := l.LastUpdated.String()
			if (from == "" || updated >= from) && (to == "" || updated < to) {
				ids = append(ids, string(l.ID))
			}
		}
		return ids
	}
	for _, tt := range []struct{ name, from, to string }{
		{"from is included", at(0), ""},
		{"just after", at(time.Second), ""},
		{"to is excluded", "", at(0)},
		{"just before", "", at(time.Second)},
		{"both", at(0), at(time.Second)},
		{"an empty window", at(0), at(0)},
		{"the wrong way round", at(time.Hour), at(-time.Hour)},
	} {
		query := url.Values{"limit": {"1"}}
		if tt.from != "" {
			query.Set("date_from", tt.from)
		}
		if tt.to != "" {
			query.Set("date_to", tt.to)
		}
		want := matching(tt.from, tt.to)
		if diff := cmp.Diff(want, c.all(list+"?"+query.Encode())); diff != "" {
			t.Errorf("TF-31: %s: %s", tt.name, diff)
		}
		p := c.page(list + "?" + query.Encode())
		p.wantHeaders(len(want), 1)
		if p.next != "" && (p.param("date_from") != tt.from || p.param("date_to") != tt.to) {
			t.Errorf("TF-22: %s: the filters are lost in %s", tt.name, p.next)
		}
	}
	one := c.page(list + "?date_from=" + at(0)).header.Get("X-Total-Count")
	for _, form := range []string{strings.TrimSuffix(at(0), "Z"), strings.TrimSuffix(at(0), "Z") + "%2B00:00", strings.TrimSuffix(at(0), "Z") + "+00:00", strings.TrimSuffix(at(0), "Z") + ".000Z"} {
		if got := c.page(list + "?date_from=" + form).header.Get("X-Total-Count"); got != one {
			t.Errorf("TF-34: date_from=%s finds %s, want %s", form, got, one)
		}
	}
}

// Requirements TF-33, SES-02 and DS-10.
func testQueries(t *testing.T, target Target) { testQueriesOf(t, target, "/cpo/2.1.1/") }

// testQueriesOf checks the lists below a root (requirements TF-33, SES-02, DS-10).
func testQueriesOf(t *testing.T, target Target, root string) {
	t.Helper()
	c := target.partner(t, 0)
	for _, query := range []string{
		"limit=-1", "limit=0", "limit=x", "limit=1.5", "offset=-1", "offset=x", "offset=-99999999999999999999",
		"date_from=today", "date_to=2026-02-30T00:00:00Z", "date_from=None", "cursor=!!", "offset=%zz",
	} {
		for _, list := range []string{"locations", "cdrs", "tariffs"} {
			c.do("GET", root+list+"?"+query, nil).refused()
		}
	}
	c.do("GET", root+"sessions", nil).refused().says("date_from")
	c.do("GET", root+"locations?unknown=1&limit=&offset=&date_from=", nil).ok()
}

// Requirements TF-13, TF-15, TF-42, TF-44, V-03, C-08, L-08, L-19, SES-03, SES-09, CDR-03, CDR-07, TAR-03, TOK-01.
func testMethods(t *testing.T, target Target) {
	c := target.partner(t, 0)
	offered := map[string]string{
		"/versions": "GET", "/2.1.1/details": "GET",
		"/cpo/2.1.1/locations": "GET", "/cpo/2.1.1/locations/LOC1": "GET", "/cpo/2.1.1/locations/LOC1/1/1": "GET",
		"/cpo/2.1.1/sessions": "GET", "/cpo/2.1.1/cdrs": "GET", "/cpo/2.1.1/tariffs": "GET",
		c.owned("cpo", "tokens", "T"): "GET, PUT, PATCH", "/cpo/2.1.1/commands/START_SESSION": "POST",
		c.owned("emsp", "locations", "L"): "GET, PUT, PATCH", c.owned("emsp", "locations", "L/E"): "GET, PUT, PATCH",
		c.owned("emsp", "locations", "L/E/C"): "GET, PUT, PATCH", c.owned("emsp", "sessions", "S"): "GET, PUT, PATCH",
		"/emsp/2.1.1/cdrs": "POST", "/emsp/2.1.1/cdrs/C": "GET", c.owned("emsp", "tariffs", "T"): "GET, PUT, PATCH, DELETE",
		"/emsp/2.1.1/tokens": "GET", "/emsp/2.1.1/tokens/T/authorize": "POST", "/emsp/2.1.1/commands/1": "POST",
		"/emsp/2.1.1/commands/START_SESSION/1": "POST",
	}
	for path, allow := range offered {
		for _, method := range []string{"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"} {
			if slices.Contains(strings.Split(allow, ", "), method) {
				continue
			}
			r := c.do(method, path, nil)
			if r.http != http.StatusMethodNotAllowed || r.header.Get("Allow") != allow {
				t.Errorf("%s: got HTTP %d and Allow %q, want 405 and %q", r.call, r.http, r.header.Get("Allow"), allow)
			}
		}
	}
	for _, method := range []string{"POST", "PATCH"} {
		r := c.do(method, "/cpo/2.1.1/credentials", map[string]string{})
		if allow := strings.Split(r.header.Get("Allow"), ", "); r.http != 405 || allow[0] != "GET" || slices.Contains(allow, method) {
			t.Errorf("C-05, C-08: %s of credentials by a partner that is registered: got HTTP %d, Allow %v", method, r.http, allow)
		}
	}
}

// Requirements TF-14, TF-35, TF-47, TF-57, TF-58, TF-67, TF-71, L-13, ZX-01.
func testBodies(t *testing.T, target Target) {
	c := target.partner(t, 0)
	path := c.owned("emsp", "locations", "BODY-1")
	good := c.location("BODY-1")
	tests := []struct {
		name string
		body any
		http int
		code ocpi.StatusCode
		says []string
	}{
		{"no JSON", "hello", 400, 2001, []string{"line 1"}},
		{"empty", "", 400, 2001, []string{"empty"}},
		{"cut off", string(must(t, good))[:200], 400, 2001, []string{"byte 200"}},
		{"duplicate names", `{"id":"BODY-1","id":"BODY-1"}`, 400, 2001, []string{"duplicate"}},
		{"not UTF-8", "{\"id\":\"\xff\"}", 400, 2001, []string{"UTF-8"}},
		{"two documents", string(must(t, good)) + "{}", 400, 2001, []string{"follows"}},
		{"a list", "[]", 200, 2001, []string{"object"}},
		{"null", "null", 200, 2001, []string{"object"}},
		{"required field missing", with(t, good, "address", ""), 200, 2001, []string{"/address"}},
		{"several things wrong", `{"id":"BODY-1","type":7,"last_updated":"never"}`, 200, 2001, []string{"/type", "/last_updated", "/coordinates", "/city"}},
		{"another id than the URL", with(t, good, "id", `"OTHER"`), 200, 2001, []string{"/id", "OTHER", "BODY-1"}},
		{"an unreadable date", with(t, good, "last_updated", `"2026-99-01T00:00:00Z"`), 200, 2001, []string{"/last_updated"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := target.partner(t, 0)
			c.do("PUT", path, tt.body).want(tt.http, tt.code).says(tt.says...)
			c.do("GET", path, nil).notFound()
		})
	}
	usable := map[string]string{
		"city":          `"` + strings.Repeat("Llanfair", 20) + `"`,
		"type":          `"SEASIDE"`,
		"postal_code":   `""`,
		"coordinates":   `{"latitude":"52.1","longitude":"6,8"}`,
		"country":       `"NL"`,
		"facilities":    `["HOTEL","PETTING_ZOO"]`,
		"name":          `"Grüße aus Zürich ⚡"`,
		"invented":      `{"by":["partner",1,null,{"x":0.10}]}`,
		"publish":       `false`,
		"opening_times": `{"twentyfourseven":true,"regular_hours":[]}`,
	}
	for member, value := range usable {
		t.Run("kept as sent: "+member, func(t *testing.T) {
			c := target.partner(t, 0)
			sent := with(t, good, member, value)
			if r := c.do("PUT", path, sent); r.http >= 300 || r.envelope.StatusCode != 1000 {
				t.Fatalf("got HTTP %d, status %d: %s", r.http, r.envelope.StatusCode, r.envelope.StatusMessage)
			}
			if diff := cmp.Diff(canonical(t, sent), canonical(t, c.do("GET", path, nil).ok().envelope.Data)); diff != "" {
				t.Error(diff)
			}
		})
	}
	for _, contentType := range []string{"application/json; charset=utf-8", "text/plain", ""} {
		header := http.Header{"Authorization": {"Token " + c.Token}}
		if contentType != "" {
			header.Set("Content-Type", contentType)
		}
		c.doWith("PUT", path, good, header).ok()
	}
}
