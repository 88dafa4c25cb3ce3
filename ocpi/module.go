package ocpi

import "slices"

// A ModuleID names a module in version details. Partners may offer modules of their own under other names; clients
// ignore the names they do not know (requirement V-07).
type ModuleID string

// The modules of OCPI 2.3.0 core. Version 2.1.1 has those up to ModuleTokens.
const (
	ModuleCDRs                  ModuleID = "cdrs"
	ModuleCommands              ModuleID = "commands"
	ModuleCredentials           ModuleID = "credentials"
	ModuleLocations             ModuleID = "locations"
	ModuleSessions              ModuleID = "sessions"
	ModuleTariffs               ModuleID = "tariffs"
	ModuleTokens                ModuleID = "tokens"
	ModuleChargingProfiles      ModuleID = "chargingprofiles"
	ModuleHubClientInfo         ModuleID = "hubclientinfo"
	ModuleInvoiceReconciliation ModuleID = "invoicereconciliation"
)

// Modules lists the modules of the specification.
func Modules() []ModuleID {
	return []ModuleID{
		ModuleCDRs, ModuleCommands, ModuleCredentials, ModuleLocations, ModuleSessions, ModuleTariffs, ModuleTokens,
		ModuleChargingProfiles, ModuleHubClientInfo, ModuleInvoiceReconciliation,
	}
}

// Known reports whether m is a module of the specification.
func (m ModuleID) Known() bool { return slices.Contains(Modules(), m) }
