package handshake

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/ocpiclient"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// An Invitation is what a partner gives us so that we can register with it.
type Invitation struct {
	// VersionsURL is the partner's versions endpoint, Token its token A.
	VersionsURL, Token string
	Terms              Terms
}

// Register registers with a partner that has invited us. The partner becomes a relation of this name; a relation that
// is there already must not be registered. The error, which is in the relation's Attempt too, says at which step it
// failed, and Retry or another Register tries again.
func (h *Handshake) Register(ctx context.Context, name string, invitation Invitation) error {
	if err := h.checkInvitation(&invitation); err != nil {
		return fmt.Errorf("register with %s: %w", name, err)
	}
	if err := h.ensure(ctx, name); err != nil {
		return fmt.Errorf("register with %s: %w", name, err)
	}
	r, err := h.begin(ctx, name, Registering, ocpi.Outbound, func(rel *Relation, a *Attempt) error {
		if rel.State == Registered || rel.State == ByHand {
			return fmt.Errorf("partner %s is %s: unregister it first", name, rel.State)
		}
		if old := rel.Attempt; old != nil && old.TokenA == invitation.Token {
			carry(old, a)
		}
		rel.Terms, a.TokenA, a.URL = invitation.Terms, invitation.Token, invitation.VersionsURL
		return nil
	})
	if err != nil {
		return fmt.Errorf("register with %s: %w", name, err)
	}
	return h.send(ctx, r)
}

func (h *Handshake) checkInvitation(i *Invitation) error {
	if err := ocpi.CheckToken(i.Token); err != nil {
		return err
	}
	if err := h.config.Transport.CheckURL(i.VersionsURL); err != nil {
		return err
	}
	if err := h.checkTerms(&i.Terms); err != nil {
		return err
	}
	if i.Terms.Role == "" {
		return errors.New("we are CPO and eMSP: say which role the partner has")
	}
	return nil
}

// ensure makes a relation of this name if there is none.
func (h *Handshake) ensure(ctx context.Context, name string) error {
	if strings.TrimSpace(name) == "" {
		return errors.New("a partner needs a name")
	}
	now := h.now()
	err := h.config.Store.AddRelation(ctx, Relation{Name: name, Added: now, State: Unregistered, Since: now})
	if !errors.Is(err, ErrTaken) {
		return err
	}
	_, err = h.config.Store.Relation(ctx, name)
	return err
}

// Rotate exchanges both tokens with a registered partner, and moves to the highest version both speak (requirements
// C-11, C-12). Whatever fails, tokens that worked before go on working.
func (h *Handshake) Rotate(ctx context.Context, name string) error {
	return h.put(ctx, name, Rotating)
}

// Update reads a registered partner's versions and endpoints again. Where there is a higher version that both speak, it
// moves there, which exchanges the tokens too.
func (h *Handshake) Update(ctx context.Context, name string) error {
	return h.put(ctx, name, Updating)
}

func (h *Handshake) put(ctx context.Context, name string, kind Kind) error {
	r, err := h.begin(ctx, name, kind, ocpi.Outbound, func(rel *Relation, a *Attempt) error {
		if rel.State != Registered || len(rel.Outbound) == 0 {
			return fmt.Errorf("partner %s is %s: register first", name, rel.State)
		}
		if old := rel.Attempt; old != nil && old.Direction == ocpi.Outbound && old.Kind != Unregistering {
			carry(old, a)
		}
		a.URL = rel.Remote.VersionsURL
		return nil
	})
	if err != nil {
		return fmt.Errorf("%s with %s: %w", kind, name, err)
	}
	return h.send(ctx, r)
}

// carry takes over from an earlier try what the partner may know of it already.
func carry(old, a *Attempt) {
	a.TokenA, a.URL, a.Sent, a.Unclear = old.TokenA, old.URL, old.Sent, old.Unclear
	if old.Step == stepProve {
		a.Step = stepProve
	}
}

