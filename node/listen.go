package node

import (
	"context"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"github.com/roamwire/roamwire/ocpi"
)

// net/http closes a connection without a word when its client is too slow with the headers. Partners that do not
// know why their connection went away keep trying; here they are told, with 408.

// A timedListener makes timedConns.
type timedListener struct{ net.Listener }

// Accept implements net.Listener.
func (l timedListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	timed := &timedConn{Conn: c}
	timed.between.Store(-1)
	return timed, nil
}

// A timedConn answers 408 when the time for reading headers is over and some of them have come.
type timedConn struct {
	net.Conn
	// begun tells that the first bytes of a request are here; inside, that a handler has the request, whose timeouts
	// are its own, or that the client has been told.
	begun, inside atomic.Bool
	// between counts the deadlines since the last request was answered; -1 before that.
	between atomic.Int32
}

// requestTimeout is the whole response, because net/http has no request to answer yet.
func requestTimeout(now time.Time) []byte {
	body := fmt.Sprintf(`{"status_code":2000,"status_message":"the headers did not arrive in time","timestamp":%q}`,
		ocpi.NewDateTime(now).Truncate())
	return fmt.Appendf(nil, "HTTP/1.1 408 Request Timeout\r\nContent-Type: application/json\r\nConnection: close\r\n"+
		"Content-Length: %d\r\n\r\n%s", len(body), body)
}

// Read implements net.Conn.
func (c *timedConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if n > 0 {
		c.begun.Store(true)
	}
	if errors.Is(err, os.ErrDeadlineExceeded) && c.begun.Load() && c.inside.CompareAndSwap(false, true) {
		_, _ = c.Write(requestTimeout(time.Now())) // best effort, the connection closes either way
	}
	return n, err
}

// SetReadDeadline implements net.Conn. Between requests, net/http sets one deadline to wait for the next request and
// another when its first bytes are here, which may have come with the last request.
func (c *timedConn) SetReadDeadline(t time.Time) error {
	if c.between.Load() >= 0 && c.between.Add(1) == 2 {
		c.begun.Store(true)
	}
	return c.Conn.SetReadDeadline(t)
}

type connKey struct{}

// watchHeaders makes a server tell its timedConns where in a request they are.
func watchHeaders(s *http.Server) {
	next := s.Handler
	s.ConnContext = func(ctx context.Context, c net.Conn) context.Context {
		return context.WithValue(ctx, connKey{}, c)
	}
	s.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if c, ok := r.Context().Value(connKey{}).(*timedConn); ok {
			c.inside.Store(true)
		}
		next.ServeHTTP(w, r)
	})
	s.ConnState = func(c net.Conn, state http.ConnState) {
		if timed, ok := c.(*timedConn); ok && state == http.StateIdle {
			timed.begun.Store(false)
			timed.inside.Store(false)
			timed.between.Store(0)
		}
	}
}

// newErrorLog passes what net/http has to say on to the log.
func newErrorLog(logger *slog.Logger) *log.Logger {
	return log.New(errorWriter{logger}, "", 0)
}

type errorWriter struct{ logger *slog.Logger }

// Write implements io.Writer.
func (w errorWriter) Write(p []byte) (int, error) {
	w.logger.Warn("http server", "message", strings.TrimSpace(string(p)))
	return len(p), nil
}
