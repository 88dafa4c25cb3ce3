package backend

import (
	"bytes"
	"errors"
	"io"
	"net/http"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/roamwire/roamwire/ocpi"
)

// merged is a document changed by a JSON Merge Patch (RFC 7396): objects are merged member by member, null takes a member
// away, and everything else takes the place of what was there, lists as a whole.
func merged(document, patch []byte) ([]byte, error) {
	if jsontext.Value(patch).Kind() != '{' || jsontext.Value(document).Kind() != '{' {
		return withoutNulls(patch)
	}
	var names []string
	members, changes := map[string]jsontext.Value{}, map[string]jsontext.Value{}
	if err := eachMember(document, func(name string, value jsontext.Value) error {
		names = append(names, name)
		members[name] = value
		return nil
	}); err != nil {
		return nil, err
	}
	if err := eachMember(patch, func(name string, value jsontext.Value) (err error) {
		if _, known := members[name]; !known {
			names = append(names, name)
		}
		if value.Kind() != 'n' {
			value, err = mergedMember(members[name], value)
		}
		changes[name] = value
		return err
	}); err != nil {
		return nil, err
	}
	return join(names, members, changes)
}

func mergedMember(member, change jsontext.Value) (jsontext.Value, error) {
	if change.Kind() != '{' {
		return change, nil
	}
	if member.Kind() != '{' {
		member = jsontext.Value("{}")
	}
	return merged(member, change)
}

// withoutNulls is what a patch makes of nothing.
func withoutNulls(patch jsontext.Value) ([]byte, error) {
	if patch.Kind() != '{' {
		return patch, nil
	}
	return merged([]byte("{}"), patch)
}

// join writes the members with their changes.
func join(names []string, members, changes map[string]jsontext.Value) ([]byte, error) {
	var out bytes.Buffer
	enc := jsontext.NewEncoder(&out)
	if err := enc.WriteToken(jsontext.BeginObject); err != nil {
		return nil, err
	}
	for _, name := range names {
		value, changed := changes[name]
		if !changed {
			value = members[name]
		}
		if value.Kind() == 'n' && changed {
			continue
		}
		if err := errors.Join(enc.WriteToken(jsontext.String(name)), enc.WriteValue(value)); err != nil {
			return nil, err
		}
	}
	err := enc.WriteToken(jsontext.EndObject)
	return bytes.TrimRight(out.Bytes(), "\n"), err
}

// eachMember goes over the members of an object, whose names are unique.
func eachMember(object []byte, fn func(name string, value jsontext.Value) error) error {
	dec := jsontext.NewDecoder(bytes.NewReader(object))
	if _, err := dec.ReadToken(); err != nil {
		return err
	}
	for dec.PeekKind() != '}' {
		name, err := dec.ReadToken()
		if err != nil {
			return err
		}
		text := name.String()
		value, err := dec.ReadValue()
		if err != nil {
			return err
		}
		if err := fn(text, value.Clone()); err != nil {
			return err
		}
	}
	if _, err := dec.ReadToken(); err != nil {
		return err
	}
	if _, err := dec.ReadToken(); !errors.Is(err, io.EOF) {
		return errors.New("something follows the document")
	}
	return nil
}

// patched reads an object after a patch, strictly. What was wrong with it before is not the patch's mistake. Its last_updated
// is unstamped unless the patch names it.
func patched[T any](m module[T], before *T, patch []byte) (after T, err error) {
	document, err := json.Marshal(before)
	if err != nil {
		return after, err
	}
	raw, err := merged(document, patch)
	if err != nil {
		return after, problem(http.StatusBadRequest, "the patch is not a JSON document: %v", err)
	}
	if !names(patch, "last_updated") {
		if raw, err = merged(raw, []byte(`{"last_updated":"`+unstamped+`"}`)); err != nil {
			return after, err
		}
	}
	after, findings, err := m.strictly(raw)
	if err != nil || len(findings) == 0 {
		return after, err
	}
	_, old, err := m.strictly(document)
	if err != nil {
		return after, err
	}
	var fresh []ocpi.Finding
	for _, f := range findings {
		if !contains(old, f) {
			fresh = append(fresh, f)
		}
	}
	if len(fresh) > 0 {
		return after, invalid("the patched "+m.noun, fresh)
	}
	return after, nil
}

func contains(findings []ocpi.Finding, one ocpi.Finding) bool {
	for _, f := range findings {
		if f.Pointer == one.Pointer && f.Code == one.Code && f.Message == one.Message {
			return true
		}
	}
	return false
}

// names reports whether a JSON object has a member.
func names(object []byte, member string) bool {
	found := false
	_ = eachMember(object, func(name string, _ jsontext.Value) error { // whether it is JSON is found out elsewhere
		found = found || name == member
		return nil
	})
	return found
}

// checkPatch says what is wrong with the body of a PATCH before it is applied.
func checkPatch(patch []byte) error {
	dec := jsontext.NewDecoder(bytes.NewReader(patch))
	_, err := dec.ReadValue()
	if err == nil {
		if _, more := dec.ReadToken(); !errors.Is(more, io.EOF) {
			err = errors.New("something follows the document")
		}
	}
	if err != nil {
		return problem(http.StatusBadRequest, "the patch is not a JSON document: %v", err)
	}
	if jsontext.Value(patch).Kind() != '{' {
		return mistake("", ocpi.FindingType, "a patch is an object with what is to change")
	}
	return nil
}
