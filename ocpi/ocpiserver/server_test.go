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
	target, _ := newTarget(t, ocpiserver.Config{Versions: []ocpi.Version{ocpi.V211}})
	servertest.Run(t, target)
}

func TestServerOfEveryVersionOverMemory(t *testing.T) {
	target, _ := newTarget(t, ocpiserver.Config{Versions: ocpi.Versions()})
	target.Versions = ocpi.Versions()
	servertest.Run(t, target)
}

// The token in a command belongs to the eMSP that sends it, also on a server that is an eMSP itself.
func TestTheTokenInACommandBelongsToTheSender_CMD13(t *testing.T) {
	target, server := newTarget(t, ocpiserver.Config{})
	response, _ := call(t, server, "POST", "/cpo/2.1.1/commands/START_SESSION", `{"response_url":"https://x.example.com/1","location_id":"`+
		string(target.Sample.Locations()[0].ID)+`","token":{"uid":"1","type":"RFID","auth_id":"BE-TST-1","issuer":"x","valid":true,"whitelist":"ALWAYS","last_updated":"2026-01-01T00:00:00Z"}}`)
	taken := server.CPO.Commands.Taken()
	if response.StatusCode != 200 || len(taken) != 1 {
		t.Fatalf("HTTP %d, %d commands", response.StatusCode, len(taken))
	}
	if token := taken[0].StartSession.Token; token.CountryCode != "BE" || token.PartyID != "TST" {
		t.Errorf("the token is of %s/%s", token.CountryCode, token.PartyID)
	}
}
