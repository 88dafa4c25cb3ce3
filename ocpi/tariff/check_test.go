package tariff_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/tariff"
	"github.com/roamwire/roamwire/ocpi/v230"
)

var checked = tariff.Policy{Zone: time.UTC}

// goodCDR is one with nothing wrong: an hour of charging from 10:00, and 20 minutes of parking.
func goodCDR(t *testing.T) *v230.CDR {
	t.Helper()
	m := newTariff().element(flatD, "0.50", 0, nil).element(energyD, "0.50", 1, nil).also(parkingD, "1.00", 60).vat(21).included("NO")
	return cdrOf(t, from(t, "UTC", "2026-06-15 10:00").charging(60, "22").parking(20), m)
}

// cdrOf is the CDR of a charge under tariffs.
func cdrOf(t *testing.T, c *told, tariffs ...*made) *v230.CDR {
	t.Helper()
	var sources []*v230.Tariff
	for _, m := range tariffs {
		sources = append(sources, &m.Tariff)
	}
	s := sessionOf(&c.Charge)
	for i := range c.Periods {
		if id := c.Periods[i].TariffID; id != "" {
			s.ChargingPeriods[i].TariffID = new(ocpi.CiString(id))
		}
	}
	cdr, _, err := tariff.MakeCDR(s, origin("UTC", s.LastUpdated), sources, checked)
	if err != nil {
		t.Fatal(err)
	}
	return cdr
}

func at(local string) ocpi.DateTime {
	d, err := ocpi.ParseDateTime(local)
	if err != nil {
		panic(err)
	}
	return d
}

// found are the findings of an audit as "code pointer".
func found(a *tariff.Audit) (all []string) {
	for _, f := range a.Findings {
		all = append(all, string(f.Code)+" "+f.Pointer)
	}
	return all
}

