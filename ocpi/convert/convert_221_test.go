package convert

import (
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/v221"
	"github.com/roamwire/roamwire/ocpi/v230"
)

func TestLocationTo221(t *testing.T) {
	mcs := strings.Replace(baseConnector, "IEC_62196_T2", "MCS", 1)
	checkChanges(t, baseLocation, testEnv, LocationTo221, []change{
		{"a plain location loses nothing and names its party (DL-03)", ``, map[string]string{"/country_code": `"DE"`, "/party_id": `"ROA"`, "/publish": `true`, "/evses/0/connectors/0/max_voltage": `230`, "/last_updated": `"2026-01-01T00:00:00Z"`}, nil},
		{"a private location says whom it is for (DL-05)", `{"publish":false,"publish_allowed_to":[{"uid":"U1","type":"RFID"}]}`, map[string]string{"/publish": `false`, "/publish_allowed_to": `[{"uid":"U1","type":"RFID"}]`}, nil},
		{"a token that it is for keeps being the partner's token (DL-06, ZK-01)", `{"publish":false,"publish_allowed_to":[{"uid":"U1","type":"EMAID"}]}`, map[string]string{"/publish_allowed_to/0": `{"uid":"U1","type":"OTHER"}`}, []string{"/publish_allowed_to/0/type"}},
		{"parking places and the telephone are lost (ZL-01, ZL-02)", `{"parking_places":[{"id":"P1","vehicle_types":["VAN"],"restricted_to_type":false,"reservation_required":false}],"help_phone":"+49"}`, map[string]string{"/parking_places": ``, "/help_phone": ``}, []string{"/parking_places", "/help_phone"}},
		{"a parking type that is not listed is left out (ZX-03)", `{"parking_type":"ROOFTOP"}`, map[string]string{"/parking_type": ``}, []string{"/parking_type"}},
		{"one that is listed stays", `{"parking_type":"ALONG_MOTORWAY"}`, map[string]string{"/parking_type": `"ALONG_MOTORWAY"`}, nil},
		{"facilities that are not listed are left out (ZX-03)", `{"facilities":["TRAM_STOP","SAUNA"]}`, map[string]string{"/facilities": `["TRAM_STOP"]`}, []string{"/facilities/1"}},
		{"an EVSE is left out with its last connector", `{"evses":[{"uid":"E0","status":"AVAILABLE","connectors":[` + mcs + `],"last_updated":"2026-01-01T00:00:00Z"},` + baseEVSE + `]}`, map[string]string{"/evses/0/uid": `"E1"`, "/evses/1": ``}, []string{"/evses/0/connectors/0", "/evses/0"}},
		{"images of another kind become OTHER (ZX-03)", `{"images":[{"url":"https://x.example/i","category":"MAP","type":"png"}]}`, map[string]string{"/images/0/category": `"OTHER"`}, []string{"/images/0/category"}},
		{"impacts of another kind are left out (ZX-03)", `{"energy_mix":{"is_green_energy":false,"environ_impact":[{"category":"NOISE","amount":1},{"category":"NUCLEAR_WASTE","amount":2}]}}`, map[string]string{"/energy_mix/environ_impact": `[{"category":"NUCLEAR_WASTE","amount":2}]`}, []string{"/energy_mix/environ_impact/0"}},
		{"five to seven decimals stay as they are (DL-09)", `{"coordinates":{"latitude":"50.7707745","longitude":"6.10496"}}`, map[string]string{"/coordinates": `{"latitude":"50.7707745","longitude":"6.10496"}`}, nil},
		{"opening hours stay in local time, exceptions in UTC (DL-08)", `{"opening_times":{"twentyfourseven":false,"regular_hours":[{"weekday":1,"period_begin":"08:00","period_end":"18:00"}],"exceptional_closings":[{"period_begin":"2026-12-24T11:00:00Z","period_end":"2026-12-26T23:00:00Z"}]},"time_zone":"Europe/Oslo"}`, map[string]string{"/opening_times": `{"twentyfourseven":false,"regular_hours":[{"weekday":1,"period_begin":"08:00","period_end":"18:00"}],"exceptional_closings":[{"period_begin":"2026-12-24T11:00:00Z","period_end":"2026-12-26T23:00:00Z"}]}`, "/time_zone": `"Europe/Oslo"`}, nil},
		{"texts and identifiers stay as they were written (DT-31)", `{"id":"Loc1","name":"Zürich ✓"}`, map[string]string{"/id": `"Loc1"`, "/name": `"Zürich ✓"`}, nil},
		{"fractions of a second stay (DT-32)", `{"last_updated":"2026-01-01T00:00:00.999Z"}`, map[string]string{"/last_updated": `"2026-01-01T00:00:00.999Z"`}, nil},
		{"unknown members stay (ZX-01, ZX-04)", `{"vendor":{"a":1},"type":"x"}`, map[string]string{"/vendor": `{"a":1}`, "/type": `"x"`}, nil},
		{"leftovers of 2.1.1 pass through", `{"ocpi_2_1_1":{"type":"OTHER"}}`, map[string]string{"/ocpi_2_1_1": `{"type":"OTHER"}`}, nil},
		{"a leftover that is none is lost", `{"ocpi_2_2_1":"x"}`, map[string]string{"/ocpi_2_2_1": ``}, []string{"/ocpi_2_2_1"}},
		{"a later change of the model wins over a leftover", `{"ocpi_2_2_1":{"parking_type":"ROOFTOP"},"parking_type":"ON_STREET"}`, map[string]string{"/parking_type": `"ON_STREET"`}, nil},
	})
}

