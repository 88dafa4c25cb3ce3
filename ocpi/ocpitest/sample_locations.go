package ocpitest

import (
	"fmt"
	"time"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// A place is what makes one sample location different from the others.
type place struct {
	name, address, city, postalCode, country, timeZone string
	// latitude and longitude are in millionths of a degree.
	latitude, longitude int
	parking             v230.ParkingType
	evses               []charger
	// furnish adds what only this place has.
	furnish func(Sample, place, *v230.Location)
}

// A charger is an EVSE of a place.
type charger struct {
	status v230.Status
	plugs  []plug
	floor  string
}

// A plug is a connector of a charger.
type plug struct {
	standard       v230.ConnectorType
	format         v230.ConnectorFormat
	power          v230.PowerType
	volts, amperes int
	tariff         ocpi.CiString
	terms          bool
}

func places() []place {
	return []place{
		{
			name: "Stationsplein Oost", address: "Wevershof 3", city: "Enschede", postalCode: "7511 AX", country: "NLD",
			timeZone: "Europe/Amsterdam", latitude: 52_221_400, longitude: 6_890_800, parking: v230.ParkingTypeParkingLot,
			evses: []charger{
				{status: v230.StatusAvailable, plugs: []plug{type2(acTariff), household(acTariff)}},
				{status: v230.StatusCharging, plugs: []plug{type2(acTariff)}},
			},
			furnish: Sample.furnishStation,
		},
		{
			name: "Parkeergarage De Schouwburg", address: "Spinnersgang 40", city: "Hengelo", postalCode: "7551 BC", country: "NLD",
			timeZone: "Europe/Amsterdam", latitude: 52_261_100, longitude: 6_793_100, parking: v230.ParkingTypeParkingGarage,
			evses: []charger{
				{status: v230.StatusAvailable, plugs: []plug{type2(acTariff)}, floor: "-1"},
				{status: v230.StatusReserved, plugs: []plug{type2(acTariff)}, floor: "-1"},
				{status: v230.StatusOutOfOrder, plugs: []plug{type2(acTariff)}, floor: "-2"},
			},
			furnish: Sample.furnishGarage,
		},
		{
			name: "Ladepark Gronau West", address: "Am Zollhaus 12", city: "Gronau", postalCode: "48599", country: "DEU",
			timeZone: "Europe/Berlin", latitude: 52_208_300, longitude: 7_031_900, parking: v230.ParkingTypeParkingLot,
			evses: []charger{
				{status: v230.StatusCharging, plugs: []plug{ccs(), chademo()}},
				{status: v230.StatusAvailable, plugs: []plug{ccs(), chademo()}},
				{status: v230.StatusAvailable, plugs: []plug{ccs()}},
				{status: v230.StatusInoperative, plugs: []plug{ccs()}},
			},
			furnish: Sample.furnishPark,
		},
		{
			name: "Kanalstraße", address: "Kanalstraße 218", city: "Münster", postalCode: "48147", country: "DEU",
			timeZone: "Europe/Berlin", latitude: 51_974_600, longitude: 7_632_300, parking: v230.ParkingTypeOnStreet,
			evses: []charger{
				{status: v230.StatusBlocked, plugs: []plug{type2(acTariff)}},
				{status: v230.StatusAvailable, plugs: []plug{type2(acTariff)}},
			},
			furnish: Sample.furnishStreet,
		},
		{
			name: "Hotel De Linde", address: "Lindelaan 7", city: "Oldenzaal", postalCode: "7571 GH", country: "NLD",
			timeZone: "Europe/Amsterdam", latitude: 52_313_100, longitude: 6_929_200, parking: v230.ParkingTypeParkingLot,
			evses: []charger{
				{status: v230.StatusUnknown, plugs: []plug{type2(freeTariff)}},
			},
			furnish: Sample.furnishHotel,
		},
		{
			name: "Tiefgarage am Markt", address: "Vechteufer 1", city: "Nordhorn", postalCode: "48529", country: "DEU",
			timeZone: "Europe/Berlin", latitude: 52_431_800, longitude: 7_068_000, parking: v230.ParkingTypeUndergroundGarage,
			evses: []charger{
				{status: v230.StatusPlanned, plugs: []plug{type2(acTariff)}, floor: "U1"},
				{status: v230.StatusPlanned, plugs: []plug{type2(acTariff)}, floor: "U1"},
			},
			furnish: Sample.furnishBasement,
		},
	}
}

func type2(tariff ocpi.CiString) plug {
	return plug{
		standard: v230.ConnectorTypeIEC62196T2, format: v230.ConnectorFormatSocket, power: v230.PowerTypeAC3Phase,
		volts: 230, amperes: 32, tariff: tariff, terms: true,
	}
}

func household(tariff ocpi.CiString) plug {
	return plug{
		standard: v230.ConnectorTypeDomesticF, format: v230.ConnectorFormatSocket, power: v230.PowerTypeAC1Phase,
		volts: 230, amperes: 10, tariff: tariff,
	}
}

func ccs() plug {
	return plug{
		standard: v230.ConnectorTypeIEC62196T2Combo, format: v230.ConnectorFormatCable, power: v230.PowerTypeDC,
		volts: 920, amperes: 250, tariff: dcTariff, terms: true,
	}
}

func chademo() plug {
	return plug{
		standard: v230.ConnectorTypeCHAdeMO, format: v230.ConnectorFormatCable, power: v230.PowerTypeDC,
		volts: 500, amperes: 125, tariff: dcTariff,
	}
}

// Locations are the six places of the network, with EVSEs in every state but REMOVED.
func (s Sample) Locations() []v230.Location {
	locations := make([]v230.Location, len(places()))
	for i := range locations {
		locations[i] = s.Location(i + 1)
	}
	return locations
}

// Location makes the nth location, LOC1 and so on. The first six are those of Locations; further ones are like them,
// some streets away.
func (s Sample) Location(n int) v230.Location {
	all := places()
	round, which := (n-1)/len(all), (n-1)%len(all)
	p := all[which]
	if round > 0 {
		p.name = fmt.Sprintf("%s %d", p.name, round+1)
		p.latitude += round % 100 * 700
		p.longitude += round % 100 * 900
	}
	l := v230.Location{
		ID: id("LOC", n), Publish: true, Name: &p.name, Address: p.address, City: p.city, PostalCode: &p.postalCode,
		Country: p.country, Coordinates: v230.GeoLocation{Latitude: degrees(p.latitude), Longitude: degrees(p.longitude)},
		ParkingType: &p.parking, TimeZone: p.timeZone, Operator: operator(),
	}
	l.CountryCode, l.PartyID = owner(s.CPO)
	for i, c := range p.evses {
		l.EVSEs = append(l.EVSEs, s.evse(n, i+1, c))
	}
	l.LastUpdated = latest(l.EVSEs)
	p.furnish(s, p, &l)
	return l
}

// degrees writes millionths of a degree with the six decimals that 2.1.1 asks for (requirement L-28).
func degrees(millionths int) string {
	return fmt.Sprintf("%d.%06d", millionths/1_000_000, millionths%1_000_000)
}

func latest(evses []v230.EVSE) ocpi.DateTime {
	last := evses[0].LastUpdated
	for _, e := range evses[1:] {
		if e.LastUpdated.Compare(last) > 0 {
			last = e.LastUpdated
		}
	}
	return last
}

func (s Sample) evse(location, n int, c charger) v230.EVSE {
	reference := fmt.Sprintf("%d-%02d", location, n)
	e := v230.EVSE{
		UID: evseUID(location, n), EVSEID: new(s.evseID(location, n)), Status: c.status, PhysicalReference: &reference,
		Capabilities: []v230.Capability{v230.CapabilityRFIDReader, v230.CapabilityRemoteStartStopCapable, v230.CapabilityUnlockCapable},
		// The more recent changes are those of the first EVSEs; the very first is that of the active session.
		LastUpdated: s.ago(activeFor + time.Duration((location+2)%len(places())*5+n-1)*time.Hour),
	}
	if c.floor != "" {
		e.FloorLevel = &c.floor
	}
	for i, p := range c.plugs {
		e.Connectors = append(e.Connectors, s.connector(i+1, p))
	}
	return e
}

func evseUID(location, n int) ocpi.CiString {
	return ocpi.CiString(fmt.Sprintf("LOC%d-%d", location, n))
}

// evseID is a public EVSE ID in the eMI3 form, such as NL*GPE*E1*2.
func (s Sample) evseID(location, n int) ocpi.CiString {
	return ocpi.CiString(fmt.Sprintf("%s*%s*E%d*%d", s.CPO.CountryCode, s.CPO.PartyID, location, n))
}

func (s Sample) connector(n int, p plug) v230.Connector {
	c := v230.Connector{
		ID: id("", n), Standard: p.standard, Format: p.format, PowerType: p.power, MaxVoltage: p.volts, MaxAmperage: p.amperes,
		TariffIDs: []ocpi.CiString{p.tariff}, LastUpdated: s.ago(90 * day),
	}
	if p.terms {
		c.TermsAndConditions = new("https://grenspaal.example.com/terms")
	}
	return c
}

func operator() *v230.BusinessDetails {
	return &v230.BusinessDetails{
		Name: "Grenspaal Laden", Website: new("https://grenspaal.example.com"),
		Logo: &v230.Image{
			URL: "https://grenspaal.example.com/logo.svg", Category: v230.ImageCategoryOperator, Type: "svg",
			Width: new(512), Height: new(512),
		},
	}
}

func photo(name string, category v230.ImageCategory) v230.Image {
	return v230.Image{
		URL: "https://grenspaal.example.com/photos/" + name + ".jpeg", Thumbnail: new("https://grenspaal.example.com/photos/" + name + "-small.jpeg"),
		Category: category, Type: "jpeg", Width: new(1600), Height: new(900),
	}
}

// furnishStation: open around the clock, green energy, a second entrance.
func (s Sample) furnishStation(p place, l *v230.Location) {
	l.OpeningTimes = &v230.Hours{TwentyFourSeven: true}
	l.Owner = &v230.BusinessDetails{Name: "Spoorzone Beheer"}
	l.Facilities = []v230.Facility{v230.FacilityTrainStation, v230.FacilityBusStop, v230.FacilityTaxiStand, v230.FacilityCafe}
	l.Directions = texts(
		"Achter het station, inrit aan de Wevershof.", "Hinter dem Bahnhof, Einfahrt am Wevershof.", "Behind the station, enter from Wevershof.")
	l.RelatedLocations = []v230.AdditionalGeoLocation{{
		Latitude: degrees(p.latitude + 650), Longitude: degrees(p.longitude + 900), Name: &v230.DisplayText{Language: "nl", Text: "Voetgangersingang"},
	}}
	l.Images = []v230.Image{photo("stationsplein", v230.ImageCategoryLocation), photo("stationsplein-inrit", v230.ImageCategoryEntrance)}
	l.EnergyMix = greenMix()
}

func greenMix() *v230.EnergyMix {
	return &v230.EnergyMix{
		IsGreenEnergy: true,
		EnergySources: []v230.EnergySource{
			{Source: v230.EnergySourceCategoryWind, Percentage: ocpi.MustNumber("62.5")},
			{Source: v230.EnergySourceCategorySolar, Percentage: ocpi.MustNumber("27.5")},
			{Source: v230.EnergySourceCategoryWater, Percentage: ocpi.NumberOf(10)},
		},
		EnvironImpact: []v230.EnvironmentalImpact{
			{Category: v230.EnvironmentalImpactCategoryNuclearWaste, Amount: ocpi.NumberOf(0)},
			{Category: v230.EnvironmentalImpactCategoryCarbonDioxide, Amount: ocpi.NumberOf(0)},
		},
		SupplierName: new("Wieken en Zon"), EnergyProductName: new("Streekstroom"),
	}
}

// furnishGarage: opening hours with an exception, charging goes on at night, the third EVSE is out of order.
func (s Sample) furnishGarage(_ place, l *v230.Location) {
	l.OpeningTimes = &v230.Hours{
		RegularHours:        append(weekdays(1, 6, "06:30", "23:30"), weekdays(7, 7, "10:00", "20:00")...),
		ExceptionalOpenings: []v230.ExceptionalPeriod{{PeriodBegin: s.ago(-9 * day), PeriodEnd: s.ago(-9*day - 8*time.Hour)}},
		ExceptionalClosings: []v230.ExceptionalPeriod{{PeriodBegin: s.ago(-20 * day), PeriodEnd: s.ago(-21 * day)}},
	}
	l.ChargingWhenClosed = new(true)
	l.Suboperator = &v230.BusinessDetails{Name: "Parkeerbeheer Twentekade", Website: new("https://twentekade.example.com")}
	l.Facilities = []v230.Facility{v230.FacilityMall, v230.FacilityMuseum, v230.FacilityWiFi}
	l.Images = []v230.Image{photo("schouwburg", v230.ImageCategoryEntrance)}
	for i := range l.EVSEs {
		l.EVSEs[i].Capabilities = append(l.EVSEs[i].Capabilities, v230.CapabilityReservable)
		l.EVSEs[i].ParkingRestrictions = []v230.ParkingRestriction{v230.ParkingRestrictionEVOnly, v230.ParkingRestrictionPlugged}
	}
}

func weekdays(from, to int, begin, end string) []v230.RegularHours {
	var hours []v230.RegularHours
	for weekday := from; weekday <= to; weekday++ {
		hours = append(hours, v230.RegularHours{Weekday: weekday, PeriodBegin: begin, PeriodEnd: end})
	}
	return hours
}

// furnishPark: fast charging, with an announced pause for maintenance.
func (s Sample) furnishPark(_ place, l *v230.Location) {
	l.OpeningTimes = &v230.Hours{TwentyFourSeven: true}
	l.Facilities = []v230.Facility{v230.FacilityRestaurant, v230.FacilityFuelStation, v230.FacilityWiFi}
	l.Directions = texts("Na de grens de eerste afslag rechts.", "Hinter der Grenze die erste Ausfahrt rechts.", "First exit right after the border.")
	l.Images = []v230.Image{photo("ladepark", v230.ImageCategoryCharger)}
	l.EnergyMix = &v230.EnergyMix{
		EnergySources: []v230.EnergySource{
			{Source: v230.EnergySourceCategoryGeneralGreen, Percentage: ocpi.MustNumber("71.2")},
			{Source: v230.EnergySourceCategoryGas, Percentage: ocpi.MustNumber("28.8")},
		},
		EnvironImpact: []v230.EnvironmentalImpact{{Category: v230.EnvironmentalImpactCategoryCarbonDioxide, Amount: ocpi.MustNumber("118.5")}},
	}
	for i := range l.EVSEs {
		l.EVSEs[i].Capabilities = append(l.EVSEs[i].Capabilities, v230.CapabilityCreditCardPayable)
	}
	l.EVSEs[1].StatusSchedule = []v230.StatusSchedule{{
		PeriodBegin: s.ago(-3 * day), PeriodEnd: new(s.ago(-3*day - 4*time.Hour)), Status: v230.StatusInoperative,
	}}
}

// furnishStreet: two bays at the kerb, one of them for drivers with a disability permit.
func (s Sample) furnishStreet(p place, l *v230.Location) {
	l.OpeningTimes = &v230.Hours{TwentyFourSeven: true}
	l.EVSEs[0].ParkingRestrictions = []v230.ParkingRestriction{v230.ParkingRestrictionEVOnly}
	l.EVSEs[1].ParkingRestrictions = []v230.ParkingRestriction{v230.ParkingRestrictionEVOnly, v230.ParkingRestrictionDisabled}
	l.EVSEs[1].Coordinates = &v230.GeoLocation{Latitude: degrees(p.latitude), Longitude: degrees(p.longitude + 150)}
	l.EVSEs[1].Directions = []v230.DisplayText{{Language: "de", Text: "Zehn Meter weiter, vor der Apotheke."}}
}

// furnishHotel: free of charge for guests, in the daytime.
func (s Sample) furnishHotel(_ place, l *v230.Location) {
	l.OpeningTimes = &v230.Hours{RegularHours: weekdays(1, 7, "07:00", "22:00")}
	l.ChargingWhenClosed = new(false)
	l.Owner = &v230.BusinessDetails{Name: "Hotel De Linde", Website: new("https://delinde.example.com")}
	l.Facilities = []v230.Facility{v230.FacilityHotel, v230.FacilityRestaurant, v230.FacilityNature}
	l.EVSEs[0].ParkingRestrictions = []v230.ParkingRestriction{v230.ParkingRestrictionCustomers}
	l.EVSEs[0].Images = []v230.Image{photo("delinde", v230.ImageCategoryCharger)}
}

// furnishBasement: not open yet, which both EVSEs announce.
func (s Sample) furnishBasement(_ place, l *v230.Location) {
	l.OpeningTimes = &v230.Hours{RegularHours: weekdays(1, 6, "06:00", "22:00")}
	l.Facilities = []v230.Facility{v230.FacilitySupermarket, v230.FacilitySport}
	for i := range l.EVSEs {
		l.EVSEs[i].StatusSchedule = []v230.StatusSchedule{{PeriodBegin: s.ago(-30 * day), Status: v230.StatusAvailable}}
	}
}
