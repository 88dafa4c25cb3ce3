package ocpiclient_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/ocpiclient"
	"github.com/roamwire/roamwire/ocpi/ocpitest"
)

// What an answer, or the lack of one, says about the request and about the partner.
func TestWhatIsKnownOfAFailedCall(t *testing.T) {
	hijack := func(w http.ResponseWriter, text string) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			panic(err)
		}
		fmt.Fprint(conn, text)
		_ = conn.Close()
	}
	status := func(at int, code ocpi.StatusCode) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) { _ = bodyOf(r); fails(w, at, code, "no") }
	}
	says := func(status int, text string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			_ = bodyOf(r)
			w.WriteHeader(status)
			fmt.Fprint(w, text)
		}
	}
	for name, c := range map[string]struct {
		answer           http.HandlerFunc
		unclear, partner bool
	}{
		"no answer in time": {func(_ http.ResponseWriter, r *http.Request) { _ = bodyOf(r); <-r.Context().Done() }, true, true},
		"no answer":         {func(w http.ResponseWriter, _ *http.Request) { hijack(w, "") }, true, true},
		"half an answer": {func(w http.ResponseWriter, _ *http.Request) {
			hijack(w, "HTTP/1.1 200 OK\r\nContent-Length: 90\r\n\r\n{")
		}, true, true},
		"half a refusal": {func(w http.ResponseWriter, _ *http.Request) {
			hijack(w, "HTTP/1.1 404 No\r\nContent-Length: 90\r\n\r\n{")
		}, false, false},
		"no HTTP":                    {func(w http.ResponseWriter, _ *http.Request) { hijack(w, "hello\r\n\r\n") }, true, true},
		"HTTP 500":                   {says(500, "oops"), true, false},
		"HTTP 500 with 3000":         {status(500, 3000), true, false},
		"HTTP 500 with a refusal":    {status(500, 2001), false, false},
		"HTTP 501":                   {says(501, ""), false, false},
		"HTTP 502":                   {says(502, ""), true, true},
		"HTTP 503":                   {says(503, ""), false, true},
		"HTTP 504":                   {says(504, ""), true, true},
		"HTTP 520 of a proxy":        {says(520, ""), true, true},
		"HTTP 400":                   {says(400, ""), false, false},
		"HTTP 401":                   {says(401, ""), false, true},
		"HTTP 403":                   {says(403, ""), false, true},
		"HTTP 404":                   {status(404, 2000), false, false},
		"HTTP 405":                   {says(405, ""), false, false},
		"HTTP 408":                   {says(408, ""), true, true},
		"HTTP 422":                   {says(422, `{"detail":"no"}`), false, false},
		"HTTP 429":                   {says(429, ""), false, true},
		"a redirect nobody follows":  {says(302, ""), false, false},
		"no JSON":                    {says(200, "<html>"), true, false},
		"nothing":                    {says(200, ""), true, false},
		"no envelope":                {says(200, `{"id":"T"}`), true, false},
		"2000":                       {status(200, 2000), false, false},
		"2001":                       {status(200, 2001), false, false},
		"2003":                       {status(200, 2003), false, false},
		"3000: half of it is done":   {status(200, 3000), true, false},
		"3999":                       {status(200, 3999), true, false},
		"4001: unknown to the hub":   {status(200, 4001), false, false},
		"4002: no answer to the hub": {status(200, 4002), true, false},
		"a status of no range":       {status(200, 9000), true, false},
	} {
		t.Run(name, func(t *testing.T) {
			partner := newAwkward(t, ocpiclient.Config{Timeout: 500 * time.Millisecond}, c.answer)
			checkKnown(t, partner.client, c.unclear, c.partner)
		})
	}
}

// checkKnown posts a CDR, which must fail in this way.
func checkKnown(t *testing.T, client *ocpiclient.Client, unclear, partner bool) {
	t.Helper()
	_, err := client.EMSP().CDRs.Post(t.Context(), ocpitest.Network(ours).CDR(1))
	var e *ocpiclient.Error
	if !errors.As(err, &e) {
		t.Fatalf("got %v, want an *Error", err)
	}
	if e.Unclear() != unclear || e.ConcernsPartner() != partner {
		t.Errorf("%v: unclear %v, concerns the partner %v, want %v and %v", e, e.Unclear(), e.ConcernsPartner(), unclear, partner)
	}
}

