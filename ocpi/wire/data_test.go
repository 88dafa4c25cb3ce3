package wire_test

import (
	"os"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/convert"
	"github.com/roamwire/roamwire/ocpi/quirk"
	"github.com/roamwire/roamwire/ocpi/wire"
)

// Real locations that were published for later versions are read with whatever is odd in them, and are written the same for
// ever after.
func TestRealLocationsGoThroughTheLaterVersions(t *testing.T) {
	raw, err := os.ReadFile("../../../shared/data/ludwigsburg-locations-as-published.json")
	if err != nil {
		t.Skip("the real data is not here, nothing was checked with it: ", err)
	}
	var objects []jsontext.Value
	if err := json.Unmarshal(raw, &objects); err != nil {
		t.Fatal(err)
	}
	for _, v := range []ocpi.Version{ocpi.V221, ocpi.V230} {
		codecs, _ := wire.For(v)
		for _, object := range objects {
			if _, report, err := codecs.Locations.Read(object, convert.Env{}, quirk.Default()); err != nil {
				t.Errorf("%s: %v %v", v, err, report.Findings)
			}
			stable(t, codecs.Locations, object, convert.Env{})
		}
	}
}
