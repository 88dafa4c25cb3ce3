package tariff_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/google/go-cmp/cmp"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/tariff"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// written is a report as people see it.
func written(t *testing.T, r *tariff.Report) string {
	t.Helper()
	var w strings.Builder
	if err := r.Write(&w, time.UTC); err != nil {
		t.Fatal(err)
	}
	return w.String()
}

// A report has every period up to its end, the element and the component of each price, why others do not apply, what has no price, what
// step_size adds and what a limit does.
func TestReport(t *testing.T) {
	m := newTariff().
		element(timeD, "6.00", 600, &v230.TariffRestrictions{Reservation: new(v230.ReservationRestrictionTypeReservation)}).
		element(energyD, "0.3", 1, onDays(hours("20:00", "06:00"), fri, sat)).
		element(energyD, "0.5", 1, kWhs("", "5")).
		element(energyD, "0.4", 100, nil).
		element(parkingD, "2.5", 60, lasting(new(7200), nil)).vat(20).included("NO").minimum("8")
	m.MinPrice.AfterTaxes = new(ocpi.MustNumber("9.5"))
	cdr := cdrOf(t, from(t, "UTC", monday).reserved(13).charging(60, "5").charging(45, "2.25").parking(20), m)
	cdr.TotalCost = v230.Price{BeforeTaxes: ocpi.MustNumber("8"), Taxes: []v230.TaxAmount{{Amount: ocpi.MustNumber("1.60")}}}
	cdr.ChargingPeriods, cdr.TotalParkingCost = cdr.ChargingPeriods[:4], nil // as if nobody had divided them
	cdr.ChargingPeriods[3].Dimensions[1].Volume = ocpi.MustNumber("0.3333")
	report := tariff.Check(cdr, nil, checked).Report()
	want := `Mon 2026-06-15 10:00:00 +0000 to 10:13:00
  TIME of the reservation 0:13:00 h + 420 s × 6.00 = 2.00 EUR, 2.40 with taxes (VAT 20 %)  [tariff T, element 0, price component 0: for reservations]
Mon 2026-06-15 10:13:00 +0000 to 11:13:00
  ENERGY       5 kWh × 0.50 = 2.50 EUR, 3.00 with taxes (VAT 20 %)  [tariff T, element 2, price component 0: below 5 kWh]
               not element 1: it applies from 20:00 to 06:00, and it is 10:13
  TIME         1:00:00 h has no price
Mon 2026-06-15 11:13:00 +0000 to 11:58:00
  ENERGY       2.25 kWh + 0.05 kWh × 0.40 = 0.92 EUR, 1.104 with taxes (VAT 20 %)  [tariff T, element 3, price component 0]
               not element 1: it applies from 20:00 to 06:00, and it is 11:13
               not element 2: it applies below 5 kWh, and 5 kWh have been charged
  TIME         0:45:00 h has no price
Mon 2026-06-15 11:58:00 +0000 to 12:18:00
  PARKING_TIME 0:20:00 h has no price
               not element 4: it applies after 2:00:00 h, and it has lasted 1:45:00 h
step_size 100 of tariff T, element 3, price component 0: 7250 Wh of ENERGY are billed as 7300, 50 more
step_size 600 of tariff T, element 0, price component 0: 780 s of TIME of the reservation are billed as 1200, 420 more
min_price: 8.00 EUR before taxes are billed, because 5.42 is less
min_price: 9.50 EUR with taxes are billed, because 6.504 is less
total_energy_cost      3.42 EUR, 4.104 with taxes; the CDR states 3.42 EUR, 4.10 with taxes: agrees
total_reservation_cost 2.00 EUR, 2.40 with taxes; the CDR states 2.00 EUR, 2.40 with taxes: agrees
total_cost             8.00 EUR, 9.50 with taxes; the CDR states 8.00 EUR, 9.60 with taxes: DIFFERS
`
	got, findings, _ := strings.Cut(written(t, report), "period-")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	wantFindings := "spans-change /charging_periods/3: prices change within it, at 2026-06-15T12:13:00Z: PARKING_TIME costs nothing until then, " +
		"and 2.50 (element 4) afterwards: it should have been 2 periods, and is priced as it was when it began\n" +
		"cost-differs /total_cost: total_cost is 9.60 with taxes, the tariff gives 9.50: +0.10\n"
	if diff := cmp.Diff(wantFindings, findings); diff != "" {
		t.Error(diff)
	}
}

