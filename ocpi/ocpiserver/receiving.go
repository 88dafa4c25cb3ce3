package ocpiserver

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/quirk"
	"github.com/roamwire/roamwire/ocpi/wire"
)

// change is the context of a change, with its Times.
func (c *call) change() context.Context { return context.WithValue(c.ctx(), timesKey{}, &c.times) }

// older refuses what would put an object back to an earlier state: messages overtake each other, and the last to come is
// not always the last that was meant. A message that says the same again is no harm.
func (c *call) older(object, pointer string, was, is ocpi.DateTime) error {
	if is.Compare(was) >= 0 || c.times.StoredOurs {
		return nil
	}
	c.count(quirk.OlderUpdate)
	if c.partner.Receive.AllowOlder {
		return nil
	}
	return ocpi.Unusable(object, []ocpi.Finding{{
		Pointer: pointer + "/last_updated", Code: ocpi.FindingConsistency, Unusable: true,
		Message: fmt.Sprintf("%s is older than %s of the %s that is here, which stays", is, was, object),
	}})
}

// olderLocation refuses a location, or a change of it, that would put it or one of its EVSEs back.
func (c *call) olderLocation(before, after *wire.Location) error {
	if err := c.older("Location", "", before.LastUpdated, after.LastUpdated); err != nil {
		return err
	}
	known := make(map[ocpi.CiString]ocpi.DateTime, len(before.EVSEs))
	for i := range before.EVSEs {
		known[before.EVSEs[i].UID] = before.EVSEs[i].LastUpdated
	}
	for i := range after.EVSEs {
		was, ok := known[after.EVSEs[i].UID]
		if !ok {
			continue
		}
		if err := c.older("EVSE", fmt.Sprintf("/evses/%d", i), was, after.EVSEs[i].LastUpdated); err != nil {
			return err
		}
	}
	return nil
}

// claim refuses a body that says it is about an object of another party than the URL's (requirements TF-46, TF-47).
func claim(object string, raw []byte, owner ocpi.Party) error {
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

// claimant is the party whose object a body says it is; the zero Party where it does not say.
func claimant(raw []byte) ocpi.Party {
	country, party := ownerIn(raw)
	if country == "" || party == "" {
		return ocpi.Party{}
	}
	return ocpi.NewParty(country, party)
}

// ownerIn are the members of a body that name its owner, which 2.1.1 does not have. What is no text names nobody.
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

// timeless counts a PATCH without a time of its own: it gets ours (requirement TF-40).
func (c *call) timeless(given ocpi.Field[ocpi.DateTime]) {
	_, ok := given.Get()
	if c.times.Ours = !ok; c.times.Ours {
		c.count(quirk.MissingLastUpdated)
	}
}

// patchLocation holds the rules for the EVSEs in the PATCH of a location (requirement TF-38). They have been merged.
func patchLocation(c *call, patch *wire.Patch[wire.Location], before, after *wire.Location) error {
	uids, named := patch.EVSEs.Get()
	switch {
	case named && c.partner.Receive.EVSEs == ocpi.RejectEVSEs:
		return ocpi.Unusable("Location", []ocpi.Finding{{
			Pointer: "/evses", Code: ocpi.FindingConsistency, Unusable: true,
			Message: "EVSEs are not taken in the PATCH of a location; PATCH or PUT each by itself",
		}})
	case named && c.partner.Receive.EVSEs == ocpi.ReplaceEVSEs:
		stays := make(map[string]bool, len(uids))
		for _, uid := range uids {
			stays[uid] = true
		}
		after.EVSEs = slices.DeleteFunc(slices.Clone(after.EVSEs), func(e wire.EVSE) bool { return !stays[string(e.UID)] })
	}
	return c.olderLocation(before, after)
}
