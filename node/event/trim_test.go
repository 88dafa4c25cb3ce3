package event

import (
	"context"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/roamwire/roamwire/node/store"
)

func TestEventsAreKeptForAWebhookThatIsBehind(t *testing.T) {
	db := open(t)
	var c clock
	config := Config{Store: db, Sealer: mirror{}, Now: c.now, Keep: Retention{Events: 3}}
	e := New(config)
	at := newEndpoint(t)
	add(t, e, Webhook{URL: at.URL, ID: "h", Types: []string{"cdr.*"}})
	emit(t, db, several(0, 10)...)
	left := func() int {
		t.Helper()
		if err := e.trimJournal(t.Context()); err != nil {
			t.Fatal(err)
		}
		events, _, err := db.Events(t.Context(), store.EventFilter{}, 0, 100)
		if err != nil {
			t.Fatal(err)
		}
		return len(events)
	}
	if got := left(); got != 10 {
		t.Errorf("%d are left while the webhook has had none", got)
	}
	c.advance(8 * day)
	if got := left(); got != 0 {
		t.Errorf("%d are left after a week", got)
	}
	s := status(t, e, "h")
	if s.Lost == nil || s.Lost.First != s.Cursor+1 || s.Lost.Reason != LostTrimmed {
		t.Errorf("%+v", s)
	}
	lost := *s.Lost
	c.ahead.Store(0)
	start(t, quick(db))
	emit(t, db, store.Event{Type: "cdr.created", Subject: "cdrs/1", Data: []byte("{}")})
	eventually(t, "it is told", func() bool { return slices.Equal(at.taken(), []string{EventsLost, "1"}) })
	var told Lost
	if err := json.Unmarshal(at.got()[0].event.Data, &told); err != nil || told != lost {
		t.Errorf("told %+v, want %+v", told, lost)
	}
	eventually(t, "it is on disk", func() bool { s := status(t, e, "h"); return s.Backlog == 0 && s.Lost != nil && *s.Lost == lost })
	if got := left(); got != 1 {
		t.Errorf("%d are left in the end", got)
	}
	if _, err := e.Webhooks.Change(t.Context(), "h", func(w *Webhook) error { w.Disabled = true; return nil }); err != nil {
		t.Fatal(err)
	}
	emit(t, db, several(0, 10)...)
	if got := left(); got != 3 {
		t.Errorf("%d are left for one that is switched off", got)
	}
}

func TestAClientThatWasAwayForTooLongIsTold(t *testing.T) {
	db := open(t)
	second := emit(t, db, several(1, 2)...)
	latest := emit(t, db, several(3, 4)...)
	if _, err := db.TrimEvents(t.Context(), time.Now().Add(-time.Hour), 2, 100); err != nil { // 5 and 6 are left
		t.Fatal(err)
	}
	e, _ := start(t, Config{Store: db})
	url := serve(t, e)
	lost := func(l *listener) Lost {
		t.Helper()
		h, ok := l.next()
		if !ok || h.kind != EventsLost || h.event.Type != EventsLost {
			t.Fatalf("the first event is %+v", h)
		}
		var lost Lost
		if err := json.Unmarshal(h.event.Data, &lost); err != nil {
			t.Fatal(err)
		}
		if h.id != strconv.FormatInt(lost.Last, 10) {
			t.Errorf("goes on after %s", h.id)
		}
		return lost
	}
	t.Run("of what it has missed", func(t *testing.T) {
		l := listen(t, url+"/?type=cdr.*,location.*", strconv.FormatInt(second, 10))
		if got, want := lost(l), (Lost{First: second + 1, Last: latest - 2, Reason: LostTrimmed}); got != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
		if got := l.subjects(2); !slices.Equal(got, []string{"5", "6"}) {
			t.Errorf("then came %s", got)
		}
	})
	t.Run("not if it has missed nothing", func(t *testing.T) {
		if got := listen(t, url, strconv.FormatInt(latest-2, 10)).subjects(2); !slices.Equal(got, []string{"5", "6"}) {
			t.Errorf("came %s", got)
		}
	})
	t.Run("not if it wants what there is", func(t *testing.T) {
		if got := listen(t, url+"/?after=0", "").subjects(2); !slices.Equal(got, []string{"5", "6"}) {
			t.Errorf("came %s", got)
		}
	})
	t.Run("that its last event is none of ours", func(t *testing.T) {
		l := listen(t, url, strconv.FormatInt(latest+1000, 10))
		if got, want := lost(l), (Lost{Last: latest, Reason: LostUnknown}); got != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
		emit(t, db, changed(7))
		if got := l.subjects(1); !slices.Equal(got, []string{"7"}) {
			t.Errorf("then came %s", got)
		}
	})
}

