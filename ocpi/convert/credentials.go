package convert

import (
	"slices"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/v211"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// credentials raises the one party of a 2.1.1 connection (requirement C-22) to a list of one role, which is the Env's:
// 2.1.1 does not say it.
func (u *up) credentials(in *v211.Credentials, out *v230.Credentials) {
	u.bulkCredentials(in, out)
	role := v230.CredentialsRole{
		Role: u.env.Role, PartyID: ocpi.CiString(in.PartyID), CountryCode: ocpi.CiString(in.CountryCode),
	}
	u.enter("business_details")
	u.businessDetails(&in.BusinessDetails, &role.BusinessDetails)
	u.leave()
	out.Roles = []v230.CredentialsRole{role}
	out.Extra = u.extra(in.Extra, &namesCredentials, nil)
}

// credentials lowers the first party in the Env's role, or else the first party.
func (d *down) credentials(in *v230.Credentials, out *v211.Credentials) {
	out.Extra, _ = d.extra(in.Extra, &namesCredentials)
	d.bulkCredentials(in, out)
	lostField(d, "hub_party_id", in.HubPartyID)
	if len(in.Roles) == 0 {
		d.lose("roles", "2.1.1 requires a party, and there is none")
		return
	}
	i := max(0, slices.IndexFunc(in.Roles, func(r v230.CredentialsRole) bool { return r.Role == d.env.Role }))
	role := &in.Roles[i]
	out.PartyID, out.CountryCode = string(role.PartyID), string(role.CountryCode)
	if len(in.Roles) > 1 {
		d.lose("roles", "2.1.1 has one party for each connection: "+out.CountryCode+"/"+out.PartyID+" as "+string(role.Role)+" is sent")
	}
	d.enter("roles")
	d.at(i)
	if role.Role != d.env.Role {
		d.lose("role", "2.1.1 does not say the role")
	}
	d.enter("business_details")
	d.businessDetails(&role.BusinessDetails, &out.BusinessDetails)
	d.leave()
	d.lostExtra(role.Extra)
	d.leave()
}
