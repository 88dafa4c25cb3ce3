package push

import (
	"errors"
	"net/http"
	"time"

	"github.com/roamwire/roamwire/ocpi/ocpiclient"
)

// A fault is whose a failure is.
type fault int

const (
	// absent: the partner did not answer, or takes nothing at all for now.
	absent fault = iota
	// trouble: the partner failed over it. Its fault or the object's: that shows by what becomes of others.
	trouble
	// refused: the partner does not take this object.
	refused
	// hopeless: the object cannot be sent.
	hopeless
	// unclear: it is not known whether a CDR has arrived, and the partner cannot tell.
	unclear
	// early: it is too early to believe that a CDR has not arrived.
	early
	// ours: our own data could not be read or written. A full disk will have room again.
	ours
)

// A verdict is what a failure means for the object and for the lane.
type verdict struct {
	fault fault
	// atOnce tells that it is of no use to send anything else for now.
	atOnce bool
	// asked is how long the partner asks to wait, or is to be waited for.
	asked time.Duration
	// asking tells that it is the question for a CDR that has failed.
	asking bool
	// busy tells that the partner wants fewer messages.
	busy bool
	// again tells that the object has failed before, and that others got through since.
	again bool
}

// ofObject is the verdict where others got through since the object failed before: that the partner seems to be away whenever
// it is sent is about the object. A proxy that gives up on it, or a rule against it, looks like that.
func (v verdict) ofObject() verdict {
	v.again = true
	if v.fault == absent && !v.busy {
		v.fault, v.atOnce = trouble, false
	}
	return v
}

// longestAsked bounds what a partner can ask for by one answer: it may have meant another time than it said.
const longestAsked = time.Hour

// errHome tells that our own data could not be read or written.
var errHome = errors.New("our own data")

// judge judges a failure.
func judge(err error) verdict {
	v := verdictOf(err)
	v.asking = errors.Is(err, errUnclear)
	return v
}

func verdictOf(err error) verdict {
	var e *ocpiclient.Error
	var wait *tooEarly
	isAnswer := errors.As(err, &e)
	switch {
	case errors.Is(err, errHome):
		return verdict{fault: ours}
	case errors.As(err, &wait):
		return verdict{fault: early, asked: wait.wait}
	case errors.Is(err, ocpiclient.ErrNotOffered), errors.Is(err, ocpiclient.ErrVersion):
		return verdict{fault: absent, atOnce: true}
	case errors.Is(err, errUnclear) && errors.Is(err, ocpiclient.ErrOtherHost):
		return verdict{fault: unclear}
	case isAnswer && (e.HTTP == http.StatusUnauthorized || e.HTTP == http.StatusForbidden || e.HTTP == 0 && e.Kind == ocpiclient.Permanent):
		return verdict{fault: absent, atOnce: true}
	case isAnswer && e.Kind == ocpiclient.TryLater && ofPartner(e.HTTP):
		return verdict{fault: absent, asked: min(e.RetryAfter, longestAsked), busy: e.HTTP == http.StatusTooManyRequests}
	case errors.Is(err, errUnclear):
		return verdict{fault: unclear}
	case !isAnswer:
		return verdict{fault: hopeless}
	case e.Status.ClientError(), ofObject(e.HTTP) && e.Status != 0:
		return verdict{fault: refused}
	default: // an error inside, a page of HTML, a module that is not there, a redirect: nobody has looked at the object
		return verdict{fault: trouble, asked: min(e.RetryAfter, longestAsked)}
	}
}

// ofPartner reports whether an HTTP status says that the partner as a whole is not there; 0 stands for no answer.
func ofPartner(status int) bool {
	switch status {
	case 0, http.StatusRequestTimeout, http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	default:
		return false
	}
}

// ofObject reports whether an HTTP status says that something is wrong with what was sent, where it comes from the partner's
// OCPI and not from a proxy.
func ofObject(status int) bool {
	switch status {
	case http.StatusBadRequest, http.StatusConflict, http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity:
		return true
	default:
		return false
	}
}
