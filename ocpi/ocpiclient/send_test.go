package ocpiclient_test

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/ocpiclient"
	"github.com/roamwire/roamwire/ocpi/ocpitest"
)

// TF-01, TF-13, DT-07, DT-15, DT-17: what every request carries.
func TestHeaders(t *testing.T) {
	var got []http.Header
	partner := newAwkward(t, ocpiclient.Config{UserAgent: "tester/1"}, func(w http.ResponseWriter, r *http.Request) {
		got = append(got, r.Header)
		ok(w, tariff("T"))
	})
	ctx := ocpiclient.WithCorrelationID(t.Context(), "work-17")
	if _, err := partner.client.EMSP().Tariffs.Get(ctx, ocpi.Key{ID: "T"}); err != nil {
		t.Fatal(err)
	}
	if _, err := partner.client.EMSP().Tariffs.Put(ctx, ocpitest.Network(ours).ACTariff()); err != nil {
		t.Fatal(err)
	}
	get, put := got[0], got[1]
	for name, want := range map[string]string{
		"Authorization": "Token " + token, "Accept": "application/json", "User-Agent": "tester/1", "X-Correlation-ID": "work-17",
	} {
		if get.Get(name) != want || put.Get(name) != want {
			t.Errorf("%s is %q and %q, want %q", name, get.Get(name), put.Get(name), want)
		}
	}
	if get.Get("Content-Type") != "" || put.Get("Content-Type") != "application/json" {
		t.Errorf("Content-Type is %q and %q", get.Get("Content-Type"), put.Get("Content-Type"))
	}
	if id := get.Get("X-Request-ID"); id == "" || id == put.Get("X-Request-ID") || len(id) > 36 {
		t.Errorf("X-Request-ID is %q and %q", id, put.Get("X-Request-ID"))
	}
}

// TF-06: how the token is written, by version, by the partner's quirks, and by configuration.
func TestTokenEncoding(t *testing.T) {
	const plain, encoded = "Token a", "Token YQ=="
	for _, c := range []struct {
		version  ocpi.Version
		quirks   string
		encoding ocpi.TokenEncoding
		want     string
	}{
		{"2.1.1", "", "", plain},
		{"2.2.1", "", "", encoded},
		{"2.3.0", "standard", "", encoded},
		{"2.1.1", "token-base64", "", encoded},
		{"2.3.0", "token-plain", "", plain},
		{"2.1.1", "", ocpi.TokenBase64, encoded},
		{"2.3.0", "", ocpi.TokenPlain, plain},
		{"2.1.1", "token-base64", ocpi.TokenPlain, plain},
	} {
		var got string
		partner := newAwkward(t, ocpiclient.Config{
			Token: "a", Version: c.version, Encoding: c.encoding, Partner: &ocpi.Partner{Quirks: c.quirks},
		}, func(w http.ResponseWriter, r *http.Request) {
			got = r.Header.Get("Authorization")
			ok(w, `[{"version":"2.1.1","url":"https://example.com"}]`)
		})
		if _, err := partner.client.Versions(t.Context(), partner.URL); err != nil || got != c.want {
			t.Errorf("%s, quirks %q, %q: %q, want %q (%v)", c.version, c.quirks, c.encoding, got, c.want, err)
		}
	}
}

func TestNewRefuses(t *testing.T) {
	for name, config := range map[string]ocpiclient.Config{
		"no token":               {},
		"a token with a blank":   {Token: "a b"},
		"a token with a newline": {Token: strings.Repeat("a", 70) + "\r\nX-Evil: 1"},
		"unknown quirks":         {Token: "a", Partner: &ocpi.Partner{Quirks: "no-such-quirk"}},
	} {
		if _, err := ocpiclient.New(config); err == nil {
			t.Errorf("%s: it was made", name)
		}
	}
	if _, err := ocpiclient.New(ocpiclient.Config{Token: strings.Repeat("long", 100)}); err != nil {
		t.Errorf("a token that is longer than allowed: %v", err)
	}
}

// A list may take longer than a call: each of its pages is one.
func TestTimeoutIsPerPage(t *testing.T) {
	partner := newAwkward(t, ocpiclient.Config{Timeout: time.Second}, func(w http.ResponseWriter, r *http.Request) {
		time.Sleep(100 * time.Millisecond)
		page := len(r.URL.Query().Get("page"))
		if page < 11 {
			w.Header().Set("Link", fmt.Sprintf(`<?page=%s>; rel="next"`, strings.Repeat("x", page+1)))
		}
		ok(w, tariffs(page, 1))
	})
	if got := all(t, partner.client.CPO().Tariffs.List(t.Context(), ocpi.Query{})); len(got) != 12 {
		t.Errorf("%d tariffs, want 12", len(got))
	}
}

