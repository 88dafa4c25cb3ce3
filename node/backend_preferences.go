package node

import (
	"context"
	"errors"
	"net/http"

	"github.com/roamwire/roamwire/node/backend"
	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/handshake"
	"github.com/roamwire/roamwire/ocpi/ocpiclient"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// Prefer implements backend.Commands.
func (c commands) Prefer(ctx context.Context, r backend.PreferenceRequest) (backend.Preference, error) {
	about := backend.CommandRequest{Type: v230.CommandTypeStopSession, Partner: r.Partner, Session: r.Session}
	partner, err := c.receiver(ctx, &about)
	if err != nil {
		return backend.Preference{}, err
	}
	if err := c.reach(ctx, partner, about.Session.Party); err != nil {
		return backend.Preference{}, err
	}
	client, err := c.n.handshake.Client(ctx, partner)
	if errors.Is(err, handshake.ErrUnknown) {
		return backend.Preference{}, partnerUnknown(partner, err)
	}
	if err != nil {
		return backend.Preference{}, backend.Refuse(http.StatusConflict, "%v", err)
	}
	response, err := client.CPO().SetChargingPreferences(ocpiclient.WithReceiver(ctx, about.Session.Party), r.Session.ID, r.Preferences)
	if err != nil {
		return backend.Preference{}, preferenceError(partner, r.Session.ID, err)
	}
	return backend.Preference{Partner: partner, Result: string(response)}, nil
}

// preferenceError is why a CPO has not answered whether it follows preferences.
func preferenceError(partner, session string, err error) error {
	var e *ocpiclient.Error
	switch {
	case errors.Is(err, ocpiclient.ErrNotOffered):
		return backend.Refuse(http.StatusConflict, "the version agreed with %s has no charging preferences, or it takes none", partner)
	case errors.As(err, &e) && e.HTTP == http.StatusNotFound && e.Status == ocpi.StatusInvalidParameters:
		return backend.Refuse(http.StatusConflict, "the EVSE of session %s takes no charging preferences", session)
	case errors.Is(err, ocpi.ErrNotFound):
		return backend.Refuse(http.StatusNotFound, "%s does not know session %s", partner, session)
	default:
		return backend.Refuse(http.StatusBadGateway, "%s has not answered: %v", partner, err)
	}
}
