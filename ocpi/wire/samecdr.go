package wire

import (
	"fmt"
	"maps"

	"github.com/go-json-experiment/json"

	"github.com/roamwire/roamwire/ocpi/convert"
	"github.com/roamwire/roamwire/ocpi/quirk"
)

// SameCDR reports whether two documents with one id are the same CDR (requirement CDR-08). The case of the id, the times of
// the last change of it and of what is in it, and members without a value make no other CDR (requirement CDR-17).
//
// CDRs that came in the same version are compared in its terms, whatever revision of package convert has read them. Of one
// that came in 2.1.1 and one that came in a later version, what 2.1.1 can say is compared: the other says no more than that.
func SameCDR(a, b CDR, env convert.Env) (bool, error) {
	b.ID = a.ID
	form := inModel
	switch a211, b211 := is211(&a), is211(&b); {
	case a211 && b211:
		form = in211
	case a211 || b211:
		form = reducedTo211
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

// is211 reports whether a CDR was read in 2.1.1, which always leaves something over.
func is211(c *CDR) bool {
	_, left := c.Extra[convert.LeftoverMember]
	return left
}

func inModel(c CDR, _ convert.Env) ([]byte, error) { return json.Marshal(&c) }

func in211(c CDR, env convert.Env) ([]byte, error) {
	raw, _, err := codecs211().CDRs.Write(c, env)
	return raw, err
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
