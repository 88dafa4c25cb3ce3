package command_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/command"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// away is an address at which nobody listens.
func away(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// senderTo is an eMSP whose partner is at an address.
func senderTo(t *testing.T, address string, within time.Duration) *command.Sender {
	t.Helper()
	s := command.NewSender(command.SenderConfig{
		Client: clients(t, ocpi.V211, "grenspaal", "http://"+address+"/cpo/2.1.1/commands"), BaseURL: "http://127.0.0.1:1", SendWithin: within, Logger: quiet,
	})
	t.Cleanup(s.Close)
	run(t, s.Run)
	return s
}

// comeBack lets a CPO that accepts everything be at an address, and counts what it is asked.
func comeBack(t *testing.T, address string, asked *atomic.Int64) {
	t.Helper()
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Errorf("the address is taken: %v", err)
		return
	}
	back := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"status_code":1000,"timestamp":"2026-11-27T12:00:00Z","data":{"result":"ACCEPTED"}}`)
	}))
	_ = back.Listener.Close()
	back.Listener = l
	back.Start()
	t.Cleanup(back.Close)
}

// A CPO that restarts gets the command when it is back, once.
func TestACommandWaitsForAPartnerThatRestarts(t *testing.T) {
	address := away(t)
	s := senderTo(t, address, 10*time.Second)
	var asked atomic.Int64
	time.AfterFunc(500*time.Millisecond, func() { comeBack(t, address, &asked) })
	c, err := s.StartSession(t.Context(), "grenspaal", sample.StartSession(""))
	if err != nil || c.State != command.Accepted || c.Answer == nil || c.Answer.Result != v230.CommandResponseTypeAccepted {
		t.Errorf("%+v, %v", c, err)
	}
	if asked.Load() != 1 {
		t.Errorf("the CPO was asked %d times", asked.Load())
	}
}

// What may have arrived is not sent again: a charger must not be told twice.
func TestACommandThatMayHaveArrivedIsNotSentAgain(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	var connections atomic.Int64
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			connections.Add(1)
			_ = c.Close()
		}
	}()
	s := senderTo(t, l.Addr().String(), 2*time.Second)
	c, err := s.StartSession(t.Context(), "grenspaal", sample.StartSession(""))
	if err != nil || c.State != command.Unclear {
		t.Errorf("%+v, %v", c, err)
	}
	if connections.Load() != 1 {
		t.Errorf("it was sent %d times", connections.Load())
	}
}

// A CPO that stays away is given up, and the program that stops does not wait for it.
func TestACommandIsNotSentForEver(t *testing.T) {
	begin := time.Now()
	c, err := senderTo(t, away(t), time.Second).StartSession(t.Context(), "grenspaal", sample.StartSession(""))
	if err != nil || c.End == nil || c.End.Outcome != command.NotSent {
		t.Errorf("%+v, %v", c, err)
	}
	if took := time.Since(begin); took < 500*time.Millisecond || took > 5*time.Second {
		t.Errorf("it was given up after %s", took)
	}
}

// A command that waits for its partner when the program stops, or is killed, goes on when it is started again, while there is time.
func TestACommandWaitsForItsPartnerAcrossARestart(t *testing.T) {
	address := away(t)
	store := new(command.Memory)
	start := func(within time.Duration) *command.Sender {
		return command.NewSender(command.SenderConfig{
			Store: store, Client: clients(t, ocpi.V211, "grenspaal", "http://"+address+"/cpo/2.1.1/commands"), BaseURL: "http://127.0.0.1:1", SendWithin: within, Logger: quiet,
		})
	}
	before := start(20 * time.Second)
	var ids []string
	for range 2 {
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		defer cancel()
		c, err := before.StartSession(ctx, "grenspaal", sample.StartSession(""))
		if err != nil || c.State != command.Waiting {
			t.Fatalf("%+v, %v", c, err)
		}
		ids = append(ids, c.ID)
	}
	before.Close()
	late, err := store.Change(t.Context(), ids[1], func(c *command.Command) error {
		c.Created = c.Created.Add(-time.Minute)
		return nil
	})
	if err != nil {
		t.Fatal(late, err)
	}
	var asked atomic.Int64
	comeBack(t, address, &asked)
	after := start(20 * time.Second)
	t.Cleanup(after.Close)
	run(t, after.Run)
	for range 500 {
		if c, err := after.Command(t.Context(), ids[0]); err != nil || c.State == command.Accepted {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	if c, err := after.Command(t.Context(), ids[0]); err != nil || c.State != command.Accepted || asked.Load() != 1 {
		t.Errorf("%+v, %v, the CPO was asked %d times", c, err, asked.Load())
	}
	if c, err := after.Await(t.Context(), ids[1]); err != nil || c.End.Outcome != command.NotSent || c.End.Message == "" {
		t.Errorf("%+v, %v", c.End, err)
	}
}
