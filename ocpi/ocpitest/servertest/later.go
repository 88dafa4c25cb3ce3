package servertest

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/convert"
	"github.com/roamwire/roamwire/ocpi/v230"
	"github.com/roamwire/roamwire/ocpi/wire"
)

// runLater checks what a version since 2.2 asks for.
func runLater(t *testing.T, target Target, v ocpi.Version) {
	t.Helper()
	for _, test := range []struct {
		name string
		run  func(laterClient)
	}{
		{"every operation answers", laterClient.testOperations},
		{"endpoints have roles", laterClient.testDetails},
		{"a request needs a token that is known here", func(c laterClient) { testTokensOf(c.t, c.target, c.guarded()) }},
		{"pages are complete and in order", func(c laterClient) { testPagesOf(c.t, c.target, c.sender("locations")) }},
		{"bad queries get 2001", func(c laterClient) { testQueriesOf(c.t, c.target, c.sender("")) }},
		{"bad bodies are told apart", laterClient.testBodies},
		{"a PATCH says when", laterClient.testTimes},
		{"locations, EVSEs and connectors", laterClient.testLocations},
		{"sessions", laterClient.testSessions},
		{"charge detail records", laterClient.testCDRs},
		{"tariffs", laterClient.testTariffs},
		{"tokens", laterClient.testTokens},
		{"authorization of drivers", laterClient.testAuthorize},
		{"commands", laterClient.testCommands},
		{"messages say whom they are for and from", laterClient.testRouting},
		{"partners never meet", laterClient.testIsolation},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(target.later(t, v, 0)) })
	}
}

// A laterClient calls the server as one partner in a version since 2.2.
type laterClient struct {
	client
	codecs wire.Codecs
}

func (target Target) later(t *testing.T, v ocpi.Version, n int) laterClient {
	t.Helper()
	codecs, ok := wire.For(v)
	if !ok {
		t.Fatalf("there is no version %s", v)
	}
	return laterClient{target.partner(t, n), codecs}
}

// other is another partner that calls in the same version.
func (c laterClient) other() laterClient { return c.target.later(c.t, c.codecs.Version, 1) }

func (c laterClient) root() string { return "/" + string(c.codecs.Version) + "/" }

// sender is the path of a module whose objects are the server's.
func (c laterClient) sender(module string) string { return c.root() + "sender/" + module }

// receiver is the path of a module whose objects are partners'.
func (c laterClient) receiver(module string) string { return c.root() + "receiver/" + module }

// owned is the path of an object that this partner owns.
func (c laterClient) owned(module, id string) string {
	return c.receiver(module) + "/" + c.Party.CountryCode + "/" + c.Party.PartyID + "/" + c.id(id)
}

// id makes an id of this version alone: objects are there in every version.
func (c laterClient) id(id string) string { return string(c.codecs.Version) + "-" + id }

// guarded are paths of every kind.
func (c laterClient) guarded() []string {
	return []string{c.root() + "details", c.root() + "credentials", c.sender("locations")}
}

// written is an object as this partner sends it.
func written[T any](c laterClient, codec wire.Codec[T], object T) []byte {
	c.t.Helper()
	raw, _, err := codec.Write(object, convert.Env{Owner: c.Party})
	if err != nil {
		c.t.Fatal(err)
	}
	return convert.StripLeftovers(raw)
}

func (c laterClient) location(id string) (v230.Location, []byte) {
	l := c.sample().Location(1)
	l.ID = ocpi.CiString(c.id(id))
	return l, written(c, c.codecs.Locations, l)
}

func (c laterClient) session(id string) (v230.Session, []byte) {
	s := c.sample().Session(1)
	s.ID, s.Status = ocpi.CiString(c.id(id)), v230.SessionStatusActive
	return s, written(c, c.codecs.Sessions, s)
}

