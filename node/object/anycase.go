package object

import (
	"slices"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// anyCase reports whether ids are the same whatever their case in a version, as they are since 2.2 (requirement DT-31).
func anyCase(v ocpi.Version) bool { return v.Compare("2.2") >= 0 }

func evseUID(e *v230.EVSE) *ocpi.CiString          { return &e.UID }
func connectorID(c *v230.Connector) *ocpi.CiString { return &c.ID }

// names are the ids of a list of parts: where each stands, and by its folded form the first that has it.
type names struct {
	at     map[ocpi.CiString]int
	folded map[string]int
}

// namesOf are the names of parts; with their folded forms where any case will do.
func namesOf[P any](parts []P, id func(*P) *ocpi.CiString, anyCase bool) names {
	n := names{at: make(map[ocpi.CiString]int, len(parts))}
	if anyCase {
		n.folded = make(map[string]int, len(parts))
	}
	for i := range parts {
		is := *id(&parts[i])
		n.at[is] = i
		if !anyCase {
			continue
		}
		if _, known := n.folded[is.Fold()]; !known {
			n.folded[is.Fold()] = i
		}
	}
	return n
}

// find finds the part with an id, or else the first whose id differs in case alone, where any case will do.
func (n *names) find(id ocpi.CiString) (at int, found bool) {
	if at, found = n.at[id]; !found && n.folded != nil {
		at, found = n.folded[id.Fold()]
	}
	return at, found
}

// respellParts writes the uids of EVSEs and the ids of their connectors as they were before, where they differ in case alone.
// What it changes is a copy.
func respellParts(before, after *v230.Location) {
	evses, changed := respelled(before.EVSEs, after.EVSEs, evseUID)
	var was names
	for i := range evses {
		at := i
		if i >= len(before.EVSEs) || before.EVSEs[i].UID != evses[i].UID {
			if was.at == nil {
				was = namesOf(before.EVSEs, evseUID, false)
			}
			var known bool
			if at, known = was.find(evses[i].UID); !known {
				continue
			}
		}
		if connectors, other := respelled(before.EVSEs[at].Connectors, evses[i].Connectors, connectorID); other {
			if !changed {
				evses, changed = slices.Clone(evses), true
			}
			evses[i].Connectors = connectors
		}
	}
	after.EVSEs = evses
}

// respelled writes the ids of parts as they were before, where they differ in case alone: in a copy, if there are any. One that
// would get the id of another stays as it is.
func respelled[P any](before, after []P, id func(*P) *ocpi.CiString) (parts []P, changed bool) {
	alike := slices.EqualFunc(before, after, func(a, b P) bool { return *id(&a) == *id(&b) })
	if alike || len(before) == 0 {
		return after, false
	}
	was, is := namesOf(before, id, true), namesOf(after, id, true)
	for i := range after {
		at, known := was.find(*id(&after[i]))
		if !known {
			continue
		}
		name := *id(&before[at])
		if first := is.folded[name.Fold()]; first != i || name == *id(&after[i]) {
			continue
		}
		if _, taken := is.at[name]; taken {
			continue
		}
		if !changed {
			after, changed = slices.Clone(after), true
		}
		*id(&after[i]) = name
	}
	return after, changed
}
