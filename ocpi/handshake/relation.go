package handshake

import (
	"fmt"
	"slices"
	"time"

	"github.com/roamwire/roamwire/ocpi"
)

// A Relation is what we know about one partner and where we stand with it.
type Relation struct {
	// Name is our name for the partner.
	Name  string    `json:"name"`
	Added time.Time `json:"added"`
	State State     `json:"state"`
	// Since is when State was reached.
	Since time.Time `json:"since"`
	// Suspended tells that no data is exchanged, by our decision.
	Suspended bool `json:"suspended,omitzero"`

	Terms  Terms  `json:"terms,omitzero"`
	Remote Remote `json:"remote,omitzero"`

	// Inbound are the tokens the partner may call us with.
	Inbound []InboundToken `json:"inbound,omitempty"`
	// Outbound are the tokens we call the partner with, the one in use first. Others are kept until it is proven.
	// Stores keep them encrypted.
	Outbound []OutboundToken `json:"outbound,omitempty"`
	// Encoding is the form of token the partner was found to understand; empty where that is its version's.
	Encoding ocpi.TokenEncoding `json:"encoding,omitempty"`

	// Attempt is the exchange that is under way or has failed last; nil for none.
	Attempt *Attempt `json:"attempt,omitempty"`
	// Offer is our credentials on their way to the partner; nil for none. It outlives attempts, the partner's too: while
	// it is not known what became of it, it must not be forgotten.
	Offer *Offer `json:"offer,omitempty"`
	// Again is when Recover goes on with the offer, or tries the newest token; zero where a person has to decide. Tries
	// counts how often that was done.
	Again time.Time `json:"again,omitzero"`
	Tries int       `json:"tries,omitzero"`
}

// State is where we stand with a partner when no exchange is under way.
type State string

// The states of a relation.
const (
	// ByHand is a partner that somebody added with its token: it may call us, and we cannot call it.
	ByHand State = "added by hand"
	// Unregistered is a partner that we have begun to register with.
	Unregistered State = "not registered"
	// Invited is a partner that has got a token A to register with us.
	Invited State = "invited"
	// Registered is a partner with tokens in both directions.
	Registered State = "registered"
	// Removed is a partner whose registration has ended. Neither side's tokens are good any more.
	Removed State = "removed"
)

// Terms are what the operator has decided about a partner.
type Terms struct {
	// Role is a role the partner has; empty where its first call decides. In 2.1.1 a connection is between two roles
	// (requirements V-05, C-22); since 2.2 a partner may have others beside it. A hub stands for parties in any role.
	Role ocpi.Role `json:"role,omitempty"`
	// Party is a party the partner must be; zero for any that is free.
	Party ocpi.Party `json:"party,omitzero"`
	// Serves are the parties of ours that deal with the partner; empty for all.
	Serves []ocpi.Party `json:"serves,omitempty"`
	// Modules must be among the partner's endpoints. Credentials and one more must be in any case.
	Modules []ocpi.ModuleID `json:"modules,omitempty"`
	// Pin is the only version to be used; empty for the highest that both speak.
	Pin ocpi.Version `json:"pin,omitempty"`
	// Hide are versions that are not used with the partner, nor offered to it.
	Hide []ocpi.Version `json:"hide,omitempty"`
	// Quirks is the profile of deviations, as package quirk reads it.
	Quirks string `json:"quirks,omitempty"`
}

// Remote is what a partner has told us.
type Remote struct {
	// VersionsURL is the partner's versions endpoint.
	VersionsURL string `json:"versions_url,omitempty"`
	// Offers are all versions the partner offers, also those nobody here speaks (requirement V-08).
	Offers []ocpi.Version `json:"offers,omitempty"`
	// Version is the one in use, with its endpoints.
	Version   ocpi.Version    `json:"version,omitempty"`
	Endpoints []ocpi.Endpoint `json:"endpoints,omitempty"`
	// Stay is the highest version of both at the time when the partner went back to a lower one. Update does not move up
	// to it; empty where the partner has not gone back.
	Stay ocpi.Version `json:"stay,omitempty"`
	// Roles are the partner's parties. A hub's own is among them as HUB, whatever the version.
	Roles []ocpi.PartyRole `json:"roles,omitempty"`
	// Hub is the party of a partner that is a hub; zero for others.
	Hub ocpi.Party `json:"hub,omitzero"`
	// Business is the partner's own name.
	Business string `json:"business,omitempty"`
	// Read is when versions and endpoints were last read.
	Read time.Time `json:"read,omitzero"`
}