func (c laterClient) cdr(id string) []byte {
	d := c.sample().CDR(1)
	d.ID = ocpi.CiString(c.id(id))
	return written(c, c.codecs.CDRs, d)
}

func (c laterClient) tariff(id string) []byte {
	tariff := c.sample().ACTariff()
	tariff.ID = ocpi.CiString(c.id(id))
	return written(c, c.codecs.Tariffs, tariff)
}

func (c laterClient) token(uid string, kind v230.TokenType) []byte {
	token := c.sample().Token(1)
	token.UID, token.Type = ocpi.CiString(c.id(uid)), kind
	return written(c, c.codecs.Tokens, token)
}

// since is a later time than any of the sample.
const since = "2026-06-01T00:00:00Z"

// timed is the body of a PATCH: members, and when they changed.
func timed(members string) string { return `{` + members + `,"last_updated":"` + since + `"}` }

// testOperations calls each operation, in an order in which they succeed (requirements DT-09, DV-02, DH-06).
func (c laterClient) testOperations() {
	sample := c.target.Sample
	own := sample.Location(1)
	evse := string(own.EVSEs[0].UID)
	at := c.sender("locations") + "/" + string(own.ID)
	location, raw := c.location("OP-1")
	part := c.owned("locations", "OP-1") + "/" + string(location.EVSEs[0].UID)
	plug := location.EVSEs[0].Connectors[0]
	_, session := c.session("OP-1")
	for _, o := range []struct {
		method, path string
		body         any
		http         int
	}{
		{"GET", "/versions", nil, 200},
		{"GET", c.root() + "details", nil, 200},
		{"GET", c.root() + "credentials", nil, 200},
		{"GET", c.sender("locations"), nil, 200},
		{"GET", at, nil, 200},
		{"GET", at + "/" + evse, nil, 200},
		{"GET", at + "/" + evse + "/" + string(own.EVSEs[0].Connectors[0].ID), nil, 200},
		{"GET", c.sender("sessions?date_from=2000-01-01T00:00:00Z"), nil, 200},
		{"GET", c.sender("cdrs"), nil, 200},
		{"GET", c.sender("tariffs"), nil, 200},
		{"GET", c.sender("tokens"), nil, 200},
		{"GET", c.owned("locations", "OP-1"), nil, 404},
		{"PUT", c.owned("locations", "OP-1"), raw, 201},
		{"PUT", c.owned("locations", "OP-1"), raw, 200},
		{"GET", c.owned("locations", "OP-1"), nil, 200},
		{"PATCH", c.owned("locations", "OP-1"), timed(`"name":"Renamed"`), 200},
		{"GET", part, nil, 200},
		{"PATCH", part, timed(`"status":"CHARGING"`), 200},
		{"GET", part + "/" + string(plug.ID), nil, 200},
		{"PATCH", part + "/" + string(plug.ID), timed(`"max_amperage":20`), 200},
		{"PUT", c.owned("sessions", "OP-1"), session, 201},
		{"GET", c.owned("sessions", "OP-1"), nil, 200},
		{"PATCH", c.owned("sessions", "OP-1"), timed(`"kwh":99`), 200},
		{"POST", c.receiver("cdrs"), c.cdr("OP-1"), 201},
		{"GET", c.receiver("cdrs/" + c.id("OP-1")), nil, 200},
		{"PUT", c.owned("tariffs", "OP-1"), c.tariff("OP-1"), 201},
		{"GET", c.owned("tariffs", "OP-1"), nil, 200},
		{"DELETE", c.owned("tariffs", "OP-1"), nil, 200},
		{"DELETE", c.owned("tariffs", "OP-1"), nil, 404},
		{"PUT", c.owned("tokens", "OP-1"), c.token("OP-1", v230.TokenTypeRFID), 201},
		{"GET", c.owned("tokens", "OP-1"), nil, 200},
		{"PATCH", c.owned("tokens", "OP-1"), timed(`"valid":false`), 200},
		{"POST", c.sender("tokens/" + string(sample.Token(1).UID) + "/authorize"), nil, 200},
	} {
		r := c.do(o.method, o.path, o.body)
		if r.http != o.http {
			c.t.Errorf("%s: got HTTP %d, status %d (%s), want HTTP %d", r.call, r.http, r.envelope.StatusCode, r.envelope.StatusMessage, o.http)
		}
	}
}

