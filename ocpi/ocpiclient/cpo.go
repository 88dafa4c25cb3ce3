package ocpiclient

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/convert"
	"github.com/roamwire/roamwire/ocpi/quirk"
	"github.com/roamwire/roamwire/ocpi/v230"
	"github.com/roamwire/roamwire/ocpi/wire"
)

// A CPO is a partner that operates charge points, as an eMSP calls it.
type CPO struct {
	Locations LocationSender
	Sessions  Sender[v230.Session]
	CDRs      Sender[v230.CDR]
	Tariffs   Sender[v230.Tariff]
	// Tokens takes our tokens.
	Tokens   Receiver[v230.Token]
	Commands Commands

	client *Client
}

// CPO returns the calls to a partner that is a CPO.
func (c *Client) CPO() CPO {
	return CPO{
		Locations: LocationSender{Sender[v230.Location]{client: c, kind: c.locations(), role: ocpi.RoleCPO}},
		Sessions:  Sender[v230.Session]{client: c, kind: c.sessions(), role: ocpi.RoleCPO, needsDateFrom: true},
		CDRs:      Sender[v230.CDR]{client: c, kind: c.cdrs(), role: ocpi.RoleCPO},
		Tariffs:   Sender[v230.Tariff]{client: c, kind: c.tariffs(), role: ocpi.RoleCPO},
		Tokens:    Receiver[v230.Token]{client: c, kind: c.tokens(), role: ocpi.RoleCPO},
		Commands:  Commands{client: c},
		client:    c,
	}
}

// SetChargingPreferences tells a CPO what a driver wants of one of its sessions, and returns whether that can be followed
// (requirement DS-09). A session the CPO does not know, or one at an EVSE that takes no preferences, is an error that is
// ocpi.ErrNotFound. Before 2.2 there are none: that is ErrNotOffered.
func (p CPO) SetChargingPreferences(ctx context.Context, sessionID string, preferences v230.ChargingPreferences) (v230.ChargingPreferencesResponse, error) {
	c := p.client
	if c.speaks && c.codecs.ChargingPreferences.Write == nil {
		return "", fmt.Errorf("ocpiclient: %w: charging preferences in %s", ErrNotOffered, c.config.Version)
	}
	endpoint, err := c.endpoint(ocpi.ModuleSessions, ocpi.Sender, ocpi.RoleCPO)
	if err != nil {
		return "", err
	}
	target, quirks, err := c.below(endpoint, nil, sessionID, "charging_preferences")
	if err != nil {
		return "", err
	}
	r := request{method: http.MethodPut, url: target, module: ocpi.ModuleSessions, role: ocpi.RoleCPO, quirks: quirks}
	if err := write(c, &r, c.codecs.ChargingPreferences, preferences, convert.Env{}); err != nil {
		return "", err
	}
	return c.word(ctx, r)
}

// word makes a call that is answered with one word.
func (c *Client) word(ctx context.Context, r request) (v230.ChargingPreferencesResponse, error) {
	ctx = correlated(ctx)
	a, err := c.do(ctx, r)
	if err != nil {
		return "", err
	}
	word := v230.ChargingPreferencesResponse(strings.ToUpper(strings.TrimSpace(text(a.data))))
	if a.data.Kind() != '"' || word == "" {
		return "", c.fail(ctx, a, Permanent, nil, "no ChargingPreferencesResponse: it is no word")
	}
	c.tell(ctx, a.exchange)
	return word, nil
}

// A LocationSender is a Sender of locations, which can be asked for one by one, as can their EVSEs and connectors
// (requirement L-06).
type LocationSender struct {
	Sender[v230.Location]
}

// Get returns one location, or an error that is ocpi.ErrNotFound.
func (s LocationSender) Get(ctx context.Context, id string) (v230.Location, error) {
	return single(ctx, s, s.kind.codec, id)
}

// GetEVSE returns one EVSE of a location.
func (s LocationSender) GetEVSE(ctx context.Context, id, evseUID string) (v230.EVSE, error) {
	return single(ctx, s, s.client.codecs.EVSEs, id, evseUID)
}

// GetConnector returns one connector of an EVSE.
func (s LocationSender) GetConnector(ctx context.Context, id, evseUID, connectorID string) (v230.Connector, error) {
	return single(ctx, s, s.client.codecs.Connectors, id, evseUID, connectorID)
}

