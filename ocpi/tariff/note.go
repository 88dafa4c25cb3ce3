package tariff

import "slices"

// note tells what a person should know of a price.
func (p *pricer) note() {
	o := p.out
	if o.Unlimited.NoAfter {
		o.note(NoteTaxesUnknown)
	}
	if o.Unlimited.NoBefore {
		o.note(NoteBeforeUnknown)
	}
	for _, t := range p.used {
		if !p.unbilled[Parking].IsZero() && !t.sells(Parking) && p.policy.ParkingWithoutPrice == ParkingFree {
			o.note(NoteFreeParking)
		}
		if t.local && p.policy.Zone == nil {
			o.note(NoteNoZone)
		}
		if t.measured() && p.unmeasured() {
			o.note(NoteUnmeasured)
		}
	}
}

// sells reports whether the tariff has a price for a dimension in a session.
func (t *Tariff) sells(d Dimension) bool {
	return slices.ContainsFunc(t.having[d], func(e *element) bool { return e.sells(d) })
}

// charges reports whether it has one that is not 0.
func (t *Tariff) charges(d Dimension) bool {
	return slices.ContainsFunc(t.having[d], func(e *element) bool { return e.sells(d) && !e.components[d].price.IsZero() })
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
