package command

import (
	"context"
	"fmt"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// ActiveChargingProfile implements ocpiserver.ChargingProfiles. Like commands, requests are checked, stored and then answered by the
// program, which gives the result by ProfileResult.
func (r *Receiver) ActiveChargingProfile(ctx context.Context, from *ocpi.Partner, sessionID string, duration time.Duration, responseURL string) (v230.ChargingProfileResponse, error) {
	return r.takeProfile(ctx, from, GetProfile, responseURL, ProfileRequest{SessionID: sessionID, Duration: int(duration / time.Second)})
}

// SetChargingProfile implements ocpiserver.ChargingProfiles.
func (r *Receiver) SetChargingProfile(ctx context.Context, from *ocpi.Partner, sessionID string, request v230.SetChargingProfile) (v230.ChargingProfileResponse, error) {
	return r.takeProfile(ctx, from, SetProfile, request.ResponseURL, ProfileRequest{SessionID: sessionID, ChargingProfile: &request.ChargingProfile})
}

// ClearChargingProfile implements ocpiserver.ChargingProfiles.
func (r *Receiver) ClearChargingProfile(ctx context.Context, from *ocpi.Partner, sessionID, responseURL string) (v230.ChargingProfileResponse, error) {
	return r.takeProfile(ctx, from, ClearProfile, responseURL, ProfileRequest{SessionID: sessionID})
}

func (r *Receiver) takeProfile(ctx context.Context, from *ocpi.Partner, kind v230.CommandType, responseURL string, request ProfileRequest) (v230.ChargingProfileResponse, error) {
	response, err := take(ctx, r, from, kind, responseURL, profileMatch(request.SessionID), &request)
	return v230.ChargingProfileResponse{Result: v230.ChargingProfileResponseType(response.Result), Timeout: response.Timeout}, err
}

// AnswerProfile gives our own answer to a request about a charging profile, as Answer does for commands.
func (r *Receiver) AnswerProfile(ctx context.Context, id string, answer v230.ChargingProfileResponseType, message string) (Command, error) {
	if !answer.Known() {
		return Command{}, fmt.Errorf("%w: %q", ErrInvalid, answer)
	}
	return r.answer(ctx, id, true, string(answer), message)
}

// ProfileResult gives the result of a request about a charging profile, as Result does for commands. The profile is for GetProfile
// alone, and may be nil.
func (r *Receiver) ProfileResult(ctx context.Context, id string, result v230.ChargingProfileResultType, active *v230.ActiveChargingProfile) (Command, error) {
	if !result.Known() {
		return Command{}, fmt.Errorf("%w: %q", ErrInvalid, result)
	}
	if active != nil {
		if err := checkProfile(active.Validate(), "/profile/charging_profile", &active.ChargingProfile); err != nil {
			return Command{}, err
		}
	}
	profile, err := written(active)
	if err != nil {
		return Command{}, err
	}
	return r.result(ctx, id, true, Step{Result: string(result), profile: profile})
}

// ProfileChanged tells which profile is active in a session of ours from now on to each partner who has set one for it, and to
// nobody else (requirement DP-07). What it has not been told before is no longer told. It returns what is sent, one Command for
// each partner.
func (r *Receiver) ProfileChanged(ctx context.Context, sessionID string, active v230.ActiveChargingProfile) ([]Command, error) {
	if err := checkProfile(active.Validate(), "/charging_profile", &active.ChargingProfile); err != nil {
		return nil, err
	}
	known, err := r.store.Matching(ctx, true, "", profileMatch(sessionID), time.Time{})
	if err != nil {
		return nil, fmt.Errorf("find who has set a profile for session %s: %w", sessionID, err)
	}
	to := map[string]*Command{}
	var partners []string
	for i := range known {
		c := &known[i]
		if c.Type == UpdateProfile && c.State == Delivering {
			if err := r.supersede(ctx, c.ID); err != nil {
				return nil, err
			}
		}
		if c.Type == SetProfile && c.Answer != nil && c.Answer.Result == v230.CommandResponseTypeAccepted {
			if to[c.Partner] == nil {
				partners = append(partners, c.Partner)
			}
			to[c.Partner] = c // what it has set last
		}
	}
	var sent []Command
	for _, partner := range partners {
		c, err := r.update(ctx, to[partner], active)
		if err != nil {
			return sent, err
		}
		sent = append(sent, c)
	}
	return sent, nil
}

// supersede gives up a profile that is not told yet, because another is active by now.
func (r *Receiver) supersede(ctx context.Context, id string) error {
	_, err := r.happen(ctx, id, Step{At: r.now(), What: Undelivered, Message: "another profile is active", Final: true}, r.limitsOf(UpdateProfile))
	return err
}

// update stores the word that another profile is active, in the names of the request that set one.
func (r *Receiver) update(ctx context.Context, set *Command, active v230.ActiveChargingProfile) (Command, error) {
	asked, err := As[ProfileRequest](*set)
	if err != nil {
		return Command{}, err
	}
	raw, err := json.Marshal(&ProfileRequest{SessionID: asked.SessionID, ActiveChargingProfile: &active})
	if err != nil {
		return Command{}, fmt.Errorf("write %s: %w", UpdateProfile, err)
	}
	now := r.now()
	c := Command{
		ID: newID(), Received: true, Partner: set.Partner, Party: set.Party, Own: set.Own, Type: UpdateProfile, Request: raw, Created: now,
		Changed: now, Match: set.Match,
	}
	c.end(&Step{At: now, What: Resulted}, accepted, Delivering)
	if err := r.store.Add(ctx, c); err != nil {
		return Command{}, fmt.Errorf("store %s: %w", UpdateProfile, err)
	}
	nudge(r.wake)
	return c, nil
}