// However events are removed while consumers are slow or away, each hears of every event, or hears that it has missed it.
func TestNothingIsPassedOverInSilenceWhileEventsAreRemoved(t *testing.T) {
	db := open(t)
	e, _ := start(t, Config{Store: db})
	url := serve(t, e)
	first := emit(t, db, changed(0))
	const n = 800
	var working sync.WaitGroup
	writing := make(chan struct{})
	working.Go(func() {
		defer close(writing)
		for i := range n {
			emit(t, db, changed(i+1))
		}
	})
	working.Go(func() {
		for {
			if _, err := db.TrimEvents(context.Background(), time.Now().Add(-time.Hour), 50, 100); err != nil {
				t.Error(err)
			}
			select {
			case <-writing:
				return
			case <-time.After(5 * time.Millisecond):
			}
		}
	})
	defer working.Wait()
	at, told, missed := first, 0, 0 // numbers follow each other here: nothing else is written
	for at < first+n {
		l := listen(t, url, strconv.FormatInt(at, 10))
		for range 30 {
			h, ok := l.next()
			if !ok {
				t.Fatal("the stream ended")
			}
			number, err := strconv.ParseInt(h.id, 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			if h.kind == EventsLost {
				var lost Lost
				if err := json.Unmarshal(h.event.Data, &lost); err != nil || lost.First != at+1 || lost.Last != number || lost.Reason != LostTrimmed {
					t.Fatalf("after %d: %+v, %v", at, lost, err)
				}
				missed += int(number - at)
			} else if told++; number != at+1 {
				t.Fatalf("after %d comes %d", at, number)
			}
			if at = number; at == first+n {
				break
			}
		}
		l.cancel()
		if missed == 0 { // it is away
			eventually(t, "what it has not had is removed", func() bool {
				trimmed, err := db.TrimmedEvents(t.Context())
				return err == nil && trimmed > at
			})
		}
	}
	if told+missed != n || told == 0 || missed == 0 {
		t.Errorf("%d told and %d missed of %d", told, missed, n)
	}
}

// What is removed while the feed is about to read it leaves no hole in what it holds in memory.
func TestTheFeedHoldsNoHole(t *testing.T) {
	db := open(t)
	f := newFeed(Config{Store: db}.withDefaults())
	emit(t, db, several(0, 3)...)
	f.enter()
	if _, err := f.look(t.Context()); err != nil {
		t.Fatal(err)
	}
	at, _ := f.place()
	emit(t, db, several(3, 10)...)
	if _, err := db.TrimEvents(t.Context(), time.Now().Add(-time.Hour), 4, 100); err != nil {
		t.Fatal(err)
	}
	if _, err := f.look(t.Context()); err != nil {
		t.Fatal(err)
	}
	r := reader{feed: f, at: at}
	found, lost, err := r.read(t.Context())
	if err != nil || len(found) > 0 || lost == nil || lost.First != at+1 || lost.Reason != LostTrimmed {
		t.Fatalf("%d events and the loss %+v, %v", len(found), lost, err)
	}
	if found, lost, err = r.read(t.Context()); err != nil || lost != nil || len(found) != 4 {
		t.Errorf("then %d events and the loss %+v, %v", len(found), lost, err)
	}
}