// Each kind of finding is found in a CDR that has it, at its place in the CDR as it was given, and not in one that is right.
func TestFindingsInCDRs(t *testing.T) {
	if a := tariff.Check(goodCDR(t), nil, checked); a.Verdict != tariff.Agrees || len(a.Findings) > 0 {
		t.Fatalf("a good CDR %s: %q", a.Verdict, found(a))
	}
	volume := func(period, dimension int, n string) func(*v230.CDR) {
		return func(c *v230.CDR) { c.ChargingPeriods[period].Dimensions[dimension].Volume = ocpi.MustNumber(n) }
	}
	swap := func(c *v230.CDR) { slices.Reverse(c.ChargingPeriods) }
	both := func(all ...func(*v230.CDR)) func(*v230.CDR) {
		return func(c *v230.CDR) {
			for _, do := range all {
				do(c)
			}
		}
	}
	cheapFrom := func(clock string) func(*v230.CDR) {
		return func(c *v230.CDR) { c.Tariffs[0].Elements[1].Restrictions = &v230.TariffRestrictions{StartTime: &clock} }
	}
	for name, test := range map[string]struct {
		spoil   func(*v230.CDR)
		code    tariff.Code
		pointer string
		verdict tariff.Verdict
	}{
		"periods in another order":                       {swap, tariff.PeriodsUnordered, "/charging_periods/1/start_date_time", tariff.Agrees},
		"a period that lasts longer than until the next": {volume(0, 1, "1.02"), tariff.PeriodsOverlap, "/charging_periods/0", tariff.Agrees},
		"a period that lasts longer than the CDR":        {volume(1, 1, "0.36"), tariff.PeriodOutside, "/charging_periods/1", tariff.Differs},
		"the same in another order":                      {both(swap, volume(1, 1, "1.02")), tariff.PeriodsOverlap, "/charging_periods/1", tariff.Agrees},
		"a period before the CDR": {
			func(c *v230.CDR) { c.StartDateTime = at("2026-06-15T10:00:01Z") },
			tariff.PeriodOutside, "/charging_periods/0/start_date_time", tariff.Agrees,
		},
		"a period after its end": {
			func(c *v230.CDR) { c.EndDateTime = at("2026-06-15T10:59:59Z") },
			tariff.PeriodOutside, "/charging_periods/1/start_date_time", tariff.Agrees,
		},
		"a price that changes within a period": {cheapFrom("10:30"), tariff.PeriodSpansChange, "/charging_periods/0", tariff.Differs},
		"the same, in another order":           {both(swap, cheapFrom("10:30")), tariff.PeriodSpansChange, "/charging_periods/1", tariff.Differs},
		"a period of thousands of years": {
			both(cheapFrom("08:00"), func(c *v230.CDR) { c.EndDateTime = at("9999-12-31T23:59:59Z") }),
			tariff.PeriodTooLong, "/charging_periods", tariff.Agrees,
		},
		"a time below 0":               {volume(1, 1, "-0.3333"), tariff.VolumeNegative, "/charging_periods/1", tariff.Differs},
		"the same in the other order":  {both(swap, volume(0, 1, "-0.3333")), tariff.VolumeNegative, "/charging_periods/0", tariff.Differs},
		"energy that does not add up":  {volume(0, 0, "22.1"), tariff.EnergyDiffers, "/total_energy", tariff.Differs},
		"no energy where there is one": {volume(0, 0, "0"), tariff.EnergyDiffers, "/total_energy", tariff.Differs},
		"Wh":                           {volume(0, 0, "22000"), tariff.EnergyInWh, "/charging_periods", tariff.Differs},
		"periods that say no energy, which has a price": {
			func(c *v230.CDR) {
				c.ChargingPeriods[0].Dimensions = c.ChargingPeriods[0].Dimensions[1:]
				c.ChargingPeriods[1].Dimensions = c.ChargingPeriods[1].Dimensions[1:]
			},
			tariff.EnergyDiffers, "/charging_periods", tariff.Differs,
		},
		"periods that say no time, which has a price": {
			func(c *v230.CDR) {
				c.ChargingPeriods[0].Dimensions = c.ChargingPeriods[0].Dimensions[:1]
				c.ChargingPeriods[1].Dimensions = c.ChargingPeriods[1].Dimensions[:1]
			},
			tariff.TimeDiffers, "/charging_periods", tariff.Differs,
		},
		"Wh everywhere (PO-06)": {
			func(c *v230.CDR) {
				c.ChargingPeriods[0].Dimensions[0].Volume, c.TotalEnergy = ocpi.MustNumber("22000"), ocpi.MustNumber("22000")
			}, tariff.EnergyInWh, "/total_energy", tariff.Differs,
		},
		"time that does not add up": {func(c *v230.CDR) { c.TotalTime = ocpi.MustNumber("1.36") }, tariff.TimeDiffers, "/total_time", tariff.Agrees},
		"parking that does not add up": {
			func(c *v230.CDR) { c.TotalParkingTime = new(ocpi.MustNumber("0.35")) },
			tariff.ParkingDiffers, "/total_parking_time", tariff.Agrees,
		},
		"more time than from start to end": {
			func(c *v230.CDR) { c.EndDateTime = at("2026-06-15T11:40:00Z") },
			tariff.DurationDiffers, "/total_time", tariff.Agrees,
		},
		"another currency":   {func(c *v230.CDR) { c.Tariffs[0].Currency = "SEK" }, tariff.CurrencyDiffers, "/tariffs/0/currency", tariff.CannotSay},
		"no tariff":          {func(c *v230.CDR) { c.Tariffs = nil }, tariff.TariffMissing, "/tariffs", tariff.CannotSay},
		"a tariff of no one": {func(c *v230.CDR) { c.ChargingPeriods[1].TariffID = new(ocpi.CiString("X")) }, tariff.TariffUnknown, "/charging_periods/1/tariff_id", tariff.CannotSay},
		"that, in another order": {both(swap, func(c *v230.CDR) { c.ChargingPeriods[0].TariffID = new(ocpi.CiString("X")) }),
			tariff.TariffUnknown, "/charging_periods/0/tariff_id", tariff.CannotSay},
		"a tariff that cannot be read": {
			func(c *v230.CDR) { c.Tariffs[0].Elements[1].PriceComponents[0].StepSize = -1 },
			tariff.TariffUnusable, "/tariffs/0/elements/1/price_components/0/step_size", tariff.CannotSay,
		},
		"a tariff of later (PR-09)": {
			func(c *v230.CDR) { c.Tariffs[0].StartDateTime = new(at("2026-06-15T10:00:01Z")) },
			tariff.TariffNotValid, "/tariffs/0/start_date_time", tariff.Agrees,
		},
		"a tariff of before (PR-09)": {
			func(c *v230.CDR) { c.Tariffs[0].EndDateTime = new(at("2026-06-15T10:00:00Z")) },
			tariff.TariffNotValid, "/tariffs/0/end_date_time", tariff.Agrees,
		},
		"parts that do not add up": {
			func(c *v230.CDR) { c.TotalEnergyCost.BeforeTaxes = ocpi.MustNumber("12.00") },
			tariff.TotalsDiffer, "/total_cost", tariff.Differs,
		},
		"parts that are less": {
			func(c *v230.CDR) { c.TotalEnergyCost.BeforeTaxes = ocpi.MustNumber("10.00") },
			tariff.TotalsDiffer, "/total_cost", tariff.Differs,
		},
		"parts that are more, though not all are stated": {
			func(c *v230.CDR) { c.TotalFixedCost, c.TotalEnergyCost.BeforeTaxes = nil, ocpi.MustNumber("13.00") },
			tariff.TotalsDiffer, "/total_cost", tariff.Differs,
		},
		"parts that do not add up with taxes": {
			func(c *v230.CDR) { c.TotalFixedCost.Taxes[0].Amount = ocpi.MustNumber("0.21") }, tariff.TotalsDiffer, "/total_cost", tariff.Differs,
		},
		"parts that do not add up, and no tariff": {
			func(c *v230.CDR) { c.Tariffs, c.TotalCost.BeforeTaxes = nil, ocpi.MustNumber("13.00") }, tariff.TotalsDiffer, "/total_cost", tariff.CannotSay,
		},
		"parts that are more, and no tariff": {
			func(c *v230.CDR) {
				c.Tariffs, c.TotalFixedCost, c.TotalCost.BeforeTaxes = nil, nil, ocpi.MustNumber("11.00")
			},
			tariff.TotalsDiffer, "/total_cost", tariff.CannotSay,
		},
		"another cost": {func(c *v230.CDR) { c.TotalCost.BeforeTaxes = ocpi.MustNumber("11.82") }, tariff.CostDiffers, "/total_cost", tariff.Differs},
		"another tax":  {func(c *v230.CDR) { c.TotalCost.Taxes[0].Amount = ocpi.MustNumber("2.58") }, tariff.CostDiffers, "/total_cost", tariff.Differs},
		"no periods":   {func(c *v230.CDR) { c.ChargingPeriods = nil }, tariff.CostUnknown, "", tariff.CannotSay},
		"taxes not known": {func(c *v230.CDR) {
			c.Tariffs[0].TaxIncluded = v230.TaxIncludedYes
			c.Tariffs[0].Elements[1].PriceComponents[0].VAT = nil
		}, tariff.CostUnknown, "/total_cost/before_taxes", tariff.Differs},
	} {
		t.Run(name, func(t *testing.T) {
			cdr := goodCDR(t)
			test.spoil(cdr)
			a := tariff.Check(cdr, nil, checked)
			if want := string(test.code) + " " + test.pointer; !slices.Contains(found(a), want) {
				t.Errorf("%q, want %q", found(a), want)
			}
			if a.Verdict != test.verdict {
				t.Errorf("%s, want %s: %q", a.Verdict, test.verdict, found(a))
			}
		})
	}
}

