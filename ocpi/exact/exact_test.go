package exact_test

import (
	"fmt"
	"math"
	"math/big"
	"testing"

	"github.com/shopspring/decimal"
	"pgregory.net/rapid"

	"github.com/roamwire/roamwire/ocpi/exact"
)

// numbers are such as prices and quantities are, and such as do not fit or only just do.
func numbers() *rapid.Generator[exact.Decimal] {
	return rapid.Custom(func(t *rapid.T) exact.Decimal {
		switch rapid.IntRange(0, 9).Draw(t, "kind") {
		case 0:
			near := rapid.Int64Range(0, 3).Draw(t, "below the limit")
			return exact.New(rapid.SampledFrom([]int64{math.MaxInt64 - near, math.MinInt64 + near, math.MaxInt64/10 + near, near}).Draw(t, "limit"), exponents(t))
		case 1:
			wide, ok := new(big.Int).SetString(rapid.StringMatching(`-?[1-9][0-9]{17,34}`).Draw(t, "wide"), 10)
			if !ok {
				t.Fatal("no number")
			}
			return exact.Of(decimal.NewFromBigInt(wide, exponents(t)))
		case 2:
			return exact.New(rapid.Int64().Draw(t, "any"), exponents(t))
		default:
			return exact.New(rapid.Int64Range(-1_000_000, 1_000_000).Draw(t, "small"), rapid.Int32Range(-6, 2).Draw(t, "exponent"))
		}
	})
}

func exponents(t *rapid.T) int32 { return rapid.Int32Range(-45, 45).Draw(t, "exponent") }

// failing is a test, or one of many of package rapid.
type failing interface {
	Helper()
	Fatalf(format string, args ...any)
}

// same checks a number against the one that package decimal comes to, which must have the same exponent too.
func same(t failing, what string, got exact.Decimal, want decimal.Decimal) {
	t.Helper()
	if !got.Decimal().Equal(want) || got.Exponent() != want.Exponent() {
		t.Fatalf("%s is %s with exponent %d, want %s with %d", what, got, got.Exponent(), want, want.Exponent())
	}
	if text := want.String(); got.String() != text {
		t.Fatalf("%s is written %s, want %s", what, got, text)
	}
	if c := want.Coefficient(); c.IsInt64() && c.Int64() != math.MinInt64 && got != exact.New(c.Int64(), want.Exponent()) {
		t.Fatalf("%s is %#v, and would fit", what, got)
	}
}

// It comes to what package decimal comes to, which computes with big.Int throughout.
func TestItIsExact(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		a, b := numbers().Draw(t, "a"), numbers().Draw(t, "b")
		x, y := a.Decimal(), b.Decimal()
		same(t, "a", a, x)
		same(t, "a + b", a.Add(b), x.Add(y))
		same(t, "a - b", a.Sub(b), x.Sub(y))
		same(t, "a × b", a.Mul(b), x.Mul(y))
		same(t, "-a", a.Neg(), x.Neg())
		same(t, "|a|", a.Abs(), x.Abs())
		same(t, "a × 10³", a.Shift(3), x.Shift(3))
		same(t, "the larger", exact.Max(a, b), decimal.Max(x, y))
		if a.Cmp(b) != x.Cmp(y) || a.Equal(b) != x.Equal(y) || a.Sign() != x.Sign() || a.IsZero() != x.IsZero() {
			t.Fatalf("%s beside %s: %d, want %d", a, b, a.Cmp(b), x.Cmp(y))
		}
		places := rapid.Int32Range(0, 20).Draw(t, "places")
		if got := a.Truncate(places).Decimal(); !got.Equal(x.Truncate(places)) {
			t.Fatalf("%s cut off after %d digits: %s", a, places, got)
		}
		if got, want := a.StringFixed(places), x.StringFixed(places); got != want {
			t.Fatalf("%s with %d digits: %s, want %s", a, places, got, want)
		}
		if whole := x.BigInt(); whole.IsInt64() && a.IntPart() != whole.Int64() {
			t.Fatalf("the whole part of %s is %d, want %d", a, a.IntPart(), whole)
		}
		if a.Rat().Cmp(x.Rat()) != 0 {
			t.Fatalf("%s as a fraction: %s", a, a.Rat())
		}
	})
}

func TestItDividesAsLongDivisionDoes(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		a := numbers().Draw(t, "a")
		b := numbers().Filter(func(d exact.Decimal) bool { return !d.IsZero() }).Draw(t, "b")
		places := rapid.Int32Range(-3, 12).Draw(t, "places")
		x, y := a.Decimal(), b.Decimal()
		q, r := a.QuoRem(b, places)
		wantQ, wantR := x.QuoRem(y, places)
		same(t, "the quotient", q, wantQ)
		if !r.Decimal().Equal(wantR) {
			t.Fatalf("the rest is %s, want %s", r, wantR)
		}
		if got, want := a.DivRound(b, places), x.DivRound(y, places); !got.Decimal().Equal(want) {
			t.Fatalf("%s / %s with %d digits is %s, want %s", a, b, places, got, want)
		}
	})
}

// What is read is what package decimal reads, and it is read again as it was written.
func TestItIsReadAsItIsWritten(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		read(t, rapid.OneOf(
			rapid.StringMatching(`-?(0|[1-9][0-9]{0,22})(\.[0-9]{1,12})?([eE][+-]?[0-9]{1,2})?`),
			rapid.StringMatching(`[-+.0-9eE]{0,6}`), rapid.String(),
		).Draw(t, "text"))
	})
}

func FuzzParse(f *testing.F) {
	for _, text := range []string{"0", "-12.50", "0.000000000000000001", "999999999999999999", "9223372036854775808.1", "1e40", "-.5", "1.", "1_0"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) { read(t, text) })
}

// read checks what is read from a text.
func read(t failing, text string) {
	t.Helper()
	got, err := exact.Parse(text)
	want, wantErr := decimal.NewFromString(text)
	if (err != nil) != (wantErr != nil) {
		t.Fatalf("%q: %v, want %v", text, err, wantErr)
	}
	if err != nil || len(text) > 64 {
		return
	}
	if e := want.Exponent(); e < -1000 || e > 1000 {
		return // nobody writes that in digits
	}
	same(t, text, got, want)
	written, err := got.MarshalText()
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	var again exact.Decimal
	if err := again.UnmarshalText(written); err != nil || !again.Equal(got) {
		t.Fatalf("%s is read as %s: %v", written, again, err)
	}
}

// Computing with money and energy allocates nothing, which is what this package is for.
func TestItDoesNotAllocate(t *testing.T) {
	price, kWh := exact.MustParse("0.5900"), exact.MustParse("27.431")
	if n := testing.AllocsPerRun(100, func() {
		d, err := exact.Parse("0.25")
		if err != nil {
			t.Fatal(err)
		}
		d = d.Add(price.Mul(kWh)).Sub(exact.New(1, -3)).DivRound(exact.New(121, -2), 4)
		if q, _ := d.QuoRem(price, 2); q.Cmp(d) == 0 || d.IsZero() {
			t.Fatal(q)
		}
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

func Example() {
	energy, price := exact.MustParse("12.5"), exact.MustParse("0.39")
	fmt.Println(energy.Mul(price), energy.Mul(price).StringFixed(2))
	// Output: 4.875 4.88
}

func BenchmarkAdd(b *testing.B) {
	x, y := exact.MustParse("0.25"), exact.MustParse("27.4315")
	for b.Loop() {
		x.Add(y)
	}
}
