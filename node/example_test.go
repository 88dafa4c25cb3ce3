package node_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"strings"

	"github.com/roamwire/roamwire/node"
	"github.com/roamwire/roamwire/node/transfer"
	"github.com/roamwire/roamwire/ocpi"
)

// A node inside another program: filled from a file, asked over HTTP, stopped.
func ExampleNew() {
	folder, err := os.MkdirTemp("", "example-")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(folder)
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	party := ocpi.NewParty("NL", "GPE")
	n, err := node.New(ctx, node.Config{
		Data: folder, Listen: "127.0.0.1:0", Logger: slog.New(slog.DiscardHandler),
		Parties: []node.Party{{Party: party, Roles: []ocpi.Role{ocpi.RoleCPO}, Name: "Grenspaal Laden"}},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	stopped := make(chan error, 1)
	go func() { stopped <- n.Run(ctx) }()

	token, err := n.Partners.Add(ctx, ocpi.Partner{ID: "greenwheels", Roles: []ocpi.PartyRole{
		{Role: ocpi.RoleEMSP, Party: ocpi.NewParty("DE", "GWH")},
	}}, "")
	if err != nil {
		fmt.Println(err)
		return
	}
	fill(ctx, n.Data, party)

	request, err := http.NewRequestWithContext(ctx, http.MethodGet, n.URL()+"/cpo/2.1.1/tariffs", nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	request.Header.Set("Authorization", ocpi.Authorization(token, ocpi.TokenPlain))
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		fmt.Println(err)
		return
	}
	_, _ = io.Copy(io.Discard, response.Body)
	response.Body.Close()
	fmt.Println(response.Status, "with", response.Header.Get("X-Total-Count"), "tariff")
	stop()
	fmt.Println("stopped:", <-stopped)
	// Output:
	// #2 : OCPI 2001: Tariff cannot be used: /id: required field is missing; /currency: required field is missing; /elements: required field is missing; /last_updated: required field is missing
	// 1 created, 1 refused
	// 200 OK with 1 tariff
	// stopped: <nil>
}

// fill imports two objects, one of which cannot be used.
func fill(ctx context.Context, data *node.Data, party ocpi.Party) {
	file := `[{"id":"T1","currency":"EUR","elements":[{"price_components":[{"type":"ENERGY","price":0.50,"step_size":1}]}],"last_updated":"2026-01-31T12:00:00Z"}, {}]`
	sum, err := transfer.Import{
		Objects: data.Objects, Module: ocpi.ModuleTariffs, Version: ocpi.V211, Party: party,
		Report: func(o transfer.Outcome) { fmt.Printf("#%d %s: %v\n", o.Index+1, o.ID, o.Err) },
	}.Run(ctx, strings.NewReader(file))
	if err != nil {
		fmt.Println(err)
	}
	fmt.Println(sum.Created, "created,", sum.Refused, "refused")
}
