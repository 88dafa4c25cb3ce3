package ocpiclient_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/ocpiclient"
	"github.com/roamwire/roamwire/ocpi/ocpitest"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// laterForeign is a partner of a later version that is a CPO with the sample's tariffs, and the client that has registered with it.
func laterForeign(t *testing.T, version ocpi.Version, details ocpitest.Action) foreign {
	t.Helper()
	start := func(role ocpi.Role, party ocpi.Party) *ocpitest.Partner {
		p, err := ocpitest.NewPartner(ocpitest.PartnerConfig{Party: party, Roles: []ocpi.Role{role}, Versions: []ocpi.Version{version}, PageLimit: 2, Empty: true})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = p.Close() })
		return p
	}
	them, us := start(ocpi.RoleCPO, theirs), start(ocpi.RoleEMSP, ours)
	fill(them)
	them.Mean(ocpitest.Fault{On: ocpitest.Calls(http.MethodGet, ocpitest.CallDetails), Do: details})
	url, tokenA := them.Invite()
	if err := us.Register(t.Context(), url, tokenA); err != nil {
		t.Fatal(err)
	}
	peer, seen := us.Peer(), &recorder{}
	return foreign{Partner: them, exchanges: seen, client: newClient(t, ocpiclient.Config{
		Partner: &ocpi.Partner{ID: "them", Roles: []ocpi.PartyRole{{Role: ocpi.RoleCPO, Party: theirs}}}, Version: version,
		Token: peer.TheirToken, Endpoints: peer.Endpoints, PartnerRole: ocpi.RoleCPO, OwnRole: ocpi.RoleEMSP, Observe: seen.observe, Retries: -1,
	})}
}

// What partners of later versions do wrong costs no more than it must.
func TestMeanPartnersOfLaterVersions_DT15_DT20_DV01(t *testing.T) {
	stranger := ocpi.NewParty("FR", "XXX")
	for _, version := range []ocpi.Version{ocpi.V221, ocpi.V230} {
		for name, test := range map[string]struct {
			details ocpitest.Action
			do      ocpitest.Action
			// whole tells that every tariff comes, bad that none of them can be used.
			whole, bad bool
			err        error
			quirks     string
		}{
			"nothing":                 {whole: true},
			"no message ids":          {do: ocpitest.WithoutMessageIDs(), whole: true, quirks: "other-message-ids"},
			"no routing":              {do: ocpitest.Route(ocpi.Routing{}), whole: true},
			"routing of somebody":     {do: ocpitest.Route(ocpi.Routing{From: stranger}), whole: true, quirks: "routing-mismatch"},
			"no last_updated":         {do: ocpitest.WithoutMember("last_updated"), whole: true, quirks: "missing-last-updated"},
			"no owner in the objects": {do: ocpitest.WithoutMember("country_code"), bad: true},
			"no sides":                {details: ocpitest.WithoutEndpointRoles(), whole: true},
			"wrong sides":             {details: ocpitest.WrongEndpointRoles(), err: ocpiclient.ErrNotOffered},
			"404 of a hub":            {do: ocpitest.Status(http.StatusNotFound, ocpi.StatusUnknownReceiver), err: &ocpiclient.Error{Kind: ocpiclient.Permanent}},
			"400":                     {do: ocpitest.Status(http.StatusBadRequest, ocpi.StatusInvalidParameters), err: &ocpiclient.Error{Kind: ocpiclient.Permanent}},
			"a hub that waits":        {do: ocpitest.Status(http.StatusOK, ocpi.StatusHubTimeout), err: &ocpiclient.Error{Kind: ocpiclient.TryLater}},
		} {
			t.Run(string(version)+"/"+name, func(t *testing.T) {
				t.Parallel()
				p := laterForeign(t, version, test.details)
				p.Mean(ocpitest.Fault{On: ocpitest.Calls(http.MethodGet, ocpi.ModuleTariffs), Do: test.do})
				ids, bad, err := idsOf(p.client.CPO().Tariffs.List(t.Context(), pagesOfTwo()), func(o v230.Tariff) ocpi.CiString { return o.ID })
				all := len(p.all(t, ocpi.ModuleTariffs))
				if test.whole && len(ids) != all || !test.whole && len(ids) != 0 || test.bad && bad != all || !test.bad && bad != 0 {
					t.Errorf("%d of %d tariffs came, %d bad ones", len(ids), all, bad)
				}
				var failed, want *ocpiclient.Error
				switch {
				case test.err == nil && err != nil:
					t.Errorf("it failed: %v", err)
				case errors.As(test.err, &want) && (!errors.As(err, &failed) || failed.Kind != want.Kind):
					t.Errorf("got %v, want one that is %s", err, want.Kind)
				case want == nil && !errors.Is(err, test.err):
					t.Errorf("got %v, want %v", err, test.err)
				}
				for _, x := range p.exchanges.taken() {
					if test.whole && strings.Join(x.Quirks, " ") != test.quirks {
						t.Errorf("quirks %v, want %q", x.Quirks, test.quirks)
					}
				}
			})
		}
	}
}
