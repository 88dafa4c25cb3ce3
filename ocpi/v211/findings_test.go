package v211_test

import (
	"errors"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/v211"
)

// location is a location without findings; tests change one thing about it.
const location = `{
	"id": "LOC1", "type": "PARKING_LOT", "name": "Harbour", "address": "Quay 1", "city": "Groningen",
	"postal_code": "9711 AA", "country": "NLD",
	"coordinates": {"latitude": "53.219383", "longitude": "6.566502"},
	"evses": [{
		"uid": "E1", "status": "AVAILABLE",
		"connectors": [{"id": "1", "standard": "IEC_62196_T2", "format": "SOCKET", "power_type": "AC_3_PHASE",
			"voltage": 230, "amperage": 16, "last_updated": "2026-01-31T12:00:00Z"}],
		"last_updated": "2026-01-31T12:00:00Z"}],
	"opening_times": {"twentyfourseven": true},
	"last_updated": "2026-01-31T12:00:00Z"
}`

func replaced(t *testing.T, old, by string) []byte {
	t.Helper()
	if !strings.Contains(location, old) {
		t.Fatalf("the location has no %s", old)
	}
	return []byte(strings.Replace(location, old, by, 1))
}

func TestLocationWithoutFindings(t *testing.T) {
	l, findings, err := v211.DecodeLocation([]byte(location))
	if err != nil || len(findings) > 0 {
		t.Fatal(err, findings)
	}
	if findings := l.Validate(); len(findings) > 0 {
		t.Error(findings)
	}
}

