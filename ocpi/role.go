package ocpi

import "strings"

// A Role is what a party does in the market.
type Role string

// Roles of OCPI 2.3.0. Version 2.1.1 knows CPO and eMSP only; HUB exists in 2.2.1 and was removed in 2.3.0.
const (
	RoleCPO   Role = "CPO"  // operates charge points
	RoleEMSP  Role = "EMSP" // gives drivers access to charging
	RoleHub   Role = "HUB"
	RoleNAP   Role = "NAP" // national access point
	RoleNSP   Role = "NSP" // navigation service provider
	RoleOther Role = "OTHER"
	RoleSCSP  Role = "SCSP" // smart charging service provider
)

// ParseRole reads a role as a person types it; case does not matter. The second result is false for an unknown role.
func ParseRole(s string) (Role, bool) {
	switch r := Role(strings.ToUpper(strings.TrimSpace(s))); r {
	case RoleCPO, RoleEMSP, RoleHub, RoleNAP, RoleNSP, RoleOther, RoleSCSP:
		return r, true
	default:
		return r, false
	}
}

// An InterfaceRole is the side of a module: a sender owns the objects, a receiver gets them. Version 2.1.1 has no such
// word; there the interface is named after the role that serves it.
type InterfaceRole string

// The two sides of a module.
const (
	Sender   InterfaceRole = "SENDER"
	Receiver InterfaceRole = "RECEIVER"
)
