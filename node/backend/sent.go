package backend

import (
	"maps"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// What is sent to the API has other schemas than what it shows: in an object, as in LocationInput, last_updated may be
// left out; in a patch, as in LocationPatch, everything may, and null takes away what an object can be without.
const (
	inputSuffix = "Input"
	patchSuffix = "Patch"
)

// stamped are the objects whose last_updated may be left out.
var stamped = []string{"Location", "EVSE", "Connector", "Session", "Tariff", "CDR", "Token"}

// A schema is one of an object, or of one of its members.
type schema map[string]any

// addSent adds the schemas of what is sent.
func addSent(all map[string]jsontext.Value) error {
	objects := map[string]schema{}
	for name, raw := range all {
		var s schema
		if err := json.Unmarshal(raw, &s); err != nil {
			return err
		}
		if _, ok := s["properties"].(map[string]any); ok {
			objects[name] = s
		}
	}
	for name, s := range objects {
		if slices.Contains(stamped, name) {
			if err := put(all, name+inputSuffix, inputOf(s)); err != nil {
				return err
			}
		}
		if err := put(all, name+patchSuffix, patchOf(s, objects)); err != nil {
			return err
		}
	}
	return nil
}

func put(all map[string]jsontext.Value, name string, s schema) error {
	raw, err := json.Marshal(s, json.Deterministic(true))
	all[name] = raw
	return err
}

// inputOf is the schema of an object that is sent whole.
func inputOf(s schema) schema {
	input := maps.Clone(s)
	input["additionalProperties"] = false
	input["required"] = slices.DeleteFunc(s.required(), func(name string) bool { return name == "last_updated" })
	members := map[string]any{}
	for name, member := range s["properties"].(map[string]any) {
		members[name] = withInputs(member)
	}
	input["properties"] = members
	return input
}

// patchOf is the schema of a JSON Merge Patch of an object.
func patchOf(s schema, objects map[string]schema) schema {
	patch := maps.Clone(s)
	delete(patch, "required")
	patch["additionalProperties"] = false
	patch["description"] = "What is to change in it, as a JSON Merge Patch; null takes a member away."
	required := s.required()
	members := map[string]any{}
	for name, member := range s["properties"].(map[string]any) {
		change := withInputs(member)
		if to, ok := change.ref(); ok && objects[to] != nil {
			change["$ref"] = schemas + to + patchSuffix
		}
		if name == "last_updated" || !slices.Contains(required, name) {
			change = change.orNull()
		}
		members[name] = change
	}
	patch["properties"] = members
	return patch
}

func (s schema) required() (names []string) {
	list, _ := s["required"].([]any)
	for _, name := range list {
		if text, ok := name.(string); ok {
			names = append(names, text)
		}
	}
	return names
}

// ref is the name of the schema that this one refers to.
func (s schema) ref() (name string, ok bool) {
	text, _ := s["$ref"].(string)
	return strings.CutPrefix(text, schemas)
}

// withInputs is the schema of a member, with the parts of a location as they are sent.
func withInputs(member any) schema {
	s, ok := member.(map[string]any)
	if !ok {
		return schema{}
	}
	out := maps.Clone(schema(s))
	if items, ok := out["items"].(map[string]any); ok {
		out["items"] = withInputs(items)
	}
	if name, ok := out.ref(); ok && slices.Contains(stamped, name) {
		out["$ref"] = schemas + name + inputSuffix
	}
	return out
}

// orNull is a schema that also takes null.
func (s schema) orNull() schema {
	if _, ok := s.ref(); ok {
		text := s["description"]
		either := schema{"anyOf": []any{schema{"$ref": s["$ref"]}, schema{"type": "null"}}}
		if text != nil {
			either["description"] = text
		}
		return either
	}
	if kind, ok := s["type"].(string); ok {
		s["type"] = []string{kind, "null"}
	}
	if values, ok := s["enum"].([]any); ok {
		s["enum"] = append(slices.Clip(values), nil)
	}
	return s
}
