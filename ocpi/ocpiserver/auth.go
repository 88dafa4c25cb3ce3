package ocpiserver

import (
	"errors"
	"net/http"
	"slices"

	"github.com/roamwire/roamwire/ocpi"
)

// authenticate finds the partner by its token. Both forms of a token are tried for every version: partners mix them
// (requirements TF-03 to TF-08, DT-04).
func (c *call) authenticate() error {
	header := c.r.Header.Get("Authorization")
	tokens := ocpi.ParseAuthorization(header)
	if len(tokens) == 0 {
		c.w.Header().Set("WWW-Authenticate", "Token")
		if header == "" {
			return ocpi.Unauthorized("the Authorization header is missing: send \"Authorization: Token <token>\"")
		}
		return ocpi.Unauthorized("the Authorization header must be \"Token <token>\"")
	}
	for _, token := range tokens {
		partner, err := c.server.config.Partners.PartnerByToken(c.ctx(), token)
		switch {
		case err == nil:
			c.partner, c.token = partner, token
			return nil
		case !errors.Is(err, ocpi.ErrUnauthorized):
			// Who is calling is not known yet, so this is no OCPI exchange: 503 tells proxies and clients to come back.
			return &ocpi.Error{HTTP: http.StatusServiceUnavailable, Code: ocpi.StatusServerError, Message: "temporarily unable to look up the token", Err: err}
		}
	}
	if err := c.slowDown(); err != nil {
		return err
	}
	c.w.Header().Set("WWW-Authenticate", "Token")
	return ocpi.Unauthorized("the token is not known here")
}

// anonymous is who reads open data.
var anonymous = &ocpi.Partner{}

// owner is the party in the URL, if the partner may speak for it in this role. Another party's objects do not exist
// for this partner (requirements TF-45, TF-46).
func (c *call) owner(role ocpi.Role) (ocpi.Party, error) {
	party := ocpi.NewParty(c.path("country_code"), c.path("party_id"))
	return party, c.mayOwn(role, party)
}

// mayOwn refuses a party that the partner may not speak for in a role. Since 2.2 the partner's policy may let it: hubs speak for
// parties that they do not list. Ours are nobody else's.
func (c *call) mayOwn(role ocpi.Role, party ocpi.Party) error {
	if c.partner.Speaks(role, party) {
		return nil
	}
	refused := ocpi.NotFound("%s is no %s party of yours", party, role)
	ours := slices.ContainsFunc(c.server.config.Parties, func(r ocpi.PartyRole) bool { return r.Party == party })
	if _, err := ocpi.ParseParty(party.String()); err != nil || ours || !c.routed {
		return refused
	}
	return c.misrouted(refused, ocpi.FindingMismatch)
}
