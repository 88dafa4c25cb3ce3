package ocpiserver

import (
	"net/http"
	"slices"

	"github.com/roamwire/roamwire/ocpi"
)

const routingHeaders = ocpi.HeaderToCountry + ", " + ocpi.HeaderToParty + ", " + ocpi.HeaderFromCountry + ", " + ocpi.HeaderFromParty

// cors lets configured web origins call from a browser. It reports whether it has answered the request, which it does
// for a preflight.
func (s *Server) cors(c *call) bool {
	w, r := c.w, c.r
	origin := r.Header.Get("Origin")
	if origin == "" || len(s.config.CORSOrigins) == 0 {
		return false
	}
	h := w.Header()
	h.Add("Vary", "Origin")
	if !slices.Contains(s.config.CORSOrigins, "*") && !slices.Contains(s.config.CORSOrigins, origin) {
		return false
	}
	h.Set("Access-Control-Allow-Origin", origin)
	h.Set("Access-Control-Expose-Headers", "Link, X-Total-Count, X-Limit, Location, X-Request-ID, X-Correlation-ID, "+routingHeaders)
	if r.Method != http.MethodOptions || r.Header.Get("Access-Control-Request-Method") == "" {
		return false
	}
	h.Set("Access-Control-Allow-Methods", "GET, POST, PUT, PATCH, DELETE")
	h.Set("Access-Control-Allow-Headers", "Authorization, Content-Type, X-Request-ID, X-Correlation-ID, "+routingHeaders)
	h.Set("Access-Control-Max-Age", "600")
	c.forgetBody()
	w.WriteHeader(http.StatusNoContent)
	return true
}
