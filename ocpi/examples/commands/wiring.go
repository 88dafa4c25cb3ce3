package main

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/ocpiclient"
	"github.com/roamwire/roamwire/ocpi/ocpiserver"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// A platform is one side: a server on loopback whose only partner is the other side, which package handshake would otherwise
// have found and registered.
type platform struct {
	*httptest.Server
	// name is what the other side calls it, and partner the role of the other side.
	name    string
	partner ocpi.Role
	// transport calls loopback, as no real one should.
	transport *ocpiclient.Transport
}

func newPlatform(name string, partner ocpi.Role) *platform {
	return &platform{
		Server: httptest.NewServer(http.NotFoundHandler()), name: name, partner: partner,
		transport: ocpiclient.NewTransport(ocpiclient.TransportConfig{AllowPrivate: true}),
	}
}

// serve serves OCPI from now on.
func (p *platform) serve(config ocpiserver.Config) error {
	config.BaseURL, config.Partners = p.URL, p
	handler, err := ocpiserver.New(config)
	p.Config.Handler = handler
	return err
}

// PartnerByToken implements ocpiserver.Partners.
func (p *platform) PartnerByToken(_ context.Context, token string) (*ocpi.Partner, error) {
	if token != "let-me-in" {
		return nil, ocpi.ErrUnauthorized
	}
	name := map[ocpi.Role]string{ocpi.RoleCPO: "chargers", ocpi.RoleEMSP: "app"}[p.partner]
	return &ocpi.Partner{ID: name, Roles: []ocpi.PartyRole{{Role: p.partner, Party: ocpi.NewParty("NL", "TUB")}}}, nil
}

// clients returns what calls this platform.
func (p *platform) clients(context.Context, string) (*ocpiclient.Client, error) {
	side := map[ocpi.Role]ocpi.Role{ocpi.RoleCPO: ocpi.RoleEMSP, ocpi.RoleEMSP: ocpi.RoleCPO}[p.partner]
	base := p.URL + "/" + strings.ToLower(string(side)) + "/2.1.1/"
	var endpoints []ocpi.Endpoint
	for _, module := range []ocpi.ModuleID{ocpi.ModuleCommands, ocpi.ModuleSessions, ocpi.ModuleCDRs, ocpi.ModuleTokens} {
		endpoints = append(endpoints, ocpi.Endpoint{Module: module, URL: base + string(module)})
	}
	return ocpiclient.New(ocpiclient.Config{
		Partner: &ocpi.Partner{ID: p.name}, Token: "let-me-in", Version: ocpi.V211,
		Endpoints: endpoints, Transport: p.transport,
	})
}

// card is the driver's token.
func card() v230.Token {
	return v230.Token{
		CountryCode: "NL", PartyID: "TUB", UID: "04A70000000001", Type: v230.TokenTypeAppUser, ContractID: "NL-TUB-C00000001",
		Issuer: "Laadpas Tubantia", Valid: true, Whitelist: v230.WhitelistTypeAllowed, LastUpdated: ocpi.NewDateTime(time.Now()),
	}
}
