package command

import (
	"context"
	"fmt"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/ocpiclient"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// What is asked about the charging profile of a session has the life of a command: the CPO answers at once, and the result follows
// at a response URL where that is ACCEPTED. So they are Commands, of types that the specification does not list among those. Their
// Request is a ProfileRequest, their answers are of v230.ChargingProfileResponseType and their results of
// v230.ChargingProfileResultType (OCPI 2.3.0, mod_charging_profiles).
const (
	// GetProfile asks which profile is active.
	GetProfile v230.CommandType = "GET_CHARGING_PROFILE"
	// SetProfile sets a profile, ClearProfile removes it.
	SetProfile   v230.CommandType = "SET_CHARGING_PROFILE"
	ClearProfile v230.CommandType = "CLEAR_CHARGING_PROFILE"
	// UpdateProfile is a CPO's word that another profile is active. It goes to who has set one, and needs no answer.
	UpdateProfile v230.CommandType = "UPDATE_CHARGING_PROFILE"
)

// IsProfile reports whether a type is one of requests about charging profiles.
func IsProfile(kind v230.CommandType) bool {
	switch kind {
	case GetProfile, SetProfile, ClearProfile, UpdateProfile:
		return true
	default:
		return false
	}
}

// A ProfileRequest is what is asked about the charging profile of a session.
type ProfileRequest struct {
	SessionID string `json:"session_id"`
	// Duration is for how long GetProfile asks, in seconds.
	Duration int `json:"duration,omitzero"`
	// ChargingProfile is what SetProfile sets, and ActiveChargingProfile what UpdateProfile tells.
	ChargingProfile       *v230.ChargingProfile       `json:"charging_profile,omitempty"`
	ActiveChargingProfile *v230.ActiveChargingProfile `json:"active_charging_profile,omitempty"`
}

// An ActiveProfile is the profile that is active in a session, as the CPO has told us last.
type ActiveProfile struct {
	// Profile is a v230.ActiveChargingProfile.
	Profile jsontext.Value `json:"profile"`
	At      time.Time      `json:"at"`
}

// profileMatch is what all requests about a session have in common. No location has such an id.
func profileMatch(sessionID string) string {
	return "chargingprofile\x1f" + ocpi.CiString(sessionID).Fold()
}

// profilePaths are where the results of requests arrive, below the sender's endpoint.
var profilePaths = map[v230.CommandType]string{GetProfile: "active", SetProfile: "set", ClearProfile: "clear"}

// checkProfile refuses a profile that the specification does not allow to be sent: one that is not valid, or whose rates have more
// than one decimal (requirement DP-10).
func checkProfile(found []ocpi.Finding, at string, profile *v230.ChargingProfile) error {
	rate := func(pointer string, n *ocpi.Number) {
		if n != nil && !oneDecimal(*n) {
			found = append(found, ocpi.Finding{Pointer: at + pointer, Code: ocpi.FindingFormat, Message: n.String() + " has more than one decimal", Unusable: true})
		}
	}
	rate("/min_charging_rate", profile.MinChargingRate)
	for i := range profile.ChargingProfilePeriod {
		rate(fmt.Sprintf("/charging_profile_period/%d/limit", i), &profile.ChargingProfilePeriod[i].Limit)
	}
	if len(found) == 0 {
		return nil
	}
	return &ocpi.Error{Code: ocpi.StatusInvalidParameters, Message: "the charging profile is not valid", Findings: found}
}

func oneDecimal(n ocpi.Number) bool {
	d := n.Decimal()
	return d.Equal(d.Truncate(1))
}

// callProfile sends a request about a charging profile as it is stored.
func callProfile(ctx context.Context, client *ocpiclient.Client, c *Command) (v230.CommandResponse, error) {
	request, err := As[ProfileRequest](*c)
	if err != nil {
		return v230.CommandResponse{}, err
	}
	profiles := client.ChargingProfiles()
	var response v230.ChargingProfileResponse
	switch {
	case c.Type == GetProfile:
		response, err = profiles.Get(ctx, request.SessionID, time.Duration(request.Duration)*time.Second, c.ResponseURL)
	case c.Type == SetProfile && request.ChargingProfile != nil:
		response, err = profiles.Set(ctx, request.SessionID, v230.SetChargingProfile{ChargingProfile: *request.ChargingProfile, ResponseURL: c.ResponseURL})
	case c.Type == ClearProfile:
		response, err = profiles.Clear(ctx, request.SessionID, c.ResponseURL)
	default:
		return v230.CommandResponse{}, fmt.Errorf("%s is not sent", c.Type)
	}
	return v230.CommandResponse{Result: v230.CommandResponseType(response.Result), Timeout: response.Timeout}, err
}

// postProfile tells the partner the result of its request, or which profile is active.
func postProfile(ctx context.Context, client *ocpiclient.Client, c *Command, outcome Outcome) error {
	results, result := client.ChargingProfileResults(), v230.ChargingProfileResultType(outcome)
	if !result.Known() { // it has not come in time
		result = v230.ChargingProfileResultTypeUnknown
	}
	switch c.Type {
	case GetProfile:
		active, err := c.profile()
		if err != nil {
			return err
		}
		return results.Active(ctx, c.ResponseURL, v230.ActiveChargingProfileResult{Result: result, Profile: active})
	case SetProfile:
		return results.Set(ctx, c.ResponseURL, v230.ChargingProfileResult{Result: result})
	case ClearProfile:
		return results.Cleared(ctx, c.ResponseURL, v230.ClearProfileResult{Result: result})
	case UpdateProfile:
		request, err := As[ProfileRequest](*c)
		if err != nil {
			return err
		}
		return results.Update(ctx, request.SessionID, *request.ActiveChargingProfile)
	default:
		return fmt.Errorf("%s has no such result", c.Type)
	}
}

// profile is the active profile in the result of a request; nil where there is none.
func (c *Command) profile() (*v230.ActiveChargingProfile, error) {
	if c.End == nil || len(c.End.Profile) == 0 {
		return nil, nil
	}
	var active v230.ActiveChargingProfile
	if err := json.Unmarshal(c.End.Profile, &active, jsontext.AllowDuplicateNames(true)); err != nil {
		return nil, fmt.Errorf("read the profile of %s: %w", c.ID, err)
	}
	return &active, nil
}

// profileChanged notes which profile is active.
func (c *Command) profileChanged(s *Step) {
	c.Active = &ActiveProfile{Profile: s.profile, At: s.At}
}

// written is an active profile as it is kept; nil for none.
func written(active *v230.ActiveChargingProfile) (jsontext.Value, error) {
	if active == nil {
		return nil, nil
	}
	raw, err := json.Marshal(active)
	if err != nil {
		return nil, fmt.Errorf("write the active profile: %w", err)
	}
	return raw, nil
}
