// Package timezone says which time zone a place has. Prices depend on it, and OCPI does not say it everywhere: CDRs have it in 2.1.1 alone, and
// locations of 2.1.1 can be without.
//
// It reads the time zone database as package time does, each zone once. A program that must not depend on that of its machine imports
// time/tzdata.
package timezone

import (
	"strings"
	"sync"
	"time"

	"github.com/shopspring/decimal"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// Of is the time zone of a location: its own, or else that of its country as for OfCDR. It is nil where neither is known.
func Of(l *v230.Location) *time.Location {
	if zone := Named(l.TimeZone); zone != nil {
		return zone
	}
	return ofCountry(l.Country, l.Coordinates.Longitude)
}

// OfCDR is the time zone of the location in a CDR, by its country, where all of the country has the same; for Spain and Portugal by how far west
// it is. It is nil for other countries.
func OfCDR(l *v230.CdrLocation) *time.Location { return ofCountry(l.Country, l.Coordinates.Longitude) }

// Named is the time zone of a name such as Europe/Oslo; nil where the database does not have it.
func Named(name string) *time.Location {
	if name == "" || name == "Local" { // Go has these for other zones
		return nil
	}
	if zone, ok := loaded.Load(name); ok {
		return zone.(*time.Location)
	}
	zone, err := time.LoadLocation(name)
	if err != nil {
		return nil
	}
	loaded.Store(name, zone)
	return zone
}

// loaded are those that were read, by name; there are at most as many as the database has.
var loaded sync.Map

// Degrees east of Greenwich that tell the islands in the Atlantic from the mainland.
const (
	westOfSpain   = -13
	westOfMadeira = -20
)

func ofCountry(country, longitude string) *time.Location {
	switch country = strings.ToUpper(country); country {
	case "ESP":
		return byLongitude(longitude, westOfSpain, "Europe/Madrid", "Atlantic/Canary")
	case "PRT":
		return byLongitude(longitude, westOfMadeira, "Europe/Lisbon", "Atlantic/Azores")
	default:
		return Named(countryZones()[country])
	}
}

func byLongitude(longitude string, border int64, mainland, islands string) *time.Location {
	degrees, err := ocpi.ParseNumber(longitude)
	switch {
	case err != nil:
		return nil
	case degrees.Decimal().LessThan(decimal.NewFromInt(border)):
		return Named(islands)
	default:
		return Named(mainland)
	}
}

// countryZones are the time zones of countries (ISO 3166-1 alpha-3) that have one.
var countryZones = sync.OnceValue(func() map[string]string {
	zones := map[string]string{}
	for area, countries := range zonesByArea {
		for entry := range strings.SplitSeq(countries, ",") {
			country, city, _ := strings.Cut(strings.TrimSpace(entry), " ")
			zones[country] = area + "/" + city
		}
	}
	return zones
})

// zonesByArea are the countries for which the IANA time zone database has one zone (of Germany and Cyprus those of all but a small part), and
// the name of that zone in its area.
var zonesByArea = map[string]string{
	"Africa": `AGO Luanda, BDI Bujumbura, BEN Porto-Novo, BFA Ouagadougou, BWA Gaborone, CAF Bangui, CIV Abidjan, CMR Douala, COG Brazzaville,
		DJI Djibouti, DZA Algiers, EGY Cairo, ERI Asmara, ESH El_Aaiun, ETH Addis_Ababa, GAB Libreville, GHA Accra, GIN Conakry, GMB Banjul, GNB Bissau,
		GNQ Malabo, KEN Nairobi, LBR Monrovia, LBY Tripoli, LSO Maseru, MAR Casablanca, MLI Bamako, MOZ Maputo, MRT Nouakchott, MWI Blantyre, NAM Windhoek,
		NER Niamey, NGA Lagos, RWA Kigali, SDN Khartoum, SEN Dakar, SLE Freetown, SOM Mogadishu, SSD Juba, STP Sao_Tome, SWZ Mbabane, TCD Ndjamena, TGO Lome,
		TUN Tunis, TZA Dar_es_Salaam, UGA Kampala, ZAF Johannesburg, ZMB Lusaka, ZWE Harare`,
	"America": `ABW Aruba, AIA Anguilla, ATG Antigua, BES Kralendijk, BHS Nassau, BLM St_Barthelemy, BLZ Belize, BOL La_Paz, BRB Barbados, COL Bogota,
		CRI Costa_Rica, CUB Havana, CUW Curacao, CYM Cayman, DMA Dominica, DOM Santo_Domingo, GLP Guadeloupe, GRD Grenada, GTM Guatemala, GUF Cayenne,
		GUY Guyana, HND Tegucigalpa, HTI Port-au-Prince, JAM Jamaica, KNA St_Kitts, LCA St_Lucia, MAF Marigot, MSR Montserrat, MTQ Martinique, NIC Managua,
		PAN Panama, PER Lima, PRI Puerto_Rico, PRY Asuncion, SLV El_Salvador, SPM Miquelon, SUR Paramaribo, SXM Lower_Princes, TCA Grand_Turk,
		TTO Port_of_Spain, URY Montevideo, VCT St_Vincent, VEN Caracas, VGB Tortola, VIR St_Thomas`,
	"Arctic": `SJM Longyearbyen`,
	"Asia": `AFG Kabul, ARE Dubai, ARM Yerevan, AZE Baku, BGD Dhaka, BHR Bahrain, BRN Brunei, BTN Thimphu, CYP Nicosia, GEO Tbilisi, HKG Hong_Kong,
		IND Kolkata, IRN Tehran, IRQ Baghdad, ISR Jerusalem, JOR Amman, JPN Tokyo, KGZ Bishkek, KHM Phnom_Penh, KOR Seoul, KWT Kuwait, LAO Vientiane,
		LBN Beirut, LKA Colombo, MAC Macau, MMR Yangon, NPL Kathmandu, OMN Muscat, PAK Karachi, PHL Manila, PRK Pyongyang, QAT Qatar, SAU Riyadh,
		SGP Singapore, SYR Damascus, THA Bangkok, TJK Dushanbe, TKM Ashgabat, TLS Dili, TWN Taipei, VNM Ho_Chi_Minh, YEM Aden`,
	"Atlantic": `BMU Bermuda, CPV Cape_Verde, FLK Stanley, FRO Faroe, ISL Reykjavik, SGS South_Georgia, SHN St_Helena`,
	"Europe": `ALA Mariehamn, ALB Tirane, AND Andorra, AUT Vienna, BEL Brussels, BGR Sofia, BIH Sarajevo, BLR Minsk, CHE Zurich, CZE Prague, DEU Berlin,
		DNK Copenhagen, EST Tallinn, FIN Helsinki, FRA Paris, GBR London, GGY Guernsey, GIB Gibraltar, GRC Athens, HRV Zagreb, HUN Budapest, IMN Isle_of_Man,
		IRL Dublin, ITA Rome, JEY Jersey, LIE Vaduz, LTU Vilnius, LUX Luxembourg, LVA Riga, MCO Monaco, MDA Chisinau, MKD Skopje, MLT Malta, MNE Podgorica,
		NLD Amsterdam, NOR Oslo, POL Warsaw, ROU Bucharest, SMR San_Marino, SRB Belgrade, SVK Bratislava, SVN Ljubljana, SWE Stockholm, TUR Istanbul,
		VAT Vatican`,
	"Indian": `ATF Kerguelen, CCK Cocos, COM Comoro, CXR Christmas, IOT Chagos, MDG Antananarivo, MDV Maldives, MUS Mauritius, MYT Mayotte, REU Reunion,
		SYC Mahe`,
	"Pacific": `ASM Pago_Pago, COK Rarotonga, FJI Fiji, GUM Guam, MNP Saipan, NCL Noumea, NFK Norfolk, NIU Niue, NRU Nauru, PCN Pitcairn, PLW Palau,
		SLB Guadalcanal, TKL Fakaofo, TON Tongatapu, TUV Funafuti, VUT Efate, WLF Wallis, WSM Apia`,
}
