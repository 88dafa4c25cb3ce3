package ocpiserver

import (
	"net/http"
	"slices"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/wire"
)

// ownLocations serves one location of ours, one of its EVSEs, or one of that EVSE's connectors (requirement L-06).
type ownLocations struct {
	*speaker
	getter Getter[wire.Location]
}

func (o ownLocations) location(c *call) (answer, error) {
	l, err := o.find(c)
	if err != nil {
		return answer{}, err
	}
	return written(c, o.speaker, o.codecs.Locations, l, ocpi.Party{})
}

func (o ownLocations) find(c *call) (wire.Location, error) {
	return o.getter.Get(c.ctx(), c.partner, c.path("location_id"))
}

func (o ownLocations) evse(c *call) (answer, error) {
	l, err := o.find(c)
	if err != nil {
		return answer{}, err
	}
	return o.evseOf(c, &l)
}

func (o ownLocations) connector(c *call) (answer, error) {
	l, err := o.find(c)
	if err != nil {
		return answer{}, err
	}
	return o.connectorOf(c, &l)
}

// evseOf answers with the EVSE the URL names.
func (s *speaker) evseOf(c *call, l *wire.Location) (answer, error) {
	evse, err := findEVSE(c, l)
	if err != nil {
		return answer{}, err
	}
	return written(c, s, s.codecs.EVSEs, *evse, ocpi.Party{})
}

// connectorOf answers with the connector the URL names.
func (s *speaker) connectorOf(c *call, l *wire.Location) (answer, error) {
	evse, err := findEVSE(c, l)
	if err != nil {
		return answer{}, err
	}
	connector, err := findConnector(c, evse)
	if err != nil {
		return answer{}, err
	}
	return written(c, s, s.codecs.Connectors, *connector, ocpi.Party{})
}

func findEVSE(c *call, l *wire.Location) (*wire.EVSE, error) {
	i := slices.IndexFunc(l.EVSEs, func(e wire.EVSE) bool { return string(e.UID) == c.path("evse_uid") })
	if i < 0 {
		return nil, ocpi.NotFound("location %s has no EVSE %s", l.ID, c.path("evse_uid"))
	}
	return &l.EVSEs[i], nil
}

func findConnector(c *call, e *wire.EVSE) (*wire.Connector, error) {
	i := slices.IndexFunc(e.Connectors, func(n wire.Connector) bool { return string(n.ID) == c.path("connector_id") })
	if i < 0 {
		return nil, ocpi.NotFound("EVSE %s has no connector %s", e.UID, c.path("connector_id"))
	}
	return &e.Connectors[i], nil
}

// evses serves EVSEs and connectors inside a partner's location. Whatever changes in one shows in the last_updated of
// what contains it (requirements L-02, L-18).
type evses struct {
	owned[wire.Location]
}

func (e evses) evseMethods() methods {
	return methods{http.MethodGet: e.getEVSE, http.MethodPut: e.putEVSE, http.MethodPatch: e.patchEVSE}
}

func (e evses) connectorMethods() methods {
	return methods{http.MethodGet: e.getConnector, http.MethodPut: e.putConnector, http.MethodPatch: e.patchConnector}
}

func (e evses) stored(c *call) (wire.Location, error) {
	key, err := e.key(c)
	if err != nil {
		return wire.Location{}, err
	}
	return e.receiver.Get(c.ctx(), c.partner, key)
}

func (e evses) getEVSE(c *call) (answer, error) {
	l, err := e.stored(c)
	if err != nil {
		return answer{}, err
	}
	return e.evseOf(c, &l)
}

func (e evses) getConnector(c *call) (answer, error) {
	l, err := e.stored(c)
	if err != nil {
		return answer{}, err
	}
	return e.connectorOf(c, &l)
}

func (e evses) putEVSE(c *call) (answer, error) {
	key, err := e.key(c)
	if err != nil {
		return answer{}, err
	}
	evse, err := read(c, e.speaker, e.codecs.EVSEs, key.Party)
	if err != nil {
		return answer{}, err
	}
	if err := sameID("EVSE", "uid", string(evse.UID), c.path("evse_uid")); err != nil {
		return answer{}, err
	}
	var isNew bool
	err = e.receiver.Update(c.ctx(), c.partner, key, func(l *wire.Location) error {
		stored, err := findEVSE(c, l)
		isNew = err != nil
		if isNew {
			l.EVSEs = append(l.EVSEs, evse)
		} else {
			*stored = evse
		}
		advance(&l.LastUpdated, evse.LastUpdated)
		return nil
	})
	return created(isNew), err
}

func (e evses) patchEVSE(c *call) (answer, error) {
	key, err := e.key(c)
	if err != nil {
		return answer{}, err
	}
	patch, err := readPatch(c, e.speaker, e.codecs.EVSEs, key.Party, "uid", c.path("evse_uid"))
	if err != nil {
		return answer{}, err
	}
	return answer{}, e.receiver.Update(c.ctx(), c.partner, key, func(l *wire.Location) error {
		evse, err := findEVSE(c, l)
		if err != nil {
			return err
		}
		if err := patch.Apply(evse, c.now()); err != nil {
			return err
		}
		advance(&l.LastUpdated, evse.LastUpdated)
		return nil
	})
}

func (e evses) putConnector(c *call) (answer, error) {
	key, err := e.key(c)
	if err != nil {
		return answer{}, err
	}
	connector, err := read(c, e.speaker, e.codecs.Connectors, key.Party)
	if err != nil {
		return answer{}, err
	}
	if err := sameID("Connector", "id", string(connector.ID), c.path("connector_id")); err != nil {
		return answer{}, err
	}
	var isNew bool
	err = e.receiver.Update(c.ctx(), c.partner, key, func(l *wire.Location) error {
		evse, err := findEVSE(c, l)
		if err != nil {
			return err
		}
		stored, err := findConnector(c, evse)
		isNew = err != nil
		if isNew {
			evse.Connectors = append(evse.Connectors, connector)
		} else {
			*stored = connector
		}
		advance(&evse.LastUpdated, connector.LastUpdated)
		advance(&l.LastUpdated, connector.LastUpdated)
		return nil
	})
	return created(isNew), err
}

func (e evses) patchConnector(c *call) (answer, error) {
	key, err := e.key(c)
	if err != nil {
		return answer{}, err
	}
	patch, err := readPatch(c, e.speaker, e.codecs.Connectors, key.Party, "id", c.path("connector_id"))
	if err != nil {
		return answer{}, err
	}
	return answer{}, e.receiver.Update(c.ctx(), c.partner, key, func(l *wire.Location) error {
		evse, err := findEVSE(c, l)
		if err != nil {
			return err
		}
		connector, err := findConnector(c, evse)
		if err != nil {
			return err
		}
		if err := patch.Apply(connector, c.now()); err != nil {
			return err
		}
		advance(&evse.LastUpdated, connector.LastUpdated)
		advance(&l.LastUpdated, connector.LastUpdated)
		return nil
	})
}
