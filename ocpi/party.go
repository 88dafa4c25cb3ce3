package ocpi

import (
	"fmt"
	"strings"
)

// A Party is a market participant: a two-letter country code (ISO 3166-1) and a three-character id (ISO 15118). The
// pair is unique in the world (requirement C-20). Letters compare without case (requirement TF-50); NewParty and
// ParseParty bring them to upper case so that == works.
type Party struct {
	CountryCode string
	PartyID     string
}

// NewParty makes a Party in the normal form, upper case.
func NewParty(countryCode, partyID string) Party {
	return Party{CountryCode: strings.ToUpper(countryCode), PartyID: strings.ToUpper(partyID)}
}

// ParseParty reads "NL/ABC"; "NL-ABC", "NL*ABC" and "NLABC" are understood as well.
func ParseParty(s string) (Party, error) {
	t := strings.TrimSpace(s)
	var country, id string
	if len(t) == 5 {
		country, id = t[:2], t[2:]
	} else if len(t) == 6 && strings.IndexByte("/-*", t[2]) >= 0 {
		country, id = t[:2], t[3:]
	}
	if !alphanumeric(country) || !alphanumeric(id) {
		return Party{}, fmt.Errorf("%q is not a party: two letters for the country and three characters for the party, as in NL/ABC", s)
	}
	return NewParty(country, id), nil
}

func alphanumeric(s string) bool {
	for i := range len(s) {
		c := s[i] | 0x20
		if (c < 'a' || c > 'z') && (s[i] < '0' || s[i] > '9') {
			return false
		}
	}
	return s != ""
}

// String returns the party as "NL/ABC".
func (p Party) String() string { return p.CountryCode + "/" + p.PartyID }

// MarshalText writes the party as "NL/ABC".
func (p Party) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText reads what ParseParty reads.
func (p *Party) UnmarshalText(text []byte) (err error) {
	*p, err = ParseParty(string(text))
	return err
}
