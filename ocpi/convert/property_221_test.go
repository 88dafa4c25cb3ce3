package convert

import (
	"bytes"
	"reflect"
	"slices"
	"testing"

	"github.com/go-json-experiment/json"
	"pgregory.net/rapid"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/v211"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// asItIs leaves times alone: 2.2.1 sends fractions of a second.
func asItIs(reflect.Value) bool { return false }

func pair221[Old, Model any, V validator[Old]](name string, up func(Old, Env) (Model, []Loss), down func(Model, Env) (Old, []Loss)) pair {
	return pairWith[Old, Model, V](name, asItIs, up, down)
}

func pairs221() []pair {
	return []pair{
		pair221("Location", LocationFrom221, LocationTo221),
		pair221("EVSE", EVSEFrom221, EVSETo221),
		pair221("Connector", ConnectorFrom221, ConnectorTo221),
		pair221("Session", SessionFrom221, SessionTo221),
		pair221("ChargingPreferences", ChargingPreferencesFrom221, ChargingPreferencesTo221),
		pair221("CDR", CDRFrom221, CDRTo221),
		pair221("Tariff", TariffFrom221, TariffTo221),
		pair221("Token", TokenFrom221, TokenTo221),
		pair221("AuthorizationInfo", AuthorizationInfoFrom221, AuthorizationInfoTo221),
		pair221("LocationReferences", LocationReferencesFrom221, LocationReferencesTo221),
		pair221("StartSession", StartSessionFrom221, StartSessionTo221),
		pair221("StopSession", StopSessionFrom221, StopSessionTo221),
		pair221("ReserveNow", ReserveNowFrom221, ReserveNowTo221),
		pair221("CancelReservation", CancelReservationFrom221, CancelReservationTo221),
		pair221("UnlockConnector", UnlockConnectorFrom221, UnlockConnectorTo221),
		pair221("CommandResponse", CommandResponseFrom221, CommandResponseTo221),
		pair221("CommandResult", CommandResultFrom221, CommandResultTo221),
		pair221("SetChargingProfile", SetChargingProfileFrom221, SetChargingProfileTo221),
		pair221("ChargingProfileResponse", ChargingProfileResponseFrom221, ChargingProfileResponseTo221),
		pair221("ActiveChargingProfile", ActiveChargingProfileFrom221, ActiveChargingProfileTo221),
		pair221("ActiveChargingProfileResult", ActiveChargingProfileResultFrom221, ActiveChargingProfileResultTo221),
		pair221("ChargingProfileResult", ChargingProfileResultFrom221, ChargingProfileResultTo221),
		pair221("ClearProfileResult", ClearProfileResultFrom221, ClearProfileResultTo221),
		pair221("ClientInfo", ClientInfoFrom221, ClientInfoTo221),
		pair221("Credentials", CredentialsFrom221, CredentialsTo221),
		pair221("Version", VersionFrom221, VersionTo221),
		pair221("VersionDetails", VersionDetailsFrom221, VersionDetailsTo221),
		pair221("Endpoint", EndpointFrom221, EndpointTo221),
	}
}

// Everything 2.2.1 can say survives the way through the model, whether valid or not.
func TestFrom221AndBackIsTheIdentity(t *testing.T) {
	eachPair221(t, func(p pair) func(*rapid.T, *tables) { return p.identity })
}

// What differs after the way through 2.2.1 has been reported as lost.
func TestTo221ReportsEverythingItLoses(t *testing.T) {
	eachPair221(t, func(p pair) func(*rapid.T, *tables) { return p.covered })
}

// What is sent in 2.2.1 is valid there, apart from lengths and forms that were wrong before.
func TestTo221IsValid(t *testing.T) {
	eachPair221(t, func(p pair) func(*rapid.T, *tables) { return p.valid })
}

func eachPair221(t *testing.T, check func(pair) func(*rapid.T, *tables)) {
	s := readTablesOf(t, "2.2.1")
	for _, p := range pairs221() {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			rapid.Check(t, func(t *rapid.T) { check(p)(t, s) })
		})
	}
}

// What came from 2.1.1 and made its way through 2.2.1 is what it was, as long as nobody takes its leftovers away.
func TestFrom211Through221AndBackIsTheIdentity(t *testing.T) {
	s := readTables(t)
	for _, p := range pairsThrough221() {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			rapid.Check(t, func(t *rapid.T) { p.identity(t, s) })
		})
	}
}

func pairsThrough221() []pair {
	return []pair{
		through221("Location", LocationFrom211, LocationTo211, LocationFrom221, LocationTo221),
		through221("EVSE", EVSEFrom211, EVSETo211, EVSEFrom221, EVSETo221),
		through221("Connector", ConnectorFrom211, ConnectorTo211, ConnectorFrom221, ConnectorTo221),
		through221("Session", SessionFrom211, SessionTo211, SessionFrom221, SessionTo221),
		through221("CDR", CDRFrom211, CDRTo211, CDRFrom221, CDRTo221),
		through221("Tariff", TariffFrom211, TariffTo211, TariffFrom221, TariffTo221),
		through221("Token", TokenFrom211, TokenTo211, TokenFrom221, TokenTo221),
		through221("LocationReferences", LocationReferencesFrom211, LocationReferencesTo211, LocationReferencesFrom221, LocationReferencesTo221),
		through221("StartSession", StartSessionFrom211, StartSessionTo211, StartSessionFrom221, StartSessionTo221),
		through221("ReserveNow", ReserveNowFrom211, ReserveNowTo211, ReserveNowFrom221, ReserveNowTo221),
	}
}

