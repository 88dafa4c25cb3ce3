package servertest

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/v211"
)

func testLocations(t *testing.T, target Target) {
	c := target.partner(t, 0)
	path := c.owned("emsp", "locations", "LOC-1")
	location := c.location("LOC-1")
	evse := location.EVSEs[0]
	connector := evse.Connectors[0]
	evsePath := path + "/" + evse.UID
	connectorPath := evsePath + "/" + connector.ID
	stored := func() v211.Location { return data[v211.Location](c.do("GET", path, nil).ok()) }
	later := func(n int) ocpi.DateTime {
		return ocpi.NewDateTime(location.LastUpdated.Time().Add(time.Duration(n) * time.Hour))
	}

	// Requirement L-12: there is nothing to put an EVSE or connector into yet.
	c.do("PUT", evsePath, evse).notFound()
	c.do("PUT", connectorPath, connector).notFound()
	c.do("PATCH", path, `{"name":"x"}`).notFound()
	c.do("PATCH", evsePath, `{"status":"CHARGING"}`).notFound()

	// Requirements L-10, TF-48: create, then replace.
	c.do("PUT", path, location).created()
	c.do("PUT", path, location).ok()
	if diff := cmp.Diff(canonical(t, must(t, location)), canonical(t, c.do("GET", path, nil).ok().envelope.Data)); diff != "" {
		t.Errorf("L-09: %s", diff)
	}

	// Requirement TF-36: what a PUT leaves out is gone.
	c.do("PUT", path, with(t, location, "name", "")).ok()
	if got := stored(); got.Name != nil {
		t.Errorf("TF-36: the name is still %q", *got.Name)
	}
	c.do("PUT", path, location).ok()

	// Requirement L-15: the most frequent message of all.
	c.do("PATCH", evsePath, fmt.Sprintf(`{"status":"CHARGING","last_updated":%q}`, later(1))).ok()
	got := stored()
	if got.EVSEs[0].Status != v211.StatusCharging || !got.EVSEs[0].LastUpdated.Equal(later(1)) || !got.LastUpdated.Equal(later(1)) {
		t.Errorf("L-15, L-18: %s, EVSE %s, location %s", got.EVSEs[0].Status, got.EVSEs[0].LastUpdated, got.LastUpdated)
	}
	want := location
	want.EVSEs = slices.Clone(location.EVSEs)
	want.EVSEs[0].Status, want.EVSEs[0].LastUpdated, want.LastUpdated = v211.StatusCharging, later(1), later(1)
	if diff := cmp.Diff(canonical(t, must(t, want)), canonical(t, must(t, got))); diff != "" {
		t.Errorf("TF-37: a PATCH changed more than it said: %s", diff)
	}

	// Requirement L-02: a connector moves its EVSE and location.
	c.do("PATCH", connectorPath, fmt.Sprintf(`{"amperage":63,"last_updated":%q}`, later(2))).ok()
	got = stored()
	if n := got.EVSEs[0].Connectors[0]; n.Amperage != 63 || !n.LastUpdated.Equal(later(2)) || !got.EVSEs[0].LastUpdated.Equal(later(2)) || !got.LastUpdated.Equal(later(2)) {
		t.Errorf("L-02: connector %+v, EVSE %s, location %s", n, got.EVSEs[0].LastUpdated, got.LastUpdated)
	}

	// Requirement TF-40: a PATCH without last_updated counts as of now, at every level.
	before := time.Now().Add(-time.Minute)
	c.do("PATCH", connectorPath, `{"voltage":400}`).ok()
	got = stored()
	for level, updated := range map[string]ocpi.DateTime{"connector": got.EVSEs[0].Connectors[0].LastUpdated, "EVSE": got.EVSEs[0].LastUpdated, "location": got.LastUpdated} {
		if updated.Time().Before(before) {
			t.Errorf("TF-40: the %s was last updated %s", level, updated)
		}
	}

	// Requirement L-10: PUT of an EVSE or connector adds or replaces one.
	added := evse
	added.UID = "NEW"
	c.do("PUT", path+"/NEW", added).created()
	c.do("PUT", path+"/NEW", added).ok()
	plug := connector
	plug.ID = "9"
	c.do("PUT", path+"/NEW/9", plug).created()
	c.do("PUT", path+"/NEW/9", plug).ok()
	got = stored()
	if len(got.EVSEs) != len(location.EVSEs)+1 || len(got.EVSEs[len(got.EVSEs)-1].Connectors) != len(evse.Connectors)+1 {
		t.Errorf("L-10: %d EVSEs, the last has %d connectors", len(got.EVSEs), len(got.EVSEs[len(got.EVSEs)-1].Connectors))
	}
	if order := got.EVSEs[0].UID; order != evse.UID {
		t.Errorf("the order of EVSEs changed: %s is first", order)
	}

	// Requirement L-16: an EVSE is removed by its status.
	c.do("PATCH", path+"/NEW", `{"status":"REMOVED","evse_id":null}`).ok()
	removed := data[v211.EVSE](c.do("GET", path+"/NEW", nil).ok())
	if removed.Status != v211.StatusRemoved || removed.EVSEID != nil {
		t.Errorf("L-16, L-22: %+v", removed)
	}

	// Requirement TF-38: EVSEs in the PATCH of a location are merged by uid; none disappears.
	c.do("PATCH", path, fmt.Sprintf(`{"evses":[{"uid":%q,"status":"RESERVED"}]}`, evse.UID)).ok()
	got = stored()
	if len(got.EVSEs) != len(location.EVSEs)+1 || got.EVSEs[0].Status != v211.StatusReserved || len(got.EVSEs[0].Connectors) != len(evse.Connectors) {
		t.Errorf("TF-38: got %d EVSEs, the first is %s with %d connectors", len(got.EVSEs), got.EVSEs[0].Status, len(got.EVSEs[0].Connectors))
	}
	c.do("PATCH", path, `{"evses":[{"uid":"HALF","status":"RESERVED"}]}`).refused().says("/evses/0/connectors")
	c.do("PATCH", path, `{"evses":[]}`).ok()
	if again := stored(); len(again.EVSEs) != len(got.EVSEs) {
		t.Errorf("TF-38: an empty list removed EVSEs")
	}

	// Requirements TF-37, TF-39, TF-47.
	c.do("PATCH", path, `{"name":null}`).ok()
	if got = stored(); got.Name != nil {
		t.Error("TF-39: null did not clear the name")
	}
	c.do("PATCH", path, `{"address":null}`).refused().says("/address")
	c.do("PATCH", path, `{"id":"OTHER"}`).refused().says("/id")
	c.do("PATCH", evsePath, `{"uid":"OTHER"}`).refused().says("/uid")
	c.do("PATCH", connectorPath, `{"id":"OTHER"}`).refused().says("/id")
	c.do("PUT", path+"/OTHER", evse).refused().says("/uid")
	c.do("PUT", evsePath+"/OTHER", connector).refused().says("/id")
	c.do("PATCH", path, `{"city":{"name":5}}`).refused().says("/city")
	c.do("PATCH", path, `[]`).refused()
	c.do("PATCH", path, `{`).want(http.StatusBadRequest, ocpi.StatusInvalidParameters)
	c.do("PATCH", path, `{"coordinates":{"latitude":"50.000000"}}`).refused().says("/coordinates/longitude")
	c.do("PATCH", path, `{}`).ok()
	c.do("PATCH", path, `{"operator":{"name":"Somebody else","invented":1},"invented":[1]}`).ok()
	m := members(c.do("GET", path, nil).ok())
	if string(m["invented"]) != "[1]" || !strings.Contains(string(m["operator"]), `"invented":1`) {
		t.Errorf("unknown members of a PATCH are lost: %s, %s", m["invented"], m["operator"])
	}
	c.do("PATCH", path, `{"invented":null}`).ok()
	if m := members(c.do("GET", path, nil).ok()); m["invented"] != nil {
		t.Errorf("null did not remove an unknown member: %s", m["invented"])
	}

	// Our own locations, for partners to pull (requirements L-06, L-07).
	own := target.Sample.Location(1)
	list := "/cpo/2.1.1/locations/" + string(own.ID)
	if got := data[v211.Location](c.do("GET", list, nil).ok()); got.ID != string(own.ID) || len(got.EVSEs) != len(own.EVSEs) {
		t.Errorf("L-06: got %+v", got)
	}
	if got := data[v211.EVSE](c.do("GET", list+"/"+string(own.EVSEs[0].UID), nil).ok()); got.UID != string(own.EVSEs[0].UID) {
		t.Errorf("L-06: got EVSE %+v", got)
	}
	if got := data[v211.Connector](c.do("GET", list+"/"+string(own.EVSEs[0].UID)+"/1", nil).ok()); got.ID != "1" {
		t.Errorf("L-06: got connector %+v", got)
	}
}

