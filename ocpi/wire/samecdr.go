package wire

import (
	"fmt"
	"maps"
	"slices"

	"github.com/go-json-experiment/json"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/convert"
	"github.com/roamwire/roamwire/ocpi/quirk"
)

// SameCDR reports whether two documents with one id are the same CDR (requirement CDR-08). The case of the id, the times of
// the last change of it and of what is in it, and members without a value make no other CDR (requirement CDR-17).
//
// CDRs that came in the same version are compared in its terms, whatever revision of package convert has read them. Of two
// that came in different versions, what the older one can say is compared: the other says no more than that.
func SameCDR(a, b CDR, env convert.Env) (bool, error) {
	b.ID = a.ID
	form := inModel
	switch older, same := olderOf(cameIn(&a), cameIn(&b)); {
	case older == ocpi.V211 && same:
		form = in211
	case older == ocpi.V211:
		form = reducedTo211
	case older == ocpi.V221:
		form = in221
	}
	was, err := form(a, env)
	if err != nil {
		return false, fmt.Errorf("compare CDR %s: %w", a.ID, err)
	}
	is, err := form(b, env)
	if err != nil {
		return false, fmt.Errorf("compare CDR %s: %w", a.ID, err)
	}
	return sameBut(was, is, func(object map[string]any) {
		maps.DeleteFunc(object, func(name string, value any) bool { return name == "last_updated" || value == nil })
	})
}

// cameIn is the version that a CDR was read in: both older ones always leave something over.
func cameIn(c *CDR) ocpi.Version {
	if _, left := c.Extra[convert.LeftoverMember]; left {
		return ocpi.V211
	}
	if _, left := c.Extra[convert.LeftoverMember221]; left {
		return ocpi.V221
	}
	return ocpi.V230
}

// olderOf is the older one of two versions, and whether they are the same.
func olderOf(a, b ocpi.Version) (older ocpi.Version, same bool) {
	all := ocpi.Versions()
	return all[min(slices.Index(all, a), slices.Index(all, b))], a == b
}

func inModel(c CDR, _ convert.Env) ([]byte, error) { return json.Marshal(&c) }

func in211(c CDR, env convert.Env) ([]byte, error) {
	raw, _, err := codecs211().CDRs.Write(c, env)
	return raw, err
}

// in221 is a CDR as a partner on 2.2.1 says it.
func in221(c CDR, env convert.Env) ([]byte, error) {
	raw, _, err := codecs221().CDRs.Write(c, env)
	return convert.StripLeftovers(raw), err
}

// reducedTo211 is a CDR in the model's terms after it was in 2.1.1, without what only 2.1.1 says.
func reducedTo211(c CDR, env convert.Env) ([]byte, error) {
	raw, err := in211(c, env)
	if err != nil {
		return nil, err
	}
	reduced, _, err := codecs211().CDRs.Read(raw, env, quirk.Profile{})
	if err != nil {
		return nil, err
	}
	raw, err = json.Marshal(&reduced)
	return convert.StripLeftovers(raw), err
}