func single[P any](ctx context.Context, s LocationSender, codec wire.Codec[P], segments ...string) (P, error) {
	var none P
	endpoint, err := s.client.endpoint(ocpi.ModuleLocations, ocpi.Sender, s.role)
	if err != nil {
		return none, err
	}
	target, quirks, err := s.client.below(endpoint, nil, segments...)
	if err != nil {
		return none, err
	}
	r := request{method: http.MethodGet, url: target, module: ocpi.ModuleLocations, role: s.role, quirks: quirks}
	part, _, err := ask(ctx, s.client, r, codec, s.client.env(ctx, s.client.only(s.role)))
	return part, err
}

// Commands asks a CPO to do something at its charge points. What it returns is the CPO's own answer; where that is
// ACCEPTED, the charge point's result comes to the command's ResponseURL later (requirements CMD-01 to CMD-04). A
// location the CPO does not know is an *Error with ocpi.StatusUnknownLocation (requirement CMD-10).
type Commands struct {
	client *Client
}

// StartSession asks for a session.
func (s Commands) StartSession(ctx context.Context, command v230.StartSession) (v230.CommandResponse, error) {
	return send(ctx, s.client, v230.CommandTypeStartSession, s.client.codecs.StartSessions, command, ownerOf(command.Token))
}

// StopSession asks for the end of a session.
func (s Commands) StopSession(ctx context.Context, command v230.StopSession) (v230.CommandResponse, error) {
	return send(ctx, s.client, v230.CommandTypeStopSession, s.client.codecs.StopSessions, command, ocpi.Party{})
}

// ReserveNow asks to keep a charge point free.
func (s Commands) ReserveNow(ctx context.Context, command v230.ReserveNow) (v230.CommandResponse, error) {
	return send(ctx, s.client, v230.CommandTypeReserveNow, s.client.codecs.ReserveNows, command, ownerOf(command.Token))
}

// CancelReservation asks to give up a reservation. 2.1.1 has no such command: that is ErrNotOffered (requirement DM-01).
func (s Commands) CancelReservation(ctx context.Context, command v230.CancelReservation) (v230.CommandResponse, error) {
	if s.client.codecs.CancelReservations.Write == nil {
		return v230.CommandResponse{}, fmt.Errorf("ocpiclient: %w: %s in %s", ErrNotOffered, v230.CommandTypeCancelReservation, s.client.Version())
	}
	return send(ctx, s.client, v230.CommandTypeCancelReservation, s.client.codecs.CancelReservations, command, ocpi.Party{})
}

// UnlockConnector asks to let go of a plug. It is for help desks only (requirement CMD-14).
func (s Commands) UnlockConnector(ctx context.Context, command v230.UnlockConnector) (v230.CommandResponse, error) {
	return send(ctx, s.client, v230.CommandTypeUnlockConnector, s.client.codecs.UnlockConnectors, command, ocpi.Party{})
}

// ownerOf is the party of ours whose token a command is given with.
func ownerOf(token v230.Token) ocpi.Party {
	return newKey(token.CountryCode, token.PartyID, token.UID).Party
}

func send[T any](ctx context.Context, c *Client, name v230.CommandType, codec wire.Codec[T], command T, from ocpi.Party) (v230.CommandResponse, error) {
	endpoint, unlisted, err := c.commands()
	if err != nil {
		return v230.CommandResponse{}, err
	}
	target, quirks, err := c.below(endpoint, nil, string(name))
	if err != nil {
		return v230.CommandResponse{}, err
	}
	quirks = append(quirks, unlisted...)
	r := request{method: http.MethodPost, url: target, module: ocpi.ModuleCommands, role: ocpi.RoleCPO, routing: ocpi.Routing{From: from}, quirks: quirks}
	if err := write(c, &r, codec, command, c.env(ctx, c.config.Own)); err != nil {
		return v230.CommandResponse{}, err
	}
	response, _, err := ask(ctx, c, r, c.codecs.CommandResponses, convert.Env{})
	return response, err
}

// commands returns where the partner takes commands. Where it is known not to list them, that is beside its locations.
func (c *Client) commands() (endpoint string, quirks []quirk.Name, err error) {
	endpoint, err = c.endpoint(ocpi.ModuleCommands, ocpi.Receiver, ocpi.RoleCPO)
	if !errors.Is(err, ErrNotOffered) || !c.profile.Has(quirk.UnlistedCommands) {
		return endpoint, nil, err
	}
	locations, notFound := c.endpoint(ocpi.ModuleLocations, ocpi.Sender, ocpi.RoleCPO)
	beside, ok := strings.CutSuffix(strings.TrimRight(locations, "/"), "/"+string(ocpi.ModuleLocations))
	if notFound != nil || !ok {
		return "", nil, err
	}
	return beside + "/" + string(ocpi.ModuleCommands), []quirk.Name{quirk.UnlistedCommands}, nil
}
