// Command emsp is an e-mobility service provider that takes a CPO's locations and tells it which drivers may charge.
// What such a program has to implement is in backend.go; this file serves it.
//
//	go run ./ocpi/examples/emsp -listen 127.0.0.1:8081
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
	flags := flag.NewFlagSet("emsp", flag.ContinueOnError)
	listen := flags.String("listen", "127.0.0.1:8081", "address to listen on")
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
		Parties:  []ocpi.PartyRole{{Role: ocpi.RoleEMSP, Party: us}},
		Partners: partners{"let-me-in": {ID: "grenspaal", Roles: []ocpi.PartyRole{{Role: ocpi.RoleCPO, Party: them}}}},
		EMSP:     &ocpiserver.EMSP{Locations: &locations{stored: map[string][]byte{}}, Tokens: drivers{card("04A70000000001")}},
	})
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	if _, err := fmt.Fprintf(stdout, "OCPI at %[1]s/versions\ncurl -X POST -H 'Authorization: Token let-me-in' %[1]s/emsp/2.1.1/tokens/04A70000000001/authorize\n", base); err != nil {
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
