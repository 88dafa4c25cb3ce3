package ocpiserver

import (
	"net/http"
	"slices"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/wire"
)

// A part is what can be addressed inside a location: an EVSE, or a connector of an EVSE. Whatever changes in a part
// shows in the last_updated of what contains it (requirements L-02, L-18).
type part[T any] struct {
	*speaker
	codec wire.Codec[T]
	// idPath is the name of the part's id in the pattern, idField its name in the part.
	idPath, idField string
	id              func(*T) string
	lastUpdated     func(*T) *ocpi.DateTime
	// path is the PartPath of the URL's part.
	path func(c *call) string
	// in returns the list inside a location that the URL's part belongs to, and what contains it.
	in func(c *call, l *wire.Location) (list *[]T, above []container, err error)
	// older refuses a new state that is older than the one that is here.
	older func(c *call, before, after *T) error
}

// A container is what contains a part: its own PartPath, and its time.
type container struct {
	path        string
	lastUpdated *ocpi.DateTime
}

func (s *speaker) evsePart() part[wire.EVSE] {
	return part[wire.EVSE]{
		speaker: s,
		codec:   s.codecs.EVSEs, idPath: "evse_uid", idField: "uid",
		id:          func(e *wire.EVSE) string { return string(e.UID) },
		lastUpdated: func(e *wire.EVSE) *ocpi.DateTime { return &e.LastUpdated },
		path:        func(c *call) string { return PartPath(c.path("evse_uid")) },
		in: func(_ *call, l *wire.Location) (*[]wire.EVSE, []container, error) {
			return &l.EVSEs, []container{{"", &l.LastUpdated}}, nil
		},
		older: func(c *call, before, after *wire.EVSE) error { return c.olderEVSE("", before, after) },
	}
}

func (s *speaker) connectorPart() part[wire.Connector] {
	evses := s.evsePart()
	path := func(c *call) string { return PartPath(c.path("evse_uid"), c.path("connector_id")) }
	return part[wire.Connector]{
		speaker: s,
		codec:   s.codecs.Connectors, idPath: "connector_id", idField: "id",
		id:          func(n *wire.Connector) string { return string(n.ID) },
		lastUpdated: func(n *wire.Connector) *ocpi.DateTime { return &n.LastUpdated },
		path:        path,
		in: func(c *call, l *wire.Location) (*[]wire.Connector, []container, error) {
			evse, above, err := evses.find(c, l)
			if err != nil {
				return nil, nil, err
			}
			return &evse.Connectors, append(above, container{evses.path(c), &evse.LastUpdated}), nil
		},
		older: func(c *call, before, after *wire.Connector) error {
			return c.older("Connector", "", path(c), before.LastUpdated, after.LastUpdated)
		},
	}
}

// find returns the part that the URL names (requirement L-07).
func (p part[T]) find(c *call, l *wire.Location) (*T, []container, error) {
	list, above, err := p.in(c, l)
	if err != nil {
		return nil, nil, err
	}
	id := c.path(p.idPath)
	i := slices.IndexFunc(*list, func(x T) bool { return p.same(p.id(&x), id) })
	if i < 0 {
		return nil, nil, ocpi.NotFound("location %s has no %s %s here", l.ID, p.codec.Object, id)
	}
	return &(*list)[i], above, nil
}

// show answers with the part that the URL names.
func (p part[T]) show(c *call, s *speaker, l *wire.Location, owner ocpi.Party) (answer, error) {
	found, _, err := p.find(c, l)
	if err != nil {
		return answer{}, err
	}
	return written(c, s, p.codec, *found, owner)
}

// put replaces the part in a location, or adds it; what it would be inside must be there (requirements L-10, L-12).
func (p part[T]) put(c *call, l *wire.Location, x T) (isNew bool, err error) {
	c.times.begin()
	list, above, err := p.in(c, l)
	if err != nil {
		return false, err
	}
	i := slices.IndexFunc(*list, func(y T) bool { return p.same(p.id(&y), p.id(&x)) })
	if i < 0 {
		*list = append(*list, x)
	} else {
		if err := p.older(c, &(*list)[i], &x); err != nil {
			return false, err
		}
		(*list)[i] = x
	}
	c.times.replace(p.path(c))
	c.raise(above, *p.lastUpdated(&x))
	return i < 0, nil
}

