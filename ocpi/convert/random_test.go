package convert

import (
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"pgregory.net/rapid"

	"github.com/roamwire/roamwire/ocpi"
)

// tables are what the generator of random objects takes from ocpi/spec, so that new fields and values are covered as
// they come.
type tables struct {
	enums map[string][]string // values of both versions by the name of the enum
	open  map[string]bool     // enums that 2.3.0 leaves open
	names []string            // names of all fields of all objects of both versions

	member string // the older version's leftover
}

func readTables(t testing.TB) *tables { return readTablesOf(t, "2.1.1") }

// readTablesOf reads the tables of an older version and of the model.
func readTablesOf(t testing.TB, old string) *tables {
	t.Helper()
	s := &tables{enums: map[string][]string{}, open: map[string]bool{}, member: dialect211.leftover}
	if old == dialect221.number {
		s.member = dialect221.leftover
	}
	for _, version := range []string{old, "2.3.0"} {
		paths, err := filepath.Glob("../spec/" + version + "/*.md")
		if err != nil || len(paths) == 0 {
			t.Fatalf("no tables of %s: %v", version, err)
		}
		for _, path := range paths {
			raw, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			s.read(string(raw), version)
		}
	}
	// Enums that changed their names.
	for a, b := range map[string]string{"Allowed": "AllowedType", "LocationType": "ParkingType", "CommandResponseType": "CommandResultType"} {
		both := append(slices.Clone(s.enums[a]), s.enums[b]...)
		s.enums[a], s.enums[b] = both, both
	}
	slices.Sort(s.names)
	s.names = slices.Compact(s.names)
	return s
}

func (s *tables) read(text, version string) {
	enum := ""
	for line := range strings.Lines(text) {
		cell, isRow := strings.CutPrefix(line, "| `")
		cell, _, _ = strings.Cut(cell, "`")
		switch {
		case strings.HasPrefix(line, "## Enum "):
			enum = strings.TrimSpace(strings.TrimPrefix(line, "## Enum "))
		case strings.HasPrefix(line, "## "):
			enum = ""
		case enum != "" && strings.HasPrefix(line, "Open: yes") && version == "2.3.0":
			s.open[enum] = true
		case enum != "" && isRow:
			s.enums[enum] = append(s.enums[enum], cell)
		case isRow:
			s.names = append(s.names, cell)
		}
	}
}

// A random makes objects of any type by reflection.
type random struct {
	*tables
	t *rapid.T
	// valid restricts enums to the values of their version and leaves out leftovers and empty texts.
	valid bool
	// fractions allows fractions of a second.
	fractions bool
	// evseUID and connectorID are those of a session or CDR.
	evseUID, connectorID ocpi.CiString
}

func (r *random) number(from, to int) int { return rapid.IntRange(from, to).Draw(r.t, "") }

// oneIn is true once in n times.
func (r *random) oneIn(n int) bool { return r.number(1, n) == n }

func pick[T any](r *random, list []T) T { return list[r.number(0, len(list)-1)] }

func object[T any](r *random) T {
	var o T
	r.fill(reflect.ValueOf(&o).Elem(), 0)
	return o
}

var (
	texts = []string{
		"", "#NA", "a", "LOC1", "EVSE-1", "1", "50.770770", "50.77077", "9.1234567", "-0.00000049", "abc.d", "Zürich ✓ \"q\"\\",
		"UNKNOWN", "OTHER", "VAT", "2026-01-01T00:00:00Z", "Europe/Berlin", strings.Repeat("long ", 80), "007", "4711", "NLDs", "XYZ",
	}
	numbers = []string{"0", "0.500", "1e2", "-1.25", "1E-7", "0.0000", "19", "100", "0.59", "-100", "-200", "123456789012345678901234567890.5"}
	ints    = []int{0, 1, 7, -5, 230, 400, 100000, math.MaxInt}
	values  = []string{
		`null`, `"x"`, `1e400`, `0.500`, `[]`, `[1, {"ocpi_2_1_1": {"type": "OTHER"}}]`, `{"a" : "\u0041", "b":[ ]}`, `true`, `{}`,
		`{"publish":false}`, `"OTHER"`, `""`, `["FOO"]`, `["RFID_READER","FOO"]`, `"FOO"`, `"MCS"`, `"1"`, `false`, `"HUB"`, `1.2`,
	}
	vocabulary = map[reflect.Type]string{
		reflect.TypeFor[ocpi.Role](): "Role", reflect.TypeFor[ocpi.InterfaceRole](): "InterfaceRole",
		reflect.TypeFor[ocpi.ModuleID](): "ModuleID", reflect.TypeFor[ocpi.Version](): "VersionNumber",
	}
)

