package node_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/roamwire/roamwire/node"
	"github.com/roamwire/roamwire/node/partner"
	"github.com/roamwire/roamwire/node/store"
	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/command"
	"github.com/roamwire/roamwire/ocpi/handshake"
	"github.com/roamwire/roamwire/ocpi/ocpitest"
	"github.com/roamwire/roamwire/ocpi/v211"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// asked waits for a command that wants an answer, as a backend does.
func asked(t *testing.T, n running) command.Command {
	t.Helper()
	var found []command.Command
	eventually(t, "a command is asked for", func() bool {
		var err error
		if found, err = n.Commands.List(t.Context(), store.CommandFilter{Received: true, State: string(command.Asked)}); err != nil {
			t.Fatal(err)
		}
		return len(found) > 0
	})
	return found[0]
}

// ended waits for the end of a command.
func ended(t *testing.T, n running, id string) command.Command {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	c, err := n.Commands.Sender.Await(ctx, id)
	if err != nil {
		t.Fatalf("%v: %+v", err, c)
	}
	return c
}

// became waits until a command is as wanted.
func became(t *testing.T, n running, id, what string, is func(command.Command) bool) command.Command {
	t.Helper()
	var c command.Command
	eventually(t, what, func() bool {
		var err error
		if c, err = n.Commands.Get(t.Context(), id); err != nil {
			t.Fatal(err)
		}
		return is(c)
	})
	return c
}

// between sends a command, which the CPO's backend answers meanwhile. It returns the command on both sides.
func between(t *testing.T, cpo running, send func() (command.Command, error), answer v230.CommandResponseType) (sent, taken command.Command) {
	t.Helper()
	done := make(chan error, 1)
	go func() {
		var err error
		sent, err = send()
		done <- err
	}()
	taken = asked(t, cpo)
	if _, err := cpo.Commands.Receiver.Answer(t.Context(), taken.ID, answer, ""); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	return sent, taken
}

