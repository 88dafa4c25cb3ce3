package ocpitest

import (
	"context"
	"net/http"
	"time"
)

// Slow lets a time go by before a request is carried out.
func Slow(d time.Duration) Action {
	return Delay(func(r *http.Request) { pause(r.Context(), d) })
}

// Delay calls wait before a request is carried out, so that a test can do something at that moment, or hold the request
// up for as long as it wants. wait must return when the request's context is done.
func Delay(wait func(r *http.Request)) Action {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			wait(r)
			endIfGone(r)
			next.ServeHTTP(w, r)
		})
	}
}

// NeverAnswer keeps the client waiting until it goes away or the Partner is closed.
func NeverAnswer() Action {
	return Delay(func(r *http.Request) { <-r.Context().Done() })
}

// Dribble carries out a request and answers at once, but sends the body in pieces of some bytes with a pause before
// each.
func Dribble(bytes int, between time.Duration) Action {
	bytes = max(bytes, 1)
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			a := answerOf(next, r)
			a.sendHeader(w, len(a.Body))
			for rest := a.Body; len(rest) > 0; rest = rest[min(bytes, len(rest)):] {
				flush(w)
				pause(r.Context(), between)
				endIfGone(r)
				_, _ = w.Write(rest[:min(bytes, len(rest))]) // a client that is gone ends the context
			}
		})
	}
}

// pause waits, but not for longer than anybody does for the answer.
func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// endIfGone ends a request nobody waits for any more.
func endIfGone(r *http.Request) {
	if r.Context().Err() != nil {
		panic(http.ErrAbortHandler)
	}
}

func flush(w http.ResponseWriter) {
	_ = http.NewResponseController(w).Flush() // a recorder cannot; the answer then goes out in one piece
}
