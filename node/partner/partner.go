// Package partner knows who we talk to: the registry of partners, their tokens, and where we stand with each.
package partner

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/roamwire/roamwire/node/store"
	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/handshake"
)

// A Store is what this package needs of the node's home.
type Store interface {
	// AddPartner adds a partner, or returns store.ErrExists where its name, one of its tokens or one of its parties in
	// the same role is taken. Events are written with it.
	AddPartner(ctx context.Context, p store.Partner, events ...store.Event) error
	// ChangePartner changes a partner as one atomic step, or returns store.ErrNotFound, or store.ErrExists as AddPartner
	// does. Where fn fails nothing is changed. The events that fn returns are written with it.
	ChangePartner(ctx context.Context, name string, fn func(*store.Partner) ([]store.Event, error)) error
	// Partner returns a partner by name, or store.ErrNotFound.
	Partner(ctx context.Context, name string) (store.Partner, error)
	// Partners lists all partners by name.
	Partners(ctx context.Context) ([]store.Partner, error)
	// RemovePartner removes a partner, or returns store.ErrNotFound. Events are written with it.
	RemovePartner(ctx context.Context, name string, events ...store.Event) error
	// PartnerByToken returns the partner with this token, or store.ErrNotFound.
	PartnerByToken(ctx context.Context, token store.TokenHash) (store.Partner, error)
}

// A Registry is the partners of a node. It is the ocpiserver.Partners, and the handshake.Store.
type Registry struct {
	// FirstUse is called when a partner uses a new token for the first time; nil for nobody.
	FirstUse func(ctx context.Context, name string, token handshake.TokenHash)
	// Changed makes the events that tell of a relation that has changed; they are written with the change. The relation before
	// is nil for one that is new, and after is nil for one that was removed. Nil for no events.
	Changed func(before, after *handshake.Relation) []store.Event

	store Store
	keys  *Keyring
	now   func() time.Time

	mu sync.Mutex
	// read are the relations as they were read last, with their secrets encrypted.
	read map[string]readRelation
}

// NewRegistry returns the registry over a store, with the keys that encrypt its secrets.
func NewRegistry(s Store, keys *Keyring, now func() time.Time) *Registry {
	return &Registry{store: s, keys: keys, now: now}
}

// PartnerByToken implements ocpiserver.Partners. It is called for every request, so it looks at the record, and reads
// the whole relation only when that has changed. Tokens are looked up by their hash, so nothing is compared that a caller could find out by
// the time it takes.
func (r *Registry) PartnerByToken(ctx context.Context, token string) (*ocpi.Partner, error) {
	hash := store.TokenHash(handshake.HashToken(token))
	p, err := r.store.PartnerByToken(ctx, hash)
	if errors.Is(err, store.ErrNotFound) {
		return nil, ocpi.ErrUnauthorized
	}
	if err != nil {
		return nil, fmt.Errorf("look up token: %w", err)
	}
	stored, _ := p.Token(hash)
	t := handshake.InboundToken{Hash: handshake.TokenHash(hash), Status: handshake.TokenStatus(stored.Status), Used: stored.Used, Expires: stored.Expires}
	if !handshake.Admit(t, &p.Partner, r.now()) {
		return nil, ocpi.ErrUnauthorized
	}
	if r.FirstUse != nil && t.First() {
		r.FirstUse(ctx, p.ID, t.Hash)
	}
	policy, err := readPolicy(&p)
	if err != nil {
		return nil, err
	}
	p.Receive = policy.Receive
	relation, err := r.relationOf(&p)
	if err != nil {
		return nil, err
	}
	known := relation.Partner()
	p.Hub, p.Pin, p.Hide = known.Hub, known.Pin, known.Hide
	return &p.Partner, nil
}

// Add adds a partner by hand: it calls with the given token, and we cannot call it. An empty token makes one. It returns
// the token, which is not kept and cannot be shown again.
func (r *Registry) Add(ctx context.Context, p ocpi.Partner, token string) (string, error) {
	p.ID = strings.TrimSpace(p.ID)
	if err := handshake.CheckName(p.ID); err != nil {
		return "", err
	}
	if len(p.Roles) == 0 {
		return "", fmt.Errorf("partner %s needs a party and a role, as in NL/ABC and EMSP", p.ID)
	}
	if token == "" {
		token = handshake.NewToken()
	}
	if err := ocpi.CheckToken(token); err != nil {
		return "", fmt.Errorf("add partner %s: %w", p.ID, err)
	}
	now := r.now()
	added := store.Partner{Partner: p, Added: now, Tokens: []store.Token{
		{Hash: store.TokenHash(handshake.HashToken(token)), Status: string(handshake.TokenCurrent)},
	}}
	relation := byHand(&added)
	if err := r.AddRelation(ctx, relation); err != nil {
		return "", fmt.Errorf("add partner %s: %w", p.ID, err)
	}
	return token, nil
}

// List lists all partners by name.
func (r *Registry) List(ctx context.Context) ([]store.Partner, error) { return r.store.Partners(ctx) }

// Remove forgets a partner. Its tokens are refused from the next request on; its objects stay. The partner is not told.
func (r *Registry) Remove(ctx context.Context, name string) error {
	p, err := r.store.Partner(ctx, name)
	if err == nil {
		err = r.remove(ctx, &p)
	}
	if err := unknown(err); err != nil {
		return fmt.Errorf("remove partner %s: %w", name, err)
	}
	return nil
}

func (r *Registry) remove(ctx context.Context, p *store.Partner) error {
	var events []store.Event
	if before, err := read(p); err == nil { // one that cannot be read can be removed all the same
		events = r.changed(&before, nil)
	}
	return r.store.RemovePartner(ctx, p.ID, events...)
}

func (r *Registry) changed(before, after *handshake.Relation) []store.Event {
	if r.Changed == nil {
		return nil
	}
	return r.Changed(before, after)
}
