package ocpiclient

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/roamwire/roamwire/ocpi"
)

// Reasons for a call to fail, or not to be made at all, to be found with errors.Is.
var (
	// ErrNotOffered says that the partner has no endpoint for the module.
	ErrNotOffered = errors.New("the partner does not offer this module")
	// ErrNoEndpoints says that version details name no endpoint (requirement V-04).
	ErrNoEndpoints = errors.New("no endpoint in its version details")
	// ErrVersion says that the version agreed on with the partner is not one this package has calls for.
	ErrVersion = errors.New("this version is not spoken")
	// ErrAddress says that an address is refused: private, local or reserved, or not https.
	ErrAddress = errors.New("address not allowed")
	// ErrPrivate is an ErrAddress that TransportConfig.AllowPrivate would allow.
	ErrPrivate = fmt.Errorf("%w", ErrAddress)
	// ErrOtherHost says that a URL leads to a host that must not get the partner's token.
	ErrOtherHost = errors.New("the token is not sent to another host")
	// ErrEndless says that a chain of pages does not end.
	ErrEndless = errors.New("the page chain does not end")
	// ErrTooLarge says that an answer is larger than the transport allows.
	ErrTooLarge = errors.New("the answer is too large")
	// ErrWithheld says that the partner's version cannot say what makes the object what it is, as with a credit CDR in
	// 2.1.1, so that it must not be sent.
	ErrWithheld = errors.New("the object must not be sent in this version")
	// ErrOtherOwner says that a CDR of 2.1.1, which does not name its owner, would be taken for one of the party of ours that
	// deals with the partner, and is another's.
	ErrOtherOwner = errors.New("the partner would take it for another party's of ours")
)

// An Error is a call that failed.
//
// errors.Is(err, ocpi.ErrNotFound) is true for kind NotFound, errors.Is(err, ocpi.ErrUnauthorized) for HTTP 401.
type Error struct {
	Kind   Kind
	Method string
	// URL is what was called, without what may be secret in it.
	URL string
	// HTTP is the HTTP status, 0 where there was no answer; Status that of the envelope, 0 where there was none.
	HTTP   int
	Status ocpi.StatusCode
	// Message is what the partner said, or what is wrong with its answer. It holds no token.
	Message string
	// RetryAfter is how long the partner asked to wait.
	RetryAfter time.Duration
	// Err is the cause. Its text may hold more than Message.
	Err error

	// unsent tells that nothing of the request can have reached the partner.
	unsent bool
	// garbled tells that a success was answered, and what came with it breaks off or is no envelope.
	garbled bool
}

// Error says what was called and what came back. It can be shown to people: it holds no token.
func (e *Error) Error() string {
	call := e.Method + " " + e.URL
	switch {
	case e.HTTP == 0:
		return call + ": " + e.Message
	case e.failedInside():
		return fmt.Sprintf("%s answered %d but %s", call, e.HTTP, e.Message)
	}
	text := fmt.Sprintf("%s answered HTTP %d", call, e.HTTP)
	if e.Status != 0 {
		text += fmt.Sprintf(" with OCPI %d", e.Status)
	}
	if e.Message != "" {
		text += ": " + e.Message
	}
	if e.RetryAfter > 0 {
		text += fmt.Sprintf(" (it asks to wait %s)", e.RetryAfter)
	}
	return text
}

// failedInside tells that both statuses report success, and what came with them cannot be used.
func (e *Error) failedInside() bool {
	return kindOfHTTP(e.HTTP) == OK && (e.Status == 0 || e.Status.Success())
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Is makes the vocabulary's errors match.
func (e *Error) Is(target error) bool {
	t, ok := target.(*ocpi.Error)
	if !ok {
		return false
	}
	switch t.HTTP {
	case http.StatusNotFound:
		return e.Kind == NotFound
	case http.StatusUnauthorized:
		return e.HTTP == http.StatusUnauthorized
	default:
		return false
	}
}

// An ObjectError is one object of a page that cannot be used. The others are delivered all the same (requirement
// TF-17).
type ObjectError struct {
	// Object is the kind of object, such as "Location".
	Object string
	// Index is its place in the page, counted from 0.
	Index int
	// ID is the object's id or uid as the partner wrote it; empty where it cannot be read.
	ID string
	// Findings are all that is wrong with it.
	Findings []ocpi.Finding
	// Err is the *ocpi.Error that says why it cannot be used.
	Err error
}

// Error names the object and says what is wrong with it.
func (e *ObjectError) Error() string {
	name := e.Object
	if e.ID != "" {
		name += " " + e.ID
	}
	return fmt.Sprintf("%s (element %d of the page) cannot be used: %s", name, e.Index, reason(e.Err))
}

// Unwrap returns the cause.
func (e *ObjectError) Unwrap() error { return e.Err }

// reason is the text of an error for people: without status codes, which are ours and not the partner's.
func reason(err error) string {
	var e *ocpi.Error
	if !errors.As(err, &e) {
		return err.Error()
	}
	if unusable := ocpi.UnusableFindings(e.Findings); len(unusable) > 0 {
		return (&ocpi.Error{Findings: unusable}).StatusMessage()
	}
	return e.StatusMessage()
}

// messageLength bounds texts that partners send, in bytes.
const messageLength = 500

// clean makes a foreign text fit for a log and a screen: one line, not too long, and without the secrets.
func clean(text string, secrets []string) string {
	text = without(text, secrets)
	if len(text) > messageLength {
		text = text[:messageLength] + "…"
	}
	text = strings.ToValidUTF8(text, "\ufffd")
	return strings.Join(strings.FieldsFunc(text, func(r rune) bool { return r <= ' ' || r == 0x7f }), " ")
}

// without takes secrets out of a text: as they are, escaped as in URLs, in Base64 and in hex.
func without(text string, secrets []string) string {
	for _, secret := range secrets {
		if secret == "" {
			continue
		}
		raw := []byte(secret)
		for _, form := range []string{
			secret, url.PathEscape(secret), url.QueryEscape(secret), base64.RawStdEncoding.EncodeToString(raw),
			base64.RawURLEncoding.EncodeToString(raw), hex.EncodeToString(raw), strings.ToUpper(hex.EncodeToString(raw)),
		} {
			text = strings.ReplaceAll(text, form, "***")
		}
	}
	return text
}
