package handshake

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/ocpiclient"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// A Registrar answers partners that call our credentials endpoint. It is an ocpiserver.Registrar.
type Registrar struct{ h *Handshake }

// Registrar returns the side of the Handshake that partners call.
func (h *Handshake) Registrar() *Registrar { return &Registrar{h} }

// Credentials says how the partner reaches us (requirement C-02).
func (g *Registrar) Credentials(ctx context.Context, partner *ocpi.Partner, role ocpi.Role, token string) (v230.Credentials, error) {
	return g.h.config.Own.Credentials(ctx, partner, role, token)
}

// Register takes the credentials of a partner that we have invited (requirements C-03 to C-05, C-14, C-15). Whatever
// fails, the partner's token A stays good, and nothing of the rest is kept (requirement C-17).
func (g *Registrar) Register(ctx context.Context, from ocpi.Caller, theirs v230.Credentials) (v230.Credentials, error) {
	return g.receive(ctx, Registering, from, theirs)
}

// Update takes the changed credentials of a registered partner (requirements C-10, C-19). Whatever fails, the tokens
// before go on working.
func (g *Registrar) Update(ctx context.Context, from ocpi.Caller, theirs v230.Credentials) (v230.Credentials, error) {
	return g.receive(ctx, Rotating, from, theirs)
}

// Unregister ends the registration of a partner that asks for it (requirement C-13).
func (g *Registrar) Unregister(ctx context.Context, from ocpi.Caller) error {
	h := g.h
	now := h.now()
	err := h.config.Store.ChangeRelation(ctx, from.Partner.ID, func(rel *Relation) error {
		if rel.State != Registered && rel.State != ByHand {
			return notRegistered()
		}
		rel.end(now)
		return nil
	})
	if err == nil {
		h.config.Logger.InfoContext(ctx, "partner has ended its registration", "partner", from.Partner.ID)
	}
	return err
}

func notRegistered() error {
	return &ocpi.Error{HTTP: http.StatusMethodNotAllowed, Code: ocpi.StatusClientError, Message: "you are not registered here"}
}

// end forgets both sides' tokens, and frees the partner's parties.
func (r *Relation) end(now time.Time) {
	r.Inbound, r.Outbound, r.Attempt, r.Offer, r.Again, r.Tries, r.Suspended = nil, nil, nil, nil, time.Time{}, 0, false
	r.Remote.Roles, r.Remote.Hub, r.Remote.Endpoints, r.Remote.Version, r.Remote.Stay, r.Encoding = nil, ocpi.Party{}, nil, "", "", ""
	r.become(Removed, now)
}

// receive takes the steps of an exchange that a partner begins.
func (g *Registrar) receive(ctx context.Context, kind Kind, from ocpi.Caller, theirs v230.Credentials) (v230.Credentials, error) {
	h := g.h
	r, err := h.begin(ctx, from.Partner.ID, kind, ocpi.Inbound, func(rel *Relation) error { return fits(rel, kind, from) })
	if errors.Is(err, ErrBusy) {
		return v230.Credentials{}, &ocpi.Error{HTTP: http.StatusConflict, Code: ocpi.StatusClientError, Message: ErrBusy.Error() + "; try again in a minute"}
	}
	if err != nil {
		return v230.Credentials{}, err
	}
	ctx, cancel := r.bounded(ctx)
	defer cancel()
	answer, err := h.receiveSteps(ctx, r, from, theirs)
	if err != nil {
		return v230.Credentials{}, told(r.fail(ctx, err))
	}
	return answer, nil
}

// fits checks, with the relation as it is now, that the call is one for its state.
func fits(rel *Relation, kind Kind, from ocpi.Caller) error {
	t := rel.token(HashToken(from.Token))
	switch {
	case t == nil:
		return ocpi.ErrUnauthorized
	case kind != Registering && rel.State != Registered && rel.State != ByHand:
		return notRegistered()
	case kind == Registering && t.Status != TokenInvitation && t.Status != TokenSpent:
		return &ocpi.Error{HTTP: http.StatusMethodNotAllowed, Code: ocpi.StatusClientError, Message: "you are registered here already"}
	}
	return nil
}

