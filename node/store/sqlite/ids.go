package sqlite

import (
	"github.com/roamwire/roamwire/node/store"
	"github.com/roamwire/roamwire/ocpi"
)

// idKey is an id as it is looked up: those that differ in case alone have the same. It is what SQLite's lower does. OCPI ids have
// ASCII letters only where they compare without case.
func idKey(id string) string { return ocpi.CiString(id).Fold() }

// A choice finds, of the rows that have the idKey of an id, the one that is meant.
type choice struct {
	id      string
	anyCase bool
	// found tells that a row was taken, exact that it has the very id, and place where the row stands among others that have not.
	found, exact bool
	place        int64
}

func choose(key *store.Key) choice { return chooseBy(key.Module, key.ID, key.AnyCase) }

// chooseBy is choose for an id of a module. Ids of CDRs never compare with case (requirement CDR-17).
func chooseBy(module ocpi.ModuleID, id string, anyCase bool) choice {
	return choice{id: id, anyCase: anyCase || module == ocpi.ModuleCDRs}
}

// takes reports whether a row is to be taken, in place of those that were: the one with the very id, or else the first.
func (c *choice) takes(id string, place int64) bool {
	exact := id == c.id
	if !exact && !c.anyCase || c.exact || c.found && !exact && place >= c.place {
		return false
	}
	c.found, c.exact, c.place = true, exact, place
	return true
}

// fits reports whether an id will do at all.
func (c *choice) fits(id string) bool { return c.anyCase || id == c.id }
