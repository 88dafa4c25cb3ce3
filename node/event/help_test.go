package event

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/roamwire/roamwire/node/store"
	"github.com/roamwire/roamwire/node/store/sqlite"
	"github.com/roamwire/roamwire/ocpi"
)

var _ Store = (*sqlite.DB)(nil)

// A mirror is a Sealer that anybody can read backwards.
type mirror struct{}

func (mirror) Seal(b []byte) ([]byte, error) { return reversed(b), nil }
func (mirror) Open(b []byte) ([]byte, error) { return reversed(b), nil }

func reversed(b []byte) []byte {
	b = bytes.Clone(b)
	for i, j := 0, len(b)-1; i < j; i, j = i+1, j-1 {
		b[i], b[j] = b[j], b[i]
	}
	return b
}

func open(t testing.TB) *sqlite.DB {
	t.Helper()
	db, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "node.db"), sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// emit writes events in a write each, and returns the number of the latest.
func emit(t testing.TB, db Store, events ...store.Event) int64 {
	t.Helper()
	for _, e := range events {
		if err := db.Write(context.Background(), func(tx store.Tx) error { return tx.Emit(e) }); err != nil {
			t.Fatal(err)
		}
	}
	latest, err := db.LatestEvent(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return latest
}

func changed(id int) store.Event {
	return store.Event{
		Type: "location.changed", Subject: "locations/NL/GPE/" + strconv.Itoa(id), Partner: "greenwheels", Module: ocpi.ModuleLocations,
		Data: fmt.Appendf(nil, `{"id":"%d"}`, id),
	}
}

func several(from, n int) (events []store.Event) {
	for i := range n {
		events = append(events, changed(from+i))
	}
	return events
}

// start runs Events until the test ends or stop is called.
func start(t testing.TB, config Config) (e *Events, stop func()) {
	t.Helper()
	if config.Sealer == nil {
		config.Sealer = mirror{}
	}
	if config.Logger == nil {
		config.Logger = slog.New(slog.NewTextHandler(io.Discard, nil))
	}
	e = New(config)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		e.Run(ctx)
	}()
	stop = func() {
		cancel()
		<-done
	}
	t.Cleanup(stop)
	return e, stop
}

// A listener is a client of Server-Sent Events, written after the HTML standard, 9.2.6.
type listener struct {
	t      testing.TB
	lines  *bufio.Scanner
	cancel func()
	// last is the id it goes on after.
	last string
}

// A heard is an event as a listener got it.
type heard struct {
	id, kind string
	event    CloudEvent
}

func listen(t testing.TB, url, lastEventID string) *listener {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	if lastEventID != "" {
		r.Header.Set("Last-Event-ID", lastEventID)
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = response.Body.Close() })
	if got := response.Header.Get("Content-Type"); response.StatusCode != http.StatusOK || got != "text/event-stream" {
		t.Fatalf("%s %s", response.Status, got)
	}
	lines := bufio.NewScanner(response.Body)
	lines.Buffer(nil, 64<<20)
	l := &listener{t: t, lines: lines, cancel: cancel, last: lastEventID}
	l.block() // retry and where it begins
	return l
}

// block reads up to an empty line, and returns the fields.
func (l *listener) block() (fields map[string]string, ok bool) {
	fields = map[string]string{}
	for l.lines.Scan() {
		line := l.lines.Text()
		if line == "" {
			if id, ok := fields["id"]; ok {
				l.last = id
			}
			return fields, true
		}
		name, value, _ := strings.Cut(line, ":")
		fields[name] = strings.TrimPrefix(value, " ")
	}
	return nil, false
}

// next returns the next event.
func (l *listener) next() (heard, bool) {
	for {
		fields, ok := l.block()
		if !ok {
			return heard{}, false
		}
		if fields["data"] == "" {
			continue
		}
		h := heard{id: fields["id"], kind: fields["event"]}
		if err := json.Unmarshal([]byte(fields["data"]), &h.event); err != nil {
			l.t.Errorf("an event that cannot be read: %v: %s", err, fields["data"])
		}
		return h, true
	}
}

// subjects returns the ends of the subjects of the next events.
func (l *listener) subjects(n int) (all []string) {
	l.t.Helper()
	for range n {
		h, ok := l.next()
		if !ok {
			l.t.Fatalf("the stream ended after %v", all)
		}
		all = append(all, h.event.Subject[strings.LastIndex(h.event.Subject, "/")+1:])
	}
	return all
}

// serve serves the stream at / and the WebSocket at /ws.
func serve(t testing.TB, e *Events) string {
	mux := http.NewServeMux()
	mux.Handle("/", e.Stream())
	mux.Handle("/ws", e.Socket())
	server := httptest.NewServer(mux)
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	return server.URL
}

func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within ten seconds: %s", what)
		}
	}
}

// A mortal is a store that can be cut off, as by a crash: nothing is written any more.
type mortal struct {
	*sqlite.DB
	dead atomic.Bool
}

var errKilled = errors.New("the process was killed")

func (m *mortal) ChangeHook(ctx context.Context, id string, fn func(*store.Hook) ([]store.DeadEvent, error)) error {
	if m.dead.Load() {
		return errKilled
	}
	return m.DB.ChangeHook(ctx, id, fn)
}

func (m *mortal) RemoveDeadEvents(ctx context.Context, hook string, numbers ...int64) (int, error) {
	if m.dead.Load() {
		return 0, errKilled
	}
	return m.DB.RemoveDeadEvents(ctx, hook, numbers...)
}

// A clock is set by hand, on top of the real time.
type clock struct{ ahead atomic.Int64 }

func (c *clock) now() time.Time          { return time.Now().Add(time.Duration(c.ahead.Load())) }
func (c *clock) advance(d time.Duration) { c.ahead.Add(int64(d)) }
