package convert

import (
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/v211"
	"github.com/roamwire/roamwire/ocpi/v230"
)

var testEnv = Env{Owner: ocpi.NewParty("DE", "ROA"), EMSP: ocpi.NewParty("NL", "TNM"), Role: ocpi.RoleCPO}

// Objects of 2.3.0 without anything that 2.1.1 cannot say.
const (
	baseConnector = `{"id":"1","standard":"IEC_62196_T2","format":"SOCKET","power_type":"AC_3_PHASE","max_voltage":230,"max_amperage":32,"last_updated":"2026-01-01T00:00:00Z"}`
	baseEVSE      = `{"uid":"E1","status":"AVAILABLE","connectors":[` + baseConnector + `],"last_updated":"2026-01-01T00:00:00Z"}`
	baseLocation  = `{"country_code":"DE","party_id":"ROA","id":"L1","publish":true,"address":"A 1","city":"C","postal_code":"12345","country":"DEU","coordinates":{"latitude":"50.770774","longitude":"6.104965"},"time_zone":"Europe/Berlin","evses":[` + baseEVSE + `],"last_updated":"2026-01-01T00:00:00Z"}`
	baseToken     = `{"country_code":"DE","party_id":"ROA","uid":"U1","type":"RFID","contract_id":"C1","issuer":"I","valid":true,"whitelist":"ALWAYS","last_updated":"2026-01-01T00:00:00Z"}`
	baseCdrToken  = `{"country_code":"NL","party_id":"TNM","uid":"#NA","type":"OTHER","contract_id":"C1"}`
	baseSession   = `{"country_code":"DE","party_id":"ROA","id":"S1","start_date_time":"2026-01-01T00:00:00Z","kwh":1.50,"cdr_token":` + baseCdrToken + `,"auth_method":"WHITELIST","location_id":"L1","evse_uid":"E1","connector_id":"1","currency":"EUR","status":"ACTIVE","last_updated":"2026-01-01T00:00:00Z"}`
	baseCDR       = `{"country_code":"DE","party_id":"ROA","id":"R1","start_date_time":"2026-01-01T00:00:00Z","end_date_time":"2026-01-01T01:00:00Z","cdr_token":` + baseCdrToken + `,"auth_method":"WHITELIST","cdr_location":{"id":"L1","address":"A 1","city":"C","postal_code":"12345","country":"DEU","coordinates":{"latitude":"50.770774","longitude":"6.104965"},"evse_uid":"E1","evse_id":"DE*ROA*E1","connector_id":"1","connector_standard":"IEC_62196_T2","connector_format":"SOCKET","connector_power_type":"AC_3_PHASE"},"currency":"EUR","charging_periods":[{"start_date_time":"2026-01-01T00:00:00Z","dimensions":[{"type":"ENERGY","volume":1}]}],"total_cost":{"before_taxes":1.00},"total_energy":1,"total_time":1,"last_updated":"2026-01-01T02:00:00Z"}`
	baseTariff    = `{"country_code":"DE","party_id":"ROA","id":"T1","currency":"EUR","elements":[{"price_components":[{"type":"ENERGY","price":0.50,"step_size":1}]}],"tax_included":"NO","last_updated":"2026-01-01T00:00:00Z"}`
	startSession  = `{"response_url":"https://e.example/1","token":` + baseCommandToken + `,"location_id":"L1"}`
	reserveNow    = `{"response_url":"https://e.example/1","token":` + baseCommandToken + `,"expiry_date":"2026-01-01T00:00:00Z","reservation_id":"7","location_id":"L1"}`

	baseCommandToken = `{"country_code":"NL","party_id":"TNM","uid":"U1","type":"RFID","contract_id":"C1","issuer":"I","valid":true,"whitelist":"ALWAYS","last_updated":"2026-01-01T00:00:00Z"}`
)

// A change sets members of a base object, and says what of the 2.1.1 object is to be seen and what is lost.
type change struct {
	name   string
	set    string            // members of the base object; null removes
	want   map[string]string // pointers into the result and JSON there; "" for absent
	losses []string          // pointers
}