// What is rounded, left out or of no length is nothing to find.
func TestWhatIsNoFinding(t *testing.T) {
	for name, change := range map[string]func(*v230.CDR){
		"half a minute more than until the next": func(c *v230.CDR) {
			c.ChargingPeriods[0].Dimensions[1].Volume, c.TotalTime = ocpi.MustNumber("1.01"), ocpi.MustNumber("1.3433")
		},
		"more energy than a car has ever had": func(c *v230.CDR) {
			c.ChargingPeriods[0].Dimensions[0].Volume, c.TotalEnergy = ocpi.MustNumber("2400"), ocpi.MustNumber("2400") // 1800 kW
			c.TotalEnergyCost.BeforeTaxes, c.TotalEnergyCost.Taxes[0].Amount = ocpi.MustNumber("1200"), ocpi.MustNumber("252")
			c.TotalCost.BeforeTaxes, c.TotalCost.Taxes[0].Amount = ocpi.MustNumber("1200.83"), ocpi.MustNumber("252.18")
		},
		"10 Wh less": func(c *v230.CDR) { c.TotalEnergy = ocpi.MustNumber("21.99") },
		"a period that begins at the end": func(c *v230.CDR) {
			c.ChargingPeriods = append(c.ChargingPeriods, v230.ChargingPeriod{StartDateTime: c.EndDateTime})
		},
		"parts that are not stated": func(c *v230.CDR) { c.TotalFixedCost = nil },
		"a cent for each part": func(c *v230.CDR) {
			c.TotalEnergyCost.BeforeTaxes, c.TotalParkingCost.BeforeTaxes = ocpi.MustNumber("11.01"), ocpi.MustNumber("0.34")
		},
		"periods that say no time, which has no price": func(c *v230.CDR) {
			c.ChargingPeriods = c.ChargingPeriods[:1]
			c.ChargingPeriods[0].Dimensions = c.ChargingPeriods[0].Dimensions[:1]
			c.TotalCost, c.TotalParkingCost = v230.Price{BeforeTaxes: ocpi.MustNumber("11.50")}, nil
			c.Tariffs[0].Elements[1].PriceComponents = c.Tariffs[0].Elements[1].PriceComponents[:1]
			c.Tariffs[0].Elements = append(c.Tariffs[0].Elements, newTariff().element(timeD, "0", 60, nil).Elements...)
		},
		"periods that say no energy": func(c *v230.CDR) {
			c.ChargingPeriods[0].Dimensions = c.ChargingPeriods[0].Dimensions[1:]
			c.ChargingPeriods[1].Dimensions = c.ChargingPeriods[1].Dimensions[1:]
			c.TotalCost = *c.TotalFixedCost
			c.TotalEnergyCost, c.TotalParkingCost, c.Tariffs[0].Elements = nil, nil, c.Tariffs[0].Elements[:1]
		},
		"parts of which one says no taxes": func(c *v230.CDR) {
			c.TotalFixedCost.Taxes = nil
			c.TotalCost.Taxes[0].Amount = ocpi.MustNumber("2.49")
		},
		"a tariff that begins with it":  func(c *v230.CDR) { c.Tariffs[0].StartDateTime = new(c.StartDateTime) },
		"a tariff that ends after that": func(c *v230.CDR) { c.Tariffs[0].EndDateTime = new(at("2026-06-15T10:00:01Z")) },
	} {
		t.Run(name, func(t *testing.T) {
			cdr := goodCDR(t)
			change(cdr)
			a := tariff.Check(cdr, nil, checked)
			if a.Verdict != tariff.Agrees || len(a.Findings) > 0 {
				t.Errorf("%s: %q", a.Verdict, found(a))
			}
		})
	}
}

