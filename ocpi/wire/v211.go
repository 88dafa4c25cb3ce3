package wire

import (
	"bytes"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/convert"
	"github.com/roamwire/roamwire/ocpi/v211"
)

func codecs211() Codecs {
	c := Codecs{
		Version:            ocpi.V211,
		Locations:          translated211("Location", v211.DecodeLocation, convert.LocationFrom211, convert.LocationTo211),
		EVSEs:              translated211("EVSE", v211.DecodeEVSE, convert.EVSEFrom211, convert.EVSETo211),
		Connectors:         translated211("Connector", v211.DecodeConnector, convert.ConnectorFrom211, convert.ConnectorTo211),
		Sessions:           translated211("Session", v211.DecodeSession, convert.SessionFrom211, convert.SessionTo211),
		CDRs:               translated211("CDR", v211.DecodeCDR, convert.CDRFrom211, convert.CDRTo211),
		Tariffs:            translated211("Tariff", v211.DecodeTariff, convert.TariffFrom211, convert.TariffTo211),
		Tokens:             translated211("Token", v211.DecodeToken, convert.TokenFrom211, convert.TokenTo211),
		AuthorizationInfos: translated211("AuthorizationInfo", v211.DecodeAuthorizationInfo, convert.AuthorizationInfoFrom211, convert.AuthorizationInfoTo211),
		LocationReferences: translated211("LocationReferences", v211.DecodeLocationReferences, convert.LocationReferencesFrom211, convert.LocationReferencesTo211),
		StartSessions:      translated211("StartSession", v211.DecodeStartSession, convert.StartSessionFrom211, convert.StartSessionTo211),
		StopSessions:       translated211("StopSession", v211.DecodeStopSession, convert.StopSessionFrom211, convert.StopSessionTo211),
		ReserveNows:        translated211("ReserveNow", v211.DecodeReserveNow, convert.ReserveNowFrom211, convert.ReserveNowTo211),
		UnlockConnectors:   translated211("UnlockConnector", v211.DecodeUnlockConnector, convert.UnlockConnectorFrom211, convert.UnlockConnectorTo211),
		CommandResponses:   translated211("CommandResponse", v211.DecodeCommandResponse, convert.CommandResponseFrom211, convert.CommandResponseTo211),
		CommandResults:     translated211("CommandResponse", v211.DecodeCommandResponse, convert.CommandResultFrom211, convert.CommandResultTo211),
		Credentials:        translated211("Credentials", v211.DecodeCredentials, convert.CredentialsFrom211, convert.CredentialsTo211),
	}
	c.Locations.ReadPatch = patched(untimed(v211.DecodeLocationPatch), convert.LocationFrom211, convert.LocationTo211, evses211().change)
	c.EVSEs.ReadPatch = patched(untimed(v211.DecodeEVSEPatch), convert.EVSEFrom211, convert.EVSETo211, func(p v211.EVSEPatch) change[v211.EVSE] {
		return simple(p.UID, p.LastUpdated, p.Apply, func(o *v211.EVSE) *ocpi.DateTime { return &o.LastUpdated })
	})
	c.Connectors.ReadPatch = patched(untimed(v211.DecodeConnectorPatch), convert.ConnectorFrom211, convert.ConnectorTo211, func(p v211.ConnectorPatch) change[v211.Connector] {
		return simple(p.ID, p.LastUpdated, p.Apply, func(o *v211.Connector) *ocpi.DateTime { return &o.LastUpdated })
	})
	c.Sessions.ReadPatch = patched(untimed(v211.DecodeSessionPatch), convert.SessionFrom211, convert.SessionTo211, func(p v211.SessionPatch) change[v211.Session] {
		return simple(p.ID, p.LastUpdated, func(o *v211.Session) {
			was := o.ChargingPeriods
			p.Apply(o)
			o.ChargingPeriods = addPeriods(was, p.ChargingPeriods, o.ChargingPeriods, func(c *v211.ChargingPeriod) ocpi.DateTime { return c.StartDateTime })
		}, func(o *v211.Session) *ocpi.DateTime { return &o.LastUpdated })
	})
	c.Tariffs.ReadPatch = patched(untimed(v211.DecodeTariffPatch), convert.TariffFrom211, convert.TariffTo211, func(p v211.TariffPatch) change[v211.Tariff] {
		return simple(p.ID, p.LastUpdated, p.Apply, func(o *v211.Tariff) *ocpi.DateTime { return &o.LastUpdated })
	})
	c.Tokens.ReadPatch = patched(untimed(v211.DecodeTokenPatch), convert.TokenFrom211, convert.TokenTo211, func(p v211.TokenPatch) change[v211.Token] {
		return simple(p.UID, p.LastUpdated, p.Apply, func(o *v211.Token) *ocpi.DateTime { return &o.LastUpdated })
	})
	return c
}

// translated211 is translated for 2.1.1. What the model keeps of 2.2.1 is nothing to partners on 2.1.1.
func translated211[Old, T any](
	object string,
	decode func([]byte) (Old, []ocpi.Finding, error),
	up func(Old, convert.Env) (T, []convert.Loss),
	down func(T, convert.Env) (Old, []convert.Loss),
) Codec[T] {
	codec := translated(object, decode, up, down)
	write := codec.Write
	codec.Write = func(model T, env convert.Env) ([]byte, []convert.Loss, error) {
		raw, losses, err := write(model, env)
		if bytes.Contains(raw, []byte(`"`+convert.LeftoverMember221+`"`)) {
			raw = convert.StripLeftovers(raw)
		}
		return raw, losses, err
	}
	return codec
}

func evses211() evseMerge[v211.Location, v211.LocationPatch, v211.EVSE, v211.EVSEPatch, string] {
	return evseMerge[v211.Location, v211.LocationPatch, v211.EVSE, v211.EVSEPatch, string]{
		fields: func(p *v211.LocationPatch) (id ocpi.Field[string], given ocpi.Field[ocpi.DateTime], evses *ocpi.Field[[]v211.EVSEPatch]) {
			return p.ID, p.LastUpdated, &p.EVSEs
		},
		apply:  (*v211.LocationPatch).Apply,
		whole:  func(l *v211.Location) (*ocpi.DateTime, []v211.EVSE) { return &l.LastUpdated, l.EVSEs },
		evse:   func(e *v211.EVSE) (string, *ocpi.DateTime) { return e.UID, &e.LastUpdated },
		patch:  func(p *v211.EVSEPatch) (*string, bool) { return &p.UID.Value, p.LastUpdated.Present },
		key:    func(uid string) string { return uid },
		decode: v211.DecodeEVSE,
	}
}
