package wire_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/convert"
	"github.com/roamwire/roamwire/ocpi/ocpitest"
	"github.com/roamwire/roamwire/ocpi/quirk"
	"github.com/roamwire/roamwire/ocpi/v230"
	"github.com/roamwire/roamwire/ocpi/wire"
)

var (
	patchOwner = ocpi.NewParty("NL", "GPE")
	patchNow   = ocpi.NewDateTime(time.Date(2030, 3, 4, 12, 0, 0, 0, time.UTC))
)

// later is when the patches of these tests change their objects.
const later = `"last_updated":"2029-01-01T00:00:00Z"`

// Requirements DL-01, DS-04, DK-02, DT-10: since 2.2 a PATCH says when it changed the object.
func TestAPatchSince22SaysWhen(t *testing.T) {
	for _, v := range ocpi.Versions() {
		codecs, _ := wire.For(v)
		for name, read := range map[string]func(string) error{
			"Location":  reader(codecs.Locations),
			"EVSE":      reader(codecs.EVSEs),
			"Connector": reader(codecs.Connectors),
			"Session":   reader(codecs.Sessions),
			"Token":     reader(codecs.Tokens),
		} {
			t.Run(string(v)+" "+name, func(t *testing.T) {
				if err := read(`{` + later + `}`); err != nil {
					t.Errorf("with a time: %v", err)
				}
				for _, body := range []string{`{}`, `{"vendor":1}`} {
					err := read(body)
					if v == ocpi.V211 {
						if err != nil {
							t.Errorf("%s: %v", body, err)
						}
						continue
					}
					var refused *ocpi.Error
					if !errors.As(err, &refused) || refused.Code != ocpi.StatusInvalidParameters || len(refused.Findings) != 1 || refused.Findings[0].Pointer != "/last_updated" {
						t.Errorf("%s: %v", body, err)
					}
				}
				if err := read(`{"last_updated":null}`); v != ocpi.V211 && err == nil {
					t.Error("null is taken for a time")
				}
			})
		}
		if tariffs := codecs.Tariffs.ReadPatch != nil; tariffs != (v == ocpi.V211) {
			t.Errorf("%s: tariffs are patched: %t (DTA-01)", v, tariffs)
		}
	}
}

func reader[T any](codec wire.Codec[T]) func(string) error {
	return func(body string) error {
		_, _, err := codec.ReadPatch([]byte(body), convert.Env{}, quirk.Profile{})
		return err
	}
}

func patch[T any](t *testing.T, codec wire.Codec[T], object *T, body string) error {
	t.Helper()
	p, _, err := codec.ReadPatch([]byte(body), convert.Env{Owner: patchOwner}, quirk.Profile{})
	if err != nil {
		t.Fatal(err)
	}
	return p.Apply(object, patchNow)
}

func sinceV22() []ocpi.Version { return []ocpi.Version{ocpi.V221, ocpi.V230} }

// Requirements DL-02, DL-04, DT-31, TF-38, L-02: EVSEs that a PATCH names are changed, the others stay, and the location is as new
// as they are.
func TestAPatchSince22MergesEVSEs(t *testing.T) {
	for _, v := range sinceV22() {
		t.Run(string(v), func(t *testing.T) {
			codecs, _ := wire.For(v)
			location := ocpitest.Network(patchOwner).Location(1)
			evses, uid := len(location.EVSEs), location.EVSEs[0].UID
			rest := location.EVSEs[1:]
			body := `{` + later + `,"evses":[{"uid":"` + strings.ToLower(string(uid)) + `","status":"CHARGING"}]}`
			if err := patch(t, codecs.Locations, &location, body); err != nil {
				t.Fatal(err)
			}
			evse := location.EVSEs[0]
			if len(location.EVSEs) != evses || evse.UID != uid || evse.Status != v230.StatusCharging || len(evse.Connectors) == 0 {
				t.Errorf("%+v", location.EVSEs)
			}
			if at := evse.LastUpdated.String(); at != "2029-01-01T00:00:00Z" || location.LastUpdated.String() != at {
				t.Errorf("EVSE of %s, location of %s", at, location.LastUpdated)
			}
			if diff := cmp.Diff(rest, location.EVSEs[1:], cmp.Comparer(ocpi.DateTime.Equal), cmp.Comparer(ocpi.Number.Equal)); diff != "" {
				t.Error(diff)
			}
			for _, c := range []struct{ name, evses, pointer string }{
				{"all EVSEs cannot be deleted", `null`, "/evses"},
				{"a new EVSE is complete", `[{"uid":"NEW","status":"AVAILABLE"}]`, "/evses/0/connectors"},
				{"an EVSE is named once", `[{"uid":"` + string(uid) + `"},{"uid":"` + strings.ToLower(string(uid)) + `"}]`, "/evses/1/uid"},
			} {
				err := patch(t, codecs.Locations, &location, `{`+later+`,"evses":`+c.evses+`}`)
				var refused *ocpi.Error
				if !errors.As(err, &refused) || refused.Findings[0].Pointer != c.pointer {
					t.Errorf("%s: %v", c.name, err)
				}
			}
		})
	}
}

