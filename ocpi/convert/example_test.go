package convert_test

import (
	"fmt"

	"github.com/go-json-experiment/json"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/convert"
	"github.com/roamwire/roamwire/ocpi/v211"
	"github.com/roamwire/roamwire/ocpi/v221"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// A location of 2.1.1 becomes one of 2.3.0, and the same one again. What 2.1.1 leaves to the URL comes from the Env.
func ExampleLocationFrom211() {
	env := convert.Env{Owner: ocpi.NewParty("NL", "GPE")}
	received, _, err := v211.DecodeLocation([]byte(`{
		"id": "LOC1", "type": "OTHER", "address": "Wevershof 3", "city": "Enschede", "postal_code": "7511 AX", "country": "NLD",
		"coordinates": {"latitude": "52.221400", "longitude": "6.890800"}, "last_updated": "2026-03-04T12:00:00Z", "wheelchair": true
	}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	location, losses := convert.LocationFrom211(received, env)
	fmt.Println(location.CountryCode, location.PartyID, location.ID, location.Publish)
	for _, l := range losses {
		fmt.Println("lost on the way up:", l)
	}

	back, losses := convert.LocationTo211(location, env)
	fmt.Println(back.Type, string(back.Extra["wheelchair"]), len(losses))
	before, _ := json.Marshal(received)
	after, _ := json.Marshal(back)
	fmt.Println("unchanged:", string(before) == string(after))
	// Output:
	// NL GPE LOC1 true
	// lost on the way up: /type: 2.3.0 has no parking type OTHER
	// OTHER true 0
	// unchanged: true
}

// What 2.1.1 cannot say is reported, so that whoever sends the object can decide whether to.
func ExampleLocationTo211() {
	location := v230.Location{
		CountryCode: "NL", PartyID: "GPE", ID: "LOC1", Publish: false, Address: "Wevershof 3", City: "Enschede", Country: "NLD",
		Coordinates: v230.GeoLocation{Latitude: "52.22140", Longitude: "6.890800"}, TimeZone: "Europe/Amsterdam",
		ParkingType: new(v230.ParkingTypeAlongMotorway), PostalCode: new("7511 AX"), HelpPhone: new(ocpi.CiString("+31 53 000 0000")),
	}
	old, losses := convert.LocationTo211(location, convert.Env{Owner: ocpi.NewParty("NL", "GPE")})
	fmt.Println(old.ID, old.Type, old.Coordinates.Latitude)
	for _, l := range losses {
		fmt.Println(l)
	}
	// Output:
	// LOC1 OTHER 52.221400
	// /parking_type: 2.1.1 has no location type ALONG_MOTORWAY, it becomes OTHER
	// /publish: 2.1.1 cannot keep a location private: do not send it
	// /help_phone: 2.1.1 has no help_phone here
}

// A price of 2.2.1 becomes one of 2.3.0. When the taxes are told apart later, 2.2.1 still gets the whole amount.
func ExampleSessionTo221() {
	received, _, err := v221.DecodeSession([]byte(`{
		"country_code": "NL", "party_id": "GPE", "id": "S1", "start_date_time": "2026-03-04T12:00:00Z", "kwh": 10.0,
		"cdr_token": {"country_code": "DE", "party_id": "TUB", "uid": "04A7", "type": "RFID", "contract_id": "DE-TUB-C1"},
		"auth_method": "WHITELIST", "location_id": "LOC1", "evse_uid": "E1", "connector_id": "1", "currency": "EUR",
		"total_cost": {"excl_vat": 4.00, "incl_vat": 4.84}, "status": "ACTIVE", "last_updated": "2026-03-04T12:30:00Z"
	}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	session, _ := convert.SessionFrom221(received, convert.Env{})
	cost, _ := json.Marshal(session.TotalCost)
	fmt.Println(string(cost))

	taxes := &session.TotalCost.Taxes
	*taxes = append(*taxes, v230.TaxAmount{Name: "Energy tax", Amount: ocpi.MustNumber("0.10")})
	old, losses := convert.SessionTo221(session, convert.Env{})
	fmt.Println(old.TotalCost.ExclVAT, old.TotalCost.InclVAT)
	for _, l := range losses {
		fmt.Println(l)
	}
	// Output:
	// {"before_taxes":4.00,"taxes":[{"name":"VAT","amount":0.84}]}
	// 4.00 4.94
	// /total_cost/taxes: 2.2.1 knows one tax, VAT: several are added up in incl_vat
}

// What 2.1.1 says and 2.3.0 cannot is kept in the model, and taken out before the object goes to a 2.3.0 partner.
func ExampleStripLeftovers() {
	old := v211.Hours{RegularHours: []v211.RegularHours{{Weekday: 1, PeriodBegin: "08:00", PeriodEnd: "18:00"}}}
	location, _ := convert.LocationFrom211(v211.Location{ID: "LOC1", Type: v211.LocationTypeOther, OpeningTimes: &old}, convert.Env{})
	raw, err := json.Marshal(location.OpeningTimes)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(string(raw))
	fmt.Println(string(convert.StripLeftovers(raw)))
	// Output:
	// {"twentyfourseven":false,"regular_hours":[{"weekday":1,"period_begin":"08:00","period_end":"18:00"}],"ocpi_2_1_1":{"twentyfourseven":null}}
	// {"twentyfourseven":false,"regular_hours":[{"weekday":1,"period_begin":"08:00","period_end":"18:00"}]}
}
