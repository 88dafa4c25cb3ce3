package quirk_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/quirk"
)

// A PATCH that got a field it did not have would change what it does not mean to.
func TestTheBodyOfAPatchGetsNoFields(t *testing.T) {
	tests := []struct {
		name, object, in, want string
		applied                []quirk.Name
	}{
		{"nothing to do", "Location", `{"name":"Kade"}`, `{"name":"Kade"}`, nil},
		{"a list that is cleared", "Location", `{"facilities":null,"time_zone":null}`, `{"facilities":[],"time_zone":null}`, []quirk.Name{quirk.ExpectNoNullLists}},
		{"a status schedule", "EVSE", `{"status_schedule":[{"period_begin":"2026-03-04T12:00:00Z","status":"BLOCKED"}]}`,
			`{"status_schedule":{"period_begin":"2026-03-04T12:00:00Z","status":"BLOCKED"}}`, []quirk.Name{quirk.ExpectStatusScheduleObject}},
		{"objects inside are whole", "EVSE", `{"connectors":[{"id":"1"}]}`, `{"connectors":[{"id":"1","tariff_id":""}]}`, []quirk.Name{quirk.ExpectTariffID}},
		{"a connector", "Connector", `{"amperage":16}`, `{"amperage":16}`, nil},
		{"no object", "Connector", `[null]`, `[null]`, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, applied := parse(t, "ocpi-python").WritePatch(ocpi.V211, tt.object, []byte(tt.in))
			if diff := cmp.Diff(tt.want, string(got)); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(tt.applied, applied); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// A tariff has an energy mix too, by itself and inside of a CDR.
func TestTheEnergyMixOfATariffIsRewritten(t *testing.T) {
	const tariff = `{"id":"T1","energy_mix":{"is_green_energy":true,"environ_impact":[{"source":"NUCLEAR_WASTE","amount":0.5},{"source":"CARBON_DIOXIDE","amount":1}]}}`
	const want = `{"id":"T1","energy_mix":{"is_green_energy":true,"environ_impact":{"source":"NUCLEAR_WASTE","amount":0.5,"category":"NUCLEAR_WASTE"},` +
		`"energy_sources":[],"supplier_name":"","energy_product_name":""}}`
	for object, in := range map[string][2]string{
		"Tariff": {tariff, want}, "CDR": {`{"tariffs":[` + tariff + `]}`, `{"tariffs":[` + want + `]}`},
	} {
		got, _ := parse(t, "ocpi-python").Write(ocpi.V211, object, []byte(in[0]))
		if diff := cmp.Diff(in[1], string(got)); diff != "" {
			t.Errorf("%s: %s", object, diff)
		}
	}
}

func TestACDRForThePythonLibraryHasAllItAsksFor(t *testing.T) {
	in := `{"id":"C1","stop_date_time":"2026-03-04T11:00:00Z","total_cost":7.40,"location":{"id":"L1","energy_mix":{"is_green_energy":true},` +
		`"opening_times":{"regular_hours":[]},"evses":[{"uid":"E1","status_schedule":[],"connectors":[{"id":"1"}]}]}}`
	want := `{"id":"C1","stop_date_time":"2026-03-04T11:00:00Z","total_cost":7.40,"location":{"id":"L1",` +
		`"energy_mix":{"is_green_energy":true,"energy_sources":[],"supplier_name":"","energy_product_name":""},` +
		`"opening_times":{"regular_hours":[],"twentyfourseven":false},"evses":[{"uid":"E1","connectors":[{"id":"1","tariff_id":""}]}],"time_zone":""},` +
		`"end_date_time":"2026-03-04T11:00:00Z"}`
	got, applied := parse(t, "ocpi-python").Write(ocpi.V211, "CDR", []byte(in))
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Error(diff)
	}
	wanted := []quirk.Name{
		quirk.ExpectEndDateTime, quirk.ExpectTimeZone, quirk.ExpectStatusScheduleObject, quirk.ExpectWholeEnergyMix,
		quirk.ExpectTwentyFourSeven, quirk.ExpectTariffID,
	}
	if diff := cmp.Diff(wanted, applied); diff != "" {
		t.Error(diff)
	}
}
