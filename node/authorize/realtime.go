package authorize

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/ocpiclient"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// A reply is what came of asking an eMSP.
type reply struct {
	outcome Outcome
	info    v230.AuthorizationInfo
	// trouble and reason say why there is no answer, the one in a word and the other for people; err is the failure itself.
	trouble Trouble
	reason  string
	err     error
}

// patience is how long an eMSP may take to answer.
func (a *Asker) patience(p Partner) time.Duration {
	return cmp.Or(p.Policy.Deadline, a.config.Deadline)
}

// ask asks an eMSP in real time, within a deadline.
func (a *Asker) ask(ctx context.Context, q Question, p Partner, about ocpiclient.AuthorizeRequest, deadline time.Duration) reply {
	switch {
	case q.Offline:
		return reply{outcome: NoAnswer, reason: "it was not to be asked"}
	case p.Policy.Off:
		return reply{outcome: NoAnswer, reason: "it is not asked, by its policy"}
	case !p.CanAsk:
		return reply{outcome: NoAnswer, trouble: NotOffered, reason: "its tokens module cannot be called"}
	case !a.reachable(ctx, p, about.Owner):
		return reply{outcome: NoAnswer, trouble: Away, reason: fmt.Sprintf("its hub says that %s is not connected", about.Owner)}
	}
	within, cancel := context.WithTimeout(ctx, deadline)
	defer cancel()
	end, waited, err := a.lines.to(p.Name).take(within)
	switch {
	case errors.Is(err, errAway):
		return reply{outcome: NoAnswer, trouble: Away, reason: fmt.Sprintf("it let %d questions in a row run into their deadline, and is asked again within %s", awayAfter, a.config.Rest)}
	case err != nil:
		return reply{outcome: NoAnswer, trouble: Busy, reason: fmt.Sprintf("%d others were waiting for it, and none got its answer within %s", a.config.AtOnce, deadline)}
	}
	heard := a.hear(within, q, p, about)
	switch {
	case heard.trouble == Late && heard.outcome == NoAnswer && !waited && ctx.Err() == nil && deadline >= a.patience(p):
		end(errHung)
	case heard.outcome == NoAnswer && within.Err() != nil:
		end(errNoSign)
	default:
		end(nil)
	}
	if heard.trouble == Late {
		heard.reason = fmt.Sprintf("no answer within %s", deadline)
	}
	if heard.outcome == NoAnswer && !errors.Is(ctx.Err(), context.Canceled) { // else nobody waits for it any more
		a.config.Logger.WarnContext(ctx, "an eMSP that was asked whether its driver may charge was not heard", "partner", p.Name, "reason", heard.reason)
	}
	return heard
}

// reachable reports whether the owner of a token can be asked. Where that cannot be found out, asking will tell.
func (a *Asker) reachable(ctx context.Context, p Partner, owner ocpi.Party) bool {
	if !p.Hub || a.config.Reachable == nil || owner == (ocpi.Party{}) {
		return true
	}
	reachable, err := a.config.Reachable(ctx, p.Name, owner)
	if err != nil {
		a.config.Logger.WarnContext(ctx, "it is not known whether an eMSP is connected to its hub", "partner", p.Name, "party", owner, "error", err)
		return true
	}
	return reachable
}

// hear asks an eMSP and says what came of it.
func (a *Asker) hear(ctx context.Context, q Question, p Partner, about ocpiclient.AuthorizeRequest) reply {
	client, err := a.config.Clients.Client(ctx, p.Name)
	var info v230.AuthorizationInfo
	about.At = q.Location.references()
	if err == nil {
		info, err = client.EMSP().Tokens.Authorize(ctx, about)
	}
	heard := replyOf(info, err)
	// The client's own clock may be ahead a little.
	if heard.outcome == NoAnswer && (ctx.Err() != nil || errors.Is(heard.err, context.DeadlineExceeded)) {
		heard.trouble = Late
	}
	return heard
}

// replyOf is what the answer of an eMSP means. Later versions have a status for tokens that are not there (requirement
// TOK-12). An eMSP whose tokens are all ALWAYS need not have an endpoint that answers (requirement TOK-07).
func replyOf(info v230.AuthorizationInfo, err error) reply {
	var failed *ocpiclient.Error
	errors.As(err, &failed)
	switch {
	case err == nil && !info.Allowed.Known():
		return reply{outcome: Answered, info: info, trouble: Unusable}
	case err == nil:
		return reply{outcome: Answered, info: info}
	case failed != nil && failed.Status == ocpi.StatusUnknownLocation:
		return reply{outcome: UnknownPlace}
	case errors.Is(err, ocpi.ErrNotFound), failed != nil && failed.Status == ocpi.StatusUnknownToken:
		return reply{outcome: UnknownToken}
	case failed != nil && failed.Status == ocpi.StatusNotEnoughInformation:
		return reply{outcome: NeedsLocation}
	case errors.Is(err, ocpiclient.ErrNotOffered), failed != nil && (failed.HTTP == http.StatusMethodNotAllowed || failed.HTTP == http.StatusNotImplemented):
		return reply{outcome: NoAnswer, trouble: NotOffered, reason: err.Error()}
	case failed != nil && failed.HTTP != 0:
		return reply{outcome: NoAnswer, trouble: Unusable, reason: err.Error(), err: err}
	default:
		return reply{outcome: NoAnswer, trouble: Failed, reason: err.Error(), err: err}
	}
}

// token is the token that came with the answer, which versions before 2.2 do not send (requirement DK-05). One of another party
// is not the partner's to answer for.
func (r *reply) token(party ocpi.Party, uid string) (v230.Token, bool) {
	t := r.info.Token
	return t, partyOf(t) == party && strings.EqualFold(string(t.UID), uid)
}

// longestInfo bounds the text for a driver, in characters: no version allows more.
const longestInfo = 512

// infoOf is what an eMSP says to the driver, cut to what a text may have.
func infoOf(info v230.AuthorizationInfo) *v230.DisplayText {
	if info.Info == nil {
		return nil
	}
	text := []rune(info.Info.Text)
	if len(text) <= longestInfo {
		return info.Info
	}
	cut := *info.Info
	cut.Text = string(text[:longestInfo])
	return &cut
}

// place narrows where the driver may charge: to what was asked about, and to what our location has (requirement TOK-09).
func (a *Asker) place(ctx context.Context, v *Verdict, asked, answer *Place) {
	if v.Allowed != v230.AllowedTypeAllowed {
		return
	}
	left, ok := narrowed(asked, answer)
	if ok && asked != nil && answer != nil {
		left, ok = a.there(ctx, left)
	}
	if !ok {
		v.Allowed, v.Why = v230.AllowedTypeNotAllowed, "the eMSP allows it, but nowhere where the driver wants to charge"
		return
	}
	v.Location = left
}

// there is what our location has of a place. A location that is not in the store is not checked.
func (a *Asker) there(ctx context.Context, p *Place) (*Place, bool) {
	ours, err := ownSite(ctx, a.config.Store, p.LocationID)
	if err != nil {
		a.config.Logger.WarnContext(ctx, "a location was not read to check where in it a driver may charge", "location", p.LocationID, "error", err)
	}
	if ours == nil {
		return p, true
	}
	return ours.within(p)
}
