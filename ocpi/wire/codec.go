// Package wire stands between the bytes a partner exchanges and the model every backend works with (package v230). A
// Codec reads, checks, translates and writes one kind of object in one version. Nothing above this package knows
// which version a partner speaks.
package wire

import (
	"fmt"

	"github.com/go-json-experiment/json"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/convert"
	"github.com/roamwire/roamwire/ocpi/quirk"
)

// A Report is what reading an object found.
type Report struct {
	// Findings are the deviations from the version's tables, with those that were put right. None is unusable where
	// reading succeeded.
	Findings []ocpi.Finding
	// Quirks are the deviations that the partner's profile knows, and that were put right.
	Quirks []quirk.Name
	// Losses are what the model could not take over.
	Losses []convert.Loss
	// Document is what was read at last, after everything was put right.
	Document []byte
}

// A Codec reads and writes one kind of object in one version. T is the model's type.
type Codec[T any] struct {
	// Object is the object's name in the tables, such as "Location".
	Object string
	// Read makes the model's object of a JSON document. The error is an *ocpi.Error: HTTP 400 for what is no JSON,
	// status 2001 with all findings for an object that cannot be used. What the profile can put right is put right
	// before; the zero Profile puts nothing right.
	Read func(raw []byte, env convert.Env, profile quirk.Profile) (T, Report, error)
	// Write makes the document that a partner of this version gets.
	Write func(object T, env convert.Env) ([]byte, []convert.Loss, error)
	// ReadPatch reads the body of a PATCH. It is nil for objects that the version does not patch.
	ReadPatch func(raw []byte, env convert.Env, profile quirk.Profile) (Patch[T], Report, error)
}

// A Patch is the body of a PATCH, ready to be applied to the model's object.
type Patch[T any] struct {
	// Apply changes the object. It either succeeds or leaves the object as it was. The error is an *ocpi.Error where
	// the patched object cannot be used. What the PATCH changes without saying when counts as changed now: a timestamp
	// is required since 2.2 and absent from many a 2.1.1 PATCH (requirement TF-40). What it names and does not change keeps
	// its time.
	Apply func(object *T, now ocpi.DateTime) error
	// ID is the identifier in the body, absent where the PATCH does not repeat it.
	ID ocpi.Field[string]
	// LastUpdated is the time that the PATCH gives the object, absent where it gives none.
	LastUpdated ocpi.Field[ocpi.DateTime]
	// EVSEs are the uids of the EVSEs in the PATCH of a location, absent where it names no list.
	EVSEs ocpi.Field[[]string]

	lost *[]convert.Loss
}

// Losses are what the last Apply changed in a way that the model could not take over.
func (p Patch[T]) Losses() []convert.Loss {
	if p.lost == nil {
		return nil
	}
	return *p.lost
}

// Codecs are the codecs of one version.
type Codecs struct {
	Version            ocpi.Version
	Locations          Codec[Location]
	EVSEs              Codec[EVSE]
	Connectors         Codec[Connector]
	Sessions           Codec[Session]
	CDRs               Codec[CDR]
	Tariffs            Codec[Tariff]
	Tokens             Codec[Token]
	AuthorizationInfos Codec[AuthorizationInfo]
	LocationReferences Codec[LocationReferences]
	StartSessions      Codec[StartSession]
	StopSessions       Codec[StopSession]
	ReserveNows        Codec[ReserveNow]
	UnlockConnectors   Codec[UnlockConnector]
	CommandResponses   Codec[CommandResponse]
	CommandResults     Codec[CommandResult]
	Credentials        Codec[Credentials]

	// What follows came with 2.2; in 2.1.1 these codecs have neither Read nor Write.
	ChargingPreferences          Codec[ChargingPreferences]
	CancelReservations           Codec[CancelReservation]
	SetChargingProfiles          Codec[SetChargingProfile]
	ChargingProfileResponses     Codec[ChargingProfileResponse]
	ActiveChargingProfiles       Codec[ActiveChargingProfile]
	ActiveChargingProfileResults Codec[ActiveChargingProfileResult]
	ChargingProfileResults       Codec[ChargingProfileResult]
	ClearProfileResults          Codec[ClearProfileResult]
	ClientInfos                  Codec[ClientInfo]
}

// For returns the codecs of a version; false for a version without them.
func For(v ocpi.Version) (Codecs, bool) {
	switch v {
	case ocpi.V211:
		return codecs211(), true
	case ocpi.V221:
		return codecs221(), true
	case ocpi.V230:
		return codecs230(), true
	default:
		return Codecs{}, false
	}
}

// decoded reads a document and reports what was found.
func decoded[T any](profile quirk.Profile, raw []byte, decode func([]byte) (T, []ocpi.Finding, error)) (T, Report, error) {
	last := raw
	object, findings, quirks, err := quirk.Decode(profile, raw, func(raw []byte) (T, []ocpi.Finding, error) {
		last = raw
		return decode(raw)
	})
	return object, Report{Findings: findings, Quirks: quirks, Document: last}, err
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