func TestEVSEAndConnectorTo221(t *testing.T) {
	checkChanges(t, baseEVSE, testEnv, EVSETo221, []change{
		{"capabilities of 2.2.1 stay (DL-10)", `{"capabilities":["START_SESSION_CONNECTOR_REQUIRED","TELEPATHY"]}`, map[string]string{"/capabilities": `["START_SESSION_CONNECTOR_REQUIRED"]`}, []string{"/capabilities/1"}},
		{"restrictions of 2.3.0 are left out (ZL-09)", `{"parking_restrictions":["EV_ONLY","EMPLOYEES","TAXIS","TENANTS"]}`, map[string]string{"/parking_restrictions": `["EV_ONLY"]`}, []string{"/parking_restrictions/1", "/parking_restrictions/2", "/parking_restrictions/3"}},
		{"parking and service providers are lost (ZL-01, ZL-06)", `{"parking":[{"parking_id":"1"}],"accepted_service_providers":["x"]}`, map[string]string{"/parking": ``, "/accepted_service_providers": ``}, []string{"/parking", "/accepted_service_providers"}},
		{"an EVSE that was removed stays one (DL-04)", `{"status":"REMOVED"}`, map[string]string{"/status": `"REMOVED"`}, nil},
		{"an EVSE that is sent by itself says when it must not be", `{"connectors":[` + strings.Replace(baseConnector, "IEC_62196_T2", "MCS", 1) + `]}`, map[string]string{"/connectors": `[]`}, []string{"/connectors/0", "/connectors"}},
	})
	checkChanges(t, baseConnector, testEnv, ConnectorTo221, []change{
		{"all tariffs and the power stay (DL-07)", `{"tariff_ids":["A","B"],"max_electric_power":11000}`, map[string]string{"/tariff_ids": `["A","B"]`, "/max_electric_power": `11000`}, nil},
		{"two phases stay two", `{"power_type":"AC_2_PHASE_SPLIT"}`, map[string]string{"/power_type": `"AC_2_PHASE_SPLIT"`}, nil},
		{"Plug and Charge is lost (ZL-07)", `{"capabilities":["ISO_15118_2_PLUG_AND_CHARGE"]}`, map[string]string{"/capabilities": ``}, []string{"/capabilities"}},
		{"a connector that is sent by itself says when it must not be (ZX-03)", `{"standard":"SAE_J3400"}`, nil, []string{"/standard"}},
		{"a standard that came from 2.2.1 stays", `{"standard":"MCS","ocpi_2_2_1":{"standard":"MCS"}}`, map[string]string{"/standard": `"MCS"`}, nil},
	})
}

func TestWhatOldConnectorsCannotSayIsWithheld(t *testing.T) {
	connector := v230.Connector{Standard: v230.ConnectorTypeMCS}
	if _, losses := ConnectorTo221(connector, testEnv); !Withheld(losses) {
		t.Errorf("the connector would be sent: %v", losses)
	}
	if _, losses := EVSETo221(v230.EVSE{Connectors: []v230.Connector{connector}}, testEnv); !Withheld(losses) {
		t.Errorf("the EVSE would be sent: %v", losses)
	}
	location := v230.Location{EVSEs: []v230.EVSE{{Connectors: []v230.Connector{connector}}}}
	if _, losses := LocationTo221(location, testEnv); Withheld(losses) {
		t.Errorf("the location would not be sent: %v", losses)
	}
}

