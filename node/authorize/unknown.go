package authorize

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/ocpiclient"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// unknown decides about a token that no partner has sent: a new card, or an eMSP whose tokens have not been pulled yet. The
// eMSPs that can be asked are, all at the same time, for no longer than the deadline together, and the first that allows it is
// the answer. Of those that know the token and refuse it, it is the first in the order of the partners.
func (a *Asker) unknown(ctx context.Context, q Question, partners []Partner) (Verdict, error) {
	refused := Verdict{Allowed: v230.AllowedTypeNotAllowed, By: ByUnknown}
	asked := slices.DeleteFunc(slices.Clone(partners), func(p Partner) bool { return !p.CanAsk || p.Policy.Off })
	switch {
	case q.Offline:
		refused.Why = "no partner has sent this token, and others were not to be asked about it"
		return refused, nil
	case a.config.RefuseUnknown:
		refused.Why = "no partner has sent this token, and others are not asked about"
		return refused, nil
	case len(asked) == 0:
		refused.Why = "no partner has sent this token, and there is no eMSP to ask"
		return refused, nil
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	replies := make([]*partnersReply, len(asked))
	for heard := range a.askAll(ctx, q, asked) {
		if v := heard.verdict(ctx, a, q); v.Allowed == v230.AllowedTypeAllowed {
			return v, nil
		}
		replies[heard.place] = &heard
	}
	if err := ctx.Err(); err != nil { // nobody waits for it any more
		return Verdict{}, err
	}
	return a.allRefuse(ctx, q, refused, replies), nil
}

// allRefuse is the answer where no eMSP has allowed it.
func (a *Asker) allRefuse(ctx context.Context, q Question, refused Verdict, replies []*partnersReply) Verdict {
	var knows *partnersReply
	var others, silent []string
	for _, heard := range replies {
		switch {
		case heard.outcome == NoAnswer:
			silent = append(silent, heard.partner.Name)
			refused.Trouble = cmp.Or(refused.Trouble, heard.trouble)
		case heard.outcome == UnknownToken:
		case knows == nil:
			knows = heard
		default:
			others = append(others, heard.partner.Name)
		}
	}
	if knows != nil {
		v := knows.verdict(ctx, a, q)
		v.Others = others
		return v
	}
	refused.Why = fmt.Sprintf("no partner has sent this token, and none of the %d eMSPs asked knows it", len(replies))
	if len(silent) > 0 {
		slices.Sort(silent)
		refused.Why = fmt.Sprintf("no partner has sent this token, none that answered knows it, and no answer came from %s", strings.Join(silent, ", "))
	}
	return refused
}

// A partnersReply is what came of asking one of several eMSPs.
type partnersReply struct {
	// place is where the partner is in the list of those asked.
	place   int
	partner Partner
	reply
}

// askAll asks eMSPs all at once, so that none that hangs keeps another from being asked, and hands on what they say as it
// comes. Each is heard, if only that it did not answer. The deadline is the same for all; one with a shorter of its own has
// that.
func (a *Asker) askAll(ctx context.Context, q Question, partners []Partner) <-chan partnersReply {
	tokenType := cmp.Or(q.TokenType, v230.TokenTypeRFID)
	heard := make(chan partnersReply, len(partners))
	var asking sync.WaitGroup
	for i, p := range partners {
		asking.Go(func() {
			deadline := min(a.patience(p), a.config.Deadline)
			heard <- partnersReply{i, p, a.ask(ctx, q, p, ocpiclient.AuthorizeRequest{TokenUID: q.TokenUID, TokenType: tokenType}, deadline)}
		})
	}
	go func() {
		asking.Wait()
		close(heard)
	}()
	return heard
}

// verdict is what follows from the answer of an eMSP about a token that it has not sent.
func (r *partnersReply) verdict(ctx context.Context, a *Asker, q Question) Verdict {
	d := Decide(Case{Whitelist: v230.WhitelistTypeNever, Outcome: r.outcome, Allowed: r.info.Allowed})
	v := Verdict{Allowed: d.Allowed, By: d.By, Why: "no partner has sent this token; " + d.Why, Partner: r.partner.Name, Info: infoOf(r.info), Trouble: r.trouble}
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
	a.place(ctx, &v, q.Location, placeOf(r.info.Location))
	v.AuthMethod = Decision{Allowed: v.Allowed, By: v.By}.Method()
	return v
}