// Answers may be compressed; what they grow to counts.
func TestGzip(t *testing.T) {
	compressed := func(write func(io.Writer)) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if !strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
				t.Error("gzip is not asked for")
			}
			w.Header().Set("Content-Encoding", "gzip")
			z := gzip.NewWriter(w)
			write(z)
			_ = z.Close()
		}
	}
	transport := loopback(t, ocpiclient.TransportConfig{MaxResponse: 1 << 20})
	t.Run("fine", func(t *testing.T) {
		partner := newAwkward(t, ocpiclient.Config{Transport: transport}, compressed(func(w io.Writer) {
			fmt.Fprintf(w, `{"data":%s,"status_code":1000}`, tariffs(0, 100))
		}))
		if got := all(t, partner.client.CPO().Tariffs.List(t.Context(), ocpi.Query{})); len(got) != 100 {
			t.Errorf("%d tariffs, want 100", len(got))
		}
	})
	t.Run("a bomb", func(t *testing.T) {
		partner := newAwkward(t, ocpiclient.Config{Transport: transport, Capture: 100}, compressed(func(w io.Writer) {
			blanks := []byte(strings.Repeat(" ", 1<<20))
			for err := error(nil); err == nil; { // until nobody reads any more
				_, err = w.Write(blanks)
			}
		}))
		_, err := partner.client.Versions(t.Context(), partner.URL)
		var failed *ocpiclient.Error
		if !errors.Is(err, ocpiclient.ErrTooLarge) || !errors.As(err, &failed) || failed.Kind != ocpiclient.Permanent {
			t.Fatalf("got %v, want ErrTooLarge, permanently", err)
		}
		if want := "GET " + partner.URL + " answered 200 but more than 1048576 bytes"; err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
		if x := partner.exchanges.taken()[0]; x.ResponseSize != 1<<20 || len(x.ResponseBody) != 100 {
			t.Errorf("the exchange has %d of %d bytes", len(x.ResponseBody), x.ResponseSize)
		}
	})
	t.Run("broken", func(t *testing.T) {
		partner := newAwkward(t, ocpiclient.Config{Retries: -1}, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			fmt.Fprint(w, "this is not gzip")
		})
		if _, err := partner.client.Versions(t.Context(), partner.URL); err == nil {
			t.Error("it was read")
		}
	})
}

func TestAnAnswerMayBeAsLargeAsTheLimit(t *testing.T) {
	body := `{"data":` + tariffs(0, 1) + `,"status_code":1000}`
	for _, less := range []int64{0, 1} {
		transport := loopback(t, ocpiclient.TransportConfig{MaxResponse: int64(len(body)) - less})
		partner := newAwkward(t, ocpiclient.Config{Transport: transport}, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, body) })
		var err error
		for _, err = range partner.client.CPO().Tariffs.List(t.Context(), ocpi.Query{}) {
		}
		if errors.Is(err, ocpiclient.ErrTooLarge) != (less == 1) {
			t.Errorf("%d bytes too large: %v", less, err)
		}
	}
	partner := newAwkward(t, ocpiclient.Config{}, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "1000000000000")
		fmt.Fprint(w, body)
	})
	if _, err := partner.client.Versions(t.Context(), partner.URL); !errors.Is(err, ocpiclient.ErrTooLarge) {
		t.Errorf("announced to be too large: %v", err)
	}
}

// A connection is used again, also after failures and redirects.
func TestConnectionsAreUsedAgain(t *testing.T) {
	var connections atomic.Int32
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Query().Get("n") {
		case "1":
			fails(w, 404, 2000, strings.Repeat("x", 100_000))
		case "2":
			http.Redirect(w, r, "/?n=3", http.StatusTemporaryRedirect)
		default:
			ok(w, `[{"version":"2.1.1","url":"https://example.com"}]`)
		}
	}))
	server.Config.ConnContext = func(ctx context.Context, _ net.Conn) context.Context { connections.Add(1); return ctx }
	server.Start()
	t.Cleanup(server.Close)
	partner := awkwardAt(t, ocpiclient.Config{Retries: -1}, server)
	for n := range 10 {
		_, err := partner.client.Versions(t.Context(), fmt.Sprintf("%s/?n=%d", partner.URL, n))
		if (err == nil) != (n != 1) {
			t.Error(n, err)
		}
	}
	if n := connections.Load(); n != 1 {
		t.Errorf("%d connections were made, want 1", n)
	}
}

