package tariff_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/convert"
	"github.com/roamwire/roamwire/ocpi/quirk"
	"github.com/roamwire/roamwire/ocpi/tariff"
	"github.com/roamwire/roamwire/ocpi/v230"
	"github.com/roamwire/roamwire/ocpi/wire"
)

var owner = convert.Env{Owner: ocpi.NewParty("NL", "GPE"), EMSP: ocpi.NewParty("DE", "GWH")}

// cdr211 is a CDR as a partner of 2.1.1 sends it: an hour of charging and half an hour of parking.
const cdr211 = `{"id":"C1","start_date_time":"2026-06-15T10:00:00Z","stop_date_time":"2026-06-15T11:30:00Z","auth_id":"DE-GWH-1","auth_method":"WHITELIST",
"location":{"id":"L","type":"ON_STREET","address":"Wevershof 3","city":"Enschede","postal_code":"7511","country":"NLD","coordinates":{"latitude":"52.22","longitude":"6.89"},
"evses":[{"uid":"E","evse_id":"NL*GPE*E1","status":"AVAILABLE","connectors":[{"id":"1","standard":"IEC_62196_T2","format":"SOCKET","power_type":"AC_3_PHASE","voltage":230,"amperage":16,"last_updated":"2026-06-15T11:30:00Z"}],"last_updated":"2026-06-15T11:30:00Z"}],"last_updated":"2026-06-15T11:30:00Z"},
"currency":"EUR","tariffs":[{"id":"T","currency":"EUR","elements":[
{"price_components":[{"type":"FLAT","price":2.50,"step_size":1}]},
{"price_components":[{"type":"TIME","price":1.00,"step_size":900}],"restrictions":{"max_power":32.00}},
{"price_components":[{"type":"PARKING_TIME","price":5.00,"step_size":300}],"restrictions":{"start_time":"09:00","end_time":"18:00"}}],"last_updated":"2026-06-15T09:00:00Z"}],
"charging_periods":[{"start_date_time":"2026-06-15T10:00:00Z","dimensions":[{"type":"FLAT","volume":1},{"type":"TIME","volume":1.0},{"type":"ENERGY","volume":10.5}]},
{"start_date_time":"2026-06-15T11:00:00Z","dimensions":[{"type":"PARKING_TIME","volume":0.5}]}],
"total_cost":6.00,"total_energy":10.5,"total_time":1.5,"total_parking_time":0.5,"last_updated":"2026-06-15T11:35:00Z"}`

func readCDR(t *testing.T, v ocpi.Version, raw string) *v230.CDR {
	t.Helper()
	codecs, ok := wire.For(v)
	if !ok {
		t.Fatal(v)
	}
	cdr, _, err := codecs.CDRs.Read([]byte(raw), owner, quirk.Profile{})
	if err != nil {
		t.Fatal(err)
	}
	return &cdr
}

// What a partner of 2.1.1 sends is priced as its text means it.
func TestCDRsOfOCPI211(t *testing.T) {
	for name, test := range map[string]struct {
		change  *strings.Replacer
		verdict tariff.Verdict
		want    []string
	}{
		"PO-01: without taxes, limits and validity; PO-02: each dimension by itself; PO-05: a FLAT among the dimensions": {
			strings.NewReplacer(), tariff.Agrees, nil,
		},
		"PO-02: not the first element for all": {
			strings.NewReplacer(`"total_cost":6.00`, `"total_cost":2.50`), tariff.Differs, []string{"cost-differs /total_cost"},
		},
		"PO-03: steps are applied once to the session": {
			strings.NewReplacer(`{"start_date_time":"2026-06-15T11:00:00Z","dimensions":[{"type":"PARKING_TIME","volume":0.5}]}`,
				`{"start_date_time":"2026-06-15T11:00:00Z","dimensions":[{"type":"TIME","volume":0.05}]}`, `"TIME","volume":1.0`, `"TIME","volume":1.0`,
				`"stop_date_time":"2026-06-15T11:30:00Z"`, `"stop_date_time":"2026-06-15T11:03:00Z"`, `"total_time":1.5,"total_parking_time":0.5`, `"total_time":1.05`,
				`"total_cost":6.00`, `"total_cost":3.75`), tariff.Agrees, nil,
		},
		"PO-05: a FLAT among the dimensions is billed but once": {
			strings.NewReplacer(`[{"type":"PARKING_TIME","volume":0.5}]`, `[{"type":"FLAT","volume":1},{"type":"PARKING_TIME","volume":0.5}]`), tariff.Agrees, nil,
		},
		"PO-06: Wh where kWh are meant": {
			strings.NewReplacer(`"volume":10.5`, `"volume":10500`), tariff.Agrees, []string{"energy-in-wh /charging_periods"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			a := tariff.Check(readCDR(t, ocpi.V211, test.change.Replace(cdr211)), nil, checked)
			var got []string
			for _, f := range a.Findings {
				got = append(got, string(f.Code)+" "+f.Pointer)
			}
			if a.Verdict != test.verdict || !slices.Equal(got, test.want) {
				t.Errorf("%s %+v, want %s %q", a.Verdict, a.Findings, test.verdict, test.want)
			}
		})
	}
}

// PO-01: in 2.1.1 costs are before taxes, and nothing is said of those.
func TestTaxesOfOCPI211(t *testing.T) {
	a := tariff.Check(readCDR(t, ocpi.V211, cdr211), nil, checked)
	if total := a.Breakdown.Total; total.Before.String() != "6.00" || !total.NoAfter || len(a.Costs) != 1 || a.Costs[0].AfterTaxes {
		t.Errorf("%+v %+v", total, a.Costs)
	}
}

// PO-04: times of day are those of the location, and go over midnight.
func TestTimesOfOCPI211(t *testing.T) {
	cdr := readCDR(t, ocpi.V211, strings.Replace(cdr211, `"start_time":"09:00","end_time":"18:00"`, `"start_time":"20:00","end_time":"01:01"`, 1))
	for zone, want := range map[string]string{"Asia/Tokyo": "6.00", "UTC": "3.50", "Asia/Dubai": "3.50", "Pacific/Auckland": "6.00", "Pacific/Kiritimati": "6.00"} {
		location, err := time.LoadLocation(zone)
		if err != nil {
			t.Fatal(err)
		}
		if got := before(tariff.Check(cdr, nil, tariff.Policy{Zone: location}).Breakdown); got != want {
			t.Errorf("%s: %s, want %s", zone, got, want)
		}
	}
}
