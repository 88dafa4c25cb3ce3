package ocpitest

import (
	"fmt"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// tokenKinds is the number of tokens that differ by more than their number.
const tokenKinds = 4

// Tokens are the four of the network: a card that may be decided about offline, a card that must always be asked for,
// a lost card that is blocked, and an app.
func (s Sample) Tokens() []v230.Token {
	tokens := make([]v230.Token, tokenKinds)
	for i := range tokens {
		tokens[i] = s.Token(i + 1)
	}
	return tokens
}

// Token makes the nth token. From the fifth on they are like the first four.
func (s Sample) Token(n int) v230.Token {
	t := v230.Token{
		UID: ocpi.CiString(fmt.Sprintf("04A7%010X", n)), Type: v230.TokenTypeRFID,
		ContractID:   ocpi.CiString(fmt.Sprintf("%s-%s-C%08d", s.EMSP.CountryCode, s.EMSP.PartyID, n)),
		VisualNumber: new(fmt.Sprintf("%s%s-%06d", s.EMSP.CountryCode, s.EMSP.PartyID, n)),
		Issuer:       "Laadpas Tubantia", Valid: true, Whitelist: v230.WhitelistTypeAllowed, Language: new("nl"), LastUpdated: s.ago(30 * day),
	}
	t.CountryCode, t.PartyID = owner(s.EMSP)
	switch n % tokenKinds {
	case 2:
		t.Whitelist, t.Language = v230.WhitelistTypeNever, new("de")
	case 3:
		t.Valid, t.LastUpdated = false, s.ago(5*day)
	case 0: // the app's driver has no card
		t.UID, t.Type = ocpi.CiString(fmt.Sprintf("APP-%08d", n)), v230.TokenTypeOther
		t.VisualNumber, t.Whitelist, t.Language = nil, v230.WhitelistTypeAllowedOffline, nil
	}
	return t
}

// AuthorizationInfo allows the driver with the nth token to charge at the sample's LocationReferences.
func (s Sample) AuthorizationInfo(n int) v230.AuthorizationInfo {
	return v230.AuthorizationInfo{
		Allowed: v230.AllowedTypeAllowed, Token: s.Token(n), Location: new(s.LocationReferences()),
		Info: &v230.DisplayText{Language: "nl", Text: "Goede reis!"},
	}
}

// LocationReferences name the first EVSE of LOC1.
func (s Sample) LocationReferences() v230.LocationReferences {
	return v230.LocationReferences{LocationID: id("LOC", 1), EVSEUIDs: []ocpi.CiString{evseUID(1, 1)}}
}

// cdrToken is the part of the nth token that sessions and CDRs repeat.
func (s Sample) cdrToken(n int) v230.CdrToken {
	t := s.Token(n)
	return v230.CdrToken{CountryCode: t.CountryCode, PartyID: t.PartyID, UID: t.UID, Type: t.Type, ContractID: t.ContractID}
}
