package ocpitest

import (
	"context"
	"slices"
	"strings"
	"sync"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/ocpiserver"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// A Receiver takes partners' objects of one module and holds them in memory, each partner's apart. It implements
// ocpiserver.Receiver. The zero Receiver is empty and ready.
type Receiver[T Object] struct {
	mu      sync.RWMutex
	entries []received[T] // in the order of creation
}

type received[T Object] struct {
	partner string
	key     ocpi.Key
	object  T
	// times are the partner's own, where the object shows others.
	times ocpiserver.PartnerTimes
}

// Get implements ocpiserver.Receiver.
func (r *Receiver[T]) Get(_ context.Context, from *ocpi.Partner, key ocpi.Key) (T, error) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	at := r.index(from, key)
	if at < 0 {
		var none T
		return none, notHere(key)
	}
	return clone(r.entries[at].object), nil
}

// Put implements ocpiserver.Receiver.
func (r *Receiver[T]) Put(ctx context.Context, from *ocpi.Partner, key ocpi.Key, object T) (created bool, err error) {
	return r.Replace(ctx, from, key, object, func(*T) error { return nil })
}

// Replace implements ocpiserver.Replacer.
func (r *Receiver[T]) Replace(ctx context.Context, from *ocpi.Partner, key ocpi.Key, object T, allow func(before *T) error) (created bool, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	key.TokenType = keyOf(&object).TokenType
	at := r.index(from, key)
	if at < 0 {
		r.entries = append(r.entries, received[T]{partner: from.ID, key: key, object: clone(object)})
		return true, nil
	}
	before := clone(r.entries[at].object)
	if times := ocpiserver.TimesOf(ctx); times != nil {
		times.Before = r.entries[at].times
	}
	if err := allow(&before); err != nil {
		return false, err
	}
	r.entries[at].object, r.entries[at].times = clone(object), nil
	return false, nil
}

// Update implements ocpiserver.Receiver. fn must not call the Receiver.
func (r *Receiver[T]) Update(ctx context.Context, from *ocpi.Partner, key ocpi.Key, fn func(*T) error) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	at := r.index(from, key)
	if at < 0 {
		return notHere(key)
	}
	changed := clone(r.entries[at].object)
	times := ocpiserver.TimesOf(ctx)
	if times == nil {
		times = &ocpiserver.Times{After: r.entries[at].times}
	}
	times.Before = r.entries[at].times
	if err := fn(&changed); err != nil {
		return err
	}
	r.entries[at].object, r.entries[at].times = clone(changed), times.After // fn may have kept a pointer
	return nil
}

func (r *Receiver[T]) remove(from *ocpi.Partner, key ocpi.Key) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	at := r.index(from, key)
	if at < 0 {
		return notHere(key)
	}
	r.entries = slices.Delete(r.entries, at, at+1)
	return nil
}

// From returns the objects of the partner with this name of ours, oldest first.
func (r *Receiver[T]) From(partner string) []T {
	r.mu.RLock()
	defer r.mu.RUnlock()
	var objects []T
	for i := range r.entries {
		if r.entries[i].partner == partner {
			objects = append(objects, clone(r.entries[i].object))
		}
	}
	return objects
}

// index finds an object. A token whose type is not said is the RFID token with this uid if there is one, and the
// oldest of another type otherwise (requirement TOK-03).
func (r *Receiver[T]) index(from *ocpi.Partner, key ocpi.Key) int {
	found := -1
	for i := range r.entries {
		e := &r.entries[i]
		if e.partner != from.ID || e.key.Party != key.Party || e.key.ID != key.ID {
			continue
		}
		wanted := key.TokenType
		if wanted == "" && e.key.TokenType != "" {
			wanted = string(v230.TokenTypeRFID)
			if found < 0 {
				found = i
			}
		}
		if strings.EqualFold(e.key.TokenType, wanted) {
			return i
		}
	}
	return found
}

func notHere(key ocpi.Key) error {
	return ocpi.NotFound("there is no object %s of %s", key.ID, key.Party)
}

// A TariffReceiver is a Receiver of tariffs, the only objects that partners may delete (requirement TF-42). It
// implements ocpiserver.Receiver and ocpiserver.Deleter.
type TariffReceiver struct {
	Receiver[v230.Tariff]
}

// Delete implements ocpiserver.Deleter.
func (r *TariffReceiver) Delete(_ context.Context, from *ocpi.Partner, key ocpi.Key) error {
	return r.remove(from, key)
}

// A CDRReceiver takes partners' CDRs and holds them in memory. A CDR that is here never changes. It implements
// ocpiserver.CDRReceiver. The zero CDRReceiver is empty and ready.
type CDRReceiver struct {
	cdrs Receiver[v230.CDR]
}

// Get implements ocpiserver.CDRReceiver.
func (r *CDRReceiver) Get(ctx context.Context, from *ocpi.Partner, key ocpi.Key) (v230.CDR, error) {
	return r.cdrs.Get(ctx, from, folded(key))
}

// Create implements ocpiserver.CDRReceiver.
func (r *CDRReceiver) Create(_ context.Context, from *ocpi.Partner, key ocpi.Key, cdr v230.CDR) (stored v230.CDR, created bool, err error) {
	r.cdrs.mu.Lock()
	defer r.cdrs.mu.Unlock()
	key = folded(key)
	if at := r.cdrs.index(from, key); at >= 0 {
		return clone(r.cdrs.entries[at].object), false, nil
	}
	r.cdrs.entries = append(r.cdrs.entries, received[v230.CDR]{partner: from.ID, key: key, object: clone(cdr)})
	return cdr, true, nil
}

// From returns the CDRs of the partner with this name of ours, oldest first.
func (r *CDRReceiver) From(partner string) []v230.CDR { return r.cdrs.From(partner) }

// folded is the key of a CDR, whose id compares without case (requirement CDR-17).
func folded(key ocpi.Key) ocpi.Key {
	key.ID = ocpi.CiString(key.ID).Fold()
	return key
}