// send takes the steps of an exchange that we begin.
func (h *Handshake) send(ctx context.Context, r *run) error {
	ctx, cancel := r.bounded(ctx)
	defer cancel()
	err := h.sendSteps(ctx, r)
	if err == nil {
		return nil
	}
	step := stepProve
	if a := r.relation.Attempt; a != nil {
		step = a.Step
	}
	return fmt.Errorf("%s: failed at step %d: %w", r.name, step, err)
}

func (h *Handshake) sendSteps(ctx context.Context, r *run) error {
	if r.relation.Attempt.Step == stepProve {
		return h.prove(ctx, r)
	}
	f := &found{url: r.relation.Attempt.URL}
	if err := h.discover(ctx, r, f); err != nil {
		if refusedToken(err) && r.relation.Attempt.Unclear {
			err = lockedOut(r.relation.Attempt.Kind, err)
		}
		return r.fail(ctx, err, nil)
	}
	if r.relation.Attempt.Kind == Updating && f.version == r.relation.Remote.Version {
		h.compare(ctx, r, f)
		return r.done(ctx, func(rel *Relation) error { f.store(h, rel); return nil })
	}
	if err := r.step(ctx, stepToken, makeToken(h)); err != nil {
		return r.fail(ctx, err, nil)
	}
	theirs, err := h.exchange(ctx, r, f)
	if err != nil {
		return err
	}
	return h.take(ctx, r, f, theirs)
}

// compare tells the log which endpoints have changed.
func (h *Handshake) compare(ctx context.Context, r *run, f *found) {
	before := r.relation.Remote.Endpoints
	for _, e := range f.endpoints {
		if !slices.Contains(before, e) {
			h.config.Logger.WarnContext(ctx, "partner has a new endpoint", "partner", r.name, "module", e.Module, "url", e.URL)
		}
	}
	for _, e := range before {
		if !slices.Contains(f.endpoints, e) {
			h.config.Logger.WarnContext(ctx, "partner has an endpoint no more", "partner", r.name, "module", e.Module, "url", e.URL)
		}
	}
}

// outbound is the token to call with in this attempt.
func (r *run) outbound() string {
	if a := r.relation.Attempt; a.TokenA != "" {
		return a.TokenA
	}
	return r.relation.Outbound[0].Token
}

// discover takes the steps that only read: what they have found is in f.
func (h *Handshake) discover(ctx context.Context, r *run, f *found) error {
	token := r.outbound()
	if err := h.readVersions(ctx, &r.relation, token, f); err != nil {
		return err
	}
	if err := r.step(ctx, stepChoose, nothing); err != nil {
		return err
	}
	entry, err := h.choose(&r.relation, f)
	if err != nil {
		return err
	}
	if err := r.step(ctx, stepDetails, nothing); err != nil {
		return err
	}
	if err := h.readDetails(ctx, &r.relation, token, f, entry); err != nil {
		return err
	}
	if err := r.step(ctx, stepEndpoints, nothing); err != nil {
		return err
	}
	return h.checkEndpoints(&r.relation, f)
}

// makeToken makes the token the partner will call us with. It is stored before it is sent, because the partner calls
// back with it while it answers. A try that is repeated sends the same token again.
func makeToken(h *Handshake) func(*Relation) error {
	return func(rel *Relation) error {
		if rel.Attempt.Sent != "" {
			return nil
		}
		rel.forget(TokenPending)
		rel.Attempt.Sent = NewToken()
		rel.Inbound = append(rel.Inbound, InboundToken{Hash: HashToken(rel.Attempt.Sent), Status: TokenPending, Made: h.now()})
		return nil
	}
}

// exchange sends our credentials and returns theirs.
func (h *Handshake) exchange(ctx context.Context, r *run, f *found) (v230.Credentials, error) {
	earlier := r.relation.Attempt.Unclear
	if err := r.step(ctx, stepSend, func(rel *Relation) error { rel.Attempt.Unclear = true; return nil }); err != nil {
		return v230.Credentials{}, r.fail(ctx, err, nil)
	}
	own, err := h.own(ctx, &r.relation, r.relation.Attempt.Sent)
	if err == nil {
		var c *ocpiclient.Client
		if c, err = h.caller(&r.relation, r.outbound(), f); err == nil {
			theirs, err := h.post(ctx, r, c, own)
			if err == nil {
				return theirs, nil
			}
			return theirs, h.notTaken(ctx, r, err, earlier)
		}
	}
	return v230.Credentials{}, r.fail(ctx, err, func(rel *Relation) { rel.Attempt.Unclear = earlier })
}

