package schema

import (
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/roamwire/roamwire/ocpi"
)

// Decode reads a T, whose table is o. The findings are everything the document deviates in. The error is an
// *ocpi.Error: HTTP 400 where raw is not JSON, status 2001 with the findings where the object cannot be used.
func Decode[T any](raw []byte, o *Object) (object T, findings []ocpi.Finding, err error) {
	findings, err = Check(raw, o)
	return decode[T](raw, o.Name, findings, err)
}

// DecodePatch is Decode for the body of a PATCH.
func DecodePatch[T any](raw []byte, o *Object) (object T, findings []ocpi.Finding, err error) {
	findings, err = CheckPatch(raw, o)
	return decode[T](raw, o.Name, findings, err)
}

func decode[T any](raw []byte, name string, findings []ocpi.Finding, err error) (T, []ocpi.Finding, error) {
	var object T
	if err != nil {
		return object, nil, err
	}
	if unusable := ocpi.UnusableFindings(findings); len(unusable) > 0 {
		return object, findings, ocpi.Unusable(name, unusable)
	}
	// The check has walked the document, duplicate names included.
	if err := json.Unmarshal(raw, &object, jsontext.AllowDuplicateNames(true)); err != nil {
		return object, findings, ocpi.InvalidParameters("%s cannot be used: %v", name, err)
	}
	return object, findings, nil
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
