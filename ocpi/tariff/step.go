package tariff

import "github.com/roamwire/roamwire/ocpi/exact"

// steps rounds quantities up to the step_size of the last line of their dimension (PR-13 to PR-19): once for energy, once for time and
// parking together, and once for the time of a reservation. Lines are in order of time.
func (p *pricer) steps() {
	if p.policy.StepTariffs == StepPerTariff {
		for _, t := range p.used {
			p.stepsOf(t)
		}
		return
	}
	p.stepsOf(nil)
}

// stepsOf does that with the lines of one tariff; nil for all.
func (p *pricer) stepsOf(t *Tariff) {
	last := func(is func(*Line) bool) int {
		for i := len(p.out.Lines) - 1; i >= 0; i-- {
			if l := &p.out.Lines[i]; (t == nil || l.Tariff == t) && is(l) {
				return i
			}
		}
		return -1
	}
	p.step(t, last(func(l *Line) bool { return l.Dimension == Energy }))
	p.step(t, last(func(l *Line) bool { return l.Dimension == Time && l.Reservation }))
	lastParking := last(func(l *Line) bool { return l.Dimension == Parking })
	lastTime := last(func(l *Line) bool { return l.Dimension == Time && !l.Reservation })
	if lastParking >= 0 && lastTime > lastParking {
		p.out.note(NoteTimeAfterParking) // A2
		if p.policy.TimeStep == TimeStepLast {
			lastParking = -1
		}
	}
	if lastParking >= 0 {
		p.step(t, lastParking)
	} else {
		p.step(t, lastTime)
	}
}

// step rounds up what the dimension of a line has in all, and adds the difference to the line.
func (p *pricer) step(t *Tariff, line int) {
	if line < 0 {
		return
	}
	last := &p.out.Lines[line]
	size := last.component.step
	if size.IsZero() {
		return
	}
	total, fedBack := exact.Decimal{}, false
	for i := range p.out.Lines {
		l := &p.out.Lines[i]
		if l.Dimension == last.Dimension && l.Reservation == last.Reservation && (t == nil || l.Tariff == t) {
			total = total.Add(l.Quantity)
			fedBack = fedBack || l.Quantity.Sign() < 0
		}
	}
	if p.policy.StepTotal == StepTotalAll && !last.Reservation { // A3
		total = total.Add(p.unbilled[last.Dimension])
	}
	unit := one // a step is 1 s
	if last.Dimension == Energy {
		unit = kilo // or 1 Wh
	}
	total = total.Mul(unit)
	if total.Sign() <= 0 || fedBack && p.policy.FedBack == FedBackLeft { // A9
		return
	}
	_, rest := total.QuoRem(size, 0)
	if rest.IsZero() { // PR-19
		return
	}
	added := size.Sub(rest)
	last.Added = added
	if last.Dimension == Energy {
		last.Added = added.Shift(-3)
	}
	p.out.Steps = append(p.out.Steps, Step{Line: line, Size: size, Total: total, Rounded: total.Add(added)})
}
