package object

import (
	"context"
	"errors"
	"slices"

	"github.com/roamwire/roamwire/node/store"
	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/convert"
	"github.com/roamwire/roamwire/ocpi/ocpiserver"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// Drivers are our tokens together with the answer to whether a driver may charge. It is the ocpiserver.Sender and
// Authorizer of the tokens module.
type Drivers struct {
	*Own[v230.Token]
	received *Received[v230.Location]
}

// NewDrivers returns the tokens module of our eMSP side.
func NewDrivers(tokens *Own[v230.Token], s Store) *Drivers {
	return &Drivers{Own: tokens, received: ReceivedLocations(s)}
}

// Authorize implements ocpiserver.Authorizer. A valid token is allowed and any other is blocked. Of the EVSEs and
// connectors asked about, those that the partner has told us of and not removed are allowed; a location we know nothing
// of is not held against the driver (requirement TOK-09).
func (d *Drivers) Authorize(ctx context.Context, from *ocpi.Partner, request ocpiserver.AuthorizeRequest) (v230.AuthorizationInfo, error) {
	token, err := d.token(ctx, from, request)
	if err != nil {
		return v230.AuthorizationInfo{}, err
	}
	info := v230.AuthorizationInfo{Allowed: v230.AllowedTypeAllowed, Token: token}
	if !token.Valid {
		info.Allowed = v230.AllowedTypeBlocked
		return info, nil
	}
	if request.At == nil {
		return info, nil
	}
	allowed, err := d.allowedAt(ctx, from, *request.At)
	if err != nil {
		return info, err
	}
	if allowed == nil {
		info.Allowed = v230.AllowedTypeNotAllowed
		return info, nil
	}
	info.Location = allowed
	return info, nil
}

// token finds one of our tokens by uid and type (requirement TOK-03).
func (d *Drivers) token(ctx context.Context, from *ocpi.Partner, request ocpiserver.AuthorizeRequest) (v230.Token, error) {
	sel := store.Selection{Module: ocpi.ModuleTokens, Parties: from.Serves, TokenType: string(request.TokenType), AnyAudience: true}
	return d.find(ctx, sel, request.TokenUID)
}

// allowedAt reduces the places asked about to those where the driver may charge; nil for none.
func (d *Drivers) allowedAt(ctx context.Context, from *ocpi.Partner, at v230.LocationReferences) (*v230.LocationReferences, error) {
	location, err := d.location(ctx, from, string(at.LocationID))
	if err != nil || location == nil {
		return &at, err
	}
	usable := usableEVSEs(location, at.EVSEUIDs)
	if len(location.EVSEs) == 0 { // the CPO has told us of the location and not yet of its EVSEs
		return &at, nil
	}
	if len(usable) == 0 {
		return nil, nil
	}
	connectors := convert.ConnectorIDs(at)
	if len(at.EVSEUIDs) > 0 {
		at.EVSEUIDs = nil
		for _, evse := range usable {
			at.EVSEUIDs = append(at.EVSEUIDs, evse.UID)
		}
	}
	if len(connectors) == 0 {
		return &at, nil
	}
	connectors = slices.DeleteFunc(connectors, func(id string) bool { return !hasConnector(usable, id) })
	if len(connectors) == 0 {
		return nil, nil
	}
	at = convert.WithConnectorIDs(at, connectors)
	return &at, nil
}

// usableEVSEs are the EVSEs of a location that are not removed; only those named if any are.
func usableEVSEs(l *v230.Location, named []ocpi.CiString) []v230.EVSE {
	return slices.DeleteFunc(slices.Clone(l.EVSEs), func(e v230.EVSE) bool {
		return e.Status == v230.StatusRemoved || len(named) > 0 && !slices.Contains(named, e.UID)
	})
}

func hasConnector(evses []v230.EVSE, id string) bool {
	return slices.ContainsFunc(evses, func(e v230.EVSE) bool {
		return slices.ContainsFunc(e.Connectors, func(c v230.Connector) bool { return string(c.ID) == id })
	})
}

// location is the partner's location as it told us; nil where it did not.
func (d *Drivers) location(ctx context.Context, from *ocpi.Partner, id string) (*v230.Location, error) {
	for _, party := range from.Parties(ocpi.RoleCPO) {
		l, err := d.received.Get(ctx, from, ocpi.Key{Party: party, ID: id})
		if err == nil {
			return &l, nil
		}
		if !errors.Is(err, ocpi.ErrNotFound) {
			return nil, err
		}
	}
	return nil, nil
}
