package command

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/ocpiclient"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// running runs something until the returned function is called.
func running(what func(context.Context)) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); what(ctx) }()
	return func() { cancel(); <-done }
}

// A command from before a restart is ended by its deadline, not before and not much after.
func TestDeadlinesSurviveARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := new(Memory)
		begin := time.Now()
		for id, state := range map[string]State{"sending": Sending, "unclear": Unclear, "accepted": Accepted} {
			if err := store.Add(t.Context(), Command{ID: id, State: state, Created: begin, Due: begin.Add(time.Minute)}); err != nil {
				t.Fatal(err)
			}
		}
		sender := NewSender(SenderConfig{Store: store, Logger: slog.New(slog.DiscardHandler)})
		stop := running(sender.Run)
		for _, id := range []string{"sending", "unclear", "accepted"} {
			c, err := sender.Await(t.Context(), id)
			if err != nil || c.End.Outcome != timeout {
				t.Errorf("%s: %+v, %v", id, c.End, err)
			}
			if took := c.End.At.Sub(begin); took < time.Minute || took > time.Minute+2*lookEvery {
				t.Errorf("%s ended after %s", id, took)
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := sender.Await(ctx, "none"); !errors.Is(err, ErrUnknown) {
			t.Errorf("no command: %v", err)
		}
		stop()
	})
}

// nobody is a partner that can be called in theory.
func nobody(context.Context, string) (*ocpiclient.Client, error) {
	return ocpiclient.New(ocpiclient.Config{
		Token: "x", Version: ocpi.V211, Endpoints: []ocpi.Endpoint{{Module: ocpi.ModuleCommands, URL: "https://emsp.example.com/commands"}},
	})
}

func requestFor(location string) v230.StartSession {
	return v230.StartSession{ResponseURL: "https://emsp.example.com/results/1", LocationID: ocpi.CiString(location)}
}

// The partner is answered when the program has, or else when the time is over.
func TestThePartnerIsNotKeptWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r *Receiver
		r = NewReceiver(ReceiverConfig{
			Client: nobody, AnswerWithin: 3 * time.Second, Logger: slog.New(slog.DiscardHandler),
			Requested: func(ctx context.Context, c Command) {
				if c.Match == "fast" {
					time.Sleep(time.Second)
					_, _ = r.Answer(ctx, c.ID, v230.CommandResponseTypeAccepted, "go")
				}
			},
		})
		for location, want := range map[string]struct {
			answer v230.CommandResponseType
			after  time.Duration
		}{
			"fast": {v230.CommandResponseTypeAccepted, time.Second}, "never": {v230.CommandResponseTypeRejected, 3 * time.Second},
		} {
			begin := time.Now()
			got, err := r.StartSession(t.Context(), &ocpi.Partner{ID: "p"}, requestFor(location))
			if took := time.Since(begin); err != nil || got.Result != want.answer || took != want.after {
				t.Errorf("%s: %s after %s, %v", location, got.Result, took, err)
			}
		}
	})
}

// A partner that goes away while our side thinks leaves a command that is answered at its time, also after a restart.
func TestAnAbandonedCommandIsAnsweredAllTheSame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := new(Memory)
		config := ReceiverConfig{Store: store, Client: nobody, AnswerWithin: 3 * time.Second, Logger: slog.New(slog.DiscardHandler)}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := NewReceiver(config).StartSession(ctx, &ocpi.Partner{ID: "p"}, requestFor("x")); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		stop := running(NewReceiver(config).Run)
		time.Sleep(5 * time.Second)
		stop()
		found, err := store.Matching(t.Context(), true, "p", "x", time.Time{})
		if err != nil || len(found) != 1 || found[0].State != Ended || !found[0].Answer.Default {
			t.Errorf("%+v, %v", found, err)
		}
	})
}

