package convert

import (
	"strings"
	"testing"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/v211"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// threePeriods211 is a CDR as they are in practice; LOCATION stands for its location.
const threePeriods211 = `{
	"id": "CDR-20260402-77", "start_date_time": "2026-04-02T14:20:11Z", "stop_date_time": "2026-04-02T15:20:11Z", "auth_id": "NL-TNM-C1", "auth_method": "WHITELIST",
	"meter_id": "M-4711", "currency": "EUR", "location": LOCATION, "tariffs": [{"id": "22132ac", "currency": "EUR", "last_updated": "2026-01-01T00:00:00Z", "elements": [
		{"price_components": [{"type": "ENERGY", "price": 0.42, "step_size": 1}, {"type": "PARKING_TIME", "price": 2, "step_size": 60}]}]}],
	"charging_periods": [
		{"start_date_time": "2026-04-02T14:20:11Z", "dimensions": [{"type": "ENERGY", "volume": 10.5}, {"type": "TIME", "volume": 0.5}]},
		{"start_date_time": "2026-04-02T14:50:11Z", "dimensions": [{"type": "ENERGY", "volume": 5.25}, {"type": "TIME", "volume": 0.333}]},
		{"start_date_time": "2026-04-02T15:10:11Z", "dimensions": [{"type": "PARKING_TIME", "volume": 0.167}]}],
	"total_cost": 6.95, "total_energy": 15.75, "total_time": 1.0, "total_parking_time": 0.167, "last_updated": "2026-04-02T15:21:00Z"
}`

func BenchmarkCDR211(b *testing.B) {
	in, findings, err := v211.DecodeCDR([]byte(strings.Replace(threePeriods211, "LOCATION", threeEVSEs, 1)))
	if err != nil || len(findings) > 0 {
		b.Fatalf("%v %v", err, findings)
	}
	in.Location.EVSEs = in.Location.EVSEs[:1]
	env := Env{Owner: ocpi.NewParty("DE", "SLB"), EMSP: ocpi.NewParty("NL", "TNM")}
	model, _ := CDRFrom211(in, env)
	taxed := model
	taxed.TotalCost.Taxes = []v230.TaxAmount{{Name: "VAT", Amount: ocpi.MustNumber("1.32")}}
	for _, c := range []struct {
		name string
		run  func()
	}{
		{"from 2.1.1", func() { CDRFrom211(in, env) }},
		{"to 2.1.1", func() { CDRTo211(model, env) }},
		{"to 2.1.1 with a loss", func() { CDRTo211(taxed, env) }},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				c.run()
			}
		})
	}
}
