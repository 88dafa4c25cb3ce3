package v211_test

import (
	"fmt"

	"github.com/go-json-experiment/json"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/v211"
)

// What a partner sends is read as far as it can be used. The findings say what is wrong with it, and nothing of it is
// lost: the unknown location type and the field that 2.1.1 does not have are written back as they came.
func ExampleDecodeLocation() {
	location, findings, err := v211.DecodeLocation([]byte(`{
		"id": "LOC1", "type": "ALONG_MOTORWAY", "address": "Wevershof 3", "city": "Enschede", "postal_code": "7511 AX",
		"country": "NL", "coordinates": {"latitude": "52.2214", "longitude": "6.890800"},
		"last_updated": "2026-03-04T12:00:00Z", "help_phone": "+31 53 000 0000"
	}`))
	fmt.Println("usable:", err == nil)
	for _, f := range findings {
		fmt.Println(f.Code, f)
	}
	fmt.Println(location.Type, string(location.Extra["help_phone"]))
	// Output:
	// usable: true
	// enum /type: "ALONG_MOTORWAY" is no value of LocationType
	// format /country: "NL" is not a code of 3 letters
	// format /coordinates/latitude: 4 decimals, 6 are asked for
	// ALONG_MOTORWAY "+31 53 000 0000"
}

// An object that lacks what it cannot do without is refused, with every reason.
func ExampleDecodeLocation_unusable() {
	_, _, err := v211.DecodeLocation([]byte(`{"id": "LOC1", "type": "ON_STREET", "address": 3, "city": null,
		"postal_code": "7511 AX", "country": "NLD", "coordinates": {"latitude": "52.221400"}, "last_updated": "today"}`))
	fmt.Println(err)
	// Output:
	// OCPI 2001: Location cannot be used: /address: must be a string, not a number; /city: required field is null; /coordinates/longitude: required field is missing; /last_updated: "today" is not a timestamp such as 2026-01-31T12:00:00Z
}

// Before an object goes out, Validate says whether it may.
func ExampleLocation_Validate() {
	location := v211.Location{
		ID: "LOC1", Type: v211.LocationTypeOnStreet, Address: "Wevershof 3", City: "Enschede", PostalCode: "7511 AX", Country: "NLD",
		Coordinates:  v211.GeoLocation{Latitude: "52.221400", Longitude: "6.890800"},
		OpeningTimes: &v211.Hours{RegularHours: []v211.RegularHours{{Weekday: 8, PeriodBegin: "22:00", PeriodEnd: "06:00"}}},
	}
	for _, f := range location.Validate() {
		fmt.Println(f)
	}
	// Output:
	// /opening_times/regular_hours/0/weekday: 8 is not between 1 and 7
	// /opening_times/regular_hours/0/period_end: the period ends before it begins
}

// A field of a PATCH is absent, null or a value, and these are three different things.
func ExampleLocationPatch() {
	location := v211.Location{Name: new("Station East"), Address: "Wevershof 3", TimeZone: new("Europe/Amsterdam")}

	patch, _, err := v211.DecodeLocationPatch([]byte(`{"name": null, "address": "Wevershof 5"}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("name:     ", patch.Name.Present, patch.Name.Null)
	fmt.Println("address:  ", patch.Address.Present, patch.Address.Null)
	fmt.Println("time_zone:", patch.TimeZone.Present, patch.TimeZone.Null)

	patch.Apply(&location)
	fmt.Println(location.Name == nil, location.Address, *location.TimeZone)
	// Output:
	// name:      true true
	// address:   true false
	// time_zone: false false
	// true Wevershof 5 Europe/Amsterdam
}

// The same patch is made with Set and Clear.
func ExampleLocationPatch_send() {
	patch := v211.LocationPatch{Name: ocpi.Clear[string](), Address: ocpi.Set("Wevershof 5")}
	raw, err := json.Marshal(patch)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(string(raw))
	// Output:
	// {"name":null,"address":"Wevershof 5"}
}
