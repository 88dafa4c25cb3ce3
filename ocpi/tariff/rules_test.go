package tariff_test

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/exact"
	"github.com/roamwire/roamwire/ocpi/tariff"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// A rule is one of the pricing requirements, with a charge that costs something else to whoever does not keep it.
type rule struct {
	tariffs []*made
	charge  *told
	// whole tells that the charge is priced as it is; otherwise it is divided first.
	whole bool
	of    func(*tariff.Breakdown) string
	want  string
}

func before(b *tariff.Breakdown) string { return b.Total.Before.String() }

// both are the amounts without taxes and with them.
func both(b *tariff.Breakdown) string {
	return b.Total.Before.String() + " / " + b.Total.After.String()
}

// parts are those of the total.
func parts(b *tariff.Breakdown) string {
	return "fixed " + b.Fixed.Before.String() + " energy " + b.Energy.Before.String() + " time " + b.Time.Before.String() +
		" parking " + b.Parking.Before.String() + " reservation " + b.Reservation.Before.String()
}

// taxes are those of the total, by their rates.
func taxes(b *tariff.Breakdown) (s string) {
	for _, tax := range b.Total.Taxes {
		s += tax.Rate.String() + ": " + tax.Amount.String() + " "
	}
	return s
}

// limits is how many limits changed something.
func limits(b *tariff.Breakdown) string { return strconv.Itoa(len(b.Limits)) }

// unrated takes all rates of VAT away.
func (m *made) unrated() *made {
	for i := range m.Elements {
		for j := range m.Elements[i].PriceComponents {
			m.Elements[i].PriceComponents[j].VAT = nil
		}
	}
	return m
}

func hoursOf(from, to string) *v230.TariffRestrictions {
	return &v230.TariffRestrictions{StartTime: &from, EndTime: &to}
}

func kWh(least, most string) *v230.TariffRestrictions {
	return &v230.TariffRestrictions{MinKWh: numberIn(least), MaxKWh: numberIn(most)}
}

func numberIn(s string) *ocpi.Number {
	if s == "" {
		return nil
	}
	return new(ocpi.MustNumber(s))
}

// expires makes a charge one of a reservation that nobody used.
func (c *told) expires() *told { c.Expired = true; return c }

// kW sets the power of the last period.
func (c *told) kW(low, high string) *told {
	p := &c.Periods[len(c.Periods)-1]
	p.MinPower, p.MaxPower = new(exact.MustParse(low)), new(exact.MustParse(high))
	return c
}

func (r *rule) check(t *testing.T) {
	t.Helper()
	var tariffs []*tariff.Tariff
	for _, m := range r.tariffs {
		tariffs = append(tariffs, compiled(t, &m.Tariff)...)
	}
	charge, policy := r.charge.Charge, tariff.Policy{Zone: time.UTC}
	if !r.whole {
		var err error
		if charge, err = tariff.Divide(&charge, tariffs, policy); err != nil {
			t.Fatal(err)
		}
	}
	if got := r.of(priced(t, charge, tariffs, policy)); got != r.want {
		t.Errorf("%s, want %s", got, r.want)
	}
}

const monday = "2026-06-15 10:00"

func TestRulesOfSelection(t *testing.T) {
	free := newTariff().element(energyD, "1.00", 1, &v230.TariffRestrictions{MaxPower: numberIn("5"), DayOfWeek: []v230.DayOfWeek{"MONDAY"}})
	for name, r := range map[string]rule{
		"PR-01: an element without restrictions always applies": {
			[]*made{newTariff().element(energyD, "1.00", 1, nil)}, from(t, "UTC", monday).charging(10, "1"), false, before, "1.00",
		},
		"PR-02: the first element that applies has the price, each dimension by itself": {
			[]*made{newTariff().element(energyD, "9.00", 1, kWh("5", "")).element(energyD, "1.00", 1, nil).also(timeD, "6.00", 1).element(energyD, "8.00", 1, nil).also(timeD, "12.00", 1).also(flatD, "0.50", 1)},
			from(t, "UTC", monday).charging(10, "2"), false, before, "3.50",
		},
		"PR-02: at most one component of a dimension": {
			[]*made{newTariff().element(energyD, "1.00", 1, nil).also(energyD, "2.00", 1)}, from(t, "UTC", monday).charging(10, "2"), false, before, "2.00",
		},
		"PR-03: one restriction that does not hold is enough": {
			[]*made{free}, from(t, "UTC", monday).charging(10, "1").kW("5", "5").charging(10, "1").kW("4", "4"), false, before, "1.00",
		},
		"PR-03: nor on another day": {
			[]*made{free}, from(t, "UTC", "2026-06-16 10:00").charging(10, "1").kW("4", "4"), false, before, "0.00",
		},
		"PR-03: restrictions switch an element on and off during the session": {
			[]*made{newTariff().element(timeD, "6.00", 1, hoursOf("10:10", "10:20"))}, from(t, "UTC", monday).charging(60, "1"), false, before, "1.00",
		},
		"PR-04: what has no price costs nothing": {
			[]*made{newTariff().element(parkingD, "1.00", 1, nil)}, from(t, "UTC", monday).charging(10, "1"), false, before, "0.00",
		},
		"PR-05: a FLAT of 0 with a step_size of 0 is free of charge": {
			[]*made{newTariff().element(flatD, "0.00", 0, nil)}, from(t, "UTC", monday).charging(10, "10").parking(10), false, both, "0.00 / 0.00",
		},
		"PR-06: an element is no unit: its other dimensions go on": {
			[]*made{newTariff().element(energyD, "1.00", 1, kWh("", "1")).element(energyD, "2.00", 1, nil).also(timeD, "6.00", 1)},
			from(t, "UTC", monday).charging(10, "1").charging(10, "1"), false, before, "5.00",
		},
	} {
		t.Run(name, r.check)
	}
}

