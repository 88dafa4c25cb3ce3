// Command commands is an eMSP and a CPO in one process that talk over HTTP: a driver starts a charge from the app, gets a session
// and a CDR, another one finds a charge point that says nothing, and a card that nobody knows is held to a third. How the two
// find each other is in wiring.go.
//
//	go run ./ocpi/examples/commands
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"time"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/command"
	"github.com/roamwire/roamwire/ocpi/ocpiclient"
	"github.com/roamwire/roamwire/ocpi/ocpiserver"
	"github.com/roamwire/roamwire/ocpi/ocpitest"
	"github.com/roamwire/roamwire/ocpi/v230"
)

func main() {
	if err := run(context.Background(), os.Stdout); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, out io.Writer) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	emsp, cpo := newPlatform("app", ocpi.RoleCPO), newPlatform("chargers", ocpi.RoleEMSP)
	defer emsp.Close()
	defer cpo.Close()

	// The eMSP sends commands, and its server takes their results, and what comes of them.
	sender := command.NewSender(command.SenderConfig{Client: cpo.clients, BaseURL: emsp.URL})
	sessions, cdrs := &ocpitest.Receiver[v230.Session]{}, &ocpitest.CDRReceiver{}
	tokens := &ocpitest.TokenSender{} // the app has no cards
	err := emsp.serve(ocpiserver.Config{EMSP: &ocpiserver.EMSP{CommandResults: sender, Sessions: sessions, CDRs: cdrs, Tokens: tokens}})
	if err != nil {
		return err
	}
	go sender.Run(ctx)
	defer sender.Close()

	// The CPO's server takes commands; its program answers them, and says later what its charge point did.
	var receiver *command.Receiver
	receiver = command.NewReceiver(command.ReceiverConfig{
		Client: emsp.clients, ResultWithin: 500 * time.Millisecond,
		Requested: func(ctx context.Context, c command.Command) {
			request, _ := command.As[v230.StartSession](c)
			fmt.Fprintf(out, "CPO: %s wants %s at %s\n", c.Partner, c.Type, request.LocationID)
			_, _ = receiver.Answer(ctx, c.ID, v230.CommandResponseTypeAccepted, "")
			if request.LocationID != "BROKEN" { // whose charge point says nothing
				_, _ = receiver.Result(ctx, c.ID, v230.CommandResultTypeAccepted, "")
			}
		},
	})
	if err := cpo.serve(ocpiserver.Config{CPO: &ocpiserver.CPO{Commands: receiver}}); err != nil {
		return err
	}
	go receiver.Run(ctx)

	for _, location := range []ocpi.CiString{"LOC1", "BROKEN"} {
		c, err := sender.StartSession(ctx, "chargers", v230.StartSession{Token: card(), LocationID: location})
		if err != nil {
			return err
		}
		if c.Answer == nil {
			return fmt.Errorf("no answer: the command is %s", c.State)
		}
		fmt.Fprintf(out, "eMSP: the CPO says %s\n", c.Answer.Result)
		if c, err = sender.Await(ctx, c.ID); err != nil {
			return err
		}
		fmt.Fprintf(out, "eMSP: the command ended as %s\n", c.End.Outcome)
	}
	if err := charge(ctx, emsp); err != nil {
		return err
	}
	for _, session := range sessions.From("chargers") {
		c, found, err := sender.Session(ctx, "chargers", session)
		if err != nil || !found {
			return fmt.Errorf("find the command of session %s: %w", session.ID, err)
		}
		fmt.Fprintf(out, "eMSP: a session of %s kWh, which began with %s\n", session.KWh, c.Type)
	}
	for _, cdr := range cdrs.From("chargers") {
		fmt.Fprintf(out, "eMSP: a CDR of %s kWh\n", cdr.TotalEnergy)
	}
	client, err := emsp.clients(ctx, "app")
	if err != nil {
		return err
	}
	_, err = client.EMSP().Tokens.Authorize(ctx, ocpiclient.AuthorizeRequest{TokenUID: "04FFEE00112233"})
	fmt.Fprintf(out, "CPO: the eMSP knows the card at the charger: %t\n", !errors.Is(err, ocpi.ErrNotFound))
	return nil
}

// charge is what the CPO tells of a charge: a session, and its CDR.
func charge(ctx context.Context, emsp *platform) error {
	client, err := emsp.clients(ctx, "app")
	if err != nil {
		return err
	}
	sample := ocpitest.Sample{CPO: ocpi.NewParty("NL", "TUB"), EMSP: ocpi.NewParty("NL", "TUB"), At: time.Now()}
	session := sample.ActiveSession()
	session.LocationID, session.CDRToken.ContractID, session.StartDateTime = "LOC1", card().ContractID, ocpi.NewDateTime(time.Now())
	if _, err := client.EMSP().Sessions.Put(ctx, session); err != nil {
		return err
	}
	_, err = client.EMSP().CDRs.Post(ctx, sample.CDR(1))
	return err
}
