package tariff

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/roamwire/roamwire/ocpi/exact"
)

// compare compares each element with those before it: of those that apply, the first counts (PR-02).
func (l *linter) compare(c *Tariff) {
	if len(c.elements) > closely {
		l.find(TooLarge, "/elements", "it has %d elements, of which the first %d are compared with each other", len(c.elements), closely)
	}
	for i := range c.elements[:min(len(c.elements), closely)] {
		if l.never[i] {
			continue
		}
		b := before{later: &c.elements[i]}
		for j := range i {
			if !l.never[j] {
				b.compare(j, &c.elements[j])
			}
		}
		l.before(i, &b)
	}
}

// before is what the elements before one have to do with it.
type before struct {
	later *element
	// covered are, for each dimension, the elements that always apply where it does: the first of them, and whether one has another price.
	covered [dimensions]struct {
		found, differs bool
		first          int
	}
	// crossed is the first that overlaps with it in part, and number which that is.
	crossed *element
	number  int
}

// compare compares the element with the jth.
func (b *before) compare(j int, earlier *element) {
	if !b.contend(earlier, (*component).exists) {
		return
	}
	if earlier.covers(&b.later.restrictions) {
		for d := range b.covered {
			if c := &b.covered[d]; b.both(earlier, Dimension(d)) {
				if !c.found {
					c.found, c.first = true, j
				}
				c.differs = c.differs || earlier.components[d].differs(b.later.components[d])
			}
		}
		return
	}
	if b.crossed == nil && b.contend(earlier, (*component).differs) && earlier.crosses(&b.later.restrictions) {
		b.crossed, b.number = earlier, j
	}
}

// contend reports whether both have a price of some dimension that is so.
func (b *before) contend(earlier *element, so func(*component, *component) bool) bool {
	for d := range dimensions {
		if b.both(earlier, d) && so(earlier.components[d], b.later.components[d]) {
			return true
		}
	}
	return false
}

// both reports whether both have a price of a dimension that there is.
func (b *before) both(earlier *element, d Dimension) bool {
	return earlier.components[d] != nil && b.later.components[d] != nil && (b.later.reservation == notReserved || d == Flat || d == Time)
}

// before tells of prices that elements before always have, and of times that they share.
func (l *linter) before(i int, b *before) {
	for d, c := range b.covered {
		if c.found && c.differs {
			l.find(NeverReached, fmt.Sprintf("/elements/%d/price_components/%d", i, b.later.components[d].index),
				"element %d comes before and has a price for %s whenever this one applies, so that this price never counts", c.first, Dimension(d))
		}
	}
	if b.crossed == nil {
		return
	}
	var shared []string
	for d := range dimensions {
		if b.both(b.crossed, d) {
			shared = append(shared, d.String())
		}
	}
	l.find(TimesOverlap, fmt.Sprintf("/elements/%d/restrictions", i), "%s, when element %d has a price for %s too, which counts",
		crossing(&b.crossed.restrictions, &b.later.restrictions), b.number, strings.Join(shared, " and "))
}

func (c *component) exists(*component) bool { return true }

// differs reports whether it matters which of two components counts.
func (c *component) differs(other *component) bool {
	if !c.price.Equal(other.price) {
		return true
	}
	return !c.price.IsZero() && (c.tax != other.tax || !c.step.Equal(other.step))
}

// covers reports whether restrictions hold whenever others do. It may miss that they do.
func (r *restrictions) covers(other *restrictions) bool {
	return covers(r.days, other.days) && r.clock().contains(other.clock()) && r.rest(other)
}

// rest is covers for all but times of day and days of the week.
func (r *restrictions) rest(other *restrictions) bool {
	// RESERVATION_EXPIRES comes first for reservations that expire, so that RESERVATION does not cover it (PR-30)
	return r.reservation == other.reservation &&
		r.startDate <= other.startDate && (r.endDate == 0 || other.endDate != 0 && r.endDate >= other.endDate) &&
		lower(r.minDuration, other.minDuration, cmp.Compare[int64]) && upper(r.maxDuration, other.maxDuration, cmp.Compare[int64]) &&
		lower(r.minKWh, other.minKWh, exact.Decimal.Cmp) && upper(r.maxKWh, other.maxKWh, exact.Decimal.Cmp) &&
		lower(r.minCurrent, other.minCurrent, exact.Decimal.Cmp) && upper(r.maxCurrent, other.maxCurrent, exact.Decimal.Cmp) &&
		lower(r.minPower, other.minPower, exact.Decimal.Cmp) && upper(r.maxPower, other.maxPower, exact.Decimal.Cmp)
}

// lower reports whether a lower bound holds wherever another does.
func lower[T any](mine, others *T, compare func(T, T) int) bool {
	return mine == nil || others != nil && compare(*mine, *others) <= 0
}

// upper reports whether an upper bound holds wherever another does.
func upper[T any](mine, others *T, compare func(T, T) int) bool {
	return mine == nil || others != nil && compare(*mine, *others) >= 0
}

// crosses reports whether elements that are the same in all else overlap in part, in their times or in their days. Where one contains the
// other, or where they differ in both, the first is meant to count: Sundays, and then every day from eight to eight.
func (r *restrictions) crosses(other *restrictions) bool {
	if !r.rest(other) || !other.rest(r) {
		return false
	}
	a, b := r.clock(), other.clock()
	sameTimes, sameDays := a == b, allDays(r.days) == allDays(other.days)
	timesCross := a.meets(b) && !a.contains(b) && !b.contains(a)
	daysCross := allDays(r.days)&allDays(other.days) != 0 && !covers(r.days, other.days) && !covers(other.days, r.days)
	return sameDays && timesCross || sameTimes && daysCross
}

// crossing says where they do.
func crossing(r, other *restrictions) string {
	if days := allDays(r.days) & allDays(other.days); days != allDays(other.days) {
		for day := range time.Saturday + 1 {
			if days&(1<<day) != 0 {
				return "it applies on " + day.String()
			}
		}
	}
	a, b := r.clock(), other.clock()
	from := b.from
	if b.at(a.from) {
		from = a.from
	}
	return "it applies at " + clockText(from)
}

const everyDay uint8 = 1<<7 - 1

// allDays are the days of restrictions, of which none means every day.
func allDays(days uint8) uint8 {
	if days == 0 {
		return everyDay
	}
	return days
}

func covers(days, others uint8) bool { return allDays(others)&^allDays(days) == 0 }

// A span is a part of every day: minutes from one on, which may go on after midnight.
type span struct{ from, minutes int }

// clock is when restrictions hold, as the policies read them that are the default (A13, A14).
func (r *restrictions) clock() span {
	if !r.hasTimes || r.start == r.end {
		return span{0, dayMinutes}
	}
	return span{r.start, (r.end - r.start + dayMinutes) % dayMinutes}
}

// at reports whether a minute of the day is in the span.
func (s span) at(minute int) bool { return (minute-s.from+dayMinutes)%dayMinutes < s.minutes }

func (s span) contains(other span) bool {
	after := (other.from - s.from + dayMinutes) % dayMinutes
	return s.minutes == dayMinutes || after+other.minutes <= s.minutes
}

func (s span) meets(other span) bool { return s.at(other.from) || other.at(s.from) }
