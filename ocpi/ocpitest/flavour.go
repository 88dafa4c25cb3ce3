package ocpitest

import (
	"net/http"
	"strings"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/ocpiserver"
)

// A flavour is what a Flavour changes.
type flavour struct {
	// configure changes how the server behind it is set up.
	configure func(*ocpiserver.Config)
	// wrap stands before that server.
	wrap func(*Partner, http.Handler) http.Handler
	// dress changes an object on its way out, given its name in the tables of 2.1.1.
	dress func(raw []byte, object string) []byte
	// join makes the URL of an object from that of its endpoint and the path below.
	join func(endpoint, path string) string
	// status is the OCPI status that a failure to look at the other side is answered with.
	status map[failure]ocpi.StatusCode
	// newToken makes tokens; nil for the usual.
	newToken func() string
	// oneVersionsURL is for those that have one versions URL for both roles.
	oneVersionsURL bool
}

func flavourOf(name Flavour) (flavour, bool) {
	switch name {
	case FlavourStandard:
		return standard(), true
	case FlavourOCPIPython:
		return pythonFlavour(), true
	default:
		return flavour{}, false
	}
}

func standard() flavour {
	return flavour{
		configure: func(*ocpiserver.Config) {},
		wrap:      func(_ *Partner, server http.Handler) http.Handler { return server },
		dress:     func(raw []byte, _ string) []byte { return raw },
		join:      func(endpoint, path string) string { return strings.TrimRight(endpoint, "/") + "/" + path }, // TF-63
		status:    standardStatus(),
	}
}

// standardStatus says which OCPI status each failure has (requirements C-14 and C-15).
func standardStatus() map[failure]ocpi.StatusCode {
	return map[failure]ocpi.StatusCode{
		unreachable: ocpi.StatusCannotUseClientAPI, refused: ocpi.StatusCannotUseClientAPI, noJSON: ocpi.StatusCannotUseClientAPI,
		refusedInside: ocpi.StatusCannotUseClientAPI, noVersion: ocpi.StatusUnsupportedVersion, noEndpoint: ocpi.StatusMissingEndpoints,
	}
}
