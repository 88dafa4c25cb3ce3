package command_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/google/go-cmp/cmp"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/command"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// A wiretap hears what goes over the network.
type wiretap struct {
	mu    sync.Mutex
	posts []*exchanged
}

// A exchanged is one POST: the last segments of its path, and its body and answer.
type exchanged struct {
	path         string
	body, answer map[string]any
}

// handler hears each message before it is served, and its answer before that goes out.
func (w *wiretap) handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		raw, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(raw))
		heard := &exchanged{path: r.URL.Path}
		_ = json.Unmarshal(raw, &heard.body)
		w.mu.Lock()
		w.posts = append(w.posts, heard)
		w.mu.Unlock()
		answer := httptest.NewRecorder()
		next.ServeHTTP(answer, r)
		var envelope struct {
			Data map[string]any `json:"data"`
		}
		_ = json.Unmarshal(answer.Body.Bytes(), &envelope)
		w.mu.Lock()
		heard.answer = envelope.Data
		w.mu.Unlock()
		maps.Copy(rw.Header(), answer.Header())
		rw.WriteHeader(answer.Code)
		_, _ = rw.Write(answer.Body.Bytes())
	})
}

// to returns the POSTs whose path has a text in it, in order.
func (w *wiretap) to(part string) []exchanged {
	w.mu.Lock()
	defer w.mu.Unlock()
	var found []exchanged
	for _, p := range w.posts {
		if strings.Contains(p.path, part) {
			found = append(found, *p)
		}
	}
	return found
}

// Every command, in every version: the answer, then the result, each in the version's words (requirements CMD-01 to CMD-07,
// DM-01, DM-02).
func TestEveryCommandGoesThereAndItsResultComesBack_DM02(t *testing.T) {
	for _, version := range ocpi.Versions() {
		for kind, send := range map[v230.CommandType]func(context.Context, *command.Sender) (command.Command, error){
			v230.CommandTypeStartSession: func(ctx context.Context, s *command.Sender) (command.Command, error) {
				return s.StartSession(ctx, "grenspaal", sample.StartSession(""))
			},
			v230.CommandTypeStopSession: func(ctx context.Context, s *command.Sender) (command.Command, error) {
				return s.StopSession(ctx, "grenspaal", sample.StopSession(""))
			},
			v230.CommandTypeReserveNow: func(ctx context.Context, s *command.Sender) (command.Command, error) {
				return s.ReserveNow(ctx, "grenspaal", sample.ReserveNow(""))
			},
			v230.CommandTypeUnlockConnector: func(ctx context.Context, s *command.Sender) (command.Command, error) {
				return s.UnlockConnector(ctx, "grenspaal", sample.UnlockConnector(""))
			},
			v230.CommandTypeCancelReservation: func(ctx context.Context, s *command.Sender) (command.Command, error) {
				return s.CancelReservation(ctx, "grenspaal", sample.CancelReservation(""))
			},
		} {
			t.Run(string(version)+" "+string(kind), func(t *testing.T) {
				if version == ocpi.V211 && kind == v230.CommandTypeCancelReservation {
					p := newPairIn(t, version, nil, nil)
					if _, err := send(t.Context(), p.sender); !errors.Is(err, command.ErrVersion) {
						t.Errorf("got %v, want ErrVersion", err)
					}
					return
				}
				everyCommand(t, version, kind, send)
			})
		}
	}
}

func everyCommand(t *testing.T, version ocpi.Version, kind v230.CommandType, send func(context.Context, *command.Sender) (command.Command, error)) {
	t.Helper()
	var tap wiretap
	p := newPairIn(t, version, accepts(v230.CommandResultTypeEVSEOccupied), nil)
	p.fault = tap.handler
	c, err := send(t.Context(), p.sender)
	if err != nil {
		t.Fatal(err)
	}
	c = p.await(t, c.ID)
	outcome, answer := "EVSE_OCCUPIED", map[string]any{"result": "ACCEPTED", "timeout": 60.0}
	if version == ocpi.V211 { // one kind of answer, with fewer words
		outcome, answer = "REJECTED", map[string]any{"result": "ACCEPTED"}
	}
	if string(c.End.Outcome) != outcome || c.End.By != command.Resulted {
		t.Errorf("it ended %+v", c.End)
	}
	sent := tap.to("/cpo/" + string(version) + "/commands/" + string(kind))
	if len(sent) != 1 || !cmp.Equal(sent[0].answer, answer) || sent[0].body["response_url"] != c.ResponseURL {
		t.Errorf("sent %+v", sent)
	}
	results := tap.to("/emsp/" + string(version) + "/commands/" + string(kind) + "/" + c.ID)
	if len(results) != 1 || !cmp.Equal(results[0].body, map[string]any{"result": outcome}) {
		t.Errorf("results %+v", results)
	}
}

