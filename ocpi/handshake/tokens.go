package handshake

import (
	"slices"
	"time"

	"github.com/roamwire/roamwire/ocpi"
)

// What becomes of tokens, transition by transition. The rule behind all of them: a token that the other side may be
// using is not forgotten.

// offer adds the token of our credentials to those the partner may call us with.
func (r *Relation) offer(token string, now time.Time) {
	r.withdraw()
	r.Offer.Token = token
	r.Inbound = append(r.Inbound, InboundToken{Hash: HashToken(token), Status: TokenPending, Made: now})
}

// withdraw forgets the token of an offer that the partner has certainly not taken.
func (r *Relation) withdraw() {
	r.Inbound = slices.DeleteFunc(r.Inbound, func(t InboundToken) bool { return t.Status == TokenPending })
	r.Offer.Token, r.Offer.Unclear = "", false
}

// drop forgets the offer of a rotation that has no token yet, or none any more: there is nothing to go on with.
func (r *Relation) drop() {
	if o := r.Offer; o != nil && o.Kind == Rotating && o.Token == "" {
		r.Offer = nil
	}
}

// abandon gives up an offer that the partner may have taken: what it may call us with stays good, without an end.
func (r *Relation) abandon() {
	for i := range r.Inbound {
		if t := &r.Inbound[i]; t.Status == TokenPending {
			t.Status = TokenOld
		}
	}
	r.Offer = nil
}

// answered makes the offer's token the current one: the partner has answered with its own credentials. The tokens before
// stay good until the current one has been used, or until their end.
func (r *Relation) answered(end time.Time) {
	r.Inbound = slices.DeleteFunc(r.Inbound, func(t InboundToken) bool { return t.Status == TokenInvitation || t.Status == TokenSpent })
	for i := range r.Inbound {
		switch t := &r.Inbound[i]; t.Status {
		case TokenCurrent, TokenOld:
			t.Status = TokenOld
			if t.Expires.IsZero() {
				t.Expires = end
			}
		case TokenPending:
			t.Status = TokenCurrent
		default:
		}
	}
	r.Offer = nil
}

// returned takes back the end of the tokens before: the partner goes on with what it had, and may call with any of them.
func (r *Relation) returned() {
	for i := range r.Inbound {
		if t := &r.Inbound[i]; t.Status == TokenOld {
			t.Expires = time.Time{}
		}
	}
}

// accept leaves of the inbound tokens the one that the partner has sent its credentials with, and adds a new one. The one
// it called with stays good: as spent token A, because our answer may be lost (requirement C-18), or as the one before.
func (r *Relation) accept(with TokenHash, fresh string, now, window, grace time.Time) {
	r.Inbound = slices.DeleteFunc(r.Inbound, func(t InboundToken) bool { return t.Hash != with })
	for i := range r.Inbound {
		switch t := &r.Inbound[i]; t.Status {
		case TokenInvitation:
			t.Status, t.Expires = TokenSpent, window
		case TokenCurrent, TokenPending:
			t.Status, t.Expires = TokenOld, grace
		default: // the end it has already stays
		}
	}
	r.Inbound = append(r.Inbound, InboundToken{Hash: HashToken(fresh), Status: TokenCurrent, Made: now})
	r.Offer, r.Again, r.Tries = nil, time.Time{}, 0
}

// proven makes an outbound token the only one.
func (r *Relation) proven(i int, now time.Time) {
	t := r.Outbound[i]
	if t.Proven.IsZero() {
		t.Proven = now
	}
	r.Outbound = []OutboundToken{t}
}

// newest is the outbound token that has not been tried yet; the one in use if there is none.
func (r *Relation) newest() int {
	return max(0, slices.IndexFunc(r.Outbound, func(t OutboundToken) bool { return t.Proven.IsZero() }))
}

// unproven reports whether there is an outbound token that has not been tried yet.
func (r *Relation) unproven() bool {
	return len(r.Outbound) > 0 && r.Outbound[r.newest()].Proven.IsZero()
}

// First reports whether the next use of the token is the first that matters: it ends its predecessors.
func (t InboundToken) First() bool { return t.Status == TokenCurrent && t.Used.IsZero() }

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
