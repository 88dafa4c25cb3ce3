package event

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// A verdict is what came of a request to an endpoint.
type verdict int

const (
	taken verdict = iota
	// refused: the endpoint does not want this event.
	refused
	// unreachable: the endpoint was not reached, is in trouble, or asks for time.
	unreachable
	// gone: the endpoint wants no events any more.
	gone
	// stopped: the node stops, and it is not known.
	stopped
)

// An answer is what an endpoint answered.
type answer struct {
	verdict verdict
	// status is the HTTP status, 0 where none came.
	status int
	reason string
	// wait is how long the endpoint asks to be left alone.
	wait time.Duration
}

// send sends an event.
func (l *lane) send(ctx context.Context, it *item) answer {
	a := l.webhooks.post(ctx, &l.hook.state, it.key, it.message.json())
	if ctx.Err() != nil && a.status == 0 {
		a.verdict = stopped
	}
	return a
}

// post sends a body to an endpoint.
func (w *Webhooks) post(ctx context.Context, s *webhookState, id string, body []byte) answer {
	if _, wrong := w.policy.checkURL(s.URL); wrong != "" { // the policy may be stricter than when it was added
		return answer{verdict: unreachable, reason: "the URL of the webhook: " + wrong}
	}
	keys, err := w.keys(s)
	if err != nil {
		return answer{verdict: unreachable, reason: err.Error()}
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.URL, bytes.NewReader(body))
	if err != nil {
		return answer{verdict: unreachable, reason: err.Error()}
	}
	timestamp, signature := sign(keys, id, w.config.Now(), body)
	r.Header.Set("Content-Type", contentTypeCloudEvent)
	r.Header.Set("User-Agent", w.config.Webhooks.UserAgent)
	r.Header.Set(headerID, id)
	r.Header.Set(headerTime, timestamp)
	r.Header.Set(headerSignature, signature)
	response, err := w.client.Do(r)
	if err != nil {
		if wrapped := (*url.Error)(nil); errors.As(err, &wrapped) {
			err = wrapped.Err // the URL may hold a secret
		}
		return answer{verdict: unreachable, reason: printable(err.Error())}
	}
	defer response.Body.Close()
	return w.judge(response)
}

// keys are those that sign, the newest first.
func (w *Webhooks) keys(s *webhookState) (keys [][]byte, err error) {
	for _, secret := range s.Secrets {
		if !secret.Until.IsZero() && !w.config.Now().Before(secret.Until) {
			continue
		}
		text, err := w.config.Sealer.Open(secret.Sealed)
		if err != nil {
			return nil, fmt.Errorf("the secret cannot be decrypted: %w", err)
		}
		key, err := readSecret(string(text))
		if err != nil {
			return nil, fmt.Errorf("the secret %w", err)
		}
		keys = append(keys, key)
	}
	if len(keys) == 0 {
		return nil, errors.New("there is no secret")
	}
	return keys, nil
}

// judge says what an answer means.
func (w *Webhooks) judge(r *http.Response) answer {
	text := readSome(r.Body)
	a := answer{status: r.StatusCode, verdict: unreachable, reason: r.Status}
	switch code := r.StatusCode; {
	case code >= 200 && code < 300:
		return answer{status: code, verdict: taken}
	case code == http.StatusGone:
		a.verdict = gone
	case code == http.StatusRequestTimeout, code == http.StatusTooEarly, code == http.StatusTooManyRequests:
	case code >= 300 && code < 400:
		a.reason += ", and redirects are not followed"
	case code >= 400 && code < 500:
		a.verdict = refused
	}
	a.wait = retryAfter(r.Header.Get("Retry-After"), w.config.Now())
	if text != "" {
		a.reason += ": " + text
	}
	return a
}

// How much of an answer is read so that the connection can be used again, and how much of it is kept.
const (
	mostRead = 64 << 10
	mostKept = 200
)

// readSome reads the beginning of an answer's body, for people.
func readSome(body io.Reader) string {
	text, err := io.ReadAll(io.LimitReader(body, mostRead))
	if err != nil {
		return ""
	}
	return printable(string(text[:min(len(text), 4*mostKept)]))
}

// printable is a foreign text on one line, and not too much of it.
func printable(s string) string {
	s = strings.Join(strings.FieldsFunc(strings.ToValidUTF8(s, "?"), func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsPrint(r) }), " ")
	if runes := []rune(s); len(runes) > mostKept {
		return string(runes[:mostKept]) + "…"
	}
	return s
}

// longestWait is how long an endpoint can ask to be left alone.
const longestWait = day

// retryAfter reads how long an endpoint asks to be left alone, in seconds or until a time.
func retryAfter(value string, now time.Time) time.Duration {
	if seconds, err := strconv.ParseUint(value, 10, 63); err == nil {
		return time.Duration(min(seconds, uint64(longestWait/time.Second))) * time.Second
	}
	if at, err := http.ParseTime(value); err == nil {
		return min(max(0, at.Sub(now)), longestWait)
	}
	return 0
}