func TestRulesOfRestrictions(t *testing.T) {
	seconds := func(least, most int) *v230.TariffRestrictions {
		return &v230.TariffRestrictions{MinDuration: &least, MaxDuration: &most}
	}
	one := func(r *v230.TariffRestrictions, d v230.TariffDimensionType) []*made {
		return []*made{newTariff().element(d, "1.00", 1, r)}
	}
	amps, watts := &v230.TariffRestrictions{MinCurrent: numberIn("16"), MaxCurrent: numberIn("32")}, &v230.TariffRestrictions{MinPower: numberIn("11"), MaxPower: numberIn("22")}
	dates := &v230.TariffRestrictions{StartDate: new("2026-06-15"), EndDate: new("2026-06-16")}
	for name, r := range map[string]rule{
		"PR-07: min_kwh holds from it on":     {one(kWh("1", "2"), energyD), from(t, "UTC", monday).charging(10, "1").charging(10, "0.25"), true, before, "0.25"},
		"PR-07: max_kwh holds below it":       {one(kWh("1", "2"), energyD), from(t, "UTC", monday).charging(10, "2").charging(10, "1"), true, before, "0.00"},
		"PR-07: min_current holds from it on": {one(amps, energyD), from(t, "UTC", monday).charging(10, "1").amps("16", "16").charging(10, "2").amps("15.9", "15.9"), true, before, "1.00"},
		"PR-07: max_current holds below it":   {one(amps, energyD), from(t, "UTC", monday).charging(10, "1").amps("31.9", "31.9").charging(10, "2").amps("32", "32"), true, before, "1.00"},
		"PR-07: min_power holds from it on":   {one(watts, energyD), from(t, "UTC", monday).charging(10, "1").kW("11", "11").charging(10, "2").kW("10.9", "10.9"), true, before, "1.00"},
		"PR-07: max_power holds below it":     {one(watts, energyD), from(t, "UTC", monday).charging(10, "1").kW("21.9", "21.9").charging(10, "2").kW("22", "22"), true, before, "1.00"},
		"PR-07: durations hold from the lower bound to below the upper": {
			one(seconds(600, 1200), energyD), from(t, "UTC", monday).charging(10, "1").charging(10, "2").charging(10, "4"), true, before, "2.00",
		},
		"PR-07: a duration is not reached a fraction of a second before": {
			one(seconds(600, 1200), energyD), &told{Charge: tariff.Charge{Periods: []tariff.Period{
				{Start: time.Date(2026, 6, 15, 10, 0, 0, 5e8, time.UTC), Energy: exact.New(1, 0)},
				{Start: time.Date(2026, 6, 15, 10, 10, 0, 4e8, time.UTC), Energy: exact.New(2, 0)},
				{Start: time.Date(2026, 6, 15, 10, 10, 0, 5e8, time.UTC), Energy: exact.New(4, 0)},
				{Start: time.Date(2026, 6, 15, 10, 20, 0, 4e8, time.UTC), Energy: exact.New(8, 0)},
			}}}, true, before, "12.00",
		},
		"PR-07: times hold from the first minute to before the last": {
			one(hoursOf("10:00", "10:20"), energyD), from(t, "UTC", "2026-06-15 09:50").charging(10, "1").charging(10, "2").charging(10, "4").charging(10, "8"), true, before, "6.00",
		},
		"PR-07: over midnight": {
			one(hoursOf("23:50", "00:10"), energyD), from(t, "UTC", "2026-06-15 23:40").charging(10, "1").charging(10, "2").charging(10, "4").charging(10, "8"), true, before, "6.00",
		},
		"PR-07: up to the end of the day": {
			one(hoursOf("23:50", "00:00"), energyD), from(t, "UTC", "2026-06-15 23:40").charging(10, "1").charging(10, "2").charging(10, "4"), true, before, "2.00",
		},
		"PR-07: dates hold from the first day to before the last": {
			one(dates, energyD), from(t, "UTC", "2026-06-14 23:50").charging(10, "1").charging(24*60, "2").charging(10, "4"), true, before, "2.00",
		},
		"PR-08: the duration of parking is that of the session": {
			one(seconds(3600, 7200), parkingD), from(t, "UTC", monday).charging(30, "1").parking(60), false, before, "0.50",
		},
		"PR-08: and counts from the session, not from its reservation": {
			one(seconds(3600, 7200), parkingD), from(t, "UTC", monday).reserved(60).charging(30, "1").parking(42), false, before, "0.20",
		},
	} {
		t.Run(name, r.check)
	}
}

