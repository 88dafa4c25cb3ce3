package quirk_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/quirk"
	"github.com/roamwire/roamwire/ocpi/v211"
)

const connector = `{"id":"1","standard":"CHADEMO","format":"CABLE","power_type":"DC","voltage":400,"amperage":125,"last_updated":"2026-03-04T12:00:00Z"}`

const location = `{"id":"L1","type":"PARKING_LOT","address":"Kade 1","city":"Assen","postal_code":"9401 AB","country":"NLD",` +
	`"coordinates":{"latitude":"52.995610","longitude":"6.562140"},` +
	`"evses":[{"uid":"E1","status":"AVAILABLE","connectors":[` + connector + `],"last_updated":"2026-03-04T12:00:00Z"}],"last_updated":"2026-03-04T12:00:00Z"}`

// Each of these needs more than one round or meets several deviations in one value.
func TestWhatOnePutsRightBringsToLightWhatIsBelow(t *testing.T) {
	tests := []struct {
		name, in, want string
		decode         decoder
		applied        []quirk.Name
	}{
		{
			"a wrapped location whose one EVSE, and its one connector, are no lists",
			`[` + strings.NewReplacer(`"evses":[`, `"evses":`, `"connectors":[`, `"connectors":`, `}],"last_updated"`, `},"last_updated"`, `400`, `"400"`).Replace(location) + `]`,
			location, decoderOf(v211.DecodeLocation),
			[]quirk.Name{quirk.WrappedObject, quirk.ObjectForList, quirk.NumbersAsStrings},
		},
		{
			"a list in a list", strings.NewReplacer(`"evses":[{`, `"evses":[[{`, `}],"last_updated":"2026-03-04T12:00:00Z"}]`, `}],"last_updated":"2026-03-04T12:00:00Z"}]]`).Replace(location),
			location, decoderOf(v211.DecodeLocation), []quirk.Name{quirk.ListForObject},
		},
		{
			"a bare command result in a list", `["REJECTED"]`, `{"result":"REJECTED"}`, decoderOf(v211.DecodeCommandResponse),
			[]quirk.Name{quirk.WrappedObject, quirk.BareCommandResult},
		},
		{
			"an empty last_updated", strings.Replace(connector, "2026-03-04T12:00:00Z", "", 1), connector, decoderOf(v211.DecodeConnector),
			[]quirk.Name{quirk.EmptyValues, quirk.MissingLastUpdated},
		},
		{
			"milliseconds in a string", strings.Replace(connector, "2026-03-04T12:00:00Z", "1772625600000", 1), connector, decoderOf(v211.DecodeConnector),
			[]quirk.Name{quirk.UnixTimestamps},
		},
		{
			"the wrong name beside null under the right one",
			`{"uid":"1","type":"rfid","contract_id":"NL-TUB-1","auth_id":null,"issuer":"T","valid":true,"whitelist":"NEVER","last_updated":"2026-03-04T12:00:00Z"}`,
			`{"uid":"1","type":"RFID","auth_id":"NL-TUB-1","issuer":"T","valid":true,"whitelist":"NEVER","last_updated":"2026-03-04T12:00:00Z"}`,
			decoderOf(v211.DecodeToken), []quirk.Name{quirk.LaterNames, quirk.EnumSpelling},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			last, findings, applied, err := read(quirk.Default().At(time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)), []byte(tt.in), tt.decode)
			if err != nil || len(ocpi.UnusableFindings(findings)) > 0 || len(findings) == 0 {
				t.Fatalf("%v, %v", err, findings)
			}
			if diff := cmp.Diff(tt.want, string(last)); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(tt.applied, applied); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// The check keeps a thousand findings of a document; a large location in which every connector deviates has more.
func TestMoreDeviationsThanAreFoundAtOnceArePutRight(t *testing.T) {
	var connectors []string
	for i := range 800 {
		connectors = append(connectors, strings.Replace(connector, `"id":"1"`, fmt.Sprintf(`"id":"%d"`, i), 1))
	}
	want := strings.Replace(location, connector, strings.Join(connectors, ","), 1)
	in := strings.NewReplacer(`"voltage":400`, `"voltage":"400"`, `"amperage":125`, `"amperage":"125"`).Replace(want)
	last, findings, applied, err := read(quirk.Default(), []byte(in), decoderOf(v211.DecodeLocation))
	if err != nil || len(ocpi.UnusableFindings(findings)) > 0 || !slices.Equal(applied, []quirk.Name{quirk.NumbersAsStrings}) {
		t.Fatal(applied, err)
	}
	if string(last) != want {
		t.Errorf("not everything was put right: %s", last)
	}
}

func TestWhatNoQuirkIsAboutStaysUnusable(t *testing.T) {
	tests := []struct {
		name, in string
		decode   decoder
		pointer  string // of an unusable finding
	}{
		{"a required field that is missing", `{"result2":"ACCEPTED"}`, decoderOf(v211.DecodeCommandResponse), "/result"},
		{"an object where a text belongs", strings.Replace(location, `"Kade 1"`, `{"street":"Kade"}`, 1), decoderOf(v211.DecodeLocation), "/address"},
		{"an object in a list where a text belongs", strings.Replace(location, `"Kade 1"`, `[{"street":"Kade"}]`, 1), decoderOf(v211.DecodeLocation), "/address"},
		{"two elements where one object belongs", `[` + location + `,` + location + `]`, decoderOf(v211.DecodeLocation), ""},
		{"an empty list where an object belongs", `[]`, decoderOf(v211.DecodeLocation), ""},
		{"a word where a location belongs", `"ACCEPTED2"`, decoderOf(v211.DecodeLocation), ""},
		{"no number in a string", strings.Replace(connector, `400`, `"4OO"`, 1), decoderOf(v211.DecodeConnector), "/voltage"},
		{"a number with a comma", strings.Replace(connector, `400`, `"400,5"`, 1), decoderOf(v211.DecodeConnector), "/voltage"},
		{"a number out of range in a string", strings.Replace(connector, `400`, `"1e999999999"`, 1), decoderOf(v211.DecodeConnector), "/voltage"},
		{"a number that is no time", strings.Replace(connector, `"2026-03-04T12:00:00Z"`, `12`, 1), decoderOf(v211.DecodeConnector), "/last_updated"},
		{"no timestamp at all", strings.Replace(connector, `2026-03-04T12:00:00Z`, `yesterday`, 1), decoderOf(v211.DecodeConnector), "/last_updated"},
		{"an empty id", strings.Replace(connector, `"id":"1"`, `"id":""`, 1), decoderOf(v211.DecodeConnector), "/id"},
		{"neither yes nor no", `{"uid":"1","type":"RFID","auth_id":"1","issuer":"T","valid":2,"whitelist":"NEVER","last_updated":"2026-03-04T12:00:00Z"}`, decoderOf(v211.DecodeToken), "/valid"},
		{"null in a required field", strings.Replace(location, `"Kade 1"`, `null`, 1), decoderOf(v211.DecodeLocation), "/address"},
		{"an empty text for a required number", strings.Replace(connector, `400`, `""`, 1), decoderOf(v211.DecodeConnector), "/voltage"},
		{"null for a required field of a PATCH (TF-39)", `{"connectors":null}`, decoderOf(v211.DecodeEVSEPatch), "/connectors"},
		{"null for the id of an EVSE that a PATCH merges", `{"evses":[{"uid":null}]}`, decoderOf(v211.DecodeLocationPatch), "/evses/0/uid"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, findings, _, err := read(quirk.Default().At(time.Now()), []byte(tt.in), tt.decode)
			var e *ocpi.Error
			if !errors.As(err, &e) || e.Code != ocpi.StatusInvalidParameters || e.HTTP != 0 {
				t.Fatalf("got %v", err)
			}
			if !slices.ContainsFunc(ocpi.UnusableFindings(findings), func(f ocpi.Finding) bool { return f.Pointer == tt.pointer }) {
				t.Errorf("nothing unusable at %q: %v", tt.pointer, findings)
			}
		})
	}
}

func TestWhatCannotBePutRightIsToldWithWhatWas(t *testing.T) {
	in := strings.NewReplacer(`400`, `"400"`, `"id":"1",`, ``).Replace(connector)
	_, findings, applied, err := read(quirk.Default(), []byte(in), decoderOf(v211.DecodeConnector))
	if err == nil {
		t.Fatal("a connector without id can be used")
	}
	var got []string
	for _, f := range findings {
		got = append(got, fmt.Sprint(f.Pointer, " ", f.Unusable))
	}
	if diff := cmp.Diff([]string{"/voltage false", "/id true"}, got); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]quirk.Name{quirk.NumbersAsStrings}, applied); diff != "" {
		t.Error(diff)
	}
}

