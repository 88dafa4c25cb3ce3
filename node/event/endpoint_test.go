package event

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
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
