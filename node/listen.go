package node

import (
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
	// told tells that the 408 has been sent.
	told atomic.Bool
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
		c.told.Store(true)
	}
	return n, err
}

// Write implements net.Conn. After the 408 there is nothing more to say.
func (c *timedConn) Write(b []byte) (int, error) {
	if c.told.Load() {
		return 0, net.ErrClosed
	}
	return c.Conn.Write(b)
}

// SetReadDeadline implements net.Conn. Between requests, net/http sets one deadline to wait for the next request and
// another when its first bytes are here, which may have come with the last request.
func (c *timedConn) SetReadDeadline(t time.Time) error {
	if c.between.Load() >= 0 && c.between.Add(1) == 2 {
		c.begun.Store(true)
	}
	return c.Conn.SetReadDeadline(t)
}

// watchHeaders makes a server tell its timedConns where in a request they are.
func watchHeaders(s *http.Server) {
	s.ConnState = func(c net.Conn, state http.ConnState) {
		timed, ok := c.(*timedConn)
		if ok && state == http.StateActive { // the headers are read; net/http answers some requests without the handler
			timed.inside.Store(true)
		}
		if ok && state == http.StateIdle {
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
