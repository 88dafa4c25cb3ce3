package convert

import (
	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/v211"
	"github.com/roamwire/roamwire/ocpi/v230"
)

func (u *up) token(in *v211.Token, out *v230.Token) { u.tokenOf(u.env.Owner, in, out) }

// tokenOf raises a token that belongs to owner.
func (u *up) tokenOf(owner ocpi.Party, in *v211.Token, out *v230.Token) {
	var left leftover
	u.bulkToken(in, out)
	out.CountryCode, out.PartyID = partyFields(owner)
	foreign(&left, "type", in.Type)
	out.Type = v230.TokenType(in.Type)
	out.ContractID = ocpi.CiString(in.AuthID)
	out.Extra = u.extra(in.Extra, &namesToken, left)
}

func (d *down) token(in *v230.Token, out *v211.Token) { d.tokenOf(d.env.Owner, in, out) }

// tokenOf lowers a token that belongs to owner.
func (d *down) tokenOf(owner ocpi.Party, in *v230.Token, out *v211.Token) {
	var left leftover
	out.Extra, left = d.extra(in.Extra, &namesToken)
	d.bulkToken(in, out)
	out.Type = lowerOr(d, left, "type", in.Type, v211.TokenTypeOther)
	out.AuthID = string(in.ContractID)
	d.lostParty(in.CountryCode, in.PartyID, owner)
	lostField(d, "group_id", in.GroupID)
	lostField(d, "default_profile_type", in.DefaultProfileType)
	lostField(d, "energy_contract", in.EnergyContract)
}

// authorizationInfo leaves the token zero, which 2.3.0 requires and 2.1.1 does not send: who asked has it, and fills
// it in.
func (u *up) authorizationInfo(in *v211.AuthorizationInfo, out *v230.AuthorizationInfo) {
	u.bulkAuthorizationInfo(in, out)
	out.Extra = u.extra(in.Extra, &namesAuthorizationInfo, nil)
}

func (d *down) authorizationInfo(in *v230.AuthorizationInfo, out *v211.AuthorizationInfo) {
	out.Extra, _ = d.extra(in.Extra, &namesAuthorizationInfo)
	d.bulkAuthorizationInfo(in, out)
	if !isZeroToken(&in.Token) {
		d.lose("token", "2.1.1 answers without the token: a partner that does not have it does not learn its contract")
	}
	lostField(d, "authorization_reference", in.AuthorizationReference)
}

func isZeroToken(t *v230.Token) bool {
	texts := t.CountryCode == "" && t.PartyID == "" && t.UID == "" && t.Type == "" && t.ContractID == "" &&
		t.Issuer == "" && t.Whitelist == ""
	options := t.VisualNumber == nil && t.GroupID == nil && t.Language == nil && t.DefaultProfileType == nil &&
		t.EnergyContract == nil
	return texts && options && !t.Valid && t.LastUpdated == (ocpi.DateTime{}) && len(t.Extra) == 0
}

// locationReferences keeps connector_ids together with what they refer to, so that they are used only while that is
// still meant.
func (u *up) locationReferences(in *v211.LocationReferences, out *v230.LocationReferences) {
	var left leftover
	u.bulkLocationReferences(in, out)
	if in.ConnectorIDs != nil {
		left.set("connector_ids", in.ConnectorIDs)
		left.set("location_id", in.LocationID)
		left.set("evse_uids", absentAsNull(in.EVSEUIDs))
	}
	if len(in.ConnectorIDs) > 0 {
		u.lose("connector_ids", "2.3.0 refers to EVSEs, not to their connectors")
	}
	out.Extra = u.extra(in.Extra, &namesLocationReferences, left)
}

// absentAsNull makes an absent list a JSON null; it would be an empty list otherwise.
func absentAsNull(list []string) any {
	if list == nil {
		return nil
	}
	return list
}

func (d *down) locationReferences(in *v230.LocationReferences, out *v211.LocationReferences) {
	var left leftover
	out.Extra, left = d.extra(in.Extra, &namesLocationReferences)
	d.bulkLocationReferences(in, out)
	_, sameLocation := recall(left, "location_id", func(was string) bool { return was == out.LocationID })
	_, sameEVSEs := recall(left, "evse_uids", func(was []string) bool { return equalLists(was, out.EVSEUIDs) })
	if sameLocation && sameEVSEs {
		out.ConnectorIDs, _ = recall(left, "connector_ids", func([]string) bool { return true })
	}
}

// ConnectorIDs returns the connectors that a 2.1.1 partner asked about. The model refers to EVSEs alone and keeps them as
// a leftover.
func ConnectorIDs(refs v230.LocationReferences) []string {
	old, _ := LocationReferencesTo211(refs, Env{})
	return old.ConnectorIDs
}

// WithConnectorIDs returns the references with these connectors instead, for the answer to a 2.1.1 partner.
func WithConnectorIDs(refs v230.LocationReferences, ids []string) v230.LocationReferences {
	old, _ := LocationReferencesTo211(refs, Env{})
	old.ConnectorIDs = ids
	with, _ := LocationReferencesFrom211(old, Env{})
	return with
}
