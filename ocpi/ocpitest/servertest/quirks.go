package servertest

import (
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"

	"github.com/roamwire/roamwire/ocpi/v211"
)

// testQuirks sends objects as partners send them and asks for them as they should have been. Package quirk has more
// deviations; these show that every way in goes by it.
func testQuirks(t *testing.T, target Target) {
	c := target.partner(t, 0)
	same := func(path string, want any) {
		t.Helper()
		if diff := cmp.Diff(canonical(t, must(t, want)), canonical(t, c.do("GET", path, nil).ok().envelope.Data)); diff != "" {
			t.Errorf("%s: %s", path, diff)
		}
	}

	location := c.location("ODD")
	location.EVSEs[0].StatusSchedule = []v211.StatusSchedule{{PeriodBegin: location.LastUpdated, Status: v211.StatusReserved}}
	path := c.owned("emsp", "locations", location.ID)
	deviating := edited(t, must(t, location), `"status_schedule":[{`, `"status_schedule":{`, `}],"capabilities"`, `},"capabilities"`, `"latitude":"52.221400"`, `"latitude":52.221400`)
	c.do("PUT", path, wrapped(deviating)).created()
	same(path, location)
	evse := location.EVSEs[0]
	c.do("PUT", path+"/"+evse.UID, edited(t, must(t, evse), `"AVAILABLE"`, `"available"`)).ok()
	connector := evse.Connectors[0]
	c.do("PUT", path+"/"+evse.UID+"/"+connector.ID, edited(t, must(t, connector), `"voltage":230`, `"voltage":"230"`)).ok()
	same(path, location)
	c.do("PATCH", path+"/"+evse.UID+"/"+connector.ID, `{"amperage":"63"}`).ok()
	if got := data[v211.Connector](c.do("GET", path+"/"+evse.UID+"/"+connector.ID, nil).ok()); got.Amperage != 63 {
		t.Errorf("a PATCH with a number as a string left %d", got.Amperage)
	}

	cdr := c.cdr("ODD")
	c.do("POST", "/emsp/2.1.1/cdrs", edited(t, must(t, cdr), `"stop_date_time"`, `"end_date_time"`)).created()
	same("/emsp/2.1.1/cdrs/ODD", cdr)

	tariff := c.tariff("ODD")
	path = c.owned("emsp", "tariffs", tariff.ID)
	c.do("PUT", path, edited(t, must(t, tariff), `"step_size":1`, `"step_size":"1"`)).created()
	same(path, tariff)

	c.do("POST", "/emsp/2.1.1/commands/ODD", `"ACCEPTED"`).ok()
	own := string(target.Sample.Location(1).ID)
	c.do("POST", "/emsp/2.1.1/tokens/"+string(target.Sample.Token(1).UID)+"/authorize", `[{"location_id":"`+own+`","evse_uids":null}]`).ok()
}

// edited replaces texts in a document, each of which must be there.
func edited(t *testing.T, raw []byte, oldnew ...string) []byte {
	t.Helper()
	text := string(raw)
	for i := 0; i < len(oldnew); i += 2 {
		if !strings.Contains(text, oldnew[i]) {
			t.Fatalf("there is no %s in %s", oldnew[i], text)
		}
		text = strings.ReplaceAll(text, oldnew[i], oldnew[i+1])
	}
	return []byte(text)
}

// wrapped is a list of one.
func wrapped(raw jsontext.Value) []byte { return []byte("[" + string(raw) + "]") }
