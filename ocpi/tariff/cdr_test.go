package tariff_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/exact"
	"github.com/roamwire/roamwire/ocpi/tariff"
	"github.com/roamwire/roamwire/ocpi/timezone"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// atLocation is where all sessions of these tests are.
func atLocation(zone string) *v230.Location {
	return &v230.Location{
		ID: "L", Address: "Wevershof 3", City: "Enschede", Country: "NLD", TimeZone: zone,
		EVSEs: []v230.EVSE{{UID: "E", EVSEID: new(ocpi.CiString("NL*GPE*E1")), Connectors: []v230.Connector{{
			ID: "1", Standard: v230.ConnectorTypeIEC62196T2, Format: v230.ConnectorFormatSocket, PowerType: v230.PowerTypeAC3Phase,
		}}}},
	}
}

// sessionOf is a session that ended, of a charge.
func sessionOf(c *tariff.Charge) *v230.Session {
	last := c.Periods[len(c.Periods)-1]
	s := &v230.Session{
		CountryCode: "NL", PartyID: "GPE", ID: "S", Currency: "EUR", LocationID: "L", EVSEUID: "E", ConnectorID: "1", Status: v230.SessionStatusCompleted,
		StartDateTime: ocpi.NewDateTime(c.Periods[0].Start), EndDateTime: new(ocpi.NewDateTime(last.End)), LastUpdated: ocpi.NewDateTime(last.End),
		CDRToken: v230.CdrToken{CountryCode: "DE", PartyID: "GWH", UID: "04A7", Type: v230.TokenTypeRFID, ContractID: "DE-GWH-1"}, AuthMethod: v230.AuthMethodWhitelist,
	}
	for _, p := range c.Periods {
		out := v230.ChargingPeriod{StartDateTime: ocpi.NewDateTime(p.Start)}
		add := func(t v230.CdrDimensionType, d exact.Decimal) {
			out.Dimensions = append(out.Dimensions, v230.CdrDimension{Type: t, Volume: ocpi.MustNumber(d.String())})
		}
		hours := func(seconds exact.Decimal) exact.Decimal { return seconds.DivRound(exact.New(3600, 0), 6) }
		switch {
		case !p.Reserved.IsZero():
			add("RESERVATION_TIME", hours(p.Reserved))
		case !p.Parking.IsZero():
			add("PARKING_TIME", hours(p.Parking))
		default:
			add("TIME", hours(p.Charging))
			add("ENERGY", p.Energy)
		}
		if p.MinCurrent != nil && p.Reserved.IsZero() {
			add("MIN_CURRENT", *p.MinCurrent)
			add("MAX_CURRENT", *p.MaxCurrent)
			add("MIN_POWER", *p.MinPower)
			add("MAX_POWER", *p.MaxPower)
		}
		s.ChargingPeriods = append(s.ChargingPeriods, out)
		s.KWh = ocpi.NewNumber(s.KWh.Exact().Add(p.Energy).Decimal())
	}
	return s
}

func origin(zone string, made ocpi.DateTime) tariff.Origin {
	return tariff.Origin{ID: "CDR1", Location: atLocation(zone), Made: made}
}

// Whoever checks a CDR that was made here finds nothing wrong with it.
func TestACDRThatIsMadeHereAgreesWithItsTariff(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		charge, source := chargeOf(anySession(r)), anyTariff(r)
		name := rapid.SampledFrom(zones).Draw(r, "zone")
		zone, err := time.LoadLocation(name)
		if err != nil {
			r.Fatal(err)
		}
		s, policy := sessionOf(&charge), tariff.Policy{Zone: zone}
		cdr, made, err := tariff.MakeCDR(s, origin(name, s.LastUpdated), []*v230.Tariff{source}, policy)
		if err != nil {
			r.Fatal(err)
		}
		audit := tariff.Check(cdr, nil, policy)
		want := tariff.Agrees
		if made.Total.NoBefore {
			want = tariff.CannotSay
		}
		if audit.Verdict != want {
			r.Errorf("%s, want %s", audit.Verdict, want)
		}
		for _, f := range audit.Findings {
			if f.Code != tariff.CostUnknown {
				r.Errorf("%s %s: %s", f.Code, f.Pointer, f.Message)
			}
		}
	})
}