// Where no connection was made, the request has certainly not arrived.
func TestWhatWasNotSentIsNotUnclear(t *testing.T) {
	at := func(url string, config ocpiclient.Config) *ocpiclient.Client {
		config.Endpoints = endpoints(url)
		return newClient(t, config)
	}
	plain := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { ok(w, "null") }))
	t.Cleanup(plain.Close)
	secure := httptest.NewUnstartedServer(plain.Config.Handler)
	secure.Config.ErrorLog = log.New(io.Discard, "", 0)
	secure.StartTLS()
	t.Cleanup(secure.Close)
	silent := listener(t)
	refusing := listener(t)
	_ = refusing.Close()
	unknown := loopback(t, ocpiclient.TransportConfig{})
	unknown.DialWith(func(_ context.Context, network, address string) (net.Conn, error) {
		return nil, &net.OpError{Op: "dial", Net: network, Err: &net.DNSError{Err: "no such host", Name: address, IsNotFound: true}}
	})
	slow := loopback(t, ocpiclient.TransportConfig{})
	slow.DialWith(func(ctx context.Context, _, _ string) (net.Conn, error) { <-ctx.Done(); return nil, ctx.Err() })
	careful := ocpiclient.NewTransport(ocpiclient.TransportConfig{})
	t.Cleanup(careful.Close)
	const short = 200 * time.Millisecond
	for name, client := range map[string]*ocpiclient.Client{
		"refused":                      at("http://"+refusing.Addr().String(), ocpiclient.Config{}),
		"a name that nobody knows":     at("http://nowhere.example.com", ocpiclient.Config{Transport: unknown}),
		"no connection in time":        at("http://slow.example.com", ocpiclient.Config{Transport: slow, Timeout: short}),
		"an unknown certificate":       at(secure.URL, ocpiclient.Config{}),
		"TLS to who does not speak it": at("https://"+plain.Listener.Addr().String(), ocpiclient.Config{}),
		"a handshake that hangs":       at("https://"+silent.Addr().String(), ocpiclient.Config{Timeout: short}),
		"a handshake that is too slow": at("https://"+silent.Addr().String(), ocpiclient.Config{Transport: loopback(t, ocpiclient.TransportConfig{TLSTimeout: short})}),
		"a private address":            at("https://127.0.0.1", ocpiclient.Config{Transport: careful}),
	} {
		t.Run(name, func(t *testing.T) { checkKnown(t, client, false, true) })
	}
}

