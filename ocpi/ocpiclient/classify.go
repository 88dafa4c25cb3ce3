package ocpiclient

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/roamwire/roamwire/ocpi"
)

// A Kind is what an answer means for the caller.
type Kind string

// The kinds of answers.
const (
	// OK is success.
	OK Kind = "ok"
	// NotFound says that what the call is about does not exist there.
	NotFound Kind = "not found"
	// Permanent is a failure that the same request will always have.
	Permanent Kind = "permanent"
	// TryLater is a failure that may pass.
	TryLater Kind = "try later"
)

// An Outcome is what became of a call.
type Outcome struct {
	Kind Kind
	// RetryAfter is how long the partner asks to wait; zero where it does not say, and for kinds other than TryLater.
	RetryAfter time.Duration
}

// Classify says what an answer means: its HTTP status, the status in its envelope, and whether it has an envelope at
// all. A Retry-After that names a date is measured against now.
//
// HTTP decides where it reports a failure, the envelope where it does not (requirements TF-58 to TF-60), and where it
// reports no more than HTTP 500. A hub's status decides where HTTP says that there is nothing: it is the receiver that was
// not found, or not reached, and not the object (requirement DT-10). HTTP status 0 stands for no answer.
func Classify(httpStatus int, status ocpi.StatusCode, hasEnvelope bool, header http.Header, now time.Time) Outcome {
	kind := kindOfHTTP(httpStatus)
	switch {
	case httpStatus == http.StatusNoContent:
	case kind == OK && !hasEnvelope:
		kind = Permanent
	case kind == OK, httpStatus == http.StatusInternalServerError && hasEnvelope && failure(status),
		kind == NotFound && hasEnvelope && status.HubError():
		kind = kindOfStatus(status)
	}
	if kind != TryLater {
		return Outcome{Kind: kind}
	}
	return Outcome{Kind: kind, RetryAfter: retryAfter(header.Get("Retry-After"), now)}
}

func kindOfHTTP(status int) Kind {
	switch {
	case status >= http.StatusOK && status <= http.StatusNoContent:
		return OK
	case status == http.StatusNotFound, status == http.StatusGone:
		return NotFound
	case status == http.StatusNotImplemented, status == http.StatusHTTPVersionNotSupported:
		return Permanent
	case status == 0, status == http.StatusRequestTimeout, status == http.StatusTooEarly,
		status == http.StatusTooManyRequests, status >= http.StatusInternalServerError:
		return TryLater
	default: // answers in parts, redirects that are not followed, and what is wrong with the request
		return Permanent
	}
}

func failure(status ocpi.StatusCode) bool {
	return status.ClientError() || status.ServerError() || status.HubError()
}

// kindOfStatus judges unknown codes by their range (requirement TF-60), and codes out of every range as failures.
func kindOfStatus(status ocpi.StatusCode) Kind {
	switch {
	case status.Success():
		return OK
	case status == ocpi.StatusUnknownLocation, status == ocpi.StatusUnknownToken:
		return NotFound
	case status == ocpi.StatusUnsupportedVersion, status == ocpi.StatusMissingEndpoints, status == ocpi.StatusUnknownReceiver:
		return Permanent
	case status.ServerError(), status.HubError():
		return TryLater
	default:
		return Permanent
	}
}

// longestRetryAfter bounds what a partner can ask for: nobody is kept waiting for longer than a day by one header.
const longestRetryAfter = 24 * time.Hour

// retryAfter reads seconds or an HTTP date; zero for anything else, and for moments that have passed.
func retryAfter(header string, now time.Time) time.Duration {
	header = strings.TrimSpace(header)
	if header == "" {
		return 0
	}
	if seconds, err := strconv.ParseUint(header, 10, 64); err == nil {
		return time.Duration(min(seconds, uint64(longestRetryAfter/time.Second))) * time.Second
	}
	at, err := http.ParseTime(header)
	if err != nil {
		return 0
	}
	return min(max(at.Sub(now), 0), longestRetryAfter)
}
