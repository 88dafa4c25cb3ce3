// Command commands is an eMSP and a CPO in one process that talk over HTTP: a driver starts a charge from the app, and another
// one where the charge point says nothing. How the two find each other is in wiring.go.
//
//	go run ./ocpi/examples/commands
package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"os"
	"time"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/command"
	"github.com/roamwire/roamwire/ocpi/ocpiserver"
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

	// The eMSP sends commands, and its server takes their results.
	sender := command.NewSender(command.SenderConfig{Client: cpo.clients, BaseURL: emsp.URL})
	if err := emsp.serve(ocpiserver.Config{EMSP: &ocpiserver.EMSP{CommandResults: sender}}); err != nil {
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
		fmt.Fprintf(out, "eMSP: the CPO says %s\n", c.Answer.Result)
		if c, err = sender.Await(ctx, c.ID); err != nil {
			return err
		}
		fmt.Fprintf(out, "eMSP: the command ended as %s\n", c.End.Outcome)
	}
	return nil
}
