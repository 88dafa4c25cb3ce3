package ocpiclient

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/roamwire/roamwire/ocpi/quirk"
)

// do makes a call, with its tries and redirects. The reply is one of success; who gets it tells its exchange when it has
// been read. Every error is an *Error.
func (c *Client) do(ctx context.Context, r request) (*reply, error) {
	if c.turn != nil {
		if err := c.turn(ctx); err != nil {
			return nil, &Error{
				Kind: TryLater, Method: r.method, URL: shown(r.url, c.secrets(&r)), Message: "it was not its turn: " + err.Error(), Err: err, unsent: true,
			}
		}
	}
	deadline := time.Now().Add(c.config.Timeout)
	r.allowed = c.config.Timeout
	if earlier, ok := ctx.Deadline(); ok && earlier.Before(deadline) {
		deadline, r.allowed = earlier, time.Until(earlier)
	}
	ctx, cancel := context.WithDeadline(correlated(ctx), deadline)
	defer cancel()
	var before error
	for tries := 0; ; tries++ {
		a, err := c.try(ctx, &r)
		if err == nil {
			return a, nil
		}
		if before != nil && errors.Is(ctx.Err(), context.DeadlineExceeded) {
			return nil, before // that the time was too short for one more try is not what is wrong
		}
		before = err
		pause, again := c.pause(&r, tries, err, deadline)
		if !again || !sleep(ctx, pause) {
			return nil, err
		}
	}
}

// The pause before a second try, and the longest. It doubles with each try.
const (
	firstPause   = 500 * time.Millisecond
	longestPause = 10 * time.Second
)

// pause says how long to wait before the next try: as long as the partner asks for, and at least as long as lets it
// recover. There is none where only repeating a GET is safe, where it does not help, or where the time would not last.
func (c *Client) pause(r *request, tries int, err error, deadline time.Time) (time.Duration, bool) {
	var e *Error
	if r.method != http.MethodGet || tries >= c.config.Retries || !errors.As(err, &e) || e.Kind != TryLater {
		return 0, false
	}
	pause := min(firstPause<<min(tries, 10), longestPause)
	pause = pause/2 + rand.N(pause) // so that the clients of a partner that comes back do not all come at once
	pause = max(pause, e.RetryAfter)
	return pause, time.Until(deadline) > pause
}

func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// maxRedirects bounds how often one try is sent elsewhere.
const maxRedirects = 3

// try makes a call once, and follows where it is sent.
func (c *Client) try(ctx context.Context, r *request) (*reply, error) {
	target := r.url
	for hops := 0; ; hops++ {
		a, err := c.send(ctx, r, target)
		if err != nil {
			return nil, err
		}
		if !redirects(a) {
			return c.judge(ctx, a)
		}
		next, err := follow(a, hops)
		if err != nil {
			return nil, c.fail(ctx, a, Permanent, err, "the redirect is not followed: "+err.Error())
		}
		if slashApart(target, next) {
			c.count(a, quirk.RedirectMissingSlash)
		}
		c.tell(ctx, a.exchange)
		target = next
	}
}

// redirects reports whether an answer sends the request elsewhere. After 301 and 302 some clients go on with GET, so
// they are followed for GET only; 303 always asks for GET, which is another request.
func redirects(a *reply) bool {
	switch a.http {
	case http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		return true
	case http.StatusMovedPermanently, http.StatusFound:
		return a.request.method == http.MethodGet
	default:
		return false
	}
}

// follow returns where a redirect leads, if the token may go there: to the same host, or from http to https on it.
func follow(a *reply, hops int) (string, error) {
	location := a.header.Get("Location")
	next, err := a.from.Parse(location)
	switch {
	case location == "" || err != nil:
		return "", errors.New("it does not say where to")
	case hops == maxRedirects:
		return "", fmt.Errorf("it is the %dth", hops+1)
	case next.User != nil || !sameHost(a.from, next) && !upgrades(a.from, next):
		return "", fmt.Errorf("%w: it leads to %s://%s", ErrOtherHost, next.Scheme, next.Host)
	default:
		next.Fragment = ""
		return next.String(), nil
	}
}

func upgrades(from, to *url.URL) bool {
	return from.Scheme == "http" && to.Scheme == "https" && strings.EqualFold(from.Hostname(), to.Hostname())
}

// slashApart reports whether two URLs differ in the slash at the end of their paths alone.
func slashApart(a, b string) bool {
	pathA, queryA, _ := strings.Cut(a, "?")
	pathB, queryB, _ := strings.Cut(b, "?")
	return pathA != pathB && queryA == queryB && strings.TrimRight(pathA, "/") == strings.TrimRight(pathB, "/")
}

