package quirk

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// A Profile is a set of quirks. The zero Profile applies none: it is the profile standard.
type Profile struct {
	expression string
	names      map[Name]bool
	// reading and writing are the quirks of documents among them, in the order of All.
	reading, writing []Quirk
	// received is the time that a missing last_updated may get; zero for none.
	received time.Time
}

// A Preset is a profile with a name.
type Preset struct {
	Name, Summary string
	Quirks        []Name
}

// Presets returns the profiles that have names.
func Presets() []Preset {
	var lenient []Name
	for _, q := range All() {
		if q.Harmless {
			lenient = append(lenient, q.Name)
		}
	}
	python := []Name{
		TokenPlain, LocationUnusable, ExpectTrailingSlash, ExpectPutForRemovals, UnlistedCommands, ExpectEndDateTime, ExpectTimeZone, ExpectStatusScheduleObject, ExpectEnvironImpactObject,
		ExpectWholeEnergyMix, ExpectTwentyFourSeven, ExpectTariffID, ExpectNoNullLists,
	}
	return []Preset{
		{Name: "standard", Summary: "The specification and nothing else."},
		{Name: defaultPreset, Summary: "Everything that is harmless. The default.", Quirks: lenient},
		{Name: "ocpi-python", Summary: "The Python library extrawest_ocpi, in version 2.1.1.", Quirks: slices.Concat(lenient, python)},
	}
}

const defaultPreset = "lenient"

// Parse reads an expression: names of profiles and quirks separated by commas, such as "ocpi-python",
// "standard,token-base64" or "lenient,-numbers-as-strings". A name adds what it stands for, a name after "-" takes it
// away, from left to right. An expression that does not begin with the name of a profile begins with the default,
// lenient.
func Parse(expression string) (Profile, error) {
	presets := map[string][]Name{}
	for _, p := range Presets() {
		presets[p.Name] = p.Quirks
	}
	all := All()
	terms := split(expression)
	if len(terms) == 0 || !begins(terms[0], presets) {
		terms = slices.Insert(terms, 0, defaultPreset)
	}
	p := Profile{expression: strings.Join(terms, ","), names: map[Name]bool{}}
	for _, term := range terms {
		name, remove := strings.CutPrefix(term, "-")
		names, ok := presets[name]
		if !ok {
			if !slices.ContainsFunc(all, func(q Quirk) bool { return q.Name == Name(name) }) {
				return Profile{}, fmt.Errorf("quirks %q: there is no profile or quirk %q", expression, name)
			}
			names = []Name{Name(name)}
		}
		p.change(all, names, remove)
	}
	for _, q := range all {
		switch {
		case !p.names[q.Name]:
		case q.Kind == Reading:
			p.reading = append(p.reading, q)
		case q.Kind == Writing:
			p.writing = append(p.writing, q)
		}
	}
	return p, nil
}

func split(expression string) []string {
	var terms []string
	for term := range strings.SplitSeq(expression, ",") {
		if term = strings.TrimSpace(term); term != "" {
			terms = append(terms, term)
		}
	}
	return terms
}

func begins(term string, presets map[string][]Name) bool {
	_, ok := presets[term]
	return ok
}

// change adds or removes quirks. Of two opposite ones the last holds.
func (p *Profile) change(all []Quirk, names []Name, remove bool) {
	for _, q := range all {
		if !slices.Contains(names, q.Name) {
			continue
		}
		if remove {
			delete(p.names, q.Name)
			continue
		}
		p.names[q.Name] = true
		delete(p.names, q.instead)
	}
}

// Default returns the profile of partners about whom nothing is said: lenient.
func Default() Profile {
	p, err := Parse("")
	if err != nil { // the names in this package are checked by its tests
		panic(err)
	}
	return p
}

// Has reports whether the quirk is part of the profile.
func (p Profile) Has(n Name) bool { return p.names[n] }

// String returns the expression that makes the profile.
func (p Profile) String() string {
	if p.expression == "" {
		return "standard"
	}
	return p.expression
}

// At returns the profile for documents that were received at a moment, which a missing last_updated may get.
func (p Profile) At(received time.Time) Profile {
	p.received = received
	return p
}
