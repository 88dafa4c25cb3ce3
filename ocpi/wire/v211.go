package wire

import (
	"bytes"
	"fmt"
	"slices"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/convert"
	"github.com/roamwire/roamwire/ocpi/quirk"
	"github.com/roamwire/roamwire/ocpi/v211"
)

func codecs211() Codecs {
	c := Codecs{
		Version:            ocpi.V211,
		Locations:          translated("Location", v211.DecodeLocation, convert.LocationFrom211, convert.LocationTo211),
		EVSEs:              translated("EVSE", v211.DecodeEVSE, convert.EVSEFrom211, convert.EVSETo211),
		Connectors:         translated("Connector", v211.DecodeConnector, convert.ConnectorFrom211, convert.ConnectorTo211),
		Sessions:           translated("Session", v211.DecodeSession, convert.SessionFrom211, convert.SessionTo211),
		CDRs:               translated("CDR", v211.DecodeCDR, convert.CDRFrom211, convert.CDRTo211),
		Tariffs:            translated("Tariff", v211.DecodeTariff, convert.TariffFrom211, convert.TariffTo211),
		Tokens:             translated("Token", v211.DecodeToken, convert.TokenFrom211, convert.TokenTo211),
		AuthorizationInfos: translated("AuthorizationInfo", v211.DecodeAuthorizationInfo, convert.AuthorizationInfoFrom211, convert.AuthorizationInfoTo211),
		LocationReferences: translated("LocationReferences", v211.DecodeLocationReferences, convert.LocationReferencesFrom211, convert.LocationReferencesTo211),
		StartSessions:      translated("StartSession", v211.DecodeStartSession, convert.StartSessionFrom211, convert.StartSessionTo211),
		StopSessions:       translated("StopSession", v211.DecodeStopSession, convert.StopSessionFrom211, convert.StopSessionTo211),
		ReserveNows:        translated("ReserveNow", v211.DecodeReserveNow, convert.ReserveNowFrom211, convert.ReserveNowTo211),
		UnlockConnectors:   translated("UnlockConnector", v211.DecodeUnlockConnector, convert.UnlockConnectorFrom211, convert.UnlockConnectorTo211),
		CommandResponses:   translated("CommandResponse", v211.DecodeCommandResponse, convert.CommandResponseFrom211, convert.CommandResponseTo211),
		CommandResults:     translated("CommandResponse", v211.DecodeCommandResponse, convert.CommandResultFrom211, convert.CommandResultTo211),
		Credentials:        translated("Credentials", v211.DecodeCredentials, convert.CredentialsFrom211, convert.CredentialsTo211),
	}
	c.Locations.ReadPatch = patched(v211.DecodeLocationPatch, convert.LocationFrom211, convert.LocationTo211, locationPatch211)
	c.EVSEs.ReadPatch = patched(v211.DecodeEVSEPatch, convert.EVSEFrom211, convert.EVSETo211, func(p v211.EVSEPatch) change[v211.EVSE] {
		return simple(p.UID, p.LastUpdated, p.Apply, func(o *v211.EVSE) *ocpi.DateTime { return &o.LastUpdated })
	})
	c.Connectors.ReadPatch = patched(v211.DecodeConnectorPatch, convert.ConnectorFrom211, convert.ConnectorTo211, func(p v211.ConnectorPatch) change[v211.Connector] {
		return simple(p.ID, p.LastUpdated, p.Apply, func(o *v211.Connector) *ocpi.DateTime { return &o.LastUpdated })
	})
	c.Sessions.ReadPatch = patched(v211.DecodeSessionPatch, convert.SessionFrom211, convert.SessionTo211, func(p v211.SessionPatch) change[v211.Session] {
		return simple(p.ID, p.LastUpdated, func(o *v211.Session) { applySession(o, p) }, func(o *v211.Session) *ocpi.DateTime { return &o.LastUpdated })
	})
	c.Tariffs.ReadPatch = patched(v211.DecodeTariffPatch, convert.TariffFrom211, convert.TariffTo211, func(p v211.TariffPatch) change[v211.Tariff] {
		return simple(p.ID, p.LastUpdated, p.Apply, func(o *v211.Tariff) *ocpi.DateTime { return &o.LastUpdated })
	})
	c.Tokens.ReadPatch = patched(v211.DecodeTokenPatch, convert.TokenFrom211, convert.TokenTo211, func(p v211.TokenPatch) change[v211.Token] {
		return simple(p.UID, p.LastUpdated, p.Apply, func(o *v211.Token) *ocpi.DateTime { return &o.LastUpdated })
	})
	return c
}