func TestSessionAndCDRTo221(t *testing.T) {
	checkChanges(t, baseSession, testEnv, SessionTo221, []change{
		{"a session is the same but for its price (DS-01, ZS-01)", `{"total_cost":{"before_taxes":1.20}}`, map[string]string{"/start_date_time": `"2026-01-01T00:00:00Z"`, "/location_id": `"L1"`, "/evse_uid": `"E1"`, "/cdr_token": baseCdrToken, "/kwh": `1.50`, "/total_cost": `{"excl_vat":1.20}`}, nil},
		{"a reservation is one (DS-07)", `{"status":"RESERVATION","evse_uid":"#NA","connector_id":"#NA"}`, map[string]string{"/status": `"RESERVATION"`, "/evse_uid": `"#NA"`}, nil},
		{"the reference of the authorization stays (DS-08)", `{"auth_method":"COMMAND","authorization_reference":"x"}`, map[string]string{"/auth_method": `"COMMAND"`, "/authorization_reference": `"x"`}, nil},
		{"dimensions of sessions stay (DS-11)", `{"charging_periods":[{"start_date_time":"2026-01-01T00:00:00Z","tariff_id":"T","dimensions":[{"type":"STATE_OF_CHARGE","volume":11.0}]}]}`, map[string]string{"/charging_periods/0": `{"start_date_time":"2026-01-01T00:00:00Z","tariff_id":"T","dimensions":[{"type":"STATE_OF_CHARGE","volume":11.0}]}`}, nil},
		{"FLAT, which 2.1.1 alone lists, is left out", `{"charging_periods":[{"start_date_time":"2026-01-01T00:00:00Z","dimensions":[{"type":"FLAT","volume":1},{"type":"TIME","volume":1}]},{"start_date_time":"2026-01-01T00:00:00Z","dimensions":[{"type":"FLAT","volume":1}]}]}`, map[string]string{"/charging_periods": `[{"start_date_time":"2026-01-01T00:00:00Z","dimensions":[{"type":"TIME","volume":1}]}]`}, []string{"/charging_periods/0/dimensions/0", "/charging_periods/1/dimensions/0", "/charging_periods/1"}},
		{"a token by ISO 15118 becomes OTHER (ZK-01)", `{"cdr_token":{"country_code":"NL","party_id":"TNM","uid":"DE8ACC","type":"EMAID","contract_id":"C2"}}`, map[string]string{"/cdr_token/type": `"OTHER"`, "/cdr_token/uid": `"DE8ACC"`}, []string{"/cdr_token/type"}},
	})
	prices := `"before_taxes":1.00,"taxes":[{"name":"VAT","amount":0.19}]`
	signed := `{"encoding_method":"OCMF","encoding_method_version":1,"public_key":"a2V5","signed_values":[{"nature":"Start","plain_data":"{\"FV\" : \"1.0\"}","signed_data":"T0NNRg=="}],"url":"https://x.example/?a=1"}`
	location := func(standard, power string) string {
		return `{"cdr_location":{"id":"L1","address":"A 1","city":"C","country":"DEU","coordinates":{"latitude":"50.770774","longitude":"6.104965"},"evse_uid":"E1","evse_id":"DE*ROA*E1","connector_id":"1","connector_standard":"` + standard + `","connector_format":"CABLE","connector_power_type":"` + power + `"}}`
	}
	checkChanges(t, baseCDR, testEnv, CDRTo221, []change{
		{"prices without taxes say nothing about VAT (DT-33, ZY-03)", ``, map[string]string{"/total_cost": `{"excl_vat":1.00}`, "/end_date_time": `"2026-01-01T01:00:00Z"`, "/cdr_location/evse_uid": `"E1"`}, nil},
		{"nor do empty taxes (ZY-03)", `{"total_cost":{"before_taxes":1.00,"taxes":[]}}`, map[string]string{"/total_cost": `{"excl_vat":1.00}`}, nil},
		{"a tax of 0 is said (ZY-03)", `{"total_cost":{"before_taxes":1.00,"taxes":[{"name":"VAT","amount":0}]}}`, map[string]string{"/total_cost": `{"excl_vat":1.00,"incl_vat":1.00}`}, nil},
		{"VAT is the difference (ZY-01, ZD-01)", `{"total_cost":{` + prices + `},"total_fixed_cost":{` + prices + `},"total_energy_cost":{` + prices + `},"total_time_cost":{` + prices + `},"total_parking_cost":{` + prices + `},"total_reservation_cost":{` + prices + `}}`,
			map[string]string{"/total_cost": `{"excl_vat":1.00,"incl_vat":1.19}`, "/total_fixed_cost/incl_vat": `1.19`, "/total_energy_cost/incl_vat": `1.19`, "/total_time_cost/incl_vat": `1.19`, "/total_parking_cost/incl_vat": `1.19`, "/total_reservation_cost/incl_vat": `1.19`}, nil},
		{"several taxes are added up (ZY-02)", `{"total_cost":{"before_taxes":10,"taxes":[{"name":"GST","amount":0.50,"percentage":5},{"name":"QST","amount":0.9975}]}}`, map[string]string{"/total_cost": `{"excl_vat":10,"incl_vat":11.4975}`}, []string{"/total_cost/taxes"}},
		{"what else a tax says is lost, its amount is not (ZY-02)", `{"total_cost":{"before_taxes":10,"taxes":[{"name":"GST","amount":0.50,"percentage":5,"account_number":"N"}]}}`, map[string]string{"/total_cost": `{"excl_vat":10,"incl_vat":10.50}`}, []string{"/total_cost/taxes/0/name", "/total_cost/taxes/0/account_number", "/total_cost/taxes/0/percentage"}},
		{"a credit CDR stays one, with all its negative amounts and its long id (DD-02, DD-03, DD-04, ZD-03)", `{"id":"123456789012345678901234567890123456-CR","credit":true,"credit_reference_id":"R1","total_cost":{"before_taxes":-1.00,"taxes":[{"name":"VAT","amount":-0.19}]}}`, map[string]string{"/id": `"123456789012345678901234567890123456-CR"`, "/credit": `true`, "/credit_reference_id": `"R1"`, "/total_cost": `{"excl_vat":-1.00,"incl_vat":-1.19}`}, nil},
		{"signed data is not touched (DD-13)", `{"signed_data":` + signed + `}`, map[string]string{"/signed_data": signed}, nil},
		{"references and compensation stay (DD-05, DD-09, DD-15)", `{"session_id":"S1","authorization_reference":"x","invoice_reference_id":"I","home_charging_compensation":true}`, map[string]string{"/session_id": `"S1"`, "/authorization_reference": `"x"`, "/invoice_reference_id": `"I"`, "/home_charging_compensation": `true`}, nil},
		{"tariffs inside lose as tariffs do (ZD-02)", `{"tariffs":[` + strings.Replace(baseTariff, `"NO"`, `"YES"`, 1) + `]}`, map[string]string{"/tariffs/0/tax_included": ``}, []string{"/tariffs/0/tax_included", "/tariffs/0/elements/0/price_components/0/price"}},
		{"a megawatt plug does not keep a CDR from being sent (DD-01)", location("MCS", "DC"), map[string]string{"/cdr_location/connector_standard": `"IEC_62196_T2_COMBO"`}, []string{"/cdr_location/connector_standard"}},
		{"nor does J3400", location("SAE_J3400", "AC_1_PHASE"), map[string]string{"/cdr_location/connector_standard": `"TESLA_S"`}, []string{"/cdr_location/connector_standard"}},
		{"nor one that nobody knows", location("MAGNET", "AC_1_PHASE"), map[string]string{"/cdr_location/connector_standard": `"IEC_62196_T2"`}, []string{"/cdr_location/connector_standard"}},
		{"a reservation that was never used names no EVSE (DD-12)", `{"cdr_location":{"id":"L1","address":"A 1","city":"C","country":"DEU","coordinates":{"latitude":"50.770774","longitude":"6.104965"},"evse_uid":"#NA","evse_id":"#NA","connector_id":"#NA","connector_standard":"CHADEMO","connector_format":"CABLE","connector_power_type":"DC"}}`, map[string]string{"/cdr_location/evse_uid": `"#NA"`}, nil},
	})
}

