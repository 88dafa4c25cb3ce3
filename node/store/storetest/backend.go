package storetest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/roamwire/roamwire/node/store"
	"github.com/roamwire/roamwire/ocpi"
)

// A Backend is what the operator's own systems see and do.
type Backend interface {
	// Events returns the events after a number that are wanted, and the number to go on after.
	Events(ctx context.Context, want store.EventFilter, after int64, limit int) (events []store.Event, next int64, err error)
	LatestEvent(ctx context.Context) (int64, error)
	// TrimmedEvents is the number of the last event that was removed.
	TrimmedEvents(ctx context.Context) (int64, error)
	// FirstEventSince is the number of the first event from a time or later.
	FirstEventSince(ctx context.Context, since time.Time) (int64, error)
	// TrimEvents removes events from before a time, and the oldest of those above a count.
	TrimEvents(ctx context.Context, before time.Time, count, limit int) (removed int, err error)

	Hooks(ctx context.Context) ([]store.Hook, error)
	AddHook(ctx context.Context, h store.Hook) error
	// ChangeHook changes a hook and keeps dead events as one step.
	ChangeHook(ctx context.Context, id string, fn func(*store.Hook) ([]store.DeadEvent, error)) error
	RemoveHook(ctx context.Context, id string) error
	DeadEvents(ctx context.Context, hook string, after int64, limit int) ([]store.DeadEvent, error)
	RemoveDeadEvents(ctx context.Context, hook string, numbers ...int64) (removed int, err error)

	Command(ctx context.Context, id string) (store.Command, error)
	// Commands returns commands, newest first; MatchingCommands those a session may belong to, oldest first.
	Commands(ctx context.Context, want store.CommandFilter) ([]store.Command, error)
	MatchingCommands(ctx context.Context, partner, match string, since time.Time) ([]store.Command, error)
	DueCommands(ctx context.Context, received bool, by time.Time, limit int) ([]store.Command, error)
	TrimCommands(ctx context.Context, before time.Time, limit int) (removed int, err error)

	AddAccessKey(ctx context.Context, k store.AccessKey) error
	AccessKeys(ctx context.Context) ([]store.AccessKey, error)
	AccessKey(ctx context.Context, hash store.TokenHash) (store.AccessKey, error)
	RemoveAccessKey(ctx context.Context, name string) error

	// BeginAnswer notes a request, or returns what is known of the one that used its key before.
	BeginAnswer(ctx context.Context, a store.Answer) (before store.Answer, used bool, err error)
	KeepAnswer(ctx context.Context, a store.Answer) error
	ForgetAnswer(ctx context.Context, key string) error
	TrimAnswers(ctx context.Context, before time.Time) error
}

// event is an event about a location.
func event(id string) store.Event {
	return store.Event{Type: "location.changed", Subject: "locations/NL/ABC/" + id, Partner: "p", Module: ocpi.ModuleLocations, Data: []byte(`{"id":"` + id + `"}`)}
}

