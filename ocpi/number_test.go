package ocpi_test

import (
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/shopspring/decimal"
	"pgregory.net/rapid"

	"github.com/roamwire/roamwire/ocpi"
)

func TestNumberKeepsItsDigits(t *testing.T) {
	for _, digits := range []string{"0", "0.0", "0.50", "-0.10", "12345678901234567890.123456789", "1e2", "1E-2", "-0", "100", "4.8000"} {
		var n ocpi.Number
		if err := json.Unmarshal([]byte(digits), &n); err != nil {
			t.Errorf("%s: %v", digits, err)
			continue
		}
		out, err := json.Marshal(n)
		if err != nil || string(out) != digits {
			t.Errorf("%s was written as %s (%v)", digits, out, err)
		}
		if want := decimal.RequireFromString(digits); !n.Decimal().Equal(want) {
			t.Errorf("%s is %s", digits, n.Decimal())
		}
	}
}

// Requirement TF-70: a number is a JSON number. One that nobody can compute with is refused, or it would take all
// memory when somebody tried.
func TestNumberRefusesWhatIsNoUsableNumber(t *testing.T) {
	long := make([]byte, 65)
	for i := range long {
		long[i] = '1'
	}
	for _, in := range []string{`"1"`, `true`, `null`, `NaN`, `1e999999999`, `1e-999999999`, `1e41`, `01`, `+1`, `.5`, string(long)} {
		var n ocpi.Number
		if err := json.Unmarshal([]byte(in), &n); err == nil {
			t.Errorf("%s was read as %s", in, n)
		}
	}
}

func TestNumberComparesByValue(t *testing.T) {
	if !ocpi.MustNumber("0.5").Equal(ocpi.MustNumber("0.500")) || ocpi.MustNumber("0.5").Equal(ocpi.MustNumber("0.51")) {
		t.Error("0.5 must equal 0.500 and nothing else")
	}
	if (ocpi.Number{}).String() != "0" || ocpi.MustNumber("-0.1").Sign() != -1 || ocpi.NumberOf(7).Sign() != 1 {
		t.Error("signs or zero are wrong")
	}
}

func TestNumberOfADecimalHasAllItsDigits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := decimal.New(rapid.Int64().Draw(t, "coefficient"), rapid.Int32Range(-12, 12).Draw(t, "exponent"))
		n := ocpi.NewNumber(d)
		parsed, err := ocpi.ParseNumber(n.String())
		if err != nil || !parsed.Decimal().Equal(d) {
			t.Fatalf("%s became %s (%v)", d, n, err)
		}
	})
}

func FuzzNumber(f *testing.F) {
	for _, seed := range []string{"0", "-1.5e10", "1e-40", "999999999999999999999.9"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, in string) {
		n, err := ocpi.ParseNumber(in)
		if err != nil {
			return
		}
		out, err := json.Marshal(n)
		if err != nil || string(out) != in {
			t.Fatalf("%s was written as %s (%v)", in, out, err)
		}
		if again := ocpi.NewNumber(n.Decimal()); !again.Equal(n) {
			t.Fatalf("%s has the value %s", in, again)
		}
	})
}
