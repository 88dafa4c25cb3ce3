package command_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/google/go-cmp/cmp"

	"github.com/roamwire/roamwire/node/command"
	"github.com/roamwire/roamwire/node/object"
	"github.com/roamwire/roamwire/node/store"
	"github.com/roamwire/roamwire/node/store/sqlite"
	"github.com/roamwire/roamwire/ocpi"
	library "github.com/roamwire/roamwire/ocpi/command"
	"github.com/roamwire/roamwire/ocpi/ocpiclient"
	"github.com/roamwire/roamwire/ocpi/ocpitest"
	"github.com/roamwire/roamwire/ocpi/v230"
)

var (
	cpo   = ocpi.NewParty("NL", "GPE")
	emsp  = ocpi.NewParty("DE", "GWH")
	other = ocpi.NewParty("NL", "OTH")
	// sample is our network, and its drivers are those of the partner that from is.
	sample = ocpitest.Sample{CPO: cpo, EMSP: emsp, At: time.Now()}
	from   = &ocpi.Partner{ID: "greenwheels", Roles: []ocpi.PartyRole{{Role: ocpi.RoleEMSP, Party: emsp}}, Serves: []ocpi.Party{cpo}}
)

const resultURL = "http://127.0.0.1:1/commands/1"

// reachable calls a partner that takes results in theory, and is away.
type reachable struct{}

func (reachable) Client(_ context.Context, partner string) (*ocpiclient.Client, error) {
	return ocpiclient.New(ocpiclient.Config{
		Partner: &ocpi.Partner{ID: partner}, Token: "x", Version: ocpi.V211, Timeout: 100 * time.Millisecond,
		Endpoints: []ocpi.Endpoint{{Module: ocpi.ModuleCommands, URL: "http://127.0.0.1:1/commands"}},
		Transport: ocpiclient.NewTransport(ocpiclient.TransportConfig{AllowPrivate: true}),
	})
}

// room is the room over a home of its own, with the sample's network.
func room(t *testing.T, settings command.Settings) (*command.Commands, *sqlite.DB, *object.Objects) {
	t.Helper()
	db, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "roamwire.db"), sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	objects, err := object.New(db, []ocpi.Version{ocpi.V211})
	if err != nil {
		t.Fatal(err)
	}
	for i, l := range sample.Locations() {
		party := cpo
		if i == 0 { // LOC1 is another party's of ours
			party = other
		}
		put(t, objects.Locations, party, l)
	}
	put(t, objects.Sessions, cpo, sample.ActiveSession())
	theirs := sample.ActiveSession()
	theirs.ID, theirs.CDRToken.CountryCode, theirs.CDRToken.PartyID = "THEIRS", "BE", "XYZ"
	put(t, objects.Sessions, cpo, theirs)
	return command.New(command.Config{
		Store: db, Journal: db, Clients: reachable{}, Locations: objects.Locations, Sessions: objects.Sessions,
		BaseURL: "https://node.example.com/ocpi", Settings: settings, Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
	}), db, objects
}

func put[T any](t *testing.T, own *object.Own[T], party ocpi.Party, o T) {
	t.Helper()
	if _, err := own.Put(t.Context(), object.Item[T]{Party: party, Object: o}); err != nil {
		t.Fatal(err)
	}
}

// told are the types of events about commands, in order.
func told(t *testing.T, db *sqlite.DB) []string {
	t.Helper()
	events, _, err := db.Events(t.Context(), store.EventFilter{Modules: []ocpi.ModuleID{ocpi.ModuleCommands}}, 0, 100)
	if err != nil {
		t.Fatal(err)
	}
	var types []string
	for _, e := range events {
		var c library.Command
		if err := json.Unmarshal(e.Data, &c); err != nil || e.Subject != "commands/"+c.ID || e.Partner != c.Partner {
			t.Errorf("event %+v: %v", e, err)
		}
		types = append(types, e.Type)
	}
	return types
}

