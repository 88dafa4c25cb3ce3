package convert

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"pgregory.net/rapid"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/v211"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// TestMain asks for more random objects than rapid's default, unless the command line says how many.
func TestMain(m *testing.M) {
	flag.Parse()
	asked := os.Getenv("RAPID_CHECKS") != ""
	flag.Visit(func(f *flag.Flag) { asked = asked || f.Name == "rapid.checks" })
	if !asked {
		checks := "400"
		if testing.Short() {
			checks = "50"
		}
		set("rapid.checks", checks)
	}
	set("rapid.nofailfile", "true")
	os.Exit(m.Run())
}

func set(name, value string) {
	if err := flag.Set(name, value); err != nil {
		panic(err)
	}
}

// A pair is an object with its two translations.
type pair struct {
	name     string
	identity func(*rapid.T, *tables)
	covered  func(*rapid.T, *tables)
	valid    func(*rapid.T, *tables)

	// The same of documents, which are objects of the older version and of the model; what is neither is passed over.
	identityOf, coveredOf func(t failer, document []byte)
}

// validator is what every object of v211 has.
type validator[T any] interface {
	*T
	Validate() []ocpi.Finding
}

func pairOf[Old, Model any, V validator[Old]](name string, up func(Old, Env) (Model, []Loss), down func(Model, Env) (Old, []Loss)) pair {
	return pairWith[Old, Model, V](name, wholeSeconds, up, down)
}

// pairWith is pairOf for a version that cuts times in its own way.
func pairWith[Old, Model any, V validator[Old]](name string, cut func(reflect.Value) bool, up func(Old, Env) (Model, []Loss), down func(Model, Env) (Old, []Loss)) pair {
	return pair{
		name: name,
		identity: func(t *rapid.T, s *tables) {
			r := &random{tables: s, t: t, fractions: true}
			checkIdentity(t, object[Old](r), r.env(), r.oneIn(2), cut, up, down)
		},
		covered: func(t *rapid.T, s *tables) {
			r := &random{tables: s, t: t, fractions: true}
			in := object[Model](r)
			if r.oneIn(2) { // an object that came from 2.1.1 and was changed in terms of the model
				born, _ := up(object[Old](r), r.env())
				r.mix(reflect.ValueOf(&born).Elem(), reflect.ValueOf(&in).Elem())
				in = born
			}
			env := r.env()
			env.follow(reflect.ValueOf(&in).Elem())
			r.know(reflect.ValueOf(&in).Elem())
			checkCovered(t, in, env, up, down)
		},
		identityOf: func(t failer, document []byte) {
			var in Old
			if json.Unmarshal(document, &in) == nil {
				checkIdentity(t, in, testEnv, true, cut, up, down)
			}
		},
		coveredOf: func(t failer, document []byte) {
			var in Model
			if json.Unmarshal(document, &in) == nil {
				env := testEnv
				env.follow(reflect.ValueOf(&in).Elem())
				checkCovered(t, in, env, up, down)
			}
		},
		valid: func(t *rapid.T, s *tables) {
			r := &random{tables: s, t: t, fractions: true, valid: true}
			in := object[Model](r)
			r.know(reflect.ValueOf(&in).Elem())
			out, _ := down(in, r.env())
			for _, f := range V(&out).Validate() {
				if (f.Unusable || f.Code == ocpi.FindingEnum) && !documented(name, f) {
					t.Errorf("%s\nfrom %s\nto %s", f, marshal(t, in), marshal(t, out))
				}
			}
		},
	}
}

// documented reports whether 2.1.1 has no valid form: a connector that is sent by itself keeps its standard, and a
// loss says that it must not be sent.
func documented(name string, f ocpi.Finding) bool {
	return name == "Connector" && f.Pointer == "/standard"
}

