package authorize

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// unknown decides about a token that no partner has sent: a new card, or an eMSP whose tokens have not been pulled yet. The
// eMSPs that can be asked are, all at the same time, for no longer than the deadline together, and the first that allows it is
// the answer.
func (a *Asker) unknown(ctx context.Context, q Question, partners []Partner) Verdict {
	refused := Verdict{Allowed: v230.AllowedTypeNotAllowed, By: ByUnknown}
	asked := slices.DeleteFunc(slices.Clone(partners), func(p Partner) bool { return !p.CanAsk })
	switch {
	case q.Offline:
		refused.Why = "no partner has sent this token, and others were not to be asked about it"
		return refused
	case a.config.RefuseUnknown:
		refused.Why = "no partner has sent this token, and others are not asked about"
		return refused
	case len(asked) == 0:
		refused.Why = "no partner has sent this token, and there is no eMSP to ask"
		return refused
	}
	ctx, cancel := context.WithTimeout(ctx, a.config.Deadline)
	defer cancel()
	var silent []string
	for heard := range a.askAll(ctx, q, asked) {
		switch {
		case heard.outcome == NoAnswer:
			silent = append(silent, heard.partner.Name)
			refused.Trouble = heard.trouble
		case heard.outcome == Answered && heard.info.Allowed == v230.AllowedTypeAllowed:
			if v := heard.verdict(q); v.Allowed == v230.AllowedTypeAllowed {
				return v
			}
			refused = heard.verdict(q)
		case heard.outcome == Answered, heard.outcome == NeedsLocation: // it knows the token
			refused = heard.verdict(q)
		}
	}
	if refused.Partner != "" {
		return refused
	}
	refused.Why = fmt.Sprintf("no partner has sent this token, and none of the %d eMSPs asked knows it", len(asked))
	if len(silent) > 0 {
		slices.Sort(silent)
		refused.Why = fmt.Sprintf("no partner has sent this token, none that answered knows it, and no answer came from %s", strings.Join(silent, ", "))
	}
	return refused
}

// A partnersReply is what came of asking one of several eMSPs.
type partnersReply struct {
	partner Partner
	reply
}

// askAll asks eMSPs, so many at once, and hands on what they say as it comes. Each is heard, if only that it did not answer.
func (a *Asker) askAll(ctx context.Context, q Question, partners []Partner) <-chan partnersReply {
	tokenType := q.TokenType
	if tokenType == "" {
		tokenType = v230.TokenTypeRFID
	}
	todo, heard := make(chan Partner, len(partners)), make(chan partnersReply, len(partners))
	for _, p := range partners {
		todo <- p
	}
	close(todo)
	workers := min(askedAtOnce, len(partners))
	done := make(chan struct{}, workers)
	for range workers {
		go func() {
			for p := range todo {
				heard <- partnersReply{p, a.ask(ctx, q, p, q.TokenUID, tokenType)}
			}
			done <- struct{}{}
		}()
	}
	go func() {
		for range workers {
			<-done
		}
		close(heard)
	}()
	return heard
}

// verdict is what follows from the answer of an eMSP about a token that it has not sent.
func (r partnersReply) verdict(q Question) Verdict {
	d := Decide(Case{Whitelist: v230.WhitelistTypeNever, Outcome: r.outcome, Allowed: r.info.Allowed})
	v := Verdict{Allowed: d.Allowed, By: d.By, Why: "no partner has sent this token; " + d.Why, Partner: r.partner.Name, Info: r.info.Info, Trouble: r.trouble}
	if len(r.partner.Parties) == 1 {
		v.Party = r.partner.Parties[0]
	}
	// 2.1.1 answers without the token. One of another party is not the partner's to answer for.
	t := r.info.Token
	if party := ocpi.NewParty(string(t.CountryCode), string(t.PartyID)); slices.Contains(r.partner.Parties, party) && strings.EqualFold(string(t.UID), q.TokenUID) {
		v.Token, v.Party = &t, party
	}
	if ref := r.info.AuthorizationReference; ref != nil {
		v.AuthorizationReference = string(*ref)
	}
	v.place(q.Location, placeOf(r.info.Location))
	v.AuthMethod = Decision{Allowed: v.Allowed, By: v.By}.Method()
	return v
}