// judge returns the reply where the call has worked, and the error it stands for otherwise.
func (c *Client) judge(ctx context.Context, a *reply) (*reply, error) {
	outcome := Classify(a.http, a.status, a.found, a.header, c.config.Now())
	c.judgeQuirks(a, outcome.Kind)
	if outcome.Kind == OK {
		return a, nil
	}
	text := a.message
	if !a.found {
		text = foreignMessage(a.body, a.header.Get("Content-Type"))
	}
	if kindOfHTTP(a.http) == OK && !a.found {
		err := c.fail(ctx, a, outcome.Kind, nil, missingEnvelope(a))
		err.garbled = true
		return nil, err
	}
	err := c.failure(a, outcome.Kind, nil, text)
	err.RetryAfter = outcome.RetryAfter
	c.tell(ctx, a.exchange)
	return nil, err
}

// missingEnvelope says what came instead.
func missingEnvelope(a *reply) string {
	switch {
	case len(a.body) == 0:
		return "nothing in it"
	case a.broken != nil:
		return "no JSON: " + brokenJSON(a)
	default:
		return "no OCPI envelope around its JSON: there is no status_code"
	}
}

// brokenJSON says where a document is broken.
func brokenJSON(a *reply) string {
	if errors.Is(a.broken, io.ErrUnexpectedEOF) {
		return fmt.Sprintf("it ends after %d bytes, in the middle of the document", len(a.body))
	}
	return strings.TrimPrefix(a.broken.Error(), "jsontext: ")
}

// judgeQuirks counts what partners do with the two statuses.
func (c *Client) judgeQuirks(a *reply, kind Kind) {
	switch {
	case kind == NotFound && kindOfHTTP(a.http) == OK:
		c.count(a, quirk.ErrorInsideOK)
	case kind == NotFound && a.found && a.status.Success():
		c.count(a, quirk.SuccessInsideNotFound)
	case kind != OK && !a.found && kindOfHTTP(a.http) != OK:
		c.count(a, quirk.ForeignErrorBody)
	}
}

// failure makes the error for an answer that is of no use.
func (c *Client) failure(a *reply, kind Kind, cause error, text string) *Error {
	return &Error{
		Kind: kind, Method: a.request.method, URL: shown(a.exchange.URL, a.exchange.Secrets), HTTP: a.http, Status: a.status,
		Message: clean(text, a.exchange.Secrets), Err: cause,
	}
}

// fail is failure, told to the observer.
func (c *Client) fail(ctx context.Context, a *reply, kind Kind, cause error, text string) *Error {
	err := c.failure(a, kind, cause, text)
	a.exchange.Error = err.Message
	c.tell(ctx, a.exchange)
	return err
}

// lost makes the error for a request that got no answer, or no whole one.
func (c *Client) lost(ctx context.Context, a *reply, target string, cause error) *Error {
	err := &Error{
		Kind: TryLater, Method: a.request.method, URL: shown(target, a.exchange.Secrets), HTTP: a.http, Err: cause, unsent: !a.connected,
	}
	var certificate *tls.CertificateVerificationError
	var scheme tls.RecordHeaderError
	text := cause.Error()
	switch {
	case errors.Is(cause, ErrAddress):
		err.Kind, text = Permanent, addressReason(cause)
	case errors.Is(cause, ErrTooLarge):
		err.Kind, text = Permanent, fmt.Sprintf("more than %d bytes", c.longestAnswer(a.request))
	case errors.As(cause, &certificate), errors.As(cause, &scheme):
		err.Kind = Permanent
	case errors.Is(cause, io.ErrUnexpectedEOF) && a.http != 0:
		err.garbled, text = kindOfHTTP(a.http) == OK, "the connection was closed in the middle of the answer"
	case errors.Is(cause, io.EOF):
		text = "the connection was closed without an answer"
	case errors.Is(ctx.Err(), context.Canceled):
		text = "the call was cancelled"
	case errors.Is(ctx.Err(), context.DeadlineExceeded) && a.http != 0:
		text = fmt.Sprintf("the answer was not complete within %s", rounded(a.request.allowed))
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		text = fmt.Sprintf("no answer within %s", rounded(a.request.allowed))
	}
	if ctx.Err() != nil {
		err.Err = ctx.Err()
	}
	err.Message = clean(text, a.exchange.Secrets)
	return err
}

// addressReason leaves out what the dialer says about the connection it did not make.
func addressReason(err error) string {
	for e := err; e != nil; e = errors.Unwrap(e) {
		if strings.HasPrefix(e.Error(), ErrAddress.Error()) {
			return e.Error()
		}
	}
	return err.Error()
}

func rounded(d time.Duration) time.Duration {
	if d < time.Second {
		return d.Round(time.Millisecond)
	}
	return d.Round(10 * time.Millisecond)
}
