package wire

import (
	"fmt"
	"slices"

	"github.com/go-json-experiment/json"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/convert"
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
		return change[v211.EVSE]{id: p.UID, lastUpdated: p.LastUpdated, apply: always(p.Apply)}
	})
	c.Connectors.ReadPatch = patched(v211.DecodeConnectorPatch, convert.ConnectorFrom211, convert.ConnectorTo211, func(p v211.ConnectorPatch) change[v211.Connector] {
		return change[v211.Connector]{id: p.ID, lastUpdated: p.LastUpdated, apply: always(p.Apply)}
	})
	c.Sessions.ReadPatch = patched(v211.DecodeSessionPatch, convert.SessionFrom211, convert.SessionTo211, func(p v211.SessionPatch) change[v211.Session] {
		return change[v211.Session]{id: p.ID, lastUpdated: p.LastUpdated, apply: always(p.Apply)}
	})
	c.Tariffs.ReadPatch = patched(v211.DecodeTariffPatch, convert.TariffFrom211, convert.TariffTo211, func(p v211.TariffPatch) change[v211.Tariff] {
		return change[v211.Tariff]{id: p.ID, lastUpdated: p.LastUpdated, apply: always(p.Apply)}
	})
	c.Tokens.ReadPatch = patched(v211.DecodeTokenPatch, convert.TokenFrom211, convert.TokenTo211, func(p v211.TokenPatch) change[v211.Token] {
		return change[v211.Token]{id: p.UID, lastUpdated: p.LastUpdated, apply: always(p.Apply)}
	})
	return c
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
		Read: func(raw []byte, env convert.Env) (T, Report, error) {
			old, findings, err := decode(raw)
			if err != nil {
				var none T
				return none, Report{Findings: findings}, err
			}
			object, losses := up(old, env)
			return object, Report{Findings: findings, Losses: losses}, nil
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
	id          ocpi.Field[string]
	lastUpdated ocpi.Field[ocpi.DateTime]
	apply       func(*Old) error
}

func always[Old any](apply func(*Old)) func(*Old) error {
	return func(o *Old) error { apply(o); return nil }
}

// patched makes ReadPatch: the object is translated down, patched in the version the PATCH is written in, and
// translated up again.
func patched[P, Old, T any](
	decode func([]byte) (P, []ocpi.Finding, error),
	up func(Old, convert.Env) (T, []convert.Loss),
	down func(T, convert.Env) (Old, []convert.Loss),
	of func(P) change[Old],
) func([]byte, convert.Env) (Patch[T], Report, error) {
	return func(raw []byte, env convert.Env) (Patch[T], Report, error) {
		body, findings, err := decode(raw)
		if err != nil {
			return Patch[T]{}, Report{Findings: findings}, err
		}
		c := of(body)
		apply := func(model *T) error {
			after, losses := down(*model, env)
			if err := c.apply(&after); err != nil {
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
		return Patch[T]{Apply: apply, ID: c.id, LastUpdated: c.lastUpdated}, Report{Findings: findings}, nil
	}
}

// locationPatch211 patches a location. EVSEs named in the PATCH are changed or added, the others stay: replacing the
// list would delete EVSEs, which OCPI does not allow (requirements TF-38, L-16). An EVSE that is new must be complete.
func locationPatch211(p v211.LocationPatch) change[v211.Location] {
	apply := func(l *v211.Location) error {
		var incomplete []ocpi.Finding
		for i := range p.EVSEs.Value {
			evse := &p.EVSEs.Value[i]
			if slices.ContainsFunc(l.EVSEs, func(e v211.EVSE) bool { return e.UID == evse.UID.Value }) {
				continue
			}
			incomplete = append(incomplete, missingFields(evse, fmt.Sprintf("/evses/%d", i))...)
		}
		if len(incomplete) > 0 {
			return ocpi.Unusable("Location", incomplete)
		}
		p.Apply(l)
		return nil
	}
	return change[v211.Location]{id: p.ID, lastUpdated: p.LastUpdated, apply: apply}
}

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
