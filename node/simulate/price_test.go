package simulate

import (
	"testing"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/ocpitest"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// A part is a charging period: from a time on, so much energy in so many hours, or so many hours of parking.
type part struct{ from, energy, hours, parking string }

func periods(t *testing.T, parts []part) []v230.ChargingPeriod {
	t.Helper()
	var all []v230.ChargingPeriod
	for _, p := range parts {
		at, err := ocpi.ParseDateTime(p.from)
		if err != nil {
			t.Fatal(err)
		}
		period := v230.ChargingPeriod{StartDateTime: at}
		for _, d := range []struct {
			of     v230.CdrDimensionType
			volume string
		}{{v230.CdrDimensionTypeEnergy, p.energy}, {v230.CdrDimensionTypeTime, p.hours}, {v230.CdrDimensionTypeParkingTime, p.parking}} {
			if d.volume != "" {
				period.Dimensions = append(period.Dimensions, v230.CdrDimension{Type: d.of, Volume: ocpi.MustNumber(d.volume)})
			}
		}
		all = append(all, period)
	}
	return all
}

func component(of v230.TariffDimensionType, price string, step int) v230.PriceComponent {
	return v230.PriceComponent{Type: of, Price: ocpi.MustNumber(price), StepSize: step}
}

// costOf is what periods cost at a charger in winter in Amsterdam.
func costOf(t *testing.T, by v230.Tariff, parts []part) ocpi.Number {
	t.Helper()
	by.Currency, by.TaxIncluded = "EUR", v230.TaxIncludedNo
	location := ocpitest.Network(ocpi.NewParty("NL", "GPE")).Location(1)
	evse := &location.EVSEs[0]
	s := v230.Session{
		ID: "S", Currency: "EUR", LocationID: location.ID, EVSEUID: evse.UID, ConnectorID: evse.Connectors[0].ID, ChargingPeriods: periods(t, parts),
	}
	s.StartDateTime = s.ChargingPeriods[0].StartDateTime
	for _, p := range parts {
		if p.energy != "" {
			s.KWh = ocpi.NewNumber(s.KWh.Decimal().Add(ocpi.MustNumber(p.energy).Decimal()))
		}
	}
	c := charger{location: &location, evse: evse, charge: &charge{tariffs: []*v230.Tariff{&by}}}
	cdr, err := c.bill(&s)
	if err != nil {
		t.Fatal(err)
	}
	return cdr.TotalCost.BeforeTaxes
}

func TestBill(t *testing.T) {
	s := ocpitest.Network(ocpi.NewParty("NL", "GPE"))
	simple := func(components ...v230.PriceComponent) v230.Tariff {
		return v230.Tariff{Elements: []v230.TariffElement{{PriceComponents: components}}}
	}
	limited := simple(component(v230.TariffDimensionTypeEnergy, "0.50", 1))
	limited.MinPrice = &v230.PriceLimit{BeforeTaxes: ocpi.MustNumber("2.00")}
	limited.MaxPrice = &v230.PriceLimit{BeforeTaxes: ocpi.MustNumber("20.00")}
	for name, tt := range map[string]struct {
		tariff v230.Tariff
		parts  []part
		want   string
	}{
		"energy by day": {s.ACTariff(), []part{{"2026-03-04T09:00:00Z", "10.5", "1", ""}}, "3.68"},
		"energy by day and at night, in local time": {s.ACTariff(), []part{
			{"2026-03-04T21:00:00Z", "11", "1", ""}, {"2026-03-04T22:00:00Z", "11", "1", ""},
		}, "7.04"},
		"parking in blocks of 15 minutes": {s.ACTariff(), []part{
			{"2026-03-04T09:00:00Z", "10", "1", ""}, {"2026-03-04T10:00:00Z", "", "", "0.05"}, {"2026-03-04T10:03:00Z", "", "", "0.25"},
		}, "5.00"},
		"a start and energy": {s.DCTariff(), []part{{"2026-03-04T09:00:00Z", "20", "0.5", ""}}, "12.80"},
		"a start is paid once": {s.DCTariff(), []part{
			{"2026-03-04T09:00:00Z", "10", "0.25", ""}, {"2026-03-04T09:15:00Z", "10", "0.25", ""},
		}, "12.80"},
		"time after three quarters of an hour": {s.DCTariff(), []part{
			{"2026-03-04T09:00:00Z", "20", "0.75", ""}, {"2026-03-04T09:45:00Z", "5", "0.25", ""},
		}, "18.75"},
		"TAR-10: nothing where it is free": {s.FreeTariff(), []part{{"2026-03-04T09:00:00Z", "20", "1", ""}}, "0.00"},
		"TAR-13: 6 minutes in steps of 5 are 10": {simple(component(v230.TariffDimensionTypeTime, "6.00", 300)), []part{
			{"2026-03-04T09:00:00Z", "1", "0.1", ""},
		}, "1.00"},
		"TAR-13: the step is for the session, not for each period": {simple(component(v230.TariffDimensionTypeTime, "6.00", 300)), []part{
			{"2026-03-04T09:00:00Z", "1", "0.05", ""}, {"2026-03-04T09:03:00Z", "1", "0.05", ""},
		}, "1.00"},
		"TAR-13: a step of 0 rounds nothing": {simple(component(v230.TariffDimensionTypeTime, "6.00", 0)), []part{
			{"2026-03-04T09:00:00Z", "1", "0.1", ""},
		}, "0.60"},
		"time is not rounded up where parking is paid as well": {
			simple(component(v230.TariffDimensionTypeTime, "6.00", 300), component(v230.TariffDimensionTypeParkingTime, "6.00", 300)), []part{
				{"2026-03-04T09:00:00Z", "1", "0.1", ""}, {"2026-03-04T09:06:00Z", "", "", "0.1"},
			}, "1.60",
		},
		"no less than the least": {limited, []part{{"2026-03-04T09:00:00Z", "1", "1", ""}}, "2.00"},
		"no more than the most":  {limited, []part{{"2026-03-04T09:00:00Z", "100", "1", ""}}, "20.00"},
	} {
		t.Run(name, func(t *testing.T) {
			got := costOf(t, tt.tariff, tt.parts)
			if !got.Equal(ocpi.MustNumber(tt.want)) {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

func TestRestrictionsOfTariffs(t *testing.T) {
	// On a Wednesday at 22:30 by the clock there, after an hour and 10 kWh.
	parts := []part{{"2026-03-04T20:30:00Z", "10", "1", ""}, {"2026-03-04T21:30:00Z", "", "", "0.01"}}
	number := func(s string) *ocpi.Number { return new(ocpi.MustNumber(s)) }
	reservation := v230.ReservationRestrictionType("RESERVATION")
	for name, tt := range map[string]struct {
		restrictions *v230.TariffRestrictions
		want         bool
	}{
		"none":                         {nil, true},
		"hours that hold it":           {&v230.TariffRestrictions{StartTime: new("22:00"), EndTime: new("23:00")}, true},
		"hours before it":              {&v230.TariffRestrictions{StartTime: new("07:00"), EndTime: new("22:30")}, false},
		"hours past midnight":          {&v230.TariffRestrictions{StartTime: new("22:00"), EndTime: new("06:00")}, true},
		"hours past midnight, later":   {&v230.TariffRestrictions{StartTime: new("23:00"), EndTime: new("06:00")}, false},
		"until midnight":               {&v230.TariffRestrictions{StartTime: new("22:00"), EndTime: new("00:00")}, true},
		"dates that hold it":           {&v230.TariffRestrictions{StartDate: new("2026-03-04"), EndDate: new("2026-03-05")}, true},
		"the end date is not in it":    {&v230.TariffRestrictions{EndDate: new("2026-03-04")}, false},
		"its day of the week":          {&v230.TariffRestrictions{DayOfWeek: []v230.DayOfWeek{v230.DayOfWeekWednesday}}, true},
		"another day of the week":      {&v230.TariffRestrictions{DayOfWeek: []v230.DayOfWeek{v230.DayOfWeekSunday}}, false},
		"a duration that is reached":   {&v230.TariffRestrictions{MinDuration: new(3600)}, true},
		"a duration that is over":      {&v230.TariffRestrictions{MaxDuration: new(3600)}, false},
		"an energy that is reached":    {&v230.TariffRestrictions{MinKWh: number("10")}, true},
		"an energy that is over":       {&v230.TariffRestrictions{MaxKWh: number("10")}, false},
		"reservations are not charges": {&v230.TariffRestrictions{Reservation: &reservation}, false},
	} {
		t.Run(name, func(t *testing.T) {
			by := v230.Tariff{Elements: []v230.TariffElement{{
				PriceComponents: []v230.PriceComponent{component(v230.TariffDimensionTypeParkingTime, "100", 1)}, Restrictions: tt.restrictions,
			}}}
			if cost := costOf(t, by, parts); (cost.Decimal().Sign() > 0) != tt.want {
				t.Errorf("costs %s", cost)
			}
		})
	}
}