// listener takes connections and says nothing.
func listener(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

// A request that waits for one of the partner's connections until its time is over was not sent.
func TestWaitingForAConnectionIsNotUnclear(t *testing.T) {
	entered := make(chan struct{})
	partner := newAwkward(t, ocpiclient.Config{
		Transport: loopback(t, ocpiclient.TransportConfig{MaxPerHost: 1}), Timeout: 500 * time.Millisecond,
	}, func(_ http.ResponseWriter, r *http.Request) { _ = bodyOf(r); close(entered); <-r.Context().Done() })
	first := make(chan error, 1)
	go func() {
		_, err := partner.client.EMSP().CDRs.Post(t.Context(), ocpitest.Network(ours).CDR(1))
		first <- err
	}()
	<-entered
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_, err := partner.client.EMSP().CDRs.Post(ctx, ocpitest.Network(ours).CDR(2))
	var e *ocpiclient.Error
	if !errors.As(err, &e) || e.Unclear() {
		t.Errorf("the second: %v, which is unclear", err)
	}
	if err := <-first; !errors.As(err, &e) || !e.Unclear() {
		t.Errorf("the first: %v, which is not unclear", err)
	}
}

// A caller who gives up says nothing about the partner, and does not know what the partner did.
func TestCancellingSaysNothingAboutThePartner(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	partner := newAwkward(t, ocpiclient.Config{}, func(_ http.ResponseWriter, r *http.Request) { _ = bodyOf(r); cancel(); <-r.Context().Done() })
	_, err := partner.client.EMSP().CDRs.Post(ctx, ocpitest.Network(ours).CDR(1))
	var e *ocpiclient.Error
	if !errors.As(err, &e) || !e.Unclear() || e.ConcernsPartner() {
		t.Errorf("got %v", err)
	}
}

// What may be about an object on a page, and what is about the partner or about the call.
func TestFailuresOverWhatIsOnAPage(t *testing.T) {
	says := func(status int, header, text string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			if header != "" {
				w.Header().Set("Retry-After", header)
			}
			w.WriteHeader(status)
			fmt.Fprint(w, text)
		}
	}
	status := func(at int, code ocpi.StatusCode) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { fails(w, at, code, "no") }
	}
	raw := func(text string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			conn, _, err := http.NewResponseController(w).Hijack()
			if err != nil {
				panic(err)
			}
			fmt.Fprint(conn, text)
			_ = conn.Close()
		}
	}
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		want   bool
	}{
		"HTTP 500":                    {says(500, "", "oops"), true},
		"HTTP 500 with 3000":          {status(500, 3000), true},
		"HTTP 500 with success":       {status(500, 1000), true},
		"HTTP 500 with a refusal":     {status(500, 2001), false},
		"HTTP 500 that asks to wait":  {says(500, "60", "oops"), false},
		"3000":                        {status(200, 3000), true},
		"3999":                        {status(200, 3999), true},
		"no JSON":                     {says(200, "", `{"data":[{"id":`), true},
		"nothing":                     {says(200, "", ""), true},
		"no envelope":                 {says(200, "", `{"error":"oops"}`), true},
		"an answer that breaks off":   {raw("HTTP/1.1 200 OK\r\nContent-Length: 90\r\n\r\n{"), true},
		"pieces that break off":       {raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n"), true},
		"an answer that is too large": {says(200, "", `{"data":[],"status_code":1000,"x":"`+strings.Repeat("x", 2000)+`"}`), true},
		"no answer":                   {raw(""), false},
		"no answer in time":           {func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, false},
		"half an answer in time": {func(w http.ResponseWriter, r *http.Request) {
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		}, false},
		"half a refusal":               {raw("HTTP/1.1 401 No\r\nContent-Length: 90\r\n\r\n{"), false},
		"HTTP 401":                     {says(401, "", ""), false},
		"HTTP 404":                     {says(404, "", ""), false},
		"HTTP 429":                     {says(429, "", ""), false},
		"HTTP 502":                     {says(502, "", ""), false},
		"HTTP 503":                     {says(503, "", ""), false},
		"HTTP 504":                     {says(504, "", ""), false},
		"2001":                         {status(200, 2001), false},
		"3001: it cannot use our side": {status(200, 3001), false},
		"3002":                         {status(200, 3002), false},
		"4002: no answer to the hub":   {status(200, 4002), false},
		"a chain that does not end": {func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Link", "<"+r.URL.Path+`>; rel="next"`)
			ok(w, "[]")
		}, false},
		"a Link to another host": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Link", `<http://other.example.com/>; rel="next"`)
			ok(w, "[]")
		}, false},
		"no list": {func(w http.ResponseWriter, _ *http.Request) { ok(w, `"nothing"`) }, false},
	} {
		t.Run(name, func(t *testing.T) {
			partner := newAwkward(t, ocpiclient.Config{
				Partner: &ocpi.Partner{ID: "them", Roles: both(theirs), Quirks: "standard"},
				Timeout: 500 * time.Millisecond, Retries: -1, Transport: loopback(t, ocpiclient.TransportConfig{MaxResponse: 1000}),
			}, c.answer)
			var e *ocpiclient.Error
			for _, err := range partner.client.CPO().Tariffs.Pages(t.Context(), ocpi.Query{}) {
				errors.As(err, &e)
			}
			if e == nil || e.ConcernsContent() != c.want {
				t.Errorf("%v", e)
			}
		})
	}
}
