package wire_test

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/convert"
	"github.com/roamwire/roamwire/ocpi/ocpitest"
	"github.com/roamwire/roamwire/ocpi/quirk"
	"github.com/roamwire/roamwire/ocpi/v230"
	"github.com/roamwire/roamwire/ocpi/wire"
)

// A deviation is a document in which something was replaced, and what is found in it. An empty by removes what was there.
type deviation struct {
	name, old, by string
	// pointers are where something is found, versions in which; all since 2.2 where none are named.
	pointers []string
	versions []ocpi.Version
}

// checkDeviations checks that a document as it is has no findings in any version, and those of each deviation where it has one.
func checkDeviations[T any](t *testing.T, pick func(wire.Codecs) wire.Codec[T], object T, deviations []deviation) {
	t.Helper()
	env := convert.Env{Owner: patchOwner}
	for _, v := range sinceV22() {
		codecs, _ := wire.For(v)
		codec := pick(codecs)
		raw := convert.StripLeftovers(write(t, codec, object, env))
		for _, d := range append([]deviation{{name: "as it is"}}, deviations...) {
			if len(d.versions) > 0 && !slices.Contains(d.versions, v) {
				continue
			}
			t.Run(string(v)+"/"+d.name, func(t *testing.T) {
				if !strings.Contains(string(raw), d.old) {
					t.Fatalf("there is no %s in %s", d.old, raw)
				}
				_, report, _ := codec.Read(bytes.Replace(raw, []byte(d.old), []byte(d.by), 1), env, quirk.Profile{})
				var found []string
				for _, f := range report.Findings {
					found = append(found, f.Pointer)
				}
				if diff := cmp.Diff(d.pointers, found); diff != "" {
					t.Errorf("%s%v", diff, report.Findings)
				}
			})
		}
	}
}

func at(pointers ...string) []string { return pointers }

// Requirements DL-05, DL-06, DL-08, DL-09, ZX-03: what a location may not say is found where it says it.
func TestDeviationsOfLocationsAreFound_DL05_DL06_DL08_DL09(t *testing.T) {
	location := ocpitest.Network(patchOwner).Location(1)
	location.PublishAllowedTo = nil
	location.Coordinates = v230.GeoLocation{Latitude: "53.219383", Longitude: "6.566502"}
	location.OpeningTimes = &v230.Hours{TwentyFourSeven: true}
	location.ParkingType, location.Facilities = new(v230.ParkingTypeOnStreet), []v230.Facility{v230.FacilityHotel}
	publish := func(allowed string) string { return `"publish":false,"publish_allowed_to":[` + allowed + `]` }
	hours := func(h string) string { return `"opening_times":{` + h + `}` }
	const old, around = `"publish":true`, `"opening_times":{"twentyfourseven":true}`
	checkDeviations(t, func(c wire.Codecs) wire.Codec[v230.Location] { return c.Locations }, location, []deviation{
		{"publish is missing", old + `,`, ``, at("/publish"), nil},
		{"a private location for some", old, publish(`{"uid":"U","type":"RFID"},{"visual_number":"1","issuer":"I"},{"group_id":"G"}`), nil, nil},
		{"a list of tokens for a location that is published", old, `"publish":true,"publish_allowed_to":[{"group_id":"G"}]`, at("/publish_allowed_to"), nil},
		{"an entry that names no token", old, publish(`{"issuer":"I"}`), at("/publish_allowed_to/0"), nil},
		{"a uid without its type", old, publish(`{"group_id":"G"},{"uid":"U"}`), at("/publish_allowed_to/1/type"), nil},
		{"a visual number without its issuer", old, publish(`{"visual_number":"1"}`), at("/publish_allowed_to/0/issuer"), nil},
		{"hours without twentyfourseven", around, hours(`"regular_hours":[{"weekday":1,"period_begin":"08:00","period_end":"18:00"}]`), at("/opening_times/twentyfourseven"), nil},
		{"neither hours nor around the clock", around, hours(`"twentyfourseven":false`), at("/opening_times"), nil},
		{"hours and around the clock", around, hours(`"twentyfourseven":true,"regular_hours":[{"weekday":1,"period_begin":"08:00","period_end":"18:00"}]`), at("/opening_times/regular_hours"), nil},
		{"five decimals", `"53.219383"`, `"53.21938"`, nil, nil},
		{"seven decimals", `"53.219383"`, `"53.2193831"`, nil, nil},
		{"four decimals", `"53.219383"`, `"53.2193"`, at("/coordinates/latitude"), nil},
		{"eight decimals", `"53.219383"`, `"3.21938312"`, at("/coordinates/latitude"), nil},
		{"seven decimals in more characters than there may be", `"53.219383"`, `"-53.2193831"`, at("/coordinates/latitude"), nil},
		{"a parking type that 2.2.1 does not list", `"ON_STREET"`, `"ROOFTOP"`, at("/parking_type"), []ocpi.Version{ocpi.V221}},
		{"a facility that 2.2.1 does not list", `"HOTEL"`, `"SAUNA"`, at("/facilities/0"), []ocpi.Version{ocpi.V221}},
	})
}

