package tariff

import (
	"testing"

	"github.com/shopspring/decimal"
	"pgregory.net/rapid"
)

// Decimals are compared as their own method does, whatever their digits and exponents.
func TestCompareIsCmp(t *testing.T) {
	digits := rapid.OneOf(rapid.Int64(), rapid.Int64Range(-20, 20), rapid.SampledFrom([]int64{999_999_999_999_999, 1_000_000_000_000_000, -1_000_000_000_000_000, 1000, 10, 100}))
	anyDecimal := rapid.Custom(func(r *rapid.T) decimal.Decimal {
		return decimal.New(digits.Draw(r, "digits"), rapid.Int32Range(-20, 20).Draw(r, "exponent"))
	})
	rapid.Check(t, func(r *rapid.T) {
		a, b := anyDecimal.Draw(r, "a"), anyDecimal.Draw(r, "b")
		if got, want := compare(a, b), a.Cmp(b); got != want {
			r.Errorf("compare(%s, %s) = %d, want %d", a, b, got, want)
		}
	})
}