func testSessions(t *testing.T, target Target) {
	c := target.partner(t, 0)
	path := c.owned("emsp", "sessions", "S-1")
	session := c.session("S-1")
	session.Status = v211.SessionStatusActive
	stored := func() v211.Session { return data[v211.Session](c.do("GET", path, nil).ok()) }
	c.do("PATCH", path, `{"kwh":1}`).notFound()
	c.do("PUT", path, session).created()
	if diff := cmp.Diff(canonical(t, must(t, session)), canonical(t, c.do("GET", path, nil).ok().envelope.Data)); diff != "" {
		t.Errorf("SES-05: %s", diff)
	}

	// Requirement SES-07: money keeps its digits.
	c.do("PATCH", path, `{"total_cost":0.60,"kwh":3.1000}`).ok()
	m := members(c.do("GET", path, nil).ok())
	if string(m["total_cost"]) != "0.60" || string(m["kwh"]) != "3.1000" {
		t.Errorf("SES-07: total_cost %s, kwh %s", m["total_cost"], m["kwh"])
	}
	// Requirement TF-38: charging periods in a PATCH are added to those that are there, once.
	were := len(session.ChargingPeriods)
	for range 2 {
		c.do("PATCH", path, `{"charging_periods":[{"start_date_time":"2026-01-01T00:00:00Z","dimensions":[{"type":"ENERGY","volume":1}]}]}`).ok()
		if got := stored(); len(got.ChargingPeriods) != were+1 {
			t.Errorf("TF-38: %d charging periods, want %d", len(got.ChargingPeriods), were+1)
		}
	}
	c.do("PATCH", path, `{"charging_periods":[]}`).ok()
	c.do("PATCH", path, map[string]any{"charging_periods": session.ChargingPeriods}).ok()
	if got := stored(); len(got.ChargingPeriods) != were+1 {
		t.Errorf("TF-38: %d charging periods, want %d", len(got.ChargingPeriods), were+1)
	}

	c.do("PATCH", path, `{"charging_periods":[
		{"start_date_time":"2030-01-01T00:00:00Z","dimensions":[{"type":"ENERGY","volume":3}]},
		{"start_date_time":"2026-01-01T00:00:00Z","dimensions":[{"type":"ENERGY","volume":2}]},
		{"start_date_time":"2000-01-01T00:00:00Z","dimensions":[{"type":"ENERGY","volume":4}]}]}`).ok()
	var volumes []string
	for _, period := range stored().ChargingPeriods {
		if at := period.StartDateTime.Time(); at.YearDay() == 1 && at.Equal(at.Truncate(24*time.Hour)) {
			volumes = append(volumes, fmt.Sprint(at.Year(), ":", period.Dimensions[0].Volume))
		}
	}
	if diff := cmp.Diff("2000:4 2026:2 2030:3", strings.Join(volumes, " ")); diff != "" {
		t.Errorf("TF-38: a period takes the place of the one that begins with it, and the first is the earliest: %s", diff)
	}

	// Requirement SES-10: a completed session does not change by PATCH.
	c.do("PATCH", path, `{"status":"COMPLETED"}`).ok()
	c.do("PATCH", path, `{"status":"COMPLETED"}`).ok()
	c.do("PATCH", path, `{"total_cost":0.60}`).ok()
	before := stored().LastUpdated
	c.do("PATCH", path, `{}`).ok()
	if after := stored().LastUpdated; !after.Equal(before) {
		t.Errorf("SES-10: last_updated went from %s to %s", before, after)
	}
	c.do("PATCH", path, `{"total_cost":99}`).refused().says("COMPLETED")
	if m := members(c.do("GET", path, nil).ok()); string(m["total_cost"]) != "0.60" {
		t.Errorf("SES-10: total_cost is %s", m["total_cost"])
	}
	c.do("PUT", path, session).ok()

	listed := c.all("/cpo/2.1.1/sessions?date_from=2000-01-01T00:00:00Z")
	if len(listed) != len(target.Sample.Sessions()) {
		t.Errorf("SES-01: %d sessions are listed", len(listed))
	}
}

