package command_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/roamwire/roamwire/node/command"
	"github.com/roamwire/roamwire/node/store"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// A result that the partner does not take within its time is given up, and the backend is told so, once.
func TestAResultThatReachesNobodyIsTold(t *testing.T) {
	c, db, _ := room(t, command.Settings{
		AnswerWithin: -1, DeliverWithin: 200 * time.Millisecond,
		Default: map[v230.CommandType]v230.CommandResponseType{v230.CommandTypeStartSession: v230.CommandResponseTypeAccepted},
	})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); c.Run(ctx) }()
	defer func() { cancel(); <-done }()
	if response, err := c.Receiver.StartSession(t.Context(), from, sample.StartSession(resultURL)); err != nil || response.Result != v230.CommandResponseTypeAccepted {
		t.Fatalf("%+v, %v", response, err)
	}
	kept, err := c.List(t.Context(), store.CommandFilter{})
	if err != nil || len(kept) != 1 {
		t.Fatalf("%+v, %v", kept, err)
	}
	if _, err := c.Receiver.Result(t.Context(), kept[0].ID, v230.CommandResultTypeAccepted, ""); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it is given up", func() bool { return slices.Contains(told(t, db), command.EventUndelivered) })
	got, err := c.Get(t.Context(), kept[0].ID)
	if err != nil || got.Delivery == nil || got.Delivery.GivenUp.IsZero() || got.Delivery.Attempts == 0 {
		t.Errorf("%+v, %v", got.Delivery, err)
	}
	time.Sleep(300 * time.Millisecond)
	want := []string{command.EventRequested, command.EventAnswered, command.EventFinished, command.EventUndelivered}
	if diff := cmp.Diff(want, told(t, db)); diff != "" {
		t.Error(diff)
	}
}
