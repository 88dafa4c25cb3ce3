package quirk_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/roamwire/roamwire/ocpi/quirk"
)

func TestExpressionsMakeProfiles(t *testing.T) {
	tests := []struct {
		name, expression string
		has, hasNot      []quirk.Name
		written          string
	}{
		{"nothing is lenient", "", []quirk.Name{quirk.NumbersAsStrings, quirk.LinkWrongHost}, []quirk.Name{quirk.TokenPlain, quirk.NullInPatch, quirk.ExpectTimeZone}, "lenient"},
		{"standard has none", "standard", nil, []quirk.Name{quirk.NumbersAsStrings, quirk.CreatedAs200}, "standard"},
		{"standard with one", " standard , token-base64 ", []quirk.Name{quirk.TokenBase64}, []quirk.Name{quirk.NumbersAsStrings}, "standard,token-base64"},
		{"lenient without one", "lenient,-numbers-as-strings", []quirk.Name{quirk.StringsAsNumbers}, []quirk.Name{quirk.NumbersAsStrings}, "lenient,-numbers-as-strings"},
		{"a quirk alone comes on top of the default", "token-base64", []quirk.Name{quirk.TokenBase64, quirk.NumbersAsStrings}, nil, "lenient,token-base64"},
		{"so does one taken away", "-numbers-as-strings", []quirk.Name{quirk.StringsAsNumbers}, []quirk.Name{quirk.NumbersAsStrings}, "lenient,-numbers-as-strings"},
		{"the Python library", "ocpi-python", []quirk.Name{quirk.TokenPlain, quirk.ExpectTimeZone, quirk.EndDateTime}, []quirk.Name{quirk.TokenBase64}, "ocpi-python"},
		{"of two opposite quirks the last holds", "ocpi-python,token-base64", []quirk.Name{quirk.TokenBase64}, []quirk.Name{quirk.TokenPlain}, "ocpi-python,token-base64"},
		{"a whole profile can be taken away", "ocpi-python,-lenient", []quirk.Name{quirk.ExpectTimeZone}, []quirk.Name{quirk.EndDateTime}, "ocpi-python,-lenient"},
		{"what is taken away can come back", "standard,lenient", []quirk.Name{quirk.EndDateTime}, nil, "standard,lenient"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := parse(t, tt.expression)
			for _, name := range tt.has {
				if !p.Has(name) {
					t.Errorf("%s is not in it", name)
				}
			}
			for _, name := range tt.hasNot {
				if p.Has(name) {
					t.Errorf("%s is in it", name)
				}
			}
			if p.String() != tt.written {
				t.Errorf("it is written %q, want %q", p, tt.written)
			}
			again := parse(t, p.String())
			for _, q := range quirk.All() {
				if p.Has(q.Name) != again.Has(q.Name) {
					t.Errorf("read again, %s is %v", q.Name, again.Has(q.Name))
				}
			}
		})
	}
}

func TestWhatIsNoNameIsAnError(t *testing.T) {
	for _, expression := range []string{"lenien", "lenient,x", "lenient,--numbers-as-strings", "Lenient", "-"} {
		if p, err := quirk.Parse(expression); err == nil || !strings.Contains(err.Error(), expression) {
			t.Errorf("%q is %s, %v", expression, p, err)
		}
	}
}

func TestTheZeroProfileIsStandard(t *testing.T) {
	var p quirk.Profile
	if p.String() != "standard" || slices.ContainsFunc(quirk.All(), func(q quirk.Quirk) bool { return p.Has(q.Name) }) {
		t.Errorf("it is %s", p)
	}
}

func TestNamesAreUniqueAndExplained(t *testing.T) {
	seen := map[string]bool{}
	for _, p := range quirk.Presets() {
		seen[p.Name] = true
		for _, name := range p.Quirks {
			if !slices.ContainsFunc(quirk.All(), func(q quirk.Quirk) bool { return q.Name == name }) {
				t.Errorf("profile %s has the quirk %s, which there is not", p.Name, name)
			}
		}
		if !parse(t, p.Name).Has(quirk.NumbersAsStrings) && p.Name != "standard" {
			t.Errorf("profile %s is not lenient", p.Name)
		}
	}
	for _, q := range quirk.All() {
		if name := string(q.Name); seen[name] || strings.ContainsAny(name, " ,") || strings.HasPrefix(name, "-") {
			t.Errorf("%q is no good name", name)
		}
		seen[string(q.Name)] = true
		if q.Summary == "" || q.Remedy == "" || strings.ContainsAny(q.Summary+q.Remedy, "\n|") || q.Kind == quirk.Writing && q.Harmless {
			t.Errorf("%s: %+v", q.Name, q)
		}
	}
	if diff := cmp.Diff("lenient", quirk.Default().String()); diff != "" {
		t.Error(diff)
	}
}