// An Attempt is one exchange of credentials, while it is under way and after it has failed.
type Attempt struct {
	// ID tells this attempt from every other.
	ID   string `json:"id"`
	Kind Kind   `json:"kind"`
	// Direction says who has begun it.
	Direction ocpi.Direction `json:"direction"`
	// Step is the number of the step under way, as the package's documentation counts them.
	Step  int       `json:"step"`
	Began time.Time `json:"began"`
	// Until is when whoever works on it must be done. An attempt that is neither done nor failed by then was interrupted.
	Until time.Time `json:"until"`
	// Failure is why it failed; empty while it is under way.
	Failure string `json:"failure,omitempty"`
}

// An Offer is our credentials for a partner, from when they are made until it has answered with its own.
type Offer struct {
	Kind Kind      `json:"kind"`
	Made time.Time `json:"made"`
	// URL is the versions endpoint that the partner gave us to register with, TokenA the token, and Terms what we have
	// decided about it.
	URL    string `json:"url,omitempty"`
	TokenA string `json:"token_a,omitempty"`
	Terms  Terms  `json:"terms,omitzero"`
	// Token is the one our credentials carry; empty until it is made. It is the same in every try, so that a repeated
	// request is the same request. Stores keep it and TokenA encrypted.
	Token string `json:"token,omitempty"`
	// Unclear tells that the credentials were sent and it is not known whether they arrived.
	Unclear bool `json:"unclear,omitzero"`
}

// Kind is what an attempt is for.
type Kind string

// The kinds of attempts.
const (
	Registering   Kind = "registering"
	Rotating      Kind = "rotating"
	Updating      Kind = "updating"
	Unregistering Kind = "unregistering"
	Proving       Kind = "trying the new token"
)

// TokenHash is the SHA-256 of a token.
type TokenHash [32]byte

// An InboundToken is a token a partner may call us with. The token itself is not kept.
type InboundToken struct {
	Hash   TokenHash   `json:"hash,omitzero"`
	Status TokenStatus `json:"status"`
	Made   time.Time   `json:"made"`
	// Used is when the partner first called with it; zero for not yet, and not kept for tokens that cannot be registered
	// with.
	Used time.Time `json:"used,omitzero"`
	// Expires is when it stops being good; zero for never.
	Expires time.Time `json:"expires,omitzero"`
}

// TokenStatus says what a token is good for.
type TokenStatus string

// The states of a token, in the order of its life.
const (
	// TokenInvitation is a token A: it is good for registering, and nothing else.
	TokenInvitation TokenStatus = "invitation"
	// TokenSpent is a token A whose registration has succeeded. For a short while it may be used again, by a partner that
	// has not got our answer (requirement C-18).
	TokenSpent TokenStatus = "spent"
	// TokenPending is in an Offer of ours. The partner calls back with it while it answers, and may have taken it.
	TokenPending TokenStatus = "pending"
	// TokenCurrent is the one the partner should use.
	TokenCurrent TokenStatus = "current"
	// TokenOld was current, or may have become it, and is good until the current one has been used or it expires
	// (requirement C-19).
	TokenOld TokenStatus = "old"
)

// An OutboundToken is a token we call a partner with.
type OutboundToken struct {
	Token string    `json:"token,omitempty"`
	Made  time.Time `json:"made"`
	// URL is the versions endpoint of the credentials the token came with. It is tried there and nowhere else.
	URL string `json:"url,omitempty"`
	// Proven is when a call with it first succeeded; zero for not yet.
	Proven time.Time `json:"proven,omitzero"`
}

