package ocpitest

import (
	"context"
	"crypto/rand"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/ocpiserver"
)

// A Server is a whole OCPI server on loopback with its backends in memory.
type Server struct {
	// URL is the base of every route, such as http://127.0.0.1:34567/ocpi. The versions are at URL + "/versions".
	URL string
	// Token is what Partner calls with; empty where the configuration brought its own Partners.
	Token string
	// Partner has both roles, as the party BE/TST.
	Partner ocpi.Partner
	// Partners are those who may call; nil where the configuration brought its own.
	Partners *Partners
	// CPO and EMSP are the backends; nil where the configuration brought its own, or has only the other role.
	CPO  *CPO
	EMSP *EMSP

	http *http.Server
	done chan struct{}
}

// Our parties where a configuration names none, and the partner's.
const (
	ownCountry, ownID         = "NL", "GPE"
	partnerCountry, partnerID = "BE", "TST"
)

// NewServer starts a server on a free port of the loopback interface. The zero Config gives one with both roles, every
// module and one partner; what config sets is kept. Call Close when done.
func NewServer(config ocpiserver.Config) (*Server, error) {
	listener, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("ocpitest: listen on loopback: %w", err)
	}
	s := &Server{URL: "http://" + listener.Addr().String() + "/ocpi", done: make(chan struct{})}
	s.complete(&config)
	handler, err := ocpiserver.New(config)
	if err != nil {
		_ = listener.Close() // the error at hand is the one that matters
		return nil, err
	}
	s.http = &http.Server{Handler: handler, ReadHeaderTimeout: readHeaderTimeout}
	go func() {
		defer close(s.done)
		_ = s.http.Serve(listener) // ends with http.ErrServerClosed, by Close
	}()
	return s, nil
}

const readHeaderTimeout = 10 * time.Second

// complete fills in what the configuration leaves open.
func (s *Server) complete(config *ocpiserver.Config) {
	if config.BaseURL == "" {
		config.BaseURL = s.URL
	}
	if config.CPO == nil && config.EMSP == nil {
		s.CPO, s.EMSP = new(CPO), new(EMSP)
		config.CPO, config.EMSP = s.CPO.Backend(), s.EMSP.Backend()
	}
	if config.Parties == nil {
		config.Parties = bothRoles(ocpi.NewParty(ownCountry, ownID))
	}
	if config.Credentials == nil {
		config.Credentials = &Credentials{BaseURL: config.BaseURL, Name: "Test kit", Parties: config.Parties}
	}
	if config.Partners == nil {
		s.Token = rand.Text()
		s.Partner = ocpi.Partner{ID: "tester", Roles: bothRoles(ocpi.NewParty(partnerCountry, partnerID))}
		s.Partners = new(Partners)
		s.Partners.Add(s.Token, s.Partner)
		config.Partners = s.Partners
	}
}

func bothRoles(party ocpi.Party) []ocpi.PartyRole {
	return []ocpi.PartyRole{{Role: ocpi.RoleCPO, Party: party}, {Role: ocpi.RoleEMSP, Party: party}}
}

// Close stops the server and its connections, and returns when they are gone.
func (s *Server) Close() error {
	err := s.http.Close()
	<-s.done
	return err
}
