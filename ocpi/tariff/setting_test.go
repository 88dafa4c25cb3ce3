package tariff_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"reflect"
	"strings"
	"testing"

	"github.com/roamwire/roamwire/ocpi/tariff"
)

// Every choice in Policy has a name, and so has everything that can be chosen.
func TestEveryChoiceOfAPolicyIsASetting(t *testing.T) {
	constants := policyConstants(t)
	settings := map[string]tariff.Setting{}
	for _, s := range tariff.Settings() {
		settings[strings.ReplaceAll(s.Name, "-", "")] = s
	}
	chosen := 0
	for field := range reflect.TypeFor[tariff.Policy]().Fields() {
		if field.Name == "MaxPeriods" || field.Type.Kind() != reflect.Int && field.Type.Kind() != reflect.Bool {
			continue
		}
		s, ok := settings[strings.ToLower(field.Name)]
		if !ok {
			t.Errorf("%s has no setting", field.Name)
			continue
		}
		chosen++
		if want := constants[field.Type.Name()]; want != 0 && len(s.Values) != want {
			t.Errorf("%s has %d values, its type %d", s.Name, len(s.Values), want)
		}
		for n, value := range s.Values {
			var p tariff.Policy
			if err := p.Set(s.Name, value); err != nil {
				t.Error(err)
			}
			got := reflect.ValueOf(p).FieldByIndex(field.Index)
			if got.CanInt() && got.Int() != int64(n) || got.Kind() == reflect.Bool && got.Bool() != (n == 1) {
				t.Errorf("%s=%s gives %v", s.Name, value, got)
			}
			if s.In(&p) != value {
				t.Errorf("%s=%s is read as %s", s.Name, value, s.In(&p))
			}
		}
	}
	if chosen != len(settings) {
		t.Errorf("%d settings, %d choices", len(settings), chosen)
	}
}

// policyConstants count the constants of each type in policy.go.
func policyConstants(t *testing.T) map[string]int {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), "policy.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	counts := map[string]int{}
	for _, d := range parsed.Decls {
		group, ok := d.(*ast.GenDecl)
		if !ok || group.Tok != token.CONST || !group.Lparen.IsValid() {
			continue
		}
		first := group.Specs[0].(*ast.ValueSpec)
		counts[first.Type.(*ast.Ident).Name] = len(group.Specs)
	}
	if len(counts) < 20 {
		t.Fatalf("only %d types", len(counts))
	}
	return counts
}

func TestUnknownSettingsAreRefused(t *testing.T) {
	var p tariff.Policy
	for _, test := range []struct{ name, value, want string }{
		{"flats", "once", `"flats" is no pricing rule; there are flat, time-step, `},
		{"flat", "twice", `pricing rule flat is one of once, each, always, not "twice"`},
	} {
		if err := p.Set(test.name, test.value); err == nil || !strings.HasPrefix(err.Error(), test.want) {
			t.Errorf("%v", err)
		}
	}
	if p != (tariff.Policy{}) {
		t.Errorf("%+v", p)
	}
}
