package command_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/command"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// Requirements CMD-01 to CMD-07: the answer, then the result.
func TestACommandGoesThereAndItsResultComesBack(t *testing.T) {
	requested := make(chan command.Command, 1)
	p := newPair(t, func(p *pair, c command.Command) {
		requested <- c
		accepts(v230.CommandResultTypeAccepted)(p, c)
	}, nil)
	c := p.startSession(t)
	if c.Answer == nil || c.Answer.Result != v230.CommandResponseTypeAccepted || !strings.HasSuffix(c.ResponseURL, "/emsp/2.1.1/commands/START_SESSION/"+c.ID) {
		t.Errorf("answered: %+v", c)
	}
	c = p.await(t, c.ID)
	if c.End.Outcome != "ACCEPTED" || c.End.By != command.Resulted || c.State != command.Ended {
		t.Errorf("it ended %+v", c.End)
	}
	taken := <-requested
	asked, err := command.As[v230.StartSession](taken)
	if err != nil || asked.Token.UID != sample.StartSession("").Token.UID || taken.Partner != "greenwheels" {
		t.Errorf("requested %+v, %v", taken, err)
	}
	taken = p.eventually(t, "delivered", taken.ID, func(c command.Command) bool { return c.State == command.Ended })
	if taken.Delivery.Attempts != 1 || taken.Delivery.At.IsZero() {
		t.Errorf("delivery %+v", taken.Delivery)
	}
}

// Requirements CMD-03, CMD-07, CMD-10.
func TestAnswersThatAreNoAcceptanceEndTheCommand(t *testing.T) {
	for answer, want := range map[v230.CommandResponseType]command.Outcome{
		v230.CommandResponseTypeRejected: "REJECTED", v230.CommandResponseTypeNotSupported: "NOT_SUPPORTED",
		v230.CommandResponseTypeUnknownSession: "UNKNOWN_SESSION",
	} {
		p := newPair(t, func(p *pair, c command.Command) { _, _ = p.receiver.Answer(context.Background(), c.ID, answer, "") }, nil)
		c, err := p.sender.StopSession(t.Context(), "grenspaal", sample.StopSession(""))
		if err != nil || c.End == nil || c.End.Outcome != want || c.End.By != command.Answered {
			t.Errorf("%s: %+v, %v", answer, c.End, err)
		}
	}
	check := func(context.Context, *ocpi.Partner, command.Command) (command.Answer, error) {
		return command.Answer{}, &ocpi.Error{Code: ocpi.StatusUnknownLocation, Message: "there is no such EVSE"}
	}
	p := newPair(t, nil, func(_ *command.SenderConfig, r *command.ReceiverConfig) { r.Check = check })
	c, err := p.sender.UnlockConnector(t.Context(), "grenspaal", sample.UnlockConnector(""))
	if err != nil || c.End == nil || c.End.Outcome != command.UnknownLocation || c.Steps[0].Status != ocpi.StatusUnknownLocation {
		t.Errorf("unknown location: %+v, %v", c, err)
	}
}

func TestWhoDoesNotAnswerGetsTheDefault(t *testing.T) {
	p := newPair(t, nil, func(_ *command.SenderConfig, r *command.ReceiverConfig) {
		r.AnswerWithin, r.ResultWithin = 20*time.Millisecond, 20*time.Millisecond
		r.Default = map[v230.CommandType]v230.CommandResponseType{v230.CommandTypeReserveNow: v230.CommandResponseTypeAccepted}
	})
	if c := p.startSession(t); c.End == nil || c.End.Outcome != "REJECTED" {
		t.Errorf("start: %+v", c)
	}
	c, err := p.sender.ReserveNow(t.Context(), "grenspaal", sample.ReserveNow(""))
	if err != nil || c.Answer == nil || c.Answer.Result != v230.CommandResponseTypeAccepted {
		t.Fatalf("reserve: %+v, %v", c, err)
	}
	// The CPO always gives a result for what it has accepted (requirement CMD-08).
	if c = p.await(t, c.ID); c.End.Outcome != "TIMEOUT" || c.End.By != command.Resulted {
		t.Errorf("it ended %+v", c.End)
	}
}

