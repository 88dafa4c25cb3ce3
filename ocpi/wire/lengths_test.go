package wire_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/convert"
	"github.com/roamwire/roamwire/ocpi/ocpitest"
	"github.com/roamwire/roamwire/ocpi/quirk"
	"github.com/roamwire/roamwire/ocpi/v230"
	"github.com/roamwire/roamwire/ocpi/wire"
)

// Requirements DL-12, ZE-01, ZE-04: an address may be long in a location, and not in the copy that a CDR has; too long it is a
// finding and no more, because nothing says by which edition a partner goes.
func TestLongAddressesAreTaken(t *testing.T) {
	for _, v := range sinceV22() {
		codecs, _ := wire.For(v)
		env := convert.Env{Owner: patchOwner}
		address := strings.Repeat("a", 200)
		location, cdr := ocpitest.Network(patchOwner).Location(1), ocpitest.Network(patchOwner).CDR(1)
		location.Address, cdr.CDRLocation.Address = address, address
		raw := write(t, codecs.Locations, location, env)
		read, report, err := codecs.Locations.Read(raw, env, quirk.Profile{})
		if err != nil || len(report.Findings) > 0 || read.Address != address {
			t.Errorf("%s: location: %v %v", v, err, report.Findings)
		}
		copied, report, err := codecs.CDRs.Read(write(t, codecs.CDRs, cdr, env), env, quirk.Profile{})
		tooLong := slices.ContainsFunc(report.Findings, func(f ocpi.Finding) bool {
			return f.Code == ocpi.FindingLength && f.Pointer == "/cdr_location/address"
		})
		if err != nil || !tooLong || copied.CDRLocation.Address != address {
			t.Errorf("%s: CDR: %v %v", v, err, report.Findings)
		}
	}
}

// Requirements ZL-03, ZL-04, ZL-05, ZL-08: what is said of parking places is taken and kept as it is, in kilograms, centimeters and
// minutes, however much of it there is, also of a place that the location does not have.
func TestParkingPlacesAreKeptAsTheyAre(t *testing.T) {
	codecs, _ := wire.For(ocpi.V230)
	env := convert.Env{Owner: patchOwner}
	location := ocpitest.Network(patchOwner).Location(1)
	places := []jsontext.Value{
		jsontext.Value(`{"id":"P1","vehicle_types":["VAN","HOVERCRAFT"],"restricted_to_type":true,"reservation_required":false}`),
		jsontext.Value(`{"id":"P2","vehicle_types":["DISABLED"],"max_vehicle_weight":3500.5,"max_vehicle_height":210,"time_limit":90,"drive_through":true,"restricted_to_type":false,"reservation_required":true}`),
	}
	location.EVSEs[0].Parking = []v230.EVSEParking{{ParkingID: "NOWHERE"}}
	raw := string(write(t, codecs.Locations, location, env))
	raw = strings.Replace(raw, `"country":`, `"parking_places":[`+string(places[0])+`,`+string(places[1])+`],"country":`, 1)
	read, report, err := codecs.Locations.Read([]byte(raw), env, quirk.Profile{})
	if err != nil {
		t.Fatal(err, report.Findings)
	}
	written := string(write(t, codecs.Locations, read, env))
	for _, place := range places {
		if err := place.Canonicalize(); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(written, string(place)) {
			t.Errorf("%s is not in %s", place, written)
		}
	}
	if read.EVSEs[0].Parking[0].ParkingID != "NOWHERE" {
		t.Errorf("%+v", read.EVSEs[0].Parking)
	}
}
