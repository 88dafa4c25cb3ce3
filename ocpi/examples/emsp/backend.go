package main

import (
	"context"
	"sync"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/ocpiserver"
	"github.com/roamwire/roamwire/ocpi/v230"
)

var (
	us   = ocpi.NewParty("DE", "TUB")
	them = ocpi.NewParty("NL", "GPE")
)

// partners are those who may call, by their tokens. Yours are in a database, with the tokens hashed.
type partners map[string]ocpi.Partner

func (p partners) PartnerByToken(_ context.Context, token string) (*ocpi.Partner, error) {
	partner, ok := p[token]
	if !ok {
		return nil, ocpi.ErrUnauthorized
	}
	return &partner, nil
}

// locations are those that CPOs push, as JSON. Yours are in a database, and Update is a transaction.
type locations struct {
	mu     sync.Mutex
	stored map[string][]byte
}

// name tells partners, parties and locations apart: two partners' LOC1 are two locations.
func name(from *ocpi.Partner, key ocpi.Key) string {
	return from.ID + " " + key.Party.String() + " " + key.ID
}

func (s *locations) Get(_ context.Context, from *ocpi.Partner, key ocpi.Key) (v230.Location, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.read(name(from, key))
}

func (s *locations) Put(_ context.Context, from *ocpi.Partner, key ocpi.Key, l v230.Location) (created bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, exists := s.stored[name(from, key)]
	return !exists, s.write(name(from, key), l)
}

// Update is where every PATCH arrives, a charger's new status above all. The server knows what to change; this only has
// to make sure that nobody else changes the location meanwhile.
func (s *locations) Update(_ context.Context, from *ocpi.Partner, key ocpi.Key, fn func(*v230.Location) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	l, err := s.read(name(from, key))
	if err != nil {
		return err
	}
	if err := fn(&l); err != nil {
		return err
	}
	return s.write(name(from, key), l)
}

func (s *locations) read(name string) (l v230.Location, err error) {
	raw, ok := s.stored[name]
	if !ok {
		return l, ocpi.NotFound("there is no such location")
	}
	return l, json.Unmarshal(raw, &l)
}

func (s *locations) write(name string, l v230.Location) error {
	raw, err := json.Marshal(l)
	if err == nil {
		s.stored[name] = raw
	}
	return err
}

// drivers are our customers' cards, which CPOs pull and ask about.
type drivers []v230.Token

func (d drivers) List(_ context.Context, _ *ocpi.Partner, q ocpi.Query) (ocpi.Page[v230.Token], error) {
	var page ocpi.Page[v230.Token]
	for _, t := range d {
		if at := t.LastUpdated.Time(); at.Before(q.DateFrom) || !q.DateTo.IsZero() && !at.Before(q.DateTo) {
			continue
		}
		if page.Total++; page.Total > q.Offset && len(page.Items) < q.Limit {
			page.Items = append(page.Items, t)
		}
	}
	return page, nil
}

// Authorize answers a CPO at whose charger a driver is waiting.
func (d drivers) Authorize(_ context.Context, _ *ocpi.Partner, request ocpiserver.AuthorizeRequest) (v230.AuthorizationInfo, error) {
	for _, t := range d {
		switch {
		case string(t.UID) != request.TokenUID || t.Type != request.TokenType:
		case t.Valid:
			return v230.AuthorizationInfo{Allowed: v230.AllowedTypeAllowed, Token: t, Location: request.At}, nil
		default:
			return v230.AuthorizationInfo{Allowed: v230.AllowedTypeBlocked, Token: t}, nil
		}
	}
	return v230.AuthorizationInfo{}, ocpi.NotFound("there is no token %s", request.TokenUID)
}

// card is an RFID card in the terms of OCPI 2.3.0. Which version the partner speaks is the server's business.
func card(uid ocpi.CiString) v230.Token {
	return v230.Token{
		CountryCode: ocpi.CiString(us.CountryCode), PartyID: ocpi.CiString(us.PartyID), UID: uid, Type: v230.TokenTypeRFID,
		ContractID: "DE-TUB-C00000001", Issuer: "Laadpas Tubantia", Valid: true, Whitelist: v230.WhitelistTypeAllowed,
		LastUpdated: ocpi.NewDateTime(time.Now()).Truncate(),
	}
}