// Each HTTP request is told, with what it took to make something of it.
func TestObserve(t *testing.T) {
	now := time.Date(2026, 11, 23, 4, 26, 9, 0, time.UTC)
	partner := newAwkward(t, ocpiclient.Config{Capture: 20, Now: func() time.Time { now = now.Add(time.Second); return now }},
		func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodPut {
				fails(w, 200, 2001, "no")
				return
			}
			ok(w, `[{"id":"T","currency":"EUR","surprise":1,"elements":[{"price_components":[{"type":"NOVEL","price":0.25,"step_size":1}]}],"last_updated":"2026-03-04T12:00:00Z"}]`)
		})
	ctx := ocpiclient.WithCorrelationID(t.Context(), "work-17")
	_, _ = partner.client.EMSP().Tariffs.Put(ctx, ocpitest.Network(ours).ACTariff())
	all(t, partner.client.CPO().Tariffs.List(ctx, ocpi.Query{}))
	x := partner.exchanges.taken()
	if len(x) != 2 {
		t.Fatalf("%d exchanges, want 2", len(x))
	}
	if x[0].RequestSize < 100 || x[0].RequestID == "" || x[0].RequestID == x[1].RequestID {
		t.Errorf("request of %d bytes, ids %q and %q", x[0].RequestSize, x[0].RequestID, x[1].RequestID)
	}
	if len(x[1].Findings) == 0 || !strings.HasPrefix(x[1].Findings[0].Pointer, "/0/") {
		t.Errorf("the findings of the list are %v", x[1].Findings)
	}
	x[0].RequestSize, x[0].RequestID, x[1].RequestID, x[1].ResponseSize, x[1].Findings, x[1].Quirks = 0, "", "", 0, nil, nil
	want := []ocpi.Exchange{{
		At: time.Date(2026, 11, 23, 4, 26, 10, 0, time.UTC), Direction: ocpi.Outbound, Partner: "them", Method: "PUT",
		URL: partner.URL + "/ocpi/emsp/2.1.1/tariffs/BE/TST/AC-STANDARD", Module: ocpi.ModuleTariffs, CorrelationID: "work-17", Version: ocpi.V211,
		HTTP: 200, Status: 2001, Duration: time.Second, ResponseSize: 77,
		RequestBody: []byte(`{"id":"AC-STANDARD",`), ResponseBody: []byte(`{"status_code":2001,`),
		Secrets: []string{token},
	}, {
		At: time.Date(2026, 11, 23, 4, 26, 13, 0, time.UTC), Direction: ocpi.Outbound, Partner: "them", Method: "GET",
		URL: partner.URL + "/ocpi/cpo/2.1.1/tariffs", Module: ocpi.ModuleTariffs, CorrelationID: "work-17", Version: ocpi.V211,
		HTTP: 200, Status: 1000, Duration: time.Second, ResponseBody: []byte(`{"data":[{"id":"T","`),
		Secrets: []string{token},
	}}
	if diff := cmp.Diff(want, x); diff != "" {
		t.Errorf("exchanges (-want +got):\n%s", diff)
	}
	for _, x := range x {
		x.Secrets = nil
		if strings.Contains(fmt.Sprintf("%+v", x), token) {
			t.Errorf("an exchange holds the token elsewhere: %+v", x)
		}
	}
}

// A proxy of the environment is not asked: it would resolve names itself, past the policy of addresses.
func TestNoProxy(t *testing.T) {
	partner := newAwkward(t, ocpiclient.Config{}, func(w http.ResponseWriter, _ *http.Request) {
		ok(w, `[{"version":"2.1.1","url":"https://example.com"}]`)
	})
	transport := loopback(t, ocpiclient.TransportConfig{})
	transport.Resolve("127.0.0.1")
	client := newClient(t, ocpiclient.Config{Transport: transport, Retries: -1})
	port := partner.URL[strings.LastIndexByte(partner.URL, ':'):]
	if _, err := client.Versions(t.Context(), "http://ocpi.example.com"+port+"/versions"); err != nil {
		t.Error(err)
	}
}
