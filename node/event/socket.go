package event

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"
)

// socketProtocol is how CloudEvents (WebSockets protocol binding 1.0.2, 3.1) calls one event as JSON in each message.
const socketProtocol = "cloudevents.json"

// Socket tells what happens by WebSocket, one CloudEvents JSON a message. It has the same parameters as Stream. What the client
// sends closes it: there is nothing to say.
func (e *Events) Socket() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		reading, leave, ok := e.admit(w, r)
		if !ok {
			return
		}
		defer leave()
		answer := &refusable{ResponseWriter: w}
		conn, err := websocket.Accept(answer, r, &websocket.AcceptOptions{
			OriginPatterns: e.config.Stream.Origins, Subprotocols: []string{socketProtocol},
		})
		if err != nil {
			writeProblem(w, cmp.Or(answer.refused, http.StatusInternalServerError), printable(err.Error()), nil)
			return
		}
		defer func() { _ = conn.CloseNow() }() // it is closed properly below where it can be
		// The request's own context says nothing any more.
		ctx, cancel := context.WithCancel(context.WithoutCancel(r.Context()))
		defer cancel()
		var talks atomic.Bool
		go func() { // answers pings, and hears of the end
			defer cancel()
			_, _, err := conn.Reader(ctx)
			talks.Store(err == nil)
		}()
		err = e.tell(ctx, reading, &socket{conn: conn, timeout: e.config.Stream.WriteTimeout})
		switch {
		case talks.Load():
			_ = conn.Close(websocket.StatusPolicyViolation, "there is nothing to say")
		case err == nil:
			_ = conn.Close(websocket.StatusGoingAway, "the node is stopping")
		case ctx.Err() == nil && !errors.Is(err, errGone):
			e.config.Logger.ErrorContext(ctx, "an event stream has broken off", "error", err)
			_ = conn.Close(websocket.StatusInternalError, "the events cannot be read")
		}
	})
}

// A refusable is an answer whose refusals are held back, to be told as problems.
type refusable struct {
	http.ResponseWriter
	refused int
}

// WriteHeader implements http.ResponseWriter.
func (r *refusable) WriteHeader(status int) {
	if status >= http.StatusBadRequest {
		r.refused = status
		return
	}
	r.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (r *refusable) Write(b []byte) (int, error) {
	if r.refused != 0 {
		return len(b), nil
	}
	return r.ResponseWriter.Write(b)
}

// Unwrap is for http.ResponseController, by which the connection is taken over.
func (r *refusable) Unwrap() http.ResponseWriter { return r.ResponseWriter }

// A socket is a client of the WebSocket.
type socket struct {
	conn    *websocket.Conn
	timeout time.Duration
}

func (s *socket) send(ctx context.Context, m *message) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.timeout) // when it ends, so does the connection
	defer cancel()
	return s.conn.Write(ctx, websocket.MessageText, m.json())
}

func (s *socket) flush(context.Context) error { return nil }

// pass asks whether the client is still there.
func (s *socket) pass(ctx context.Context, _ int64) error {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	return s.conn.Ping(ctx)
}
