package handshake

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/roamwire/roamwire/ocpi"
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
	r, err := h.begin(ctx, name, Registering, ocpi.Outbound, func(rel *Relation) error {
		if rel.State == Registered || rel.State == ByHand {
			return fmt.Errorf("the partner is %s: unregister it first", rel.State)
		}
		if rel.Offer == nil || rel.Offer.TokenA != invitation.Token {
			rel.Offer = &Offer{Kind: Registering, Made: h.now(), TokenA: invitation.Token}
		}
		rel.Offer.URL, rel.Offer.Terms, rel.Tries = invitation.VersionsURL, invitation.Terms, 0
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
	if i.Terms.Role == "" && !slices.ContainsFunc(h.spoken(i.Terms), func(v ocpi.Version) bool { return v.Compare("2.2") >= 0 }) {
		return ErrRole
	}
	return nil
}

// ensure makes a relation of this name if there is none.
func (h *Handshake) ensure(ctx context.Context, name string) error {
	if err := CheckName(name); err != nil {
		return err
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
// moves there, which exchanges the tokens too. So it does while an earlier exchange is not finished.
func (h *Handshake) Update(ctx context.Context, name string) error {
	return h.put(ctx, name, Updating)
}

func (h *Handshake) put(ctx context.Context, name string, kind Kind) error {
	r, err := h.begin(ctx, name, kind, ocpi.Outbound, func(rel *Relation) error {
		if rel.State != Registered || len(rel.Outbound) == 0 {
			return fmt.Errorf("the partner is %s: register first", rel.State)
		}
		if kind == Rotating {
			rel.rotate(h.now())
		}
		rel.Tries = 0
		return nil
	})
	if err != nil {
		return fmt.Errorf("%s with %s: %w", kind, name, err)
	}
	return h.send(ctx, r)
}

// rotate makes an offer, unless there is one that the partner may have taken already.
func (r *Relation) rotate(now time.Time) {
	if r.Offer == nil {
		r.Offer = &Offer{Kind: Rotating, Made: now}
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
	if r.relation.Attempt.Kind == Proving {
		return h.prove(ctx, r)
	}
	f, err := h.discover(ctx, r)
	if err != nil {
		return h.notFound(ctx, r, err)
	}
	if r.relation.Attempt.Kind == Updating && f.version == r.relation.Remote.Version && r.relation.Offer == nil {
		h.compare(ctx, r, f)
		return r.done(ctx, func(rel *Relation) error { f.store(h, rel); return nil })
	}
	// The token is stored before it is sent, because the partner calls back with it while it answers.
	err = r.step(ctx, stepToken, func(rel *Relation) error {
		rel.rotate(h.now())
		if rel.Offer.Token == "" {
			rel.offer(NewToken(), h.now())
		}
		return nil
	})
	if err != nil {
		return r.fail(ctx, err)
	}
	theirs, err := h.exchange(ctx, r, f)
	if err != nil {
		return err
	}
	return h.take(ctx, r, f, theirs)
}

// notFound records that the partner could not be read. Where an earlier try may have been successful, and the partner
// does not refuse us, it is tried again.
func (h *Handshake) notFound(ctx context.Context, r *run, cause error) error {
	offer := r.relation.Offer
	switch {
	case offer == nil || !offer.Unclear:
		return r.fail(ctx, cause, (*Relation).drop)
	case refusedToken(cause):
		return r.fail(ctx, lockedOut(offer.Kind, cause))
	default:
		return r.fail(ctx, cause, r.again(cause))
	}
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

// subject is the relation as the exchange sees it: while we register, under the terms of the offer.
func (r *run) subject() *Relation {
	rel := r.relation.Clone()
	if rel.Offer != nil && rel.Offer.Kind == Registering {
		rel.Terms = rel.Offer.Terms
	}
	return &rel
}

// discover takes the steps that only read.
func (h *Handshake) discover(ctx context.Context, r *run) (*found, error) {
	rel := r.subject()
	f, err := h.anyVersions(ctx, rel)
	if err != nil {
		return nil, err
	}
	if err := r.step(ctx, stepChoose, nothing); err != nil {
		return nil, err
	}
	entry, err := h.choose(rel, f)
	if err != nil {
		return nil, err
	}
	if r.relation.Attempt.Kind == Updating && rel.Remote.Stay != "" && entry.Version.Compare(rel.Remote.Stay) <= 0 && rel.Terms.allow(rel.Remote.Version) {
		if kept, err := f.find(rel.Remote.Version); err == nil {
			entry = kept // the partner has gone back to it
		}
	}
	if entry.Version.Compare("2.2") < 0 && h.roleOf(rel) == "" {
		return nil, ErrRole
	}
	if err := r.step(ctx, stepDetails, nothing); err != nil {
		return nil, err
	}
	if err := h.readDetails(ctx, rel, f, entry); err != nil {
		return nil, err
	}
	if err := r.step(ctx, stepEndpoints, nothing); err != nil {
		return nil, err
	}
	return f, h.checkEndpoints(rel, f)
}

// anyVersions reads the partner's versions with the first token that works: token A, or one of those we call it with.
func (h *Handshake) anyVersions(ctx context.Context, rel *Relation) (*found, error) {
	tokens := rel.Outbound
	if o := rel.Offer; o != nil && o.Kind == Registering {
		tokens = []OutboundToken{{Token: o.TokenA, URL: o.URL}}
	}
	refused := errors.New("there is no token to call with")
	for i, t := range tokens {
		f := &found{url: t.URL, token: t.Token, encoding: rel.Encoding}
		err := h.readVersions(ctx, rel, f)
		if err == nil || !refusedToken(err) {
			return f, err
		}
		if i == 0 {
			refused = err
		}
	}
	return nil, refused
}

// exchange sends our credentials and returns theirs.
func (h *Handshake) exchange(ctx context.Context, r *run, f *found) (v230.Credentials, error) {
	earlier := r.relation.Offer.Unclear
	if err := r.step(ctx, stepSend, func(rel *Relation) error { rel.Offer.Unclear = true; return nil }); err != nil {
		return v230.Credentials{}, r.fail(ctx, err)
	}
	theirs, err := h.request(ctx, r, f)
	if err == nil {
		return theirs, nil
	}
	return theirs, h.notTaken(ctx, r, err, earlier)
}

func (h *Handshake) request(ctx context.Context, r *run, f *found) (v230.Credentials, error) {
	rel := r.subject()
	own, err := h.config.Own.Credentials(ctx, rel.Partner(), h.ownRole(rel, f.version), rel.Offer.Token)
	if err != nil {
		return own, fmt.Errorf("our own credentials: %w", err)
	}
	c, err := h.caller(rel, f)
	if err != nil {
		return own, err
	}
	if rel.Offer.Kind == Registering {
		return c.Register(ctx, own)
	}
	return c.UpdateCredentials(ctx, own)
}

// notTaken records that the partner has not answered with its credentials. Where it has certainly not taken ours, it does
// not know the token in them, and neither need we. Where that is not clear, Recover sends the same again.
func (h *Handshake) notTaken(ctx context.Context, r *run, cause error, earlier bool) error {
	verdict := judge(cause)
	if earlier && (verdict == no) {
		if kind := r.relation.Offer.Kind; kind == Registering || refusedToken(cause) {
			cause = lockedOut(kind, cause)
		}
		return r.fail(ctx, cause)
	}
	switch verdict {
	case no:
		return r.fail(ctx, cause, (*Relation).withdraw, (*Relation).drop)
	case notNow:
		return r.fail(ctx, cause, func(rel *Relation) {
			if !earlier {
				rel.withdraw()
			}
		}, r.again(cause))
	default:
		return r.fail(ctx, cause, r.again(cause))
	}
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

// take checks and stores the partner's credentials: from here on both sides are registered, or have new tokens.
func (h *Handshake) take(ctx context.Context, r *run, f *found, theirs v230.Credentials) error {
	if err := r.step(ctx, stepStore, nothing); err != nil {
		return r.fail(ctx, err, r.again(err))
	}
	said, err := h.checkCredentials(r.subject(), f.version, theirs)
	if err != nil {
		return h.giveBack(ctx, r, f, theirs, err)
	}
	err = r.step(ctx, stepProve, func(rel *Relation) error { h.taken(rel, f, theirs, said); return nil })
	switch {
	case errors.Is(err, ErrTaken):
		return h.giveBack(ctx, r, f, theirs, err)
	case err != nil:
		return r.fail(ctx, err, r.again(err)) // the same again: the partner thinks that all is well
	default:
		return h.prove(ctx, r)
	}
}

// taken is the relation after both sides have sent their credentials.
func (h *Handshake) taken(rel *Relation, f *found, theirs v230.Credentials, said claims) {
	now := h.now()
	if rel.Offer.Kind == Registering {
		rel.Terms, rel.Outbound = rel.Offer.Terms, nil
	}
	rel.Outbound = slices.DeleteFunc(rel.Outbound, func(t OutboundToken) bool { return t.Token != f.token })
	rel.Outbound = slices.Insert(rel.Outbound, 0, OutboundToken{Token: theirs.Token, Made: now, URL: theirs.URL})
	f.url = theirs.URL
	if f.encoding != ocpi.DefaultTokenEncoding(f.version) && f.encoding == ocpi.DefaultTokenEncoding(h.newest(rel)) {
		f.encoding = "" // the form of the version that was expected: the new token is tried in that of this one first
	}
	f.store(h, rel)
	rel.Remote.Stay = ""
	rel.describe(theirs, said)
	rel.answered(now.Add(h.config.Grace))
	rel.become(Registered, now)
}

// giveBack ends a registration whose credentials we cannot take, so that the partner does not think that it is
// registered. Of a rotation, both pairs of tokens stay: we do not know which one the partner goes on with.
func (h *Handshake) giveBack(ctx context.Context, r *run, f *found, theirs v230.Credentials, cause error) error {
	ctx, cancel := r.detached(ctx)
	defer cancel()
	if r.relation.Offer.Kind != Registering {
		return r.fail(ctx, cause, h.goOnWith(ctx, r, theirs.Token))
	}
	f.token = theirs.Token
	c, err := h.caller(r.subject(), f)
	if err == nil {
		err = c.Unregister(ctx)
	}
	if err != nil {
		cause = fmt.Errorf("%w; ending the registration on their side failed too: %w", cause, err)
	}
	return r.fail(ctx, cause, (*Relation).withdraw)
}

// goOnWith takes the token from credentials that we do not take otherwise, if it works: the partner may have forgotten
// the one before.
func (h *Handshake) goOnWith(ctx context.Context, r *run, token string) func(*Relation) {
	f := &found{url: r.relation.Remote.VersionsURL, token: token, encoding: r.relation.Encoding, version: r.relation.Remote.Version}
	if ocpi.CheckToken(token) != nil || h.readVersions(ctx, &r.relation, f) != nil {
		return func(*Relation) {}
	}
	return func(rel *Relation) {
		now := h.now()
		rel.Outbound = []OutboundToken{{Token: token, Made: now, Proven: now, URL: f.url}}
		rel.abandon()
	}
}

// prove tries the newest token of the partner. When it is proven, the one before is forgotten; when the partner does not
// know it, the one before is used again, if it still works.
func (h *Handshake) prove(ctx context.Context, r *run) error {
	tokens := r.relation.Outbound
	if len(tokens) == 0 {
		return r.fail(ctx, errors.New("there is no token to try"))
	}
	newest := r.relation.newest()
	f, err := h.tryToken(ctx, r, tokens[newest])
	if err == nil {
		return r.done(ctx, func(rel *Relation) error {
			rel.Encoding, rel.Remote.Offers = f.encoding, f.offers()
			rel.proven(newest, h.now())
			return nil
		})
	}
	if !refusedToken(err) {
		return r.fail(ctx, err, r.again(err))
	}
	for i, t := range tokens {
		if i == newest {
			continue
		}
		if _, other := h.tryToken(ctx, r, t); other == nil {
			return h.goBack(ctx, r, i, newest, err)
		}
	}
	return r.fail(ctx, err)
}

func (h *Handshake) tryToken(ctx context.Context, r *run, t OutboundToken) (*found, error) {
	f := &found{
		url: t.URL, token: t.Token, encoding: r.relation.Encoding,
		version: r.relation.Remote.Version, endpoints: r.relation.Remote.Endpoints,
	}
	return f, h.readVersions(ctx, &r.relation, f)
}

// goBack uses a token from before again. A partner that has sent us its credentials may come to know its new token when
// it gets our answer, so that one is kept for as long as this may take; one that has answered ours should know what it
// gave.
func (h *Handshake) goBack(ctx context.Context, r *run, i, newest int, refused error) error {
	now := h.now()
	waiting := r.relation.Attempt.Kind == Proving && now.Before(r.relation.Outbound[newest].Made.Add(h.config.Window))
	if !waiting {
		return r.fail(ctx, fmt.Errorf("%w; the token before still works and is used", refused), func(rel *Relation) {
			rel.proven(i, now)
			rel.Remote.VersionsURL = rel.Outbound[0].URL
			rel.returned()
		})
	}
	return r.fail(ctx, fmt.Errorf("%w; the token before still works and is used meanwhile", refused), func(rel *Relation) {
		fresh := rel.Outbound[newest]
		rel.proven(i, now)
		rel.Outbound = append(rel.Outbound, fresh)
	}, r.again(refused))
}