func TestTariffTo221(t *testing.T) {
	component := func(price, taxIncluded string) string {
		return `{"elements":[{"price_components":[{"type":"ENERGY",` + price + `,"step_size":1}]}],"tax_included":"` + taxIncluded + `"}`
	}
	at := "/elements/0/price_components/0"
	checkChanges(t, baseTariff, testEnv, TariffTo221, []change{
		{"prices without taxes stay as they are (ZT-01, ZT-02)", component(`"price":0.50,"vat":19.0`, "NO"), map[string]string{at: `{"type":"ENERGY","price":0.50,"vat":19.0,"step_size":1}`, "/tax_included": ``}, nil},
		{"no VAT is not VAT of 0 (DTA-07, ZT-03)", component(`"price":0.50`, "NO"), map[string]string{at + "/vat": ``}, nil},
		{"VAT is taken out where its rate is known, and the rate stays (ZT-02)", component(`"price":0.59,"vat":19.0`, "YES"), map[string]string{at: `{"type":"ENERGY","price":0.4958,"vat":19.0,"step_size":1}`}, []string{"/tax_included", at + "/price"}},
		{"the price to pay is sent where no rate is known (ZT-05)", component(`"price":0.59`, "YES"), map[string]string{at: `{"type":"ENERGY","price":0.59,"step_size":1}`}, []string{"/tax_included", at + "/price"}},
		{"untaxed prices stay as they are (ZT-01)", component(`"price":0.59`, "N/A"), map[string]string{at: `{"type":"ENERGY","price":0.59,"step_size":1}`}, []string{"/tax_included"}},
		{"no VAT is put on top of untaxed prices (ZT-01)", component(`"price":0.59,"vat":19`, "N/A"), map[string]string{at: `{"type":"ENERGY","price":0.59,"step_size":1}`}, []string{"/tax_included", at + "/vat"}},
		{"limits stay as they are, with and without taxes (DTA-04, ZY-04, ZT-04)", `{"min_price":{"before_taxes":1.00},"max_price":{"before_taxes":10.0,"after_taxes":11.90}}`, map[string]string{"/min_price": `{"excl_vat":1.00}`, "/max_price": `{"excl_vat":10.0,"incl_vat":11.90}`}, nil},
		{"type and validity stay (DTA-05, DTA-06)", `{"type":"AD_HOC_PAYMENT","start_date_time":"2026-01-01T00:00:00Z","end_date_time":"2027-01-01T00:00:00Z"}`, map[string]string{"/type": `"AD_HOC_PAYMENT"`, "/start_date_time": `"2026-01-01T00:00:00Z"`}, nil},
		{"prices for a reservation or a current stay (DTA-09)", `{"elements":[{"price_components":[{"type":"TIME","price":5,"step_size":60}],"restrictions":{"reservation":"RESERVATION","max_current":16}}]}`, map[string]string{"/elements/0/restrictions": `{"max_current":16,"reservation":"RESERVATION"}`}, nil},
		{"members of payments and bookings stay as unknown ones (ZT-06, ZT-07)", `{"preauthorize_amount":50.0,"elements":[{"price_components":[{"type":"FLAT","price":5,"step_size":1}],"restrictions":{"booking":"BOOKING"}}]}`, map[string]string{"/preauthorize_amount": `50.0`, "/elements/0/restrictions/booking": `"BOOKING"`}, nil},
	})
}

