package ocpitest_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/ocpitest"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// pair are a CPO with the sample's objects and an eMSP that has registered with it, both in one version alone.
func pair(t *testing.T, version ocpi.Version) (cpo, emsp *ocpitest.Partner) {
	t.Helper()
	start := func(role ocpi.Role, party ocpi.Party) *ocpitest.Partner {
		p, err := ocpitest.NewPartner(ocpitest.PartnerConfig{Party: party, Roles: []ocpi.Role{role}, Versions: []ocpi.Version{version}})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = p.Close() })
		return p
	}
	cpo, emsp = start(ocpi.RoleCPO, ocpi.NewParty("NL", "GPE")), start(ocpi.RoleEMSP, ocpi.NewParty("BE", "TST"))
	url, tokenA := cpo.Invite()
	if err := emsp.Register(t.Context(), url, tokenA); err != nil {
		t.Fatal(err)
	}
	cpo.Forget()
	emsp.Forget()
	return cpo, emsp
}

// Two Partners register, push and pull in every version, each in its words and under its parties.
func TestPartnersSpeakEveryVersion_DT18_DV01(t *testing.T) {
	for _, version := range ocpi.Versions() {
		t.Run(string(version), func(t *testing.T) {
			cpo, emsp := pair(t, version)
			if got := cpo.Peer().Credentials.Roles[0]; got.Role != ocpi.RoleEMSP || got.CountryCode != "BE" || got.PartyID != "TST" {
				t.Errorf("they are %+v", got)
			}
			sample := ocpitest.Network(cpo.Party)
			location, session, cdr, tariff := sample.Location(1), sample.ActiveSession(), sample.CDR(1), sample.ACTariff()
			replies := func(reply ocpitest.Reply, err error) {
				t.Helper()
				if err != nil || reply.HTTP/100 != 2 || !reply.StatusCode.Success() {
					t.Errorf("%d with %d: %s, %v", reply.HTTP, reply.StatusCode, reply.StatusMessage, err)
				}
			}
			replies(ocpitest.Push(t.Context(), cpo, location))
			replies(ocpitest.Push(t.Context(), cpo, session))
			replies(ocpitest.Push(t.Context(), cpo, cdr))
			replies(ocpitest.Push(t.Context(), cpo, tariff))
			card, other := ocpitest.Network(emsp.Party).Token(1), ocpitest.Network(emsp.Party).Token(4)
			replies(ocpitest.Push(t.Context(), emsp, card))
			replies(ocpitest.Push(t.Context(), emsp, other))
			got := []int{
				len(emsp.EMSP.Locations.From(ocpitest.PeerID)), len(emsp.EMSP.Sessions.From(ocpitest.PeerID)),
				len(emsp.EMSP.CDRs.From(ocpitest.PeerID)), len(emsp.EMSP.Tariffs.From(ocpitest.PeerID)), len(cpo.CPO.Tokens.From(ocpitest.PeerID)),
			}
			if diff := cmp.Diff([]int{1, 1, 1, 1, 2}, got); diff != "" {
				t.Errorf("objects (-want +got):\n%s", diff)
			}
			replies(emsp.Get(t.Context(), emsp.Peer().EndpointOf(ocpi.ModuleLocations, ocpi.Sender)))
			want := ocpi.Routing{}
			if version != ocpi.V211 {
				want = ocpi.Routing{From: cpo.Party, To: emsp.Party}
			}
			pushed := emsp.Requests(ocpitest.Calls(http.MethodPut, ocpi.ModuleLocations))
			if routing, err := ocpi.ReadRouting(pushed[0].Header); err != nil || routing != want {
				t.Errorf("a location was pushed with %+v, %v", routing, err)
			}
			if err := emsp.Rotate(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
}

// The ways to be mean that came with 2.2.
func TestMeanSince22_DT15_DT20_DV01(t *testing.T) {
	stranger := ocpi.NewParty("FR", "XXX")
	list := func(t *testing.T, emsp *ocpitest.Partner) ocpitest.Reply {
		t.Helper()
		reply, err := emsp.Get(t.Context(), emsp.Peer().EndpointOf(ocpi.ModuleTariffs, ocpi.Sender))
		if err != nil {
			t.Fatal(err)
		}
		return reply
	}
	cpo, emsp := pair(t, ocpi.V221)

	if good := list(t, emsp); good.Header.Get("X-Request-ID") == "" || !strings.Contains(string(good.Body), `"last_updated"`) {
		t.Errorf("a partner that is nice: %v %s", good.Header, good.Body)
	}
	for name, test := range map[string]struct {
		do    ocpitest.Action
		shows func(ocpitest.Reply) bool
	}{
		"no message ids": {ocpitest.WithoutMessageIDs(), func(r ocpitest.Reply) bool {
			return r.Header.Get("X-Request-ID") == "" && r.Header.Get("X-Correlation-ID") == ""
		}},
		"no last_updated": {ocpitest.WithoutMember("last_updated"), func(r ocpitest.Reply) bool {
			return !strings.Contains(string(r.Body), `"last_updated"`) && strings.Contains(string(r.Body), `"elements"`)
		}},
		"other parties": {ocpitest.Route(ocpi.Routing{From: stranger}), func(r ocpitest.Reply) bool {
			routing, err := ocpi.ReadRouting(r.Header)
			return err == nil && routing == ocpi.Routing{From: stranger}
		}},
		"no parties": {ocpitest.Route(ocpi.Routing{}), func(r ocpitest.Reply) bool {
			routing, err := ocpi.ReadRouting(r.Header)
			return err == nil && routing == ocpi.Routing{}
		}},
		"a hub's failure": {ocpitest.Status(http.StatusOK, ocpi.StatusHubTimeout), func(r ocpitest.Reply) bool { return r.StatusCode == ocpi.StatusHubTimeout }},
	} {
		t.Run(name, func(t *testing.T) {
			fault := cpo.Mean(ocpitest.Fault{On: ocpitest.Calls(http.MethodGet, ocpi.ModuleTariffs), Do: test.do})
			defer fault.Remove()
			if reply := list(t, emsp); !test.shows(reply) {
				t.Errorf("%d %v %s", reply.HTTP, reply.Header, reply.Body)
			}
		})
	}
	for name, test := range map[string]struct {
		do     ocpitest.Action
		sender string
	}{
		"no sides":     {ocpitest.WithoutEndpointRoles(), cpo.URL + "/2.2.1/sender/tariffs"},
		"wrong sides":  {ocpitest.WrongEndpointRoles(), ""},
		"as it should": {nil, cpo.URL + "/2.2.1/sender/tariffs"},
	} {
		t.Run(name, func(t *testing.T) {
			fault := cpo.Mean(ocpitest.Fault{On: ocpitest.Calls(http.MethodGet, ocpitest.CallDetails), Do: test.do})
			defer fault.Remove()
			if err := emsp.Rotate(t.Context()); err != nil {
				t.Fatal(err)
			}
			if got := strings.TrimRight(emsp.Peer().EndpointOf(ocpi.ModuleTariffs, ocpi.Sender), "/"); got != test.sender {
				t.Errorf("tariffs are at %q, want %q", got, test.sender)
			}
		})
	}
}

// DT-21: a Partner says what it is told to say, such as that it is somebody else.
func TestAPartnerLiesInItsRouting_DT21(t *testing.T) {
	cpo, emsp := pair(t, ocpi.V230)
	ctx := ocpitest.WithRouting(t.Context(), ocpi.Routing{From: ocpi.NewParty("FR", "XXX"), To: emsp.Party})
	reply, err := ocpitest.Push[v230.Tariff](ctx, cpo, ocpitest.Network(cpo.Party).ACTariff())
	if err != nil || reply.StatusCode != ocpi.StatusInvalidParameters {
		t.Errorf("it was answered %d with %d, %v", reply.HTTP, reply.StatusCode, err)
	}
}
