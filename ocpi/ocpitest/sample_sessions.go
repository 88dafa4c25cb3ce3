package ocpitest

import (
	"fmt"
	"time"

	"github.com/shopspring/decimal"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// activeFor is how long the active session has been running.
const activeFor = 24 * time.Minute

// A charge is what happened in one sample session.
type charge struct {
	location, evse, connector, token int
	method                           v230.AuthMethod
	start                            time.Time
	charging, parking                time.Duration
	energy, cost                     decimal.Decimal
	tariff                           v230.Tariff
}

// charge is the nth one. The odd ones are at the AC charger of LOC1 and stand there for a while afterwards, the even
// ones are at the DC charger of LOC3. All were in the daytime of an earlier day. The energies are such that every cost
// is a whole number of cents.
func (s Sample) charge(n int) charge {
	midnight := s.now().Truncate(day).Add(-time.Duration((n+1)/2) * day)
	if n%2 == 1 {
		energy := decimal.New(int64(124+n*6%80), -1)
		return charge{
			location: 1, evse: 1, connector: 1, token: 1, method: v230.AuthMethodWhitelist, start: midnight.Add(8 * time.Hour),
			charging: 2 * time.Hour, parking: 30 * time.Minute, energy: energy, tariff: s.ACTariff(),
			cost: energy.Mul(acDayPrice).Add(acParkingPrice.Mul(decimal.New(5, -1))),
		}
	}
	energy := decimal.New(int64(260+n*20%130), -1)
	return charge{
		location: 3, evse: 2, connector: 1, token: 2, method: v230.AuthMethodAuthRequest, start: midnight.Add(15 * time.Hour),
		charging: 36 * time.Minute, energy: energy, tariff: s.DCTariff(),
		cost: energy.Mul(dcEnergyPrice).Add(dcStartPrice),
	}
}

func (c charge) end() time.Time { return c.start.Add(c.charging + c.parking) }

// periods are the time in which energy flowed, and the time in which it did not.
func (c charge) periods() []v230.ChargingPeriod {
	periods := []v230.ChargingPeriod{{
		StartDateTime: ocpi.NewDateTime(c.start),
		Dimensions: []v230.CdrDimension{
			{Type: v230.CdrDimensionTypeEnergy, Volume: number(c.energy)},
			{Type: v230.CdrDimensionTypeTime, Volume: hours(c.charging)},
		},
	}}
	if c.parking > 0 {
		periods = append(periods, v230.ChargingPeriod{
			StartDateTime: ocpi.NewDateTime(c.start.Add(c.charging)),
			Dimensions:    []v230.CdrDimension{{Type: v230.CdrDimensionTypeParkingTime, Volume: hours(c.parking)}},
		})
	}
	return periods
}

// hours writes whole minutes as hours, with the four decimals that OCPI asks for (requirement TF-70).
func hours(d time.Duration) ocpi.Number {
	return number(decimal.New(int64(d/time.Minute), 0).DivRound(decimal.New(60, 0), 4))
}

// Sessions are two completed sessions, which CDRs are about, and one that is running.
func (s Sample) Sessions() []v230.Session {
	return []v230.Session{s.Session(1), s.Session(2), s.ActiveSession()}
}

// Session makes the nth completed session, SES1 and so on.
func (s Sample) Session(n int) v230.Session {
	c := s.charge(n)
	x := s.session(id("SES", n), c)
	x.Status = v230.SessionStatusCompleted
	x.EndDateTime = new(ocpi.NewDateTime(c.end()))
	x.TotalCost = &v230.Price{BeforeTaxes: number(c.cost.Round(2))}
	x.LastUpdated = *x.EndDateTime
	return x
}

// ActiveSession is running at the first EVSE of LOC3, started by an app.
func (s Sample) ActiveSession() v230.Session {
	energy := decimal.New(210, -1)
	c := charge{
		location: 3, evse: 1, connector: 1, token: tokenKinds, method: v230.AuthMethodAuthRequest,
		start: s.now().Add(-activeFor), charging: activeFor, energy: energy,
		cost: energy.Mul(dcEnergyPrice).Add(dcStartPrice),
	}
	x := s.session("SES-ACTIVE", c)
	x.Status = v230.SessionStatusActive
	x.TotalCost = &v230.Price{BeforeTaxes: number(c.cost.Round(2))}
	x.LastUpdated = ocpi.NewDateTime(s.now())
	return x
}

// session is what running and completed sessions share.
func (s Sample) session(id ocpi.CiString, c charge) v230.Session {
	x := v230.Session{
		ID: id, StartDateTime: ocpi.NewDateTime(c.start), KWh: number(c.energy), CDRToken: s.cdrToken(c.token), AuthMethod: c.method,
		LocationID: ocpi.CiString(fmt.Sprintf("LOC%d", c.location)), EVSEUID: evseUID(c.location, c.evse),
		ConnectorID: ocpi.CiString(fmt.Sprint(c.connector)), MeterID: new(fmt.Sprintf("MID-%d-%d", c.location, c.evse)),
		Currency: "EUR", ChargingPeriods: c.periods(),
	}
	x.CountryCode, x.PartyID = owner(s.CPO)
	return x
}

// CDRs are those of the completed Sessions.
func (s Sample) CDRs() []v230.CDR { return []v230.CDR{s.CDR(1), s.CDR(2)} }

// CDR makes the CDR of the nth completed session, CDR1 and so on.
func (s Sample) CDR(n int) v230.CDR {
	c, session := s.charge(n), s.Session(n)
	cdr := v230.CDR{
		ID: id("CDR", n), StartDateTime: session.StartDateTime, EndDateTime: *session.EndDateTime, SessionID: &session.ID,
		CDRToken: session.CDRToken, AuthMethod: session.AuthMethod, CDRLocation: s.cdrLocation(c), MeterID: session.MeterID,
		Currency: session.Currency, Tariffs: []v230.Tariff{c.tariff}, ChargingPeriods: session.ChargingPeriods,
		TotalCost: *session.TotalCost, TotalEnergy: session.KWh, TotalTime: hours(c.charging + c.parking),
		LastUpdated: ocpi.NewDateTime(c.end().Add(5 * time.Minute)),
	}
	cdr.CountryCode, cdr.PartyID = session.CountryCode, session.PartyID
	if c.parking > 0 {
		cdr.TotalParkingTime = new(hours(c.parking))
	}
	return cdr
}

// cdrLocation is the place of a charge, reduced to its EVSE and connector.
func (s Sample) cdrLocation(c charge) v230.CdrLocation {
	l := s.Location(c.location)
	e := l.EVSEs[c.evse-1]
	connector := e.Connectors[c.connector-1]
	return v230.CdrLocation{
		ID: l.ID, Name: l.Name, Address: l.Address, City: l.City, PostalCode: l.PostalCode, Country: l.Country, Coordinates: l.Coordinates,
		EVSEUID: e.UID, EVSEID: *e.EVSEID, ConnectorID: connector.ID,
		ConnectorStandard: connector.Standard, ConnectorFormat: connector.Format, ConnectorPowerType: connector.PowerType,
	}
}
