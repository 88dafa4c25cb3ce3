package ocpi

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

// Known reports whether m is a module of the specification.
func (m ModuleID) Known() bool {
	switch m {
	case ModuleCDRs, ModuleCommands, ModuleCredentials, ModuleLocations, ModuleSessions, ModuleTariffs, ModuleTokens,
		ModuleChargingProfiles, ModuleHubClientInfo, ModuleInvoiceReconciliation:
		return true
	default:
		return false
	}
}
