package object

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/go-json-experiment/json"

	"github.com/roamwire/roamwire/node/store"
	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/ocpiserver"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// Received are partners' objects of one module. It is the ocpiserver.Receiver and Deleter of the module. Each partner
// has its own: the same id from two partners is two objects (requirements TF-05, TF-45).
type Received[T any] struct {
	kind  kind[T]
	store Store
}

// ReceivedLocations takes partners' locations.
func ReceivedLocations(s Store) *Received[v230.Location] {
	return &Received[v230.Location]{locations, s}
}

// ReceivedSessions takes partners' sessions.
func ReceivedSessions(s Store) *Received[v230.Session] { return &Received[v230.Session]{sessions, s} }

// ReceivedTariffs takes partners' tariffs.
func ReceivedTariffs(s Store) *Received[v230.Tariff] { return &Received[v230.Tariff]{tariffs, s} }

// ReceivedTokens takes partners' tokens.
func ReceivedTokens(s Store) *Received[v230.Token] { return &Received[v230.Token]{tokens, s} }

// Get implements ocpiserver.Receiver.
func (r *Received[T]) Get(ctx context.Context, from *ocpi.Partner, key ocpi.Key) (T, error) {
	record, err := r.store.Object(ctx, r.key(from, key))
	if err != nil {
		var none T
		return none, r.kind.notFound(err, key.ID)
	}
	return r.kind.read(record)
}

// key is a key by which an object of a partner's is looked up. Where any case will do, an object that comes with its id in
// another case is the same object, and has the id in that case from then on.
func (r *Received[T]) key(from *ocpi.Partner, key ocpi.Key) store.Key {
	k := r.kind.storeKey(from.ID, key)
	k.AnyCase = anyCase(from.Version)
	return k
}

// record is the stored form of an object, under its key.
func (r *Received[T]) record(from *ocpi.Partner, key ocpi.Key, object *T) (store.Object, error) {
	if id := *r.kind.id(object); anyCase(from.Version) && id.Equal(ocpi.CiString(key.ID)) {
		key.ID = string(id) // as the partner writes it; what is in a URL may be another's writing
	}
	record, err := r.kind.record(from.ID, key, object)
	record.AnyCase = anyCase(from.Version)
	return record, err
}

// Put implements ocpiserver.Receiver.
func (r *Received[T]) Put(ctx context.Context, from *ocpi.Partner, key ocpi.Key, object T) (created bool, err error) {
	return r.Replace(ctx, from, key, object, func(*T) error { return nil })
}

// Replace implements ocpiserver.Replacer. What is the same as before changes nothing.
func (r *Received[T]) Replace(ctx context.Context, from *ocpi.Partner, key ocpi.Key, object T, allow func(before *T) error) (created bool, err error) {
	record, err := r.record(from, key, &object)
	if err != nil {
		return false, err
	}
	err = r.store.Write(ctx, func(tx store.Tx) error {
		stored, err := tx.Object(record.Key)
		switch {
		case errors.Is(err, store.ErrNotFound):
			created, err = r.kind.put(tx, record, stored)
			return err
		case err != nil:
			return err
		case unchanged(stored, record):
			return nil
		}
		before, err := r.kind.read(stored)
		if err != nil {
			return err
		}
		times := timesOf(ctx)
		if times.Before, err = readTimes(stored); err != nil {
			return err
		}
		if err := allow(&before); err != nil {
			return err
		}
		if record.Times, err = writeTimes(times.After); err != nil {
			return err
		}
		_, err = r.kind.put(tx, record, stored)
		return err
	})
	return created, err
}

// unchanged reports whether a new state of an object is the one that is stored: then nobody needs to hear of it.
func unchanged(stored, record store.Object) bool {
	return bytes.Equal(stored.Body, record.Body) && stored.Audience == record.Audience
}

// Update implements ocpiserver.Receiver. The work is done beside other writes and only stored in turn with them, if the
// object is still what it was; otherwise it is done again. Where others keep changing the object, the last attempt is
// made while nobody else can.
func (r *Received[T]) Update(ctx context.Context, from *ocpi.Partner, key ocpi.Key, fn func(*T) error) error {
	for range updateAttempts {
		done, err := r.tryUpdate(ctx, from, key, fn)
		if done || err != nil {
			return err
		}
	}
	return r.store.Write(ctx, func(tx store.Tx) error {
		stored, err := tx.Object(r.key(from, key))
		if err != nil {
			return r.kind.notFound(err, key.ID)
		}
		record, event, err := r.updated(ctx, from, key, stored, fn)
		if err != nil || unchanged(stored, record) {
			return err
		}
		_, err = put(tx, record, event)
		return err
	})
}

const updateAttempts = 3

