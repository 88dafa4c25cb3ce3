package simulate

import (
	"context"
	"slices"
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
	// tariffs are those that apply; none where it is free of charge.
	tariffs []*v230.Tariff
	// power is what vehicle and connector can do together, in W. wanted is what the vehicle takes, in Wh.
	power, wanted int64
	// stay is for how many slices the vehicle stands there afterwards.
	stay int
	// charged is the energy so far in Wh, lasted the time so far.
	charged int64
	lasted  time.Duration
	// paced tells that it goes on as fast as the clock and not at the speed of the simulation.
	paced bool
	// untold is how many slices the stored session lacks, and told how many charging periods it has. Those do not change any more.
	untold, told int
	// measured tells that a price depends on power or current, so that periods say them.
	measured bool
}

// plugIn begins a session. It is pending until energy flows.
func (d *Day) plugIn(ctx context.Context, c *charger, token v230.Token, now time.Time) error {
	charge := d.newCharge(c, token, now)
	if err := d.price(ctx, charge); err != nil {
		return err
	}
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
	charge := &charge{connector: connector, session: v230.Session{
		CountryCode: c.location.CountryCode, PartyID: c.location.PartyID, ID: d.sessionID(), StartDateTime: ocpi.NewDateTime(d.time()),
		CDRToken: v230.CdrToken{
			CountryCode: token.CountryCode, PartyID: token.PartyID, UID: token.UID, Type: token.Type, ContractID: token.ContractID,
		},
		AuthMethod: authorized(token), LocationID: c.location.ID, EVSEUID: c.evse.UID, ConnectorID: connector.ID,
		Currency: "EUR", Status: v230.SessionStatusPending, LastUpdated: ocpi.NewDateTime(now),
	}}
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
		charge.pass(length)
	}
	if charge.untold < charge.every() && !charge.over() {
		return nil
	}
	session := charge.session
	session.Status, session.LastUpdated = v230.SessionStatusActive, stamp(now, session.LastUpdated)
	session.KWh = kWh(charge.charged)
	cdr, err := c.bill(&session)
	if err != nil {
		return err
	}
	session.ChargingPeriods = append(session.ChargingPeriods[:charge.told:charge.told], cdr.ChargingPeriods[charge.told:]...)
	if len(charge.tariffs) > 0 {
		session.TotalCost = &cdr.TotalCost
	}
	if err := d.config.Network.PutSession(ctx, session); err != nil {
		return err
	}
	charge.session, charge.untold, charge.told = session, 0, len(session.ChargingPeriods)
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
func (c *charge) pass(length time.Duration) {
	parked, energy, power := c.charged >= c.wanted, int64(0), int64(0)
	if parked {
		c.stay--
	} else {
		power = c.draws()
		energy = min(power*int64(length/time.Second)/3600, c.wanted-c.charged)
	}
	period := newPeriod(c.session.StartDateTime.Time().Add(c.lasted), energy, parked, length)
	if c.measured {
		c.measure(&period, power)
	}
	c.lasted += length
	c.untold++
	c.charged += energy
	if last := len(c.session.ChargingPeriods) - 1; last >= c.told && goesOn(&c.session.ChargingPeriods[last], &period) {
		extend(&c.session.ChargingPeriods[last], &period)
		return
	}
	c.session.ChargingPeriods = append(c.session.ChargingPeriods, period)
}

// draws is the power at present in W. A vehicle on DC takes less and less from 60 % of what it wants on.
func (c *charge) draws() int64 {
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

// measure says the power of a period in kW, and the current of all phases in A.
func (c *charge) measure(p *v230.ChargingPeriod, watts int64) {
	power := ocpi.NewNumber(decimal.New(watts, -3))
	current := ocpi.NewNumber(decimal.New(watts, 0).DivRound(decimal.New(int64(max(1, c.connector.MaxVoltage)), 0), 1))
	p.Dimensions = append(p.Dimensions,
		v230.CdrDimension{Type: v230.CdrDimensionTypeMinPower, Volume: power}, v230.CdrDimension{Type: v230.CdrDimensionTypeMaxPower, Volume: power},
		v230.CdrDimension{Type: v230.CdrDimensionTypeMinCurrent, Volume: current}, v230.CdrDimension{Type: v230.CdrDimensionTypeMaxCurrent, Volume: current},
	)
}

// isVolume reports whether a dimension adds up over time.
func isVolume(d *v230.CdrDimension) bool {
	return d.Type == v230.CdrDimensionTypeEnergy || d.Type == v230.CdrDimensionTypeTime || d.Type == v230.CdrDimensionTypeParkingTime
}

// goesOn reports whether a slice is like the period before it: charging or parking, with the same power where that is known.
func goesOn(before, slice *v230.ChargingPeriod) bool {
	return slices.EqualFunc(before.Dimensions, slice.Dimensions, func(a, b v230.CdrDimension) bool {
		return a.Type == b.Type && (isVolume(&a) || a.Volume.Equal(b.Volume))
	})
}

// extend makes a period longer by a slice that is like it.
func extend(p, slice *v230.ChargingPeriod) {
	for i := range p.Dimensions {
		if d := &p.Dimensions[i]; isVolume(d) {
			d.Volume = ocpi.NewNumber(d.Volume.Decimal().Add(slice.Dimensions[i].Volume.Decimal()))
		}
	}
}

// kWh are Wh as kilowatt-hours.
func kWh(wh int64) ocpi.Number { return ocpi.NewNumber(decimal.New(wh, -3)) }
