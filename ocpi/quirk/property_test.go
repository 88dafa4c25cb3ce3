package quirk_test

import (
	"bytes"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/convert"
	"github.com/roamwire/roamwire/ocpi/ocpitest"
	"github.com/roamwire/roamwire/ocpi/quirk"
	"github.com/roamwire/roamwire/ocpi/v211"
	"github.com/roamwire/roamwire/ocpi/v230"
	"github.com/roamwire/roamwire/ocpi/wire"
)

// A sample is a valid document of 2.1.1.
type sample struct {
	object string
	raw    []byte
	decode decoder
}

func drawSample(t *rapid.T) sample {
	s := ocpitest.Sample{CPO: ocpi.NewParty("NL", "GPE"), EMSP: ocpi.NewParty("NL", "TUB")}
	env := convert.Env{Owner: s.CPO, EMSP: s.EMSP, Location: func(id string) (v230.Location, bool) {
		i := slices.IndexFunc(s.Locations(), func(l v230.Location) bool { return string(l.ID) == id })
		return s.Locations()[max(i, 0)], i >= 0
	}}
	codecs, _ := wire.For(ocpi.V211)
	n := rapid.IntRange(1, 200).Draw(t, "number")
	switch object := rapid.SampledFrom([]string{"Location", "Session", "CDR", "Tariff", "Token"}).Draw(t, "object"); object {
	case "Location":
		return sample{object, written(t, codecs.Locations, s.Location(n), env), decoderOf(v211.DecodeLocation)}
	case "Session":
		return sample{object, written(t, codecs.Sessions, s.Session(n), env), decoderOf(v211.DecodeSession)}
	case "CDR":
		return sample{object, written(t, codecs.CDRs, s.CDR(n), env), decoderOf(v211.DecodeCDR)}
	case "Tariff":
		return sample{object, written(t, codecs.Tariffs, s.Tariff(n), env), decoderOf(v211.DecodeTariff)}
	default:
		return sample{object, written(t, codecs.Tokens, s.Token(n), convert.Env{Owner: s.EMSP}), decoderOf(v211.DecodeToken)}
	}
}

func written[T any](t *rapid.T, codec wire.Codec[T], object T, env convert.Env) []byte {
	raw, _, err := codec.Write(object, env)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func TestAValidDocumentIsNeverChanged(t *testing.T) {
	everything := parse(t, "ocpi-python,"+string(quirk.NullInPatch)).At(time.Now())
	rapid.Check(t, func(t *rapid.T) {
		s := drawSample(t)
		last, findings, applied, err := read(everything, s.raw, s.decode)
		if err != nil || len(findings) > 0 || len(applied) > 0 || string(last) != string(s.raw) {
			t.Fatalf("%v %v %v", err, findings, applied)
		}
	})
}

// Whatever partners make of a document by the deviations that are known, and in as many places as they like, it comes
// out as what it was.
func TestADocumentIsReadAsWhatItWasBeforeItDeviated(t *testing.T) {
	profile := quirk.Default().At(time.Now())
	rapid.Check(t, func(t *rapid.T) {
		s := drawSample(t)
		deviating := deviate(t, s.raw)
		repaired, findings, applied, err := read(profile, deviating, s.decode)
		if err != nil || len(ocpi.UnusableFindings(findings)) > 0 {
			t.Fatalf("%v: %s", err, deviating)
		}
		if diff := cmp.Diff(string(s.raw), string(repaired)); diff != "" {
			t.Fatalf("%v: %s\n%s", applied, diff, deviating)
		}
		if changed := !bytes.Equal(s.raw, deviating); changed != (len(applied) > 0) || changed != (len(findings) > 0) {
			t.Fatalf("changed is %v, findings %v, put right %v", changed, findings, applied)
		}
		again, findings, applied, err := read(profile, repaired, s.decode)
		if err != nil || len(findings) > 0 || len(applied) > 0 || !bytes.Equal(again, repaired) {
			t.Fatalf("reading twice is not reading once: %v %v %v", err, findings, applied)
		}
	})
}

// deviate makes some values inside an object or list what partners make of them. The document itself stays an object:
// four rounds do not suffice for one more layer.
func deviate(t *rapid.T, raw jsontext.Value) jsontext.Value {
	dec := jsontext.NewDecoder(bytes.NewReader(raw))
	open, err := dec.ReadToken()
	if err != nil {
		t.Fatal(err)
	}
	out := []byte(open.String())
	for i := 0; dec.PeekKind() != '}' && dec.PeekKind() != ']'; i++ {
		if i > 0 {
			out = append(out, ',')
		}
		inList := open.Kind() == '['
		if !inList {
			name, err := dec.ReadValue()
			if err != nil {
				t.Fatal(err)
			}
			out = append(append(out, name...), ':')
		} else if rapid.IntRange(0, 20).Draw(t, "null") == 0 {
			out = append(out, "null,"...)
		}
		value, err := dec.ReadValue()
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, deviateValue(t, value.Clone())...)
	}
	return append(out, raw[len(raw)-1])
}

