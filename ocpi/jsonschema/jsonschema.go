// Package jsonschema has the objects and enums of each version of OCPI as JSON Schema (2020-12), for documents that
// describe interfaces, such as OpenAPI 3.1, and for tools that check JSON. The schemas come from the tables in ocpi/spec,
// as the types of v211, v221 and v230 do. They say less than Validate: that fields agree with one another, for instance.
package jsonschema

import (
	"bytes"
	"embed"
	"fmt"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/roamwire/roamwire/ocpi"
)

//go:embed 2.1.1.json 2.2.1.json 2.3.0.json
var files embed.FS

// Document returns the schema of a version: a JSON document with a definition for each object and enum in "$defs".
func Document(v ocpi.Version) ([]byte, error) {
	document, err := files.ReadFile(string(v) + ".json")
	if err != nil {
		return nil, fmt.Errorf("there is no JSON Schema of OCPI %s", v)
	}
	return document, nil
}

// A Definition is the schema of one object or enum.
type Definition struct {
	Name   string
	Schema jsontext.Value
}

// Definitions returns the definitions of a version by name, in the order of names. Their references to one another begin
// with prefix, as in "#/components/schemas/".
func Definitions(v ocpi.Version, prefix string) ([]Definition, error) {
	document, err := Document(v)
	if err != nil {
		return nil, err
	}
	quoted, err := json.Marshal(prefix)
	if err != nil {
		return nil, err
	}
	document = bytes.ReplaceAll(document, []byte(`"#/$defs/`), quoted[:len(quoted)-1])
	var parts struct {
		Definitions jsontext.Value `json:"$defs"`
	}
	if err := json.Unmarshal(document, &parts); err != nil {
		return nil, err
	}
	return definitions(parts.Definitions)
}

// definitions splits an object into its members.
func definitions(object jsontext.Value) (all []Definition, err error) {
	dec := jsontext.NewDecoder(bytes.NewReader(object))
	if _, err := dec.ReadToken(); err != nil {
		return nil, err
	}
	for dec.PeekKind() != '}' {
		name, err := dec.ReadToken()
		if err != nil {
			return nil, err
		}
		d := Definition{Name: name.String()}
		value, err := dec.ReadValue()
		if err != nil {
			return nil, err
		}
		d.Schema = value.Clone()
		all = append(all, d)
	}
	return all, nil
}
