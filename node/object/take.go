package object

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/roamwire/roamwire/node/store"
	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/convert"
)

// A Fetched is a page of a partner's list.
type Fetched[T any] struct {
	Objects []T
	// Since is what Latest said before the page was asked for. An object that has changed since may be newer here than on the
	// page: then only what is later by the times that are shown is taken.
	Since int64
	// At is when the page came.
	At time.Time
}

// Taken is what became of a partner's objects that were fetched.
type Taken struct {
	Created, Updated, Unchanged int
	// Older are those of which we have a newer state, which stays.
	Older int
	// Refused are those that could not be stored.
	Refused []Refusal
	// Keys are those that were there, also the refused ones. Newest and Oldest are their times.
	Keys           []store.Key
	Newest, Oldest time.Time
	// MissingEVSEs are EVSEs that we have and the partner's location has not. They stay as they are.
	MissingEVSEs []store.Missing
}

// A Refusal is an object that could not be stored.
type Refusal struct {
	ID     string
	Reason error
}

// Latest is the number of the latest change to one of a partner's objects.
func (r *Received[T]) Latest(ctx context.Context, from *ocpi.Partner) (int64, error) {
	return r.store.LatestChange(ctx, r.kind.module, from.ID)
}

// Take stores objects fetched from a partner. An object that cannot be stored does not keep the others from it, and none
// replaces a newer one. The work is done beside other writes, and stored in stretches, so that nobody waits for a whole page.
// After an error some of the page may be stored: taking it again does no harm.
func (r *Received[T]) Take(ctx context.Context, from *ocpi.Partner, list Fetched[T]) (Taken, error) {
	t := &taking[T]{Received: r, from: from, since: list.Since, at: list.At}
	var stretch []*incoming[T]
	size := 0
	for i := range list.Objects {
		item, err := r.incoming(from, &list.Objects[i])
		t.taken.see(&item.record)
		if err != nil {
			t.taken.refuse(item.key.ID, err)
			continue
		}
		stretch = append(stretch, item)
		if size += len(item.record.Body); size < stretchBytes {
			continue
		}
		if err := t.store(ctx, stretch); err != nil {
			return t.taken, err
		}
		stretch, size = nil, 0
	}
	return t.taken, t.store(ctx, stretch)
}

// stretchBytes is about how much is stored in one transaction.
const stretchBytes = 512 << 10

// see notes that an object was there.
func (t *Taken) see(record *store.Object) {
	t.Keys = append(t.Keys, named(record.Key))
	at := record.LastUpdated
	if at.IsZero() {
		return
	}
	if at.After(t.Newest) {
		t.Newest = at
	}
	if t.Oldest.IsZero() || at.Before(t.Oldest) {
		t.Oldest = at
	}
}

// named is a key as the name of an object, which it has once it is stored.
func named(key store.Key) store.Key {
	key.AnyCase = false
	return key
}

func (t *Taken) refuse(id string, reason error) { t.Refused = append(t.Refused, Refusal{id, reason}) }

// add adds what became of one object.
func (t *Taken) add(one *Taken) {
	t.Created += one.Created
	t.Updated += one.Updated
	t.Unchanged += one.Unchanged
	t.Older += one.Older
	t.Refused = append(t.Refused, one.Refused...)
	t.MissingEVSEs = append(t.MissingEVSEs, one.MissingEVSEs...)
}

// An incoming is an object on its way to the store.
type incoming[T any] struct {
	object *T
	key    ocpi.Key
	// record is its stored form; its key alone where it cannot be stored.
	record store.Object
}

// incoming prepares an object, if it is one of the partner's.
func (r *Received[T]) incoming(from *ocpi.Partner, object *T) (*incoming[T], error) {
	country, party := r.kind.party(object)
	key := ocpi.Key{Party: ocpi.NewParty(string(*country), string(*party)), ID: string(*r.kind.id(object))}
	if r.kind.tokenType != nil {
		key.TokenType = r.kind.tokenType(object)
	}
	item := &incoming[T]{object: object, key: key, record: store.Object{Key: r.key(from, key)}}
	role := ocpi.RoleCPO
	if r.kind.module == ocpi.ModuleTokens {
		role = ocpi.RoleEMSP
	}
	if !from.Speaks(role, key.Party) {
		return item, fmt.Errorf("it belongs to %s, for which the partner does not speak", key.Party)
	}
	record, err := r.record(from, key, object)
	if err == nil {
		item.record = record
	}
	return item, err
}

// A taking is one Take.
type taking[T any] struct {
	*Received[T]
	from  *ocpi.Partner
	since int64
	at    time.Time
	taken Taken
}

// store stores objects. Those that others change meanwhile are looked at again, the last time while nobody else can.
func (t *taking[T]) store(ctx context.Context, items []*incoming[T]) (err error) {
	for range updateAttempts {
		if items, err = t.try(ctx, items); err != nil || len(items) == 0 {
			return err
		}
	}
	return t.write(ctx, func(tx store.Tx, done func(*Taken)) error {
		for _, item := range items {
			v, err := t.judge(item, tx.Object)
			if err != nil {
				return err
			}
			one, _, err := t.put(tx, &v)
			if err != nil {
				return err
			}
			done(one)
		}
		return nil
	})
}

