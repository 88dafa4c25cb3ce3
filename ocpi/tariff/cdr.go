package tariff

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/exact"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// Errors of MakeCDR, besides those of Compile, Divide and Price.
var (
	// ErrNotEnded tells that a session has no end, and no CDR yet.
	ErrNotEnded = errors.New("the session has not ended")
	// ErrPlace tells that the place of a session is not known.
	ErrPlace = errors.New("its place is not known")
)

// Origin is what MakeCDR needs and a session does not have.
type Origin struct {
	// ID is that of the CDR.
	ID ocpi.CiString
	// Location is that of the session.
	Location *v230.Location
	// Made is when the CDR is.
	Made ocpi.DateTime
}

// hourPlaces are the digits after the point of times in hours: 0.36 s.
const hourPlaces = 4

// written is a time as OCPI can write it: in at most 25 characters.
func written(t time.Time) ocpi.DateTime { return ocpi.NewDateTime(t.Truncate(time.Millisecond)) }

// MakeCDR makes the CDR of a session that has ended, with the tariffs that applied: its periods divided where OCPI demands a new one (PR-11),
// and its costs, rounded to the smallest units of the currency unless the policy rounds otherwise. A session without periods is one
// period, and where no period says how long it is, each lasts until the next: of charging. Where none says how much energy flowed, it flowed
// evenly. The error is a *SessionError where the session contradicts itself. The time zone is that of the policy; package timezone knows that
// of the location.
func MakeCDR(s *v230.Session, origin Origin, tariffs []*v230.Tariff, policy Policy) (*v230.CDR, *Breakdown, error) {
	if s.EndDateTime == nil {
		return nil, nil, ErrNotEnded
	}
	if !policy.Rounding.Round {
		policy.Rounding = Rounding{Round: true, Places: minorUnits(s.Currency)}
	}
	place, err := placeOf(s, origin.Location)
	if err != nil {
		return nil, nil, err
	}
	charge := ChargeOfSession(s)
	if err := checkSession(s, &charge); err != nil {
		return nil, nil, err
	}
	charge.complete(s)
	var ready []*Tariff
	for _, t := range tariffs {
		if t.Currency != s.Currency {
			return nil, nil, fmt.Errorf("%w: tariff %s is in %s, the session in %s", ErrCurrencies, t.ID, t.Currency, s.Currency)
		}
		c, err := Compile(t)
		if err != nil {
			return nil, nil, err
		}
		ready = append(ready, c)
	}
	charge, err = Divide(&charge, ready, policy)
	if err != nil {
		return nil, nil, err
	}
	b, err := Price(&charge, ready, policy)
	if err != nil {
		return nil, nil, err
	}
	cdr := &v230.CDR{
		CountryCode: s.CountryCode, PartyID: s.PartyID, ID: origin.ID, StartDateTime: written(s.StartDateTime.Time()), EndDateTime: written(s.EndDateTime.Time()),
		SessionID: new(s.ID), CDRToken: s.CDRToken, AuthMethod: s.AuthMethod, AuthorizationReference: s.AuthorizationReference,
		CDRLocation: place, MeterID: s.MeterID, Currency: s.Currency, LastUpdated: origin.Made,
	}
	writePeriods(cdr, &charge, b)
	writeCosts(cdr, b)
	return cdr, b, nil
}

// writePeriods writes what happened: each period with its quantities, and their sums.
func writePeriods(cdr *v230.CDR, charge *Charge, b *Breakdown) {
	var energy, charging, parking exact.Decimal
	priced := make([][dimensions]bool, len(charge.Periods))
	for i := range b.Lines {
		priced[b.Lines[i].Period][b.Lines[i].Dimension] = true
	}
	used := map[*Tariff]bool{}
	for i := range charge.Periods {
		p := &charge.Periods[i]
		energy, charging, parking = energy.Add(p.Energy), charging.Add(p.Charging), parking.Add(p.Parking)
		out := v230.ChargingPeriod{StartDateTime: written(p.Start), Dimensions: dimensionsOf(p, priced[i], &b.policy)}
		if t := b.tariffs[i]; t != nil {
			out.TariffID = new(t.source.ID)
			if !used[t] {
				used[t] = true
				cdr.Tariffs = append(cdr.Tariffs, *t.source)
			}
		}
		cdr.ChargingPeriods = append(cdr.ChargingPeriods, out)
	}
	cdr.TotalEnergy, cdr.TotalTime = plain(energy), inHours(charging.Add(parking))
	if parking.Sign() > 0 {
		cdr.TotalParkingTime = new(inHours(parking))
	}
}

