package ocpi

import "strings"

// A CiString is text that compares without case and keeps the case it came with. Compare with Equal, and use Fold as
// a key.
type CiString string

// Equal reports whether both are the same but for ASCII case.
func (s CiString) Equal(t CiString) bool { return s.Fold() == t.Fold() }

// Fold returns the form in which equal CiStrings are the same string: ASCII letters in lower case.
func (s CiString) Fold() string {
	for i := range len(s) {
		if c := s[i]; 'A' <= c && c <= 'Z' {
			return strings.Map(lowerASCII, string(s))
		}
	}
	return string(s)
}

func lowerASCII(r rune) rune {
	if 'A' <= r && r <= 'Z' {
		return r + ('a' - 'A')
	}
	return r
}