func TestRulesOfQuantities(t *testing.T) {
	for name, r := range map[string]rule{
		"PR-10: prices are per kWh, hour and session": {
			[]*made{newTariff().element(energyD, "1.00", 0, nil).also(timeD, "10.00", 0).also(parkingD, "100.00", 0).also(flatD, "1000.00", 0)},
			from(t, "UTC", monday).charging(30, "0.5").parking(15), false, parts, "fixed 1000.00 energy 0.50 time 5.00 parking 25.00 reservation 0.00",
		},
		"PR-11: a period begins where another price does, and energy flows evenly": {
			[]*made{newTariff().element(energyD, "1.00", 0, hoursOf("10:15", "10:30")).element(energyD, "2.00", 0, kWh("3", ""))},
			from(t, "UTC", monday).charging(60, "4"), false, before, "3.00",
		},
		"PR-12: time is that of charging, without parking": {
			[]*made{newTariff().element(timeD, "6.00", 1, nil)}, from(t, "UTC", monday).charging(10, "1").parking(20), false, before, "1.00",
		},
		"PR-13: a step of energy is 1 Wh": {
			[]*made{newTariff().element(energyD, "1.00", 100, nil)}, from(t, "UTC", monday).charging(10, "0.123"), false, before, "0.20",
		},
		"PR-13: a step of time is 1 s": {
			[]*made{newTariff().element(timeD, "36.00", 100, nil)}, from(t, "UTC", monday).charging(2, "0"), false, before, "2.00",
		},
		"PR-13: a step of parking is 1 s": {
			[]*made{newTariff().element(parkingD, "36.00", 100, nil)}, from(t, "UTC", monday).parking(2), false, before, "2.00",
		},
		"PR-13: FLAT has no step": {
			[]*made{newTariff().element(flatD, "3.00", 7, nil)}, from(t, "UTC", monday).parking(2), false, before, "3.00",
		},
		"PR-14: steps are applied once to all energy": {
			[]*made{newTariff().element(energyD, "2.00", 10000, kWh("", "3")).element(energyD, "5.00", 10000, kWh("", "6")).element(energyD, "2.00", 10000, nil)},
			from(t, "UTC", monday).charging(90, "9"), false, before, "29.00",
		},
		"PR-14: and once to time and parking together": {
			[]*made{newTariff().element(timeD, "6.00", 600, nil).also(parkingD, "6.00", 600)}, from(t, "UTC", monday).charging(5, "0").parking(5), false, before, "1.50",
		},
		"PR-15: the difference is added to the last period, at its price": {
			[]*made{newTariff().element(timeD, "6.00", 1, hoursOf("00:00", "10:06")).element(timeD, "60.00", 600, nil)}, from(t, "UTC", monday).charging(8, "0"), false, before, "4.60",
		},
		"PR-16: the step of the last component counts": {
			[]*made{newTariff().element(timeD, "6.00", 600, hoursOf("00:00", "10:06")).element(timeD, "60.00", 60, nil)}, from(t, "UTC", monday).charging(8, "0"), false, before, "2.60",
		},
		"PR-16: which is that of the last period with energy": {
			[]*made{newTariff().element(energyD, "1.00", 1000, hoursOf("00:00", "10:10")).element(energyD, "9.00", 5000, nil)},
			from(t, "UTC", monday).charging(10, "1.5").charging(10, "0"), false, before, "2.00",
		},
		"PR-17: charging is exact where parking follows": {
			[]*made{newTariff().element(timeD, "6.00", 600, nil).also(parkingD, "60.00", 300)}, from(t, "UTC", monday).charging(21, "0").parking(7), false, parts,
			"fixed 0.00 energy 0.00 time 2.10 parking 10.00 reservation 0.00",
		},
		"PR-17: and where parking has no step": {
			[]*made{newTariff().element(timeD, "6.00", 600, nil).also(parkingD, "60.00", 0)}, from(t, "UTC", monday).charging(21, "0").parking(7), false, before, "9.10",
		},
		"PR-17: charging is rounded where parking has no price": {
			[]*made{newTariff().element(timeD, "6.00", 600, nil)}, from(t, "UTC", monday).charging(21, "0").parking(7), false, before, "3.00",
		},
		"PR-18: what has no price is not in the amount that is rounded": {
			[]*made{newTariff().element(parkingD, "1.00", 900, hoursOf("00:00", "20:00"))}, from(t, "UTC", "2026-06-15 19:52").parking(20), false, before, "0.25",
		},
		"PR-19: a multiple is not rounded": {
			[]*made{newTariff().element(timeD, "2.00", 60, nil)}, from(t, "UTC", monday).charging(150, "0"), false, before, "5.00",
		},
		"PR-19: nor a multiple of Wh": {
			[]*made{newTariff().element(energyD, "8.00", 25, nil)}, from(t, "UTC", monday).charging(10, "0.125"), false, before, "1.00",
		},
		"PR-19: what is more than a multiple is": {
			[]*made{newTariff().element(energyD, "8.00", 25, nil)}, from(t, "UTC", monday).charging(10, "0.1251"), false, before, "1.20",
		},
		"PR-20: a step of 1 rounds to whole Wh": {
			[]*made{newTariff().element(energyD, "1.00", 1, nil)}, from(t, "UTC", monday).charging(10, "0.1152"), false, before, "0.116",
		},
		"PR-20: and none of 0": {
			[]*made{newTariff().element(energyD, "1.00", 0, nil)}, from(t, "UTC", monday).charging(10, "0.1152"), false, before, "0.1152",
		},
	} {
		t.Run(name, r.check)
	}
}