func testCDRs(t *testing.T, target Target) {
	c := target.partner(t, 0)
	cdr := c.cdr("Cdr/1")
	first := c.do("POST", "/emsp/2.1.1/cdrs", cdr).created()
	location := first.header.Get("Location")
	if !strings.HasPrefix(location, target.URL+"/") {
		t.Fatalf("CDR-05: Location is %q", location)
	}
	stored := c.do("GET", location, nil).ok()
	if diff := cmp.Diff(canonical(t, must(t, cdr)), canonical(t, stored.envelope.Data)); diff != "" {
		t.Errorf("CDR-06: %s", diff)
	}
	c.do("GET", strings.ToLower(location[strings.LastIndex(location, "/"):]), nil).notFound()
	c.do("GET", "/emsp/2.1.1/cdrs/CDR%2F1", nil).ok() // CDR-17: CDR ids have no case

	// Requirement CDR-08: the same CDR again is a success with the same Location; another one under its id is not.
	again := c.do("POST", "/emsp/2.1.1/cdrs", cdr).ok()
	if got := again.header.Get("Location"); got != location {
		t.Errorf("CDR-08: Location is %q, before it was %q", got, location)
	}
	c.sameCDR(location, cdr)
	other := cdr
	other.TotalCost = ocpi.MustNumber("9999.00")
	c.do("POST", "/emsp/2.1.1/cdrs", other).refused().says(string(cdr.ID))
	other.ID = "CDR/1"
	c.do("POST", "/emsp/2.1.1/cdrs", other).refused()
	if got := data[v211.CDR](c.do("GET", location, nil).ok()); !got.TotalCost.Equal(cdr.TotalCost) {
		t.Errorf("CDR-08: the stored CDR was changed to %s", got.TotalCost)
	}
	c.do("POST", "/emsp/2.1.1/cdrs", with(t, c.cdr("C-2"), "total_cost", "")).refused().says("/total_cost")
	c.do("POST", "/emsp/2.1.1/cdrs", c.cdr("")).refused().says("/id")
	c.do("GET", "/emsp/2.1.1/cdrs/C-2", nil).notFound()

	// Some partners name the party in the URL.
	c.do("POST", "/emsp/2.1.1/cdrs/"+c.Party.String(), c.cdr("C-3")).created()
	c.do("GET", "/emsp/2.1.1/cdrs/"+c.Party.String()+"/C-3", nil).ok()
	c.do("POST", "/emsp/2.1.1/cdrs/XX/YYY", c.cdr("C-4")).notFound()

	if listed := c.all("/cpo/2.1.1/cdrs"); len(listed) != len(target.Sample.CDRs()) {
		t.Errorf("CDR-01: %d CDRs are listed", len(listed))
	}
}

