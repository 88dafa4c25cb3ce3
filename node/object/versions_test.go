package object_test

import (
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/google/go-cmp/cmp"

	"github.com/roamwire/roamwire/node/object"
	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/ocpitest"
	"github.com/roamwire/roamwire/ocpi/v230"
)

func openFor(t testing.TB, versions ...ocpi.Version) *object.Objects {
	t.Helper()
	o, err := object.New(openDB(t), versions)
	if err != nil {
		t.Fatal(err)
	}
	use(t, o, versions...)
	return o
}

func listed[T any](t *testing.T, o *object.Own[T], v ocpi.Version) (texts []string, total int) {
	t.Helper()
	page, err := o.ListRendered(t.Context(), partner, v, all)
	if err != nil {
		t.Fatal(err)
	}
	for _, item := range page.Items {
		texts = append(texts, string(item))
	}
	return texts, page.Total
}

// What 2.1.1 cannot say is withheld from partners of 2.1.1 alone: others get it, and totals count what each gets.
func TestEachVersionListsWhatItCanSay(t *testing.T) {
	o := openFor(t, ocpi.Versions()...)
	sample := ocpitest.Sample{CPO: own, EMSP: foreign}
	private, credit := sample.Location(1), sample.CDR(1)
	private.Publish = false
	credit.Credit, credit.CreditReferenceID, credit.ID = new(true), new(ocpi.CiString("CDR1")), "CREDIT"
	put(t, o.Locations, private, sample.Location(2))
	put(t, o.CDRs, sample.CDR(1), credit)
	want := map[ocpi.Version]int{ocpi.V211: 1, ocpi.V221: 2, ocpi.V230: 2}
	for _, v := range ocpi.Versions() {
		locations, total := listed(t, o.Locations, v)
		if len(locations) != want[v] || total != want[v] {
			t.Errorf("%s lists %d of %d locations, want %d", v, len(locations), total, want[v])
		}
		cdrs, total := listed(t, o.CDRs, v)
		if len(cdrs) != want[v] || total != want[v] || strings.Contains(fmt.Sprint(cdrs), "CREDIT") != (want[v] == 2) {
			t.Errorf("%s lists %d of %d CDRs, want %d", v, len(cdrs), total, want[v])
		}
	}
}

// What a version cannot say of an object is counted when the object changes, for each version, and not again when it is listed.
func TestLossesAreCountedWhenAnObjectChanges(t *testing.T) {
	o := openFor(t, ocpi.Versions()...)
	got := map[string]int{}
	o.CountLosses(func(module ocpi.ModuleID, version ocpi.Version, losses int) {
		got[string(module)+" "+string(version)] += losses
	})
	location := ocpitest.Sample{CPO: own, EMSP: foreign}.Location(1)
	put(t, o.Locations, location)
	before := maps.Clone(got)
	location.HelpPhone = new(ocpi.CiString("+31201234567"))
	for range 2 { // the second time it is the same
		put(t, o.Locations, location)
	}
	for _, v := range ocpi.Versions() {
		listed(t, o.Locations, v)
	}
	for v, more := range map[string]int{"2.1.1": 1, "2.2.1": 1, "2.3.0": 0} {
		key := "locations " + v
		if got[key] != 2*before[key]+more {
			t.Errorf("%s: %d, at first %d", key, got[key], before[key])
		}
	}
}

// What the model keeps of other versions is for us alone.
func TestNoVersionListsWhatIsKeptOfAnother(t *testing.T) {
	o := openFor(t, ocpi.Versions()...)
	l := ocpitest.Network(own).Location(1)
	l.Extra = ocpi.Extra{"ocpi_2_1_1": []byte(`{"type":"OTHER"}`), "ocpi_2_2_1": []byte(`{}`), "vendor": []byte(`1`)}
	put(t, o.Locations, l)
	for _, v := range ocpi.Versions() {
		texts, _ := listed(t, o.Locations, v)
		if len(texts) != 1 || strings.Contains(texts[0], "ocpi_2_") || !strings.Contains(texts[0], `"vendor":1`) {
			t.Errorf("%s: %s", v, texts)
		}
	}
}

// Signed data of a CDR is untouched in what is stored and in what partners get.
func TestSignedDataIsListedAsItCame(t *testing.T) {
	o := openFor(t, ocpi.Versions()...)
	cdr := ocpitest.Sample{CPO: own, EMSP: foreign}.CDR(1)
	signed := "OCMF|{\"FV\":\"1.0\",\"x\":\"ü <&> \\u2028\"}|{\"SD\":\"3045 \"}"
	cdr.SignedData = &v230.SignedData{EncodingMethod: "OCMF", SignedValues: []v230.SignedValue{{Nature: "End", PlainData: signed, SignedData: signed}}}
	put(t, o.CDRs, cdr)
	stored, err := o.CDRs.Find(t.Context(), nil, string(cdr.ID))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(cdr.SignedData, stored.SignedData); diff != "" {
		t.Error(diff)
	}
	want, err := json.Marshal(cdr.SignedData)
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range []ocpi.Version{ocpi.V221, ocpi.V230} {
		texts, _ := listed(t, o.CDRs, v)
		if len(texts) != 1 || !strings.Contains(texts[0], string(want)) {
			t.Errorf("%s: %s, want %s in it", v, texts, want)
		}
	}
}

// BenchmarkPut writes 100 locations that change, with what partners of one version get and of three.
func BenchmarkPut(b *testing.B) {
	for name, versions := range map[string][]ocpi.Version{
		"in the model alone": {ocpi.V230}, "with 2.1.1": {ocpi.V211}, "with all versions": ocpi.Versions(),
	} {
		b.Run(name, func(b *testing.B) {
			o := openFor(b, versions...)
			n := 0
			for b.Loop() {
				n++
				var items []object.Item[v230.Location]
				for i := range 100 {
					l := ocpitest.Network(own).Location(i + 1)
					l.City = fmt.Sprint(n)
					items = append(items, object.Item[v230.Location]{Party: own, Object: l})
				}
				if _, err := o.Locations.Put(b.Context(), items...); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(100*b.N), "µs/location")
		})
	}
}

// BenchmarkPage reads a page of 50 locations that is not remembered, in each version.
func BenchmarkPage(b *testing.B) {
	o := openFor(b, ocpi.Versions()...)
	for i := range 20 {
		var items []object.Item[v230.Location]
		for j := range 50 {
			l := ocpitest.Network(own).Location(50*i + j + 1)
			items = append(items, object.Item[v230.Location]{Party: own, Object: l})
		}
		if _, err := o.Locations.Put(b.Context(), items...); err != nil {
			b.Fatal(err)
		}
	}
	for _, v := range ocpi.Versions() {
		b.Run(string(v), func(b *testing.B) {
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				i++
				q := ocpi.Query{Limit: 50, Offset: i % 19 * 50, DateFrom: time.Unix(1, 0)}
				page, err := o.Locations.ListRendered(b.Context(), partner, v, q)
				if err != nil || len(page.Items) != 50 {
					b.Fatal(len(page.Items), err)
				}
			}
		})
	}
}
