package event

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/roamwire/roamwire/node/store"
)

func TestWhatAnEndpointDoesNotTakeIsTriedAgainInOrder(t *testing.T) {
	db := open(t)
	e, _ := start(t, quick(db))
	at := newEndpoint(t)
	hook := add(t, e, Webhook{URL: at.URL})
	var tries int
	at.setAnswer(func(w http.ResponseWriter, _ delivery) {
		if tries++; tries%4 != 0 { // one request is under way at once
			w.WriteHeader([]int{500, 429, 302}[tries%4-1])
		}
	})
	emit(t, db, several(0, 10)...)
	eventually(t, "all are taken", func() bool { return len(at.taken()) == 10 })
	if diff := cmp.Diff(names(0, 10), at.taken()); diff != "" {
		t.Errorf("taken (-want +got): %s", diff)
	}
	for i, d := range at.got() {
		if want := at.got()[i/4*4].header.Get(headerID); d.header.Get(headerID) != want {
			t.Errorf("try %d has webhook-id %s, want %s", i, d.header.Get(headerID), want)
		}
	}
	if at.most != 1 {
		t.Errorf("%d requests were under way at once", at.most)
	}
	eventually(t, "that is on disk", func() bool { return status(t, e, hook.ID).Backlog == 0 })
	if s := status(t, e, hook.ID); s.Failures != 0 || !strings.HasPrefix(s.LastError, "302") || s.LastFailure.IsZero() {
		t.Errorf("%+v", s)
	}
}

func TestNothingIsLostAndOrderIsKeptHoweverOftenTheProcessIsKilled(t *testing.T) {
	db := open(t)
	at := newEndpoint(t)
	at.setAnswer(func(w http.ResponseWriter, d delivery) {
		if len(d.body)%7 == 0 && time.Now().UnixNano()%3 == 0 {
			w.WriteHeader(http.StatusBadGateway)
		}
	})
	e := New(Config{Store: db, Sealer: mirror{}})
	add(t, e, Webhook{URL: at.URL, ID: "h"})
	const n, kills = 800, 12
	var writing sync.WaitGroup
	writing.Go(func() {
		for i := range n {
			emit(t, db, changed(i))
			time.Sleep(500 * time.Microsecond)
		}
	})
	for range kills {
		home := &mortal{DB: db}
		_, stop := start(t, quick(home))
		time.Sleep(60 * time.Millisecond)
		home.dead.Store(true)
		stop()
	}
	writing.Wait()
	start(t, quick(db))
	eventually(t, "the last one comes", func() bool { return slices.Contains(at.taken(), strconv.Itoa(n-1)) })
	next := 0
	for _, name := range at.taken() { // what was taken before may come again, but nothing is passed over
		i, _ := strconv.Atoi(name)
		if i > next {
			t.Fatalf("%d comes where %d is due", i, next)
		}
		next = max(next, i+1)
	}
	if next != n {
		t.Errorf("came up to %d of %d", next, n)
	}
	t.Logf("%d events were taken %d times", n, len(at.taken()))
}

func TestWaitingForAnEndpointSurvivesARestart(t *testing.T) {
	db := open(t)
	at := newEndpoint(t)
	at.setAnswer(func(w http.ResponseWriter, _ delivery) {
		w.Header().Set("Retry-After", "3600")
		w.WriteHeader(http.StatusServiceUnavailable)
		fmt.Fprint(w, "closed for\nlunch \x1b[31m")
	})
	var c clock
	config := quick(db)
	config.Now = c.now
	e, stop := start(t, config)
	add(t, e, Webhook{URL: at.URL, ID: "h"})
	emit(t, db, several(0, 3)...)
	eventually(t, "it fails", func() bool { return status(t, e, "h").Failures == 1 })
	stop()
	e, stop = start(t, config)
	time.Sleep(100 * time.Millisecond)
	s := status(t, e, "h")
	if len(at.got()) != 1 || s.Failures != 1 || s.Backlog != 3 || s.Oldest.IsZero() || s.LastError != "503 Service Unavailable: closed for lunch [31m" {
		t.Errorf("after %d requests: %+v", len(at.got()), s)
	}
	if wait := s.NextTry.Sub(c.now()); wait < 59*time.Minute || wait > time.Hour {
		t.Errorf("is tried again in %s", wait)
	}
	stop()
	at.setAnswer(nil)
	c.advance(time.Hour)
	start(t, config)
	eventually(t, "all come", func() bool { return slices.Equal(at.taken(), names(0, 3)) })
}

