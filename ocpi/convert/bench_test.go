package convert

import (
	"testing"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/v211"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// threeEVSEs is a location as they are in practice.
const threeEVSEs = `{
	"id": "1588625", "type": "ON_STREET", "name": "LB Brenzstraße 2", "address": "Brenzstraße 2", "city": "Ludwigsburg",
	"postal_code": "71636", "country": "DEU", "coordinates": {"latitude": "48.892330", "longitude": "9.183290"},
	"operator": {"name": "SWLB Mobilität GmbH", "website": "https://www.swlb-mobilitaet.de"}, "time_zone": "Europe/Berlin",
	"opening_times": {"twentyfourseven": true}, "charging_when_closed": true, "energy_mix": {"is_green_energy": true},
	"last_updated": "2026-04-02T14:20:11Z", "directions": [{"language": "de", "text": "durchgehend geöffnet"}],
	"evses": [
		{"uid": "8976020", "evse_id": "DE*SLB*E001L10000*001", "status": "CHARGING",
			"capabilities": ["RFID_READER", "REMOTE_START_STOP_CAPABLE", "CREDIT_CARD_PAYABLE"], "last_updated": "2024-10-09T22:07:29Z",
			"connectors": [{"id": "1", "standard": "IEC_62196_T2", "format": "SOCKET", "power_type": "AC_3_PHASE", "voltage": 400,
				"amperage": 32, "last_updated": "2024-07-29T15:03:49Z", "tariff_id": "22132ac"}]},
		{"uid": "8976021", "evse_id": "DE*SLB*E001L10000*002", "status": "AVAILABLE",
			"capabilities": ["RFID_READER", "REMOTE_START_STOP_CAPABLE", "CREDIT_CARD_PAYABLE"], "last_updated": "2024-10-09T22:08:02Z",
			"connectors": [{"id": "1", "standard": "IEC_62196_T2", "format": "SOCKET", "power_type": "AC_3_PHASE", "voltage": 400,
				"amperage": 32, "last_updated": "2024-07-29T15:04:36Z", "tariff_id": "22132ac"}]},
		{"uid": "8976022", "evse_id": "DE*SLB*E001L10000*003", "status": "AVAILABLE",
			"capabilities": ["RFID_READER", "REMOTE_START_STOP_CAPABLE", "CREDIT_CARD_PAYABLE"], "last_updated": "2024-10-09T22:08:02Z",
			"connectors": [
				{"id": "1", "standard": "IEC_62196_T2_COMBO", "format": "CABLE", "power_type": "DC", "voltage": 920, "amperage": 200,
					"last_updated": "2024-07-29T15:04:36Z", "tariff_id": "22132dc"},
				{"id": "2", "standard": "CHADEMO", "format": "CABLE", "power_type": "DC", "voltage": 500, "amperage": 125,
					"last_updated": "2024-07-29T15:04:36Z", "tariff_id": "22132dc"}]}
	]
}`

func sampleLocation(t testing.TB) v211.Location {
	t.Helper()
	l, findings, err := v211.DecodeLocation([]byte(threeEVSEs))
	if err != nil || len(findings) > 0 {
		t.Fatalf("%v %v", err, findings)
	}
	return l
}

func BenchmarkLocationWithThreeEVSEs(b *testing.B) {
	env := Env{Owner: ocpi.NewParty("DE", "SLB")}
	in := sampleLocation(b)
	model, _ := LocationFrom211(in, env)
	odd := sampleLocation(b)
	odd.Type = v211.LocationTypeOther
	odd.Extra = ocpi.Extra{"publish": []byte(`"x"`), "vendor": []byte(`1`)}
	odd.EVSEs[1].Capabilities = append(odd.EVSEs[1].Capabilities, "FOO")
	oddModel, _ := LocationFrom211(odd, env)
	for _, c := range []struct {
		name string
		run  func()
	}{
		{"from 2.1.1", func() { LocationFrom211(in, env) }},
		{"to 2.1.1", func() { LocationTo211(model, env) }},
		{"from 2.1.1 with leftovers", func() { LocationFrom211(odd, env) }},
		{"to 2.1.1 with leftovers", func() { LocationTo211(oddModel, env) }},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				c.run()
			}
		})
	}
}

func BenchmarkSession(b *testing.B) {
	env := Env{Owner: ocpi.NewParty("DE", "SLB"), EMSP: ocpi.NewParty("NL", "TNM")}
	in := v211.Session{ID: "S1", AuthID: "NL-TNM-1", Location: sampleLocation(b), Currency: "EUR", AuthMethod: "WHITELIST", Status: "ACTIVE"}
	in.Location.EVSEs = in.Location.EVSEs[:1]
	model, _ := SessionFrom211(in, env)
	native := model
	native.Extra = nil
	known, _ := LocationFrom211(sampleLocation(b), env)
	knowing := env
	knowing.Location = func(string) (v230.Location, bool) { return known, true }
	b.Run("from 2.1.1", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			SessionFrom211(in, env)
		}
	})
	b.Run("to 2.1.1 with the copy that came", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			SessionTo211(model, env)
		}
	})
	b.Run("to 2.1.1 with a copy of our location", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			SessionTo211(native, knowing)
		}
	})
}

func BenchmarkStripLeftoversOfCleanLocation(b *testing.B) {
	l, _ := LocationFrom211(sampleLocation(b), Env{})
	raw := marshal(b, l)
	b.ReportAllocs()
	b.SetBytes(int64(len(raw)))
	for b.Loop() {
		StripLeftovers(raw)
	}
}

// A location of 2.1.1 with a capability of its own, which 2.3.0 partners get without what is left over of it.
func BenchmarkStripLeftovers(b *testing.B) {
	old := sampleLocation(b)
	old.EVSEs[0].Capabilities = append(old.EVSEs[0].Capabilities, "OUR_OWN")
	location, _ := LocationFrom211(old, Env{})
	raw := marshal(b, location)
	if len(StripLeftovers(raw)) == len(raw) {
		b.Fatal("nothing is left over")
	}
	b.ReportAllocs()
	for b.Loop() {
		StripLeftovers(raw)
	}
}
