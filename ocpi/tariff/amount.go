package tariff

import (
	"math/big"

	"github.com/roamwire/roamwire/ocpi/exact"
)

// An Amount is an exact amount of money: a fraction, because an hour has 3,600 seconds and prices can contain taxes. The zero value is
// nothing.
type Amount struct{ num, den exact.Decimal }

var (
	one     = exact.New(1, 0)
	two     = exact.New(2, 0)
	hundred = exact.New(100, 0)
	hour    = exact.New(3600, 0)
	kilo    = exact.New(1000, 0)
)

// AmountOf is an amount that is a decimal number.
func AmountOf(d exact.Decimal) Amount { return Amount{d, one} }

func (a Amount) denominator() exact.Decimal {
	if a.den.IsZero() {
		return one
	}
	return a.den
}

// Add returns a + b.
func (a Amount) Add(b Amount) Amount {
	switch {
	case a.num.IsZero():
		return b
	case b.num.IsZero():
		return a
	}
	an, bn := a.denominator(), b.denominator()
	if an.Equal(bn) {
		return Amount{a.num.Add(b.num), an}
	}
	return Amount{a.num.Mul(bn).Add(b.num.Mul(an)), an.Mul(bn)}
}

// Sub returns a - b.
func (a Amount) Sub(b Amount) Amount { return a.Add(Amount{b.num.Neg(), b.den}) }

// Mul returns a times a decimal number.
func (a Amount) Mul(d exact.Decimal) Amount { return Amount{a.num.Mul(d), a.denominator()} }

// Div returns a divided by a decimal number above 0.
func (a Amount) Div(d exact.Decimal) Amount { return Amount{a.num, a.denominator().Mul(d)} }

// Cmp compares a with b: -1, 0 or 1.
func (a Amount) Cmp(b Amount) int {
	an, bn := a.denominator(), b.denominator()
	if an.Equal(bn) {
		return a.num.Cmp(b.num)
	}
	return a.num.Mul(bn).Cmp(b.num.Mul(an))
}

// Sign is -1, 0 or 1.
func (a Amount) Sign() int { return a.num.Sign() }

// Abs is the amount without its sign.
func (a Amount) Abs() Amount { return Amount{a.num.Abs(), a.den} }

// Rat is the amount as a fraction.
func (a Amount) Rat() *big.Rat { return new(big.Rat).Quo(a.num.Rat(), a.denominator().Rat()) }

// Round is the amount with so many digits after the point.
func (a Amount) Round(places int32, mode RoundingMode) exact.Decimal {
	q, r := a.num.QuoRem(a.denominator(), places) // towards zero
	if r.IsZero() {
		return q
	}
	unit := exact.New(int64(a.num.Sign()), -places)
	switch mode {
	case RoundUp: // away from zero
		return q.Add(unit)
	case RoundDown:
		return q
	case RoundHalfEven, RoundHalfUp:
	}
	// twice the rest beside one unit in the last place
	switch c := r.Abs().Mul(two).Cmp(a.denominator().Mul(exact.New(1, -places))); {
	case c > 0, c == 0 && (mode == RoundHalfUp || odd(q, places)):
		return q.Add(unit)
	}
	return q
}

// odd reports whether the last of the digits of q is odd.
func odd(q exact.Decimal, places int32) bool {
	_, rest := q.Shift(places).QuoRem(two, 0)
	return !rest.IsZero()
}

// exactPlaces bounds the digits that String shows.
const exactPlaces = 12

// String is the amount in decimal digits, at least two after the point, and with "…" where it has more than twelve.
func (a Amount) String() string { return a.text(2) }

// text is String with at least so many digits after the point.
func (a Amount) text(places int32) string {
	q, r := a.num.QuoRem(a.denominator(), exactPlaces)
	s := moneyText(q, places)
	if !r.IsZero() {
		s += "…"
	}
	return s
}

// moneyText is a decimal number with all its digits, and at least so many after the point.
func moneyText(d exact.Decimal, places int32) string {
	if d.Equal(d.Truncate(places)) { // it has no more
		return d.StringFixed(places)
	}
	return d.String()
}
