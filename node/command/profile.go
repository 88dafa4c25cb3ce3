package command

import (
	"context"
	"errors"

	"github.com/roamwire/roamwire/ocpi"
	library "github.com/roamwire/roamwire/ocpi/command"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// EventProfile is the type of events by which a CPO tells which charging profile is active, since one that we have set. Like those
// about commands its subject is "commands/" and the request's ID.
const EventProfile = "chargingprofile.changed"

// profile answers UNKNOWN_SESSION to requests about the charging profile of a session that is not one of the partner's drivers. A
// smart charging provider has no drivers: whether it may ask about one of our sessions is for the operator's system to say
// (requirement DP-08).
func (c *Commands) profile(ctx context.Context, from *ocpi.Partner, asked library.Command) (library.Answer, error) {
	request, err := library.As[library.ProfileRequest](asked)
	if err != nil {
		return library.Answer{}, err
	}
	_, err = c.config.Sessions.Get(ctx, from, request.SessionID)
	if !errors.Is(err, ocpi.ErrNotFound) {
		return library.Answer{}, err
	}
	if from.Has(ocpi.RoleSCSP) && c.config.HasSession != nil {
		if known, err := c.config.HasSession(ctx, from, request.SessionID); err != nil || known {
			return library.Answer{}, err
		}
	}
	return library.Answer{Result: v230.CommandResponseTypeUnknownSession}, nil
}

// moduleOf is the module that a command is of, as events say it.
func moduleOf(c *library.Command) ocpi.ModuleID {
	if library.IsProfile(c.Type) {
		return ocpi.ModuleChargingProfiles
	}
	return ocpi.ModuleCommands
}
