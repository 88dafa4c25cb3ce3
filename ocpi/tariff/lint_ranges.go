package tariff

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/roamwire/roamwire/ocpi/exact"
)

// A scale is what a minimum and a maximum restrict.
type scale struct {
	name, unit string
	bounds     func(*restrictions) (low, high *exact.Decimal)
}

var scales = []scale{
	{"kwh", "kWh", func(r *restrictions) (low, high *exact.Decimal) { return r.minKWh, r.maxKWh }},
	{"duration", "s", func(r *restrictions) (low, high *exact.Decimal) {
		return inSeconds(r.minDuration), inSeconds(r.maxDuration)
	}},
	{"current", "A", func(r *restrictions) (low, high *exact.Decimal) { return r.minCurrent, r.maxCurrent }},
	{"power", "kW", func(r *restrictions) (low, high *exact.Decimal) { return r.minPower, r.maxPower }},
}

func inSeconds(n *int64) *exact.Decimal {
	if n == nil {
		return nil
	}
	return new(exact.New(*n, 0))
}

// ranges looks for thresholds between which something has no price, such as 10 and 11 kWh. Below the lowest and above the highest it may
// well cost nothing.
func (l *linter) ranges(c *Tariff) {
	for i := range scales {
		for _, d := range []Dimension{Energy, Time, Parking} {
			if l.rangeGap(c, &scales[i], d) {
				break // mostly it is the same one
			}
		}
	}
}

// A stretch is the part of a scale on which an element applies.
type stretch struct {
	element   int
	low, high *exact.Decimal
}

// rangeGap tells of the first part of a scale between two elements on which nothing has a price for a dimension.
func (l *linter) rangeGap(c *Tariff, s *scale, d Dimension) bool {
	var stretches []stretch
	priced := false
	for i := range c.elements {
		e := &c.elements[i]
		low, high := s.bounds(&e.restrictions)
		instead := d == Energy && (low != nil || high != nil) && (e.sells(Time) || e.sells(Flat)) // charging has a price of another kind
		if l.never[i] || !e.sells(d) && !instead {
			continue
		}
		if low == nil && high == nil {
			return false
		}
		priced = priced || e.sells(d) && !e.components[d].price.IsZero()
		stretches = append(stretches, stretch{i, low, high})
	}
	if !priced {
		return false
	}
	slices.SortStableFunc(stretches, func(a, b stretch) int { return compareLow(a.low, b.low) })
	reach := stretches[0].high
	for _, next := range stretches[1:] {
		if reach == nil {
			return false
		}
		if next.low != nil && next.low.Cmp(*reach) > 0 {
			l.find(RangeGap, fmt.Sprintf("/elements/%d/restrictions/min_%s", next.element, s.name),
				"from %s up to %s %s nothing has a price for %s, which costs nothing then; if that is meant, a price of 0 says so", reach, next.low, s.unit, d)
			return true
		}
		if next.high == nil || next.high.Cmp(*reach) > 0 {
			reach = next.high
		}
	}
	return false
}

// compareLow compares lower bounds, of which none is the lowest.
func compareLow(a, b *exact.Decimal) int {
	switch {
	case a == nil || b == nil:
		return cmp.Compare(present(a), present(b))
	default:
		return a.Cmp(*b)
	}
}

func present(d *exact.Decimal) int {
	if d == nil {
		return 0
	}
	return 1
}
