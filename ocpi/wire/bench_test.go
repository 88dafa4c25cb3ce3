package wire_test

import (
	"strings"
	"testing"
	"time"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/convert"
	"github.com/roamwire/roamwire/ocpi/ocpitest"
	"github.com/roamwire/roamwire/ocpi/quirk"
	"github.com/roamwire/roamwire/ocpi/wire"
)

// A document without findings is not looked at by quirks: reading it costs the same with every profile.
func BenchmarkReadLocation(b *testing.B) {
	codecs, _ := wire.For(ocpi.V211)
	s := ocpitest.Network(ocpi.NewParty("NL", "GPE"))
	env := convert.Env{Owner: s.CPO}
	clean, _, err := codecs.Locations.Write(s.Location(1), env)
	if err != nil {
		b.Fatal(err)
	}
	deviating := clean
	for _, d := range [][2]string{
		{`"latitude":"`, `"latitude":["`}, {`","longitude"`, `"],"longitude"`}, {`"status":"AVAILABLE"`, `"status":"available"`},
		{`"voltage":230`, `"voltage":"230"`}, {`"id":"1"`, `"id":1`}, {`"twentyfourseven":true`, `"twentyfourseven":1`},
	} {
		deviating = []byte(strings.Replace(string(deviating), d[0], d[1], 1))
	}
	for _, bb := range []struct {
		name    string
		raw     []byte
		profile quirk.Profile
	}{
		{"clean, standard", clean, quirk.Profile{}},
		{"clean, lenient", clean, quirk.Default()},
		{"five deviations, lenient", deviating, quirk.Default().At(time.Now())},
	} {
		b.Run(bb.name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(bb.raw)))
			for b.Loop() {
				_, report, err := codecs.Locations.Read(bb.raw, env, bb.profile)
				if err != nil || string(bb.raw) != string(clean) && len(report.Quirks) != 5 {
					b.Fatal(err, report.Quirks)
				}
			}
		})
	}
}
