// Package exact computes with decimal numbers, exactly, and mostly without allocating: money, energy and time have few digits. A number of
// more digits than an int64 has is kept in a big.Int, and costs what that costs.
//
// An [github.com/roamwire/roamwire/ocpi.Number] is what an object says, digit by digit; a Decimal is for computing.
package exact

import (
	"cmp"
	"math"
	"math/big"
	"math/bits"

	"github.com/shopspring/decimal"
)

// A Decimal is coefficient × 10^exponent. The zero value is 0. Decimals are compared by Equal and Cmp, not by ==: 0.5 can have the digits of
// 0.50.
type Decimal struct {
	coefficient int64 // from -MaxInt64 to MaxInt64
	exponent    int32
	// wide is the coefficient where it does not fit, and nil where it does.
	wide *big.Int
}

// New returns coefficient × 10^exponent.
func New(coefficient int64, exponent int32) Decimal {
	if coefficient == math.MinInt64 {
		return Decimal{exponent: exponent, wide: big.NewInt(coefficient)}
	}
	return Decimal{coefficient: coefficient, exponent: exponent}
}

// Of returns d with the digits it has.
func Of(d decimal.Decimal) Decimal {
	c := d.Coefficient()
	if c.IsInt64() {
		return New(c.Int64(), d.Exponent())
	}
	return Decimal{exponent: d.Exponent(), wide: c}
}

// Decimal is the number for those who compute with package decimal.
func (d Decimal) Decimal() decimal.Decimal {
	if d.wide != nil {
		return decimal.NewFromBigInt(d.wide, d.exponent)
	}
	return decimal.New(d.coefficient, d.exponent)
}

// powers are those of 10 that an int64 holds.
var powers = func() (p [19]int64) {
	p[0] = 1
	for i := 1; i < len(p); i++ {
		p[i] = 10 * p[i-1]
	}
	return p
}()

func absolute(n int64) uint64 {
	if n < 0 {
		return uint64(-n)
	}
	return uint64(n)
}

// times is a × b, if that is a coefficient.
func times(a, b int64) (product int64, ok bool) {
	high, low := bits.Mul64(absolute(a), absolute(b))
	if high != 0 || low > math.MaxInt64 {
		return 0, false
	}
	if (a < 0) != (b < 0) {
		return -int64(low), true
	}
	return int64(low), true
}

// shifted is n × 10^places, if that is a coefficient.
func shifted(n int64, places int64) (int64, bool) {
	switch {
	case n == 0, places == 0:
		return n, true
	case places >= int64(len(powers)):
		return 0, false
	}
	return times(n, powers[places])
}

// aligned are the coefficients of two numbers with the lower one of their exponents, if they are coefficients.
func aligned(a, b Decimal) (ac, bc int64, exponent int32, ok bool) {
	switch {
	case a.wide != nil || b.wide != nil:
		return 0, 0, 0, false
	case a.exponent == b.exponent:
		return a.coefficient, b.coefficient, a.exponent, true
	case a.exponent < b.exponent:
		bc, ok = shifted(b.coefficient, int64(b.exponent)-int64(a.exponent))
		return a.coefficient, bc, a.exponent, ok
	default:
		ac, ok = shifted(a.coefficient, int64(a.exponent)-int64(b.exponent))
		return ac, b.coefficient, b.exponent, ok
	}
}

// Add returns d + e.
func (d Decimal) Add(e Decimal) Decimal {
	if dc, ec, exponent, ok := aligned(d, e); ok {
		if sum := dc + ec; (sum > dc) == (ec > 0) && sum != math.MinInt64 {
			return Decimal{coefficient: sum, exponent: exponent}
		}
	}
	return Of(d.Decimal().Add(e.Decimal()))
}

// Sub returns d - e.
func (d Decimal) Sub(e Decimal) Decimal { return d.Add(e.Neg()) }