// Requirement CMD-08, and results that nobody asked for.
func TestResultsThatDoNotFitAreKept(t *testing.T) {
	p := newPair(t, func(p *pair, c command.Command) {
		_, _ = p.receiver.Answer(context.Background(), c.ID, v230.CommandResponseTypeAccepted, "")
	}, func(s *command.SenderConfig, _ *command.ReceiverConfig) { s.Timeout = 300 * time.Millisecond })
	c := p.startSession(t)
	if status := post(t, c.ResponseURL, "stranger", "ACCEPTED"); status != http.StatusNotFound {
		t.Errorf("a result from another partner: HTTP %d", status)
	}
	if c = p.await(t, c.ID); c.End.Outcome != "TIMEOUT" || c.End.By != command.Deadline {
		t.Fatalf("it ended %+v", c.End)
	}
	// Late, and at the shorter form of the path too.
	short := strings.Replace(c.ResponseURL, "/START_SESSION/", "/", 1)
	for _, url := range []string{c.ResponseURL, short} {
		if status := post(t, url, "let-me-in", "REJECTED"); status != http.StatusOK {
			t.Errorf("a late result: HTTP %d", status)
		}
	}
	c, err := p.store.Command(t.Context(), c.ID)
	if err != nil || c.End.Outcome != "TIMEOUT" || len(c.Steps) != 4 || !c.Steps[2].Late || !c.Steps[3].Late {
		t.Errorf("%+v, %v", c, err)
	}
	unknown := p.emsp.URL + "/emsp/2.1.1/commands/nobody-knows-me"
	for range 2 {
		if status := post(t, unknown, "let-me-in", "ACCEPTED"); status != http.StatusOK {
			t.Errorf("a result for no command: HTTP %d", status)
		}
	}
}

func TestResultsForNoCommandDoNotFillTheStore(t *testing.T) {
	store := new(counted)
	s := command.NewSender(command.SenderConfig{Store: store, Logger: quiet})
	from := &ocpi.Partner{ID: "mean"}
	for i := range 1000 {
		uid := strings.Repeat("x", i)
		if err := s.CommandResult(t.Context(), from, "", uid, v230.CommandResult{Result: v230.CommandResultTypeAccepted}); err != nil {
			t.Fatal(err)
		}
	}
	if store.added != 100 {
		t.Errorf("%d are kept, want 100", store.added)
	}
}

type counted struct {
	command.Memory
	added int
}

func (c *counted) Add(ctx context.Context, x command.Command) error {
	c.added++
	return c.Memory.Add(ctx, x)
}

// A lost answer is not taken for a refusal: the charge may have begun.
func TestALostAnswerLeavesTheCommandOpen(t *testing.T) {
	p := newPair(t, nil, func(_ *command.SenderConfig, r *command.ReceiverConfig) { r.Requested = nil })
	p.fault = func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.Contains(r.URL.Path, "/cpo/") {
				w.WriteHeader(http.StatusBadGateway)
				return
			}
			next.ServeHTTP(w, r)
		})
	}
	c := p.startSession(t)
	if c.State != command.Unclear || c.End != nil {
		t.Fatalf("it is %s: %+v", c.State, c)
	}
	if status := post(t, c.ResponseURL, "let-me-in", "ACCEPTED"); status != http.StatusOK {
		t.Errorf("HTTP %d", status)
	}
	if c = p.await(t, c.ID); c.End.Outcome != "ACCEPTED" {
		t.Errorf("it ended %+v", c.End)
	}
	p = newPair(t, nil, func(s *command.SenderConfig, _ *command.ReceiverConfig) { s.SendWithin = -1 })
	p.cpo.Close()
	if c = p.startSession(t); c.End == nil || c.End.Outcome != command.NotSent {
		t.Errorf("to a CPO that is away: %+v", c)
	}
}