func checkChanges[Old, Model any](t *testing.T, base string, env Env, down func(Model, Env) (Old, []Loss), changes []change) {
	t.Helper()
	for _, c := range changes {
		t.Run(c.name, func(t *testing.T) {
			var in Model
			raw := patched(t, base, c.set)
			if err := json.Unmarshal(raw, &in); err != nil {
				t.Fatal(err)
			}
			out, losses := down(in, env)
			if diff := cmp.Diff(c.losses, pointersOf(losses)); diff != "" {
				t.Errorf("losses (-want +got):\n%s%v", diff, losses)
			}
			checkPlaces(t, marshal(t, out), c.want)
		})
	}
}

func checkPlaces(t *testing.T, raw []byte, want map[string]string) {
	t.Helper()
	for pointer, value := range want {
		got, found := at(tree(t, raw), pointer)
		switch {
		case value == "" && found:
			t.Errorf("%s is there in %s", pointer, raw)
		case value != "" && (!found || len(exactDifferences(tree(t, []byte(value)), got, "")) > 0):
			t.Errorf("%s is %v, want %s in %s", pointer, got, value, raw)
		}
	}
}

func pointersOf(losses []Loss) []string {
	var pointers []string
	for _, l := range losses {
		pointers = append(pointers, l.Pointer)
	}
	return pointers
}

func patched(t *testing.T, base, set string) []byte {
	t.Helper()
	var object, changes map[string]jsontext.Value
	if err := json.Unmarshal([]byte(base), &object); err != nil {
		t.Fatal(err)
	}
	if set != "" {
		if err := json.Unmarshal([]byte(set), &changes); err != nil {
			t.Fatal(err)
		}
	}
	for name, value := range changes {
		object[name] = value
		if value.Kind() == 'n' {
			delete(object, name)
		}
	}
	return marshal(t, object)
}

// at follows a JSON Pointer.
func at(place any, pointer string) (any, bool) {
	if pointer == "" {
		return place, true
	}
	name, rest, _ := strings.Cut(pointer[1:], "/")
	if rest != "" {
		rest = "/" + rest
	}
	switch p := place.(type) {
	case map[string]any:
		inner, ok := p[name]
		if !ok {
			return nil, false
		}
		return at(inner, rest)
	case []any:
		i := int(name[0] - '0')
		if len(name) != 1 || i >= len(p) {
			return nil, false
		}
		return at(p[i], rest)
	default:
		return nil, false
	}
}

