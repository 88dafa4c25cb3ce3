package object

import (
	"context"
	"errors"
	"fmt"

	"github.com/roamwire/roamwire/node/store"
	"github.com/roamwire/roamwire/ocpi"
)

// An Outcome is what came of an item that was to be saved.
type Outcome struct {
	// Created and Changed tell what was done; both are false for an object that is the same as before.
	Created, Changed bool
	// Err is why the item was not stored. Others were.
	Err error
}

// Save is Put for items that stand for themselves: one that cannot be stored does not keep the others from it. All that can
// are stored in one transaction.
//
// allow, if not nil, sees each object beside the one that is there, which is nil for none, and may refuse or change it. It
// may be called more than once for an item, each time with the object as it was given, of which only what lies directly in it
// is a copy.
func (o *Own[T]) Save(ctx context.Context, items []Item[T], allow func(i int, before, after *T) error) (outcomes []Outcome, err error) {
	if allow == nil {
		allow = func(int, *T, *T) error { return nil }
	}
	for range updateAttempts {
		outcomes, err = o.trySave(ctx, items, allow)
		if !errors.Is(err, errChanged) {
			break
		}
	}
	if errors.Is(err, errChanged) { // others keep changing them: do it while nobody else can
		err = o.store.Write(ctx, func(tx store.Tx) error {
			outcomes, err = o.saveIn(ctx, items, allow, tx)
			return err
		})
	}
	if err != nil {
		return nil, fmt.Errorf("save %d %ss: %w", len(items), o.kind.name, err)
	}
	return outcomes, nil
}

// trySave makes one attempt: the work is done beside the writer.
func (o *Own[T]) trySave(ctx context.Context, items []Item[T], allow func(i int, before, after *T) error) ([]Outcome, error) {
	outcomes := make([]Outcome, len(items))
	objects := make([]prepared, len(items))
	for i, item := range items {
		var err error
		objects[i], err = o.prepare(ctx, &item, nil, func(before, after *T) error { return allow(i, before, after) })
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		outcomes[i].Err = err
	}
	err := o.store.Write(ctx, func(tx store.Tx) error {
		for i := range objects {
			if outcomes[i].Err != nil {
				continue
			}
			if err := outcomes[i].put(tx, &objects[i]); err != nil {
				return err
			}
		}
		return nil
	})
	return outcomes, err
}

// saveIn does all the work in a transaction.
func (o *Own[T]) saveIn(ctx context.Context, items []Item[T], allow func(i int, before, after *T) error, tx store.Tx) ([]Outcome, error) {
	outcomes := make([]Outcome, len(items))
	for i, item := range items {
		p, err := o.prepare(ctx, &item, tx, func(before, after *T) error { return allow(i, before, after) })
		if err != nil {
			outcomes[i].Err = err
			continue
		}
		if err := outcomes[i].put(tx, &p); err != nil {
			return nil, err
		}
	}
	return outcomes, nil
}

func (o *Outcome) put(tx store.Tx, p *prepared) error {
	created := 0
	if err := p.put(tx, &created); err != nil {
		return err
	}
	o.Created, o.Changed = created > 0, created == 0 && !p.same
	return nil
}

// Remove is Delete where allow does not refuse to let the object go.
func (o *Own[T]) Remove(ctx context.Context, key ocpi.Key, allow func(*T) error) error {
	return o.store.Write(ctx, func(tx store.Tx) error {
		stored, err := tx.Object(o.lookupKey(key))
		if err != nil {
			return o.kind.notFound(err, key.ID)
		}
		object, err := o.kind.read(stored)
		if err != nil {
			return err
		}
		if err := allow(&object); err != nil {
			return err
		}
		return o.kind.notFound(o.kind.remove(tx, stored.Key), key.ID)
	})
}
