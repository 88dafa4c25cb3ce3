package node

import (
	"context"
	"slices"

	"github.com/roamwire/roamwire/node/hubclient"
	"github.com/roamwire/roamwire/node/push"
	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/handshake"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// A reach is which eMSPs there are behind a hub, as it says: those that can be reached, and those that cannot for now (requirement
// DH-04).
type reach struct {
	connected, away []ocpi.Party
}

// reaches are those of the hubs among registered partners, by their names.
func (d *Data) reaches(ctx context.Context, relations []handshake.Relation) (map[string]reach, error) {
	clients, known := hubclient.New(d.db), map[string][]v230.ClientInfo{}
	for i := range relations {
		rel := &relations[i]
		if rel.State != handshake.Registered || rel.Remote.Hub == (ocpi.Party{}) {
			continue
		}
		said, err := clients.List(ctx, rel.Name)
		if err != nil {
			return nil, err
		}
		known[rel.Name] = said
	}
	return reachesOf(relations, known), nil
}

// reachesOf are those of hubs by what they have said, by their names. An eMSP that is a partner itself is not reached through a hub
// as well, and one that several hubs know of is reached through the first alone, also while it is away there: a CDR must not get to
// it twice.
func reachesOf(relations []handshake.Relation, known map[string][]v230.ClientInfo) map[string]reach {
	through := map[ocpi.Party]string{}
	for i := range relations {
		if rel := &relations[i]; rel.State == handshake.Registered {
			for _, role := range rel.Remote.Roles {
				through[role.Party] = rel.Name
			}
		}
	}
	all := map[string]reach{}
	for i := range relations {
		name := relations[i].Name
		if said, isHub := known[name]; isHub {
			all[name] = reachOf(name, said, through)
		}
	}
	return all
}

// reachOf is that of one hub, of parties that are not reached through another partner; from then on they are reached through it.
func reachOf(hub string, said []v230.ClientInfo, through map[ocpi.Party]string) (r reach) {
	for i := range said {
		party := ocpi.NewParty(string(said[i].CountryCode), string(said[i].PartyID))
		if other, taken := through[party]; said[i].Role != ocpi.RoleEMSP || taken && other != hub {
			continue
		}
		through[party] = hub
		if said[i].Status == v230.ConnectionStatusConnected {
			r.connected = append(r.connected, party)
		} else {
			r.away = append(r.away, party)
		}
	}
	return r
}

// through makes a hub's lanes be for the eMSPs behind it that can be reached. When another can, the lanes find out what it has not
// got; what does not say whose driver it is about is for nobody in particular there.
func (r reach) through(p *push.Partner) {
	p.Sole = false
	if p.Role == ocpi.RoleCPO {
		return
	}
	p.Audience = slices.DeleteFunc(slices.Clone(p.Audience), func(party ocpi.Party) bool { return slices.Contains(r.away, party) })
	for _, party := range r.connected {
		if !slices.Contains(p.Audience, party) {
			p.Audience = append(p.Audience, party)
		}
	}
}