func TestLocationTo211(t *testing.T) {
	mcs := strings.Replace(baseConnector, "IEC_62196_T2", "MCS", 1)
	checkChanges(t, baseLocation, testEnv, LocationTo211, []change{
		{"a plain location loses nothing, its party is in the URL", ``, map[string]string{"/type": `"UNKNOWN"`, "/country_code": ``, "/publish": ``, "/evses/0/connectors/0/voltage": `230`}, nil},
		{"the parking types of both versions stay", `{"parking_type":"PARKING_GARAGE"}`, map[string]string{"/type": `"PARKING_GARAGE"`}, nil},
		{"a motorway becomes OTHER", `{"parking_type":"ALONG_MOTORWAY"}`, map[string]string{"/type": `"OTHER"`}, []string{"/parking_type"}},
		{"a private location must not be sent", `{"publish":false}`, nil, []string{"/publish"}},
		{"a missing postal code is sent empty", `{"postal_code":null}`, map[string]string{"/postal_code": `""`}, []string{"/postal_code"}},
		{"an empty time zone is absent", `{"time_zone":""}`, map[string]string{"/time_zone": ``}, nil},
		{"another party than the connection's is lost", `{"party_id":"XXX"}`, nil, []string{"/party_id"}},
		{"fields of 2.3.0 are lost", `{"state":"NRW","help_phone":"+49"}`, map[string]string{"/help_phone": ``}, []string{"/state", "/help_phone"}},
		{"empty lists of 2.3.0 say nothing", `{"parking_places":[],"publish_allowed_to":[]}`, nil, nil},
		{"facilities that 2.1.1 does not list are left out", `{"facilities":["HOTEL","TRAM_STOP"]}`, map[string]string{"/facilities": `["HOTEL"]`}, []string{"/facilities/1"}},
		{"a list of which nothing is left is absent", `{"facilities":["TRAM_STOP"]}`, map[string]string{"/facilities": ``}, []string{"/facilities/0"}},
		{"an EVSE is left out with its last connector", `{"evses":[{"uid":"E0","status":"AVAILABLE","connectors":[` + mcs + `],"last_updated":"2026-01-01T00:00:00Z"},` + baseEVSE + `]}`, map[string]string{"/evses/0/uid": `"E1"`, "/evses/1": ``}, []string{"/evses/0/connectors/0", "/evses/0"}},
		{"an unknown member that 2.1.1 knows otherwise is lost", `{"type":"x","vendor":1}`, map[string]string{"/type": `"UNKNOWN"`, "/vendor": `1`}, []string{"/type"}},
		{"a leftover that is none is lost", `{"ocpi_2_1_1":"x"}`, map[string]string{"/ocpi_2_1_1": ``}, []string{"/ocpi_2_1_1"}},
		{"a leftover speaks while the model says the same", `{"ocpi_2_1_1":{"type":"OTHER","publish":"x"}}`, map[string]string{"/type": `"OTHER"`, "/publish": `"x"`}, nil},
		{"a later change of the model wins over a leftover", `{"ocpi_2_1_1":{"type":"OTHER"},"parking_type":"ON_STREET"}`, map[string]string{"/type": `"ON_STREET"`}, nil},
		{"seven decimals are rounded to six (L-28)", `{"coordinates":{"latitude":"50.7707745","longitude":"6.10496"}}`, map[string]string{"/coordinates": `{"latitude":"50.770775","longitude":"6.104960"}`}, []string{"/coordinates/latitude"}},
		{"fractions of a second are cut (TF-69)", `{"last_updated":"2026-01-01T00:00:00.999Z"}`, map[string]string{"/last_updated": `"2026-01-01T00:00:00Z"`}, []string{"/last_updated"}},
		{"a zero fraction is no loss", `{"last_updated":"2026-01-01T00:00:00.000Z"}`, nil, nil},
		{"images of another kind become OTHER", `{"images":[{"url":"https://x.example/i","category":"MAP","type":"png"}]}`, map[string]string{"/images/0/category": `"OTHER"`}, []string{"/images/0/category"}},
		{"the category of an impact is its source (L-32)", `{"energy_mix":{"is_green_energy":false,"environ_impact":[{"category":"NOISE","amount":1},{"category":"NUCLEAR_WASTE","amount":2}]}}`, map[string]string{"/energy_mix/environ_impact": `[{"source":"NUCLEAR_WASTE","amount":2}]`}, []string{"/energy_mix/environ_impact/0"}},
	})
}

func TestEVSEAndConnectorTo211(t *testing.T) {
	checkChanges(t, baseEVSE, testEnv, EVSETo211, []change{
		{"capabilities of 2.3.0 are left out", `{"capabilities":["RFID_READER","CHIP_CARD_SUPPORT"]}`, map[string]string{"/capabilities": `["RFID_READER"]`}, []string{"/capabilities/1"}},
		{"parking and service providers are lost", `{"parking":[{"parking_id":"1"}],"accepted_service_providers":["x"]}`, nil, []string{"/parking", "/accepted_service_providers"}},
		{"an EVSE that is sent by itself says when it must not be", `{"connectors":[` + strings.Replace(baseConnector, "IEC_62196_T2", "GBT_DC", 1) + `]}`, map[string]string{"/connectors": `[]`}, []string{"/connectors/0", ""}},
	})
	checkChanges(t, baseConnector, testEnv, ConnectorTo211, []change{
		{"two phases become one", `{"power_type":"AC_2_PHASE_SPLIT"}`, map[string]string{"/power_type": `"AC_1_PHASE"`}, []string{"/power_type"}},
		{"the first tariff is the tariff", `{"tariff_ids":["A","B"]}`, map[string]string{"/tariff_id": `"A"`}, []string{"/tariff_ids"}},
		{"no tariff is not free of charge (L-27)", `{"tariff_ids":[]}`, map[string]string{"/tariff_id": ``}, nil},
		{"power and capabilities are lost", `{"max_electric_power":11000,"capabilities":["ISO_15118_2_PLUG_AND_CHARGE"]}`, nil, []string{"/max_electric_power", "/capabilities"}},
		{"a connector that is sent by itself says when it must not be", `{"standard":"SAE_J3400"}`, map[string]string{"/standard": `"SAE_J3400"`}, []string{"/standard"}},
		{"a standard that came from 2.1.1 stays", `{"standard":"MCS","ocpi_2_1_1":{"standard":"MCS"}}`, map[string]string{"/standard": `"MCS"`}, nil},
		{"a standard that was changed since does not", `{"standard":"GBT_AC","ocpi_2_1_1":{"standard":"MCS"}}`, nil, []string{"/standard"}},
	})
}

