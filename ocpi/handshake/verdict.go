package handshake

import (
	"errors"
	"net"
	"net/http"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/ocpiclient"
)

// A verdict is what a failed request with our credentials means.
type verdict int

// The verdicts.
const (
	// unclear: the partner may have taken them.
	unclear verdict = iota
	// notNow: it has not taken them, and may later.
	notNow
	// no: it has not taken them, and will not.
	no
)

// judge decides what a failed request means. In doubt it is unclear: what is unclear is sent again, which does no harm,
// while a token that is forgotten too early locks the partner out.
func judge(err error) verdict {
	var dial *net.OpError
	if errors.As(err, &dial) && dial.Op == "dial" {
		return notNow
	}
	var e *ocpiclient.Error
	if !errors.As(err, &e) {
		return no // it was not even sent
	}
	switch {
	case errors.Is(err, ocpiclient.ErrAddress):
		return no
	case e.HTTP == http.StatusConflict || e.HTTP == http.StatusTooEarly || e.HTTP == http.StatusTooManyRequests:
		return notNow
	case e.HTTP == http.StatusRequestTimeout:
		return unclear
	case e.HTTP >= http.StatusMultipleChoices && e.HTTP < http.StatusInternalServerError:
		return no
	case e.HTTP == http.StatusOK && (e.Status.ClientError() || saysWhy(e.Status)):
		return no
	default:
		return unclear
	}
}

// saysWhy reports whether a status is one that OCPI has for registrations that fail.
func saysWhy(code ocpi.StatusCode) bool {
	return code == ocpi.StatusCannotUseClientAPI || code == ocpi.StatusUnsupportedVersion || code == ocpi.StatusMissingEndpoints
}

// refusedToken reports whether an answer says that the token is not known. Some say 403.
func refusedToken(err error) bool {
	var e *ocpiclient.Error
	return errors.Is(err, ocpi.ErrUnauthorized) || errors.As(err, &e) && e.HTTP == http.StatusForbidden
}