// For programs, names are those of OCPI's fields where there are such; an amount has the digits of its currency.
func TestReportForPrograms(t *testing.T) {
	m := newTariff().element(energyD, "1.5", 1, kWhs("5", "")).element(energyD, "1", 500, nil).maximum("1.2")
	m.Currency = "KWD"
	b := priced(t, from(t, "UTC", monday).charging(10, "1.25").Charge, compiled(t, &m.Tariff), tariff.Policy{})
	got, err := json.Marshal(tariff.ReportOf(b))
	if err != nil {
		t.Fatal(err)
	}
	want := `{"currency":"KWD","periods":[{"start_date_time":"2026-06-15T10:00:00Z","end_date_time":"2026-06-15T10:10:00Z","lines":[` +
		`{"dimension":"ENERGY","tariff_id":"T","element":1,"price_component":0,"quantity":"1.25","added":"0.25","unit":"kWh","price":"1.000",` +
		`"before_taxes":"1.500","after_taxes":"1.500","skipped":[{"element":0,"restriction":"min_kwh","reason":"it applies from 5 kWh on, and 0 kWh have been charged"}]}],` +
		`"unpriced":[{"dimension":"TIME","quantity":"600","unit":"s"}]}],` +
		`"steps":[{"dimension":"ENERGY","tariff_id":"T","element":1,"price_component":0,"step_size":"500","total":"1250","rounded":"1500","added":"250","unit":"Wh"}],` +
		`"limits":[{"name":"max_price","limit":"1.200","was":"1.500"},{"name":"max_price","after_taxes":true,"limit":"1.200","was":"1.500"}],` +
		`"costs":[{"name":"total_fixed_cost","before_taxes":"0.000","after_taxes":"0.000"},{"name":"total_energy_cost","before_taxes":"1.500","after_taxes":"1.500"},` +
		`{"name":"total_time_cost","before_taxes":"0.000","after_taxes":"0.000"},{"name":"total_parking_cost","before_taxes":"0.000","after_taxes":"0.000"},` +
		`{"name":"total_reservation_cost","before_taxes":"0.000","after_taxes":"0.000"},{"name":"total_cost","before_taxes":"1.200","after_taxes":"1.200"}]}`
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Error(diff)
	}
}

// Every restriction says in words why it does not hold.
func TestReasonsInWords(t *testing.T) {
	reserved := &v230.TariffRestrictions{Reservation: new(v230.ReservationRestrictionTypeReservation)}
	expires := &v230.TariffRestrictions{Reservation: new(v230.ReservationRestrictionTypeReservationExpires)}
	session := func() *told {
		return from(t, "UTC", monday).charging(60, "5").charging(10, "1").amps("16", "20").kW("11", "11")
	}
	for name, test := range map[string]struct {
		restrict *v230.TariffRestrictions
		charge   *told
		want     string
	}{
		"reservation":                   {reserved, session(), "it applies for reservations, and this is a session"},
		"session":                       {kWhs("0", ""), from(t, "UTC", monday).reserved(10), "it applies for sessions, and this is a reservation that was used"},
		"reservation, not used":         {expires, from(t, "UTC", monday).reserved(10), "it applies for reservations that nobody used, and this is a reservation that was used"},
		"session, not used":             {kWhs("0", ""), from(t, "UTC", monday).reserved(10).expires(), "it applies for sessions, and this is a reservation that nobody used"},
		"start_time alone":              {&v230.TariffRestrictions{StartTime: new("12:00")}, session(), "it applies from 12:00 to 00:00, and it is 11:00"},
		"dates":                         {&v230.TariffRestrictions{StartDate: new("2026-06-16"), EndDate: new("2026-07-01")}, session(), "it applies from 2026-06-16 and before 2026-07-01, and it is 2026-06-15"},
		"start_date":                    {&v230.TariffRestrictions{StartDate: new("2026-06-16")}, session(), "it applies from 2026-06-16, and it is 2026-06-15"},
		"end_date":                      {&v230.TariffRestrictions{EndDate: new("2026-06-15")}, session(), "it applies before 2026-06-15, and it is 2026-06-15"},
		"day_of_week":                   {days(sun, fri), session(), "it applies on Friday, Sunday, and it is a Monday"},
		"min_kwh":                       {kWhs("6", ""), session(), "it applies from 6 kWh on, and 5 kWh have been charged"},
		"max_duration":                  {lasting(nil, new(3600)), session(), "it applies in the first 1:00:00 h, and it has lasted 1:00:00 h"},
		"min_current":                   {&v230.TariffRestrictions{MinCurrent: new(ocpi.MustNumber("32"))}, session(), "it applies from 32 A on, and the current is 16 to 20 A"},
		"max_current":                   {&v230.TariffRestrictions{MaxCurrent: new(ocpi.MustNumber("20"))}, session(), "it applies below 20 A, and the current is 16 to 20 A"},
		"min_power":                     {&v230.TariffRestrictions{MinPower: new(ocpi.MustNumber("11.5"))}, session(), "it applies from 11.5 kW on, and the power is 11 kW"},
		"max_power":                     {&v230.TariffRestrictions{MaxPower: new(ocpi.MustNumber("11"))}, session(), "it applies below 11 kW, and the power is 11 kW"},
		"PR-30: an expired reservation": {reserved, from(t, "UTC", monday).reserved(10).expires(), "a price for reservations that nobody used comes before it"},
	} {
		t.Run(name, func(t *testing.T) {
			m := newTariff().element(timeD, "1.00", 1, test.restrict).element(timeD, "2.00", 1, nil).element(timeD, "3.00", 1, reserved)
			if strings.HasPrefix(name, "PR-30") {
				m.Elements[2].Restrictions = expires
			}
			b := priced(t, test.charge.Charge, compiled(t, &m.Tariff), tariff.Policy{Zone: time.UTC})
			why := b.Why(len(b.Lines) - 1)
			if len(why) == 0 || why[0].Reason != test.want {
				t.Errorf("%+v, want %q", why, test.want)
			}
		})
	}
}

