package ocpi

import (
	"fmt"
	"net/http"
)

// The routing headers, which messages of functional modules have since 2.2. Header names compare without case.
const (
	HeaderToCountry   = "OCPI-to-country-code"
	HeaderToParty     = "OCPI-to-party-id"
	HeaderFromCountry = "OCPI-from-country-code"
	HeaderFromParty   = "OCPI-from-party-id"
)

// A Routing is whom a message is for and from, as its routing headers say (requirements DT-18 to DT-21). A zero Party stands
// for headers that are missing: they may be, between platforms of one party each.
type Routing struct {
	To, From Party
}

// ReadRouting reads the routing headers. The error says which of them are unusable: one of the two that name a party is
// missing, or has another form. The other pair is read all the same.
func ReadRouting(h http.Header) (Routing, error) {
	to, errTo := readParty(h, HeaderToCountry, HeaderToParty)
	from, err := readParty(h, HeaderFromCountry, HeaderFromParty)
	if errTo != nil {
		err = errTo
	}
	return Routing{To: to, From: from}, err
}

func readParty(h http.Header, countryName, partyName string) (Party, error) {
	country, party := h.Get(countryName), h.Get(partyName)
	switch {
	case country == "" && party == "":
		return Party{}, nil
	case len(country) != 2 || len(party) != 3 || !alphanumeric(country) || !alphanumeric(party):
		return Party{}, fmt.Errorf("the headers %s and %s name no party: they say %.10q and %.10q", countryName, partyName, country, party)
	default:
		return NewParty(country, party), nil
	}
}

// Set writes the routing headers, of parties that are not zero.
func (r Routing) Set(h http.Header) {
	if r.To != (Party{}) {
		h.Set(HeaderToCountry, r.To.CountryCode)
		h.Set(HeaderToParty, r.To.PartyID)
	}
	if r.From != (Party{}) {
		h.Set(HeaderFromCountry, r.From.CountryCode)
		h.Set(HeaderFromParty, r.From.PartyID)
	}
}

// Reply is the routing of the answer: to whom it came from, and from whom it was for (requirement DT-20).
func (r Routing) Reply() Routing { return Routing{To: r.From, From: r.To} }

// Routed reports whether messages of a module have routing headers in a version: since 2.2 those of all modules but versions,
// credentials and hubclientinfo (requirement DT-18).
func Routed(v Version, m ModuleID) bool {
	return v.Compare("2.2") >= 0 && m != "" && m != ModuleCredentials && m != ModuleHubClientInfo
}

// RoutingPolicy is what becomes of a partner's messages whose headers, or whose URL, name parties that are not the partner's
// or not ours. Who the partner is follows from its token under every policy.
type RoutingPolicy string

// What becomes of messages that name other parties.
const (
	// RoutingStrict refuses them, and those without headers where a side has several parties that could be meant
	// (requirement DT-30).
	RoutingStrict RoutingPolicy = ""
	// RoutingLog takes them, and tells the log and the observer.
	RoutingLog RoutingPolicy = "log"
	// RoutingTrust takes them: the partner speaks for parties that it does not tell us about, as hubs do.
	RoutingTrust RoutingPolicy = "trust"
)