func (h *Handshake) own(ctx context.Context, rel *Relation, token string) (v230.Credentials, error) {
	own, err := h.config.Own.Credentials(ctx, rel.Partner(), opposite(h.roleOf(rel)), token)
	if err != nil {
		return own, fmt.Errorf("our own credentials: %w", err)
	}
	return own, nil
}

func (h *Handshake) post(ctx context.Context, r *run, c *ocpiclient.Client, own v230.Credentials) (v230.Credentials, error) {
	if r.relation.Attempt.Kind == Registering {
		return c.Register(ctx, own)
	}
	return c.UpdateCredentials(ctx, own)
}

// notTaken records that the partner has not answered with its credentials. Where it has refused ours, it does not know
// the token in them, and neither need we. Where it is not clear what it has done, the token stays, and Recover sends the
// same again.
func (h *Handshake) notTaken(ctx context.Context, r *run, cause error, earlier bool) error {
	if refused(cause) {
		if earlier {
			if kind := r.relation.Attempt.Kind; kind == Registering || refusedToken(cause) {
				cause = lockedOut(kind, cause)
			}
			return r.fail(ctx, cause, nil)
		}
		return r.fail(ctx, cause, func(rel *Relation) {
			rel.forget(TokenPending)
			rel.Attempt.Sent, rel.Attempt.Unclear = "", false
		})
	}
	return r.fail(ctx, cause, h.again(cause))
}

// lockedOut says what to do where a token is refused after an earlier try whose outcome we do not know: it was
// successful for the partner, and its answer, with the token that is good now, was lost (requirement C-18).
func lockedOut(kind Kind, cause error) error {
	const earlier = "an earlier try may have been successful for them, and their answer was lost"
	if kind == Registering {
		return fmt.Errorf("%w; %s: ask them to end the registration, or for a new token A", cause, earlier)
	}
	return fmt.Errorf("%w; %s: ask them for a new token A, end the registration here alone, and register anew", cause, earlier)
}

// again makes Recover try once more, not before the partner has asked for it, and not if it has tried often enough.
func (h *Handshake) again(cause error) func(*Relation) {
	var wait time.Duration
	if e, ok := errors.AsType[*ocpiclient.Error](cause); ok {
		wait = e.RetryAfter
	}
	return func(rel *Relation) {
		if a := rel.Attempt; a.Tries <= h.config.Retries {
			a.Again = h.now().Add(max(pause(a.Tries), wait))
		}
	}
}

// refused reports whether a failed call can have had no effect: the partner has said no, or was not reached.
func refused(err error) bool {
	var dial *net.OpError
	if errors.As(err, &dial) && dial.Op == "dial" {
		return true
	}
	var e *ocpiclient.Error
	if !errors.As(err, &e) {
		return errors.Is(err, ocpiclient.ErrNotOffered)
	}
	return e.HTTP >= http.StatusMultipleChoices && e.HTTP < http.StatusInternalServerError && e.HTTP != http.StatusRequestTimeout ||
		e.HTTP == http.StatusOK && e.Status != 0 && !e.Status.Success()
}

// take checks and stores the partner's credentials: from here on both sides are registered, or have new tokens.
func (h *Handshake) take(ctx context.Context, r *run, f *found, theirs v230.Credentials) error {
	if err := r.step(ctx, stepStore, nothing); err != nil {
		return r.fail(ctx, err, nil)
	}
	roles, err := h.checkCredentials(&r.relation, theirs)
	if err == nil {
		err = r.step(ctx, stepProve, func(rel *Relation) error { h.taken(rel, f, theirs, roles); return nil })
	}
	if err != nil {
		return h.giveBack(ctx, r, f, theirs, err)
	}
	return h.prove(ctx, r)
}

