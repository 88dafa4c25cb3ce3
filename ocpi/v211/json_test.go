package v211_test

import (
	"encoding/json"
	"testing"

	json2 "github.com/go-json-experiment/json"
	"github.com/google/go-cmp/cmp"

	"github.com/roamwire/roamwire/ocpi/v211"
)

// Programs that use encoding/json must not lose anything either: it knows nothing of unknown members by itself.
func TestEncodingJSONGivesTheSame(t *testing.T) {
	in := []byte(`{"id":"T1","currency":"EUR","elements":[{"price_components":[{"type":"ENERGY","price":0.50,"step_size":1,"vat":19}],"mine":{"x":1}}],"last_updated":"2026-01-31T12:00:00Z","mine":[1]}`)
	var tariff v211.Tariff
	if err := json.Unmarshal(in, &tariff); err != nil {
		t.Fatal(err)
	}
	for name, marshal := range map[string]func() ([]byte, error){
		"a value":                  func() ([]byte, error) { return json.Marshal(tariff) },
		"a pointer":                func() ([]byte, error) { return json.Marshal(&tariff) },
		"a list":                   func() ([]byte, error) { b, err := json.Marshal([]v211.Tariff{tariff}); return b[1 : len(b)-1], err },
		"a value, the other way":   func() ([]byte, error) { return json2.Marshal(tariff) },
		"a pointer, the other way": func() ([]byte, error) { return json2.Marshal(&tariff) },
		"in an any, the other way": func() ([]byte, error) { return json2.Marshal(any(tariff)) },
	} {
		out, err := marshal()
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(canonical(t, in), canonical(t, out)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	var patch v211.EVSEPatch
	body := `{"status":"CHARGING","floor_level":null,"mine":1}`
	if err := json.Unmarshal([]byte(body), &patch); err != nil {
		t.Fatal(err)
	}
	out, err := json.Marshal(patch)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(canonical(t, []byte(body)), canonical(t, out)); diff != "" {
		t.Errorf("a PATCH: %s", diff)
	}
}