func TestTokensAndCommandsTo221(t *testing.T) {
	checkChanges(t, baseToken, testEnv, TokenTo221, []change{
		{"a token has the same members (DK-09, DK-10, ZK-03)", `{"type":"APP_USER","group_id":"G","default_profile_type":"FAST","energy_contract":{"supplier_name":"x"},"whitelist":"NEVER"}`, map[string]string{"/type": `"APP_USER"`, "/group_id": `"G"`, "/default_profile_type": `"FAST"`, "/energy_contract/supplier_name": `"x"`, "/contract_id": `"C1"`}, nil},
		{"one by ISO 15118 becomes OTHER (ZK-01, ZK-02)", `{"type":"EMAID"}`, map[string]string{"/type": `"OTHER"`}, []string{"/type"}},
	})
	checkChanges(t, `{"allowed":"ALLOWED","token":`+baseToken+`}`, testEnv, AuthorizationInfoTo221, []change{
		{"an answer has the token and the reference (DK-05)", `{"authorization_reference":"x"}`, map[string]string{"/token/contract_id": `"C1"`, "/authorization_reference": `"x"`}, nil},
	})
	checkChanges(t, `{"location_id":"L1"}`, testEnv, LocationReferencesTo221, []change{
		{"connectors that 2.1.1 asked about are not sent (DK-11)", `{"evse_uids":["E1"],"ocpi_2_1_1":{"connector_ids":["1"]}}`, map[string]string{"/evse_uids": `["E1"]`, "/connector_ids": ``}, nil},
	})
	checkChanges(t, startSession, testEnv, StartSessionTo221, []change{
		{"a connector can be started (DM-09)", `{"evse_uid":"E1","connector_id":"1","authorization_reference":"x"}`, map[string]string{"/connector_id": `"1"`, "/authorization_reference": `"x"`}, nil},
	})
	checkChanges(t, reserveNow, testEnv, ReserveNowTo221, []change{
		{"reservations have texts (DM-07)", `{"reservation_id":"Abc-007"}`, map[string]string{"/reservation_id": `"Abc-007"`}, nil},
	})
	checkChanges(t, `{"response_url":"https://e.example/1","reservation_id":"Abc"}`, testEnv, CancelReservationTo221, []change{
		{"a reservation can be cancelled (DM-01)", ``, map[string]string{"": `{"response_url":"https://e.example/1","reservation_id":"Abc"}`}, nil},
	})
	checkChanges(t, `{"result":"ACCEPTED","timeout":30,"message":[{"language":"en","text":"x"}]}`, testEnv, CommandResponseTo221, []change{
		{"the first answer says how long to wait (DM-02)", ``, map[string]string{"/timeout": `30`, "/message/0/text": `"x"`}, nil},
	})
	checkChanges(t, `{"result":"CANCELED_RESERVATION","message":[{"language":"en","text":"x"}]}`, testEnv, CommandResultTo221, []change{
		{"the second answer says why (DM-02, DM-03)", ``, map[string]string{"/result": `"CANCELED_RESERVATION"`, "/message/0/text": `"x"`}, nil},
	})
}