func (r *random) fill(v reflect.Value, depth int) {
	switch v.Type() {
	case reflect.TypeFor[ocpi.Number]():
		v.Set(reflect.ValueOf(ocpi.MustNumber(pick(r, numbers))))
		return
	case reflect.TypeFor[ocpi.DateTime]():
		v.Set(reflect.ValueOf(r.time()))
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		r.fillStruct(v, depth)
	case reflect.Pointer:
		if r.number(0, 1) == 1 {
			v.Set(reflect.New(v.Type().Elem()))
			r.fill(v.Elem(), depth+1)
		}
	case reflect.Slice:
		r.fillList(v, depth)
	case reflect.String:
		v.SetString(r.text(v.Type()))
	case reflect.Bool:
		v.SetBool(r.number(0, 1) == 1)
	case reflect.Int:
		v.SetInt(int64(pick(r, ints)))
	default:
		r.t.Fatalf("no random %v", v.Type())
	}
}

func (r *random) fillStruct(v reflect.Value, depth int) {
	own := map[string]bool{}
	for i := range v.NumField() {
		name, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("json"), ",")
		own[name] = true
		if v.Field(i).Type() != reflect.TypeFor[ocpi.Extra]() {
			r.fill(v.Field(i), depth)
		}
	}
	if r.oneIn(4) {
		v.FieldByName("Extra").Set(reflect.ValueOf(r.extra(own)))
	}
}

// extra makes unknown members, most of which are unknown here only.
func (r *random) extra(own map[string]bool) ocpi.Extra {
	e := ocpi.Extra{}
	for range r.number(0, 3) {
		name := pick(r, r.names)
		switch {
		case r.oneIn(4):
			name = pick(r, []string{"vendor", "", "a/b~c", "Ümlaut", "Type", "OCPI_2_1_1", "publish", "tariff_ids", "location", "excl_vat"})
		case r.oneIn(6) && !r.valid:
			name = r.member
		}
		if name == r.member && r.number(0, 1) == 1 {
			e[name] = r.leftover()
		} else if !own[name] {
			e[name] = jsontext.Value(pick(r, values))
		}
	}
	return e
}

// leftover makes what a partner could send to confuse us: a leftover that was never ours, or is about something else.
func (r *random) leftover() jsontext.Value {
	var b strings.Builder
	b.WriteByte('{')
	names := map[string]bool{}
	for range r.number(0, 4) {
		name := pick(r, r.names)
		if r.number(0, 1) == 1 {
			name = pick(r, []string{"type", "standard", "power_type", "tariff_id", "time_zone", "source", "category", "twentyfourseven",
				"capabilities", "location_id", "connector_ids", "evse_uids", "result", "status", "latitude", "location", "incl_vat", "role", "parking_type", r.member})
		}
		if names[name] {
			continue
		}
		names[name] = true
		if b.Len() > 1 {
			b.WriteByte(',')
		}
		b.WriteString(`"` + name + `":` + pick(r, values))
	}
	b.WriteByte('}')
	return jsontext.Value(b.String())
}

func (r *random) fillList(v reflect.Value, depth int) {
	n := r.number(-2, 2) // absent, empty, one or two elements
	if depth > 2 {
		n = min(n, 1)
	}
	if n == -2 && !r.valid {
		return
	}
	n = max(n, 0)
	v.Set(reflect.MakeSlice(v.Type(), n, n))
	for i := range n {
		r.fill(v.Index(i), depth+1)
	}
}

func (r *random) text(typ reflect.Type) string {
	enum, isVocabulary := vocabulary[typ]
	if !isVocabulary {
		enum = typ.Name()
	}
	isEnum := typ.Implements(reflect.TypeFor[interface{ Known() bool }]())
	if isEnum || isVocabulary {
		return r.enumValue(typ, enum, isEnum)
	}
	text := pick(r, texts)
	if text == "" && r.valid {
		return "x"
	}
	return text
}

// enumValue is mostly a value of either version.
func (r *random) enumValue(typ reflect.Type, enum string, isEnum bool) string {
	values := r.enums[enum]
	if len(values) == 0 {
		r.t.Fatalf("no values of %s", enum)
	}
	if r.oneIn(6) && (!r.valid || r.open[enum]) {
		return pick(r, []string{"", "FOO", "OTHER", "RFID", "FLAT", "active", "#NA"})
	}
	for {
		value := pick(r, values)
		if !r.valid || !isEnum || reflect.ValueOf(value).Convert(typ).Interface().(interface{ Known() bool }).Known() {
			return value
		}
	}
}

func (r *random) time() ocpi.DateTime {
	t := time.Unix(rapid.Int64Range(0, 3_000_000_000).Draw(r.t, ""), 0)
	if r.fractions && r.oneIn(10) {
		t = t.Add(time.Duration(pick(r, []int{1, 500_000_000, 999_999_999})))
	}
	return ocpi.NewDateTime(t)
}