// Requirements ZL-01, ZL-03: parking places are told apart, and an EVSE at one that is not there is found and no more.
func TestDeviationsOfParkingPlacesAreFound_ZL01(t *testing.T) {
	location := ocpitest.Network(patchOwner).Location(1)
	place := v230.Parking{ID: "P1", VehicleTypes: []v230.VehicleType{v230.VehicleTypeVan}}
	other := place
	other.ID = "P2"
	location.ParkingPlaces, location.EVSEs[0].Parking = []v230.Parking{place, other}, []v230.EVSEParking{{ParkingID: "p2"}}
	only := []ocpi.Version{ocpi.V230}
	checkDeviations(t, func(c wire.Codecs) wire.Codec[v230.Location] { return c.Locations }, location, []deviation{
		{"two of one id", `"id":"P2"`, `"id":"p1"`, at("/parking_places/1/id", "/evses/0/parking/0/parking_id"), only},
		{"a place that is not there", `"parking_id":"p2"`, `"parking_id":"P3"`, at("/evses/0/parking/0/parking_id"), only},
		{"a vehicle that is not listed (ZX-03)", `"VAN"`, `"HOVERCRAFT"`, nil, only},
		{"no vehicles", `["VAN"]`, `[]`, at("/parking_places/0/vehicle_types"), only},
		{"a position that is not listed", `"parking_id":"p2"`, `"parking_id":"p2","evse_position":"ABOVE"`, at("/evses/0/parking/0/evse_position"), only},
	})
}

// Requirement DT-32: times are in UTC, with or without a Z and a fraction of a second.
func TestDeviationsOfTimesAreFound_DT32(t *testing.T) {
	tariff := ocpitest.Network(patchOwner).ACTariff()
	tariff.LastUpdated = ocpi.NewDateTime(time.Date(2026, 3, 29, 1, 30, 0, 0, time.UTC))
	const old = `"2026-03-29T01:30:00Z"`
	var deviations []deviation
	for by, found := range map[string]bool{
		"2026-03-29T01:30:00": false, "2026-03-29T01:30:00.5Z": false, "2026-03-29T01:30:00.1234": false,
		"2026-03-29T03:30:00+02:00": true, "2026-03-29 01:30:00Z": true, "2026-03-29": true, "yesterday": true,
	} {
		d := deviation{by, old, `"` + by + `"`, nil, nil}
		if found {
			d.pointers = at("/last_updated")
		}
		deviations = append(deviations, d)
	}
	checkDeviations(t, func(c wire.Codecs) wire.Codec[v230.Tariff] { return c.Tariffs }, tariff, deviations)
}

