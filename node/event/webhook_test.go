package event

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/google/go-cmp/cmp"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/roamwire/roamwire/node/store"
	"github.com/roamwire/roamwire/ocpi"
)

// An endpoint takes events and keeps account of them.
type endpoint struct {
	*httptest.Server
	mu     sync.Mutex
	answer func(w http.ResponseWriter, got delivery)
	all    []delivery
	// under is how many requests are under way, most how many there were at once.
	under, most int
}

// A delivery is a request as an endpoint got it.
type delivery struct {
	event  CloudEvent
	header http.Header
	body   []byte
	at     time.Time
	status int
}

// name is the end of the subject, or the type where there is none.
func (d delivery) name() string {
	if d.event.Subject == "" {
		return d.event.Type
	}
	return d.event.Subject[strings.LastIndex(d.event.Subject, "/")+1:]
}

func newEndpoint(t testing.TB) *endpoint {
	e := &endpoint{}
	e.Server = httptest.NewServer(e)
	t.Cleanup(e.Close)
	return e
}

// A recorded answer is an answer whose status is known afterwards.
type recordedAnswer struct {
	http.ResponseWriter
	status int
}

func (r *recordedAnswer) WriteHeader(status int) {
	r.status = status
	r.ResponseWriter.WriteHeader(status)
}

func (e *endpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	d := delivery{header: r.Header, body: body, at: time.Now()}
	_ = json.Unmarshal(body, &d.event)
	e.mu.Lock()
	e.under++
	e.most = max(e.most, e.under)
	answer := e.answer
	e.mu.Unlock()
	recorded := &recordedAnswer{ResponseWriter: w, status: http.StatusOK}
	if answer != nil {
		answer(recorded, d)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.under--
	d.status = recorded.status
	e.all = append(e.all, d)
}

func (e *endpoint) setAnswer(answer func(w http.ResponseWriter, got delivery)) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.answer = answer
}

func (e *endpoint) status(status int) {
	e.setAnswer(func(w http.ResponseWriter, _ delivery) { w.WriteHeader(status) })
}

func (e *endpoint) got() []delivery {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.all)
}

// taken are the names of the events that were taken, in order.
func (e *endpoint) taken() (names []string) {
	for _, d := range e.got() {
		if d.status < 300 {
			names = append(names, d.name())
		}
	}
	return names
}

func names(from, n int) (all []string) {
	for i := range n {
		all = append(all, strconv.Itoa(from+i))
	}
	return all
}

// quick are webhooks that do not wait long.
func quick(db Store) Config {
	return Config{Store: db, Webhooks: WebhookConfig{First: 2 * time.Millisecond, Longest: 20 * time.Millisecond, RefusedTries: 3, Timeout: 2 * time.Second}}
}

