package convert

import (
	"testing"

	"github.com/go-json-experiment/json"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/v221"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// BenchmarkLocation221 translates the location of BenchmarkLocationWithThreeEVSEs. With unknown members and values it may
// cost more, without them nothing.
func BenchmarkLocation221(b *testing.B) {
	model, _ := LocationFrom211(sampleLocation(b), Env{Owner: ocpi.NewParty("DE", "SLB")})
	in, losses := LocationTo221(model, Env{})
	if len(losses) > 0 {
		b.Fatal(losses)
	}
	odd, _ := LocationTo221(model, Env{})
	odd.Extra = ocpi.Extra{"help_phone": []byte(`"x"`), "vendor": []byte(`1`)}
	odd.EVSEs[1].Capabilities = append(odd.EVSEs[1].Capabilities, "FOO")
	oddModel, _ := LocationFrom221(odd, Env{})
	for _, c := range []struct {
		name string
		run  func()
	}{
		{"from 2.2.1", func() { LocationFrom221(in, Env{}) }},
		{"to 2.2.1", func() { LocationTo221(model, Env{}) }},
		{"from 2.2.1 with leftovers", func() { LocationFrom221(odd, Env{}) }},
		{"to 2.2.1 with leftovers", func() { LocationTo221(oddModel, Env{}) }},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				c.run()
			}
		})
	}
}

// threePeriods is a CDR with a tariff, all its sums, and signed data.
const threePeriods = `{
	"country_code": "DE", "party_id": "SLB", "id": "CDR-0001", "start_date_time": "2026-04-02T14:20:11Z",
	"end_date_time": "2026-04-02T15:20:11Z", "session_id": "S-0001", "auth_method": "COMMAND", "authorization_reference": "A-1",
	"cdr_token": {"country_code": "NL", "party_id": "TNM", "uid": "04A70000000001", "type": "RFID", "contract_id": "NL-TNM-C00000001"},
	"cdr_location": {"id": "1588625", "address": "Brenzstraße 2", "city": "Ludwigsburg", "postal_code": "71636", "country": "DEU",
		"coordinates": {"latitude": "48.892330", "longitude": "9.183290"}, "evse_uid": "8976020", "evse_id": "DE*SLB*E001L10000*001",
		"connector_id": "1", "connector_standard": "IEC_62196_T2", "connector_format": "SOCKET", "connector_power_type": "AC_3_PHASE"},
	"currency": "EUR",
	"tariffs": [{"country_code": "DE", "party_id": "SLB", "id": "22132ac", "currency": "EUR", "type": "REGULAR",
		"max_price": {"excl_vat": 50.00, "incl_vat": 59.50}, "last_updated": "2026-01-01T00:00:00Z",
		"elements": [
			{"price_components": [{"type": "ENERGY", "price": 0.4200, "vat": 19.0, "step_size": 1}]},
			{"price_components": [{"type": "PARKING_TIME", "price": 2.0000, "vat": 19.0, "step_size": 60}],
				"restrictions": {"min_duration": 14400, "day_of_week": ["MONDAY", "TUESDAY"]}}]}],
	"charging_periods": [
		{"start_date_time": "2026-04-02T14:20:11Z", "tariff_id": "22132ac", "dimensions": [{"type": "ENERGY", "volume": 10.5}, {"type": "TIME", "volume": 0.5}]},
		{"start_date_time": "2026-04-02T14:50:11Z", "tariff_id": "22132ac", "dimensions": [{"type": "ENERGY", "volume": 5.25}, {"type": "TIME", "volume": 0.333}]},
		{"start_date_time": "2026-04-02T15:10:11Z", "tariff_id": "22132ac", "dimensions": [{"type": "PARKING_TIME", "volume": 0.167}]}],
	"signed_data": {"encoding_method": "OCMF", "signed_values": [
		{"nature": "Start", "plain_data": "a", "signed_data": "b"}, {"nature": "End", "plain_data": "c", "signed_data": "d"}]},
	"total_cost": {"excl_vat": 6.95, "incl_vat": 8.27}, "total_energy": 15.75, "total_energy_cost": {"excl_vat": 6.62, "incl_vat": 7.88},
	"total_time": 1.0, "total_parking_time": 0.167, "total_parking_cost": {"excl_vat": 0.33, "incl_vat": 0.39},
	"last_updated": "2026-04-02T15:21:00Z"
}`

func BenchmarkCDR221(b *testing.B) {
	in, findings, err := v221.DecodeCDR([]byte(threePeriods))
	if err != nil || len(findings) > 0 {
		b.Fatalf("%v %v", err, findings)
	}
	model, _ := CDRFrom221(in, Env{})
	var taxed v230.CDR
	if err := json.Unmarshal(marshal(b, model), &taxed); err != nil {
		b.Fatal(err)
	}
	taxed.TotalCost.Taxes = append(taxed.TotalCost.Taxes, v230.TaxAmount{Name: "City", Amount: ocpi.MustNumber("0.10")})
	for _, c := range []struct {
		name string
		run  func()
	}{
		{"from 2.2.1", func() { CDRFrom221(in, Env{}) }},
		{"to 2.2.1", func() { CDRTo221(model, Env{}) }},
		{"to 2.2.1 with a loss", func() { CDRTo221(taxed, Env{}) }},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				c.run()
			}
		})
	}
}

// A translation of what both versions know allocates what its result is made of, and nothing for unknown members.
func TestNothingIsAllocatedForAbsentUnknownMembers(t *testing.T) {
	token := v221.Token{CountryCode: "NL", PartyID: "TNM", UID: "U", Type: v221.TokenTypeRFID}
	model, _ := TokenFrom221(token, Env{})
	up := testing.AllocsPerRun(100, func() { TokenFrom221(token, Env{}) })
	down := testing.AllocsPerRun(100, func() { TokenTo221(model, Env{}) })
	if up > 2 || down > 2 { // the translation itself, and its result where that escapes
		t.Errorf("%v allocations on the way up, %v on the way down", up, down)
	}
}