func TestRulesOfPrices(t *testing.T) {
	limited := func(before, after string) *made {
		m := newTariff().element(energyD, "1.00", 1, nil).vat(20).included("NO")
		m.MinPrice = &v230.PriceLimit{BeforeTaxes: ocpi.MustNumber(before), AfterTaxes: numberIn(after)}
		return m
	}
	capped := func(before, after string) *made {
		m := limited(before, after)
		m.MinPrice, m.MaxPrice = nil, m.MinPrice
		return m
	}
	twoRates := newTariff().element(energyD, "1.00", 1, nil).also(flatD, "1.00", 0).vat(10).included("NO")
	twoRates.Elements[0].PriceComponents[1].VAT = new(ocpi.NumberOf(20))
	untaxed := newTariff().element(energyD, "1.00", 1, nil)
	ten := from(t, "UTC", monday).charging(10, "10")
	for name, r := range map[string]rule{
		"PR-21: VAT comes on top, component by component":  {[]*made{twoRates}, ten, false, both, "11.00 / 12.20"},
		"PR-22: min_price lifts both amounts":              {[]*made{limited("20", "30")}, ten, false, both, "20.00 / 30.00"},
		"PR-22: min_price lifts one":                       {[]*made{limited("9", "30")}, ten, false, both, "10.00 / 30.00"},
		"PR-22: min_price lifts the other":                 {[]*made{limited("11", "12")}, ten, false, both, "11.00 / 12.00"},
		"PR-22: max_price lowers both":                     {[]*made{capped("5", "7")}, ten, false, both, "5.00 / 7.00"},
		"PR-22: max_price lowers one":                      {[]*made{capped("10", "11")}, ten, false, both, "10.00 / 11.00"},
		"PR-22: max_price lowers the other":                {[]*made{capped("9", "12")}, ten, false, both, "9.00 / 12.00"},
		"PR-22: taxes of a limited total are not told, A7": {[]*made{capped("5", "7")}, ten, false, taxes, ""},
		"PR-22: what is not known is not limited before taxes": {
			[]*made{newTariff().element(energyD, "1.00", 1, nil).included("YES").minimum("20")}, ten, false, limits, "0",
		},
		"PR-22: nor after them": {
			[]*made{limited("9", "100").unrated()}, ten, false, limits, "0",
		},
		"PR-23: min_price is no fee":         {[]*made{newTariff().element(energyD, "1.00", 1, nil).also(flatD, "2.00", 0).minimum("3.00")}, from(t, "UTC", monday).charging(10, "4"), false, before, "6.00"},
		"PR-23: but the least that it costs": {[]*made{newTariff().element(energyD, "1.00", 1, nil).also(flatD, "2.00", 0).minimum("3.00")}, from(t, "UTC", monday).charging(10, "0.5"), false, before, "3.00"},
		"PR-24: nothing is rounded": {
			[]*made{newTariff().element(energyD, "0.3333", 0, nil).vat(19).included("NO")}, from(t, "UTC", monday).charging(10, "0.3333"), false, both, "0.11108889 / 0.1321957791",
		},
		"PR-25: the parts of the total": {
			[]*made{newTariff().element(flatD, "1.00", 0, nil).also(energyD, "2.00", 1).also(timeD, "6.00", 1).also(parkingD, "12.00", 1).
				element(flatD, "16.00", 0, reservedOnly).also(timeD, "60.00", 1)},
			from(t, "UTC", monday).reserved(16).charging(40, "1").parking(40), false, parts, "fixed 1.00 energy 2.00 time 4.00 parking 8.00 reservation 32.00",
		},
		"PR-25: the total is all of them within limits": {
			[]*made{newTariff().element(flatD, "1.00", 0, nil).also(energyD, "2.00", 1).maximum("2.50")}, from(t, "UTC", monday).charging(40, "1"), false,
			func(b *tariff.Breakdown) string { return before(b) + " of " + b.Unlimited.Before.String() }, "2.50 of 3.00",
		},
		"PR-26: prices contain taxes": {
			[]*made{newTariff().element(energyD, "1.21", 1, nil).vat(21).included("YES")}, ten, false, both, "10.00 / 12.10",
		},
		"PR-26: there are no taxes":              {[]*made{newTariff().element(energyD, "1.00", 1, nil).vat(21)}, ten, false, both, "10.00 / 10.00"},
		"PR-26: nor do limits make any":          {[]*made{newTariff().element(energyD, "1.00", 1, nil).maximum("4.00")}, ten, false, both, "4.00 / 4.00"},
		"PR-26: nor lowest prices":               {[]*made{newTariff().element(energyD, "1.00", 1, nil).minimum("40.00")}, ten, false, both, "40.00 / 40.00"},
		"PR-26: taxes are listed by their rates": {[]*made{twoRates, untaxed.named("U")}, ten, false, taxes, "20: 0.20 10: 1.00 "},
	} {
		t.Run(name, r.check)
	}
}

