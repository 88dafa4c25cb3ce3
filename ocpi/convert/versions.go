package convert

import (
	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/v211"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// interfaceRole is the side of a module that a party serves in its role: the owner of the objects sends them, and
// commands are sent by the eMSP (2.1.1, requirement V-05). For credentials the side has no meaning, and SENDER is
// customary (requirement DV-01). It is empty where 2.1.1 leaves it open: other roles, modules by agreement.
func interfaceRole(module ocpi.ModuleID, role ocpi.Role) ocpi.InterfaceRole {
	if module == ocpi.ModuleCredentials {
		return ocpi.Sender
	}
	var sender ocpi.Role
	switch module {
	case ocpi.ModuleLocations, ocpi.ModuleSessions, ocpi.ModuleCDRs, ocpi.ModuleTariffs:
		sender = ocpi.RoleCPO
	case ocpi.ModuleTokens, ocpi.ModuleCommands:
		sender = ocpi.RoleEMSP
	default:
		return ""
	}
	switch role {
	case sender:
		return ocpi.Sender
	case ocpi.RoleCPO, ocpi.RoleEMSP:
		return ocpi.Receiver
	default:
		return ""
	}
}

func (u *up) endpoint(in *v211.Endpoint, out *v230.Endpoint) {
	u.bulkEndpoint(in, out)
	out.Role = interfaceRole(in.Identifier, u.env.Role)
	out.Extra = u.extra(in.Extra, &namesEndpoint, nil)
}

func (d *down) endpoint(in *v230.Endpoint, out *v211.Endpoint) {
	out.Extra, _ = d.extra(in.Extra, &namesEndpoint)
	d.bulkEndpoint(in, out)
	if in.Role != interfaceRole(in.Identifier, d.env.Role) {
		d.lose("role", "2.1.1 does not say the side of a module")
	}
}

func (d *down) versionDetails(in *v230.VersionDetails, out *v211.VersionDetails) {
	out.Extra, _ = d.extra(in.Extra, &namesVersionDetails)
	d.bulkVersionDetails(in, out)
	out.Endpoints = those(d, "endpoints", in.Endpoints, (*down).usableEndpoint)
}

// usableEndpoint leaves out the endpoints that the party serves in another role: in 2.1.1 it has other details for
// those (requirement V-05).
func (d *down) usableEndpoint(in *v230.Endpoint, out *v211.Endpoint) bool {
	side := interfaceRole(in.Identifier, d.env.Role)
	if side != "" && in.Role != "" && in.Role != side && in.Identifier != ocpi.ModuleCredentials {
		d.loseHere("a " + string(d.env.Role) + " does not serve the " + string(in.Role) + " side, the endpoint is left out")
		return false
	}
	d.endpoint(in, out)
	return true
}