// Requirements DS-03, DS-05: charging periods of a PATCH are added, and one that comes again is there once.
func TestAPatchSince22AddsChargingPeriods(t *testing.T) {
	period := func(start, volume string) string {
		return `{"start_date_time":"2026-01-01T` + start + `:00Z","dimensions":[{"type":"ENERGY","volume":` + volume + `}]}`
	}
	for _, v := range sinceV22() {
		t.Run(string(v), func(t *testing.T) {
			codecs, _ := wire.For(v)
			session := ocpitest.Network(patchOwner).Session(1)
			session.ChargingPeriods = nil
			for _, step := range []struct {
				periods string
				want    []string
			}{
				{`[` + period("10:00", "1") + `]`, []string{"1"}},
				{`[` + period("10:15", "2") + `]`, []string{"1", "2"}},
				{`[` + period("10:15", "3") + `,` + period("10:05", "4") + `]`, []string{"1", "4", "3"}},
				{`[]`, []string{"1", "4", "3"}},
			} {
				if err := patch(t, codecs.Sessions, &session, `{`+later+`,"kwh":5.0,"charging_periods":`+step.periods+`}`); err != nil {
					t.Fatal(err)
				}
				var got []string
				for _, p := range session.ChargingPeriods {
					got = append(got, p.Dimensions[0].Volume.String())
				}
				if diff := cmp.Diff(step.want, got); diff != "" {
					t.Errorf("after %s (-want +got):\n%s", step.periods, diff)
				}
			}
			if err := patch(t, codecs.Sessions, &session, `{`+later+`,"status":"COMPLETED"}`); err != nil || len(session.ChargingPeriods) != 3 {
				t.Errorf("%v: %d periods", err, len(session.ChargingPeriods))
			}
		})
	}
}

// What a partner on 2.2.1 cannot see of an object stays when it patches something else.
func TestAPatchIn221LeavesWhatItCannotSee(t *testing.T) {
	codecs, _ := wire.For(ocpi.V221)
	location := ocpitest.Network(patchOwner).Location(1)
	location.HelpPhone = new(ocpi.CiString("+31 53 000 0000"))
	location.EVSEs[0].Connectors[0].Capabilities = []v230.ConnectorCapability{v230.ConnectorCapabilityISO15118_2PlugAndCharge}
	location.Extra = ocpi.Extra{convert.LeftoverMember: []byte(`{"type":"OTHER"}`)}
	body := `{` + later + `,"name":"New","evses":[{"uid":"` + strings.ToLower(string(location.EVSEs[0].UID)) + `","status":"CHARGING"}]}`
	if err := patch(t, codecs.Locations, &location, body); err != nil {
		t.Fatal(err)
	}
	if location.HelpPhone == nil || len(location.EVSEs[0].Connectors[0].Capabilities) == 0 || location.Extra[convert.LeftoverMember] == nil {
		t.Errorf("%+v", location)
	}
	if *location.Name != "New" || location.EVSEs[0].Status != v230.StatusCharging {
		t.Errorf("%+v", location)
	}

	session := ocpitest.Network(patchOwner).Session(1)
	taxes := []v230.TaxAmount{{Name: "GST", Amount: ocpi.MustNumber("0.50")}, {Name: "QST", Amount: ocpi.MustNumber("0.99")}}
	session.TotalCost = &v230.Price{BeforeTaxes: ocpi.MustNumber("10"), Taxes: taxes}
	if err := patch(t, codecs.Sessions, &session, `{`+later+`,"kwh":7.5}`); err != nil || len(session.TotalCost.Taxes) != 2 {
		t.Errorf("%v: %+v", err, session.TotalCost)
	}
	if err := patch(t, codecs.Sessions, &session, `{`+later+`,"total_cost":{"excl_vat":10,"incl_vat":12.00}}`); err != nil {
		t.Fatal(err)
	}
	if got := session.TotalCost.Taxes; len(got) != 1 || got[0].Name != "VAT" || got[0].Amount.String() != "2.00" {
		t.Errorf("%+v", got)
	}
}

// A document of 2.1.1 has nothing in it of what came in 2.2.1 and is kept with us.
func TestDocumentsOf211HaveNoLeftoversOf221(t *testing.T) {
	codecs, _ := wire.For(ocpi.V211)
	cdr := ocpitest.Network(patchOwner).CDR(1)
	cdr.Extra = ocpi.Extra{convert.LeftoverMember221: []byte(`{}`)}
	raw, _, err := codecs.CDRs.Write(cdr, convert.Env{Owner: patchOwner})
	if err != nil || strings.Contains(string(raw), convert.LeftoverMember221) {
		t.Errorf("%v: %s", err, raw)
	}
}
