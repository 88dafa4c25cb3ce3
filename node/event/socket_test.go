package event

import (
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/go-json-experiment/json"

	"github.com/roamwire/roamwire/node/store"
)

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
	var writing sync.WaitGroup
	defer writing.Wait() // what is read may be read before its writer knows that it is written
	writing.Go(func() {
		time.Sleep(100 * time.Millisecond) // some pings, which Read answers
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

func TestAWebSocketThatCannotBeIsRefusedWithAProblem(t *testing.T) {
	e, _ := start(t, Config{Store: open(t)})
	url := serve(t, e)
	for name, test := range map[string]struct {
		header http.Header
		want   int
	}{
		"no WebSocket":          {http.Header{}, http.StatusUpgradeRequired},
		"an old version":        {http.Header{"Connection": {"Upgrade"}, "Upgrade": {"websocket"}, "Sec-Websocket-Version": {"8"}}, http.StatusBadRequest},
		"a page from elsewhere": {http.Header{"Connection": {"Upgrade"}, "Upgrade": {"websocket"}, "Sec-Websocket-Version": {"13"}, "Sec-Websocket-Key": {"dGhlIHNhbXBsZSBub25jZQ=="}, "Origin": {"https://evil.example.net"}}, http.StatusForbidden},
	} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+"/ws", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header = test.header
		response, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		var p problem
		err = json.UnmarshalRead(response.Body, &p)
		if response.StatusCode != test.want || err != nil || p.Status != test.want || p.Detail == "" || response.Header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s: %s %v %+v, %v", name, response.Status, response.Header, p, err)
		}
		_ = response.Body.Close()
	}
	eventually(t, "none is counted", func() bool { return e.Listening().Clients == 0 })
}

func TestAWebSocketGoesOnAfterWhatItWasToldIsLost(t *testing.T) {
	db := open(t)
	first := emit(t, db, changed(1))
	emit(t, db, several(2, 5)...)
	if _, err := db.TrimEvents(t.Context(), time.Now().Add(-time.Hour), 2, 100); err != nil { // 5 and 6 are left
		t.Fatal(err)
	}
	e, _ := start(t, Config{Store: db})
	url := serve(t, e)
	after := strconv.FormatInt(first, 10)
	for _, want := range []string{EventsLost, "location.changed"} {
		conn, _, err := websocket.Dial(t.Context(), url+"/ws?type=location.*&after="+after, nil)
		if err != nil {
			t.Fatal(err)
		}
		_, text, err := conn.Read(t.Context())
		var c CloudEvent
		if err != nil || json.Unmarshal(text, &c) != nil || c.Type != want {
			t.Fatalf("after %s: %s, %v; want %s", after, text, err, want)
		}
		after = c.ID
		_ = conn.CloseNow()
	}
}