// Partner is the relation as servers and clients see it.
func (r *Relation) Partner() *ocpi.Partner {
	terms := r.terms()
	p := &ocpi.Partner{
		ID: r.Name, Roles: slices.Clone(r.Remote.Roles), Serves: slices.Clone(terms.Serves),
		Hub: r.Remote.Hub, Version: r.Remote.Version, Pin: terms.Pin, Hide: slices.Clone(terms.Hide), Quirks: terms.Quirks,
	}
	if len(p.Roles) == 0 && terms.Role != "" {
		p.Roles = []ocpi.PartyRole{{Role: terms.Role, Party: terms.Party}}
	}
	switch {
	case r.State != Registered && r.State != ByHand:
		p.Access = ocpi.AccessRegistration
	case r.Suspended:
		p.Access = ocpi.AccessSuspended
	}
	return p
}

// terms are those that a caller is served under: while we register, the partner calls back under the terms of the offer.
func (r *Relation) terms() Terms {
	if r.Offer != nil && r.Offer.Kind == Registering && (r.State == Unregistered || r.State == Removed) {
		return r.Offer.Terms
	}
	return r.Terms
}

// Words tells people where we stand.
func (r *Relation) Words() string {
	words := string(r.State)
	if a := r.Attempt; a != nil {
		if r.State == Unregistered {
			words = a.words()
		} else {
			words += ", " + a.words()
		}
	}
	if !r.Again.IsZero() {
		words += "; it will be tried again at " + r.Again.UTC().Format(time.RFC3339)
	}
	if r.Suspended {
		words += ", suspended"
	}
	return words
}

func (a *Attempt) words() string {
	who, what := "", string(a.Kind)
	if a.Direction == ocpi.Inbound {
		who, what = "they are ", map[Kind]string{Registering: "their registration", Rotating: "their change of credentials"}[a.Kind]
	}
	if a.Failure == "" {
		return fmt.Sprintf("%s%s, step %d", who, a.Kind, a.Step)
	}
	return fmt.Sprintf("%s failed at step %d: %s", what, a.Step, a.Failure)
}

// underWay reports whether somebody is working on the attempt.
func (a *Attempt) underWay(now time.Time) bool {
	return a != nil && a.Failure == "" && now.Before(a.Until)
}

// token returns the inbound token with a hash.
func (r *Relation) token(hash TokenHash) *InboundToken {
	for i := range r.Inbound {
		if r.Inbound[i].Hash == hash {
			return &r.Inbound[i]
		}
	}
	return nil
}

// become moves to a state.
func (r *Relation) become(s State, now time.Time) {
	if r.State != s {
		r.State, r.Since = s, now
	}
}

// Clone returns a copy that shares nothing with the relation.
func (r *Relation) Clone() Relation {
	c := *r
	c.Terms = r.Terms.clone()
	c.Remote.Offers, c.Remote.Endpoints = slices.Clone(r.Remote.Offers), slices.Clone(r.Remote.Endpoints)
	c.Remote.Roles = slices.Clone(r.Remote.Roles)
	c.Inbound, c.Outbound = slices.Clone(r.Inbound), slices.Clone(r.Outbound)
	if r.Attempt != nil {
		c.Attempt = new(*r.Attempt)
	}
	if r.Offer != nil {
		c.Offer = new(*r.Offer)
		c.Offer.Terms = r.Offer.Terms.clone()
	}
	return c
}

func (t Terms) clone() Terms {
	t.Serves, t.Modules, t.Hide = slices.Clone(t.Serves), slices.Clone(t.Modules), slices.Clone(t.Hide)
	return t
}

// allow reports whether a version may be used with the partner.
func (t Terms) allow(v ocpi.Version) bool {
	return (t.Pin == "" || t.Pin == v) && !slices.Contains(t.Hide, v)
}
