package ocpitest

import (
	"context"
	"slices"
	"strings"
	"sync"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/ocpiserver"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// A TokenSender holds our tokens as eMSP, and answers for them. It implements ocpiserver.Sender and
// ocpiserver.Authorizer. The zero TokenSender is empty and ready.
type TokenSender struct {
	Sender[v230.Token]

	decision decision
}

// A Decide says whether the driver with this token may charge. An error takes the place of the answer.
type Decide func(from *ocpi.Partner, request ocpiserver.AuthorizeRequest, token v230.Token) (v230.AuthorizationInfo, error)

type decision struct {
	mu     sync.Mutex
	decide Decide
	asked  []ocpiserver.AuthorizeRequest
}

// Decide makes the TokenSender answer with decide from now on. Nil brings back the default: a valid token is allowed
// wherever it is, any other is blocked.
func (s *TokenSender) Decide(decide Decide) {
	s.decision.mu.Lock()
	defer s.decision.mu.Unlock()
	s.decision.decide = decide
}

// Asked returns the requests so far, also those for tokens that are not ours.
func (s *TokenSender) Asked() []ocpiserver.AuthorizeRequest {
	s.decision.mu.Lock()
	defer s.decision.mu.Unlock()
	return slices.Clone(s.decision.asked)
}

// Authorize implements ocpiserver.Authorizer.
func (s *TokenSender) Authorize(_ context.Context, from *ocpi.Partner, request ocpiserver.AuthorizeRequest) (v230.AuthorizationInfo, error) {
	decide := s.decision.ask(request)
	token, err := s.find(from, func(key ocpi.Key) bool {
		return key.ID == request.TokenUID && strings.EqualFold(key.TokenType, string(request.TokenType))
	}, request.TokenUID)
	if err != nil {
		return v230.AuthorizationInfo{}, err
	}
	return decide(from, request, token)
}

func (d *decision) ask(request ocpiserver.AuthorizeRequest) Decide {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.asked = append(d.asked, clone(request))
	if d.decide == nil {
		return allowValid
	}
	return d.decide
}

func allowValid(_ *ocpi.Partner, request ocpiserver.AuthorizeRequest, token v230.Token) (v230.AuthorizationInfo, error) {
	if !token.Valid {
		return v230.AuthorizationInfo{Allowed: v230.AllowedTypeBlocked, Token: token}, nil
	}
	return v230.AuthorizationInfo{Allowed: v230.AllowedTypeAllowed, Token: token, Location: clone(request.At)}, nil
}
