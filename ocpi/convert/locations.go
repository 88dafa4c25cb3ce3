package convert

import (
	"strings"

	"github.com/shopspring/decimal"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/v211"
	"github.com/roamwire/roamwire/ocpi/v230"
)

func (u *up) location(in *v211.Location, out *v230.Location) {
	var left leftover
	u.bulkLocation(in, out)
	out.CountryCode, out.PartyID = partyFields(u.env.Owner)
	// Whoever sends a location in 2.1.1 means it to be seen (compare requirement DL-05).
	out.Publish = true
	out.PostalCode = clone(&in.PostalCode)
	out.ParkingType = u.parkingType(in.Type, &left)
	foreignList(&left, "facilities", in.Facilities)
	out.Facilities = castList[v230.Facility](in.Facilities)
	if in.TimeZone != nil {
		out.TimeZone = *in.TimeZone
		if *in.TimeZone == "" {
			left.set("time_zone", "")
		}
	}
	out.Extra = u.extra(in.Extra, &namesLocation, left)
}

func (d *down) location(in *v230.Location, out *v211.Location) {
	var left leftover
	out.Extra, left = d.extra(in.Extra, &namesLocation)
	d.bulkLocation(in, out)
	out.Type = d.locationType(in.ParkingType, left)
	out.PostalCode = d.postalCode(in.PostalCode)
	out.EVSEs = those(d, "evses", in.EVSEs, (*down).usableEVSE)
	out.Facilities = lowerList[v211.Facility](d, left, "facilities", in.Facilities)
	out.TimeZone = lowerTimeZone(in.TimeZone, left)
	d.lostParty(in.CountryCode, in.PartyID, d.env.Owner)
	if !in.Publish {
		d.withhold("publish", "2.1.1 cannot keep a location private: do not send it")
	}
	lostList(d, "publish_allowed_to", in.PublishAllowedTo)
	lostField(d, "state", in.State)
	lostList(d, "parking_places", in.ParkingPlaces)
	lostField(d, "help_phone", in.HelpPhone)
}

// raisedType is the parking type of a 2.1.1 location type; nil for those without one.
func raisedType(t v211.LocationType) *v230.ParkingType {
	p := v230.ParkingType(t)
	if !p.Known() {
		return nil
	}
	return &p
}

func (u *up) parkingType(t v211.LocationType, left *leftover) *v230.ParkingType {
	p := raisedType(t)
	if t == v211.LocationTypeUnknown || p != nil && t.Known() {
		return p
	}
	left.set("type", string(t))
	if p == nil {
		u.lose("type", "2.3.0 has no parking type "+string(t))
	}
	return p
}

// locationType is UNKNOWN, the default of 2.1.1, where the model has none.
func (d *down) locationType(p *v230.ParkingType, left leftover) v211.LocationType {
	said, ok := recall(left, "type", func(was v211.LocationType) bool {
		raised := raisedType(was)
		return raised == nil && p == nil || raised != nil && p != nil && *raised == *p
	})
	switch {
	case ok:
		return said
	case p == nil:
		return v211.LocationTypeUnknown
	}
	if t := v211.LocationType(*p); t.Known() && raisedType(t) != nil {
		return t
	}
	d.lose("parking_type", "2.1.1 has no location type "+string(*p)+", it becomes OTHER")
	return v211.LocationTypeOther
}

func (d *down) postalCode(code *string) string {
	if code == nil {
		d.lose("postal_code", "2.1.1 requires a postal code, it is sent empty")
		return ""
	}
	return *code
}

// lowerTimeZone returns absent for the empty time zone, which stands for it in the model, unless 2.1.1 said "".
func lowerTimeZone(zone string, left leftover) *string {
	if zone != "" {
		return &zone
	}
	said, _ := recall(left, "time_zone", func(was *string) bool { return was != nil && *was == "" })
	return said
}

func (u *up) evse(in *v211.EVSE, out *v230.EVSE) {
	var left leftover
	u.bulkEVSE(in, out)
	foreignList(&left, "capabilities", in.Capabilities)
	out.Capabilities = castList[v230.Capability](in.Capabilities)
	foreignList(&left, "parking_restrictions", in.ParkingRestrictions)
	out.ParkingRestrictions = castList[v230.ParkingRestriction](in.ParkingRestrictions)
	out.Extra = u.extra(in.Extra, &namesEVSE, left)
}

// evse lowers an EVSE that is sent by itself.
func (d *down) evse(in *v230.EVSE, out *v211.EVSE) {
	if !d.lowerEVSE(in, out) {
		d.withholdHere("2.1.1 has words for none of its connectors: do not send the EVSE")
	}
}

// usableEVSE leaves out an EVSE whose connectors were all left out: 2.1.1 requires at least one.
func (d *down) usableEVSE(in *v230.EVSE, out *v211.EVSE) bool {
	usable := d.lowerEVSE(in, out)
	if !usable {
		d.loseHere("2.1.1 has words for none of its connectors, the EVSE is left out")
	}
	return usable
}

