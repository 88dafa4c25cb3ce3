package quirk_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/quirk"
	"github.com/roamwire/roamwire/ocpi/v211"
)

// A decoder reads a document by the real tables and says what was found.
type decoder func(raw []byte) ([]ocpi.Finding, error)

func decoderOf[T any](decode func([]byte) (T, []ocpi.Finding, error)) decoder {
	return func(raw []byte) ([]ocpi.Finding, error) {
		_, findings, err := decode(raw)
		return findings, err
	}
}

// decoders are what fixtures may be, by name.
func decoders() map[string]decoder {
	return map[string]decoder{
		"Location":        decoderOf(v211.DecodeLocation),
		"EVSE":            decoderOf(v211.DecodeEVSE),
		"Session":         decoderOf(v211.DecodeSession),
		"CDR":             decoderOf(v211.DecodeCDR),
		"Tariff":          decoderOf(v211.DecodeTariff),
		"Token":           decoderOf(v211.DecodeToken),
		"CommandResponse": decoderOf(v211.DecodeCommandResponse),
		"EVSEPatch":       decoderOf(v211.DecodeEVSEPatch),
	}
}

// fixtures say what the document of each quirk is.
func fixtures() map[quirk.Name]string {
	return map[quirk.Name]string{
		quirk.WrappedObject:      "Token",
		quirk.BareCommandResult:  "CommandResponse",
		quirk.EndDateTime:        "CDR",
		quirk.CategoryForSource:  "Location",
		quirk.LaterNames:         "Session",
		quirk.EmptyValues:        "Session",
		quirk.ObjectForList:      "EVSE",
		quirk.ListForObject:      "Location",
		quirk.NumbersAsStrings:   "Tariff",
		quirk.StringsAsNumbers:   "Location",
		quirk.BooleansAsStrings:  "Token",
		quirk.BooleansAsNumbers:  "Token",
		quirk.NullLists:          "EVSE",
		quirk.NullInLists:        "Location",
		quirk.NullInPatch:        "EVSEPatch",
		quirk.MissingLastUpdated: "Location",
		quirk.OffsetTimestamps:   "Token",
		quirk.ShortTimestamps:    "CDR",
		quirk.UnixTimestamps:     "Token",
		quirk.EnumSpelling:       "EVSE",

		quirk.ExpectEndDateTime:          "CDR",
		quirk.ExpectTimeZone:             "CDR",
		quirk.ExpectStatusScheduleObject: "Location",
		quirk.ExpectEnvironImpactObject:  "Location",
		quirk.ExpectWholeEnergyMix:       "Location",
		quirk.ExpectTwentyFourSeven:      "Location",
		quirk.ExpectTariffID:             "Location",
		quirk.ExpectNoNullLists:          "Location",
	}
}

func fixture(t testing.TB, name quirk.Name) (in, out []byte) {
	t.Helper()
	for file, into := range map[string]*[]byte{"in.json": &in, "out.json": &out} {
		raw, err := os.ReadFile(filepath.Join("testdata", string(name), file))
		if err != nil {
			t.Fatal(err)
		}
		*into = raw
	}
	return in, out
}

func parse(t testing.TB, expression string) quirk.Profile {
	t.Helper()
	p, err := quirk.Parse(expression)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// compact removes white space and nothing else: order, digits and escapes must be those that came.
func compact(t testing.TB, raw []byte) string {
	t.Helper()
	v := jsontext.Value(slices.Clone(raw))
	if err := v.Compact(jsontext.AllowDuplicateNames(true), jsontext.PreserveRawStrings(true)); err != nil {
		t.Fatalf("%v: %s", err, raw)
	}
	return string(v)
}

// read decodes a document with a profile, and returns what it was at last.
func read(p quirk.Profile, raw []byte, decode decoder) (last []byte, findings []ocpi.Finding, applied []quirk.Name, err error) {
	_, findings, applied, err = quirk.Decode(p, raw, func(raw []byte) (struct{}, []ocpi.Finding, error) {
		last = raw
		findings, err := decode(raw)
		return struct{}{}, findings, err
	})
	return last, findings, applied, err
}

func TestEveryQuirkOfDocumentsHasAFixture(t *testing.T) {
	want := map[quirk.Name]bool{}
	for _, q := range quirk.All() {
		if q.Kind == quirk.Transport {
			continue
		}
		want[q.Name] = true
		if fixtures()[q.Name] == "" {
			t.Errorf("%s has none", q.Name)
		}
	}
	entries, err := os.ReadDir("testdata")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if name := quirk.Name(e.Name()); !want[name] && name != "fuzz" && name != "rapid" {
			t.Errorf("testdata/%s belongs to no quirk", name)
		}
	}
}

