package ocpiserver

import (
	"fmt"
	"net/http"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/quirk"
	"github.com/roamwire/roamwire/ocpi/v211"
	"github.com/roamwire/roamwire/ocpi/v230"
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

// interfaceRole is the side of a module that a role of ours serves: who owns the objects sends them, and who gives commands
// takes their results as their sender. For credentials it has no meaning, and SENDER is advised (requirement DV-01).
func interfaceRole(role ocpi.Role, module ocpi.ModuleID) ocpi.InterfaceRole {
	sender := ocpi.RoleCPO
	switch module {
	case ocpi.ModuleCredentials:
		return ocpi.Sender
	case ocpi.ModuleTokens, ocpi.ModuleCommands, ocpi.ModuleChargingProfiles:
		sender = ocpi.RoleEMSP
	default:
	}
	if role == sender {
		return ocpi.Sender
	}
	return ocpi.Receiver
}

// mountVersions serves the versions endpoint, and one for each role: the version details of 2.1.1 cannot say which
// role an endpoint is for, so a platform with both needs a URL for each (requirements V-01, V-05). Details of later
// versions are the same for every role (requirement DV-02). A partner is not told of versions that are hidden from it.
func (s *Server) mountVersions() {
	s.handle("/versions", resource{methods: methods{http.MethodGet: s.versions("")}})
	for _, side := range s.sides() {
		s.handle(side.path+"/versions", resource{role: side.role, methods: methods{http.MethodGet: s.versions(side.path)}})
	}
}

func (s *Server) versions(path string) handler {
	return func(c *call) (answer, error) {
		items := make([]jsontext.Value, 0, len(s.config.Versions))
		for _, v := range s.config.Versions {
			if !c.partner.Offered(v) {
				continue
			}
			side := path
			if v.Compare("2.2") >= 0 {
				side = ""
			}
			raw, err := json.Marshal(v211.Version{Version: v, URL: fmt.Sprintf("%s%s/%s/details", s.base, side, v)})
			if err != nil {
				return answer{}, err
			}
			items = append(items, raw)
		}
		return answer{items: items}, nil
	}
}

// details serves version details.
func (s *speaker) details(only *side) handler {
	if s.since22() {
		return s.detailsWithRoles(only)
	}
	return s.detailsWithoutRoles(only)
}

// detailsWithRoles serves version details since 2.2, which say the role of each endpoint (requirements DV-01, DV-02). At the
// shared URL they are those of all our roles, at the paths of all roles.
func (s *speaker) detailsWithRoles(only *side) handler {
	return func(c *call) (answer, error) {
		slash := s.slash(c)
		details := v230.VersionDetails{Version: s.version}
		add := func(role ocpi.InterfaceRole, module ocpi.ModuleID, path string) {
			details.Endpoints = append(details.Endpoints, v230.Endpoint{Identifier: module, Role: role, URL: s.base + path + slash})
		}
		if only == nil && s.config.Credentials != nil {
			add(ocpi.Sender, ocpi.ModuleCredentials, s.shared("", ocpi.ModuleCredentials))
		}
		for _, side := range s.sides() {
			for _, module := range s.offered[side] {
				role := interfaceRole(side.role, module)
				switch {
				case only == nil && module != ocpi.ModuleCredentials:
					add(role, module, s.shared(role, module))
				case only != nil && *only == side:
					add(role, module, s.reference(side, module))
				}
			}
		}
		for _, e := range s.commonFor(c.partner) {
			add(e.role, e.module, s.shared(e.role, e.module))
		}
		raw, err := json.Marshal(&details)
		return answer{data: raw}, err
	}
}

// commonFor are the endpoints of no role of ours that a partner is told of.
func (s *speaker) commonFor(partner *ocpi.Partner) (known []endpoint) {
	for _, e := range s.common {
		if e.agreed == nil || e.agreed(partner) {
			known = append(known, e)
		}
	}
	return known
}

// detailsWithoutRoles serves version details of 2.1.1. At the shared URL a partner is told about the side that is for its own
// role, and about both only if it has both.
func (s *speaker) detailsWithoutRoles(only *side) handler {
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
				details.Endpoints = append(details.Endpoints, v211.Endpoint{Identifier: module, URL: s.base + s.reference(side, module) + slash})
			}
		}
		for _, e := range s.commonFor(c.partner) {
			details.Endpoints = append(details.Endpoints, v211.Endpoint{Identifier: e.module, URL: s.base + s.shared(e.role, e.module) + slash})
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
