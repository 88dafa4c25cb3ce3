package wire_test

import (
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/convert"
	"github.com/roamwire/roamwire/ocpi/ocpitest"
	"github.com/roamwire/roamwire/ocpi/quirk"
	"github.com/roamwire/roamwire/ocpi/wire"
)

// Whatever a partner sends that can be read comes back as it was, but for nulls, which are absent, and for timestamps,
// which are written in UTC with Z: what is written once is written the same for ever.
func FuzzReadAndWrite(f *testing.F) { fuzzReadAndWrite(f, ocpi.V211) }

func FuzzReadAndWrite221(f *testing.F) {
	f.Add([]byte(`{"token":"t","url":"https://x.example","roles":[{"role":"HUB","business_details":{"name":"H"},"party_id":"HUB","country_code":"DE"}]}`))
	f.Add([]byte(`{"party_id":"HUB","country_code":"DE","role":"HUB","status":"PLANNED","last_updated":"2026-01-01T00:00:00Z"}`))
	f.Add([]byte(`{"charging_profile":{"charging_rate_unit":"W","charging_profile_period":[{"start_period":0,"limit":1.50}]},"response_url":"https://x.example"}`))
	f.Add([]byte(`{"country_code":"DE","party_id":"ROA","id":"T","currency":"EUR","max_price":{"excl_vat":1.0,"incl_vat":1e0},"elements":[{"price_components":[{"type":"FLAT","price":1E1,"vat":0,"step_size":1}]}],"last_updated":"2026-01-01T00:00:00Z","tax_included":"YES"}`))
	fuzzReadAndWrite(f, ocpi.V221)
}

// FuzzReadAndWrite230 is about the model itself.
func FuzzReadAndWrite230(f *testing.F) { fuzzReadAndWrite(f, ocpi.V230) }

func fuzzReadAndWrite(f *testing.F, v ocpi.Version) {
	codecs, _ := wire.For(v)
	sample := ocpitest.Network(ocpi.NewParty("NL", "GPE"))
	env := convert.Env{Owner: sample.CPO, EMSP: sample.EMSP}
	add(f, codecs.Locations, sample.Location(1), env)
	add(f, codecs.Sessions, sample.Session(1), env)
	add(f, codecs.CDRs, sample.CDR(1), env)
	add(f, codecs.Tariffs, sample.Tariff(1), env)
	add(f, codecs.Tokens, sample.Token(1), env)
	f.Add([]byte(`[{"uid":1,"type":"rfid","contract_id":2,"issuer":[""],"valid":1,"whitelist":"never","last_updated":1772625600}]`))
	f.Add([]byte(`{"id":"x","ocpi_2_1_1":{"type":"OTHER"},"publish":1}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		stable(t, codecs.Locations, raw, env)
		stable(t, codecs.Sessions, raw, env)
		stable(t, codecs.CDRs, raw, env)
		stable(t, codecs.Tariffs, raw, env)
		stable(t, codecs.Tokens, raw, env)
		stable(t, codecs.StartSessions, raw, env)
		stable(t, codecs.ReserveNows, raw, env)
		stable(t, codecs.CommandResults, raw, env)
		stable(t, codecs.Credentials, raw, env)
		if v == ocpi.V211 {
			return
		}
		stable(t, codecs.CancelReservations, raw, env)
		stable(t, codecs.SetChargingProfiles, raw, env)
		stable(t, codecs.ActiveChargingProfileResults, raw, env)
		stable(t, codecs.ClientInfos, raw, env)
	})
}

func add[T any](f *testing.F, codec wire.Codec[T], object T, env convert.Env) {
	f.Helper()
	raw, _, err := codec.Write(object, env)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(raw)
}

func stable[T any](t *testing.T, codec wire.Codec[T], raw []byte, env convert.Env) {
	t.Helper()
	object, _, err := codec.Read(raw, env, quirk.Default())
	if err != nil {
		return
	}
	// The store keeps the model's JSON; the way through it must not change anything.
	model, err := json.Marshal(&object)
	if err != nil {
		t.Fatalf("%s: the model cannot be stored: %v", codec.Object, err)
	}
	var stored T
	if err := json.Unmarshal(model, &stored); err != nil {
		t.Fatalf("%s: the stored model cannot be read: %v\n%s", codec.Object, err, model)
	}
	once := write(t, codec, stored, env)
	again, _, err := codec.Read(once, env, quirk.Profile{})
	if err != nil {
		t.Fatalf("%s: what was written cannot be read: %v\n%s", codec.Object, err, once)
	}
	if twice := write(t, codec, again, env); string(once) != string(twice) {
		t.Fatalf("%s: written once:\n%s\nwritten twice:\n%s", codec.Object, once, twice)
	}
}

func write[T any](t *testing.T, codec wire.Codec[T], object T, env convert.Env) jsontext.Value {
	t.Helper()
	raw, _, err := codec.Write(object, env)
	if err != nil {
		t.Fatalf("%s: %v", codec.Object, err)
	}
	v := jsontext.Value(raw)
	if err := v.Canonicalize(); err != nil {
		t.Fatalf("%s: %v: %s", codec.Object, err, raw)
	}
	return v
}

func FuzzPatch(f *testing.F) { fuzzPatch(f, ocpi.V211) }

func FuzzPatch221(f *testing.F) { fuzzPatch(f, ocpi.V221) }

func FuzzPatch230(f *testing.F) { fuzzPatch(f, ocpi.V230) }

func fuzzPatch(f *testing.F, v ocpi.Version) {
	codecs, _ := wire.For(v)
	sample := ocpitest.Network(ocpi.NewParty("NL", "GPE"))
	env := convert.Env{Owner: sample.CPO}
	for _, seed := range []string{`{}`, `{"evses":{"uid":1,"status":"charging"}}`, `{"name":null}`, `{"evses":[{"uid":"LOC1-1","status":"CHARGING"}]}`, `{"type":"OTHER","x":{}}`, `{"last_updated":"2026-03-04T12:00:00Z","evses":[{"uid":"loc1-1","status":"CHARGING"}],"parking_type":null}`, `{"coordinates":{"latitude":"1.000000","longitude":"1.000000"}}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		patch, _, err := codecs.Locations.ReadPatch(raw, env, quirk.Default())
		if err != nil {
			return
		}
		location := sample.Location(1)
		before := write(t, codecs.Locations, location, env)
		if patch.Apply(&location, ocpi.NewDateTime(time.Now())) != nil {
			if after := write(t, codecs.Locations, location, env); string(before) != string(after) {
				t.Fatalf("a PATCH that failed changed the location:\n%s\n%s", before, after)
			}
			return
		}
		written := write(t, codecs.Locations, location, env)
		if _, _, err := codecs.Locations.Read(written, env, quirk.Profile{}); err != nil {
			t.Fatalf("%s makes a location that cannot be read: %v\n%s", raw, err, written)
		}
	})
}
