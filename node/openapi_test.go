package node_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/convert"
	"github.com/roamwire/roamwire/ocpi/ocpitest"
	"github.com/roamwire/roamwire/ocpi/openapi"
	"github.com/roamwire/roamwire/ocpi/v211"
	"github.com/roamwire/roamwire/ocpi/v230"
	"github.com/roamwire/roamwire/ocpi/wire"
)

// validator compiles the schemas of a document, all of which must be valid JSON Schema. Formats are strict where asked to:
// real data has empty URLs, which the library takes for none.
func validator(t *testing.T, document []byte, formats bool) func(name string, raw []byte) error {
	t.Helper()
	root, err := jsonschema.UnmarshalJSON(bytes.NewReader(document))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if formats {
		c.AssertFormat()
	}
	if err := c.AddResource("openapi.json", root); err != nil {
		t.Fatal(err)
	}
	compiled := map[string]*jsonschema.Schema{}
	for name := range root.(map[string]any)["components"].(map[string]any)["schemas"].(map[string]any) {
		if compiled[name], err = c.Compile("openapi.json#/components/schemas/" + name); err != nil {
			t.Fatalf("schema %s: %v", name, err)
		}
	}
	return func(name string, raw []byte) error {
		value, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
		if err != nil {
			return err
		}
		schema := compiled[name]
		if schema == nil {
			return fmt.Errorf("there is no schema %s", name)
		}
		return schema.Validate(value)
	}
}

// What partners get from us is what the document of its version says.
func TestWhatIsServedIsAsItsDocumentSays(t *testing.T) {
	n := start(t, config(t))
	response := fetch(t, n.URL()+"/2.1.1/openapi.json")
	validate := validator(t, []byte(response), true)
	codecs, _ := wire.For(ocpi.V211)
	sample := ocpitest.Network(own)
	env := convert.Env{Owner: own, EMSP: own, Location: func(id string) (v230.Location, bool) {
		for _, l := range sample.Locations() {
			if string(l.ID) == id {
				return l, true
			}
		}
		return v230.Location{}, false
	}}
	valid(t, validate, "Location", codecs.Locations, env, sample.Locations())
	valid(t, validate, "Session", codecs.Sessions, env, sample.Sessions())
	valid(t, validate, "CDR", codecs.CDRs, env, sample.CDRs())
	valid(t, validate, "Tariff", codecs.Tariffs, env, sample.Tariffs())
	valid(t, validate, "Token", codecs.Tokens, env, sample.Tokens())
	valid(t, validate, "AuthorizationInfo", codecs.AuthorizationInfos, env, []v230.AuthorizationInfo{sample.AuthorizationInfo(1)})
	for object, wrong := range map[string]string{
		"Location": `{"id":"1"}`, "LocationPatch": `{}`, "Token": `{"uid":"` + fmt.Sprintf("%040d", 1) + `"}`, "Allowed": `"PERHAPS"`, "Envelope": `{}`,
	} {
		if validate(object, []byte(wrong)) == nil {
			t.Errorf("%s: %s is valid", object, wrong)
		}
	}
	if err := validate("LocationPatch", []byte(`{"name":"x","last_updated":"2026-11-27T12:00:00Z"}`)); err != nil {
		t.Error(err)
	}
}

func valid[T any](t *testing.T, validate func(string, []byte) error, name string, codec wire.Codec[T], env convert.Env, objects []T) {
	t.Helper()
	for i, object := range objects {
		raw, _, err := codec.Write(object, env)
		if err != nil {
			t.Fatal(err)
		}
		if err := validate(name, raw); err != nil {
			t.Errorf("%s %d: %v\n%s", name, i, err, raw)
		}
	}
}

// An object in which the library finds nothing wrong is one that the schema takes.
func TestSchemasTakeRealData(t *testing.T) {
	files, _ := filepath.Glob("../../shared/data/*-2.1.1.json")
	if len(files) == 0 {
		t.Skip("there is no real data in ../../shared/data")
	}
	raw, err := openapi.Document(openapi.Config{Routes: []openapi.Route{
		{Path: "/cpo/2.1.1/locations", Methods: []string{"GET"}, Version: ocpi.V211, Role: ocpi.RoleCPO, Module: ocpi.ModuleLocations},
		{Path: "/cpo/2.1.1/tariffs", Methods: []string{"GET"}, Version: ocpi.V211, Role: ocpi.RoleCPO, Module: ocpi.ModuleTariffs},
	}})
	if err != nil {
		t.Fatal(err)
	}
	validate := validator(t, raw, false)
	for _, file := range files {
		name := "Location"
		if filepath.Base(file) == "ludwigsburg-tariffs-2.1.1.json" {
			name = "Tariff"
		}
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var objects []jsontext.Value
		if err := json.Unmarshal(content, &objects); err != nil {
			t.Fatal(err)
		}
		taken := 0
		for _, o := range objects[:min(500, len(objects))] {
			findings, err := v211.Check(name, o)
			if err != nil || len(findings) > 0 {
				continue
			}
			if err := validate(name, o); err != nil {
				t.Errorf("%s: %v", filepath.Base(file), err)
			}
			taken++
		}
		t.Logf("%s: %d objects", filepath.Base(file), taken)
	}
}