// Requirements DS-11, DD-01, DD-02, DD-03, DD-13, DT-33, ZE-01, ZD-01, ZY-01: what a CDR may not say is found where it says it.
func TestDeviationsOfCDRsAreFound_DD02_DD03_DD13(t *testing.T) {
	cdr := ocpitest.Network(patchOwner).CDR(1)
	cdr.ID, cdr.Credit, cdr.CreditReferenceID = "CDR-ID", nil, nil
	cdr.SignedData = &v230.SignedData{EncodingMethod: "OCMF", SignedValues: []v230.SignedValue{{Nature: "Start", PlainData: "plain", SignedData: "T0NNRg=="}}}
	cdr.ChargingPeriods = []v230.ChargingPeriod{{StartDateTime: cdr.StartDateTime, Dimensions: []v230.CdrDimension{{Type: v230.CdrDimensionTypeMaxPower, Volume: ocpi.MustNumber("7")}}}}
	long := strings.Repeat("9", 39)
	old := `"id":"CDR-ID"`
	checkDeviations(t, func(c wire.Codecs) wire.Codec[v230.CDR] { return c.CDRs }, cdr, []deviation{
		{"a credit CDR", old, `"id":"` + long + `","credit":true,"credit_reference_id":"CDR-0"`, nil, nil},
		{"a credit CDR of nothing", old, old + `,"credit":true`, at("/credit_reference_id"), nil},
		{"a CDR that is no credit and names one", old, old + `,"credit_reference_id":"CDR-0"`, at("/credit_reference_id"), nil},
		{"a long id without a credit", old, `"id":"` + long + `","credit":false`, at("/id"), nil},
		{"an id that is too long for any", old, `"id":"` + long + `9","credit":true,"credit_reference_id":"CDR-0"`, at("/id"), nil},
		{"signed data without values", `"signed_values":[{"nature":"Start","plain_data":"plain","signed_data":"T0NNRg=="}]`, `"signed_values":[]`, at("/signed_data/signed_values"), nil},
		{"5000 characters of plain data", `"plain"`, `"` + strings.Repeat("p", 5000) + `"`, nil, nil},
		{"more than that", `"plain"`, `"` + strings.Repeat("p", 5001) + `"`, at("/signed_data/signed_values/0/plain_data"), nil},
		{"the price of the other version", `"excl_vat"`, `"before_taxes"`, at("/total_cost/excl_vat"), []ocpi.Version{ocpi.V221}},
		{"the price of the other version", `"before_taxes"`, `"excl_vat"`, at("/total_cost/before_taxes"), []ocpi.Version{ocpi.V230}},
		{"the charge of the battery", `"MAX_POWER"`, `"STATE_OF_CHARGE"`, at("/charging_periods/0/dimensions/0/type"), nil},
		{"the power of a moment", `"MAX_POWER"`, `"POWER"`, at("/charging_periods/0/dimensions/0/type"), nil},
		{"energy that was given back", `"MAX_POWER"`, `"ENERGY_EXPORT"`, at("/charging_periods/0/dimensions/0/type"), nil},
		{"the time of a reservation", `"MAX_POWER"`, `"RESERVATION_TIME"`, nil, nil},
		{"the time of 2.1.1", `"end_date_time"`, `"stop_date_time"`, at("/end_date_time"), nil},
	})
}

// Requirement DS-11: sessions have them.
func TestDimensionsOfSessionsAreForThem_DS11(t *testing.T) {
	session := ocpitest.Network(patchOwner).ActiveSession()
	session.ChargingPeriods = []v230.ChargingPeriod{{StartDateTime: session.StartDateTime}}
	for _, kind := range []v230.CdrDimensionType{
		v230.CdrDimensionTypeCurrent, v230.CdrDimensionTypeEnergyExport, v230.CdrDimensionTypeEnergyImport, v230.CdrDimensionTypePower, v230.CdrDimensionTypeStateOfCharge,
	} {
		d := v230.CdrDimension{Type: kind, Volume: ocpi.MustNumber("7")}
		session.ChargingPeriods[0].Dimensions = append(session.ChargingPeriods[0].Dimensions, d)
	}
	checkDeviations(t, func(c wire.Codecs) wire.Codec[v230.Session] { return c.Sessions }, session, []deviation{
		{"one that there is not", `"STATE_OF_CHARGE"`, `"FLAT"`, at("/charging_periods/0/dimensions/4/type"), nil},
	})
}

// Requirements DTA-09, ZT-01: a reservation has no price by energy, and since 2.3.0 a tariff says what of taxes is in its prices.
func TestDeviationsOfTariffsAreFound_DTA09_ZT01(t *testing.T) {
	tariff := ocpitest.Network(patchOwner).ACTariff()
	tariff.Elements = []v230.TariffElement{{
		PriceComponents: []v230.PriceComponent{{Type: v230.TariffDimensionTypeTime, Price: ocpi.MustNumber("3.00"), StepSize: 60}},
		Restrictions:    &v230.TariffRestrictions{Reservation: new(v230.ReservationRestrictionTypeReservation)},
	}}
	checkDeviations(t, func(c wire.Codecs) wire.Codec[v230.Tariff] { return c.Tariffs }, tariff, []deviation{
		{"a flat price of a reservation", `"TIME"`, `"FLAT"`, nil, nil},
		{"energy of a reservation", `"TIME"`, `"ENERGY"`, at("/elements/0/price_components/0/type"), nil},
		{"energy of a charge", `"TIME"}],"restrictions":{"reservation":"RESERVATION"}`, `"ENERGY"}]`, nil, nil},
		{"nothing said about taxes", `"tax_included":"` + string(tariff.TaxIncluded) + `"`, `"x":0`, at("/tax_included"), []ocpi.Version{ocpi.V230}},
		{"something else said about taxes", `"tax_included":"` + string(tariff.TaxIncluded) + `"`, `"tax_included":"MAYBE"`, at("/tax_included"), []ocpi.Version{ocpi.V230}},
	})
}