func TestEachDeviationIsFoundAtItsPlace(t *testing.T) {
	tests := []struct {
		name, old, by string
		pointer       string
		code          ocpi.FindingCode
		unusable      bool
	}{
		{"required field missing", `"address": "Quay 1",`, ``, "/address", ocpi.FindingMissing, true},
		{"required field null", `"Quay 1"`, `null`, "/address", ocpi.FindingNull, true},
		{"required field of an EVSE missing", `"uid": "E1", `, ``, "/evses/0/uid", ocpi.FindingMissing, true},
		{"required number missing", `"voltage": 230, `, ``, "/evses/0/connectors/0/voltage", ocpi.FindingMissing, true},
		{"required list missing", `"connectors": [{`, `"x": [{`, "/evses/0/connectors", ocpi.FindingMissing, true},
		{"a number for a string", `"LOC1"`, `1`, "/id", ocpi.FindingType, true},
		{"a string for a number", `230`, `"230"`, "/evses/0/connectors/0/voltage", ocpi.FindingType, true},
		{"a fraction for a whole number", `230`, `230.5`, "/evses/0/connectors/0/voltage", ocpi.FindingType, true},
		{"a whole number with a fraction", `230`, `230.0`, "/evses/0/connectors/0/voltage", ocpi.FindingFormat, false},
		{"a whole number with an exponent", `230`, `2.3e2`, "/evses/0/connectors/0/voltage", ocpi.FindingFormat, false},
		{"a number too large for the machine", `230`, `1e30`, "/evses/0/connectors/0/voltage", ocpi.FindingType, true},
		{"an empty id", `"LOC1"`, `""`, "/id", ocpi.FindingEmpty, true},
		{"a string for a boolean", `"twentyfourseven": true`, `"twentyfourseven": "yes"`, "/opening_times/twentyfourseven", ocpi.FindingType, true},
		{"null in a list", `"connectors": [{`, `"connectors": [null, {`, "/evses/0/connectors/0", ocpi.FindingType, true},
		{"unreadable timestamp", `"last_updated": "2026-01-31T12:00:00Z"}],`, `"last_updated": "today"}],`, "/evses/0/connectors/0/last_updated", ocpi.FindingTimestamp, true},
		{"timestamp with an offset (TF-68)", `"2026-01-31T12:00:00Z"}],`, `"2026-01-31T12:00:00+01:00"}],`, "/evses/0/connectors/0/last_updated", ocpi.FindingTimestamp, false},
		{"too long", `"9711 AA"`, `"9711 AA Groningen"`, "/postal_code", ocpi.FindingLength, false},
		{"unknown enum value", `"AVAILABLE"`, `"SLEEPING"`, "/evses/0/status", ocpi.FindingEnum, false},
		{"coordinates with five decimals (L-28)", `"53.219383"`, `"53.21938"`, "/coordinates/latitude", ocpi.FindingFormat, false},
		{"coordinates with a comma", `"53.219383"`, `"53,219383"`, "/coordinates/latitude", ocpi.FindingFormat, false},
		{"a latitude that does not exist", `"53.219383"`, `"93.219383"`, "/coordinates/latitude", ocpi.FindingRange, false},
		{"country with two letters", `"NLD"`, `"NL"`, "/country", ocpi.FindingFormat, false},
		{"empty required string", `"Quay 1"`, `""`, "/address", ocpi.FindingEmpty, false},
		{"empty required list", `[{"id": "1", "standard": "IEC_62196_T2", "format": "SOCKET", "power_type": "AC_3_PHASE",
			"voltage": 230, "amperage": 16, "last_updated": "2026-01-31T12:00:00Z"}]`, `[]`, "/evses/0/connectors", ocpi.FindingEmpty, false},
		{"a control character", `"Quay 1"`, `"Quay\u0007 1"`, "/address", ocpi.FindingCharacters, false},
		{"neither always open nor hours (L-30)", `{"twentyfourseven": true}`, `{"twentyfourseven": false}`, "/opening_times", ocpi.FindingConsistency, false},
		{"a period that ends before it begins (L-29)", `{"twentyfourseven": true}`, `{"regular_hours": [{"weekday": 1, "period_begin": "18:00", "period_end": "08:00"}]}`, "/opening_times/regular_hours/0/period_end", ocpi.FindingConsistency, false},
		{"an eighth day", `{"twentyfourseven": true}`, `{"regular_hours": [{"weekday": 8, "period_begin": "08:00", "period_end": "18:00"}]}`, "/opening_times/regular_hours/0/weekday", ocpi.FindingRange, false},
		{"25 o'clock", `{"twentyfourseven": true}`, `{"regular_hours": [{"weekday": 1, "period_begin": "08:00", "period_end": "25:00"}]}`, "/opening_times/regular_hours/0/period_end", ocpi.FindingFormat, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, findings, err := v211.DecodeLocation(replaced(t, tt.old, tt.by))
			if (err != nil) != tt.unusable {
				t.Fatalf("unusable is %v: %v", tt.unusable, err)
			}
			if len(findings) != 1 {
				t.Fatalf("got %d findings: %v", len(findings), findings)
			}
			f := findings[0]
			if f.Pointer != tt.pointer || f.Code != tt.code || f.Unusable != tt.unusable || f.Message == "" {
				t.Errorf("got %+v, want %s at %s, unusable %v", f, tt.code, tt.pointer, tt.unusable)
			}
		})
	}
}

