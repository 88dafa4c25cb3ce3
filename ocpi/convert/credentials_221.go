package convert

import (
	"slices"
	"strings"
	"unicode"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/v221"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// A hub is a role in 2.2.1. In 2.3.0 it is the party in hub_party_id, and the roles are those reachable through it
// (requirements ZC-01 to ZC-03, ZY-05).

// hubPartyID is a party in one text, as 2.3.0 names a hub.
func hubPartyID(countryCode, partyID ocpi.CiString) ocpi.CiString { return countryCode + partyID }

// credentials raises the first hub among the roles to hub_party_id. The party stays among the roles as OTHER, because
// there must be one and because its name is known only there.
func (u *up221) credentials(in *v221.Credentials, out *v230.Credentials) {
	u.bulkCredentials(in, out)
	out.HubPartyID = hubOf(in.Roles)
	out.Extra = u.extra(in.Extra, &names221Credentials, nil)
}

// hubOf is the first hub among roles; nil where there is none.
func hubOf(roles []v221.CredentialsRole) *ocpi.CiString {
	i := slices.IndexFunc(roles, func(r v221.CredentialsRole) bool { return r.Role == ocpi.RoleHub })
	if i < 0 {
		return nil
	}
	id := hubPartyID(roles[i].CountryCode, roles[i].PartyID)
	return &id
}

func (u *up221) credentialsRole(in *v221.CredentialsRole, out *v230.CredentialsRole) {
	u.bulkCredentialsRole(in, out)
	left := u.role(in.Role, &out.Role)
	out.Extra = u.extra(in.Extra, &names221CredentialsRole, left)
}

// role raises a role: 2.3.0 has none for hubs.
func (u *up221) role(in ocpi.Role, out *ocpi.Role) (left leftover) {
	*out = in
	if in == ocpi.RoleHub {
		u.lose("role", "2.3.0 does not list HUB, it becomes OTHER")
		left.set("role", in)
		*out = ocpi.RoleOther
	}
	return left
}

// credentials lowers the roles as they came from 2.2.1, while they still say the same about the hub.
func (d *down221) credentials(in *v230.Credentials, out *v221.Credentials) {
	out.Extra, _ = d.extra(in.Extra, &names221Credentials)
	d.bulkCredentials(in, out)
	before := len(d.losses)
	out.Roles = each(d, "roles", in.Roles, (*down221).credentialsRole)
	if sameOptional(hubOf(out.Roles), in.HubPartyID) {
		return
	}
	if role, ok := d.hubRole(in, before); ok {
		out.Roles = []v221.CredentialsRole{role}
		return
	}
	for i := range out.Roles { // one that was the hub no longer is
		if in.Roles[i].Role == ocpi.RoleOther {
			out.Roles[i].Role = ocpi.RoleOther
		}
	}
	if !sameOptional(hubOf(out.Roles), in.HubPartyID) {
		d.lose("hub_party_id", "2.2.1 names a hub by a role, and none of the roles is this hub's")
	}
}

// hubRole is the only role of a hub, as 2.2.1 wants it: it learns the parties behind the hub through hubclientinfo
// (requirement DC-02). Losses since before are those of roles that are not sent.
func (d *down221) hubRole(in *v230.Credentials, before int) (role v221.CredentialsRole, ok bool) {
	if in.HubPartyID == nil || len(*in.HubPartyID) < 3 || !letters(string(*in.HubPartyID)[:2]) {
		return role, false // nothing that can be cut into a country and a party
	}
	d.losses = d.losses[:before]
	i := slices.IndexFunc(in.Roles, func(r v230.CredentialsRole) bool {
		return hubPartyID(r.CountryCode, r.PartyID).Equal(*in.HubPartyID)
	})
	if i < 0 || len(in.Roles) > 1 {
		d.lose("roles", "a hub of 2.2.1 has no other role, and tells the parties behind it through hubclientinfo")
	}
	if i < 0 {
		role.CountryCode, role.PartyID = (*in.HubPartyID)[:2], (*in.HubPartyID)[2:]
		role.Role, role.BusinessDetails.Name = ocpi.RoleHub, notAvailable
		return role, true
	}
	d.enter("roles")
	d.at(i)
	d.credentialsRole(&in.Roles[i], &role)
	if r := in.Roles[i].Role; r != ocpi.RoleOther {
		d.lose("role", "a hub of 2.2.1 has no other role: HUB is sent")
	}
	d.leave()
	role.Role = ocpi.RoleHub
	return role, true
}

func (d *down221) credentialsRole(in *v230.CredentialsRole, out *v221.CredentialsRole) {
	var left leftover
	out.Extra, left = d.extra(in.Extra, &names221CredentialsRole)
	d.bulkCredentialsRole(in, out)
	out.Role = d.role(in.Role, left)
}

func (d *down221) role(in ocpi.Role, left leftover) ocpi.Role {
	said, ok := recall(left, "role", func(was ocpi.Role) bool { return was == ocpi.RoleHub && in == ocpi.RoleOther })
	if ok {
		return said
	}
	if in == ocpi.RoleHub {
		d.lose("role", "2.3.0 does not list HUB here, it is sent as 2.2.1 means it")
	}
	return in
}

func (u *up221) clientInfo(in *v221.ClientInfo, out *v230.ClientInfo) {
	u.bulkClientInfo(in, out)
	left := u.role(in.Role, &out.Role)
	out.Extra = u.extra(in.Extra, &names221ClientInfo, left)
}

func (d *down221) clientInfo(in *v230.ClientInfo, out *v221.ClientInfo) {
	var left leftover
	out.Extra, left = d.extra(in.Extra, &names221ClientInfo)
	d.bulkClientInfo(in, out)
	out.Role = d.role(in.Role, left)
}

// letters reports whether a text has no other characters than those of country codes.
func letters(text string) bool {
	return strings.IndexFunc(text, func(r rune) bool { return r > unicode.MaxASCII || !unicode.IsLetter(r) }) < 0
}
