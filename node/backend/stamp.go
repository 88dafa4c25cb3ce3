package backend

import (
	"bytes"

	"github.com/go-json-experiment/json"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/convert"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// shown is an object as the API shows it.
func shown[T any](object *T) ([]byte, error) {
	raw, err := json.Marshal(object)
	return convert.StripLeftovers(raw), err
}

// same reports whether two objects say the same, as far as they are shown.
func same[T any](a, b *T) bool {
	x, errX := json.Marshal(a, json.Deterministic(true))
	y, errY := json.Marshal(b, json.Deterministic(true))
	return errX == nil && errY == nil && bytes.Equal(convert.StripLeftovers(x), convert.StripLeftovers(y))
}

// stamp gives an object that came without last_updated the time of now, or that of before where it says the same.
func stamp[T any](before, after *T, updated func(*T) *ocpi.DateTime, now ocpi.DateTime) {
	at := updated(after)
	if !isUnstamped(*at) {
		return
	}
	if before != nil {
		if *at = *updated(before); same(before, after) {
			return
		}
	}
	// A clock that gave us the time before may be ahead of ours. Partners do not take what is older than what they have.
	*at = later(*at, now)
}

// stampWhole stamps an object without parts.
func (m module[T]) stampWhole(before, after *T, now ocpi.DateTime) {
	stamp(before, after, func(o *T) *ocpi.DateTime { return m.parts(o).updated }, now)
}

func locationUpdated(l *v230.Location) *ocpi.DateTime   { return &l.LastUpdated }
func evseUpdated(e *v230.EVSE) *ocpi.DateTime           { return &e.LastUpdated }
func connectorUpdated(c *v230.Connector) *ocpi.DateTime { return &c.LastUpdated }

// stampLocation stamps a location from its connectors up.
func stampLocation(before, after *v230.Location, now ocpi.DateTime) {
	for i := range after.EVSEs {
		var was *v230.EVSE
		if before != nil {
			was = findEVSE(before, string(after.EVSEs[i].UID))
		}
		stampEVSE(was, &after.EVSEs[i], now)
	}
	stamp(before, after, locationUpdated, now)
}

func stampEVSE(before, after *v230.EVSE, now ocpi.DateTime) {
	for i := range after.Connectors {
		var was *v230.Connector
		if before != nil {
			was = findConnector(before, string(after.Connectors[i].ID))
		}
		stamp(was, &after.Connectors[i], connectorUpdated, now)
	}
	stamp(before, after, evseUpdated, now)
}

// findEVSE finds an EVSE by its very uid.
func findEVSE(l *v230.Location, uid string) *v230.EVSE { return find(l.EVSEs, evseUID, uid, false) }

// findConnector finds a connector by its very id.
func findConnector(e *v230.EVSE, id string) *v230.Connector {
	return find(e.Connectors, connectorID, id, false)
}

func evseUID(e *v230.EVSE) *ocpi.CiString          { return &e.UID }
func connectorID(c *v230.Connector) *ocpi.CiString { return &c.ID }

// find finds the part with an id, or else the first with the id in another case, where any case will do; nil for none.
func find[T any](parts []T, id func(*T) *ocpi.CiString, want string, anyCase bool) *T {
	var like *T
	for i := range parts {
		switch is := *id(&parts[i]); {
		case string(is) == want:
			return &parts[i]
		case anyCase && like == nil && is.Equal(ocpi.CiString(want)):
			like = &parts[i]
		}
	}
	return like
}

// retireLocation does what OCPI has for a location that is gone: its EVSEs are removed (requirement L-16).
func retireLocation(l *v230.Location, now ocpi.DateTime) {
	for i := range l.EVSEs {
		retireEVSE(&l.EVSEs[i], now)
		l.LastUpdated = later(l.LastUpdated, l.EVSEs[i].LastUpdated)
	}
}

func retireEVSE(e *v230.EVSE, now ocpi.DateTime) {
	if e.Status != v230.StatusRemoved {
		e.Status, e.LastUpdated = v230.StatusRemoved, later(e.LastUpdated, now)
	}
}

func later(a, b ocpi.DateTime) ocpi.DateTime {
	if b.Compare(a) > 0 {
		return b
	}
	return a
}