// Programs that put a document right have to know what belongs where something else is.
func TestFindingsSayWhatBelongsThere(t *testing.T) {
	tests := []struct {
		name, old, by string
		want          ocpi.Wanted
		meant         string
	}{
		{"a text that is missing", `"address": "Quay 1",`, ``, ocpi.WantString, ""},
		{"a list that is missing", `"connectors": [{`, `"x": [{`, ocpi.WantList, ""},
		{"a timestamp that is missing", `,
	"last_updated": "2026-01-31T12:00:00Z"
}`, `}`, ocpi.WantTimestamp, ""},
		{"null for a text", `"Quay 1"`, `null`, ocpi.WantString, ""},
		{"a number for a text", `"LOC1"`, `1`, ocpi.WantString, ""},
		{"a text for a number", `230`, `"230"`, ocpi.WantInt, ""},
		{"a fraction for a whole number", `230`, `230.5`, ocpi.WantInt, ""},
		{"a text for a boolean", `"twentyfourseven": true`, `"twentyfourseven": "yes"`, ocpi.WantBool, ""},
		{"a number for an enum", `"AVAILABLE"`, `1`, ocpi.WantEnum, ""},
		{"a list for an object", `{"twentyfourseven": true}`, `[]`, ocpi.WantObject, ""},
		{"null among objects", `"connectors": [{`, `"connectors": [null, {`, ocpi.WantObject, ""},
		{"an unreadable timestamp", `"last_updated": "2026-01-31T12:00:00Z"}],`, `"last_updated": "today"}],`, ocpi.WantTimestamp, ""},
		{"a timestamp with an offset", `"2026-01-31T12:00:00Z"}],`, `"2026-01-31T12:00:00+01:00"}],`, ocpi.WantTimestamp, ""},
		{"an enum in small letters", `"AVAILABLE"`, `"available"`, ocpi.WantEnum, "AVAILABLE"},
		{"an enum with hyphens, though the value has small letters itself", `"IEC_62196_T2"`, `"iec-60309-2-SINGLE-16"`, ocpi.WantEnum, "IEC_60309_2_single_16"},
		{"no value of an enum in any spelling", `"AVAILABLE"`, `"SLEEPING"`, ocpi.WantEnum, ""},
		{"too long", `"9711 AA"`, `"9711 AA Groningen"`, "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, findings, _ := v211.DecodeLocation(replaced(t, tt.old, tt.by))
			if len(findings) != 1 || findings[0].Want != tt.want || findings[0].Meant != tt.meant {
				t.Errorf("got %+v, want %s", findings, tt.want)
			}
		})
	}
	_, findings, _ := v211.DecodeEVSEPatch([]byte(`{"connectors": null}`))
	if len(findings) != 1 || findings[0].Want != ocpi.WantAbsent {
		t.Errorf("null for a required field of a PATCH: %+v", findings)
	}
}

func TestEveryFindingIsReportedNotOnlyTheFirst(t *testing.T) {
	_, findings, err := v211.DecodeLocation([]byte(`{"id": 5, "type": "X", "coordinates": {"latitude": true}, "evses": [{"connectors": [{}]}], "last_updated": "x"}`))
	var e *ocpi.Error
	if !errors.As(err, &e) || e.Code != ocpi.StatusInvalidParameters || e.HTTP != 0 {
		t.Fatalf("got %v", err)
	}
	var pointers []string
	for _, f := range findings {
		pointers = append(pointers, f.Pointer)
	}
	want := []string{
		"/id", "/type", "/coordinates/latitude", "/coordinates/longitude",
		"/evses/0/connectors/0/id", "/evses/0/connectors/0/standard", "/evses/0/connectors/0/format",
		"/evses/0/connectors/0/power_type", "/evses/0/connectors/0/voltage", "/evses/0/connectors/0/amperage",
		"/evses/0/connectors/0/last_updated", "/evses/0/uid", "/evses/0/status", "/evses/0/last_updated",
		"/last_updated", "/address", "/city", "/postal_code", "/country",
	}
	if diff := cmp.Diff(want, pointers); diff != "" {
		t.Error(diff)
	}
}

// Requirement TF-57: what is not JSON is told apart from a bad object, with the place where it broke.
func TestWhatIsNotJSONSaysWhereItBroke(t *testing.T) {
	tests := []struct{ name, in, want string }{
		{"nothing", "", "empty"},
		{"white space", " \n", "empty"},
		{"cut off", `{"id": "LOC1", "evses": [{"uid"`, "unexpected end"},
		{"no quotes", "{\n  id: 1}", "line 2, column 3"},
		{"twice the same name", `{"id": "a", "id": "b"}`, "duplicate object member name"},
		{"twice the same name inside", `{"evses": [{"uid": "a", "x": {"y": 1, "y": 2}}]}`, "/evses/0/x"},
		{"not UTF-8", "{\"name\": \"\xff\"}", "invalid UTF-8"},
		{"something after the end", `{} {}`, "follows"},
		{"a comma too many", `{"id": "a",}`, "line 1, column 11"},
		{"NaN", `{"voltage": NaN}`, "byte 12"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, _, err := v211.DecodeLocation([]byte(tt.in))
			var e *ocpi.Error
			if !errors.As(err, &e) || e.HTTP != http.StatusBadRequest {
				t.Fatalf("got %v", err)
			}
			if !strings.Contains(e.Message, tt.want) {
				t.Errorf("%q does not say %q", e.Message, tt.want)
			}
		})
	}
}

