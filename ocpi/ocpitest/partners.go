package ocpitest

import (
	"context"
	"slices"
	"strings"
	"sync"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// Partners are those who may call, with their tokens. It implements ocpiserver.Partners. The zero Partners lets nobody
// in.
type Partners struct {
	mu      sync.RWMutex
	byToken map[string]ocpi.Partner
}

// Add lets a partner in with this token. A partner may have several tokens; a token that was another partner's is
// taken over.
func (p *Partners) Add(token string, partner ocpi.Partner) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.byToken == nil {
		p.byToken = map[string]ocpi.Partner{}
	}
	p.byToken[token] = clone(partner)
}

// Remove makes a token unknown.
func (p *Partners) Remove(token string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.byToken, token)
}

// PartnerByToken implements ocpiserver.Partners.
func (p *Partners) PartnerByToken(_ context.Context, token string) (*ocpi.Partner, error) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	partner, ok := p.byToken[token]
	if !ok {
		return nil, ocpi.ErrUnauthorized
	}
	partner = clone(partner)
	return &partner, nil
}

// Credentials tells partners how they reach us. It implements ocpiserver.Credentials.
type Credentials struct {
	// BaseURL is that of the server.
	BaseURL string
	// Name is what our parties are called.
	Name string
	// Parties are ours in their roles.
	Parties []ocpi.PartyRole
}

// Credentials implements ocpiserver.Credentials. The URL is the versions endpoint of the role, which is what a partner
// needs in 2.1.1, where version details cannot say which role they are for (requirement V-05); without a role it is that of
// all.
func (c *Credentials) Credentials(_ context.Context, partner *ocpi.Partner, role ocpi.Role, token string) (v230.Credentials, error) {
	own := v230.Credentials{Token: token, URL: strings.TrimRight(c.BaseURL, "/") + "/versions"}
	if role != "" {
		own.URL = strings.TrimRight(c.BaseURL, "/") + "/" + strings.ToLower(string(role)) + "/versions"
	}
	for _, r := range c.Parties {
		if len(partner.Serves) > 0 && !slices.Contains(partner.Serves, r.Party) {
			continue
		}
		own.Roles = append(own.Roles, v230.CredentialsRole{
			Role:            r.Role,
			BusinessDetails: v230.BusinessDetails{Name: c.Name},
			CountryCode:     ocpi.CiString(r.Party.CountryCode),
			PartyID:         ocpi.CiString(r.Party.PartyID),
		})
	}
	return own, nil
}
