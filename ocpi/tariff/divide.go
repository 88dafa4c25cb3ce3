package tariff

import (
	"fmt"
	"slices"
	"time"

	"github.com/roamwire/roamwire/ocpi/exact"
)

// Divide cuts the periods of a charge wherever another price component becomes active, as a CDR must (PR-11): by time of day, day,
// duration, energy, and with what is given as periods by current, power, and charging or parking. Within a period energy flows evenly;
// what that gives is rounded to millionths of a Wh and of a second, and the last part has the rest, so that nothing is lost or added.
// Nothing is cut where prices stay the same.
func Divide(c *Charge, tariffs []*Tariff, policy Policy) (Charge, error) {
	p := &pricer{charge: c, tariffs: tariffs, policy: &policy, out: &Breakdown{policy: policy}}
	if err := p.check(); err != nil {
		return Charge{}, err
	}
	p.begin()
	divided := Charge{Began: c.Began, Expired: c.Expired, Periods: make([]Period, 0, len(c.Periods)+4)} // few are cut
	var energy exact.Decimal
	for i := range c.Periods {
		period := &c.Periods[i]
		t, err := p.tariff(i)
		if err != nil {
			return Charge{}, err
		}
		switch {
		case t == nil:
			divided.Periods = append(divided.Periods, *period)
		case !period.Start.Before(period.End):
			p.actives(period, t, energy) // FLAT may be billed in it
			divided.Periods = append(divided.Periods, *period)
		default:
			if divided.Periods, err = p.divide(divided.Periods, period, t, energy); err != nil {
				return Charge{}, err
			}
		}
		if n := len(divided.Periods); n > policy.maxPeriods() {
			return Charge{}, fmt.Errorf("%w: over %d when it is divided", ErrTooLong, policy.maxPeriods())
		}
		energy = energy.Add(period.Energy)
	}
	return divided, nil
}

// A cut is a moment at which prices may change, and how much of the period's energy came before it, where that is what changes them.
type cut struct {
	at     time.Time
	energy *exact.Decimal
}

// divide appends the parts of a period, of which energy had been charged before.
func (p *pricer) divide(parts []Period, period *Period, t *Tariff, energy exact.Decimal) ([]Period, error) {
	cuts, err := p.cuts(period, t, energy)
	if err != nil {
		return nil, err
	}
	split := splitter{whole: period, left: *period}
	first := len(parts)
	var before actives
	for i := 0; i <= len(cuts); i++ {
		charged := energy.Add(split.energy)
		var part Period
		if i < len(cuts) {
			part = split.upTo(&cuts[i])
		} else {
			part = split.rest()
		}
		now, due := p.actives(&part, t, charged)
		if len(parts) > first && now == before && !due {
			join(&parts[len(parts)-1], &part)
			continue
		}
		parts, before = append(parts, part), now
	}
	return parts, nil
}

// actives are the components that have prices in a period, for the session and for the reservation. FLAT is among them only where it is
// billed again when it becomes active again (A1).
type actives [2 * dimensions]*component

// actives are those of a part of a period, of which energy had been charged before. It tells whether a FLAT price is due in it.
func (p *pricer) actives(part *Period, t *Tariff, energy exact.Decimal) (active actives, due bool) {
	m := moment{at: part.Start, began: p.sessionBegan, energy: energy, period: part, expired: p.charge.Expired}
	if t.local {
		m.locate(p.policy)
	}
	flat := func(at Dimension) {
		c := t.active(Flat, &m, p.policy)
		due = p.flatDue(m.reserved, c) || due
		if p.policy.Flat == FlatAlways {
			active[at] = c
		}
	}
	if !part.isReserved() {
		for d, quantity := range [...]*exact.Decimal{Energy: &part.Energy, Time: &part.Charging, Parking: &part.Parking} {
			if !quantity.IsZero() {
				active[d] = t.active(Dimension(d), &m, p.policy)
			}
		}
		flat(Flat)
	}
	if !part.Reserved.IsZero() {
		m.reserved, m.began = true, p.reservationBegan
		active[dimensions+Time] = t.active(Time, &m, p.policy)
		flat(dimensions + Flat)
	}
	return active, due
}

