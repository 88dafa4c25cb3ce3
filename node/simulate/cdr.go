package simulate

import (
	"context"
	"fmt"
	"time"

	"github.com/shopspring/decimal"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/tariff"
	"github.com/roamwire/roamwire/ocpi/timezone"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// finish ends a session: its CDR, its last state, and the EVSE is free.
//
// The CDR follows from the session as it is stored while it is active, and has its id. So whatever of this was done before
// a crash, doing it again gives the same CDR and no second one.
func (d *Day) finish(ctx context.Context, c *charger, now time.Time) error {
	cdr, err := c.bill(&c.charge.session)
	if err != nil {
		return err
	}
	if err := d.config.Network.PutCDR(ctx, *cdr); err != nil {
		return err
	}
	session := c.charge.session
	session.Status, session.EndDateTime, session.TotalCost = v230.SessionStatusCompleted, &cdr.EndDateTime, &cdr.TotalCost
	session.LastUpdated = stamp(now, session.LastUpdated)
	if err := d.config.Network.PutSession(ctx, session); err != nil {
		return err
	}
	if err := d.set(ctx, c, v230.StatusAvailable, now); err != nil {
		return err
	}
	c.charge = nil
	d.tell(c, Event{Status: c.status, Session: &session, CDR: cdr})
	return nil
}

// bill is the CDR that the charge has if it ends where its last charging period does.
func (c *charger) bill(s *v230.Session) (*v230.CDR, error) {
	ended := *s
	ended.EndDateTime = new(endOf(s))
	policy := tariff.Policy{Zone: timezone.Of(c.location)}
	if len(c.charge.tariffs) == 0 {
		policy.WithoutTariff = tariff.WithoutTariffFree
	}
	cdr, _, err := tariff.MakeCDR(&ended, tariff.Origin{ID: s.ID, Location: c.location, Made: s.LastUpdated}, c.charge.tariffs, policy)
	if err != nil {
		return nil, fmt.Errorf("bill session %s: %w", s.ID, err)
	}
	return cdr, nil
}

// price finds the tariffs of a charge that begins.
func (d *Day) price(ctx context.Context, charge *charge) (err error) {
	if charge.tariffs, err = d.tariffs(ctx, &charge.session); err != nil {
		return err
	}
	for _, t := range charge.tariffs {
		charge.session.Currency = t.Currency
		charge.measured = charge.measured || isMeasured(t)
	}
	return nil
}

// tariffs are those that apply to a session. With one that cannot be priced with, charging is free of charge.
func (d *Day) tariffs(ctx context.Context, s *v230.Session) ([]*v230.Tariff, error) {
	tariffs, err := d.config.Network.Tariffs(ctx, s)
	if err != nil {
		return nil, fmt.Errorf("find the tariff of session %s: %w", s.ID, err)
	}
	for _, t := range tariffs {
		if _, err := tariff.Compile(t); err != nil {
			d.config.Logger.WarnContext(ctx, "a simulated charge costs nothing", "session", s.ID, "error", err)
			return nil, nil
		}
	}
	return tariffs, nil
}

// isMeasured reports whether a price depends on power or current.
func isMeasured(t *v230.Tariff) bool {
	for i := range t.Elements {
		if r := t.Elements[i].Restrictions; r != nil && (r.MinCurrent != nil || r.MaxCurrent != nil || r.MinPower != nil || r.MaxPower != nil) {
			return true
		}
	}
	return false
}

// endOf is when a session ends that ends now: when the last of its charging periods does.
func endOf(s *v230.Session) ocpi.DateTime {
	end := s.StartDateTime.Time()
	for i := range s.ChargingPeriods {
		p := &s.ChargingPeriods[i]
		seconds := hoursOf(p).Mul(decimal.New(3600, 0))
		at := p.StartDateTime.Time().Add(time.Duration(seconds.Shift(9).IntPart())).Round(time.Second)
		if at.After(end) {
			end = at
		}
	}
	return ocpi.NewDateTime(end)
}

// hoursOf is how long a charging period is.
func hoursOf(p *v230.ChargingPeriod) (sum decimal.Decimal) {
	for _, d := range p.Dimensions {
		if d.Type == v230.CdrDimensionTypeTime || d.Type == v230.CdrDimensionTypeParkingTime {
			sum = sum.Add(d.Volume.Decimal())
		}
	}
	return sum
}