// Requirements DC-01, DT-03, DT-34, ZC-01, ZY-05: enums that stay closed, and roles that are each there once.
func TestDeviationsOfCredentialsAreFound_DC01(t *testing.T) {
	role := func(r ocpi.Role, party ocpi.CiString) v230.CredentialsRole {
		return v230.CredentialsRole{Role: r, CountryCode: "NL", PartyID: party, BusinessDetails: v230.BusinessDetails{Name: "x"}}
	}
	credentials := v230.Credentials{Token: "t", URL: "https://x.example.com/versions", Roles: []v230.CredentialsRole{
		role(ocpi.RoleCPO, "AAA"), role(ocpi.RoleEMSP, "AAA"), role(ocpi.RoleCPO, "BBB"),
	}}
	checkDeviations(t, func(c wire.Codecs) wire.Codec[v230.Credentials] { return c.Credentials }, credentials, []deviation{
		{"a token with a blank", `"token":"t"`, `"token":"t 1"`, at("/token"), nil},
		{"a role of a party twice", `"BBB"`, `"aaa"`, at("/roles/2"), nil},
		{"a hub among the roles of 2.3.0", `"role":"EMSP"`, `"role":"HUB"`, at("/roles/1/role"), []ocpi.Version{ocpi.V230}},
		{"a role that there is not", `"role":"EMSP"`, `"role":"BANK"`, at("/roles/1/role"), nil},
		{"a hub of six characters", `"token":`, `"hub_party_id":"NLHUBX","token":`, at("/hub_party_id"), []ocpi.Version{ocpi.V230}},
	})
}

// withUnknown is a JSON value with a member that nobody knows in each object of it, and how many those are.
func withUnknown(value any) (any, int) {
	count := 0
	switch v := value.(type) {
	case map[string]any:
		for name := range v {
			var more int
			v[name], more = withUnknown(v[name])
			count += more
		}
		v["nobody_knows"] = map[string]any{"n": 1.5, "list": []any{nil, "x"}}
		return v, count + 1
	case []any:
		for i := range v {
			var more int
			v[i], more = withUnknown(v[i])
			count += more
		}
	}
	return value, count
}

// checkUnknown checks that unknown members at every level of an object are taken without a word, and come back.
func checkUnknown[T any](t *testing.T, pick func(wire.Codecs) wire.Codec[T], object T, atLeast int) {
	t.Helper()
	env := convert.Env{Owner: patchOwner}
	for _, v := range sinceV22() {
		codecs, _ := wire.For(v)
		codec := pick(codecs)
		var value any
		if err := json.Unmarshal(convert.StripLeftovers(write(t, codec, object, env)), &value); err != nil {
			t.Fatal(err)
		}
		value, count := withUnknown(value)
		sent, err := json.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		read, report, err := codec.Read(sent, env, quirk.Profile{})
		if err != nil || len(report.Findings) > 0 || count < atLeast {
			t.Errorf("%s %T with %d unknown members: %v %v", v, object, count, err, report.Findings)
			continue
		}
		got, want := jsontext.Value(convert.StripLeftovers(write(t, codec, read, env))), jsontext.Value(sent)
		if err := errors.Join(got.Canonicalize(), want.Canonicalize()); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), string(got)); diff != "" {
			t.Errorf("%s %T: %s", v, object, diff)
		}
	}
}

// Requirements ZX-01, ZX-04: unknown members are no reason to refuse an object, at whatever level they are, and they come back.
func TestUnknownMembersAreTakenAtEveryLevel_ZX01(t *testing.T) {
	sample := ocpitest.Network(patchOwner)
	location := sample.Location(1)
	location.OpeningTimes = &v230.Hours{RegularHours: []v230.RegularHours{{Weekday: 1, PeriodBegin: "08:00", PeriodEnd: "18:00"}}}
	checkUnknown(t, func(c wire.Codecs) wire.Codec[v230.Location] { return c.Locations }, location, 8)
	checkUnknown(t, func(c wire.Codecs) wire.Codec[v230.Session] { return c.Sessions }, sample.ActiveSession(), 5)
	checkUnknown(t, func(c wire.Codecs) wire.Codec[v230.CDR] { return c.CDRs }, sample.CDR(1), 8)
	checkUnknown(t, func(c wire.Codecs) wire.Codec[v230.Tariff] { return c.Tariffs }, sample.ACTariff(), 3)
	checkUnknown(t, func(c wire.Codecs) wire.Codec[v230.Token] { return c.Tokens }, sample.Token(1), 1)
	checkUnknown(t, func(c wire.Codecs) wire.Codec[v230.StartSession] { return c.StartSessions }, sample.StartSession("https://x.example.com/1"), 2)
}