func pairs() []pair {
	return []pair{
		pairOf("Location", LocationFrom211, LocationTo211),
		pairOf("EVSE", EVSEFrom211, EVSETo211),
		pairOf("Connector", ConnectorFrom211, ConnectorTo211),
		pairOf("Session", SessionFrom211, SessionTo211),
		pairOf("CDR", CDRFrom211, CDRTo211),
		pairOf("Tariff", TariffFrom211, TariffTo211),
		pairOf("Token", TokenFrom211, TokenTo211),
		pairOf("AuthorizationInfo", AuthorizationInfoFrom211, AuthorizationInfoTo211),
		pairOf("LocationReferences", LocationReferencesFrom211, LocationReferencesTo211),
		pairOf("StartSession", StartSessionFrom211, StartSessionTo211),
		pairOf("StopSession", StopSessionFrom211, StopSessionTo211),
		pairOf("ReserveNow", ReserveNowFrom211, ReserveNowTo211),
		pairOf("UnlockConnector", UnlockConnectorFrom211, UnlockConnectorTo211),
		pairOf("CommandResponse", CommandResponseFrom211, CommandResponseTo211),
		pairOf("CommandResult", CommandResultFrom211, CommandResultTo211),
		pairOf("Credentials", CredentialsFrom211, CredentialsTo211),
		pairOf("Version", VersionFrom211, VersionTo211),
		pairOf("VersionDetails", VersionDetailsFrom211, VersionDetailsTo211),
		pairOf("Endpoint", EndpointFrom211, EndpointTo211),
	}
}

// Everything 2.1.1 can say survives the way through the model, whether valid or not.
func TestFrom211AndBackIsTheIdentity(t *testing.T) {
	s := readTables(t)
	for _, p := range pairs() {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			rapid.Check(t, func(t *rapid.T) { p.identity(t, s) })
		})
	}
}

// What differs after the way through 2.1.1 has been reported as lost.
func TestTo211ReportsEverythingItLoses(t *testing.T) {
	s := readTables(t)
	for _, p := range pairs() {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			rapid.Check(t, func(t *rapid.T) { p.covered(t, s) })
		})
	}
}

// What is sent in 2.1.1 is valid there, apart from lengths and forms that were wrong before.
func TestTo211IsValid(t *testing.T) {
	s := readTables(t)
	for _, p := range pairs() {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			rapid.Check(t, func(t *rapid.T) { p.valid(t, s) })
		})
	}
}

// Leftovers can be removed from any object, and nothing else goes with them.
func TestStripLeftoversRemovesThemAndNothingElse(t *testing.T) {
	s := readTables(t)
	rapid.Check(t, func(t *rapid.T) {
		r := &random{tables: s, t: t}
		in, _ := LocationFrom211(object[v211.Location](r), r.env())
		raw := marshal(t, in)
		stripped := StripLeftovers(raw)
		if diff := differences(tree(t, raw), tree(t, stripped), "", nil); len(diff) > 0 {
			t.Errorf("lost %v", diff)
		}
		if bytes.Contains(stripped, []byte(`"`+LeftoverMember+`":`)) {
			t.Errorf("still there: %s", stripped)
		}
	})
}

func (r *random) env() Env {
	env := Env{Owner: ocpi.NewParty("DE", "ROA"), EMSP: ocpi.NewParty("NL", "TNM"), Role: pick(r, []ocpi.Role{"CPO", "EMSP", "", "NSP"})}
	if r.oneIn(3) {
		env.EMSP = ocpi.Party{}
	}
	if r.oneIn(3) {
		env.Location = func(id string) (v230.Location, bool) {
			l := object[v230.Location](r)
			l.ID = ocpi.CiString(id)
			if len(l.EVSEs) > 0 && r.oneIn(2) {
				l.EVSEs[0].UID = r.evseUID
				if c := l.EVSEs[0].Connectors; len(c) > 0 && r.oneIn(2) {
					c[len(c)-1].ID = r.connectorID
				}
			}
			return l, !r.oneIn(4)
		}
	}
	return env
}

// follow makes the Env say what a URL and connection would say about the object.
func (e *Env) follow(o reflect.Value) {
	if f := o.FieldByName("CountryCode"); f.IsValid() {
		if f.String() == "" {
			f.SetString("NL")
		}
		e.Owner = ocpi.Party{CountryCode: f.String(), PartyID: o.FieldByName("PartyID").String()}
	}
	for _, name := range []string{"CDRToken", "Token"} {
		if f := o.FieldByName(name); f.IsValid() && f.Kind() == reflect.Struct {
			e.EMSP = ocpi.Party{CountryCode: f.FieldByName("CountryCode").String(), PartyID: f.FieldByName("PartyID").String()}
			if e.EMSP == (ocpi.Party{}) && name == "Token" {
				e.Owner = e.EMSP // a command's token falls back to it
			}
		}
	}
}

