package wire

import (
	"fmt"

	"github.com/go-json-experiment/json"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/convert"
	"github.com/roamwire/roamwire/ocpi/quirk"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// codecs230 read and write the model itself. Leftovers of older versions are written too: who sends to a 2.3.0 partner
// removes them with convert.StripLeftovers. Tariffs are not patched since 2.2 (requirement DTA-01).
func codecs230() Codecs {
	c := Codecs{
		Version:                      ocpi.V230,
		Locations:                    same("Location", v230.DecodeLocation),
		EVSEs:                        same("EVSE", v230.DecodeEVSE),
		Connectors:                   same("Connector", v230.DecodeConnector),
		Sessions:                     same("Session", v230.DecodeSession),
		CDRs:                         same("CDR", v230.DecodeCDR),
		Tariffs:                      same("Tariff", v230.DecodeTariff),
		Tokens:                       same("Token", v230.DecodeToken),
		AuthorizationInfos:           same("AuthorizationInfo", v230.DecodeAuthorizationInfo),
		LocationReferences:           same("LocationReferences", v230.DecodeLocationReferences),
		StartSessions:                same("StartSession", v230.DecodeStartSession),
		StopSessions:                 same("StopSession", v230.DecodeStopSession),
		ReserveNows:                  same("ReserveNow", v230.DecodeReserveNow),
		UnlockConnectors:             same("UnlockConnector", v230.DecodeUnlockConnector),
		CommandResponses:             same("CommandResponse", v230.DecodeCommandResponse),
		CommandResults:               same("CommandResult", v230.DecodeCommandResult),
		Credentials:                  same("Credentials", v230.DecodeCredentials),
		ChargingPreferences:          same("ChargingPreferences", v230.DecodeChargingPreferences),
		CancelReservations:           same("CancelReservation", v230.DecodeCancelReservation),
		SetChargingProfiles:          same("SetChargingProfile", v230.DecodeSetChargingProfile),
		ChargingProfileResponses:     same("ChargingProfileResponse", v230.DecodeChargingProfileResponse),
		ActiveChargingProfiles:       same("ActiveChargingProfile", v230.DecodeActiveChargingProfile),
		ActiveChargingProfileResults: same("ActiveChargingProfileResult", v230.DecodeActiveChargingProfileResult),
		ChargingProfileResults:       same("ChargingProfileResult", v230.DecodeChargingProfileResult),
		ClearProfileResults:          same("ClearProfileResult", v230.DecodeClearProfileResult),
		ClientInfos:                  same("ClientInfo", v230.DecodeClientInfo),
	}
	c.Locations.ReadPatch = patchedHere(timed("Location", v230.DecodeLocationPatch, func(p *v230.LocationPatch) ocpi.Field[ocpi.DateTime] { return p.LastUpdated }), evses230().change)
	c.EVSEs.ReadPatch = patchedHere(timed("EVSE", v230.DecodeEVSEPatch, func(p *v230.EVSEPatch) ocpi.Field[ocpi.DateTime] { return p.LastUpdated }), func(p v230.EVSEPatch) change[v230.EVSE] {
		return simple(p.UID, p.LastUpdated, p.Apply, func(o *v230.EVSE) *ocpi.DateTime { return &o.LastUpdated })
	})
	c.Connectors.ReadPatch = patchedHere(timed("Connector", v230.DecodeConnectorPatch, func(p *v230.ConnectorPatch) ocpi.Field[ocpi.DateTime] { return p.LastUpdated }), func(p v230.ConnectorPatch) change[v230.Connector] {
		return simple(p.ID, p.LastUpdated, p.Apply, func(o *v230.Connector) *ocpi.DateTime { return &o.LastUpdated })
	})
	c.Tokens.ReadPatch = patchedHere(timed("Token", v230.DecodeTokenPatch, func(p *v230.TokenPatch) ocpi.Field[ocpi.DateTime] { return p.LastUpdated }), func(p v230.TokenPatch) change[v230.Token] {
		return simple(p.UID, p.LastUpdated, p.Apply, func(o *v230.Token) *ocpi.DateTime { return &o.LastUpdated })
	})
	c.Sessions.ReadPatch = patchedHere(timed("Session", v230.DecodeSessionPatch, func(p *v230.SessionPatch) ocpi.Field[ocpi.DateTime] { return p.LastUpdated }), func(p v230.SessionPatch) change[v230.Session] {
		return simple(p.ID, p.LastUpdated, func(o *v230.Session) {
			was := o.ChargingPeriods
			p.Apply(o)
			o.ChargingPeriods = addPeriods(was, p.ChargingPeriods, o.ChargingPeriods, func(c *v230.ChargingPeriod) ocpi.DateTime { return c.StartDateTime })
		}, func(o *v230.Session) *ocpi.DateTime { return &o.LastUpdated })
	})
	return c
}

func evses230() evseMerge[v230.Location, v230.LocationPatch, v230.EVSE, v230.EVSEPatch, ocpi.CiString] {
	return evseMerge[v230.Location, v230.LocationPatch, v230.EVSE, v230.EVSEPatch, ocpi.CiString]{
		fields: func(p *v230.LocationPatch) (id ocpi.Field[ocpi.CiString], given ocpi.Field[ocpi.DateTime], evses *ocpi.Field[[]v230.EVSEPatch]) {
			return p.ID, p.LastUpdated, &p.EVSEs
		},
		apply:  (*v230.LocationPatch).Apply,
		whole:  func(l *v230.Location) (*ocpi.DateTime, []v230.EVSE) { return &l.LastUpdated, l.EVSEs },
		evse:   func(e *v230.EVSE) (ocpi.CiString, *ocpi.DateTime) { return e.UID, &e.LastUpdated },
		patch:  func(p *v230.EVSEPatch) (*ocpi.CiString, bool) { return &p.UID.Value, p.LastUpdated.Present },
		key:    ocpi.CiString.Fold,
		decode: v230.DecodeEVSE,
	}
}

// same makes the codec of an object in the model's own version.
func same[T any](object string, decode func([]byte) (T, []ocpi.Finding, error)) Codec[T] {
	return Codec[T]{
		Object: object,
		Read: func(raw []byte, _ convert.Env, profile quirk.Profile) (T, Report, error) {
			return decoded(profile, raw, decode)
		},
		Write: func(model T, _ convert.Env) ([]byte, []convert.Loss, error) {
			raw, err := json.Marshal(&model)
			if err != nil {
				return nil, nil, fmt.Errorf("write %s: %w", object, err)
			}
			return raw, nil, nil
		},
	}
}
