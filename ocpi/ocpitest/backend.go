package ocpitest

import (
	"github.com/roamwire/roamwire/ocpi/ocpiserver"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// A CPO is a charge point operator's backend in memory. The zero CPO is empty and ready.
type CPO struct {
	Locations Sender[v230.Location]
	Sessions  Sender[v230.Session]
	CDRs      Sender[v230.CDR]
	Tariffs   Sender[v230.Tariff]
	// Tokens are those that eMSPs pushed.
	Tokens           Receiver[v230.Token]
	Commands         Commands
	ChargingProfiles ChargingProfiles
}

// Backend is the CPO as a server takes it, with every module. Set fields to nil for a CPO that offers less.
func (c *CPO) Backend() *ocpiserver.CPO {
	return &ocpiserver.CPO{
		Locations: &c.Locations, Sessions: &c.Sessions, CDRs: &c.CDRs, Tariffs: &c.Tariffs,
		Tokens: &c.Tokens, Commands: &c.Commands, ChargingProfiles: &c.ChargingProfiles,
	}
}

// Fill adds the sample's locations, sessions, CDRs and tariffs.
func (c *CPO) Fill(sample Sample) {
	c.Locations.Put(sample.Locations()...)
	c.Sessions.Put(sample.Sessions()...)
	c.CDRs.Put(sample.CDRs()...)
	c.Tariffs.Put(sample.Tariffs()...)
}

// An EMSP is an e-mobility service provider's backend in memory. The zero EMSP is empty and ready.
type EMSP struct {
	// Locations, Sessions, CDRs and Tariffs are those that CPOs pushed.
	Locations      Receiver[v230.Location]
	Sessions       Receiver[v230.Session]
	CDRs           CDRReceiver
	Tariffs        TariffReceiver
	Tokens         TokenSender
	CommandResults CommandResults
	// ChargingProfileResults are what CPOs said about charging profiles.
	ChargingProfileResults ChargingProfileResults
}

// Backend is the eMSP as a server takes it, with every module. Set fields to nil for an eMSP that offers less.
func (e *EMSP) Backend() *ocpiserver.EMSP {
	return &ocpiserver.EMSP{
		Locations: &e.Locations, Sessions: &e.Sessions, CDRs: &e.CDRs, Tariffs: &e.Tariffs,
		Tokens: &e.Tokens, CommandResults: &e.CommandResults, ChargingProfileResults: &e.ChargingProfileResults,
	}
}

// Fill adds the sample's tokens.
func (e *EMSP) Fill(sample Sample) { e.Tokens.Put(sample.Tokens()...) }

// What a server discovers by type assertion, the compiler checks here.
var (
	_ ocpiserver.Getter[v230.Location]  = (*Sender[v230.Location])(nil)
	_ ocpiserver.Deleter                = (*TariffReceiver)(nil)
	_ ocpiserver.Authorizer             = (*TokenSender)(nil)
	_ ocpiserver.Partners               = (*Partners)(nil)
	_ ocpiserver.Credentials            = (*Credentials)(nil)
	_ ocpiserver.Registrar              = registrar{}
	_ ocpiserver.CDRReceiver            = (*CDRReceiver)(nil)
	_ ocpiserver.CommandResults         = (*CommandResults)(nil)
	_ ocpiserver.Commands               = (*Commands)(nil)
	_ ocpiserver.ChargingProfiles       = (*ChargingProfiles)(nil)
	_ ocpiserver.ChargingProfileResults = (*ChargingProfileResults)(nil)
	_ ocpiserver.ClientInfos            = (*ClientInfos)(nil)
	_ ocpiserver.Receiver[v230.Tariff]  = (*TariffReceiver)(nil)
	_ ocpiserver.Receiver[v230.Session] = (*Receiver[v230.Session])(nil)
)
