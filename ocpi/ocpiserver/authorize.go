package ocpiserver

import (
	"bytes"
	"errors"
	"strings"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// authorize serves POST {token_uid}/authorize (requirements TOK-06 to TOK-12).
func (s *speaker) authorize(authorizer Authorizer) handler {
	return func(c *call) (answer, error) {
		at, err := s.locationReferences(c)
		if err != nil {
			return answer{}, err
		}
		request := AuthorizeRequest{TokenUID: c.path("token_uid"), TokenType: v230.TokenTypeRFID, At: at}
		if t := tokenType(c.r); t != "" {
			request.TokenType = v230.TokenType(strings.ToUpper(t))
		}
		info, err := authorizeAny(c, authorizer, request)
		if errors.Is(err, ocpi.ErrNotFound) {
			return answer{}, ocpi.NotFound("there is no token %s of type %s", request.TokenUID, request.TokenType)
		}
		if err != nil {
			return answer{}, err
		}
		return written(c, s, s.codecs.AuthorizationInfos, info, ocpi.Party{})
	}
}

// authorizeAny asks about the token as the partner named it. Version 2.1.1 calls every type but RFID OTHER, so a
// partner that asks about an OTHER token may mean one of a type that came later.
func authorizeAny(c *call, authorizer Authorizer, request AuthorizeRequest) (v230.AuthorizationInfo, error) {
	info, err := authorizer.Authorize(c.ctx(), c.partner, request)
	if request.TokenType != v230.TokenTypeOther {
		return info, err
	}
	for _, later := range []v230.TokenType{v230.TokenTypeAppUser, v230.TokenTypeAdHocUser, v230.TokenTypeEMAID} {
		if !errors.Is(err, ocpi.ErrNotFound) {
			break
		}
		request.TokenType = later
		info, err = authorizer.Authorize(c.ctx(), c.partner, request)
	}
	return info, err
}

// locationReferences reads the optional body: none, or null, asks without a place (requirement TOK-08).
func (s *speaker) locationReferences(c *call) (*v230.LocationReferences, error) {
	raw, err := c.body()
	if err != nil {
		return nil, err
	}
	if text := bytes.TrimSpace(raw); len(text) == 0 || string(text) == "null" {
		return nil, nil
	}
	at, report, err := s.codecs.LocationReferences.Read(raw, s.env(c, ocpi.Party{}), c.profile())
	c.note(report)
	if err != nil {
		return nil, err
	}
	return &at, nil
}
