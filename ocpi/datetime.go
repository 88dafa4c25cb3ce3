package ocpi

import (
	"fmt"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// A DateTime is a moment in UTC. It is read from RFC 3339 with or without a zone (none means UTC), with fractions of
// a second and with offsets, and written in UTC with "Z" (requirements TF-68, TF-69).
//
// DateTime has no IsZero method on purpose: encoders would take it as leave to drop a field.
type DateTime struct{ t time.Time }

// NewDateTime returns the DateTime of t.
func NewDateTime(t time.Time) DateTime { return DateTime{t.UTC()} }

// ParseDateTime reads a timestamp as described at DateTime. The T may be a space or lower case, as may be the Z.
func ParseDateTime(s string) (DateTime, error) {
	t, _, err := parseDateTime(s)
	return t, err
}

// inRange refuses moments whose year in UTC has no four digits: they could be written, but not be read again.
func inRange(t time.Time, s string) (DateTime, error) {
	d := DateTime{t.UTC()}
	if y := d.t.Year(); y < 0 || y > 9999 {
		return DateTime{}, fmt.Errorf("%q is out of range", clip(s))
	}
	return d, nil
}

// parseDateTime also reports whether s was written the way OCPI asks for: in UTC, by Z or by leaving the zone out.
func parseDateTime(s string) (d DateTime, canonical bool, err error) {
	if t, err := time.Parse(time.RFC3339, s); err == nil {
		d, err = inRange(t, s)
		return d, strings.HasSuffix(s, "Z"), err
	}
	u := s
	if len(u) > 10 && (u[10] == ' ' || u[10] == 't') {
		u = u[:10] + "T" + u[11:]
	}
	u = strings.ToUpper(u)
	if t, err := time.Parse("2006-01-02T15:04:05", u); err == nil {
		return DateTime{t.UTC()}, u == s, nil
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05Z0700"} {
		if t, err := time.Parse(layout, u); err == nil {
			d, err = inRange(t, s)
			return d, false, err
		}
	}
	return DateTime{}, false, fmt.Errorf("%q is not a timestamp such as 2026-01-31T12:00:00Z", clip(s))
}

// IsCanonicalDateTime reports whether s is a timestamp and whether it is in UTC, by a Z or by having no zone.
func IsCanonicalDateTime(s string) (ok, canonical bool) {
	_, canonical, err := parseDateTime(s)
	return err == nil, canonical
}

// clip shortens a foreign text for a message.
func clip(s string) string {
	if len(s) > 40 {
		return strings.ToValidUTF8(s[:40], "") + "…"
	}
	return s
}

// Time returns the moment as a time.Time in UTC.
func (d DateTime) Time() time.Time { return d.t }

// Equal reports whether both are the same moment.
func (d DateTime) Equal(e DateTime) bool { return d.t.Equal(e.t) }

// Compare orders moments.
func (d DateTime) Compare(e DateTime) int { return d.t.Compare(e.t) }

// Truncate returns the moment without its fraction of a second, the form 2.1.1 sends.
func (d DateTime) Truncate() DateTime { return DateTime{d.t.Truncate(time.Second)} }

// String returns the moment in RFC 3339 with Z, with a fraction only where there is one.
func (d DateTime) String() string { return string(d.append(nil)) }

func (d DateTime) append(b []byte) []byte { return d.t.UTC().AppendFormat(b, time.RFC3339Nano) }

// MarshalJSONTo writes the timestamp as a JSON string.
func (d DateTime) MarshalJSONTo(enc *jsontext.Encoder) error {
	b := append(enc.AvailableBuffer(), '"')
	return enc.WriteValue(append(d.append(b), '"'))
}

// UnmarshalJSONFrom reads a timestamp from a JSON string.
func (d *DateTime) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	tok, err := dec.ReadToken()
	if err != nil {
		return err
	}
	if tok.Kind() != '"' {
		return fmt.Errorf("a timestamp must be a string, not %v", tok.Kind())
	}
	*d, _, err = parseDateTime(tok.String())
	return err
}

// MarshalText writes the timestamp for URLs and configuration.
func (d DateTime) MarshalText() ([]byte, error) { return d.append(nil), nil }

// UnmarshalText reads what ParseDateTime reads.
func (d *DateTime) UnmarshalText(text []byte) (err error) {
	*d, err = ParseDateTime(string(text))
	return err
}
