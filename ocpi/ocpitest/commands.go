package ocpitest

import (
	"context"
	"sync"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// Commands takes an eMSP's commands, writes them down and answers each. It implements ocpiserver.Commands. The zero
// Commands accepts everything.
type Commands struct {
	mu      sync.Mutex
	respond func(Command) (v230.CommandResponse, error)
	taken   []Command
}

// A Command is one that a partner sent: Type says which, and the field of that name has it.
type Command struct {
	// Partner is our name for the sender.
	Partner           string
	Type              v230.CommandType
	StartSession      *v230.StartSession
	StopSession       *v230.StopSession
	ReserveNow        *v230.ReserveNow
	CancelReservation *v230.CancelReservation
	UnlockConnector   *v230.UnlockConnector
}

// ResponseURL is where the sender wants the result.
func (c Command) ResponseURL() string {
	switch {
	case c.StartSession != nil:
		return c.StartSession.ResponseURL
	case c.StopSession != nil:
		return c.StopSession.ResponseURL
	case c.ReserveNow != nil:
		return c.ReserveNow.ResponseURL
	case c.CancelReservation != nil:
		return c.CancelReservation.ResponseURL
	case c.UnlockConnector != nil:
		return c.UnlockConnector.ResponseURL
	default:
		return ""
	}
}

// Respond answers commands with fn from now on. Nil brings back the default, which accepts.
func (c *Commands) Respond(fn func(Command) (v230.CommandResponse, error)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.respond = fn
}

// Taken returns the commands so far, oldest first.
func (c *Commands) Taken() []Command {
	c.mu.Lock()
	defer c.mu.Unlock()
	return clone(c.taken)
}

// StartSession implements ocpiserver.Commands.
func (c *Commands) StartSession(_ context.Context, from *ocpi.Partner, command v230.StartSession) (v230.CommandResponse, error) {
	return c.take(Command{Partner: from.ID, Type: v230.CommandTypeStartSession, StartSession: &command})
}

// StopSession implements ocpiserver.Commands.
func (c *Commands) StopSession(_ context.Context, from *ocpi.Partner, command v230.StopSession) (v230.CommandResponse, error) {
	return c.take(Command{Partner: from.ID, Type: v230.CommandTypeStopSession, StopSession: &command})
}

// ReserveNow implements ocpiserver.Commands.
func (c *Commands) ReserveNow(_ context.Context, from *ocpi.Partner, command v230.ReserveNow) (v230.CommandResponse, error) {
	return c.take(Command{Partner: from.ID, Type: v230.CommandTypeReserveNow, ReserveNow: &command})
}

// CancelReservation implements ocpiserver.Commands.
func (c *Commands) CancelReservation(_ context.Context, from *ocpi.Partner, command v230.CancelReservation) (v230.CommandResponse, error) {
	return c.take(Command{Partner: from.ID, Type: v230.CommandTypeCancelReservation, CancelReservation: &command})
}

// UnlockConnector implements ocpiserver.Commands.
func (c *Commands) UnlockConnector(_ context.Context, from *ocpi.Partner, command v230.UnlockConnector) (v230.CommandResponse, error) {
	return c.take(Command{Partner: from.ID, Type: v230.CommandTypeUnlockConnector, UnlockConnector: &command})
}

func (c *Commands) take(command Command) (v230.CommandResponse, error) {
	respond := c.record(command)
	if respond == nil {
		return v230.CommandResponse{Result: v230.CommandResponseTypeAccepted, Timeout: acceptedTimeout}, nil
	}
	return respond(command)
}

// acceptedTimeout is how many seconds a partner is told to wait for the result.
const acceptedTimeout = 30

func (c *Commands) record(command Command) func(Command) (v230.CommandResponse, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.taken = append(c.taken, clone(command))
	return c.respond
}

// CommandResults takes the results of commands we sent as eMSP, and writes them down. It implements
// ocpiserver.CommandResults. The zero CommandResults is ready.
type CommandResults struct {
	mu    sync.Mutex
	taken []CommandResult
}

// A CommandResult is the result of a command we sent.
type CommandResult struct {
	// Partner is our name for the sender.
	Partner string
	// Type is the command; empty where the response_url did not name it.
	Type v230.CommandType
	// UID is our name for the command, from the response_url.
	UID    string
	Result v230.CommandResult
}

// CommandResult implements ocpiserver.CommandResults.
func (c *CommandResults) CommandResult(_ context.Context, from *ocpi.Partner, command v230.CommandType, uid string, result v230.CommandResult) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.taken = append(c.taken, CommandResult{Partner: from.ID, Type: command, UID: uid, Result: clone(result)})
	return nil
}

// Taken returns the results so far, oldest first.
func (c *CommandResults) Taken() []CommandResult {
	c.mu.Lock()
	defer c.mu.Unlock()
	return clone(c.taken)
}
