package tariff

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/exact"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// A Dimension is what a price component has a price for.
type Dimension int

// The dimensions of prices.
const (
	Energy  Dimension = iota // per kWh
	Time                     // of charging, or of a reservation, per hour
	Parking                  // per hour
	Flat                     // per session or reservation
	dimensions
)

// String is the name of the dimension in OCPI.
func (d Dimension) String() string {
	return [...]string{"ENERGY", "TIME", "PARKING_TIME", "FLAT"}[d]
}

// MarshalText writes the name of the dimension in OCPI.
func (d Dimension) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads the name of a dimension in OCPI.
func (d *Dimension) UnmarshalText(text []byte) error {
	dimension, ok := dimensionOf(v230.TariffDimensionType(text))
	if !ok {
		return fmt.Errorf("%q is no dimension of prices", text)
	}
	*d = dimension
	return nil
}

func dimensionOf(t v230.TariffDimensionType) (Dimension, bool) {
	switch t {
	case v230.TariffDimensionTypeEnergy:
		return Energy, true
	case v230.TariffDimensionTypeTime:
		return Time, true
	case v230.TariffDimensionTypeParkingTime:
		return Parking, true
	case v230.TariffDimensionTypeFlat:
		return Flat, true
	default:
		return 0, false
	}
}

// A Tariff is a tariff that is ready to be priced with, by any number of goroutines.
type Tariff struct {
	source   *v230.Tariff
	elements []element
	// taxes are the ways in which its prices are taxed.
	taxes []taxing
	// rates are their numbers by rate; empty for none.
	rates map[string]int
	// having are the elements that have a price of each dimension, in order.
	having [dimensions][]*element
	// local tells that a restriction depends on the time at the location, and minutes are those of the day at which one may change.
	local    bool
	minutes  []int
	min, max *limit
}

// Source is the tariff as it was given.
func (t *Tariff) Source() *v230.Tariff { return t.source }

type element struct {
	// components are the first of each dimension; nil for none.
	components [dimensions]*component
	restrictions
}

type component struct {
	element, index int
	price          exact.Decimal
	rate           *exact.Decimal // of VAT, in percent
	tax            int            // in the tariff's taxes
	step           exact.Decimal  // in Wh or seconds; 0 and 1 are alike for whole quantities
}

type limit struct {
	before exact.Decimal
	after  *exact.Decimal
}

// A TariffError says why a tariff cannot be priced with.
type TariffError struct { //nolint:revive // another Error would not say what cannot be read
	Tariff string
	// Pointer is the place in the tariff, as a JSON Pointer.
	Pointer string
	Reason  string
}

// Error implements error.
func (e *TariffError) Error() string {
	return fmt.Sprintf("tariff %s cannot be priced with: %s: %s", e.Tariff, e.Pointer, e.Reason)
}

// Compile reads a tariff, which must not change afterwards. The error is a *TariffError where part of it cannot be read: a price that
// is left out would be wrong.
func Compile(t *v230.Tariff) (*Tariff, error) {
	c := &Tariff{source: t, elements: make([]element, len(t.Elements)), rates: map[string]int{}}
	for i := range t.Elements {
		if member, err := c.compileElement(i, &t.Elements[i]); err != nil {
			return nil, &TariffError{string(t.ID), fmt.Sprintf("/elements/%d/%s", i, member), err.Error()}
		}
	}
	c.arrange()
	c.min, c.max = limitOf(t.MinPrice), limitOf(t.MaxPrice)
	return c, nil
}

// compileElement reads an element; with an error it says in which member.
func (t *Tariff) compileElement(i int, in *v230.TariffElement) (member string, err error) {
	out := &t.elements[i]
	for j := range in.PriceComponents {
		c, dimension, member, err := compileComponent(&in.PriceComponents[j])
		if err != nil {
			return fmt.Sprintf("price_components/%d/%s", j, member), err
		}
		c.element, c.index = i, j
		c.tax = t.taxing(t.source.TaxIncluded, c.rate)
		if out.components[dimension] == nil { // at most one counts (PR-02)
			out.components[dimension] = c
		}
	}
	if in.Restrictions == nil {
		return "", nil
	}
	if out.restrictions, member, err = compileRestrictions(in.Restrictions); err != nil {
		return "restrictions/" + member, err
	}
	t.local = t.local || out.isLocal()
	return "", nil
}

// compileComponent reads a price; with an error it says in which member.
func compileComponent(in *v230.PriceComponent) (c *component, d Dimension, member string, err error) {
	d, ok := dimensionOf(in.Type)
	rate := decimalOf(in.VAT)
	switch {
	case !ok:
		return nil, d, "type", fmt.Errorf("%q is no dimension of prices", in.Type)
	case in.StepSize < 0:
		return nil, d, "step_size", fmt.Errorf("%d is below 0", in.StepSize)
	case rate != nil && rate.Cmp(hundred.Neg()) <= 0:
		return nil, d, "vat", fmt.Errorf("%s %% is no rate", in.VAT)
	}
	return &component{price: in.Price.Exact(), step: exact.New(int64(in.StepSize), 0), rate: rate}, d, "", nil
}

// arrange finds what is asked for in every period.
func (t *Tariff) arrange() {
	for i := range t.elements {
		e := &t.elements[i]
		for d, c := range e.components {
			if c != nil {
				t.having[d] = append(t.having[d], e)
			}
		}
		if e.hasTimes {
			t.minutes = append(t.minutes, e.start, e.end)
		}
		if e.isLocal() {
			t.minutes = append(t.minutes, 0)
		}
	}
	slices.Sort(t.minutes)
	t.minutes = slices.Compact(t.minutes)
}

