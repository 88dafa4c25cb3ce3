package ocpiserver

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// ClientInfos takes what a hub says about the parties that are reached through it, since 2.2. It is never deleted: a party that
// has gone is SUSPENDED (requirement DH-03).
type ClientInfos interface {
	// Get returns what this hub has said about a party, or ocpi.ErrNotFound. The role stands in the object and not in the URL:
	// where a party has several, it is what was said last (requirement DH-06).
	Get(ctx context.Context, hub *ocpi.Partner, party ocpi.Party) (v230.ClientInfo, error)
	// Put takes what the hub says about a party in one role.
	Put(ctx context.Context, hub *ocpi.Partner, info v230.ClientInfo) (created bool, err error)
}

// A Hub is what a platform serves through which others reach each other.
type Hub struct {
	// ClientInfos are the parties that are reached through it. Every partner may read them.
	ClientInfos Sender[v230.ClientInfo]
}

// sharedResource mounts a resource of a module that belongs to no role of ours: at the path of all roles alone.
func (s *speaker) sharedResource(role ocpi.InterfaceRole, module ocpi.ModuleID, path string, res resource) {
	res.module, res.version = module, s.version
	res.root = s.shared(role, module)
	s.handle(res.root+path, res)
}

// mountClientInfos serves the module hubclientinfo: what hubs say to us, and what we say as a hub. It has no routing headers
// (requirement DT-18).
func (s *speaker) mountClientInfos() {
	const module = ocpi.ModuleHubClientInfo
	if s.config.Hub != nil && s.config.Hub.ClientInfos != nil {
		s.common = append(s.common, endpoint{ocpi.Sender, module, nil})
		s.sharedResource(ocpi.Sender, module, "", resource{methods: get(list(s, s.config.Hub.ClientInfos, s.codecs.ClientInfos, false))})
	}
	if s.config.ClientInfos != nil {
		s.common = append(s.common, endpoint{ocpi.Receiver, module, nil})
		s.sharedResource(ocpi.Receiver, module, ownedPath, resource{caller: ocpi.RoleHub, methods: methods{
			http.MethodGet: s.clientInfo(s.config.ClientInfos), http.MethodPut: s.putClientInfo(s.config.ClientInfos),
		}})
	}
}

// client is the party in the URL that a hub speaks of.
func (c *call) client() (ocpi.Party, error) {
	party := ocpi.NewParty(c.path("country_code"), c.path("party_id"))
	if _, err := ocpi.ParseParty(party.String()); err != nil {
		return party, ocpi.NotFound("%s is no party", quote(party.String()))
	}
	return party, nil
}

func (s *speaker) clientInfo(infos ClientInfos) handler {
	return func(c *call) (answer, error) {
		party, err := c.client()
		if err != nil {
			return answer{}, err
		}
		info, err := infos.Get(c.ctx(), c.partner, party)
		if err != nil {
			return answer{}, err
		}
		return written(c, s, s.codecs.ClientInfos, info, party)
	}
}

func (s *speaker) putClientInfo(infos ClientInfos) handler {
	return func(c *call) (answer, error) {
		party, err := c.client()
		if err != nil {
			return answer{}, err
		}
		info, err := read(c, s, s.codecs.ClientInfos, party)
		if err != nil {
			return answer{}, err
		}
		before, err := infos.Get(c.ctx(), c.partner, party)
		if err == nil && before.Role == info.Role {
			err = c.older("ClientInfo", "", "", before.LastUpdated, info.LastUpdated)
		}
		if err != nil && !errors.Is(err, ocpi.ErrNotFound) {
			return answer{}, fmt.Errorf("take ClientInfo of %s: %w", party, err)
		}
		isNew, err := infos.Put(c.ctx(), c.partner, info)
		return created(isNew), err
	}
}
