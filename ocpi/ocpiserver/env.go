package ocpiserver

import (
	"errors"
	"fmt"
	"slices"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/convert"
	"github.com/roamwire/roamwire/ocpi/wire"
)

// env collects what 2.1.1 says outside of an object: who owns it, whose driver it is about, and the location it took
// place at. An object without owner is one of ours.
func (s *speaker) env(c *call, owner ocpi.Party) convert.Env {
	return convert.Env{Owner: owner, EMSP: s.emspFacing(c), Location: s.locationsOf(c, owner)}
}

// locationsOf looks up our locations, or for objects of a partner those it has pushed. It asks for each only once:
// the objects of a page often share a location.
func (s *speaker) locationsOf(c *call, owner ocpi.Party) func(id string) (wire.Location, bool) {
	var get func(id string) (wire.Location, error)
	if owner == (ocpi.Party{}) && s.config.CPO != nil {
		if own, ok := s.config.CPO.Locations.(Getter[wire.Location]); ok {
			get = func(id string) (wire.Location, error) { return own.Get(c.ctx(), c.viewer(), id) }
		}
	}
	if owner != (ocpi.Party{}) && s.config.EMSP != nil && s.config.EMSP.Locations != nil {
		get = func(id string) (wire.Location, error) {
			return s.config.EMSP.Locations.Get(c.ctx(), c.partner, ocpi.Key{Party: owner, ID: id})
		}
	}
	if get == nil {
		return nil
	}
	type found struct {
		location wire.Location
		ok       bool
	}
	asked := map[string]found{}
	return func(id string) (wire.Location, bool) {
		f, known := asked[id]
		if !known {
			l, err := get(id)
			if err != nil && !errors.Is(err, ocpi.ErrNotFound) {
				c.lookup = fmt.Errorf("look up location %s: %w", id, err)
			}
			f = found{l, err == nil}
			asked[id] = f
		}
		return f.location, f.ok
	}
}

// emspFacing is the eMSP party of ours that the message is for, or else the one that the partner deals with; the zero Party where
// there are several.
func (s *speaker) emspFacing(c *call) ocpi.Party {
	found := s.partiesFacing(c.partner, ocpi.RoleEMSP)
	if to := RoutingOf(c.ctx()).To; slices.Contains(found, to) {
		return to
	}
	if len(found) == 1 {
		return found[0]
	}
	return ocpi.Party{}
}
