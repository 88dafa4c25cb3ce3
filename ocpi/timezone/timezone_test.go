package timezone_test

import (
	"testing"
	"time"

	"github.com/roamwire/roamwire/ocpi/timezone"
	"github.com/roamwire/roamwire/ocpi/v230"
)

func TestCountriesHaveTimeZones(t *testing.T) {
	for _, test := range []struct{ country, longitude, want string }{
		{"NLD", "", "Europe/Amsterdam"},
		{"deu", "", "Europe/Berlin"},
		{"GBR", "", "Europe/London"},
		{"ESP", "-3.7", "Europe/Madrid"},
		{"ESP", "-15.413700", "Atlantic/Canary"},
		{"ESP", "", ""}, // the islands' time is another
		{"PRT", "-9.14", "Europe/Lisbon"},
		{"PRT", "-16.9", "Europe/Lisbon"}, // Madeira
		{"PRT", "-25.66", "Atlantic/Azores"},
		{"USA", "-74", ""},
		{"", "", ""},
		{"NL", "", ""},
	} {
		zone := timezone.OfCDR(&v230.CdrLocation{Country: test.country, Coordinates: v230.GeoLocation{Longitude: test.longitude}})
		if got := name(zone); got != test.want {
			t.Errorf("%s at %q: %q, want %q", test.country, test.longitude, got, test.want)
		}
	}
}

// Zones that a machine does not know would be missing.
func TestAllZonesOfCountriesAreKnown(t *testing.T) {
	known := 0
	for i := range 26 * 26 * 26 {
		country := string([]byte{byte('A' + i/676), byte('A' + i/26%26), byte('A' + i%26)})
		if timezone.OfCDR(&v230.CdrLocation{Country: country}) != nil {
			known++
		}
	}
	const countries = 218
	if known != countries {
		t.Errorf("%d countries have a zone, %d should", known, countries)
	}
}

func TestLocationsHaveTimeZones(t *testing.T) {
	for _, test := range []struct{ zone, country, want string }{
		{"Europe/Dublin", "NLD", "Europe/Dublin"},
		{"", "NLD", "Europe/Amsterdam"},
		{"Local", "NLD", "Europe/Amsterdam"}, // which is a zone to Go
		{"Mars/Base", "NLD", "Europe/Amsterdam"},
		{"../../etc/passwd", "NLD", "Europe/Amsterdam"},
		{"UTC", "NLD", "UTC"},
		{"", "USA", ""},
	} {
		if got := name(timezone.Of(&v230.Location{TimeZone: test.zone, Country: test.country})); got != test.want {
			t.Errorf("%q in %s: %q, want %q", test.zone, test.country, got, test.want)
		}
	}
}

func name(zone *time.Location) string {
	if zone == nil {
		return ""
	}
	return zone.String()
}
