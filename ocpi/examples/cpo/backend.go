package main

import (
	"context"
	"time"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/v230"
)

var (
	us   = ocpi.NewParty("NL", "GPE")
	them = ocpi.NewParty("DE", "TUB")
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

// network is what this CPO operates, oldest first by creation. Yours is in a database: List is one query, Get another.
type network []v230.Location

func (n network) List(_ context.Context, _ *ocpi.Partner, q ocpi.Query) (ocpi.Page[v230.Location], error) {
	var page ocpi.Page[v230.Location]
	for _, l := range n {
		if at := l.LastUpdated.Time(); at.Before(q.DateFrom) || !q.DateTo.IsZero() && !at.Before(q.DateTo) {
			continue
		}
		if page.Total++; page.Total > q.Offset && len(page.Items) < q.Limit {
			page.Items = append(page.Items, l)
		}
	}
	return page, nil
}

func (n network) Get(_ context.Context, _ *ocpi.Partner, id string) (v230.Location, error) {
	for _, l := range n {
		if string(l.ID) == id {
			return l, nil
		}
	}
	return v230.Location{}, ocpi.NotFound("there is no location %s", id)
}

// station is a location with one EVSE and one connector, in the terms of OCPI 2.3.0. Which version the partner speaks
// is the server's business.
func station(id ocpi.CiString, address string) v230.Location {
	now := ocpi.NewDateTime(time.Now()).Truncate()
	return v230.Location{
		CountryCode: ocpi.CiString(us.CountryCode), PartyID: ocpi.CiString(us.PartyID), ID: id, Publish: true,
		Address: address, City: "Enschede", PostalCode: new("7511 AX"), Country: "NLD", TimeZone: "Europe/Amsterdam",
		Coordinates: v230.GeoLocation{Latitude: "52.221400", Longitude: "6.890800"},
		EVSEs: []v230.EVSE{{
			UID: id + "-1", Status: v230.StatusAvailable, LastUpdated: now,
			Connectors: []v230.Connector{{
				ID: "1", Standard: v230.ConnectorTypeIEC62196T2, Format: v230.ConnectorFormatSocket,
				PowerType: v230.PowerTypeAC3Phase, MaxVoltage: 230, MaxAmperage: 32, LastUpdated: now,
			}},
		}},
		LastUpdated: now,
	}
}
