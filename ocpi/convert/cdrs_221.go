package convert

import (
	"github.com/go-json-experiment/json/jsontext"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/v221"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// cdr raises a CDR. It always leaves something over, if only an empty object: that tells a CDR that came in 2.2.1 from
// one that came in 2.3.0, which may say more about the same charge.
func (u *up221) cdr(in *v221.CDR, out *v230.CDR) {
	u.bulkCDR(in, out)
	out.Extra = u.extra(in.Extra, &names221CDR, nil)
	if hasLeftover(out.Extra) { // also where it came in 2.1.1 and only passes through
		return
	}
	if out.Extra == nil {
		out.Extra = ocpi.Extra{}
	}
	out.Extra[LeftoverMember221] = nothing
}

func hasLeftover(extra ocpi.Extra) bool {
	_, of211 := extra[LeftoverMember]
	_, of221 := extra[LeftoverMember221]
	return of211 || of221
}

// nothing is the leftover of an object of which nothing is left. Nobody writes into it.
var nothing = jsontext.Value("{}")

func (d *down221) cdr(in *v230.CDR, out *v221.CDR) {
	out.Extra, _ = d.extra(in.Extra, &names221CDR)
	d.bulkCDR(in, out)
	out.ChargingPeriods = those(d, "charging_periods", in.ChargingPeriods, (*down221).chargingPeriod)
	if len(out.ChargingPeriods) == 0 && len(in.ChargingPeriods) > 0 {
		d.lose("charging_periods", "2.2.1 requires one: it says the energy of the whole session")
		out.ChargingPeriods = []v221.ChargingPeriod{{StartDateTime: in.StartDateTime, Dimensions: []v221.CdrDimension{
			{Type: v221.CdrDimensionTypeEnergy, Volume: in.TotalEnergy},
		}}}
	}
}

func (d *down221) session(in *v230.Session, out *v221.Session) {
	out.Extra, _ = d.extra(in.Extra, &names221Session)
	d.bulkSession(in, out)
	out.ChargingPeriods = those(d, "charging_periods", in.ChargingPeriods, (*down221).chargingPeriod)
}

// chargingPeriod leaves out a period whose dimensions were all left out: 2.2.1 requires at least one.
func (d *down221) chargingPeriod(in *v230.ChargingPeriod, out *v221.ChargingPeriod) bool {
	out.Extra, _ = d.extra(in.Extra, &names221ChargingPeriod)
	d.bulkChargingPeriod(in, out)
	out.Dimensions = those(d, "dimensions", in.Dimensions, (*down221).cdrDimension)
	if len(out.Dimensions) == 0 && len(in.Dimensions) > 0 {
		d.loseHere("2.2.1 lists none of its dimensions, the period is left out")
		return false
	}
	return true
}

func (u *up221) cdrDimension(in *v221.CdrDimension, out *v230.CdrDimension) {
	var left leftover
	u.bulkCdrDimension(in, out)
	foreign(&left, "type", in.Type)
	out.Type = v230.CdrDimensionType(in.Type)
	out.Extra = u.extra(in.Extra, &names221CdrDimension, left)
}

// cdrDimension leaves out FLAT, which 2.1.1 alone lists and the model keeps. What it costs is in the sums.
func (d *down221) cdrDimension(in *v230.CdrDimension, out *v221.CdrDimension) bool {
	var left leftover
	out.Extra, left = d.extra(in.Extra, &names221CdrDimension)
	d.bulkCdrDimension(in, out)
	dimension, ok := lowerEnum[v221.CdrDimensionType](left, "type", in.Type)
	out.Type = dimension
	if !ok {
		d.loseHere("2.2.1 does not list " + string(in.Type) + ", the dimension is left out")
	}
	return ok
}

func (u *up221) cdrLocation(in *v221.CdrLocation, out *v230.CdrLocation) {
	var left leftover
	u.bulkCdrLocation(in, out)
	foreign(&left, "connector_standard", in.ConnectorStandard)
	out.ConnectorStandard = v230.ConnectorType(in.ConnectorStandard)
	out.Extra = u.extra(in.Extra, &names221CdrLocation, left)
}

func (d *down221) cdrLocation(in *v230.CdrLocation, out *v221.CdrLocation) {
	var left leftover
	out.Extra, left = d.extra(in.Extra, &names221CdrLocation)
	d.bulkCdrLocation(in, out)
	nearest := nearestStandard(in.ConnectorStandard, in.ConnectorPowerType)
	out.ConnectorStandard = lowerOr(d, left, "connector_standard", in.ConnectorStandard, nearest)
}

// nearestStandard stands in for a connector standard that 2.2.1 does not list, where one is required and nobody drives
// anywhere by it: a CDR is about money, and must not stay unsent because of a plug.
func nearestStandard(s v230.ConnectorType, p v230.PowerType) v221.ConnectorType {
	switch {
	case s == v230.ConnectorTypeSAEJ3400:
		return v221.ConnectorTypeTeslaS // the same shape
	case s == v230.ConnectorTypeMCS, p == v230.PowerTypeDC:
		return v221.ConnectorTypeIEC62196T2Combo
	default:
		return v221.ConnectorTypeIEC62196T2
	}
}