// A result that cannot be delivered is tried again with growing pauses, and given up in the end.
func TestAResultIsGivenUpInTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tries := 0
		client := func(ctx context.Context, partner string) (*ocpiclient.Client, error) {
			tries++
			if tries == 1 {
				return nobody(ctx, partner) // which takes the command
			}
			return nil, errors.New("the partner is suspended")
		}
		r := NewReceiver(ReceiverConfig{
			Client: client, AnswerWithin: -1, ResultWithin: time.Minute, DeliverWithin: time.Hour, Logger: slog.New(slog.DiscardHandler),
			Default: map[v230.CommandType]v230.CommandResponseType{v230.CommandTypeStartSession: v230.CommandResponseTypeAccepted},
		})
		stop := running(r.Run)
		if got, err := r.StartSession(t.Context(), &ocpi.Partner{ID: "p"}, requestFor("x")); err != nil || got.Result != v230.CommandResponseTypeAccepted || got.Timeout != 60 {
			t.Fatalf("%+v, %v", got, err)
		}
		time.Sleep(2 * time.Hour)
		stop()
		found, err := r.store.Matching(t.Context(), true, "p", "x", time.Time{})
		if err != nil || len(found) != 1 {
			t.Fatal(found, err)
		}
		c := found[0]
		if c.State != Ended || c.End.Outcome != timeout || c.Delivery.GivenUp.IsZero() || c.Delivery.Error == "" {
			t.Errorf("%s, %+v, %+v", c.State, c.End, c.Delivery)
		}
		if c.Delivery.Attempts < 40 || c.Delivery.Attempts > 100 {
			t.Errorf("%d attempts in an hour", c.Delivery.Attempts)
		}
	})
}

// One partner that does not take its results does not hold up another's.
func TestASlowPartnerHoldsUpNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := new(Memory)
		now := time.Now()
		for i := range 300 {
			partner := "slow"
			if i == 299 {
				partner = "fast"
			}
			err := store.Add(t.Context(), Command{
				ID: newID(), Received: true, Partner: partner, State: Delivering, Created: now, Due: now.Add(time.Duration(i)),
				Delivery: &Delivery{}, End: &End{Outcome: accepted, At: now}, Match: partner,
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		r := NewReceiver(ReceiverConfig{Store: store, Logger: slog.New(slog.DiscardHandler), Client: func(ctx context.Context, partner string) (*ocpiclient.Client, error) {
			if partner == "slow" {
				<-ctx.Done()
			}
			return nil, errors.New("away")
		}})
		stop := running(r.Run)
		time.Sleep(5 * time.Second)
		found, err := store.Matching(t.Context(), true, "fast", "fast", time.Time{})
		if err != nil || found[0].Delivery.Attempts == 0 {
			t.Errorf("%+v, %v", found, err)
		}
		stop()
	})
}

// After a long time away, thousands of commands may be over. They end at once, and not a few each second.
func TestAThousandDeadlinesThatPassedWhileAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := new(Memory)
		long := time.Now().Add(-time.Hour)
		for i := range 2000 {
			if err := store.Add(t.Context(), Command{ID: newID(), State: Accepted, Created: long, Due: long.Add(time.Duration(i)), Match: "x"}); err != nil {
				t.Fatal(err)
			}
		}
		stop := running(NewSender(SenderConfig{Store: store, Logger: slog.New(slog.DiscardHandler)}).Run)
		time.Sleep(2 * time.Second)
		stop()
		if due, err := store.Due(t.Context(), false, time.Now(), 2000); err != nil || len(due) > 0 {
			t.Errorf("%d are open after two seconds, %v", len(due), err)
		}
	})
}

// A deadline that is near is kept to the moment.
func TestANearDeadlineIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		calls := 0
		client := func(ctx context.Context, partner string) (*ocpiclient.Client, error) {
			if calls++; calls > 1 {
				return nil, errors.New("away")
			}
			return nobody(ctx, partner) // which takes the command
		}
		r := NewReceiver(ReceiverConfig{Client: client, AnswerWithin: -1, ResultWithin: 300 * time.Millisecond, Logger: slog.New(slog.DiscardHandler),
			Default: map[v230.CommandType]v230.CommandResponseType{v230.CommandTypeStartSession: v230.CommandResponseTypeAccepted}})
		stop := running(r.Run)
		synctest.Wait()
		if _, err := r.StartSession(t.Context(), &ocpi.Partner{ID: "p"}, requestFor("x")); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Second)
		stop()
		found, err := r.store.Matching(t.Context(), true, "p", "x", time.Time{})
		if err != nil || len(found) != 1 || found[0].End == nil || found[0].End.At.Sub(begin) > 350*time.Millisecond {
			t.Errorf("%+v, %v", found, err)
		}
	})
}

