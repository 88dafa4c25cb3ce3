package ocpiclient_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/ocpiclient"
	"github.com/roamwire/roamwire/ocpi/ocpiserver"
	"github.com/roamwire/roamwire/ocpi/ocpitest"
)

// From a partner's versions URL to its locations.
func Example() {
	ctx := context.Background()
	gpe := ocpi.NewParty("NL", "GPE")
	server, err := ocpitest.NewServer(ocpiserver.Config{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer server.Close()
	server.CPO.Fill(ocpitest.Network(gpe))

	config := ocpiclient.Config{
		Partner:   &ocpi.Partner{ID: "gpe", Roles: []ocpi.PartyRole{{Role: ocpi.RoleCPO, Party: gpe}}},
		Token:     server.Token,
		Transport: ocpiclient.NewTransport(ocpiclient.TransportConfig{AllowPrivate: true}), // the server is on loopback
	}
	defer config.Transport.Close()
	if config.Version, config.Endpoints, err = discover(ctx, config, server.URL+"/cpo/versions"); err != nil {
		fmt.Println(err)
		return
	}
	client, err := ocpiclient.New(config)
	if err != nil {
		fmt.Println(err)
		return
	}
	for location, err := range client.CPO().Locations.List(ctx, ocpi.Query{}) {
		if unusable, ok := errors.AsType[*ocpiclient.ObjectError](err); ok {
			fmt.Println("left out:", unusable)
			continue
		}
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(location.CountryCode, location.PartyID, location.ID, location.City)
	}
	// Output:
	// NL GPE LOC1 Enschede
	// NL GPE LOC2 Hengelo
	// NL GPE LOC3 Gronau
	// NL GPE LOC4 Münster
	// NL GPE LOC5 Oldenzaal
	// NL GPE LOC6 Nordhorn
}

// discover finds what a partner serves in 2.1.1.
func discover(ctx context.Context, config ocpiclient.Config, versionsURL string) (ocpi.Version, []ocpi.Endpoint, error) {
	client, err := ocpiclient.New(config)
	if err != nil {
		return "", nil, err
	}
	versions, err := client.Versions(ctx, versionsURL)
	if err != nil {
		return "", nil, err
	}
	for _, v := range versions {
		if v.Version == ocpi.V211 {
			details, err := client.Details(ctx, v.URL)
			return v.Version, details.Endpoints, err
		}
	}
	return "", nil, errors.New("the partner does not speak 2.1.1")
}

// One classifier tells what a pair of statuses means.
func ExampleClassify() {
	for _, c := range []struct {
		http   int
		status ocpi.StatusCode
	}{{200, 1000}, {200, 2001}, {404, 2000}, {503, 3000}} {
		outcome := ocpiclient.Classify(c.http, c.status, true, nil, time.Now())
		fmt.Println(c.http, c.status, outcome.Kind)
	}
	// Output:
	// 200 1000 ok
	// 200 2001 permanent
	// 404 2000 not found
	// 503 3000 try later
}
