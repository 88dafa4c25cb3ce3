package ocpitest

import (
	"cmp"
	"reflect"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/v211"
)

// A pythonDeviation is how a field of theirs differs from 2.1.1.
type pythonDeviation struct {
	// name is theirs.
	name string
	// required and optional turn the field's cardinality around.
	required bool
	optional bool
	// single makes one object of a list.
	single bool
}

// pythonDeviations are all there are; any other field is as in 2.1.1.
func pythonDeviations() map[string]pythonDeviation {
	return map[string]pythonDeviation{
		"CDR.stop_date_time":            {name: "end_date_time"},
		"Location.postal_code":          {optional: true},
		"Location.time_zone":            {required: true},
		"EVSE.status_schedule":          {single: true},
		"Connector.tariff_id":           {required: true},
		"EnergyMix.energy_sources":      {required: true},
		"EnergyMix.environ_impact":      {single: true},
		"EnergyMix.supplier_name":       {required: true},
		"EnergyMix.energy_product_name": {required: true},
		"EnvironmentalImpact.source":    {name: "category"},
		"Hours.twentyfourseven":         {required: true},
	}
}

// pythonType is the object of 2.1.1 with this name.
func pythonType(object string) reflect.Type {
	types := []reflect.Type{
		reflect.TypeFor[v211.AuthorizationInfo](), reflect.TypeFor[v211.CDR](), reflect.TypeFor[v211.CommandResponse](),
		reflect.TypeFor[v211.Connector](), reflect.TypeFor[v211.Credentials](), reflect.TypeFor[v211.EVSE](),
		reflect.TypeFor[v211.Location](), reflect.TypeFor[v211.LocationReferences](), reflect.TypeFor[v211.ReserveNow](),
		reflect.TypeFor[v211.Session](), reflect.TypeFor[v211.StartSession](), reflect.TypeFor[v211.StopSession](),
		reflect.TypeFor[v211.Tariff](), reflect.TypeFor[v211.Token](), reflect.TypeFor[v211.UnlockConnector](),
	}
	for _, t := range types {
		if t.Name() == object {
			return t
		}
	}
	panic("ocpitest: unreachable: no object " + object)
}

// A pythonField is a field of an object in both forms.
type pythonField struct {
	ours, theirs string
	// of is the type of the value, or of the elements of a list.
	of reflect.Type
	// list is how it is in 2.1.1; single tells that they have one object instead.
	list, single bool
	// required is how it is for them; optional tells that only 2.1.1 must have it.
	required, optional bool
}

// pythonFields reads the fields of an object from this library's type for it.
func pythonFields(t reflect.Type) []pythonField {
	var fields []pythonField
	deviations := pythonDeviations()
	for field := range t.Fields() {
		name, options, _ := strings.Cut(field.Tag.Get("json"), ",")
		if name == "" { // unknown fields
			continue
		}
		d := deviations[t.Name()+"."+name]
		f := pythonField{
			ours: name, theirs: cmp.Or(d.name, name), of: field.Type, list: field.Type.Kind() == reflect.Slice, single: d.single,
			required: (options == "" || d.required) && !d.optional, optional: d.optional,
		}
		if f.list || f.of.Kind() == reflect.Pointer {
			f.of = f.of.Elem()
		}
		fields = append(fields, f)
	}
	return fields
}

func (f pythonField) object() bool {
	return f.of.Kind() == reflect.Struct && f.of != reflect.TypeFor[ocpi.DateTime]() && f.of != reflect.TypeFor[ocpi.Number]()
}

// pythonForm writes an object as they do: every field in its place, null or an empty list where there is nothing, and
// no field that they do not know.
func pythonForm(raw jsontext.Value, t reflect.Type) jsontext.Value {
	members := membersOf(raw)
	var written []jsontext.Value
	for _, f := range pythonFields(t) {
		written = append(written, append(append(encode(f.theirs), ':'), f.form(members[f.ours])...))
	}
	return append(append(jsontext.Value{'{'}, joined(written)...), '}')
}

func (f pythonField) form(value jsontext.Value) jsontext.Value {
	items := []jsontext.Value{value}
	switch {
	case absent(value) && f.list && !f.single:
		return pythonList()
	case absent(value):
		return jsontext.Value("null")
	case f.list:
		items = elementsOf(value)
	}
	for i, item := range items {
		switch {
		case f.object():
			items[i] = pythonForm(item, f.of)
		case f.of == reflect.TypeFor[ocpi.Number]():
			items[i] = pythonFloat(item)
		}
	}
	switch {
	case f.list && !f.single:
		return pythonList(items...)
	case len(items) == 0:
		return jsontext.Value("null")
	default:
		return items[0]
	}
}

// pythonFloat writes a number as a float: 10.0 for 10, and 0.5 for 0.50.
func pythonFloat(number jsontext.Value) jsontext.Value {
	text := string(number)
	if strings.ContainsAny(text, "eE") {
		return number
	}
	whole, fraction, _ := strings.Cut(text, ".")
	fraction = strings.TrimRight(fraction, "0")
	if fraction == "" {
		fraction = "0"
	}
	return jsontext.Value(whole + "." + fraction)
}

// pythonRead turns an object of theirs into one of 2.1.1.
func pythonRead(raw jsontext.Value, t reflect.Type) jsontext.Value {
	return pythonReadFields(raw, t, false)
}

// pythonReadPatch does the same with part of an object.
func pythonReadPatch(raw jsontext.Value, t reflect.Type) jsontext.Value {
	return pythonReadFields(raw, t, true)
}

func pythonReadFields(raw jsontext.Value, t reflect.Type, patch bool) jsontext.Value {
	members, read := membersOf(raw), map[string]jsontext.Value{}
	for _, f := range pythonFields(t) {
		value := members[f.theirs]
		switch {
		case !absent(value):
			read[f.ours] = f.read(value)
		case f.optional && !patch: // 2.1.1 must have something
			read[f.ours] = jsontext.Value(`""`)
		}
	}
	return encode(read)
}

// read makes lower case of the one CiString there is.
func (f pythonField) read(value jsontext.Value) jsontext.Value {
	items := []jsontext.Value{value}
	if f.list && !f.single {
		items = elementsOf(value)
	}
	for i, item := range items {
		switch {
		case f.object():
			items[i] = pythonRead(item, f.of)
		case f.of == reflect.TypeFor[ocpi.CiString]():
			items[i] = jsontext.Value(strings.ToLower(string(item)))
		}
	}
	if f.list {
		return pythonList(items...)
	}
	return items[0]
}

func absent(value jsontext.Value) bool { return len(value) == 0 || value.Kind() == 'n' }

func membersOf(raw jsontext.Value) map[string]jsontext.Value {
	var members map[string]jsontext.Value
	_ = json.Unmarshal(raw, &members) // what is no object has no members
	return members
}

func elementsOf(raw jsontext.Value) []jsontext.Value {
	var elements []jsontext.Value
	_ = json.Unmarshal(raw, &elements) // what is no list has no elements
	return elements
}