// try makes one attempt, and returns the objects that have been changed meanwhile.
func (t *taking[T]) try(ctx context.Context, items []*incoming[T]) (again []*incoming[T], err error) {
	read := func(key store.Key) (store.Object, error) { return t.Received.store.Object(ctx, key) }
	var verdicts []verdict[T]
	for _, item := range items {
		v, err := t.judge(item, read)
		if err != nil {
			return nil, err
		}
		if v.record == nil {
			t.taken.add(&v.one)
			continue
		}
		verdicts = append(verdicts, v)
	}
	if len(verdicts) == 0 {
		return nil, nil
	}
	err = t.write(ctx, func(tx store.Tx, done func(*Taken)) error {
		again = nil
		for i := range verdicts {
			one, ok, err := t.put(tx, &verdicts[i])
			switch {
			case err != nil:
				return err
			case ok:
				done(one)
			default:
				again = append(again, verdicts[i].item)
			}
		}
		return nil
	})
	return again, err
}

// write runs fn as one transaction, and adds what it says is done once that is stored. fn may run again.
func (t *taking[T]) write(ctx context.Context, fn func(tx store.Tx, done func(*Taken)) error) error {
	var all []*Taken
	err := t.Received.store.Write(ctx, func(tx store.Tx) error {
		all = nil
		return fn(tx, func(one *Taken) { all = append(all, one) })
	})
	if err != nil {
		return err
	}
	for _, one := range all {
		t.taken.add(one)
	}
	return nil
}

// A verdict is what is to become of an object, if what is here is still what it was.
type verdict[T any] struct {
	item *incoming[T]
	// change is the number of the latest change of what is here; 0 where nothing is.
	change int64
	// record is to be stored; nil for nothing. before is what is here.
	record *store.Object
	before store.Object
	one    Taken
}

// put does what a verdict says, and reports whether it still holds. Where the partner has deleted the object since the page
// was asked for, it stays deleted.
func (t *taking[T]) put(tx store.Tx, v *verdict[T]) (one *Taken, holds bool, err error) {
	if v.record == nil {
		return &v.one, true, nil
	}
	change, err := tx.Change(v.record.Key)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return nil, false, err
	}
	if change != v.change {
		return nil, false, nil
	}
	if change == 0 {
		removed, err := tx.Removed(v.record.Key)
		if err != nil {
			return nil, false, err
		}
		if removed > t.since {
			return &Taken{Older: 1}, true, nil
		}
	}
	_, err = t.kind.put(tx, *v.record, v.before)
	return &v.one, true, err
}

// judge finds out what is to become of an object. The error is one of reading: what is wrong with the object itself, or with
// the one that is here, is a Refusal.
func (t *taking[T]) judge(item *incoming[T], read func(store.Key) (store.Object, error)) (verdict[T], error) {
	stored, err := read(item.record.Key)
	if errors.Is(err, store.ErrNotFound) {
		return verdict[T]{item: item, record: &item.record, one: Taken{Created: 1}}, nil
	}
	if err != nil {
		return verdict[T]{}, err
	}
	v := verdict[T]{item: item, change: stored.Change, before: stored}
	switch {
	case unchanged(stored, item.record):
		v.one.Unchanged = 1
	case t.kind.same != nil:
		err = t.again(&v, stored)
	default:
		err = t.merge(&v, stored)
	}
	if err != nil {
		v.record = nil
		v.one.refuse(item.key.ID, err)
	}
	return v, nil
}

// again compares an object that may never change with the one that is here.
func (t *taking[T]) again(v *verdict[T], stored store.Object) error {
	here, err := t.kind.read(stored)
	if err != nil {
		return err
	}
	same, err := t.kind.same(here, *v.item.object, convert.Env{Owner: v.item.key.Party})
	if err == nil && !same {
		err = fmt.Errorf("it is here with other content, and a %s cannot be changed", t.kind.name)
	}
	if err == nil {
		v.one.Unchanged = 1
	}
	return err
}

// merge makes of an object that was fetched and the one that is here what is to be stored. Where that is too large, the EVSEs
// that are removed and not listed any more are left out.
func (t *taking[T]) merge(v *verdict[T], stored store.Object) error {
	here, err := t.kind.read(stored)
	if err != nil {
		return err
	}
	theirs, err := readTimes(stored)
	if err != nil {
		return err
	}
	m := &merging{theirs: theirs, pushed: stored.Change > t.since, allowOlder: t.from.Receive.AllowOlder, anyCase: anyCase(t.from.Version), at: t.at}
	record, err := t.merged(m, v.item, &here)
	if err != nil {
		m.small = true
		record, err = t.merged(m, v.item, &here)
	}
	for _, uid := range m.missing {
		v.one.MissingEVSEs = append(v.one.MissingEVSEs, store.Missing{Key: named(v.item.record.Key), EVSE: uid})
	}
	switch {
	case err != nil:
		return err
	case !unchanged(stored, record):
		v.record, v.one.Updated = &record, 1
	case m.older:
		v.one.Older = 1
	default:
		v.one.Unchanged = 1
	}
	return nil
}

// merged is the stored form of what is left of an object that was fetched and the one that is here.
func (t *taking[T]) merged(m *merging, item *incoming[T], here *T) (store.Object, error) {
	left := *item.object
	m.begin()
	switch {
	case t.kind.merge != nil:
		t.kind.merge(here, &left, m)
	case m.stays("", *t.kind.lastUpdated(here), t.kind.lastUpdated(&left)):
		left = *here
	}
	*t.kind.id(&left) = ocpi.CiString(item.key.ID) // also of one that stays as it is here
	record, err := t.record(t.from, item.key, &left)
	if err != nil {
		return record, err
	}
	record.Times, err = writeTimes(m.left)
	return record, err
}