// applySession changes what a PATCH of a session names. Its charging periods are added to those that are there; one that
// begins when another does takes its place. So it does no harm whether a partner sends the new periods or all of them
// (requirement TF-38; later versions say that they are appended).
func applySession(s *v211.Session, p v211.SessionPatch) {
	periods := slices.Clone(s.ChargingPeriods)
	p.Apply(s)
	if !p.ChargingPeriods.Present {
		return
	}
	at := make(map[time.Time]int, len(periods))
	for i := range periods {
		at[periods[i].StartDateTime.Time().UTC()] = i
	}
	for _, period := range p.ChargingPeriods.Value {
		start := period.StartDateTime.Time().UTC()
		if i, ok := at[start]; ok {
			periods[i] = period
			continue
		}
		at[start] = len(periods)
		periods = append(periods, period)
	}
	slices.SortStableFunc(periods, func(a, b v211.ChargingPeriod) int { return a.StartDateTime.Compare(b.StartDateTime) })
	s.ChargingPeriods = periods
}

// translated makes the codec of an object that is read in an older version and translated.
func translated[Old, T any](
	object string,
	decode func([]byte) (Old, []ocpi.Finding, error),
	up func(Old, convert.Env) (T, []convert.Loss),
	down func(T, convert.Env) (Old, []convert.Loss),
) Codec[T] {
	return Codec[T]{
		Object: object,
		Read: func(raw []byte, env convert.Env, profile quirk.Profile) (T, Report, error) {
			old, report, err := decoded(profile, raw, decode)
			if err != nil {
				var none T
				return none, report, err
			}
			object, losses := up(old, env)
			report.Losses = losses
			return object, report, nil
		},
		Write: func(model T, env convert.Env) ([]byte, []convert.Loss, error) {
			old, losses := down(model, env)
			raw, err := json.Marshal(&old)
			if err != nil {
				return nil, losses, fmt.Errorf("write %s: %w", object, err)
			}
			return raw, losses, nil
		},
	}
}

// A change is a decoded PATCH of an older version's object.
type change[Old any] struct {
	id    ocpi.Field[string]
	given ocpi.Field[ocpi.DateTime]
	evses ocpi.Field[[]string]
	apply func(object *Old, now ocpi.DateTime) error
}

// simple is the change of an object without parts that are patched by themselves.
func simple[Old any](id ocpi.Field[string], given ocpi.Field[ocpi.DateTime], apply func(*Old), lastUpdated func(*Old) *ocpi.DateTime) change[Old] {
	return change[Old]{id: id, given: given, apply: func(o *Old, now ocpi.DateTime) error {
		if given.Present {
			apply(o)
			return nil
		}
		was := text(o)
		apply(o)
		if differs(was, o) {
			advance(lastUpdated(o), now)
		}
		return nil
	}}
}

// text is an object as it is now. What is compared with it later shows whether a PATCH without a time changes anything: then
// it gets our time, because later pulls by date_from would miss the change (requirement TF-40). A time that is ahead of ours
// already stays.
func text[Old any](o *Old) []byte {
	raw, err := json.Marshal(o, json.Deterministic(true))
	if err != nil { // unknown members that were made in Go and are not JSON
		return nil
	}
	return raw
}

// differs reports whether an object is other than it was. What had no text always is.
func differs[Old any](was []byte, o *Old) bool { return was == nil || !bytes.Equal(was, text(o)) }

func advance(lastUpdated *ocpi.DateTime, to ocpi.DateTime) {
	if to.Compare(*lastUpdated) > 0 {
		*lastUpdated = to
	}
}

// patched makes ReadPatch: the object is translated down, patched in the version the PATCH is written in, and
// translated up again.
func patched[P, Old, T any](
	decode func([]byte) (P, []ocpi.Finding, error),
	up func(Old, convert.Env) (T, []convert.Loss),
	down func(T, convert.Env) (Old, []convert.Loss),
	of func(P) change[Old],
) func([]byte, convert.Env, quirk.Profile) (Patch[T], Report, error) {
	return func(raw []byte, env convert.Env, profile quirk.Profile) (Patch[T], Report, error) {
		body, report, err := decoded(profile, raw, decode)
		if err != nil {
			return Patch[T]{}, report, err
		}
		c := of(body)
		apply := func(model *T, now ocpi.DateTime) error {
			after, losses := down(*model, env)
			if err := c.apply(&after, now); err != nil {
				return err
			}
			patched, _ := up(after, env)
			if len(losses) == 0 {
				*model = patched
				return nil
			}
			// The model says more than this version can. What the PATCH does not touch has to stay.
			before, _ := down(*model, env)
			seen, _ := up(before, env)
			return rebase(model, seen, patched)
		}
		return Patch[T]{Apply: apply, ID: c.id, LastUpdated: c.given, EVSEs: c.evses}, report, nil
	}
}

