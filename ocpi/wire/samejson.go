package wire

import (
	"errors"
	"reflect"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/roamwire/roamwire/ocpi"
)

// SameJSON compares two documents by value. Numbers are compared exactly: money that differs in its last digit differs.
func SameJSON(a, b []byte) (bool, error) { return sameBut(a, b, func(map[string]any) {}) }

// sameBut is SameJSON for what is left of each object.
func sameBut(a, b []byte, reduce func(object map[string]any)) (bool, error) {
	var values [2]any
	for i, raw := range [][]byte{a, b} {
		if err := json.Unmarshal(raw, &values[i], json.WithUnmarshalers(json.UnmarshalFromFunc(exactNumber))); err != nil {
			return false, err
		}
		eachObject(values[i], reduce)
	}
	return reflect.DeepEqual(values[0], values[1]), nil
}

// eachObject goes over all objects in a value.
func eachObject(value any, do func(map[string]any)) {
	switch v := value.(type) {
	case map[string]any:
		do(v)
		for _, member := range v {
			eachObject(member, do)
		}
	case []any:
		for _, element := range v {
			eachObject(element, do)
		}
	}
}

// A number is the value of a JSON number as text: 1.50 and 1.5 are the same.
type number string

// exactNumber reads numbers, and leaves everything else to the default.
func exactNumber(dec *jsontext.Decoder, value *any) error {
	if dec.PeekKind() != '0' {
		return errors.ErrUnsupported
	}
	raw, err := dec.ReadValue()
	if err != nil {
		return err
	}
	*value = number(raw)
	if n, err := ocpi.ParseNumber(string(raw)); err == nil {
		*value = number(n.Decimal().String())
	}
	return nil
}
