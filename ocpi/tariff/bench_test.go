package tariff_test

import (
	"testing"
	"time"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/exact"
	"github.com/roamwire/roamwire/ocpi/tariff"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// sixElements is a tariff with prices by time of day, day, energy and power, and for parking.
func sixElements() *v230.Tariff {
	price := func(d v230.TariffDimensionType, price string, step int) v230.PriceComponent {
		return v230.PriceComponent{Type: d, Price: ocpi.MustNumber(price), VAT: new(ocpi.NumberOf(21)), StepSize: step}
	}
	return &v230.Tariff{
		ID: "SIX", Currency: "EUR", TaxIncluded: "NO",
		MaxPrice: &v230.PriceLimit{BeforeTaxes: ocpi.NumberOf(60), AfterTaxes: new(ocpi.MustNumber("72.60"))},
		Elements: []v230.TariffElement{
			{PriceComponents: []v230.PriceComponent{price("FLAT", "0.50", 0)}},
			{PriceComponents: []v230.PriceComponent{price("ENERGY", "0.59", 100)}, Restrictions: &v230.TariffRestrictions{MinPower: new(ocpi.NumberOf(50))}},
			{PriceComponents: []v230.PriceComponent{price("ENERGY", "0.29", 100)}, Restrictions: &v230.TariffRestrictions{StartTime: new("22:00"), EndTime: new("06:00")}},
			{PriceComponents: []v230.PriceComponent{price("ENERGY", "0.35", 100)}, Restrictions: &v230.TariffRestrictions{MaxKWh: new(ocpi.NumberOf(20)), DayOfWeek: []v230.DayOfWeek{"MONDAY", "TUESDAY", "WEDNESDAY"}}},
			{PriceComponents: []v230.PriceComponent{price("ENERGY", "0.42", 100), price("TIME", "0.60", 60)}},
			{PriceComponents: []v230.PriceComponent{price("PARKING_TIME", "6.00", 300)}, Restrictions: &v230.TariffRestrictions{StartTime: new("09:00"), EndTime: new("18:00")}},
		},
	}
}

// twentyPeriods is a CDR of so many quarters of an hour, from the evening to the night, the last ones of parking.
func twentyPeriods() *v230.CDR {
	at := time.Date(2026, 6, 15, 5, 0, 0, 0, time.UTC)
	cdr := &v230.CDR{ID: "C", Currency: "EUR", StartDateTime: ocpi.NewDateTime(at), Tariffs: []v230.Tariff{*sixElements()}}
	for i := range 20 {
		p := v230.ChargingPeriod{StartDateTime: ocpi.NewDateTime(at), TariffID: new(ocpi.CiString("SIX"))}
		if i < 15 {
			p.Dimensions = []v230.CdrDimension{
				{Type: "ENERGY", Volume: ocpi.MustNumber("2.7431")}, {Type: "TIME", Volume: ocpi.MustNumber("0.25")},
				{Type: "MAX_POWER", Volume: ocpi.MustNumber("11.2")}, {Type: "MIN_POWER", Volume: ocpi.MustNumber("10.9")},
			}
		} else {
			p.Dimensions = []v230.CdrDimension{{Type: "ENERGY", Volume: ocpi.NumberOf(0)}, {Type: "PARKING_TIME", Volume: ocpi.MustNumber("0.25")}}
		}
		cdr.ChargingPeriods = append(cdr.ChargingPeriods, p)
		at = at.Add(15 * time.Minute)
	}
	cdr.EndDateTime = ocpi.NewDateTime(at)
	return cdr
}

// BenchmarkPrice prices a CDR of 20 periods with a tariff of six elements, from the objects as they are read: the tariff is compiled
// anew, or was before.
func BenchmarkPrice(b *testing.B) {
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		b.Fatal(err)
	}
	cdr, policy := twentyPeriods(), tariff.Policy{Zone: zone}
	once := compiled(b, &cdr.Tariffs[0])
	for name, tariffs := range map[string]func() []*tariff.Tariff{
		"tariff compiled before": func() []*tariff.Tariff { return once },
		"tariff compiled anew":   func() []*tariff.Tariff { return compiled(b, &cdr.Tariffs[0]) },
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				c := tariff.ChargeOfCDR(cdr)
				if _, err := tariff.Price(&c, tariffs(), policy); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkDivide divides a session of one period of a day by the time of day, energy and power.
func BenchmarkDivide(b *testing.B) {
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		b.Fatal(err)
	}
	tariffs, policy := compiled(b, sixElements()), tariff.Policy{Zone: zone}
	at := time.Date(2026, 6, 15, 5, 0, 0, 0, time.UTC)
	c := tariff.Charge{Periods: []tariff.Period{{
		Start: at, End: at.Add(24 * time.Hour), Energy: exact.New(120, 0), Charging: exact.New(24*3600, 0),
	}}}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := tariff.Divide(&c, tariffs, policy); err != nil {
			b.Fatal(err)
		}
	}
}
