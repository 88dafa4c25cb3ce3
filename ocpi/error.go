package ocpi

import (
	"fmt"
	"net/http"
	"strings"
)

// An Error is a failure with its two codes: the HTTP status and the OCPI status of the envelope. A backend that
// returns one decides what the partner is told; any other error is told as 3000 without details.
type Error struct {
	// HTTP is the HTTP status. Zero means 200, which OCPI uses for every failure that is not about the HTTP request
	// itself (requirement TF-58).
	HTTP int
	// Code is the status of the envelope.
	Code StatusCode
	// Message is for the people on the other side. It must not carry secrets or another partner's data.
	Message string
	// Findings are what is wrong with an object, one by one.
	Findings []Finding
	// Err is the cause, for our own log only; it is never sent.
	Err error
}

// Error describes the failure with both codes, the findings and the cause.
func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "OCPI %d", e.Code)
	if e.HTTP != 0 && e.HTTP != http.StatusOK {
		fmt.Fprintf(&b, " (HTTP %d)", e.HTTP)
	}
	b.WriteString(": " + e.StatusMessage())
	if e.Err != nil {
		b.WriteString(": " + e.Err.Error())
	}
	return b.String()
}

// findingsInMessage bounds the text for the envelope. Nobody reads more, and a partner's mistake must not make us answer
// with megabytes.
const (
	findingsInMessage = 100
	findingLength     = 500 // in bytes
)

// StatusMessage is the text for the envelope: the message, then each finding, up to a hundred.
func (e *Error) StatusMessage() string {
	if len(e.Findings) == 0 {
		return e.Message
	}
	var parts []string
	for i, f := range e.Findings {
		if i == findingsInMessage {
			parts = append(parts, andMore(e.Findings[i:]))
			break
		}
		parts = append(parts, shorten(f.String(), findingLength))
	}
	list := strings.Join(parts, "; ")
	if e.Message == "" {
		return list
	}
	return e.Message + ": " + list
}

// andMore stands for the rest of a list of findings, of which the last may stand for more itself.
func andMore(rest []Finding) string {
	last := rest[len(rest)-1]
	if last.Code != FindingMore {
		return fmt.Sprintf("and %d more", len(rest))
	}
	return fmt.Sprintf("and %d more; %s", len(rest)-1, last.Message)
}

// shorten leaves out the middle of a text that is too long: what was found stands at the beginning and the end.
func shorten(text string, most int) string {
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most/2], "") + " … " + strings.ToValidUTF8(text[len(text)-most/2:], "")
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Is reports whether target is an *Error that tells the client the same, so that errors.Is(err, ocpi.ErrNotFound)
// works: the same HTTP status where that is a failure, and the same OCPI status where HTTP is 200.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	if !ok || t.httpStatus() != e.httpStatus() {
		return false
	}
	return e.httpStatus() != http.StatusOK || t.Code == e.Code
}

func (e *Error) httpStatus() int {
	if e.HTTP == 0 {
		return http.StatusOK
	}
	return e.HTTP
}

// ErrNotFound matches every error made by NotFound.
var ErrNotFound = &Error{HTTP: http.StatusNotFound, Code: StatusClientError, Message: "not found"}

// ErrUnauthorized matches every error made by Unauthorized.
var ErrUnauthorized = &Error{HTTP: http.StatusUnauthorized, Code: StatusClientError, Message: "unauthorized"}

// NotFound says that an object or path does not exist: HTTP 404 (requirement TF-59).
func NotFound(format string, args ...any) *Error {
	return &Error{HTTP: http.StatusNotFound, Code: StatusClientError, Message: fmt.Sprintf(format, args...)}
}

// Unauthorized says that the request carries no token that is known here: HTTP 401 (requirements TF-03, TF-04).
func Unauthorized(format string, args ...any) *Error {
	return &Error{HTTP: http.StatusUnauthorized, Code: StatusClientError, Message: fmt.Sprintf(format, args...)}
}

// InvalidParameters says that the request is well-formed but cannot be used: HTTP 200 and status 2001 (requirements
// TF-33, TF-35, TF-47).
func InvalidParameters(format string, args ...any) *Error {
	return &Error{Code: StatusInvalidParameters, Message: fmt.Sprintf(format, args...)}
}

// Unusable says that an object cannot be used, and why: HTTP 200 and status 2001 with each finding.
func Unusable(what string, findings []Finding) *Error {
	return &Error{Code: StatusInvalidParameters, Message: what + " cannot be used", Findings: findings}
}

// ServerError wraps a failure of our own: HTTP 200 and status 3000. The cause is logged and never sent.
func ServerError(err error) *Error {
	return &Error{Code: StatusServerError, Message: "server error", Err: err}
}
