package ocpi

import "slices"

// A PartyRole is a party in one of its roles.
type PartyRole struct {
	Role  Role  `json:"role"`
	Party Party `json:"party"`
}

// A Partner is a platform we exchange messages with. Everything a request may do follows from the partner its token
// belongs to, never from names in a URL or header.
type Partner struct {
	// ID is our own name for the partner, unique in this system.
	ID string
	// Roles are the parties this partner may speak for.
	Roles []PartyRole
	// Serves are the parties of ours that deal with this partner. Empty means all of them. In 2.1.1 a connection is
	// between exactly two parties (requirement C-22), so a system with several parties sets one here.
	Serves []Party
	// Hub is the party of a partner that is a hub: the one with the role HUB in 2.2.1, the one in hub_party_id in 2.3.0. It is
	// among Roles as HUB in both. Zero for partners that are no hubs.
	Hub Party
	// Version is the version agreed on with this partner; empty before that.
	Version Version
	// Pin is the only version that is offered to this partner; empty for all but those in Hide.
	Pin  Version
	Hide []Version
	// Access is what the partner may call.
	Access Access
	// Quirks names the deviations that are put right in what this partner sends, as package quirk reads them; empty
	// for the default.
	Quirks string
	// Receive says how objects of this partner are taken.
	Receive Receiving
}

// Receiving says how objects that a partner pushes are taken. The zero value is the careful way.
type Receiving struct {
	// AllowOlder lets an object replace one that has a later last_updated. Without it, it is refused.
	AllowOlder bool
	// EVSEs is what becomes of a list of EVSEs in the PATCH of a location (requirement TF-38).
	EVSEs PatchedEVSEs
	// Routing is what becomes of messages that name parties which are not the partner's.
	Routing RoutingPolicy
}

// PatchedEVSEs is what becomes of a list of EVSEs in the PATCH of a location.
type PatchedEVSEs string

// What becomes of a list of EVSEs in the PATCH of a location.
const (
	// MergeEVSEs changes and adds those in the list; the others stay.
	MergeEVSEs PatchedEVSEs = ""
	// ReplaceEVSEs puts the list in the place of the EVSEs that are there.
	ReplaceEVSEs PatchedEVSEs = "replace"
	// RejectEVSEs refuses the PATCH.
	RejectEVSEs PatchedEVSEs = "reject"
)

// Access is what a partner may call.
type Access string

// The kinds of access.
const (
	// AccessFull is every interface that is for the partner's roles.
	AccessFull Access = ""
	// AccessRegistration is versions, version details and credentials: the partner is not registered yet (requirement
	// TF-07).
	AccessRegistration Access = "registration"
	// AccessSuspended is the same for a registered partner that was suspended.
	AccessSuspended Access = "suspended"
)

// Offered reports whether a version is among those that the partner is told of.
func (p *Partner) Offered(v Version) bool {
	return (p.Pin == "" || p.Pin == v) && !slices.Contains(p.Hide, v)
}

// May reports whether the partner may call in a version: one that it is offered, or the one agreed on, which it goes on with
// until it has moved to another.
func (p *Partner) May(v Version) bool { return p.Offered(v) || p.Version == v }

// Speaks reports whether the partner may speak for party in this role.
func (p *Partner) Speaks(role Role, party Party) bool {
	return slices.Contains(p.Roles, PartyRole{Role: role, Party: party})
}

// Has reports whether the partner has any party in this role.
func (p *Partner) Has(role Role) bool {
	return slices.ContainsFunc(p.Roles, func(r PartyRole) bool { return r.Role == role })
}

// Parties returns the partner's parties in this role, in the order they were registered.
func (p *Partner) Parties(role Role) []Party {
	var parties []Party
	for _, r := range p.Roles {
		if r.Role == role {
			parties = append(parties, r.Party)
		}
	}
	return parties
}
