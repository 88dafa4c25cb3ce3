package ocpiserver

import (
	"net/http"

	"github.com/roamwire/roamwire/ocpi"
)

// credentials serves GET credentials: what the caller uses to access us (requirement C-02). Partners are registered
// by hand so far; the methods that exchange credentials are not offered, which they are told with 405.
func (s *speaker) credentials(side side) methods {
	return methods{http.MethodGet: func(c *call) (answer, error) {
		own, err := s.config.Credentials.Credentials(c.ctx(), c.partner, side.role, c.token)
		if err != nil {
			return answer{}, err
		}
		env := s.env(c, ocpi.Party{})
		env.Role = side.role
		raw, _, err := s.codecs.Credentials.Write(own, env)
		return answer{data: raw}, err
	}}
}