// testDetails checks that one document has the endpoints of both sides (requirements DV-01, DV-02, DV-03).
func (c laterClient) testDetails() {
	url := c.offered("/versions", c.codecs.Version)
	details, findings, err := v230.DecodeVersionDetails(c.do("GET", url, nil).ok().envelope.Data)
	if err != nil || len(findings) > 0 || details.Version != c.codecs.Version {
		c.t.Fatalf("%v %v: %+v", err, findings, details)
	}
	for _, module := range []ocpi.ModuleID{"locations", "sessions", "cdrs", "tariffs", "tokens"} {
		for _, side := range []ocpi.InterfaceRole{ocpi.Sender, ocpi.Receiver} {
			i := slices.IndexFunc(details.Endpoints, func(e v230.Endpoint) bool { return e.Identifier == module && e.Role == side })
			if i < 0 || !strings.HasPrefix(details.Endpoints[i].URL, c.target.URL+"/") {
				c.t.Errorf("DV-01: there is no %s of the %s: %+v", module, side, details.Endpoints)
			}
		}
	}
}

// testBodies checks what is told of documents that cannot be used (requirements DT-08, DL-03, ZX-01, ZX-03, DT-31).
func (c laterClient) testBodies() {
	path := c.owned("locations", "BODY-1")
	_, good := c.location("BODY-1")
	for _, bad := range map[string]struct {
		body any
		http int
		says []string
	}{
		"no JSON":              {"hello", 400, []string{"line 1"}},
		"empty":                {"", 400, []string{"empty"}},
		"a list":               {"[]", 200, []string{"object"}},
		"required missing":     {with(c.t, jsontext.Value(good), "publish", ""), 200, []string{"/publish"}},
		"several things wrong": {`{"id":"BODY-1","publish":7,"last_updated":"never"}`, 200, []string{"/publish", "/last_updated", "/coordinates", "/time_zone", "/party_id"}},
		"another id":           {with(c.t, jsontext.Value(good), "id", `"OTHER"`), 200, []string{"/id", "OTHER"}},
		"another party":        {with(c.t, jsontext.Value(good), "party_id", `"ZZZ"`), 200, []string{"/party_id"}},
	} {
		c.do("PUT", path, bad.body).want(bad.http, ocpi.StatusInvalidParameters).says(bad.says...)
		c.do("GET", path, nil).notFound()
	}
	for member, value := range map[string]string{
		"invented": `{"by":["partner",1,null,{"x":0.10}]}`, "parking_type": `"ROOFTOP"`, "name": `"Grüße ⚡"`, "ocpi": `1`,
		"address": `"` + strings.Repeat("Llanfair", 40) + `"`,
	} {
		sent := with(c.t, jsontext.Value(good), member, value)
		if r := c.do("PUT", path, sent); r.http >= 300 || r.envelope.StatusCode != ocpi.StatusSuccess {
			c.t.Fatalf("%s: got HTTP %d, status %d: %s", member, r.http, r.envelope.StatusCode, r.envelope.StatusMessage)
		}
		c.has(path, sent)
	}
}

// has checks that an object is there as it was sent.
func (c laterClient) has(path string, sent []byte) {
	c.t.Helper()
	if got := canonical(c.t, c.do("GET", path, nil).ok().envelope.Data); got != canonical(c.t, sent) {
		c.t.Errorf("%s: sent\n%s\ngot\n%s", path, canonical(c.t, sent), got)
	}
}

