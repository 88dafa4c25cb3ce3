package convert

import (
	"github.com/roamwire/roamwire/ocpi/v211"
	"github.com/roamwire/roamwire/ocpi/v230"
)

func (u *up) cdr(in *v211.CDR, out *v230.CDR) {
	var left leftover
	u.bulkCDR(in, out)
	out.CountryCode, out.PartyID = partyFields(u.env.Owner)
	out.EndDateTime = in.StopDateTime
	out.CDRToken = u.cdrToken(in.AuthID)
	foreign(&left, "auth_method", in.AuthMethod)
	out.AuthMethod = v230.AuthMethod(in.AuthMethod)
	out.CDRLocation = cdrLocation(&in.Location)
	left.set("location", &in.Location)
	out.TotalCost = v230.Price{BeforeTaxes: in.TotalCost}
	out.Extra = u.extra(in.Extra, &namesCDR, left)
}

func (d *down) cdr(in *v230.CDR, out *v211.CDR) {
	var left leftover
	out.Extra, left = d.extra(in.Extra, &namesCDR)
	d.bulkCDR(in, out)
	out.StopDateTime = d.time("end_date_time", in.EndDateTime)
	out.AuthID = d.authID(&in.CDRToken)
	out.AuthMethod = d.authMethod(in.AuthMethod, left)
	out.Location = d.copyOfLocation(in, left)
	out.ChargingPeriods = those(d, "charging_periods", in.ChargingPeriods, (*down).chargingPeriod)
	if len(out.ChargingPeriods) == 0 && len(in.ChargingPeriods) > 0 {
		d.lose("charging_periods", "2.1.1 requires one: it says the energy of the whole session")
		out.ChargingPeriods = []v211.ChargingPeriod{{StartDateTime: out.StartDateTime, Dimensions: []v211.CdrDimension{
			{Type: v211.CdrDimensionTypeEnergy, Volume: in.TotalEnergy},
		}}}
	}
	out.Tariffs = those(d, "tariffs", in.Tariffs, (*down).usableTariff)
	out.TotalCost = d.price("total_cost", &in.TotalCost)
	d.lostParty(in.CountryCode, in.PartyID, d.env.Owner)
	d.lostOfCDR(in)
}

// lostOfCDR reports what 2.1.1 has no place for in a CDR.
func (d *down) lostOfCDR(in *v230.CDR) {
	switch {
	case in.Credit == nil:
	case *in.Credit: // a partner on 2.1.1 would take it for a charge (requirement CDR-07)
		d.withhold("credit", "2.1.1 has no credit CDRs: do not send it")
	default:
		d.lose("credit", "2.1.1 has no credit CDRs, so the field goes without saying")
	}
	lostField(d, "credit_reference_id", in.CreditReferenceID)
	lostField(d, "session_id", in.SessionID)
	lostField(d, "authorization_reference", in.AuthorizationReference)
	lostField(d, "signed_data", in.SignedData)
	lostField(d, "total_fixed_cost", in.TotalFixedCost)
	lostField(d, "total_energy_cost", in.TotalEnergyCost)
	lostField(d, "total_time_cost", in.TotalTimeCost)
	lostField(d, "total_parking_cost", in.TotalParkingCost)
	lostField(d, "total_reservation_cost", in.TotalReservationCost)
	lostField(d, "invoice_reference_id", in.InvoiceReferenceID)
	if compensated := in.HomeChargingCompensation; compensated != nil && *compensated { // a partner on 2.1.1 would bill the driver for it
		d.withhold("home_charging_compensation", "2.1.1 does not say that the driver is compensated: do not send it")
	} else {
		lostField(d, "home_charging_compensation", compensated)
	}
}
