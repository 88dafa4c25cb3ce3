package node_test

import (
	"context"
	"errors"
	"testing"

	"github.com/roamwire/roamwire/node/authorize"
	"github.com/roamwire/roamwire/node/object"
	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/command"
	"github.com/roamwire/roamwire/ocpi/ocpitest"
	"github.com/roamwire/roamwire/ocpi/v230"
)

func aConnectorChanges(t *testing.T, cpo running, partners audience) {
	l := sample.Location(1)
	uid, id := string(l.EVSEs[0].UID), string(l.EVSEs[0].Connectors[0].ID)
	const terms = "https://example.com/terms"
	update(t, cpo.Objects.Locations, ours(l.ID), func(l *v230.Location) {
		c := &l.EVSEs[0].Connectors[0]
		c.TermsAndConditions = new(terms)
		c.LastUpdated, l.EVSEs[0].LastUpdated, l.LastUpdated = minutes(3), minutes(3), minutes(3)
	})
	for _, p := range partners {
		has(p, "the connector", ours(l.ID), func(ctx context.Context, key ocpi.Key) (v230.Connector, error) {
			return p.client.EMSP().Locations.GetConnector(ctx, key, uid, id)
		}, func(got v230.Connector) bool {
			return got.TermsAndConditions != nil && *got.TermsAndConditions == terms
		})
	}
}

// withheldScenario has a private location, a CDR and its credit, which are for the first eMSP's driver.
func withheldScenario(t *testing.T, cpo running, partners audience) {
	private, charge, credit := sample.Location(2), sample.CDR(1), sample.CDR(1)
	private.Publish, private.PublishAllowedTo = false, []v230.PublishTokenType{{GroupID: new(ocpi.CiString("STAFF"))}}
	credit.ID, credit.Credit, credit.CreditReferenceID = "CDR1-CREDIT", new(true), &charge.ID
	credit.TotalCost.BeforeTaxes = ocpi.MustNumber("-" + charge.TotalCost.BeforeTaxes.String())
	put(t, cpo.Objects.Locations, private)
	put(t, cpo.Objects.CDRs, credit, charge)
	for _, p := range partners {
		find := func(ctx context.Context, key ocpi.Key) (v230.CDR, error) {
			cdr, _, err := p.client.EMSP().CDRs.Find(ctx, key)
			return cdr, err
		}
		if p.party == theirs {
			has(p, "the CDR", ours(charge.ID), find, func(c v230.CDR) bool { return c.TotalEnergy.Equal(charge.TotalEnergy) })
		}
		if p.version != ocpi.V211 {
			has(p, "the private location", ours(private.ID), p.client.EMSP().Locations.Get, func(l v230.Location) bool {
				return !l.Publish && len(l.PublishAllowedTo) == 1
			})
		}
		if p.version != ocpi.V211 && p.party == theirs {
			has(p, "the credit", ours(credit.ID), find, func(c v230.CDR) bool { return c.Credit != nil && *c.Credit })
		}
	}
	for _, p := range partners {
		if p.version != ocpi.V211 {
			continue
		}
		if _, err := p.client.EMSP().Locations.Get(t.Context(), ours(private.ID)); !errors.Is(err, ocpi.ErrNotFound) {
			t.Errorf("2.1.1 has the private location: %v", err)
		}
		if _, _, err := p.client.EMSP().CDRs.Find(t.Context(), ours(credit.ID)); !errors.Is(err, ocpi.ErrNotFound) {
			t.Errorf("2.1.1 has the credit: %v", err)
		}
	}
}

func pulledScenario(t *testing.T, _ running, partners audience) {
	for _, p := range partners {
		want := map[ocpi.ModuleID]int{ocpi.ModuleLocations: 2, ocpi.ModuleTariffs: 0, ocpi.ModuleSessions: 0, ocpi.ModuleCDRs: 2}
		if p.version == ocpi.V211 {
			want[ocpi.ModuleLocations], want[ocpi.ModuleCDRs] = 1, 1
		}
		if p.party != theirs {
			want[ocpi.ModuleCDRs] = 0
		}
		for module, n := range want {
			state, err := againFrom(t, p.node, "cpo", module, true)
			if err != nil || state.Objects != n || state.Last.Refused != 0 || len(state.Problems) != 0 {
				t.Errorf("%s in %s: %d objects, want %d: %v %+v", module, p.version, state.Objects, n, err, state.Problems)
			}
		}
	}
}

// tokenScenario has each eMSP send a token of its own, about which the CPO asks it in real time.
func tokenScenario(t *testing.T, cpo running, partners audience) {
	for _, p := range partners {
		driver := ocpitest.Network(p.party).Token(1)
		driver.UID, driver.Whitelist = ocpi.CiString("CARD-"+p.name), v230.WhitelistTypeNever
		driver.GroupID = new(ocpi.CiString("FAMILY"))
		if _, err := p.node.Objects.Tokens.Put(t.Context(), object.Item[v230.Token]{Party: p.party, Object: driver}); err != nil {
			t.Fatal(err)
		}
		back := sees(t, p.node, "cpo", p.version)
		has(back, "the token", ocpi.Key{Party: p.party, ID: string(driver.UID), TokenType: string(driver.Type)}, back.client.CPO().Tokens.Get,
			func(got v230.Token) bool { return (got.GroupID != nil) == (p.version != ocpi.V211) && got.Valid })
		v := ask(t, cpo, authorize.Question{TokenUID: string(driver.UID), TokenType: driver.Type, Location: &authorize.Place{LocationID: "LOC1"}})
		if v.Allowed != "ALLOWED" || v.By != authorize.ByRealtime || v.Partner != p.name || v.Party != p.party {
			t.Errorf("in %s: %+v", p.version, v)
		}
	}
}

// commandScenario has each eMSP start a charge, and the one whose session comes of it stop it.
func commandScenario(t *testing.T, cpo running, partners audience) {
	put(t, cpo.Objects.Locations, sample.Location(3))
	put(t, cpo.Objects.Sessions, sample.ActiveSession())
	for _, p := range partners {
		request := sample.StartSession("")
		request.Token = ocpitest.Network(p.party).Token(1)
		request.Token.Whitelist = v230.WhitelistTypeNever
		commanded(t, cpo, p, func() (command.Command, error) {
			return p.node.Commands.Sender.StartSession(t.Context(), "cpo", request)
		})
		if p.party == theirs {
			commanded(t, cpo, p, func() (command.Command, error) {
				return p.node.Commands.Sender.StopSession(t.Context(), "cpo", sample.StopSession(""))
			})
		}
	}
}

// commanded sends a command that is answered and done.
func commanded(t *testing.T, cpo running, p view, send func() (command.Command, error)) {
	t.Helper()
	sent, taken := between(t, cpo, send, v230.CommandResponseTypeAccepted)
	result(t, cpo, taken.ID, v230.CommandResultTypeAccepted)
	if sent = ended(t, p.node, sent.ID); sent.End.Outcome != "ACCEPTED" || taken.Party != p.party {
		t.Errorf("in %s: %+v, taken from %s", p.version, sent.End, taken.Party)
	}
	became(t, cpo, taken.ID, "the result is sent", func(c command.Command) bool { return c.State == command.Ended })
}
