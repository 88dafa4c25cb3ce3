package command

import (
	"context"
	"time"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// How far the start of a session may be from the command it belongs to: drivers may take their time to plug in, and clocks
// differ.
const (
	sessionWithin = time.Hour
	clocksDiffer  = 5 * time.Minute
)

// notAvailable is what the model says where a partner's version has no such id.
const notAvailable = "#NA"

// MatchAt is the Match of a command at a location, and of the sessions there.
func MatchAt(location ocpi.CiString) string { return location.Fold() }

// Session notes at which command a session has begun, however late it comes: the one with the session's
// authorization_reference, or else with its token, location and EVSE, in the hour before it. A RESERVE_NOW is found by its
// reference only (requirement DM-08). It returns the command, and false where there is none. Where it is called again with the
// session, it returns the same.
//
// For a Receiver the session is one of ours. The partner may be empty, where it is not known.
func (d *desk) Session(ctx context.Context, partner string, session v230.Session) (Command, bool, error) {
	start := session.StartDateTime.Time()
	candidates, err := d.store.Matching(ctx, d.received, partner, MatchAt(session.LocationID), start.Add(-sessionWithin))
	if err != nil {
		return Command{}, false, err
	}
	best, score := -1, 0
	for i := range candidates {
		if s := fits(&candidates[i], &session); s > 0 && s >= score { // of equals the latest
			best, score = i, s
		}
	}
	if best < 0 {
		return Command{}, false, nil
	}
	if candidates[best].Session != nil {
		return candidates[best], true, nil
	}
	party := ocpi.NewParty(string(session.CountryCode), string(session.PartyID))
	step := Step{
		At: d.now(), What: Matched, Result: string(session.ID), session: &Session{Party: party, ID: string(session.ID), At: d.now()},
	}
	c, err := d.happen(ctx, candidates[best].ID, step, d.limits)
	return c, err == nil, err
}

// fits says how well a session fits to a command at its location; 0 for not at all.
func fits(c *Command, session *v230.Session) (score int) {
	if c.Created.After(session.StartDateTime.Time().Add(clocksDiffer)) {
		return 0
	}
	if c.Session != nil {
		if c.Session.ID == string(session.ID) && c.Session.Party == ocpi.NewParty(string(session.CountryCode), string(session.PartyID)) {
			return alreadyMatched
		}
		return 0
	}
	if c.End != nil && c.End.Outcome != accepted && c.End.Outcome != timeout || c.Canceled != nil {
		return 0
	}
	asked, ok := charging(c)
	if !ok {
		return 0
	}
	reference := asked.reference != nil && session.AuthorizationReference != nil && asked.reference.Equal(*session.AuthorizationReference)
	switch {
	case reference:
		score = sameReference
	case c.Type != v230.CommandTypeStartSession: // who has reserved a place may start there by a command of its own
		return 0
	case c.Received && !sameOwner(&asked.token, &session.CDRToken): // two eMSPs may have cards of one number
		return 0
	case sameToken(&asked.token, &session.CDRToken):
		score = 1
	default:
		return 0
	}
	if c.End == nil || c.End.Outcome == accepted {
		score += notTimedOut
	}
	if asked.evse != nil && session.EVSEUID != notAvailable {
		if !asked.evse.Equal(session.EVSEUID) && !reference {
			return 0
		}
		score += sameEVSE
	}
	return score
}

// What speaks for a command. Who named the EVSE meant it more than who left it open.
const (
	sameEVSE       = 2
	notTimedOut    = 4
	sameReference  = 16
	alreadyMatched = 64
)

// A wish is what a command says of the session that it wants, now or later.
type wish struct {
	token     v230.Token
	evse      *ocpi.CiString
	reference *ocpi.CiString
}

// charging reads what a command says of its session; false for commands that begin none.
func charging(c *Command) (wish, bool) {
	switch c.Type {
	case v230.CommandTypeStartSession:
		r, err := As[v230.StartSession](*c)
		return wish{r.Token, r.EVSEUID, r.AuthorizationReference}, err == nil
	case v230.CommandTypeReserveNow:
		r, err := As[v230.ReserveNow](*c)
		return wish{r.Token, r.EVSEUID, r.AuthorizationReference}, err == nil
	default:
		return wish{}, false
	}
}

func sameOwner(asked *v230.Token, charged *v230.CdrToken) bool {
	return asked.CountryCode.Equal(charged.CountryCode) && asked.PartyID.Equal(charged.PartyID)
}

// sameToken compares the token of a command with that of a session. 2.1.1 names it by one text, which is the contract's id or,
// for some, that of the card (requirement SES-13).
func sameToken(asked *v230.Token, charged *v230.CdrToken) bool {
	if charged.UID != notAvailable && charged.UID != "" {
		return asked.UID.Equal(charged.UID)
	}
	return asked.ContractID.Equal(charged.ContractID) || asked.UID.Equal(charged.ContractID)
}
