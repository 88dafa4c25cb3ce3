package event

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/roamwire/roamwire/node/store"
)

func TestWhatAnEndpointRefusesDiesAndTheLaneGoesOn(t *testing.T) {
	db := open(t)
	e, stop := start(t, quick(db))
	at := newEndpoint(t)
	at.setAnswer(func(w http.ResponseWriter, d delivery) {
		if n := d.name(); n == "1" || n == "3" {
			w.WriteHeader(http.StatusUnprocessableEntity)
		}
	})
	add(t, e, Webhook{URL: at.URL, ID: "h"})
	emit(t, db, several(0, 5)...)
	eventually(t, "the others come", func() bool { return slices.Equal(at.taken(), []string{"0", "2", "4"}) })
	if got := len(at.got()); got != 3+2*3 {
		t.Errorf("%d requests", got)
	}
	eventually(t, "two are dead", func() bool { return status(t, e, "h").Dead == 2 })
	dead, err := e.Webhooks.Dead(t.Context(), "h", 0, 10)
	if err != nil || len(dead) != 2 || dead[0].Subject != "locations/NL/GPE/1" || !strings.HasPrefix(dead[0].Reason, "422") || dead[0].Died.IsZero() {
		t.Fatalf("%+v, %v", dead, err)
	}
	more, err := e.Webhooks.Dead(t.Context(), "h", dead[0].Number, 10)
	if err != nil || len(more) != 1 || more[0].Number != dead[1].Number {
		t.Errorf("%+v, %v", more, err)
	}

	t.Run("one is sent again, and stays dead if it is refused again", func(t *testing.T) {
		before := len(at.got())
		if err := e.Webhooks.Replay(t.Context(), "h", Replay{Numbers: []int64{dead[0].Number}}); err != nil {
			t.Fatal(err)
		}
		eventually(t, "it was tried", func() bool { return len(at.got()) == before+3 && !status(t, e, "h").Replaying })
		if s := status(t, e, "h"); s.Dead != 2 {
			t.Errorf("%+v", s)
		}
	})
	t.Run("one is sent again and taken, with the id it had", func(t *testing.T) {
		at.setAnswer(nil)
		if err := e.Webhooks.Replay(t.Context(), "h", Replay{Numbers: []int64{dead[1].Number}}); err != nil {
			t.Fatal(err)
		}
		eventually(t, "it is taken", func() bool { return status(t, e, "h").Dead == 1 })
		last := at.got()[len(at.got())-1]
		if last.name() != "3" || last.header.Get(headerID) != fmt.Sprintf("evt_%d", dead[1].Number) {
			t.Errorf("%s %s", last.name(), last.header)
		}
	})
	t.Run("all are sent again, also after a restart", func(t *testing.T) {
		stop()
		if err := e.Webhooks.Replay(t.Context(), "h", Replay{AllDead: true}); err != nil {
			t.Fatal(err)
		}
		e, _ = start(t, quick(db))
		eventually(t, "they are taken", func() bool { s := status(t, e, "h"); return s.Dead == 0 && !s.Replaying })
		if got := at.taken(); got[len(got)-1] != "1" {
			t.Errorf("taken %s", got)
		}
	})
}

func TestEverythingSinceAnEventIsSentAgain(t *testing.T) {
	db := open(t)
	e, _ := start(t, quick(db))
	at := newEndpoint(t)
	add(t, e, Webhook{URL: at.URL, ID: "h"})
	third := emit(t, db, several(0, 3)...)
	emit(t, db, several(3, 3)...)
	eventually(t, "all come", func() bool { return len(at.taken()) == 6 })
	eventually(t, "that is on disk", func() bool { return status(t, e, "h").Backlog == 0 })
	if err := e.Webhooks.Replay(t.Context(), "h", Replay{After: new(third - 1)}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "they come again", func() bool { return len(at.taken()) == 10 })
	if diff := cmp.Diff(append(names(0, 6), names(2, 4)...), at.taken()); diff != "" {
		t.Errorf("taken (-want +got): %s", diff)
	}
}