// join puts a part behind the one before it.
func join(to, part *Period) {
	to.End = part.End
	to.Energy, to.Charging = to.Energy.Add(part.Energy), to.Charging.Add(part.Charging)
	to.Parking, to.Reserved = to.Parking.Add(part.Parking), to.Reserved.Add(part.Reserved)
}

// A splitter takes a period apart from its beginning.
type splitter struct {
	whole *Period
	left  Period
	// energy is what was given away.
	energy exact.Decimal
}

// upTo takes off what comes before a cut.
func (s *splitter) upTo(c *cut) Period {
	part := s.left
	part.End = c.at
	passed, all := elapsed(s.whole.Start, c.at), elapsed(s.whole.Start, s.whole.End)
	share := func(whole exact.Decimal, places int32) exact.Decimal { // of what comes before the cut
		return whole.Mul(passed).DivRound(all, places)
	}
	upTo := share(s.whole.Energy, energyPlaces)
	if c.energy != nil {
		upTo = *c.energy
	}
	part.Energy = upTo.Sub(s.energy)
	take := func(whole, left exact.Decimal) exact.Decimal {
		return share(whole, timePlaces).Sub(whole.Sub(left))
	}
	part.Charging = take(s.whole.Charging, s.left.Charging)
	part.Parking = take(s.whole.Parking, s.left.Parking)
	part.Reserved = take(s.whole.Reserved, s.left.Reserved)

	s.energy = upTo
	s.left.Start = c.at
	s.left.Energy = s.left.Energy.Sub(part.Energy)
	s.left.Charging, s.left.Parking = s.left.Charging.Sub(part.Charging), s.left.Parking.Sub(part.Parking)
	s.left.Reserved = s.left.Reserved.Sub(part.Reserved)
	return part
}

// rest is what is left.
func (s *splitter) rest() Period { return s.left }

// How many digits after the point parts of kWh and seconds have.
const (
	energyPlaces = 9
	timePlaces   = 6
)

// cuts are the moments within a period at which restrictions of its tariff begin or cease to hold, in order.
func (p *pricer) cuts(period *Period, t *Tariff, energy exact.Decimal) ([]cut, error) {
	var cuts []cut
	add := func(at time.Time, e *exact.Decimal) {
		if at.After(period.Start) && at.Before(period.End) {
			cuts = append(cuts, cut{at, e})
		}
	}
	var offsets []int
	if t.local || p.policy.Durations == DurationsClock {
		var err error
		if offsets, err = p.changesOfClock(period, add); err != nil {
			return nil, err
		}
	}
	if t.local {
		if err := p.cutByClock(period, t, offsets, add); err != nil {
			return nil, err
		}
	}
	for i := range t.elements {
		r := &t.elements[i].restrictions
		began := p.sessionBegan
		if r.reservation != notReserved {
			began = p.reservationBegan
		}
		for _, d := range []*int64{r.minDuration, r.maxDuration} {
			if d != nil {
				p.cutByDuration(began, *d, offsets, add)
			}
		}
		for _, kWh := range []*exact.Decimal{r.minKWh, r.maxKWh} {
			if kWh != nil {
				cutByEnergy(period, *kWh, energy, add)
			}
		}
	}
	if p.cutsMade += len(cuts); p.cutsMade > p.policy.maxPeriods() {
		return nil, fmt.Errorf("%w: over %d when it is divided", ErrTooLong, p.policy.maxPeriods())
	}
	slices.SortFunc(cuts, cut.compare)
	return slices.CompactFunc(cuts, func(a, b cut) bool { return a.at.Equal(b.at) }), nil
}