// testTimes checks that no object changes without a time (requirements DL-01, DS-04, DK-02, DT-10).
func (c laterClient) testTimes() {
	location, raw := c.location("TIME-1")
	path := c.owned("locations", "TIME-1")
	evse := path + "/" + string(location.EVSEs[0].UID)
	_, session := c.session("TIME-1")
	c.do("PUT", path, raw).created()
	c.do("PUT", c.owned("sessions", "TIME-1"), session).created()
	c.do("PUT", c.owned("tokens", "TIME-1"), c.token("TIME-1", v230.TokenTypeRFID)).created()
	for _, patch := range [][2]string{
		{path, `{"name":"x"}`}, {path, `{}`}, {path, `{"name":"x","last_updated":null}`}, {evse, `{"status":"CHARGING"}`},
		{evse + "/" + string(location.EVSEs[0].Connectors[0].ID), `{"max_voltage":400}`},
		{c.owned("sessions", "TIME-1"), `{"kwh":7}`}, {c.owned("tokens", "TIME-1"), `{"valid":false}`},
	} {
		c.do("PATCH", patch[0], patch[1]).refused().says("/last_updated")
	}
	c.has(path, raw)
	c.has(c.owned("sessions", "TIME-1"), session)
}

// testRouting checks the routing headers (requirements DT-18, DT-19, DT-20, DT-21).
func (c laterClient) testRouting() {
	own := c.target.Own
	header := func(to, from ocpi.Party) http.Header {
		h := http.Header{"Authorization": {"Token " + c.Token}}
		for name, value := range map[string]string{
			ocpi.HeaderToCountry: to.CountryCode, ocpi.HeaderToParty: to.PartyID, ocpi.HeaderFromCountry: from.CountryCode, ocpi.HeaderFromParty: from.PartyID,
		} {
			if value != "" {
				h.Set(name, value)
			}
		}
		return h
	}
	list := c.sender("locations")
	r := c.doWith("GET", list, nil, header(own, c.Party)).ok()
	for name, want := range map[string]string{
		ocpi.HeaderToCountry: c.Party.CountryCode, ocpi.HeaderToParty: c.Party.PartyID, ocpi.HeaderFromCountry: own.CountryCode, ocpi.HeaderFromParty: own.PartyID,
	} {
		if got := r.header.Get(name); got != want {
			c.t.Errorf("DT-20: %s is %q, want %q", name, got, want)
		}
	}
	c.doWith("GET", list, nil, header(ocpi.Party{}, ocpi.Party{})).ok() // each side has one party
	c.doWith("GET", list, nil, header(ocpi.Party{}, c.Party)).ok()
	c.doWith("GET", list, nil, header(ocpi.NewParty("XX", "YYY"), c.Party)).want(http.StatusNotFound, 4001)
	c.doWith("GET", list, nil, header(own, c.other().Party)).refused()
	if r := c.doWith("GET", "/versions", nil, header(own, c.Party)).ok(); r.header.Get(ocpi.HeaderToParty) != "" {
		c.t.Error("DT-18: versions are answered with routing headers")
	}
}

// testIsolation checks that two partners with the same ids never see or touch each other's objects.
func (c laterClient) testIsolation() {
	b := c.other()
	const id = "SAME"
	_, one := c.location(id)
	_, two := b.location(id)
	c.do("PUT", c.owned("locations", id), one).created()
	b.do("PUT", b.owned("locations", id), two).created()
	for _, method := range []string{"GET", "PUT", "PATCH"} {
		b.do(method, c.owned("locations", id), one).notFound()
	}
	c.has(c.owned("locations", id), one)
	b.has(b.owned("locations", id), two)
	for _, foreign := range []string{c.receiver("sessions/XX/YYY/1"), c.receiver("tariffs/XX/YYY/1"), c.receiver("tokens/XX/YYY/1")} {
		c.do("GET", foreign, nil).notFound()
	}
}