// told is what the partner is told about a failure. Failures of its own interfaces are 3001 (requirement C-14).
func told(err error) error {
	var e *ocpi.Error
	switch {
	case errors.As(err, &e):
		return err
	case errors.Is(err, ErrTaken):
		return &ocpi.Error{Code: ocpi.StatusInvalidParameters, Message: "credentials: your party is registered here by another partner", Err: err}
	case errors.Is(err, errLost):
		return &ocpi.Error{HTTP: http.StatusConflict, Code: ocpi.StatusClientError, Message: "the exchange took too long, or was ended meanwhile; try again", Err: err}
	default:
		return err
	}
}

func (h *Handshake) receiveSteps(ctx context.Context, r *run, from ocpi.Caller, theirs v230.Credentials) (v230.Credentials, error) {
	none := v230.Credentials{}
	said, err := h.checkCredentials(&r.relation, from.Version, theirs)
	if err != nil {
		return none, err
	}
	if err := h.free(ctx, r.name, said.roles); err != nil {
		return none, err
	}
	f := &found{url: theirs.URL, token: theirs.Token}
	proven, err := h.callBack(ctx, r, from, f)
	if err != nil {
		return none, err
	}
	ours := NewToken()
	partner := r.relation.Partner()
	partner.Roles, partner.Hub = said.roles, said.hub
	answer, err := h.config.Own.Credentials(ctx, partner, h.asked(from), ours)
	if err != nil {
		return none, err
	}
	if err := r.step(ctx, stepCommit, nothing); err != nil {
		return none, err
	}
	err = r.done(ctx, func(rel *Relation) error {
		if rel.token(HashToken(from.Token)) == nil {
			return ocpi.Unauthorized("your token was replaced while you sent your credentials; send them with the new one")
		}
		h.goBackTo(rel, f)
		f.store(h, rel)
		rel.describe(theirs, said)
		h.commit(rel, from, f, theirs, ours, proven)
		return nil
	})
	if err != nil {
		return none, err
	}
	return answer, nil
}

// asked is the role of ours that a partner asks for; empty for all of them, as since 2.2.
func (h *Handshake) asked(from ocpi.Caller) ocpi.Role {
	if from.Version.Compare("2.2") >= 0 {
		return ""
	}
	return from.Role
}

// goBackTo remembers that a registered partner has gone to a lower version, although there is a higher one.
func (h *Handshake) goBackTo(rel *Relation, f *found) {
	rel.Remote.Stay = ""
	if rel.State != Registered || f.version.Compare(rel.Remote.Version) >= 0 {
		return
	}
	if best, err := h.choose(rel, f); err == nil && best.Version.Compare(f.version) > 0 {
		rel.Remote.Stay = best.Version
	}
}

// free refuses parties of other partners before anybody is called; the Store does so again when it commits.
func (h *Handshake) free(ctx context.Context, name string, roles []ocpi.PartyRole) error {
	all, err := h.config.Store.Relations(ctx)
	if err != nil {
		return err
	}
	claimed := Relation{Remote: Remote{Roles: roles}}
	for i := range all {
		if all[i].Name == name {
			continue
		}
		if err := claimed.Collides(&all[i]); err != nil {
			return err
		}
	}
	return nil
}

// callBack reads the partner's versions and endpoints. It tries the token that was sent, and then those before, which the
// partner may go on with until the exchange is over (requirement C-19), but only where it was reached with them before:
// a token goes to nobody but the partner it is for. proven tells that it was the new one.
func (h *Handshake) callBack(ctx context.Context, r *run, from ocpi.Caller, f *found) (proven bool, err error) {
	if err := r.step(ctx, stepTheirVersions, nothing); err != nil {
		return false, err
	}
	fresh := f.token
	if from.Version != r.relation.Remote.Version {
		f.encoding = ocpi.DefaultTokenEncoding(from.Version)
	}
	if err := h.callBackWith(ctx, r, f); err != nil {
		return false, h.cannotUse(err)
	}
	if err := r.step(ctx, stepFind, nothing); err != nil {
		return false, err
	}
	if terms := r.relation.Terms; !terms.allow(from.Version) {
		return false, &ocpi.Error{Code: ocpi.StatusUnsupportedVersion, Message: fmt.Sprintf("version %s is not used with you, but %v", from.Version, h.spoken(terms))}
	}
	entry, err := f.find(from.Version)
	if err != nil {
		return false, err
	}
	if err := r.step(ctx, stepTheirDetails, nothing); err != nil {
		return false, err
	}
	if err := h.readDetails(ctx, &r.relation, f, entry); err != nil {
		return false, h.cannotUse(err)
	}
	if err := r.step(ctx, stepTheirEndpoints, nothing); err != nil {
		return false, err
	}
	if err := h.checkEndpoints(&r.relation, f); err != nil {
		return false, h.cannotUse(err)
	}
	return f.token == fresh, nil
}

