package simulate

import (
	"context"
	"time"

	"github.com/shopspring/decimal"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// A charge is a session under way, with what only the vehicle and the station know.
type charge struct {
	// session is as it was stored last, but for its ChargingPeriods, energy and cost, which run ahead of that.
	session   v230.Session
	connector *v230.Connector
	// tariff is that of the connector; nil for none.
	tariff *v230.Tariff
	// power is what vehicle and connector can do together, in W. wanted is what the vehicle takes, in Wh.
	power, wanted int64
	// stay is for how many slices the vehicle stands there afterwards.
	stay int
	// charged is the energy so far in Wh, lasted the time so far.
	charged int64
	lasted  time.Duration
	// paced tells that it goes on as fast as the clock and not at the speed of the simulation.
	paced bool
	// untold is how many slices the stored session lacks; open is how many of the last charging period's belong to it.
	untold int
	open   bool
	prices prices
}

// plugIn begins a session. It is pending until energy flows.
func (d *Day) plugIn(ctx context.Context, c *charger, token v230.Token, now time.Time) error {
	charge := d.newCharge(c, token, now)
	if err := d.config.Network.PutSession(ctx, charge.session); err != nil {
		return err
	}
	c.charge = charge // from here on it is gone on with, also if the status cannot be set
	return d.occupy(ctx, c, now)
}

// occupy makes the EVSE one that charges. 2.1.1 has no status for a vehicle that is plugged in and does not charge yet.
func (d *Day) occupy(ctx context.Context, c *charger, now time.Time) error {
	if err := d.set(ctx, c, v230.StatusCharging, now); err != nil {
		return err
	}
	d.tell(c, Event{Status: c.status, Session: new(c.charge.session)})
	return nil
}

func (d *Day) newCharge(c *charger, token v230.Token, now time.Time) *charge {
	r := d.config.Rand
	connector := &c.evse.Connectors[r.IntN(len(c.evse.Connectors))]
	charge := &charge{connector: connector, tariff: d.tariff(c, connector), session: v230.Session{
		CountryCode: c.location.CountryCode, PartyID: c.location.PartyID, ID: d.sessionID(), StartDateTime: ocpi.NewDateTime(d.time()),
		CDRToken: v230.CdrToken{
			CountryCode: token.CountryCode, PartyID: token.PartyID, UID: token.UID, Type: token.Type, ContractID: token.ContractID,
		},
		AuthMethod: authorized(token), LocationID: c.location.ID, EVSEUID: c.evse.UID, ConnectorID: connector.ID,
		Currency: "EUR", Status: v230.SessionStatusPending, LastUpdated: ocpi.NewDateTime(now),
	}}
	if charge.tariff != nil {
		charge.session.Currency = charge.tariff.Currency
	}
	limit := strength(connector)
	if connector.PowerType == v230.PowerTypeDC {
		charge.power = min(limit, 50_000+10_000*r.Int64N(11))
		charge.wanted = 15_000 + 500*r.Int64N(91)
		charge.stay = slicesPerHour / 4 * r.IntN(2)
	} else {
		charge.power = min(limit, [...]int64{3_680, 11_040, 11_040, 22_080}[r.IntN(4)])
		charge.wanted = min(6_000+500*r.Int64N(69), 6*charge.power)
		charge.stay = slicesPerHour / 4 * r.IntN(5)
	}
	return charge
}

// strength is what a connector can do, in W.
func strength(c *v230.Connector) int64 {
	watts := int64(c.MaxVoltage) * int64(c.MaxAmperage)
	if c.PowerType == v230.PowerTypeAC3Phase {
		watts *= 3 // the voltage is that of one phase
	}
	if c.MaxElectricPower != nil {
		watts = min(watts, int64(*c.MaxElectricPower))
	}
	return max(watts, 1_000)
}

// authorized is how the driver with a token was let in.
func authorized(t v230.Token) v230.AuthMethod {
	if t.Whitelist == v230.WhitelistTypeAlways || t.Whitelist == v230.WhitelistTypeAllowed {
		return v230.AuthMethodWhitelist
	}
	return v230.AuthMethodAuthRequest
}

// tariff is the first one of a connector that is known; nil for none.
func (d *Day) tariff(c *charger, connector *v230.Connector) *v230.Tariff {
	for _, id := range connector.TariffIDs {
		if t := d.tariffs[tariffKey{c.party(), string(id)}]; t != nil {
			return t
		}
	}
	return nil
}

// goOn lets a charge go on, stores the session now and then, and ends it when the vehicle leaves.
func (d *Day) goOn(ctx context.Context, c *charger, slices int, now time.Time) error {
	charge, length := c.charge, slice
	if charge.paced {
		slices, length = int(charge.behind(now)/pace), pace
	}
	if c.status != v230.StatusCharging { // it could not be stored when the vehicle came
		return d.occupy(ctx, c, now)
	}
	if charge.over() && charge.untold == 0 {
		return d.finish(ctx, c, now)
	}
	for range slices {
		if charge.over() {
			break
		}
		charge.pass(c.zone, length)
	}
	if charge.untold < charge.every() && !charge.over() {
		return nil
	}
	session := charge.session
	session.Status, session.LastUpdated = v230.SessionStatusActive, stamp(now, session.LastUpdated)
	session.KWh = kWh(charge.charged)
	if charge.tariff != nil {
		session.TotalCost = &v230.Price{BeforeTaxes: bill(charge.tariff, c.zone, session.ChargingPeriods)}
	}
	if err := d.config.Network.PutSession(ctx, session); err != nil {
		return err
	}
	charge.session, charge.untold, charge.open = session, 0, false
	d.tell(c, Event{Session: &session})
	return nil
}

// every is after how many slices the session is stored again.
func (c *charge) every() int {
	if c.paced {
		return 1
	}
	if c.connector.PowerType == v230.PowerTypeDC {
		return 2
	}
	return 5
}

// over reports whether the vehicle leaves.
func (c *charge) over() bool { return c.charged >= c.wanted && c.stay == 0 }

// pace is the slice of a charge that goes on as fast as the clock: a four-hundredth of an hour. Only multiples of it are whole
// seconds and exact decimals of an hour.
const pace = time.Hour / 400

// behind is by how much the charge is behind the clock.
func (c *charge) behind(now time.Time) time.Duration {
	return max(0, now.Sub(c.session.StartDateTime.Time())-c.lasted)
}

// pass lets a slice go by: energy flows, or the vehicle stands there with a full battery.
func (c *charge) pass(zone *time.Location, length time.Duration) {
	parked, energy := c.charged >= c.wanted, int64(0)
	if parked {
		c.stay--
	} else {
		energy = min(c.current()*int64(length/time.Second)/3600, c.wanted-c.charged)
	}
	at := c.session.StartDateTime.Time().Add(c.lasted)
	p := pricesAt(c.tariff, moment{at: at.In(zone), lasted: c.lasted, energy: decimal.New(c.charged, -3)})
	c.lasted += length
	c.untold++
	c.charged += energy
	periods := c.session.ChargingPeriods
	// A period ends where other prices begin, as cost can be told from periods alone only then.
	if c.open && p == c.prices && isParking(&periods[len(periods)-1]) == parked {
		extend(&periods[len(periods)-1], energy, length)
		return
	}
	c.open, c.prices = true, p
	c.session.ChargingPeriods = append(c.session.ChargingPeriods, newPeriod(at, energy, parked, length))
}

// current is the power at present in W. A vehicle on DC takes less and less from 60 % of what it wants on.
func (c *charge) current() int64 {
	full := c.wanted * 6 / 10
	if c.connector.PowerType != v230.PowerTypeDC || c.charged <= full {
		return c.power
	}
	return c.power * (1000 - 700*(c.charged-full)/(c.wanted-full)) / 1000
}

func newPeriod(at time.Time, energy int64, parked bool, length time.Duration) v230.ChargingPeriod {
	p := v230.ChargingPeriod{StartDateTime: ocpi.NewDateTime(at)}
	hours := ocpi.NewNumber(hours(length))
	if parked {
		p.Dimensions = []v230.CdrDimension{{Type: v230.CdrDimensionTypeParkingTime, Volume: hours}}
		return p
	}
	p.Dimensions = []v230.CdrDimension{
		{Type: v230.CdrDimensionTypeEnergy, Volume: kWh(energy)}, {Type: v230.CdrDimensionTypeTime, Volume: hours},
	}
	return p
}

// hours is a time in hours, to the second and better.
func hours(d time.Duration) decimal.Decimal {
	return decimal.New(int64(d/time.Second), 0).DivRound(decimal.New(3600, 0), 6)
}

// extend makes a period a slice longer.
func extend(p *v230.ChargingPeriod, energy int64, length time.Duration) {
	for i := range p.Dimensions {
		more := hours(length)
		if p.Dimensions[i].Type == v230.CdrDimensionTypeEnergy {
			more = decimal.New(energy, -3)
		}
		p.Dimensions[i].Volume = ocpi.NewNumber(p.Dimensions[i].Volume.Decimal().Add(more))
	}
}

func isParking(p *v230.ChargingPeriod) bool {
	return p.Dimensions[0].Type == v230.CdrDimensionTypeParkingTime
}

// kWh are Wh as kilowatt-hours.
func kWh(wh int64) ocpi.Number { return ocpi.NewNumber(decimal.New(wh, -3)) }
