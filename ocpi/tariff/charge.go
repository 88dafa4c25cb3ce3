package tariff

import (
	"slices"
	"strings"
	"time"

	"github.com/roamwire/roamwire/ocpi/exact"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// A Charge is what is priced: the periods of one session, of the reservation before it, or of a reservation that nobody used, in order of
// time.
type Charge struct {
	Periods []Period
	// Began is when the session did, if that was before its first period; zero for then.
	Began time.Time
	// Expired tells that a reservation ended without a session.
	Expired bool
}

// A Period is a part of a charge in which nothing changes that prices depend on. Quantities that it does not have are 0.
type Period struct {
	Start time.Time
	// End is when the next period begins, or the charge ends. It matters to Divide alone.
	End time.Time
	// TariffID names the tariff that applies; empty for none.
	TariffID string
	// Energy is in kWh, and negative where more was fed back than drawn.
	Energy exact.Decimal
	// Charging, Parking and Reserved are how long the vehicle charged, stood without asking for energy, and was expected, in seconds.
	Charging, Parking, Reserved exact.Decimal
	// The lowest and highest sum of the currents of all phases in amperes, and power in kW, where known.
	MinCurrent, MaxCurrent, MinPower, MaxPower *exact.Decimal

	// given is its number among those of the CDR or session it is from, which may be in another order.
	given int
}

// isReserved reports whether the period is one of a reservation alone.
func (p *Period) isReserved() bool {
	return !p.Reserved.IsZero() && p.Charging.IsZero() && p.Parking.IsZero() && p.Energy.IsZero()
}

// ChargeOfCDR is what a CDR says has happened. Its periods are put in order of time.
func ChargeOfCDR(cdr *v230.CDR) Charge {
	return chargeOf(cdr.ChargingPeriods, cdr.StartDateTime.Time(), cdr.EndDateTime.Time())
}

// ChargeOfSession is what a session says has happened, up to its end or, where it has none, its last update.
func ChargeOfSession(s *v230.Session) Charge {
	end := s.LastUpdated
	if s.EndDateTime != nil {
		end = *s.EndDateTime
	}
	return chargeOf(s.ChargingPeriods, s.StartDateTime.Time(), end.Time())
}

func chargeOf(periods []v230.ChargingPeriod, began, end time.Time) Charge {
	c := Charge{Began: began, Periods: make([]Period, len(periods))}
	for i := range periods {
		c.Periods[i] = periodOf(&periods[i])
		c.Periods[i].given = i
	}
	c.arrange()
	if n := len(c.Periods); n > 0 {
		c.Periods[n-1].End = end
	}
	c.Expired = len(c.Periods) > 0
	for i := range c.Periods {
		c.Expired = c.Expired && c.Periods[i].isReserved()
	}
	c.settle()
	return c
}

// settle takes the lengths of periods from where they begin and end, where the hours that are stated are the same but for their last
// digit: they are rounded, as 40 minutes to 0.6667 hours, which would be one step_size more. The most precise hours say how many digits
// all have, of which zeros at the end are mostly left out; hours with less than two are not rounded, but round.
func (c *Charge) settle() {
	places := int32(0)
	for i := range c.Periods {
		p := &c.Periods[i]
		for _, stated := range []*exact.Decimal{&p.Charging, &p.Parking, &p.Reserved} {
			places = max(places, -stated.Exponent())
		}
	}
	if places < 2 {
		return
	}
	unit := exact.New(36, 2-min(places, exactPlaces)) // the last digit of the hours, in seconds
	for i := range c.Periods {
		c.Periods[i].settle(unit)
	}
}

// settle takes the length of a period from its begin and end where what is stated is off by less than a unit.
func (p *Period) settle(unit exact.Decimal) {
	var stated *exact.Decimal
	for _, s := range []*exact.Decimal{&p.Charging, &p.Parking, &p.Reserved} {
		if s.IsZero() {
			continue
		}
		if stated != nil {
			return // which of them is how long nobody says
		}
		stated = s
	}
	if stated == nil || stated.Exponent() >= 0 {
		return
	}
	lasts := elapsed(p.Start, p.End)
	if stated.Cmp(lasts) == 0 {
		return
	}
	if off := stated.Sub(lasts); off.Abs().Cmp(unit) < 0 {
		*stated = lasts
	}
}

// lasts is how long it is by its quantities, in seconds.
func (p *Period) lasts() exact.Decimal { return p.Charging.Add(p.Parking).Add(p.Reserved) }

// Arrange puts periods in order of time; those that begin together by their length, so that it does not matter in which order they are.
// ChargeOfCDR and ChargeOfSession have done that.
func (c *Charge) Arrange() {
	byStart := func(a, b Period) int {
		switch order := a.Start.Compare(b.Start); {
		case order != 0:
			return order
		case !a.lasts().Equal(b.lasts()):
			return a.lasts().Cmp(b.lasts())
		default:
			return a.Energy.Cmp(b.Energy)
		}
	}
	if !slices.IsSortedFunc(c.Periods, byStart) {
		slices.SortStableFunc(c.Periods, byStart)
	}
}

// arrange puts periods in order of time, each up to the next.
func (c *Charge) arrange() {
	c.Arrange()
	for i := 1; i < len(c.Periods); i++ {
		c.Periods[i-1].End = c.Periods[i].Start
	}
}

func periodOf(in *v230.ChargingPeriod) Period {
	p := Period{Start: in.StartDateTime.Time()}
	if in.TariffID != nil {
		p.TariffID = string(*in.TariffID)
	}
	for i := range in.Dimensions {
		volume := in.Dimensions[i].Volume.Exact()
		known := func() *exact.Decimal { return new(volume) } // of its own, so that only these are allocated
		switch in.Dimensions[i].Type {
		case v230.CdrDimensionTypeEnergy:
			p.Energy = p.Energy.Add(volume)
		case v230.CdrDimensionTypeTime:
			p.Charging = p.Charging.Add(volume.Mul(hour))
		case v230.CdrDimensionTypeParkingTime:
			p.Parking = p.Parking.Add(volume.Mul(hour))
		case v230.CdrDimensionTypeReservationTime:
			p.Reserved = p.Reserved.Add(volume.Mul(hour))
		case v230.CdrDimensionTypeMinCurrent:
			p.MinCurrent = known()
		case v230.CdrDimensionTypeMaxCurrent:
			p.MaxCurrent = known()
		case v230.CdrDimensionTypeMinPower:
			p.MinPower = known()
		case v230.CdrDimensionTypeMaxPower:
			p.MaxPower = known()
		case v230.CdrDimensionTypeCurrent: // sessions say what it is now
			p.MinCurrent, p.MaxCurrent = orElse(p.MinCurrent, known()), orElse(p.MaxCurrent, known())
		case v230.CdrDimensionTypePower:
			p.MinPower, p.MaxPower = orElse(p.MinPower, known()), orElse(p.MaxPower, known())
		case v230.CdrDimensionTypeEnergyExport, v230.CdrDimensionTypeEnergyImport, v230.CdrDimensionTypeStateOfCharge:
		}
	}
	return p
}

// elapsed is the time from one moment to another in seconds, also where it is longer than a time.Duration can be.
func elapsed(from, to time.Time) exact.Decimal {
	seconds, nanoseconds := to.Unix()-from.Unix(), int64(to.Nanosecond()-from.Nanosecond())
	if nanoseconds == 0 {
		return exact.New(seconds, 0)
	}
	return exact.New(seconds, 0).Add(exact.New(nanoseconds, -9))
}

// wholeSeconds is elapsed without fractions of a second, rounded down.
func wholeSeconds(from, to time.Time) int64 {
	seconds := to.Unix() - from.Unix()
	if to.Nanosecond() < from.Nanosecond() {
		seconds--
	}
	return seconds
}

// longest is more seconds than there are between any two timestamps of OCPI, which has four digits for years.
const longest = 10_000 * 366 * 24 * 3600

func orElse(known, other *exact.Decimal) *exact.Decimal {
	if known != nil {
		return known
	}
	return other
}

// sameID compares ids of tariffs, which are the same in any case.
func sameID(a, b string) bool { return strings.EqualFold(a, b) }
