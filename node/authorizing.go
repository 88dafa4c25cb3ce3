package node

import (
	"context"
	"slices"
	"time"

	"github.com/roamwire/roamwire/node/authorize"
	"github.com/roamwire/roamwire/node/object"
	"github.com/roamwire/roamwire/node/store/sqlite"
	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/ocpiserver"
	"github.com/roamwire/roamwire/ocpi/v230"
)

var (
	_ authorize.Store = (*sqlite.DB)(nil)

	_ ocpiserver.Sender[v230.Token] = (*drivers)(nil)
	_ ocpiserver.RenderedSender     = (*drivers)(nil)
	_ ocpiserver.Authorizer         = (*drivers)(nil)
)

// AuthorizeConfig says how it is decided who may charge. The zero value decides by what is in the store, and asks eMSPs
// where their tokens' whitelist wants it.
type AuthorizeConfig struct {
	// Deadline is how long an eMSP may take to say whether its driver may charge, unless its policy says otherwise. Default
	// 3 seconds.
	Deadline time.Duration
	// RefuseUnknown refuses tokens that no eMSP has sent. Without it, all eMSPs are asked about them.
	RefuseUnknown bool
	// AnyCase lets the uids of tokens from 2.1.1 match whatever the case of their letters.
	AnyCase bool

	// Webhook is a URL of the operator's that decides whether our drivers may charge; empty for the node's own tokens alone.
	Webhook string
	// WebhookSecret proves to it that the question is ours: "whsec_…" signs questions, any other is a bearer token.
	WebhookSecret string
	// WebhookDeadline is how long it may take. Default 2 seconds.
	WebhookDeadline time.Duration
	// WebhookOnly lets nobody charge while it is not heard. Without it, the tokens decide then.
	WebhookOnly bool
}

// drivers is the tokens module of our eMSP side: our tokens, and whether their drivers may charge.
type drivers struct {
	*object.Own[v230.Token]
	*authorize.Answerer
}

// authorizing makes what decides who may charge.
func (n *Node) authorizing() error {
	c, count := n.config.Authorize, n.metrics.Authorizations()
	observe := func(o authorize.Observation) {
		count(o.Direction, o.Partner, o.Allowed, string(o.By), string(o.Trouble), o.Duration)
	}
	answer := authorize.AnswererConfig{Store: n.db, FailClosed: c.WebhookOnly, Observe: observe, Logger: n.config.Logger, Now: n.config.Now}
	if c.Webhook != "" {
		webhook, err := authorize.NewWebhook(authorize.WebhookConfig{
			URL: c.Webhook, Secret: c.WebhookSecret, Deadline: c.WebhookDeadline, Now: n.config.Now,
		})
		if err != nil {
			return err
		}
		answer.Webhook = webhook
	}
	n.drivers = &drivers{n.Objects.Tokens, authorize.NewAnswerer(answer)}
	n.asker = authorize.NewAsker(authorize.AskerConfig{
		Store: n.db, Partners: n.authorizePartners, Clients: n.handshake, Reachable: n.reachesEMSP, Commanded: n.commanded, Deadline: c.Deadline, RefuseUnknown: c.RefuseUnknown, AnyCase: c.AnyCase,
		Observe: observe, Logger: n.config.Logger, Now: n.config.Now,
	})
	return nil
}

// reachesEMSP reports whether a hub says nothing against an eMSP behind it.
func (n *Node) reachesEMSP(ctx context.Context, hub string, party ocpi.Party) (bool, error) {
	return n.hubClients.Reachable(ctx, hub, party, ocpi.RoleEMSP)
}

// commanded are the drivers for whom eMSPs have sent commands.
func (n *Node) commanded(ctx context.Context, location string, since time.Time) ([]authorize.Commanded, error) {
	drivers, err := n.Commands.Drivers(ctx, location, since)
	all := make([]authorize.Commanded, len(drivers))
	for i, d := range drivers {
		all[i] = authorize.Commanded(d)
	}
	return all, err
}

// Authorize decides, for our CPO side, whether a driver of an eMSP may charge.
func (n *Node) Authorize(ctx context.Context, q authorize.Question) (authorize.Verdict, error) {
	return n.asker.Ask(ctx, q)
}

// authorizePartners are the eMSPs whose drivers may come: those that may call us. One that was added by hand cannot be asked.
func (d *Data) authorizePartners(ctx context.Context) ([]authorize.Partner, error) {
	relations, err := d.Partners.Relations(ctx)
	if err != nil {
		return nil, err
	}
	policies, err := d.Partners.Policies(ctx)
	if err != nil {
		return nil, err
	}
	var partners []authorize.Partner
	for i := range relations {
		rel := &relations[i]
		p := rel.Partner()
		if p.Access != ocpi.AccessFull || !p.Has(ocpi.RoleEMSP) {
			continue
		}
		policy := policies[rel.Name].Authorize
		asked := authorize.Partner{
			Name: rel.Name, Version: p.Version, Parties: p.Parties(ocpi.RoleEMSP), Hub: p.Hub != ocpi.Party{}, Policy: authorize.Policy{Deadline: policy.Deadline, Off: policy.Off},
		}
		if policy.Realtime {
			asked.Policy.Prefer = authorize.PreferRealtime
		}
		asked.CanAsk = slices.ContainsFunc(rel.Remote.Endpoints, func(e ocpi.Endpoint) bool {
			return e.Module == ocpi.ModuleTokens && (e.Role == "" || e.Role == ocpi.Sender)
		})
		partners = append(partners, asked)
	}
	return partners, nil
}
