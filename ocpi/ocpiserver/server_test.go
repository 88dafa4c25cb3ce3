package ocpiserver_test

import (
	"testing"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/ocpiserver"
	"github.com/roamwire/roamwire/ocpi/ocpitest"
	"github.com/roamwire/roamwire/ocpi/ocpitest/servertest"
)

var own = ocpi.NewParty("NL", "GPE")

// newTarget starts a server on memory with the sample network and two partners.
func newTarget(t *testing.T, config ocpiserver.Config) (servertest.Target, *ocpitest.Server) {
	t.Helper()
	config.PageLimit = 3
	server, err := ocpitest.NewServer(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	sample := ocpitest.Network(own)
	server.CPO.Fill(sample)
	server.EMSP.Fill(sample)
	target := servertest.Target{URL: server.URL, Own: own, Sample: sample, PageLimit: 3}
	for i, party := range []ocpi.Party{ocpi.NewParty("BE", "AAA"), ocpi.NewParty("DE", "BBB")} {
		target.Partners[i] = servertest.Partner{Token: "token-of-" + party.PartyID, Party: party}
		server.Partners.Add(target.Partners[i].Token, ocpi.Partner{ID: party.PartyID, Roles: []ocpi.PartyRole{
			{Role: ocpi.RoleCPO, Party: party}, {Role: ocpi.RoleEMSP, Party: party},
		}})
	}
	return target, server
}

func TestServerOverMemory(t *testing.T) {
	target, _ := newTarget(t, ocpiserver.Config{})
	servertest.Run(t, target)
}
