package backend

import (
	"context"
	"net/http"
	"slices"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// EVSEPath names an EVSE.
type EVSEPath struct {
	PathKey
	UID string `path:"uid" minLength:"1" doc:"The EVSE's uid"`
}

// ConnectorPath names a connector.
type ConnectorPath struct {
	EVSEPath
	ConnectorID string `path:"connector_id" minLength:"1" doc:"The connector's id"`
}

type (
	evseInput struct {
		EVSEPath
		Preconditions
	}
	putEVSEInput struct {
		EVSEPath
		Preconditions
		RawBody []byte `contentType:"application/json"`
	}
	patchEVSEInput struct {
		EVSEPath
		Preconditions
		RawBody []byte `contentType:"application/merge-patch+json"`
	}
	connectorInput struct {
		ConnectorPath
		Preconditions
	}
	putConnectorInput struct {
		ConnectorPath
		Preconditions
		RawBody []byte `contentType:"application/json"`
	}
	patchConnectorInput struct {
		ConnectorPath
		Preconditions
		RawBody []byte `contentType:"application/merge-patch+json"`
	}
)

// A partRequest is a request about a part of a location.
type partRequest struct {
	location        ocpi.Key
	evse, connector string
	// anyCase tells that these are the same in any case.
	anyCase bool
	// id is that of the part.
	id            string
	preconditions Preconditions
	body          []byte
}

// A part is what the API must know of one kind of part of a location.
type part[T any] struct {
	module[T]
	id func(*T) *ocpi.CiString
	// find finds the part; nil where it is not there.
	find func(*v230.Location, partRequest) *T
	// put puts one in the place of the one with its id, or adds it, and take takes one away. They fail where what it is part
	// of is not there, or cannot be without it.
	put  func(*v230.Location, partRequest, T) error
	take func(*v230.Location, partRequest, ocpi.DateTime) error
}

func evses(a *API) part[v230.EVSE] {
	return part[v230.EVSE]{
		module: module[v230.EVSE]{object: "EVSE", noun: "EVSE", idName: "uid", decode: v230.DecodeEVSE, stamp: stampEVSE, leftovers: keepEVSE, doubles: doubleConnectors, respell: a.respellEVSE},
		id:     func(e *v230.EVSE) *ocpi.CiString { return &e.UID },
		find:   func(l *v230.Location, r partRequest) *v230.EVSE { return r.findEVSE(l) },
		put: func(l *v230.Location, r partRequest, evse v230.EVSE) error {
			if is := r.findEVSE(l); is != nil {
				*is = evse
			} else {
				l.EVSEs = append(l.EVSEs, evse)
			}
			l.LastUpdated = later(l.LastUpdated, evse.LastUpdated)
			return nil
		},
		take: func(l *v230.Location, r partRequest, now ocpi.DateTime) error {
			evse := r.findEVSE(l)
			if evse == nil {
				return r.missing()
			}
			retireEVSE(evse, now)
			l.LastUpdated = later(l.LastUpdated, evse.LastUpdated)
			return nil
		},
	}
}

func connectors(a *API) part[v230.Connector] {
	return part[v230.Connector]{
		module: module[v230.Connector]{
			object: "Connector", noun: "connector", idName: "id", decode: v230.DecodeConnector,
			stamp:     func(before, after *v230.Connector, now ocpi.DateTime) { stamp(before, after, connectorUpdated, now) },
			leftovers: func(before, after *v230.Connector) { keepExtra(&before.Extra, &after.Extra) },
			respell:   a.respellConnector,
		},
		id: func(c *v230.Connector) *ocpi.CiString { return &c.ID },
		find: func(l *v230.Location, r partRequest) *v230.Connector {
			if evse := r.findEVSE(l); evse != nil {
				return r.findConnector(evse)
			}
			return nil
		},
		put: func(l *v230.Location, r partRequest, connector v230.Connector) error {
			evse := r.findEVSE(l)
			if evse == nil {
				return problem(http.StatusNotFound, "location %s has no EVSE %s", r.location.ID, r.evse)
			}
			if is := r.findConnector(evse); is != nil {
				*is = connector
			} else {
				evse.Connectors = append(evse.Connectors, connector)
			}
			evse.LastUpdated = later(evse.LastUpdated, connector.LastUpdated)
			l.LastUpdated = later(l.LastUpdated, evse.LastUpdated)
			return nil
		},
		take: takeConnector,
	}
}

// respellEVSE and respellConnector are respell for parts, as their location does it.
func (a *API) respellEVSE(before, after *v230.EVSE) {
	was, is := v230.Location{EVSEs: []v230.EVSE{*before}}, v230.Location{EVSEs: []v230.EVSE{*after}}
	a.config.Objects.Locations.Respell(&was, &is)
	*after = is.EVSEs[0]
}

func (a *API) respellConnector(before, after *v230.Connector) {
	was, is := v230.EVSE{Connectors: []v230.Connector{*before}}, v230.EVSE{Connectors: []v230.Connector{*after}}
	a.respellEVSE(&was, &is)
	*after = is.Connectors[0]
}

func takeConnector(l *v230.Location, r partRequest, now ocpi.DateTime) error {
	evse := r.findEVSE(l)
	if evse == nil {
		return r.missing()
	}
	connector := r.findConnector(evse)
	if connector == nil {
		return r.missing()
	}
	if len(evse.Connectors) == 1 {
		return problem(http.StatusUnprocessableEntity, "an EVSE has at least one connector: remove the EVSE")
	}
	id := connector.ID
	evse.Connectors = slices.DeleteFunc(evse.Connectors, func(c v230.Connector) bool { return c.ID == id })
	evse.LastUpdated = later(evse.LastUpdated, now)
	l.LastUpdated = later(l.LastUpdated, now)
	return nil
}

func (r partRequest) findEVSE(l *v230.Location) *v230.EVSE {
	return find(l.EVSEs, evseUID, r.evse, r.anyCase)
}

func (r partRequest) findConnector(e *v230.EVSE) *v230.Connector {
	return find(e.Connectors, connectorID, r.connector, r.anyCase)
}

func (r partRequest) missing() error {
	if r.connector != "" {
		return problem(http.StatusNotFound, "EVSE %s of location %s has no connector %s", r.evse, r.location.ID, r.connector)
	}
	return problem(http.StatusNotFound, "location %s has no EVSE %s", r.location.ID, r.evse)
}

func (p EVSEPath) request(a *API, pre Preconditions, body []byte) partRequest {
	return partRequest{location: p.key(), evse: p.UID, anyCase: a.config.AnyCase, id: p.UID, preconditions: pre, body: body}
}

func (p ConnectorPath) request(a *API, pre Preconditions, body []byte) partRequest {
	return partRequest{
		location: p.key(), evse: p.UID, connector: p.ConnectorID, anyCase: a.config.AnyCase, id: p.ConnectorID, preconditions: pre, body: body,
	}
}

// addParts adds the operations on EVSEs and connectors.
func (a *API) addParts() {
	const evsePath = "/locations/{country}/{party}/{id}/evses/{uid}"
	e, c := evses(a), connectors(a)
	operations := partOperations(e.module, evsePath)
	add(a, operations[0], func(ctx context.Context, in *evseInput) (*answer, error) {
		return getPart(ctx, a, e, in.request(a, in.Preconditions, nil))
	})
	add(a, operations[1], func(ctx context.Context, in *putEVSEInput) (*answer, error) {
		return putPart(ctx, a, e, in.request(a, in.Preconditions, in.RawBody))
	})
	add(a, operations[2], func(ctx context.Context, in *patchEVSEInput) (*answer, error) {
		return patchPart(ctx, a, e, in.request(a, in.Preconditions, in.RawBody))
	})
	operations[3].doc = "The EVSE becomes REMOVED, which partners are told, and stays in its location."
	add(a, operations[3], func(ctx context.Context, in *evseInput) (*answer, error) {
		return deletePart(ctx, a, e, in.request(a, in.Preconditions, nil))
	})
	operations = partOperations(c.module, evsePath+"/connectors/{connector_id}")
	add(a, operations[0], func(ctx context.Context, in *connectorInput) (*answer, error) {
		return getPart(ctx, a, c, in.request(a, in.Preconditions, nil))
	})
	add(a, operations[1], func(ctx context.Context, in *putConnectorInput) (*answer, error) {
		return putPart(ctx, a, c, in.request(a, in.Preconditions, in.RawBody))
	})
	add(a, operations[2], func(ctx context.Context, in *patchConnectorInput) (*answer, error) {
		return patchPart(ctx, a, c, in.request(a, in.Preconditions, in.RawBody))
	})
	operations[3].doc = "The EVSE is sent to partners without it. An EVSE keeps at least one connector."
	operations[3].result, operations[3].statuses = nil, []int{http.StatusNoContent}
	add(a, operations[3], func(ctx context.Context, in *connectorInput) (*answer, error) {
		return deletePart(ctx, a, c, in.request(a, in.Preconditions, nil))
	})
}

func partOperations[T any](m module[T], path string) [4]operation {
	base := operation{tag: "locations", scope: ScopeWrite, result: ref(m.object), tagged: true}
	get := base.as("GET", path, "get-"+m.noun, "Read the "+m.noun+" of a location of ours")
	get.scope, get.statuses = ScopeRead, []int{http.StatusOK, http.StatusNotModified}
	put := base.as("PUT", path, "put-"+m.noun, "Add or replace the "+m.noun+" of a location of ours")
	put.body, put.statuses = m.object+inputSuffix, []int{http.StatusOK, http.StatusCreated}
	put.doc = "`last_updated` may be left out."
	patch := base.as("PATCH", path, "patch-"+m.noun, "Change the "+m.noun+" of a location of ours")
	patch.body, patch.bodyType, patch.doc = m.object+patchSuffix, "application/merge-patch+json", "A JSON Merge Patch (RFC 7396)."
	remove := base.as("DELETE", path, "delete-"+m.noun, "Remove the "+m.noun+" of a location of ours")
	return [4]operation{get, put, patch, remove}
}

func getPart[T any](ctx context.Context, a *API, p part[T], r partRequest) (*answer, error) {
	location, err := stored(ctx, a, locations(a), r.location)
	if err != nil {
		return nil, err
	}
	found := p.find(&location, r)
	if found == nil {
		return nil, r.missing()
	}
	out, err := shownWith(http.StatusOK, found)
	if err != nil {
		return nil, err
	}
	return unlessFresh(out, r.preconditions)
}

func putPart[T any](ctx context.Context, a *API, p part[T], r partRequest) (*answer, error) {
	received, err := p.receive(r.body)
	if err != nil {
		return nil, err
	}
	if is := string(*p.id(&received.object)); is != r.id {
		return nil, mistake("/"+p.idName, ocpi.FindingMismatch, "the path says %s, the document %s", r.id, is)
	}
	created := false
	return changePart(ctx, a, p, r, &created, func(before *T) (T, error) {
		created = before == nil
		return received.against(before, a.now())
	})
}

func patchPart[T any](ctx context.Context, a *API, p part[T], r partRequest) (*answer, error) {
	if err := checkPatch(r.body); err != nil {
		return nil, err
	}
	return changePart(ctx, a, p, r, new(bool), func(before *T) (after T, err error) {
		if before == nil {
			return after, r.missing()
		}
		if after, err = patched(p.module, before, r.body); err != nil {
			return after, err
		}
		p.respell(before, &after)
		if is := *p.id(&after); is != *p.id(before) {
			return after, mistake("/"+p.idName, ocpi.FindingMismatch, "the path says %s, the patched %s %s", r.id, p.noun, is)
		}
		p.stamp(before, &after, a.now())
		return after, nil
	})
}

// changePart changes a part of a location as one atomic step.
func changePart[T any](ctx context.Context, a *API, p part[T], r partRequest, created *bool, change func(before *T) (T, error)) (*answer, error) {
	var document []byte
	err := a.config.Objects.Locations.Update(ctx, r.location, func(l *v230.Location) error {
		before := p.find(l, r)
		if err := checkObject(r.preconditions, before); err != nil {
			return err
		}
		after, err := change(before)
		if err != nil {
			return err
		}
		if document, err = shown(&after); err != nil {
			return err
		}
		return p.put(l, r, after)
	})
	if err != nil {
		return nil, err
	}
	if *created {
		return documented(http.StatusCreated, document), nil
	}
	return documented(http.StatusOK, document), nil
}

func deletePart[T any](ctx context.Context, a *API, p part[T], r partRequest) (*answer, error) {
	out := &answer{Status: http.StatusNoContent}
	err := a.config.Objects.Locations.Update(ctx, r.location, func(l *v230.Location) error {
		if err := checkObject(r.preconditions, p.find(l, r)); err != nil {
			return err
		}
		if err := p.take(l, r, a.now()); err != nil {
			return err
		}
		left := p.find(l, r)
		if left == nil {
			return nil
		}
		var err error
		out, err = shownWith(http.StatusOK, left)
		return err
	})
	return out, err
}
