package servertest

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/convert"
	"github.com/roamwire/roamwire/ocpi/quirk"
	"github.com/roamwire/roamwire/ocpi/v230"
	"github.com/roamwire/roamwire/ocpi/wire"
)

// readBack reads an object that the server shows, which must be valid in the version.
func readBack[T any](c laterClient, codec wire.Codec[T], path string) T {
	c.t.Helper()
	object, report, err := codec.Read(c.do("GET", path, nil).ok().envelope.Data, convert.Env{Owner: c.Party}, quirk.Profile{})
	if err != nil || len(report.Findings) > 0 {
		c.t.Fatalf("%s: %v %v", path, err, report.Findings)
	}
	return object
}

// testLocations (requirements DL-02, DL-03, DL-04, DL-05, DT-31).
func (c laterClient) testLocations() {
	location, raw := c.location("LOC-1")
	path := c.owned("locations", "LOC-1")
	evse := location.EVSEs[0]
	part, plug := path+"/"+string(evse.UID), string(evse.Connectors[0].ID)
	stored := func() v230.Location { return readBack(c, c.codecs.Locations, path) }
	c.do("PUT", part, written(c, c.codecs.EVSEs, evse)).notFound()
	c.do("PATCH", part, timed(`"status":"CHARGING"`)).notFound()
	c.do("PUT", path, raw).created()
	c.has(path, raw)

	want := ocpi.NewDateTime(time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC))
	c.do("PATCH", part+"/"+plug, timed(`"max_amperage":63`)).ok()
	got := stored()
	if n := got.EVSEs[0]; n.Connectors[0].MaxAmperage != 63 || !n.Connectors[0].LastUpdated.Equal(want) || !n.LastUpdated.Equal(want) || !got.LastUpdated.Equal(want) {
		c.t.Errorf("DL-02: connector %+v, EVSE %s, location %s", n.Connectors[0], n.LastUpdated, got.LastUpdated)
	}
	c.do("PATCH", part, timed(`"status":"REMOVED"`)).ok()
	if got = stored(); len(got.EVSEs) != len(location.EVSEs) || got.EVSEs[0].Status != v230.StatusRemoved {
		c.t.Errorf("DL-04: %d EVSEs, the first is %s", len(got.EVSEs), got.EVSEs[0].Status)
	}
	for _, gone := range []string{path, part, part + "/" + plug} {
		if r := c.do("DELETE", gone, nil); r.http != http.StatusMethodNotAllowed {
			c.t.Errorf("DL-04: %s: got HTTP %d", r.call, r.http)
		}
	}
	c.do("PATCH", path, timed(`"evses":[{"uid":"`+strings.ToLower(string(evse.UID))+`","status":"BLOCKED"}]`)).ok()
	if got = stored(); len(got.EVSEs) != len(location.EVSEs) || got.EVSEs[0].Status != v230.StatusBlocked {
		c.t.Errorf("DT-31: %d EVSEs, the first is %s", len(got.EVSEs), got.EVSEs[0].Status)
	}
	added := evse
	added.UID = "NEW"
	c.do("PUT", path+"/NEW", written(c, c.codecs.EVSEs, added)).created()
	c.do("PUT", path+"/new/"+plug, written(c, c.codecs.Connectors, evse.Connectors[0])).ok()
	c.do("PATCH", path, timed(`"address":null`)).refused().says("/address")
	c.do("PATCH", path, timed(`"party_id":"ZZZ"`)).refused().says("/party_id")

	private := c.sample().Location(2)
	private.ID, private.Publish = ocpi.CiString(c.id("LOC-2")), false
	private.PublishAllowedTo = []v230.PublishTokenType{{UID: new(ocpi.CiString("04AB")), Type: new(v230.TokenTypeRFID)}}
	c.do("PUT", c.owned("locations", "LOC-2"), written(c, c.codecs.Locations, private)).created()
	if got := readBack(c, c.codecs.Locations, c.owned("locations", "LOC-2")); got.Publish || len(got.PublishAllowedTo) != 1 {
		c.t.Errorf("DL-05: %+v", got)
	}
}

