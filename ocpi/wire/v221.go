package wire

import (
	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/convert"
	"github.com/roamwire/roamwire/ocpi/v221"
)

// codecs221 write leftovers of 2.1.1 as codecs230 do: who sends to a 2.2.1 partner removes them with
// convert.StripLeftovers. Tariffs are not patched since 2.2 (requirement DTA-01).
func codecs221() Codecs {
	c := Codecs{
		Version:                      ocpi.V221,
		Locations:                    translated("Location", v221.DecodeLocation, convert.LocationFrom221, convert.LocationTo221),
		EVSEs:                        translated("EVSE", v221.DecodeEVSE, convert.EVSEFrom221, convert.EVSETo221),
		Connectors:                   translated("Connector", v221.DecodeConnector, convert.ConnectorFrom221, convert.ConnectorTo221),
		Sessions:                     translated("Session", v221.DecodeSession, convert.SessionFrom221, convert.SessionTo221),
		CDRs:                         translated("CDR", v221.DecodeCDR, convert.CDRFrom221, convert.CDRTo221),
		Tariffs:                      translated("Tariff", v221.DecodeTariff, convert.TariffFrom221, convert.TariffTo221),
		Tokens:                       translated("Token", v221.DecodeToken, convert.TokenFrom221, convert.TokenTo221),
		AuthorizationInfos:           translated("AuthorizationInfo", v221.DecodeAuthorizationInfo, convert.AuthorizationInfoFrom221, convert.AuthorizationInfoTo221),
		LocationReferences:           translated("LocationReferences", v221.DecodeLocationReferences, convert.LocationReferencesFrom221, convert.LocationReferencesTo221),
		StartSessions:                translated("StartSession", v221.DecodeStartSession, convert.StartSessionFrom221, convert.StartSessionTo221),
		StopSessions:                 translated("StopSession", v221.DecodeStopSession, convert.StopSessionFrom221, convert.StopSessionTo221),
		ReserveNows:                  translated("ReserveNow", v221.DecodeReserveNow, convert.ReserveNowFrom221, convert.ReserveNowTo221),
		UnlockConnectors:             translated("UnlockConnector", v221.DecodeUnlockConnector, convert.UnlockConnectorFrom221, convert.UnlockConnectorTo221),
		CommandResponses:             translated("CommandResponse", v221.DecodeCommandResponse, convert.CommandResponseFrom221, convert.CommandResponseTo221),
		CommandResults:               translated("CommandResult", v221.DecodeCommandResult, convert.CommandResultFrom221, convert.CommandResultTo221),
		Credentials:                  translated("Credentials", v221.DecodeCredentials, convert.CredentialsFrom221, convert.CredentialsTo221),
		ChargingPreferences:          translated("ChargingPreferences", v221.DecodeChargingPreferences, convert.ChargingPreferencesFrom221, convert.ChargingPreferencesTo221),
		CancelReservations:           translated("CancelReservation", v221.DecodeCancelReservation, convert.CancelReservationFrom221, convert.CancelReservationTo221),
		SetChargingProfiles:          translated("SetChargingProfile", v221.DecodeSetChargingProfile, convert.SetChargingProfileFrom221, convert.SetChargingProfileTo221),
		ChargingProfileResponses:     translated("ChargingProfileResponse", v221.DecodeChargingProfileResponse, convert.ChargingProfileResponseFrom221, convert.ChargingProfileResponseTo221),
		ActiveChargingProfiles:       translated("ActiveChargingProfile", v221.DecodeActiveChargingProfile, convert.ActiveChargingProfileFrom221, convert.ActiveChargingProfileTo221),
		ActiveChargingProfileResults: translated("ActiveChargingProfileResult", v221.DecodeActiveChargingProfileResult, convert.ActiveChargingProfileResultFrom221, convert.ActiveChargingProfileResultTo221),
		ChargingProfileResults:       translated("ChargingProfileResult", v221.DecodeChargingProfileResult, convert.ChargingProfileResultFrom221, convert.ChargingProfileResultTo221),
		ClearProfileResults:          translated("ClearProfileResult", v221.DecodeClearProfileResult, convert.ClearProfileResultFrom221, convert.ClearProfileResultTo221),
		ClientInfos:                  translated("ClientInfo", v221.DecodeClientInfo, convert.ClientInfoFrom221, convert.ClientInfoTo221),
	}
	c.Locations.ReadPatch = patched(timed("Location", v221.DecodeLocationPatch, func(p *v221.LocationPatch) ocpi.Field[ocpi.DateTime] { return p.LastUpdated }), convert.LocationFrom221, convert.LocationTo221, evses221().change)
	c.EVSEs.ReadPatch = patched(timed("EVSE", v221.DecodeEVSEPatch, func(p *v221.EVSEPatch) ocpi.Field[ocpi.DateTime] { return p.LastUpdated }), convert.EVSEFrom221, convert.EVSETo221, func(p v221.EVSEPatch) change[v221.EVSE] {
		return simple(p.UID, p.LastUpdated, p.Apply, func(o *v221.EVSE) *ocpi.DateTime { return &o.LastUpdated })
	})
	c.Connectors.ReadPatch = patched(timed("Connector", v221.DecodeConnectorPatch, func(p *v221.ConnectorPatch) ocpi.Field[ocpi.DateTime] { return p.LastUpdated }), convert.ConnectorFrom221, convert.ConnectorTo221, func(p v221.ConnectorPatch) change[v221.Connector] {
		return simple(p.ID, p.LastUpdated, p.Apply, func(o *v221.Connector) *ocpi.DateTime { return &o.LastUpdated })
	})
	c.Tokens.ReadPatch = patched(timed("Token", v221.DecodeTokenPatch, func(p *v221.TokenPatch) ocpi.Field[ocpi.DateTime] { return p.LastUpdated }), convert.TokenFrom221, convert.TokenTo221, func(p v221.TokenPatch) change[v221.Token] {
		return simple(p.UID, p.LastUpdated, p.Apply, func(o *v221.Token) *ocpi.DateTime { return &o.LastUpdated })
	})
	c.Sessions.ReadPatch = patched(timed("Session", v221.DecodeSessionPatch, func(p *v221.SessionPatch) ocpi.Field[ocpi.DateTime] { return p.LastUpdated }), convert.SessionFrom221, convert.SessionTo221, func(p v221.SessionPatch) change[v221.Session] {
		return simple(p.ID, p.LastUpdated, func(o *v221.Session) {
			was := o.ChargingPeriods
			p.Apply(o)
			o.ChargingPeriods = addPeriods(was, p.ChargingPeriods, o.ChargingPeriods, func(c *v221.ChargingPeriod) ocpi.DateTime { return c.StartDateTime })
		}, func(o *v221.Session) *ocpi.DateTime { return &o.LastUpdated })
	})
	return c
}

func evses221() evseMerge[v221.Location, v221.LocationPatch, v221.EVSE, v221.EVSEPatch, ocpi.CiString] {
	return evseMerge[v221.Location, v221.LocationPatch, v221.EVSE, v221.EVSEPatch, ocpi.CiString]{
		fields: func(p *v221.LocationPatch) (id ocpi.Field[ocpi.CiString], given ocpi.Field[ocpi.DateTime], evses *ocpi.Field[[]v221.EVSEPatch]) {
			return p.ID, p.LastUpdated, &p.EVSEs
		},
		apply:  (*v221.LocationPatch).Apply,
		whole:  func(l *v221.Location) (*ocpi.DateTime, []v221.EVSE) { return &l.LastUpdated, l.EVSEs },
		evse:   func(e *v221.EVSE) (ocpi.CiString, *ocpi.DateTime) { return e.UID, &e.LastUpdated },
		patch:  func(p *v221.EVSEPatch) (*ocpi.CiString, bool) { return &p.UID.Value, p.LastUpdated.Present },
		key:    ocpi.CiString.Fold,
		decode: v221.DecodeEVSE,
	}
}