// patch changes the part in a location (requirement L-14).
func (p part[T]) patch(c *call, l *wire.Location, patch wire.Patch[T]) error {
	c.times.begin()
	found, above, err := p.find(c, l)
	if err != nil {
		return err
	}
	before := *found
	if err := patch.Apply(found, c.now()); err != nil {
		return err
	}
	if err := p.older(c, &before, found); err != nil {
		return err
	}
	was, is := *p.lastUpdated(&before), p.lastUpdated(found)
	c.patched(p.path(c), patch.LastUpdated, was, is)
	if _, timed := patch.LastUpdated.Get(); timed || !is.Equal(was) {
		c.raise(above, *is)
	}
	return nil
}

// raise shows the time of a part that has changed in what contains it, whose own times stay what they were: partners that do
// not do the same give older ones.
func (c *call) raise(above []container, to ocpi.DateTime) {
	for _, a := range above {
		own := c.times.Before.Of(a.path, *a.lastUpdated)
		if c.toCome(*a.lastUpdated) {
			*a.lastUpdated = to
		}
		advance(a.lastUpdated, to)
		c.times.set(a.path, own, *a.lastUpdated)
	}
}

// ownLocation serves one of our locations, ownPart a part of it (requirement L-06).
func ownLocation(s *speaker, getter Getter[wire.Location]) handler {
	return func(c *call) (answer, error) {
		l, err := getter.Get(c.ctx(), c.viewer(), c.path("location_id"))
		if err != nil {
			return answer{}, err
		}
		return written(c, s, s.codecs.Locations, l, ocpi.Party{})
	}
}

func ownPart[T any](s *speaker, getter Getter[wire.Location], p part[T]) handler {
	return func(c *call) (answer, error) {
		l, err := getter.Get(c.ctx(), c.viewer(), c.path("location_id"))
		if err != nil {
			return answer{}, err
		}
		return p.show(c, s, &l, ocpi.Party{})
	}
}

// partMethods serve a part of a partner's location. The location is changed as one step.
func partMethods[T any](o owned[wire.Location], p part[T]) methods {
	return methods{
		http.MethodGet: func(c *call) (answer, error) {
			key, err := o.key(c)
			if err != nil {
				return answer{}, err
			}
			l, err := o.receiver.Get(c.ctx(), c.partner, key)
			if err != nil {
				return answer{}, err
			}
			return p.show(c, o.speaker, &l, key.Party)
		},
		http.MethodPut: func(c *call) (answer, error) {
			key, err := o.key(c)
			if err != nil {
				return answer{}, err
			}
			x, err := read(c, o.speaker, p.codec, key.Party)
			if err != nil {
				return answer{}, err
			}
			if err := p.sameID(p.codec.Object, p.idField, p.id(&x), c.path(p.idPath)); err != nil {
				return answer{}, err
			}
			var isNew bool
			err = o.receiver.Update(c.change(), c.partner, key, func(l *wire.Location) (err error) {
				isNew, err = p.put(c, l, x)
				return err
			})
			return created(isNew), err
		},
		http.MethodPatch: func(c *call) (answer, error) {
			key, err := o.key(c)
			if err != nil {
				return answer{}, err
			}
			body, err := readPatch(c, o.speaker, p.codec, key.Party, p.idField, c.path(p.idPath))
			if err != nil {
				return answer{}, err
			}
			defer func() { c.lost(ocpi.Inbound, "", body.Losses()) }()
			return answer{}, o.receiver.Update(c.change(), c.partner, key, func(l *wire.Location) error {
				return p.patch(c, l, body)
			})
		},
	}
}