// testSessions (requirements DS-02, DS-03, DS-05, DS-06, DS-07, DS-08).
func (c laterClient) testSessions() {
	session, raw := c.session("S-1")
	path := c.owned("sessions", "S-1")
	stored := func() v230.Session { return readBack(c, c.codecs.Sessions, path) }
	c.do("PATCH", path, timed(`"kwh":1`)).notFound()
	c.do("PUT", path, raw).created()
	c.has(path, raw)
	were := len(session.ChargingPeriods)
	for range 2 {
		c.do("PATCH", path, timed(`"charging_periods":[{"start_date_time":"2026-05-01T00:00:00Z","dimensions":[{"type":"STATE_OF_CHARGE","volume":50}]}]`)).ok()
	}
	c.do("PATCH", path, timed(`"charging_periods":[]`)).ok()
	if got := stored(); len(got.ChargingPeriods) != were+1 {
		c.t.Errorf("DS-03, DS-05: %d charging periods, want %d", len(got.ChargingPeriods), were+1)
	}
	session.LastUpdated, session.ChargingPeriods, session.AuthorizationReference = stored().LastUpdated, nil, new(ocpi.CiString("ref"))
	c.do("PUT", path, written(c, c.codecs.Sessions, session)).ok()
	if got := stored(); len(got.ChargingPeriods) != 0 || got.AuthorizationReference == nil {
		c.t.Errorf("DS-02: %d charging periods are left; DS-08: %v", len(got.ChargingPeriods), got.AuthorizationReference)
	}
	c.do("PATCH", path+"/charging_periods", timed(`"kwh":1`)).notFound()

	// A reservation begins before there is an EVSE, and becomes a session at another moment.
	reserved := session
	reserved.ID, reserved.Status, reserved.EVSEUID, reserved.ConnectorID = ocpi.CiString(c.id("S-2")), v230.SessionStatusReservation, "#NA", "#NA"
	reserved.EndDateTime = nil
	path = c.owned("sessions", "S-2")
	c.do("PUT", path, written(c, c.codecs.Sessions, reserved)).created()
	c.do("PATCH", path, timed(`"status":"ACTIVE","start_date_time":"2026-05-31T12:00:00Z","evse_uid":"E1","connector_id":"1"`)).ok()
	if got := stored(); got.Status != v230.SessionStatusActive || got.StartDateTime.String() != "2026-05-31T12:00:00Z" || got.EVSEUID != "E1" {
		c.t.Errorf("DS-06, DS-07: %+v", got)
	}
}

// testCDRs (requirements DD-02, DD-03, DD-11, DD-13, DD-14).
func (c laterClient) testCDRs() {
	root := c.receiver("cdrs")
	raw := c.cdr("C-1")
	location := c.do("POST", root, raw).created().header.Get("Location")
	if !strings.HasPrefix(location, c.target.URL+"/") {
		c.t.Fatalf("DD-14: Location is %q", location)
	}
	c.has(location, raw)
	if got := c.do("POST", root, raw).ok().header.Get("Location"); got != location {
		c.t.Errorf("DD-14: Location is %q, before it was %q", got, location)
	}
	c.do("POST", root, with(c.t, jsontext.Value(raw), "total_energy", "999")).refused()

	credit := c.sample().CDR(1)
	credit.ID, credit.Credit, credit.CreditReferenceID = ocpi.CiString(c.id(strings.Repeat("9", 30)+"-CR")), new(true), new(ocpi.CiString(c.id("C-1")))
	credit.TotalCost = v230.Price{BeforeTaxes: ocpi.MustNumber("-1.50"), Taxes: []v230.TaxAmount{{Name: "VAT", Amount: ocpi.MustNumber("-0.30")}}}
	document := written(c, c.codecs.CDRs, credit)
	c.has(c.do("POST", root, document).created().header.Get("Location"), document)

	signed := c.sample().CDR(1)
	signed.ID = ocpi.CiString(c.id("C-2"))
	signed.SignedData = &v230.SignedData{EncodingMethod: "OCMF", SignedValues: []v230.SignedValue{{Nature: "Start", PlainData: "{\"FV\" : \"1.0\"} ", SignedData: "T0NNRg=="}}}
	signed.StartDateTime = ocpi.NewDateTime(time.Unix(0, 0)) // unknown, by agreement (DD-11)
	document = written(c, c.codecs.CDRs, signed)
	c.has(c.do("POST", root, document).created().header.Get("Location"), document)
	if r := c.do("PATCH", location, timed(`"remark":"x"`)); r.http != http.StatusMethodNotAllowed {
		c.t.Errorf("%s: got HTTP %d", r.call, r.http)
	}
}

// testTariffs (requirements DTA-01, DTA-08, DTA-10).
func (c laterClient) testTariffs() {
	path := c.owned("tariffs", "T-1")
	raw := c.tariff("T-1")
	c.do("PUT", path, with(c.t, jsontext.Value(raw), "country_code", `"XX"`)).refused().says("/country_code")
	c.do("PUT", path, raw).created()
	c.has(path, raw)
	text := with(c.t, jsontext.Value(raw), "tariff_alt_text", `[{"language":"en","text":"Roaming costs extra."}]`)
	c.do("PUT", path, text).ok()
	c.has(path, text)
	if r := c.do("PATCH", path, timed(`"currency":"SEK"`)); r.http != http.StatusMethodNotAllowed || slices.Contains(strings.Split(r.header.Get("Allow"), ", "), "PATCH") {
		c.t.Errorf("DTA-01: got HTTP %d, Allow %s", r.http, r.header.Get("Allow"))
	}
	c.do("DELETE", path, nil).ok()
	c.do("GET", path, nil).notFound()
}