// callBackWith reads the versions with the first token that works, and leaves it in f.
func (h *Handshake) callBackWith(ctx context.Context, r *run, f *found) error {
	err := h.readVersions(ctx, &r.relation, f)
	if err == nil || !refusedToken(err) {
		return err
	}
	for _, t := range r.relation.Outbound {
		if !sameHost(t.URL, f.url) {
			continue
		}
		before := *f
		before.token = t.Token
		if h.readVersions(ctx, &r.relation, &before) == nil {
			*f = before
			return nil
		}
	}
	return err
}

func sameHost(a, b string) bool {
	x, err := url.Parse(a)
	if err != nil {
		return false
	}
	y, err := url.Parse(b)
	return err == nil && x.Scheme == y.Scheme && strings.EqualFold(x.Host, y.Host)
}

// cannotUse is the failure to call a partner back (requirements C-14, C-15). What kept us from reaching an address is for
// our own people: it would tell the partner about our network.
func (h *Handshake) cannotUse(err error) error {
	var told *ocpi.Error
	switch {
	case errors.As(err, &told) && told.Code == ocpi.StatusMissingEndpoints, errors.Is(err, errLost):
		return err
	case errors.Is(err, ocpiclient.ErrNoEndpoints):
		return &ocpi.Error{Code: ocpi.StatusMissingEndpoints, Message: "credentials and all other endpoints are missing: " + err.Error()}
	}
	text := err.Error()
	var failed *ocpiclient.Error
	var dial *net.OpError
	switch {
	case errors.Is(err, ocpiclient.ErrAddress):
		text = "a URL of yours leads to an address that is not called from here"
	case errors.As(err, &failed) && errors.As(err, &dial) && dial.Op == "dial":
		text = failed.Method + " " + failed.URL + ": no connection"
	}
	return &ocpi.Error{Code: ocpi.StatusCannotUseClientAPI, Message: "your API cannot be used: " + text, Err: err}
}

// commit is the relation after an exchange that a partner has begun.
func (h *Handshake) commit(rel *Relation, from ocpi.Caller, f *found, theirs v230.Credentials, ours string, proven bool) {
	now := h.now()
	token := OutboundToken{Token: theirs.Token, Made: now, URL: theirs.URL}
	rel.accept(HashToken(from.Token), ours, now, now.Add(h.config.Window), now.Add(h.config.Grace))
	if proven {
		token.Proven = now
		rel.Outbound = []OutboundToken{token}
	} else {
		works := slices.IndexFunc(rel.Outbound, func(t OutboundToken) bool { return t.Token == f.token })
		rel.proven(works, now)
		rel.Outbound = slices.Insert(rel.Outbound, 0, token)
		rel.Again = now.Add(time.Second) // when the partner has got our answer
	}
	rel.become(Registered, now)
}

// PartnerByToken finds the partner that calls with a token. It implements ocpiserver.Partners.
func (h *Handshake) PartnerByToken(ctx context.Context, token string) (*ocpi.Partner, error) {
	hash := HashToken(token)
	rel, err := h.config.Store.RelationByToken(ctx, hash)
	if errors.Is(err, ErrUnknown) {
		return nil, ocpi.ErrUnauthorized
	}
	if err != nil {
		return nil, fmt.Errorf("look up token: %w", err)
	}
	t := rel.token(hash)
	partner := rel.Partner()
	if t == nil || !Admit(*t, partner, h.now()) {
		return nil, ocpi.ErrUnauthorized
	}
	if t.First() {
		h.FirstUse(ctx, rel.Name, hash)
	}
	return partner, nil
}

// FirstUse records that a partner has used its new token: it has got it, so the one before, and a spent token A, are
// good no longer. A failure is logged and does no harm: they expire by themselves.
func (h *Handshake) FirstUse(ctx context.Context, name string, hash TokenHash) {
	now := h.now()
	err := h.config.Store.ChangeRelation(ctx, name, func(rel *Relation) error {
		if t := rel.token(hash); t != nil && t.First() {
			t.Used = now
			rel.Inbound = slices.DeleteFunc(rel.Inbound, func(t InboundToken) bool { return t.Status == TokenOld || t.Status == TokenSpent })
		}
		return nil
	})
	if err != nil {
		h.config.Logger.ErrorContext(ctx, "cannot record the use of a new token", "partner", name, "error", err)
	}
}