func TestValidJSONThatIsNoObjectIsUnusable(t *testing.T) {
	for _, in := range []string{`null`, `[]`, `"x"`, `1`, `true`, `{"evses": {}}`, `{"evses": "none"}`} {
		_, findings, err := v211.DecodeLocation([]byte(in))
		var e *ocpi.Error
		if !errors.As(err, &e) || e.Code != ocpi.StatusInvalidParameters || len(findings) == 0 {
			t.Errorf("%s: %v, %v", in, findings, err)
		}
	}
}

// House rule: what a version does not know is kept and written back (also requirement ZX-04).
func TestUnknownMembersAndValuesSurvive(t *testing.T) {
	in := []byte(`{"id":"T1","currency":"EUR","elements":[{"price_components":[{"type":"MAGIC","price":0.50,"step_size":1,"vat":19.0}],"x":{"y":[1,2]}}],"last_updated":"2026-01-31T12:00:00Z","publish":null}`)
	tariff, _, err := v211.DecodeTariff(in)
	if err != nil {
		t.Fatal(err)
	}
	out, err := json.Marshal(&tariff)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(canonical(t, in), canonical(t, out)); diff != "" {
		t.Error(diff)
	}
}

func canonical(t *testing.T, raw []byte) string {
	t.Helper()
	v := jsontext.Value(strings.Clone(string(raw)))
	if err := v.Canonicalize(); err != nil {
		t.Fatal(err)
	}
	return string(v)
}

// Requirements TF-35, TF-39.
func TestPatchNeedsNothingButMayNotClearWhatIsRequired(t *testing.T) {
	tests := []struct {
		name, in string
		want     []string
	}{
		{"empty", `{}`, nil},
		{"one field", `{"status": "CHARGING"}`, nil},
		{"null clears an optional field", `{"floor_level": null, "capabilities": null}`, nil},
		{"null in a required field", `{"status": null, "connectors": null}`, []string{"/status", "/connectors"}},
		{"a list is replaced by complete elements", `{"connectors": [{"id": "1"}]}`, []string{
			"/connectors/0/standard", "/connectors/0/format", "/connectors/0/power_type", "/connectors/0/voltage",
			"/connectors/0/amperage", "/connectors/0/last_updated"}},
		{"a wrong type", `{"status": 1}`, []string{"/status"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, findings, err := v211.DecodeEVSEPatch([]byte(tt.in))
			var got []string
			for _, f := range ocpi.UnusableFindings(findings) {
				got = append(got, f.Pointer)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" || (err != nil) != (len(got) > 0) {
				t.Error(diff, err)
			}
		})
	}
}

// Requirement TF-38: EVSEs in the PATCH of a location are merged by uid, and need it.
func TestEVSEsInALocationPatchAreMergedByUID(t *testing.T) {
	l, _, err := v211.DecodeLocation([]byte(location))
	if err != nil {
		t.Fatal(err)
	}
	p, findings, err := v211.DecodeLocationPatch([]byte(`{"evses": [{"uid": "E1", "status": "CHARGING"}]}`))
	if err != nil || len(findings) > 0 {
		t.Fatal(err, findings)
	}
	p.Apply(&l)
	if len(l.EVSEs) != 1 || l.EVSEs[0].Status != v211.StatusCharging || len(l.EVSEs[0].Connectors) != 1 {
		t.Errorf("got %+v", l.EVSEs)
	}
	if _, findings, err = v211.DecodeLocationPatch([]byte(`{"evses": [{"status": "CHARGING"}]}`)); err == nil || findings[0].Pointer != "/evses/0/uid" {
		t.Errorf("an EVSE without uid: %v, %v", findings, err)
	}
}

