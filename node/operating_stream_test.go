package node_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/roamwire/roamwire/node/backend"
)

// A page in a browser can set no header of a WebSocket: it gives its key among the protocols.
func TestOperatingAPageInABrowserHearsEvents(t *testing.T) {
	c := config(t)
	c.APIListen, c.CORSOrigins = "127.0.0.1:0", []string{"https://desk.example.com"}
	n := start(t, c)
	reader := keyed(t, n, "page", backend.ScopeRead)
	dial := func(origin, key string) (*websocket.Conn, int) {
		t.Helper()
		conn, response, err := websocket.Dial(t.Context(), "ws"+strings.TrimPrefix(n.APIURL(), "http")+"/api/v1/events/ws", &websocket.DialOptions{
			HTTPHeader: http.Header{"Origin": {origin}}, Subprotocols: []string{"cloudevents.json", "bearer." + key},
		})
		if response == nil {
			t.Fatal(err)
		}
		if conn != nil {
			t.Cleanup(func() { _ = conn.CloseNow() })
		}
		return conn, response.StatusCode
	}
	for name, test := range map[string]struct {
		origin, key string
		want        int
	}{
		"with a wrong key":      {"https://desk.example.com", "rw_wrong", http.StatusUnauthorized},
		"from somewhere else":   {"https://evil.example.net", reader.key, http.StatusForbidden},
		"from our page":         {n.APIURL(), reader.key, http.StatusSwitchingProtocols},
		"from a page we named":  {"https://desk.example.com", reader.key, http.StatusSwitchingProtocols},
		"without any key given": {"https://desk.example.com", "", http.StatusUnauthorized},
	} {
		conn, status := dial(test.origin, test.key)
		if status != test.want {
			t.Errorf("%s: %d, want %d", name, status, test.want)
		}
		if conn != nil && conn.Subprotocol() != "cloudevents.json" {
			t.Errorf("%s: the protocol is %q", name, conn.Subprotocol())
		}
	}
	// The key is good nowhere else in that form.
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, n.APIURL()+"/api/v1/me", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Sec-WebSocket-Protocol", "bearer."+reader.key)
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusUnauthorized {
		t.Errorf("another request gets %s", response.Status)
	}
}

func TestOperatingMistakesAboutEventsLookLikeAllOthers(t *testing.T) {
	c := config(t)
	c.APIListen = "127.0.0.1:0"
	n := start(t, c)
	reader := keyed(t, n, "app", backend.ScopeRead)
	for _, path := range []string{"/api/v1/events?type=cdr.paid", "/api/v1/events/ws?type=cdr.paid", "/api/v1/webhooks/x/dead?limit=0"} {
		var p backend.Problem
		text := reader.want(http.StatusUnprocessableEntity, "GET", path, "", nil)
		if err := json.Unmarshal([]byte(text), &p); err != nil {
			t.Fatal(err)
		}
		if p.Status != http.StatusUnprocessableEntity || p.RequestID == "" || len(p.Problems) != 1 || !strings.HasPrefix(p.Problems[0].Parameter, "query.") || p.Problems[0].Message == "" {
			t.Errorf("%s: %s", path, text)
		}
	}
}

func TestOperatingMetricsTellWhoListens(t *testing.T) {
	c := config(t)
	c.APIListen, c.AdminListen = "127.0.0.1:0", "127.0.0.1:0"
	n := start(t, c)
	admin := keyed(t, n, "app", backend.ScopeAdmin)
	next := admin.hears("?after=0")
	admin.want(http.StatusCreated, "PUT", "/api/v1/tokens/NL/GPE/T1", `{"country_code":"NL","party_id":"GPE","uid":"T1","type":"RFID","contract_id":"C1","issuer":"GPE","valid":true,"whitelist":"ALLOWED"}`, nil)
	next("token.created")
	var metrics string
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end) && !strings.Contains(metrics, "roamwire_stream_events_total 1\n"); {
		metrics = fetch(t, n.AdminURL()+"/metrics")
	}
	for _, line := range []string{"roamwire_stream_clients 1", "roamwire_stream_events_total 1", "roamwire_stream_dropped_total 0", "roamwire_stream_refused_total 0"} {
		if !strings.Contains(metrics, line+"\n") {
			t.Errorf("the metrics lack %s", line)
		}
	}
}

// What cannot be sent again is refused with the names that the API has for it.
func TestOperatingReplaysThatCannotBePointAtWhatIsWrong(t *testing.T) {
	c := config(t)
	c.APIListen = "127.0.0.1:0"
	n := start(t, c)
	admin := keyed(t, n, "app", backend.ScopeAdmin)
	admin.want(http.StatusCreated, "POST", "/api/v1/webhooks", `{"id":"h","url":"http://127.0.0.1:1/","disabled":true}`, nil)
	for body, want := range map[string]string{
		`{"numbers":[5]}`:                  "/numbers/0",
		`{"after":999999}`:                 "/after",
		`{"after":-1}`:                     "/after",
		`{"since":"2999-01-01T00:00:00Z"}`: "/since",
		`{"numbers":[5],"after":0}`:        "",
	} {
		var p backend.Problem
		text := admin.want(http.StatusUnprocessableEntity, "POST", "/api/v1/webhooks/h/replay", body, nil)
		if err := json.Unmarshal([]byte(text), &p); err != nil {
			t.Fatal(err)
		}
		if len(p.Problems) != 1 || p.Problems[0].Pointer != want || p.Detail != "this cannot be sent again" {
			t.Errorf("%s: %s", body, text)
		}
	}
	for _, body := range []string{`{}`, `{"after":0}`} {
		admin.want(http.StatusOK, "POST", "/api/v1/webhooks/h/replay", body, nil)
	}
}
