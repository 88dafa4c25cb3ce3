package tariff

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/roamwire/roamwire/ocpi/exact"
)

// all are the restrictions that there can be, in the order in which people read them.
var all = []mismatch{
	byReservation, byDates, byDay, byTimes, byMinDuration, byMaxDuration, byMinKWh, byMaxKWh, byMinCurrent, byMaxCurrent, byMinPower, byMaxPower,
}

// words say when the element applies; empty for always.
func (e *element) words() string {
	var words []string
	for _, restriction := range all {
		if w := e.restrictions.words(restriction); w != "" && (restriction != byReservation || e.reservation != notReserved) {
			words = append(words, w)
		}
	}
	return strings.Join(words, ", ")
}

// words say what one of the restrictions asks for; empty where it is not there.
func (r *restrictions) words(restriction mismatch) string {
	bound := func(format string, b *exact.Decimal) string {
		if b == nil {
			return ""
		}
		return fmt.Sprintf(format, b)
	}
	lasting := func(format string, seconds *int64) string {
		if seconds == nil {
			return ""
		}
		return fmt.Sprintf(format, clock(fmt.Sprint(*seconds)))
	}
	switch restriction {
	case byReservation:
		return [...]string{notReserved: "for sessions", anyReservation: "for reservations", expiredOnly: "for reservations that nobody used"}[r.reservation]
	case byTimes:
		if r.hasTimes {
			return "from " + clockText(r.start) + " to " + clockText(r.end)
		}
	case byDates:
		return r.dateWords()
	case byDay:
		return r.dayWords()
	case byMinDuration:
		return lasting("after %s", r.minDuration)
	case byMaxDuration:
		return lasting("in the first %s", r.maxDuration)
	case byMinKWh:
		return bound("from %s kWh on", r.minKWh)
	case byMaxKWh:
		return bound("below %s kWh", r.maxKWh)
	case byMinCurrent:
		return bound("from %s A on", r.minCurrent)
	case byMaxCurrent:
		return bound("below %s A", r.maxCurrent)
	case byMinPower:
		return bound("from %s kW on", r.minPower)
	case byMaxPower:
		return bound("below %s kW", r.maxPower)
	case matches:
	}
	return ""
}

func (r *restrictions) dateWords() string {
	from, before := "from "+dateText(r.startDate), "before "+dateText(r.endDate)
	switch {
	case r.startDate == 0 && r.endDate == 0:
		return ""
	case r.endDate == 0:
		return from
	case r.startDate == 0:
		return before
	default:
		return from + " and " + before
	}
}

func (r *restrictions) dayWords() string {
	if r.days == 0 {
		return ""
	}
	var names []string
	for i := range 7 {
		if day := time.Weekday((i + 1) % 7); r.days&(1<<day) != 0 { // the week of tariffs begins on Monday
			names = append(names, day.String())
		}
	}
	return "on " + strings.Join(names, ", ")
}

// dateText is a date that was a number.
func dateText(number int) string {
	return fmt.Sprintf("%04d-%02d-%02d", number/10000, number/100%100, number%100)
}

// reason says why a restriction does not hold at a moment.
func (r *restrictions) reason(by mismatch, m *moment, p *Policy) string {
	return "it applies " + r.words(by) + ", and " + m.words(by, p)
}

// words say how things are, as far as one of the restrictions asks for them.
func (m *moment) words(asked mismatch, p *Policy) string {
	switch asked {
	case byReservation:
		switch {
		case m.reserved && m.expired:
			return "this is a reservation that nobody used"
		case m.reserved:
			return "this is a reservation that was used"
		default:
			return "this is a session"
		}
	case byTimes:
		return "it is " + clockText(m.minute)
	case byDates:
		return "it is " + dateText(m.date)
	case byDay:
		return "it is a " + m.day.String()
	case byMinDuration, byMaxDuration:
		return "it has lasted " + clock(fmt.Sprint(m.lasted(p)))
	case byMinKWh, byMaxKWh:
		return m.energy.String() + " kWh have been charged"
	case byMinCurrent, byMaxCurrent:
		return "the current is " + between(m.period.MinCurrent, m.period.MaxCurrent, "A")
	case byMinPower, byMaxPower:
		return "the power is " + between(m.period.MinPower, m.period.MaxPower, "kW")
	case matches:
	}
	return ""
}

// between says in what bounds a quantity was.
func between(low, high *exact.Decimal, unit string) string {
	switch low, high = orElse(low, high), orElse(high, low); {
	case low == nil:
		return "not known"
	case low.Equal(*high):
		return low.String() + " " + unit
	default:
		return low.String() + " to " + high.String() + " " + unit
	}
}

// A Skipped is an element that has a price for a dimension and does not apply, though it stands before the one that does.
type Skipped struct {
	Element int
	// By are the restrictions that do not hold, by their names in OCPI, and Reason says so in words.
	By, Reason string
}

// Why says which elements before that of a line had a price, and why they did not apply.
func (b *Breakdown) Why(line int) []Skipped {
	l := &b.Lines[line]
	priced := l.Dimension
	if l.component != l.Tariff.elements[l.Element].components[priced] {
		priced = Time // of parking that costs what charging does (A18)
	}
	return b.skipped(l.Tariff.elements[:l.Element], l.Period, priced, l.Reservation)
}

func (b *Breakdown) skipped(elements []element, period int, d Dimension, reservation bool) (skipped []Skipped) {
	m := b.moments[period]
	if reservation {
		m.reserved, m.began = true, b.moments[0].at
	}
	for i := range elements {
		e := &elements[i]
		if e.components[d] == nil {
			continue
		}
		if by := e.judge(&m, &b.policy); by != matches {
			skipped = append(skipped, Skipped{i, string(by), e.reason(by, &m, &b.policy)})
		} else if m.reserved && m.expired { // PR-30
			skipped = append(skipped, Skipped{i, string(byReservation), "a price for reservations that nobody used comes before it"})
		}
	}
	return skipped
}

// An Unpriced is a quantity of a period that no element has a price for, so that it costs nothing (PR-04).
type Unpriced struct {
	Dimension   Dimension
	Reservation bool
	// Quantity is in kWh or seconds.
	Quantity exact.Decimal
	// Skipped are the elements that have a price for the dimension, and apply at other times.
	Skipped []Skipped
}

// unpriced are the quantities of a period that cost nothing because they have no price. Lines are those of the period.
func (b *Breakdown) unpriced(period int, lines []Line) (out []Unpriced) {
	p := *b.moments[period].period
	if b.policy.Throttled == ThrottledParks && p.Energy.IsZero() {
		p.Charging, p.Parking = exact.Decimal{}, p.Parking.Add(p.Charging)
	}
	for _, q := range []Unpriced{
		{Dimension: Time, Reservation: true, Quantity: p.Reserved},
		{Dimension: Energy, Quantity: p.Energy}, {Dimension: Time, Quantity: p.Charging}, {Dimension: Parking, Quantity: p.Parking},
	} {
		priced := q.Quantity.IsZero()
		for i := range lines {
			priced = priced || lines[i].Dimension == q.Dimension && lines[i].Reservation == q.Reservation
		}
		if priced {
			continue
		}
		if t := b.tariffs[period]; t != nil {
			q.Skipped = slices.DeleteFunc(b.skipped(t.elements, period, q.Dimension, q.Reservation), func(s Skipped) bool {
				return s.By == string(byReservation)
			})
		}
		out = append(out, q)
	}
	return out
}