func TestWhatNobodyLookedAtIsWrittenAsItCame(t *testing.T) {
	in := `{ "price_components" : [ {"type":"ENERGY", "price":"0.50", "step_size":1, "x\u0079":1.0e2} ], "vendor" : { "a" :  [1.50, -0] , "é\u00e9": null}}`
	tariff := func(element string) string {
		return `{"id":"T1","currency":"EUR","elements":[` + element + `],"last_updated":"2026-03-04T12:00:00Z"}`
	}
	last, _, _, err := read(quirk.Default(), []byte(tariff(in)), decoderOf(v211.DecodeTariff))
	if err != nil {
		t.Fatal(err)
	}
	want := tariff(`{"price_components":[{"type":"ENERGY","price":0.50,"step_size":1,"x\u0079":1.0e2}],"vendor":{ "a" :  [1.50, -0] , "é\u00e9": null}}`)
	if diff := cmp.Diff(want, string(last)); diff != "" {
		t.Error(diff)
	}
}

func TestTheTimeOfAChangeIsSoughtInTheObjectFirst(t *testing.T) {
	const receipt = "2026-03-04T13:14:15.5Z"
	cdr := func(last string) string {
		return `{"id":"C1","start_date_time":"2026-03-04T09:00:00Z","stop_date_time":"2026-03-04T11:00:00Z","auth_id":"A","auth_method":"WHITELIST","location":` +
			strings.ReplaceAll(location, "2026-03-04", "2026-01-01") + `,"currency":"EUR","charging_periods":[{"start_date_time":"2026-03-04T09:00:00Z","dimensions":[{"type":"TIME","volume":2}]}],` +
			`"total_cost":1,"total_energy":1,"total_time":2` + last + `}`
	}
	tests := []struct {
		name, in, want string
		decode         decoder
	}{
		{"a CDR changed when the session ended, not when the location did", cdr(""), cdr(`,"last_updated":"2026-03-04T11:00:00Z"`), decoderOf(v211.DecodeCDR)},
		{"a part's time that is a number", strings.NewReplacer(`"last_updated":"2026-03-04T12:00:00Z"}],"last_updated":"2026-03-04T12:00:00Z"}`, `"last_updated":1772629200}]}`).Replace(location),
			strings.NewReplacer(`"last_updated":"2026-03-04T12:00:00Z"}],"last_updated":"2026-03-04T12:00:00Z"}`, `"last_updated":"2026-03-04T13:00:00Z"}],"last_updated":"2026-03-04T13:00:00Z"}`).Replace(location), decoderOf(v211.DecodeLocation)},
		{"a part's time that is yet to come", `{"id":"T1","currency":"EUR","elements":[],"x":{"last_updated":"2027-01-01T00:00:00Z"}}`,
			`{"id":"T1","currency":"EUR","elements":[],"x":{"last_updated":"2027-01-01T00:00:00Z"},"last_updated":"2026-03-04T13:14:15Z"}`, decoderOf(v211.DecodeTariff)},
		{"a session that is running has just changed",
			`{"id":"S1","start_datetime":"2026-03-04T11:00:00Z","end_datetime":null,"kwh":1,"auth_id":"A","auth_method":"WHITELIST","location":` + location + `,"currency":"EUR","status":"ACTIVE"}`,
			`{"id":"S1","start_datetime":"2026-03-04T11:00:00Z","end_datetime":null,"kwh":1,"auth_id":"A","auth_method":"WHITELIST","location":` + location + `,"currency":"EUR","status":"ACTIVE","last_updated":"2026-03-04T13:14:15Z"}`,
			decoderOf(v211.DecodeSession)},
		{"nothing but the receipt", `{"id":"T1","currency":"EUR","elements":[],"last_updated":null}`, `{"id":"T1","currency":"EUR","elements":[],"last_updated":"2026-03-04T13:14:15Z"}`, decoderOf(v211.DecodeTariff)},
	}
	received, err := time.Parse(time.RFC3339, receipt)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			last, _, applied, err := read(quirk.Default().At(received), []byte(tt.in), tt.decode)
			if err != nil || !slices.Contains(applied, quirk.MissingLastUpdated) {
				t.Fatal(applied, err)
			}
			if diff := cmp.Diff(tt.want, string(last)); diff != "" {
				t.Error(diff)
			}
			// What is read again later is as old as before, unless nothing but the receipt says how old it is.
			later, _, _, err := read(quirk.Default().At(received.Add(time.Hour)), []byte(tt.in), tt.decode)
			if err != nil || (string(later) == string(last)) == strings.Contains(tt.want, "13:14:15") {
				t.Errorf("an hour later it is %s, %v", later, err)
			}
		})
	}
	if _, _, _, err := read(quirk.Default(), []byte(tests[len(tests)-1].in), decoderOf(v211.DecodeTariff)); err == nil {
		t.Error("without a time of receipt it became usable")
	}
}

