package jsonschema_test

import (
	"regexp"
	"testing"

	"github.com/go-json-experiment/json"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/jsonschema"
)

func TestEveryReferenceOfEveryVersionLeadsToADefinition(t *testing.T) {
	for _, version := range []ocpi.Version{ocpi.V211, ocpi.V221, ocpi.V230} {
		all, err := jsonschema.Definitions(version, "#/components/schemas/")
		if err != nil {
			t.Fatal(err)
		}
		defined := map[string]bool{}
		for _, d := range all {
			defined[d.Name] = true
		}
		for _, d := range all {
			for _, found := range regexp.MustCompile(`"\$ref":\s*"([^"]*)"`).FindAllSubmatch(d.Schema, -1) {
				name := regexp.MustCompile(`^#/components/schemas/(\w+)$`).FindSubmatch(found[1])
				if name == nil || !defined[string(name[1])] {
					t.Errorf("%s: %s of %s leads nowhere", version, found[1], d.Name)
				}
			}
		}
		if !defined["Location"] || !defined["CDR"] {
			t.Errorf("%s lacks objects", version)
		}
	}
	if _, err := jsonschema.Document("9.9"); err == nil {
		t.Error("there is a schema of 9.9")
	}
}

func TestALocationSaysWhatItNeeds(t *testing.T) {
	all, err := jsonschema.Definitions(ocpi.V230, "#/$defs/")
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range all {
		if d.Name != "Location" {
			continue
		}
		var schema struct {
			Required   []string                  `json:"required"`
			Properties map[string]map[string]any `json:"properties"`
		}
		if err := json.Unmarshal(d.Schema, &schema); err != nil {
			t.Fatal(err)
		}
		if len(schema.Required) != 10 || schema.Properties["evses"]["type"] != "array" || schema.Properties["coordinates"]["$ref"] != "#/$defs/GeoLocation" ||
			schema.Properties["last_updated"]["format"] != "date-time" || schema.Properties["country_code"]["pattern"] != "^[A-Za-z]{2}$" {
			t.Errorf("%s", d.Schema)
		}
		return
	}
	t.Error("there is no Location")
}
