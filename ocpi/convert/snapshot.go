package convert

import (
	"slices"

	"github.com/go-json-experiment/json"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/v211"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// Sessions and CDRs of 2.1.1 carry a copy of the location, reduced to one EVSE and one connector (requirements SES-12,
// CDR-12). The model has identifiers in a session and a smaller copy in a CDR. On the way up the copy becomes a
// leftover; on the way down it is used while it still is about the same place, and built anew otherwise.

// place returns the identifiers of a copy of a location.
func place(l *v211.Location) (locationID, evseUID, connectorID ocpi.CiString) {
	evse, connector := reducedTo(l)
	evseUID, connectorID = notAvailable, notAvailable
	if evse != nil {
		evseUID = ocpi.CiString(evse.UID)
	}
	if connector != nil {
		connectorID = ocpi.CiString(connector.ID)
	}
	return ocpi.CiString(l.ID), evseUID, connectorID
}

// reducedTo returns the EVSE and the connector that a copy of a location is about; nil where it has none.
func reducedTo(l *v211.Location) (*v211.EVSE, *v211.Connector) {
	if len(l.EVSEs) == 0 {
		return nil, nil
	}
	evse := &l.EVSEs[0]
	if len(evse.Connectors) == 0 {
		return evse, nil
	}
	return evse, &evse.Connectors[0]
}

// leftLocation returns the copy that came from 2.1.1, while holds says that it is about what the model says.
func (d *down) leftLocation(left leftover, holds func(*v211.Location) bool) (v211.Location, bool) {
	said, ok := recall(left, "location", func(was *v211.Location) bool { return was != nil && holds(was) })
	if !ok {
		return v211.Location{}, false
	}
	d.enter(LeftoverMember)
	d.enter("location")
	d.wholeSeconds(said)
	d.leave()
	d.leave()
	return *said, true
}

// wholeSeconds cuts the times of a location that has not been through the model.
func (d *down) wholeSeconds(l *v211.Location) {
	cut := func(t *ocpi.DateTime, name string) { *t = d.time(name, *t) }
	cut(&l.LastUpdated, "last_updated")
	d.enter("opening_times")
	if h := l.OpeningTimes; h != nil {
		d.wholeSecondsOf("exceptional_openings", h.ExceptionalOpenings)
		d.wholeSecondsOf("exceptional_closings", h.ExceptionalClosings)
	}
	d.leave()
	d.enter("evses")
	for i := range l.EVSEs {
		d.at(i)
		evse := &l.EVSEs[i]
		cut(&evse.LastUpdated, "last_updated")
		d.enter("status_schedule")
		for j := range evse.StatusSchedule {
			d.at(j)
			cut(&evse.StatusSchedule[j].PeriodBegin, "period_begin")
			evse.StatusSchedule[j].PeriodEnd = d.optionalTime("period_end", evse.StatusSchedule[j].PeriodEnd)
		}
		d.leave()
		d.enter("connectors")
		for j := range evse.Connectors {
			d.at(j)
			cut(&evse.Connectors[j].LastUpdated, "last_updated")
		}
		d.leave()
	}
	d.leave()
}

func (d *down) wholeSecondsOf(name string, periods []v211.ExceptionalPeriod) {
	d.enter(name)
	for i := range periods {
		d.at(i)
		periods[i].PeriodBegin = d.time("period_begin", periods[i].PeriodBegin)
		periods[i].PeriodEnd = d.time("period_end", periods[i].PeriodEnd)
	}
	d.leave()
}

// FreezeSessionLocation keeps with a session of ours the copy of its location that partners on 2.1.1 get, as a leftover: they
// get the same one when the location has changed since. The copy is the one kept before, for the zero Session or one at
// another connector the present one. Where the location is not known, nothing is kept.
func FreezeSessionLocation(s, before *v230.Session, env Env) {
	holds := func(was *v211.Location) bool {
		locationID, evseUID, connectorID := place(was)
		return locationID == s.LocationID && evseUID == s.EVSEUID && connectorID == s.ConnectorID
	}
	freeze(&s.Extra, before.Extra, holds, func() (v211.Location, bool) {
		if _, known := env.location(s.LocationID); !known {
			return v211.Location{}, false
		}
		return newDown(env).sessionLocation(s, nil), true
	})
}

// FreezeCDRLocation does for a CDR what FreezeSessionLocation does for a session (requirement CDR-12: the location as it was
// when it was used).
func FreezeCDRLocation(c, before *v230.CDR, env Env) {
	holds := func(was *v211.Location) bool {
		raised := cdrLocation(was)
		return len(differing(&raised, &c.CDRLocation)) == 0
	}
	freeze(&c.Extra, before.Extra, holds, func() (v211.Location, bool) {
		if _, known := env.location(c.CDRLocation.ID); !known {
			return v211.Location{}, false
		}
		return newDown(env).copyOfLocation(c, nil), true
	})
}

// LocationIn returns the location that a CDR of 2.1.1 has in it, as it was when it was used. It is false for CDRs of other versions, and for
// those that have come to be about another place.
func LocationIn(c *v230.CDR) (v230.Location, bool) {
	said, ok := recall(leftoverOf(c.Extra), "location", func(was *v211.Location) bool {
		if was == nil {
			return false
		}
		raised := cdrLocation(was)
		return len(differing(&raised, &c.CDRLocation)) == 0
	})
	if !ok {
		return v230.Location{}, false
	}
	l, _ := LocationFrom211(*said, Env{Owner: ocpi.NewParty(string(c.CountryCode), string(c.PartyID))})
	return l, true
}

// freeze puts a copy of a location into the leftovers, unless one is there that holds: that of before, or else the one that
// build makes.
func freeze(extra *ocpi.Extra, before ocpi.Extra, holds func(*v211.Location) bool, build func() (v211.Location, bool)) {
	said := func(was *v211.Location) bool { return was != nil && holds(was) }
	left := leftoverOf(*extra)
	if _, ok := recall(left, "location", said); ok {
		return
	}
	if _, ok := recall(leftoverOf(before), "location", said); ok {
		left.setRaw("location", leftoverOf(before)["location"])
	} else if location, known := build(); known && holds(&location) {
		left.set("location", &location)
	} else {
		return
	}
	out := extra.Clone()
	if out == nil {
		out = ocpi.Extra{}
	}
	raw, err := json.Marshal(left, json.Deterministic(true))
	if err != nil {
		return // unknown members that were made in Go and are not JSON
	}
	out[LeftoverMember] = raw
	*extra = out
}

// sessionLocation builds the copy of the location for a session.
func (d *down) sessionLocation(in *v230.Session, left leftover) v211.Location {
	said, ok := d.leftLocation(left, func(was *v211.Location) bool {
		locationID, evseUID, connectorID := place(was)
		return locationID == in.LocationID && evseUID == in.EVSEUID && connectorID == in.ConnectorID
	})
	if ok {
		return said
	}
	location, found := d.env.location(in.LocationID)
	if !found {
		d.lose("location_id", "2.1.1 carries a copy of the location, which is not known here: the copy has the identifiers and placeholders")
		location = placeholderLocation(in)
	}
	location.ID = in.LocationID
	location.EVSEs = d.reducedEVSEs(location.EVSEs, in, found)
	out := lowerQuietly(d.env, &location)
	_, evseUID, connectorID := place(&out)
	if evseUID != in.EVSEUID {
		d.lose("evse_uid", "2.1.1 has no words for the EVSE, the copy of the location is without it")
	}
	if connectorID != in.ConnectorID {
		d.lose("connector_id", "the copy of the location in 2.1.1 cannot point to this connector")
	}
	return out
}

// lowerQuietly lowers a copy of a location. What it loses has been reported where the location itself was sent.
func lowerQuietly(env Env, location *v230.Location) v211.Location {
	var out v211.Location
	newDown(env).location(location, &out)
	return out
}

// reducedEVSEs returns the EVSE of the session alone, with its connector alone.
func (d *down) reducedEVSEs(evses []v230.EVSE, in *v230.Session, found bool) []v230.EVSE {
	if in.EVSEUID == notAvailable {
		return nil
	}
	evse := v230.EVSE{Status: v230.StatusUnknown, LastUpdated: in.LastUpdated}
	i := slices.IndexFunc(evses, func(e v230.EVSE) bool { return e.UID.Equal(in.EVSEUID) })
	if i >= 0 {
		evse = evses[i]
	} else if found {
		d.lose("evse_uid", "the location known here has no such EVSE: the copy has its identifier and placeholders")
	}
	evse.UID = in.EVSEUID
	evse.Connectors = d.reducedConnectors(evse.Connectors, in, i >= 0)
	return []v230.EVSE{evse}
}

// reducedConnectors keeps all connectors where it is not known which one is used.
func (d *down) reducedConnectors(connectors []v230.Connector, in *v230.Session, found bool) []v230.Connector {
	if in.ConnectorID == notAvailable && len(connectors) > 0 {
		return connectors
	}
	connector := placeholderConnector(in.LastUpdated)
	i := slices.IndexFunc(connectors, func(c v230.Connector) bool { return c.ID.Equal(in.ConnectorID) })
	if i >= 0 {
		connector = connectors[i]
	} else if found {
		d.lose("connector_id", "the EVSE known here has no such connector: the copy has its identifier and placeholders")
	}
	connector.ID = in.ConnectorID
	return []v230.Connector{connector}
}

// unknownCountry is a code that ISO 3166-1 leaves to its users; by custom it stands for an unknown country.
const unknownCountry = "ZZZ"

// placeholderLocation fills what 2.1.1 requires of a location and nobody here knows.
func placeholderLocation(in *v230.Session) v230.Location {
	unknown := notAvailable
	return v230.Location{
		Publish: true, Address: unknown, City: unknown, PostalCode: &unknown, Country: unknownCountry,
		Coordinates: v230.GeoLocation{Latitude: "0.000000", Longitude: "0.000000"},
		LastUpdated: in.LastUpdated,
	}
}

// placeholderConnector fills what both versions require of a connector and nobody here knows.
func placeholderConnector(at ocpi.DateTime) v230.Connector {
	return v230.Connector{
		ID: notAvailable, Standard: v230.ConnectorTypeIEC62196T2, Format: v230.ConnectorFormatSocket,
		PowerType: v230.PowerTypeAC3Phase, LastUpdated: at,
	}
}

// cdrLocation raises the copy of the location in a CDR. Where 2.1.1 names no EVSE or connector, its identifiers are
// "#NA" and the rest is without meaning (requirement DD-12).
func cdrLocation(l *v211.Location) v230.CdrLocation {
	out := v230.CdrLocation{
		ID: ocpi.CiString(l.ID), Name: clone(l.Name), Address: l.Address, City: l.City, PostalCode: clone(&l.PostalCode),
		Country: l.Country, EVSEID: notAvailable,
		Coordinates: v230.GeoLocation{Latitude: l.Coordinates.Latitude, Longitude: l.Coordinates.Longitude},
	}
	_, out.EVSEUID, out.ConnectorID = place(l)
	evse, connector := reducedTo(l)
	if evse != nil && evse.EVSEID != nil {
		out.EVSEID = ocpi.CiString(*evse.EVSEID)
	}
	unknown := placeholderConnector(l.LastUpdated)
	out.ConnectorStandard, out.ConnectorFormat, out.ConnectorPowerType = unknown.Standard, unknown.Format, unknown.PowerType
	if connector != nil {
		out.ConnectorStandard = v230.ConnectorType(connector.Standard)
		out.ConnectorFormat = v230.ConnectorFormat(connector.Format)
		out.ConnectorPowerType = v230.PowerType(connector.PowerType)
	}
	return out
}

// copyOfLocation builds the copy of the location for a CDR.
func (d *down) copyOfLocation(in *v230.CDR, left leftover) v211.Location {
	said, ok := d.leftLocation(left, func(was *v211.Location) bool {
		raised := cdrLocation(was)
		return len(differing(&raised, &in.CDRLocation)) == 0
	})
	if ok {
		return said
	}
	d.enter("cdr_location")
	location := d.expanded(in)
	out := lowerQuietly(d.env, &location)
	// What 2.1.1 cannot say is what does not come back.
	back := cdrLocation(&out)
	for _, name := range differing(&back, &in.CDRLocation) {
		d.lose(name, "the copy of the location in 2.1.1 cannot say this")
	}
	d.lostExtra(in.CDRLocation.Extra)
	d.leave()
	return out
}

// expanded makes a location of the copy in a CDR.
func (d *down) expanded(in *v230.CDR) v230.Location {
	l := &in.CDRLocation
	location := v230.Location{
		ID: l.ID, Publish: true, Name: l.Name, Address: l.Address, City: l.City, PostalCode: l.PostalCode,
		Country: l.Country, Coordinates: l.Coordinates, LastUpdated: in.LastUpdated,
	}
	if l.EVSEUID == notAvailable {
		return location
	}
	connector := v230.Connector{
		ID: l.ConnectorID, Standard: l.ConnectorStandard, Format: l.ConnectorFormat, PowerType: l.ConnectorPowerType,
		LastUpdated: in.LastUpdated,
	}
	connector.MaxVoltage, connector.MaxAmperage = d.rating(l)
	evse := v230.EVSE{
		UID: l.EVSEUID, Status: v230.StatusUnknown, Connectors: []v230.Connector{connector}, LastUpdated: in.LastUpdated,
	}
	if l.EVSEID != notAvailable {
		evse.EVSEID = &l.EVSEID
	}
	location.EVSEs = []v230.EVSE{evse}
	return location
}

// rating looks up voltage and amperage, which the copy in a CDR does not have and 2.1.1 requires.
func (d *down) rating(l *v230.CdrLocation) (voltage, amperage int) {
	location, _ := d.env.location(l.ID)
	for _, evse := range location.EVSEs {
		if !evse.UID.Equal(l.EVSEUID) {
			continue
		}
		for _, connector := range evse.Connectors {
			if connector.ID.Equal(l.ConnectorID) {
				return connector.MaxVoltage, connector.MaxAmperage
			}
		}
	}
	d.lose("connector_id", "2.1.1 requires voltage and amperage, which are not known here: both are sent as 0")
	return 0, 0
}

// differing returns the members in which two copies differ, unknown ones aside.
func differing(a, b *v230.CdrLocation) []string {
	var names []string
	check := func(name string, same bool) {
		if !same {
			names = append(names, name)
		}
	}
	check("id", a.ID == b.ID)
	check("name", sameOptional(a.Name, b.Name))
	check("address", a.Address == b.Address)
	check("city", a.City == b.City)
	check("postal_code", sameOptional(a.PostalCode, b.PostalCode))
	check("state", sameOptional(a.State, b.State))
	check("country", a.Country == b.Country)
	check("coordinates", sameGeo(&a.Coordinates, &b.Coordinates))
	check("evse_uid", a.EVSEUID == b.EVSEUID)
	check("evse_id", a.EVSEID == b.EVSEID)
	check("connector_id", a.ConnectorID == b.ConnectorID)
	check("connector_standard", a.ConnectorStandard == b.ConnectorStandard)
	check("connector_format", a.ConnectorFormat == b.ConnectorFormat)
	check("connector_power_type", a.ConnectorPowerType == b.ConnectorPowerType)
	return names
}

func sameOptional[T comparable](a, b *T) bool {
	return a == b || a != nil && b != nil && *a == *b
}

func sameGeo(a, b *v230.GeoLocation) bool {
	same := sameDegrees(a.Latitude, b.Latitude) && sameDegrees(a.Longitude, b.Longitude)
	return same && !hasUnknown(a.Extra) && !hasUnknown(b.Extra)
}

// hasUnknown reports whether there are unknown members other than leftovers.
func hasUnknown(extra ocpi.Extra) bool {
	for name := range extra {
		if !isLeftover(name) {
			return true
		}
	}
	return false
}
