package ocpiserver_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"strings"
	"testing"
	"time"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/ocpiserver"
	"github.com/roamwire/roamwire/ocpi/ocpitest"
)

// raw sends bytes and returns all that comes back until the server closes the connection.
func raw(t *testing.T, server *ocpitest.Server, send string) string {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimSuffix(strings.TrimPrefix(server.URL, "http://"), "/ocpi"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprint(conn, send)
	if err := conn.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(conn)
	if err != nil {
		t.Fatalf("the connection stays open: %v", err)
	}
	return string(got)
}

// A body that does not come is not waited for where it does not matter: without a token, at an unknown path, with a
// method that is not offered.
func TestABodyNobodyNeedsIsNotWaitedFor(t *testing.T) {
	_, server := newTarget(t, ocpiserver.Config{Logger: quiet()})
	for name, tt := range map[string]struct {
		request string
		want    string
	}{
		"no token":     {"PUT /ocpi/emsp/2.1.1/tariffs/BE/TST/T HTTP/1.1\r\nHost: x\r\n", "401"},
		"unknown path": {"POST /ocpi/nothing HTTP/1.1\r\nHost: x\r\nAuthorization: Token " + server.Token + "\r\n", "404"},
		"method":       {"POST /ocpi/versions HTTP/1.1\r\nHost: x\r\nAuthorization: Token " + server.Token + "\r\n", "405"},
		"other party":  {"PUT /ocpi/emsp/2.1.1/tariffs/XX/YYY/T HTTP/1.1\r\nHost: x\r\nAuthorization: Token " + server.Token + "\r\n", "404"},
	} {
		t.Run(name, func(t *testing.T) {
			started := time.Now()
			got := raw(t, server, tt.request+"Content-Length: 1000\r\n\r\n{")
			if !strings.HasPrefix(got, "HTTP/1.1 "+tt.want) || !strings.Contains(got, `"status_code":2000`) {
				t.Errorf("got %q", got)
			}
			if got := raw(t, server, tt.request+"Expect: 100-continue\r\nContent-Length: 1000\r\n\r\n"); !strings.HasPrefix(got, "HTTP/1.1 "+tt.want) {
				t.Errorf("a client that waits to be asked for its body got %q", got)
			}
			if took := time.Since(started); took > 10*time.Second {
				t.Errorf("the answer took %s", took)
			}
		})
	}
}

// A client that asks for pages and reads none of them is let go.
func TestAClientThatDoesNotReadIsLetGo(t *testing.T) {
	target, server := newTarget(t, ocpiserver.Config{Logger: quiet(), BodyTimeout: 50 * time.Millisecond, ResponseTimeout: 50 * time.Millisecond})
	for i := range 2000 { // far more than the network's buffers hold
		l := target.Sample.Location(1)
		l.ID = ocpi.CiString(fmt.Sprint("big", i))
		l.Name = new(strings.Repeat("x", 10_000))
		server.CPO.Locations.Put(l)
	}
	conn, err := net.Dial("tcp", strings.TrimSuffix(strings.TrimPrefix(server.URL, "http://"), "/ocpi"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	// It reads nothing, however long the server takes to fill the network's buffers, and asks until the connection has ended.
	if err := conn.SetWriteDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	for n := 0; ; n++ {
		_, err := fmt.Fprintf(conn, "GET /ocpi/cpo/2.1.1/locations?offset=100 HTTP/1.1\r\nHost: x\r\nAuthorization: Token %s\r\n\r\n", server.Token)
		var timeout net.Error
		switch {
		case errors.As(err, &timeout) && timeout.Timeout():
			t.Fatalf("after 20 s and %d requests the connection is still open", n)
		case err != nil:
			return
		case n > 2000:
			time.Sleep(10 * time.Millisecond)
		}
	}
}

// A body that is wrong all over gets an answer of a sensible size.
func TestManyFindingsMakeNoLargeAnswer(t *testing.T) {
	_, server := newTarget(t, ocpiserver.Config{Logger: quiet()})
	body := `{"id":"X","evses":[` + strings.Repeat("1,", 400_000) + `1]}`
	response, envelope := call(t, server, "PUT", "/emsp/2.1.1/locations/BE/TST/X", body)
	if response.StatusCode != http.StatusOK || envelope.StatusCode != ocpi.StatusInvalidParameters {
		t.Fatalf("got HTTP %d, status %d", response.StatusCode, envelope.StatusCode)
	}
	if n := len(envelope.StatusMessage); n > 20_000 || !strings.Contains(envelope.StatusMessage, "more") {
		t.Errorf("the message has %d characters: …%s", n, envelope.StatusMessage[max(0, n-80):])
	}
}

// A slash inside an id stays inside where a client has not escaped everything it should.
func TestWhatAClientFailsToEscapeDoesNotSplitAnID(t *testing.T) {
	_, server := newTarget(t, ocpiserver.Config{Logger: quiet()})
	for _, id := range []string{"a%2Fb|c", "a%2Fb\"c", "a%2Fb^{}"} {
		got := raw(t, server, "GET /ocpi/emsp/2.1.1/sessions/BE/TST/"+id+" HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Token "+server.Token+"\r\n\r\n")
		if !strings.Contains(got, "HTTP/1.1 404") || !strings.Contains(got, "a/b") {
			t.Errorf("%s: got %s", id, got)
		}
	}
}

// Text that is no UTF-8 in a URL reaches a message without spoiling it.
func TestBrokenUTF8InAURLIsRepeatedSafely(t *testing.T) {
	_, server := newTarget(t, ocpiserver.Config{Logger: quiet()})
	_, envelope := call(t, server, "GET", "/emsp/2.1.1/locations/BE/TST/%ff%fe", "")
	if !strings.Contains(envelope.StatusMessage, "there is no") {
		t.Errorf("got %q", envelope.StatusMessage)
	}
	_, envelope = call(t, server, "PUT", "/emsp/2.1.1/tokens/BE/TST/x", `{}`)
	if envelope.StatusMessage == "" {
		t.Error("no message")
	}
}

// A client that sends everything before it reads, as many do, gets its answer also where its line is slow.
func TestASlowSenderWithoutATokenGetsItsAnswer(t *testing.T) {
	_, server := newTarget(t, ocpiserver.Config{Logger: quiet()})
	conn, err := net.Dial("tcp", strings.TrimSuffix(strings.TrimPrefix(server.URL, "http://"), "/ocpi"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	const pieces, piece = 20, 50_000
	fmt.Fprintf(conn, "PUT /ocpi/emsp/2.1.1/tariffs/BE/TST/T HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n", pieces*piece)
	for i := range pieces {
		time.Sleep(100 * time.Millisecond)
		if _, err := conn.Write(make([]byte, piece)); err != nil {
			t.Fatalf("piece %d: %v", i, err)
		}
	}
	if err := conn.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(conn)
	if err != nil || !strings.HasPrefix(string(got), "HTTP/1.1 401 ") {
		t.Errorf("got %q, %v", got, err)
	}
}

// A request that is refused before its body has come does not end the connection of HTTP/2 that others share.
func TestARefusedBodyLeavesHTTP2Open(t *testing.T) {
	handler, err := ocpiserver.New(ocpiserver.Config{
		BaseURL: "https://example.com/ocpi", Partners: new(ocpitest.Partners), CPO: new(ocpitest.CPO).Backend(),
		Parties: []ocpi.PartyRole{{Role: ocpi.RoleCPO, Party: ocpi.NewParty("NL", "GPE")}}, MaxBody: 1000, Logger: quiet(),
	})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(handler)
	server.EnableHTTP2 = true
	server.StartTLS()
	defer server.Close()
	for i := range 3 {
		var reused bool
		ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{GotConn: func(c httptrace.GotConnInfo) { reused = c.Reused }})
		request, err := http.NewRequestWithContext(ctx, "PUT", server.URL+"/ocpi/emsp/2.1.1/tariffs/BE/TST/T", strings.NewReader(strings.Repeat(" ", 900_000)))
		if err != nil {
			t.Fatal(err)
		}
		response, err := server.Client().Do(request)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(response.Body)
		if err := errors.Join(err, response.Body.Close()); err != nil {
			t.Fatal(err)
		}
		if response.ProtoMajor != 2 || response.StatusCode < 400 || int64(len(body)) != response.ContentLength || response.ContentLength == 0 {
			t.Errorf("got HTTP/%d %s with %d of %d bytes", response.ProtoMajor, response.Status, len(body), response.ContentLength)
		}
		if i > 0 && !reused {
			t.Error("the connection was closed")
		}
	}
}
