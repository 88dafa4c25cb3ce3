package command

import (
	"context"
	"fmt"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// GetChargingProfile asks a CPO which charging profile is active in a session, for a time from now in whole seconds. Like commands
// it returns when the CPO has answered; the profile is in the End of the Command when the result has come (requirement DP-01).
// The error is ErrVersion for a partner whose version has no charging profiles.
func (s *Sender) GetChargingProfile(ctx context.Context, partner, sessionID string, duration time.Duration) (Command, error) {
	if duration < time.Second {
		return Command{}, ocpi.InvalidParameters("the duration must be at least a second")
	}
	return s.sendProfile(ctx, partner, GetProfile, ProfileRequest{SessionID: sessionID, Duration: int(duration / time.Second)})
}

// SetChargingProfile asks a CPO to charge a session by a profile, in the place of one that was set before. From then on the CPO
// tells which profile is active, which is Active of the Command (requirements DP-02, DP-06).
func (s *Sender) SetChargingProfile(ctx context.Context, partner, sessionID string, profile v230.ChargingProfile) (Command, error) {
	if err := checkProfile(profile.Validate(), "/charging_profile", &profile); err != nil {
		return Command{}, err
	}
	return s.sendProfile(ctx, partner, SetProfile, ProfileRequest{SessionID: sessionID, ChargingProfile: &profile})
}

// ClearChargingProfile asks a CPO to remove the profile that was set for a session (requirement DP-03).
func (s *Sender) ClearChargingProfile(ctx context.Context, partner, sessionID string) (Command, error) {
	return s.sendProfile(ctx, partner, ClearProfile, ProfileRequest{SessionID: sessionID})
}

// sendProfile stores a request and then sends it, with a response URL of its own that nobody can guess.
func (s *Sender) sendProfile(ctx context.Context, partner string, kind v230.CommandType, request ProfileRequest) (Command, error) {
	client, err := s.client(ctx, partner)
	if err != nil {
		return Command{}, fmt.Errorf("send %s: %w", kind, err)
	}
	if client.Version().Compare("2.2") < 0 {
		return Command{}, fmt.Errorf("send %s: %w", kind, ErrVersion)
	}
	if request.SessionID == "" {
		return Command{}, ocpi.InvalidParameters("the session is missing")
	}
	raw, err := json.Marshal(&request)
	if err != nil {
		return Command{}, fmt.Errorf("write %s: %w", kind, err)
	}
	id, now := newID(), s.now()
	return s.launch(ctx, client, Command{
		ID: id, Partner: partner, Type: kind, Request: raw, State: Sending, Created: now, Changed: now, Due: now.Add(s.limits.result),
		ResponseURL: fmt.Sprintf("%s/%s/sender/%s/%s/%s", s.baseURL, client.Version(), ocpi.ModuleChargingProfiles, profilePaths[kind], id),
		Match:       profileMatch(request.SessionID),
	})
}

// ActiveChargingProfileResult implements ocpiserver.ChargingProfileResults (requirement DP-05).
func (s *Sender) ActiveChargingProfileResult(ctx context.Context, from *ocpi.Partner, uid string, result v230.ActiveChargingProfileResult) error {
	profile, err := written(result.Profile)
	if err != nil {
		return err
	}
	return s.take(ctx, from, GetProfile, uid, Step{Result: string(result.Result), profile: profile})
}

// ChargingProfileResult implements ocpiserver.ChargingProfileResults.
func (s *Sender) ChargingProfileResult(ctx context.Context, from *ocpi.Partner, uid string, result v230.ChargingProfileResult) error {
	return s.take(ctx, from, SetProfile, uid, Step{Result: string(result.Result)})
}

// ClearProfileResult implements ocpiserver.ChargingProfileResults.
func (s *Sender) ClearProfileResult(ctx context.Context, from *ocpi.Partner, uid string, result v230.ClearProfileResult) error {
	return s.take(ctx, from, ClearProfile, uid, Step{Result: string(result.Result)})
}

// UpdateChargingProfile implements ocpiserver.ChargingProfileResults: it keeps which profile is active with the profile that we
// have set last. It is ocpi.ErrNotFound for a session of the partner's for which we have set none (requirements DP-06, DP-07).
func (s *Sender) UpdateChargingProfile(ctx context.Context, from *ocpi.Partner, sessionID string, active v230.ActiveChargingProfile) error {
	known, err := s.store.Matching(ctx, false, from.ID, profileMatch(sessionID), time.Time{})
	if err != nil {
		return fmt.Errorf("find the profile of session %s: %w", sessionID, err)
	}
	id := ""
	for i := range known {
		if known[i].Type == SetProfile {
			id = known[i].ID
		}
	}
	if id == "" {
		return ocpi.NotFound("no charging profile was set for a session %s of yours", sessionID)
	}
	profile, err := written(&active)
	if err != nil {
		return err
	}
	_, err = s.happen(ctx, id, Step{At: s.now(), What: ProfileChanged, profile: profile}, s.limits)
	return err
}
