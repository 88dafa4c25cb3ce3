package handshake

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
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
	r.Inbound, r.Outbound, r.Attempt, r.Suspended = nil, nil, nil, false
	r.Remote.Roles, r.Remote.Endpoints, r.Remote.Version, r.Encoding = nil, nil, "", ""
	r.become(Removed, now)
}

// receive takes the steps of an exchange that a partner begins.
func (g *Registrar) receive(ctx context.Context, kind Kind, from ocpi.Caller, theirs v230.Credentials) (v230.Credentials, error) {
	h := g.h
	r, err := h.begin(ctx, from.Partner.ID, kind, ocpi.Inbound, func(rel *Relation, _ *Attempt) error { return fits(rel, kind, from) })
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
		return v230.Credentials{}, told(r.fail(ctx, err, nil))
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
		return &ocpi.Error{HTTP: http.StatusConflict, Code: ocpi.StatusClientError, Message: "the registration took too long; try again", Err: err}
	default:
		return err
	}
}

func (h *Handshake) receiveSteps(ctx context.Context, r *run, from ocpi.Caller, theirs v230.Credentials) (v230.Credentials, error) {
	none := v230.Credentials{}
	roles, err := h.checkCredentials(&r.relation, theirs)
	if err != nil {
		return none, err
	}
	if err := h.free(ctx, r.name, roles); err != nil {
		return none, err
	}
	f := &found{url: theirs.URL}
	proven, err := h.callBack(ctx, r, from, theirs, f)
	if err != nil {
		return none, err
	}
	ours := NewToken()
	partner := r.relation.Partner()
	partner.Roles = roles
	answer, err := h.config.Own.Credentials(ctx, partner, from.Role, ours)
	if err != nil {
		return none, err
	}
	if err := r.step(ctx, stepCommit, nothing); err != nil {
		return none, err
	}
	err = r.done(ctx, func(rel *Relation) error {
		f.store(h, rel)
		rel.describe(theirs, roles)
		h.commit(rel, from, theirs.Token, ours, proven)
		return nil
	})
	if err != nil {
		return none, err
	}
	return answer, nil
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

// callBack reads the partner's versions and endpoints. It tries the token that was sent, and then the one before, which
// the partner may go on with until the exchange is over (requirement C-19); proven tells that it was the new one.
func (h *Handshake) callBack(ctx context.Context, r *run, from ocpi.Caller, theirs v230.Credentials, f *found) (proven bool, err error) {
	if err := r.step(ctx, stepTheirVersions, nothing); err != nil {
		return false, err
	}
	token, proven := theirs.Token, true
	err = h.readVersions(ctx, &r.relation, token, f)
	if err != nil && refusedToken(err) && len(r.relation.Outbound) > 0 {
		if before := h.readVersions(ctx, &r.relation, r.relation.Outbound[0].Token, f); before == nil {
			token, proven, err = r.relation.Outbound[0].Token, false, nil
		}
	}
	if err != nil {
		return false, cannotUse(err)
	}
	if err := r.step(ctx, stepFind, nothing); err != nil {
		return false, err
	}
	entry, err := f.find(from.Version)
	if err != nil {
		return false, err
	}
	if err := r.step(ctx, stepTheirDetails, nothing); err != nil {
		return false, err
	}
	if err := h.readDetails(ctx, &r.relation, token, f, entry); err != nil {
		return false, cannotUse(err)
	}
	if err := r.step(ctx, stepTheirEndpoints, nothing); err != nil {
		return false, err
	}
	if err := h.checkEndpoints(&r.relation, f); err != nil {
		return false, cannotUse(err)
	}
	return proven, nil
}

// cannotUse is the failure to call a partner back.
func cannotUse(err error) error {
	var e *ocpi.Error
	if errors.As(err, &e) && e.Code == ocpi.StatusMissingEndpoints || errors.Is(err, errLost) {
		return err
	}
	if errors.Is(err, ocpiclient.ErrNoEndpoints) {
		return &ocpi.Error{Code: ocpi.StatusMissingEndpoints, Message: "credentials and all other endpoints are missing: " + err.Error()}
	}
	return &ocpi.Error{Code: ocpi.StatusCannotUseClientAPI, Message: "your API cannot be used: " + err.Error()}
}

// commit is the relation after an exchange that a partner has begun.
func (h *Handshake) commit(rel *Relation, from ocpi.Caller, theirs, ours string, proven bool) {
	now := h.now()
	token := OutboundToken{Token: theirs, Made: now}
	switch {
	case proven:
		token.Proven = now
		rel.Outbound = []OutboundToken{token}
	default:
		rel.Outbound = append([]OutboundToken{token}, rel.Outbound[0])
	}
	h.commitInbound(rel, HashToken(from.Token))
	rel.Inbound = append(rel.Inbound, InboundToken{Hash: HashToken(ours), Status: TokenCurrent, Made: now})
	rel.become(Registered, now)
}

// commitInbound leaves of the inbound tokens the one the partner has called with: as spent token A while our answer may
// be lost (requirement C-18), or as the old one.
func (h *Handshake) commitInbound(rel *Relation, with TokenHash) {
	now := h.now()
	rel.Inbound = slices.DeleteFunc(rel.Inbound, func(t InboundToken) bool { return t.Hash != with })
	for i := range rel.Inbound {
		switch t := &rel.Inbound[i]; t.Status {
		case TokenInvitation:
			t.Status, t.Expires = TokenSpent, now.Add(h.config.Window)
		case TokenCurrent:
			t.Status, t.Expires = TokenOld, now.Add(h.config.Grace)
		default: // the end it has already stays
		}
	}
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

// Admit decides whether a token is good now, and lowers the partner's access to what it is good for.
func Admit(t InboundToken, partner *ocpi.Partner, now time.Time) bool {
	if !t.Expires.IsZero() && !now.Before(t.Expires) {
		return false
	}
	if t.Status == TokenInvitation || t.Status == TokenSpent {
		partner.Access = ocpi.AccessRegistration
	}
	return true
}

// First reports whether the next use of the token is the first that matters: it ends its predecessors.
func (t InboundToken) First() bool { return t.Status == TokenCurrent && t.Used.IsZero() }

// FirstUse records that a partner has used its new token: it has got it, so the one before, and a spent token A, are
// good no longer. A failure is logged and does no harm: they expire by themselves.
func (h *Handshake) FirstUse(ctx context.Context, name string, hash TokenHash) {
	now := h.now()
	err := h.config.Store.ChangeRelation(ctx, name, func(rel *Relation) error {
		if t := rel.token(hash); t != nil && t.First() {
			t.Used = now
			rel.forget(TokenOld, TokenSpent)
		}
		return nil
	})
	if err != nil {
		h.config.Logger.ErrorContext(ctx, "cannot record the use of a new token", "partner", name, "error", err)
	}
}
