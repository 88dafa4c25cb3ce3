package quirk

import (
	"slices"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/roamwire/roamwire/ocpi"
)

// A rewrite makes of the objects of one version what a partner expects.
type rewrite struct {
	version ocpi.Version
	// apply changes an object that has this name in the tables, and reports whether it did. An object that is not whole
	// is the body of a PATCH.
	apply func(d *document, object string, n *node, whole bool) bool
}

// filled gives objects a value for fields that are optional by the specification and required by the partner.
func filled(object, value string, fields ...string) *rewrite {
	return &rewrite{version: ocpi.V211, apply: func(d *document, name string, n *node, whole bool) bool {
		if name != object || !whole {
			return false
		}
		changed := false
		for _, field := range fields {
			changed = fill(d, n, field, value) || changed
		}
		return changed
	}}
}

// fill gives a member a value where it is absent or null.
func fill(d *document, n *node, name, value string) bool {
	member := d.member(n, name)
	switch {
	case member == nil:
		return d.add(n, name, jsontext.Value(value))
	case member.kind() == 'n':
		member.set(jsontext.Value(value))
		return true
	default:
		return false
	}
}

// copied gives an object a second name for the value of a field.
func copied(d *document, n *node, from, to string) bool {
	value := d.member(n, from)
	if value == nil || d.member(n, to) != nil {
		return false
	}
	return d.add(n, to, value.write(nil))
}

func endDateTime() *rewrite {
	return &rewrite{version: ocpi.V211, apply: func(d *document, object string, n *node, _ bool) bool {
		return object == "CDR" && copied(d, n, "stop_date_time", "end_date_time")
	}}
}

// single makes the first element of a list stand for the list. An empty list is left out.
func single(object, field string, change func(d *document, element *node)) *rewrite {
	return &rewrite{version: ocpi.V211, apply: func(d *document, name string, n *node, _ bool) bool {
		if name != object {
			return false
		}
		list := d.member(n, field)
		if list == nil || list.kind() != '[' || !d.open(list) {
			return false
		}
		if len(list.elements) == 0 {
			list.gone = true
			return true
		}
		*list = *list.elements[0]
		change(d, list)
		return true
	}}
}

// wholeEnergyMix fills what is optional in an energy mix.
func wholeEnergyMix() *rewrite {
	names, sources := filled("EnergyMix", `""`, "supplier_name", "energy_product_name"), filled("EnergyMix", `[]`, "energy_sources")
	return &rewrite{version: ocpi.V211, apply: func(d *document, object string, n *node, whole bool) bool {
		changed := sources.apply(d, object, n, whole)
		return names.apply(d, object, n, whole) || changed
	}}
}

// noNullLists makes lists that are null empty. Both say that there is nothing, also in a PATCH.
func noNullLists() *rewrite {
	lists := map[string][]string{
		"Location":  {"related_locations", "evses", "directions", "facilities", "images"},
		"EVSE":      {"capabilities", "connectors", "directions", "parking_restrictions", "images"},
		"EnergyMix": {"energy_sources"},
		"Hours":     {"regular_hours", "exceptional_openings", "exceptional_closings"},
		"Session":   {"charging_periods"},
		"CDR":       {"tariffs", "charging_periods"},
		"Tariff":    {"tariff_alt_text", "elements"},
	}
	return &rewrite{version: ocpi.V211, apply: func(d *document, object string, n *node, _ bool) bool {
		changed := false
		for _, m := range n.members {
			if m.value.kind() == 'n' && slices.ContainsFunc(lists[object], func(list string) bool { return is(m.name, list) }) {
				m.value.set(jsontext.Value("[]"))
				changed = true
			}
		}
		return changed
	}}
}
