package handshake

import (
	"slices"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// checkCredentials checks what a partner says of itself, and returns its parties. A party of ours, another party than
// agreed, or another than the partner had so far is refused; a party of another partner is refused by the Store.
func (h *Handshake) checkCredentials(rel *Relation, theirs v230.Credentials) ([]ocpi.PartyRole, error) {
	if err := ocpi.CheckToken(theirs.Token); err != nil {
		return nil, ocpi.InvalidParameters("credentials: %v", err)
	}
	if err := h.config.Transport.CheckURL(theirs.URL); err != nil {
		return nil, &ocpi.Error{Code: ocpi.StatusCannotUseClientAPI, Message: "your versions URL cannot be used: " + err.Error()}
	}
	var roles []ocpi.PartyRole
	for _, r := range theirs.Roles {
		party := ocpi.NewParty(string(r.CountryCode), string(r.PartyID))
		if _, err := ocpi.ParseParty(party.String()); err != nil {
			return nil, ocpi.InvalidParameters("credentials: %.100v", err)
		}
		roles = append(roles, ocpi.PartyRole{Role: r.Role, Party: party})
	}
	if len(roles) == 0 {
		return nil, ocpi.InvalidParameters("credentials: there is no party")
	}
	for _, r := range roles {
		if err := h.checkParty(rel, r); err != nil {
			return nil, err
		}
	}
	return parties(rel, roles)
}

func (h *Handshake) checkParty(rel *Relation, r ocpi.PartyRole) error {
	if h.ours(r.Party) {
		return ocpi.InvalidParameters("credentials: %s is a party of this platform", r.Party)
	}
	if want := rel.Terms.Party; want != (ocpi.Party{}) && want != r.Party {
		return ocpi.InvalidParameters("credentials: the party is %s, and %s was agreed on", r.Party, want)
	}
	if want := rel.Terms.Role; want != "" && want != r.Role {
		return ocpi.InvalidParameters("credentials: the role of %s is %s, and %s was agreed on", r.Party, r.Role, want)
	}
	return nil
}

// parties are those to store for a partner. It must keep those it had before: they are who it is, and its objects are
// stored under them (requirement C-20). Of a partner added by hand, the operator has said which they are.
func parties(rel *Relation, roles []ocpi.PartyRole) ([]ocpi.PartyRole, error) {
	had := rel.Remote.Roles
	if rel.State == ByHand {
		for _, r := range roles {
			if !slices.Contains(had, r) {
				return nil, ocpi.InvalidParameters("credentials: %s as %s is no party of yours", r.Party, r.Role)
			}
		}
		return had, nil
	}
	for _, r := range had {
		if !slices.Contains(roles, r) {
			return nil, ocpi.InvalidParameters("credentials: the party was %s as %s so far and cannot change; end the registration and register again", r.Party, r.Role)
		}
	}
	return roles, nil
}

// describe keeps what a partner says of itself.
func (r *Relation) describe(theirs v230.Credentials, roles []ocpi.PartyRole) {
	r.Remote.Roles = roles
	r.Remote.Business = shorten(theirs.Roles[0].BusinessDetails.Name)
}

// shorten bounds a foreign text that is only for people.
func shorten(text string) string {
	const longest = 200
	if runes := []rune(text); len(runes) > longest {
		return string(runes[:longest]) + "…"
	}
	return text
}
