package schema

import (
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/roamwire/roamwire/ocpi"
)

// Decode reads a T, whose table is o. The findings are everything the document deviates in. The error is an
// *ocpi.Error: HTTP 400 where raw is not JSON, status 2001 with the findings where the object cannot be used.
func Decode[T any](raw []byte, o *Object) (object T, findings []ocpi.Finding, err error) {
	return decode[T](raw, o, full)
}

// DecodePatch is Decode for the body of a PATCH.
func DecodePatch[T any](raw []byte, o *Object) (object T, findings []ocpi.Finding, err error) {
	return decode[T](raw, o, patch)
}

func decode[T any](raw []byte, o *Object, m mode) (T, []ocpi.Finding, error) {
	var object T
	findings, odd, err := check(raw, o, m)
	if err != nil {
		return object, nil, err
	}
	if unusable := ocpi.UnusableFindings(findings); len(unusable) > 0 {
		return object, findings, ocpi.Unusable(o.Name, unusable)
	}
	// The check has walked the document, duplicate names included.
	options := []json.Options{jsontext.AllowDuplicateNames(true)}
	if odd {
		options = append(options, json.WithUnmarshalers(json.UnmarshalFromFunc(readWhole)))
	}
	if err := json.Unmarshal(raw, &object, options...); err != nil {
		return object, findings, ocpi.InvalidParameters("%s cannot be used: %v", o.Name, err)
	}
	return object, findings, nil
}

// readWhole reads a whole number that is written with a fraction or an exponent.
func readWhole(dec *jsontext.Decoder, target *int) error {
	value, err := dec.ReadValue()
	if err != nil {
		return err
	}
	n, err := wholeNumber(string(value))
	*target = int(n)
	return err
}

// Validate checks an object made in Go by the JSON it becomes.
func Validate(object any, o *Object) []ocpi.Finding {
	raw, err := json.Marshal(object)
	if err == nil {
		var findings []ocpi.Finding
		if findings, err = Check(raw, o); err == nil {
			return findings
		}
	}
	return []ocpi.Finding{{Code: ocpi.FindingUnreadable, Message: err.Error(), Unusable: true}}
}