// Every word for the end of a command, as partners of each version get it (requirement DM-03).
func TestResultsAreInTheWordsOfTheVersion_DM03(t *testing.T) {
	older := map[v230.CommandResultType]string{"ACCEPTED": "ACCEPTED", "TIMEOUT": "TIMEOUT", "NOT_SUPPORTED": "NOT_SUPPORTED", "UNKNOWN_SESSION": "UNKNOWN_SESSION"}
	for _, version := range ocpi.Versions() {
		for _, result := range []v230.CommandResultType{
			v230.CommandResultTypeAccepted, v230.CommandResultTypeCanceledReservation, v230.CommandResultTypeEVSEOccupied,
			v230.CommandResultTypeEVSEInoperative, v230.CommandResultTypeFailed, v230.CommandResultTypeNotSupported,
			v230.CommandResultTypeRejected, v230.CommandResultTypeTimeout, v230.CommandResultTypeUnknownReservation, "UNKNOWN_SESSION",
		} {
			want := string(result)
			switch {
			case version == ocpi.V211 && older[result] == "":
				want = "REJECTED"
			case version != ocpi.V211 && result == "UNKNOWN_SESSION":
				want = "FAILED"
			}
			t.Run(string(version)+" "+string(result), func(t *testing.T) {
				var tap wiretap
				p := newPairIn(t, version, accepts(result), nil)
				p.fault = tap.handler
				c, err := p.sender.StopSession(t.Context(), "grenspaal", sample.StopSession(""))
				if err != nil {
					t.Fatal(err)
				}
				c = p.await(t, c.ID)
				results := tap.to(c.ID)
				if len(results) != 1 || !cmp.Equal(results[0].body, map[string]any{"result": want}) {
					t.Errorf("on the wire %+v, want %s", results, want)
				}
				if c.End.By != command.Resulted || string(c.End.Outcome) != want && (version != ocpi.V211 || result != "UNKNOWN_SESSION") {
					t.Errorf("it ended %+v", c.End)
				}
			})
		}
	}
}

// Texts for the driver arrive in versions that have them (requirement DM-02).
func TestTextsComeWithAnswersAndResults_DM02(t *testing.T) {
	for _, version := range ocpi.Versions() {
		p := newPairIn(t, version, func(p *pair, c command.Command) {
			_, _ = p.receiver.Answer(context.Background(), c.ID, v230.CommandResponseTypeAccepted, "We try.")
			_, _ = p.receiver.Result(context.Background(), c.ID, v230.CommandResultTypeFailed, "The cable is missing.")
		}, nil)
		c := p.await(t, p.startSession(t).ID)
		answer, result := "We try.", "The cable is missing."
		if version == ocpi.V211 {
			answer, result = "", ""
		}
		if c.Answer.Message != answer || c.End.Message != result {
			t.Errorf("%s: answer %+v, end %+v", version, c.Answer, c.End)
		}
	}
}

// The eMSP waits as long as the CPO says that it may take (requirement DM-02).
func TestTheDeadlineIsThePartners_DM02(t *testing.T) {
	for _, version := range ocpi.Versions() {
		p := newPairIn(t, version, func(p *pair, c command.Command) {
			_, _ = p.receiver.Answer(context.Background(), c.ID, v230.CommandResponseTypeAccepted, "")
		}, func(s *command.SenderConfig, r *command.ReceiverConfig) {
			s.Timeout, r.ResultWithin = 5*time.Minute, 40*time.Second
		})
		c := p.startSession(t)
		want := 50 * time.Second // and ten seconds for the way
		if version == ocpi.V211 {
			want = 5 * time.Minute
		}
		if got := c.Due.Sub(c.Answer.At); got != want {
			t.Errorf("%s: it waits %s, want %s", version, got, want)
		}
	}
}