// A tariff that is known to have applied is not in the CDR, so that findings about it point to the CDR's own of that id, or to all.
func TestFindingsAboutTariffsFromElsewhere(t *testing.T) {
	cdr := goodCDR(t)
	known := func(change func(*v230.Tariff)) *v230.Tariff { c := cdr.Tariffs[0]; change(&c); return &c }
	for name, test := range map[string]struct {
		known []*v230.Tariff
		want  []string
	}{
		"the same":      {[]*v230.Tariff{known(func(*v230.Tariff) {})}, nil},
		"in other case": {[]*v230.Tariff{known(func(t *v230.Tariff) { t.ID = "t" })}, nil},
		"of later":      {[]*v230.Tariff{known(func(t *v230.Tariff) { t.StartDateTime = new(at("2026-06-16T00:00:00Z")) })}, []string{"tariff-not-valid /tariffs/0"}},
		"another": {
			[]*v230.Tariff{known(func(t *v230.Tariff) { t.ID = "U"; t.Currency = "SEK" })},
			[]string{"tariff-other /tariffs/0", "currency-differs /tariffs"},
		},
		"in another currency": {[]*v230.Tariff{known(func(t *v230.Tariff) { t.Currency = "SEK" })}, []string{"currency-differs /tariffs/0"}},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, found(tariff.Check(cdr, test.known, checked))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// Where one tariff follows another within a session, each must be valid when it begins to apply (PR-09).
func TestATariffThatBeginsToApplyWithinTheSession(t *testing.T) {
	first, second := newTariff().named("A").element(energyD, "1.00", 1, nil), newTariff().named("B").element(energyD, "2.00", 1, nil)
	first.EndDateTime, second.StartDateTime = new(at("2026-06-15T11:00:00Z")), new(at("2026-06-15T11:00:00Z"))
	cdr := cdrOf(t, from(t, "UTC", "2026-06-15 10:00").charging(60, "1").under("A").charging(60, "1").under("B"), first, second)
	if a := tariff.Check(cdr, nil, checked); a.Verdict != tariff.Agrees || len(a.Findings) > 0 {
		t.Errorf("%s: %q", a.Verdict, found(a))
	}
	cdr.Tariffs[1].StartDateTime = new(at("2026-06-15T11:00:01Z"))
	if a := tariff.Check(cdr, nil, checked); !slices.Contains(found(a), "tariff-not-valid /tariffs/1/start_date_time") {
		t.Errorf("%q", found(a))
	}
}

// Costs agree within the smallest unit of the currency, or what the policy allows, and within half a unit of the last digit.
func TestTolerance(t *testing.T) {
	for _, test := range []struct {
		currency, total string
		tolerance       string
		agrees          bool
	}{
		{"EUR", "11.83", "", true}, {"EUR", "11.84", "", true}, {"EUR", "11.8434", "", false}, {"EUR", "11.82", "", false},
		{"EUR", "11.844", "", false}, {"EUR", "11.9", "", false}, {"JPY", "12", "", true}, {"JPY", "13", "", false},
		{"EUR", "12.30", "0.50", true}, {"EUR", "12.34", "0.50", false}, {"EUR", "11.84", "0", false}, {"EUR", "11.83", "0", true},
		{"KWD", "11.833", "", true}, {"KWD", "11.835", "", false},
	} {
		t.Run(fmt.Sprintf("%s %s, %q", test.currency, test.total, test.tolerance), func(t *testing.T) {
			cdr, policy := goodCDR(t), checked // 11.8333…
			cdr.Currency, cdr.Tariffs[0].Currency = test.currency, test.currency
			cdr.TotalCost = v230.Price{BeforeTaxes: ocpi.MustNumber(test.total)}
			cdr.TotalFixedCost, cdr.TotalEnergyCost, cdr.TotalParkingCost = nil, nil, nil
			if test.tolerance != "" {
				policy.Tolerance = new(ocpi.MustNumber(test.tolerance).Exact())
			}
			if a := tariff.Check(cdr, nil, policy); (a.Verdict == tariff.Agrees) != test.agrees {
				t.Errorf("%s: %q", a.Verdict, found(a))
			}
		})
	}
}

// A CDR that undoes another has a total below 0, with parts above or below.
func TestCreditCDRs(t *testing.T) {
	negate := func(p *v230.Price) {
		p.BeforeTaxes = ocpi.NewNumber(p.BeforeTaxes.Decimal().Neg())
		for i := range p.Taxes {
			p.Taxes[i].Amount = ocpi.NewNumber(p.Taxes[i].Amount.Decimal().Neg())
		}
	}
	credit := func() *v230.CDR { c := goodCDR(t); c.Credit = new(true); return c }
	if a := tariff.Check(credit(), nil, checked); a.Verdict != tariff.Differs {
		t.Errorf("a total above 0: %s", a.Verdict)
	}
	half := credit()
	negate(&half.TotalCost)
	if a := tariff.Check(half, nil, checked); a.Verdict != tariff.Agrees || len(a.Findings) > 0 {
		t.Errorf("a total below 0: %s %q", a.Verdict, found(a))
	}
	whole := credit()
	for _, p := range []*v230.Price{&whole.TotalCost, whole.TotalFixedCost, whole.TotalEnergyCost, whole.TotalParkingCost} {
		negate(p)
	}
	if a := tariff.Check(whole, nil, checked); a.Verdict != tariff.Agrees || len(a.Findings) > 0 {
		t.Errorf("all below 0: %s %q", a.Verdict, found(a))
	}
	whole.Credit = nil
	if a := tariff.Check(whole, nil, checked); a.Verdict != tariff.Differs {
		t.Errorf("all below 0, and no credit: %s", a.Verdict)
	}
}

// A CDR whose total the tariff does not give is told to differ and kept, or refused (A23).
func TestADifferingCDRIsToldOrRefused(t *testing.T) {
	cdr := goodCDR(t)
	refuse := checked
	refuse.Differing = tariff.DifferingRefused
	if a := tariff.Check(cdr, nil, refuse); a.Refused {
		t.Error("one that agrees is refused")
	}
	cdr.TotalCost.BeforeTaxes = ocpi.MustNumber("20.00")
	if a := tariff.Check(cdr, nil, checked); a.Verdict != tariff.Differs || a.Refused {
		t.Errorf("%s, refused: %v", a.Verdict, a.Refused)
	}
	a := tariff.Check(cdr, nil, refuse)
	if a.Verdict != tariff.Differs || !a.Refused {
		t.Errorf("%s, refused: %v", a.Verdict, a.Refused)
	}
	i := slices.IndexFunc(a.Findings, func(f tariff.Finding) bool { return f.Code == tariff.CostDiffers })
	if i < 0 || !strings.Contains(a.Findings[i].Message, "20.00 ") || !strings.Contains(a.Findings[i].Message, "11.83") || !strings.Contains(a.Findings[i].Message, "+8.16") {
		t.Errorf("%+v", a.Findings)
	}
}

// Of many tariffs those are taken that the CDR names, so that others do not matter: not their currencies, not their validity.
func TestWhichOfManyTariffsIsTaken(t *testing.T) {
	cheap, dear := newTariff().named("A").element(energyD, "1.00", 1, nil), newTariff().named("B").element(energyD, "2.00", 1, nil)
	crowns, ended := newTariff().named("S").element(energyD, "3.00", 1, nil), newTariff().named("E").element(energyD, "4.00", 1, nil)
	crowns.Currency, ended.EndDateTime = "SEK", new(at("2026-01-01T00:00:00Z"))
	broken := newTariff().named("X").element(energyD, "1.00", -1, nil)
	others := []*v230.Tariff{&crowns.Tariff, &ended.Tariff, &broken.Tariff}
	nameless := func(c *v230.CDR) {
		for i := range c.ChargingPeriods {
			c.ChargingPeriods[i].TariffID = nil
		}
	}
	bare := func(c *v230.CDR) { nameless(c); c.Tariffs = nil }
	of := func(id string, from, to string) *v230.Tariff { // one of several of that id
		m := newTariff().named(id).element(energyD, "9.00", 1, nil).Tariff
		if from != "" {
			m.StartDateTime = new(at(from))
		}
		if to != "" {
			m.EndDateTime = new(at(to))
		}
		return &m
	}
	for name, test := range map[string]struct {
		change  func(*v230.CDR)
		tariffs []*v230.Tariff
		want    []string
		verdict tariff.Verdict
	}{
		"the one that periods name":         {func(*v230.CDR) {}, append(others, &dear.Tariff, &cheap.Tariff), nil, tariff.Agrees},
		"the one of the CDR's own":          {nameless, append(others, &dear.Tariff, &cheap.Tariff), nil, tariff.Agrees},
		"the first, where nobody names one": {bare, []*v230.Tariff{&dear.Tariff, &cheap.Tariff}, []string{"cost-differs /total_cost"}, tariff.Differs},
		"the only one":                      {bare, []*v230.Tariff{&cheap.Tariff}, nil, tariff.Agrees},
		"none, where another is named":      {func(*v230.CDR) {}, []*v230.Tariff{&dear.Tariff}, []string{"tariff-other /tariffs/0", "tariff-unknown /charging_periods/0/tariff_id"}, tariff.CannotSay},
		"of two of an id the one that was valid": {
			func(*v230.CDR) {}, []*v230.Tariff{of("A", "", "2026-06-15T10:00:00Z"), of("A", "2026-06-15T10:00:01Z", ""), &cheap.Tariff}, nil, tariff.Agrees,
		},
		"of two of an id the first, where none was valid": {
			func(*v230.CDR) {}, []*v230.Tariff{of("A", "", "2026-06-15T10:00:00Z"), of("A", "2026-06-15T10:00:01Z", "")},
			[]string{"tariff-not-valid /tariffs/0", "cost-differs /total_cost"}, tariff.Differs,
		},
	} {
		t.Run(name, func(t *testing.T) {
			cdr := cdrOf(t, from(t, "UTC", monday).charging(60, "5").under("A"), cheap)
			test.change(cdr)
			a := tariff.Check(cdr, test.tariffs, checked)
			got := slices.DeleteFunc(found(a), func(f string) bool { return strings.HasSuffix(f, "/total_energy_cost") })
			if a.Verdict != test.verdict || !slices.Equal(got, test.want) {
				t.Errorf("%s %q, want %s %q", a.Verdict, got, test.verdict, test.want)
			}
		})
	}
}

// PR-11: of a CDR whose periods should have been divided, it is of note what it would cost then: that may be what its CPO has computed.
func TestWhatACDRWouldCostIfItWereDivided(t *testing.T) {
	cdr := goodCDR(t)
	cdr.Tariffs[0].Elements[1].Restrictions = &v230.TariffRestrictions{StartTime: new("10:30")} // of energy, at 0.50, and of parking
	want := tariff.Note("divided where prices change, with energy that flows evenly, it would cost 6.333333333333… EUR, 7.663333333333… with taxes")
	if a := tariff.Check(cdr, nil, checked); !slices.Contains(a.Notes, want) {
		t.Errorf("%q", a.Notes)
	}
	cdr.Tariffs[0].Elements = append(cdr.Tariffs[0].Elements, newTariff().element(energyD, "0.50", 1, nil).vat(21).Elements...)
	a := tariff.Check(cdr, nil, checked) // the price is the same, of another element
	if len(a.Notes) > 0 || !slices.ContainsFunc(a.Findings, func(f tariff.Finding) bool { return f.Code == tariff.PeriodSpansChange }) {
		t.Errorf("%q %q", a.Notes, found(a))
	}
}

// Codes of currencies are the same in any case.
func TestCurrenciesInLowerCase(t *testing.T) {
	cdr := goodCDR(t)
	cdr.Currency = "eur"
	if a := tariff.Check(cdr, nil, checked); a.Verdict != tariff.Agrees || len(a.Findings) > 0 {
		t.Errorf("%s: %v", a.Verdict, a.Findings)
	}
}
