package wire

import "github.com/roamwire/roamwire/ocpi/v230"

// The model's types under short names, so that the tables of codecs read well.
type (
	Location           = v230.Location
	EVSE               = v230.EVSE
	Connector          = v230.Connector
	Session            = v230.Session
	CDR                = v230.CDR
	Tariff             = v230.Tariff
	Token              = v230.Token
	AuthorizationInfo  = v230.AuthorizationInfo
	LocationReferences = v230.LocationReferences
	StartSession       = v230.StartSession
	StopSession        = v230.StopSession
	ReserveNow         = v230.ReserveNow
	UnlockConnector    = v230.UnlockConnector
	CommandResponse    = v230.CommandResponse
	CommandResult      = v230.CommandResult
	Credentials        = v230.Credentials
)
