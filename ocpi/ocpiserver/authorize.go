package ocpiserver

import (
	"bytes"
	"errors"
	"strings"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// authorize serves POST {token_uid}/authorize (requirements TOK-06 to TOK-12, DK-01, DK-03).
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
		info, err := s.authorizeAny(c, authorizer, request)
		if errors.Is(err, ocpi.ErrNotFound) {
			return answer{}, s.unknownToken(request)
		}
		if err != nil {
			return answer{}, err
		}
		return written(c, s, s.codecs.AuthorizationInfos, info, ocpi.Party{})
	}
}

// unknownToken says that a token is not ours. Since 2.2 there is a status for it.
func (s *speaker) unknownToken(request AuthorizeRequest) error {
	e := ocpi.NotFound("there is no token %s of type %s", request.TokenUID, request.TokenType)
	if s.since22() {
		e.Code = ocpi.StatusUnknownToken
	}
	return e
}

// laterTokenTypes are those that a version calls OTHER, because they came after it (requirement ZK-01).
func (s *speaker) laterTokenTypes() []v230.TokenType {
	switch {
	case !s.since22():
		return []v230.TokenType{v230.TokenTypeAppUser, v230.TokenTypeAdHocUser, v230.TokenTypeEMAID}
	case s.version == ocpi.V221:
		return []v230.TokenType{v230.TokenTypeEMAID}
	default:
		return nil
	}
}

// authorizeAny asks about the token as the partner named it. A partner that asks about an OTHER token may mean one of a type
// that came after its version.
func (s *speaker) authorizeAny(c *call, authorizer Authorizer, request AuthorizeRequest) (v230.AuthorizationInfo, error) {
	info, err := authorizer.Authorize(c.ctx(), c.partner, request)
	if request.TokenType != v230.TokenTypeOther {
		return info, err
	}
	for _, later := range s.laterTokenTypes() {
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
