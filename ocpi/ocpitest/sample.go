package ocpitest

import (
	"fmt"
	"time"

	"github.com/shopspring/decimal"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// A Sample makes sample objects: a small charging network on both sides of the Dutch-German border, the drivers who
// use it, and what they did there. Every object is fresh, valid in 2.3.0 and valid in 2.1.1 after translation. Objects
// refer to each other: sessions to their location, EVSE, connector and token, CDRs to their session and tariff, and
// connectors to their tariff. Costs are what the tariffs say.
//
// Methods with a number make as many different objects as there are numbers from 1 on; the same number gives the same
// object. A Sample is a plain value: change its fields as you like.
type Sample struct {
	// CPO owns locations, sessions, CDRs and tariffs.
	CPO ocpi.Party
	// EMSP owns tokens.
	EMSP ocpi.Party
	// At is the sample's present: the active session is running then, everything else happened before. The zero time
	// stands for noon of 4 March 2026, UTC.
	At time.Time
}

// Network is the sample network of a party that is both CPO and eMSP.
func Network(party ocpi.Party) Sample { return Sample{CPO: party, EMSP: party} }

// now is the sample's present in whole seconds, which is what 2.1.1 can say.
func (s Sample) now() time.Time {
	if s.At.IsZero() {
		return time.Date(2026, time.March, 4, 12, 0, 0, 0, time.UTC)
	}
	return s.At.UTC().Truncate(time.Second)
}

// ago is a moment before the sample's present.
func (s Sample) ago(d time.Duration) ocpi.DateTime { return ocpi.NewDateTime(s.now().Add(-d)) }

const day = 24 * time.Hour

// owner is a party as objects name it.
func owner(p ocpi.Party) (countryCode, partyID ocpi.CiString) {
	return ocpi.CiString(p.CountryCode), ocpi.CiString(p.PartyID)
}

func number(d decimal.Decimal) ocpi.Number { return ocpi.NewNumber(d) }

func texts(nl, de, en string) []v230.DisplayText {
	return []v230.DisplayText{{Language: "nl", Text: nl}, {Language: "de", Text: de}, {Language: "en", Text: en}}
}

func id(prefix string, n int) ocpi.CiString { return ocpi.CiString(fmt.Sprintf("%s%d", prefix, n)) }
