package wire

import (
	"bytes"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/roamwire/roamwire/ocpi"
)

// Claim refuses a document that says it is about an object of another party than its owner, who is known from the URL or
// from whose list it is in (requirements TF-46, TF-47). Where the owner is not known, it refuses nothing.
func Claim(object string, raw []byte, owner ocpi.Party) error {
	if owner == (ocpi.Party{}) || object == "Credentials" {
		return nil
	}
	country, party := ownerIn(raw)
	var findings []ocpi.Finding
	for _, member := range []struct{ pointer, said, want string }{
		{"/country_code", country, owner.CountryCode}, {"/party_id", party, owner.PartyID},
	} {
		if member.said == "" || strings.EqualFold(member.said, member.want) {
			continue
		}
		findings = append(findings, ocpi.Finding{
			Pointer: member.pointer, Code: ocpi.FindingMismatch, Unusable: true,
			Message: "the body says " + quote(member.said) + ", and the object is one of " + owner.String(),
		})
	}
	if len(findings) == 0 {
		return nil
	}
	return ocpi.Unusable(object, findings)
}

// Claimant is the party whose object a document says it is; the zero Party where it does not say.
func Claimant(raw []byte) ocpi.Party {
	country, party := ownerIn(raw)
	if country == "" || party == "" {
		return ocpi.Party{}
	}
	return ocpi.NewParty(country, party)
}

// ownerIn are the members of a document that name its owner, which 2.1.1 does not have. What is no text names nobody.
func ownerIn(raw []byte) (country, party string) {
	// Most bodies name none. A name can be written with escapes.
	if !bytes.Contains(raw, []byte(`"party_id"`)) && !bytes.Contains(raw, []byte(`"country_code"`)) && !bytes.Contains(raw, []byte(`\u`)) {
		return "", ""
	}
	var body struct {
		CountryCode jsontext.Value `json:"country_code"`
		PartyID     jsontext.Value `json:"party_id"`
	}
	_ = json.Unmarshal(raw, &body, jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)) // its codec tells what is wrong
	for _, member := range []struct {
		value jsontext.Value
		into  *string
	}{{body.CountryCode, &country}, {body.PartyID, &party}} {
		if member.value.Kind() == '"' {
			_ = json.Unmarshal(member.value, member.into, jsontext.AllowInvalidUTF8(true)) // likewise
		}
	}
	return country, party
}

func quote(s string) string {
	if len(s) > 40 {
		s = s[:40] + "…"
	}
	return `"` + strings.ToValidUTF8(s, "\ufffd") + `"`
}
