package handshake

import (
	"context"
	"errors"
)

// A Store keeps relations. Whatever a method has returned from is durable. Tokens in Outbound and Offer are secrets:
// stores that outlive the process encrypt them.
type Store interface {
	// Relation returns a relation by name, or ErrUnknown.
	Relation(ctx context.Context, name string) (Relation, error)
	// RelationByToken returns the relation with this inbound token, or ErrUnknown.
	RelationByToken(ctx context.Context, token TokenHash) (Relation, error)
	// Relations lists all relations by name. Their secrets may be left out.
	Relations(ctx context.Context) ([]Relation, error)
	// AddRelation adds a relation; ErrTaken where its name is there already, or as for ChangeRelation.
	AddRelation(ctx context.Context, r Relation) error
	// ChangeRelation changes a relation as one atomic step, or returns ErrUnknown. Where fn fails, nothing is changed and
	// its error is returned. It returns ErrTaken, and changes nothing, where an inbound token or a party in a role is
	// already that of another relation.
	ChangeRelation(ctx context.Context, name string, fn func(*Relation) error) error
}

// Unreadable begins a secret that a Store cannot decrypt; the reason follows it, and whatever the Store needs after another
// Unreadable. Such a secret is kept as it is, and cannot be used.
const Unreadable = "\x00"

var (
	// ErrUnknown is returned for a relation that is not there.
	ErrUnknown = errors.New("there is no such partner")
	// ErrTaken is returned where a name, a party in a role, or a token belongs to another relation.
	ErrTaken = errors.New("taken by another partner")
	// ErrRole is returned where the terms must say the partner's role, because we have more than one.
	ErrRole = errors.New("we are CPO and eMSP: it must be said which role the partner has")
	// ErrBusy is returned while another exchange of credentials with the partner is under way.
	ErrBusy = errors.New("another exchange of credentials with this partner is under way")
)