// know makes the locations of the Env have what a session or CDR is about.
func (r *random) know(o reflect.Value) {
	if f := o.FieldByName("CDRLocation"); f.IsValid() {
		o = f
	}
	if f := o.FieldByName("EVSEUID"); f.IsValid() && f.Type() == reflect.TypeFor[ocpi.CiString]() && o.FieldByName("ConnectorID").IsValid() {
		r.evseUID = f.Interface().(ocpi.CiString)
		r.connectorID, _ = reflect.TypeAssert[ocpi.CiString](o.FieldByName("ConnectorID"))
	}
}

// mix takes some fields of an object from another one.
func (r *random) mix(v, from reflect.Value) {
	switch {
	case v.Kind() == reflect.Struct && v.Type().NumField() > 0 && v.FieldByName("Extra").IsValid():
		for i := range v.NumField() {
			r.mix(v.Field(i), from.Field(i))
		}
	case v.Type() == reflect.TypeFor[ocpi.Extra]():
	case v.Kind() == reflect.Slice && v.Len() > 0 && v.Index(0).Kind() == reflect.Struct && !r.oneIn(4):
		for i := range min(v.Len(), from.Len()) {
			r.mix(v.Index(i), from.Index(i))
		}
	case v.Kind() == reflect.Pointer && !v.IsNil() && !from.IsNil() && v.Elem().Kind() == reflect.Struct && !r.oneIn(4):
		r.mix(v.Elem(), from.Elem())
	case r.oneIn(4):
		v.Set(from)
	}
}

func checkIdentity[Old, Model any](t failer, in Old, env Env, stored bool, cut func(reflect.Value) bool, up func(Old, Env) (Model, []Loss), down func(Model, Env) (Old, []Loss)) {
	raw := marshal(t, in)
	model, missing := up(in, env)
	for _, l := range missing {
		checkLoss(t, l, raw)
	}
	modelRaw := marshal(t, model)
	given := model
	if stored { // between the two, the object may lie in the store
		given = *new(Model)
		if err := json.Unmarshal(modelRaw, &given); err != nil {
			t.Fatalf("model cannot be read back: %v\n%s", err, modelRaw)
		}
	}
	out, losses := down(given, env)
	fractions := cut(reflect.ValueOf(&in).Elem())
	want, got := marshal(t, in), marshal(t, out)
	if diff := exactDifferences(tree(t, want), tree(t, got), ""); len(diff) > 0 {
		t.Errorf("differs at %v\n in %s\nvia %s\nout %s", diff, want, modelRaw, got)
	}
	if (len(losses) > 0) != fractions {
		t.Errorf("losses %v, fractions of a second: %t\nvia %s", losses, fractions, modelRaw)
	}
	// Whoever writes into one of the objects must not reach the others. The input was cut to whole seconds above.
	scribble(reflect.ValueOf(&out))
	if now := marshal(t, given); !stored && !bytes.Equal(now, modelRaw) {
		t.Errorf("output shares memory with the model:\n%s\n%s", modelRaw, now)
	}
	scribble(reflect.ValueOf(&given))
	if now := marshal(t, in); !bytes.Equal(now, want) {
		t.Errorf("the model shares memory with the input:\n%s\n%s", want, now)
	}
	if !fractions && !bytes.Equal(raw, want) {
		t.Errorf("the input was changed:\n%s\n%s", raw, want)
	}
}

func checkCovered[Old, Model any](t failer, in Model, env Env, up func(Old, Env) (Model, []Loss), down func(Model, Env) (Old, []Loss)) {
	raw := marshal(t, in)
	old, losses := down(in, env)
	if now := marshal(t, in); !bytes.Equal(raw, now) {
		t.Errorf("the input was changed:\n%s\n%s", raw, now)
	}
	back, _ := up(old, env)
	pointers := map[string]bool{}
	for _, l := range losses {
		pointers[l.Pointer] = true
		checkLoss(t, l, raw)
	}
	for _, at := range differences(tree(t, raw), tree(t, marshal(t, back)), "", pointers) {
		if !covers(pointers, at) {
			t.Errorf("%s differs, and the losses %v do not say so\n in %s\nvia %s\nout %s", at, losses, raw, marshal(t, old), marshal(t, back))
		}
	}
}