// dimensionsOf are the quantities of a period (A22).
func dimensionsOf(p *Period, priced [dimensions]bool, policy *Policy) (out []v230.CdrDimension) {
	add := func(t v230.CdrDimensionType, n ocpi.Number) { out = append(out, v230.CdrDimension{Type: t, Volume: n}) }
	all := policy.Dimensions == DimensionsAll
	if p.isReserved() {
		add(v230.CdrDimensionTypeReservationTime, inHours(p.Reserved))
		return out
	}
	if all || priced[Energy] || !priced[Time] && !priced[Parking] {
		add(v230.CdrDimensionTypeEnergy, plain(p.Energy))
	}
	if all && p.Parking.IsZero() || priced[Time] {
		add(v230.CdrDimensionTypeTime, inHours(p.Charging))
	}
	if !p.Parking.IsZero() && (all || priced[Parking]) {
		add(v230.CdrDimensionTypeParkingTime, inHours(p.Parking))
	}
	if !p.Reserved.IsZero() {
		add(v230.CdrDimensionTypeReservationTime, inHours(p.Reserved))
	}
	for _, m := range []struct {
		of v230.CdrDimensionType
		is *exact.Decimal
	}{
		{v230.CdrDimensionTypeMinCurrent, p.MinCurrent}, {v230.CdrDimensionTypeMaxCurrent, p.MaxCurrent},
		{v230.CdrDimensionTypeMinPower, p.MinPower}, {v230.CdrDimensionTypeMaxPower, p.MaxPower},
	} {
		if m.is != nil {
			add(m.of, plain(*m.is))
		}
	}
	return out
}

// plain is a quantity without zeros that say nothing.
func plain(d exact.Decimal) ocpi.Number { return ocpi.MustNumber(d.String()) }

func inHours(seconds exact.Decimal) ocpi.Number { return plain(seconds.DivRound(hour, hourPlaces)) }

// writeCosts writes what it costs: the total, and each part that there is (PR-25).
func writeCosts(cdr *v230.CDR, b *Breakdown) {
	cdr.TotalCost = priceOf(b.Total, &b.policy)
	var has [classes]bool
	for i := range b.Lines {
		has[classOf(&b.Lines[i], &b.policy)] = true
	}
	for _, part := range []struct {
		class class
		cost  Cost
		to    **v230.Price
	}{
		{classFixed, b.Fixed, &cdr.TotalFixedCost}, {classEnergy, b.Energy, &cdr.TotalEnergyCost}, {classTime, b.Time, &cdr.TotalTimeCost},
		{classParking, b.Parking, &cdr.TotalParkingCost}, {classReservation, b.Reservation, &cdr.TotalReservationCost},
	} {
		if has[part.class] {
			*part.to = new(priceOf(part.cost, &b.policy))
		}
	}
}

// priceOf is a cost as a CDR states it. Where only the amount with taxes is known, it stands for both. Taxes add up to the difference.
func priceOf(c Cost, policy *Policy) v230.Price {
	round := func(a Amount) exact.Decimal { return a.Round(policy.Rounding.Places, policy.Rounding.Mode) }
	if c.NoBefore {
		return v230.Price{BeforeTaxes: ocpi.NewNumber(round(c.After).Decimal())}
	}
	before := round(c.Before)
	price := v230.Price{BeforeTaxes: ocpi.NewNumber(before.Decimal())}
	if c.NoAfter {
		return price
	}
	left := round(c.After).Sub(before)
	taxes := slices.Clone(c.Taxes)
	slices.SortFunc(taxes, func(a, b Tax) int { return a.Rate.Cmp(b.Rate) })
	for i, t := range taxes {
		amount := round(t.Amount)
		if i == len(taxes)-1 {
			amount = left
		}
		left = left.Sub(amount)
		price.Taxes = append(price.Taxes, v230.TaxAmount{Name: vatName, Percentage: new(plain(t.Rate)), Amount: ocpi.NewNumber(amount.Decimal())})
	}
	if !left.IsZero() { // a limit has left no rates
		price.Taxes = append(price.Taxes, v230.TaxAmount{Name: vatName, Amount: ocpi.NewNumber(left.Decimal())})
	}
	return price
}

// vatName is the name of the tax that tariffs have rates of.
const vatName = "VAT"

// placeOf is the part of the location that a CDR has. Some texts can be longer in a location than in a CDR.
func placeOf(s *v230.Session, l *v230.Location) (v230.CdrLocation, error) {
	if l == nil {
		return v230.CdrLocation{}, fmt.Errorf("%w: location %s is not there", ErrPlace, s.LocationID)
	}
	out := v230.CdrLocation{
		ID: l.ID, Name: l.Name, Address: cutTo(l.Address, 45), City: l.City, PostalCode: l.PostalCode, Country: l.Country,
		Coordinates: l.Coordinates, EVSEUID: s.EVSEUID, EVSEID: s.EVSEUID, ConnectorID: s.ConnectorID,
	}
	if l.State != nil {
		out.State = new(cutTo(*l.State, 20))
	}
	for i := range l.EVSEs {
		evse := &l.EVSEs[i]
		if !evse.UID.Equal(s.EVSEUID) {
			continue
		}
		if evse.EVSEID != nil {
			out.EVSEID = *evse.EVSEID
		}
		for j := range evse.Connectors {
			if c := &evse.Connectors[j]; c.ID.Equal(s.ConnectorID) {
				out.ConnectorStandard, out.ConnectorFormat, out.ConnectorPowerType = c.Standard, c.Format, c.PowerType
				return out, nil
			}
		}
		return out, fmt.Errorf("%w: EVSE %s of location %s has no connector %s", ErrPlace, s.EVSEUID, l.ID, s.ConnectorID)
	}
	return out, fmt.Errorf("%w: location %s has no EVSE %s", ErrPlace, l.ID, s.EVSEUID)
}

// cutTo cuts a text to a number of characters.
func cutTo(text string, most int) string {
	if runes := []rune(text); len(runes) > most {
		return string(runes[:most])
	}
	return text
}