func testTariffs(t *testing.T, target Target) {
	c := target.partner(t, 0)
	path := c.owned("emsp", "tariffs", "T-1")
	tariff := c.tariff("T-1")
	c.do("DELETE", path, nil).notFound()
	c.do("PUT", path, tariff).created()
	if diff := cmp.Diff(canonical(t, must(t, tariff)), canonical(t, c.do("GET", path, nil).ok().envelope.Data)); diff != "" {
		t.Errorf("TAR-04: %s", diff)
	}
	// Requirement TAR-05: elements are replaced.
	c.do("PATCH", path, `{"elements":[{"price_components":[{"type":"TIME","price":2.50,"step_size":300}]}]}`).ok()
	if got := data[v211.Tariff](c.do("GET", path, nil).ok()); len(got.Elements) != 1 || got.Elements[0].PriceComponents[0].Price.String() != "2.50" {
		t.Errorf("TAR-05: %+v", got.Elements)
	}
	// Requirement TAR-06.
	c.do("DELETE", path, nil).ok()
	c.do("GET", path, nil).notFound()
	c.do("DELETE", path, nil).notFound()
	c.do("PATCH", path, `{}`).notFound()
	if listed := c.all("/cpo/2.1.1/tariffs"); len(listed) != len(target.Sample.Tariffs()) {
		t.Errorf("TAR-01: %d tariffs are listed", len(listed))
	}
}

func testTokens(t *testing.T, target Target) {
	c := target.partner(t, 0)
	path := c.owned("cpo", "tokens", "04AB")
	token := c.token("04AB")
	c.do("PATCH", path, `{"valid":false}`).notFound()
	c.do("PUT", path, token).created()
	if diff := cmp.Diff(canonical(t, must(t, token)), canonical(t, c.do("GET", path, nil).ok().envelope.Data)); diff != "" {
		t.Errorf("TOK-01: %s", diff)
	}
	// Requirement TOK-02.
	c.do("PATCH", path, `{"valid":false}`).ok()
	if got := data[v211.Token](c.do("GET", path, nil).ok()); got.Valid {
		t.Error("TOK-02: the token is still valid")
	}
	c.do("PUT", path, with(t, token, "valid", "")).refused().says("/valid")

	// Requirement TOK-03: the same uid with another type is another token.
	other := token
	other.Type, other.Valid = v211.TokenTypeOther, true
	c.do("PUT", path, other).created()
	if got := data[v211.Token](c.do("GET", path, nil).ok()); got.Type != v211.TokenTypeRFID || got.Valid {
		t.Errorf("TOK-03: without a type the RFID token is meant, got %+v", got)
	}
	if got := data[v211.Token](c.do("GET", path+"?type=OTHER", nil).ok()); got.Type != v211.TokenTypeOther || !got.Valid {
		t.Errorf("TOK-03: got %+v", got)
	}
	if got := data[v211.Token](c.do("GET", path+"?type=other", nil).ok()); got.Type != v211.TokenTypeOther {
		t.Errorf("TOK-03: the type in another case gives %+v", got)
	}
	c.do("PATCH", path, `{"type":"OTHER"}`).refused().says("type")
	if listed := c.all("/emsp/2.1.1/tokens"); len(listed) != len(target.Sample.Tokens()) {
		t.Errorf("TOK-05: %d tokens are listed", len(listed))
	}
}

