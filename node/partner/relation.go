package partner

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/go-json-experiment/json"

	"github.com/roamwire/roamwire/node/store"
	"github.com/roamwire/roamwire/ocpi/handshake"
)

// Relation implements handshake.Store.
func (r *Registry) Relation(ctx context.Context, name string) (handshake.Relation, error) {
	p, err := r.store.Partner(ctx, name)
	if err != nil {
		return handshake.Relation{}, unknown(err)
	}
	return r.open(&p)
}

// RelationByToken implements handshake.Store.
func (r *Registry) RelationByToken(ctx context.Context, token handshake.TokenHash) (handshake.Relation, error) {
	p, err := r.store.PartnerByToken(ctx, store.TokenHash(token))
	if err != nil {
		return handshake.Relation{}, unknown(err)
	}
	return r.open(&p)
}

// Relations implements handshake.Store. It leaves the secrets encrypted, so that one that cannot be read does not hide
// all other relations.
func (r *Registry) Relations(ctx context.Context) ([]handshake.Relation, error) {
	partners, err := r.store.Partners(ctx)
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	known := make(map[string]readRelation, len(partners))
	relations := make([]handshake.Relation, len(partners))
	for i := range partners {
		p := &partners[i]
		last, err := r.last(p)
		if err != nil {
			return nil, err
		}
		known[p.ID] = last
		relations[i] = last.relation.Clone()
	}
	r.read = known
	return relations, nil
}

// last is the relation of a record, read anew if that has changed. The lock must be held.
func (r *Registry) last(p *store.Partner) (last readRelation, err error) {
	last, ok := r.read[p.ID]
	if ok && bytes.Equal(last.raw, p.Relation) && len(p.Relation) > 0 {
		return last, nil
	}
	last.raw = p.Relation
	last.relation, err = read(p)
	return last, err
}

// relationOf is the relation of a record, with its secrets encrypted. Nobody may change what it refers to.
func (r *Registry) relationOf(p *store.Partner) (handshake.Relation, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	last, err := r.last(p)
	if err != nil {
		return handshake.Relation{}, err
	}
	if r.read == nil {
		r.read = map[string]readRelation{}
	}
	r.read[p.ID] = last
	return last.relation, nil
}

// A readRelation is a relation with what it was read from. The node looks through all of them every second, and nearly
// all of them stay as they are.
type readRelation struct {
	raw      []byte
	relation handshake.Relation
}

// AddRelation implements handshake.Store.
func (r *Registry) AddRelation(ctx context.Context, relation handshake.Relation) error {
	p, err := r.seal(&relation)
	if err != nil {
		return err
	}
	return unknown(r.store.AddPartner(ctx, p, r.changed(nil, &relation)...))
}

// ChangeRelation implements handshake.Store.
func (r *Registry) ChangeRelation(ctx context.Context, name string, fn func(*handshake.Relation) error) error {
	var refused error // is returned as it is, without what the store says around it
	err := r.store.ChangePartner(ctx, name, func(p *store.Partner) ([]store.Event, error) {
		relation, err := r.open(p)
		if err != nil {
			return nil, err
		}
		before := relation.Clone()
		if refused = fn(&relation); refused != nil {
			return nil, refused
		}
		policy := p.Policy // is no part of the relation
		*p, err = r.seal(&relation)
		p.Policy = policy
		return r.changed(&before, &relation), err
	})
	if refused != nil {
		return refused
	}
	return unknown(err)
}

// unknown turns the store's errors into those of the handshake.
func unknown(err error) error {
	switch {
	case errors.Is(err, store.ErrNotFound):
		return handshake.ErrUnknown
	case errors.Is(err, store.ErrExists):
		return takenError{err}
	default:
		return err
	}
}

// A takenError is the store's word for what is taken, as the handshake knows it.
type takenError struct{ error }

// Error says what is taken, and by whom, without what was being done.
func (e takenError) Error() string {
	if cause := errors.Unwrap(e.error); cause != nil {
		return cause.Error()
	}
	return e.error.Error()
}

// Is makes it a handshake.ErrTaken.
func (e takenError) Is(target error) bool { return target == handshake.ErrTaken }

// Unwrap returns the store's error.
func (e takenError) Unwrap() error { return e.error }

