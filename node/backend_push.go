package node

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/roamwire/roamwire/node/backend"
	"github.com/roamwire/roamwire/node/store"
	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/ocpiclient"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// pushNow sends objects to partners when somebody asks for it, beside the lanes.
type pushNow struct{ n *Node }

// Receivers implements backend.Pusher: the partners that are sent the owner's objects, and may see this one.
func (p pushNow) Receivers(ctx context.Context, o store.Object) ([]string, error) {
	all, err := p.n.pushPartners(ctx, p.n.config.Parties)
	if err != nil {
		return nil, err
	}
	wanted := ocpi.RoleEMSP
	if o.Module == ocpi.ModuleTokens {
		wanted = ocpi.RoleCPO
	}
	var names []string
	for i := range all {
		to := &all[i]
		if to.Role == wanted && slices.Contains(to.Modules, o.Module) && to.Sees(&o) {
			names = append(names, to.Name)
		}
	}
	return names, nil
}

// Send implements backend.Pusher.
func (p pushNow) Send(ctx context.Context, partner string, o store.Object) (backend.PushAnswer, error) {
	client, err := p.n.handshake.Client(ctx, partner)
	if err != nil {
		return backend.PushAnswer{}, err
	}
	message, err := compose(ctx, client, o)
	if err != nil {
		return backend.PushAnswer{}, err
	}
	sent, err := client.Send(ctx, message)
	answer := backend.PushAnswer{HTTP: sent.HTTP, Location: sent.Location}
	if failed, ok := errors.AsType[*ocpiclient.Error](err); ok {
		answer.HTTP, answer.Status = failed.HTTP, failed.Status
	} else if err == nil {
		answer.Status = ocpi.StatusSuccess
	}
	return answer, err
}

// compose writes the message that has all of an object.
func compose(ctx context.Context, client *ocpiclient.Client, o store.Object) (ocpiclient.Message, error) {
	switch o.Module {
	case ocpi.ModuleLocations:
		return composed(ctx, o, client.EMSP().Locations.ComposePut)
	case ocpi.ModuleSessions:
		return composed[v230.Session](ctx, o, client.EMSP().Sessions.ComposePut)
	case ocpi.ModuleTariffs:
		return composed(ctx, o, client.EMSP().Tariffs.ComposePut)
	case ocpi.ModuleCDRs:
		return composed(ctx, o, client.EMSP().CDRs.ComposePost)
	case ocpi.ModuleTokens:
		return composed[v230.Token](ctx, o, client.CPO().Tokens.ComposePut)
	default:
		return ocpiclient.Message{}, fmt.Errorf("%s are not pushed", o.Module)
	}
}

func composed[T any](ctx context.Context, o store.Object, write func(context.Context, T) (ocpiclient.Message, error)) (ocpiclient.Message, error) {
	var object T
	if err := json.Unmarshal(o.Body, &object, jsontext.AllowDuplicateNames(true)); err != nil {
		return ocpiclient.Message{}, fmt.Errorf("read what is to be pushed: %w", err)
	}
	return write(ctx, object)
}
