package audit_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/roamwire/roamwire/node/audit"
	"github.com/roamwire/roamwire/node/object"
	"github.com/roamwire/roamwire/node/store"
	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/tariff"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// BenchmarkCheckAll checks 50,000 CDRs of 20 periods each again, from a thousand locations, with a tariff of six elements that is known from
// its time: those that agree, and such as all differ.
func BenchmarkCheckAll(b *testing.B) {
	for _, verdict := range []tariff.Verdict{tariff.Agrees, tariff.Differs} {
		b.Run(string(verdict), func(b *testing.B) { benchmarkCheckAll(b, verdict) })
	}
}

func benchmarkCheckAll(b *testing.B, verdict tariff.Verdict) {
	const cdrs, locations = 50_000, 1000
	db := open(b)
	sample := longCDR()
	if verdict == tariff.Agrees {
		for _, cost := range tariff.Check(&sample, []*v230.Tariff{&sample.Tariffs[0]}, tariff.PolicyFor(ocpi.V221)).Costs {
			if cost.Field == "total_cost" && !cost.AfterTaxes {
				sample.TotalCost.BeforeTaxes = ocpi.MustNumber(cost.Computed.Round(2, tariff.RoundHalfUp).String())
			}
		}
	}
	if _, err := object.ReceivedTariffs(db).Put(b.Context(), partner, ocpi.Key{Party: cpo, ID: "T"}, sample.Tariffs[0]); err != nil {
		b.Fatal(err)
	}
	for i := range locations {
		l := v230.Location{
			CountryCode: "NL", PartyID: "GPE", ID: ocpi.CiString(fmt.Sprint("L", i)), TimeZone: "Europe/Amsterdam", LastUpdated: ocpi.NewDateTime(began),
			EVSEs: []v230.EVSE{{UID: "E", Connectors: []v230.Connector{{ID: "1", TariffIDs: []ocpi.CiString{"T"}}}}},
		}
		if _, err := object.ReceivedLocations(db).Put(b.Context(), partner, ocpi.Key{Party: cpo, ID: string(l.ID)}, l); err != nil {
			b.Fatal(err)
		}
	}
	received := object.NewReceivedCDRs(db)
	var page []v230.CDR
	for i := range cdrs {
		sample.ID, sample.CDRLocation.ID = ocpi.CiString(fmt.Sprint("C", i)), ocpi.CiString(fmt.Sprint("L", i%locations))
		page = append(page, sample)
		if len(page) < 1000 {
			continue
		}
		taken, err := received.Take(b.Context(), partner, object.Fetched[v230.CDR]{Objects: page, At: time.Now()})
		if err != nil || taken.Created != len(page) {
			b.Fatal(taken, err)
		}
		page = page[:0]
	}
	a := audit.New(audit.Config{Store: db, Policy: policyOf})
	if _, err := a.CheckAll(b.Context(), store.CheckFilter{}, func(audit.Progress) {}); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		sum, err := a.CheckAll(b.Context(), store.CheckFilter{}, func(audit.Progress) {})
		if err != nil || sum.Checked != cdrs || verdict == tariff.Agrees && sum.Agree != cdrs || verdict == tariff.Differs && sum.Differ != cdrs {
			b.Fatal(sum, err)
		}
	}
	b.ReportMetric(float64(cdrs)*float64(b.N)/b.Elapsed().Seconds(), "CDRs/s")
}

// longCDR is a CDR of 20 periods, with a tariff of six elements in it.
func longCDR() v230.CDR {
	price := func(d v230.TariffDimensionType, price string, step int) v230.PriceComponent {
		return v230.PriceComponent{Type: d, Price: ocpi.MustNumber(price), VAT: new(ocpi.NumberOf(21)), StepSize: step}
	}
	t := priceOf("0.42", began.Add(-time.Hour))
	t.Elements = []v230.TariffElement{
		{PriceComponents: []v230.PriceComponent{price("FLAT", "0.50", 0)}},
		{PriceComponents: []v230.PriceComponent{price("ENERGY", "0.59", 100)}, Restrictions: &v230.TariffRestrictions{MinPower: new(ocpi.NumberOf(50))}},
		{PriceComponents: []v230.PriceComponent{price("ENERGY", "0.29", 100)}, Restrictions: &v230.TariffRestrictions{StartTime: new("22:00"), EndTime: new("06:00")}},
		{PriceComponents: []v230.PriceComponent{price("ENERGY", "0.35", 100)}, Restrictions: &v230.TariffRestrictions{MaxKWh: new(ocpi.NumberOf(20)), DayOfWeek: []v230.DayOfWeek{"MONDAY", "TUESDAY", "WEDNESDAY"}}},
		{PriceComponents: []v230.PriceComponent{price("ENERGY", "0.42", 100), price("TIME", "0.60", 60)}},
		{PriceComponents: []v230.PriceComponent{price("PARKING_TIME", "6.00", 300)}, Restrictions: &v230.TariffRestrictions{StartTime: new("09:00"), EndTime: new("18:00")}},
	}
	cdr := cdrOf("C", "20.00", t)
	cdr.ChargingPeriods = nil
	for i := range 20 {
		p := v230.ChargingPeriod{StartDateTime: ocpi.NewDateTime(began.Add(time.Duration(i) * 15 * time.Minute)), TariffID: new(ocpi.CiString("T"))}
		p.Dimensions = []v230.CdrDimension{{Type: "ENERGY", Volume: ocpi.MustNumber("2.7431")}, {Type: "TIME", Volume: ocpi.MustNumber("0.25")}}
		if i >= 15 {
			p.Dimensions = []v230.CdrDimension{{Type: "ENERGY", Volume: ocpi.NumberOf(0)}, {Type: "PARKING_TIME", Volume: ocpi.MustNumber("0.25")}}
		}
		cdr.ChargingPeriods = append(cdr.ChargingPeriods, p)
	}
	cdr.EndDateTime, cdr.TotalEnergy, cdr.TotalTime = ocpi.NewDateTime(began.Add(5*time.Hour)), ocpi.MustNumber("41.1465"), ocpi.NumberOf(5)
	return cdr
}
