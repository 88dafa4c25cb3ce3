package ocpitest

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/roamwire/roamwire/ocpi"
)

// checkBody says what is wrong with a body, in their words: all of it, in the order of the fields. at is where the body
// is in the places of the errors. Of a patch, no field is required.
func (c *pythonCall) checkBody(object string, patch bool, at ...any) *Answer {
	var errors []pythonError
	switch kind := c.body.Kind(); {
	case len(c.body) == 0 || kind == 'n':
		errors = []pythonError{missing([]any{"body"})}
	case c.text:
		errors = []pythonError{notADict([]any{"body"})}
	default:
		errors = checkObject(c.body, pythonType(object), patch, at)
	}
	if len(errors) == 0 {
		return nil
	}
	return unprocessable(errors...)
}

func missing(loc []any) pythonError { return pythonError{loc, "field required", "value_error.missing"} }
func notADict(loc []any) pythonError {
	return pythonError{loc, "value is not a valid dict", "type_error.dict"}
}

func notInEnum(loc []any, values ...string) pythonError {
	e := pythonError{loc, "value is not a valid enumeration member", "type_error.enum"}
	if len(values) > 0 {
		e.Msg += "; permitted: '" + strings.Join(values, "', '") + "'"
	}
	return e
}

// checkObject takes an empty list for an empty object, as they do.
func checkObject(raw jsontext.Value, t reflect.Type, patch bool, loc []any) []pythonError {
	if kind := raw.Kind(); kind != '{' && (kind != '[' || len(elementsOf(raw)) > 0) {
		return []pythonError{notADict(loc)}
	}
	members := membersOf(raw)
	var errors []pythonError
	for _, f := range pythonFields(t) {
		value, at := members[f.theirs], append(slices.Clone(loc), f.theirs)
		switch {
		case len(value) == 0:
			if f.required && !patch {
				errors = append(errors, missing(at))
			}
		case value.Kind() == 'n':
			if (f.required || f.list && !f.single) && !patch {
				errors = append(errors, pythonError{at, "none is not an allowed value", "type_error.none.not_allowed"})
			}
		case f.list && !f.single:
			errors = append(errors, f.checkList(value, at)...)
		default:
			errors = append(errors, f.checkValue(value, at)...)
		}
	}
	return errors
}

func (f pythonField) checkList(raw jsontext.Value, loc []any) []pythonError {
	if raw.Kind() != '[' {
		return []pythonError{{loc, "value is not a valid list", "type_error.list"}}
	}
	var errors []pythonError
	for i, item := range elementsOf(raw) {
		errors = append(errors, f.checkValue(item, append(slices.Clone(loc), i))...)
	}
	return errors
}

func (f pythonField) checkValue(raw jsontext.Value, loc []any) []pythonError {
	if f.object() {
		return checkObject(raw, f.of, false, loc)
	}
	value := reflect.New(f.of)
	err := json.Unmarshal(raw, value.Interface())
	enum, isEnum := reflect.TypeAssert[interface{ Known() bool }](value.Elem())
	switch {
	case isEnum && (err != nil || !enum.Known()):
		return []pythonError{notInEnum(loc)}
	case err == nil:
		return nil
	case f.of == reflect.TypeFor[ocpi.DateTime]():
		return []pythonError{{loc, fmt.Sprintf("Invalid isoformat string: %s", raw), "value_error"}}
	default:
		return []pythonError{{loc, "value is not a valid " + pythonNames()[f.of.Kind()], "type_error"}}
	}
}

// pythonNames are their names of the kinds; the kind struct is what Number is.
func pythonNames() map[reflect.Kind]string {
	return map[reflect.Kind]string{reflect.String: "str", reflect.Int: "integer", reflect.Bool: "boolean", reflect.Struct: "float"}
}
