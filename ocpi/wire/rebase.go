package wire

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// rebase makes the change that leads from one object to another on a third: members that are the same in from and to
// stay in the model as they are. Elements of lists are matched by uid or id where they have one.
func rebase[T any](model *T, from, to T) error {
	var trees [3]jsontext.Value
	for i, object := range []*T{model, &from, &to} {
		raw, err := json.Marshal(object, json.Deterministic(true))
		if err != nil {
			return fmt.Errorf("apply patch: %w", err)
		}
		trees[i] = raw
	}
	var patched T
	if err := json.Unmarshal(rebaseValue(trees[0], trees[1], trees[2]), &patched); err != nil {
		return fmt.Errorf("apply patch: %w", err)
	}
	*model = patched
	return nil
}

func rebaseValue(model, from, to jsontext.Value) jsontext.Value {
	switch {
	case bytes.Equal(from, to):
		return model
	case model.Kind() == '{' && from.Kind() == '{' && to.Kind() == '{':
		return rebaseObject(model, from, to)
	case model.Kind() == '[' && from.Kind() == '[' && to.Kind() == '[':
		return rebaseList(model, from, to)
	default:
		return to
	}
}

func rebaseObject(model, from, to jsontext.Value) jsontext.Value {
	m, f, t := members(model), members(from), members(to)
	for name := range f {
		if _, stays := t[name]; !stays {
			delete(m, name)
		}
	}
	for name, value := range t {
		before, had := f[name]
		current, has := m[name]
		switch {
		case had && has:
			m[name] = rebaseValue(current, before, value)
		case had && bytes.Equal(before, value):
			// the model has dropped it, the PATCH did not touch it
		default:
			m[name] = value
		}
	}
	raw, _ := json.Marshal(m, json.Deterministic(true)) // a map of JSON values always has a JSON form
	return raw
}

// rebaseList rebases lists whose elements have identities, and takes the new list where they have none.
func rebaseList(model, from, to jsontext.Value) jsontext.Value {
	m, f, t := elements(model), elements(from), elements(to)
	current, before := byIdentity(m), byIdentity(f)
	if len(current) != len(m) || len(before) != len(f) || len(byIdentity(t)) != len(t) {
		return to
	}
	rebased := make([]jsontext.Value, 0, len(m))
	kept := map[string]bool{}
	for _, element := range t {
		id := identity(element)
		kept[id] = true
		if c, ok := current[id]; ok && before[id] != nil {
			element = rebaseValue(c, before[id], element)
		}
		rebased = append(rebased, element)
	}
	// Elements the older version could not see at all were not removed by it.
	for i, element := range m {
		id := identity(element)
		if before[id] == nil && !kept[id] {
			rebased = slices.Insert(rebased, min(i, len(rebased)), element)
		}
	}
	raw, _ := json.Marshal(rebased)
	return raw
}

func members(object jsontext.Value) map[string]jsontext.Value {
	m := map[string]jsontext.Value{}
	_ = json.Unmarshal(object, &m) // the value was made by Marshal
	return m
}

func elements(list jsontext.Value) []jsontext.Value {
	var e []jsontext.Value
	_ = json.Unmarshal(list, &e) // the value was made by Marshal
	return e
}

func byIdentity(elements []jsontext.Value) map[string]jsontext.Value {
	found := map[string]jsontext.Value{}
	for _, e := range elements {
		if id := identity(e); id != "" {
			found[id] = e
		}
	}
	return found
}

// identity is an element's uid, or its id.
func identity(element jsontext.Value) string {
	if element.Kind() != '{' {
		return ""
	}
	var named struct {
		UID string `json:"uid"`
		ID  string `json:"id"`
	}
	if json.Unmarshal(element, &named) != nil {
		return ""
	}
	if named.UID != "" {
		return "uid " + named.UID
	}
	if named.ID != "" {
		return "id " + named.ID
	}
	return ""
}
