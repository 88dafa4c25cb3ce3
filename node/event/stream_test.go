package event

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/roamwire/roamwire/node/store"
	"github.com/roamwire/roamwire/ocpi"
)

func TestAClientHearsWhatHappensFromNowOn(t *testing.T) {
	db := open(t)
	emit(t, db, several(1, 3)...)
	e, _ := start(t, Config{Store: db, Source: "https://roam.example.com"})
	l := listen(t, serve(t, e), "")
	number := emit(t, db, changed(4))
	got, _ := l.next()
	if got.event.Time.IsZero() || time.Since(got.event.Time) > time.Minute {
		t.Errorf("it happened at %s", got.event.Time)
	}
	got.event.Time = time.Time{}
	id := strconv.FormatInt(number, 10)
	want := heard{id: id, kind: "location.changed", event: CloudEvent{
		SpecVersion: "1.0", ID: id, Source: "https://roam.example.com", Type: "location.changed", Subject: "locations/NL/GPE/4",
		Partner: "greenwheels", Module: ocpi.ModuleLocations, DataContentType: "application/json", Data: []byte(`{"id":"4"}`),
	}}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(heard{})); diff != "" {
		t.Errorf("event (-want +got): %s", diff)
	}
}

func TestAClientBeginsWhereItWants(t *testing.T) {
	db := open(t)
	third := emit(t, db, several(1, 3)...)
	emit(t, db, several(4, 2)...)
	e, _ := start(t, Config{Store: db})
	url := serve(t, e)
	for name, test := range map[string]struct {
		query, header string
		want          []string
	}{
		"everything kept":                              {"?after=0", "", []string{"1", "2", "3", "4", "5"}},
		"after an event":                               {fmt.Sprintf("?after=%d", third), "", []string{"4", "5"}},
		"after the last event heard":                   {"", strconv.FormatInt(third, 10), []string{"4", "5"}},
		"the last event heard is newer than the URL":   {"?after=0", strconv.FormatInt(third, 10), []string{"4", "5"}},
		"after the last one that was told of as lost":  {"", fmt.Sprintf("lost-%d", third), []string{"4", "5"}},
		"an empty last event counts for nothing given": {"?after=0", "", []string{"1", "2", "3", "4", "5"}},
	} {
		t.Run(name, func(t *testing.T) {
			got := listen(t, url+"/"+test.query, test.header).subjects(len(test.want))
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("heard (-want +got): %s", diff)
			}
		})
	}
}

func TestAClientThatComesBackMissesNothingAndHearsNothingTwice(t *testing.T) {
	db := open(t)
	e, _ := start(t, Config{Store: db})
	url := serve(t, e)
	const n = 600
	var writing sync.WaitGroup
	writing.Go(func() { emit(t, db, several(0, n)...) })
	last := "0"
	var got []string
	for round := 0; len(got) < n; round++ {
		l := listen(t, url, last)
		got = append(got, l.subjects(min(1+round*7%40, n-len(got)))...)
		last = l.last
		l.cancel()
	}
	writing.Wait()
	for i, s := range got {
		if s != strconv.Itoa(i) {
			t.Fatalf("event %d is %s", i, s)
		}
	}
}

// A quietJournal has nothing in it that anybody wants; upto is the number of the latest event.
type quietJournal struct {
	Store
	upto atomic.Int64
}

func (q *quietJournal) LatestEvent(context.Context) (int64, error) { return q.upto.Load(), nil }

func (q *quietJournal) TrimmedEvents(context.Context) (int64, error) { return 0, nil }

func (q *quietJournal) Events(_ context.Context, _ store.EventFilter, after int64, _ int) ([]store.Event, int64, error) {
	return nil, max(after, q.upto.Load()), nil
}

// A transcript is what a client was sent.
type transcript struct {
	mu   sync.Mutex
	text strings.Builder
}

func (*transcript) Header() http.Header { return http.Header{} }

func (*transcript) WriteHeader(int) {}

func (*transcript) Flush() {}

func (w *transcript) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.Write(p)
}

func (w *transcript) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.String()
}

func TestAClientHearsThatItIsNotForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		journal := &quietJournal{}
		journal.upto.Store(7)
		e := New(Config{Store: journal})
		ctx, cancel := context.WithCancel(t.Context())
		go e.feed.run(ctx)
		w := &transcript{}
		done := make(chan struct{})
		go func() {
			defer close(done)
			e.Stream().ServeHTTP(w, httptest.NewRequestWithContext(ctx, http.MethodGet, "/", nil))
		}()
		time.Sleep(14 * time.Second)
		synctest.Wait()
		if got, want := w.String(), "retry: 1000\nid: 7\n\n"; got != want {
			t.Errorf("at first it gets %q, want %q", got, want)
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		journal.upto.Store(9)
		time.Sleep(15 * time.Second)
		synctest.Wait()
		if got, want := w.String(), "retry: 1000\nid: 7\n\n:\n\n:\nid: 9\n\n"; got != want {
			t.Errorf("after half a minute it has got %q, want %q", got, want)
		}
		cancel()
		<-done
	})
}

