package command_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/command"
	"github.com/roamwire/roamwire/ocpi/ocpiclient"
	"github.com/roamwire/roamwire/ocpi/ocpiserver"
	"github.com/roamwire/roamwire/ocpi/ocpitest"
	"github.com/roamwire/roamwire/ocpi/v230"
)

var (
	_ ocpiserver.Commands       = (*command.Receiver)(nil)
	_ ocpiserver.CommandResults = (*command.Sender)(nil)

	quiet  = slog.New(slog.NewTextHandler(io.Discard, nil))
	sample = ocpitest.Sample{CPO: ocpi.NewParty("NL", "GPE"), EMSP: ocpi.NewParty("DE", "GWH"), At: time.Now()}
)

// A pair is an eMSP and a CPO that talk over HTTP.
type pair struct {
	sender   *command.Sender
	receiver *command.Receiver
	// emsp and cpo are their servers, and store is the eMSP's.
	emsp, cpo *httptest.Server
	store     *command.Memory
	// fault comes between a request and its server; nil for nothing.
	fault func(next http.Handler) http.Handler
}

// newPair starts both in 2.1.1. The program of the CPO is requested.
func newPair(t *testing.T, requested func(*pair, command.Command), change func(*command.SenderConfig, *command.ReceiverConfig)) *pair {
	t.Helper()
	return newPairIn(t, ocpi.V211, requested, change)
}

// newPairIn starts both in the version that they have agreed on.
func newPairIn(
	t *testing.T, version ocpi.Version, requested func(*pair, command.Command), change func(*command.SenderConfig, *command.ReceiverConfig),
) *pair {
	t.Helper()
	p := &pair{store: new(command.Memory)}
	// Their URLs must be known before their servers are made.
	var emsp, cpo http.Handler
	serve := func(h *http.Handler) *httptest.Server {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if p.fault != nil {
				p.fault(*h).ServeHTTP(w, r)
				return
			}
			(*h).ServeHTTP(w, r)
		}))
		t.Cleanup(s.Close)
		return s
	}
	p.emsp, p.cpo = serve(&emsp), serve(&cpo)
	sending := command.SenderConfig{Store: p.store, Client: clients(t, version, "grenspaal", p.cpo.URL+"/cpo/"+string(version)+"/commands"), BaseURL: p.emsp.URL, Logger: quiet}
	taking := command.ReceiverConfig{
		Client: clients(t, version, "greenwheels", p.emsp.URL+"/emsp/"+string(version)+"/commands"), Backoff: 10 * time.Millisecond, Logger: quiet,
		Requested: func(_ context.Context, c command.Command) {
			if requested != nil {
				requested(p, c)
			}
		},
	}
	if change != nil {
		change(&sending, &taking)
	}
	p.sender, p.receiver = command.NewSender(sending), command.NewReceiver(taking)
	emsp = server(t, p.emsp.URL, "grenspaal", ocpi.PartyRole{Role: ocpi.RoleCPO, Party: sample.CPO}, nil, &ocpiserver.EMSP{CommandResults: p.sender})
	cpo = server(t, p.cpo.URL, "greenwheels", ocpi.PartyRole{Role: ocpi.RoleEMSP, Party: sample.EMSP}, &ocpiserver.CPO{Commands: p.receiver}, nil)
	run(t, p.sender.Run)
	run(t, p.receiver.Run)
	t.Cleanup(p.sender.Close)
	return p
}

// run runs something until the test ends.
func run(t *testing.T, what func(context.Context)) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); what(ctx) }()
	t.Cleanup(func() { stop(); <-done })
}

func server(t *testing.T, url, name string, role ocpi.PartyRole, cpo *ocpiserver.CPO, emsp *ocpiserver.EMSP) http.Handler {
	t.Helper()
	partners := new(ocpitest.Partners)
	partners.Add("let-me-in", ocpi.Partner{ID: name, Roles: []ocpi.PartyRole{role}})
	partners.Add("stranger", ocpi.Partner{ID: "stranger", Roles: []ocpi.PartyRole{{Role: role.Role, Party: ocpi.NewParty("FR", "STR")}}})
	s, err := ocpiserver.New(ocpiserver.Config{BaseURL: url, Versions: ocpi.Versions(), Partners: partners, CPO: cpo, EMSP: emsp, Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// clients calls the one partner there is.
func clients(t *testing.T, version ocpi.Version, name, endpoint string) command.Clients {
	t.Helper()
	transport := ocpiclient.NewTransport(ocpiclient.TransportConfig{AllowPrivate: true})
	t.Cleanup(transport.Close)
	return func(_ context.Context, partner string) (*ocpiclient.Client, error) {
		if partner != name {
			return nil, errors.New("there is no partner " + partner)
		}
		return ocpiclient.New(ocpiclient.Config{
			Partner: &ocpi.Partner{ID: name}, Token: "let-me-in", Version: version, Transport: transport, Timeout: 5 * time.Second,
			Endpoints: []ocpi.Endpoint{{Module: ocpi.ModuleCommands, URL: endpoint}},
		})
	}
}

// startSession asks for the sample's session.
func (p *pair) startSession(t *testing.T) command.Command {
	t.Helper()
	c, err := p.sender.StartSession(t.Context(), "grenspaal", sample.StartSession(""))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func (p *pair) await(t *testing.T, id string) command.Command {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	c, err := p.sender.Await(ctx, id)
	if err != nil {
		t.Fatalf("%v: %+v", err, c)
	}
	return c
}

// eventually waits until a received command is as wanted.
func (p *pair) eventually(t *testing.T, what string, id string, is func(command.Command) bool) command.Command {
	t.Helper()
	var c command.Command
	for range 1000 {
		var err error
		if c, err = p.receiver.Command(t.Context(), id); err != nil {
			t.Fatal(err)
		}
		if is(c) {
			return c
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("not within 10 s: %s: %+v", what, c)
	return c
}

// post sends a result as a partner does, and returns the HTTP status.
func post(t *testing.T, url, token, result string) int {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(`{"result":"`+result+`"}`))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Token "+token)
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	return response.StatusCode
}

// accepts accepts a command and gives its result.
func accepts(result v230.CommandResultType) func(*pair, command.Command) {
	return func(p *pair, c command.Command) {
		_, _ = p.receiver.Answer(context.Background(), c.ID, v230.CommandResponseTypeAccepted, "")
		_, _ = p.receiver.Result(context.Background(), c.ID, result, "")
	}
}