// testTokens (requirements DK-01, DK-02, DK-10).
func (c laterClient) testTokens() {
	path := c.owned("tokens", "04AB")
	raw := c.token("04AB", v230.TokenTypeRFID)
	c.do("PUT", path, raw).created()
	c.has(path, raw)
	app := with(c.t, jsontext.Value(c.token("04AB", v230.TokenTypeAppUser)), "group_id", `"G"`)
	c.do("PUT", path+"?type=APP_USER", app).created()
	c.has(path+"?type=APP_USER", app)
	c.has(path+"?type=RFID", raw)
	c.do("PATCH", path+"?type=APP_USER", timed(`"valid":false`)).ok()
	c.has(path, raw)
	if got := readBack(c, c.codecs.Tokens, path+"?type=APP_USER"); got.Valid || got.GroupID == nil {
		c.t.Errorf("DK-02, DK-10: %+v", got)
	}
	c.do("PUT", path+"?type=OTHER", raw).refused().says("/type")
}

// testAuthorize (requirements DK-03, DK-05, DK-11, DK-12).
func (c laterClient) testAuthorize() {
	token := c.target.Sample.Token(1)
	path := c.sender("tokens/" + string(token.UID) + "/authorize")
	for _, body := range []any{nil, `{"location_id":"ANY","evse_uids":["1"]}`} {
		info, report, err := c.codecs.AuthorizationInfos.Read(c.do("POST", path, body).ok().envelope.Data, convert.Env{Owner: c.target.Own}, quirk.Profile{})
		if err != nil || len(report.Findings) > 0 || info.Allowed != v230.AllowedTypeAllowed || info.Token.ContractID != token.ContractID {
			c.t.Errorf("DK-05: %v %v %+v", err, report.Findings, info)
		}
	}
	c.do("POST", path, `{"evse_uids":["1"]}`).refused().says("/location_id")
	unknown := c.do("POST", c.sender("tokens/unknown/authorize"), nil).want(http.StatusNotFound, ocpi.StatusUnknownToken)
	if len(unknown.envelope.Data) > 0 {
		c.t.Errorf("DK-03: %s", unknown.envelope.Data)
	}
}

// testCommands (requirements DM-01, DM-02, DM-03, ZM-01).
func (c laterClient) testCommands() {
	const url = "https://partner.example.com/results/1"
	own := c.target.Sample.Location(1)
	start, reserve := c.sample().StartSession(url), c.sample().ReserveNow(url)
	start.LocationID, start.EVSEUID, start.ConnectorID = own.ID, nil, nil
	reserve.LocationID, reserve.EVSEUID = own.ID, nil
	path := c.receiver("commands/")
	for command, body := range map[string]any{
		"START_SESSION": written(c, c.codecs.StartSessions, start), "RESERVE_NOW": written(c, c.codecs.ReserveNows, reserve),
		"STOP_SESSION":       written(c, c.codecs.StopSessions, c.sample().StopSession(url)),
		"CANCEL_RESERVATION": written(c, c.codecs.CancelReservations, c.sample().CancelReservation(url)),
		"MAKE_COFFEE":        "{}",
	} {
		r := c.do("POST", path+command, body).ok()
		got, report, err := c.codecs.CommandResponses.Read(r.envelope.Data, convert.Env{}, quirk.Profile{})
		if err != nil || len(report.Findings) > 0 || command == "MAKE_COFFEE" && got.Result != v230.CommandResponseTypeNotSupported {
			c.t.Errorf("DM-02, ZM-01: %s: %v %v %s", command, err, report.Findings, r.envelope.Data)
		}
		if command != "MAKE_COFFEE" {
			c.do("POST", path+command, "{}").refused().says("/response_url")
		}
	}
	for _, result := range []string{"ACCEPTED", "CANCELED_RESERVATION", "EVSE_OCCUPIED", "UNKNOWN_RESERVATION", "TIMEOUT"} {
		c.do("POST", c.sender("commands/RESERVE_NOW/1"), `{"result":"`+result+`"}`).ok()
	}
	c.do("POST", c.sender("commands/RESERVE_NOW/1"), "{}").refused().says("/result")
}
