package ocpi

import (
	"maps"

	"github.com/go-json-experiment/json/jsontext"
)

// Extra holds the members of a JSON object that its version does not know. They are kept as they came and written
// back (2.3.0 transport_and_format, non-specified fields; house rule: keep everything).
type Extra map[string]jsontext.Value

// Clone returns a copy that shares no map with e. The values are shared; nobody writes into them.
func (e Extra) Clone() Extra { return maps.Clone(e) }

// Merge applies the unknown members of a PATCH: a null removes, everything else sets.
func (e *Extra) Merge(patch Extra) {
	for name, value := range patch {
		if value.Kind() == 'n' {
			delete(*e, name)
			continue
		}
		if *e == nil {
			*e = Extra{}
		}
		(*e)[name] = value
	}
}