var (
	reservedOnly = &v230.TariffRestrictions{Reservation: new(v230.ReservationRestrictionTypeReservation)}
	expiredOnly  = &v230.TariffRestrictions{Reservation: new(v230.ReservationRestrictionTypeReservationExpires)}
)

func TestRulesOfReservations(t *testing.T) {
	session := func() *made { return newTariff().element(flatD, "0.50", 0, nil).also(timeD, "6.00", 1) }
	for name, r := range map[string]rule{
		"PR-27: an element without reservation never prices one": {[]*made{session()}, from(t, "UTC", monday).reserved(10).expires(), false, before, "0.00"},
		"PR-27: an element with it prices nothing else": {
			[]*made{newTariff().element(flatD, "2.00", 0, reservedOnly).also(timeD, "60.00", 1).also(energyD, "9.00", 1)}, from(t, "UTC", monday).charging(10, "10"), false, before, "0.00",
		},
		"PR-27: durations count from its begin": {
			[]*made{newTariff().element(timeD, "6.00", 1, &v230.TariffRestrictions{Reservation: reservedOnly.Reservation, MaxDuration: new(600)}).
				element(timeD, "60.00", 1, &v230.TariffRestrictions{Reservation: reservedOnly.Reservation, MinDuration: new(900)})},
			from(t, "UTC", monday).reserved(16).charging(10, "1"), false, before, "2.00",
		},
		"PR-27: a period can have both": {
			[]*made{session().element(timeD, "60.00", 1, reservedOnly)},
			from(t, "UTC", monday).add(20, tariff.Period{Reserved: exact.New(600, 0), Charging: exact.New(600, 0)}), false, parts,
			"fixed 0.50 energy 0.00 time 1.00 parking 0.00 reservation 10.00",
		},
		"PR-28: the FLAT of the reservation and that of the session": {
			[]*made{session().element(flatD, "2.00", 0, reservedOnly)}, from(t, "UTC", monday).reserved(10).charging(10, "1"), false, before, "3.50",
		},
		"PR-29: RESERVATION is for those that expire too": {
			[]*made{session().element(timeD, "12.00", 1, reservedOnly)}, from(t, "UTC", monday).reserved(10).expires(), false, before, "2.00",
		},
		"PR-29: RESERVATION_EXPIRES is for those alone": {
			[]*made{session().element(timeD, "12.00", 1, expiredOnly)}, from(t, "UTC", monday).reserved(10).charging(10, "1"), false, before, "1.50",
		},
		"PR-30: RESERVATION_EXPIRES comes before RESERVATION": {
			[]*made{newTariff().element(timeD, "6.00", 1, reservedOnly).element(timeD, "12.00", 1, expiredOnly)}, from(t, "UTC", monday).reserved(10).expires(), false, before, "2.00",
		},
		"PR-30: for each dimension by itself": {
			[]*made{newTariff().element(timeD, "6.00", 1, reservedOnly).element(flatD, "4.00", 0, expiredOnly)}, from(t, "UTC", monday).reserved(60).expires(), false, before, "10.00",
		},
		"PR-31: the reservation has a step of its own": {
			[]*made{newTariff().element(timeD, "6.00", 600, nil).also(parkingD, "6.00", 600).element(timeD, "60.00", 900, reservedOnly)},
			from(t, "UTC", monday).reserved(13).charging(15, "1"), false, parts, "fixed 0.00 energy 0.00 time 2.00 parking 0.00 reservation 15.00",
		},
		"PR-31: and is rounded but once where nobody came": {
			[]*made{newTariff().element(timeD, "60.00", 900, reservedOnly)}, from(t, "UTC", monday).reserved(13).expires(), false,
			func(b *tariff.Breakdown) string { return before(b) + " " + strconv.Itoa(len(b.Steps)) }, "15.00 1",
		},
	} {
		t.Run(name, r.check)
	}
}