// Who stops waiting does not stop the command.
func TestTheCallerMayGo(t *testing.T) {
	asked, goOn := make(chan struct{}), make(chan struct{})
	p := newPair(t, func(p *pair, c command.Command) {
		close(asked)
		<-goOn
		accepts(v230.CommandResultTypeAccepted)(p, c)
	}, nil)
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-asked; cancel() }()
	c, err := p.sender.StartSession(ctx, "grenspaal", sample.StartSession(""))
	if err != nil || c.State != command.Sending {
		t.Fatalf("%+v, %v", c, err)
	}
	if c, err := p.sender.Await(ctx, c.ID); !errors.Is(err, context.Canceled) || c.ID == "" {
		t.Errorf("Await: %+v, %v", c, err)
	}
	close(goOn)
	if c = p.await(t, c.ID); c.End.Outcome != "ACCEPTED" || c.Answer == nil {
		t.Errorf("%+v", c)
	}
}

// A result is sent until the partner has it.
func TestAResultIsDeliveredAgain(t *testing.T) {
	ids := make(chan string, 1)
	p := newPair(t, func(p *pair, c command.Command) {
		ids <- c.ID
		accepts(v230.CommandResultTypeAccepted)(p, c)
	}, nil)
	var tries atomic.Int64
	p.fault = func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.Contains(r.URL.Path, "/emsp/") && tries.Add(1) <= 3 {
				w.WriteHeader(http.StatusServiceUnavailable)
				return
			}
			next.ServeHTTP(w, r)
		})
	}
	c := p.startSession(t)
	if c = p.await(t, c.ID); c.End.Outcome != "ACCEPTED" {
		t.Errorf("%+v", c.End)
	}
	taken := p.eventually(t, "delivered", <-ids, func(c command.Command) bool { return c.State == command.Ended })
	if taken.Delivery.Attempts != 4 || taken.Delivery.At.IsZero() {
		t.Errorf("%+v", taken.Delivery)
	}
}

// Requirement CMD-17: nobody but the partner gets its token, and nothing is started whose result cannot be told.
func TestAResponseURLOfOthersIsRefused(t *testing.T) {
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the token went to another host") }))
	t.Cleanup(other.Close)
	p := newPair(t, func(*pair, command.Command) { t.Error("the program was asked") }, nil)
	for _, url := range []string{other.URL + "/x", "https://169.254.169.254/x", "ftp://example.com/x", "nonsense"} {
		_, err := p.receiver.StartSession(t.Context(), &ocpi.Partner{ID: "greenwheels"}, sample.StartSession(url))
		var e *ocpi.Error
		if !errors.As(err, &e) || e.Code != ocpi.StatusInvalidParameters || len(e.Findings) != 1 || e.Findings[0].Pointer != "/response_url" {
			t.Errorf("%s: %v", url, err)
		}
	}
}

func TestOurOwnSideIsToldWhatItCannotDo(t *testing.T) {
	p := newPair(t, nil, nil)
	r := p.receiver
	if _, err := r.Answer(t.Context(), "none", v230.CommandResponseTypeAccepted, ""); !errors.Is(err, command.ErrUnknown) {
		t.Errorf("no command: %v", err)
	}
	if _, err := r.Answer(t.Context(), "none", "MAYBE", ""); !errors.Is(err, command.ErrInvalid) {
		t.Errorf("no answer: %v", err)
	}
	if _, err := r.Result(t.Context(), "none", "MAYBE", ""); !errors.Is(err, command.ErrInvalid) {
		t.Errorf("no result: %v", err)
	}
	ids := make(chan string, 1)
	p = newPair(t, func(p *pair, c command.Command) {
		accepts(v230.CommandResultTypeAccepted)(p, c)
		ids <- c.ID
	}, nil)
	p.startSession(t)
	id := <-ids
	if _, err := p.receiver.Answer(t.Context(), id, v230.CommandResponseTypeRejected, ""); !errors.Is(err, command.ErrAnswered) {
		t.Errorf("answered: %v", err)
	}
	c, err := p.receiver.Result(t.Context(), id, v230.CommandResultTypeFailed, "")
	if !errors.Is(err, command.ErrEnded) || !c.Steps[len(c.Steps)-1].Late {
		t.Errorf("ended: %v, %+v", err, c.Steps)
	}
	_, err = p.sender.StartSession(t.Context(), "grenspaal", v230.StartSession{LocationID: "LOC1"})
	var e *ocpi.Error
	if !errors.As(err, &e) || len(e.Findings) == 0 {
		t.Errorf("a request that is not valid: %v", err)
	}
	if _, err := p.sender.StartSession(t.Context(), "nobody", sample.StartSession("")); err == nil {
		t.Error("a command was sent to a partner there is not")
	}
}

