package ocpitest

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// ChargingProfiles takes what is asked about the charging profiles of sessions, writes it down and answers it. It implements
// ocpiserver.ChargingProfiles. The zero ChargingProfiles accepts everything.
type ChargingProfiles struct {
	mu      sync.Mutex
	respond func(ProfileRequest) (v230.ChargingProfileResponse, error)
	taken   []ProfileRequest
}

// A ProfileRequest is what a partner asked about a charging profile: to set Profile where there is one, which is active where
// there is a Duration, and otherwise to clear it.
type ProfileRequest struct {
	// Partner is our name for the sender.
	Partner     string
	SessionID   string
	Duration    time.Duration
	Profile     *v230.ChargingProfile
	ResponseURL string
}

// Respond answers requests with fn from now on. Nil brings back the default, which accepts.
func (c *ChargingProfiles) Respond(fn func(ProfileRequest) (v230.ChargingProfileResponse, error)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.respond = fn
}

// Taken returns the requests so far, oldest first.
func (c *ChargingProfiles) Taken() []ProfileRequest {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.taken)
}

// ActiveChargingProfile implements ocpiserver.ChargingProfiles.
func (c *ChargingProfiles) ActiveChargingProfile(_ context.Context, from *ocpi.Partner, sessionID string, duration time.Duration, responseURL string) (v230.ChargingProfileResponse, error) {
	return c.take(ProfileRequest{Partner: from.ID, SessionID: sessionID, Duration: duration, ResponseURL: responseURL})
}

// SetChargingProfile implements ocpiserver.ChargingProfiles.
func (c *ChargingProfiles) SetChargingProfile(_ context.Context, from *ocpi.Partner, sessionID string, request v230.SetChargingProfile) (v230.ChargingProfileResponse, error) {
	profile := clone(request.ChargingProfile)
	return c.take(ProfileRequest{Partner: from.ID, SessionID: sessionID, Profile: &profile, ResponseURL: request.ResponseURL})
}

// ClearChargingProfile implements ocpiserver.ChargingProfiles.
func (c *ChargingProfiles) ClearChargingProfile(_ context.Context, from *ocpi.Partner, sessionID, responseURL string) (v230.ChargingProfileResponse, error) {
	return c.take(ProfileRequest{Partner: from.ID, SessionID: sessionID, ResponseURL: responseURL})
}

func (c *ChargingProfiles) take(request ProfileRequest) (v230.ChargingProfileResponse, error) {
	c.mu.Lock()
	c.taken = append(c.taken, request)
	respond := c.respond
	c.mu.Unlock()
	if respond == nil {
		return v230.ChargingProfileResponse{Result: v230.ChargingProfileResponseTypeAccepted, Timeout: acceptedTimeout}, nil
	}
	return respond(request)
}

// ChargingProfileResults takes what CPOs say about charging profiles, and writes it down. It implements
// ocpiserver.ChargingProfileResults. The zero ChargingProfileResults is ready.
type ChargingProfileResults struct {
	mu    sync.Mutex
	taken []ProfileResult
}

// A ProfileResult is the result of a request about a charging profile, or a profile that is active from now on.
type ProfileResult struct {
	// Partner is our name for the sender.
	Partner string
	// Kind is active, set or clear, by what was asked, and update for a profile that has changed.
	Kind string
	// UID is our name for the request, and SessionID that of the session which an update is about.
	UID, SessionID string
	Result         v230.ChargingProfileResultType
	// Profile is the active one; nil where none was said.
	Profile *v230.ActiveChargingProfile
}

// ActiveChargingProfileResult implements ocpiserver.ChargingProfileResults.
func (c *ChargingProfileResults) ActiveChargingProfileResult(_ context.Context, from *ocpi.Partner, uid string, result v230.ActiveChargingProfileResult) error {
	return c.take(ProfileResult{Partner: from.ID, Kind: "active", UID: uid, Result: result.Result, Profile: clone(result.Profile)})
}

// ChargingProfileResult implements ocpiserver.ChargingProfileResults.
func (c *ChargingProfileResults) ChargingProfileResult(_ context.Context, from *ocpi.Partner, uid string, result v230.ChargingProfileResult) error {
	return c.take(ProfileResult{Partner: from.ID, Kind: "set", UID: uid, Result: result.Result})
}

// ClearProfileResult implements ocpiserver.ChargingProfileResults.
func (c *ChargingProfileResults) ClearProfileResult(_ context.Context, from *ocpi.Partner, uid string, result v230.ClearProfileResult) error {
	return c.take(ProfileResult{Partner: from.ID, Kind: "clear", UID: uid, Result: result.Result})
}

// UpdateChargingProfile implements ocpiserver.ChargingProfileResults.
func (c *ChargingProfileResults) UpdateChargingProfile(_ context.Context, from *ocpi.Partner, sessionID string, profile v230.ActiveChargingProfile) error {
	profile = clone(profile)
	return c.take(ProfileResult{Partner: from.ID, Kind: "update", SessionID: sessionID, Profile: &profile})
}

func (c *ChargingProfileResults) take(result ProfileResult) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.taken = append(c.taken, result)
	return nil
}

// Taken returns what has come so far, oldest first.
func (c *ChargingProfileResults) Taken() []ProfileResult {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.taken)
}
