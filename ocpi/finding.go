package ocpi

// A Finding is one thing that is wrong with an object.
type Finding struct {
	// Pointer is the place in the JSON document, as an RFC 6901 JSON Pointer; empty for the document itself.
	Pointer string `json:"pointer"`
	// Code is the kind of finding.
	Code FindingCode `json:"code"`
	// Message explains it to a person.
	Message string `json:"message"`
	// Unusable marks a finding without whose repair the object cannot be used: a required field that is missing, a
	// value of the wrong JSON type, an unreadable timestamp. All other findings leave the object usable.
	Unusable bool `json:"unusable"`
	// Want is what belongs at Pointer, where it is something else or nothing: for programs that put it right.
	Want Wanted `json:"-"`
	// Meant is the value of an enum that differs from the one found only in case, blanks and hyphens; empty for none.
	Meant string `json:"-"`
}

// String returns "pointer: message".
func (f Finding) String() string {
	if f.Pointer == "" {
		return f.Message
	}
	return f.Pointer + ": " + f.Message
}

// A FindingCode is the kind of a Finding.
type FindingCode string

// The kinds of findings.
const (
	FindingMissing     FindingCode = "missing"     // a required field is absent (unusable)
	FindingNull        FindingCode = "null"        // null in a required field (unusable)
	FindingType        FindingCode = "type"        // another JSON type than the field's (unusable)
	FindingTimestamp   FindingCode = "timestamp"   // a timestamp nobody can read (unusable), or not in UTC with Z
	FindingLength      FindingCode = "length"      // longer than the version allows
	FindingEmpty       FindingCode = "empty"       // an empty list or string where one value is required
	FindingEnum        FindingCode = "enum"        // a value the version's enum does not list
	FindingFormat      FindingCode = "format"      // coordinates, times, dates, codes, URLs in another form
	FindingRange       FindingCode = "range"       // a number out of bounds
	FindingCharacters  FindingCode = "characters"  // characters the type does not allow
	FindingConsistency FindingCode = "consistency" // fields that contradict each other
	FindingMismatch    FindingCode = "mismatch"    // URL and body name different objects (unusable)
	FindingUnreadable  FindingCode = "unreadable"  // not a JSON document (unusable)
	FindingUnknown     FindingCode = "unknown"     // a member the version does not have, for those who take none
	FindingMore        FindingCode = "more"        // how many findings were left out after the first thousand
)

// Wanted is what a field holds, as far as JSON tells.
type Wanted string

// What fields hold. Texts, identifiers and the like are strings.
const (
	WantString    Wanted = "string"
	WantURL       Wanted = "url"
	WantEnum      Wanted = "enum"
	WantTimestamp Wanted = "timestamp"
	WantNumber    Wanted = "number"
	WantInt       Wanted = "int"
	WantBool      Wanted = "bool"
	WantObject    Wanted = "object"
	WantList      Wanted = "list"
	// WantAbsent is for a field that a PATCH sets to null though it cannot be cleared.
	WantAbsent Wanted = "absent"
)

// UnusableFindings returns the findings that make an object unusable.
func UnusableFindings(findings []Finding) []Finding {
	var unusable []Finding
	for _, f := range findings {
		if f.Unusable {
			unusable = append(unusable, f)
		}
	}
	return unusable
}