// checkLoss checks that a loss says something about a place in the input, or about a member that is absent there.
func checkLoss(t failer, l Loss, in []byte) {
	if l.Reason == "" {
		t.Errorf("%s without a reason", l.Pointer)
	}
	place := tree(t, in)
	names := strings.Split(l.Pointer, "/")[1:] // the empty pointer is the whole object
	for i, name := range names {
		var ok bool
		switch p := place.(type) {
		case map[string]any:
			place, ok = p[strings.NewReplacer("~1", "/", "~0", "~").Replace(name)]
			ok = ok || i == len(names)-1
		case []any:
			n, err := strconv.Atoi(name)
			if ok = err == nil && n >= 0 && n < len(p); ok {
				place = p[n]
			}
		}
		if !ok {
			t.Fatalf("%q points nowhere in %s", l.Pointer, in)
		}
	}
}

// covers reports whether a pointer or a prefix of it is among pointers.
func covers(pointers map[string]bool, at string) bool {
	for {
		if pointers[at] {
			return true
		}
		i := strings.LastIndexByte(at, '/')
		if i < 0 {
			return false
		}
		at = at[:i]
	}
}

func marshal(t failer, o any) []byte {
	raw, err := json.Marshal(o, json.Deterministic(true))
	if err != nil {
		t.Fatalf("%T cannot be written: %v", o, err)
	}
	return raw
}

// tree reads JSON into map[string]any, []any and text; numbers keep their digits.
func tree(t failer, raw []byte) any {
	dec := jsontext.NewDecoder(bytes.NewReader(raw))
	value, err := readTree(dec)
	if err != nil {
		t.Fatalf("no JSON: %v\n%s", err, raw)
	}
	return value
}

func readTree(dec *jsontext.Decoder) (any, error) {
	token, err := dec.ReadToken()
	if err != nil {
		return nil, err
	}
	switch token.Kind() {
	case '{':
		object := map[string]any{}
		for dec.PeekKind() != '}' {
			name, err := dec.ReadToken()
			if err != nil {
				return nil, err
			}
			key := name.String()
			if object[key], err = readTree(dec); err != nil {
				return nil, err
			}
		}
		_, err = dec.ReadToken()
		return object, err
	case '[':
		list := []any{}
		for dec.PeekKind() != ']' {
			element, err := readTree(dec)
			if err != nil {
				return nil, err
			}
			list = append(list, element)
		}
		_, err = dec.ReadToken()
		return list, err
	default:
		return fmt.Sprintf("%v %s", token.Kind(), token), nil
	}
}

// exactDifferences are the places in which two documents differ.
func exactDifferences(a, b any, at string) []string {
	switch a := a.(type) {
	case map[string]any:
		if b, ok := b.(map[string]any); ok {
			var diff []string
			for name := range union(a, b) {
				x, inA := a[name]
				y, inB := b[name]
				if inA != inB {
					diff = append(diff, at+"/"+pointerEscapes.Replace(name))
				} else {
					diff = append(diff, exactDifferences(x, y, at+"/"+pointerEscapes.Replace(name))...)
				}
			}
			return diff
		}
	case []any:
		if b, ok := b.([]any); ok && len(a) == len(b) {
			var diff []string
			for i := range a {
				diff = append(diff, exactDifferences(a[i], b[i], at+"/"+strconv.Itoa(i))...)
			}
			return diff
		}
	case string:
		if a == b {
			return nil
		}
	}
	return []string{at}
}

