package wire

import (
	"fmt"

	"github.com/go-json-experiment/json"

	"github.com/roamwire/roamwire/ocpi"
)

// An evseMerge patches locations. EVSEs named in the PATCH are changed or added, the others stay: replacing the list would
// delete EVSEs, which OCPI does not allow (requirements TF-38, L-16, DL-04). An EVSE that is new must be complete. The
// location is never older than its EVSEs (requirement L-02). The functions say how a version's types say what they say.
type evseMerge[L, LP, E, EP any, UID ~string] struct {
	// fields are what a PATCH says about the location.
	fields func(*LP) (id ocpi.Field[UID], given ocpi.Field[ocpi.DateTime], evses *ocpi.Field[[]EP])
	apply  func(*LP, *L)
	// whole is when a location changed, and its EVSEs; evse is an EVSE's uid and when it changed.
	whole func(*L) (*ocpi.DateTime, []E)
	evse  func(*E) (UID, *ocpi.DateTime)
	// patch is the uid in the PATCH of an EVSE, and whether it says when.
	patch func(*EP) (uid *UID, timed bool)
	// key is the form in which uids of one EVSE are the same.
	key    func(UID) string
	decode func([]byte) (E, []ocpi.Finding, error)
}

// change is what a PATCH of a location does.
func (m evseMerge[L, LP, E, EP, UID]) change(p LP) change[L] {
	id, given, evses := m.fields(&p)
	apply := func(l *L, now ocpi.DateTime) error {
		if findings := m.unusable(l, evses); len(findings) > 0 {
			return ocpi.Unusable("Location", findings)
		}
		m.spellAsKnown(l, evses.Value)
		at, timed := given.Get()
		var was []byte
		if !timed {
			at, was = now, text(l)
		}
		updated, _ := m.whole(l)
		before, texts := *updated, m.texts(l, evses.Value)
		m.apply(&p, l)
		changed := differs(was, l)
		m.stamp(l, evses.Value, texts, at)
		if !timed && changed {
			advance(updated, now)
		}
		if len(evses.Value) > 0 {
			advance(updated, before)
		}
		return nil
	}
	return change[L]{id: plain(id), given: given, evses: m.uids(evses), apply: apply}
}

// known are the EVSEs of a location by the keys of their uids.
func (m evseMerge[L, LP, E, EP, UID]) known(l *L) map[string]*E {
	_, evses := m.whole(l)
	known := make(map[string]*E, len(evses))
	for i := range evses {
		uid, _ := m.evse(&evses[i])
		known[m.key(uid)] = &evses[i]
	}
	return known
}

// spellAsKnown gives the uids of a PATCH the case that they have in the location.
func (m evseMerge[L, LP, E, EP, UID]) spellAsKnown(l *L, patches []EP) {
	known := m.known(l)
	for i := range patches {
		uid, _ := m.patch(&patches[i])
		if evse, ok := known[m.key(*uid)]; ok {
			*uid, _ = m.evse(evse)
		}
	}
}

// texts are the EVSEs of a location that patches without a time name, as they are now.
func (m evseMerge[L, LP, E, EP, UID]) texts(l *L, patches []EP) map[string][]byte {
	known, was := m.known(l), map[string][]byte{}
	for i := range patches {
		uid, timed := m.patch(&patches[i])
		if evse, ok := known[m.key(*uid)]; ok && !timed {
			was[m.key(*uid)] = text(evse)
		}
	}
	return was
}

// stamp gives a time to the EVSEs that patches without one have changed. The location is as new as they are.
func (m evseMerge[L, LP, E, EP, UID]) stamp(l *L, patches []EP, was map[string][]byte, at ocpi.DateTime) {
	known := m.known(l)
	location, _ := m.whole(l)
	for i := range patches {
		uid, timed := m.patch(&patches[i])
		evse, ok := known[m.key(*uid)]
		if !ok || !timed && !differs(was[m.key(*uid)], evse) {
			continue
		}
		_, updated := m.evse(evse)
		if !timed {
			advance(updated, at)
		}
		advance(location, *updated)
	}
}

// uids are those of the EVSEs that a PATCH names.
func (m evseMerge[L, LP, E, EP, UID]) uids(evses *ocpi.Field[[]EP]) ocpi.Field[[]string] {
	named := ocpi.Field[[]string]{Present: evses.Present, Null: evses.Null}
	for i := range evses.Value {
		uid, _ := m.patch(&evses.Value[i])
		named.Value = append(named.Value, string(*uid))
	}
	return named
}

const maxFindings = 100

// unusable says what keeps the EVSEs of a PATCH from being merged.
func (m evseMerge[L, LP, E, EP, UID]) unusable(l *L, evses *ocpi.Field[[]EP]) []ocpi.Finding {
	if evses.Null {
		return []ocpi.Finding{{Pointer: "/evses", Code: ocpi.FindingNull, Unusable: true, Message: "EVSEs cannot be deleted; set their status to REMOVED"}}
	}
	known, named := m.known(l), make(map[string]bool, len(evses.Value))
	var findings []ocpi.Finding
	for i := range evses.Value {
		evse := &evses.Value[i]
		uid, _ := m.patch(evse)
		at, key := fmt.Sprintf("/evses/%d", i), m.key(*uid)
		if named[key] {
			findings = append(findings, ocpi.Finding{Pointer: at + "/uid", Code: ocpi.FindingConsistency, Unusable: true, Message: "the uid is named twice"})
		}
		named[key] = true
		if known[key] == nil {
			findings = append(findings, m.missing(evse, at)...)
		}
		if len(findings) > maxFindings {
			break
		}
	}
	return findings
}

// missing says what an EVSE that is added by a PATCH lacks to be an EVSE.
func (m evseMerge[L, LP, E, EP, UID]) missing(evse *EP, at string) []ocpi.Finding {
	raw, err := json.Marshal(evse)
	if err != nil {
		return []ocpi.Finding{{Pointer: at, Code: ocpi.FindingUnreadable, Message: err.Error(), Unusable: true}}
	}
	_, findings, err := m.decode(raw)
	if err == nil {
		return nil
	}
	unusable := ocpi.UnusableFindings(findings)
	for i := range unusable {
		unusable[i].Pointer = at + unusable[i].Pointer
	}
	return unusable
}
