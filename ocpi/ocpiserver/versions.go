package ocpiserver

import (
	"fmt"
	"net/http"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/quirk"
	"github.com/roamwire/roamwire/ocpi/v211"
)

// A side is one role of ours with its place in the URLs.
type side struct {
	role ocpi.Role
	path string
}

var (
	cpoSide  = side{ocpi.RoleCPO, "/cpo"}
	emspSide = side{ocpi.RoleEMSP, "/emsp"}
)

// sides are the roles this server has.
func (s *Server) sides() []side {
	var sides []side
	if s.config.CPO != nil {
		sides = append(sides, cpoSide)
	}
	if s.config.EMSP != nil {
		sides = append(sides, emspSide)
	}
	return sides
}

// mountVersions serves the versions endpoint, and one for each role: the version details of 2.1.1 cannot say which
// role an endpoint is for, so a platform with both needs a URL for each (requirements V-01, V-05).
func (s *Server) mountVersions() {
	s.handle("/versions", resource{methods: methods{http.MethodGet: s.versions("")}})
	for _, side := range s.sides() {
		s.handle(side.path+"/versions", resource{role: side.role, methods: methods{http.MethodGet: s.versions(side.path)}})
	}
}

func (s *Server) versions(path string) handler {
	return func(*call) (answer, error) {
		items := make([]jsontext.Value, len(s.config.Versions))
		for i, v := range s.config.Versions {
			raw, err := json.Marshal(v211.Version{Version: v, URL: fmt.Sprintf("%s%s/%s/details", s.base, path, v)})
			if err != nil {
				return answer{}, err
			}
			items[i] = raw
		}
		return answer{items: items}, nil
	}
}

// details serves version details. At the shared URL a partner is told about the side that is for its own role, and
// about both only if it has both.
func (s *speaker) details(only *side) handler {
	return func(c *call) (answer, error) {
		sides := s.sides()
		if only != nil {
			sides = []side{*only}
		} else if fit := s.sidesFor(c.partner); len(fit) > 0 {
			sides = fit
		}
		details, slash := v211.VersionDetails{Version: s.version}, s.slash(c)
		for _, side := range sides {
			for _, module := range s.offered[side] {
				details.Endpoints = append(details.Endpoints, v211.Endpoint{Identifier: module, URL: s.endpoint(side, module) + slash})
			}
		}
		raw, err := json.Marshal(&details)
		return answer{data: raw}, err
	}
}

// slash is what the URLs of endpoints end with (requirement TF-63).
func (s *speaker) slash(c *call) string {
	switch {
	case c.profile().Has(quirk.ExpectTrailingSlash):
		c.quirks = append(c.quirks, string(quirk.ExpectTrailingSlash))
		return "/"
	case s.config.TrailingSlash:
		return "/"
	default:
		return ""
	}
}

// sidesFor are the sides of ours that a partner with its roles calls.
func (s *Server) sidesFor(partner *ocpi.Partner) []side {
	var fit []side
	for _, side := range s.sides() {
		if side == cpoSide && partner.Has(ocpi.RoleEMSP) || side == emspSide && partner.Has(ocpi.RoleCPO) {
			fit = append(fit, side)
		}
	}
	return fit
}

func (s *speaker) endpoint(side side, module ocpi.ModuleID) string {
	return fmt.Sprintf("%s%s/%s/%s", s.base, side.path, s.version, module)
}
