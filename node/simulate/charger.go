package simulate

import (
	"context"
	"time"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// A charger is an EVSE that lives.
type charger struct {
	location *v230.Location
	evse     *v230.EVSE
	zone     *time.Location
	status   v230.Status
	// left is for how many slices a status that ends by itself still lasts.
	left int
	// reserved is the token that an EVSE is reserved for by an order, until a time; nil for none.
	reserved *v230.Token
	until    time.Time
	// reservation is what the order names it; empty for no name.
	reservation string
	// charge is what is under way; nil for nothing.
	charge *charge
}

func (c *charger) party() ocpi.Party {
	return ocpi.NewParty(string(c.location.CountryCode), string(c.location.PartyID))
}

func (c *charger) key() ocpi.Key { return ocpi.Key{Party: c.party(), ID: string(c.location.ID)} }

// byTheClock tells that what goes on there goes on as fast as the clock.
func (c *charger) byTheClock() bool { return c.reserved != nil || c.charge != nil && c.charge.paced }

// publicID is the EVSE's id for people and CDRs.
func (c *charger) publicID() string {
	if c.evse.EVSEID != nil {
		return string(*c.evse.EVSEID)
	}
	return string(c.evse.UID)
}

func (c *charger) connector(id ocpi.CiString) *v230.Connector {
	for i := range c.evse.Connectors {
		if c.evse.Connectors[i].ID == id {
			return &c.evse.Connectors[i]
		}
	}
	return nil
}

// thousandHours is what the rates below are for.
const thousandHours = 1000 * slicesPerHour

// arrivals are how many drivers come to an EVSE that is free, in a thousand hours, by the hour of day.
var arrivals = [24]int{
	20, 10, 10, 10, 15, 40, 120, 280, 550, 500, 300, 250,
	280, 260, 240, 300, 500, 600, 520, 300, 200, 140, 80, 40,
}

// An incident is what else can happen to an EVSE that is free.
type incident struct {
	status v230.Status
	// rate is how often it happens in a thousand hours; it lasts at least, and less than, so many slices.
	rate, atLeast, lessThan int
}

var incidents = [...]incident{
	{v230.StatusReserved, 10, 3, 10},
	{v230.StatusBlocked, 15, 5, 40},
	{v230.StatusInoperative, 5, 20, 100},
	{v230.StatusOutOfOrder, 5, 40, 240},
}

// keptReservations is how many of ten drivers with a reservation come.
const keptReservations = 8

// advance lets time go by at an EVSE.
func (d *Day) advance(ctx context.Context, c *charger, slices int, now time.Time) error {
	switch {
	case c.charge != nil:
		return d.goOn(ctx, c, slices, now)
	case c.reserved != nil:
		if now.Before(c.until) {
			return nil
		}
		return d.release(ctx, c) // who it was for has not come
	case c.status == v230.StatusAvailable:
		return d.wait(ctx, c, slices, now)
	}
	if c.left -= slices; c.left > 0 {
		return nil
	}
	if c.status == v230.StatusReserved && d.config.Rand.IntN(10) < keptReservations {
		if token, ok := d.driver(); ok {
			return d.plugIn(ctx, c, token, now)
		}
	}
	return d.change(ctx, c, v230.StatusAvailable, now)
}

// wait is the time of an EVSE that is free: somebody comes, or something happens to it, or nothing.
func (d *Day) wait(ctx context.Context, c *charger, slices int, now time.Time) error {
	hour := d.time().In(c.zone).Hour()
	for range slices {
		roll := d.config.Rand.IntN(thousandHours)
		if roll < arrivals[hour] {
			token, ok := d.driver()
			if !ok {
				return nil
			}
			return d.plugIn(ctx, c, token, now)
		}
		roll -= arrivals[hour]
		for _, i := range incidents {
			if roll < i.rate {
				c.left = i.atLeast + d.config.Rand.IntN(i.lessThan-i.atLeast)
				return d.change(ctx, c, i.status, now)
			}
			roll -= i.rate
		}
	}
	return nil
}

// driver is a token that may charge and does not charge elsewhere, if there is one.
func (d *Day) driver() (v230.Token, bool) {
	busy := make(map[ocpi.CiString]bool, len(d.chargers))
	for _, c := range d.chargers {
		if c.charge != nil {
			busy[c.charge.session.CDRToken.UID] = true
		}
	}
	var free []v230.Token
	for _, t := range d.config.Tokens {
		if t.Valid && !busy[t.UID] {
			free = append(free, t)
		}
	}
	if len(free) == 0 {
		return v230.Token{}, false
	}
	return free[d.config.Rand.IntN(len(free))], true
}

// change changes the status of an EVSE and tells of it.
func (d *Day) change(ctx context.Context, c *charger, status v230.Status, now time.Time) error {
	if err := d.set(ctx, c, status, now); err != nil {
		return err
	}
	d.tell(c, Event{Status: status})
	return nil
}

// set changes the status of an EVSE.
func (d *Day) set(ctx context.Context, c *charger, status v230.Status, now time.Time) error {
	at := stamp(now, c.evse.LastUpdated)
	if err := d.config.Network.SetStatus(ctx, c.key(), string(c.evse.UID), status, at.Time()); err != nil {
		return err
	}
	c.status, c.evse.Status, c.evse.LastUpdated = status, status, at
	return nil
}

// stamp is the last_updated of a change that is made now: later than the one before in whole seconds, whatever the clock.
func stamp(now time.Time, before ocpi.DateTime) ocpi.DateTime {
	next := before.Time().Truncate(time.Second).Add(time.Second)
	if now.Before(next) {
		return ocpi.NewDateTime(next)
	}
	return ocpi.NewDateTime(now)
}
