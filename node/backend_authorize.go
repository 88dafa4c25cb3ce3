package node

import (
	"context"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/roamwire/roamwire/node/authorize"
	"github.com/roamwire/roamwire/node/backend"
	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// An authorizer says whether a driver may charge, in the API's words.
type authorizer struct{ n *Node }

// Authorize implements backend.Authorizer.
func (a authorizer) Authorize(ctx context.Context, r backend.AuthorizeRequest) (backend.Authorization, error) {
	began := time.Now()
	if r.Partner != "" {
		if _, err := a.n.Partners.Relation(ctx, r.Partner); err != nil {
			return backend.Authorization{}, partnerUnknown(r.Partner, err)
		}
	}
	q := authorize.Question{TokenUID: r.TokenUID, TokenType: v230.TokenType(r.TokenType), Partner: r.Partner, Offline: r.Offline}
	if r.Location != nil {
		q.Location = new(authorize.Place(*r.Location))
	}
	v, err := a.n.Authorize(ctx, q)
	if err != nil {
		return backend.Authorization{}, err
	}
	out := backend.Authorization{
		Allowed: string(v.Allowed), Reason: v.Why, Source: string(v.By), Trouble: string(v.Trouble), Partner: v.Partner, Others: v.Others,
		Reference: v.AuthorizationReference, Method: string(v.AuthMethod), Took: backend.Duration(time.Since(began).Round(time.Microsecond)),
	}
	if v.Party != (ocpi.Party{}) {
		out.Party = v.Party.String()
	}
	if v.Location != nil {
		out.Location = new(backend.LocationReference(*v.Location))
	}
	if v.Info != nil {
		out.Info = v.Info.Text
	}
	if v.Token != nil {
		raw, err := json.Marshal(v.Token)
		if err != nil {
			return out, err
		}
		out.Token = backend.JSON(raw)
	}
	return out, nil
}