func (d *down) lowerEVSE(in *v230.EVSE, out *v211.EVSE) (usable bool) {
	var left leftover
	out.Extra, left = d.extra(in.Extra, &namesEVSE)
	d.bulkEVSE(in, out)
	out.Capabilities = lowerList[v211.Capability](d, left, "capabilities", in.Capabilities)
	out.ParkingRestrictions = lowerList[v211.ParkingRestriction](d, left, "parking_restrictions", in.ParkingRestrictions)
	out.Connectors = those(d, "connectors", in.Connectors, (*down).usableConnector)
	lostList(d, "parking", in.Parking)
	lostList(d, "accepted_service_providers", in.AcceptedServiceProviders)
	return len(out.Connectors) > 0 || len(in.Connectors) == 0
}

func (u *up) connector(in *v211.Connector, out *v230.Connector) {
	var left leftover
	u.bulkConnector(in, out)
	foreign(&left, "standard", in.Standard)
	out.Standard = v230.ConnectorType(in.Standard)
	foreign(&left, "power_type", in.PowerType)
	out.PowerType = v230.PowerType(in.PowerType)
	out.MaxVoltage, out.MaxAmperage = in.Voltage, in.Amperage
	if in.TariffID != nil && *in.TariffID == "" {
		left.set("tariff_id", "")
	} else if in.TariffID != nil {
		out.TariffIDs = []ocpi.CiString{ocpi.CiString(*in.TariffID)}
	}
	out.Extra = u.extra(in.Extra, &namesConnector, left)
}

// connector lowers a connector that is sent by itself. It then keeps a standard that 2.1.1 does not list: there is no
// value for others.
func (d *down) connector(in *v230.Connector, out *v211.Connector) {
	if !d.lowerConnector(in, out) {
		d.withhold("standard", "2.1.1 does not list "+string(in.Standard)+": do not send the connector")
	}
}

// usableConnector leaves out a connector whose standard 2.1.1 does not list. A driver who is told another standard
// goes there in vain.
func (d *down) usableConnector(in *v230.Connector, out *v211.Connector) bool {
	usable := d.lowerConnector(in, out)
	if !usable {
		d.loseHere("2.1.1 does not list the standard " + string(in.Standard) + ", the connector is left out")
	}
	return usable
}

func (d *down) lowerConnector(in *v230.Connector, out *v211.Connector) (usable bool) {
	var left leftover
	out.Extra, left = d.extra(in.Extra, &namesConnector)
	d.bulkConnector(in, out)
	out.Standard, usable = lowerEnum[v211.ConnectorType](left, "standard", in.Standard)
	// Of the two-phase kinds most vehicles can use one phase.
	out.PowerType = lowerOr(d, left, "power_type", in.PowerType, v211.PowerTypeAC1Phase)
	out.Voltage, out.Amperage = in.MaxVoltage, in.MaxAmperage
	out.TariffID = d.tariffID(in.TariffIDs, left)
	lostField(d, "max_electric_power", in.MaxElectricPower)
	lostList(d, "capabilities", in.Capabilities)
	return usable
}

func (d *down) tariffID(ids []ocpi.CiString, left leftover) *string {
	if len(ids) == 0 {
		said, _ := recall(left, "tariff_id", func(was *string) bool { return was != nil && *was == "" })
		return said
	}
	first := string(ids[0])
	if first == "" {
		d.lose("tariff_ids", "the first id is empty, none is sent")
		return nil
	}
	if len(ids) > 1 {
		d.lose("tariff_ids", "2.1.1 has one tariff for each connector, the first is sent")
	}
	return &first
}

func (u *up) hours(in *v211.Hours, out *v230.Hours) {
	var left leftover
	u.bulkHours(in, out)
	if in.TwentyFourSeven == nil {
		left.set("twentyfourseven", nil)
	} else {
		out.TwentyFourSeven = *in.TwentyFourSeven
	}
	out.Extra = u.extra(in.Extra, &namesHours, left)
}

func (d *down) hours(in *v230.Hours, out *v211.Hours) {
	var left leftover
	out.Extra, left = d.extra(in.Extra, &namesHours)
	d.bulkHours(in, out)
	_, absent := recall(left, "twentyfourseven", func(was *bool) bool { return was == nil && !in.TwentyFourSeven })
	if !absent {
		out.TwentyFourSeven = clone(&in.TwentyFourSeven)
	}
}

func (u *up) image(in *v211.Image, out *v230.Image) {
	var left leftover
	u.bulkImage(in, out)
	foreign(&left, "category", in.Category)
	out.Category = v230.ImageCategory(in.Category)
	out.Extra = u.extra(in.Extra, &namesImage, left)
}