func TestTimestampsOfEveryForm(t *testing.T) {
	tests := []struct{ in, want string }{
		{`"2026-03-04T12:00Z"`, "2026-03-04T12:00:00Z"},
		{`"2026-03-04T12:00+01:00"`, "2026-03-04T11:00:00Z"},
		{`"2026-03-04 12:00"`, "2026-03-04T12:00:00Z"},
		{`"2026-03-04"`, "2026-03-04T00:00:00Z"},
		{`1772625600`, "2026-03-04T12:00:00Z"},
		{`1772625600.999`, "2026-03-04T12:00:00Z"},
		{`1772625600123`, "2026-03-04T12:00:00Z"},
		{`"1772625600"`, "2026-03-04T12:00:00Z"},
		// These the types read themselves; they stay.
		{`"2026-03-04T13:00:00+01:00"`, "2026-03-04T13:00:00+01:00"},
		{`"2026-03-04 12:00:00z"`, "2026-03-04 12:00:00z"},
		{`"2026-03-04T12:00:00"`, "2026-03-04T12:00:00"},
		{`"2026-03-04T12:00:00.25Z"`, "2026-03-04T12:00:00.25Z"},
	}
	for _, tt := range tests {
		t.Run(tt.in, func(t *testing.T) {
			in := strings.Replace(connector, `"2026-03-04T12:00:00Z"`, tt.in, 1)
			last, _, _, err := read(quirk.Default(), []byte(in), decoderOf(v211.DecodeConnector))
			if want := strings.Replace(connector, "2026-03-04T12:00:00Z", tt.want, 1); err != nil || string(last) != want {
				t.Errorf("got %s, %v", last, err)
			}
		})
	}
}

