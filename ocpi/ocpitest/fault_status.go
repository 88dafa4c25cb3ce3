package ocpitest

import (
	"net/http"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/roamwire/roamwire/ocpi"
)

// TooManyRequests answers 429 and does not carry out the request. retryAfter is the header's text, in seconds or as an
// HTTP date; empty leaves the header out.
func TooManyRequests(retryAfter string) Action {
	return instead(func(*http.Request) Answer {
		a := text(http.StatusTooManyRequests)
		if retryAfter != "" {
			a.Header.Set("Retry-After", retryAfter)
		}
		return a
	})
}

// ServerError answers with an HTTP status such as 500, in plain text as proxies and crashes do, and does not carry out
// the request.
func ServerError(httpStatus int) Action {
	return instead(func(*http.Request) Answer { return text(httpStatus) })
}

func text(httpStatus int) Answer {
	return Answer{
		HTTP: httpStatus, Header: http.Header{"Content-Type": {"text/plain; charset=utf-8"}},
		Body: []byte(http.StatusText(httpStatus) + "\n"),
	}
}

// Unauthorized answers 401, whatever the token, and does not carry out the request. With a Fault's After the token
// seems to have ended on the way.
func Unauthorized() Action { return Status(http.StatusUnauthorized, ocpi.StatusClientError) }

// Forbidden answers 403 and does not carry out the request.
func Forbidden() Action { return Status(http.StatusForbidden, ocpi.StatusClientError) }

// OCPIError answers HTTP 200 with an OCPI status that is a failure in the envelope, and does not carry out the request.
func OCPIError(code ocpi.StatusCode) Action {
	return Status(http.StatusOK, code)
}

// NotFoundWithSuccess answers 404 with an envelope that says 1000, and does not carry out the request.
func NotFoundWithSuccess() Action { return Status(http.StatusNotFound, ocpi.StatusSuccess) }

// RedirectTo sends the client to another address, which may be anybody's, with an HTTP status such as 302, 307 or 308.
func RedirectTo(url string, httpStatus int) Action {
	return instead(func(*http.Request) Answer {
		return Answer{HTTP: httpStatus, Header: http.Header{"Location": {url}}}
	})
}

// CutConnection ends the connection before anything is done.
func CutConnection() Action {
	return func(http.Handler) http.Handler {
		return http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	}
}

// LostResponse carries out a request, commits what comes of it, and ends the connection without a word.
func LostResponse() Action {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			answerOf(next, r)
			panic(http.ErrAbortHandler)
		})
	}
}

// WrappedObjects answers with an array of one where an object belongs.
func WrappedObjects() Action {
	return ChangeData(func(_ *http.Request, data jsontext.Value) jsontext.Value {
		if data.Kind() != '{' {
			return data
		}
		return append(append(jsontext.Value{'['}, data...), ']')
	})
}
