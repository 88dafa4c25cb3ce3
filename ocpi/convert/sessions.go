package convert

import (
	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/v211"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// notAvailable stands in a required text for what really cannot be known (requirement DT-28).
const notAvailable = "#NA"

func (u *up) session(in *v211.Session, out *v230.Session) {
	var left leftover
	u.bulkSession(in, out)
	out.CountryCode, out.PartyID = partyFields(u.env.Owner)
	out.StartDateTime = in.StartDateTime
	out.EndDateTime = clone(in.EndDateTime)
	out.CDRToken = u.cdrToken(in.AuthID)
	foreign(&left, "auth_method", in.AuthMethod)
	out.AuthMethod = v230.AuthMethod(in.AuthMethod)
	out.LocationID, out.EVSEUID, out.ConnectorID = place(&in.Location)
	left.set("location", &in.Location)
	if in.TotalCost != nil {
		out.TotalCost = &v230.Price{BeforeTaxes: *in.TotalCost}
	}
	foreign(&left, "status", in.Status)
	out.Status = v230.SessionStatus(in.Status)
	out.Extra = u.extra(in.Extra, &namesSession, left)
}

func (d *down) session(in *v230.Session, out *v211.Session) {
	var left leftover
	out.Extra, left = d.extra(in.Extra, &namesSession)
	d.bulkSession(in, out)
	out.StartDateTime = d.time("start_date_time", in.StartDateTime)
	out.EndDateTime = d.optionalTime("end_date_time", in.EndDateTime)
	out.AuthID = d.authID(&in.CDRToken)
	out.AuthMethod = d.authMethod(in.AuthMethod, left)
	out.Location = d.sessionLocation(in, left)
	out.ChargingPeriods = those(d, "charging_periods", in.ChargingPeriods, (*down).chargingPeriod)
	if in.TotalCost != nil {
		cost := d.price("total_cost", in.TotalCost)
		out.TotalCost = &cost
	}
	out.Status = d.sessionStatus(in.Status, left)
	d.lostParty(in.CountryCode, in.PartyID, d.env.Owner)
	lostField(d, "authorization_reference", in.AuthorizationReference)
}

// cdrToken makes the token of a session or CDR from the one thing 2.1.1 says about it (requirement SES-13).
func (u *up) cdrToken(authID string) v230.CdrToken {
	countryCode, partyID := partyFields(u.env.EMSP)
	return v230.CdrToken{
		CountryCode: countryCode, PartyID: partyID, UID: notAvailable, Type: v230.TokenTypeOther,
		ContractID: ocpi.CiString(authID),
	}
}

func (d *down) authID(token *v230.CdrToken) string {
	d.enter("cdr_token")
	if token.UID != notAvailable || token.Type != v230.TokenTypeOther {
		d.loseHere("2.1.1 names the token by its contract_id alone, as auth_id")
	} else {
		d.lostParty(token.CountryCode, token.PartyID, d.env.EMSP)
		d.lostExtra(token.Extra)
	}
	d.leave()
	return string(token.ContractID)
}

func (d *down) authMethod(m v230.AuthMethod, left leftover) v211.AuthMethod {
	return lowerOr(d, left, "auth_method", m, v211.AuthMethodAuthRequest)
}

func (d *down) sessionStatus(s v230.SessionStatus, left leftover) v211.SessionStatus {
	return lowerOr(d, left, "status", s, v211.SessionStatusPending)
}

// price returns the amount without taxes, which is what 2.1.1 means by a cost (requirement SES-15).
func (d *down) price(name string, p *v230.Price) ocpi.Number {
	d.enter(name)
	lostList(d, "taxes", p.Taxes)
	d.lostExtra(p.Extra)
	d.leave()
	return p.BeforeTaxes
}

// chargingPeriod leaves out a period whose dimensions were all left out: 2.1.1 requires at least one (requirement
// CDR-14).
func (d *down) chargingPeriod(in *v230.ChargingPeriod, out *v211.ChargingPeriod) bool {
	out.Extra, _ = d.extra(in.Extra, &namesChargingPeriod)
	d.bulkChargingPeriod(in, out)
	out.Dimensions = those(d, "dimensions", in.Dimensions, (*down).cdrDimension)
	lostField(d, "tariff_id", in.TariffID)
	if len(out.Dimensions) == 0 && len(in.Dimensions) > 0 {
		d.loseHere("2.1.1 lists none of its dimensions, the period is left out")
		return false
	}
	return true
}

func (u *up) chargingPeriod(in *v211.ChargingPeriod, out *v230.ChargingPeriod) {
	u.bulkChargingPeriod(in, out)
	out.Extra = u.extra(in.Extra, &namesChargingPeriod, nil)
}

// cdrDimension keeps FLAT, which only 2.1.1 lists, as a value that 2.3.0 does not know.
func (u *up) cdrDimension(in *v211.CdrDimension, out *v230.CdrDimension) {
	var left leftover
	u.bulkCdrDimension(in, out)
	foreign(&left, "type", in.Type)
	out.Type = v230.CdrDimensionType(in.Type)
	if in.Type == v211.CdrDimensionTypeFlat {
		u.lose("type", "2.3.0 does not list FLAT")
	}
	out.Extra = u.extra(in.Extra, &namesCdrDimension, left)
}

func (d *down) cdrDimension(in *v230.CdrDimension, out *v211.CdrDimension) bool {
	var left leftover
	out.Extra, left = d.extra(in.Extra, &namesCdrDimension)
	d.bulkCdrDimension(in, out)
	dimension, ok := lowerEnum[v211.CdrDimensionType](left, "type", in.Type)
	out.Type = dimension
	if !ok {
		d.loseHere("2.1.1 does not list " + string(in.Type) + ", the dimension is left out")
	}
	return ok
}
