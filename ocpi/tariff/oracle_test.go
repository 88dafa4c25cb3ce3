package tariff_test

import (
	"fmt"
	"math/big"
	"time"

	"github.com/roamwire/roamwire/ocpi/tariff"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// The oracle prices a session second by second, in fractions, and shares nothing with the package: it reads the tariff as JSON has it,
// and takes each rule as plainly as it can be written down. It knows the default policy alone.

// A second is what happened in one second of a session.
type second struct {
	at       time.Time
	kind     string // CHARGING, PARKING, RESERVATION, EXPIRED
	wh       int64
	amps, kw int64
}

type billed struct {
	component *v230.PriceComponent
	quantity  *big.Rat // kWh or hours
}

// An oracle is one session as it is priced.
type oracle struct {
	tariff *v230.Tariff
	zone   *time.Location
	// lines are what each dimension bills in order of time, by "ENERGY", "TIME", "PARKING_TIME", "FLAT", and with "reserved " before it.
	lines map[string][]billed
}

func rat(s fmt.Stringer) *big.Rat {
	r, ok := new(big.Rat).SetString(s.String())
	if !ok {
		panic(s.String())
	}
	return r
}

// price returns the total before and after taxes; nil where it is not known.
func (o *oracle) price(seconds []second) (before, after *big.Rat) {
	o.lines = map[string][]billed{}
	began := seconds[0].at
	for _, s := range seconds {
		if s.kind != "RESERVATION" && s.kind != "EXPIRED" {
			began = s.at
			break
		}
	}
	charged, session := int64(0), false
	for _, s := range seconds {
		reserved := s.kind == "RESERVATION" || s.kind == "EXPIRED"
		since := began
		if reserved {
			since = seconds[0].at
		}
		session = session || !reserved
		find := func(dimension v230.TariffDimensionType) *v230.PriceComponent {
			if s.kind == "EXPIRED" {
				if c := o.first(dimension, s, since, charged, true); c != nil {
					return c
				}
			}
			return o.first(dimension, s, since, charged, false)
		}
		prefix := ""
		if reserved {
			prefix = "reserved "
		}
		if len(o.lines[prefix+"FLAT"]) == 0 {
			o.bill(prefix+"FLAT", find("FLAT"), big.NewRat(1, 1))
		}
		switch s.kind {
		case "PARKING":
			o.bill("PARKING_TIME", find("PARKING_TIME"), big.NewRat(1, 3600))
		default:
			o.bill(prefix+"TIME", find("TIME"), big.NewRat(1, 3600))
		}
		if !reserved && s.wh > 0 {
			o.bill("ENERGY", find("ENERGY"), big.NewRat(s.wh, 1000))
		}
		charged += s.wh
	}
	o.roundUp("ENERGY", 1000)
	o.roundUp("reserved TIME", 3600)
	o.roundLastTime(seconds)
	return o.total(session)
}

// bill adds a quantity to the last line where that has the same price.
func (o *oracle) bill(what string, c *v230.PriceComponent, quantity *big.Rat) {
	if c == nil {
		return
	}
	lines := o.lines[what]
	if n := len(lines); n > 0 && lines[n-1].component == c {
		lines[n-1].quantity.Add(lines[n-1].quantity, quantity)
		return
	}
	o.lines[what] = append(lines, billed{c, new(big.Rat).Set(quantity)})
}

// first is the component of the first element that has one and applies.
func (o *oracle) first(dimension v230.TariffDimensionType, s second, since time.Time, charged int64, expiryOnly bool) *v230.PriceComponent {
	for i := range o.tariff.Elements {
		e := &o.tariff.Elements[i]
		if expiryOnly && (e.Restrictions == nil || e.Restrictions.Reservation == nil || *e.Restrictions.Reservation != "RESERVATION_EXPIRES") {
			continue
		}
		for j := range e.PriceComponents {
			if e.PriceComponents[j].Type == dimension && o.applies(e.Restrictions, s, since, charged) {
				return &e.PriceComponents[j]
			}
		}
	}
	return nil
}

func (o *oracle) applies(r *v230.TariffRestrictions, s second, since time.Time, charged int64) bool {
	reserved := s.kind == "RESERVATION" || s.kind == "EXPIRED"
	if r == nil {
		return !reserved
	}
	if (r.Reservation != nil) != reserved {
		return false
	}
	if r.Reservation != nil && *r.Reservation == "RESERVATION_EXPIRES" && s.kind != "EXPIRED" {
		return false
	}
	local := s.at.In(o.zone)
	clock := local.Format("15:04")
	if r.StartTime != nil || r.EndTime != nil {
		start, end := "00:00", "24:00"
		if r.StartTime != nil {
			start = *r.StartTime
		}
		if r.EndTime != nil && *r.EndTime != "00:00" {
			end = *r.EndTime
		}
		switch {
		case start == end:
		case start < end:
			if clock < start || clock >= end {
				return false
			}
		default:
			if clock < start && clock >= end {
				return false
			}
		}
	}
	date := local.Format("2006-01-02")
	if r.StartDate != nil && date < *r.StartDate || r.EndDate != nil && date >= *r.EndDate {
		return false
	}
	if len(r.DayOfWeek) > 0 {
		today := false
		for _, d := range r.DayOfWeek {
			today = today || string(d) == map[time.Weekday]string{
				0: "SUNDAY", 1: "MONDAY", 2: "TUESDAY", 3: "WEDNESDAY", 4: "THURSDAY", 5: "FRIDAY", 6: "SATURDAY",
			}[local.Weekday()]
		}
		if !today {
			return false
		}
	}
	kWh := big.NewRat(charged, 1000)
	lasted := int(s.at.Sub(since) / time.Second)
	amps, kw := big.NewRat(s.amps, 1), big.NewRat(s.kw, 1)
	return (r.MinKWh == nil || kWh.Cmp(rat(r.MinKWh)) >= 0) && (r.MaxKWh == nil || kWh.Cmp(rat(r.MaxKWh)) < 0) &&
		(r.MinDuration == nil || lasted >= *r.MinDuration) && (r.MaxDuration == nil || lasted < *r.MaxDuration) &&
		(r.MinCurrent == nil || amps.Cmp(rat(r.MinCurrent)) >= 0) && (r.MaxCurrent == nil || amps.Cmp(rat(r.MaxCurrent)) < 0) &&
		(r.MinPower == nil || kw.Cmp(rat(r.MinPower)) >= 0) && (r.MaxPower == nil || kw.Cmp(rat(r.MaxPower)) < 0)
}

// roundLastTime rounds up the time of the kind that is billed last.
func (o *oracle) roundLastTime(seconds []second) {
	time, parking := o.lines["TIME"], o.lines["PARKING_TIME"]
	switch {
	case len(parking) == 0:
		o.roundUp("TIME", 3600)
	case len(time) == 0:
		o.roundUp("PARKING_TIME", 3600)
	default:
		o.roundUp(o.lastOf(seconds), 3600)
	}
}

// lastOf is which of the two times is billed last.
func (o *oracle) lastOf(seconds []second) string {
	charged := int64(0)
	last := ""
	began := seconds[0].at
	for _, s := range seconds {
		if s.kind != "RESERVATION" && s.kind != "EXPIRED" {
			began = s.at
			break
		}
	}
	for _, s := range seconds {
		switch {
		case s.kind == "CHARGING" && o.first("TIME", s, began, charged, false) != nil:
			last = "TIME"
		case s.kind == "PARKING" && o.first("PARKING_TIME", s, began, charged, false) != nil:
			last = "PARKING_TIME"
		}
		charged += s.wh
	}
	return last
}

// roundUp rounds up the sum of a dimension to its last step_size, with so many units of that in a kWh or hour.
func (o *oracle) roundUp(what string, units int64) {
	lines := o.lines[what]
	if len(lines) == 0 || lines[len(lines)-1].component.StepSize == 0 {
		return
	}
	sum := new(big.Rat)
	for _, l := range lines {
		sum.Add(sum, l.quantity)
	}
	size := big.NewRat(int64(lines[len(lines)-1].component.StepSize), units)
	steps := new(big.Rat).Quo(sum, size)
	whole := new(big.Int).Quo(steps.Num(), steps.Denom())
	if !steps.IsInt() {
		whole.Add(whole, big.NewInt(1))
	}
	rounded := new(big.Rat).Mul(new(big.Rat).SetInt(whole), size)
	last := lines[len(lines)-1].quantity
	last.Add(last, rounded.Sub(rounded, sum))
}

func (o *oracle) total(session bool) (before, after *big.Rat) {
	before, after = new(big.Rat), new(big.Rat)
	knowsBefore, knowsAfter := true, true
	for _, lines := range o.lines {
		for _, l := range lines {
			amount := new(big.Rat).Mul(rat(l.component.Price), l.quantity)
			if amount.Sign() == 0 {
				continue
			}
			factor := big.NewRat(1, 1)
			if l.component.VAT != nil {
				factor.Add(factor, new(big.Rat).Quo(rat(l.component.VAT), big.NewRat(100, 1)))
			}
			switch o.tariff.TaxIncluded {
			case "N/A":
				before.Add(before, amount)
				after.Add(after, amount)
			case "YES":
				after.Add(after, amount)
				knowsBefore = knowsBefore && l.component.VAT != nil
				before.Add(before, new(big.Rat).Quo(amount, factor))
			default:
				before.Add(before, amount)
				knowsAfter = knowsAfter && l.component.VAT != nil
				after.Add(after, new(big.Rat).Mul(amount, factor))
			}
		}
	}
	limits := func(l *v230.PriceLimit, sign int) {
		if l == nil {
			return
		}
		if bound := rat(l.BeforeTaxes); before.Cmp(bound) == sign {
			before.Set(bound)
		}
		if l.AfterTaxes == nil && o.untaxed() && after.Cmp(rat(l.BeforeTaxes)) == sign {
			after.Set(rat(l.BeforeTaxes))
		}
		if l.AfterTaxes != nil && after.Cmp(rat(l.AfterTaxes)) == sign {
			after.Set(rat(l.AfterTaxes))
		}
	}
	if min := o.tariff.MinPrice; session && min != nil {
		limits(min, -1)
		if min.AfterTaxes == nil && !o.untaxed() && (after.Cmp(before) < 0 && knowsBefore || after.Cmp(rat(min.BeforeTaxes)) < 0) { // taxes come on top of the minimum, and nobody knows which
			knowsAfter = false
		}
	}
	limits(o.tariff.MaxPrice, 1)
	if !knowsBefore {
		before = nil
	}
	if !knowsAfter {
		after = nil
	}
	return before, after
}

// untaxed reports whether no price has taxes.
func (o *oracle) untaxed() bool {
	for _, e := range o.tariff.Elements {
		for _, c := range e.PriceComponents {
			if o.tariff.TaxIncluded != "N/A" && (c.VAT == nil || c.VAT.Sign() != 0) {
				return false
			}
		}
	}
	return true
}

// chargeOf is the same session for the package: a period for each stretch in which nothing changes.
func chargeOf(seconds []second) tariff.Charge {
	var c tariff.Charge
	for i, s := range seconds {
		if i == 0 || !s.like(&seconds[i-1]) {
			c.Periods = append(c.Periods, s.period())
			continue
		}
		p := &c.Periods[len(c.Periods)-1]
		q := s.period()
		p.End = q.End
		p.Energy, p.Charging, p.Parking, p.Reserved = p.Energy.Add(q.Energy), p.Charging.Add(q.Charging), p.Parking.Add(q.Parking), p.Reserved.Add(q.Reserved)
	}
	c.Expired = seconds[0].kind == "EXPIRED"
	return c
}