func (d *down) image(in *v230.Image, out *v211.Image) {
	var left leftover
	out.Extra, left = d.extra(in.Extra, &namesImage)
	d.bulkImage(in, out)
	out.Category = lowerOr(d, left, "category", in.Category, v211.ImageCategoryOther)
}

func (d *down) energyMix(in *v230.EnergyMix, out *v211.EnergyMix) {
	out.Extra, _ = d.extra(in.Extra, &namesEnergyMix)
	d.bulkEnergyMix(in, out)
	out.EnvironImpact = those(d, "environ_impact", in.EnvironImpact, (*down).environmentalImpact)
}

func (u *up) environmentalImpact(in *v211.EnvironmentalImpact, out *v230.EnvironmentalImpact) {
	var left leftover
	u.bulkEnvironmentalImpact(in, out)
	foreign(&left, "source", in.Source)
	out.Category = v230.EnvironmentalImpactCategory(in.Source)
	out.Extra = u.extra(in.Extra, &namesEnvironmentalImpact, left)
}

func (d *down) environmentalImpact(in *v230.EnvironmentalImpact, out *v211.EnvironmentalImpact) bool {
	var left leftover
	out.Extra, left = d.extra(in.Extra, &namesEnvironmentalImpact)
	d.bulkEnvironmentalImpact(in, out)
	source, ok := lowerEnum[v211.EnvironmentalImpactCategory](left, "source", in.Category)
	out.Source = source
	if !ok {
		d.loseHere("2.1.1 does not list " + string(in.Category) + ", the impact is left out")
	}
	return ok
}

func (u *up) geoLocation(in *v211.GeoLocation, out *v230.GeoLocation) {
	left := oddCoordinates(in.Latitude, in.Longitude)
	out.Latitude, out.Longitude = in.Latitude, in.Longitude
	out.Extra = u.extra(in.Extra, &namesGeoLocation, left)
}

func (d *down) geoLocation(in *v230.GeoLocation, out *v211.GeoLocation) {
	var left leftover
	out.Extra, left = d.extra(in.Extra, &namesGeoLocation)
	out.Latitude = d.degrees("latitude", in.Latitude, left)
	out.Longitude = d.degrees("longitude", in.Longitude, left)
}

func (u *up) additionalGeoLocation(in *v211.AdditionalGeoLocation, out *v230.AdditionalGeoLocation) {
	left := oddCoordinates(in.Latitude, in.Longitude)
	u.bulkAdditionalGeoLocation(in, out)
	out.Latitude, out.Longitude = in.Latitude, in.Longitude
	out.Extra = u.extra(in.Extra, &namesAdditionalGeoLocation, left)
}

func (d *down) additionalGeoLocation(in *v230.AdditionalGeoLocation, out *v211.AdditionalGeoLocation) {
	var left leftover
	out.Extra, left = d.extra(in.Extra, &namesAdditionalGeoLocation)
	d.bulkAdditionalGeoLocation(in, out)
	out.Latitude = d.degrees("latitude", in.Latitude, left)
	out.Longitude = d.degrees("longitude", in.Longitude, left)
}

// oddCoordinates keeps coordinates of 2.1.1 that the way down would write with six decimals.
func oddCoordinates(latitude, longitude string) (left leftover) {
	if sixDecimals(latitude) != latitude {
		left.set("latitude", latitude)
	}
	if sixDecimals(longitude) != longitude {
		left.set("longitude", longitude)
	}
	return left
}

// degrees writes a coordinate with the six decimals that 2.1.1 asks for (requirement L-28); 2.3.0 allows five to
// seven (requirement DL-09).
func (d *down) degrees(name, value string, left leftover) string {
	six := sixDecimals(value)
	if six == value {
		return value
	}
	if _, said := recall(left, name, func(was string) bool { return was == value }); said {
		return value
	}
	if !sameDegrees(six, value) {
		d.lose(name, "2.1.1 writes coordinates with six decimals: "+value+" becomes "+six)
	}
	return six
}

// sixDecimals pads or rounds decimal degrees to six decimals. What is no such number stays as it is.
func sixDecimals(value string) string {
	whole, decimals, found := strings.Cut(value, ".")
	if len(decimals) == 6 || len(value) > 40 || !found || !isDigits(strings.TrimPrefix(whole, "-")) || !isDigits(decimals) {
		return value
	}
	if len(decimals) < 6 {
		return value + "000000"[len(decimals):]
	}
	degrees, err := decimal.NewFromString(value)
	if err != nil {
		return value
	}
	return degrees.StringFixed(6)
}

// sameDegrees reports whether two coordinates differ at most in zeros at the end of their decimals.
func sameDegrees(a, b string) bool {
	decimals := strings.Contains(a, ".") && strings.Contains(b, ".")
	return a == b || decimals && strings.TrimRight(a, "0") == strings.TrimRight(b, "0")
}

func isDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}
