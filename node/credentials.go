package node

import (
	"context"
	"slices"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// credentials tells partners how they reach us. It is the handshake.Own of the node.
type credentials struct {
	url     string
	parties []Party
}

// Credentials implements handshake.Own. The versions URL is the one of the role asked, because version
// details of 2.1.1 have no roles. Without a role it is the one of all, and so are the credentials (requirement DC-06).
func (c *credentials) Credentials(_ context.Context, to *ocpi.Partner, role ocpi.Role, token string) (v230.Credentials, error) {
	own := v230.Credentials{Token: token, URL: c.url + "/versions"}
	switch role {
	case ocpi.RoleCPO, ocpi.RoleEMSP:
		own.URL = c.url + sidePath(role) + "/versions"
	default:
	}
	for _, p := range c.parties {
		if len(to.Serves) > 0 && !slices.Contains(to.Serves, p.Party) {
			continue
		}
		for _, has := range p.Roles {
			if role != "" && has != role {
				continue
			}
			own.Roles = append(own.Roles, v230.CredentialsRole{
				Role: has, CountryCode: ocpi.CiString(p.Party.CountryCode), PartyID: ocpi.CiString(p.Party.PartyID), BusinessDetails: p.businessDetails(),
			})
		}
	}
	if len(own.Roles) == 0 && role == "" {
		return own, ocpi.NotFound("none of our parties deals with you")
	}
	if len(own.Roles) == 0 {
		return own, ocpi.NotFound("none of our parties deals with you as %s", role)
	}
	return own, nil
}

func (p Party) businessDetails() v230.BusinessDetails {
	details := v230.BusinessDetails{Name: p.Name}
	if details.Name == "" {
		details.Name = p.Party.String()
	}
	if p.Website != "" {
		details.Website = &p.Website
	}
	return details
}