// differences is exactDifferences, but leftovers are left out, an empty list is the same as an absent one (requirement
// TF-73), zeros at the end of a coordinate or of a tax say nothing, nor does the case of a hub (requirement DT-31), and
// elements of a that are lost as a whole are taken out first.
func differences(a, b any, at string, lost map[string]bool) []string {
	switch a := a.(type) {
	case map[string]any:
		if b, ok := b.(map[string]any); ok {
			var diff []string
			for name := range union(a, b) {
				if isLeftover(name) {
					continue
				}
				x, inA := a[name]
				y, inB := b[name]
				if list, ok := x.([]any); !inB && ok && len(list) == 0 {
					continue
				}
				if list, ok := y.([]any); !inA && ok && len(list) == 0 {
					continue
				}
				place := at + "/" + pointerEscapes.Replace(name)
				if list, ok := x.([]any); ok && !inB {
					y, inB = []any{}, len(remaining(list, place, lost)) == 0
				}
				if inA != inB {
					diff = append(diff, place)
				} else {
					diff = append(diff, differences(x, y, place, lost)...)
				}
			}
			return diff
		}
	case []any:
		kept := remaining(a, at, lost)
		if b, ok := b.([]any); ok && len(kept) == len(b) {
			var diff []string
			for j, i := range kept {
				diff = append(diff, differences(a[i], b[j], at+"/"+strconv.Itoa(i), lost)...)
			}
			return diff
		}
	case string:
		b, isText := b.(string)
		coordinate := strings.HasSuffix(at, "/latitude") || strings.HasSuffix(at, "/longitude")
		tax := strings.HasSuffix(at, "/amount") && strings.Contains(at, "/taxes/")
		hub := strings.HasSuffix(at, "/hub_party_id") && strings.EqualFold(a, b)
		if a == b && isText || hub || coordinate && sameDegrees(a, b) || tax && sameAmount(a, b) {
			return nil
		}
	}
	return []string{at}
}

// sameAmount reports whether two numbers of a tree are the same.
func sameAmount(a, b string) bool {
	x, errX := ocpi.ParseNumber(strings.TrimPrefix(a, "number "))
	y, errY := ocpi.ParseNumber(strings.TrimPrefix(b, "number "))
	return errX == nil && errY == nil && x.Equal(y)
}

// remaining are the indices of the elements that are not lost as a whole.
func remaining(list []any, at string, lost map[string]bool) []int {
	var kept []int
	for i := range list {
		if !lost[at+"/"+strconv.Itoa(i)] {
			kept = append(kept, i)
		}
	}
	return kept
}

func union(a, b map[string]any) map[string]bool {
	names := map[string]bool{}
	for name := range a {
		names[name] = true
	}
	for name := range b {
		names[name] = true
	}
	return names
}

// wholeSeconds cuts all times of an object, and reports whether any had a fraction.
func wholeSeconds(v reflect.Value) (fractions bool) {
	if t, ok := reflect.TypeAssert[ocpi.DateTime](v); ok {
		v.Set(reflect.ValueOf(t.Truncate()))
		return !t.Equal(t.Truncate())
	}
	switch v.Kind() {
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[ocpi.Number]() {
			return false
		}
		for _, field := range v.Fields() {
			fractions = wholeSeconds(field) || fractions
		}
	case reflect.Pointer:
		return !v.IsNil() && wholeSeconds(v.Elem())
	case reflect.Slice:
		if v.Type() == reflect.TypeFor[jsontext.Value]() {
			return false
		}
		for i := range v.Len() {
			fractions = wholeSeconds(v.Index(i)) || fractions
		}
	default:
	}
	return fractions
}

// scribble overwrites everything that can be written to through an object's pointers, lists and maps. Raw JSON values
// are shared by agreement: nobody writes into them.
func scribble(v reflect.Value) {
	switch v.Kind() {
	case reflect.Struct:
		switch v.Type() {
		case reflect.TypeFor[ocpi.Number]():
			v.Set(reflect.ValueOf(ocpi.NumberOf(-77)))
		case reflect.TypeFor[ocpi.DateTime]():
			v.SetZero()
		default:
			for _, field := range v.Fields() {
				scribble(field)
			}
		}
	case reflect.Pointer:
		if !v.IsNil() {
			scribble(v.Elem())
		}
	case reflect.Slice:
		for i := range v.Len() {
			scribble(v.Index(i))
		}
	case reflect.Map:
		for _, key := range v.MapKeys() {
			v.SetMapIndex(key, reflect.ValueOf(jsontext.Value(`"scribbled"`)))
		}
	case reflect.String:
		v.SetString("scribbled")
	case reflect.Bool:
		v.SetBool(!v.Bool())
	case reflect.Int:
		v.SetInt(-77)
	default:
	}
}

// A failer is a *testing.T, *testing.B or *rapid.T.
type failer interface {
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
}