func deviateValue(t *rapid.T, value jsontext.Value) jsontext.Value {
	leave := rapid.IntRange(0, 3).Draw(t, "leave") > 0
	switch value.Kind() {
	case '{':
		value = deviate(t, value)
		if leave {
			return value
		}
		return slices.Concat(jsontext.Value("["), value, jsontext.Value("]"))
	case '[':
		return deviateList(t, value, leave)
	default:
	}
	if leave {
		return value
	}
	forms := []jsontext.Value{slices.Concat(jsontext.Value("["), value, jsontext.Value("]"))}
	switch value.Kind() {
	case '0':
		forms = append(forms, jsontext.Value(strconv.Quote(string(value))))
	case 't':
		forms = append(forms, jsontext.Value("1"), jsontext.Value(`"True"`))
	case 'f':
		forms = append(forms, jsontext.Value("0"), jsontext.Value(`"false"`))
	default:
		forms = append(forms, deviatingTexts(t, value)...)
	}
	return rapid.SampledFrom(forms).Draw(t, "form")
}

// deviateList makes the element of a list of one stand for the list, or changes the elements.
func deviateList(t *rapid.T, value jsontext.Value, leave bool) jsontext.Value {
	var elements []jsontext.Value
	if err := json.Unmarshal(value, &elements); err != nil {
		t.Fatal(err)
	}
	if leave || len(elements) != 1 {
		return deviate(t, value)
	}
	if elements[0].Kind() == '{' {
		return deviate(t, elements[0])
	}
	return elements[0]
}

func deviatingTexts(t *rapid.T, value jsontext.Value) []jsontext.Value {
	var text string
	if err := json.Unmarshal(value, &text); err != nil {
		t.Fatal(err)
	}
	if at, err := ocpi.ParseDateTime(text); err == nil && at.String() == text && at.Truncate() == at {
		seconds := strconv.FormatInt(at.Time().Unix(), 10)
		return []jsontext.Value{jsontext.Value(seconds), jsontext.Value(seconds + "000"), jsontext.Value(`"` + seconds + `"`)}
	}
	if isEnum := strings.ToUpper(text) == text && strings.Contains(text, "_"); isEnum {
		return []jsontext.Value{jsontext.Value(strings.ToLower(string(value))), jsontext.Value(strings.ReplaceAll(string(value), "_", "-"))}
	}
	if _, err := ocpi.ParseNumber(text); err == nil {
		return []jsontext.Value{jsontext.Value(text)}
	}
	return nil
}

func FuzzRead(f *testing.F) {
	for name := range fixtures() {
		in, out := fixture(f, name)
		f.Add(in)
		f.Add(out)
	}
	f.Add([]byte(`{"id":1,"id":"2","last_updated":null}`))
	f.Add([]byte(`[[[["ACCEPTED"]]]]`))
	f.Add([]byte(`{"evses":[null,null,{"connectors":{"":{}}}],"~1":{"last_updated":5}}`))
	profile := parse(f, "ocpi-python,null-in-patch").At(time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC))
	f.Fuzz(func(t *testing.T, raw []byte) {
		for name, decode := range decoders() {
			last, findings, _, err := read(profile, raw, decode)
			if isJSON(raw) != isJSON(last) {
				t.Fatalf("%s: of %q it made %q", name, raw, last)
			}
			if (err == nil) != (len(ocpi.UnusableFindings(findings)) == 0) && findings != nil {
				t.Fatalf("%s: %v, but %v", name, err, findings)
			}
			if err != nil {
				continue
			}
			again, _, _, err := read(profile, last, decode)
			if err != nil || !bytes.Equal(again, last) {
				t.Fatalf("%s: reading twice is not reading once: %v\n%s\n%s", name, err, last, again)
			}
		}
		for _, object := range []string{"Location", "EVSE", "Connector", "CDR", "Session", "Tariff", "Token", "?"} {
			out, _ := profile.Write(ocpi.V211, object, raw)
			patch, _ := profile.WritePatch(ocpi.V211, object, raw)
			if isJSON(raw) && (!isJSON(out) || !isJSON(patch)) {
				t.Fatalf("%s: of %q it made %q and %q", object, raw, out, patch)
			}
		}
	})
}

// FuzzFindings reads documents with findings that were made about others.
func FuzzFindings(f *testing.F) {
	f.Add([]byte(location), "/evses/0/connectors/0/voltage", "type", "int")
	f.Add([]byte(location), "/evses/0/last_updated", "missing", "timestamp")
	f.Add([]byte(`[]`), "", "type", "object")
	f.Add([]byte(`{"a":[1]}`), "/a/7/b", "null", "list")
	f.Fuzz(func(t *testing.T, raw []byte, pointer, code, want string) {
		finding := ocpi.Finding{Pointer: pointer, Code: ocpi.FindingCode(code), Want: ocpi.Wanted(want), Unusable: true, Meant: "X"}
		repaired, _ := parse(t, "lenient,null-in-patch").At(time.Unix(1e9, 0)).Read(raw, []ocpi.Finding{finding, finding})
		if isJSON(raw) && !isJSON(repaired) {
			t.Fatalf("of %q it made %q", raw, repaired)
		}
	})
}

func isJSON(raw jsontext.Value) bool { return raw.IsValid(jsontext.AllowDuplicateNames(true)) }