// Requirements CDR-14 and CDR-16.
func TestCDRTotalsAreChecked(t *testing.T) {
	cdr := func(energy, hours, periodStart string) []byte {
		return []byte(`{"id":"C1","start_date_time":"2026-01-31T12:00:00Z","stop_date_time":"2026-01-31T14:00:00Z","auth_id":"A","auth_method":"WHITELIST",
			"location":` + location + `,"currency":"EUR","total_cost":1,"total_energy":` + energy + `,"total_time":` + hours + `,
			"charging_periods":[{"start_date_time":"` + periodStart + `","dimensions":[{"type":"ENERGY","volume":10.0},{"type":"TIME","volume":1.5},{"type":"PARKING_TIME","volume":0.5}]}],
			"last_updated":"2026-01-31T14:00:00Z"}`)
	}
	tests := []struct {
		name                 string
		energy, hours, start string
		want                 string
	}{
		{"all adds up", "10", "2.0", "2026-01-31T12:00:00Z", ""},
		{"energy differs", "11", "2", "2026-01-31T12:00:00Z", "/total_energy"},
		{"time differs", "10", "1.5", "2026-01-31T12:00:00Z", "/total_time"},
		{"rounding is no difference", "10.004", "2", "2026-01-31T12:00:00Z", ""},
		{"a period before the session", "10", "2", "2026-01-31T11:59:59Z", "/charging_periods/0/start_date_time"},
		{"a period after the session", "10", "2", "2026-01-31T14:00:01Z", "/charging_periods/0/start_date_time"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, findings, err := v211.DecodeCDR(cdr(tt.energy, tt.hours, tt.start))
			if err != nil {
				t.Fatal(err)
			}
			got := ""
			for _, f := range findings {
				got += f.Pointer
			}
			if got != tt.want {
				t.Errorf("got %q, want %q: %v", got, tt.want, findings)
			}
		})
	}
}

func FuzzDecodeLocation(f *testing.F) {
	f.Add([]byte(location))
	f.Add([]byte(`{"evses":[{"uid":"1","extra":[[[{}]]]}]}`))
	f.Add([]byte(`{"id":"\ud800"}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		l, _, err := v211.DecodeLocation(raw)
		if err != nil {
			return
		}
		out, err := json.Marshal(&l)
		if err != nil {
			t.Fatalf("what was read cannot be written: %v", err)
		}
		again, _, err := v211.DecodeLocation(out)
		if err != nil {
			t.Fatalf("what was written cannot be read: %v\n%s", err, out)
		}
		twice, err := json.Marshal(&again)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(canonical(t, out), canonical(t, twice)); diff != "" {
			t.Fatal(diff)
		}
	})
}

func FuzzDecodeEVSEPatch(f *testing.F) {
	f.Add([]byte(`{"status":"CHARGING","last_updated":"2026-01-31T12:00:00Z"}`))
	f.Add([]byte(`{"connectors":null,"x":null}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		p, _, err := v211.DecodeEVSEPatch(raw)
		if err != nil {
			return
		}
		p.Apply(&v211.EVSE{})
		if _, err := json.Marshal(&p); err != nil {
			t.Fatal(err)
		}
	})
}

const realData = "../../../shared/data/"

func TestRealLocationsAreUsable(t *testing.T) {
	for _, name := range []string{"ludwigsburg-locations-2.1.1.json", "bnetza-locations-2.1.1.json"} {
		raw, err := os.ReadFile(realData + name)
		if err != nil {
			t.Skip("the real data is not here: ", err)
		}
		var documents []jsontext.Value
		if err := json.Unmarshal(raw, &documents); err != nil {
			t.Fatal(err)
		}
		for _, in := range documents {
			l, _, err := v211.DecodeLocation(in)
			if err != nil {
				t.Fatal(err)
			}
			out, err := json.Marshal(&l)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(canonical(t, in), canonical(t, out)); diff != "" {
				t.Fatalf("%s: %s", l.ID, diff)
			}
		}
	}
}
