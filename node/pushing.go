package node

import (
	"context"
	"slices"

	"github.com/roamwire/roamwire/node/partner"
	"github.com/roamwire/roamwire/node/push"
	"github.com/roamwire/roamwire/node/store"
	"github.com/roamwire/roamwire/node/store/sqlite"
	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/handshake"
	"github.com/roamwire/roamwire/ocpi/ocpiclient"
	"github.com/roamwire/roamwire/ocpi/v230"
)

var _ push.Store = (*sqlite.DB)(nil)

// newPusher makes what pushes our objects to partners.
func (n *Node) newPusher(own self) *push.Pusher {
	return push.New(push.Config{
		Store:    n.db,
		Partners: func(ctx context.Context) ([]push.Partner, error) { return n.pushPartners(ctx, own.Parties) },
		Client: func(ctx context.Context, name string) (*ocpiclient.Client, error) {
			return n.handshake.Client(ctx, name)
		},
		// A partner that could not be reached could not reach us either.
		OnBack:      func(partner string) { n.puller.Wake(partner) },
		Parked:      n.tellParked,
		Concurrency: n.config.Push.Concurrency,
		Backoff:     n.config.Push.Backoff,
		Logger:      n.config.Logger,
		Now:         n.config.Now,
	})
}

// Pushes returns where the lanes of all registered partners are.
func (d *Data) Pushes(ctx context.Context) ([]push.Status, error) {
	own, err := d.self(ctx)
	if err != nil {
		return nil, err
	}
	partners, err := d.pushPartners(ctx, own.Parties)
	if err != nil {
		return nil, err
	}
	return push.State(ctx, d.db, partners)
}

// RetryPushes lets objects that a partner did not take be tried again now, and returns how many there are. It is
// handshake.ErrUnknown for a partner that there is not.
func (d *Data) RetryPushes(ctx context.Context, partner string, module ocpi.ModuleID, id string) (int, error) {
	relations, err := d.Partners.Relations(ctx) // which need no key
	if err != nil {
		return 0, err
	}
	if !slices.ContainsFunc(relations, func(r handshake.Relation) bool { return r.Name == partner }) {
		return 0, handshake.ErrUnknown
	}
	return push.Retry(ctx, d.db, d.config.Now(), partner, module, id)
}

// SettleCDR tells what a person has found out about a CDR of which it was not known whether a partner has it. It is
// store.ErrNotFound where no such CDR waits for that.
func (d *Data) SettleCDR(ctx context.Context, partner, id string, outcome push.Outcome) error {
	if _, err := d.Partners.Relation(ctx, partner); err != nil {
		return err
	}
	n, err := push.Settle(ctx, d.db, d.config.Now(), partner, id, outcome)
	if err == nil && n == 0 {
		err = store.ErrNotFound
	}
	return err
}

// pushPartners are the registered partners, as lanes see them.
func (d *Data) pushPartners(ctx context.Context, parties []Party) ([]push.Partner, error) {
	relations, err := d.Partners.Relations(ctx)
	if err != nil {
		return nil, err
	}
	policies, err := d.Partners.Policies(ctx)
	if err != nil {
		return nil, err
	}
	reaches, err := d.reaches(ctx, relations)
	if err != nil {
		return nil, err
	}
	var partners []push.Partner
	for i := range relations {
		rel := &relations[i]
		if rel.State != handshake.Registered || rel.Suspended || len(rel.Remote.Roles) == 0 {
			continue
		}
		for _, role := range sides(rel.Remote.Roles) {
			partners = append(partners, pushPartner(rel, role, policies[rel.Name].Push, parties))
		}
	}
	for i := range partners {
		partners[i].Sole = !slices.ContainsFunc(partners, func(p push.Partner) bool {
			return (p.Role == ocpi.RoleCPO) == (partners[i].Role == ocpi.RoleCPO) && p.Name != partners[i].Name
		})
		if r, isHub := reaches[partners[i].Name]; isHub {
			r.through(&partners[i])
		}
	}
	return partners, nil
}

// sides are the roles in which a partner is pushed to: as CPO what eMSPs have, and in its first other role what CPOs have. In 2.1.1
// it has one role; since 2.2 a platform can have several, and is then pushed to in both directions, as is a hub.
func sides(roles []ocpi.PartyRole) []ocpi.Role {
	var sides []ocpi.Role
	for _, asCPO := range []bool{true, false} {
		i := slices.IndexFunc(roles, func(r ocpi.PartyRole) bool { return (r.Role == ocpi.RoleCPO) == asCPO })
		switch {
		case i >= 0:
			sides = append(sides, roles[i].Role)
		case asCPO && slices.ContainsFunc(roles, func(r ocpi.PartyRole) bool { return r.Role == ocpi.RoleHub }):
			sides = append(sides, ocpi.RoleCPO)
		}
	}
	return sides
}

// pushPartner is a partner in one of its sides, as lanes see it. It is pushed what the other role has.
func pushPartner(rel *handshake.Relation, side ocpi.Role, policy partner.PushPolicy, parties []Party) push.Partner {
	p := push.Partner{
		Name: rel.Name, Version: rel.Remote.Version, Role: side, Since: rel.Since,
		Policy: push.Policy{
			Off: policy.Off, Except: policy.Except, Whole: policy.Whole, FromNow: policy.FromNow,
			Rate: policy.Rate, Concurrency: policy.Concurrency, Timeout: policy.Timeout,
		},
	}
	for _, role := range rel.Remote.Roles {
		isCPO := role.Role == ocpi.RoleCPO
		if isCPO == (side == ocpi.RoleCPO) && !slices.Contains(p.Audience, role.Party) {
			p.Audience = append(p.Audience, role.Party)
		}
		p.Terms += role.Party.String() + " "
	}
	for _, party := range parties {
		serves := len(rel.Terms.Serves) == 0 || slices.Contains(rel.Terms.Serves, party.Party)
		chosen := len(policy.Parties) == 0 || slices.Contains(policy.Parties, party.Party)
		if serves && chosen && slices.Contains(party.Roles, counterpart(p.Role)) {
			p.Parties = append(p.Parties, party.Party)
		}
	}
	p.Terms += string(rel.Remote.Version) + " " + rel.Terms.Quirks
	for _, e := range rel.Remote.Endpoints {
		if e.Role == "" || e.Role == ocpi.Receiver {
			p.Modules = append(p.Modules, e.Module)
			p.Terms += " " + e.URL
		}
	}
	for _, token := range rel.Outbound[:min(1, len(rel.Outbound))] {
		p.Terms += " " + token.Made.String()
	}
	return p
}

// counterpart is the role that deals with partners in a role.
func counterpart(role ocpi.Role) ocpi.Role {
	if role == ocpi.RoleCPO {
		return ocpi.RoleEMSP
	}
	return ocpi.RoleCPO
}

// ownLocation looks up a location of ours, for the copies that sessions and CDRs of 2.1.1 carry.
func (d *Data) ownLocation(ctx context.Context, owner ocpi.Party, id string) (v230.Location, bool) {
	location, err := d.Objects.Locations.Find(ctx, []ocpi.Party{owner}, id)
	return location, err == nil
}
