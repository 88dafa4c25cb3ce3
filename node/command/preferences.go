package command

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/go-json-experiment/json"

	"github.com/roamwire/roamwire/node/store"
	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/ocpiserver"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// EventPreferences is the type of the event that a driver wants a session of ours to be charged in some way. Its subject is that of the
// session, and its data a Wanted.
const EventPreferences = "session.preferences"

// A Wanted is what a driver wants of a session of ours.
type Wanted struct {
	SessionID   string                           `json:"session_id"`
	Preferences v230.ChargingPreferences         `json:"preferences"`
	Response    v230.ChargingPreferencesResponse `json:"response"`
}

// Preferences take what drivers want of their charging (requirement DS-09).
type Preferences struct{ commands *Commands }

var _ ocpiserver.PreferenceTaker = Preferences{}

// Preferences returns what takes the preferences of drivers.
func (c *Commands) Preferences() Preferences { return Preferences{c} }

// TakePreferences implements ocpiserver.PreferenceTaker. What an EVSE can follow by its capabilities is accepted, and told as an
// event that is on disk before the answer goes out. The latest counts.
func (p Preferences) TakePreferences(
	ctx context.Context, from *ocpi.Partner, sessionID string, preferences v230.ChargingPreferences,
) (v230.ChargingPreferencesResponse, error) {
	session, err := p.commands.config.Sessions.Get(ctx, from, sessionID)
	if err != nil {
		return "", err
	}
	able, err := p.able(ctx, from, &session)
	if err != nil {
		return "", err
	}
	if !able {
		return "", ocpiserver.ErrNoPreferences
	}
	wanted := Wanted{SessionID: string(session.ID), Preferences: preferences, Response: answerTo(&session, &preferences)}
	data, err := json.Marshal(&wanted)
	if err != nil {
		return "", fmt.Errorf("write the preferences for session %s: %w", session.ID, err)
	}
	subject := fmt.Sprintf("%s/%s/%s/%s", ocpi.ModuleSessions, session.CountryCode, session.PartyID, session.ID)
	return wanted.Response, p.commands.config.Store.Write(ctx, func(tx store.Tx) error {
		return tx.Emit(store.Event{Type: EventPreferences, Subject: subject, Partner: from.ID, Module: ocpi.ModuleSessions, Data: data})
	})
}

// able reports whether the EVSE of a session takes preferences.
func (p Preferences) able(ctx context.Context, from *ocpi.Partner, session *v230.Session) (bool, error) {
	location, err := p.commands.config.Locations.Get(ctx, from, string(session.LocationID))
	if errors.Is(err, ocpi.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return slices.ContainsFunc(location.EVSEs, func(e v230.EVSE) bool {
		return e.UID.Equal(session.EVSEUID) && slices.Contains(e.Capabilities, v230.CapabilityChargingPreferencesCapable)
	}), nil
}

// answerTo says whether preferences can be followed, as far as they tell by themselves: a session that is over changes no more, and
// charging at the cheapest or greenest times has to be done by some time.
func answerTo(session *v230.Session, wanted *v230.ChargingPreferences) v230.ChargingPreferencesResponse {
	over := session.Status == v230.SessionStatusCompleted || session.Status == v230.SessionStatusInvalid
	switch {
	case over:
		return v230.ChargingPreferencesResponseNotPossible
	case !wanted.ProfileType.Known():
		return v230.ChargingPreferencesResponseProfileTypeNotSupported
	case (wanted.ProfileType == v230.ProfileTypeCheap || wanted.ProfileType == v230.ProfileTypeGreen) && wanted.DepartureTime == nil:
		return v230.ChargingPreferencesResponseDepartureRequired
	default:
		return v230.ChargingPreferencesResponseAccepted
	}
}