// A CDR without taxes agrees before taxes only, where there are any.
func TestTaxesThatACDRDoesNotState(t *testing.T) {
	cdr := goodCDR(t)
	if a := tariff.Check(cdr, nil, checked); a.BeforeTaxesOnly || len(a.Notes) > 0 {
		t.Errorf("with taxes: %q", a.Notes)
	}
	cdr.TotalCost.Taxes = nil
	a := tariff.Check(cdr, nil, checked)
	if a.Verdict != tariff.Agrees || !a.BeforeTaxesOnly || !slices.Contains(a.Notes, tariff.NoteTaxesNotStated) {
		t.Errorf("without: %s %q", a.Verdict, a.Notes)
	}
	if r := a.Report(); !r.BeforeTaxesOnly || !slices.Contains(r.Notes, tariff.NoteTaxesNotStated) || len(r.Findings) > 0 {
		t.Errorf("%+v", r)
	}
	cdr.Tariffs[0].TaxIncluded = v230.TaxIncludedNA
	if a := tariff.Check(cdr, nil, checked); a.BeforeTaxesOnly || len(a.Notes) > 0 {
		t.Errorf("where there are none: %q", a.Notes)
	}
}

// What the CDR states is shown beside what is not known, and is no agreement.
func TestStatedTaxesOfWhichOursAreNotKnown(t *testing.T) {
	cdr := goodCDR(t)
	cdr.Tariffs[0].Elements[1].PriceComponents[0].VAT = nil
	a := tariff.Check(cdr, nil, checked)
	if got := written(t, a.Report()); a.Verdict != tariff.Agrees || !a.BeforeTaxesOnly ||
		!strings.Contains(got, "total_cost             11.833333333333… EUR before taxes; the CDR states 11.83 EUR, 14.32 with taxes: agrees\n") {
		t.Errorf("%s\n%s", a.Verdict, got)
	}
	cdr.Tariffs[0].TaxIncluded = v230.TaxIncludedYes
	cdr.TotalCost.Taxes = nil
	if got := written(t, tariff.Check(cdr, nil, checked).Report()); !strings.Contains(got, "with taxes; the CDR states 11.83 EUR before taxes: cannot be compared\n") {
		t.Error(got)
	}
}

// A18: that parking costs nothing is of note where the tariff has no price for it, and not where it has one at other times.
func TestNoteOfFreeParking(t *testing.T) {
	for _, test := range []struct {
		restrict *v230.TariffRestrictions
		want     bool
	}{{hours("20:00", "21:00"), false}, {&v230.TariffRestrictions{Reservation: new(v230.ReservationRestrictionTypeReservation)}, true}} {
		m := newTariff().element(timeD, "1.00", 1, nil).element(parkingD, "1.00", 1, test.restrict)
		b := priced(t, from(t, "UTC", monday).parking(10).Charge, compiled(t, &m.Tariff), tariff.Policy{Zone: time.UTC})
		if got := slices.Contains(b.Notes, tariff.NoteFreeParking); got != test.want {
			t.Errorf("%+v: %v", test.restrict, got)
		}
	}
}
