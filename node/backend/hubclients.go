package backend

import (
	"context"
	"net/http"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// HubClients are the parties behind hubs, as the hubs say.
type HubClients interface {
	// List returns what a hub has said, about some parties or about all where none is named.
	List(ctx context.Context, hub string, parties ...ocpi.Party) ([]v230.ClientInfo, error)
}

type hubClientsInput struct {
	Hub string `path:"name" doc:"Our name for the hub"`
}

func (a *API) addHubClients() {
	if a.config.HubClients == nil {
		return
	}
	o := operation{tag: "partners", scope: ScopeRead, result: listOf(schemaOf[JSON](a))}
	o = o.as("GET", "/partners/{name}/hub-clients", "list-hub-clients", "List the parties behind a hub")
	o.doc = "Each is a ClientInfo of OCPI: the party, its role, and whether it is reached through the hub. A partner that is no hub has none."
	add(a, o, func(ctx context.Context, in *hubClientsInput) (*answer, error) {
		known, err := a.config.HubClients.List(ctx, in.Hub)
		if err != nil {
			return nil, err
		}
		return answered(http.StatusOK, map[string]any{"items": append([]v230.ClientInfo{}, known...), "total": len(known)})
	})
}