func TestSessionTo211(t *testing.T) {
	known := testEnv
	known.Location = func(id string) (l v230.Location, ok bool) {
		if err := json.Unmarshal(patched(t, baseLocation, `{"state":"NRW","evses":[{"uid":"E0","status":"BLOCKED","connectors":[],"last_updated":"2026-01-01T00:00:00Z"},`+baseEVSE+`]}`), &l); err != nil {
			t.Fatal(err)
		}
		return l, id == "L1"
	}
	checkChanges(t, baseSession, known, SessionTo211, []change{
		{"the copy of the location is reduced to EVSE and connector (SES-12)", ``, map[string]string{"/location/address": `"A 1"`, "/location/evses/0/uid": `"E1"`, "/location/evses/1": ``, "/auth_id": `"C1"`, "/start_datetime": `"2026-01-01T00:00:00Z"`, "/kwh": `1.50`}, nil},
		{"identifiers keep the case of the session", `{"evse_uid":"e1"}`, map[string]string{"/location/evses/0/uid": `"e1"`}, nil},
		{"no EVSE yet is a location without EVSEs", `{"evse_uid":"#NA","connector_id":"#NA"}`, map[string]string{"/location/evses": ``}, nil},
		{"no connector yet keeps all of the EVSE", `{"connector_id":"#NA"}`, map[string]string{"/location/evses/0/connectors/0/id": `"1"`}, []string{"/connector_id"}},
		{"an unknown EVSE is a placeholder", `{"evse_uid":"E9"}`, map[string]string{"/location/evses/0/uid": `"E9"`, "/location/evses/0/status": `"UNKNOWN"`}, []string{"/evse_uid"}},
		{"an unknown location is a placeholder", `{"location_id":"L9"}`, map[string]string{"/location/id": `"L9"`, "/location/country": `"ZZZ"`, "/location/evses/0/connectors/0/id": `"1"`}, []string{"/location_id"}},
		{"the cost is without taxes (SES-15)", `{"total_cost":{"before_taxes":1.20,"taxes":[{"name":"VAT","amount":0.20}]}}`, map[string]string{"/total_cost": `1.20`}, []string{"/total_cost/taxes"}},
		{"the token is named by its contract alone (SES-13)", `{"cdr_token":{"country_code":"NL","party_id":"TNM","uid":"04AB","type":"RFID","contract_id":"C2"}}`, map[string]string{"/auth_id": `"C2"`}, []string{"/cdr_token"}},
		{"a command was an authorization request", `{"auth_method":"COMMAND","authorization_reference":"x"}`, map[string]string{"/auth_method": `"AUTH_REQUEST"`}, []string{"/auth_method", "/authorization_reference"}},
		{"a reservation is pending", `{"status":"RESERVATION"}`, map[string]string{"/status": `"PENDING"`}, []string{"/status"}},
		{"a period without known dimensions is left out (CDR-14)", `{"charging_periods":[{"start_date_time":"2026-01-01T00:00:00Z","tariff_id":"T","dimensions":[{"type":"POWER","volume":11}]},{"start_date_time":"2026-01-01T00:00:00Z","dimensions":[{"type":"STATE_OF_CHARGE","volume":11},{"type":"ENERGY","volume":1}]}]}`,
			map[string]string{"/charging_periods": `[{"start_date_time":"2026-01-01T00:00:00Z","dimensions":[{"type":"ENERGY","volume":1}]}]`},
			[]string{"/charging_periods/0/dimensions/0", "/charging_periods/0/tariff_id", "/charging_periods/0", "/charging_periods/1/dimensions/0"}},
		{"a copy from 2.1.1 is used while it is about the same place", `{"ocpi_2_1_1":{"location":{"id":"L1","name":"then","evses":[{"uid":"E1","connectors":[{"id":"1"}]}]}}}`, map[string]string{"/location/name": `"then"`}, nil},
		{"a copy from 2.1.1 is not used for another place", `{"connector_id":"2","ocpi_2_1_1":{"location":{"id":"L1","name":"then","evses":[{"uid":"E1","connectors":[{"id":"1"}]}]}}}`, map[string]string{"/location/name": ``}, []string{"/connector_id"}},
	})
}