// Requirements TOK-06 to TOK-12.
func testAuthorize(t *testing.T, target Target) {
	c := target.partner(t, 0)
	for _, token := range target.Sample.Tokens() {
		path := "/emsp/2.1.1/tokens/" + string(token.UID) + "/authorize"
		want := v211.AllowedAllowed
		if !token.Valid {
			want = v211.AllowedBlocked
		}
		for _, query := range []string{"?type=" + string(token.Type), "?token_type=" + string(token.Type)} {
			if token.Type != "RFID" && token.Type != "OTHER" {
				continue
			}
			got := data[v211.AuthorizationInfo](c.do("POST", path+query, nil).ok())
			if got.Allowed != want {
				t.Errorf("TOK-11: %s is %s, want %s", token.UID, got.Allowed, want)
			}
		}
	}
	uid := string(target.Sample.Token(1).UID)
	path := "/emsp/2.1.1/tokens/" + uid + "/authorize"
	c.do("POST", path, nil).ok()
	c.do("POST", path, "null").ok()
	got := data[v211.AuthorizationInfo](c.do("POST", path, `{"location_id":"ANY","evse_uids":["1"],"connector_ids":["2"]}`).ok())
	if got.Location == nil || got.Location.LocationID != "ANY" || len(got.Location.EVSEUIDs) != 1 || len(got.Location.ConnectorIDs) != 1 {
		t.Errorf("TOK-09: got %+v", got.Location)
	}
	c.do("POST", path, `{"evse_uids":["1"]}`).refused().says("/location_id")
	c.do("POST", path, `{`).want(http.StatusBadRequest, ocpi.StatusInvalidParameters)
	c.do("POST", path+"?type=OTHER", nil).notFound()
	c.do("POST", path+"?type=rfid", nil).ok()
	c.do("POST", "/emsp/2.1.1/tokens/unknown/authorize", nil).notFound()
}

// Requirements CMD-01 to CMD-03, CMD-06, CMD-10.
func testCommands(t *testing.T, target Target) {
	c := target.partner(t, 0)
	token := c.token("CMD-1")
	url := "https://partner.example.com/results/1"
	own := target.Sample.Location(1)
	path := "/cpo/2.1.1/commands/"
	for command, body := range map[string]any{
		"START_SESSION":    v211.StartSession{ResponseURL: url, Token: token, LocationID: string(own.ID)},
		"RESERVE_NOW":      v211.ReserveNow{ResponseURL: url, Token: token, LocationID: string(own.ID), ReservationID: 7, ExpiryDate: ocpi.NewDateTime(time.Now())},
		"STOP_SESSION":     v211.StopSession{ResponseURL: url, SessionID: "none"},
		"UNLOCK_CONNECTOR": v211.UnlockConnector{ResponseURL: url, LocationID: string(own.ID), EVSEUID: string(own.EVSEs[0].UID), ConnectorID: "1"},
	} {
		got := data[v211.CommandResponse](c.do("POST", path+command, body).ok())
		if !got.Result.Known() {
			t.Errorf("CMD-03: %s: the result is %q", command, got.Result)
		}
		c.do("POST", path+command, with(t, body, "response_url", "")).refused().says("/response_url")
		c.do("POST", path+command, "").want(http.StatusBadRequest, ocpi.StatusInvalidParameters)
		c.do("POST", path+"MAKE_COFFEE", "nonsense").want(http.StatusBadRequest, ocpi.StatusInvalidParameters)
	}
	if got := data[v211.CommandResponse](c.do("POST", path+"MAKE_COFFEE", "{}").ok()); got.Result != v211.CommandResponseTypeNotSupported {
		t.Errorf("ZM-01: got %s", got.Result)
	}
	callback := "/emsp/2.1.1/commands/"
	for _, result := range []v211.CommandResponseType{"ACCEPTED", "REJECTED", "NOT_SUPPORTED", "TIMEOUT", "UNKNOWN_SESSION"} {
		c.do("POST", callback+"1", v211.CommandResponse{Result: result}).ok()
		c.do("POST", callback+"STOP_SESSION/1", v211.CommandResponse{Result: result}).ok()
	}
	c.do("POST", callback+"1", "{}").refused().says("/result")
}