// What our own data answers is answered at once, and the rest is left to a backend (requirements CMD-10, CMD-15).
func TestWhatOurOwnDataAnswers(t *testing.T) {
	start := func(change func(*v230.StartSession)) func(*library.Receiver) (v230.CommandResponse, error) {
		r := sample.StartSession(resultURL)
		change(&r)
		return func(c *library.Receiver) (v230.CommandResponse, error) { return c.StartSession(t.Context(), from, r) }
	}
	unlock := func(change func(*v230.UnlockConnector)) func(*library.Receiver) (v230.CommandResponse, error) {
		r := v230.UnlockConnector{ResponseURL: resultURL, LocationID: "LOC2", EVSEUID: "LOC2-1", ConnectorID: "1"}
		change(&r)
		return func(c *library.Receiver) (v230.CommandResponse, error) {
			return c.UnlockConnector(t.Context(), from, r)
		}
	}
	stop := func(id string) func(*library.Receiver) (v230.CommandResponse, error) {
		return func(c *library.Receiver) (v230.CommandResponse, error) {
			return c.StopSession(t.Context(), from, v230.StopSession{ResponseURL: resultURL, SessionID: ocpi.CiString(id)})
		}
	}
	const unknown, left = "unknown location", "left to the backend"
	for name, tt := range map[string]struct {
		send func(*library.Receiver) (v230.CommandResponse, error)
		want string
	}{
		"start":                             {start(func(*v230.StartSession) {}), left},
		"start at any EVSE of the location": {start(func(r *v230.StartSession) { r.EVSEUID = nil }), left},
		"start nowhere":                     {start(func(r *v230.StartSession) { r.LocationID = "NOWHERE" }), unknown},
		"start at no EVSE":                  {start(func(r *v230.StartSession) { r.EVSEUID = new(ocpi.CiString("NONE")) }), unknown},
		"start at no connector":             {start(func(r *v230.StartSession) { r.ConnectorID = new(ocpi.CiString("99")) }), unknown},
		"start at the EVSE of a party that does not serve this partner": {start(func(r *v230.StartSession) {
			r.LocationID, r.EVSEUID = "LOC1", new(ocpi.CiString("LOC1-1"))
		}), unknown},
		"unlock":                  {unlock(func(*v230.UnlockConnector) {}), left},
		"unlock no EVSE":          {unlock(func(r *v230.UnlockConnector) { r.EVSEUID = "NONE" }), unknown},
		"unlock no connector":     {unlock(func(r *v230.UnlockConnector) { r.ConnectorID = "99" }), unknown},
		"stop":                    {stop("SES-ACTIVE"), left},
		"stop no session":         {stop("NONE"), "UNKNOWN_SESSION"},
		"stop a session of other": {stop("THEIRS"), "UNKNOWN_SESSION"},
		"reserve what cannot be reserved": {func(c *library.Receiver) (v230.CommandResponse, error) {
			r := sample.ReserveNow(resultURL)
			r.LocationID, r.EVSEUID = "LOC3", nil
			return c.ReserveNow(t.Context(), from, r)
		}, "NOT_SUPPORTED"},
		"cancel a reservation": {func(c *library.Receiver) (v230.CommandResponse, error) {
			return c.CancelReservation(t.Context(), from, sample.CancelReservation(resultURL))
		}, "NOT_SUPPORTED"},
	} {
		t.Run(name, func(t *testing.T) {
			c, db, _ := room(t, command.Settings{AnswerWithin: -1})
			response, err := tt.send(c.Receiver)
			got := string(response.Result)
			var e *ocpi.Error
			switch {
			case errors.As(err, &e) && e.Code == ocpi.StatusUnknownLocation:
				got = unknown
			case err != nil:
				t.Fatal(err)
			case slices.Contains(told(t, db), command.EventRequested):
				got = left
			}
			if got != tt.want {
				t.Errorf("it was answered %s, want %s", got, tt.want)
			}
			if kept, err := c.List(t.Context(), store.CommandFilter{Received: true, Partner: from.ID}); err != nil || len(kept) != 1 {
				t.Errorf("kept are %+v, %v", kept, err)
			}
		})
	}
}