func limitOf(l *v230.PriceLimit) *limit {
	if l == nil {
		return nil
	}
	out := &limit{before: l.BeforeTaxes.Exact()}
	if l.AfterTaxes != nil {
		after := l.AfterTaxes.Exact()
		out.after = &after
	}
	return out
}

// reservation is what an element prices.
type reservation int

const (
	notReserved    reservation = iota // a session
	anyReservation                    // a reservation, used or not
	expiredOnly                       // a reservation that was not used
)

// restrictions are when an element applies. Those that it does not have are nil, negative or 0.
type restrictions struct {
	reservation                                reservation
	minKWh, maxKWh                             *exact.Decimal
	minCurrent, maxCurrent, minPower, maxPower *exact.Decimal
	// minDuration and maxDuration are in seconds since the start of the session.
	minDuration, maxDuration *int64
	// days has a bit for each time.Weekday; 0 for all.
	days uint8
	// hasTimes tells that the element applies from start up to end, in minutes of the day.
	hasTimes   bool
	start, end int
	// dates are days as numbers yyyymmdd; 0 for none.
	startDate, endDate int
}

func (r *restrictions) isLocal() bool {
	return r.days != 0 || r.hasTimes || r.startDate != 0 || r.endDate != 0
}

// compileRestrictions reads restrictions; with an error it says in which member.
func compileRestrictions(in *v230.TariffRestrictions) (r restrictions, member string, err error) {
	if in.Reservation != nil {
		switch *in.Reservation {
		case v230.ReservationRestrictionTypeReservation:
			r.reservation = anyReservation
		case v230.ReservationRestrictionTypeReservationExpires:
			r.reservation = expiredOnly
		default:
			return r, "reservation", fmt.Errorf("%q is not known", *in.Reservation)
		}
	}
	for _, d := range in.DayOfWeek {
		day, ok := weekdays[d]
		if !ok {
			return r, "day_of_week", fmt.Errorf("%q is no day", d)
		}
		r.days |= 1 << day
	}
	if member, err = r.compileClock(in); err != nil {
		return r, member, err
	}
	for _, n := range []struct {
		in  *int
		out **int64
	}{{in.MinDuration, &r.minDuration}, {in.MaxDuration, &r.maxDuration}} {
		if n.in != nil {
			*n.out = new(int64(*n.in))
		}
	}
	r.minKWh, r.maxKWh = decimalOf(in.MinKWh), decimalOf(in.MaxKWh)
	r.minCurrent, r.maxCurrent = decimalOf(in.MinCurrent), decimalOf(in.MaxCurrent)
	r.minPower, r.maxPower = decimalOf(in.MinPower), decimalOf(in.MaxPower)
	return r, "", nil
}

// compileClock reads times of day and dates; with an error it says in which member.
func (r *restrictions) compileClock(in *v230.TariffRestrictions) (member string, err error) {
	if in.StartTime != nil {
		if r.start, err = minutes(*in.StartTime); err != nil {
			return "start_time", err
		}
	}
	if in.EndTime != nil {
		if r.end, err = endMinutes(*in.EndTime); err != nil {
			return "end_time", err
		}
	}
	r.hasTimes = in.StartTime != nil && r.start != 0 || in.EndTime != nil && r.end != 0 || in.StartTime != nil && in.EndTime != nil
	if in.StartDate != nil {
		if r.startDate, err = dateNumber(*in.StartDate); err != nil {
			return "start_date", err
		}
	}
	if in.EndDate != nil {
		if r.endDate, err = dateNumber(*in.EndDate); err != nil {
			return "end_date", err
		}
	}
	return "", nil
}

var weekdays = map[v230.DayOfWeek]time.Weekday{
	v230.DayOfWeekMonday: time.Monday, v230.DayOfWeekTuesday: time.Tuesday, v230.DayOfWeekWednesday: time.Wednesday,
	v230.DayOfWeekThursday: time.Thursday, v230.DayOfWeekFriday: time.Friday, v230.DayOfWeekSaturday: time.Saturday,
	v230.DayOfWeekSunday: time.Sunday,
}

// dayMinutes is how many minutes a day has, which is also its end as a time of day.
const dayMinutes = 24 * 60

// minutes reads a time of day, HH:MM, as minutes since midnight. 24:00 is the end of the day, as 00:00 is where it ends something. Partners
// also write seconds, of which there are none.
func minutes(s string) (int, error) {
	text := s
	if len(text) == len("15:04:05") {
		text = strings.TrimSuffix(text, ":00")
	}
	if text == "24:00" {
		return 0, nil
	}
	t, err := time.Parse("15:04", text)
	if err != nil || len(text) != len("15:04") {
		return 0, fmt.Errorf("%q is no time of day such as 13:30", s)
	}
	return t.Hour()*60 + t.Minute(), nil
}

// endMinutes reads a time of day at which something ends. Whoever writes it with seconds means 20:00 by 19:59:59.
func endMinutes(s string) (int, error) {
	minute, isLast := strings.CutSuffix(s, ":59")
	if !isLast || len(s) != len("15:04:05") {
		return minutes(s)
	}
	m, err := minutes(minute)
	return (m + 1) % dayMinutes, err
}

// dateNumber reads a date, YYYY-MM-DD, as the number yyyymmdd.
func dateNumber(s string) (int, error) {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		return 0, fmt.Errorf("%q is no date such as 2026-01-31", s)
	}
	return numberOf(t), nil
}

// numberOf is the date of a time as the number yyyymmdd, which is never 0.
func numberOf(t time.Time) int {
	y, m, d := t.Date()
	return y*10000 + int(m)*100 + d
}

func decimalOf(n *ocpi.Number) *exact.Decimal {
	if n == nil {
		return nil
	}
	d := n.Exact()
	return &d
}
