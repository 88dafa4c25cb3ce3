package authorize

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// A Commanded is a driver whose eMSP has asked us by a command to let it charge.
type Commanded struct {
	// Partner is the eMSP, and Token the token in its command, which we may have nowhere else (requirement DM-06).
	Partner string
	Token   v230.Token
	// EVSEUID is where; empty for anywhere at the location.
	EVSEUID string
	// Reference is the eMSP's own name for that it allows this.
	Reference string
	// At is when the command came.
	At time.Time
}

// How long a command stands for the eMSP's word. That is 15 minutes for cards; the tokens of apps are never asked about for the
// session of a command, which begins within an hour after it (requirement DM-05).
const (
	commandStands    = 15 * time.Minute
	appCommandStands = time.Hour
)

// stands reports whether a command answers a question.
func (c *Commanded) stands(q Question, now time.Time) bool {
	if !strings.EqualFold(string(c.Token.UID), q.TokenUID) || q.TokenType != "" && c.Token.Type != q.TokenType {
		return false
	}
	if evses := q.Location.EVSEUIDs; c.EVSEUID != "" && len(evses) > 0 && !contains(evses, c.EVSEUID) {
		return false
	}
	lasts := commandStands
	if c.Token.Type == v230.TokenTypeAppUser || c.Token.Type == v230.TokenTypeAdHocUser {
		lasts = appCommandStands
	}
	return now.Sub(c.At) < lasts
}

// commanded decides by a command of the driver's eMSP, if there is one: nobody is asked in real time about what the eMSP has allowed
// by it, whatever the token says otherwise (requirement DM-05). It is false where there is none. 2.1.1 has no such rule.
func (a *Asker) commanded(ctx context.Context, q Question, partners []Partner) (Verdict, bool, error) {
	if a.config.Commanded == nil || q.Location == nil {
		return Verdict{}, false, nil
	}
	now := a.config.Now()
	all, err := a.config.Commanded(ctx, q.Location.LocationID, now.Add(-appCommandStands))
	if err != nil {
		return Verdict{}, false, err
	}
	for _, c := range slices.Backward(all) { // the latest counts
		known := slices.ContainsFunc(partners, func(p Partner) bool { return p.Name == c.Partner && p.Version.Compare(ocpi.V221) >= 0 })
		if !known || !c.stands(q, now) {
			continue
		}
		at := *q.Location
		if c.EVSEUID != "" && len(at.EVSEUIDs) > 0 {
			at.EVSEUIDs = []string{c.EVSEUID}
		}
		return Verdict{
			Allowed: v230.AllowedTypeAllowed, By: ByCommand, Why: "its eMSP has asked for it by a command", Partner: c.Partner, Party: partyOf(c.Token),
			Token: &c.Token, Location: &at, AuthMethod: v230.AuthMethodCommand, AuthorizationReference: c.Reference,
		}, true, nil
	}
	return Verdict{}, false, nil
}