// Each thing that happens is told once, in the order in which it happened.
func TestWhatHappensToCommandsIsTold(t *testing.T) {
	c, db, objects := room(t, command.Settings{AnswerWithin: 20 * time.Second})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); c.Run(ctx) }()
	defer func() { cancel(); <-done }()
	answered := make(chan v230.CommandResponse, 1)
	go func() {
		response, _ := c.Receiver.StartSession(t.Context(), from, sample.StartSession(resultURL))
		answered <- response
	}()
	id := ""
	eventually(t, "a backend sees it", func() bool {
		kept, err := c.List(t.Context(), store.CommandFilter{State: string(library.Asked)})
		if err == nil && len(kept) == 1 {
			id = kept[0].ID
		}
		return id != ""
	})
	if _, err := c.Receiver.Answer(t.Context(), id, v230.CommandResponseTypeAccepted, "go"); err != nil {
		t.Fatal(err)
	}
	if response := <-answered; response.Result != v230.CommandResponseTypeAccepted || response.Timeout != 60 {
		t.Errorf("%+v", response)
	}
	if _, err := c.Receiver.Answer(t.Context(), id, v230.CommandResponseTypeAccepted, "go"); !errors.Is(err, library.ErrAnswered) {
		t.Errorf("answered again: %v", err)
	}
	time.Sleep(10 * time.Millisecond)
	if _, err := c.Receiver.Result(t.Context(), id, v230.CommandResultTypeAccepted, ""); err != nil {
		t.Fatal(err)
	}
	session := sample.ActiveSession()
	request := sample.StartSession(resultURL)
	session.ID, session.EVSEUID, session.StartDateTime = "NEW", *request.EVSEUID, ocpi.NewDateTime(time.Now())
	session.CDRToken.UID, session.CDRToken.ContractID = request.Token.UID, request.Token.ContractID
	put(t, objects.Sessions, cpo, session)
	eventually(t, "the session is matched", func() bool {
		got, err := c.Get(t.Context(), id)
		return err == nil && got.Session != nil
	})
	want := []string{command.EventRequested, command.EventAnswered, command.EventFinished, command.EventSession}
	if diff := cmp.Diff(want, told(t, db)); diff != "" {
		t.Error(diff)
	}
}

func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for range 1000 {
		if is() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("not within 10 s: %s", what)
}

// A result for a command of ours, late and for none.
func TestLateResultsAreTold(t *testing.T) {
	c, db, _ := room(t, command.Settings{SendWithin: -1})
	partner := &ocpi.Partner{ID: "grenspaal"}
	sent, err := c.Sender.StartSession(t.Context(), partner.ID, sample.StartSession(""))
	if err != nil || sent.End == nil || sent.End.Outcome != library.NotSent {
		t.Fatalf("%+v, %v", sent, err)
	}
	for _, uid := range []string{sent.ID, "none"} {
		err := c.Sender.CommandResult(t.Context(), partner, "", uid, v230.CommandResult{Result: v230.CommandResultTypeAccepted})
		if err != nil {
			t.Error(err)
		}
	}
	if err := c.Sender.CommandResult(t.Context(), from, "", sent.ID, v230.CommandResult{}); !errors.Is(err, ocpi.ErrNotFound) {
		t.Errorf("a result of another partner: %v", err)
	}
	if diff := cmp.Diff([]string{command.EventFinished, command.EventLate}, told(t, db)); diff != "" {
		t.Error(diff)
	}
	if _, err := c.Get(t.Context(), "nothing"); !errors.Is(err, library.ErrUnknown) {
		t.Errorf("Get of none: %v", err)
	}
}

func TestOldCommandsAreRemoved(t *testing.T) {
	c, _, _ := room(t, command.Settings{AnswerWithin: -1, Keep: time.Millisecond})
	if _, err := c.Receiver.StartSession(t.Context(), from, sample.StartSession(resultURL)); err != nil {
		t.Fatal(err)
	}
	time.Sleep(5 * time.Millisecond)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); c.Run(ctx) }()
	defer func() { cancel(); <-done }()
	eventually(t, "it is gone", func() bool {
		kept, err := c.List(t.Context(), store.CommandFilter{})
		return err == nil && len(kept) == 0
	})
}