// serveNarrow serves with small buffers, so that it shows soon who does not read.
func serveNarrow(t *testing.T, e *Events) *httptest.Server {
	mux := http.NewServeMux()
	mux.Handle("/", e.Stream())
	mux.Handle("/ws", e.Socket())
	server := httptest.NewUnstartedServer(mux)
	server.Config.ConnContext = func(ctx context.Context, c net.Conn) context.Context {
		_ = c.(*net.TCPConn).SetWriteBuffer(64 << 10)
		return ctx
	}
	server.Start()
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	return server
}

// silent sends a request and reads no more than the beginning of the answer.
func silent(t *testing.T, server *httptest.Server, request string) net.Conn {
	c, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	_ = c.(*net.TCPConn).SetReadBuffer(8 << 10)
	if _, err := io.WriteString(c, request); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestAClientThatDoesNotReadIsDroppedAndNobodyWaitsForIt(t *testing.T) {
	db := open(t)
	e, _ := start(t, Config{Store: db, Stream: StreamConfig{WriteTimeout: 2 * time.Second}})
	server := serveNarrow(t, e)
	var listeners []*listener
	for range 18 {
		listeners = append(listeners, listen(t, server.URL, ""))
	}
	silent(t, server, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	silent(t, server, "GET /ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
	eventually(t, "all are there", func() bool { return e.Listening().Clients == 20 })
	const n = 100
	large := changed(0)
	large.Data = []byte(`{"x":"` + strings.Repeat("x", 20<<10) + `"}`)
	began := time.Now()
	var reading sync.WaitGroup
	for _, l := range listeners {
		reading.Go(func() {
			for i := range n {
				if h, _ := l.next(); h.event.Subject != "x/"+strconv.Itoa(i) {
					t.Errorf("event %d is %q", i, h.event.Subject)
					return
				}
			}
		})
	}
	for i := range n {
		large.Subject = "x/" + strconv.Itoa(i)
		emit(t, db, large)
	}
	reading.Wait()
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("the others waited %s", took)
	}
	eventually(t, "the silent ones are dropped", func() bool { return e.Listening().Clients == 18 && e.Listening().Dropped == 2 })
}

func TestOnlySoManyClients(t *testing.T) {
	e, _ := start(t, Config{Store: open(t), Stream: StreamConfig{MaxClients: 1}})
	url := serve(t, e)
	first := listen(t, url, "")
	if response, err := http.Get(url); err != nil || response.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("the second gets %v, %v", response, err)
	}
	if got := e.Listening(); got.Clients != 1 || got.Refused != 1 {
		t.Errorf("%+v", got)
	}
	first.cancel()
	eventually(t, "there is a place again", func() bool { return e.Listening().Clients == 0 })
	listen(t, url, "")
}

func TestStreamsEndWhenTheNodeStops(t *testing.T) {
	e, stop := start(t, Config{Store: open(t)})
	url := serve(t, e)
	l := listen(t, url, "")
	conn, _, err := websocket.Dial(t.Context(), url+"/ws", nil)
	if err != nil {
		t.Fatal(err)
	}
	go stop()
	if h, ok := l.next(); ok {
		t.Errorf("heard %+v", h)
	}
	if _, _, err := conn.Read(t.Context()); websocket.CloseStatus(err) != websocket.StatusGoingAway {
		t.Errorf("the WebSocket ends with %v", err)
	}
}

// Memory and store are two ways to the same events, whatever is wanted and wherever a reader begins.
func TestMemoryAndStoreTellTheSame(t *testing.T) {
	db := open(t)
	kinds, partners := []string{"cdr.created", "cdr.changed", "token.created"}, []string{"", "a", "b"}
	f := newFeed(Config{Store: db}.withDefaults())
	f.enter()
	if _, err := f.look(t.Context()); err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		var wrote []store.Event
		for range rapid.IntRange(0, 20).Draw(t, "events") {
			wrote = append(wrote, store.Event{Type: rapid.SampledFrom(kinds).Draw(t, "type"), Partner: rapid.SampledFrom(partners).Draw(t, "partner"), Data: []byte("{}")})
		}
		err := db.Write(context.Background(), func(tx store.Tx) error {
			for _, e := range wrote {
				if err := tx.Emit(e); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.look(context.Background()); err != nil {
			t.Fatal(err)
		}
		latest, _ := db.LatestEvent(context.Background())
		want := store.EventFilter{
			Types:    rapid.SliceOfN(rapid.SampledFrom([]string{"cdr.*", "*", "token.created", "cdr.changed"}), 0, 2).Draw(t, "types"),
			Partners: rapid.SliceOfN(rapid.SampledFrom(partners), 0, 2).Draw(t, "partners"),
		}
		from := rapid.Int64Range(0, latest).Draw(t, "from")
		all := func(f *feed) (numbers []int64) {
			r := &reader{feed: f, want: want, at: from}
			for {
				before := r.at
				found, lost, err := r.read(context.Background())
				if err != nil || lost != nil {
					t.Fatal(lost, err)
				}
				for _, m := range found {
					numbers = append(numbers, m.number)
				}
				if r.at == before {
					return numbers
				}
			}
		}
		inStore := all(newFeed(f.config))
		if inMemory := all(f); !slices.Equal(inMemory, inStore) {
			t.Fatalf("memory %v, store %v", inMemory, inStore)
		}
	})
}