// slow is a store that takes its time to be read.
type slow struct{ command.Memory }

func (s *slow) Command(ctx context.Context, id string) (command.Command, error) {
	time.Sleep(50 * time.Millisecond)
	return s.Memory.Command(ctx, id)
}

// A result does not overtake the answer (requirement CMD-04): some eMSPs do not know the command before they have the answer.
func TestTheAnswerGoesBeforeTheResult(t *testing.T) {
	p := newPair(t, accepts(v230.CommandResultTypeAccepted), func(_ *command.SenderConfig, r *command.ReceiverConfig) { r.Store = new(slow) })
	var answered atomic.Bool
	early := make(chan bool, 1)
	p.fault = func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.Contains(r.URL.Path, "/emsp/") {
				early <- !answered.Load()
			}
			next.ServeHTTP(w, r)
			if strings.Contains(r.URL.Path, "/cpo/") {
				answered.Store(true)
			}
		})
	}
	c := p.startSession(t)
	if c = p.await(t, c.ID); c.End.Outcome != "ACCEPTED" || <-early {
		t.Errorf("the result was there first: %+v", c)
	}
}

// Requirement CMD-16: the diagrams of 2.1.1 have another word for ACCEPTED.
func TestSuccessfulIsAccepted(t *testing.T) {
	p := newPair(t, nil, nil)
	p.fault = func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.Contains(r.URL.Path, "/cpo/") {
				w.Header().Set("Content-Type", "application/json")
				_, _ = io.WriteString(w, `{"status_code":1000,"timestamp":"2026-11-27T12:00:00Z","data":{"result":"SUCCESSFUL"}}`)
				return
			}
			next.ServeHTTP(w, r)
		})
	}
	c := p.startSession(t)
	if c.State != command.Accepted || c.Answer.Result != v230.CommandResponseTypeAccepted {
		t.Fatalf("answered: %+v", c)
	}
	if status := post(t, c.ResponseURL, "let-me-in", "SUCCESSFUL"); status != http.StatusOK {
		t.Errorf("HTTP %d", status)
	}
	if c = p.await(t, c.ID); c.End.Outcome != "ACCEPTED" {
		t.Errorf("it ended %+v", c.End)
	}
}

// Memory forgets what has ended a day ago and nothing else.
func TestMemoryDoesNotGrowForEver(t *testing.T) {
	m := new(command.Memory)
	begin := time.Date(2026, time.November, 1, 12, 0, 0, 0, time.UTC)
	add := func(id string, at time.Time, due time.Time) {
		t.Helper()
		if err := m.Add(t.Context(), command.Command{ID: id, Created: at, Changed: at, Due: due}); err != nil {
			t.Fatal(err)
		}
	}
	add("ended", begin, time.Time{})
	add("open", begin, begin.Add(time.Minute))
	add("young", begin.Add(23*time.Hour), time.Time{})
	add("new", begin.Add(25*time.Hour), time.Time{})
	for id, kept := range map[string]bool{"ended": false, "open": true, "young": true, "new": true} {
		if _, err := m.Command(t.Context(), id); errors.Is(err, command.ErrUnknown) == kept {
			t.Errorf("%s: %v", id, err)
		}
	}
}
