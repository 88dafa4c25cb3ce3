package command

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/roamwire/roamwire/node/store"
	"github.com/roamwire/roamwire/ocpi"
	library "github.com/roamwire/roamwire/ocpi/command"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// check answers what our own data answers, so that no backend has to: places, sessions and reservations that there are not, as far
// as this partner is concerned, and what a charge point cannot do (requirements CMD-10, CMD-15, DM-07, DM-09). An empty answer
// leaves it to the backend. Tokens are not looked at: the eMSP has authorized its driver (requirement DM-05).
func (c *Commands) check(ctx context.Context, from *ocpi.Partner, asked library.Command) (library.Answer, error) {
	if library.IsProfile(asked.Type) {
		return c.profile(ctx, from, asked)
	}
	switch asked.Type {
	case v230.CommandTypeStartSession:
		r, err := library.As[v230.StartSession](asked)
		return c.at(ctx, from, place{r.LocationID, r.EVSEUID, r.ConnectorID}, v230.CapabilityRemoteStartStopCapable, startsAtConnector(from, r), err)
	case v230.CommandTypeReserveNow:
		r, err := library.As[v230.ReserveNow](asked)
		return c.at(ctx, from, place{r.LocationID, r.EVSEUID, nil}, v230.CapabilityReservable, anywhere, err)
	case v230.CommandTypeUnlockConnector:
		r, err := library.As[v230.UnlockConnector](asked)
		return c.at(ctx, from, place{r.LocationID, &r.EVSEUID, &r.ConnectorID}, v230.CapabilityUnlockCapable, anywhere, err)
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
	case v230.CommandTypeCancelReservation:
		if from.Version.Compare(ocpi.V221) >= 0 {
			return c.reservation(ctx, from, asked)
		}
	}
	return library.Answer{Result: v230.CommandResponseTypeNotSupported}, nil // 2.1.1 cannot cancel a reservation
}

// How many RESERVE_NOW of a partner are looked through for one reservation, newest first, and how many at once. Where there are
// more, the backend knows.
const (
	reservationsSeen   = 1000
	reservationsAtOnce = 100
)

// reservation rejects the end of a reservation that the partner has not made here, be it another partner's (requirement DM-07).
func (c *Commands) reservation(ctx context.Context, from *ocpi.Partner, asked library.Command) (library.Answer, error) {
	want := store.CommandFilter{Received: true, Partner: from.ID, Type: string(v230.CommandTypeReserveNow), Limit: reservationsAtOnce}
	for range reservationsSeen / reservationsAtOnce {
		made, err := c.List(ctx, want)
		if err != nil {
			return library.Answer{}, err
		}
		for i := range made {
			if made[i].Reservation == asked.Reservation {
				return library.Answer{}, nil
			}
		}
		if len(made) < want.Limit {
			return library.Answer{Result: v230.CommandResponseTypeRejected, Message: "You have no such reservation here."}, nil
		}
		want.Before = made[len(made)-1].ID
	}
	return library.Answer{}, nil
}

// An ask is what is wrong with what a command says of an EVSE; nil for nothing.
type ask func(*v230.EVSE) error

// anywhere is for commands that need not say more than they must.
func anywhere(*v230.EVSE) error { return nil }

// startsAtConnector wants a START_SESSION to name the connector where the EVSE needs that (requirements DL-10, DM-09). A partner on
// 2.1.1 cannot name it, and need not where there is only one.
func startsAtConnector(from *ocpi.Partner, r v230.StartSession) ask {
	return func(evse *v230.EVSE) error {
		if r.ConnectorID != nil || !slices.Contains(evse.Capabilities, v230.CapabilityStartSessionConnectorRequired) {
			return nil
		}
		if from.Version.Compare(ocpi.V221) < 0 {
			if len(evse.Connectors) == 1 {
				return nil
			}
			return errConnectorUnsaid
		}
		return &ocpi.Error{Code: ocpi.StatusInvalidParameters, Message: "this EVSE must be told which connector is meant", Findings: []ocpi.Finding{
			{Pointer: "/connector_id", Code: ocpi.FindingMissing, Message: "the EVSE has START_SESSION_CONNECTOR_REQUIRED"},
		}}
	}
}

// errConnectorUnsaid is that a partner's version cannot say which connector is meant.
var errConnectorUnsaid = errors.New("the connector cannot be named in version 2.1.1")

// A place is where something is to be done.
type place struct {
	location  ocpi.CiString
	evse      *ocpi.CiString
	connector *ocpi.CiString
}

// at checks that a place exists and that something there can do what is asked.
func (c *Commands) at(
	ctx context.Context, from *ocpi.Partner, where place, needs v230.Capability, wants ask, err error,
) (library.Answer, error) {
	if err == nil && where.connector != nil && where.evse == nil {
		err = &ocpi.Error{Code: ocpi.StatusInvalidParameters, Message: "which EVSE's connector is meant?", Findings: []ocpi.Finding{
			{Pointer: "/evse_uid", Code: ocpi.FindingMissing, Message: "is required with connector_id"},
		}}
	}
	if err != nil {
		return library.Answer{}, err
	}
	same := sameIn(from.Version)
	location, err := c.config.Locations.Get(ctx, from, string(where.location))
	if errors.Is(err, ocpi.ErrNotFound) {
		return library.Answer{}, unknownLocation("location %s", where.location)
	}
	if err != nil {
		return library.Answer{}, err
	}
	able, found, unsaid := false, where.evse == nil, error(nil)
	for i := range location.EVSEs {
		evse := &location.EVSEs[i]
		if evse.Status == v230.StatusRemoved || where.evse != nil && !same(evse.UID, *where.evse) {
			continue
		}
		found = true
		if slices.Contains(evse.Capabilities, needs) {
			wrong := wants(evse)
			able = able || wrong == nil
			unsaid = cmp.Or(unsaid, wrong)
		}
		if where.evse != nil && where.connector != nil && !has(evse, *where.connector, same) {
			return library.Answer{}, unknownLocation("connector %s of EVSE %s of location %s", *where.connector, evse.UID, where.location)
		}
	}
	switch {
	case !found:
		return library.Answer{}, unknownLocation("EVSE %s of location %s", *where.evse, where.location)
	case !able && errors.Is(unsaid, errConnectorUnsaid):
		return library.Answer{Result: v230.CommandResponseTypeNotSupported, Message: "This EVSE must be told the connector, which 2.1.1 cannot say."}, nil
	case !able && unsaid != nil:
		return library.Answer{}, unsaid
	case !able:
		message := fmt.Sprintf("The capability %s is missing here.", needs)
		return library.Answer{Result: v230.CommandResponseTypeNotSupported, Message: message}, nil
	default:
		return library.Answer{}, nil
	}
}

func has(evse *v230.EVSE, connector ocpi.CiString, same func(a, b ocpi.CiString) bool) bool {
	return slices.ContainsFunc(evse.Connectors, func(c v230.Connector) bool { return same(c.ID, connector) })
}

// sameIn compares ids as a version does: since 2.2 whatever the case of their letters (requirement TF-67).
func sameIn(version ocpi.Version) func(a, b ocpi.CiString) bool {
	if version.Compare(ocpi.V221) < 0 {
		return func(a, b ocpi.CiString) bool { return a == b }
	}
	return ocpi.CiString.Equal
}

func unknownLocation(format string, args ...any) error {
	return &ocpi.Error{Code: ocpi.StatusUnknownLocation, Message: "there is no " + fmt.Sprintf(format, args...)}
}
