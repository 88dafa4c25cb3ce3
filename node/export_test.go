package node

import (
	"context"
	"net/http"

	"github.com/roamwire/roamwire/node/backend"
	"github.com/roamwire/roamwire/node/store"
	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// Backend is the backend API of a node.
func (n *Node) Backend() (http.Handler, error) { return n.API(), nil }

// Told are the latest thousand events of a type.
func (n *Node) Told(ctx context.Context, kind string) ([]store.Event, error) {
	events, _, err := n.db.Events(ctx, store.EventFilter{Types: []string{kind}}, 0, 1000)
	return events, err
}

// Prefer tells a CPO how a driver wants to charge.
func (n *Node) Prefer(ctx context.Context, r backend.PreferenceRequest) (backend.Preference, error) {
	return commands{n}.Prefer(ctx, r)
}

// Send sends a command as the API does, and waits for the first answer alone.
func (n *Node) Send(ctx context.Context, r backend.CommandRequest) (backend.Command, error) {
	return commands{n}.Send(ctx, r, 0)
}

// LaneState is what a lane has written down of itself.
func (n *Node) LaneState(ctx context.Context, partner string, module ocpi.ModuleID) (string, error) {
	lane, err := n.db.Lane(ctx, partner, module)
	return string(lane.State), err
}

// HubSays keeps what a hub says of a party.
func (n *Node) HubSays(ctx context.Context, hub string, info v230.ClientInfo) error {
	_, err := n.hubClients.Put(ctx, &ocpi.Partner{ID: hub}, info)
	return err
}

// CheckPlace refuses what a location has not.
var CheckPlace = checkPlace
