package ocpitest_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/go-json-experiment/json"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/ocpiserver"
	"github.com/roamwire/roamwire/ocpi/ocpitest"
	"github.com/roamwire/roamwire/ocpi/v211"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// A whole server to test a client against: both roles, every module, one partner.
func ExampleNewServer() {
	server, err := ocpitest.NewServer(ocpiserver.Config{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer server.Close()
	server.CPO.Fill(ocpitest.Network(ocpi.NewParty("NL", "GPE")))

	request, err := http.NewRequestWithContext(context.Background(), http.MethodGet, server.URL+"/cpo/2.1.1/tariffs", nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	request.Header.Set("Authorization", ocpi.Authorization(server.Token, ocpi.TokenPlain))
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer response.Body.Close()
	var answer ocpi.Envelope[[]v211.Tariff]
	if err := json.UnmarshalRead(response.Body, &answer); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(answer.StatusCode, answer.StatusMessage)
	for _, tariff := range answer.Data {
		fmt.Println(tariff.ID, tariff.TariffAltText[2].Text)
	}
	// Output:
	// 1000 Success
	// AC-STANDARD 0.35 per kWh by day, 0.29 at night.
	// DC-FAST Fast charging: 1.00 to start and 0.59 per kWh.
	// FREE Free of charge for guests.
}

// The sample network: locations in every state, and what happened there.
func ExampleNetwork() {
	sample := ocpitest.Network(ocpi.NewParty("NL", "GPE"))
	for _, l := range sample.Locations() {
		fmt.Printf("%s %s, %s:", l.ID, *l.Name, l.City)
		for _, e := range l.EVSEs {
			fmt.Print(" ", e.Status)
		}
		fmt.Println()
	}
	for _, s := range sample.Sessions() {
		fmt.Println(s.ID, s.Status, "at", s.EVSEUID, s.KWh, "kWh", s.TotalCost.BeforeTaxes, s.Currency)
	}
	// Output:
	// LOC1 Stationsplein Oost, Enschede: AVAILABLE CHARGING
	// LOC2 Parkeergarage De Schouwburg, Hengelo: AVAILABLE RESERVED OUTOFORDER
	// LOC3 Ladepark Gronau West, Gronau: CHARGING AVAILABLE AVAILABLE INOPERATIVE
	// LOC4 Kanalstraße, Münster: BLOCKED AVAILABLE
	// LOC5 Hotel De Linde, Oldenzaal: UNKNOWN
	// LOC6 Tiefgarage am Markt, Nordhorn: PLANNED PLANNED
	// SES1 COMPLETED at LOC1-1 13.0 kWh 6.05 EUR
	// SES2 COMPLETED at LOC3-2 30.0 kWh 18.70 EUR
	// SES-ACTIVE ACTIVE at LOC3-1 21.0 kWh 13.39 EUR
}

// A backend answers commands as a test tells it to.
func ExampleCommands() {
	var cpo ocpitest.CPO
	cpo.Commands.Respond(func(c ocpitest.Command) (v230.CommandResponse, error) {
		if c.UnlockConnector != nil {
			return v230.CommandResponse{Result: v230.CommandResponseTypeRejected}, nil
		}
		return v230.CommandResponse{Result: v230.CommandResponseTypeAccepted}, nil
	})
	sample, partner := ocpitest.Network(ocpi.NewParty("NL", "GPE")), &ocpi.Partner{ID: "tubantia"}
	response, err := cpo.Commands.UnlockConnector(context.Background(), partner, sample.UnlockConnector("https://tubantia.example.com/17"))
	fmt.Println(response.Result, err)
	for _, c := range cpo.Commands.Taken() {
		fmt.Println(c.Partner, c.Type, c.UnlockConnector.EVSEUID, c.ResponseURL())
	}
	// Output:
	// REJECTED <nil>
	// tubantia UNLOCK_CONNECTOR LOC1-1 https://tubantia.example.com/17
}

// A partner that is mean: a client of locations is told to come back later once, and finds no way out of the pages.
func ExamplePartner() {
	cpo, err := ocpitest.NewPartner(ocpitest.PartnerConfig{Party: ocpi.NewParty("NL", "GPE"), Roles: []ocpi.Role{ocpi.RoleCPO}})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer cpo.Close()
	versionsURL, tokenA := cpo.Invite()

	// The system under test registers; here another Partner stands in for it.
	system, err := ocpitest.NewPartner(ocpitest.PartnerConfig{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer system.Close()
	ctx := context.Background()
	if err := system.Register(ctx, versionsURL, tokenA); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("registered with", system.Peer().Credentials.Roles[0].BusinessDetails.Name)

	locations := ocpitest.Calls(http.MethodGet, ocpi.ModuleLocations)
	cpo.Mean(ocpitest.Fault{On: locations, Times: 1, Do: ocpitest.TooManyRequests("5")})
	cpo.Mean(ocpitest.Fault{On: locations, Do: ocpitest.LoopingLink()})
	for range 2 {
		reply, err := system.Get(ctx, system.Peer().Endpoint(ocpi.ModuleLocations)+"?limit=2")
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(reply.HTTP, reply.Header.Get("Retry-After"), strings.Contains(reply.Header.Get("Link"), "locations?limit=2>"))
	}
	fmt.Println(len(cpo.Requests(locations)), "requests for locations")
	// Output:
	// registered with Test partner
	// 429 5 false
	// 200  true
	// 2 requests for locations
}
