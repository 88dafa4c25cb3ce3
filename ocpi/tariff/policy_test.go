package tariff_test

import (
	"testing"
	"time"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/exact"
	"github.com/roamwire/roamwire/ocpi/tariff"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// A made is a tariff that is put together for one test.
type made struct{ v230.Tariff }

func newTariff() *made {
	return &made{v230.Tariff{ID: "T", Currency: "EUR", TaxIncluded: v230.TaxIncludedNA}}
}

// element adds an element with one price; restrict may be nil.
func (m *made) element(d v230.TariffDimensionType, price string, step int, restrict *v230.TariffRestrictions) *made {
	m.Elements = append(m.Elements, v230.TariffElement{
		PriceComponents: []v230.PriceComponent{{Type: d, Price: ocpi.MustNumber(price), StepSize: step}}, Restrictions: restrict,
	})
	return m
}

// also adds a price to the last element.
func (m *made) also(d v230.TariffDimensionType, price string, step int) *made {
	e := &m.Elements[len(m.Elements)-1]
	e.PriceComponents = append(e.PriceComponents, v230.PriceComponent{Type: d, Price: ocpi.MustNumber(price), StepSize: step})
	return m
}

func (m *made) vat(rate int64) *made {
	for i := range m.Elements {
		for j := range m.Elements[i].PriceComponents {
			m.Elements[i].PriceComponents[j].VAT = new(ocpi.NumberOf(rate))
		}
	}
	return m
}

func (m *made) included(t v230.TaxIncluded) *made { m.TaxIncluded = t; return m }

func (m *made) minimum(before string) *made {
	m.MinPrice = &v230.PriceLimit{BeforeTaxes: ocpi.MustNumber(before)}
	return m
}

func (m *made) maximum(before string) *made {
	m.MaxPrice = &v230.PriceLimit{BeforeTaxes: ocpi.MustNumber(before)}
	return m
}

func (m *made) named(id string) *made { m.ID = ocpi.CiString(id); return m }

// A told is a charge that is told period by period.
type told struct {
	tariff.Charge
	at time.Time
}

// from begins a charge, at a time of the location.
func from(t *testing.T, zone, local string) *told {
	t.Helper()
	location, err := time.LoadLocation(zone)
	if err != nil {
		t.Fatal(err)
	}
	at, err := time.ParseInLocation("2006-01-02 15:04", local, location)
	if err != nil {
		t.Fatal(err)
	}
	return &told{at: at.UTC()}
}

func (c *told) add(minutes int, p tariff.Period) *told {
	p.Start = c.at
	c.at = c.at.Add(time.Duration(minutes) * time.Minute)
	p.End = c.at
	c.Periods = append(c.Periods, p)
	return c
}

func (c *told) charging(minutes int, kWh string) *told {
	return c.add(minutes, tariff.Period{Charging: exact.New(int64(minutes)*60, 0), Energy: exact.MustParse(kWh)})
}

func (c *told) parking(minutes int) *told {
	return c.add(minutes, tariff.Period{Parking: exact.New(int64(minutes)*60, 0)})
}

func (c *told) reserved(minutes int) *told {
	return c.add(minutes, tariff.Period{Reserved: exact.New(int64(minutes)*60, 0)})
}

// under names the tariff of the last period, and with its current and power.
func (c *told) under(id string) *told { c.Periods[len(c.Periods)-1].TariffID = id; return c }

func (c *told) amps(low, high string) *told {
	p := &c.Periods[len(c.Periods)-1]
	p.MinCurrent, p.MaxCurrent = new(exact.MustParse(low)), new(exact.MustParse(high))
	return c
}

const (
	energyD  = v230.TariffDimensionTypeEnergy
	timeD    = v230.TariffDimensionTypeTime
	parkingD = v230.TariffDimensionTypeParkingTime
	flatD    = v230.TariffDimensionTypeFlat
)

// Every question that OCPI leaves open has a default and can be answered otherwise.
func TestPolicies(t *testing.T) {
	const monday = "2026-06-15 10:00"
	clock := func(from, to string) *v230.TariffRestrictions {
		return &v230.TariffRestrictions{StartTime: &from, EndTime: &to}
	}
	whole := func(c *told) tariff.Charge { return c.Charge }
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	before := func(b *tariff.Breakdown) string { return b.Total.Before.String() }
	afterIfKnown := func(b *tariff.Breakdown) string {
		if b.Total.NoAfter {
			if b.Total.NoBefore {
				return "unknown"
			}
			return b.Total.Before.String() + ", after taxes unknown"
		}
		return b.Total.After.String()
	}
	after := func(b *tariff.Breakdown) string {
		if b.Total.NoAfter {
			return "unknown"
		}
		return b.Total.After.String()
	}
	beforeKnown := func(b *tariff.Breakdown) string {
		if b.Total.NoBefore {
			return "unknown"
		}
		return b.Total.Before.String()
	}
	type answer struct {
		policy tariff.Policy
		want   string
	}
	middle := func(halfUp, halfEven, up, down string) (answers []answer) {
		for mode, want := range map[tariff.RoundingMode]string{
			tariff.RoundHalfUp: halfUp, tariff.RoundHalfEven: halfEven, tariff.RoundUp: up, tariff.RoundDown: down,
		} {
			answers = append(answers, answer{tariff.Policy{Rounding: tariff.Rounding{Round: true, Places: 2, Mode: mode}}, want})
		}
		return answers
	}
	kWh := func(n int64) *ocpi.Number { return new(ocpi.NumberOf(n)) }
	for name, test := range map[string]struct {
		tariffs []*made
		charge  *told
		divided bool
		of      func(*tariff.Breakdown) string
		want    string
		other   []answer
	}{
		"A1: two FLAT one after the other": {
			tariffs: []*made{newTariff().element(flatD, "1.00", 0, &v230.TariffRestrictions{MaxKWh: kWh(10)}).element(flatD, "3.00", 0, &v230.TariffRestrictions{MaxKWh: kWh(20)}).element(flatD, "1.50", 0, nil)},
			charge:  from(t, "UTC", monday).charging(10, "10").charging(10, "10").charging(10, "5").charging(10, "0"),
			of:      before, want: "1.00",
			other: []answer{{tariff.Policy{Flat: tariff.FlatEach}, "5.50"}, {tariff.Policy{Flat: tariff.FlatAlways}, "5.50"}},
		},
		"A1: a FLAT that comes again": {
			tariffs: []*made{newTariff().element(flatD, "1.00", 0, &v230.TariffRestrictions{MaxCurrent: kWh(16)}).element(flatD, "3.00", 0, nil)},
			charge:  from(t, "UTC", monday).charging(10, "1").amps("6", "6").charging(10, "1").amps("32", "32").charging(10, "1").amps("6", "6"),
			of:      before, want: "1.00",
			other: []answer{{tariff.Policy{Flat: tariff.FlatEach}, "4.00"}, {tariff.Policy{Flat: tariff.FlatAlways}, "5.00"}},
		},
		"A2: charging goes on after parking": {
			tariffs: []*made{newTariff().element(timeD, "6.00", 600, nil).also(parkingD, "12.00", 600)},
			charge:  from(t, "UTC", monday).charging(5, "1").parking(5).charging(2, "1"),
			of:      before, want: "2.00", // 10 minutes of 0.10 and 5 of 0.20
			other: []answer{{tariff.Policy{TimeStep: tariff.TimeStepParking}, "2.70"}},
		},
		"A3: parking that costs nothing does not count": {
			tariffs: []*made{newTariff().element(parkingD, "6.00", 600, clock("00:00", "10:08"))},
			charge:  from(t, "UTC", monday).parking(20), divided: true,
			of: before, want: "1.00",
			other: []answer{{tariff.Policy{StepTotal: tariff.StepTotalAll}, "0.80"}},
		},
		"A3: time without a price does not count for the reservation": {
			tariffs: []*made{newTariff().element(timeD, "60.00", 900, &v230.TariffRestrictions{Reservation: new(v230.ReservationRestrictionTypeReservation)})},
			charge:  from(t, "UTC", monday).reserved(13).charging(10, "1"),
			of:      before, want: "15.00",
			other: []answer{{tariff.Policy{StepTotal: tariff.StepTotalAll}, "15.00"}},
		},
		"A4: a step over two tariffs": {
			tariffs: []*made{newTariff().named("A").element(energyD, "1.00", 1000, nil), newTariff().named("B").element(energyD, "2.00", 1000, nil)},
			charge:  from(t, "UTC", monday).charging(10, "1.5").under("A").charging(10, "0.2").under("B"),
			of:      before, want: "2.50", // 1.5 of 1.00, and 0.5 of 2.00
			other: []answer{{tariff.Policy{StepTariffs: tariff.StepPerTariff}, "4.00"}},
		},
		"A5: the lowest price of a session without energy": {
			tariffs: []*made{newTariff().element(energyD, "1.00", 1, nil).minimum("3.00")},
			charge:  from(t, "UTC", monday).charging(10, "0"),
			of:      before, want: "3.00",
			other: []answer{{tariff.Policy{MinPrice: tariff.MinPriceConsumed}, "0.00"}},
		},
		"A5: the lowest price of a reservation": {
			tariffs: []*made{newTariff().element(energyD, "1.00", 1, nil).minimum("3.00")},
			charge:  from(t, "UTC", monday).reserved(10),
			of:      before, want: "0.00",
			other: []answer{{tariff.Policy{MinPrice: tariff.MinPriceAlways}, "3.00"}},
		},
		"A6: limits of two tariffs": {
			tariffs: []*made{newTariff().named("A").element(energyD, "1.00", 1, nil).maximum("3.00"), newTariff().named("B").element(energyD, "2.00", 1, nil).maximum("4.00")},
			charge:  from(t, "UTC", monday).charging(10, "5").under("A").charging(10, "1").under("B"),
			of:      before, want: "7.00",
			other: []answer{{tariff.Policy{Limits: tariff.LimitsOfLast}, "4.00"}},
		},
		"A7: the parts of a limited total": {
			tariffs: []*made{newTariff().element(energyD, "1.00", 1, nil).also(flatD, "5.00", 0).maximum("10.00")},
			charge:  from(t, "UTC", monday).charging(10, "15"),
			of:      func(b *tariff.Breakdown) string { return b.Energy.Before.String() }, want: "15.00",
			other: []answer{{tariff.Policy{LimitParts: tariff.LimitPartsScaled}, "7.50"}},
		},
		"A8: a limit without its taxes": {
			tariffs: []*made{newTariff().element(energyD, "1.00", 1, nil).vat(20).included("NO").maximum("10.00")},
			charge:  from(t, "UTC", monday).charging(10, "15"),
			of:      after, want: "18.00",
			other: []answer{{tariff.Policy{LimitTaxes: tariff.LimitTaxesShare}, "12.00"}},
		},
		"A8: a minimum without its taxes, above the cost with taxes": {
			tariffs: []*made{newTariff().element(energyD, "1.00", 1, nil).vat(20).included("NO").minimum("10.00")},
			charge:  from(t, "UTC", monday).charging(10, "5"),
			of:      afterIfKnown, want: "10.00, after taxes unknown",
			other: []answer{{tariff.Policy{LimitTaxes: tariff.LimitTaxesShare}, "12.00"}},
		},
		"A8: a minimum before taxes, of prices that include taxes nobody knows": {
			tariffs: []*made{newTariff().element(energyD, "1.00", 1, nil).included("YES").minimum("10.00")},
			charge:  from(t, "UTC", monday).charging(10, "5"),
			of:      afterIfKnown, want: "unknown",
			other: []answer{{tariff.Policy{MinPrice: tariff.MinPriceAlways}, "unknown"}},
		},
		"A8: a minimum without its taxes, below the cost with taxes": {
			tariffs: []*made{newTariff().element(energyD, "1.00", 1, nil).vat(20).included("NO").minimum("10.00")},
			charge:  from(t, "UTC", monday).charging(10, "9"),
			of:      afterIfKnown, want: "10.80",
			other: []answer{{tariff.Policy{LimitTaxes: tariff.LimitTaxesShare}, "12.00"}},
		},
		"A9: energy that was fed back": {
			tariffs: []*made{newTariff().element(energyD, "1.00", 1000, nil)},
			charge:  from(t, "UTC", monday).charging(10, "2").charging(10, "-0.5"),
			of:      before, want: "2.00",
			other: []answer{{tariff.Policy{FedBack: tariff.FedBackLeft}, "1.50"}},
		},
		"A9: more energy fed back than drawn": {
			tariffs: []*made{newTariff().element(energyD, "1.00", 1000, nil)},
			charge:  from(t, "UTC", monday).charging(10, "-1.5"),
			of:      before, want: "-1.50",
		},
		"A10: a current that nobody measured": {
			tariffs: []*made{newTariff().element(energyD, "1.00", 1, &v230.TariffRestrictions{MinCurrent: kWh(32)}).element(energyD, "0.50", 1, nil)},
			charge:  from(t, "UTC", monday).charging(10, "1"),
			of:      before, want: "1.00",
			other: []answer{{tariff.Policy{Unmeasured: tariff.UnmeasuredFails}, "0.50"}},
		},
		"A11: a current that was on both sides of the limit": {
			tariffs: []*made{newTariff().element(energyD, "1.00", 1, &v230.TariffRestrictions{MinCurrent: kWh(32)}).element(energyD, "0.50", 1, nil)},
			charge:  from(t, "UTC", monday).charging(10, "1").amps("16", "40"),
			of:      before, want: "0.50",
			other: []answer{{tariff.Policy{Measured: tariff.MeasuredHigh}, "1.00"}, {tariff.Policy{Measured: tariff.MeasuredLow}, "0.50"}},
		},
		"A11: with an upper limit": {
			tariffs: []*made{newTariff().element(energyD, "1.00", 1, &v230.TariffRestrictions{MaxCurrent: kWh(32)}).element(energyD, "0.50", 1, nil)},
			charge:  from(t, "UTC", monday).charging(10, "1").amps("16", "40"),
			of:      before, want: "0.50",
			other: []answer{{tariff.Policy{Measured: tariff.MeasuredHigh}, "0.50"}, {tariff.Policy{Measured: tariff.MeasuredLow}, "1.00"}},
		},
		"A11: of which one alone is known": {
			tariffs: []*made{newTariff().element(energyD, "1.00", 1, &v230.TariffRestrictions{MinCurrent: kWh(16), MaxCurrent: kWh(32)}).element(energyD, "0.50", 1, nil)},
			charge: from(t, "UTC", monday).add(10, tariff.Period{Energy: exact.New(1, 0), MaxCurrent: new(exact.New(16, 0))}).
				add(10, tariff.Period{Energy: exact.New(2, 0), MinCurrent: new(exact.New(15, 0))}).add(10, tariff.Period{Energy: exact.New(4, 0), MinCurrent: new(exact.New(32, 0))}),
			of: before, want: "4.00",
			other: []answer{{tariff.Policy{Measured: tariff.MeasuredHigh}, "4.00"}, {tariff.Policy{Measured: tariff.MeasuredLow}, "4.00"}},
		},
		"A12: a duration over the end of summer time": {
			tariffs: []*made{newTariff().element(timeD, "1.00", 1, &v230.TariffRestrictions{MaxDuration: new(7200)}).element(timeD, "2.00", 1, nil)},
			charge:  from(t, "Europe/Berlin", "2026-10-25 01:00").charging(240, "0"), divided: true,
			of: before, want: "6.00", // 2 hours of each, from 01:00 to what is 04:00 an hour later
			other: []answer{{tariff.Policy{Durations: tariff.DurationsClock, Zone: berlin}, "5.00"}},
		},
		"A13: from midnight to midnight": {
			tariffs: []*made{newTariff().element(energyD, "1.00", 1, clock("00:00", "00:00")).element(energyD, "0.50", 1, nil)},
			charge:  from(t, "UTC", monday).charging(10, "1"),
			of:      before, want: "1.00",
			other: []answer{{tariff.Policy{Midnights: tariff.SameTimesNever}, "0.50"}},
		},
		"A14: from a time to the same time": {
			tariffs: []*made{newTariff().element(energyD, "1.00", 1, clock("09:00", "09:00")).element(energyD, "0.50", 1, nil)},
			charge:  from(t, "UTC", monday).charging(10, "1"),
			of:      before, want: "1.00",
			other: []answer{{tariff.Policy{SameTimes: tariff.SameTimesNever}, "0.50"}},
		},
		"A15: Saturday at 02:00 is not Friday night": {
			tariffs: []*made{newTariff().element(energyD, "1.00", 1, &v230.TariffRestrictions{
				StartTime: new("22:00"), EndTime: new("06:00"), DayOfWeek: []v230.DayOfWeek{v230.DayOfWeekFriday},
			}).element(energyD, "0.50", 1, nil)},
			charge: from(t, "UTC", "2026-06-20 02:00").charging(10, "1"),
			of:     before, want: "0.50",
			other: []answer{{tariff.Policy{WrappedDay: tariff.WrappedDayOfStart}, "1.00"}},
		},
		"A16: a FLAT beside parking": {
			tariffs: []*made{newTariff().element(parkingD, "6.00", 1, nil).also(flatD, "2.00", 0)},
			charge:  from(t, "UTC", monday).parking(10),
			of:      func(b *tariff.Breakdown) string { return b.Parking.Before.String() }, want: "1.00",
			other: []answer{{tariff.Policy{ParkingFlat: tariff.ParkingFlatParking}, "3.00"}},
		},
		"A17: charging without energy": {
			tariffs: []*made{newTariff().element(timeD, "6.00", 1, nil).also(parkingD, "12.00", 1)},
			charge:  from(t, "UTC", monday).charging(10, "1").charging(10, "0"),
			of:      before, want: "2.00",
			other: []answer{{tariff.Policy{Throttled: tariff.ThrottledParks}, "3.00"}},
		},
		"A18: parking without a price": {
			tariffs: []*made{newTariff().element(timeD, "6.00", 1, nil)},
			charge:  from(t, "UTC", monday).charging(10, "1").parking(10),
			of:      before, want: "1.00",
			other: []answer{{tariff.Policy{ParkingWithoutPrice: tariff.ParkingAsTime}, "2.00"}},
		},
		"A18: parking at the price of charging is a cost of parking": {
			tariffs: []*made{newTariff().element(timeD, "6.00", 1, nil)},
			charge:  from(t, "UTC", monday).charging(10, "1").parking(20),
			of:      parts, want: "fixed 0.00 energy 0.00 time 1.00 parking 0.00 reservation 0.00",
			other: []answer{{tariff.Policy{ParkingWithoutPrice: tariff.ParkingAsTime}, "fixed 0.00 energy 0.00 time 1.00 parking 2.00 reservation 0.00"}},
		},
		"A19: a rate in a price that includes taxes": {
			tariffs: []*made{newTariff().element(energyD, "1.20", 1, nil).vat(20).included("YES")},
			charge:  from(t, "UTC", monday).charging(10, "10"),
			of:      beforeKnown, want: "10.00",
			other: []answer{{tariff.Policy{IncludedRate: tariff.IncludedRateIgnored}, "unknown"}},
		},
		"A20: no rate": {
			tariffs: []*made{newTariff().element(energyD, "1.00", 1, nil).included("NO")},
			charge:  from(t, "UTC", monday).charging(10, "10"),
			of:      after, want: "unknown",
			other: []answer{{tariff.PolicyFor(ocpi.V221), "10.00"}},
		},
		"A21: rounding": {
			tariffs: []*made{newTariff().element(energyD, "0.333", 0, nil).also(flatD, "0.333", 0).also(timeD, "0.333", 0)},
			charge:  from(t, "UTC", monday).charging(60, "1"),
			of:      before, want: "0.999",
			other: []answer{
				{tariff.Policy{Rounding: tariff.Rounding{Round: true, Places: 2}}, "1.00"},
				{tariff.Policy{Rounding: tariff.Rounding{Round: true, Places: 2, Mode: tariff.RoundDown}}, "0.99"},
				{tariff.Policy{Rounding: tariff.Rounding{Round: true, Places: 2}, RoundParts: true}, "0.99"},
				{tariff.Policy{Rounding: tariff.Rounding{Round: true, Places: 2, Mode: tariff.RoundUp}, RoundParts: true}, "1.02"},
			},
		},
		"A21: the middle, after an even digit": {
			tariffs: []*made{newTariff().element(energyD, "0.125", 1, nil)},
			charge:  from(t, "UTC", monday).charging(60, "1"),
			of:      before, want: "0.125", other: middle("0.13", "0.12", "0.13", "0.12"),
		},
		"A21: the middle, after an odd digit": {
			tariffs: []*made{newTariff().element(energyD, "0.375", 1, nil)},
			charge:  from(t, "UTC", monday).charging(60, "1"),
			of:      before, want: "0.375", other: middle("0.38", "0.38", "0.38", "0.37"),
		},
		"A21: the middle, below 0": {
			tariffs: []*made{newTariff().element(energyD, "-0.125", 1, nil)},
			charge:  from(t, "UTC", monday).charging(60, "1"),
			of:      before, want: "-0.125", other: middle("-0.13", "-0.12", "-0.13", "-0.12"),
		},
		"a period that names no tariff": {
			tariffs: []*made{newTariff().element(energyD, "1.00", 1, nil)},
			charge:  from(t, "UTC", monday).charging(10, "1").under("T").charging(10, "1"),
			of:      before, want: "2.00",
			other: []answer{{tariff.Policy{WithoutTariff: tariff.WithoutTariffFree}, "1.00"}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			var tariffs []*tariff.Tariff
			for _, m := range test.tariffs {
				tariffs = append(tariffs, compiled(t, &m.Tariff)...)
			}
			for _, a := range append([]answer{{tariff.Policy{}, test.want}}, test.other...) {
				charge := whole(test.charge)
				if len(charge.Periods) == 1 && !charge.Periods[0].Reserved.IsZero() {
					charge.Expired = true
				}
				if test.divided {
					var err error
					if charge, err = tariff.Divide(&charge, tariffs, a.policy); err != nil {
						t.Fatal(err)
					}
				}
				if got := test.of(priced(t, charge, tariffs, a.policy)); got != a.want {
					t.Errorf("%+v: %s, want %s", a.policy, got, a.want)
				}
			}
		})
	}
}
