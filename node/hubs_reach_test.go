package node

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/roamwire/roamwire/node/partner"
	"github.com/roamwire/roamwire/node/push"
	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/handshake"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// Each eMSP is reached by one way alone, whatever hubs say of it, and not at all while it is away there (requirement DH-04).
func TestAnEMSPIsReachedByOneWay_DH04(t *testing.T) {
	party := func(id string) ocpi.Party { return ocpi.NewParty("DE", id) }
	relation := func(name string, hub ocpi.Party, eMSPs ...string) handshake.Relation {
		r := handshake.Relation{Name: name, State: handshake.Registered, Remote: handshake.Remote{Hub: hub}}
		if hub != (ocpi.Party{}) {
			r.Remote.Roles = append(r.Remote.Roles, ocpi.PartyRole{Role: ocpi.RoleHub, Party: hub})
		}
		for _, id := range eMSPs {
			r.Remote.Roles = append(r.Remote.Roles, ocpi.PartyRole{Role: ocpi.RoleEMSP, Party: party(id)})
		}
		return r
	}
	says := func(id string, status v230.ConnectionStatus) v230.ClientInfo {
		return v230.ClientInfo{CountryCode: "DE", PartyID: ocpi.CiString(id), Role: ocpi.RoleEMSP, Status: status}
	}
	cpo := says("CPO", v230.ConnectionStatusConnected)
	cpo.Role = ocpi.RoleCPO
	relations := []handshake.Relation{
		relation("a", party("HUA"), "AAA", "BBB"), relation("b", party("HUB")), relation("c", ocpi.Party{}, "CCC"), relation("d", party("HUD")),
	}
	reaches := reachesOf(relations, map[string][]v230.ClientInfo{
		"a": {says("BBB", v230.ConnectionStatusOffline), says("DDD", v230.ConnectionStatusConnected), cpo},
		"b": {
			says("AAA", v230.ConnectionStatusConnected), says("BBB", v230.ConnectionStatusConnected), says("CCC", v230.ConnectionStatusConnected),
			says("DDD", v230.ConnectionStatusConnected), says("EEE", v230.ConnectionStatusSuspended),
		},
		"d": {says("EEE", v230.ConnectionStatusConnected), says("FFF", v230.ConnectionStatusConnected)},
	})
	got := map[string][]ocpi.Party{}
	for i := range relations {
		p := pushPartner(&relations[i], ocpi.RoleEMSP, partner.PushPolicy{}, nil)
		p.Sole = true
		if r, isHub := reaches[p.Name]; isHub {
			r.through(&p)
		}
		got[p.Name] = p.Audience
		if isHub := p.Name != "c"; p.Sole == isHub {
			t.Errorf("%s alone is one of several: %v", p.Name, !p.Sole)
		}
	}
	want := map[string][]ocpi.Party{
		"a": {party("HUA"), party("AAA"), party("DDD")}, "b": {party("HUB")}, "c": {party("CCC")}, "d": {party("HUD"), party("FFF")},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	tokens := push.Partner{Name: "a", Role: ocpi.RoleCPO}
	if reaches["a"].through(&tokens); tokens.Audience != nil {
		t.Errorf("tokens are for %v", tokens.Audience)
	}
}
