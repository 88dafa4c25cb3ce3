package ocpi

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/shopspring/decimal"

	"github.com/roamwire/roamwire/ocpi/exact"
)

// A Number is an exact decimal that keeps the digits it came with: 0.50 stays 0.50. Money and quantities are Numbers;
// no field of an OCPI object is ever a float. The zero value is 0.
//
// Number has no IsZero method on purpose: encoders would take it as leave to drop a field that is 0.
type Number struct{ literal string }

// Bounds of what a Number may be. A partner that sends 1e999999999 must not make us compute with it.
const (
	maxNumberLength   = 64
	maxNumberExponent = 40
)

// NewNumber returns d with all the digits d has.
func NewNumber(d decimal.Decimal) Number {
	if d.Exponent() < 0 {
		return Number{d.StringFixed(-d.Exponent())}
	}
	return Number{d.String()}
}

// NumberOf returns the whole number n.
func NumberOf(n int64) Number { return Number{strconv.FormatInt(n, 10)} }

// ParseNumber reads a number in the form JSON has for numbers.
func ParseNumber(s string) (Number, error) {
	v := jsontext.Value(s)
	if v.Kind() != '0' || !v.IsValid() || strings.TrimSpace(s) != s {
		return Number{}, fmt.Errorf("%q is not a number", clip(s))
	}
	if err := checkNumber(s); err != nil {
		return Number{}, err
	}
	return Number{s}, nil
}

// MustNumber is ParseNumber for constants; it panics where s is no number.
func MustNumber(s string) Number {
	n, err := ParseNumber(s)
	if err != nil {
		panic(err)
	}
	return n
}

// checkNumber refuses JSON numbers with more digits or a larger exponent than money or energy can have.
func checkNumber(s string) error {
	if len(s) > maxNumberLength {
		return fmt.Errorf("a number of %d characters is out of range", len(s))
	}
	if i := strings.IndexAny(s, "eE"); i >= 0 {
		e, err := strconv.Atoi(strings.TrimPrefix(s[i+1:], "+"))
		if err != nil || e > maxNumberExponent || e < -maxNumberExponent {
			return fmt.Errorf("number %s is out of range", s)
		}
	}
	return nil
}

// Exact returns the value for exact arithmetic that mostly does not allocate.
func (n Number) Exact() exact.Decimal {
	if n.literal == "" {
		return exact.Decimal{}
	}
	return exact.MustParse(n.literal) // every way to make a Number checks its literal
}

// Decimal is Exact for those who compute with package decimal.
func (n Number) Decimal() decimal.Decimal { return n.Exact().Decimal() }

// Equal reports whether both are the same value; 0.5 equals 0.50.
func (n Number) Equal(m Number) bool {
	return n.literal == m.literal || n.Exact().Equal(m.Exact())
}

// Sign returns -1, 0 or 1.
func (n Number) Sign() int { return n.Exact().Sign() }

// String returns the number with the digits it came with.
func (n Number) String() string {
	if n.literal == "" {
		return "0"
	}
	return n.literal
}

// MarshalJSONTo writes the number with the digits it came with.
func (n Number) MarshalJSONTo(enc *jsontext.Encoder) error {
	return enc.WriteValue(append(enc.AvailableBuffer(), n.String()...))
}

// MarshalJSON is MarshalJSONTo for encoding/json.
func (n Number) MarshalJSON() ([]byte, error) { return []byte(n.String()), nil }

// UnmarshalJSON is UnmarshalJSONFrom for encoding/json.
func (n *Number) UnmarshalJSON(raw []byte) error { return json.Unmarshal(raw, n) }

// UnmarshalJSONFrom reads a JSON number.
func (n *Number) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	v, err := dec.ReadValue()
	if err != nil {
		return err
	}
	if v.Kind() != '0' {
		return fmt.Errorf("a number is needed, not %v", v.Kind())
	}
	if err := checkNumber(string(v)); err != nil {
		return err
	}
	n.literal = string(v)
	return nil
}