// Requirements TF-05, TF-45, TF-46: two partners with the same ids never see or touch each other's objects.
func testIsolation(t *testing.T, target Target) {
	a, b := target.partner(t, 0), target.partner(t, 1)
	for _, module := range []struct {
		name, side string
		object     func(c client) any
	}{
		{"locations", "emsp", func(c client) any { return c.location("SAME") }},
		{"sessions", "emsp", func(c client) any { return c.session("SAME") }},
		{"tariffs", "emsp", func(c client) any { return c.tariff("SAME") }},
		{"tokens", "cpo", func(c client) any { return c.token("SAME") }},
	} {
		t.Run(module.name, func(t *testing.T) {
			paths := map[string]string{a.Token: a.owned(module.side, module.name, "SAME"), b.Token: b.owned(module.side, module.name, "SAME")}
			objects := map[string][]byte{}
			for i, c := range []client{a, b} {
				objects[c.Token] = with(t, module.object(c), "mark", fmt.Sprint(i))
				c.do("GET", paths[c.Token], nil).notFound()
				c.do("PUT", paths[c.Token], objects[c.Token]).created()
			}
			for _, c := range []client{a, b} {
				other := map[string]client{a.Token: b, b.Token: a}[c.Token]
				foreign := paths[other.Token]
				for _, method := range []string{"GET", "PUT", "PATCH"} {
					c.do(method, foreign, objects[c.Token]).notFound()
				}
				got := c.do("GET", paths[c.Token], nil).ok()
				if diff := cmp.Diff(canonical(t, objects[c.Token]), canonical(t, got.envelope.Data)); diff != "" {
					t.Error(diff)
				}
			}
		})
	}
	t.Run("cdrs", func(t *testing.T) {
		a.do("POST", "/emsp/2.1.1/cdrs", a.cdr("SAME")).created()
		b.do("GET", "/emsp/2.1.1/cdrs/SAME", nil).notFound()
		b.do("POST", "/emsp/2.1.1/cdrs", b.cdr("SAME")).created()
		b.do("GET", "/emsp/2.1.1/cdrs/"+a.Party.String()+"/SAME", nil).notFound()
	})
}

// testMerging checks what a PATCH of a location does with the EVSEs in it (requirements TF-38, TF-40, L-02, L-16).
func testMerging(t *testing.T, target Target) {
	c := target.partner(t, 0)
	path := c.owned("emsp", "locations", "MERGE-1")
	location := c.location("MERGE-1")
	c.do("PUT", path, location).created()
	uid := location.EVSEs[0].UID
	stored := func() v211.Location { return data[v211.Location](c.do("GET", path, nil).ok()) }

	before := time.Now().Add(-time.Minute)
	c.do("PATCH", path, fmt.Sprintf(`{"evses":[{"uid":%q,"status":"BLOCKED"}]}`, uid)).ok()
	got := stored()
	if got.EVSEs[0].LastUpdated.Time().Before(before) || got.LastUpdated.Compare(got.EVSEs[0].LastUpdated) < 0 {
		t.Errorf("L-02: EVSE %s, location %s", got.EVSEs[0].LastUpdated, got.LastUpdated)
	}
	c.do("PATCH", path, fmt.Sprintf(`{"last_updated":"2020-01-01T00:00:00Z","evses":[{"uid":%q,"status":"CHARGING"}]}`, uid)).ok()
	if got = stored(); got.LastUpdated.Compare(got.EVSEs[0].LastUpdated) < 0 {
		t.Errorf("L-02: the location (%s) is older than its EVSE (%s)", got.LastUpdated, got.EVSEs[0].LastUpdated)
	}
	c.do("PATCH", path, `{"evses":null}`).refused().says("/evses")
	c.do("PATCH", path, fmt.Sprintf(`{"evses":[{"uid":%q},{"uid":%q}]}`, uid, uid)).refused().says("/evses/1/uid")
	if got := stored(); len(got.EVSEs) != len(location.EVSEs) {
		t.Errorf("L-16: %d EVSEs are left", len(got.EVSEs))
	}
}

// sameCDR posts a CDR in other words: it is the same one (requirements CDR-08, CDR-17).
func (c client) sameCDR(location string, cdr v211.CDR) {
	c.t.Helper()
	lower := cdr
	lower.ID = ocpi.CiString(strings.ToLower(string(cdr.ID)))
	for name, body := range map[string][]byte{
		"its id in small letters":     must(c.t, lower),
		"its members in other order":  with(c.t, cdr, "id", string(must(c.t, cdr.ID))),
		"its numbers with more zeros": with(c.t, cdr, "total_cost", cdr.TotalCost.String()+"000"),
	} {
		if got := c.do("POST", "/emsp/2.1.1/cdrs", body).ok().header.Get("Location"); got != location {
			c.t.Errorf("CDR-08: %s: Location is %q, before it was %q", name, got, location)
		}
	}
}

