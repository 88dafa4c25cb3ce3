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
