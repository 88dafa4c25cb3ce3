// Command cpo is a charge point operator that offers its locations to one partner, an eMSP. What such a program has to
// implement is in backend.go; this file serves it.
//
//	go run ./ocpi/examples/cpo -listen 127.0.0.1:8080
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/ocpiserver"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		log.Fatal(err)
	}
}

// run serves until ctx is done, then finishes what is under way.
func run(ctx context.Context, args []string, stdout io.Writer) error {
	flags := flag.NewFlagSet("cpo", flag.ContinueOnError)
	listen := flags.String("listen", "127.0.0.1:8080", "address to listen on")
	if err := flags.Parse(args); err != nil {
		return err
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", *listen)
	if err != nil {
		return err
	}
	base := "http://" + listener.Addr().String() + "/ocpi" // yours is where partners reach you from outside
	handler, err := ocpiserver.New(ocpiserver.Config{
		BaseURL:  base,
		Parties:  []ocpi.PartyRole{{Role: ocpi.RoleCPO, Party: us}},
		Partners: partners{"let-me-in": {ID: "tubantia", Roles: []ocpi.PartyRole{{Role: ocpi.RoleEMSP, Party: them}}}},
		CPO:      &ocpiserver.CPO{Locations: network{station("LOC1", "Wevershof 3"), station("LOC2", "Lindelaan 7")}},
	})
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	if _, err := fmt.Fprintf(stdout, "OCPI at %[1]s/versions\ncurl -H 'Authorization: Token let-me-in' %[1]s/cpo/2.1.1/locations\n", base); err != nil {
		return errors.Join(err, listener.Close())
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()

	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		return server.Shutdown(ctx)
	}
}