// testExact checks that values which differ anywhere are not taken for the same, and that none is changed on its way.
func testExact(t *testing.T, target Target) {
	c := target.partner(t, 0)
	cdr := func(cost, invoice string) []byte {
		return with(t, jsontext.Value(with(t, c.cdr("EXACT"), "total_cost", cost)), "invoice", invoice)
	}
	c.do("POST", "/emsp/2.1.1/cdrs", cdr("1234567890123.4567", "9007199254740993")).created()
	c.do("POST", "/emsp/2.1.1/cdrs", cdr("1234567890123.45670", "9007199254740993")).ok() // the same value
	c.do("POST", "/emsp/2.1.1/cdrs", cdr("1234567890123.4568", "9007199254740993")).refused()
	c.do("POST", "/emsp/2.1.1/cdrs", cdr("1234567890123.4567", "9007199254740992")).refused()
	m := members(c.do("GET", "/emsp/2.1.1/cdrs/EXACT", nil).ok())
	if string(m["total_cost"]) != "1234567890123.4567" || string(m["invoice"]) != "9007199254740993" {
		t.Errorf("total_cost %s, invoice %s", m["total_cost"], m["invoice"])
	}
	// A timestamp that has five digits for its year in UTC could be stored and never be read again.
	path := c.owned("emsp", "locations", "TIME-1")
	for _, far := range []string{"9999-12-31T23:59:59-05:00", "0000-01-01T00:00:00+01:00"} {
		c.do("PUT", path, with(t, c.location("TIME-1"), "last_updated", `"`+far+`"`)).refused().says("/last_updated")
	}
	c.do("PUT", path, with(t, c.location("TIME-1"), "last_updated", `"9999-12-31T23:59:59Z"`)).created()
	c.do("GET", path, nil).ok()
	c.do("PATCH", path, `{"name":"x"}`).ok()
	c.do("PUT", c.owned("cpo", "tokens", "TYPELESS"), with(t, c.token("TYPELESS"), "type", `""`)).refused().says("/type")
	c.do("PUT", c.owned("cpo", "tokens", "TYPED")+"?type=OTHER", c.token("TYPED")).refused().says("/type")
}

// testReceiving checks that messages that overtake each other do no harm.
func testReceiving(t *testing.T, target Target) {
	c := target.partner(t, 0)
	path := c.owned("emsp", "locations", "ORDER-1")
	location := c.location("ORDER-1")
	evsePath := path + "/" + location.EVSEs[0].UID
	connectorPath := evsePath + "/" + location.EVSEs[0].Connectors[0].ID
	at := location.LastUpdated.Time()
	when := func(seconds int) string {
		return ocpi.NewDateTime(at.Add(time.Duration(seconds) * time.Second)).String()
	}
	c.do("PUT", path, location).created()
	c.do("PUT", path, location).ok()
	c.do("PATCH", evsePath, fmt.Sprintf(`{"status":"CHARGING","last_updated":%q}`, when(10))).ok()
	// The location shows the time of its EVSE. Its own is older: not all partners do the same (requirement L-18).
	c.do("PATCH", path, fmt.Sprintf(`{"name":"new","last_updated":%q}`, when(8))).ok()
	for name, message := range map[string][3]string{
		"PUT of the location":               {"PUT", path, string(must(t, location))},
		"PATCH of the location":             {"PATCH", path, fmt.Sprintf(`{"name":"old","last_updated":%q}`, when(5))},
		"PATCH of the EVSE":                 {"PATCH", evsePath, fmt.Sprintf(`{"status":"AVAILABLE","last_updated":%q}`, when(5))},
		"PUT of the EVSE":                   {"PUT", evsePath, string(must(t, location.EVSEs[0]))},
		"EVSE in a location":                {"PATCH", path, fmt.Sprintf(`{"evses":[{"uid":%q,"status":"AVAILABLE","last_updated":%q}]}`, location.EVSEs[0].UID, when(5))},
		"PATCH of the connector":            {"PATCH", connectorPath, fmt.Sprintf(`{"amperage":1,"last_updated":%q}`, when(-90000000))},
		"another party's object":            {"PATCH", path, fmt.Sprintf(`{"name":"x","party_id":"ZZZ","last_updated":%q}`, when(20))},
		"another country's object":          {"PATCH", path, fmt.Sprintf(`{"name":"x","country_code":"ZZ","last_updated":%q}`, when(20))},
		"another party's object, in a list": {"PATCH", path, fmt.Sprintf(`[{"name":"x","party_id":"ZZZ","last_updated":%q}]`, when(20))},
		"another party's object, escaped":   {"PATCH", path, fmt.Sprintf(`{"name":"x","p\u0061rty_id":"ZZZ","last_updated":%q}`, when(20))},
		"an older change, in a list":        {"PATCH", evsePath, fmt.Sprintf(`[{"status":"AVAILABLE","last_updated":%q}]`, when(5))},
	} {
		before := string(c.do("GET", path, nil).ok().envelope.Data)
		c.do(message[0], message[1], message[2]).refused()
		if after := string(c.do("GET", path, nil).ok().envelope.Data); after != before {
			t.Errorf("%s has changed what is newer:\n%s\n%s", name, before, after)
		}
	}
	c.do("PATCH", evsePath, fmt.Sprintf(`{"status":"AVAILABLE","last_updated":%q}`, when(10))).ok() // the same second
	c.do("PATCH", evsePath, `{"status":"BLOCKED"}`).ok()                                            // has our time
	c.do("PATCH", evsePath, fmt.Sprintf(`{"status":"CHARGING","last_updated":%q}`, when(15))).ok()  // has a clock that is behind
	c.do("PATCH", evsePath, fmt.Sprintf(`{"status":"BLOCKED","last_updated":%q}`, when(12))).refused()
}

