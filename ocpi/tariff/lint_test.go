package tariff_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/convert"
	"github.com/roamwire/roamwire/ocpi/ocpitest"
	"github.com/roamwire/roamwire/ocpi/quirk"
	"github.com/roamwire/roamwire/ocpi/tariff"
	"github.com/roamwire/roamwire/ocpi/v230"
	"github.com/roamwire/roamwire/ocpi/wire"
)

// linted are the findings in a tariff, each as its code and pointer.
func linted(t *v230.Tariff) (out []string) {
	for _, f := range tariff.Lint(t) {
		out = append(out, string(f.Code)+" "+f.Pointer)
	}
	return out
}

func days(of ...v230.DayOfWeek) *v230.TariffRestrictions {
	return &v230.TariffRestrictions{DayOfWeek: of}
}

// onDays adds days to restrictions.
func onDays(r *v230.TariffRestrictions, of ...v230.DayOfWeek) *v230.TariffRestrictions {
	r.DayOfWeek = of
	return r
}

func hours(from, to string) *v230.TariffRestrictions {
	return &v230.TariffRestrictions{StartTime: &from, EndTime: &to}
}

func kWhs(low, high string) *v230.TariffRestrictions {
	r := &v230.TariffRestrictions{}
	if low != "" {
		r.MinKWh = new(ocpi.MustNumber(low))
	}
	if high != "" {
		r.MaxKWh = new(ocpi.MustNumber(high))
	}
	return r
}

func lasting(low, high *int) *v230.TariffRestrictions {
	return &v230.TariffRestrictions{MinDuration: low, MaxDuration: high}
}

const (
	mon, tue, wed = v230.DayOfWeekMonday, v230.DayOfWeekTuesday, v230.DayOfWeekWednesday
	thu, fri      = v230.DayOfWeekThursday, v230.DayOfWeekFriday
	sat, sun      = v230.DayOfWeekSaturday, v230.DayOfWeekSunday
)