// A result that is faster than the answer does not hide it from who waits for the end; an answer that does not come is not
// waited for.
func TestWhoAwaitsTheEndSeesTheAnswerToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := NewSender(SenderConfig{Logger: slog.New(slog.DiscardHandler)})
		defer s.Close()
		begin := time.Now()
		for _, id := range []string{"answered", "silent"} {
			if err := s.store.Add(t.Context(), Command{ID: id, State: Sending, Partner: "p", Created: begin, Due: begin.Add(time.Minute)}); err != nil {
				t.Fatal(err)
			}
			if err := s.CommandResult(t.Context(), &ocpi.Partner{ID: "p"}, "", id, v230.CommandResult{Result: v230.CommandResultTypeAccepted}); err != nil {
				t.Fatal(err)
			}
		}
		time.AfterFunc(100*time.Millisecond, func() {
			_, _ = s.happen(context.Background(), "answered", Step{At: s.now(), What: Answered, Result: "ACCEPTED"}, s.limits)
		})
		if c, err := s.Await(t.Context(), "answered"); err != nil || c.Answer == nil || time.Since(begin) != 100*time.Millisecond {
			t.Errorf("%+v, %v after %s", c, err, time.Since(begin))
		}
		if c, err := s.Await(t.Context(), "silent"); err != nil || c.End == nil || time.Since(begin) > time.Second {
			t.Errorf("%+v, %v after %s", c, err, time.Since(begin))
		}
	})
}

// toDeliver is a store with one result that is to be delivered to partner p.
func toDeliver(t *testing.T) *Memory {
	t.Helper()
	store, now := new(Memory), time.Now()
	err := store.Add(t.Context(), Command{
		ID: "c", Received: true, Partner: "p", State: Delivering, Created: now, Due: now, Delivery: &Delivery{}, End: &End{Outcome: accepted, At: now},
	})
	if err != nil {
		t.Fatal(err)
	}
	return store
}

// A program that was killed in the middle of an attempt to deliver a result makes the next one soon after it is back.
func TestAResultDoesNotLieThereAfterACrash(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, tried := toDeliver(t), make(chan time.Time, 1)
		config := ReceiverConfig{Store: store, Logger: slog.New(slog.DiscardHandler), Client: func(context.Context, string) (*ocpiclient.Client, error) {
			select {
			case tried <- time.Now():
			default:
			}
			return nil, errors.New("away")
		}}
		killed := NewReceiver(config)
		if _, err := killed.happen(t.Context(), "c", Step{At: killed.now(), What: Sent}, killed.limitsOf("")); err != nil {
			t.Fatal(err)
		}
		begin := time.Now()
		stop := running(NewReceiver(config).Run)
		defer stop()
		if took := (<-tried).Sub(begin); took < 2*time.Second || took > 10*time.Second {
			t.Errorf("the next attempt was made after %s", took)
		}
	})
}

// An attempt that takes long is not made a second time by another process on the same store.
func TestASlowAttemptIsNotRepeatedBesideIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var attempts atomic.Int64
		config := ReceiverConfig{Store: toDeliver(t), Logger: slog.New(slog.DiscardHandler), Client: func(ctx context.Context, _ string) (*ocpiclient.Client, error) {
			attempts.Add(1)
			<-ctx.Done()
			return nil, ctx.Err()
		}}
		one, other := running(NewReceiver(config).Run), running(NewReceiver(config).Run)
		time.Sleep(deliveryTimeout - time.Second)
		if attempts.Load() != 1 {
			t.Errorf("%d attempts at the same time", attempts.Load())
		}
		one()
		other()
	})
}

// However long the pauses are configured to be, they have an end.
func TestAPauseIsNeverLongerThanTheLongest(t *testing.T) {
	r := NewReceiver(ReceiverConfig{Backoff: 24 * time.Hour, Client: func(context.Context, string) (*ocpiclient.Client, error) {
		return nil, errors.New("away")
	}})
	for attempts := range 100 {
		step := r.delivered(t.Context(), &Command{End: &End{}, Delivery: &Delivery{Attempts: attempts + 1}})
		if step.retry <= 0 || step.retry > 2*longestBackoff {
			t.Fatalf("after %d attempts the pause is %s", attempts+1, step.retry)
		}
	}
}
