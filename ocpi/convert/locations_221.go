package convert

import (
	"github.com/roamwire/roamwire/ocpi/v221"
	"github.com/roamwire/roamwire/ocpi/v230"
)

func (u *up221) location(in *v221.Location, out *v230.Location) {
	var left leftover
	u.bulkLocation(in, out)
	if in.ParkingType != nil {
		foreign(&left, "parking_type", *in.ParkingType)
	}
	out.ParkingType = castOptional[v230.ParkingType](in.ParkingType)
	foreignList(&left, "facilities", in.Facilities)
	out.Facilities = castList[v230.Facility](in.Facilities)
	out.Extra = u.extra(in.Extra, &names221Location, left)
}

func (d *down221) location(in *v230.Location, out *v221.Location) {
	var left leftover
	out.Extra, left = d.extra(in.Extra, &names221Location)
	d.bulkLocation(in, out)
	out.ParkingType = d.parkingType(in.ParkingType, left)
	out.EVSEs = those(d, "evses", in.EVSEs, (*down221).usableEVSE)
	out.Facilities = lowerList[v221.Facility](d, left, "facilities", in.Facilities)
	lostList(d, "parking_places", in.ParkingPlaces)
	lostField(d, "help_phone", in.HelpPhone)
}

// parkingType leaves out a type that 2.2.1 does not list: the field is optional there.
func (d *down221) parkingType(p *v230.ParkingType, left leftover) *v221.ParkingType {
	if p == nil {
		return nil
	}
	parking, ok := lowerEnum[v221.ParkingType](left, "parking_type", *p)
	if !ok {
		d.lose("parking_type", "2.2.1 does not list "+string(*p)+", it is left out")
		return nil
	}
	return &parking
}

func (u *up221) evse(in *v221.EVSE, out *v230.EVSE) {
	var left leftover
	u.bulkEVSE(in, out)
	foreignList(&left, "capabilities", in.Capabilities)
	out.Capabilities = castList[v230.Capability](in.Capabilities)
	foreignList(&left, "parking_restrictions", in.ParkingRestrictions)
	out.ParkingRestrictions = castList[v230.ParkingRestriction](in.ParkingRestrictions)
	out.Extra = u.extra(in.Extra, &names221EVSE, left)
}

// evse lowers an EVSE that is sent by itself.
func (d *down221) evse(in *v230.EVSE, out *v221.EVSE) {
	if !d.lowerEVSE(in, out) {
		d.withhold("connectors", "2.2.1 has words for none of its connectors: do not send the EVSE")
	}
}

// usableEVSE leaves out an EVSE whose connectors were all left out: 2.2.1 requires at least one.
func (d *down221) usableEVSE(in *v230.EVSE, out *v221.EVSE) bool {
	usable := d.lowerEVSE(in, out)
	if !usable {
		d.loseHere("2.2.1 has words for none of its connectors, the EVSE is left out")
	}
	return usable
}

func (d *down221) lowerEVSE(in *v230.EVSE, out *v221.EVSE) (usable bool) {
	var left leftover
	out.Extra, left = d.extra(in.Extra, &names221EVSE)
	d.bulkEVSE(in, out)
	out.Capabilities = lowerList[v221.Capability](d, left, "capabilities", in.Capabilities)
	out.ParkingRestrictions = lowerList[v221.ParkingRestriction](d, left, "parking_restrictions", in.ParkingRestrictions)
	out.Connectors = those(d, "connectors", in.Connectors, (*down221).usableConnector)
	lostList(d, "parking", in.Parking)
	lostList(d, "accepted_service_providers", in.AcceptedServiceProviders)
	return len(out.Connectors) > 0 || len(in.Connectors) == 0
}

func (u *up221) connector(in *v221.Connector, out *v230.Connector) {
	var left leftover
	u.bulkConnector(in, out)
	foreign(&left, "standard", in.Standard)
	out.Standard = v230.ConnectorType(in.Standard)
	out.Extra = u.extra(in.Extra, &names221Connector, left)
}

// connector lowers a connector that is sent by itself. It then keeps a standard that 2.2.1 does not list: there is no
// value for others.
func (d *down221) connector(in *v230.Connector, out *v221.Connector) {
	if !d.lowerConnector(in, out) {
		d.withhold("standard", "2.2.1 does not list "+string(in.Standard)+": do not send the connector")
	}
}

// usableConnector leaves out a connector whose standard 2.2.1 does not list. A driver who is told another standard
// goes there in vain.
func (d *down221) usableConnector(in *v230.Connector, out *v221.Connector) bool {
	usable := d.lowerConnector(in, out)
	if !usable {
		d.loseHere("2.2.1 does not list the standard " + string(in.Standard) + ", the connector is left out")
	}
	return usable
}

func (d *down221) lowerConnector(in *v230.Connector, out *v221.Connector) (usable bool) {
	var left leftover
	out.Extra, left = d.extra(in.Extra, &names221Connector)
	d.bulkConnector(in, out)
	out.Standard, usable = lowerEnum[v221.ConnectorType](left, "standard", in.Standard)
	lostList(d, "capabilities", in.Capabilities)
	return usable
}

func (u *up221) image(in *v221.Image, out *v230.Image) {
	var left leftover
	u.bulkImage(in, out)
	foreign(&left, "category", in.Category)
	out.Category = v230.ImageCategory(in.Category)
	out.Extra = u.extra(in.Extra, &names221Image, left)
}

func (d *down221) image(in *v230.Image, out *v221.Image) {
	var left leftover
	out.Extra, left = d.extra(in.Extra, &names221Image)
	d.bulkImage(in, out)
	out.Category = lowerOr(d, left, "category", in.Category, v221.ImageCategoryOther)
}

func (d *down221) energyMix(in *v230.EnergyMix, out *v221.EnergyMix) {
	out.Extra, _ = d.extra(in.Extra, &names221EnergyMix)
	d.bulkEnergyMix(in, out)
	out.EnvironImpact = those(d, "environ_impact", in.EnvironImpact, (*down221).environmentalImpact)
}

func (u *up221) environmentalImpact(in *v221.EnvironmentalImpact, out *v230.EnvironmentalImpact) {
	var left leftover
	u.bulkEnvironmentalImpact(in, out)
	foreign(&left, "category", in.Category)
	out.Category = v230.EnvironmentalImpactCategory(in.Category)
	out.Extra = u.extra(in.Extra, &names221EnvironmentalImpact, left)
}

func (d *down221) environmentalImpact(in *v230.EnvironmentalImpact, out *v221.EnvironmentalImpact) bool {
	var left leftover
	out.Extra, left = d.extra(in.Extra, &names221EnvironmentalImpact)
	d.bulkEnvironmentalImpact(in, out)
	category, ok := lowerEnum[v221.EnvironmentalImpactCategory](left, "category", in.Category)
	out.Category = category
	if !ok {
		d.loseHere("2.2.1 does not list " + string(in.Category) + ", the impact is left out")
	}
	return ok
}
