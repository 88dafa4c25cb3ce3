package tariff_test

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/exact"
	"github.com/roamwire/roamwire/ocpi/tariff"
	"github.com/roamwire/roamwire/ocpi/v230"
)

var (
	firstYear = time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC)
	lastYear  = time.Date(9999, 12, 31, 23, 0, 0, 0, time.UTC)
	ages      = exact.New(lastYear.Unix()-firstYear.Unix(), 0)
)

// within fails where something takes longer than it may on a busy machine.
func within(t *testing.T, longest time.Duration, do func()) {
	t.Helper()
	began := time.Now()
	do()
	if took := time.Since(began); took > longest {
		t.Errorf("it took %s", took)
	}
}

// A charge of nearly 10,000 years costs what it costs, though a time.Duration ends at 292.
func TestAChargeOfAllYears(t *testing.T) {
	whole := tariff.Charge{Periods: []tariff.Period{{Start: firstYear, End: lastYear, Charging: ages, Energy: exact.New(1, 30)}}}
	if strconv.IntSize < 64 {
		t.Skip("numbers of 32 bits end after 68 years")
	}
	never := 1 << (strconv.IntSize - 2)
	sixty := 60 * 365 * 24 * 3600 // in seconds, which also fit 32 bits
	for name, test := range map[string]struct {
		tariff *made
		want   exact.Decimal
	}{
		"by the hour": {newTariff().element(timeD, "3600", 1, nil), ages},
		"a first 60 years of less": {
			newTariff().element(timeD, "3600", 1, &v230.TariffRestrictions{MaxDuration: &sixty}).element(timeD, "36000", 1, nil),
			ages.Mul(exact.New(10, 0)).Sub(exact.New(int64(sixty), 0).Mul(exact.New(9, 0))),
		},
		"a duration that never comes": {
			newTariff().element(timeD, "3600", 1, &v230.TariffRestrictions{MinDuration: &never}), exact.Decimal{},
		},
		"a duration that never ends": {
			newTariff().element(timeD, "3600", 1, &v230.TariffRestrictions{MaxDuration: &never}), ages,
		},
		"a step of 2^62": {newTariff().element(timeD, "3600", never, nil), exact.New(int64(never), 0)},
		"10^-40 for a kWh, the second half of 10^30 at twice that": {
			newTariff().element(energyD, "1e-40", 1, &v230.TariffRestrictions{MaxKWh: numberIn("5e29")}).element(energyD, "2e-40", 1, nil), exact.New(15, -11),
		},
	} {
		t.Run(name, func(t *testing.T) {
			tariffs := compiled(t, &test.tariff.Tariff)
			divided, err := tariff.Divide(&whole, tariffs, tariff.Policy{})
			if err != nil {
				t.Fatal(err)
			}
			got := priced(t, divided, tariffs, tariff.Policy{}).Total.Before
			if got.Cmp(tariff.AmountOf(test.want)) != 0 {
				t.Errorf("%s, want %s", got, test.want)
			}
			var charging, energy exact.Decimal
			for _, p := range divided.Periods {
				charging, energy = charging.Add(p.Charging), energy.Add(p.Energy)
			}
			if !charging.Equal(ages) || !energy.Equal(exact.New(1, 30)) {
				t.Errorf("%s s, %s kWh", charging, energy)
			}
		})
	}
}

// A period is cut at the energy that it reaches after more than 292 years.
func TestEnergyThatTakesAges(t *testing.T) {
	whole := tariff.Charge{Periods: []tariff.Period{{Start: firstYear, End: lastYear, Energy: exact.New(4, 0)}}}
	m := newTariff().element(energyD, "1.00", 1, kWh("", "3")).element(energyD, "2.00", 1, nil)
	divided, err := tariff.Divide(&whole, compiled(t, &m.Tariff), tariff.Policy{})
	if err != nil || len(divided.Periods) != 2 {
		t.Fatalf("%+v %v", divided, err)
	}
	want := time.Unix(firstYear.Unix()+(lastYear.Unix()-firstYear.Unix())*3/4, 0).UTC()
	if got := divided.Periods[1].Start; !got.Equal(want) {
		t.Errorf("%s, want %s", got, want)
	}
}

// Prices by the time of day over more years than are divided are an error, also beyond the 292 years of a time.Duration.
func TestYearsOfPricesByTheTimeOfDay(t *testing.T) {
	zone, err := time.LoadLocation("Europe/Amsterdam")
	if err != nil {
		t.Fatal(err)
	}
	m := newTariff().element(energyD, "1.00", 1, hoursOf("06:00", "18:00")).element(energyD, "2.00", 1, nil)
	tariffs := compiled(t, &m.Tariff)
	for _, years := range []int{1000, 8000} {
		end := firstYear.AddDate(years, 0, 0)
		c := tariff.Charge{Periods: []tariff.Period{{Start: firstYear, End: end, Energy: exact.New(1, 0)}}}
		within(t, 5*time.Second, func() {
			if _, err := tariff.Divide(&c, tariffs, tariff.Policy{Zone: zone}); !errors.Is(err, tariff.ErrTooLong) {
				t.Errorf("%d years: %v", years, err)
			}
		})
	}
}