func TestCDRTo211(t *testing.T) {
	known := testEnv
	known.Location = func(string) (l v230.Location, ok bool) {
		if err := json.Unmarshal([]byte(baseLocation), &l); err != nil {
			t.Fatal(err)
		}
		return l, true
	}
	checkChanges(t, baseCDR, known, CDRTo211, []change{
		{"the copy of the location is complete with what is known here", ``, map[string]string{"/location/type": `"UNKNOWN"`, "/location/evses/0/evse_id": `"DE*ROA*E1"`, "/location/evses/0/status": `"UNKNOWN"`, "/location/evses/0/connectors/0/voltage": `230`, "/location/last_updated": `"2026-01-01T02:00:00Z"`, "/stop_date_time": `"2026-01-01T01:00:00Z"`, "/total_cost": `1.00`}, nil},
		{"there are no credit CDRs (CDR-07)", `{"credit":true,"credit_reference_id":"R0"}`, nil, []string{"/credit", "/credit_reference_id"}},
		{"there is no compensation of drivers (DD-15)", `{"home_charging_compensation":true}`, nil, []string{"/home_charging_compensation"}},
		{"sums and references of 2.3.0 are lost", `{"session_id":"S1","total_energy_cost":{"before_taxes":1}}`, nil, []string{"/session_id", "/total_energy_cost"}},
		{"tariffs inside lose as tariffs do", `{"tariffs":[` + strings.Replace(baseTariff, `"NO"`, `"YES"`, 1) + `]}`, nil, []string{"/tariffs/0/tax_included", "/tariffs/0/elements/0/price_components/0/price"}},
	})
	checkChanges(t, baseCDR, testEnv, CDRTo211, []change{
		{"without the location voltage and amperage are 0", ``, map[string]string{"/location/evses/0/connectors/0/voltage": `0`}, []string{"/cdr_location/connector_id"}},
	})
}

