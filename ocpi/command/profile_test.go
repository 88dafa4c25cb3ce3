package command_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/command"
	"github.com/roamwire/roamwire/ocpi/ocpiclient"
	"github.com/roamwire/roamwire/ocpi/ocpiserver"
	"github.com/roamwire/roamwire/ocpi/v230"
)

var (
	_ ocpiserver.ChargingProfiles       = (*command.Receiver)(nil)
	_ ocpiserver.ChargingProfileResults = (*command.Sender)(nil)
)

func limited(amperes string) v230.ChargingProfile {
	return v230.ChargingProfile{
		ChargingRateUnit:      v230.ChargingRateUnitA,
		ChargingProfilePeriod: []v230.ChargingProfilePeriod{{Limit: ocpi.MustNumber(amperes)}},
	}
}

func activeAt(amperes string) v230.ActiveChargingProfile {
	return v230.ActiveChargingProfile{StartDateTime: ocpi.NewDateTime(time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)), ChargingProfile: limited(amperes)}
}

// A charging pair is an eMSP and a CPO that talk about charging profiles, in one version.
type charging struct {
	sender   *command.Sender
	receiver *command.Receiver
	emsp     *httptest.Server
}

func newCharging(t *testing.T, v ocpi.Version, requested func(*charging, command.Command), change func(*command.SenderConfig, *command.ReceiverConfig)) *charging {
	t.Helper()
	p := new(charging)
	var emsp, cpo http.Handler
	serve := func(h *http.Handler) *httptest.Server {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { (*h).ServeHTTP(w, r) }))
		t.Cleanup(s.Close)
		return s
	}
	p.emsp = serve(&emsp)
	at := serve(&cpo)
	transport := ocpiclient.NewTransport(ocpiclient.TransportConfig{AllowPrivate: true})
	t.Cleanup(transport.Close)
	calls := func(name string, role ocpi.InterfaceRole, url string) command.Clients {
		return func(context.Context, string) (*ocpiclient.Client, error) {
			return ocpiclient.New(ocpiclient.Config{
				Partner: &ocpi.Partner{ID: name}, Token: "let-me-in", Version: v, Transport: transport, Timeout: 5 * time.Second,
				Endpoints: []ocpi.Endpoint{{Module: ocpi.ModuleChargingProfiles, Role: role, URL: url + "/" + string(v) + "/" + strings.ToLower(string(role)) + "/chargingprofiles"}},
			})
		}
	}
	sending := command.SenderConfig{Client: calls("grenspaal", ocpi.Receiver, at.URL), BaseURL: p.emsp.URL, Logger: quiet}
	taking := command.ReceiverConfig{
		Client: calls("greenwheels", ocpi.Sender, p.emsp.URL), Backoff: 10 * time.Millisecond, Logger: quiet,
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
	emsp = server(t, p.emsp.URL, "grenspaal", ocpi.PartyRole{Role: ocpi.RoleCPO, Party: sample.CPO}, nil, &ocpiserver.EMSP{ChargingProfileResults: p.sender})
	cpo = server(t, at.URL, "greenwheels", ocpi.PartyRole{Role: ocpi.RoleEMSP, Party: sample.EMSP}, &ocpiserver.CPO{ChargingProfiles: p.receiver}, nil)
	run(t, p.sender.Run)
	run(t, p.receiver.Run)
	t.Cleanup(p.sender.Close)
	return p
}

