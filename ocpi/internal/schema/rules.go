package schema

import (
	"fmt"
	"math/big"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/roamwire/roamwire/ocpi"
)

func wrong(code ocpi.FindingCode, format string, args ...any) *ocpi.Finding {
	return &ocpi.Finding{Code: code, Message: fmt.Sprintf(format, args...)}
}

// Degrees checks a coordinate written as a string with a number of decimals between from and to, between -limit and
// limit (2.1.1 mod_locations, GeoLocation; requirement L-28).
func Degrees(limit, from, to int) Rule {
	return func(value string) *ocpi.Finding {
		whole, decimals, _ := strings.Cut(strings.TrimPrefix(value, "-"), ".")
		if !digits(whole) || whole == "" || !digits(decimals) {
			return wrong(ocpi.FindingFormat, "%q is not a coordinate in decimal degrees", clip(value))
		}
		if len(decimals) < from || len(decimals) > to {
			want := strconv.Itoa(from)
			if to != from {
				want += " to " + strconv.Itoa(to)
			}
			return wrong(ocpi.FindingFormat, "%d decimals, %s are asked for", len(decimals), want)
		}
		if degrees, ok := new(big.Rat).SetString(value); ok && degrees.Abs(degrees).Cmp(big.NewRat(int64(limit), 1)) > 0 {
			return wrong(ocpi.FindingRange, "%s is outside -%d to %d degrees", clip(value), limit, limit)
		}
		return nil
	}
}

func digits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}

// Time checks a time of day, HH:MM.
func Time(value string) *ocpi.Finding {
	if _, err := time.Parse("15:04", value); err != nil || len(value) != len("15:04") {
		return wrong(ocpi.FindingFormat, "%q is not a time of day such as 08:30", clip(value))
	}
	return nil
}

// Date checks a calendar date, YYYY-MM-DD.
func Date(value string) *ocpi.Finding {
	if _, err := time.Parse(time.DateOnly, value); err != nil {
		return wrong(ocpi.FindingFormat, "%q is not a date such as 2026-01-31", clip(value))
	}
	return nil
}

// Between checks that a number is not below from nor above to.
func Between(from, to int) Rule {
	return func(value string) *ocpi.Finding {
		n, err := ocpi.ParseNumber(value)
		if err != nil {
			return nil
		}
		if n.Sign() < 0 && from == 0 || n.Decimal().LessThan(ocpi.NumberOf(int64(from)).Decimal()) ||
			n.Decimal().GreaterThan(ocpi.NumberOf(int64(to)).Decimal()) {
			return wrong(ocpi.FindingRange, "%s is not between %d and %d", value, from, to)
		}
		return nil
	}
}

// AtLeast checks that a number is not below from.
func AtLeast(from int) Rule {
	return func(value string) *ocpi.Finding {
		n, err := ocpi.ParseNumber(value)
		if err == nil && n.Decimal().LessThan(ocpi.NumberOf(int64(from)).Decimal()) {
			return wrong(ocpi.FindingRange, "%s is less than %d", value, from)
		}
		return nil
	}
}

// Letters checks for exactly n ASCII letters.
func Letters(n int) Rule {
	return func(value string) *ocpi.Finding {
		for i := range len(value) {
			if c := value[i] | 0x20; c < 'a' || c > 'z' {
				return wrong(ocpi.FindingFormat, "%q is not a code of %d letters", clip(value), n)
			}
		}
		if len(value) != n {
			return wrong(ocpi.FindingFormat, "%q is not a code of %d letters", clip(value), n)
		}
		return nil
	}
}

// TimeZone checks for the form of a name of the IANA time zone database. It does not look the name up: which zones
// exist depends on the machine.
func TimeZone(value string) *ocpi.Finding {
	area, city, ok := strings.Cut(value, "/")
	if value == "UTC" || value == "GMT" || ok && area != "" && city != "" && !strings.ContainsFunc(value, unicode.IsSpace) {
		return nil
	}
	return wrong(ocpi.FindingFormat, "%q is not a time zone such as Europe/Oslo", clip(value))
}

// Token checks a credentials token (requirement TF-02).
func Token(value string) *ocpi.Finding {
	if err := ocpi.CheckToken(value); err != nil {
		return wrong(ocpi.FindingCharacters, "%v", err)
	}
	return nil
}

const maxURLLength = 255

func (c *checker) url(value string) {
	if n := utf8.RuneCountInString(value); n > maxURLLength {
		c.add(ocpi.FindingLength, false, "%d characters, %d are allowed", n, maxURLLength)
	}
	if u, err := url.Parse(value); err != nil || value != "" && (u.Scheme == "" || u.Host == "") {
		c.add(ocpi.FindingFormat, false, "%q is not an absolute URL", clip(value))
	}
}

// characters reports control characters, and for CiStrings everything outside printable ASCII. UTF-8 in a plain
// string is not reported: 2.1.1 asks for ASCII, yet everyone sends names as they are (requirement TF-67).
func (c *checker) characters(f *Field, value []byte) {
	for _, r := range string(value) {
		if r >= ' ' && r < unicode.MaxASCII || f.Kind == KindString && unicode.IsGraphic(r) {
			continue
		}
		if f.Kind == KindString && (r == '\n' || r == '\t' || r == '\r') && f.Max > 255 {
			continue // texts for people may have lines
		}
		c.add(ocpi.FindingCharacters, false, "character %U is not allowed here", r)
		return
	}
}