// A CDR has a period for each price, the costs of each part, and taxes that add up.
func TestACDRIsMadeOfASession(t *testing.T) {
	c := from(t, "Europe/Amsterdam", "2026-06-15 21:30").charging(60, "22").parking(20).Charge
	m := newTariff().element(flatD, "0.50", 0, nil).
		element(energyD, "0.50", 1, &v230.TariffRestrictions{StartTime: new("06:00"), EndTime: new("22:00")}).
		element(energyD, "0.30", 1, nil).also(parkingD, "1.00", 60).vat(21).included("NO")
	zone, err := time.LoadLocation("Europe/Amsterdam")
	if err != nil {
		t.Fatal(err)
	}
	s := sessionOf(&c)
	cdr, _, err := tariff.MakeCDR(s, origin("Europe/Amsterdam", s.LastUpdated), []*v230.Tariff{&m.Tariff}, tariff.Policy{Zone: zone})
	if err != nil {
		t.Fatal(err)
	}
	var periods []string
	for _, p := range cdr.ChargingPeriods {
		text := p.StartDateTime.String() + " " + string(*p.TariffID)
		for _, d := range p.Dimensions {
			text += fmt.Sprintf(" %s %s", d.Type, d.Volume)
		}
		periods = append(periods, text)
	}
	price := func(p *v230.Price) string {
		if p == nil {
			return "none"
		}
		text := p.BeforeTaxes.String()
		for _, tax := range p.Taxes {
			text += fmt.Sprintf(" + %s", tax.Amount)
		}
		return text
	}
	got := slices.Concat(periods, []string{price(&cdr.TotalCost), price(cdr.TotalFixedCost), price(cdr.TotalEnergyCost), price(cdr.TotalTimeCost), price(cdr.TotalParkingCost),
		cdr.TotalEnergy.String(), cdr.TotalTime.String(), cdr.TotalParkingTime.String(), string(cdr.CDRLocation.EVSEID), string(*cdr.SessionID)})
	want := []string{
		"2026-06-15T19:30:00Z T ENERGY 11 TIME 0.5",
		"2026-06-15T20:00:00Z T ENERGY 11 TIME 0.5",
		"2026-06-15T20:30:00Z T ENERGY 0 PARKING_TIME 0.3333",
		"9.63 + 2.03", "0.50 + 0.11", "8.80 + 1.85", "none", "0.33 + 0.07",
		"22", "1.3333", "0.3333", "NL*GPE*E1", "S",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if findings := cdr.Validate(); len(findings) > 0 {
		t.Log(findings)
	}
}

// Hours that are those from begin to end but for their last digit are those; others are what the CDR says.
func TestHoursThatAreRounded(t *testing.T) {
	for _, test := range []struct {
		minutes     int
		hours, want string
	}{
		{40, "0.6667", "2400"}, {40, "0.667", "2400"}, {40, "0.67", "2400"}, {40, "0.66", "2400"}, {40, "0.65", "2340"},
		{60, "0.99", "3564"}, {60, "1.01", "3636"}, {61, "1", "3600"}, {40, "0.6668", "2400.48"}, {40, "0", "0"},
		{33, "0.5", "1800"}, {40, "0.7", "2520"}, {60, "1.0", "3600"},
	} {
		at := ocpi.NewDateTime(from(t, "UTC", monday).at)
		cdr := v230.CDR{EndDateTime: ocpi.NewDateTime(at.Time().Add(time.Duration(test.minutes) * time.Minute)), ChargingPeriods: []v230.ChargingPeriod{{
			StartDateTime: at, Dimensions: []v230.CdrDimension{{Type: "PARKING_TIME", Volume: ocpi.MustNumber(test.hours)}},
		}}}
		if got := tariff.ChargeOfCDR(&cdr).Periods[0].Parking; !got.Equal(exact.MustParse(test.want)) {
			t.Errorf("%d minutes, %s h: %s s, want %s", test.minutes, test.hours, got, test.want)
		}
	}
}

// Where one period has hours with four digits, 0.25 in another is exact and not rounded.
func TestHoursAreRoundedAsOthersOfTheCDR(t *testing.T) {
	at := from(t, "UTC", monday).at
	period := func(after time.Duration, hours string) v230.ChargingPeriod {
		return v230.ChargingPeriod{
			StartDateTime: ocpi.NewDateTime(at.Add(after)), Dimensions: []v230.CdrDimension{{Type: "TIME", Volume: ocpi.MustNumber(hours)}},
		}
	}
	cdr := v230.CDR{EndDateTime: ocpi.NewDateTime(at.Add(time.Hour)), ChargingPeriods: []v230.ChargingPeriod{
		period(0, "0.25"), period(910*time.Second, "0.4167"), period(2410*time.Second, "0.3306"),
	}}
	for i, want := range []string{"900", "1500", "1190"} {
		if got := tariff.ChargeOfCDR(&cdr).Periods[i].Charging; !got.Equal(exact.MustParse(want)) {
			t.Errorf("period %d: %s s, want %s", i, got, want)
		}
	}
}

// Only a session with an end has a CDR, and only at a place that is known (A22: with energy and time, whatever has a price).
func TestWhatACDRCannotBeMadeOf(t *testing.T) {
	c := from(t, "UTC", "2026-06-15 10:00").charging(60, "22").Charge
	m := newTariff().element(flatD, "1.00", 0, nil)
	s := sessionOf(&c)
	cdr, _, err := tariff.MakeCDR(s, origin("UTC", s.LastUpdated), []*v230.Tariff{&m.Tariff}, tariff.Policy{})
	if err != nil || len(cdr.ChargingPeriods[0].Dimensions) != 2 {
		t.Errorf("%+v: %v", cdr, err)
	}
	cdr, _, err = tariff.MakeCDR(s, origin("UTC", s.LastUpdated), []*v230.Tariff{&m.Tariff}, tariff.Policy{Dimensions: tariff.DimensionsPriced})
	if err != nil || len(cdr.ChargingPeriods[0].Dimensions) != 1 {
		t.Errorf("%+v: %v", cdr, err)
	}
	s.ConnectorID = "7"
	if _, _, err := tariff.MakeCDR(s, origin("UTC", s.LastUpdated), []*v230.Tariff{&m.Tariff}, tariff.Policy{}); err == nil {
		t.Error("a connector that is not there")
	}
	s.ConnectorID = "1"
	if _, _, err := tariff.MakeCDR(s, origin("UTC", s.LastUpdated), nil, tariff.Policy{}); !errors.Is(err, tariff.ErrNoTariff) {
		t.Error(err)
	}
	s.EndDateTime = nil
	if _, _, err := tariff.MakeCDR(s, origin("UTC", s.LastUpdated), []*v230.Tariff{&m.Tariff}, tariff.Policy{}); !errors.Is(err, tariff.ErrNotEnded) {
		t.Error(err)
	}
}

// A period begins at a time that OCPI can write: in at most 25 characters, so with milliseconds and not more.
func TestPeriodsBeginAtTimesThatCanBeWritten(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		c := from(t, "UTC", monday).charging(rapid.IntRange(1, 600).Draw(r, "minutes"), "22").Charge
		m := newTariff().element(energyD, "0.50", 1, &v230.TariffRestrictions{MaxKWh: new(ocpi.MustNumber(fmt.Sprintf("%d.%03d", rapid.IntRange(0, 21).Draw(r, "kWh"), rapid.IntRange(1, 999).Draw(r, "Wh"))))}).
			element(energyD, "0.30", 1, nil).also(timeD, "6.00", 60).vat(21).included("NO")
		s := sessionOf(&c)
		late := rapid.SampledFrom([]time.Duration{0, time.Millisecond, 123_456_789}).Draw(r, "late")
		s.StartDateTime, s.EndDateTime = ocpi.NewDateTime(s.StartDateTime.Time().Add(late)), new(ocpi.NewDateTime(s.EndDateTime.Time().Add(late)))
		s.ChargingPeriods[0].StartDateTime = s.StartDateTime
		cdr, _, err := tariff.MakeCDR(s, origin("UTC", s.LastUpdated), []*v230.Tariff{&m.Tariff}, tariff.Policy{})
		if err != nil || len(cdr.ChargingPeriods) != 2 {
			r.Fatalf("%d periods, %v", len(cdr.ChargingPeriods), err)
		}
		for _, at := range []ocpi.DateTime{cdr.StartDateTime, cdr.EndDateTime, cdr.ChargingPeriods[0].StartDateTime, cdr.ChargingPeriods[1].StartDateTime} {
			if text := at.String(); len(text) > 25 {
				r.Errorf("%s has %d characters", text, len(text))
			}
		}
		if audit := tariff.Check(cdr, nil, tariff.Policy{}); audit.Verdict != tariff.Agrees || len(audit.Findings) > 0 {
			r.Errorf("%s: %+v, %+v", audit.Verdict, audit.Costs, audit.Findings)
		}
	})
}