// through221 sends an object of 2.1.1 up, through 2.2.1, and down again. What 2.2.1 cannot say is another matter: such
// objects are left out.
func through221[Old, Middle, Model any](
	name string,
	up func(Old, Env) (Model, []Loss), down func(Model, Env) (Old, []Loss),
	up221 func(Middle, Env) (Model, []Loss), down221 func(Model, Env) (Middle, []Loss),
) pair {
	check := func(t failer, in Old, env Env) {
		model, _ := up(in, env)
		middle, losses := down221(model, env)
		if len(losses) > 0 {
			return
		}
		through, _ := up221(middle, env)
		out, losses := down(through, env)
		want, got := marshal(t, in), marshal(t, out)
		if diff := exactDifferences(tree(t, want), tree(t, got), ""); len(diff) > 0 {
			t.Errorf("differs at %v\n in %s\nvia %s\nout %s", diff, want, marshal(t, middle), got)
		}
		if len(losses) > 0 {
			t.Errorf("losses %v\nvia %s", losses, marshal(t, middle))
		}
	}
	return pair{
		name: name,
		identity: func(t *rapid.T, s *tables) {
			r := &random{tables: s, t: t}
			check(t, object[Old](r), r.env())
		},
		identityOf: func(t failer, document []byte) {
			var in Old
			if json.Unmarshal(document, &in) != nil || bytes.Contains(marshal(t, in), []byte(`"`+LeftoverMember221+`"`)) {
				return // what calls itself a leftover of 2.2.1 is taken for one there
			}
			wholeSeconds(reflect.ValueOf(&in).Elem())
			check(t, in, testEnv)
		},
		// What came from 2.1.1 and goes on to 2.2.1 loses nothing there without a word.
		coveredOf: func(t failer, document []byte) {
			var in Old
			if json.Unmarshal(document, &in) == nil {
				model, _ := up(in, testEnv)
				env := testEnv
				env.follow(reflect.ValueOf(&model).Elem())
				checkCovered(t, model, env, up221, down221)
			}
		},
	}
}

// A valid location of 2.1.1 goes on in 2.2.1 without a loss, and no partner sees leftovers of either version.
func TestFrom211To221LosesNothing(t *testing.T) {
	s := readTables(t)
	rapid.Check(t, func(t *rapid.T) {
		r := &random{tables: s, t: t, valid: true}
		in := object[v211.Location](r)
		if slices.ContainsFunc(in.Validate(), func(f ocpi.Finding) bool { return f.Code == ocpi.FindingEnum }) {
			t.Skip("a value that neither version lists")
		}
		model, _ := LocationFrom211(in, r.env())
		out, losses := LocationTo221(model, r.env())
		if len(losses) > 0 {
			t.Errorf("%v\nvia %s", losses, marshal(t, model))
		}
		sent := StripLeftovers(marshal(t, out))
		for _, name := range []string{LeftoverMember, LeftoverMember221} {
			if _, left := tree(t, sent).(map[string]any)[name]; left {
				t.Errorf("%s is sent: %s", name, sent)
			}
		}
	})
}

// Money is never lost on the way to 2.2.1: what is to pay is the same, however many taxes there are (requirements ZY-01,
// ZY-03).
func TestTo221KeepsWhatIsToPay(t *testing.T) {
	s := readTablesOf(t, "2.2.1")
	rapid.Check(t, func(t *rapid.T) {
		r := &random{tables: s, t: t}
		in := object[v230.Price](r)
		in.Extra = nil
		want := in.BeforeTaxes.Decimal()
		for _, tax := range in.Taxes {
			want = want.Add(tax.Amount.Decimal())
		}
		cdr, losses := CDRTo221(v230.CDR{TotalCost: in}, Env{})
		out := cdr.TotalCost
		switch {
		case !out.ExclVAT.Equal(in.BeforeTaxes):
			t.Errorf("%s became %s", in.BeforeTaxes, out.ExclVAT)
		case len(in.Taxes) == 0 && out.InclVAT != nil:
			t.Errorf("nothing is known of taxes, and %s is said", out.InclVAT)
		case len(in.Taxes) > 0 && out.InclVAT == nil && !lostAt(losses, "/total_cost/taxes"):
			t.Errorf("the taxes of %s are gone without a word", marshal(t, in))
		case out.InclVAT != nil && !out.InclVAT.Decimal().Equal(want):
			t.Errorf("%s to pay became %s", want, out.InclVAT)
		}
	})
}

func lostAt(losses []Loss, pointer string) bool {
	return slices.ContainsFunc(losses, func(l Loss) bool { return l.Pointer == pointer })
}
