package ocpiclient

import (
	"bytes"
	"fmt"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// diff makes the body of a PATCH from two states of an object: the members that differ, whole, because a receiver puts
// them in the place of what it has (requirements TF-37, TF-38). It is nil where none differs. removes tells that a member
// is gone.
func diff(before, after []byte) (patch []byte, removes bool, err error) {
	was, err := canonical(before)
	if err != nil {
		return nil, false, err
	}
	is, err := canonical(after)
	if err != nil {
		return nil, false, err
	}
	members := map[string]jsontext.Value{}
	for name, value := range is {
		if !bytes.Equal(value, was[name]) {
			members[name] = value
			removes = removes || value.Kind() == 'n'
		}
	}
	for name, value := range was {
		if _, stays := is[name]; !stays {
			members[name], removes = nothing(value), true
		}
	}
	if len(members) == 0 {
		return nil, false, nil
	}
	if at, ok := is[lastUpdated]; ok { // required since 2.2, and without it later pulls miss the change (requirement TF-40)
		members[lastUpdated] = at
	}
	patch, err = json.Marshal(members, json.Deterministic(true))
	if err != nil {
		return nil, false, fmt.Errorf("ocpiclient: write patch: %w", err)
	}
	return patch, removes, nil
}

const lastUpdated = "last_updated"

// nothing stands for a member that is gone. A list without elements is one without it (requirement TF-73), and more
// partners take that than null.
func nothing(value jsontext.Value) jsontext.Value {
	if value.Kind() == '[' {
		return jsontext.Value("[]")
	}
	return jsontext.Value("null")
}

// canonical returns the members of an object we wrote, each in the form in which equal values are equal bytes. Numbers
// keep their digits.
func canonical(object []byte) (map[string]jsontext.Value, error) {
	members := map[string]jsontext.Value{}
	if err := json.Unmarshal(object, &members); err != nil {
		return nil, fmt.Errorf("ocpiclient: write patch: %w", err)
	}
	for name, value := range members {
		if err := value.Format(jsontext.ReorderRawObjects(true), jsontext.PreserveRawStrings(false)); err != nil {
			return nil, fmt.Errorf("ocpiclient: write patch: %w", err)
		}
		members[name] = value
	}
	return members, nil
}