// testPartnersTimes checks that a partner is held to its own times alone, and not to those that the server gives.
func testPartnersTimes(t *testing.T, target Target) {
	c := target.partner(t, 0)
	path := c.owned("emsp", "locations", "TIMES-1")
	location := c.location("TIMES-1")
	evse := &location.EVSEs[0]
	evsePath := path + "/" + evse.UID
	connectorPath := evsePath + "/" + evse.Connectors[0].ID
	at := location.LastUpdated.Time()
	when := func(seconds int) ocpi.DateTime { return ocpi.NewDateTime(at.Add(time.Duration(seconds) * time.Second)) }
	shown := func() v211.Location { return data[v211.Location](c.do("GET", path, nil).ok()) }
	c.do("PUT", path, location).created()

	// A PATCH without a time, then the whole location, by a clock that is behind ours.
	c.do("PATCH", evsePath, `{"status":"OUTOFORDER"}`).ok()
	c.do("PATCH", connectorPath, `{"amperage":7}`).ok()
	c.do("PATCH", path, fmt.Sprintf(`{"name":"new","last_updated":%q}`, when(10))).ok()
	if got := shown(); got.LastUpdated.Compare(got.EVSEs[0].LastUpdated) < 0 {
		t.Errorf("L-02: the location (%s) is older than its EVSE (%s)", got.LastUpdated, got.EVSEs[0].LastUpdated)
	}
	evse.Status, evse.LastUpdated, location.LastUpdated = v211.StatusBlocked, when(5), when(11)
	c.do("PUT", path, location).ok()
	if got := shown(); got.EVSEs[0].Status != v211.StatusBlocked || !got.LastUpdated.Equal(when(11)) {
		t.Errorf("EVSE %s, location of %s", got.EVSEs[0].Status, got.LastUpdated)
	}
	c.do("PATCH", evsePath, fmt.Sprintf(`{"status":"AVAILABLE","last_updated":%q}`, when(4))).refused()

	// A connector is newer than the EVSE that comes with an older one.
	c.do("PATCH", connectorPath, fmt.Sprintf(`{"amperage":8,"last_updated":%q}`, when(30))).ok()
	evse.LastUpdated, evse.Connectors[0].LastUpdated = when(20), when(0)
	c.do("PUT", evsePath, *evse).refused()
	evse.LastUpdated = when(30)
	c.do("PUT", evsePath, *evse).ok()

	// What names no time and changes nothing keeps the time (requirement TF-40).
	before := shown()
	c.do("PATCH", evsePath, `{"status":"BLOCKED"}`).ok()
	c.do("PATCH", path, fmt.Sprintf(`{"city":%q,"evses":[{"uid":%q,"status":"BLOCKED"}]}`, location.City, evse.UID)).ok()
	if after := shown(); !after.LastUpdated.Equal(before.LastUpdated) || !after.EVSEs[0].LastUpdated.Equal(before.EVSEs[0].LastUpdated) {
		t.Errorf("a PATCH of nothing: %s became %s, the EVSE %s became %s",
			before.LastUpdated, after.LastUpdated, before.EVSEs[0].LastUpdated, after.EVSEs[0].LastUpdated)
	}

	// A time in the future is no reason to refuse what comes next.
	c.do("PATCH", evsePath, `{"status":"BLOCKED","last_updated":"2099-01-01T00:00:00Z"}`).ok()
	c.do("PATCH", evsePath, fmt.Sprintf(`{"status":"AVAILABLE","last_updated":%q}`, when(40))).ok()
	c.do("PATCH", path, fmt.Sprintf(`{"city":"Moved","last_updated":%q}`, when(40))).ok()
	c.do("PATCH", evsePath, fmt.Sprintf(`{"status":"BLOCKED","last_updated":%q}`, when(39))).refused()
	location.City, location.LastUpdated, evse.LastUpdated = "There", when(41), when(41)
	c.do("PUT", path, location).ok()
	if got := shown(); got.City != "There" || !got.LastUpdated.Equal(when(41)) {
		t.Errorf("%s of %s", got.City, got.LastUpdated)
	}
}
