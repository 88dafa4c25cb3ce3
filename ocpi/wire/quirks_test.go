package wire_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/convert"
	"github.com/roamwire/roamwire/ocpi/ocpitest"
	"github.com/roamwire/roamwire/ocpi/quirk"
	"github.com/roamwire/roamwire/ocpi/wire"
)

func TestCodecsOfEveryVersionPutRightWhatTheProfileKnows(t *testing.T) {
	sample := ocpitest.Network(ocpi.NewParty("NL", "GPE"))
	env := convert.Env{Owner: sample.CPO}
	for _, v := range ocpi.Versions() {
		t.Run(string(v), func(t *testing.T) {
			codecs, _ := wire.For(v)
			raw, _, err := codecs.Locations.Write(sample.Location(1), env)
			if err != nil {
				t.Fatal(err)
			}
			want, _, err := codecs.Locations.Read(raw, env, quirk.Profile{})
			if err != nil {
				t.Fatal(err)
			}
			deviating := []byte("[" + strings.ReplaceAll(string(raw), `"id":"1"`, `"id":1`) + "]")
			if _, report, err := codecs.Locations.Read(deviating, env, quirk.Profile{}); err == nil || len(report.Quirks) > 0 {
				t.Errorf("without quirks: %v, %v", err, report)
			}
			got, report, err := codecs.Locations.Read(deviating, env, quirk.Default())
			if err != nil || len(ocpi.UnusableFindings(report.Findings)) > 0 {
				t.Fatalf("%v, %v", err, report.Findings)
			}
			if diff := cmp.Diff([]quirk.Name{quirk.WrappedObject, quirk.StringsAsNumbers}, report.Quirks); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(want, got, cmp.Comparer(ocpi.DateTime.Equal), cmp.Comparer(ocpi.Number.Equal)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// Requirement TF-39: null for a required field of a PATCH is refused, unless the partner is known to mean nothing by it.
func TestAPatchIsPutRightToo(t *testing.T) {
	codecs, _ := wire.For(ocpi.V211)
	sample := ocpitest.Network(ocpi.NewParty("NL", "GPE"))
	now := ocpi.NewDateTime(time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC))
	location := sample.Location(1)
	patch, report, err := codecs.Locations.ReadPatch([]byte(`{"evses":{"uid":"LOC1-1","status":"charging"}}`), convert.Env{}, quirk.Default())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]quirk.Name{quirk.ObjectForList, quirk.EnumSpelling}, report.Quirks); diff != "" {
		t.Error(diff)
	}
	evses := len(location.EVSEs)
	if err := patch.Apply(&location, now); err != nil || len(location.EVSEs) != evses || location.EVSEs[0].Status != "CHARGING" {
		t.Errorf("%v: %+v", err, location.EVSEs)
	}

	null := []byte(`{"connectors":null,"status":"BLOCKED"}`)
	if _, _, err := codecs.EVSEs.ReadPatch(null, convert.Env{}, quirk.Default()); err == nil {
		t.Error("the connectors were cleared")
	}
	profile, err := quirk.Parse("null-in-patch")
	if err != nil {
		t.Fatal(err)
	}
	change, _, err := codecs.EVSEs.ReadPatch(null, convert.Env{}, profile)
	if err != nil {
		t.Fatal(err)
	}
	evse := sample.Location(1).EVSEs[0]
	connectors := len(evse.Connectors)
	if err := change.Apply(&evse, now); err != nil || evse.Status != "BLOCKED" || len(evse.Connectors) != connectors {
		t.Errorf("%v: %+v", err, evse)
	}
}
