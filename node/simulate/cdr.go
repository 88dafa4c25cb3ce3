package simulate

import (
	"context"
	"time"

	"github.com/shopspring/decimal"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// finish ends a session: its CDR, its last state, and the EVSE is free.
//
// The CDR follows from the session as it is stored while it is active, and has its id. So whatever of this was done before
// a crash, doing it again gives the same CDR and no second one.
func (d *Day) finish(ctx context.Context, c *charger, now time.Time) error {
	cdr := c.cdr()
	if err := d.config.Network.PutCDR(ctx, cdr); err != nil {
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
	d.tell(c, Event{Status: c.status, Session: &session, CDR: &cdr})
	return nil
}

// cdr is the CDR of the charge as it is.
func (c *charger) cdr() v230.CDR {
	s := &c.charge.session
	charging, parking, energy := totals(s.ChargingPeriods)
	cdr := v230.CDR{
		CountryCode: s.CountryCode, PartyID: s.PartyID, ID: s.ID, StartDateTime: s.StartDateTime, EndDateTime: endOf(s), SessionID: new(s.ID),
		CDRToken: s.CDRToken, AuthMethod: s.AuthMethod, AuthorizationReference: s.AuthorizationReference, CDRLocation: c.place(c.charge.connector),
		MeterID: s.MeterID, Currency: s.Currency, ChargingPeriods: s.ChargingPeriods, TotalEnergy: ocpi.NewNumber(energy),
		TotalTime: ocpi.NewNumber(charging.Add(parking)), LastUpdated: s.LastUpdated,
	}
	if parking.Sign() > 0 {
		cdr.TotalParkingTime = new(ocpi.NewNumber(parking))
	}
	if t := c.charge.tariff; t != nil {
		cdr.Tariffs = []v230.Tariff{*t}
		cdr.TotalCost.BeforeTaxes = bill(t, c.zone, s.ChargingPeriods)
	}
	return cdr
}

// totals are the hours of charging and of parking, and the energy in kWh, of charging periods.
func totals(periods []v230.ChargingPeriod) (charging, parking, energy decimal.Decimal) {
	for i := range periods {
		charging = charging.Add(volume(&periods[i], v230.CdrDimensionTypeTime))
		parking = parking.Add(volume(&periods[i], v230.CdrDimensionTypeParkingTime))
		energy = energy.Add(volume(&periods[i], v230.CdrDimensionTypeEnergy))
	}
	return charging, parking, energy
}

func volume(p *v230.ChargingPeriod, of v230.CdrDimensionType) (sum decimal.Decimal) {
	for _, d := range p.Dimensions {
		if d.Type == of {
			sum = sum.Add(d.Volume.Decimal())
		}
	}
	return sum
}

// endOf is when a session ends that ends now: when its last charging period does.
func endOf(s *v230.Session) ocpi.DateTime {
	charging, parking, _ := totals(s.ChargingPeriods)
	seconds := charging.Add(parking).Mul(decimal.New(3600, 0)).Round(0).IntPart()
	return ocpi.NewDateTime(s.StartDateTime.Time().Add(time.Duration(seconds) * time.Second))
}

// place is where the charge was. Some texts can be longer in a location than in a CDR.
func (c *charger) place(connector *v230.Connector) v230.CdrLocation {
	l := c.location
	p := v230.CdrLocation{
		ID: l.ID, Name: l.Name, Address: cut(l.Address, 45), City: l.City, PostalCode: l.PostalCode, Country: l.Country, Coordinates: l.Coordinates,
		EVSEUID: c.evse.UID, EVSEID: ocpi.CiString(c.publicID()), ConnectorID: connector.ID,
		ConnectorStandard: connector.Standard, ConnectorFormat: connector.Format, ConnectorPowerType: connector.PowerType,
	}
	if l.State != nil {
		p.State = new(cut(*l.State, 20))
	}
	return p
}

// cut cuts a text to a number of characters.
func cut(text string, most int) string {
	if runes := []rune(text); len(runes) > most {
		return string(runes[:most])
	}
	return text
}