func (p *charging) await(t *testing.T, id string) command.Command {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	c, err := p.sender.Await(ctx, id)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

var laterVersions = []ocpi.Version{ocpi.V221, ocpi.V230}

// accepting answers each request with yes, and gives a result.
func accepting(result v230.ChargingProfileResultType, active *v230.ActiveChargingProfile) func(*charging, command.Command) {
	return func(p *charging, c command.Command) {
		if _, err := p.receiver.AnswerProfile(context.Background(), c.ID, v230.ChargingProfileResponseTypeAccepted, ""); err != nil {
			panic(err)
		}
		var profile *v230.ActiveChargingProfile
		if c.Type == command.GetProfile {
			profile = active
		}
		if _, err := p.receiver.ProfileResult(context.Background(), c.ID, result, profile); err != nil {
			panic(err)
		}
	}
}

// Requirements DP-01 to DP-05: a request is answered, and its result follows at a URL of its own.
func TestRequestsForProfilesHaveAnswersAndResults_DP01(t *testing.T) {
	for _, v := range laterVersions {
		t.Run(string(v), func(t *testing.T) {
			active := activeAt("10.5")
			p := newCharging(t, v, accepting(v230.ChargingProfileResultTypeAccepted, &active), nil)
			seen := map[string]bool{}
			for kind, send := range map[v230.CommandType]func() (command.Command, error){
				command.GetProfile: func() (command.Command, error) {
					return p.sender.GetChargingProfile(t.Context(), "grenspaal", "S1", 10*time.Minute)
				},
				command.SetProfile: func() (command.Command, error) {
					return p.sender.SetChargingProfile(t.Context(), "grenspaal", "S1", limited("16"))
				},
				command.ClearProfile: func() (command.Command, error) {
					return p.sender.ClearChargingProfile(t.Context(), "grenspaal", "S1")
				},
			} {
				c, err := send()
				if err != nil || c.Type != kind {
					t.Fatalf("%s: %+v, %v", kind, c, err)
				}
				c = p.await(t, c.ID)
				if c.Answer == nil || c.Answer.Result != v230.CommandResponseTypeAccepted || c.End.Outcome != "ACCEPTED" || c.End.By != command.Resulted {
					t.Errorf("%s: %+v %+v", kind, c.Answer, c.End)
				}
				if has := strings.Contains(string(c.End.Profile), "10.5"); has != (kind == command.GetProfile) {
					t.Errorf("%s: profile %s", kind, c.End.Profile)
				}
				if seen[c.ResponseURL] || len(c.ID) < 26 || !strings.HasSuffix(c.ResponseURL, c.ID) {
					t.Errorf("%s: %s can be guessed", kind, c.ResponseURL)
				}
				seen[c.ResponseURL] = true
			}
		})
	}
}

// Requirements DP-04, DP-08, DP-11: what is not accepted has ended by its answer, and no result follows.
func TestWhatIsNotAcceptedHasNoResult_DP04(t *testing.T) {
	for _, answer := range []v230.ChargingProfileResponseType{
		v230.ChargingProfileResponseTypeTooOften, v230.ChargingProfileResponseTypeRejected, v230.ChargingProfileResponseTypeNotSupported, v230.ChargingProfileResponseTypeUnknownSession,
	} {
		p := newCharging(t, ocpi.V230, func(p *charging, c command.Command) {
			_, _ = p.receiver.AnswerProfile(context.Background(), c.ID, answer, "")
			if _, err := p.receiver.ProfileResult(context.Background(), c.ID, v230.ChargingProfileResultTypeAccepted, nil); !errors.Is(err, command.ErrEnded) {
				t.Errorf("a result after %s: %v", answer, err)
			}
		}, nil)
		c, err := p.sender.ClearChargingProfile(t.Context(), "grenspaal", "S1")
		if err != nil || c.End == nil || string(c.End.Outcome) != string(answer) || c.End.By != command.Answered {
			t.Errorf("%s: %+v, %v", answer, c, err)
		}
	}
}

// A result that does not come in time is UNKNOWN to who waits for it, and no answer in time is REJECTED.
func TestDeadlinesOfRequestsForProfiles(t *testing.T) {
	slow := func(_ *command.SenderConfig, r *command.ReceiverConfig) {
		r.ResultWithin, r.AnswerWithin = 100*time.Millisecond, 200*time.Millisecond
	}
	p := newCharging(t, ocpi.V221, func(p *charging, c command.Command) {
		_, _ = p.receiver.AnswerProfile(context.Background(), c.ID, v230.ChargingProfileResponseTypeAccepted, "")
	}, slow)
	c, err := p.sender.SetChargingProfile(t.Context(), "grenspaal", "S1", limited("6"))
	if err != nil {
		t.Fatal(err)
	}
	if c = p.await(t, c.ID); c.End.Outcome != "UNKNOWN" {
		t.Errorf("%+v", c.End)
	}
	p = newCharging(t, ocpi.V221, nil, slow)
	if c, err := p.sender.GetChargingProfile(t.Context(), "grenspaal", "S1", time.Minute); err != nil || c.Answer == nil || c.Answer.Result != "REJECTED" {
		t.Errorf("%+v, %v", c, err)
	}
}

// Requirement DP-07: changes are told to who has set a profile, and to nobody else; the sender keeps them (requirement DP-06).
func TestChangesAreToldToWhoHasSetAProfile_DP07(t *testing.T) {
	for _, v := range laterVersions {
		t.Run(string(v), func(t *testing.T) {
			p := newCharging(t, v, accepting(v230.ChargingProfileResultTypeAccepted, nil), nil)
			get, err := p.sender.GetChargingProfile(t.Context(), "grenspaal", "S1", time.Minute)
			if err != nil {
				t.Fatal(err)
			}
			p.await(t, get.ID)
			if sent, err := p.receiver.ProfileChanged(t.Context(), "S1", activeAt("8")); err != nil || len(sent) != 0 {
				t.Errorf("before anything was set: %+v, %v", sent, err)
			}
			err = p.sender.UpdateChargingProfile(t.Context(), &ocpi.Partner{ID: "grenspaal"}, "S1", activeAt("8"))
			if !errors.Is(err, ocpi.ErrNotFound) {
				t.Errorf("an update that nobody asked for: %v", err)
			}
			set, err := p.sender.SetChargingProfile(t.Context(), "grenspaal", "S1", limited("16"))
			if err != nil {
				t.Fatal(err)
			}
			p.await(t, set.ID)
			sent, err := p.receiver.ProfileChanged(t.Context(), "s1", activeAt("7.5"))
			if err != nil || len(sent) != 1 || sent[0].Partner != "greenwheels" || sent[0].Type != command.UpdateProfile {
				t.Fatalf("%+v, %v", sent, err)
			}
			deadline := time.Now().Add(10 * time.Second)
			for set.Active == nil && time.Now().Before(deadline) {
				time.Sleep(5 * time.Millisecond)
				if set, err = p.sender.Command(t.Context(), set.ID); err != nil {
					t.Fatal(err)
				}
			}
			if set.Active == nil || !strings.Contains(string(set.Active.Profile), "7.5") {
				t.Errorf("%+v", set.Active)
			}
		})
	}
}

// A profile that was not told before another is active is not told any more.
func TestOnlyTheNewestProfileIsTold(t *testing.T) {
	p := newCharging(t, ocpi.V230, accepting(v230.ChargingProfileResultTypeAccepted, nil), nil)
	set, err := p.sender.SetChargingProfile(t.Context(), "grenspaal", "S1", limited("16"))
	if err != nil {
		t.Fatal(err)
	}
	p.await(t, set.ID)
	p.emsp.Close()
	first, err := p.receiver.ProfileChanged(t.Context(), "S1", activeAt("1"))
	if err != nil || len(first) != 1 {
		t.Fatal(first, err)
	}
	second, err := p.receiver.ProfileChanged(t.Context(), "S1", activeAt("2"))
	if err != nil || len(second) != 1 {
		t.Fatal(second, err)
	}
	old, err := p.receiver.Command(t.Context(), first[0].ID)
	if err != nil || old.State != command.Ended || old.Delivery.GivenUp.IsZero() {
		t.Errorf("%+v %+v, %v", old, old.Delivery, err)
	}
	if c, err := p.receiver.Command(t.Context(), second[0].ID); err != nil || c.State != command.Delivering {
		t.Errorf("%+v, %v", c, err)
	}
}

// Requirement DP-10: rates have at most one decimal.
func TestRatesHaveOneDecimal_DP10(t *testing.T) {
	p := newCharging(t, ocpi.V230, nil, nil)
	var refused *ocpi.Error
	_, err := p.sender.SetChargingProfile(t.Context(), "grenspaal", "S1", limited("6.25"))
	if !errors.As(err, &refused) || len(refused.Findings) != 1 || refused.Findings[0].Pointer != "/charging_profile/charging_profile_period/0/limit" {
		t.Errorf("%v", err)
	}
	if _, err := p.receiver.ProfileChanged(t.Context(), "S1", activeAt("0.01")); !errors.As(err, &refused) {
		t.Errorf("%v", err)
	}
}

// Answers and results of one kind are none of the other, and a result comes to the URL of its request.
func TestKindsAreNotMixed(t *testing.T) {
	asked := make(chan command.Command, 1)
	p := newCharging(t, ocpi.V230, func(_ *charging, c command.Command) { asked <- c }, nil)
	done := make(chan command.Command, 1)
	go func() {
		c, _ := p.sender.SetChargingProfile(context.Background(), "grenspaal", "S1", limited("6"))
		done <- c
	}()
	c := <-asked
	if _, err := p.receiver.Answer(t.Context(), c.ID, v230.CommandResponseTypeAccepted, ""); !errors.Is(err, command.ErrInvalid) {
		t.Errorf("a command's answer: %v", err)
	}
	if _, err := p.receiver.Result(t.Context(), c.ID, v230.CommandResultTypeFailed, ""); !errors.Is(err, command.ErrInvalid) {
		t.Errorf("a command's result: %v", err)
	}
	if _, err := p.receiver.AnswerProfile(t.Context(), c.ID, v230.ChargingProfileResponseTypeAccepted, ""); err != nil {
		t.Fatal(err)
	}
	sent := <-done
	from := &ocpi.Partner{ID: "grenspaal"}
	if err := p.sender.ClearProfileResult(t.Context(), from, sent.ID, v230.ClearProfileResult{Result: v230.ChargingProfileResultTypeAccepted}); err != nil {
		t.Fatal(err)
	}
	if sent, err := p.sender.Command(t.Context(), sent.ID); err != nil || sent.End != nil {
		t.Errorf("%+v, %v", sent, err)
	}
	err := p.sender.ChargingProfileResult(t.Context(), &ocpi.Partner{ID: "stranger"}, sent.ID, v230.ChargingProfileResult{Result: v230.ChargingProfileResultTypeAccepted})
	if !errors.Is(err, ocpi.ErrNotFound) {
		t.Errorf("from another partner: %v", err)
	}
}

// A response URL on another host is refused before anything is asked.
func TestResultsOfProfilesGoToThePartnersHosts(t *testing.T) {
	p := newCharging(t, ocpi.V230, func(_ *charging, c command.Command) { t.Errorf("asked for %+v", c) }, nil)
	from := &ocpi.Partner{ID: "greenwheels"}
	_, err := p.receiver.SetChargingProfile(t.Context(), from, "S1", v230.SetChargingProfile{ChargingProfile: limited("6"), ResponseURL: "https://elsewhere.example.com/1"})
	var refused *ocpi.Error
	if !errors.As(err, &refused) || refused.Code != ocpi.StatusInvalidParameters {
		t.Errorf("%v", err)
	}
}

// Version 2.1.1 has no charging profiles.
func TestProfilesAreNotSentIn211(t *testing.T) {
	p := newPair(t, nil, nil)
	if _, err := p.sender.ClearChargingProfile(t.Context(), "grenspaal", "S1"); !errors.Is(err, command.ErrVersion) {
		t.Errorf("%v", err)
	}
}
