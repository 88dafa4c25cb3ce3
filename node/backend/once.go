package backend

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"os"
	"sync/atomic"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/roamwire/roamwire/node/store"
)

// Answers keeps what requests with an idempotency key were answered.
type Answers interface {
	// BeginAnswer notes that a request is under way, or returns what is known of an earlier one with its key.
	BeginAnswer(ctx context.Context, a store.Answer) (before store.Answer, used bool, err error)
	KeepAnswer(ctx context.Context, a store.Answer) error
	ForgetAnswer(ctx context.Context, key string) error
	TrimAnswers(ctx context.Context, before time.Time) error
}

const (
	onceHeader = "Idempotency-Key"
	// answersKept is how long an answer is kept, trimEvery how often old ones are thrown away.
	answersKept = 24 * time.Hour
	trimEvery   = 10 * time.Minute
	longestOnce = 200
	// longestRun bounds a request that goes on although its client is gone, so that its answer can be kept.
	longestRun = 5 * time.Minute
)

// once sees to it that a request with an idempotency key is done once, and that repeating it gets the same answer.
type once struct {
	answers Answers
	now     func() time.Time
	log     *slog.Logger
	trimmed atomic.Int64
}

// do answers a request with an idempotency key.
func (o *once) do(w http.ResponseWriter, r *http.Request, body []byte, serve http.HandlerFunc) error {
	key := r.Header.Get(onceHeader)
	if len(key) > longestOnce {
		return problem(http.StatusBadRequest, "%s has %d characters, %d are allowed", onceHeader, len(key), longestOnce)
	}
	a := store.Answer{Key: callerOf(r.Context()) + " " + key, Request: request(r, body), Begun: o.now()}
	o.trim(r.Context())
	before, used, err := o.answers.BeginAnswer(r.Context(), a)
	if err != nil {
		return err
	}
	if used {
		return again(w, r, &a, &before)
	}
	// The client may go, the answer is kept all the same.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), longestRun)
	defer cancel()
	r = r.WithContext(ctx)
	recorded := &recording{header: w.Header().Clone(), status: http.StatusOK}
	serve(recorded, r)
	if err := o.keep(ctx, &a, recorded); err != nil { // it was done, and its client is told so
		o.log.ErrorContext(ctx, "cannot keep the answer to a request with an idempotency key", "error", err)
	}
	recorded.send(w)
	return nil
}

// request is what makes a request the same as another.
func request(r *http.Request, body []byte) [sha256.Size]byte {
	h := sha256.New()
	for _, part := range []string{r.Method, r.URL.EscapedPath(), r.URL.RawQuery, r.Header.Get("If-Match"), r.Header.Get("If-None-Match")} {
		_, _ = io.WriteString(h, part+"\n") // never fails
	}
	_, _ = h.Write(body)
	return [sha256.Size]byte(h.Sum(nil))
}

// again answers a request whose idempotency key was used before.
func again(w http.ResponseWriter, r *http.Request, a, before *store.Answer) error {
	switch {
	case before.Request != a.Request:
		return problem(http.StatusUnprocessableEntity, "this %s was used for another request", onceHeader)
	case before.Status == 0:
		return problem(http.StatusConflict,
			"the request with this %s is under way since %s, or was when the node stopped: ask again, and if that lasts, look what became of it before you use a new key",
			onceHeader, before.Begun.UTC().Format(time.RFC3339))
	}
	body, err := unseal(r.Context(), before.Body, before.Request)
	if err != nil {
		return problem(http.StatusConflict, "the request with this %s was done, with an access key that %s had before: its answer can be read with that alone",
			onceHeader, callerOf(r.Context()))
	}
	var header http.Header
	if err := json.Unmarshal(before.Header, &header); err != nil {
		return err
	}
	maps.Copy(w.Header(), header)
	w.Header().Set("Idempotent-Replayed", "true")
	w.WriteHeader(before.Status)
	_, _ = w.Write(body)
	return nil
}

// keep keeps the answer of what was done. What was refused has done nothing, and can be asked for again.
func (o *once) keep(ctx context.Context, a *store.Answer, r *recording) error {
	refused := r.status >= http.StatusBadRequest && r.status < http.StatusInternalServerError
	if refused || r.status == http.StatusServiceUnavailable {
		return o.answers.ForgetAnswer(ctx, a.Key)
	}
	header := http.Header{}
	for _, name := range []string{"Content-Type", "Etag", "Location"} {
		if values := r.Header().Values(name); len(values) > 0 {
			header[name] = values
		}
	}
	var err error
	if a.Header, err = json.Marshal(header); err != nil {
		return err
	}
	if a.Body, err = seal(ctx, r.body.Bytes(), a.Request); err != nil {
		return err
	}
	a.Status = r.status
	return o.answers.KeepAnswer(ctx, *a)
}

// trim throws old answers away now and then.
func (o *once) trim(ctx context.Context) {
	now := o.now()
	last := o.trimmed.Load()
	if now.UnixNano()-last < int64(trimEvery) || !o.trimmed.CompareAndSwap(last, now.UnixNano()) {
		return
	}
	_ = o.answers.TrimAnswers(ctx, now.Add(-answersKept)) // it is tried again
}

// A recording is an answer that is sent when it is kept.
type recording struct {
	header http.Header
	status int
	body   bytes.Buffer
}

// Header implements http.ResponseWriter.
func (r *recording) Header() http.Header { return r.header }

// WriteHeader implements http.ResponseWriter.
func (r *recording) WriteHeader(status int) { r.status = status }

// Write implements http.ResponseWriter.
func (r *recording) Write(b []byte) (int, error) { return r.body.Write(b) }

func (r *recording) send(w http.ResponseWriter) {
	maps.Copy(w.Header(), r.header)
	w.WriteHeader(r.status)
	_, _ = w.Write(r.body.Bytes()) // whoever is gone can ask again
}

// unreadable tells of a body that could not be read.
func unreadable(err error) error {
	if tooLarge, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return problem(http.StatusRequestEntityTooLarge, "the body is larger than %d bytes", tooLarge.Limit)
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return problem(http.StatusRequestTimeout, "the body did not come in time")
	}
	return problem(http.StatusBadRequest, "the body could not be read: %v", err)
}