func TestEverythingSinceATimeIsSentAgain(t *testing.T) {
	db := open(t)
	e, _ := start(t, quick(db))
	at := newEndpoint(t)
	add(t, e, Webhook{URL: at.URL, ID: "h"})
	emit(t, db, several(0, 3)...)
	time.Sleep(2 * time.Millisecond)
	since := time.Now()
	emit(t, db, several(3, 3)...)
	eventually(t, "all come", func() bool { return len(at.taken()) == 6 && status(t, e, "h").Backlog == 0 })
	if err := e.Webhooks.Replay(t.Context(), "h", Replay{Since: since}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "they come again", func() bool { return len(at.taken()) == 9 })
	if diff := cmp.Diff(append(names(0, 6), names(3, 3)...), at.taken()); diff != "" {
		t.Errorf("taken (-want +got): %s", diff)
	}
}

func TestEverythingThatIsKeptIsSentAgainAlsoWhatIsDead(t *testing.T) {
	db := open(t)
	e, _ := start(t, quick(db))
	at := newEndpoint(t)
	at.setAnswer(func(w http.ResponseWriter, d delivery) {
		if d.name() == "3" {
			w.WriteHeader(http.StatusBadRequest)
		}
	})
	add(t, e, Webhook{URL: at.URL, ID: "h"})
	emit(t, db, several(0, 6)...)
	eventually(t, "the others come", func() bool { s := status(t, e, "h"); return s.Backlog == 0 && s.Dead == 1 })
	if _, err := db.TrimEvents(t.Context(), time.Now().Add(-time.Hour), 4, 100); err != nil { // 2 to 5 are left
		t.Fatal(err)
	}
	at.setAnswer(nil)
	if err := e.Webhooks.Replay(t.Context(), "h", Replay{After: new(int64(0))}); err != nil {
		t.Fatal(err)
	}
	want := []string{"0", "1", "2", "4", "5", "2", "3", "4", "5"}
	eventually(t, "what is kept comes again", func() bool { return len(at.taken()) == len(want) })
	if diff := cmp.Diff(want, at.taken()); diff != "" {
		t.Errorf("taken (-want +got): %s", diff)
	}
	eventually(t, "what was taken is dead no more", func() bool { s := status(t, e, "h"); return s.Dead == 0 && s.Backlog == 0 })
	if s := status(t, e, "h"); s.Lost != nil {
		t.Errorf("%+v", s)
	}
}

func TestReplaysThatCannotBe(t *testing.T) {
	db := open(t)
	e := New(Config{Store: db, Sealer: mirror{}})
	emit(t, db, several(0, 4)...)
	if _, err := db.TrimEvents(t.Context(), time.Now().Add(-time.Hour), 2, 10); err != nil {
		t.Fatal(err)
	}
	latest := emit(t, db)
	add(t, e, Webhook{URL: "https://example.com", ID: "h"})
	for name, test := range map[string]struct {
		replay Replay
		want   string
	}{
		"of nothing":               {Replay{}, ""},
		"of two things":            {Replay{AllDead: true, After: new(int64(1))}, ""},
		"of what is not dead":      {Replay{Numbers: []int64{latest}}, "/numbers/0"},
		"of no number":             {Replay{Numbers: []int64{-1}}, "/numbers/0"},
		"before the beginning":     {Replay{After: new(int64(-1))}, "/after"},
		"of what is no more":       {Replay{After: new(int64(1))}, "/after"},
		"since a time to come":     {Replay{Since: time.Now().Add(time.Hour)}, "/since"},
		"of what is still to come": {Replay{After: new(latest + 1)}, "/after"},
	} {
		err := e.Webhooks.Replay(t.Context(), "h", test.replay)
		bad, ok := errors.AsType[*Invalid](err)
		if !ok || len(bad.Findings) != 1 || bad.Findings[0].Pointer != test.want {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := e.Webhooks.Replay(t.Context(), "none", Replay{AllDead: true}); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("of no webhook: %v", err)
	}
}

func TestDeadEventsAreKeptForAWhile(t *testing.T) {
	db := open(t)
	var c clock
	e := New(Config{Store: db, Sealer: mirror{}, Now: c.now})
	add(t, e, Webhook{URL: "https://example.com", ID: "h"})
	err := db.ChangeHook(t.Context(), "h", func(*store.Hook) (dead []store.DeadEvent, err error) {
		for i := range 300 {
			dead = append(dead, store.DeadEvent{Event: store.Event{Number: int64(i + 1), Time: c.now()}, Died: c.now().Add(time.Duration(i) * day / 10)})
		}
		return dead, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	c.advance(58 * day)
	if err := e.Webhooks.trimDead(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := status(t, e, "h").Dead; got < 19 || got > 20 {
		t.Errorf("%d are left", got)
	}
}