func emit(t *testing.T, home Home, events ...store.Event) {
	t.Helper()
	err := home.Write(t.Context(), func(tx store.Tx) error {
		for _, e := range events {
			if err := tx.Emit(e); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatalf("Write: %v", err)
	}
}

// eventsAfter reads events without what the store gives them.
func eventsAfter(t *testing.T, home Home, want store.EventFilter, after int64, limit int) (events []store.Event, next int64) {
	t.Helper()
	events, next, err := home.Events(t.Context(), want, after, limit)
	wantError(t, "Events", err, nil)
	for i, e := range events {
		if e.Number <= after || time.Since(e.Time).Abs() > time.Minute {
			t.Errorf("event %d after %d of %s", e.Number, after, e.Time)
		}
		after = e.Number
		events[i].Number, events[i].Time = 0, time.Time{}
	}
	return events, next
}

func same(t *testing.T, what string, got, want any) {
	t.Helper()
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("%s (-want +got): %s", what, diff)
	}
}

var backendTests = []test{
	{name: "events are read in order, from where a reader was", run: func(t *testing.T, home Home) {
		latest, err := home.LatestEvent(t.Context())
		wantError(t, "LatestEvent", err, nil)
		same(t, "latest", latest, int64(0))
		emit(t, home, event("a"), event("b"))
		emit(t, home, event("c"))
		first, next := eventsAfter(t, home, store.EventFilter{}, 0, 2)
		same(t, "the first two", first, []store.Event{event("a"), event("b")})
		rest, end := eventsAfter(t, home, store.EventFilter{}, next, 2)
		same(t, "the rest", rest, []store.Event{event("c")})
		none, again := eventsAfter(t, home, store.EventFilter{}, end, 2)
		same(t, "no more", none, []store.Event{})
		same(t, "the cursor stays", again, end)
		latest, err = home.LatestEvent(t.Context())
		wantError(t, "LatestEvent", err, nil)
		same(t, "latest", latest, end)
	}},
	{name: "an event of a write that fails has not happened", run: func(t *testing.T, home Home) {
		broken := errors.New("broken")
		err := home.Write(t.Context(), func(tx store.Tx) error {
			return errors.Join(tx.Emit(event("a")), broken)
		})
		wantError(t, "Write", err, broken)
		emit(t, home, event("b"))
		got, _ := eventsAfter(t, home, store.EventFilter{}, 0, 10)
		same(t, "events", got, []store.Event{event("b")})
	}},
	{name: "events are chosen by type, partner and module", run: func(t *testing.T, home Home) {
		changed, created, other, none := event("a"), event("b"), event("c"), event("d")
		created.Type, other.Partner, none.Module, none.Partner, none.Type = "location.created", "q", "", "", "key.added"
		emit(t, home, changed, created, other, none)
		for name, test := range map[string]struct {
			filter store.EventFilter
			want   []store.Event
		}{
			"a type":               {store.EventFilter{Types: []string{"location.created"}}, []store.Event{created}},
			"types that begin so":  {store.EventFilter{Types: []string{"location.*"}}, []store.Event{changed, created, other}},
			"two types":            {store.EventFilter{Types: []string{"key.added", "location.created"}}, []store.Event{created, none}},
			"a partner":            {store.EventFilter{Partners: []string{"q"}}, []store.Event{other}},
			"a module":             {store.EventFilter{Modules: []ocpi.ModuleID{ocpi.ModuleLocations}}, []store.Event{changed, created, other}},
			"a partner and a type": {store.EventFilter{Partners: []string{"p"}, Types: []string{"location.changed"}}, []store.Event{changed}},
			"nothing":              {store.EventFilter{Types: []string{"x"}}, nil},
		} {
			got, next := eventsAfter(t, home, test.filter, 0, 10)
			same(t, name, got, test.want)
			if latest, err := home.LatestEvent(t.Context()); err != nil || next != latest {
				t.Errorf("%s: goes on after %d of %d: %v", name, next, latest, err)
			}
		}
	}},
	{name: "what a reader has passed is complete, whoever writes", two: func(t *testing.T, home, other Home) {
		const each = 100
		wrote := make(chan error, 2)
		for i, h := range []Home{home, other} {
			go func() {
				for n := range each {
					err := h.Write(t.Context(), func(tx store.Tx) error { return tx.Emit(event(fmt.Sprintf("%d-%d", i, n))) })
					if err != nil {
						wrote <- err
						return
					}
				}
				wrote <- nil
			}()
		}
		seen, after := map[string]int{}, int64(0)
		for done := 0; done < 2 || len(seen) < 2*each; {
			select {
			case err := <-wrote:
				wantError(t, "Write", err, nil)
				done++
			default:
			}
			events, next, err := home.Events(t.Context(), store.EventFilter{}, after, 7)
			wantError(t, "Events", err, nil)
			if done == 2 && next == after {
				break
			}
			for _, e := range events {
				seen[e.Subject]++
			}
			after = next
		}
		for subject, times := range seen {
			if times != 1 {
				t.Errorf("%s was seen %d times", subject, times)
			}
		}
		same(t, "events seen", len(seen), 2*each)
	}},
	{name: "the first event since a time is found", run: func(t *testing.T, home Home) {
		since := func(at time.Time) int64 {
			first, err := home.FirstEventSince(t.Context(), at)
			wantError(t, "FirstEventSince", err, nil)
			return first
		}
		same(t, "in an empty journal", since(time.Time{}), int64(0))
		emit(t, home, event("a"))
		time.Sleep(2 * time.Millisecond)
		between := time.Now()
		emit(t, home, event("b"), event("c"))
		events, _, err := home.Events(t.Context(), store.EventFilter{}, 0, 10)
		wantError(t, "Events", err, nil)
		same(t, "since ever", since(between.Add(-time.Hour)), events[0].Number)
		same(t, "since a time", since(between), events[1].Number)
		same(t, "since the moment of one", since(events[1].Time), events[1].Number)
		same(t, "since a time to come", since(between.Add(time.Hour)), int64(0))
	}},
	{name: "large events are read a few at once", run: func(t *testing.T, home Home) {
		large := event("a")
		large.Data = []byte(`{"x":"` + strings.Repeat("x", 3<<20) + `"}`)
		wantError(t, "AddHook", home.AddHook(t.Context(), store.Hook{ID: "h", State: []byte(`{}`)}), nil)
		var dead []store.DeadEvent
		for i := range 8 {
			emit(t, home, large)
			d := store.DeadEvent{Event: large, Died: noon}
			d.Number, d.Time = int64(i+1), noon
			dead = append(dead, d)
		}
		wantError(t, "ChangeHook", home.ChangeHook(t.Context(), "h", func(*store.Hook) ([]store.DeadEvent, error) { return dead, nil }), nil)
		const most = 4 // with two of the largest objects in each, 64 MB
		came, after := 0, int64(0)
		for {
			events, next, err := home.Events(t.Context(), store.EventFilter{}, after, 100)
			wantError(t, "Events", err, nil)
			if next == after {
				break
			}
			if len(events) > most || next != events[len(events)-1].Number {
				t.Fatalf("%d events at once, goes on after %d", len(events), next)
			}
			came, after = came+len(events), next
		}
		same(t, "events", came, 8)
		came, after = 0, 0
		for {
			dead, err := home.DeadEvents(t.Context(), "h", after, 100)
			wantError(t, "DeadEvents", err, nil)
			if len(dead) == 0 {
				break
			}
			if len(dead) > most {
				t.Fatalf("%d dead events at once", len(dead))
			}
			came, after = came+len(dead), dead[len(dead)-1].Number
		}
		same(t, "dead events", came, 8)
	}},
	{name: "old events are removed, and so are too many", run: func(t *testing.T, home Home) {
		trimmed, err := home.TrimmedEvents(t.Context())
		wantError(t, "TrimmedEvents", err, nil)
		same(t, "removed up to", trimmed, int64(0))
		for i := range 10 {
			emit(t, home, event(fmt.Sprint(i)))
		}
		removed, err := home.TrimEvents(t.Context(), time.Now().Add(-time.Hour), 4, 100)
		wantError(t, "TrimEvents", err, nil)
		same(t, "too many", removed, 6)
		got, _ := eventsAfter(t, home, store.EventFilter{}, 0, 1)
		same(t, "the oldest left", got, []store.Event{event("6")})
		latest, _ := home.LatestEvent(t.Context())
		trimmed, _ = home.TrimmedEvents(t.Context())
		if trimmed != latest-4 {
			t.Errorf("removed up to %d, and the latest is %d", trimmed, latest)
		}
		removed, err = home.TrimEvents(t.Context(), time.Now().Add(time.Hour), 4, 3)
		wantError(t, "TrimEvents", err, nil)
		same(t, "too old, as many as asked", removed, 3)
		removed, err = home.TrimEvents(t.Context(), time.Now().Add(time.Hour), 4, 3)
		wantError(t, "TrimEvents", err, nil)
		same(t, "the last", removed, 1)
		end, _ := home.LatestEvent(t.Context())
		same(t, "the latest stays the latest when it is removed", end, latest)
		trimmed, _ = home.TrimmedEvents(t.Context())
		same(t, "removed up to the latest", trimmed, latest)
	}},
	{name: "a hook keeps its place and its dead events together", run: func(t *testing.T, home Home) {
		h := store.Hook{ID: "h", Cursor: 3, State: []byte(`{}`)}
		wantError(t, "AddHook", home.AddHook(t.Context(), h), nil)
		wantError(t, "AddHook again", home.AddHook(t.Context(), h), store.ErrExists)
		dead := store.DeadEvent{Event: event("a"), Reason: "410", Died: noon}
		dead.Number, dead.Time = 4, noon
		err := home.ChangeHook(t.Context(), "h", func(h *store.Hook) ([]store.DeadEvent, error) {
			h.Cursor, h.State = 4, []byte(`{"a":1}`)
			return []store.DeadEvent{dead}, nil
		})
		wantError(t, "ChangeHook", err, nil)
		broken := errors.New("broken")
		err = home.ChangeHook(t.Context(), "h", func(h *store.Hook) ([]store.DeadEvent, error) {
			h.Cursor = 9
			return nil, broken
		})
		wantError(t, "ChangeHook that fails", err, broken)
		hooks, err := home.Hooks(t.Context())
		wantError(t, "Hooks", err, nil)
		same(t, "hooks", hooks, []store.Hook{{ID: "h", Cursor: 4, State: []byte(`{"a":1}`)}})
		got, err := home.DeadEvents(t.Context(), "h", 0, 10)
		wantError(t, "DeadEvents", err, nil)
		same(t, "dead", got, []store.DeadEvent{dead})
		n, err := home.RemoveDeadEvents(t.Context(), "h", 4, 5)
		wantError(t, "RemoveDeadEvents", err, nil)
		same(t, "removed", n, 1)
		wantError(t, "RemoveHook", home.RemoveHook(t.Context(), "h"), nil)
		wantError(t, "RemoveHook again", home.RemoveHook(t.Context(), "h"), store.ErrNotFound)
		err = home.ChangeHook(t.Context(), "h", func(*store.Hook) ([]store.DeadEvent, error) { return nil, nil })
		wantError(t, "ChangeHook of none", err, store.ErrNotFound)
	}},
	{name: "commands are found by what they are about and when they are due", run: func(t *testing.T, home Home) {
		a := store.Command{ID: "a", Partner: "p", Type: "START_SESSION", State: "sent", Match: "card", Created: noon, Changed: noon, Due: noon.Add(time.Minute), Body: []byte(`{}`)}
		b := store.Command{ID: "b", Received: true, Partner: "q", Type: "STOP_SESSION", State: "asked", Created: noon.Add(time.Second), Changed: noon, Due: noon.Add(time.Second), Body: []byte(`{}`)}
		err := home.Write(t.Context(), func(tx store.Tx) error { return errors.Join(tx.PutCommand(a), tx.PutCommand(b)) })
		wantError(t, "Write", err, nil)
		for name, test := range map[string]struct {
			filter store.CommandFilter
			want   []store.Command
		}{
			"all, newest first": {store.CommandFilter{}, []store.Command{b, a}},
			"the newest":        {store.CommandFilter{Limit: 1}, []store.Command{b}},
			"the next":          {store.CommandFilter{Limit: 1, Before: "b"}, []store.Command{a}},
			"received":          {store.CommandFilter{Received: true}, []store.Command{b}},
			"sent":              {store.CommandFilter{Sent: true}, []store.Command{a}},
			"of a partner":      {store.CommandFilter{Partner: "p"}, []store.Command{a}},
			"of a type":         {store.CommandFilter{Type: "STOP_SESSION"}, []store.Command{b}},
			"in a state":        {store.CommandFilter{State: "sent"}, []store.Command{a}},
			"since":             {store.CommandFilter{Since: noon.Add(time.Second)}, []store.Command{b}},
			"after none":        {store.CommandFilter{Before: "x"}, nil},
		} {
			got, err := home.Commands(t.Context(), test.filter)
			wantError(t, name, err, nil)
			same(t, name, got, test.want)
		}
		due, err := home.DueCommands(t.Context(), true, noon.Add(time.Hour), 10)
		wantError(t, "DueCommands", err, nil)
		same(t, "due", due, []store.Command{b})
		matching, err := home.MatchingCommands(t.Context(), "p", "card", noon)
		wantError(t, "MatchingCommands", err, nil)
		same(t, "matching", matching, []store.Command{a})
		matching, err = home.MatchingCommands(t.Context(), "", "card", noon)
		wantError(t, "MatchingCommands of all", err, nil)
		same(t, "matching of all", matching, []store.Command{a})

		err = home.Write(t.Context(), func(tx store.Tx) error {
			c, err := tx.Command("a")
			if err != nil {
				return err
			}
			c.State, c.Due = "ended", time.Time{}
			return tx.PutCommand(c)
		})
		wantError(t, "Write", err, nil)
		a.State, a.Due = "ended", time.Time{}
		got, err := home.Command(t.Context(), "a")
		wantError(t, "Command", err, nil)
		same(t, "changed", got, a)
		_, err = home.Command(t.Context(), "x")
		wantError(t, "Command of none", err, store.ErrNotFound)
		removed, err := home.TrimCommands(t.Context(), noon.Add(time.Hour), 10)
		wantError(t, "TrimCommands", err, nil)
		same(t, "only what is not due", removed, 1)
	}},
	{name: "a key is found by its hash", two: func(t *testing.T, home, other Home) {
		k := store.AccessKey{Hash: store.TokenHash{1}, Name: "app", Scopes: []string{"read", "write"}, Added: noon}
		_, err := home.AccessKey(t.Context(), k.Hash)
		wantError(t, "AccessKey of none", err, store.ErrNotFound)
		wantError(t, "AddAccessKey", other.AddAccessKey(t.Context(), k), nil)
		got, err := home.AccessKey(t.Context(), k.Hash)
		wantError(t, "AccessKey", err, nil)
		same(t, "key", got, k)
		taken := k
		taken.Hash = store.TokenHash{2}
		wantError(t, "a name that is taken", home.AddAccessKey(t.Context(), taken), store.ErrExists)
		keys, err := home.AccessKeys(t.Context())
		wantError(t, "AccessKeys", err, nil)
		same(t, "keys", keys, []store.AccessKey{k})
		wantError(t, "RemoveAccessKey", other.RemoveAccessKey(t.Context(), "app"), nil)
		_, err = home.AccessKey(t.Context(), k.Hash)
		wantError(t, "AccessKey that was removed", err, store.ErrNotFound)
		wantError(t, "RemoveAccessKey again", home.RemoveAccessKey(t.Context(), "app"), store.ErrNotFound)
	}},
	{name: "a request with a key that was used gets what was answered", run: func(t *testing.T, home Home) {
		a := store.Answer{Key: "app/1", Request: [32]byte{1}, Begun: noon, Header: []byte(`{}`)}
		_, used, err := home.BeginAnswer(t.Context(), a)
		wantError(t, "BeginAnswer", err, nil)
		same(t, "used", used, false)
		before, used, err := home.BeginAnswer(t.Context(), store.Answer{Key: "app/1", Request: [32]byte{2}, Begun: noon.Add(time.Hour)})
		wantError(t, "BeginAnswer again", err, nil)
		same(t, "used", used, true)
		same(t, "under way", before, a)
		a.Status, a.Body = 201, []byte(`{"id":"x"}`)
		wantError(t, "KeepAnswer", home.KeepAnswer(t.Context(), a), nil)
		before, _, err = home.BeginAnswer(t.Context(), a)
		wantError(t, "BeginAnswer again", err, nil)
		same(t, "answered", before, a)
		wantError(t, "TrimAnswers", home.TrimAnswers(t.Context(), noon.Add(time.Second)), nil)
		_, used, err = home.BeginAnswer(t.Context(), a)
		wantError(t, "BeginAnswer after all", err, nil)
		same(t, "used", used, false)
		wantError(t, "ForgetAnswer", home.ForgetAnswer(t.Context(), "app/1"), nil)
		_, used, err = home.BeginAnswer(t.Context(), a)
		wantError(t, "BeginAnswer after all", err, nil)
		same(t, "used", used, false)
	}},
}
