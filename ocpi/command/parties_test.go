package command_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/command"
	"github.com/roamwire/roamwire/ocpi/ocpiclient"
	"github.com/roamwire/roamwire/ocpi/ocpiserver"
	"github.com/roamwire/roamwire/ocpi/ocpitest"
	"github.com/roamwire/roamwire/ocpi/v230"
)

var (
	secondCPO  = ocpi.NewParty("NL", "GP2")
	secondEMSP = ocpi.NewParty("DE", "GW2")
)

// callsPlatform calls the one partner there is, a platform with two parties in a role, as a party of ours.
func callsPlatform(t *testing.T, version ocpi.Version, own ocpi.Party, role ocpi.Role, parties []ocpi.Party, endpoint ocpi.Endpoint) command.Clients {
	t.Helper()
	transport := ocpiclient.NewTransport(ocpiclient.TransportConfig{AllowPrivate: true})
	t.Cleanup(transport.Close)
	partner := &ocpi.Partner{ID: "platform"}
	for _, party := range parties {
		partner.Roles = append(partner.Roles, ocpi.PartyRole{Role: role, Party: party})
	}
	return func(context.Context, string) (*ocpiclient.Client, error) {
		return ocpiclient.New(ocpiclient.Config{
			Partner: partner, Own: own, Token: "let-me-in", Version: version, Transport: transport, Timeout: 5 * time.Second,
			Endpoints: []ocpi.Endpoint{endpoint},
		})
	}
}

// A listener hears whom messages are for and from, the commands by "command" and their results by "result".
type listener struct {
	mu    sync.Mutex
	heard map[string]ocpi.Routing
}

// serve starts a platform that speaks with one of two parties in a role, and is heard by the name of what it takes.
func (l *listener) serve(t *testing.T, name string, theirs []ocpi.PartyRole, ours []ocpi.PartyRole) (url string, handle func(*ocpiserver.CPO, *ocpiserver.EMSP)) {
	t.Helper()
	var handler http.Handler
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		routing, err := ocpi.ReadRouting(r.Header)
		l.mu.Lock()
		if l.heard[name] = routing; err != nil {
			t.Error(err)
		}
		l.mu.Unlock()
		handler.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	return s.URL, func(cpo *ocpiserver.CPO, emsp *ocpiserver.EMSP) {
		partners := new(ocpitest.Partners)
		partners.Add("let-me-in", ocpi.Partner{ID: "platform", Roles: theirs})
		server, err := ocpiserver.New(ocpiserver.Config{
			BaseURL: s.URL, Versions: ocpi.Versions(), Partners: partners, Parties: ours, CPO: cpo, EMSP: emsp, Logger: quiet,
		})
		if err != nil {
			t.Fatal(err)
		}
		handler = server
	}
}

func inRole(role ocpi.Role, parties ...ocpi.Party) (roles []ocpi.PartyRole) {
	for _, party := range parties {
		roles = append(roles, ocpi.PartyRole{Role: role, Party: party})
	}
	return roles
}

// Between platforms of two parties each, commands are for the party whose place it is, and results for the party that has sent
// the command, from the one that it was for (requirements DT-18, DT-21).
func TestCommandsAndResultsAreForThePartyTheyBelongTo_DT21(t *testing.T) {
	cpos, emsps := []ocpi.Party{sample.CPO, secondCPO}, []ocpi.Party{sample.EMSP, secondEMSP}
	for _, version := range laterVersions {
		t.Run(string(version), func(t *testing.T) {
			l := &listener{heard: map[string]ocpi.Routing{}}
			cpoURL, cpo := l.serve(t, "command", inRole(ocpi.RoleEMSP, emsps...), inRole(ocpi.RoleCPO, cpos...))
			emspURL, emsp := l.serve(t, "result", inRole(ocpi.RoleCPO, cpos...), inRole(ocpi.RoleEMSP, emsps...))
			sender := command.NewSender(command.SenderConfig{
				Client: callsPlatform(t, version, sample.EMSP, ocpi.RoleCPO, cpos,
					ocpi.Endpoint{Module: ocpi.ModuleCommands, Role: ocpi.Receiver, URL: cpoURL + "/cpo/" + string(version) + "/commands"}),
				BaseURL: emspURL, Logger: quiet, Party: func(context.Context, command.Command) ocpi.Party { return secondCPO },
			})
			p := &pair{sender: sender}
			p.receiver = command.NewReceiver(command.ReceiverConfig{
				Client: callsPlatform(t, version, sample.CPO, ocpi.RoleEMSP, emsps,
					ocpi.Endpoint{Module: ocpi.ModuleCommands, Role: ocpi.Sender, URL: emspURL + "/emsp/" + string(version) + "/commands"}),
				Backoff: 10 * time.Millisecond, Logger: quiet, Routing: ocpiserver.RoutingOf,
				Requested: func(_ context.Context, c command.Command) { accepts(v230.CommandResultTypeAccepted)(p, c) },
			})
			cpo(&ocpiserver.CPO{Commands: p.receiver}, nil)
			emsp(nil, &ocpiserver.EMSP{CommandResults: sender})
			run(t, sender.Run)
			run(t, p.receiver.Run)
			t.Cleanup(sender.Close)

			request := sample.StartSession("")
			request.Token.PartyID = ocpi.CiString(secondEMSP.PartyID)
			sent, err := sender.StartSession(t.Context(), "platform", request)
			if err != nil {
				t.Fatal(err)
			}
			if c := p.await(t, sent.ID); c.End == nil || c.End.Outcome != "ACCEPTED" || c.Party != secondCPO {
				t.Errorf("%+v", c)
			}
			l.mu.Lock()
			defer l.mu.Unlock()
			want := map[string]ocpi.Routing{"command": {To: secondCPO, From: secondEMSP}, "result": {To: secondEMSP, From: secondCPO}}
			if !cmp.Equal(l.heard, want) {
				t.Error(cmp.Diff(want, l.heard))
			}
		})
	}
}
