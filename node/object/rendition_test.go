package object

import (
	"fmt"
	"slices"
	"testing"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/convert"
)

// A rendition comes apart as it was put together, whatever is in it.
func TestARenditionIsADocumentAndItsLosses(t *testing.T) {
	var many []convert.Loss
	for i := range 3 * ocpi.MaxLosses {
		many = append(many, convert.Loss{Pointer: fmt.Sprint("/", i), Reason: "gone"})
	}
	for name, losses := range map[string][]convert.Loss{
		"none": nil, "one": {{Pointer: "/a", Reason: "ü gone"}}, "of the whole": {{Reason: "gone"}}, "empty": {{}, {}}, "many": many,
		"odd": {{Pointer: "/\x00\x01\x02", Reason: "\x02\x00\x01"}, {Pointer: "/b", Reason: "gone\x00"}},
	} {
		for _, document := range []string{`{"id":"1"}`, "", "{}"} {
			given := []byte(document)
			packed := packRendition(given, losses)
			var all ocpi.Losses
			for place := range 2 {
				if got := unpackRendition(slices.Clone(packed), place, &all); string(got) != document {
					t.Errorf("%s: %q of %q", name, got, document)
				}
			}
			if all.Out != 2*len(losses) || len(all.First) != min(2*len(losses), ocpi.MaxLosses) {
				t.Errorf("%s: %d losses, %d kept", name, all.Out, len(all.First))
			}
			if name == "one" && (all.First[0].String() != "/0/a: ü gone" || all.First[1].String() != "/1/a: ü gone") {
				t.Errorf("%v", all.First)
			}
		}
	}
	var all ocpi.Losses
	for _, damaged := range []string{"\x00", "{}\xff\xff\xff\xff\xff\xff\xff\xff\x00", "{}\x01\x00\x00\x00\x00\x00\x00\x00\x00"} {
		unpackRendition([]byte(damaged), 0, &all) // does not fail
	}
}