// A CPO may give up a reservation long after it has made it, and tells that where it has told the result (requirement DM-04).
func TestAReservationIsCanceledByTheCPO_DM04(t *testing.T) {
	for _, version := range ocpi.Versions() {
		t.Run(string(version), func(t *testing.T) {
			ids := make(chan string, 1)
			var tap wiretap
			p := newPairIn(t, version, func(p *pair, c command.Command) {
				accepts(v230.CommandResultTypeAccepted)(p, c)
				ids <- c.ID
			}, nil)
			p.fault = tap.handler
			c, err := p.sender.ReserveNow(t.Context(), "grenspaal", sample.ReserveNow(""))
			if err != nil {
				t.Fatal(err)
			}
			p.await(t, c.ID)
			id := <-ids
			p.eventually(t, "the result is delivered", id, func(c command.Command) bool { return c.State == command.Ended })
			canceled, err := p.receiver.Result(t.Context(), id, v230.CommandResultTypeCanceledReservation, "The charge point is broken.")
			if err != nil || canceled.Canceled == nil || canceled.End.Outcome != "ACCEPTED" {
				t.Fatalf("%+v, %v", canceled, err)
			}
			done := p.eventually(t, "it is told", id, func(c command.Command) bool { return c.State == command.Ended })
			if done.Canceled.Delivery.At.IsZero() || done.Canceled.Delivery.Attempts != 1 {
				t.Errorf("delivery %+v", done.Canceled.Delivery)
			}
			if _, err := p.receiver.Result(t.Context(), id, v230.CommandResultTypeCanceledReservation, ""); !errors.Is(err, command.ErrEnded) {
				t.Errorf("canceled twice: %v", err)
			}
			c, err = p.sender.Command(t.Context(), c.ID)
			if err != nil || c.End.Outcome != "ACCEPTED" {
				t.Fatalf("%+v, %v", c, err)
			}
			words := []string{"ACCEPTED", "CANCELED_RESERVATION"}
			if version == ocpi.V211 { // which has no such word, and says no
				words[1] = "REJECTED"
				if last := c.Steps[len(c.Steps)-1]; c.Canceled != nil || !last.Late || last.Result != "REJECTED" {
					t.Errorf("%+v", c)
				}
			} else if c.Canceled == nil || c.Canceled.Message != "The charge point is broken." {
				t.Errorf("%+v", c.Canceled)
			}
			var said []string
			for _, r := range tap.to(c.ID) {
				said = append(said, r.body["result"].(string))
			}
			if !cmp.Equal(said, words) {
				t.Errorf("said %v, want %v", said, words)
			}
		})
	}
}

// Reservations of two eMSPs with one id are two, and a repetition is the same one (requirement DM-07).
func TestOneEMSPCannotMeanAnothersReservation_DM07(t *testing.T) {
	name := func(from string, party ocpi.Party, id ocpi.CiString, cancel bool) string {
		t.Helper()
		var got command.Command
		checked := command.NewReceiver(command.ReceiverConfig{
			Logger: quiet, AnswerWithin: -1, Client: clients(t, ocpi.V221, from, "http://127.0.0.1:1/commands"),
			Check: func(_ context.Context, _ *ocpi.Partner, c command.Command) (command.Answer, error) {
				got = c
				return command.Answer{Result: v230.CommandResponseTypeRejected}, nil
			},
		})
		partner := &ocpi.Partner{ID: from, Roles: []ocpi.PartyRole{{Role: ocpi.RoleEMSP, Party: party}}}
		var err error
		if cancel {
			_, err = checked.CancelReservation(t.Context(), partner, v230.CancelReservation{ReservationID: id, ResponseURL: "http://127.0.0.1:1/1"})
		} else {
			request := sample.ReserveNow("http://127.0.0.1:1/1")
			request.ReservationID = id
			_, err = checked.ReserveNow(t.Context(), partner, request)
		}
		if err != nil {
			t.Fatal(err)
		}
		return got.Reservation
	}
	own, other := ocpi.NewParty("DE", "GWH"), ocpi.NewParty("DE", "XYZ")
	first := name("greenwheels", own, "R-1", false)
	if first == "" || strings.Contains(first, "R-1") || len(first) > 36 {
		t.Errorf("the name is %q", first)
	}
	for what, same := range map[string]string{"a repetition": name("greenwheels", own, "r-1", false), "its cancellation": name("greenwheels", own, "R-1", true)} {
		if same != first {
			t.Errorf("%s is about %q, want %q", what, same, first)
		}
	}
	for what, another := range map[string]string{
		"another id": name("greenwheels", own, "R-2", true), "another partner": name("elsewhere", own, "R-1", true), "another party": name("greenwheels", other, "R-1", true),
	} {
		if another == first {
			t.Errorf("%s is about %q too", what, another)
		}
	}
}

// Reservations are texts since 2.2 and numbers before, and what comes from 2.1.1 is the number (requirement CMD-11).
func TestReservationIDsAreNumbersIn211AndTextsLater_DM07(t *testing.T) {
	for _, version := range ocpi.Versions() {
		for id, number := range map[ocpi.CiString]any{"4711": 4711.0, "RES-7": nil} {
			var tap wiretap
			p := newPairIn(t, version, accepts(v230.CommandResultTypeAccepted), nil)
			p.fault = tap.handler
			request := sample.ReserveNow("")
			request.ReservationID = id
			if _, err := p.sender.ReserveNow(t.Context(), "grenspaal", request); err != nil {
				t.Fatal(err)
			}
			got := tap.to("/cpo/")[0].body["reservation_id"]
			_, isNumber := got.(float64)
			switch {
			case version != ocpi.V211 && got != string(id), version == ocpi.V211 && (!isNumber || number != nil && got != number):
				t.Errorf("%s: reservation %s goes out as %v", version, id, got)
			}
		}
	}
}
