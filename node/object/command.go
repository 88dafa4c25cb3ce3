package object

import (
	"context"
	"errors"
	"fmt"

	"github.com/go-json-experiment/json"

	"github.com/roamwire/roamwire/node/store"
	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// Commands answers the commands of eMSPs while no system that operates charge points is connected: what can be
// answered from our own data is, and the rest is rejected, so that no eMSP waits for a result that cannot come. It is
// the ocpiserver.Commands of the node.
type Commands struct{ own *Objects }

// NewCommands returns the commands module of our CPO side.
func NewCommands(own *Objects) *Commands { return &Commands{own} }

func respond(result v230.CommandResponseType, text string) v230.CommandResponse {
	r := v230.CommandResponse{Result: result}
	if text != "" {
		r.Message = []v230.DisplayText{{Language: "en", Text: text}}
	}
	return r
}

func notConnected() v230.CommandResponse {
	return respond(v230.CommandResponseTypeRejected, "No charge points are connected to this system.")
}

// StartSession implements ocpiserver.Commands.
func (c *Commands) StartSession(ctx context.Context, from *ocpi.Partner, command v230.StartSession) (v230.CommandResponse, error) {
	return c.atEVSE(ctx, from, command.LocationID, command.EVSEUID, v230.CapabilityRemoteStartStopCapable)
}

// ReserveNow implements ocpiserver.Commands.
func (c *Commands) ReserveNow(ctx context.Context, from *ocpi.Partner, command v230.ReserveNow) (v230.CommandResponse, error) {
	return c.atEVSE(ctx, from, command.LocationID, command.EVSEUID, v230.CapabilityReservable)
}

// UnlockConnector implements ocpiserver.Commands.
func (c *Commands) UnlockConnector(ctx context.Context, from *ocpi.Partner, command v230.UnlockConnector) (v230.CommandResponse, error) {
	return c.atEVSE(ctx, from, command.LocationID, &command.EVSEUID, v230.CapabilityUnlockCapable)
}

// CancelReservation implements ocpiserver.Commands.
func (c *Commands) CancelReservation(context.Context, *ocpi.Partner, v230.CancelReservation) (v230.CommandResponse, error) {
	return respond(v230.CommandResponseTypeNotSupported, ""), nil
}

// StopSession implements ocpiserver.Commands. A session the partner cannot see is unknown to it (requirement CMD-10).
func (c *Commands) StopSession(ctx context.Context, from *ocpi.Partner, command v230.StopSession) (v230.CommandResponse, error) {
	_, err := c.own.Sessions.Get(ctx, from, string(command.SessionID))
	if errors.Is(err, ocpi.ErrNotFound) {
		return respond(v230.CommandResponseTypeUnknownSession, ""), nil
	}
	if err != nil {
		return v230.CommandResponse{}, err
	}
	return notConnected(), nil
}

// atEVSE checks that the place exists and can do what is asked (requirements CMD-10, CMD-15).
func (c *Commands) atEVSE(ctx context.Context, from *ocpi.Partner, locationID ocpi.CiString, uid *ocpi.CiString, needs v230.Capability) (v230.CommandResponse, error) {
	location, err := c.own.Locations.Get(ctx, from, string(locationID))
	if errors.Is(err, ocpi.ErrNotFound) {
		return v230.CommandResponse{}, unknownLocation("location %s", locationID)
	}
	if err != nil {
		return v230.CommandResponse{}, err
	}
	able := false
	found := uid == nil
	for _, evse := range location.EVSEs {
		if uid != nil && evse.UID != *uid {
			continue
		}
		found = true
		for _, capability := range evse.Capabilities {
			able = able || capability == needs
		}
	}
	switch {
	case !found:
		return v230.CommandResponse{}, unknownLocation("EVSE %s of location %s", *uid, locationID)
	case !able:
		return respond(v230.CommandResponseTypeNotSupported, fmt.Sprintf("The capability %s is missing here.", needs)), nil
	default:
		return notConnected(), nil
	}
}

func unknownLocation(format string, args ...any) error {
	return &ocpi.Error{Code: ocpi.StatusUnknownLocation, Message: "there is no " + fmt.Sprintf(format, args...)}
}

// CommandResults keeps the results of commands that come in for our eMSP side. It is the ocpiserver.CommandResults of
// the node.
type CommandResults struct{ store Store }

// NewCommandResults returns the commands module of our eMSP side.
func NewCommandResults(s Store) *CommandResults { return &CommandResults{s} }

// CommandResult implements ocpiserver.CommandResults: a result is stored before the partner is told that it arrived.
func (c *CommandResults) CommandResult(ctx context.Context, from *ocpi.Partner, command v230.CommandType, uid string, result v230.CommandResult) error {
	body, err := json.Marshal(&result)
	if err != nil {
		return fmt.Errorf("write result of command %s: %w", uid, err)
	}
	party := from.Parties(ocpi.RoleCPO)[0] // the server admits CPOs only
	return c.store.Write(ctx, func(tx store.Tx) error {
		_, err := tx.Put(store.Object{
			Key:  store.Key{Module: ocpi.ModuleCommands, Source: from.ID, Party: party, ID: string(command) + "/" + uid},
			Body: body,
		})
		return err
	})
}
