package quirk

import (
	"slices"

	"github.com/roamwire/roamwire/ocpi"
)

// Write makes of a document of version v what this partner expects. The object is a name of the version's tables, such
// as "Location". It returns raw itself where nothing had to be changed.
func (p Profile) Write(v ocpi.Version, object string, raw []byte) (rewritten []byte, applied []Name) {
	return p.write(v, object, raw, true)
}

// WritePatch is Write for the body of a PATCH: it gets no fields that it did not have. Objects inside of it are whole.
func (p Profile) WritePatch(v ocpi.Version, object string, raw []byte) (rewritten []byte, applied []Name) {
	return p.write(v, object, raw, false)
}

func (p Profile) write(v ocpi.Version, object string, raw []byte, whole bool) ([]byte, []Name) {
	if !slices.ContainsFunc(p.writing, func(q Quirk) bool { return q.rewrite.version == v }) {
		return raw, nil
	}
	w := writer{document: newDocument(raw), version: v, quirks: p.writing, applied: map[Name]bool{}}
	w.object(object, w.root, whole)
	if len(w.applied) == 0 {
		return raw, nil
	}
	return w.root.write(make([]byte, 0, len(raw)+256)), sorted(p.writing, w.applied)
}

// A writer applies rewrites to every object of a document.
type writer struct {
	*document
	version ocpi.Version
	quirks  []Quirk
	applied map[Name]bool
}

// object rewrites an object of this name, what is inside first.
func (w *writer) object(name string, n *node, whole bool) {
	if n.kind() != '{' || !w.open(n) {
		return
	}
	for _, p := range parts(name) {
		value := w.member(n, p.name)
		switch {
		case value == nil:
		case value.kind() == '[' && w.open(value):
			for _, element := range value.elements {
				w.object(p.object, element, true)
			}
		default:
			w.object(p.object, value, true)
		}
	}
	for _, q := range w.quirks {
		if q.rewrite.version == w.version && q.rewrite.apply(w.document, name, n, whole) {
			w.applied[q.Name] = true
		}
	}
}

// A part is a member of an object that holds objects, or one.
type part struct{ name, object string }

// parts are the members by which objects that some partner expects to be different can be reached.
func parts(object string) []part {
	switch object {
	case "CDR":
		return []part{{"location", "Location"}, {"tariffs", "Tariff"}}
	case "Session":
		return []part{{"location", "Location"}}
	case "Location":
		return []part{{"evses", "EVSE"}, {"energy_mix", "EnergyMix"}, {"opening_times", "Hours"}}
	case "Tariff":
		return []part{{"energy_mix", "EnergyMix"}}
	case "EVSE":
		return []part{{"connectors", "Connector"}}
	default:
		return nil
	}
}
