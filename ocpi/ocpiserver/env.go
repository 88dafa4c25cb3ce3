package ocpiserver

import (
	"slices"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/convert"
	"github.com/roamwire/roamwire/ocpi/wire"
)

// env collects what 2.1.1 says outside of an object: who owns it, whose driver it is about, and our locations.
func (s *speaker) env(c *call, owner ocpi.Party) convert.Env {
	env := convert.Env{Owner: owner, EMSP: s.emspFacing(c.partner)}
	if s.config.CPO == nil {
		return env
	}
	if locations, ok := s.config.CPO.Locations.(Getter[wire.Location]); ok {
		env.Location = func(id string) (wire.Location, bool) {
			l, err := locations.Get(c.ctx(), c.partner, id)
			return l, err == nil
		}
	}
	return env
}

// emspFacing is the eMSP party of ours that the partner deals with; the zero Party where there are several.
func (s *speaker) emspFacing(partner *ocpi.Partner) ocpi.Party {
	var found []ocpi.Party
	for _, r := range s.config.Parties {
		if r.Role == ocpi.RoleEMSP && (len(partner.Serves) == 0 || slices.Contains(partner.Serves, r.Party)) {
			found = append(found, r.Party)
		}
	}
	if len(found) == 1 {
		return found[0]
	}
	return ocpi.Party{}
}