// Requirements DP-01 to DP-06, DS-09, DP-10: the objects of charging profiles are the same in both versions.
func TestChargingProfilesTo221(t *testing.T) {
	profile := `{"charging_rate_unit":"A","start_date_time":"2026-01-01T00:00:00Z","duration":900,"min_charging_rate":6.0,"charging_profile_period":[{"start_period":0,"limit":8.1}]}`
	same := func(document string) []change {
		return []change{{"it is the same (DP-10)", ``, map[string]string{"": document}, nil}}
	}
	set := `{"charging_profile":` + profile + `,"response_url":"https://e.example/1"}`
	checkChanges(t, set, testEnv, SetChargingProfileTo221, same(set))
	active := `{"start_date_time":"2026-01-01T00:00:00Z","charging_profile":` + profile + `}`
	checkChanges(t, active, testEnv, ActiveChargingProfileTo221, same(active))
	result := `{"result":"ACCEPTED","profile":` + active + `}`
	checkChanges(t, result, testEnv, ActiveChargingProfileResultTo221, same(result))
	checkChanges(t, `{"result":"TOO_OFTEN","timeout":30}`, testEnv, ChargingProfileResponseTo221, same(`{"result":"TOO_OFTEN","timeout":30}`))
	checkChanges(t, `{"result":"UNKNOWN"}`, testEnv, ChargingProfileResultTo221, same(`{"result":"UNKNOWN"}`))
	checkChanges(t, `{"result":"REJECTED"}`, testEnv, ClearProfileResultTo221, same(`{"result":"REJECTED"}`))
	preferences := `{"profile_type":"GREEN","departure_time":"2026-01-01T00:00:00Z","energy_need":12.5,"discharge_allowed":false}`
	checkChanges(t, preferences, testEnv, ChargingPreferencesTo221, same(preferences))
}

func TestCredentialsAndHubsTo221(t *testing.T) {
	role := func(role, party string) string {
		return `{"role":"` + role + `","business_details":{"name":"` + party + `"},"party_id":"` + party + `","country_code":"DE"}`
	}
	checkChanges(t, `{"token":"t","url":"https://x.example","roles":[`+role("CPO", "AAA")+`,`+role("EMSP", "AAA")+`]}`, testEnv, CredentialsTo221, []change{
		{"all roles are said (DC-01)", ``, map[string]string{"/roles/0": role("CPO", "AAA"), "/roles/1/role": `"EMSP"`}, nil},
		{"a hub is a role (ZC-01, ZC-03)", `{"hub_party_id":"DEHUB","roles":[` + role("OTHER", "HUB") + `]}`, map[string]string{"/roles": `[` + role("HUB", "HUB") + `]`, "/hub_party_id": ``}, nil},
		{"whatever its case", `{"hub_party_id":"dehub","roles":[` + role("OTHER", "HUB") + `]}`, map[string]string{"/roles/0/role": `"HUB"`}, nil},
		{"and has no other: parties behind it are told by hubclientinfo; its name cannot be known (DC-02, DT-28, ZC-02)", `{"hub_party_id":"DEHUB"}`, map[string]string{"/roles": `[{"role":"HUB","business_details":{"name":"#NA"},"party_id":"HUB","country_code":"DE"}]`}, []string{"/roles"}},
		{"even its own", `{"hub_party_id":"DEAAA"}`, map[string]string{"/roles": `[` + role("HUB", "AAA") + `]`}, []string{"/roles", "/roles/0/role"}},
		{"what is no party is lost", `{"hub_party_id":"DE"}`, map[string]string{"/roles/0/role": `"CPO"`}, []string{"/hub_party_id"}},
		{"a hub that no longer is one is OTHER", `{"roles":[{"role":"OTHER","business_details":{"name":"x"},"party_id":"HUB","country_code":"DE","ocpi_2_2_1":{"role":"HUB"}}]}`, map[string]string{"/roles/0/role": `"OTHER"`}, nil},
	})
	checkChanges(t, `{"party_id":"AAA","country_code":"DE","role":"CPO","status":"SUSPENDED","last_updated":"2026-01-01T00:00:00Z"}`, testEnv, ClientInfoTo221, []change{
		{"the state of a party is the same (DH-03)", ``, map[string]string{"/status": `"SUSPENDED"`, "/role": `"CPO"`}, nil},
		{"a hub behind a hub comes back (ZC-03)", `{"role":"OTHER","ocpi_2_2_1":{"role":"HUB"}}`, map[string]string{"/role": `"HUB"`}, nil},
	})
	checkChanges(t, `{"version":"2.2.1","endpoints":[]}`, testEnv, VersionDetailsTo221, []change{
		{"versions and modules that are newer are named (ZV-01, ZV-02)", `{"version":"2.3.0","endpoints":[{"identifier":"invoicereconciliation","role":"SENDER","url":"a"}]}`, map[string]string{"/version": `"2.3.0"`, "/endpoints/0/identifier": `"invoicereconciliation"`}, nil},
		{"a module is served on both sides (DV-01, DV-03)", `{"endpoints":[{"identifier":"locations","role":"RECEIVER","url":"a"},{"identifier":"locations","role":"SENDER","url":"b"},{"identifier":"hubclientinfo","role":"SENDER","url":"c"},{"identifier":"nltnm-x","role":"SENDER","url":"d"}]}`,
			map[string]string{"/endpoints/1": `{"identifier":"locations","role":"SENDER","url":"b"}`, "/endpoints/3/identifier": `"nltnm-x"`}, nil},
	})
}

