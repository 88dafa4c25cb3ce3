package command

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/roamwire/roamwire/ocpi"
	library "github.com/roamwire/roamwire/ocpi/command"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// check answers what our own data answers, so that no backend has to: places and sessions that there are not, as far as this
// partner is concerned, and what a charge point cannot do (requirements CMD-10, CMD-15). An empty answer leaves it to the
// backend.
func (c *Commands) check(ctx context.Context, from *ocpi.Partner, asked library.Command) (library.Answer, error) {
	switch asked.Type {
	case v230.CommandTypeStartSession:
		r, err := library.As[v230.StartSession](asked)
		return c.at(ctx, from, place{r.LocationID, r.EVSEUID, r.ConnectorID}, v230.CapabilityRemoteStartStopCapable, err)
	case v230.CommandTypeReserveNow:
		r, err := library.As[v230.ReserveNow](asked)
		return c.at(ctx, from, place{r.LocationID, r.EVSEUID, nil}, v230.CapabilityReservable, err)
	case v230.CommandTypeUnlockConnector:
		r, err := library.As[v230.UnlockConnector](asked)
		return c.at(ctx, from, place{r.LocationID, &r.EVSEUID, &r.ConnectorID}, v230.CapabilityUnlockCapable, err)
	case v230.CommandTypeStopSession:
		r, err := library.As[v230.StopSession](asked)
		if err != nil {
			return library.Answer{}, err
		}
		// A session that the partner cannot see is unknown to it.
		_, err = c.config.Sessions.Get(ctx, from, string(r.SessionID))
		if errors.Is(err, ocpi.ErrNotFound) {
			return library.Answer{Result: v230.CommandResponseTypeUnknownSession}, nil
		}
		return library.Answer{}, err
	default: // 2.1.1 cannot cancel a reservation
		return library.Answer{Result: v230.CommandResponseTypeNotSupported}, nil
	}
}

// A place is where something is to be done.
type place struct {
	location  ocpi.CiString
	evse      *ocpi.CiString
	connector *ocpi.CiString
}

// at checks that a place exists and that something there can do what is asked.
func (c *Commands) at(ctx context.Context, from *ocpi.Partner, where place, needs v230.Capability, err error) (library.Answer, error) {
	if err != nil {
		return library.Answer{}, err
	}
	location, err := c.config.Locations.Get(ctx, from, string(where.location))
	if errors.Is(err, ocpi.ErrNotFound) {
		return library.Answer{}, unknownLocation("location %s", where.location)
	}
	if err != nil {
		return library.Answer{}, err
	}
	able, found := false, where.evse == nil
	for i := range location.EVSEs {
		evse := &location.EVSEs[i]
		if evse.Status == v230.StatusRemoved || where.evse != nil && evse.UID != *where.evse {
			continue
		}
		found = true
		able = able || slices.Contains(evse.Capabilities, needs)
		if where.evse != nil && where.connector != nil && !has(evse, *where.connector) {
			return library.Answer{}, unknownLocation("connector %s of EVSE %s of location %s", *where.connector, evse.UID, where.location)
		}
	}
	switch {
	case !found:
		return library.Answer{}, unknownLocation("EVSE %s of location %s", *where.evse, where.location)
	case !able:
		message := fmt.Sprintf("The capability %s is missing here.", needs)
		return library.Answer{Result: v230.CommandResponseTypeNotSupported, Message: message}, nil
	default:
		return library.Answer{}, nil
	}
}

func has(evse *v230.EVSE, connector ocpi.CiString) bool {
	return slices.ContainsFunc(evse.Connectors, func(c v230.Connector) bool { return c.ID == connector })
}

func unknownLocation(format string, args ...any) error {
	return &ocpi.Error{Code: ocpi.StatusUnknownLocation, Message: "there is no " + fmt.Sprintf(format, args...)}
}