// taken is the relation after both sides have sent their credentials.
func (h *Handshake) taken(rel *Relation, f *found, theirs v230.Credentials, roles []ocpi.PartyRole) {
	now := h.now()
	f.url = theirs.URL
	f.store(h, rel)
	rel.describe(theirs, roles)
	if rel.Attempt.Kind == Registering {
		rel.Outbound = nil
	}
	rel.Outbound = slices.Insert(rel.Outbound, 0, OutboundToken{Token: theirs.Token, Made: now})
	rel.replaceInbound(now.Add(h.config.Grace))
	rel.become(Registered, now)
	rel.Attempt.TokenA, rel.Attempt.Sent, rel.Attempt.Unclear = "", "", false
}

// replaceInbound makes the pending token the current one. The one before stays good for a while.
func (r *Relation) replaceInbound(until time.Time) {
	r.forget(TokenInvitation, TokenSpent, TokenOld)
	for i := range r.Inbound {
		switch t := &r.Inbound[i]; t.Status {
		case TokenCurrent:
			t.Status, t.Expires = TokenOld, until
		case TokenPending:
			t.Status = TokenCurrent
		default:
		}
	}
}

// giveBack ends a registration whose credentials we cannot take, so that the partner does not think that it is
// registered. Of a rotation, both pairs of tokens stay: we do not know which one the partner goes on with.
func (h *Handshake) giveBack(ctx context.Context, r *run, f *found, theirs v230.Credentials, cause error) error {
	if errors.Is(cause, errLost) {
		return cause
	}
	if r.relation.Attempt.Kind != Registering {
		return r.fail(ctx, cause, h.goOnWith(ctx, r, theirs.Token))
	}
	if ocpi.CheckToken(theirs.Token) == nil {
		if c, err := h.caller(&r.relation, theirs.Token, f); err == nil {
			if err := c.Unregister(ctx); err != nil {
				cause = fmt.Errorf("%w; ending the registration on their side failed too: %w", cause, err)
			}
		}
	}
	return r.fail(ctx, cause, func(rel *Relation) {
		rel.forget(TokenPending)
		rel.Attempt.Sent, rel.Attempt.Unclear = "", false
	})
}

// goOnWith takes the token from credentials that we do not take otherwise, if it works: the partner may have forgotten
// the one before.
func (h *Handshake) goOnWith(ctx context.Context, r *run, token string) func(*Relation) {
	f := &found{url: r.relation.Remote.VersionsURL, encoding: r.relation.Encoding, version: r.relation.Remote.Version}
	if ocpi.CheckToken(token) != nil || h.readVersions(ctx, &r.relation, token, f) != nil {
		return nil
	}
	return func(rel *Relation) {
		now := h.now()
		rel.Outbound = []OutboundToken{{Token: token, Made: now, Proven: now}}
	}
}

// prove tries the token the partner gave us. When it is proven, the one before is forgotten; when the partner does not
// know it, the one before is used again, if it still works.
func (h *Handshake) prove(ctx context.Context, r *run) error {
	if len(r.relation.Outbound) == 0 {
		return r.fail(ctx, errors.New("there is no token to try"), nil)
	}
	f := &found{url: r.relation.Remote.VersionsURL, encoding: r.relation.Encoding}
	f.version, f.endpoints = r.relation.Remote.Version, r.relation.Remote.Endpoints
	err := h.readVersions(ctx, &r.relation, r.relation.Outbound[0].Token, f)
	if err == nil {
		return r.done(ctx, func(rel *Relation) error {
			rel.Encoding, rel.Remote.Offers = f.encoding, f.offers()
			rel.proven(0, h.now())
			return nil
		})
	}
	if refusedToken(err) && len(r.relation.Outbound) > 1 {
		if before := h.readVersions(ctx, &r.relation, r.relation.Outbound[1].Token, f); before == nil {
			err = fmt.Errorf("%w; the token before still works and is used", err)
			return r.fail(ctx, err, func(rel *Relation) { rel.proven(1, h.now()) })
		}
	}
	return r.fail(ctx, err, h.again(err))
}

// proven makes an outbound token the only one.
func (r *Relation) proven(i int, now time.Time) {
	t := r.Outbound[i]
	if t.Proven.IsZero() {
		t.Proven = now
	}
	r.Outbound = []OutboundToken{t}
}