// compare puts cuts in order of time. Of the same moment the one with its energy comes first: it says more.
func (c cut) compare(other cut) int {
	switch order := c.at.Compare(other.at); {
	case order != 0 || (c.energy == nil) == (other.energy == nil):
		return order
	case c.energy != nil:
		return -1
	default:
		return 1
	}
}

// cutByDuration cuts where the session has lasted so many seconds.
func (p *pricer) cutByDuration(began time.Time, seconds int64, offsets []int, add func(time.Time, *exact.Decimal)) {
	if seconds < 0 || seconds > longest {
		return
	}
	after := func(seconds int64) time.Time { return time.Unix(began.Unix()+seconds, int64(began.Nanosecond())).UTC() }
	if p.policy.Durations == DurationsPassed {
		add(after(seconds), nil)
		return
	}
	_, then := began.In(p.policy.zone()).Zone()
	for _, offset := range offsets {
		add(after(seconds-int64(offset-then)), nil)
	}
}

// cutByEnergy cuts where so much energy has flown in all, of which there was some before the period. Energy that is fed back has fallen
// below it a moment later: what has just that much is not below.
func cutByEnergy(period *Period, kWh, before exact.Decimal, add func(time.Time, *exact.Decimal)) {
	switch kWh = kWh.Sub(before); period.Energy.Sign() {
	case 1:
		if kWh.Sign() <= 0 || kWh.Cmp(period.Energy) >= 0 {
			return
		}
	case -1:
		if kWh.Sign() >= 0 {
			return
		}
		if kWh = kWh.Sub(exact.New(1, -energyPlaces)); kWh.Cmp(period.Energy) <= 0 {
			return
		}
	default:
		return
	}
	seconds, rest := elapsed(period.Start, period.End).Mul(kWh).DivRound(period.Energy, 9).QuoRem(one, 0)
	at := time.Unix(period.Start.Unix()+seconds.IntPart(), int64(period.Start.Nanosecond())+rest.Shift(9).IntPart())
	add(at.In(period.Start.Location()), &kWh)
}

// changesOfClock cuts where summer time begins or ends, and returns all offsets to UTC that the location has in the period, in seconds.
func (p *pricer) changesOfClock(period *Period, add func(time.Time, *exact.Decimal)) (offsets []int, err error) {
	for at, changes := period.Start, 0; ; changes++ {
		if changes > p.policy.maxPeriods() {
			return nil, ErrTooLong
		}
		local := at.In(p.policy.zone())
		if _, offset := local.Zone(); !slices.Contains(offsets, offset) {
			offsets = append(offsets, offset)
		}
		_, end := local.ZoneBounds()
		if end.IsZero() || !end.Before(period.End) {
			return offsets, nil
		}
		add(end, nil)
		at = end
	}
}

// looksPerPeriod is in how many places a cut is looked for, for each period that is allowed: many periods with many times of day take
// long though there is nothing to cut.
const looksPerPeriod = 64

// cutByClock cuts at the times of day at which elements begin and cease to apply, and at midnight where days or dates count.
func (p *pricer) cutByClock(period *Period, t *Tariff, offsets []int, add func(time.Time, *exact.Decimal)) error {
	days := int(wholeSeconds(period.Start, period.End)/(24*3600)) + 2
	p.looks += days * len(t.minutes)
	if most := p.policy.maxPeriods(); days > most/len(t.minutes) || p.looks > looksPerPeriod*most {
		return fmt.Errorf("%w: a period of %d days has prices by the time of day", ErrTooLong, days)
	}
	zone := p.policy.zone()
	year, month, day := period.Start.In(zone).Date()
	for n := range days + 1 {
		for _, minute := range t.minutes {
			for _, offset := range offsets { // an hour can be there twice, or not at all
				at := time.Date(year, month, day+n, 0, minute, -offset, 0, time.UTC)
				if local := at.In(zone); local.Hour()*60+local.Minute() == minute {
					add(at, nil)
				}
			}
		}
	}
	return nil
}