// Why a later element has the price is judged where that was: for a reservation, from its begin.
func TestWhyAnElementDoesNotApply(t *testing.T) {
	first := func(max int) *v230.TariffRestrictions {
		return &v230.TariffRestrictions{Reservation: reservedOnly.Reservation, MaxDuration: &max}
	}
	m := newTariff().element(timeD, "1.00", 1, kWh("5", "")).element(timeD, "2.00", 1, first(600)).element(flatD, "3.00", 0, reservedOnly).element(timeD, "4.00", 1, reservedOnly).element(timeD, "5.00", 1, nil)
	tariffs := compiled(t, &m.Tariff)
	charge, err := tariff.Divide(&from(t, "UTC", monday).reserved(20).charging(10, "1").Charge, tariffs, tariff.Policy{})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	b := priced(t, charge, tariffs, tariff.Policy{})
	for i, l := range b.Lines {
		line := l.Dimension.String() + " of " + l.Price.String()
		for _, s := range b.Why(i) {
			line += fmt.Sprintf(", not %d: %s", s.Element, s.By)
		}
		got = append(got, line)
	}
	want := []string{
		"FLAT of 3", "TIME of 2, not 0: reservation", "TIME of 4, not 0: reservation, not 1: max_duration",
		"TIME of 5, not 0: min_kwh, not 1: reservation, not 3: reservation",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// PR-32: the time of a reservation is a dimension of its own in CDRs, and TIME in tariffs.
func TestReservationTimeOfACDR(t *testing.T) {
	cdr := cdrOf(t, from(t, "UTC", monday).reserved(30).charging(30, "1"), newTariff().element(timeD, "2.00", 1, nil).element(timeD, "4.00", 1, reservedOnly))
	if d := cdr.ChargingPeriods[0].Dimensions; len(d) != 1 || d[0].Type != v230.CdrDimensionTypeReservationTime || d[0].Volume.String() != "0.5" {
		t.Errorf("%v", d)
	}
	charge := tariff.ChargeOfCDR(cdr)
	got := parts(priced(t, charge, compiled(t, &cdr.Tariffs[0]), tariff.Policy{}))
	if want := "fixed 0.00 energy 0.00 time 1.00 parking 0.00 reservation 2.00"; got != want || charge.Expired {
		t.Errorf("%s, want %s", got, want)
	}
}

// PR-26: where the taxes of one part are not known, those of the total are not, whichever part it is.
func TestTaxesThatAreKnownInPart(t *testing.T) {
	for _, unknown := range []int{0, 1} {
		for _, included := range []v230.TaxIncluded{v230.TaxIncludedYes, v230.TaxIncludedNo} {
			m := newTariff().element(flatD, "1.00", 0, nil).also(energyD, "1.00", 1).vat(20).included(included)
			m.Elements[0].PriceComponents[unknown].VAT = nil
			total := priced(t, from(t, "UTC", monday).charging(10, "1").Charge, compiled(t, &m.Tariff), tariff.Policy{}).Total
			if yes := included == v230.TaxIncludedYes; total.NoBefore != yes || total.NoAfter == yes {
				t.Errorf("%s, component %d: %+v", included, unknown, total)
			}
		}
	}
}

// What cannot be priced is an error that says why.
func TestWhatCannotBePriced(t *testing.T) {
	euros, crowns := newTariff().element(energyD, "1.00", 1, nil), newTariff().named("U").element(energyD, "1.00", 1, nil)
	crowns.Currency = "SEK"
	one, both := compiled(t, &euros.Tariff), append(compiled(t, &euros.Tariff), compiled(t, &crowns.Tariff)...)
	c := from(t, "UTC", monday).charging(10, "1").Charge
	for _, test := range []struct {
		charge  tariff.Charge
		tariffs []*tariff.Tariff
		want    error
	}{{tariff.Charge{}, one, tariff.ErrNoPeriods}, {c, nil, tariff.ErrNoTariff}, {c, both, tariff.ErrCurrencies}} {
		if _, err := tariff.Price(&test.charge, test.tariffs, tariff.Policy{}); !errors.Is(err, test.want) {
			t.Errorf("%v, want %v", err, test.want)
		}
	}
	var unknown *tariff.UnknownTariffError
	c = from(t, "UTC", monday).charging(10, "1").charging(10, "1").under("X").Charge
	if _, err := tariff.Price(&c, one, tariff.Policy{}); !errors.As(err, &unknown) || unknown.Period != 1 || unknown.ID != "X" {
		t.Error(err)
	}
}

// PR-09: another tariff can apply from a period on.
func TestTariffsOneAfterTheOther(t *testing.T) {
	r := rule{
		[]*made{newTariff().named("A").element(energyD, "1.00", 1, nil), newTariff().named("B").element(energyD, "10.00", 1, nil)},
		from(t, "UTC", monday).charging(10, "1").under("b").charging(10, "2").under("A"), false, before, "12.00",
	}
	r.check(t)
}

// PR-11: periods are cut where prices change within them, and not where they begin or end, or where nothing changes.
func TestWherePeriodsAreCut(t *testing.T) {
	m := newTariff().element(energyD, "1.00", 1, hoursOf("10:00", "10:30")).element(energyD, "2.00", 1, kWh("", "4")).
		element(energyD, "3.00", 1, hoursOf("11:00", "11:15")).element(energyD, "3.00", 1, kWh("", "8"))
	charge := from(t, "UTC", monday).charging(60, "4").charging(60, "4").Charge
	divided, err := tariff.Divide(&charge, compiled(t, &m.Tariff), tariff.Policy{})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, p := range divided.Periods {
		got = append(got, p.Start.Format("15:04")+" to "+p.End.Format("15:04")+" "+p.Energy.String()+" kWh "+p.Charging.String()+" s")
	}
	want := []string{
		"10:00 to 10:30 2 kWh 1800 s", "10:30 to 11:00 2 kWh 1800 s", "11:00 to 11:15 1 kWh 900 s", "11:15 to 12:00 3 kWh 2700 s",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// PR-11: periods as they are given stay apart, also where nothing has a price.
func TestPeriodsThatAreGivenStay(t *testing.T) {
	m := newTariff().element(parkingD, "1.00", 1, hoursOf("10:05", "10:15"))
	charge := from(t, "UTC", monday).charging(10, "1").charging(10, "2").Charge
	divided, err := tariff.Divide(&charge, compiled(t, &m.Tariff), tariff.Policy{})
	if err != nil || len(divided.Periods) != 2 || !divided.Periods[1].Energy.Equal(exact.New(2, 0)) {
		t.Errorf("%+v: %v", divided, err)
	}
}

// cutsOf are where a charge is cut, as "HH:MM:SS kWh" for each part.
func cutsOf(t *testing.T, m *made, c *told, p tariff.Policy) (out []string) {
	t.Helper()
	divided, err := tariff.Divide(&c.Charge, compiled(t, &m.Tariff), p)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range divided.Periods {
		out = append(out, p.Start.Format("15:04:05")+" "+p.Energy.String())
	}
	return out
}

// PR-11, A1: a FLAT price cuts a period where it becomes due, and neither where it ends nor where another was billed before.
func TestWhereFlatPricesCut(t *testing.T) {
	free := func() *made { return newTariff().element(energyD, "0", 1, nil) }
	charge := func() *told { return from(t, "UTC", monday).charging(60, "6") }
	for name, test := range map[string]struct {
		m    *made
		p    tariff.Policy
		want []string
	}{
		"one that ends":                    {free().element(flatD, "1", 0, hoursOf("09:00", "10:30")), tariff.Policy{}, []string{"10:00:00 6"}},
		"one that is due later":            {free().element(flatD, "1", 0, hoursOf("10:30", "10:40")), tariff.Policy{}, []string{"10:00:00 3", "10:30:00 3"}},
		"another, of which one was billed": {free().element(flatD, "1", 0, hoursOf("09:00", "10:30")).element(flatD, "2", 0, nil), tariff.Policy{}, []string{"10:00:00 6"}},
		"another, of which one was billed in no time": {
			free().element(flatD, "1", 0, kWh("", "0.5")).element(flatD, "2", 0, kWh("2", "")), tariff.Policy{}, []string{"10:00:00 1", "10:00:00 5"},
		},
		"another, where each is billed": {
			free().element(flatD, "1", 0, hoursOf("09:00", "10:30")).element(flatD, "2", 0, nil), tariff.Policy{Flat: tariff.FlatEach}, []string{"10:00:00 3", "10:30:00 3"},
		},
		"one that was billed, where each is": {
			free().element(flatD, "1", 0, hoursOf("10:20", "10:30")).element(flatD, "2", 0, nil), tariff.Policy{Flat: tariff.FlatEach}, []string{"10:00:00 2", "10:20:00 4"},
		},
		"one that becomes active again, where it is billed again": {
			free().element(flatD, "1", 0, hoursOf("10:20", "10:30")).element(flatD, "2", 0, nil), tariff.Policy{Flat: tariff.FlatAlways},
			[]string{"10:00:00 2", "10:20:00 1", "10:30:00 3"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := charge()
			if strings.HasSuffix(name, "no time") {
				c = from(t, "UTC", monday).charging(0, "1").charging(60, "5")
			}
			if diff := cmp.Diff(test.want, cutsOf(t, test.m, c, test.p)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// PR-11, A9: energy that is fed back can fall below a threshold again, and then has the price below it.
func TestWhereEnergyThatIsFedBackCuts(t *testing.T) {
	m := newTariff().element(energyD, "2", 1, kWh("", "5")).element(energyD, "3", 1, nil)
	up := func() *told { return from(t, "UTC", monday).charging(60, "6") }
	for name, test := range map[string]struct {
		c    *told
		want []string
	}{
		"below it":            {up().charging(60, "-4"), []string{"10:00:00 5", "10:50:00 1", "11:00:00 -1.000000001", "11:15:00 -2.999999999"}},
		"to it":               {up().charging(60, "-1"), []string{"10:00:00 5", "10:50:00 1", "11:00:00 -1"}},
		"not as far":          {up().charging(60, "-0.5"), []string{"10:00:00 5", "10:50:00 1", "11:00:00 -0.5"}},
		"below it from there": {from(t, "UTC", monday).charging(60, "5").charging(60, "-4"), []string{"10:00:00 5", "11:00:00 -4"}},
		"and up again":        {up().charging(60, "-4").charging(60, "6"), []string{"10:00:00 5", "10:50:00 1", "11:00:00 -1.000000001", "11:15:00 -2.999999999", "12:00:00 3", "12:30:00 3"}},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, cutsOf(t, m, test.c, tariff.Policy{})); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// Partners write times of day with seconds, and then mean the last second of an hour by 19:59:59.
func TestTimesOfDayWithSeconds(t *testing.T) {
	for _, test := range []struct{ from, to, want string }{
		{"10:30:00", "11:00:00", "5.50"}, {"10:30:00", "10:59:59", "5.50"}, {"00:00:00", "23:59:59", "10.00"}, {"10:30", "24:00:00", "5.50"},
		{"10:30:59", "11:00:00", ""}, {"10:30:00", "10:59:30", ""}, {"10:30:00", "10:61:59", ""}, {"10:30:0", "11:00", ""},
	} {
		m := newTariff().element(energyD, "10", 1, hoursOf(test.from, test.to)).element(energyD, "1", 1, nil)
		c, err := tariff.Compile(&m.Tariff)
		if err != nil {
			if test.want != "" {
				t.Errorf("%s to %s: %v", test.from, test.to, err)
			}
			continue
		}
		tariffs := []*tariff.Tariff{c}
		charge, err := tariff.Divide(&from(t, "UTC", monday).charging(60, "1").Charge, tariffs, tariff.Policy{})
		if err != nil {
			t.Fatal(err)
		}
		if got := before(priced(t, charge, tariffs, tariff.Policy{})); got != test.want {
			t.Errorf("%s to %s: %s, want %s", test.from, test.to, got, test.want)
		}
	}
}

// Periods that begin at the same time are priced alike in whatever order they are: first the one of no length.
func TestPeriodsThatBeginTogether(t *testing.T) {
	m := newTariff().element(energyD, "2", 1, kWh("", "3")).element(energyD, "1", 1, nil)
	start := from(t, "UTC", monday).at
	moment, hour := tariff.Period{Start: start, Energy: exact.New(1, 0)}, tariff.Period{Start: start, Energy: exact.New(3, 0), Charging: exact.New(3600, 0)}
	twice := tariff.Period{Start: start, Energy: exact.New(3, 0)}
	for _, periods := range [][]tariff.Period{{moment, hour, twice}, {hour, moment, twice}, {twice, hour, moment}} {
		c := tariff.Charge{Periods: periods}
		c.Arrange()
		if got := before(priced(t, c, compiled(t, &m.Tariff), tariff.Policy{})); got != "11.00" { // 1 and 3 kWh at 2, 3 at 1
			t.Errorf("%s: %+v", got, periods)
		}
	}
}
