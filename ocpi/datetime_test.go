package ocpi_test

import (
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/roamwire/roamwire/ocpi"
)

// Requirements TF-68 and TF-69.
func TestDateTimeReadsWhatPartnersSendAndWritesZ(t *testing.T) {
	tests := []struct{ name, in, want string }{
		{"UTC with Z", "2026-01-31T12:00:00Z", "2026-01-31T12:00:00Z"},
		{"no zone means UTC", "2026-01-31T12:00:00", "2026-01-31T12:00:00Z"},
		{"an offset is turned into UTC", "2026-01-31T12:00:00+02:00", "2026-01-31T10:00:00Z"},
		{"an offset without a colon", "2026-01-31T12:00:00-0130", "2026-01-31T13:30:00Z"},
		{"+00:00", "2026-01-31T12:00:00+00:00", "2026-01-31T12:00:00Z"},
		{"milliseconds are kept", "2026-01-31T12:00:00.123Z", "2026-01-31T12:00:00.123Z"},
		{"a zero fraction is not written", "2026-01-31T12:00:00.000Z", "2026-01-31T12:00:00Z"},
		{"a fraction without zone", "2026-01-31T12:00:00.5", "2026-01-31T12:00:00.5Z"},
		{"a space for the T", "2026-01-31 12:00:00", "2026-01-31T12:00:00Z"},
		{"lower case", "2026-01-31t12:00:00z", "2026-01-31T12:00:00Z"},
		{"a leap day", "2024-02-29T00:00:00Z", "2024-02-29T00:00:00Z"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var d ocpi.DateTime
			if err := json.Unmarshal([]byte(`"`+tt.in+`"`), &d); err != nil {
				t.Fatal(err)
			}
			out, err := json.Marshal(d)
			if err != nil {
				t.Fatal(err)
			}
			if got := string(out); got != `"`+tt.want+`"` {
				t.Errorf("%s was written as %s, want %q", tt.in, got, tt.want)
			}
		})
	}
}

func TestDateTimeRefusesWhatIsNoTimestamp(t *testing.T) {
	for _, in := range []string{
		`""`, `"2026-01-31"`, `"2026-13-01T00:00:00Z"`, `"2025-02-29T00:00:00Z"`, `"yesterday"`, `1769860800`, `null`, `true`,
		`"2026-01-31T12:00:00+2"`, `"2026-01-31T25:00:00Z"`,
		`"9999-12-31T23:59:59-05:00"`, `"0000-01-01T00:00:00+01:00"`,
	} {
		var d ocpi.DateTime
		if err := json.Unmarshal([]byte(in), &d); err == nil {
			t.Errorf("%s was read as %s", in, d)
		}
	}
}

func TestDateTimeComparesMoments(t *testing.T) {
	a, err := ocpi.ParseDateTime("2026-01-31T12:00:00+02:00")
	if err != nil {
		t.Fatal(err)
	}
	b := ocpi.NewDateTime(time.Date(2026, 1, 31, 10, 0, 0, 0, time.UTC))
	if !a.Equal(b) || a.Compare(b) != 0 || a.Compare(ocpi.NewDateTime(b.Time().Add(time.Second))) != -1 {
		t.Errorf("%s and %s do not compare as the same moment", a, b)
	}
}

// A struct field must never be dropped because its value happens to be the zero value.
func TestARealZeroIsWritten(t *testing.T) {
	object := struct {
		Price *ocpi.Number   `json:"price,omitzero"`
		At    *ocpi.DateTime `json:"at,omitzero"`
		None  *ocpi.Number   `json:"none,omitzero"`
	}{Price: new(ocpi.NumberOf(0)), At: new(ocpi.DateTime{})}
	out, err := json.Marshal(object)
	if err != nil {
		t.Fatal(err)
	}
	if want := `{"price":0,"at":"0001-01-01T00:00:00Z"}`; string(out) != want {
		t.Errorf("got %s, want %s", out, want)
	}
}

func FuzzDateTime(f *testing.F) {
	for _, seed := range []string{"2026-01-31T12:00:00Z", "2026-01-31T12:00:00.123456789+23:59", "0000-01-01T00:00:00", "9999-12-31 23:59:59", "2026-01-31t12:00:00z", "9999-12-31T23:59:59-05:00", "é"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, in string) {
		d, err := ocpi.ParseDateTime(in)
		if err != nil {
			return
		}
		again, err := ocpi.ParseDateTime(d.String())
		if err != nil {
			t.Fatalf("%q was written as %q, which cannot be read: %v", in, d, err)
		}
		if !again.Equal(d) {
			t.Fatalf("%q was written as %q, which is another moment", in, d)
		}
	})
}