func TestEventsForAnEndpointThatIsAwayForTooLongDie(t *testing.T) {
	db := open(t)
	var c clock
	config := quick(db)
	config.Now = c.now
	config.Webhooks.First, config.Webhooks.Longest = time.Hour, time.Hour
	at := newEndpoint(t)
	at.status(http.StatusInternalServerError)
	e, stop := start(t, config)
	add(t, e, Webhook{URL: at.URL, ID: "h"})
	emit(t, db, several(0, 300)...)
	eventually(t, "it fails", func() bool { return status(t, e, "h").Failures == 1 })
	stop()
	c.advance(5*day - 2*time.Hour)
	e, stop = start(t, config)
	eventually(t, "it fails again", func() bool { return status(t, e, "h").Failures == 2 })
	if s := status(t, e, "h"); s.Dead != 0 || s.Backlog != 300 {
		t.Errorf("before five days: %+v", s)
	}
	stop()
	c.advance(2*time.Hour + time.Minute)
	e, _ = start(t, config)
	eventually(t, "all are given up", func() bool { s := status(t, e, "h"); return s.Dead == 300 && s.Backlog == 0 })
	if got := len(at.got()); got != 3 {
		t.Errorf("%d requests were made", got)
	}
	at.setAnswer(nil)
	if _, err := e.Webhooks.Change(t.Context(), "h", func(*Webhook) error { return nil }); err != nil { // a person wants it tried now
		t.Fatal(err)
	}
	emit(t, db, changed(300))
	eventually(t, "what is new comes", func() bool { return slices.Equal(at.taken(), []string{"300"}) })
}

func TestASlowEndpointHoldsUpNobodyElse(t *testing.T) {
	db := open(t)
	config := quick(db)
	config.Webhooks.Timeout = 200 * time.Millisecond
	e, _ := start(t, config)
	slow, fast := newEndpoint(t), newEndpoint(t)
	free := make(chan struct{})
	t.Cleanup(func() { close(free) })
	slow.setAnswer(func(http.ResponseWriter, delivery) { <-free })
	add(t, e, Webhook{URL: slow.URL, ID: "slow"})
	add(t, e, Webhook{URL: fast.URL, ID: "fast"})
	emit(t, db, several(0, 50)...)
	eventually(t, "the fast one has all", func() bool { return slices.Equal(fast.taken(), names(0, 50)) })
	eventually(t, "the slow one is in time", func() bool { return status(t, e, "slow").Failures > 0 })
	if s := status(t, e, "slow"); !strings.Contains(s.LastError, "exceeded") || strings.Contains(s.LastError, slow.URL) {
		t.Errorf("%+v", s)
	}
}

func TestAnAnswerWithoutEndIsNotRead(t *testing.T) {
	db := open(t)
	e, _ := start(t, quick(db))
	at := newEndpoint(t)
	at.setAnswer(func(w http.ResponseWriter, _ delivery) {
		for range 1000 {
			if _, err := w.Write(make([]byte, 64<<10)); err != nil {
				return
			}
		}
	})
	add(t, e, Webhook{URL: at.URL, ID: "h"})
	emit(t, db, several(0, 3)...)
	eventually(t, "all are taken", func() bool { return status(t, e, "h").Sent == 3 })
}

// A wire is an endpoint without a network, for tests that hold the clock.
type wire func(*http.Request) *http.Response

func (w wire) RoundTrip(r *http.Request) (*http.Response, error) {
	answer := w(r)
	if answer.Body == nil {
		answer.Body = http.NoBody
	}
	return answer, nil
}

// answering is an answer with a status and nothing else.
func answering(status int) *http.Response {
	return &http.Response{StatusCode: status, Status: fmt.Sprint(status, " ", http.StatusText(status)), Header: http.Header{}}
}

