package node

import (
	"context"
	"errors"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/roamwire/roamwire/node/command"
	"github.com/roamwire/roamwire/node/object"
	"github.com/roamwire/roamwire/node/store"
	"github.com/roamwire/roamwire/node/store/sqlite"
	"github.com/roamwire/roamwire/ocpi"
	library "github.com/roamwire/roamwire/ocpi/command"
	"github.com/roamwire/roamwire/ocpi/ocpiclient"
	"github.com/roamwire/roamwire/ocpi/ocpiserver"
	"github.com/roamwire/roamwire/ocpi/v230"
)

var (
	_ command.Store   = (*sqlite.DB)(nil)
	_ command.Journal = (*sqlite.DB)(nil)
)

// newCommands makes the room of commands under way.
func (n *Node) newCommands() *command.Commands {
	return command.New(command.Config{
		Store: n.db, Journal: n.db, Clients: commandClients{n}, Locations: n.Objects.Locations, Sessions: n.Objects.Sessions, HasSession: n.hasSession,
		Party: n.partyOf, BaseURL: n.URL(), Settings: n.config.Commands, Logger: n.config.Logger, Now: n.config.Now,
	})
}

type ownerKey struct{}

// withOwner makes a command under ctx be for the party of the partner's that owns what it is about, where that is known.
func withOwner(ctx context.Context, owner ocpi.Party) context.Context {
	if owner == (ocpi.Party{}) {
		return ctx
	}
	return context.WithValue(ctx, ownerKey{}, owner)
}

// partyOf is the party of a partner's that has the location or the session of a command, or was asked for the reservation; zero
// where that is not known.
func (n *Node) partyOf(ctx context.Context, c library.Command) ocpi.Party {
	if owner, ok := ctx.Value(ownerKey{}).(ocpi.Party); ok {
		return owner
	}
	if c.Type == v230.CommandTypeCancelReservation {
		return n.reservedAt(ctx, c)
	}
	var about struct {
		Location ocpi.CiString `json:"location_id"`
		Session  ocpi.CiString `json:"session_id"`
	}
	if err := json.Unmarshal(c.Request, &about, jsontext.AllowDuplicateNames(true)); err != nil {
		return ocpi.Party{}
	}
	module, id := ocpi.ModuleLocations, string(about.Location)
	if id == "" {
		module, id = ocpi.ModuleSessions, string(about.Session)
	}
	found, err := n.db.Find(ctx, store.Selection{Module: module, Source: c.Partner, AnyAudience: true, AnyCase: true}, id)
	if err != nil {
		return ocpi.Party{}
	}
	return found.Party
}

// reservedAt is the party of a partner's that was asked for the reservation that a command gives up.
func (n *Node) reservedAt(ctx context.Context, c library.Command) ocpi.Party {
	cancel, err := library.As[v230.CancelReservation](c)
	if err != nil {
		return ocpi.Party{}
	}
	made, err := n.reservations(ctx, cancel.ReservationID)
	if err != nil {
		n.config.Logger.WarnContext(ctx, "it is not known which party has a reservation", "partner", c.Partner, "reservation", cancel.ReservationID, "error", err)
	}
	for i := range made {
		if made[i].Partner == c.Partner {
			return made[i].Party
		}
	}
	return ocpi.Party{}
}

// chargings is the sessions module of our CPO side: our sessions, and what their drivers want of them.
type chargings struct {
	*object.Own[v230.Session]
	command.Preferences
}

var (
	_ ocpiserver.RenderedSender  = (*chargings)(nil)
	_ ocpiserver.PreferenceTaker = (*chargings)(nil)
)

// anyCase reports whether ids are the same in a version whatever their case (requirement DT-31).
func anyCase(v ocpi.Version) bool { return v.Compare("2.2") >= 0 }

// hasSession tells whether one of our parties that a partner deals with has a session.
func (n *Node) hasSession(ctx context.Context, with *ocpi.Partner, id string) (bool, error) {
	_, err := n.db.Find(ctx, store.Selection{
		Module: ocpi.ModuleSessions, Parties: with.Serves, AnyAudience: true, AnyCase: anyCase(with.Version),
	}, id)
	if errors.Is(err, store.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// commandClients call partners with commands and their results.
type commandClients struct{ node *Node }

// Client implements command.Clients. The operator may let results go to hosts that are not the partner's by its endpoints.
func (c commandClients) Client(ctx context.Context, partner string) (*ocpiclient.Client, error) {
	client, err := c.node.handshake.Client(ctx, partner)
	if err != nil {
		return nil, err
	}
	policy, err := c.node.Partners.Policy(ctx, partner)
	if err != nil {
		return nil, err
	}
	return client.WithTokenHosts(policy.ResultHosts...), nil
}
