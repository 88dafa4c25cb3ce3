package handshake

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/roamwire/roamwire/ocpi"
)

// A Memory is a Store that forgets everything when the program ends. The zero Memory is empty and ready.
type Memory struct {
	mu        sync.Mutex
	relations map[string]Relation
}

// Relation implements Store.
func (m *Memory) Relation(_ context.Context, name string) (Relation, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r, ok := m.relations[name]
	if !ok {
		return Relation{}, ErrUnknown
	}
	return r.Clone(), nil
}

// RelationByToken implements Store.
func (m *Memory) RelationByToken(_ context.Context, token TokenHash) (Relation, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, r := range m.relations {
		if r.token(token) != nil {
			return r.Clone(), nil
		}
	}
	return Relation{}, ErrUnknown
}

// Relations implements Store.
func (m *Memory) Relations(context.Context) ([]Relation, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var all []Relation
	for _, name := range slices.Sorted(maps.Keys(m.relations)) {
		r := m.relations[name]
		all = append(all, r.Clone())
	}
	return all, nil
}

// AddRelation implements Store.
func (m *Memory) AddRelation(_ context.Context, r Relation) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, ok := m.relations[r.Name]; ok {
		return fmt.Errorf("the name %s is %w", r.Name, ErrTaken)
	}
	return m.put(r)
}

// ChangeRelation implements Store.
func (m *Memory) ChangeRelation(_ context.Context, name string, fn func(*Relation) error) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	stored, ok := m.relations[name]
	if !ok {
		return ErrUnknown
	}
	r := stored.Clone()
	if err := fn(&r); err != nil {
		return err
	}
	return m.put(r)
}

func (m *Memory) put(r Relation) error {
	for name, other := range m.relations {
		if name == r.Name {
			continue
		}
		if err := r.Collides(&other); err != nil {
			return err
		}
	}
	if m.relations == nil {
		m.relations = map[string]Relation{}
	}
	m.relations[r.Name] = r.Clone()
	return nil
}

// Collides says what two relations both claim, as an error that wraps ErrTaken; nil if nothing.
func (r *Relation) Collides(other *Relation) error {
	for _, t := range r.Inbound {
		if other.token(t.Hash) != nil {
			return fmt.Errorf("the token is %w: it is that of %s", ErrTaken, other.Name)
		}
	}
	theirs := ocpi.Partner{Roles: other.Remote.Roles}
	for _, role := range r.Remote.Roles {
		if theirs.Speaks(role.Role, role.Party) {
			return fmt.Errorf("%s as %s is %w: it is partner %s", role.Party, role.Role, ErrTaken, other.Name)
		}
	}
	return nil
}
