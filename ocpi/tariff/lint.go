package tariff

import (
	"fmt"
	"slices"
	"time"

	"github.com/shopspring/decimal"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// The kinds of findings in tariffs.
const (
	NeverApplies    Code = "never-applies"    // the restrictions of an element contradict each other
	NeverReached    Code = "never-reached"    // an earlier element always has the price
	Duplicate       Code = "duplicate"        // an element has two prices of one dimension
	NotOfReserved   Code = "not-of-reserved"  // reservations have only FLAT and TIME
	TimesOverlap    Code = "times-overlap"    // two elements have a price at the same time, and the first counts
	TimesGap        Code = "times-gap"        // at some times nothing has the price
	TimesEqual      Code = "times-equal"      // start_time is end_time, which OCPI does not define
	StepZero        Code = "step-zero"        // a step_size of 0, which is none
	StepLarge       Code = "step-large"       // a step_size of which one is more than most charges have
	PriceNegative   Code = "price-negative"   // a price below 0
	PerWh           Code = "per-wh"           // a price or limit that seems to be of Wh, where kWh are meant
	LimitsCross     Code = "limits-cross"     // min_price is above max_price
	CurrencyUnknown Code = "currency-unknown" // no currency of ISO 4217
	ValidityEmpty   Code = "validity-empty"   // the tariff ends before it begins
)

// Bounds beyond which a number is probably a mistake.
var (
	leastPerKWh  = decimal.New(5, -3)    // 0.005 in any currency
	largestKWh   = decimal.New(1000, 0)  // a charge of one MWh
	largestWh    = decimal.New(10000, 0) // a step of 10 kWh
	largestTime  = decimal.New(3600, 0)  // a step of an hour
	weekOfMinute = 7 * dayMinutes
)

// Lint looks for mistakes in a tariff that is valid by itself: it would be read otherwise than it was meant, or not at all.
func Lint(t *v230.Tariff) []Finding {
	l := &linter{tariff: t}
	l.whole()
	c, err := Compile(t)
	if err != nil {
		var at string
		if e, ok := err.(*TariffError); ok { //nolint:errorlint // it is not wrapped
			at = e.Pointer
		}
		l.find(TariffUnusable, at, "%s", err)
		return l.findings
	}
	for i := range t.Elements {
		l.element(i, &t.Elements[i], &c.elements[i])
	}
	l.order(c)
	for _, d := range []Dimension{Energy, Time, Parking} {
		l.times(c, d)
	}
	return l.findings
}

type linter struct {
	tariff   *v230.Tariff
	findings []Finding
}

func (l *linter) find(code Code, pointer, format string, args ...any) {
	l.findings = append(l.findings, Finding{code, pointer, fmt.Sprintf(format, args...)})
}

// whole looks at what concerns the tariff as a whole.
func (l *linter) whole() {
	t := l.tariff
	if !isCurrency(t.Currency) {
		l.find(CurrencyUnknown, "/currency", "%q is no currency of ISO 4217", t.Currency)
	}
	if t.StartDateTime != nil && t.EndDateTime != nil && t.StartDateTime.Compare(*t.EndDateTime) >= 0 {
		l.find(ValidityEmpty, "/end_date_time", "it ends at %s, before it begins", t.EndDateTime)
	}
	if t.MinPrice == nil || t.MaxPrice == nil {
		return
	}
	if t.MinPrice.BeforeTaxes.Decimal().Cmp(t.MaxPrice.BeforeTaxes.Decimal()) > 0 {
		l.find(LimitsCross, "/min_price", "it costs at least %s and at most %s", t.MinPrice.BeforeTaxes, t.MaxPrice.BeforeTaxes)
	}
}

func (l *linter) element(i int, in *v230.TariffElement, e *element) {
	at := fmt.Sprintf("/elements/%d", i)
	seen := map[v230.TariffDimensionType]bool{}
	for j := range in.PriceComponents {
		pc, at := &in.PriceComponents[j], fmt.Sprintf("%s/price_components/%d", at, j)
		if seen[pc.Type] {
			l.find(Duplicate, at, "the element has a price for %s already, which counts", pc.Type)
		}
		seen[pc.Type] = true
		if e.reservation != notReserved && pc.Type != v230.TariffDimensionTypeFlat && pc.Type != v230.TariffDimensionTypeTime {
			l.find(NotOfReserved, at+"/type", "a reservation has prices for FLAT and TIME alone")
		}
		l.component(pc, at)
	}
	if in.Restrictions != nil {
		l.restrictions(in.Restrictions, e, at+"/restrictions")
	}
}

func (l *linter) component(pc *v230.PriceComponent, at string) {
	price, step := pc.Price.Decimal(), decimal.New(int64(pc.StepSize), 0)
	if price.Sign() < 0 {
		l.find(PriceNegative, at+"/price", "a price of %s pays the driver", pc.Price)
	}
	isTime := pc.Type == v230.TariffDimensionTypeTime || pc.Type == v230.TariffDimensionTypeParkingTime
	isEnergy := pc.Type == v230.TariffDimensionTypeEnergy
	switch {
	case isEnergy && price.Sign() > 0 && price.Cmp(leastPerKWh) < 0:
		l.find(PerWh, at+"/price", "%s for a kWh is very little: is it the price of a Wh?", pc.Price)
	case price.IsZero():
		return // what costs nothing is not rounded
	}
	switch {
	case (isTime || isEnergy) && step.IsZero():
		l.find(StepZero, at+"/step_size", "0 is no step; 1 is the smallest")
	case isEnergy && step.Cmp(largestWh) > 0:
		l.find(StepLarge, at+"/step_size", "every charge is rounded up to a multiple of %s kWh", step.Shift(-3))
	case isTime && step.Cmp(largestTime) > 0:
		l.find(StepLarge, at+"/step_size", "time is rounded up to a multiple of %s s", step)
	}
}

// restrictions looks for those that contradict each other.
func (l *linter) restrictions(in *v230.TariffRestrictions, e *element, at string) {
	r := &e.restrictions
	empty := func(low, high *decimal.Decimal, name string) {
		if low != nil && high != nil && low.Cmp(*high) >= 0 {
			l.find(NeverApplies, at, "min_%s is %s and max_%s is %s, which is not above it", name, low, name, high)
		}
	}
	empty(r.minKWh, r.maxKWh, "kwh")
	empty(r.minCurrent, r.maxCurrent, "current")
	empty(r.minPower, r.maxPower, "power")
	if r.minDuration != nil && r.maxDuration != nil && *r.minDuration >= *r.maxDuration {
		l.find(NeverApplies, at, "min_duration is %d and max_duration is %d, which is not above it", *in.MinDuration, *in.MaxDuration)
	}
	if r.endDate != 0 && r.startDate >= r.endDate {
		l.find(NeverApplies, at, "it ends on %s, the day on which it begins or one before it", *in.EndDate)
	}
	for _, kWh := range []*ocpi.Number{in.MinKWh, in.MaxKWh} {
		if kWh != nil && kWh.Decimal().Cmp(largestKWh) > 0 {
			l.find(PerWh, at, "%s kWh is more than a vehicle takes: are they Wh?", kWh)
		}
	}
	if r.hasTimes && r.start == r.end && r.start != 0 {
		l.find(TimesEqual, at, "start_time and end_time are both %s", *in.StartTime)
	}
	if r.maxKWh != nil && r.maxKWh.Sign() <= 0 || r.maxDuration != nil && *r.maxDuration <= 0 ||
		r.maxPower != nil && r.maxPower.Sign() <= 0 || r.maxCurrent != nil && r.maxCurrent.Sign() <= 0 {
		l.find(NeverApplies, at, "an upper bound of 0 is never undercut")
	}
}

// order looks for prices that an earlier element always has (PR-02).
func (l *linter) order(c *Tariff) {
	for i := range c.elements {
		later := &c.elements[i]
		for d := range dimensions {
			if later.components[d] == nil {
				continue
			}
			for j := range i {
				earlier := &c.elements[j]
				if earlier.components[d] != nil && earlier.covers(&later.restrictions) {
					l.find(NeverReached, fmt.Sprintf("/elements/%d/price_components/%d", i, later.components[d].index),
						"element %d always has the price for %s before it", j, d)
					break
				}
			}
		}
	}
}

// covers reports whether restrictions hold whenever others do. It may miss that they do.
func (r *restrictions) covers(other *restrictions) bool {
	if r.reservation != other.reservation && (r.reservation != anyReservation || other.reservation != expiredOnly) {
		return false
	}
	if r.reservation == anyReservation && other.reservation == expiredOnly {
		return false // which comes first for reservations that expire
	}
	lower := func(mine, others *decimal.Decimal) bool {
		return mine == nil || others != nil && mine.Cmp(*others) <= 0
	}
	upper := func(mine, others *decimal.Decimal) bool {
		return mine == nil || others != nil && mine.Cmp(*others) >= 0
	}
	return lower(r.minKWh, other.minKWh) && upper(r.maxKWh, other.maxKWh) &&
		lower(r.minCurrent, other.minCurrent) && upper(r.maxCurrent, other.maxCurrent) &&
		lower(r.minPower, other.minPower) && upper(r.maxPower, other.maxPower) &&
		(r.minDuration == nil || other.minDuration != nil && *r.minDuration <= *other.minDuration) &&
		(r.maxDuration == nil || other.maxDuration != nil && *r.maxDuration >= *other.maxDuration) &&
		(r.days == 0 || other.days != 0 && other.days&^r.days == 0) &&
		(!r.hasTimes || other.hasTimes && r.start == other.start && r.end == other.end) &&
		r.startDate <= other.startDate && (r.endDate == 0 || other.endDate != 0 && r.endDate >= other.endDate)
}

// clockOnly reports whether nothing but the time of day and the day of the week decides.
func (r *restrictions) clockOnly() bool {
	return r.reservation == notReserved && r.minKWh == nil && r.maxKWh == nil && r.minCurrent == nil && r.maxCurrent == nil &&
		r.minPower == nil && r.maxPower == nil && r.minDuration == nil && r.maxDuration == nil && r.startDate == 0 && r.endDate == 0
}

// times looks at which minutes of the week have a price, where the week alone decides.
func (l *linter) times(c *Tariff, d Dimension) {
	first := make([]int, weekOfMinute) // the element that has the price, from 1; 0 for none
	overlaps := map[[2]int]int{}
	any, restricted := false, false
	for i := range c.elements {
		e := &c.elements[i]
		if e.components[d] == nil || e.reservation != notReserved {
			continue
		}
		if !e.clockOnly() {
			return
		}
		any, restricted = true, restricted || e.isLocal()
		for minute := range first {
			m := moment{minute: minute % dayMinutes, day: weekdayOf(minute), dayBefore: weekdayOf(minute - dayMinutes + weekOfMinute)}
			if e.judgeClock(&m, &Policy{}) != matches {
				continue
			}
			if first[minute] == 0 {
				first[minute] = i + 1
			} else if e.isLocal() && c.elements[first[minute]-1].isLocal() { // what always applies is meant to come last
				if _, known := overlaps[[2]int{first[minute] - 1, i}]; !known {
					overlaps[[2]int{first[minute] - 1, i}] = minute
				}
			}
		}
	}
	if !any || !restricted {
		return
	}
	for _, pair := range sortedPairs(overlaps) {
		l.find(TimesOverlap, fmt.Sprintf("/elements/%d/restrictions", pair[1]), "on %s it has a price for %s, as has element %d, which counts",
			minuteText(overlaps[pair]), d, pair[0])
	}
	if gap := slices.Index(first, 0); gap >= 0 {
		l.find(TimesGap, "/elements", "on %s nothing has a price for %s", minuteText(gap), d)
	}
}

func sortedPairs(m map[[2]int]int) (pairs [][2]int) {
	for pair := range m {
		pairs = append(pairs, pair)
	}
	slices.SortFunc(pairs, func(a, b [2]int) int { return slices.Compare(a[:], b[:]) })
	return pairs
}

// weekdayOf is the day of a minute of the week, which begins on Sunday.
func weekdayOf(minute int) time.Weekday { return time.Weekday(minute / dayMinutes % 7) }

func minuteText(minute int) string {
	return fmt.Sprintf("%s at %02d:%02d", weekdayOf(minute), minute%dayMinutes/60, minute%60)
}
