package event

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"
	"github.com/go-json-experiment/json"
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

func TestAClientChoosesWhatItHears(t *testing.T) {
	db := open(t)
	for i, e := range []store.Event{
		{Type: "location.changed", Partner: "a", Module: ocpi.ModuleLocations},
		{Type: "location.created", Partner: "b", Module: ocpi.ModuleLocations},
		{Type: "cdr.created", Partner: "b", Module: ocpi.ModuleCDRs},
		{Type: "partner.changed", Partner: "c"},
		{Type: "cdr.created", Module: ocpi.ModuleCDRs},
	} {
		e.Subject, e.Data = "x/"+strconv.Itoa(i), []byte(`{}`)
		emit(t, db, e)
	}
	emit(t, db, store.Event{Type: "command.finished", Partner: "b", Module: ocpi.ModuleCDRs, Subject: "x/end", Data: []byte(`{}`)})
	e, _ := start(t, Config{Store: db})
	url := serve(t, e)
	for query, want := range map[string][]string{
		"type=location.*,command.*":              {"0", "1", "end"},
		"type=cdr.created&type=command.finished": {"2", "4", "end"},
		"type=*":                                 {"0", "1", "2", "3", "4", "end"},
		"partner=b":                              {"1", "2", "end"},
		"partner=a,c&partner=b":                  {"0", "1", "2", "3", "end"},
		"module=cdrs":                            {"2", "4", "end"},
		"module=cdrs&partner=b&type=cdr.*, command.fin*":            {"2", "end"},
		"module=cdrs,locations&partner=b&type=location.*,command.*": {"1", "end"},
	} {
		t.Run(query, func(t *testing.T) {
			full := url + "/?after=0&" + strings.ReplaceAll(query, " ", "%20")
			if diff := cmp.Diff(want, listen(t, full, "").subjects(len(want))); diff != "" {
				t.Errorf("heard (-want +got): %s", diff)
			}
		})
	}
}

func TestBadInputIsToldWithPointers(t *testing.T) {
	e := New(Config{Store: open(t)})
	for name, test := range map[string]struct {
		query, header string
		want          []string
	}{
		"a number that is none":             {"after=x", "", []string{"/query/after"}},
		"a negative number":                 {"after=-1", "", []string{"/query/after"}},
		"a number too large":                {"after=9223372036854775808", "", []string{"/query/after"}},
		"two numbers":                       {"after=1&after=2", "", []string{"/query/after"}},
		"a last event that is none":         {"", "abc", []string{"/header/Last-Event-ID"}},
		"a type there is not":               {"type=location.chnaged", "", []string{"/query/type/0"}},
		"a star in the middle":              {"type=cdr.*,*.created", "", []string{"/query/type/1"}},
		"an empty type":                     {"type=", "", []string{"/query/type/0"}},
		"a module there is not":             {"module=locations,parking", "", []string{"/query/module/1"}},
		"a partner with control characters": {"partner=a%0Ab", "", []string{"/query/partner/0"}},
		"a parameter there is not":          {"types=cdr.*", "", []string{"/query/types"}},
		"a query that cannot be read":       {"a=%zz", "", []string{"/query"}},
		"too many types":                    {"type=" + strings.Repeat("*,", 100) + "*", "", []string{"/query/type"}},
		"two mistakes":                      {"module=x&after=y", "", []string{"/query/after", "/query/module/0"}},
	} {
		for _, handler := range []http.Handler{e.Stream(), e.Socket()} {
			r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/?"+test.query, nil)
			if test.header != "" {
				r.Header.Set("Last-Event-ID", test.header)
			}
			w := httptest.NewRecorder()
			handler.ServeHTTP(w, r)
			var p problem
			if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil || w.Code != http.StatusBadRequest || w.Header().Get("Content-Type") != "application/problem+json" {
				t.Errorf("%s: %d %s: %v", name, w.Code, w.Body, err)
			}
			var got []string
			for _, d := range p.Errors {
				got = append(got, d.Pointer)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("%s: pointers (-want +got): %s", name, diff)
			}
		}
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
		if got, want := lost(l), (Lost{First: latest + 1, Last: latest, Reason: LostUnknown}); got != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
		emit(t, db, changed(7))
		if got := l.subjects(1); !slices.Equal(got, []string{"7"}) {
			t.Errorf("then came %s", got)
		}
	})
}

// A quietJournal has nothing in it that anybody wants; upto is the number of the latest event.
type quietJournal struct {
	Store
	upto atomic.Int64
}

func (q *quietJournal) LatestEvent(context.Context) (int64, error)   { return q.upto.Load(), nil }
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
func (*transcript) WriteHeader(int)     {}
func (*transcript) Flush()              {}

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

