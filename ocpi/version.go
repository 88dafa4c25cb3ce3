package ocpi

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// A Version is a version number of the protocol, such as "2.1.1". Partners may offer versions unknown to this
// package; those are values like any other (requirement V-08).
type Version string

// The versions this library has types for.
const (
	V211 Version = "2.1.1"
	V221 Version = "2.2.1"
	V230 Version = "2.3.0"
)

// Versions lists the versions this library has types for, oldest first.
func Versions() []Version { return []Version{V211, V221, V230} }

// Known reports whether this library has types for v.
func (v Version) Known() bool { return v == V211 || v == V221 || v == V230 }

// ParseVersion reads a version as somebody has typed it. The error lists those this library has types for.
func ParseVersion(text string) (Version, error) {
	v := Version(strings.TrimSpace(text))
	if !v.Known() {
		return "", fmt.Errorf("version %q is not known: use %s", text, versionWords())
	}
	return v, nil
}

// versionWords are the versions with types, as a sentence has them.
func versionWords() string {
	all := Versions()
	words := make([]string, len(all))
	for i, v := range all {
		words[i] = string(v)
	}
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " or " + words[last]
}

// SortVersions returns versions in their order, each once.
func SortVersions(versions []Version) []Version {
	return slices.Compact(slices.SortedFunc(slices.Values(versions), Version.Compare))
}

// Compare orders versions by their numbers: "2.2.1" is after "2.1.1", and "2.10" is after "2.9".
func (v Version) Compare(w Version) int {
	a, b := strings.Split(string(v), "."), strings.Split(string(w), ".")
	for i := range max(len(a), len(b)) {
		if c := cmp.Compare(versionPart(a, i), versionPart(b, i)); c != 0 {
			return c
		}
	}
	return cmp.Compare(v, w)
}

func versionPart(parts []string, i int) int {
	if i >= len(parts) {
		return 0
	}
	n, err := strconv.Atoi(parts[i])
	if err != nil {
		return -1
	}
	return n
}
