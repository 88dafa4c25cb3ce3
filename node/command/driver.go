package command

import (
	"context"
	"time"

	"github.com/roamwire/roamwire/node/store"
	"github.com/roamwire/roamwire/ocpi"
	library "github.com/roamwire/roamwire/ocpi/command"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// A Driver is one whose eMSP has asked us by a command to let it charge, now or later.
type Driver struct {
	Partner string
	Token   v230.Token
	// EVSEUID is where; empty for anywhere at the location.
	EVSEUID string
	// Reference is the command's authorization_reference; empty where it has none.
	Reference string
	At        time.Time
}

// Drivers are those for whom a START_SESSION or RESERVE_NOW at a location of ours has come since a time, and was not refused; the
// latest is the last.
func (c *Commands) Drivers(ctx context.Context, location string, since time.Time) ([]Driver, error) {
	stored, err := c.config.Store.MatchingCommands(ctx, "", library.MatchAt(ocpi.CiString(location)), since)
	if err != nil {
		return nil, err
	}
	commands, err := readAll(stored, func(c *store.Command) bool { return c.Received })
	if err != nil {
		return nil, err
	}
	var drivers []Driver
	for i := range commands {
		if !stands(&commands[i]) {
			continue
		}
		driver, ok, err := driverOf(&commands[i])
		if err != nil {
			return nil, err
		}
		if ok {
			drivers = append(drivers, driver)
		}
	}
	return drivers, nil
}

// stands reports whether what a command asks for is done, or may still be.
func stands(c *library.Command) bool {
	return c.Canceled == nil && (c.End == nil || c.End.Outcome == library.Outcome(v230.CommandResultTypeAccepted) ||
		c.End.Outcome == library.Outcome(v230.CommandResultTypeTimeout))
}

func driverOf(c *library.Command) (Driver, bool, error) {
	driver := Driver{Partner: c.Partner, At: c.Created}
	var evse, reference *ocpi.CiString
	switch c.Type {
	case v230.CommandTypeStartSession:
		r, err := library.As[v230.StartSession](*c)
		if err != nil {
			return driver, false, err
		}
		driver.Token, evse, reference = r.Token, r.EVSEUID, r.AuthorizationReference
	case v230.CommandTypeReserveNow:
		r, err := library.As[v230.ReserveNow](*c)
		if err != nil {
			return driver, false, err
		}
		driver.Token, evse, reference = r.Token, r.EVSEUID, r.AuthorizationReference
	default:
		return driver, false, nil
	}
	if evse != nil {
		driver.EVSEUID = string(*evse)
	}
	if reference != nil {
		driver.Reference = string(*reference)
	}
	return driver, true, nil
}