// tryUpdate makes one attempt; it is not done if the object has been changed meanwhile.
func (r *Received[T]) tryUpdate(ctx context.Context, from *ocpi.Partner, key ocpi.Key, fn func(*T) error) (done bool, err error) {
	stored, err := r.store.Object(ctx, r.key(from, key))
	if err != nil {
		return false, r.kind.notFound(err, key.ID)
	}
	record, event, err := r.updated(ctx, from, key, stored, fn)
	if err != nil || unchanged(stored, record) {
		return err == nil, err
	}
	err = r.store.Write(ctx, func(tx store.Tx) error {
		change, err := tx.Change(record.Key)
		if err != nil {
			return r.kind.notFound(err, key.ID)
		}
		if done = change == stored.Change; !done {
			return nil
		}
		_, err = put(tx, record, event)
		return err
	})
	return done, err
}

// updated is the stored form of an object after fn, and the event that tells of it where it is other than before.
func (r *Received[T]) updated(
	ctx context.Context, from *ocpi.Partner, key ocpi.Key, stored store.Object, fn func(*T) error,
) (record store.Object, e store.Event, err error) {
	object, err := r.kind.read(stored)
	if err != nil {
		return record, e, err
	}
	times := timesOf(ctx)
	if times.Before, err = readTimes(stored); err != nil {
		return record, e, err
	}
	times.After = times.Before
	if err := fn(&object); err != nil {
		return record, e, err
	}
	key.ID, key.TokenType = stored.ID, stored.TokenType
	if record, err = r.kind.record(from.ID, key, &object); err != nil {
		return record, e, err
	}
	if record.Times, err = writeTimes(times.After); err != nil {
		return record, e, err
	}
	if unchanged(stored, record) {
		return record, e, nil
	}
	if r.kind.touched == nil {
		e, err = r.kind.event(record.Key, stored.Body, record.Body)
		return record, e, err
	}
	before, err := r.kind.read(stored)
	if err != nil {
		return record, e, err
	}
	e, err = r.kind.change(&stored, &record, &before, &object, r.kind.touched(&before, &object))
	return record, e, err
}

// timesOf are the Times of a change, also of one that is not the server's.
func timesOf(ctx context.Context) *ocpiserver.Times {
	if times := ocpiserver.TimesOf(ctx); times != nil {
		return times
	}
	return &ocpiserver.Times{}
}

// readTimes are the partner's own times of a stored object.
func readTimes(o store.Object) (ocpiserver.PartnerTimes, error) {
	if len(o.Times) == 0 {
		return nil, nil
	}
	var times ocpiserver.PartnerTimes
	if err := json.Unmarshal(o.Times, &times); err != nil {
		return nil, fmt.Errorf("read the partner's times of %s %s: %w", o.Module, o.ID, err)
	}
	return times, nil
}

func writeTimes(times ocpiserver.PartnerTimes) ([]byte, error) {
	if len(times) == 0 {
		return nil, nil
	}
	return json.Marshal(times, json.Deterministic(true))
}

// Delete implements ocpiserver.Deleter.
func (r *Received[T]) Delete(ctx context.Context, from *ocpi.Partner, key ocpi.Key) error {
	return r.store.Write(ctx, func(tx store.Tx) error {
		return r.kind.notFound(r.kind.remove(tx, r.key(from, key)), key.ID)
	})
}

// ReceivedCDRs takes partners' charge detail records. It is the ocpiserver.CDRReceiver: a CDR is stored once and never
// changed.
type ReceivedCDRs struct{ received Received[v230.CDR] }

// NewReceivedCDRs returns the taker of partners' CDRs.
func NewReceivedCDRs(s Store) *ReceivedCDRs { return &ReceivedCDRs{Received[v230.CDR]{cdrs, s}} }

// Get implements ocpiserver.CDRReceiver.
func (r *ReceivedCDRs) Get(ctx context.Context, from *ocpi.Partner, key ocpi.Key) (v230.CDR, error) {
	return r.received.Get(ctx, from, key)
}

// Create implements ocpiserver.CDRReceiver.
func (r *ReceivedCDRs) Create(ctx context.Context, from *ocpi.Partner, key ocpi.Key, cdr v230.CDR) (stored v230.CDR, created bool, err error) {
	record, err := r.received.kind.record(from.ID, key, &cdr)
	if err != nil {
		return cdr, false, err
	}
	stored = cdr
	err = r.received.store.Write(ctx, func(tx store.Tx) error {
		existing, err := tx.Object(record.Key)
		switch {
		case err == nil:
			stored, err = r.received.kind.read(existing)
			return err
		case !errors.Is(err, store.ErrNotFound):
			return err
		}
		created, err = r.received.kind.put(tx, record, store.Object{})
		return err
	})
	return stored, created, err
}

// Take stores CDRs fetched from a partner, as Received.Take does. One that is there already with other content is refused.
func (r *ReceivedCDRs) Take(ctx context.Context, from *ocpi.Partner, list Fetched[v230.CDR]) (Taken, error) {
	return r.received.Take(ctx, from, list)
}

// Latest is Received.Latest.
func (r *ReceivedCDRs) Latest(ctx context.Context, from *ocpi.Partner) (int64, error) {
	return r.received.Latest(ctx, from)
}