func TestSettingsThatCannotBeMeantAreRefused(t *testing.T) {
	for _, s := range []command.Settings{
		{Timeout: -1}, {Keep: -1}, {Default: map[v230.CommandType]v230.CommandResponseType{"START": "ACCEPTED"}},
		{Default: map[v230.CommandType]v230.CommandResponseType{v230.CommandTypeStartSession: "YES"}},
	} {
		if s.Check() == nil {
			t.Errorf("%+v is fine", s)
		}
	}
	if err := (command.Settings{AnswerWithin: -1}).Check(); err != nil {
		t.Error(err)
	}
}

// Whatever stands at the end of the path, a result for no command is kept and no error (requirement CMD-08). So is one for the
// command of another partner, which is told that there is none.
func TestResultsForNoCommandAreKept(t *testing.T) {
	c, _, _ := room(t, command.Settings{SendWithin: -1})
	sent, err := c.Sender.StartSession(t.Context(), "grenspaal", sample.StartSession(""))
	if err != nil {
		t.Fatal(err)
	}
	result := v230.CommandResult{Result: v230.CommandResultTypeAccepted}
	uids := []string{"none", strings.Repeat("é", 300), "\xff\xfe", "", strings.Repeat("x", 5000)}
	for _, uid := range uids {
		if err := c.Sender.CommandResult(t.Context(), from, v230.CommandType("\xffX"), uid, result); err != nil {
			t.Errorf("%.10q: %v", uid, err)
		}
	}
	if err := c.Sender.CommandResult(t.Context(), from, "", sent.ID, result); !errors.Is(err, ocpi.ErrNotFound) {
		t.Errorf("another partner's: %v", err)
	}
	kept, err := c.List(t.Context(), store.CommandFilter{Sent: true, Partner: from.ID, State: string(library.Stray)})
	if err != nil || len(kept) != len(uids)+1 {
		t.Fatalf("%d are kept of %d: %v", len(kept), len(uids)+1, err)
	}
	for _, k := range kept {
		if len(k.Steps) != 1 || k.Steps[0].At.IsZero() || k.Steps[0].Result != "ACCEPTED" || k.Type != "" {
			t.Errorf("%+v", k)
		}
	}
}

// A session that has come while the node was down, or just before it was killed, is matched too: also where nothing was read
// before.
func TestASessionThatCameWhileTheNodeWasDownIsMatched(t *testing.T) {
	c, db, objects := room(t, command.Settings{AnswerWithin: -1, Default: map[v230.CommandType]v230.CommandResponseType{
		v230.CommandTypeStartSession: v230.CommandResponseTypeAccepted,
	}})
	if _, err := c.Receiver.StartSession(t.Context(), from, sample.StartSession(resultURL)); err != nil {
		t.Fatal(err)
	}
	running := func(c *command.Commands) (stop func()) {
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); c.Run(ctx) }()
		return func() { cancel(); <-done }
	}
	stop := running(c)
	eventually(t, "it runs", func() bool {
		_, err := db.ReadNote(t.Context(), "commands.sessions")
		return err == nil
	})
	stop()
	session, request := sample.ActiveSession(), sample.StartSession(resultURL)
	session.ID, session.EVSEUID, session.StartDateTime = "NEW", *request.EVSEUID, ocpi.NewDateTime(time.Now())
	session.CDRToken.UID, session.CDRToken.ContractID = request.Token.UID, request.Token.ContractID
	put(t, objects.Sessions, cpo, session)
	again := command.New(command.Config{
		Store: db, Journal: db, Clients: reachable{}, Locations: objects.Locations, Sessions: objects.Sessions,
		BaseURL: "https://node.example.com/ocpi", Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
	})
	defer running(again)()
	eventually(t, "the session is matched", func() bool {
		kept, err := again.List(t.Context(), store.CommandFilter{Received: true})
		return err == nil && len(kept) == 1 && kept[0].Session != nil
	})
}