// Mul returns d × e.
func (d Decimal) Mul(e Decimal) Decimal {
	if d.wide == nil && e.wide == nil {
		exponent := int64(d.exponent) + int64(e.exponent)
		if product, ok := times(d.coefficient, e.coefficient); ok && exponent == int64(int32(exponent)) {
			return Decimal{coefficient: product, exponent: int32(exponent)}
		}
	}
	return Of(d.Decimal().Mul(e.Decimal()))
}

// QuoRem divides d by e, which is not 0: the quotient has so many digits after the point, towards zero, and d = quotient × e + rest.
func (d Decimal) QuoRem(e Decimal, places int32) (quotient, rest Decimal) {
	if d.wide == nil && e.wide == nil && e.coefficient != 0 {
		above, below, exponent := d.coefficient, e.coefficient, int64(e.exponent)-int64(places)
		var ok bool
		if shift := int64(d.exponent) - exponent; shift >= 0 {
			above, ok = shifted(above, shift)
		} else {
			below, ok = shifted(below, -shift)
			exponent = int64(d.exponent)
		}
		if ok && exponent == int64(int32(exponent)) {
			return New(above/below, -places), New(above%below, int32(exponent))
		}
	}
	q, r := d.Decimal().QuoRem(e.Decimal(), places)
	return Of(q), Of(r)
}

// DivRound divides d by e, which is not 0, to so many digits after the point; a half is rounded away from zero.
func (d Decimal) DivRound(e Decimal, places int32) Decimal {
	q, r := d.QuoRem(e, places)
	if r.Abs().Mul(New(2, 0)).Cmp(e.Abs().Shift(-places)) < 0 {
		return q
	}
	return q.Add(New(int64(d.Sign()*e.Sign()), -places))
}

// Neg returns -d.
func (d Decimal) Neg() Decimal {
	if d.wide != nil {
		return Of(d.Decimal().Neg())
	}
	return Decimal{coefficient: -d.coefficient, exponent: d.exponent}
}

// Abs returns d without its sign.
func (d Decimal) Abs() Decimal {
	if d.Sign() < 0 {
		return d.Neg()
	}
	return d
}

// Shift returns d × 10^places.
func (d Decimal) Shift(places int32) Decimal {
	d.exponent += places
	return d
}

// Truncate returns d with at most so many digits after the point, towards zero.
func (d Decimal) Truncate(places int32) Decimal {
	if -d.exponent <= places {
		return d
	}
	q, _ := d.QuoRem(New(1, 0), places)
	return q
}

// Cmp compares d with e: -1, 0 or 1.
func (d Decimal) Cmp(e Decimal) int {
	if dc, ec, _, ok := aligned(d, e); ok {
		return cmp.Compare(dc, ec)
	}
	if ds, es := d.Sign(), e.Sign(); ds != es {
		return cmp.Compare(ds, es)
	}
	return d.Decimal().Cmp(e.Decimal())
}

// Equal reports whether d and e are the same number.
func (d Decimal) Equal(e Decimal) bool { return d.Cmp(e) == 0 }

// IsZero reports whether d is 0.
func (d Decimal) IsZero() bool { return d.coefficient == 0 && d.wide == nil }

// Sign is -1, 0 or 1.
func (d Decimal) Sign() int {
	if d.wide != nil {
		return d.wide.Sign()
	}
	return cmp.Compare(d.coefficient, 0)
}

// Exponent is the number of digits that d has after the point, below 0, or how many zeros follow its digits, above.
func (d Decimal) Exponent() int32 { return d.exponent }

// IntPart is d without what comes after the point. Where that does not fit, nobody knows what it is.
func (d Decimal) IntPart() int64 {
	if whole := d.Truncate(0); whole.wide == nil {
		if n, ok := shifted(whole.coefficient, int64(whole.exponent)); ok {
			return n
		}
	}
	return d.Decimal().IntPart()
}

// Rat is d as a fraction.
func (d Decimal) Rat() *big.Rat { return d.Decimal().Rat() }

// Max is the larger one of two numbers.
func Max(a, b Decimal) Decimal {
	if a.Cmp(b) >= 0 {
		return a
	}
	return b
}
