package handshake

import (
	"slices"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// claims are the parties that a partner says are its own, each once, and the party of a hub among them as HUB.
type claims struct {
	roles []ocpi.PartyRole
	hub   ocpi.Party
}

// checkCredentials checks what a partner says of itself in a version, and returns its parties. A party of ours, others than
// agreed, or others than the partner had so far are refused; a party of another partner is refused by the Store.
func (h *Handshake) checkCredentials(rel *Relation, v ocpi.Version, theirs v230.Credentials) (claims, error) {
	if err := ocpi.CheckToken(theirs.Token); err != nil {
		return claims{}, ocpi.InvalidParameters("credentials: %v", err)
	}
	if err := h.config.Transport.CheckURL(theirs.URL); err != nil {
		return claims{}, &ocpi.Error{Code: ocpi.StatusCannotUseClientAPI, Message: "your versions URL cannot be used: " + err.Error()}
	}
	said, err := claimed(theirs)
	if err != nil {
		return claims{}, err
	}
	for _, r := range said.roles {
		if h.ours(r.Party) {
			return claims{}, ocpi.InvalidParameters("credentials: %s is a party of this platform", r.Party)
		}
	}
	if err := h.checkAgreed(rel, said); err != nil {
		return claims{}, err
	}
	return said, said.keep(rel, v)
}

// claimed reads the parties of credentials. What stands there twice counts once (requirement DC-01), and what a hub of 2.2.1
// says about itself as OTHER in the model is its role HUB (requirements DC-02, ZC-01).
func claimed(theirs v230.Credentials) (claims, error) {
	var said claims
	if id := theirs.HubPartyID; id != nil && *id != "" {
		const country = 2
		if len(*id) <= country {
			return said, ocpi.InvalidParameters("credentials: hub_party_id %q names no party", *id)
		}
		var err error
		if said.hub, err = partyOf((*id)[:country], (*id)[country:]); err != nil {
			return said, err
		}
	}
	add := func(r ocpi.PartyRole) {
		if !slices.Contains(said.roles, r) {
			said.roles = append(said.roles, r)
		}
	}
	for _, r := range theirs.Roles {
		party, err := partyOf(r.CountryCode, r.PartyID)
		if err != nil {
			return said, err
		}
		if party != said.hub || r.Role != ocpi.RoleOther {
			add(ocpi.PartyRole{Role: r.Role, Party: party})
		}
	}
	if said.hub != (ocpi.Party{}) {
		add(ocpi.PartyRole{Role: ocpi.RoleHub, Party: said.hub})
	}
	if len(said.roles) == 0 {
		return said, ocpi.InvalidParameters("credentials: there is no party")
	}
	return said, nil
}

func partyOf(country, id ocpi.CiString) (ocpi.Party, error) {
	party := ocpi.NewParty(string(country), string(id))
	if _, err := ocpi.ParseParty(party.String()); err != nil {
		return party, ocpi.InvalidParameters("credentials: %.100v", err)
	}
	return party, nil
}

// checkAgreed refuses a partner that is not who was agreed on. Since 2.2 it may have other parties and roles beside that.
func (h *Handshake) checkAgreed(rel *Relation, said claims) error {
	first := said.roles[0]
	if want := rel.Terms.Party; want != (ocpi.Party{}) && !slices.ContainsFunc(said.roles, func(r ocpi.PartyRole) bool { return r.Party == want }) {
		return ocpi.InvalidParameters("credentials: the party is %s, and %s was agreed on", first.Party, want)
	}
	want := rel.Terms.Role
	has := func(fits func(ocpi.Role) bool) bool {
		return slices.ContainsFunc(said.roles, func(r ocpi.PartyRole) bool { return fits(r.Role) })
	}
	switch {
	case want == "", has(func(r ocpi.Role) bool { return r == want || r == ocpi.RoleHub }):
		return nil
	case want == h.theirRole() && has(func(r ocpi.Role) bool { return opposite(r) == "" }):
		return nil // nobody has asked for that role: it is what partners of ours usually are
	default:
		return ocpi.InvalidParameters("credentials: the role of %s is %s, and %s was agreed on", first.Party, first.Role, want)
	}
}

// keep refuses other parties than the partner had so far: they are who it is, and its objects are stored under them. In
// 2.1.1 it has one for each connection (requirement C-20). Since 2.2 parties and roles may come and go (requirement ZC-02), and
// the partner is the same while one of them is. Of a partner added by hand, the operator has said which they are.
func (said *claims) keep(rel *Relation, v ocpi.Version) error {
	had := rel.Remote.Roles
	if rel.State == ByHand {
		for _, r := range said.roles {
			if !slices.Contains(had, r) {
				return ocpi.InvalidParameters("credentials: %s as %s is no party of yours", r.Party, r.Role)
			}
		}
		said.roles = had
		return nil
	}
	var gone []ocpi.PartyRole
	for _, r := range had {
		if !slices.Contains(said.roles, r) {
			gone = append(gone, r)
		}
	}
	alone := v.Compare("2.2") < 0 && (rel.Remote.Version == "" || rel.Remote.Version.Compare("2.2") < 0)
	if len(gone) > 0 && (alone || len(gone) == len(had)) {
		return ocpi.InvalidParameters("credentials: the party was %s as %s so far and cannot change; end the registration and register again", gone[0].Party, gone[0].Role)
	}
	return nil
}

// describe keeps what a partner says of itself.
func (r *Relation) describe(theirs v230.Credentials, said claims) {
	r.Remote.Roles, r.Remote.Hub, r.Remote.Business = said.roles, said.hub, ""
	if len(theirs.Roles) > 0 {
		r.Remote.Business = shorten(theirs.Roles[0].BusinessDetails.Name)
	}
}

// shorten bounds a foreign text that is only for people.
func shorten(text string) string {
	const longest = 200
	if runes := []rune(text); len(runes) > longest {
		return string(runes[:longest]) + "…"
	}
	return text
}