// A partner must not make us work for long, whatever it sends: objects with very many members, very long lists, very
// many findings.
func TestDocumentsOfAnySizeAreReadInTime(t *testing.T) {
	var members strings.Builder
	for i := range 60_000 {
		fmt.Fprintf(&members, `"m%d":0,`, i)
	}
	tests := []struct {
		name, in string
	}{
		{"an object with many members", strings.Replace(location, `"id"`, members.String()+`"type":3,"id"`, 1)},
		{"a list of many numbers", strings.Replace(location, `"evses":[`, `"evses":[`+strings.Repeat("0,", 400_000), 1)},
		{"many deviations", strings.Replace(location, `"evses":[`, `"evses":[`+strings.Repeat(`{"connectors":[{"id":1,"voltage":"2","amperage":"3"}]},`, 15_000), 1)},
		{"deep unknown members", strings.Replace(location, `"id":"L1"`, `"id":1,"x":`+strings.Repeat("[", 9_000)+strings.Repeat("]", 9_000), 1)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			started := time.Now()
			_, _, _, _ = read(quirk.Default().At(started), []byte(tt.in), decoderOf(v211.DecodeLocation))
			if took := time.Since(started); took > 5*time.Second {
				t.Errorf("it took %v", took)
			} else {
				t.Log(took)
			}
		})
	}
}