// Requirements DT-34, ZY-05: the roles of both versions are the same, but for hubs.
func TestRolesOfBothVersions(t *testing.T) {
	for _, role := range []ocpi.Role{ocpi.RoleCPO, ocpi.RoleEMSP, ocpi.RoleNAP, ocpi.RoleNSP, ocpi.RoleOther, ocpi.RoleSCSP} {
		model, losses := ClientInfoFrom221(v221.ClientInfo{Role: role}, Env{})
		back, more := ClientInfoTo221(model, Env{})
		if model.Role != role || back.Role != role || len(losses)+len(more) > 0 {
			t.Errorf("%s became %s and %s: %v %v", role, model.Role, back.Role, losses, more)
		}
	}
}

// An upChange is what the model says of an object of 2.2.1, and what it cannot.
type upChange struct {
	name, in string
	want     map[string]string
	losses   []string
}

func checkUp[Old, Model any](t *testing.T, up func(Old, Env) (Model, []Loss), changes []upChange) {
	t.Helper()
	for _, c := range changes {
		t.Run(c.name, func(t *testing.T) {
			var in Old
			if err := json.Unmarshal([]byte(c.in), &in); err != nil {
				t.Fatal(err)
			}
			model, losses := up(in, testEnv)
			if diff := cmp.Diff(c.losses, pointersOf(losses)); diff != "" {
				t.Errorf("losses (-want +got):\n%s%v", diff, losses)
			}
			checkPlaces(t, marshal(t, model), c.want)
		})
	}
}

