package simulate

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/timezone"
	"github.com/roamwire/roamwire/ocpi/v230"
)

const week = 7 * 24 * time.Hour

// begin looks at what is there. Nobody knows any more what the vehicles of open sessions wanted, so these end; an EVSE that
// is left charging without a session becomes available.
func (d *Day) begin(ctx context.Context, now time.Time) error {
	d.began, d.passed = now, 0
	if d.config.Begin.IsZero() {
		d.config.Begin = now.Add(-week)
	}
	d.config.Begin = d.config.Begin.UTC().Truncate(slice)
	chargers, err := d.read(ctx)
	if err != nil {
		return err
	}
	open, err := d.config.Network.OpenSessions(ctx)
	if err != nil {
		return fmt.Errorf("read open sessions: %w", err)
	}
	for i := range open {
		if err := d.end(ctx, chargers, &open[i], now); err != nil {
			return fmt.Errorf("end session %s: %w", open[i].ID, err)
		}
	}
	for _, c := range chargers {
		if c.status == v230.StatusCharging {
			if err := d.set(ctx, c, v230.StatusAvailable, now); err != nil {
				return err
			}
			d.tell(c, Event{Status: c.status})
		}
	}
	d.chargers = chargers
	return nil
}

// read reads the EVSEs. An EVSE that is not built yet, or not there any more, has no part in it.
func (d *Day) read(ctx context.Context) ([]*charger, error) {
	locations, err := d.config.Network.Locations(ctx)
	if err != nil {
		return nil, fmt.Errorf("read locations: %w", err)
	}
	chargers := []*charger{}
	for i := range locations {
		l := &locations[i]
		zone := cmp.Or(timezone.Of(l), time.UTC) // a zone that nobody knows is no reason to stand still
		for j := range l.EVSEs {
			evse := &l.EVSEs[j]
			if evse.Status == v230.StatusPlanned || evse.Status == v230.StatusRemoved || len(evse.Connectors) == 0 {
				continue
			}
			c := &charger{location: l, evse: evse, zone: zone, status: evse.Status}
			c.left = 1 + d.config.Rand.IntN(2*slicesPerHour) // for a status that ends by itself
			chargers = append(chargers, c)
		}
	}
	return chargers, nil
}

// end ends a session that an earlier run has left open, as it was when it was last stored. One in which no energy flowed
// yet, whose EVSE is not there any more, or which has no price, is not billed.
func (d *Day) end(ctx context.Context, chargers []*charger, s *v230.Session, now time.Time) error {
	i := slices.IndexFunc(chargers, func(c *charger) bool {
		return c.party() == partyOf(s) && c.location.ID == s.LocationID && c.evse.UID == s.EVSEUID && c.connector(s.ConnectorID) != nil
	})
	if i < 0 || len(s.ChargingPeriods) == 0 {
		return d.void(ctx, s, now)
	}
	c := chargers[i]
	tariffs, err := d.tariffs(ctx, s)
	if err != nil {
		return err
	}
	c.charge = &charge{session: *s, connector: c.connector(s.ConnectorID), tariffs: tariffs}
	if _, err := c.bill(s); err != nil {
		d.config.Logger.WarnContext(ctx, "an open session cannot be billed", "session", s.ID, "error", err)
		c.charge = nil
		return d.void(ctx, s, now)
	}
	return d.finish(ctx, c, now)
}

// void ends a session that is not billed.
func (d *Day) void(ctx context.Context, s *v230.Session, now time.Time) error {
	s.Status, s.EndDateTime, s.LastUpdated = v230.SessionStatusInvalid, new(endOf(s)), stamp(now, s.LastUpdated)
	return d.config.Network.PutSession(ctx, *s)
}

func partyOf(s *v230.Session) ocpi.Party {
	return ocpi.NewParty(string(s.CountryCode), string(s.PartyID))
}