func TestTariffTo211(t *testing.T) {
	element := func(price, restrictions string) string {
		return `{"elements":[{"price_components":[{"type":"ENERGY",` + price + `,"step_size":1}],"restrictions":{` + restrictions + `}}]`
	}
	checkChanges(t, baseTariff, testEnv, TariffTo211, []change{
		{"prices without taxes stay as they are (TAR-11)", ``, map[string]string{"/elements/0/price_components/0/price": `0.50`, "/tax_included": ``}, nil},
		{"VAT is taken out where it is known", element(`"price":0.59,"vat":19.0`, ``) + `,"tax_included":"YES"}`, map[string]string{"/elements/0/price_components/0": `{"type":"ENERGY","price":0.4958,"step_size":1}`}, []string{"/tax_included", "/elements/0/price_components/0/price", "/elements/0/price_components/0/vat"}},
		{"VAT of 0 changes no price", element(`"price":0.590,"vat":0`, ``) + `,"tax_included":"YES"}`, map[string]string{"/elements/0/price_components/0/price": `0.590`}, []string{"/tax_included", "/elements/0/price_components/0/vat"}},
		{"taxes stay in a price where their rate is not known", element(`"price":0.59`, ``) + `,"tax_included":"YES"}`, map[string]string{"/elements/0/price_components/0/price": `0.59`}, []string{"/tax_included", "/elements/0/price_components/0/price"}},
		{"a VAT of -100 divides nothing by zero", element(`"price":0.59,"vat":-100`, ``) + `,"tax_included":"YES"}`, map[string]string{"/elements/0/price_components/0/price": `0.59`}, []string{"/tax_included", "/elements/0/price_components/0/price", "/elements/0/price_components/0/vat"}},
		{"untaxed prices stay as they are", `{"tax_included":"N/A"}`, map[string]string{"/elements/0/price_components/0/price": `0.50`}, []string{"/tax_included"}},
		{"prices for a reservation are not prices for charging", element(`"price":5`, `"reservation":"RESERVATION"`) + `}`, map[string]string{"/elements": `[]`}, []string{"/elements/0", "/elements"}},
		{"prices for a current are not prices for any current", element(`"price":5`, `"max_current":16`) + `}`, map[string]string{"/elements": `[]`}, []string{"/elements/0", "/elements"}},
		{"restrictions of both versions stay", element(`"price":5`, `"min_kwh":0.5,"day_of_week":["MONDAY"]`) + `}`, map[string]string{"/elements/0/restrictions": `{"min_kwh":0.5,"day_of_week":["MONDAY"]}`}, nil},
		{"limits and validity are lost", `{"type":"AD_HOC_PAYMENT","min_price":{"before_taxes":1},"start_date_time":"2026-01-01T00:00:00Z"}`, nil, []string{"/type", "/min_price", "/start_date_time"}},
	})
}

// What a limit or a validity that 2.1.1 cannot say is to who computes a cost is told, and the prices are what they were.
func TestLimitsOfATariffAreToldAsMoney(t *testing.T) {
	var in v230.Tariff
	if err := json.Unmarshal([]byte(baseTariff), &in); err != nil {
		t.Fatal(err)
	}
	in.TaxIncluded = v230.TaxIncludedNo
	in.MinPrice, in.MaxPrice = &v230.PriceLimit{BeforeTaxes: ocpi.MustNumber("1")}, &v230.PriceLimit{BeforeTaxes: ocpi.MustNumber("9")}
	in.StartDateTime, in.EndDateTime = &in.LastUpdated, &in.LastUpdated
	out, losses := TariffTo211(in, testEnv)
	want := map[string]string{"/min_price": "can cost more", "/max_price": "can cost less", "/start_date_time": "valid already", "/end_date_time": "valid for good"}
	for _, l := range losses {
		if l.Withhold || want[l.Pointer] != "" && !strings.Contains(l.Reason, want[l.Pointer]) {
			t.Errorf("%s", l)
		}
		delete(want, l.Pointer)
	}
	if len(want) > 0 {
		t.Errorf("not told: %v", want)
	}
	for i := range out.Elements {
		for j := range out.Elements[i].PriceComponents {
			if is, was := out.Elements[i].PriceComponents[j].Price, in.Elements[i].PriceComponents[j].Price; !is.Equal(was) {
				t.Errorf("%s becomes %s", was, is)
			}
		}
	}
}