// joined registers the eMSP's node with the CPO's.
func joined(t *testing.T, cpo, emsp running) {
	t.Helper()
	to := invitation(t, cpo, "greenwheels", ocpi.RoleEMSP)
	to.Terms = handshake.Terms{Role: ocpi.RoleCPO}
	other, err := emsp.Registration(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	err = other.Register(t.Context(), "grenspaal", to)
	if err != nil {
		t.Fatal(err)
	}
}

// twoNodes are a CPO's with the sample's network, and an eMSP's.
func twoNodes(t *testing.T) (cpo, emsp running) {
	t.Helper()
	c := config(t)
	c.Parties[0].Roles, c.AllowPrivate = []ocpi.Role{ocpi.RoleCPO}, true
	cpo = start(t, c)
	put(t, cpo.Objects.Locations, sample.Locations()...)
	e := config(t)
	e.Parties, e.AllowPrivate = []node.Party{{Party: theirs, Roles: []ocpi.Role{ocpi.RoleEMSP}, Name: "Greenwheels"}}, true
	emsp = start(t, e)
	joined(t, cpo, emsp)
	return cpo, emsp
}

// The whole way, between two nodes: a driver starts a charge, the session that comes of it is known to both, and the driver
// stops it (requirements CMD-01 to CMD-12).
func TestAChargeIsStartedAndStoppedFromTheApp(t *testing.T) {
	cpo, emsp := twoNodes(t)
	sent, taken := between(t, cpo, func() (command.Command, error) {
		return emsp.Commands.Sender.StartSession(t.Context(), "grenspaal", sample.StartSession(""))
	}, v230.CommandResponseTypeAccepted)
	if sent.Answer == nil || sent.Answer.Result != v230.CommandResponseTypeAccepted {
		t.Fatalf("%+v", sent)
	}
	if _, err := cpo.Commands.Receiver.Result(t.Context(), taken.ID, v230.CommandResultTypeAccepted, ""); err != nil {
		t.Fatal(err)
	}
	if sent = ended(t, emsp, sent.ID); sent.End.Outcome != "ACCEPTED" {
		t.Errorf("it ended %+v", sent.End)
	}
	request, err := command.As[v230.StartSession](taken)
	if err != nil || request.LocationID != sample.StartSession("").LocationID || request.Token.ContractID != sample.StartSession("").Token.ContractID {
		t.Errorf("the backend got %+v, %v", request, err)
	}
	session := sample.ActiveSession()
	session.ID, session.StartDateTime = "S-LATE", ocpi.NewDateTime(time.Now())
	session.LocationID, session.EVSEUID = request.LocationID, *request.EVSEUID
	session.ConnectorID = sample.Location(3).EVSEs[1].Connectors[0].ID
	session.CDRToken.ContractID, session.CDRToken.UID = request.Token.ContractID, request.Token.UID
	put(t, cpo.Objects.Sessions, session)
	for side, of := range map[string]struct {
		node running
		id   string
	}{"CPO": {cpo, taken.ID}, "eMSP": {emsp, sent.ID}} {
		c := became(t, of.node, of.id, "the "+side+" knows the session", func(c command.Command) bool { return c.Session != nil })
		if c.Session.ID != "S-LATE" || c.Session.Party != own {
			t.Errorf("%s: %+v", side, c.Session)
		}
	}

	sent, _ = between(t, cpo, func() (command.Command, error) {
		return emsp.Commands.Sender.StopSession(t.Context(), "grenspaal", v230.StopSession{SessionID: "S-LATE"})
	}, v230.CommandResponseTypeNotSupported)
	if sent.End == nil || sent.End.Outcome != "NOT_SUPPORTED" {
		t.Errorf("stop: %+v", sent.End)
	}
	sent, err = emsp.Commands.Sender.StopSession(t.Context(), "grenspaal", v230.StopSession{SessionID: "S-NONE"})
	if err != nil || sent.End == nil || sent.End.Outcome != "UNKNOWN_SESSION" {
		t.Errorf("stop a session there is not: %+v, %v", sent.End, err)
	}
	nowhere := sample.StartSession("")
	nowhere.LocationID = "NOWHERE"
	sent, err = emsp.Commands.Sender.StartSession(t.Context(), "grenspaal", nowhere)
	if err != nil || sent.End == nil || sent.End.Outcome != command.UnknownLocation {
		t.Errorf("start nowhere: %+v, %v", sent.End, err)
	}
}

// commandOf sends a command to the node as the partner, and returns the answer.
func commandOf(t *testing.T, p *ocpitest.Partner, kind, responseURL string, body map[string]any) ocpitest.Reply {
	t.Helper()
	body["response_url"] = responseURL
	reply, err := p.Do(t.Context(), http.MethodPost, p.Peer().Endpoint(ocpi.ModuleCommands)+"/"+kind, body)
	if err != nil {
		t.Fatal(err)
	}
	return reply
}

// unlock is a command that the sample's first location can carry out.
func unlock(t *testing.T, n running) map[string]any {
	t.Helper()
	l := sample.Location(1)
	put(t, n.Objects.Locations, l)
	return map[string]any{"location_id": l.ID, "evse_uid": l.EVSEs[0].UID, "connector_id": l.EVSEs[0].Connectors[0].ID}
}

func resultURL(p *ocpitest.Partner) string {
	return p.URL + "/emsp/2.1.1/commands/UNLOCK_CONNECTOR/our-1"
}

// results are what the partner was told at its response_url.
func results(t *testing.T, p *ocpitest.Partner, n int) []ocpitest.Request {
	t.Helper()
	return awaited(t, p, n, ocpitest.Paths("/commands/UNLOCK_CONNECTOR/our-1"))
}

// Without a backend every command is rejected, after a short time.
func TestWithoutABackendCommandsAreRejected(t *testing.T) {
	n, p := cpo(t, func(c *node.Config) { c.Commands.AnswerWithin = 50 * time.Millisecond })
	reply := commandOf(t, p, "UNLOCK_CONNECTOR", resultURL(p), unlock(t, n))
	if !strings.Contains(string(reply.Data), `"REJECTED"`) || reply.StatusCode != ocpi.StatusSuccess {
		t.Errorf("answer %s", reply.Body)
	}
	commands, err := n.Commands.List(t.Context(), store.CommandFilter{})
	if err != nil || len(commands) != 1 || !commands[0].Answer.Default || commands[0].Partner != emsp {
		t.Errorf("%+v, %v", commands, err)
	}
}

// The CPO always posts a result for what it has accepted, also after a restart, and until the eMSP has it (requirements CMD-05,
// CMD-08).
func TestEveryAcceptedCommandGetsItsResultAfterARestart(t *testing.T) {
	t.Parallel()
	for name, backend := range map[string]bool{"from the backend": true, "TIMEOUT without one": false} {
		t.Run(name, func(t *testing.T) {
			var configured node.Config
			n, p := cpo(t, func(c *node.Config) {
				c.Commands.AnswerWithin, c.Commands.ResultWithin = 50*time.Millisecond, time.Second
				c.Commands.Default = map[v230.CommandType]v230.CommandResponseType{v230.CommandTypeUnlockConnector: v230.CommandResponseTypeAccepted}
				configured = *c
			})
			if backend {
				p.Mean(ocpitest.Fault{On: ocpitest.Paths("/commands/"), Times: 1, Do: ocpitest.ServerError(http.StatusServiceUnavailable)})
			}
			reply := commandOf(t, p, "UNLOCK_CONNECTOR", resultURL(p), unlock(t, n))
			if !strings.Contains(string(reply.Data), `"ACCEPTED"`) {
				t.Fatalf("answer %s", reply.Body)
			}
			n.stop()
			configured.Listen = strings.TrimSuffix(strings.TrimPrefix(n.URL(), "http://"), "/ocpi")
			n = start(t, configured)
			commands, err := n.Commands.List(t.Context(), store.CommandFilter{Received: true})
			if err != nil || len(commands) != 1 {
				t.Fatal(commands, err)
			}
			want, tries := `{"result":"TIMEOUT"}`, 1
			if backend {
				want, tries = `{"result":"ACCEPTED"}`, 2
				if _, err := n.Commands.Receiver.Result(t.Context(), commands[0].ID, v230.CommandResultTypeAccepted, ""); err != nil {
					t.Fatal(err)
				}
			}
			got := results(t, p, tries)
			if string(got[tries-1].Body) != want {
				t.Errorf("the result is %s, want %s", got[tries-1].Body, want)
			}
			c := became(t, n, commands[0].ID, "the result is delivered", func(c command.Command) bool { return c.State == command.Ended })
			if c.Delivery.At.IsZero() || c.Delivery.Attempts != tries {
				t.Errorf("%+v", c.Delivery)
			}
		})
	}
}

// Requirement CMD-17.
func TestTheTokenIsNotSentToWhereAResponseURLLeads(t *testing.T) {
	got := make(chan string, 1)
	foreign := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got <- r.Header.Get("Authorization")
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"status_code":1000,"timestamp":"2026-11-27T12:00:00Z"}`))
	}))
	t.Cleanup(foreign.Close)
	n, p := cpo(t, func(c *node.Config) {
		c.Commands.AnswerWithin = -1
		c.Commands.Default = map[v230.CommandType]v230.CommandResponseType{v230.CommandTypeUnlockConnector: v230.CommandResponseTypeAccepted}
	})
	body := unlock(t, n)
	for _, url := range []string{foreign.URL + "/result", "http://169.254.169.254/latest", "ftp://example.com/"} {
		reply := commandOf(t, p, "UNLOCK_CONNECTOR", url, body)
		if reply.StatusCode != ocpi.StatusInvalidParameters || !strings.Contains(reply.StatusMessage, "response_url") {
			t.Errorf("%s: %s", url, reply.Body)
		}
	}
	if len(got) > 0 {
		t.Error("the token went to another host")
	}
	// The operator allows that host, and no other.
	err := n.Partners.ChangePolicy(t.Context(), emsp, func(p *partner.Policy) error {
		p.ResultHosts = []string{strings.TrimPrefix(foreign.URL, "http://")}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if reply := commandOf(t, p, "UNLOCK_CONNECTOR", foreign.URL+"/result", body); !strings.Contains(string(reply.Data), `"ACCEPTED"`) {
		t.Fatalf("%s", reply.Body)
	}
	open, err := n.Commands.List(t.Context(), store.CommandFilter{State: string(command.Accepted)})
	if err != nil || len(open) != 1 {
		t.Fatal(open, err)
	}
	if _, err := n.Commands.Receiver.Result(t.Context(), open[0].ID, v230.CommandResultTypeAccepted, ""); err != nil {
		t.Fatal(err)
	}
	if token := <-got; token == "" {
		t.Error("the result came without a token")
	}
}

// A result that does not come, comes late, twice, or for no command (requirement CMD-08); an answer that is lost.
func TestWhatComesOfASentCommandIsKept(t *testing.T) {
	t.Parallel()
	n, p := readerWith(t, func(c *node.Config) { c.Commands.Timeout = 700 * time.Millisecond })
	p.Mean(ocpitest.Fault{On: ocpitest.Paths("/commands/"), Times: 1, Do: ocpitest.CutBody()})
	c, err := n.Commands.Sender.StartSession(t.Context(), "grenspaal", sample.StartSession(""))
	if err != nil || c.State != command.Unclear || c.End != nil {
		t.Fatalf("a lost answer: %+v, %v", c, err)
	}
	says := func(url string, result v211.CommandResponseType) {
		t.Helper()
		reply, err := p.Do(t.Context(), http.MethodPost, url, v211.CommandResponse{Result: result})
		if err != nil || reply.HTTP != http.StatusOK {
			t.Errorf("a result at %s: %s, %v", url, reply.Body, err)
		}
	}
	if got := p.CPO.Commands.Taken(); len(got) != 1 || got[0].ResponseURL() != c.ResponseURL {
		t.Fatalf("the CPO got %+v", got)
	}
	says(c.ResponseURL, v211.CommandResponseTypeAccepted)
	if c = ended(t, n, c.ID); c.End.Outcome != "ACCEPTED" {
		t.Errorf("it ended %+v", c.End)
	}
	says(c.ResponseURL, v211.CommandResponseTypeAccepted)
	if c, err = n.Commands.Get(t.Context(), c.ID); err != nil || !c.Steps[len(c.Steps)-1].Again {
		t.Errorf("a result that came twice: %+v, %v", c.Steps, err)
	}

	c, err = n.Commands.Sender.StartSession(t.Context(), "grenspaal", sample.StartSession(""))
	if err != nil || c.State != command.Accepted {
		t.Fatalf("%+v, %v", c, err)
	}
	if c = ended(t, n, c.ID); c.End.Outcome != "TIMEOUT" {
		t.Errorf("it ended %+v", c.End)
	}
	says(c.ResponseURL, v211.CommandResponseTypeAccepted)
	if c, err = n.Commands.Get(t.Context(), c.ID); err != nil || c.End.Outcome != "TIMEOUT" || !c.Steps[len(c.Steps)-1].Late {
		t.Errorf("a late result: %+v, %v", c, err)
	}
	says(strings.TrimSuffix(c.ResponseURL, c.ID)+"made-up", v211.CommandResponseTypeAccepted)
	strays, err := n.Commands.List(t.Context(), store.CommandFilter{State: string(command.Stray)})
	if err != nil || len(strays) != 1 || strays[0].Partner != "grenspaal" || !strings.Contains(strays[0].Steps[0].Message, "made-up") {
		t.Errorf("a result for no command: %+v, %v", strays, err)
	}
}

// A command that was open when the node stopped ends by its deadline when it is back.
func TestOpenCommandsEndAfterARestart(t *testing.T) {
	t.Parallel()
	var configured node.Config
	n, _ := readerWith(t, func(c *node.Config) {
		c.Commands.Timeout = time.Second
		configured = *c
	})
	c, err := n.Commands.Sender.StartSession(t.Context(), "grenspaal", sample.StartSession(""))
	if err != nil || c.State != command.Accepted {
		t.Fatalf("%+v, %v", c, err)
	}
	n.stop()
	n = start(t, configured)
	if c = ended(t, n, c.ID); c.End.Outcome != "TIMEOUT" || c.End.By != command.Deadline {
		t.Errorf("it ended %+v", c.End)
	}
}
