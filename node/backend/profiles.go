package backend

import (
	"context"
	"net/http"
	"time"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/command"
	"github.com/roamwire/roamwire/ocpi/v230"
)

type (
	// ProfileTarget is the session whose charging profile is meant.
	ProfileTarget struct {
		Partner   string `json:"partner,omitempty" doc:"Our name for the CPO. Default: the one whose session it is"`
		SessionID string `json:"session_id" minLength:"1" doc:"The session's id, or country/party/id"`
	}
	getProfileInput struct {
		WaitInput
		Body struct {
			ProfileTarget
			Duration int `json:"duration" minimum:"1" maximum:"31622400" doc:"For how long from now, in seconds"`
		}
	}
	setProfileInput struct {
		WaitInput
		Body struct {
			ProfileTarget
			Profile JSON `json:"charging_profile" doc:"A ChargingProfile of OCPI. Rates have at most one decimal"`
		}
	}
	clearProfileInput struct {
		WaitInput
		Body struct{ ProfileTarget }
	}
	tellProfileInput struct {
		Body struct {
			SessionID string `json:"session_id" minLength:"1" doc:"The id of a session of ours"`
			Active    JSON   `json:"active_charging_profile" doc:"An ActiveChargingProfile of OCPI"`
		}
	}
)

// addProfiles adds the operations on charging profiles. Requests about them are commands in all that follows.
func (a *API) addProfiles(send operation) {
	about := " Partners on 2.1.1 have no charging profiles: that is 409. "
	get := send.as("POST", "/commands/get-charging-profile", "get-charging-profile", "Ask a CPO which charging profile is active")
	get.doc = "The profile is in the command when its result has come." + about + send.doc
	add(a, get, func(ctx context.Context, in *getProfileInput) (*answer, error) {
		r := in.Body.request(command.GetProfile)
		r.Duration = time.Duration(in.Body.Duration) * time.Second
		return a.send(ctx, r, nil, in.WaitInput)
	})
	set := send.as("POST", "/commands/set-charging-profile", "set-charging-profile", "Ask a CPO to charge by a profile")
	set.doc = "It takes the place of one that was set before. From then on the CPO tells which profile is active: active_profile in the command, and events of the type chargingprofile.changed." + about + send.doc
	add(a, set, func(ctx context.Context, in *setProfileInput) (*answer, error) {
		r := in.Body.request(command.SetProfile)
		profile, err := strictlyAt("ChargingProfile", v230.DecodeChargingProfile, in.Body.Profile, "/charging_profile")
		if err != nil {
			return nil, err
		}
		r.Profile = profile
		return a.send(ctx, r, nil, in.WaitInput)
	})
	clearing := send.as("POST", "/commands/clear-charging-profile", "clear-charging-profile", "Ask a CPO to remove the profile that was set")
	clearing.doc = about[1:] + send.doc
	add(a, clearing, func(ctx context.Context, in *clearProfileInput) (*answer, error) {
		return a.send(ctx, in.Body.request(command.ClearProfile), nil, in.WaitInput)
	})
	tell := operation{tag: "commands", scope: ScopeWrite, result: listOf(schemaOf[Command](a)), statuses: []int{http.StatusAccepted}}
	tell = tell.as("POST", "/commands/update-charging-profile", "update-charging-profile", "Tell which charging profile is active in a session of ours")
	tell.doc = "It is told to the partners who have set a profile for the session, again and again if need be, and to nobody else. The answer has one command for each of them."
	add(a, tell, func(ctx context.Context, in *tellProfileInput) (*answer, error) {
		active, err := strictlyAt("ActiveChargingProfile", v230.DecodeActiveChargingProfile, in.Body.Active, "/active_charging_profile")
		if err != nil {
			return nil, err
		}
		sent, err := a.config.Commands.TellProfile(ctx, looseKey(in.Body.SessionID).ID, active)
		if err != nil {
			return nil, err
		}
		return answered(http.StatusAccepted, map[string]any{"items": append([]Command{}, sent...), "total": len(sent)})
	})
}

func (t ProfileTarget) request(kind v230.CommandType) CommandRequest {
	return CommandRequest{Type: kind, Partner: t.Partner, Session: looseKey(t.SessionID)}
}

// strictlyAt reads an object that is a member of a body.
func strictlyAt[T any](object string, decode func([]byte) (T, []ocpi.Finding, error), raw JSON, at string) (T, error) {
	read, findings, err := strictly(object, decode, raw)
	if err == nil && len(findings) > 0 {
		for i := range findings {
			findings[i].Pointer = at + findings[i].Pointer
		}
		err = invalid("the "+object, findings)
	}
	return read, err
}
