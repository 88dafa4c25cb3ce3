package wire

import "github.com/roamwire/roamwire/ocpi/v230"

// The model's types under short names, so that the tables of codecs read well.

type (
	// Location is the model's Location.
	Location = v230.Location
	// EVSE is the model's EVSE.
	EVSE = v230.EVSE
	// Connector is the model's Connector.
	Connector = v230.Connector
	// Session is the model's Session.
	Session = v230.Session
	// CDR is the model's CDR.
	CDR = v230.CDR
	// Tariff is the model's Tariff.
	Tariff = v230.Tariff
	// Token is the model's Token.
	Token = v230.Token
	// AuthorizationInfo is the model's AuthorizationInfo.
	AuthorizationInfo = v230.AuthorizationInfo
	// LocationReferences is the model's LocationReferences.
	LocationReferences = v230.LocationReferences
	// StartSession is the model's StartSession.
	StartSession = v230.StartSession
	// StopSession is the model's StopSession.
	StopSession = v230.StopSession
	// ReserveNow is the model's ReserveNow.
	ReserveNow = v230.ReserveNow
	// UnlockConnector is the model's UnlockConnector.
	UnlockConnector = v230.UnlockConnector
	// CommandResponse is the model's CommandResponse.
	CommandResponse = v230.CommandResponse
	// CommandResult is the model's CommandResult.
	CommandResult = v230.CommandResult
	// Credentials is the model's Credentials.
	Credentials = v230.Credentials
	// ChargingPreferences is the model's ChargingPreferences.
	ChargingPreferences = v230.ChargingPreferences
	// CancelReservation is the model's CancelReservation.
	CancelReservation = v230.CancelReservation
	// SetChargingProfile is the model's SetChargingProfile.
	SetChargingProfile = v230.SetChargingProfile
	// ChargingProfileResponse is the model's ChargingProfileResponse.
	ChargingProfileResponse = v230.ChargingProfileResponse
	// ActiveChargingProfile is the model's ActiveChargingProfile.
	ActiveChargingProfile = v230.ActiveChargingProfile
	// ActiveChargingProfileResult is the model's ActiveChargingProfileResult.
	ActiveChargingProfileResult = v230.ActiveChargingProfileResult
	// ChargingProfileResult is the model's ChargingProfileResult.
	ChargingProfileResult = v230.ChargingProfileResult
	// ClearProfileResult is the model's ClearProfileResult.
	ClearProfileResult = v230.ClearProfileResult
	// ClientInfo is the model's ClientInfo.
	ClientInfo = v230.ClientInfo
)
