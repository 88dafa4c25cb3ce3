package push

import (
	"errors"
	"net/http"
	"time"

	"github.com/roamwire/roamwire/ocpi/ocpiclient"
)

// A verdict is what a failure means for the object and for the lane.
type verdict struct {
	// partner tells that the failure says nothing about the object: the partner did not answer, or takes nothing.
	partner bool
	// atOnce tells that it is of no use to send anything else for now.
	atOnce bool
	// refused tells that the partner does not take this object, hopeless that it cannot even be sent.
	refused, hopeless bool
	// asked is how long the partner asks to wait.
	asked time.Duration
}

// errHome tells that our own data could not be read or written, which says nothing about the object: a full disk will have
// room again.
var errHome = errors.New("our own data")

// judge judges a failure.
func judge(err error) verdict {
	var e *ocpiclient.Error
	switch {
	case errors.Is(err, ocpiclient.ErrNotOffered), errors.Is(err, ocpiclient.ErrVersion):
		return verdict{partner: true, atOnce: true}
	case errors.Is(err, errHome):
		return verdict{}
	case !errors.As(err, &e):
		return verdict{hopeless: true}
	case e.HTTP == http.StatusUnauthorized, e.HTTP == http.StatusForbidden, e.HTTP == 0 && e.Kind == ocpiclient.Permanent:
		return verdict{partner: true, atOnce: true}
	case e.Kind == ocpiclient.TryLater:
		return verdict{partner: ofPartner(e.HTTP), asked: e.RetryAfter}
	default:
		return verdict{refused: true}
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
