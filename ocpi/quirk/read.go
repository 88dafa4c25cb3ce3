package quirk

import (
	"bytes"
	"slices"

	"github.com/roamwire/roamwire/ocpi"
)

// Read puts right what the findings say is wrong with a document, as far as quirks of the profile are about it. It
// returns the repaired document and the quirks that were found; raw itself where nothing had to be changed.
func (p Profile) Read(raw []byte, findings []ocpi.Finding) (repaired []byte, applied []Name) {
	if !p.concerns(findings) {
		return raw, nil
	}
	d := newDocument(raw)
	d.received = p.received
	found := map[Name]bool{}
	changed := false
	for _, last := range []bool{false, true} {
		for _, f := range findings {
			name, change := p.put(d, f, last)
			if name != "" {
				found[name] = true
			}
			changed = changed || change
		}
	}
	if changed {
		raw = d.root.write(make([]byte, 0, len(raw)))
	}
	return raw, sorted(p.reading, found)
}

// concerns reports whether any quirk may be about any of the findings.
func (p Profile) concerns(findings []ocpi.Finding) bool {
	return slices.ContainsFunc(findings, func(f ocpi.Finding) bool {
		return slices.ContainsFunc(p.reading, func(q Quirk) bool { return q.repair.fits(f) })
	})
}

// put puts one finding right by the first quirk that can, and returns its name.
func (p Profile) put(d *document, f ocpi.Finding, last bool) (name Name, changed bool) {
	for _, q := range p.reading {
		if q.repair.last != last || !q.repair.fits(f) {
			continue
		}
		if q.repair.apply == nil {
			return q.Name, false
		}
		at, ok := d.at(f.Pointer)
		if !ok || at.value == nil && f.Code != ocpi.FindingMissing {
			return "", false
		}
		if q.repair.apply(d, at, f) {
			return q.Name, true
		}
	}
	return "", false
}

// sorted lists those of the quirks that were found, in the order of All.
func sorted(quirks []Quirk, found map[Name]bool) []Name {
	var names []Name
	for _, q := range quirks {
		if found[q.Name] {
			names = append(names, q.Name)
		}
	}
	return names
}

// maxRounds bounds how often a document is put right and checked again. What one round puts right can bring to light
// what was hidden below it: a list, its elements, their lists, their fields.
const maxRounds = 4

// Decode reads a T: it decodes, puts right what was found, and decodes again until nothing is left that a quirk of the
// profile is about. The findings are those of all attempts; those that were put right are not unusable. The error is
// that of the last attempt.
func Decode[T any](p Profile, raw []byte, decode func([]byte) (T, []ocpi.Finding, error)) (object T, findings []ocpi.Finding, applied []Name, err error) {
	object, findings, err = decode(raw)
	if len(findings) == 0 {
		return object, findings, nil, err
	}
	left := findings
	found := map[Name]bool{}
	for range maxRounds {
		repaired, names := p.Read(raw, left)
		for _, name := range names {
			found[name] = true
		}
		if bytes.Equal(raw, repaired) {
			break
		}
		raw = repaired
		object, left, err = decode(raw)
		findings = settle(findings, left)
	}
	return object, findings, sorted(p.reading, found), err
}

// settle adds the findings of a new attempt to those before. What the new attempt does not find any more was put right.
func settle(before, now []ocpi.Finding) []ocpi.Finding {
	left := make(map[ocpi.Finding]bool, len(now))
	for _, f := range now {
		left[f] = true
	}
	settled := make([]ocpi.Finding, 0, len(before)+len(now))
	for _, f := range before {
		if !left[f] {
			f.Unusable = false
		}
		delete(left, f)
		settled = append(settled, f)
	}
	for _, f := range now {
		if left[f] {
			settled = append(settled, f)
		}
	}
	return settled
}