func add(t testing.TB, e *Events, w Webhook) WebhookStatus {
	t.Helper()
	s, err := e.Webhooks.Add(t.Context(), w)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func status(t testing.TB, e *Events, id string) WebhookStatus {
	t.Helper()
	s, err := e.Webhooks.Get(context.Background(), id)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestAWebhookGetsWhatHappensSigned(t *testing.T) {
	db := open(t)
	emit(t, db, changed(1))
	e, _ := start(t, quick(db))
	at := newEndpoint(t)
	hook := add(t, e, Webhook{URL: at.URL + "/in?x=1", Types: []string{"location.*"}})
	if hook.ID == "" || !strings.HasPrefix(hook.Secret, "whsec_") {
		t.Fatalf("%+v", hook)
	}
	number := emit(t, db, store.Event{Type: "cdr.created", Data: []byte("{}")}, changed(2))
	emit(t, db, changed(3))
	eventually(t, "two come", func() bool { return len(at.got()) == 2 })
	if got := at.taken(); !slices.Equal(got, []string{"2", "3"}) {
		t.Errorf("came %s", got)
	}
	first := at.got()[0]
	if got := first.header.Get("webhook-id"); got != fmt.Sprintf("evt_%d", number) || first.event.ID != strconv.FormatInt(number, 10) {
		t.Errorf("webhook-id %s, id %s", got, first.event.ID)
	}
	if got := first.header.Get("Content-Type"); got != "application/cloudevents+json" {
		t.Errorf("content type %s", got)
	}
	verifier, err := standardwebhooks.NewWebhook(hook.Secret)
	if err != nil {
		t.Fatal(err)
	}
	if err := verifier.Verify(first.body, first.header); err != nil {
		t.Errorf("the signature is not good: %v", err)
	}
	if err := verifier.Verify(append(first.body, ' '), first.header); err == nil {
		t.Error("a changed body is not noticed")
	}
	eventually(t, "all is dealt with", func() bool {
		s := status(t, e, hook.ID)
		return s.Sent == 2 && s.Backlog == 0 && !s.LastSuccess.IsZero() && s.Failures == 0
	})
	if s := status(t, e, hook.ID); s.Secret != "" {
		t.Error("the secret is told again")
	}
}

// The example of the specification's reference libraries.
func TestSignaturesAreThoseOfStandardWebhooks(t *testing.T) {
	key, err := readSecret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	if err != nil {
		t.Fatal(err)
	}
	timestamp, signature := sign([][]byte{key}, "msg_p5jXN8AQM9LWM0D4loKWxJek", time.Unix(1614265330, 0), []byte(`{"test": 2432232314}`))
	if timestamp != "1614265330" || signature != "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=" {
		t.Errorf("%s %s", timestamp, signature)
	}
}

func TestBothSecretsSignWhileOneIsChanged(t *testing.T) {
	db := open(t)
	var c clock
	config := quick(db)
	config.Now = c.now
	e, _ := start(t, config)
	at := newEndpoint(t)
	first := add(t, e, Webhook{URL: at.URL})
	second := newSecret()
	if _, err := e.Webhooks.Change(t.Context(), first.ID, func(w *Webhook) error { w.Secret = second; return nil }); err != nil {
		t.Fatal(err)
	}
	verifies := func(secret string, d delivery) bool {
		v, err := standardwebhooks.NewWebhook(secret)
		if err != nil {
			t.Fatal(err)
		}
		return v.VerifyIgnoringTimestamp(d.body, d.header) == nil
	}
	emit(t, db, changed(1))
	eventually(t, "it comes", func() bool { return len(at.got()) == 1 })
	if d := at.got()[0]; !verifies(first.Secret, d) || !verifies(second, d) {
		t.Errorf("signed %s", d.header.Get(headerSignature))
	}
	c.advance(25 * time.Hour)
	emit(t, db, changed(2))
	eventually(t, "it comes", func() bool { return len(at.got()) == 2 })
	if d := at.got()[1]; verifies(first.Secret, d) || !verifies(second, d) {
		t.Errorf("a day later signed %s", d.header.Get(headerSignature))
	}
}

func TestSecretsAreNotReadableOnDisk(t *testing.T) {
	db := open(t)
	e := New(Config{Store: db, Sealer: mirror{}})
	hook := add(t, e, Webhook{URL: "https://example.com", ID: "h"})
	if err := e.Webhooks.Reseal(t.Context()); err != nil {
		t.Fatal(err)
	}
	hooks, err := db.Hooks(t.Context())
	if err != nil || len(hooks) != 1 || bytes.Contains(hooks[0].State, []byte(hook.Secret[len(secretPrefix):])) {
		t.Errorf("%s, %v", hooks[0].State, err)
	}
	h, err := readHook(hooks[0])
	if err != nil {
		t.Fatal(err)
	}
	want, _ := readSecret(hook.Secret)
	if keys, err := e.Webhooks.keys(&h.state); err != nil || len(keys) != 1 || !bytes.Equal(keys[0], want) {
		t.Errorf("%x, %v", keys, err)
	}
}

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
		if err := e.Webhooks.Replay(t.Context(), "h", Replay{Dead: []int64{dead[0].Number}}); err != nil {
			t.Fatal(err)
		}
		eventually(t, "it was tried", func() bool { return len(at.got()) == before+3 && !status(t, e, "h").Replaying })
		if s := status(t, e, "h"); s.Dead != 2 {
			t.Errorf("%+v", s)
		}
	})
	t.Run("one is sent again and taken, with the id it had", func(t *testing.T) {
		at.setAnswer(nil)
		if err := e.Webhooks.Replay(t.Context(), "h", Replay{Dead: []int64{dead[1].Number}}); err != nil {
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
	if err := e.Webhooks.Replay(t.Context(), "h", Replay{From: third}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "they come again", func() bool { return len(at.taken()) == 10 })
	if diff := cmp.Diff(append(names(0, 6), names(2, 4)...), at.taken()); diff != "" {
		t.Errorf("taken (-want +got): %s", diff)
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
		"of two things":            {Replay{AllDead: true, From: 1}, ""},
		"of what is not dead":      {Replay{Dead: []int64{latest}}, "/dead/0"},
		"of no number":             {Replay{Dead: []int64{-1}}, "/dead/0"},
		"of what is no more":       {Replay{From: 1}, "/from"},
		"of what is still to come": {Replay{From: latest + 2}, "/from"},
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

func TestAnEndpointThatIsGoneIsSwitchedOff(t *testing.T) {
	db := open(t)
	e, _ := start(t, quick(db))
	at, other := newEndpoint(t), newEndpoint(t)
	at.status(http.StatusGone)
	add(t, e, Webhook{URL: at.URL, ID: "h"})
	add(t, e, Webhook{URL: other.URL, ID: "other", Types: []string{"webhook.*"}})
	emit(t, db, several(0, 2)...)
	eventually(t, "the other is told", func() bool { return len(other.got()) == 1 })
	told := other.got()[0].event
	var data DisabledWebhook
	if err := json.Unmarshal(told.Data, &data); err != nil || told.Type != WebhookDisabled || told.Subject != "webhooks/h" || data != (DisabledWebhook{"h", at.URL, "410 Gone"}) {
		t.Errorf("%+v %+v %v", told, data, err)
	}
	if s := status(t, e, "h"); !s.Disabled || s.Reason != "410 Gone" || len(at.got()) != 1 {
		t.Errorf("%+v after %d requests", s, len(at.got()))
	}
	at.setAnswer(nil)
	s, err := e.Webhooks.Change(t.Context(), "h", func(w *Webhook) error { w.Disabled = false; return nil })
	if err != nil || s.Disabled || s.Reason != "" {
		t.Errorf("%+v, %v", s, err)
	}
	eventually(t, "all come", func() bool { return slices.Equal(at.taken(), []string{"0", "1", "h"}) })
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

func TestWhatIsWrongWithAWebhookIsToldWithPointers(t *testing.T) {
	private, public := New(Config{Store: open(t), Sealer: mirror{}}), New(Config{Store: open(t), Sealer: mirror{}, Webhooks: WebhookConfig{RefusePrivate: true}})
	for name, test := range map[string]struct {
		hook Webhook
		on   *Events
		want []string
	}{
		"no URL":                         {Webhook{}, private, []string{"/url"}},
		"no http":                        {Webhook{URL: "ftp://example.com"}, private, []string{"/url"}},
		"no host":                        {Webhook{URL: "https:///x"}, private, []string{"/url"}},
		"no URL at all":                  {Webhook{URL: "https://a b"}, private, []string{"/url"}},
		"a user name":                    {Webhook{URL: "https://u:p@example.com"}, private, []string{"/url"}},
		"a fragment":                     {Webhook{URL: "https://example.com/#x"}, private, []string{"/url"}},
		"a URL too long":                 {Webhook{URL: "https://example.com/" + strings.Repeat("x", 2000)}, private, []string{"/url"}},
		"a link-local address":           {Webhook{URL: "http://169.254.169.254/latest"}, private, []string{"/url"}},
		"a mapped link-local address":    {Webhook{URL: "http://[::ffff:169.254.169.254]/"}, private, []string{"/url"}},
		"a link-local address of IPv6":   {Webhook{URL: "http://[fe80::1%25eth0]/"}, private, []string{"/url"}},
		"a private address, which is ok": {Webhook{URL: "http://10.0.0.7:8080/"}, private, nil},
		"a private address, refused":     {Webhook{URL: "https://10.0.0.7:8080/"}, public, []string{"/url"}},
		"plain http, refused":            {Webhook{URL: "http://example.com/"}, public, []string{"/url"}},
		"this machine, refused":          {Webhook{URL: "https://localhost/"}, public, []string{"/url"}},
		"an id with a slash":             {Webhook{URL: "https://example.com", ID: "a/b"}, private, []string{"/id"}},
		"a secret without prefix":        {Webhook{URL: "https://example.com", Secret: "abc"}, private, []string{"/secret"}},
		"a short secret":                 {Webhook{URL: "https://example.com", Secret: "whsec_YWJj"}, private, []string{"/secret"}},
		"a secret not in Base64":         {Webhook{URL: "https://example.com", Secret: "whsec_%"}, private, []string{"/secret"}},
		"a type there is not":            {Webhook{URL: "https://example.com", Types: []string{"cdr.*", "cdr.paid"}}, private, []string{"/types/1"}},
		"an empty partner":               {Webhook{URL: "https://example.com", Partners: []string{""}}, private, []string{"/partners/0"}},
		"a module there is not":          {Webhook{URL: "https://example.com", Modules: []ocpi.ModuleID{"x"}}, private, []string{"/modules/0"}},
		"a long description":             {Webhook{URL: "https://example.com", Description: strings.Repeat("ä", 501)}, private, []string{"/description"}},
		"several":                        {Webhook{ID: "?", Types: []string{"x"}}, private, []string{"/id", "/url", "/types/0"}},
	} {
		_, err := test.on.Webhooks.Add(t.Context(), test.hook)
		var got []string
		if bad, ok := errors.AsType[*Invalid](err); ok {
			for _, f := range bad.Findings {
				got = append(got, f.Pointer)
			}
		} else if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s: pointers (-want +got): %s", name, diff)
		}
	}
}

func TestNoAddressOfTheMachinesSecretsIsEverCalled(t *testing.T) {
	for address, want := range map[string][2]bool{ // private allowed, private refused
		"93.184.215.14": {true, true}, "2606:2800:21f::1": {true, true},
		"10.1.2.3": {true, false}, "192.168.1.1": {true, false}, "172.31.0.1": {true, false}, "100.64.0.1": {true, false},
		"127.0.0.1": {true, false}, "::1": {true, false}, "fd12::1": {true, false}, "::ffff:10.1.2.3": {true, false},
		"169.254.169.254": {}, "::ffff:169.254.169.254": {}, "fe80::1": {}, "fe80::1%eth0": {}, "fd00:ec2::254": {}, "100.100.100.200": {},
		"0.0.0.0": {}, "::": {}, "224.0.0.1": {}, "255.255.255.255": {}, "64:ff9b::a9fe:a9fe": {}, "2002:a9fe:a9fe::1": {},
	} {
		for i, p := range []*policy{newPolicy(false), newPolicy(true)} {
			if err := p.check(netip.MustParseAddr(address)); (err == nil) != want[i] {
				t.Errorf("%s, private refused %t: %v", address, p.refusePrivate, err)
			}
		}
	}
	db := open(t)
	e := New(Config{Store: db, Sealer: mirror{}, Webhooks: WebhookConfig{RefusePrivate: true}})
	at := httptest.NewTLSServer(http.NotFoundHandler())
	defer at.Close()
	r, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, at.URL, nil)
	if _, err := e.Webhooks.client.Do(r); !errors.Is(err, errAddress) {
		t.Errorf("what a name was resolved to is called: %v", err)
	}
}

func TestWebhooksAreManaged(t *testing.T) {
	db := open(t)
	e, _ := start(t, quick(db))
	at := newEndpoint(t)
	add(t, e, Webhook{URL: at.URL, ID: "b", Description: "billing"})
	add(t, e, Webhook{URL: at.URL, ID: "a", Disabled: true})
	if _, err := e.Webhooks.Add(t.Context(), Webhook{URL: at.URL, ID: "a"}); !errors.Is(err, store.ErrExists) {
		t.Errorf("a second one of a name: %v", err)
	}
	list, err := e.Webhooks.List(t.Context())
	if err != nil || len(list) != 2 || list[0].ID != "a" || list[1].Description != "billing" || list[1].Created.IsZero() {
		t.Errorf("%+v, %v", list, err)
	}
	for name, change := range map[string]func(*Webhook) error{
		"/id":  func(w *Webhook) error { w.ID = "c"; return nil },
		"/url": func(w *Webhook) error { w.URL = ""; return nil },
	} {
		_, err := e.Webhooks.Change(t.Context(), "b", change)
		if bad, ok := errors.AsType[*Invalid](err); !ok || bad.Findings[0].Pointer != name {
			t.Errorf("%s: %v", name, err)
		}
	}
	if got := status(t, e, "b"); got.URL != at.URL {
		t.Errorf("a change that fails leaves %+v", got)
	}
	changedTo, err := e.Webhooks.Change(t.Context(), "b", func(w *Webhook) error { w.Types = []string{"cdr.*"}; return nil })
	if err != nil || !slices.Equal(changedTo.Types, []string{"cdr.*"}) {
		t.Errorf("%+v, %v", changedTo, err)
	}
	emit(t, db, changed(1), store.Event{Type: "cdr.created", Subject: "cdrs/2", Data: []byte("{}")})
	eventually(t, "what it wants comes", func() bool { return slices.Equal(at.taken(), []string{"2"}) })

	at.status(http.StatusTeapot)
	result, err := e.Webhooks.Test(t.Context(), "a")
	if err != nil || result.Taken || result.Status != http.StatusTeapot || result.Error != "418 I'm a teapot" || result.Took <= 0 {
		t.Errorf("a try: %+v, %v", result, err)
	}
	at.setAnswer(nil)
	if result, err := e.Webhooks.Test(t.Context(), "a"); err != nil || !result.Taken || result.Error != "" {
		t.Errorf("a try: %+v, %v", result, err)
	}
	if got := at.got(); got[len(got)-1].event.Type != WebhookTest || got[len(got)-1].event.ID != got[len(got)-1].header.Get(headerID) {
		t.Errorf("tried with %+v", got[len(got)-1])
	}
	if err := e.Webhooks.Remove(t.Context(), "b"); err != nil {
		t.Error(err)
	}
	for what, err := range map[string]error{
		"Remove": e.Webhooks.Remove(t.Context(), "b"),
		"Get":    second(e.Webhooks.Get(t.Context(), "b")),
		"Dead":   second(e.Webhooks.Dead(t.Context(), "b", 0, 1)),
		"Test":   second(e.Webhooks.Test(t.Context(), "b")),
		"Change": second(e.Webhooks.Change(t.Context(), "b", func(*Webhook) error { return nil })),
	} {
		if !errors.Is(err, store.ErrNotFound) {
			t.Errorf("%s of none: %v", what, err)
		}
	}
	count := len(at.got())
	emit(t, db, store.Event{Type: "cdr.created", Subject: "cdrs/3", Data: []byte("{}")})
	time.Sleep(100 * time.Millisecond)
	if len(at.got()) != count {
		t.Error("one that was removed is still told")
	}
}

func second[T any](_ T, err error) error { return err }
