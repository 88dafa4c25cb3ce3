package handshake_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/handshake"
	"github.com/roamwire/roamwire/ocpi/ocpiclient"
	"github.com/roamwire/roamwire/ocpi/ocpiserver"
	"github.com/roamwire/roamwire/ocpi/ocpitest"
)

// A CPO that registers with an eMSP, and then reads its tokens. A program that lasts has a Store of its own, and calls
// Recover at its start and every few seconds.
func Example() {
	ctx := context.Background()
	emsp, err := ocpitest.NewPartner(ocpitest.PartnerConfig{}) // the other side
	if err != nil {
		fmt.Println(err)
		return
	}
	defer emsp.Close()

	registration, stop, err := newCPO()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer stop()
	versionsURL, tokenA := emsp.Invite() // what they send us, on another way
	if err := registration.Register(ctx, "emsp", handshake.Invitation{VersionsURL: versionsURL, Token: tokenA}); err != nil {
		fmt.Println(err)
		return
	}
	relation, err := registration.Relation(ctx, "emsp")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(relation.Words(), "with", relation.Remote.Roles[0].Party)

	client, err := registration.Client(ctx, "emsp")
	if err != nil {
		fmt.Println(err)
		return
	}
	tokens := 0
	for _, err := range client.EMSP().Tokens.List(ctx, ocpi.Query{}) {
		if err == nil {
			tokens++
		}
	}
	fmt.Println(tokens > 0)
	// Output:
	// registered with NL/TPE
	// true
}

// newCPO starts a server whose credentials module registers partners.
func newCPO() (*handshake.Handshake, func(), error) {
	var handler http.Handler
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { handler.ServeHTTP(w, r) }))
	parties := []ocpi.PartyRole{{Role: ocpi.RoleCPO, Party: ocpi.NewParty("DE", "ROA")}}
	logger := slog.New(slog.DiscardHandler)
	registration, err := handshake.New(handshake.Config{
		Store: new(handshake.Memory), Parties: parties, Logger: logger,
		Own:       &ocpitest.Credentials{BaseURL: server.URL, Name: "Roamwire Power", Parties: parties}, // who we are, and where
		Transport: ocpiclient.NewTransport(ocpiclient.TransportConfig{AllowPrivate: true}),              // this example is on loopback
	})
	if err != nil {
		return nil, server.Close, err
	}
	handler, err = ocpiserver.New(ocpiserver.Config{
		BaseURL: server.URL, Parties: parties, Logger: logger, CPO: new(ocpitest.CPO).Backend(),
		Partners: registration, Credentials: registration.Registrar(), // the two places where registration meets the server
	})
	return registration, server.Close, err
}
