package tariff

// note tells what a person should know of a price.
func (p *pricer) note() {
	o := p.out
	if o.Unlimited.NoAfter {
		o.note(NoteTaxesUnknown)
	}
	if o.Unlimited.NoBefore {
		o.note(NoteBeforeUnknown)
	}
	if !p.unbilled[Parking].IsZero() && p.policy.ParkingWithoutPrice == ParkingFree {
		o.note(NoteFreeParking)
	}
	for _, t := range p.used {
		if t.local && p.policy.Zone == nil {
			o.note(NoteNoZone)
		}
		if t.measured() && p.unmeasured() {
			o.note(NoteUnmeasured)
		}
	}
}

// measured reports whether the tariff depends on current or power.
func (t *Tariff) measured() bool {
	for i := range t.elements {
		r := &t.elements[i].restrictions
		if r.minCurrent != nil || r.maxCurrent != nil || r.minPower != nil || r.maxPower != nil {
			return true
		}
	}
	return false
}

// unmeasured reports whether a period of charging says neither current nor power.
func (p *pricer) unmeasured() bool {
	for i := range p.charge.Periods {
		period := &p.charge.Periods[i]
		known := period.MinCurrent != nil || period.MaxCurrent != nil || period.MinPower != nil || period.MaxPower != nil
		if !known && !period.isReserved() && !period.Energy.IsZero() {
			return true
		}
	}
	return false
}

// A Skipped is an element that has a price for the dimension of a line, stands before the element of the line, and did not apply.
type Skipped struct {
	Element int
	// By are the restrictions that did not hold, by their names in OCPI.
	By string
}

// Why says which elements before that of a line had a price, and why they did not apply.
func (b *Breakdown) Why(line int) (skipped []Skipped) {
	l := &b.Lines[line]
	m := b.moments[l.Period]
	if l.Reservation {
		m.reserved = true
		m.began = b.moments[0].at
	}
	for i := range l.Tariff.elements[:l.Element] {
		e := &l.Tariff.elements[i]
		if e.components[l.Dimension] == nil {
			continue
		}
		if by := e.judge(&m, &b.policy); by != matches {
			skipped = append(skipped, Skipped{i, string(by)})
		}
	}
	return skipped
}
