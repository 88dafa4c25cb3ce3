package ocpiserver

import (
	"context"
	"strings"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/v230"
	"github.com/roamwire/roamwire/ocpi/wire"
)

// command serves POST {command} on the CPO's side (requirements CMD-01 to CMD-04, DM-02). A command this version does not
// have is not supported, which is an answer and no error (requirement ZM-01).
func (s *speaker) command(commands Commands) handler {
	serve := map[v230.CommandType]handler{
		v230.CommandTypeStartSession:    commandHandler(s, s.codecs.StartSessions, commands.StartSession),
		v230.CommandTypeStopSession:     commandHandler(s, s.codecs.StopSessions, commands.StopSession),
		v230.CommandTypeReserveNow:      commandHandler(s, s.codecs.ReserveNows, commands.ReserveNow),
		v230.CommandTypeUnlockConnector: commandHandler(s, s.codecs.UnlockConnectors, commands.UnlockConnector),
	}
	if s.since22() { // requirement DM-01
		serve[v230.CommandTypeCancelReservation] = commandHandler(s, s.codecs.CancelReservations, commands.CancelReservation)
	}
	return func(c *call) (answer, error) {
		if handle, ok := serve[v230.CommandType(strings.ToUpper(c.path("command")))]; ok {
			return handle(c)
		}
		if err := c.anyJSON(); err != nil {
			return answer{}, err
		}
		return written(c, s, s.codecs.CommandResponses, v230.CommandResponse{Result: v230.CommandResponseTypeNotSupported}, ocpi.Party{})
	}
}

func commandHandler[T any](
	s *speaker, codec wire.Codec[T],
	do func(context.Context, *ocpi.Partner, T) (v230.CommandResponse, error),
) handler {
	return func(c *call) (answer, error) {
		// The token in a command is one of the eMSP that sends it, and not of an eMSP of ours.
		env := s.env(c, ocpi.Party{})
		env.EMSP = c.callerParty(ocpi.RoleEMSP)
		command, err := readWith(c, codec, env)
		if err != nil {
			return answer{}, err
		}
		if err := c.ofCaller(s, command); err != nil {
			return answer{}, err
		}
		response, err := do(c.ctx(), c.partner, command)
		if err != nil {
			return answer{}, err
		}
		return written(c, s, s.codecs.CommandResponses, response, ocpi.Party{})
	}
}

// ofCaller refuses a command with the token of an eMSP that is not the caller, by the partner's policy (requirement DM-06). Tokens of
// 2.1.1 do not say whose they are.
func (c *call) ofCaller(s *speaker, command any) error {
	var token *v230.Token
	switch command := command.(type) {
	case v230.StartSession:
		token = &command.Token
	case v230.ReserveNow:
		token = &command.Token
	}
	if token == nil || !s.since22() {
		return nil
	}
	owner := ocpi.NewParty(string(token.CountryCode), string(token.PartyID))
	if speaksFor(c.partner, owner) {
		return nil
	}
	wrong := ocpi.InvalidParameters("the token is one of %s, which is no party of yours", owner)
	wrong.Findings = []ocpi.Finding{{Pointer: "/token/party_id", Code: ocpi.FindingMismatch, Message: "is no party of yours"}}
	return c.misrouted(wrong, ocpi.FindingMismatch)
}

// commandResult serves the callback on the eMSP's side, at both forms of its path (requirements CMD-05, CMD-06).
func (s *speaker) commandResult(results CommandResults) handler {
	return func(c *call) (answer, error) {
		result, err := read(c, s, s.codecs.CommandResults, ocpi.Party{})
		if err != nil {
			return answer{}, err
		}
		command := v230.CommandType(strings.ToUpper(c.path("command")))
		return answer{}, results.CommandResult(c.ctx(), c.partner, command, c.path("uid"), result)
	}
}
