package quirk

import "github.com/roamwire/roamwire/ocpi"

// Write makes of a document of version v what this partner expects. The object is a name of the version's tables, such
// as "Location". It returns raw itself where nothing had to be changed.
func (p Profile) Write(v ocpi.Version, object string, raw []byte) (rewritten []byte, applied []Name) {
	return raw, nil
}

// WritePatch is Write for the body of a PATCH: nothing is added to it.
func (p Profile) WritePatch(v ocpi.Version, object string, raw []byte) (rewritten []byte, applied []Name) {
	return raw, nil
}
