package ocpiclient

import (
	"context"
	"errors"
	"net/http"

	"github.com/roamwire/roamwire/ocpi"
)

// Unclear reports whether the partner may have carried out the request although the call failed: the request was sent, or
// may have been, and no answer came that says what became of it. It is false where the request has certainly not arrived,
// as when no connection could be made, and where the partner has refused it.
//
// What must not happen twice, such as the POST of a CDR, is asked for before it is sent again.
func (e *Error) Unclear() bool {
	switch {
	case e.unsent:
		return false
	case e.HTTP == 0:
		return true
	case kindOfHTTP(e.HTTP) == OK, e.HTTP == http.StatusInternalServerError && failure(e.Status):
		return !refused(e.Status)
	case e.HTTP == http.StatusNotImplemented, e.HTTP == http.StatusServiceUnavailable, e.HTTP == http.StatusHTTPVersionNotSupported:
		return false
	default: // what goes wrong inside, or between a proxy and the partner, may go wrong after the work is done
		return e.HTTP == http.StatusRequestTimeout || e.HTTP >= http.StatusInternalServerError
	}
}

// refused reports whether a status says that nothing was done: something was wrong with the request, or it did not get
// beyond the hub. A failure of the partner's server may come when half of it is done.
func refused(status ocpi.StatusCode) bool {
	return status.ClientError() || status == ocpi.StatusUnknownReceiver
}

// ConcernsPartner reports whether the failure is about the partner as a whole and not about this one request: it does not
// answer, does not let us in, or asks to be left alone for now. Whatever else it is sent will fare the same.
func (e *Error) ConcernsPartner() bool {
	switch {
	case e.HTTP == 0:
		return !errors.Is(e.Err, ErrOtherHost) && !errors.Is(e.Err, ErrEndless) && !errors.Is(e.Err, context.Canceled)
	case kindOfHTTP(e.HTTP) == OK:
		return e.Kind == TryLater && e.Status == 0 // the answer was broken off
	}
	switch e.HTTP {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusRequestTimeout, http.StatusTooManyRequests,
		http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	default:
		return e.HTTP > http.StatusNetworkAuthenticationRequired // no status of HTTP, but of a proxy before the partner
	}
}

// ConcernsContent reports whether the failure may be about what the answer was to hold, so that another part of the same list
// can be had: the answer is too large, the partner fails over it with HTTP 500 or OCPI 3000, or what comes is no envelope or
// breaks off. One broken object in a partner's database does this to every page that it is on. It is false where the partner
// asks to wait.
func (e *Error) ConcernsContent() bool {
	switch {
	case errors.Is(e.Err, ErrTooLarge), e.garbled:
		return true
	case e.RetryAfter > 0:
		return false
	case failure(e.Status):
		return (kindOfHTTP(e.HTTP) == OK || e.HTTP == http.StatusInternalServerError) && failsInside(e.Status)
	default:
		return e.HTTP == http.StatusInternalServerError
	}
}

// failsInside reports whether a status says that something went wrong in the partner's server, and no more than that.
func failsInside(status ocpi.StatusCode) bool {
	return status.ServerError() && status != ocpi.StatusCannotUseClientAPI && kindOfStatus(status) == TryLater
}