func TestAWebSocketTellsTheSame(t *testing.T) {
	db := open(t)
	first := emit(t, db, several(1, 3)...)
	e, _ := start(t, Config{Store: db, Stream: StreamConfig{Heartbeat: 20 * time.Millisecond}})
	url := serve(t, e)
	conn, _, err := websocket.Dial(t.Context(), fmt.Sprintf("%s/ws?after=%d&type=location.*", url, first-2), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.CloseNow()
	read := func() CloudEvent {
		t.Helper()
		kind, text, err := conn.Read(t.Context())
		var c CloudEvent
		if err != nil || kind != websocket.MessageText || json.Unmarshal(text, &c) != nil {
			t.Fatalf("%v %s %v", kind, text, err)
		}
		return c
	}
	for _, want := range []string{"2", "3"} {
		if got := read(); got.Subject != "locations/NL/GPE/"+want {
			t.Errorf("got %+v, want %s", got, want)
		}
	}
	time.AfterFunc(100*time.Millisecond, func() { // after some pings, which Read answers
		emit(t, db, store.Event{Type: "cdr.created", Data: []byte(`{}`)}, changed(4))
	})
	if got := read(); got.Subject != "locations/NL/GPE/4" {
		t.Errorf("got %+v", got)
	}
	_ = conn.Write(t.Context(), websocket.MessageText, []byte("hello"))
	if _, _, err := conn.Read(t.Context()); websocket.CloseStatus(err) != websocket.StatusPolicyViolation {
		t.Errorf("what is sent ends with %v", err)
	}
	eventually(t, "it is gone", func() bool { return e.Listening().Clients == 0 })
}

func TestOnlyPagesOfOurOwnMayOpenAWebSocket(t *testing.T) {
	e, _ := start(t, Config{Store: open(t), Stream: StreamConfig{Origins: []string{"*.example.com"}}})
	url := serve(t, e)
	for origin, want := range map[string]int{
		url: http.StatusSwitchingProtocols, "https://desk.example.com": http.StatusSwitchingProtocols, "https://evil.example.net": http.StatusForbidden,
	} {
		conn, response, err := websocket.Dial(t.Context(), url+"/ws", &websocket.DialOptions{HTTPHeader: http.Header{"Origin": {origin}}})
		if response.StatusCode != want {
			t.Errorf("%s gets %s: %v", origin, response.Status, err)
		}
		if conn != nil {
			_ = conn.CloseNow()
		}
	}
}

func TestDataThatIsBadlyWrittenIsToldAllTheSame(t *testing.T) {
	for name, test := range map[string]struct{ data, want string }{
		"lines are joined":     {"{\n \"a\": [1.50,\r\n2]}", `"datacontenttype":"application/json","data":{"a":[1.50,2]}}`},
		"a name that is twice": {`{"a":1,"a":2}`, `"data":{"a":1,"a":2}}`},
		"no JSON":              {"\xff\n", `"data_base64":"/wo="}`},
		"nothing":              {"", `"type":"t","time":"0001-01-01T00:00:00Z"}`},
	} {
		m, err := write("/x", store.Event{Number: 5, Type: "t", Data: []byte(test.data)})
		if err != nil || !strings.HasSuffix(string(m.json()), test.want) || strings.ContainsAny(string(m.json()), "\r\n") {
			t.Errorf("%s: %s, %v", name, m.json(), err)
		}
		if want := "id: 5\nevent: t\ndata: " + string(m.json()) + "\n\n"; string(m.frame) != want {
			t.Errorf("%s: %q, want %q", name, m.frame, want)
		}
		e, err := m.event()
		if err != nil || e.Number != 5 || name == "no JSON" && string(e.Data) != test.data {
			t.Errorf("%s: read back %+v, %v", name, e, err)
		}
	}
}

// CloudEvents 1.0.2, 3: names of attributes are lower-case letters and digits; JSON format 1.0.2, 3.1.1: but for data_base64.
func TestAttributesAreNamedAsCloudEventsWants(t *testing.T) {
	m, err := write("/x", store.Event{Number: 5, Time: time.Now(), Type: "t", Subject: "s", Partner: "p", Module: "m", Data: []byte(`{}`)})
	if err != nil {
		t.Fatal(err)
	}
	var attributes map[string]any
	if err := json.Unmarshal(m.json(), &attributes); err != nil {
		t.Fatal(err)
	}
	for name := range attributes {
		if !regexp.MustCompile(`^[a-z0-9]{1,20}$`).MatchString(name) {
			t.Errorf("attribute %s", name)
		}
	}
	for _, required := range []string{"specversion", "id", "source", "type"} {
		if attributes[required] == "" || attributes[required] == nil {
			t.Errorf("no %s", required)
		}
	}
}

func TestFilterTypesAreThoseListed(t *testing.T) {
	seen := map[string]bool{}
	for _, k := range Types() {
		if seen[k.Type] || k.Meaning == "" {
			t.Errorf("%+v", k)
		}
		seen[k.Type] = true
	}
	for kind, want := range map[string]bool{"cdr.created": true, "cdr.*": true, "*": true, "cdr": false, "cdrs.*": false} {
		if knownType(kind) != want {
			t.Errorf("%s is known: %t", kind, !want)
		}
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

func FuzzReadQuery(f *testing.F) {
	for _, seed := range [][2]string{{"type=cdr.*&after=5", "7"}, {"module=cdrs,tokens&partner=a", "lost-9"}, {"after=%zz", "-1"}, {"a/b~c=1", ""}} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, query, last string) {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.URL.RawQuery = query
		r.Header.Set("Last-Event-ID", last)
		want, from, err := readQuery(r)
		if err != nil {
			bad, ok := errors.AsType[*Invalid](err)
			if !ok || len(bad.Findings) == 0 {
				t.Fatal(err)
			}
			w := httptest.NewRecorder()
			writeProblem(w, http.StatusBadRequest, bad.Error(), bad.Findings)
			if w.Code != http.StatusBadRequest || w.Header().Get("Content-Type") != "application/problem+json" {
				t.Errorf("%d %s", w.Code, w.Body)
			}
			return
		}
		if from.after < 0 || from.now && from.after != 0 || len(want.Types) > mostInFilter {
			t.Errorf("%+v %+v", want, from)
		}
	})
}