// seal makes the record of a relation, with its secrets encrypted.
func (r *Registry) seal(relation *handshake.Relation) (store.Partner, error) {
	p := store.Partner{Partner: *relation.Partner(), Added: relation.Added}
	for _, t := range relation.Inbound {
		p.Tokens = append(p.Tokens, store.Token{Hash: store.TokenHash(t.Hash), Status: string(t.Status), Expires: t.Expires, Used: t.Used})
	}
	sealed := relation.Clone()
	if err := r.secrets(&sealed, r.reseal); err != nil {
		return p, err
	}
	raw, err := json.Marshal(&sealed)
	if err != nil {
		return p, fmt.Errorf("write relation with %s: %w", relation.Name, err)
	}
	p.Relation = raw
	return p, nil
}

// open reads the relation of a record, with its secrets. Those that cannot be decrypted are kept as they are: the partner
// can still be suspended, and its registration ended.
func (r *Registry) open(p *store.Partner) (handshake.Relation, error) {
	relation, err := read(p)
	if err != nil {
		return relation, err
	}
	return relation, r.secrets(&relation, r.unseal)
}

// unseal decrypts a secret, or marks it as one that cannot be decrypted.
func (r *Registry) unseal(partner, text string) (string, error) {
	secret, err := r.keys.Open(partner, text)
	if err == nil {
		return secret, nil
	}
	reason := err.Error()
	return handshake.Unreadable + reason + handshake.Unreadable + text, nil
}

// reseal encrypts a secret, or gives back what could not be decrypted.
func (r *Registry) reseal(partner, text string) (string, error) {
	if rest, unreadable := strings.CutPrefix(text, handshake.Unreadable); unreadable {
		_, sealed, _ := strings.Cut(rest, handshake.Unreadable)
		return sealed, nil
	}
	return r.keys.Seal(partner, text)
}

// Sealed returns how many partners have secrets in their relation, and the first of those that cannot be decrypted.
func (r *Registry) Sealed(ctx context.Context) (partners int, unreadable error, err error) {
	all, err := r.Relations(ctx)
	if err != nil {
		return 0, nil, err
	}
	for i := range all {
		sealed := false
		_ = r.secrets(&all[i], func(partner, text string) (string, error) {
			sealed = sealed || text != ""
			if _, err := r.keys.Open(partner, text); err != nil && unreadable == nil {
				unreadable = err
			}
			return text, nil
		})
		if sealed {
			partners++
		}
	}
	return partners, unreadable, nil
}

// read reads the relation of a record. A record from before there were relations is a partner added by hand.
func read(p *store.Partner) (handshake.Relation, error) {
	if len(p.Relation) == 0 {
		return byHand(p), nil
	}
	var relation handshake.Relation
	if err := json.Unmarshal(p.Relation, &relation); err != nil {
		return relation, fmt.Errorf("read relation with %s: %w", p.ID, err)
	}
	return relation, nil
}

// secrets encrypts or decrypts the secrets of a relation.
func (r *Registry) secrets(relation *handshake.Relation, change func(partner, text string) (string, error)) error {
	texts := []*string{}
	for i := range relation.Outbound {
		texts = append(texts, &relation.Outbound[i].Token)
	}
	if o := relation.Offer; o != nil {
		texts = append(texts, &o.TokenA, &o.Token)
	}
	for _, text := range texts {
		changed, err := change(relation.Name, *text)
		if err != nil {
			return err
		}
		*text = changed
	}
	return nil
}

func byHand(p *store.Partner) handshake.Relation {
	relation := handshake.Relation{
		Name: p.ID, Added: p.Added, State: handshake.ByHand, Since: p.Added,
		Terms:  handshake.Terms{Serves: p.Serves, Pin: p.Pin, Hide: p.Hide, Quirks: p.Quirks},
		Remote: handshake.Remote{Roles: p.Roles, Version: p.Version},
	}
	for _, t := range p.Tokens {
		relation.Inbound = append(relation.Inbound, handshake.InboundToken{
			Hash: handshake.TokenHash(t.Hash), Status: handshake.TokenStatus(t.Status), Made: p.Added, Used: t.Used, Expires: t.Expires,
		})
	}
	return relation
}

// EncryptAnew writes every relation with the key that encrypts now.
func (r *Registry) EncryptAnew(ctx context.Context) (relations int, err error) {
	partners, err := r.store.Partners(ctx)
	if err != nil {
		return 0, err
	}
	for _, p := range partners {
		err := r.ChangeRelation(ctx, p.ID, func(*handshake.Relation) error { return nil })
		if errors.Is(err, handshake.ErrUnknown) {
			continue // removed meanwhile
		}
		if err != nil {
			return relations, fmt.Errorf("encrypt the tokens of %s anew: %w", p.ID, err)
		}
		relations++
	}
	return relations, nil
}