// locationPatch211 patches a location. EVSEs named in the PATCH are changed or added, the others stay: replacing the
// list would delete EVSEs, which OCPI does not allow (requirements TF-38, L-16). An EVSE that is new must be complete.
// The location is never older than its EVSEs (requirement L-02).
func locationPatch211(p v211.LocationPatch) change[v211.Location] {
	apply := func(l *v211.Location, now ocpi.DateTime) error {
		if findings := unusableEVSEs(l, &p); len(findings) > 0 {
			return ocpi.Unusable("Location", findings)
		}
		given, timed := p.LastUpdated.Get()
		at, was := given, []byte(nil)
		if !timed {
			at, was = now, text(l)
		}
		before, evses := l.LastUpdated, texts(l, p.EVSEs.Value)
		p.Apply(l)
		changed := differs(was, l)
		stampEVSEs(l, p.EVSEs.Value, evses, at)
		if !timed && changed {
			advance(&l.LastUpdated, now)
		}
		if len(p.EVSEs.Value) > 0 {
			advance(&l.LastUpdated, before)
		}
		return nil
	}
	return change[v211.Location]{id: p.ID, given: p.LastUpdated, evses: uids(p.EVSEs), apply: apply}
}

// texts are the EVSEs of a location that patches without a time name, as they are now.
func texts(l *v211.Location, patches []v211.EVSEPatch) map[string][]byte {
	named := make(map[string]bool, len(patches))
	for i := range patches {
		if !patches[i].LastUpdated.Present {
			named[patches[i].UID.Value] = true
		}
	}
	was := make(map[string][]byte, len(named))
	for i := range l.EVSEs {
		if evse := &l.EVSEs[i]; named[evse.UID] {
			was[evse.UID] = text(evse)
		}
	}
	return was
}

// stampEVSEs gives a time to the EVSEs that patches without one have changed. The location is as new as they are.
func stampEVSEs(l *v211.Location, patches []v211.EVSEPatch, was map[string][]byte, at ocpi.DateTime) {
	patched := make(map[string]*v211.EVSEPatch, len(patches))
	for i := range patches {
		patched[patches[i].UID.Value] = &patches[i]
	}
	for i := range l.EVSEs {
		evse := &l.EVSEs[i]
		patch, ok := patched[evse.UID]
		switch {
		case !ok:
			continue
		case !patch.LastUpdated.Present && !differs(was[evse.UID], evse):
			continue
		case !patch.LastUpdated.Present:
			advance(&evse.LastUpdated, at)
		}
		advance(&l.LastUpdated, evse.LastUpdated)
	}
}

// uids are those of the EVSEs that a PATCH names.
func uids(evses ocpi.Field[[]v211.EVSEPatch]) ocpi.Field[[]string] {
	named := ocpi.Field[[]string]{Present: evses.Present, Null: evses.Null}
	for i := range evses.Value {
		named.Value = append(named.Value, evses.Value[i].UID.Value)
	}
	return named
}

// unusableEVSEs says what keeps the EVSEs of a PATCH from being merged.
func unusableEVSEs(l *v211.Location, p *v211.LocationPatch) []ocpi.Finding {
	if p.EVSEs.Null {
		return []ocpi.Finding{{Pointer: "/evses", Code: ocpi.FindingNull, Unusable: true, Message: "EVSEs cannot be deleted; set their status to REMOVED"}}
	}
	known := make(map[string]bool, len(l.EVSEs))
	for i := range l.EVSEs {
		known[l.EVSEs[i].UID] = true
	}
	var findings []ocpi.Finding
	named := make(map[string]bool, len(p.EVSEs.Value))
	for i := range p.EVSEs.Value {
		evse := &p.EVSEs.Value[i]
		at := fmt.Sprintf("/evses/%d", i)
		if named[evse.UID.Value] {
			findings = append(findings, ocpi.Finding{Pointer: at + "/uid", Code: ocpi.FindingConsistency, Unusable: true, Message: "the uid is named twice"})
		}
		named[evse.UID.Value] = true
		if !known[evse.UID.Value] {
			findings = append(findings, missingFields(evse, at)...)
		}
		if len(findings) > maxFindings {
			break
		}
	}
	return findings
}

const maxFindings = 100

// missingFields says what an EVSE that is added by a PATCH lacks to be an EVSE.
func missingFields(evse *v211.EVSEPatch, at string) []ocpi.Finding {
	raw, err := json.Marshal(evse)
	if err != nil {
		return []ocpi.Finding{{Pointer: at, Code: ocpi.FindingUnreadable, Message: err.Error(), Unusable: true}}
	}
	_, findings, err := v211.DecodeEVSE(raw)
	if err == nil {
		return nil
	}
	unusable := ocpi.UnusableFindings(findings)
	for i := range unusable {
		unusable[i].Pointer = at + unusable[i].Pointer
	}
	return unusable
}