// A session that has no tariff has no CDR, unless what names no tariff is free of charge: then its CDR costs nothing.
func TestACDRWithoutATariff(t *testing.T) {
	c := from(t, "UTC", monday).charging(60, "22").parking(20).Charge
	s := sessionOf(&c)
	if _, _, err := tariff.MakeCDR(s, origin("UTC", s.LastUpdated), nil, tariff.Policy{}); !errors.Is(err, tariff.ErrNoTariff) {
		t.Error(err)
	}
	cdr, b, err := tariff.MakeCDR(s, origin("UTC", s.LastUpdated), nil, tariff.Policy{WithoutTariff: tariff.WithoutTariffFree})
	if err != nil {
		t.Fatal(err)
	}
	if !cdr.TotalCost.BeforeTaxes.Equal(ocpi.NumberOf(0)) || len(cdr.Tariffs) != 0 || cdr.ChargingPeriods[0].TariffID != nil || len(b.Lines) != 0 {
		t.Errorf("%+v", cdr)
	}
	if audit := tariff.Check(cdr, nil, tariff.Policy{}); audit.Verdict != tariff.CannotSay {
		t.Error(audit.Verdict)
	}
}

// What a session says of itself must fit together: a CDR is never changed once it is sent.
func TestNoCDRIsMadeOfASessionThatContradictsItself(t *testing.T) {
	c := from(t, "UTC", "2026-06-15 10:00").charging(60, "22").parking(20).Charge
	m := newTariff().element(energyD, "0.50", 1, nil).vat(21).included("NO")
	made := func(change func(*v230.Session)) error {
		s := sessionOf(&c)
		change(s)
		_, _, err := tariff.MakeCDR(s, origin("UTC", s.LastUpdated), []*v230.Tariff{&m.Tariff}, tariff.Policy{})
		return err
	}
	for name, change := range map[string]func(*v230.Session){
		"INVALID, which is not billed": func(s *v230.Session) { s.Status = v230.SessionStatusInvalid },
		"its end is before its start":  func(s *v230.Session) { s.EndDateTime = new(ocpi.NewDateTime(s.StartDateTime.Time().Add(-time.Minute))) },
		"a period before it":           func(s *v230.Session) { s.StartDateTime = ocpi.NewDateTime(s.StartDateTime.Time().Add(time.Minute)) },
		"a period after it":            func(s *v230.Session) { s.EndDateTime = new(ocpi.NewDateTime(s.StartDateTime.Time().Add(time.Minute))) },
		"PO-06: periods in Wh":         func(s *v230.Session) { s.ChargingPeriods[0].Dimensions[1].Volume = ocpi.NumberOf(22_000) },
		"the energy of all periods so far": func(s *v230.Session) {
			s.ChargingPeriods[1].Dimensions = append(s.ChargingPeriods[1].Dimensions, s.ChargingPeriods[0].Dimensions[1])
		},
		"a period that is too long":      func(s *v230.Session) { s.ChargingPeriods[0].Dimensions[0].Volume = ocpi.MustNumber("1.02") },
		"a last period that is too long": func(s *v230.Session) { s.ChargingPeriods[1].Dimensions[0].Volume = ocpi.NumberOf(1) },
		"two periods that begin at once": func(s *v230.Session) { s.ChargingPeriods[1].StartDateTime = s.ChargingPeriods[0].StartDateTime },
		"a time below 0":                 func(s *v230.Session) { s.ChargingPeriods[1].Dimensions[0].Volume = ocpi.NumberOf(-1) },
	} {
		var contradiction *tariff.SessionError
		if err := made(change); !errors.As(err, &contradiction) || contradiction.Pointer == "" {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, change := range map[string]func(*v230.Session){
		"as it is":                 func(*v230.Session) {},
		"kwh in whole kWh":         func(s *v230.Session) { s.KWh = ocpi.MustNumber("21") },
		"hours that are rounded":   func(s *v230.Session) { s.ChargingPeriods[0].Dimensions[0].Volume = ocpi.MustNumber("1.005") },
		"a period that is shorter": func(s *v230.Session) { s.ChargingPeriods[0].Dimensions[0].Volume = ocpi.MustNumber("0.5") },
		"energy that was fed back": func(s *v230.Session) {
			s.ChargingPeriods[1].Dimensions = append(s.ChargingPeriods[1].Dimensions, v230.CdrDimension{Type: "ENERGY", Volume: ocpi.NumberOf(-5)})
		},
		"no energy in its periods at all": func(s *v230.Session) { s.ChargingPeriods[0].Dimensions = s.ChargingPeriods[0].Dimensions[:1] },
	} {
		if err := made(change); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Energy that is in no period flowed evenly while the vehicle charged.
func TestPeriodsWithoutEnergy(t *testing.T) {
	c := from(t, "UTC", "2026-06-15 10:00").charging(60, "10").parking(20).charging(30, "10").Charge
	m := newTariff().element(energyD, "0.50", 1, nil).vat(21).included("NO")
	s := sessionOf(&c)
	for i := range s.ChargingPeriods {
		s.ChargingPeriods[i].Dimensions = s.ChargingPeriods[i].Dimensions[:1]
	}
	cdr, _, err := tariff.MakeCDR(s, origin("UTC", s.LastUpdated), []*v230.Tariff{&m.Tariff}, tariff.Policy{})
	if err != nil {
		t.Fatal(err)
	}
	got := []string{cdr.TotalEnergy.String(), cdr.TotalCost.BeforeTaxes.String()}
	for _, p := range cdr.ChargingPeriods {
		got = append(got, p.Dimensions[0].Volume.String())
	}
	if diff := cmp.Diff([]string{"20", "10.00", "13.333333333", "0", "6.666666667"}, got); diff != "" {
		t.Error(diff)
	}
}

// A session of no time at all has its energy.
func TestASessionWithoutTime(t *testing.T) {
	c := from(t, "UTC", "2026-06-15 10:00").charging(60, "10").Charge
	m := newTariff().element(energyD, "0.50", 1, nil).vat(21).included("NO")
	s := sessionOf(&c)
	s.EndDateTime, s.ChargingPeriods = &s.StartDateTime, nil
	cdr, _, err := tariff.MakeCDR(s, origin("UTC", s.LastUpdated), []*v230.Tariff{&m.Tariff}, tariff.Policy{})
	if err != nil || cdr.TotalCost.BeforeTaxes.String() != "5.00" {
		t.Errorf("%+v: %v", cdr, err)
	}
}

// Periods that say how much energy flowed and not how long are of charging, each up to the next (PR-12: total_time is all of the session).
func TestPeriodsWithoutTimes(t *testing.T) {
	c := from(t, "UTC", "2026-06-15 10:00").charging(60, "22").charging(40, "5").Charge
	m := newTariff().element(energyD, "0.50", 1, nil).also(timeD, "3.00", 1).vat(21).included("NO")
	s := sessionOf(&c)
	for i := range s.ChargingPeriods {
		s.ChargingPeriods[i].Dimensions = s.ChargingPeriods[i].Dimensions[1:]
	}
	cdr, _, err := tariff.MakeCDR(s, origin("UTC", s.LastUpdated), []*v230.Tariff{&m.Tariff}, tariff.Policy{})
	if err != nil {
		t.Fatal(err)
	}
	got := []string{cdr.TotalTime.String(), cdr.TotalEnergy.String(), cdr.TotalCost.BeforeTaxes.String()}
	if diff := cmp.Diff([]string{"1.6667", "27", "18.50"}, got); diff != "" {
		t.Error(diff)
	}
	if audit := tariff.Check(cdr, nil, tariff.Policy{}); audit.Verdict != tariff.Agrees || len(audit.Findings) > 0 {
		t.Errorf("%s: %+v", audit.Verdict, audit.Findings)
	}
}

// A12: times of day are those of the location, or else of its country, as for whoever checks the CDR.
func TestACDRIsMadeByTheClockOfItsLocation(t *testing.T) {
	c := from(t, "UTC", "2026-06-15 19:30").charging(60, "22").Charge
	m := newTariff().element(energyD, "0.50", 1, &v230.TariffRestrictions{StartTime: new("06:00"), EndTime: new("22:00")}).
		element(energyD, "0.30", 1, nil).vat(21).included("NO")
	s := sessionOf(&c)
	for zone, want := range map[string]string{"Europe/Amsterdam": "2026-06-15T20:00:00Z", "Europe/Dublin": "", "": ""} {
		cdr, _, err := tariff.MakeCDR(s, origin(zone, s.LastUpdated), []*v230.Tariff{&m.Tariff}, tariff.Policy{Zone: timezone.Named(zone)})
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		if len(cdr.ChargingPeriods) > 1 {
			got = cdr.ChargingPeriods[1].StartDateTime.String()
		}
		if got != want {
			t.Errorf("%q: the price changes at %q, want %q", zone, got, want)
		}
	}
}

// PR-08: durations count since the session began, which can be before its first period; a reservation before it does not count.
func TestDurationsCountFromTheBeginOfTheSession(t *testing.T) {
	for _, test := range []struct {
		name   string
		charge tariff.Charge
		want   string
	}{
		{"a first period later on", from(t, "UTC", "2026-06-15 10:15").charging(90, "30").Charge, "2026-06-15T11:00:00Z"},
		{"a reservation", from(t, "UTC", "2026-06-15 10:00").reserved(15).charging(90, "30").Charge, "2026-06-15T11:15:00Z"},
	} {
		m := newTariff().element(energyD, "0.50", 1, &v230.TariffRestrictions{MaxDuration: new(3600)}).element(energyD, "0.90", 1, nil).vat(21).included("NO")
		s := sessionOf(&test.charge)
		s.StartDateTime = ocpi.NewDateTime(from(t, "UTC", "2026-06-15 10:00").at)
		cdr, _, err := tariff.MakeCDR(s, origin("UTC", s.LastUpdated), []*v230.Tariff{&m.Tariff}, tariff.Policy{})
		if err != nil {
			t.Fatal(err)
		}
		last := cdr.ChargingPeriods[len(cdr.ChargingPeriods)-1]
		if got := last.StartDateTime.String(); got != test.want {
			t.Errorf("%s: the price changes at %s, want %s", test.name, got, test.want)
		}
		audit := tariff.Check(cdr, nil, tariff.Policy{})
		for _, f := range audit.Findings {
			if f.Code == tariff.PeriodSpansChange {
				t.Errorf("%s: %+v", test.name, f)
			}
		}
		if audit.Verdict != tariff.Agrees {
			t.Errorf("%s: %+v", test.name, audit.Costs)
		}
	}
}
