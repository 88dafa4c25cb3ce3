package backend

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"strings"
)

// tagOf is the strong ETag of an object as it is shown.
func tagOf(document []byte) string {
	sum := sha256.Sum256(document)
	const length = 12
	return `"` + base64.RawURLEncoding.EncodeToString(sum[:length]) + `"`
}

// Preconditions are what a request says of the state it expects.
type Preconditions struct {
	IfMatch     string `header:"If-Match" doc:"Only if the object is there in the state with one of these ETags; * for any state"`
	IfNoneMatch string `header:"If-None-Match" doc:"* for only if the object is not there; for GET, the ETags for which 304 is enough"`
}

// check refuses what is in another state than expected. document is the object as it is shown, nil for none.
func (p Preconditions) check(document []byte) error {
	if p.IfMatch != "" && (document == nil || p.IfMatch != "*" && !lists(p.IfMatch, tagOf(document))) {
		if document == nil {
			return problem(http.StatusPreconditionFailed, "there is nothing there, and If-Match expects something")
		}
		return problem(http.StatusPreconditionFailed, "it is in another state than If-Match says: read it again").with("ETag", tagOf(document))
	}
	if p.IfNoneMatch != "" && document != nil && (p.IfNoneMatch == "*" || lists(p.IfNoneMatch, tagOf(document))) {
		return problem(http.StatusPreconditionFailed, "it is there already, and If-None-Match expects that it is not").with("ETag", tagOf(document))
	}
	return nil
}

func (p Preconditions) any() bool { return p.IfMatch != "" || p.IfNoneMatch != "" }

// checkRead refuses to show what is in another state than If-Match says. Whether a reader has it already is for fresh.
func (p Preconditions) checkRead(document []byte) error {
	return Preconditions{IfMatch: p.IfMatch}.check(document)
}

// fresh reports whether a reader has this state already.
func (p Preconditions) fresh(tag string) bool {
	return p.IfNoneMatch == "*" || lists(strings.ReplaceAll(p.IfNoneMatch, "W/", ""), tag)
}

// lists reports whether a tag is in a list.
func lists(list, tag string) bool {
	for one := range strings.SplitSeq(list, ",") {
		if strings.TrimSpace(one) == tag {
			return true
		}
	}
	return false
}

// checkObject is check for an object; nil for none.
func checkObject[T any](p Preconditions, object *T) error {
	if !p.any() {
		return nil
	}
	if object == nil {
		return p.check(nil)
	}
	document, err := shown(object)
	if err != nil {
		return err
	}
	return p.check(document)
}
