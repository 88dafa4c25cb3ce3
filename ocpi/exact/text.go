package exact

import (
	"strconv"

	"github.com/shopspring/decimal"
)

// Parse reads a number as JSON writes them.
func Parse(text string) (Decimal, error) {
	if d, ok := parseShort(text); ok {
		return d, nil
	}
	d, err := decimal.NewFromString(text)
	if err != nil {
		return Decimal{}, err
	}
	return Of(d), nil
}

// MustParse is Parse for constants; it panics where text is no number.
func MustParse(text string) Decimal {
	d, err := Parse(text)
	if err != nil {
		panic(err)
	}
	return d
}

// parseShort reads a number of at most 18 digits without an exponent. ok is false for any other, and for what is no number.
func parseShort(text string) (d Decimal, ok bool) {
	const most = 18
	digits, negative := text, false
	if digits != "" && digits[0] == '-' {
		digits, negative = digits[1:], true
	}
	if digits == "" || len(digits) > most+1 {
		return d, false
	}
	point, n := -1, 0
	for i := range len(digits) {
		switch c := digits[i]; {
		case c >= '0' && c <= '9':
			d.coefficient = 10*d.coefficient + int64(c-'0')
			n++
		case c == '.' && point < 0 && i > 0 && i+1 < len(digits):
			point = i
		default:
			return Decimal{}, false
		}
	}
	if n > most {
		return Decimal{}, false
	}
	if point >= 0 {
		d.exponent = int32(point + 1 - len(digits)) //nolint:gosec // they are few
	}
	if negative {
		d.coefficient = -d.coefficient
	}
	return d, true
}

// String is the number in digits, without an exponent and without zeros at its end after the point.
func (d Decimal) String() string { return string(d.append(make([]byte, 0, 24), 0)) }

// StringFixed is the number in digits with so many after the point; a half is rounded away from zero.
func (d Decimal) StringFixed(places int32) string {
	if -d.exponent > places {
		d = d.DivRound(New(1, 0), places)
	}
	return string(d.append(make([]byte, 0, 24), places))
}

// MarshalText writes what String returns.
func (d Decimal) MarshalText() ([]byte, error) { return d.append(nil, 0), nil }

// UnmarshalText is Parse.
func (d *Decimal) UnmarshalText(text []byte) (err error) {
	*d, err = Parse(string(text))
	return err
}

// append writes the number with at least so many digits after the point, and no zeros at its end beyond them.
func (d Decimal) append(to []byte, least int32) []byte {
	if d.wide != nil || d.exponent < -64 || d.exponent > 64 {
		text := d.Decimal().String()
		if least > 0 && -d.exponent <= least {
			text = d.Decimal().StringFixed(least)
		}
		return append(to, text...)
	}
	if d.coefficient < 0 {
		to = append(to, '-')
	}
	begin := len(to)
	to = strconv.AppendUint(to, absolute(d.coefficient), 10)
	after := int(-d.exponent)
	for ; after < 0; after++ { // zeros before the point
		if d.coefficient != 0 {
			to = append(to, '0')
		}
	}
	for len(to)-begin <= after { // a digit before the point at least
		to = append(to, 0)
		copy(to[begin+1:], to[begin:])
		to[begin] = '0'
	}
	for ; after > int(least) && to[len(to)-1] == '0'; after-- {
		to = to[:len(to)-1]
	}
	if after == 0 && least <= 0 {
		return to
	}
	for ; after < int(least); after++ {
		to = append(to, '0')
	}
	to = append(to, 0)
	point := len(to) - 1 - after
	copy(to[point+1:], to[point:])
	to[point] = '.'
	return to
}