// Each mistake is found where it is, and what is near it and right is not.
func TestLint(t *testing.T) {
	energy := func(price string, step int) *made { return newTariff().element(energyD, price, step, nil) }
	under := func(r *v230.TariffRestrictions) *made {
		return newTariff().element(energyD, "0.40", 1, r).element(energyD, "0.50", 1, nil)
	}
	reserved := func(kind v230.ReservationRestrictionType, r v230.TariffRestrictions) *v230.TariffRestrictions {
		r.Reservation = &kind
		return &r
	}
	at := func(s string) *ocpi.DateTime {
		d, err := time.Parse(time.RFC3339, s)
		if err != nil {
			t.Fatal(err)
		}
		return new(ocpi.NewDateTime(d))
	}
	rate := func(m *made, vat string) *made {
		m.Elements[0].PriceComponents[0].VAT = new(ocpi.MustNumber(vat))
		return m
	}
	in := func(currency string, m *made) *made { m.Currency = currency; return m }
	valid := func(from, to string) *made {
		m := energy("0.40", 1)
		m.StartDateTime, m.EndDateTime = at(from), at(to)
		return m
	}
	limits := func(least, most v230.PriceLimit) *made {
		m := energy("0.40", 1)
		m.MinPrice, m.MaxPrice = &least, &most
		return m
	}
	before := func(n int64) v230.PriceLimit { return v230.PriceLimit{BeforeTaxes: ocpi.NumberOf(n)} }
	withTaxes := func(n, after int64) v230.PriceLimit {
		return v230.PriceLimit{BeforeTaxes: ocpi.NumberOf(n), AfterTaxes: new(ocpi.NumberOf(after))}
	}
	number := func(s string) *ocpi.Number { return new(ocpi.MustNumber(s)) }
	none := []string(nil)
	one := func(s string) []string { return []string{s} }

	for name, test := range map[string]struct {
		tariff *made
		want   []string
	}{
		"a price for energy": {energy("0.40", 1), none},
		"free of charge":     {newTariff().element(flatD, "0.00", 0, nil), none},

		"an unknown type":         {newTariff().element("GAS", "0.40", 1, nil), one("tariff-unusable /elements/0/price_components/0/type")},
		"a time nobody can read":  {under(hours("8 am", "20:00")), one("tariff-unusable /elements/0/restrictions/start_time")},
		"a currency":              {in("XCG", energy("0.40", 1)), none},
		"an older currency":       {in("HRK", energy("0.40", 1)), none},
		"a currency in lowercase": {in("eur", energy("0.40", 1)), one("currency-unknown /currency")},
		"no currency":             {in("XXX", energy("0.40", 1)), one("currency-unknown /currency")},

		"valid for a day":                              {valid("2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"), none},
		"valid for no time":                            {valid("2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z"), one("validity-empty /end_date_time")},
		"limits":                                       {limits(before(1), before(1)), none},
		"a minimum above the maximum":                  {limits(before(2), before(1)), one("limits-cross /min_price")},
		"a minimum above the maximum with taxes":       {limits(withTaxes(1, 4), withTaxes(2, 3)), one("limits-cross /min_price")},
		"a minimum with taxes beside a maximum before": {limits(withTaxes(1, 4), before(2)), none},

		"two prices for energy":       {energy("0.40", 1).also(energyD, "0.50", 1), one("duplicate /elements/0/price_components/1")},
		"prices for energy and time":  {energy("0.40", 1).also(timeD, "0.50", 1), none},
		"a reservation with energy":   {newTariff().element(energyD, "0.40", 1, reserved("RESERVATION", v230.TariffRestrictions{})), one("not-of-reserved /elements/0/price_components/0/type")},
		"a reservation with parking":  {newTariff().element(flatD, "1.00", 1, reserved("RESERVATION", v230.TariffRestrictions{})).also(parkingD, "1.00", 1), one("not-of-reserved /elements/0/price_components/1/type")},
		"a reservation with its time": {newTariff().element(flatD, "1.00", 1, reserved("RESERVATION_EXPIRES", v230.TariffRestrictions{})).also(timeD, "1.00", 1), none},

		"a price below 0":                   {energy("-0.01", 1), one("price-negative /elements/0/price_components/0/price")},
		"a price of 0":                      {energy("0", 0), none},
		"the price of a Wh":                 {energy("0.00040", 1), one("per-wh /elements/0/price_components/0/price")},
		"a low price":                       {energy("0.005", 1), none},
		"a low price in dinars":             {in("KWD", energy("0.002", 1)), none},
		"the price of a Wh, yen":            {in("JPY", energy("0.035", 1)), one("per-wh /elements/0/price_components/0/price")},
		"the price of a minute of charging": {newTariff().element(timeD, "0.01", 1, nil), one("per-minute /elements/0/price_components/0/price")},
		"the price of a minute of parking":  {newTariff().element(parkingD, "0.10", 1, nil), one("per-minute /elements/0/price_components/0/price")},
		"a low price of an hour":            {newTariff().element(parkingD, "0.20", 1, nil), none},
		"the price of a minute, yen":        {in("JPY", newTariff().element(timeD, "19", 1, nil)), one("per-minute /elements/0/price_components/0/price")},
		"a low price of an hour, dinars":    {in("KWD", newTariff().element(timeD, "0.020", 1, nil)), none},
		"an hour that is free":              {newTariff().element(timeD, "0", 1, nil), none},
		"a low flat price":                  {newTariff().element(flatD, "0.01", 1, nil), none},
		"a rate in percent":                 {rate(energy("0.40", 1), "19"), none},
		"a rate of one percent":             {rate(energy("0.40", 1), "1"), none},
		"a rate of none":                    {rate(energy("0.40", 1), "0"), none},
		"a rate as a fraction":              {rate(energy("0.40", 1), "0.19"), one("vat-fraction /elements/0/price_components/0/vat")},

		"no step for energy":            {energy("0.40", 0), one("step-zero /elements/0/price_components/0/step_size")},
		"no step for parking":           {newTariff().element(parkingD, "1", 0, nil), one("step-zero /elements/0/price_components/0/step_size")},
		"no step for a flat price":      {newTariff().element(flatD, "1", 0, nil), none},
		"a step of 10 kWh":              {energy("0.40", 10000), none},
		"a step of more than 10 kWh":    {energy("0.40", 10001), one("step-large /elements/0/price_components/0/step_size")},
		"a large step that is free":     {energy("0", 100000), none},
		"a step of an hour":             {newTariff().element(timeD, "1", 3600, nil), none},
		"a step of a thousand minutes":  {newTariff().element(timeD, "1", 60000, nil), one("step-large /elements/0/price_components/0/step_size")},
		"a step of a day of parking":    {newTariff().element(parkingD, "1", 86400, nil), none},
		"a step of two days of parking": {newTariff().element(parkingD, "1", 2*86400, nil), one("step-large /elements/0/price_components/0/step_size")},

		"some energy":                            {under(kWhs("10", "20")), none},
		"no energy":                              {under(kWhs("20", "20")), one("never-applies /elements/0/restrictions/max_kwh")},
		"up to no energy":                        {under(kWhs("", "0")), one("never-applies /elements/0/restrictions/max_kwh")},
		"no energy, twice":                       {under(kWhs("0", "0")), one("never-applies /elements/0/restrictions/max_kwh")},
		"no current":                             {under(&v230.TariffRestrictions{MinCurrent: number("16"), MaxCurrent: number("16")}), one("never-applies /elements/0/restrictions/max_current")},
		"no power":                               {under(&v230.TariffRestrictions{MinPower: number("22"), MaxPower: number("11")}), one("never-applies /elements/0/restrictions/max_power")},
		"power that is fed back":                 {under(&v230.TariffRestrictions{MaxPower: number("0")}), none},
		"current that is fed back":               {under(&v230.TariffRestrictions{MaxCurrent: number("0")}), none},
		"no duration":                            {under(lasting(new(600), new(600))), one("never-applies /elements/0/restrictions/max_duration")},
		"up to no duration":                      {under(lasting(nil, new(0))), one("never-applies /elements/0/restrictions/max_duration")},
		"the first second":                       {under(lasting(nil, new(1))), none},
		"no day":                                 {under(&v230.TariffRestrictions{StartDate: new("2026-02-01"), EndDate: new("2026-02-01")}), one("never-applies /elements/0/restrictions/end_date")},
		"one day":                                {under(&v230.TariffRestrictions{StartDate: new("2026-02-01"), EndDate: new("2026-02-02")}), none},
		"until a day":                            {under(&v230.TariffRestrictions{EndDate: new("2026-02-02")}), none},
		"energy in a reservation":                {newTariff().element(timeD, "1", 1, reserved("RESERVATION", *kWhs("1", ""))), one("never-applies /elements/0/restrictions/min_kwh")},
		"all energy in a reservation":            {newTariff().element(timeD, "1", 1, reserved("RESERVATION", *kWhs("0", ""))), none},
		"from so many Wh":                        {under(kWhs("20000", "")), one("per-wh /elements/0/restrictions/min_kwh")},
		"up to so many Wh":                       {under(kWhs("", "20000")), one("per-wh /elements/0/restrictions/max_kwh")},
		"up to a megawatt hour":                  {under(kWhs("1000", "")), none},
		"up to nines, which is no end":           {under(kWhs("10", "9999.99")), none},
		"up to a power of ten":                   {under(kWhs("10", "100000")), none},
		"up to more than anybody":                {under(kWhs("10", "2147483647")), none},
		"from so many W":                         {under(&v230.TariffRestrictions{MinPower: number("50000")}), one("per-w /elements/0/restrictions/min_power")},
		"up to so many W":                        {under(&v230.TariffRestrictions{MaxPower: number("3700")}), one("per-w /elements/0/restrictions/max_power")},
		"up to a round number of W":              {under(&v230.TariffRestrictions{MaxPower: number("100000")}), one("per-w /elements/0/restrictions/max_power")},
		"as many kW as lorries take":             {under(&v230.TariffRestrictions{MinPower: number("1000"), MaxPower: number("2000")}), none},
		"up to nines of kW":                      {under(&v230.TariffRestrictions{MinPower: number("50"), MaxPower: number("9999")}), none},
		"up to more kW than anybody":             {under(&v230.TariffRestrictions{MaxPower: number("2147483647")}), none},
		"the same time twice":                    {under(hours("08:00", "08:00")), []string{"times-equal /elements/0/restrictions/end_time", "never-reached /elements/1/price_components/0"}},
		"midnight twice":                         {newTariff().element(energyD, "0.40", 1, hours("00:00", "00:00")), none},
		"the last minute left out":               {under(hours("08:00", "19:59")), one("end-exclusive /elements/0/restrictions/end_time")},
		"the last minute of the day":             {under(hours("08:00", "23:59")), one("end-exclusive /elements/0/restrictions/end_time")},
		"a last minute that another begins with": {newTariff().element(energyD, "0.40", 1, hours("08:00", "19:59")).element(energyD, "0.30", 1, hours("19:59", "08:00")), none},
		"a time that ends in the half hour":      {under(hours("08:00", "19:30")), none},
		"a day until 24:00":                      {under(hours("08:00", "24:00")), none},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, linted(&test.tariff.Tariff)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// The first element that applies counts (PR-02): an element is told of that can never be the first, where that makes a difference.
func TestLintOrder(t *testing.T) {
	two := func(first, second *v230.TariffRestrictions) *made {
		return newTariff().element(energyD, "0.40", 1, first).element(energyD, "0.50", 1, second).element(energyD, "0.60", 1, nil)
	}
	reserved := func(kinds ...v230.ReservationRestrictionType) *made {
		m := newTariff()
		for i := range kinds {
			m.element(timeD, fmt.Sprint(i+1), 1, &v230.TariffRestrictions{Reservation: &kinds[i]})
		}
		return m
	}
	amps := func(low string) *v230.TariffRestrictions {
		return &v230.TariffRestrictions{MinCurrent: new(ocpi.MustNumber(low))}
	}
	watts := func(high string) *v230.TariffRestrictions {
		return &v230.TariffRestrictions{MaxPower: new(ocpi.MustNumber(high))}
	}
	dates := func(from, to string) *v230.TariffRestrictions {
		return &v230.TariffRestrictions{StartDate: &from, EndDate: &to}
	}
	const second = "never-reached /elements/1/price_components/0"
	for name, test := range map[string]struct {
		tariff *made
		want   string
	}{
		"behind one without restrictions":             {newTariff().element(energyD, "0.40", 1, nil).element(energyD, "0.50", 1, hours("08:00", "20:00")), second},
		"behind one with the same price":              {newTariff().element(energyD, "0.40", 1, nil).element(energyD, "0.40", 1, hours("08:00", "20:00")), ""},
		"behind one that is free too":                 {newTariff().element(timeD, "0", 60, nil).element(timeD, "0", 1, hours("08:00", "20:00")), ""},
		"behind one with another step":                {newTariff().element(energyD, "0.40", 1, nil).element(energyD, "0.40", 100, hours("08:00", "20:00")), second},
		"behind one for another dimension":            {newTariff().element(flatD, "0.40", 1, nil).element(energyD, "0.50", 1, nil), ""},
		"the second price of an element":              {newTariff().element(energyD, "0.40", 1, nil).element(flatD, "1", 1, hours("08:00", "20:00")).also(energyD, "0.50", 1), "never-reached /elements/1/price_components/1"},
		"behind longer hours":                         {two(hours("08:00", "20:00"), hours("09:00", "20:00")), second},
		"behind shorter hours":                        {two(hours("09:00", "20:00"), hours("08:00", "20:00")), ""},
		"behind the night":                            {two(hours("22:00", "06:00"), hours("00:00", "05:00")), second},
		"behind the night, and longer":                {two(hours("22:00", "06:00"), hours("00:00", "06:30")), "times-overlap /elements/1/restrictions"},
		"behind all day":                              {two(hours("00:00", "00:00"), hours("00:00", "05:00")), second + " never-reached /elements/2/price_components/0"},
		"behind more days":                            {two(days(sat, sun), days(sun)), second},
		"behind fewer days":                           {two(days(sun), days(sat, sun)), ""},
		"Sundays, and then every day":                 {two(days(sun), hours("08:00", "20:00")), ""},
		"behind a smaller kWh":                        {two(kWhs("10", ""), kWhs("20", "")), second},
		"behind a larger kWh":                         {two(kWhs("20", ""), kWhs("10", "")), ""},
		"behind a larger bound of kWh":                {two(kWhs("", "20"), kWhs("", "10")), second},
		"behind a smaller bound of kWh":               {two(kWhs("", "10"), kWhs("", "20")), ""},
		"behind an earlier minute":                    {two(lasting(new(600), nil), lasting(new(1200), nil)), second},
		"behind a later minute":                       {two(lasting(new(1200), nil), lasting(new(600), nil)), ""},
		"behind a longer time":                        {two(lasting(nil, new(1200)), lasting(nil, new(600))), second},
		"behind a smaller current":                    {two(amps("16"), amps("32")), second},
		"behind a larger current":                     {two(amps("32"), amps("16")), ""},
		"behind a larger power":                       {two(watts("22"), watts("11")), second},
		"behind a smaller power":                      {two(watts("11"), watts("22")), ""},
		"behind a longer season":                      {two(dates("2026-01-01", "2027-01-01"), dates("2026-06-01", "2026-09-01")), second},
		"behind a shorter season":                     {two(dates("2026-06-01", "2026-09-01"), dates("2026-01-01", "2027-01-01")), ""},
		"behind another restriction":                  {two(kWhs("10", ""), lasting(new(600), nil)), ""},
		"behind one that never applies":               {two(kWhs("10", "5"), kWhs("10", "5")), "never-applies /elements/0/restrictions/max_kwh never-applies /elements/1/restrictions/max_kwh"},
		"PR-27: a session behind a reservation":       {reserved("RESERVATION").element(timeD, "3", 1, nil), ""},
		"PR-30: one that expires behind any":          {reserved("RESERVATION", "RESERVATION_EXPIRES"), ""},
		"PR-30: any behind one that expires":          {reserved("RESERVATION_EXPIRES", "RESERVATION"), ""},
		"a reservation behind a reservation":          {reserved("RESERVATION", "RESERVATION"), second},
		"a free one between: told for the first time": {newTariff().element(timeD, "0", 60, nil).element(timeD, "4.80", 60, lasting(new(600), nil)).element(timeD, "0", 60, lasting(new(900), nil)), second + " never-reached /elements/2/price_components/0"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := strings.Join(linted(&test.tariff.Tariff), " "); got != test.want {
				t.Errorf("%s, want %s", got, test.want)
			}
		})
	}
}

// Times are told of that overlap in part, and those without a price where that is hardly meant.
func TestLintTimes(t *testing.T) {
	parts := func(d v230.TariffDimensionType, restrictions ...*v230.TariffRestrictions) *made {
		m := newTariff()
		for i, r := range restrictions {
			m.element(d, fmt.Sprint(i+1), 1, r)
		}
		return m
	}
	during := func(r *v230.TariffRestrictions, from, before string) *v230.TariffRestrictions {
		if from != "" {
			r.StartDate = &from
		}
		if before != "" {
			r.EndDate = &before
		}
		return r
	}
	from := func(from, before string) *v230.TariffRestrictions {
		return during(&v230.TariffRestrictions{}, from, before)
	}
	valid := func(m *made, from, before string) *made {
		if from != "" {
			m.StartDateTime = new(at(from))
		}
		if before != "" {
			m.EndDateTime = new(at(before))
		}
		return m
	}
	const overlap, gap = "times-overlap /elements/1/restrictions", "times-gap /elements"
	week := []v230.DayOfWeek{mon, tue, wed, thu, fri}
	kWh := kWhs("10", "")
	kWh.StartTime, kWh.EndTime = new("08:00"), new("20:00")
	for name, test := range map[string]struct {
		tariff *made
		want   string
	}{
		"day and night":                         {parts(energyD, hours("06:00", "22:00"), hours("22:00", "06:00")), ""},
		"day and the rest":                      {parts(energyD, hours("06:00", "22:00"), nil), ""},
		"day and a night that begins early":     {parts(energyD, hours("06:00", "22:00"), hours("21:00", "06:00")), overlap},
		"day and a night that ends late":        {parts(energyD, hours("06:00", "22:00"), hours("22:00", "06:01")), overlap},
		"the same price where they overlap":     {parts(energyD, hours("06:00", "22:00")).element(energyD, "1", 1, hours("21:00", "06:00")), ""},
		"evenings of Friday, and then each day": {parts(energyD, onDays(hours("18:00", "23:00"), fri), hours("08:00", "20:00"), nil), ""},
		"weekdays and the weekend":              {parts(energyD, days(week...), days(sat, sun)), ""},
		"weekdays and a weekend from Friday":    {parts(energyD, days(week...), days(fri, sat, sun)), overlap},
		"an overlap with another restriction":   {parts(energyD, kWh, hours("18:00", "22:00"), nil), ""},
		"an overlap under the same restriction": {parts(energyD, kWh, func() *v230.TariffRestrictions {
			r := *kWh
			r.StartTime, r.EndTime = new("18:00"), new("22:00")
			return &r
		}(), nil), overlap},

		"a minute without a price": {parts(energyD, hours("06:00", "22:00"), hours("22:01", "06:00")), gap},
		"nights without a price":   {parts(energyD, hours("06:00", "22:00")), gap},
		"nights that are free":     {parts(energyD, hours("06:00", "22:00")).element(energyD, "0", 1, nil), ""},
		"nights by the hour":       {parts(energyD, hours("06:00", "22:00")).element(timeD, "1", 1, hours("22:00", "06:00")), ""},
		"nights at a flat price":   {parts(energyD, hours("06:00", "22:00")).element(flatD, "1", 1, hours("22:00", "06:00")), ""},
		"a flat price at any time": {parts(energyD, hours("06:00", "22:00")).element(flatD, "1", 1, nil), gap},
		"free time at any time":    {parts(energyD, hours("06:00", "22:00")).element(timeD, "0", 1, nil), gap},
		"nights with a restriction": {parts(energyD, hours("06:00", "22:00")).element(energyD, "3", 1, func() *v230.TariffRestrictions {
			r := hours("22:00", "06:00")
			r.MaxKWh = kWhs("", "10").MaxKWh
			return r
		}()), ""},
		"no Sunday":                                     {parts(energyD, days(append(week, sat)...)), gap},
		"a price that is always free":                   {newTariff().element(energyD, "0", 1, hours("06:00", "22:00")), ""},
		"no price for energy at all":                    {parts(timeD, hours("06:00", "22:00")), ""},
		"parking that is free at night":                 {parts(parkingD, hours("08:00", "20:00")), ""},
		"parking that is free at noon":                  {parts(parkingD, hours("08:00", "12:00"), hours("14:00", "20:00")), ""},
		"parking without a minute":                      {parts(parkingD, hours("08:00", "20:00"), hours("20:01", "08:00")), gap},
		"charging without a minute":                     {parts(timeD, hours("08:00", "20:00"), hours("20:01", "08:00")), gap},
		"a minute of a week":                            {parts(timeD, onDays(hours("00:00", "23:59"), sun), days(append(week, sat)...)), "end-exclusive /elements/0/restrictions/end_time " + gap},
		"a reservation fills no gap":                    {parts(energyD, hours("06:00", "22:00")).element(flatD, "1", 1, &v230.TariffRestrictions{Reservation: new(v230.ReservationRestrictionTypeReservation), StartTime: new("22:00"), EndTime: new("06:00")}), gap},
		"what never applies fills none":                 {parts(energyD, hours("06:00", "22:00")).element(energyD, "1", 1, kWhs("5", "5")), "never-applies /elements/1/restrictions/max_kwh " + gap},
		"a month between seasons":                       {parts(energyD, from("", "2026-06-01"), from("2026-07-01", "")), gap},
		"a month of which another element has the days": {parts(energyD, from("", "2026-06-01"), from("2026-07-01", "")).element(energyD, "3", 1, from("2026-06-01", "2026-07-01")), ""},
		"a month of which another element has half":     {parts(energyD, from("", "2026-06-01"), from("2026-07-01", ""), from("2026-05-15", "2026-06-15")), gap},
		"before and after all seasons":                  {parts(energyD, from("2026-01-01", "2026-06-01"), from("2026-06-01", "2027-01-01")), ""},
		"nights that are free in summer":                {parts(energyD, from("2026-06-01", "2026-09-01"), hours("06:00", "22:00"), hours("22:00", "06:00")), ""},
		"nights that have a price in summer alone":      {parts(energyD, during(hours("22:00", "06:00"), "2026-06-01", "2026-09-01"), hours("06:00", "22:00")), gap},
		"the same, in a tariff for that summer":         {valid(parts(energyD, during(hours("22:00", "06:00"), "2026-06-01", "2026-09-01"), hours("06:00", "22:00")), "2026-05-31T22:00:00Z", "2026-08-31T22:00:00Z"), ""},
		"a season after the tariff ends":                {valid(parts(energyD, from("", "2026-09-01")).element(energyD, "2", 1, during(hours("06:00", "22:00"), "2026-09-01", "")), "", "2026-09-01T00:00:00Z"), ""},
		"parking that is free in summer":                {parts(parkingD, from("", "2026-06-01"), from("2026-09-01", "")), ""},
		"a day of parking between seasons":              {parts(parkingD, from("", "2026-06-01"), from("2026-06-02", "")), gap},

		"a kWh between thresholds":                        {parts(energyD, kWhs("", "10"), kWhs("11", "")), "range-gap /elements/1/restrictions/min_kwh"},
		"thresholds that meet":                            {parts(energyD, kWhs("", "10"), kWhs("10", "")), ""},
		"thresholds that another fills":                   {parts(energyD, kWhs("", "10"), kWhs("11", ""), nil), ""},
		"thresholds that another fills at night":          {parts(energyD, kWhs("", "10"), kWhs("11", "")).element(energyD, "3", 1, onDays(kWhs("5", "20"), mon)), ""},
		"the first kWh are free":                          {parts(energyD, kWhs("5", "10"), kWhs("10", "")), ""},
		"a second between durations":                      {parts(timeD, lasting(nil, new(3600)), lasting(new(3601), nil)), "range-gap /elements/1/restrictions/min_duration"},
		"a kW between powers":                             {parts(energyD, &v230.TariffRestrictions{MaxPower: kWhs("50", "").MinKWh}, &v230.TariffRestrictions{MinPower: kWhs("51", "").MinKWh}), "range-gap /elements/1/restrictions/min_power"},
		"an ampere between currents":                      {parts(energyD, &v230.TariffRestrictions{MaxCurrent: kWhs("16", "").MinKWh}, &v230.TariffRestrictions{MinCurrent: kWhs("17", "").MinKWh}), "range-gap /elements/1/restrictions/min_current"},
		"a kWh between a price of energy and one of time": {parts(energyD, kWhs("", "10")).element(timeD, "1", 1, kWhs("11", "")), "range-gap /elements/1/restrictions/min_kwh"},
		"between thresholds everything by the hour":       {parts(energyD, kWhs("", "10"), kWhs("20", "")).element(timeD, "1", 1, kWhs("10", "20")), ""},
		"a whole year, season by season":                  {parts(energyD, &v230.TariffRestrictions{EndDate: new("2026-06-01")}, &v230.TariffRestrictions{StartDate: new("2026-06-01")}), ""},
	} {
		t.Run(name, func(t *testing.T) {
			if got := strings.Join(linted(&test.tariff.Tariff), " "); got != test.want {
				t.Errorf("%s, want %s", got, test.want)
			}
		})
	}
}

// What is told of a tariff is for people.
func TestLintSaysWhatIsWrong(t *testing.T) {
	m := newTariff().element(energyD, "0.40", 1, onDays(hours("06:00", "22:00"), mon, tue, wed)).
		element(energyD, "0.50", 1, onDays(hours("06:00", "22:00"), wed, thu, fri)).
		element(energyD, "0.60", 1, onDays(hours("21:00", "23:59"), mon, tue, wed))
	var got []string
	for _, f := range tariff.Lint(&m.Tariff) {
		got = append(got, f.Message)
	}
	want := []string{
		"end_time is no longer part of it: the minute from 23:59 on is left out; 00:00 may be meant",
		"it applies on Wednesday, when element 0 has a price for ENERGY too, which counts",
		"it applies at 21:00, when element 0 has a price for ENERGY too, which counts",
		"from Monday 23:59 to Tuesday 06:00 nothing has a price for ENERGY: charging costs nothing then; if that is meant, a price of 0 says so",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// A tariff of any size is looked at in a short time, and what is told of it is bounded.
func TestLintIsBounded(t *testing.T) {
	for name, make := range map[string]func(i int, m *made){
		"each has times of its own": func(i int, m *made) {
			m.element(energyD, fmt.Sprint(i+1), 0, hours(fmt.Sprintf("%02d:%02d", i/60%24, i%60), fmt.Sprintf("%02d:%02d", (i/60+2)%24, i%60)))
		},
		"each is as the one before": func(i int, m *made) { m.element(energyD, fmt.Sprint(i+1), 1, kWhs(fmt.Sprint(10000-i), "")) },
		"each has a rate of its own": func(i int, m *made) {
			m.element(energyD, "1", 1, nil)
			m.Elements[i].PriceComponents[0].VAT = new(ocpi.MustNumber(fmt.Sprintf("10.%d", i)))
		},
	} {
		t.Run(name, func(t *testing.T) {
			m := newTariff()
			for i := range 40_000 {
				make(i, m)
			}
			began := time.Now()
			findings := tariff.Lint(&m.Tariff)
			if took := time.Since(began); took > 2*time.Second {
				t.Errorf("it took %s", took)
			}
			if len(findings) > 501 {
				t.Errorf("%d findings", len(findings))
			}
			if last := findings[len(findings)-1]; last.Code != tariff.TooLarge {
				t.Errorf("the last is %v", last)
			}
		})
	}
}

// All sample tariffs, and all of the specification's, are without mistakes.
func TestLintFindsNothingInGoodTariffs(t *testing.T) {
	sample := ocpitest.Network(ocpi.NewParty("NL", "GPE"))
	for _, good := range sample.Tariffs() {
		t.Run(string(good.ID), func(t *testing.T) {
			if got := linted(&good); got != nil {
				t.Error(got)
			}
		})
	}
	var all []worked
	if err := json.Unmarshal(shared(t, "spec/pricing-worked-examples.json"), &all); err != nil {
		t.Fatal(err)
	}
	for _, w := range all {
		t.Run(w.ID, func(t *testing.T) {
			model, _ := w.modelTariff(t)
			if got := linted(model); got != nil {
				t.Error(got)
			}
		})
	}
}

// Real tariffs of a city have prices for staying too long that never count, because an element before them always has the price.
func TestLintOfRealTariffs(t *testing.T) {
	var raws []jsontext.Value
	if err := json.Unmarshal(shared(t, "data/ludwigsburg-tariffs-2.1.1.json"), &raws); err != nil {
		t.Fatal(err)
	}
	codecs, _ := wire.For(ocpi.V211)
	got := map[string][]string{}
	for _, raw := range raws {
		model, _, err := codecs.Tariffs.Read(raw, convert.Env{}, quirk.Profile{})
		if err != nil {
			t.Fatal(err)
		}
		got[string(model.ID)] = linted(&model)
	}
	blocking := []string{
		"end-exclusive /elements/1/restrictions/end_time", "end-exclusive /elements/2/restrictions/end_time", "end-exclusive /elements/3/restrictions/end_time",
		"never-reached /elements/2/price_components/0", "never-reached /elements/2/price_components/1",
		"never-reached /elements/3/price_components/0", "never-reached /elements/3/price_components/1",
	}
	want := map[string][]string{"22132ac": blocking, "22132dc": blocking, "22310ac": nil, "22134ac": nil, "31739ac": nil}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// shared is a file of the folder beside the project; the test is skipped where there is none.
func shared(t *testing.T, name string) []byte {
	t.Helper()
	raw, err := os.ReadFile("../../../shared/" + name)
	if errors.Is(err, fs.ErrNotExist) {
		t.Skip("../shared is not there")
	}
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// Whatever a tariff says, it is looked at, and what is told of it has a place in it.
func FuzzLintPlaces(f *testing.F) {
	sample := ocpitest.Network(ocpi.NewParty("NL", "GPE"))
	for _, t := range sample.Tariffs() {
		raw, err := json.Marshal(t)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
	}
	f.Add([]byte(`{"currency":"","elements":[{"price_components":[{"type":"ENERGY","price":-1e40,"vat":0.1,"step_size":9223372036854775807}],
		"restrictions":{"start_time":"24:00","end_time":"00:59","min_kwh":1e40,"max_kwh":99999,"max_duration":-9223372036854775808}}]}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		var read v230.Tariff
		if json.Unmarshal(raw, &read) != nil {
			return
		}
		for _, finding := range tariff.Lint(&read) {
			if finding.Pointer != "" && !strings.HasPrefix(finding.Pointer, "/") || finding.Message == "" {
				t.Errorf("%+v", finding)
			}
		}
	})
}