func TestFrom221Says(t *testing.T) {
	session := func(cost string) string { return `{"id":"S1","total_cost":` + cost + `}` }
	checkUp(t, SessionFrom221, []upChange{
		{"VAT is the one tax (ZY-03)", session(`{"excl_vat":1.00,"incl_vat":1.19}`), map[string]string{"/total_cost": `{"before_taxes":1.00,"taxes":[{"name":"VAT","amount":0.19}]}`}, nil},
		{"unknown is not zero (ZY-03)", session(`{"excl_vat":1.00}`), map[string]string{"/total_cost": `{"before_taxes":1.00}`}, nil},
		{"and zero is known (ZY-03)", session(`{"excl_vat":1.0,"incl_vat":1.0}`), map[string]string{"/total_cost/taxes": `[{"name":"VAT","amount":0.0}]`}, nil},
		{"digits that adding up would not write are kept", session(`{"excl_vat":1.00,"incl_vat":1.2}`), map[string]string{"/total_cost": `{"before_taxes":1.00,"taxes":[{"name":"VAT","amount":0.20}],"ocpi_2_2_1":{"incl_vat":1.2}}`}, nil},
		{"a session stays as it is (DS-01, ZS-01)", `{"country_code":"DE","party_id":"ROA","id":"S1","cdr_token":{"country_code":"NL","party_id":"TNM","uid":"U","type":"RFID","contract_id":"C"},"status":"RESERVATION"}`, map[string]string{"/cdr_token/uid": `"U"`, "/status": `"RESERVATION"`, "/country_code": `"DE"`}, nil},
	})
	checkUp(t, CDRFrom221, []upChange{
		{"a CDR is marked as one of 2.2.1", `{"id":"R1","total_cost":{"excl_vat":-1.00,"incl_vat":-1.19},"credit":true}`, map[string]string{"/ocpi_2_2_1": `{}`, "/total_cost/taxes": `[{"name":"VAT","amount":-0.19}]`, "/credit": `true`}, nil},
		{"its tariffs are without taxes (ZD-02)", `{"id":"R1","tariffs":[{"id":"T1"}]}`, map[string]string{"/tariffs/0/tax_included": `"NO"`}, nil},
	})
	checkUp(t, TariffFrom221, []upChange{
		{"prices are without taxes (ZT-01, ZT-02)", `{"id":"T1","elements":[{"price_components":[{"type":"ENERGY","price":0.50,"vat":0.0,"step_size":1}]}]}`, map[string]string{"/tax_included": `"NO"`, "/elements/0/price_components/0/vat": `0.0`}, nil},
		{"limits have limits with taxes (ZY-04, ZT-04)", `{"id":"T1","max_price":{"excl_vat":10.0,"incl_vat":11.90}}`, map[string]string{"/max_price": `{"before_taxes":10.0,"after_taxes":11.90}`, "/min_price": ``}, nil},
	})
	checkUp(t, LocationFrom221, []upChange{
		{"names that the model knows otherwise are kept (ZX-04)", `{"id":"L1","publish":true,"help_phone":1,"vendor":2,"parking_type":"ROOFTOP"}`, map[string]string{"/help_phone": ``, "/vendor": `2`, "/parking_type": `"ROOFTOP"`, "/ocpi_2_2_1": `{"help_phone":1,"parking_type":"ROOFTOP"}`}, []string{"/help_phone"}},
	})
	hub := `{"role":"HUB","business_details":{"name":"H"},"party_id":"HUB","country_code":"DE"}`
	checkUp(t, CredentialsFrom221, []upChange{
		{"a hub is hub_party_id and keeps its name (ZC-01, ZC-03, ZY-05)", `{"roles":[` + hub + `]}`, map[string]string{"/hub_party_id": `"DEHUB"`, "/roles/0/role": `"OTHER"`, "/roles/0/business_details/name": `"H"`}, []string{"/roles/0/role"}},
		{"the first of several hubs is", `{"roles":[{"role":"CPO"},` + hub + `,{"role":"HUB","party_id":"ZZZ","country_code":"NL"}]}`, map[string]string{"/hub_party_id": `"DEHUB"`}, []string{"/roles/1/role", "/roles/2/role"}},
	})
	checkUp(t, ClientInfoFrom221, []upChange{
		{"a hub behind a hub is OTHER (ZC-03, ZY-05)", `{"role":"HUB"}`, map[string]string{"/role": `"OTHER"`}, []string{"/role"}},
	})
}

// Prices that nobody can write the difference of come back as they were.
func TestPricesBeyondAllDigitsComeBack(t *testing.T) {
	in := v221.Price{ExclVAT: ocpi.MustNumber("1e-40"), InclVAT: new(ocpi.MustNumber("1e40"))}
	cdr, losses := CDRFrom221(v221.CDR{TotalCost: in}, Env{})
	if !lostAt(losses, "/total_cost/incl_vat") || cdr.TotalCost.Taxes != nil {
		t.Errorf("%v: %s", losses, marshal(t, cdr.TotalCost))
	}
	back, losses := CDRTo221(cdr, Env{})
	if len(losses) > 0 || back.TotalCost.InclVAT == nil || back.TotalCost.InclVAT.String() != "1e40" {
		t.Errorf("%v: %s", losses, marshal(t, back.TotalCost))
	}
	_, losses = CDRTo221(v230.CDR{TotalCost: v230.Price{BeforeTaxes: in.ExclVAT, Taxes: []v230.TaxAmount{{Name: "VAT", Amount: *in.InclVAT}}}}, Env{})
	if !lostAt(losses, "/total_cost/taxes") {
		t.Error(losses)
	}
}

// Leftovers of both older versions go, whichever object has them.
func TestStripLeftoversOfBothVersions(t *testing.T) {
	in := `{"ocpi_2_2_1":{},"a":[{"ocpi_2_1_1":{"x":1},"ocpi_2_2_1":{"y":1},"b":0.500}],"ocpi_2_3_0":1}`
	if got, want := string(StripLeftovers([]byte(in))), `{"a":[{"b":0.500}],"ocpi_2_3_0":1}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// Requirement DD-13: signed data goes through both crossings byte for byte, in and out of the store.
func TestSignedDataComesBackByteForByte(t *testing.T) {
	value := jsontext.Value(`{"nature":"End","plain_data":" {\"RV\":1.50}\n","signed_data":"T0NNRnx7fQ=="}`)
	raw := []byte(`{"id":"R1","signed_data":{"encoding_method":"Alfen Eichrecht","signed_values":[` + string(value) + `]}}`)
	var in v221.CDR
	if err := json.Unmarshal(raw, &in); err != nil {
		t.Fatal(err)
	}
	back := thereAndBack(t, raw, Env{}, CDRFrom221, CDRTo221)
	if !strings.Contains(string(back), string(value)) {
		t.Errorf("%s is not in %s", value, back)
	}
}