func TestWhatPartnersSendIsPutRightByItsQuirk(t *testing.T) {
	for _, q := range quirk.All() {
		if q.Kind != quirk.Reading {
			continue
		}
		t.Run(string(q.Name), func(t *testing.T) {
			in, out := fixture(t, q.Name)
			decode := decoders()[fixtures()[q.Name]]

			last, before, applied, err := read(quirk.Profile{}, in, decode)
			if len(before) == 0 || len(applied) > 0 || string(last) != string(in) {
				t.Fatalf("without the quirk: %v, %v, %v", err, before, applied)
			}
			unusable := ocpi.UnusableFindings(before)
			counted := compact(t, in) == compact(t, out)
			if known := q.Name == quirk.EnumSpelling || counted; (err == nil) != known || (len(unusable) == 0) != known {
				t.Fatalf("without the quirk: %v, %v", err, before)
			}

			for _, expression := range []string{"standard," + string(q.Name), "lenient," + string(q.Name)} {
				last, findings, applied, err := read(parse(t, expression), in, decode)
				if err != nil || len(ocpi.UnusableFindings(findings)) > 0 {
					t.Fatalf("%s: %v, %v", expression, err, findings)
				}
				if diff := cmp.Diff(compact(t, out), compact(t, last)); diff != "" {
					t.Errorf("%s: %s", expression, diff)
				}
				if diff := cmp.Diff([]quirk.Name{q.Name}, applied); diff != "" {
					t.Errorf("%s: %s", expression, diff)
				}
				if len(findings) < len(before) {
					t.Errorf("%s: of %v only %v are left", expression, before, findings)
				}
			}

			if _, _, _, err := read(parse(t, "lenient,-"+string(q.Name)), in, decode); err == nil && len(unusable) > 0 {
				t.Error("the fixture is put right by other quirks too")
			}
		})
	}
}

func TestPartnersGetWhatTheyExpect(t *testing.T) {
	for _, q := range quirk.All() {
		if q.Kind != quirk.Writing {
			continue
		}
		t.Run(string(q.Name), func(t *testing.T) {
			in, out := fixture(t, q.Name)
			object := fixtures()[q.Name]
			got, applied := parse(t, "standard,"+string(q.Name)).Write(ocpi.V211, object, in)
			if diff := cmp.Diff(compact(t, out), compact(t, got)); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff([]quirk.Name{q.Name}, applied); diff != "" {
				t.Error(diff)
			}
			for _, other := range []struct {
				profile string
				version ocpi.Version
			}{{"lenient", ocpi.V211}, {"ocpi-python", ocpi.V230}} {
				if got, applied := parse(t, other.profile).Write(other.version, object, in); string(got) != string(in) || len(applied) > 0 {
					t.Errorf("%s makes of a document of %s %s", other.profile, other.version, got)
				}
			}
			once, _ := parse(t, "ocpi-python").Write(ocpi.V211, object, in)
			if twice, applied := parse(t, "ocpi-python").Write(ocpi.V211, object, once); string(twice) != string(once) || len(applied) > 0 {
				t.Errorf("writing twice changes it again: %v", applied)
			}
		})
	}
}
