package wire

import (
	"fmt"

	"github.com/go-json-experiment/json"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/convert"
	"github.com/roamwire/roamwire/ocpi/quirk"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// codecs230 read and write the model itself. Leftovers of 2.1.1 are written too: who sends to a 2.3.0 partner removes
// them with convert.StripLeftovers.
func codecs230() Codecs {
	c := Codecs{
		Version:            ocpi.V230,
		Locations:          same("Location", v230.DecodeLocation),
		EVSEs:              same("EVSE", v230.DecodeEVSE),
		Connectors:         same("Connector", v230.DecodeConnector),
		Sessions:           same("Session", v230.DecodeSession),
		CDRs:               same("CDR", v230.DecodeCDR),
		Tariffs:            same("Tariff", v230.DecodeTariff),
		Tokens:             same("Token", v230.DecodeToken),
		AuthorizationInfos: same("AuthorizationInfo", v230.DecodeAuthorizationInfo),
		LocationReferences: same("LocationReferences", v230.DecodeLocationReferences),
		StartSessions:      same("StartSession", v230.DecodeStartSession),
		StopSessions:       same("StopSession", v230.DecodeStopSession),
		ReserveNows:        same("ReserveNow", v230.DecodeReserveNow),
		UnlockConnectors:   same("UnlockConnector", v230.DecodeUnlockConnector),
		CommandResponses:   same("CommandResponse", v230.DecodeCommandResponse),
		CommandResults:     same("CommandResult", v230.DecodeCommandResult),
		Credentials:        same("Credentials", v230.DecodeCredentials),
	}
	return c
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
