package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// emitJSONSchema writes the objects and enums of a version as JSON Schema, by name, with references as they are in an OpenAPI
// document. Patches are schemas of their own, in which nothing is required.
func emitJSONSchema(v *version) ([]byte, error) {
	schemas := map[string]any{}
	for _, o := range v.objects {
		schemas[o.name] = v.jsonObject(o, false)
		if o.patch {
			schemas[o.name+"Patch"] = v.jsonObject(o, true)
		}
	}
	for _, e := range v.enums {
		schemas[e.name] = e.jsonSchema()
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", " ")
	if err := enc.Encode(schemas); err != nil {
		return nil, fmt.Errorf("write JSON Schema of %s: %w", v.number, err)
	}
	return b.Bytes(), nil
}

func (v *version) jsonObject(o *object, patch bool) map[string]any {
	properties := map[string]any{}
	var required []string
	for _, f := range o.fields {
		properties[f.name] = v.jsonField(f)
		if f.required() {
			required = append(required, f.name)
		}
	}
	schema := map[string]any{"type": "object", "description": o.doc, "properties": properties}
	switch {
	case patch:
		schema["description"] = "What a PATCH changes of " + article(o.name) + ". Fields that it does not name stay as they are."
		schema["minProperties"] = 1
	case len(required) > 0:
		schema["required"] = required
	}
	return schema
}

func (v *version) jsonField(f *field) map[string]any {
	one := v.jsonType(f)
	if !f.list() {
		one["description"] = f.meaning
		return one
	}
	list := map[string]any{"type": "array", "items": one, "description": f.meaning}
	if f.card == "+" {
		list["minItems"] = 1
	}
	return list
}

func (v *version) jsonType(f *field) map[string]any {
	if v.enums[f.typ] != nil || v.objects[f.typ] != nil {
		return map[string]any{"$ref": "#/components/schemas/" + f.typ}
	}
	schema := map[string]any{}
	switch f.typ {
	case "int":
		schema["type"] = "integer"
		if f.max > 0 {
			schema["maximum"], _ = strconv.Atoi(strings.Repeat("9", f.max))
		}
	case "number":
		schema["type"] = "number"
	case "boolean":
		schema["type"] = "boolean"
	case "DateTime":
		schema["type"], schema["format"] = "string", "date-time"
	case "URL":
		schema["type"], schema["format"], schema["maxLength"] = "string", "uri", maxURL
	default:
		schema["type"] = "string"
		if f.max > 0 {
			schema["maxLength"] = f.max
		}
	}
	for _, rule := range f.rules {
		name, args := call(rule)
		applyRule(schema, name, args)
	}
	return schema
}

// maxURL is how long a URL can be in every version.
const maxURL = 255

// applyRule says in JSON Schema what it can of a rule.
func applyRule(schema map[string]any, name, args string) {
	from, to, isRange := strings.Cut(args, "..")
	if !isRange {
		to = from
	}
	switch name {
	case "id":
		if schema["type"] == "string" {
			schema["minLength"] = 1
		}
	case "latitude":
		schema["pattern"] = fmt.Sprintf(`^-?[0-9]{1,2}\.[0-9]{%s,%s}$`, from, to)
	case "longitude":
		schema["pattern"] = fmt.Sprintf(`^-?[0-9]{1,3}\.[0-9]{%s,%s}$`, from, to)
	case "range":
		if n, err := strconv.Atoi(from); err == nil {
			schema["minimum"] = n
		}
		if n, err := strconv.Atoi(to); err == nil {
			schema["maximum"] = n
		}
	case "letters":
		schema["pattern"] = fmt.Sprintf(`^[A-Za-z]{%s}$`, args)
	case "time":
		schema["pattern"] = `^([01][0-9]|2[0-3]):[0-5][0-9]$`
	case "date":
		schema["format"] = "date"
	case "token":
		schema["pattern"] = `^[!-~]+$`
	}
}

func (e *enum) jsonSchema() map[string]any {
	var values []string
	var doc strings.Builder
	doc.WriteString(e.doc + "\n")
	for _, v := range e.values {
		values = append(values, v.text)
		fmt.Fprintf(&doc, "\n- `%s`: %s", v.text, v.meaning)
	}
	if e.open {
		return map[string]any{"description": doc.String() + "\n\nOther values are possible.", "type": "string", "examples": values}
	}
	return map[string]any{"description": doc.String(), "type": "string", "enum": values}
}
