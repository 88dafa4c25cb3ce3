package ocpitest

import (
	"fmt"
	"strings"
	"time"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// StartSession asks for a session of the app's driver at the second EVSE of LOC3.
func (s Sample) StartSession(responseURL string) v230.StartSession {
	return v230.StartSession{ResponseURL: responseURL, Token: s.Token(tokenKinds), LocationID: id("LOC", 3), EVSEUID: new(evseUID(3, 2))}
}

// StopSession asks for the end of the active session.
func (s Sample) StopSession(responseURL string) v230.StopSession {
	return v230.StopSession{ResponseURL: responseURL, SessionID: s.ActiveSession().ID}
}

// ReserveNow keeps the first EVSE of LOC2 free for half an hour. The reservation's id is a number, because nothing
// else fits into 2.1.1 (requirement CMD-11).
func (s Sample) ReserveNow(responseURL string) v230.ReserveNow {
	return v230.ReserveNow{
		ResponseURL: responseURL, Token: s.Token(1), ExpiryDate: s.ago(-30 * time.Minute), ReservationID: "4711",
		LocationID: id("LOC", 2), EVSEUID: new(evseUID(2, 1)),
	}
}

// CancelReservation gives up the reservation of ReserveNow. It does not exist in 2.1.1.
func (s Sample) CancelReservation(responseURL string) v230.CancelReservation {
	return v230.CancelReservation{ResponseURL: responseURL, ReservationID: s.ReserveNow(responseURL).ReservationID}
}

// UnlockConnector releases the plug at the first EVSE of LOC1.
func (s Sample) UnlockConnector(responseURL string) v230.UnlockConnector {
	return v230.UnlockConnector{ResponseURL: responseURL, LocationID: id("LOC", 1), EVSEUID: evseUID(1, 1), ConnectorID: "1"}
}

// CommandResponse accepts a command.
func (s Sample) CommandResponse() v230.CommandResponse {
	return v230.CommandResponse{Result: v230.CommandResponseTypeAccepted, Timeout: acceptedTimeout}
}

// CommandResult reports that the charging station carries out a command.
func (s Sample) CommandResult() v230.CommandResult {
	return v230.CommandResult{Result: v230.CommandResultTypeAccepted}
}

// Credentials hand out a token for the versions endpoint at versionsURL, for the sample's CPO and eMSP.
func (s Sample) Credentials(token, versionsURL string) v230.Credentials {
	return v230.Credentials{Token: token, URL: versionsURL, Roles: []v230.CredentialsRole{
		credentialsRole(ocpi.RoleCPO, s.CPO, *operator()),
		credentialsRole(ocpi.RoleEMSP, s.EMSP, v230.BusinessDetails{Name: "Laadpas Tubantia", Website: new("https://tubantia.example.com")}),
	}}
}

func credentialsRole(role ocpi.Role, party ocpi.Party, details v230.BusinessDetails) v230.CredentialsRole {
	r := v230.CredentialsRole{Role: role, BusinessDetails: details}
	r.CountryCode, r.PartyID = owner(party)
	return r
}

// VersionDetails list the endpoints of one side of a platform in this version, below baseURL.
func (s Sample) VersionDetails(version ocpi.Version, role ocpi.Role, baseURL string) v230.VersionDetails {
	objects, drivers := ocpi.Sender, ocpi.Receiver
	if role == ocpi.RoleEMSP {
		objects, drivers = ocpi.Receiver, ocpi.Sender
	}
	details := v230.VersionDetails{Version: version}
	offer := func(side ocpi.InterfaceRole, modules ...ocpi.ModuleID) {
		for _, module := range modules {
			url := fmt.Sprintf("%s/%s/%s/%s", baseURL, strings.ToLower(string(role)), version, module)
			details.Endpoints = append(details.Endpoints, v230.Endpoint{Identifier: module, Role: side, URL: url})
		}
	}
	offer(ocpi.Sender, ocpi.ModuleCredentials)
	offer(objects, ocpi.ModuleLocations, ocpi.ModuleSessions, ocpi.ModuleCDRs, ocpi.ModuleTariffs)
	offer(drivers, ocpi.ModuleTokens, ocpi.ModuleCommands)
	return details
}
