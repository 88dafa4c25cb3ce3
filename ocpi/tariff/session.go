package tariff

import (
	"fmt"

	"github.com/roamwire/roamwire/ocpi/exact"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// A SessionError says why no CDR can be made of a session: it contradicts itself, or is not to be billed.
type SessionError struct {
	// Pointer is the place in the session, as a JSON Pointer.
	Pointer string
	Reason  string
}

// Error implements error.
func (e *SessionError) Error() string { return e.Pointer + ": " + e.Reason }

// checkSession looks at whether what a session says of itself fits together.
func checkSession(s *v230.Session, charge *Charge) error {
	fail := func(pointer, format string, args ...any) error {
		return &SessionError{pointer, fmt.Sprintf(format, args...)}
	}
	if s.Status == v230.SessionStatusInvalid {
		return fail("/status", "a session that is %s is not billed", s.Status)
	}
	if s.EndDateTime.Compare(s.StartDateTime) < 0 {
		return fail("/end_date_time", "it ends at %s, before it begins", s.EndDateTime)
	}
	for i := range charge.Periods {
		p := &charge.Periods[i]
		at := s.ChargingPeriods[p.given].StartDateTime
		switch lasts := p.Charging.Add(p.Parking).Add(p.Reserved); {
		case at.Compare(s.StartDateTime) < 0:
			return fail(p.pointer()+"/start_date_time", "it begins at %s, before the session", at)
		case at.Compare(*s.EndDateTime) > 0:
			return fail(p.pointer()+"/start_date_time", "it begins at %s, after the end of the session", at)
		case p.Charging.Sign() < 0 || p.Parking.Sign() < 0 || p.Reserved.Sign() < 0:
			return fail(p.pointer()+"/dimensions", "it lasts less than no time")
		case lasts.Sub(elapsed(p.Start, p.End)).Cmp(secondsSlack) > 0:
			return fail(p.pointer()+"/dimensions", "it lasts %s s, and there are %s s until the next period or the end", lasts, elapsed(p.Start, p.End))
		}
	}
	if has, ok := energyOf(charge); ok {
		kWh := s.KWh.Exact()
		slack := exact.Max(energySlack, exact.New(1, kWh.Exponent())) // it may be cut off
		if has.Sub(kWh).Abs().Cmp(slack) > 0 {
			return fail("/charging_periods", "they have %s kWh, and the session %s: each has the energy that flowed in it, in kWh", has, kWh)
		}
	}
	return nil
}

// energyOf is the energy of all periods, where they say it and none was fed back.
func energyOf(charge *Charge) (sum exact.Decimal, ok bool) {
	for i := range charge.Periods {
		energy := charge.Periods[i].Energy
		if energy.Sign() < 0 {
			return sum, false
		}
		sum, ok = sum.Add(energy), ok || energy.Sign() > 0
	}
	return sum, ok
}

// complete makes one period of a session that has none, takes times from begin to end where no period says any, and lets the energy of the
// session flow evenly while it charges where no period says any.
func (c *Charge) complete(s *v230.Session) {
	if len(c.Periods) == 0 {
		c.Periods = []Period{{Start: s.StartDateTime.Time(), End: s.EndDateTime.Time()}}
	}
	timed, metered := false, false
	for i := range c.Periods {
		p := &c.Periods[i]
		timed = timed || !p.Charging.IsZero() || !p.Parking.IsZero() || !p.Reserved.IsZero()
		metered = metered || !p.Energy.IsZero()
	}
	if !timed {
		for i := range c.Periods {
			c.Periods[i].Charging = elapsed(c.Periods[i].Start, c.Periods[i].End)
		}
	}
	if !metered {
		c.spread(s.KWh.Exact())
	}
}

// spread gives each period its share of the energy by how long it charges, and the last of them the rest; the first has all where none charges.
func (c *Charge) spread(energy exact.Decimal) {
	var all exact.Decimal
	last := 0
	for i := range c.Periods {
		if charging := c.Periods[i].Charging; charging.Sign() > 0 {
			all, last = all.Add(charging), i
		}
	}
	left := energy
	for i := range c.Periods[:last] {
		p := &c.Periods[i]
		p.Energy = energy.Mul(p.Charging).DivRound(all, energyPlaces)
		left = left.Sub(p.Energy)
	}
	c.Periods[last].Energy = left
}