// Times of day are known in the first year and in the last.
func TestTheFirstAndTheLastYear(t *testing.T) {
	for _, zone := range zones {
		location, err := time.LoadLocation(zone)
		if err != nil {
			t.Fatal(err)
		}
		m := newTariff().element(energyD, "1.00", 1, hoursOf("00:00", "12:00")).element(energyD, "1.00", 1, hoursOf("12:00", "00:00"))
		m.Elements[0].Restrictions.StartDate, m.Elements[1].Restrictions.EndDate = new("0001-01-01"), new("9999-12-31")
		for _, start := range []time.Time{firstYear, lastYear} {
			c := tariff.Charge{Periods: []tariff.Period{{Start: start, End: start.Add(time.Hour), Energy: exact.New(1, 0)}}}
			if _, err := tariff.Divide(&c, compiled(t, &m.Tariff), tariff.Policy{Zone: location}); err != nil {
				t.Error(err)
			}
		}
	}
}

// hundreds is a tariff of so many elements of which the last alone applies.
func hundreds(n int) *made {
	m := newTariff()
	for i := range n {
		m.element(energyD, "1.00", 1, &v230.TariffRestrictions{MinKWh: numberIn("1e30"), StartTime: new(fmt.Sprintf("%02d:%02d", i/60%24, i%60)), EndTime: new("00:00")})
	}
	return m.element(energyD, "2.00", 1, nil)
}

// A million periods are priced, one more is an error, and many periods with many elements take no ages.
func TestAMillionPeriods(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes seconds")
	}
	many := tariff.Charge{Periods: make([]tariff.Period, tariff.DefaultMaxPeriods)}
	for i := range many.Periods {
		start := firstYear.Add(time.Duration(i) * time.Minute)
		many.Periods[i] = tariff.Period{Start: start, End: start.Add(time.Minute), Charging: exact.New(60, 0), Energy: exact.New(1, -1)}
	}
	tariffs := compiled(t, sixElements())
	within(t, 60*time.Second, func() {
		if got := len(priced(t, many, tariffs, tariff.Policy{}).Lines); got < len(many.Periods) {
			t.Errorf("%d lines", got)
		}
	})
	more := tariff.Charge{Periods: append(slices.Clip(many.Periods), many.Periods[0])}
	if _, err := tariff.Price(&more, tariffs, tariff.Policy{}); !errors.Is(err, tariff.ErrTooLong) {
		t.Error(err)
	}
	if _, err := tariff.Divide(&more, tariffs, tariff.Policy{}); !errors.Is(err, tariff.ErrTooLong) {
		t.Error(err)
	}
	some := tariff.Charge{Periods: many.Periods[:20_000]}
	within(t, 30*time.Second, func() {
		if got := before(priced(t, some, compiled(t, &hundreds(700).Tariff), tariff.Policy{})); got != "4000.00" {
			t.Error(got)
		}
	})
}

// A policy bounds the periods that are priced, and those that are made.
func TestMaxPeriods(t *testing.T) {
	c := from(t, "UTC", monday).charging(10, "1").charging(10, "1").Charge
	m := newTariff().element(energyD, "1.00", 1, hoursOf("10:05", "10:15"))
	tariffs := compiled(t, &m.Tariff)
	for most, want := range map[int]error{1: tariff.ErrTooLong, 2: nil} {
		if _, err := tariff.Price(&c, tariffs, tariff.Policy{MaxPeriods: most}); !errors.Is(err, want) {
			t.Errorf("priced with %d: %v", most, err)
		}
	}
	for most, want := range map[int]error{5: tariff.ErrTooLong, 6: nil} { // two days, with three times of day
		if _, err := tariff.Divide(&c, tariffs, tariff.Policy{MaxPeriods: most}); !errors.Is(err, want) {
			t.Errorf("divided with %d: %v", most, err)
		}
	}
}

// A CDR in which all is wrong has so many findings of each kind, and no more.
func TestMostFindings(t *testing.T) {
	cdr := goodCDR(t)
	for range 1000 {
		cdr.ChargingPeriods = append(cdr.ChargingPeriods, v230.ChargingPeriod{
			StartDateTime: ocpi.NewDateTime(firstYear), Dimensions: []v230.CdrDimension{{Type: "TIME", Volume: ocpi.MustNumber("-1")}},
		})
	}
	count := map[tariff.Code]int{}
	for _, f := range tariff.Check(cdr, nil, checked).Findings {
		count[f.Code]++
	}
	if count[tariff.VolumeNegative] != tariff.MostFindings || count[tariff.PeriodOutside] != tariff.MostFindings || count[tariff.TimeDiffers] != 1 {
		t.Errorf("%v", count)
	}
}

// What makes a check look closely at a CDR is bounded, whoever made its tariff.
func TestACDRThatWouldBeCutForAges(t *testing.T) {
	tariffs := hundreds(1400)
	cdr := cdrOf(t, from(t, "UTC", monday).charging(10, "1"), newTariff().element(energyD, "2.00", 1, nil))
	cdr.Tariffs, cdr.ChargingPeriods[0].TariffID = []v230.Tariff{tariffs.Tariff}, nil
	for range 2000 { // a week each
		p := cdr.ChargingPeriods[len(cdr.ChargingPeriods)-1]
		p.StartDateTime = ocpi.NewDateTime(p.StartDateTime.Time().AddDate(0, 0, 6))
		cdr.ChargingPeriods = append(cdr.ChargingPeriods, p)
	}
	within(t, 20*time.Second, func() {
		a := tariff.Check(cdr, nil, checked)
		if !slices.Contains(found(a), "period-too-long /charging_periods") {
			t.Errorf("%q", a.Findings[:min(3, len(a.Findings))])
		}
	})
}
