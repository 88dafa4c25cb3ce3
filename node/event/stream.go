package event

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"
)

// clients counts those who listen to the stream.
type clients struct{ now, sent, dropped, refused atomic.Int64 }

// A Listening tells how many listen to the stream.
type Listening struct {
	// Clients is how many there are now. Sent counts the events they got, Dropped those of them who did not read, Refused those
	// for whom there was no place.
	Clients, Sent, Dropped, Refused int64
}

// Listening tells how many listen to the stream.
func (e *Events) Listening() Listening {
	c := &e.clients
	return Listening{Clients: c.now.Load(), Sent: c.sent.Load(), Dropped: c.dropped.Load(), Refused: c.refused.Load()}
}

// admit reads what a client wants, and counts it in until leave is called. Otherwise it has answered.
func (e *Events) admit(w http.ResponseWriter, r *http.Request) (reading *reader, leave func(), ok bool) {
	if r.Method != http.MethodGet {
		w.Header().Set("Allow", http.MethodGet)
		writeProblem(w, http.StatusMethodNotAllowed, "events are read with GET", nil)
		return nil, nil, false
	}
	want, from, err := readQuery(r)
	if bad := (*Invalid)(nil); errors.As(err, &bad) {
		writeProblem(w, http.StatusUnprocessableEntity, "the parameters are not valid", bad.Findings)
		return nil, nil, false
	}
	if e.clients.now.Add(1) > int64(e.config.Stream.MaxClients) {
		e.clients.now.Add(-1)
		e.clients.refused.Add(1)
		w.Header().Set("Retry-After", "10")
		writeProblem(w, http.StatusServiceUnavailable, "too many clients listen to events", nil)
		return nil, nil, false
	}
	e.feed.enter()
	leave = func() {
		e.feed.leave()
		e.clients.now.Add(-1)
	}
	reading = &reader{feed: e.feed, want: want}
	if err := reading.begin(r.Context(), from); err != nil {
		leave()
		e.config.Logger.ErrorContext(r.Context(), "cannot find where the events begin", "error", err)
		writeProblem(w, http.StatusInternalServerError, "the events cannot be read", nil)
		return nil, nil, false
	}
	return reading, leave, true
}

// A sink is a client of the stream as its reader sees it. Its methods must not take longer than WriteTimeout.
type sink interface {
	send(ctx context.Context, m *message) error
	// flush sees to it that what was sent is on its way. pass tells, where nothing was sent for a while, that the client is not
	// forgotten, and up to which number it has missed nothing.
	flush(ctx context.Context) error
	pass(ctx context.Context, upto int64) error
}

// tell sends a client what happens until ctx, the feed or the client ends.
func (e *Events) tell(ctx context.Context, r *reader, to sink) error {
	heartbeat := time.NewTimer(e.config.Stream.Heartbeat)
	defer heartbeat.Stop()
	for {
		news, before := e.feed.news(), r.at
		found, lost, err := r.read(ctx)
		if err != nil {
			return err
		}
		if lost != nil {
			m, err := writeLost(e.config.Source, *lost, e.config.Now())
			if err != nil {
				return err
			}
			found = append(found, m)
		}
		for _, m := range found {
			if err := to.send(ctx, m); err != nil {
				return e.gone(ctx, err)
			}
		}
		if len(found) > 0 {
			if err := to.flush(ctx); err != nil {
				return e.gone(ctx, err)
			}
			e.clients.sent.Add(int64(len(found)))
			heartbeat.Reset(e.config.Stream.Heartbeat)
		}
		if len(found) > 0 || r.at != before {
			continue
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-e.feed.over:
			return nil
		case <-news:
		case <-heartbeat.C:
			if err := to.pass(ctx, r.at); err != nil {
				return e.gone(ctx, err)
			}
			heartbeat.Reset(e.config.Stream.Heartbeat)
		}
	}
}

// errGone tells of a client that has left, or was dropped because it did not read.
var errGone = errors.New("the client is gone")

func (e *Events) gone(ctx context.Context, err error) error {
	if isTimeout(err) {
		e.clients.dropped.Add(1)
		e.config.Logger.WarnContext(ctx, "a client that does not read its events was dropped")
	}
	return fmt.Errorf("%w: %w", errGone, err)
}

func isTimeout(err error) bool {
	var timeout interface{ Timeout() bool }
	return errors.Is(err, context.DeadlineExceeded) || errors.As(err, &timeout) && timeout.Timeout()
}

// Stream tells what happens by Server-Sent Events. A client chooses by the parameters type (which may end with *), partner and
// module, repeated or separated by commas. It begins with what happens from now on, or after the event that after or
// Last-Event-ID names; 0 stands for everything that is kept.
func (e *Events) Stream() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		reading, leave, ok := e.admit(w, r)
		if !ok {
			return
		}
		defer leave()
		h := w.Header()
		h.Set("Content-Type", "text/event-stream")
		h.Set("Cache-Control", "no-store")
		h.Set("X-Accel-Buffering", "no") // a proxy in between holds nothing back
		s := &sse{w: bufio.NewWriterSize(w, sseBuffer), control: http.NewResponseController(w), timeout: e.config.Stream.WriteTimeout}
		err := s.begin(reading.at)
		if err == nil {
			err = e.tell(r.Context(), reading, s)
		}
		if err != nil && r.Context().Err() == nil && !errors.Is(err, errGone) {
			e.config.Logger.ErrorContext(r.Context(), "an event stream has broken off", "error", err)
		}
	})
}

// sseBuffer is how much is written to a client at once.
const sseBuffer = 16 << 10

// An sse is a client of Server-Sent Events.
type sse struct {
	w       *bufio.Writer
	control *http.ResponseController
	timeout time.Duration
	// told is the number the client goes on after if it comes back.
	told int64
	// pending is set while there is a deadline for what was written.
	pending bool
}

// begin tells the client where it is, so that it misses nothing if it comes back before the first event, and how soon to come
// back: at once would be a crowd.
func (s *sse) begin(at int64) error {
	s.told = at
	return s.write([]byte("retry: 1000\nid: " + strconv.FormatInt(at, 10) + "\n\n"))
}

func (s *sse) send(_ context.Context, m *message) error {
	if !s.pending {
		if err := s.deadline(); err != nil {
			return err
		}
		s.pending = true
	}
	s.told = m.number
	_, err := s.w.Write(m.frame)
	return err
}

func (s *sse) flush(context.Context) error {
	s.pending = false
	if err := s.w.Flush(); err != nil {
		return err
	}
	return s.control.Flush()
}

// pass writes a comment. An id without data is no event, but the client goes on after it if it comes back.
func (s *sse) pass(_ context.Context, upto int64) error {
	text := ":\n\n"
	if upto != s.told {
		s.told = upto
		text = ":\nid: " + strconv.FormatInt(upto, 10) + "\n\n"
	}
	return s.write([]byte(text))
}

func (s *sse) write(text []byte) error {
	if err := s.deadline(); err != nil {
		return err
	}
	if _, err := s.w.Write(text); err != nil {
		return err
	}
	return s.flush(context.Background())
}

// deadline gives the client its time, whatever the server's own limit is.
func (s *sse) deadline() error {
	err := s.control.SetWriteDeadline(time.Now().Add(s.timeout))
	if errors.Is(err, http.ErrNotSupported) {
		return nil
	}
	return err
}
