package convert

import (
	"os"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/v211"
	"github.com/roamwire/roamwire/ocpi/v221"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// realData reads a JSON array of real objects from beside the repository.
func realData(t *testing.T, name string) []jsontext.Value {
	t.Helper()
	raw, err := os.ReadFile("../../../shared/data/" + name)
	if err != nil {
		t.Skipf("the real data is not here, nothing was checked with it: %v", err)
	}
	var objects []jsontext.Value
	if err := json.Unmarshal(raw, &objects); err != nil {
		t.Fatal(err)
	}
	return objects
}

// Real objects come back as the same JSON values they were.
func TestRealDataComesBackAsItWas(t *testing.T) {
	env := Env{Owner: ocpi.NewParty("DE", "ROA"), EMSP: ocpi.NewParty("NL", "TNM")}
	location := func(t *testing.T, raw []byte) []byte {
		return thereAndBack(t, raw, env, LocationFrom211, LocationTo211)
	}
	tariff := func(t *testing.T, raw []byte) []byte { return thereAndBack(t, raw, env, TariffFrom211, TariffTo211) }
	for _, c := range []struct {
		file string
		run  func(*testing.T, []byte) []byte
		min  int
	}{
		{"bnetza-locations-2.1.1.json", location, 918},
		{"ludwigsburg-locations-2.1.1.json", location, 100},
		{"ludwigsburg-tariffs-2.1.1.json", tariff, 5},
	} {
		t.Run(c.file, func(t *testing.T) {
			objects := realData(t, c.file)
			if len(objects) < c.min {
				t.Errorf("%d objects, expected %d", len(objects), c.min)
			}
			for _, raw := range objects {
				if diff := exactDifferences(tree(t, raw), tree(t, c.run(t, raw)), ""); len(diff) > 0 {
					t.Errorf("differs at %v: %s", diff, raw)
				}
			}
		})
	}
}

// The same locations as they are published are close to the model: what 2.1.1 cannot say of them is reported.
func TestRealDataAsPublishedGoesTo211WithItsLossesSaid(t *testing.T) {
	for _, raw := range realData(t, "ludwigsburg-locations-as-published.json") {
		var in v230.Location
		if err := json.Unmarshal(raw, &in); err != nil {
			t.Fatal(err)
		}
		env := Env{Owner: ocpi.Party{CountryCode: string(in.CountryCode), PartyID: string(in.PartyID)}}
		checkCovered(t, in, env, LocationFrom211, LocationTo211)
		out, _ := LocationTo211(in, env)
		for _, f := range out.Validate() {
			if f.Unusable || f.Code == ocpi.FindingEnum {
				t.Errorf("%s: %s", in.ID, f)
			}
		}
	}
}

// Real objects of 2.1.1 go on in 2.2.1 without a loss, and come back from there as they were.
func TestRealDataComesBackThrough221(t *testing.T) {
	env := Env{Owner: ocpi.NewParty("DE", "ROA"), EMSP: ocpi.NewParty("NL", "TNM")}
	for _, name := range []string{"bnetza-locations-2.1.1.json", "ludwigsburg-locations-2.1.1.json"} {
		for _, raw := range realData(t, name) {
			thereAndBack(t, raw, env, through(LocationFrom211, LocationTo221), through(LocationFrom221, LocationTo211))
		}
	}
	for _, raw := range realData(t, "ludwigsburg-tariffs-2.1.1.json") {
		thereAndBack(t, raw, env, through(TariffFrom211, TariffTo221), through(TariffFrom221, TariffTo211))
	}
}

// through joins two translations at the model.
func through[A, Model, B any](first func(A, Env) (Model, []Loss), second func(Model, Env) (B, []Loss)) func(A, Env) (B, []Loss) {
	return func(in A, env Env) (B, []Loss) {
		model, _ := first(in, env)
		return second(model, env)
	}
}

// The same locations as they are published say nothing that 2.2.1 cannot.
func TestRealDataAsPublishedGoesTo221AndBack(t *testing.T) {
	for _, raw := range realData(t, "ludwigsburg-locations-as-published.json") {
		var in v221.Location
		if err := json.Unmarshal(raw, &in); err != nil {
			t.Fatal(err)
		}
		thereAndBack(t, raw, Env{}, LocationFrom221, LocationTo221)
		var model v230.Location
		if err := json.Unmarshal(raw, &model); err != nil {
			t.Fatal(err)
		}
		checkCovered(t, model, Env{}, LocationFrom221, LocationTo221)
	}
}

// Real locations as the copies that sessions and CDRs carry.
func TestRealLocationsSurviveInSessionsAndCDRs(t *testing.T) {
	env := Env{Owner: ocpi.NewParty("DE", "ROA")}
	for _, raw := range realData(t, "ludwigsburg-locations-2.1.1.json") {
		var l v211.Location
		if err := json.Unmarshal(raw, &l); err != nil {
			t.Fatal(err)
		}
		session := v211.Session{ID: "1", AuthID: "DE8ACC12E46L89", AuthMethod: "WHITELIST", Location: l, Currency: "EUR", Status: "ACTIVE"}
		thereAndBack(t, marshal(t, session), env, SessionFrom211, SessionTo211)
		cdr := v211.CDR{ID: "1", AuthID: "DE8ACC12E46L89", AuthMethod: "WHITELIST", Location: l, Currency: "EUR"}
		thereAndBack(t, marshal(t, cdr), env, CDRFrom211, CDRTo211)
	}
}

// thereAndBack translates a 2.1.1 object into the model and back, which must neither change nor lose anything.
func thereAndBack[Old, Model any](t *testing.T, raw []byte, env Env, up func(Old, Env) (Model, []Loss), down func(Model, Env) (Old, []Loss)) []byte {
	t.Helper()
	var in Old
	if err := json.Unmarshal(raw, &in); err != nil {
		t.Fatal(err)
	}
	model, _ := up(in, env)
	var stored Model
	if err := json.Unmarshal(marshal(t, model), &stored); err != nil {
		t.Fatal(err)
	}
	out, losses := down(stored, env)
	if len(losses) > 0 {
		t.Errorf("losses %v of %s", losses, raw)
	}
	back := marshal(t, out)
	if diff := exactDifferences(tree(t, marshal(t, in)), tree(t, back), ""); len(diff) > 0 {
		t.Errorf("differs at %v: %s", diff, raw)
	}
	return back
}
