package object

import (
	"bytes"
	"reflect"

	"github.com/go-json-experiment/json"

	"github.com/roamwire/roamwire/node/store"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// touched says which parts of a location are other than before, so that partners can be told of those alone. It is nil
// where something else has changed too.
func touched(before, after *v230.Location) []store.Part {
	was, is := *before, *after
	was.EVSEs, is.EVSEs, was.LastUpdated = nil, nil, is.LastUpdated
	if !same(&was, &is) {
		return nil
	}
	known := make(map[string]*v230.EVSE, len(before.EVSEs))
	for i := range before.EVSEs {
		known[string(before.EVSEs[i].UID)] = &before.EVSEs[i]
	}
	if len(known) != len(before.EVSEs) || len(after.EVSEs) < len(before.EVSEs) {
		return nil
	}
	var parts []store.Part
	for i := range after.EVSEs {
		evse := &after.EVSEs[i]
		parts = append(parts, touchedEVSE(known[string(evse.UID)], evse)...)
		delete(known, string(evse.UID))
	}
	if len(known) > 0 {
		return nil
	}
	return parts
}

// touchedEVSE says what of an EVSE is other than before; before is nil for a new one.
func touchedEVSE(before, after *v230.EVSE) []store.Part {
	whole := []store.Part{{EVSE: string(after.UID)}}
	if before == nil {
		return whole
	}
	was, is := *before, *after
	was.Status, was.LastUpdated = is.Status, is.LastUpdated
	if same(&was, &is) {
		if before.Status == after.Status && same(&before.LastUpdated, &after.LastUpdated) {
			return nil
		}
		return []store.Part{{EVSE: string(after.UID), Status: true}}
	}
	was, is = *before, *after
	was.Connectors, is.Connectors, was.LastUpdated = nil, nil, is.LastUpdated
	if !same(&was, &is) || len(after.Connectors) != len(before.Connectors) {
		return whole
	}
	var parts []store.Part
	for i := range after.Connectors {
		switch {
		case before.Connectors[i].ID != after.Connectors[i].ID:
			return whole
		case !same(&before.Connectors[i], &after.Connectors[i]):
			parts = append(parts, store.Part{EVSE: string(after.UID), Connector: string(after.Connectors[i].ID)})
		}
	}
	return parts
}

// same reports whether two objects say the same, which those also do that are not written in the same way here: a list
// without anything in it and no list.
func same[T any](a, b *T) bool {
	if reflect.DeepEqual(a, b) {
		return true
	}
	x, errX := json.Marshal(a, json.Deterministic(true))
	y, errY := json.Marshal(b, json.Deterministic(true))
	return errX == nil && errY == nil && bytes.Equal(x, y)
}

// keepEVSEs keeps the EVSEs that a new state of a location does not have any more, as removed: partners cannot be told of
// one that is gone in any other way (requirement L-16).
func keepEVSEs(before, after *v230.Location) {
	stays := make(map[string]bool, len(after.EVSEs))
	for i := range after.EVSEs {
		stays[string(after.EVSEs[i].UID)] = true
	}
	for _, evse := range before.EVSEs {
		if stays[string(evse.UID)] {
			continue
		}
		if evse.Status != v230.StatusRemoved {
			evse.Status, evse.LastUpdated = v230.StatusRemoved, after.LastUpdated
		}
		after.EVSEs = append(after.EVSEs, evse)
	}
}