func TestTokensAndCommandsTo211(t *testing.T) {
	checkChanges(t, baseToken, testEnv, TokenTo211, []change{
		{"the contract is the auth_id", ``, map[string]string{"/auth_id": `"C1"`, "/contract_id": ``}, nil},
		{"an app user's token becomes OTHER", `{"type":"APP_USER"}`, map[string]string{"/type": `"OTHER"`}, []string{"/type"}},
		{"group, profile and contract are lost", `{"group_id":"G","default_profile_type":"FAST","energy_contract":{"supplier_name":"x"}}`, nil, []string{"/group_id", "/default_profile_type", "/energy_contract"}},
	})
	checkChanges(t, `{"allowed":"ALLOWED","token":`+baseToken+`}`, testEnv, AuthorizationInfoTo211, []change{
		{"an answer names no token", ``, map[string]string{"/token": ``, "/allowed": `"ALLOWED"`}, []string{"/token"}},
		{"the zero token is no token", `{"token":{"country_code":"","party_id":"","uid":"","type":"","contract_id":"","issuer":"","valid":false,"whitelist":"","last_updated":"0001-01-01T00:00:00Z"}}`, nil, nil},
	})
	checkChanges(t, startSession, testEnv, StartSessionTo211, []change{
		{"the eMSP's token loses nothing", ``, nil, nil},
		{"there is no connector to start (CMD-12)", `{"connector_id":"1","authorization_reference":"x"}`, nil, []string{"/connector_id", "/authorization_reference"}},
	})
	checkChanges(t, reserveNow, testEnv, ReserveNowTo211, []change{
		{"a number stays a number (CMD-11)", ``, map[string]string{"/reservation_id": `7`}, nil},
		{"007 is not 7", `{"reservation_id":"007"}`, map[string]string{"/reservation_id": `1657484814`}, []string{"/reservation_id"}},
		{"a text has a number of its own", `{"reservation_id":"Abc"}`, map[string]string{"/reservation_id": `440920331`}, []string{"/reservation_id"}},
		{"whatever its case", `{"reservation_id":"ABC"}`, map[string]string{"/reservation_id": `440920331`}, []string{"/reservation_id"}},
	})
	checkChanges(t, `{"result":"ACCEPTED","timeout":0}`, testEnv, CommandResponseTo211, []change{
		{"timeout and message are lost where they say something", `{"timeout":30,"message":[{"language":"en","text":"x"}]}`, map[string]string{"/result": `"ACCEPTED"`}, []string{"/timeout", "/message"}},
		{"timeout 0 is not", ``, nil, nil},
	})
	checkChanges(t, `{"result":"ACCEPTED"}`, testEnv, CommandResultTo211, []change{
		{"every no is REJECTED", `{"result":"EVSE_OCCUPIED"}`, map[string]string{"/result": `"REJECTED"`}, []string{"/result"}},
		{"TIMEOUT stays (CMD-07)", `{"result":"TIMEOUT"}`, map[string]string{"/result": `"TIMEOUT"`}, nil},
		{"UNKNOWN_SESSION comes back", `{"result":"FAILED","ocpi_2_1_1":{"result":"UNKNOWN_SESSION"}}`, map[string]string{"/result": `"UNKNOWN_SESSION"`}, nil},
	})
}

func TestCredentialsAndVersionsTo211(t *testing.T) {
	role := func(role, party string) string {
		return `{"role":"` + role + `","business_details":{"name":"` + party + `"},"party_id":"` + party + `","country_code":"DE"}`
	}
	checkChanges(t, `{"token":"t","url":"https://x.example","roles":[`+role("CPO", "AAA")+`]}`, testEnv, CredentialsTo211, []change{
		{"one party loses nothing (C-22)", ``, map[string]string{"/party_id": `"AAA"`, "/business_details/name": `"AAA"`}, nil},
		{"of several the first in the role is sent", `{"roles":[` + role("EMSP", "BBB") + `,` + role("CPO", "AAA") + `]}`, map[string]string{"/party_id": `"AAA"`}, []string{"/roles"}},
		{"no one in the role is the first", `{"roles":[` + role("EMSP", "BBB") + `]}`, map[string]string{"/party_id": `"BBB"`}, []string{"/roles/0/role"}},
		{"hubs are lost", `{"hub_party_id":"DEHUB"}`, nil, []string{"/hub_party_id"}},
	})
	checkChanges(t, `{"version":"2.1.1","endpoints":[]}`, testEnv, VersionDetailsTo211, []change{
		{"a CPO's details have its own sides (V-05)", `{"endpoints":[{"identifier":"locations","role":"RECEIVER","url":"a"},{"identifier":"locations","role":"SENDER","url":"b"},{"identifier":"tokens","role":"RECEIVER","url":"c"},{"identifier":"credentials","role":"RECEIVER","url":"d"}]}`,
			map[string]string{"/endpoints/0": `{"identifier":"locations","url":"b"}`, "/endpoints/2/identifier": `"credentials"`, "/endpoints/3": ``}, []string{"/endpoints/0", "/endpoints/3/role"}},
	})
}