// runLane runs the lane of a webhook, and what it listens to, until the test ends.
func runLane(t *testing.T, e *Events, id string) {
	ctx, cancel := context.WithCancel(t.Context())
	var work sync.WaitGroup
	work.Go(func() { e.feed.run(ctx) })
	work.Go(func() {
		if err := newLane(e.Webhooks, id).run(ctx); err != nil && ctx.Err() == nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() {
		cancel()
		work.Wait()
	})
}

func TestAnEndpointThatIsDownIsTriedForFiveDaysWithPausesThatDouble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := open(t)
		e := New(Config{Store: db, Sealer: mirror{}})
		var mu sync.Mutex
		var tried []time.Time
		ids := map[string]int{}
		var up bool
		e.Webhooks.client.Transport = wire(func(r *http.Request) *http.Response {
			mu.Lock()
			defer mu.Unlock()
			tried = append(tried, time.Now())
			ids[r.Header.Get(headerID)]++
			if !up {
				return answering(http.StatusBadGateway)
			}
			return answering(http.StatusNoContent)
		})
		add(t, e, Webhook{URL: "https://example.com", ID: "h"})
		emit(t, db, changed(1))
		began := time.Now()
		runLane(t, e, "h")
		time.Sleep(3 * day)
		synctest.Wait()
		emit(t, db, changed(2))
		time.Sleep(2*day - time.Second)
		synctest.Wait()
		mu.Lock()
		if s := status(t, e, "h"); s.Dead != 0 || s.Backlog != 2 || s.Failures != len(tried) {
			t.Errorf("after almost five days and %d tries: %+v", len(tried), s)
		}
		for i := 1; i < len(tried); i++ {
			want := min(time.Second<<min(i-1, 20), time.Hour)
			if pause := tried[i].Sub(tried[i-1]); pause < want*3/4 || pause > want*5/4+time.Second {
				t.Errorf("pause %d is %s, want about %s", i, pause, want)
			}
		}
		if len(tried) < 100 || len(ids) != 1 {
			t.Errorf("%d tries of %v", len(tried), ids)
		}
		mu.Unlock()
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if s := status(t, e, "h"); s.Dead != 1 || s.Backlog != 1 {
			t.Errorf("after five days: %+v", s)
		}
		mu.Lock()
		up = true
		mu.Unlock()
		time.Sleep(2 * time.Hour)
		synctest.Wait()
		if s := status(t, e, "h"); s.Dead != 1 || s.Backlog != 0 || s.Failures != 0 || s.Sent != 1 {
			t.Errorf("when it is back after %s: %+v", time.Since(began), s)
		}
	})
}

func TestWhatWaitsToBeSentAgainHoldsNothingUpForTooLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := open(t)
		e := New(Config{Store: db, Sealer: mirror{}})
		e.Webhooks.client.Transport = wire(func(*http.Request) *http.Response { return answering(http.StatusServiceUnavailable) })
		add(t, e, Webhook{URL: "https://example.com", ID: "h"})
		err := db.ChangeHook(t.Context(), "h", func(record *store.Hook) (dead []store.DeadEvent, err error) {
			for i := range 20 {
				d := store.DeadEvent{Event: changed(i), Died: e.config.Now()}
				d.Number, d.Time = int64(1000+i), e.config.Now()
				dead = append(dead, d)
			}
			h, err := readHook(*record)
			if err != nil {
				return nil, err
			}
			h.state.Lane.Lost = &Lost{First: 1, Last: 5, Reason: LostTrimmed}
			return dead, h.state.save(record)
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := e.Webhooks.Replay(t.Context(), "h", Replay{AllDead: true}); err != nil {
			t.Fatal(err)
		}
		emit(t, db, changed(100), changed(101))
		runLane(t, e, "h")
		time.Sleep(5*day + time.Hour)
		synctest.Wait()
		if s := status(t, e, "h"); s.Backlog != 0 || s.Dead != 22 || s.Replaying {
			t.Errorf("%+v", s)
		}
	})
}

func TestHowLongAnEndpointAsksToBeLeftAlone(t *testing.T) {
	now := time.Date(2026, time.November, 27, 12, 0, 0, 0, time.UTC)
	for value, want := range map[string]time.Duration{
		"": 0, "0": 0, "120": 2 * time.Minute, "86401": day, "99999999999": day, "-1": 0, "soon": 0, "1.5": 0,
		"Fri, 27 Nov 2026 12:00:30 GMT": 30 * time.Second, "Fri, 27 Nov 2026 11:00:00 GMT": 0, "Fri, 27 Nov 2099 12:00:00 GMT": day,
	} {
		if got := retryAfter(value, now); got != want {
			t.Errorf("%q is %s, want %s", value, got, want)
		}
	}
}
