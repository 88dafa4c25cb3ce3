package node

import (
	"context"

	"github.com/roamwire/roamwire/node/backend"
	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/command"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// answer gives an answer to a command, or to a request about a charging profile, which has other answers.
func (c commands) answer(ctx context.Context, id string, answer backend.CommandAnswer) (command.Command, error) {
	receiver := c.n.Commands.Receiver
	asked, err := receiver.Command(ctx, id)
	switch {
	case err != nil:
		return command.Command{}, err
	case command.IsProfile(asked.Type):
		return receiver.AnswerProfile(ctx, id, v230.ChargingProfileResponseType(answer.Result), answer.Message)
	default:
		return receiver.Answer(ctx, id, v230.CommandResponseType(answer.Result), answer.Message)
	}
}

// result gives the result of a command, or of a request about a charging profile.
func (c commands) result(ctx context.Context, id string, result backend.CommandAnswer) (command.Command, error) {
	receiver := c.n.Commands.Receiver
	asked, err := receiver.Command(ctx, id)
	switch {
	case err != nil:
		return command.Command{}, err
	case !command.IsProfile(asked.Type):
		return receiver.Result(ctx, id, v230.CommandResultType(result.Result), result.Message)
	case len(result.Profile) > 0 && asked.Type != command.GetProfile:
		return command.Command{}, badCommand("/profile", ocpi.FindingConsistency, "only GET_CHARGING_PROFILE has a profile in its result")
	}
	var active *v230.ActiveChargingProfile
	if len(result.Profile) > 0 {
		read, findings, err := v230.DecodeActiveChargingProfile(result.Profile)
		if err != nil || len(findings) > 0 {
			for i := range findings {
				findings[i].Pointer = "/profile" + findings[i].Pointer
			}
			return command.Command{}, &ocpi.Error{Code: ocpi.StatusInvalidParameters, Message: "the profile is not valid", Findings: findings}
		}
		active = &read
	}
	return receiver.ProfileResult(ctx, id, v230.ChargingProfileResultType(result.Result), active)
}

// TellProfile implements backend.Commands.
func (c commands) TellProfile(ctx context.Context, sessionID string, active v230.ActiveChargingProfile) ([]backend.Command, error) {
	sent, err := c.n.Commands.Receiver.ProfileChanged(ctx, sessionID, active)
	if err != nil {
		return nil, err
	}
	var out []backend.Command
	for i := range sent {
		out = append(out, commandOut(&sent[i]))
	}
	return out, nil
}

// profilesOut says what is known of charging profiles. That another is active is something we send, though it is kept with what
// partners have asked.
func profilesOut(c *command.Command, out *backend.Command) {
	if c.End != nil && len(c.End.Profile) > 0 {
		out.Profile = backend.JSON(c.End.Profile)
	}
	if c.Active != nil {
		out.Active = backend.JSON(c.Active.Profile)
	}
	if c.Type == command.UpdateProfile {
		out.Direction, out.Done = directionSent, c.State == command.Ended
	}
}