func TestFrom211Says(t *testing.T) {
	location := v211.Location{Type: "OTHER", Extra: ocpi.Extra{"help_phone": []byte(`"+49"`), "vendor": []byte(`1`)}}
	model, losses := LocationFrom211(location, testEnv)
	if diff := cmp.Diff([]string{"/type", "/help_phone"}, pointersOf(losses)); diff != "" {
		t.Errorf("losses (-want +got):\n%s", diff)
	}
	raw := marshal(t, model)
	checkPlaces(t, raw, map[string]string{
		"/country_code": `"DE"`, "/party_id": `"ROA"`, "/publish": `true`, "/parking_type": ``, "/help_phone": ``, "/vendor": `1`,
		"/ocpi_2_1_1": `{"type":"OTHER","help_phone":"+49"}`, "/postal_code": `""`,
	})
	checkPlaces(t, StripLeftovers(raw), map[string]string{"/ocpi_2_1_1": ``, "/vendor": `1`})

	session, losses := SessionFrom211(v211.Session{AuthID: "C1", ChargingPeriods: []v211.ChargingPeriod{{Dimensions: []v211.CdrDimension{{Type: "FLAT"}}}}}, testEnv)
	if diff := cmp.Diff([]string{"/charging_periods/0/dimensions/0/type"}, pointersOf(losses)); diff != "" {
		t.Errorf("losses (-want +got):\n%s", diff)
	}
	checkPlaces(t, marshal(t, session), map[string]string{
		"/cdr_token": baseCdrToken, "/evse_uid": `"#NA"`, "/connector_id": `"#NA"`, "/charging_periods/0/dimensions/0/type": `"FLAT"`,
	})

	tariff, _ := TariffFrom211(v211.Tariff{}, testEnv)
	checkPlaces(t, marshal(t, tariff), map[string]string{"/tax_included": `"NO"`})

	response, losses := CommandResponseFrom211(v211.CommandResponse{Result: "TIMEOUT"}, testEnv)
	if response.Result != "TIMEOUT" || len(losses) != 1 {
		t.Errorf("%v %v", response, losses)
	}
	result, losses := CommandResultFrom211(v211.CommandResponse{Result: "UNKNOWN_SESSION"}, testEnv)
	if result.Result != "FAILED" || len(losses) != 1 {
		t.Errorf("%v %v", result, losses)
	}

	details, _ := VersionDetailsFrom211(v211.VersionDetails{Endpoints: []v211.Endpoint{{Identifier: "cdrs"}, {Identifier: "commands"}, {Identifier: "nltnm-x"}}}, testEnv)
	checkPlaces(t, marshal(t, details), map[string]string{"/endpoints/0/role": `"SENDER"`, "/endpoints/1/role": `"RECEIVER"`, "/endpoints/2/role": `""`})
}

func TestStripLeftovers(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"clean bytes are returned as they are", ` {"a": 1} `, ` {"a": 1} `},
		{"the name as a value stays", `["ocpi_2_1_1"]`, `["ocpi_2_1_1"]`},
		{"leftovers go at every level", `{"ocpi_2_1_1":{"x":{}},"a":[{"ocpi_2_1_1":null,"b":0.500}]}`, `{"a":[{"b":0.500}]}`},
		{"an object with nothing else is empty", `{"ocpi_2_1_1":{}}`, `{}`},
		{"JSON lines are all cleaned", "{\"ocpi_2_1_1\":1}\n{\"ocpi_2_1_1\":1,\"a\":2}\n", "{}\n{\"a\":2}"},
		{"no JSON is returned as it is", `{"ocpi_2_1_1":`, `{"ocpi_2_1_1":`},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := string(StripLeftovers([]byte(c.in))); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

func TestLossSaysWhereAndWhy(t *testing.T) {
	trail := trail{}
	trail.enter("evses")
	trail.at(2)
	trail.lose("a/b~c", "no")
	if got := trail.losses[0].String(); got != "/evses/2/a~1b~0c: no" {
		t.Error(got)
	}
}
