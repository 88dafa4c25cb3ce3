package convert

import (
	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// An Env is what 2.1.1 says outside the object, by the URL and the connection it comes over. The zero Env works: what
// is not known stays empty on the way up, and is not held against the object on the way down. Objects of 2.2.1 say
// everything themselves; their translations take an Env to have the same form.
type Env struct {
	// Owner owns the object: the CPO of a location, session, CDR or tariff, the eMSP of a token.
	Owner ocpi.Party
	// EMSP is the party of the driver's token in sessions and CDRs, and of the token inside a command; zero where it is
	// not known. A token inside a command falls back to Owner.
	EMSP ocpi.Party
	// Role is the role of the party in Credentials, and of the party whose endpoints VersionDetails list.
	Role ocpi.Role
	// Location looks up one of Owner's locations. It is optional, and used on the way down to build the copy of the
	// location that 2.1.1 sessions and CDRs carry.
	Location func(id string) (v230.Location, bool)
}

// tokenOwner is the party of a token that is part of a command.
func (e *Env) tokenOwner() ocpi.Party {
	if e.EMSP != (ocpi.Party{}) {
		return e.EMSP
	}
	return e.Owner
}

func (e *Env) location(id ocpi.CiString) (v230.Location, bool) {
	if e.Location == nil {
		return v230.Location{}, false
	}
	return e.Location(string(id))
}
