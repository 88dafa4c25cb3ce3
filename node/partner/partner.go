// Package partner knows who we talk to: the registry of partners and their tokens.
package partner

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/roamwire/roamwire/node/store"
	"github.com/roamwire/roamwire/ocpi"
)

// A Store is what this package needs of the node's home.
type Store interface {
	// AddPartner adds a partner, or returns store.ErrExists where its name, its token or one of its parties in the same
	// role is taken.
	AddPartner(ctx context.Context, p store.Partner) error
	// Partners lists all partners by name.
	Partners(ctx context.Context) ([]store.Partner, error)
	// RemovePartner removes a partner, or returns store.ErrNotFound.
	RemovePartner(ctx context.Context, name string) error
	// PartnerByToken returns the partner with this token, or store.ErrNotFound.
	PartnerByToken(ctx context.Context, token store.TokenHash) (store.Partner, error)
}

// A Registry is the partners of a node. It is the ocpiserver.Partners.
type Registry struct {
	store Store
	now   func() time.Time
}

// NewRegistry returns the registry over a store.
func NewRegistry(s Store, now func() time.Time) *Registry { return &Registry{s, now} }

// PartnerByToken implements ocpiserver.Partners. Tokens are looked up by their hash.
func (r *Registry) PartnerByToken(ctx context.Context, token string) (*ocpi.Partner, error) {
	p, err := r.store.PartnerByToken(ctx, store.HashToken(token))
	if errors.Is(err, store.ErrNotFound) {
		return nil, ocpi.ErrUnauthorized
	}
	if err != nil {
		return nil, fmt.Errorf("look up token: %w", err)
	}
	return &p.Partner, nil
}

// Add adds a partner that calls with the given token; an empty token makes one. It returns the token, which is not
// kept and cannot be shown again.
func (r *Registry) Add(ctx context.Context, p ocpi.Partner, token string) (string, error) {
	p.ID = strings.TrimSpace(p.ID)
	if p.ID == "" {
		return "", fmt.Errorf("a partner needs a name")
	}
	if len(p.Roles) == 0 {
		return "", fmt.Errorf("partner %s needs a party and a role, as in NL/ABC and EMSP", p.ID)
	}
	if token == "" {
		token = NewToken()
	}
	if err := ocpi.CheckToken(token); err != nil {
		return "", fmt.Errorf("add partner %s: %w", p.ID, err)
	}
	added := store.Partner{Partner: p, Token: store.HashToken(token), Added: r.now()}
	if err := r.store.AddPartner(ctx, added); err != nil {
		return "", fmt.Errorf("add partner %s: %w", p.ID, err)
	}
	return token, nil
}

// List lists all partners by name.
func (r *Registry) List(ctx context.Context) ([]store.Partner, error) { return r.store.Partners(ctx) }

// Remove removes a partner. Its token is refused from the next request on; its objects stay.
func (r *Registry) Remove(ctx context.Context, name string) error {
	if err := r.store.RemovePartner(ctx, name); err != nil {
		return fmt.Errorf("remove partner %s: %w", name, err)
	}
	return nil
}

const tokenBytes = 32

// NewToken returns a random token of 256 bits: 64 hexadecimal digits, the longest a token may be.
func NewToken() string {
	b := make([]byte, tokenBytes)
	_, _ = rand.Read(b) // never fails
	return hex.EncodeToString(b)
}
