package node

import (
	"context"
	"net/http"

	"github.com/roamwire/roamwire/node/store"
)

// Backend is the backend API of a node.
func (n *Node) Backend() (http.Handler, error) { return n.API(), nil }

// Told are the latest thousand events of a type.
func (n *Node) Told(ctx context.Context, kind string) ([]store.Event, error) {
	events, _, err := n.db.Events(ctx, store.EventFilter{Types: []string{kind}}, 0, 1000)
	return events, err
}
