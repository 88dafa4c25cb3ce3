package storetest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/roamwire/roamwire/node/store"
	"github.com/roamwire/roamwire/ocpi"
)

var errTest = errors.New("the function failed")

var writeTests = []test{
	{name: "Put says whether it created the object", run: func(t *testing.T, home Home) {
		err := home.Write(t.Context(), func(tx store.Tx) error {
			for i, want := range []bool{true, false, false} {
				created, err := tx.Put(location("a"))
				if err != nil || created != want {
					t.Errorf("Put %d: created %v, error %v", i, created, err)
				}
			}
			return nil
		})
		wantError(t, "Write", err, nil)
	}},
	{name: "a transaction reads what it wrote", run: func(t *testing.T, home Home) {
		o := location("a")
		err := home.Write(t.Context(), func(tx store.Tx) error {
			_, err := tx.Object(o.Key)
			wantError(t, "Object before", err, store.ErrNotFound)
			if _, err := tx.Put(o); err != nil {
				return err
			}
			got, err := tx.Object(o.Key)
			wantError(t, "Object", err, nil)
			equal(t, "object", got, o)
			wantError(t, "Delete", tx.Delete(o.Key), nil)
			_, err = tx.Object(o.Key)
			wantError(t, "Object after", err, store.ErrNotFound)
			return nil
		})
		wantError(t, "Write", err, nil)
	}},
	{name: "a transaction tells when an object was removed, until it is there again", run: func(t *testing.T, home Home) {
		o, cdr := location("a"), object(ocpi.ModuleCDRs, xyz, "Cdr-1")
		removed := func(key store.Key) (change int64) {
			err := home.Write(t.Context(), func(tx store.Tx) (err error) {
				change, err = tx.Removed(key)
				return err
			})
			wantError(t, "Removed", err, nil)
			return change
		}
		equal(t, "never there", removed(o.Key), int64(0))
		put(t, home, o, cdr)
		equal(t, "there", removed(o.Key), int64(0))
		remove(t, home, o.Key)
		equal(t, "removed", removed(o.Key), changeOf(t, home, o.Key, 0).Change)
		put(t, home, o)
		equal(t, "there again", removed(o.Key), int64(0))
		remove(t, home, cdr.Key)
		folded := cdr.Key
		folded.ID = "CDR-1"
		equal(t, "by an id in another case", removed(folded), changeOf(t, home, cdr.Key, 0).Change)
	}},
	{name: "a deleted object is gone, and counted no longer", run: func(t *testing.T, home Home) {
		gone := location("gone")
		gone.Renditions = map[ocpi.Version][]byte{ocpi.V211: []byte(`"old"`)}
		put(t, home, location("a"), gone, location("b"))
		remove := func() error {
			return home.Write(t.Context(), func(tx store.Tx) error { return tx.Delete(gone.Key) })
		}
		wantError(t, "Delete", remove(), nil)
		wantError(t, "Delete again", remove(), store.ErrNotFound)
		_, err := home.Object(t.Context(), gone.Key)
		wantError(t, "Object", err, store.ErrNotFound)
		page := list(t, home, ownLocations, ocpi.Query{Limit: 9})
		equal(t, "ids", ids(page.Objects), []string{"a", "b"})
		equal(t, "total", page.Total, 2)

		put(t, home, location("gone"))
		page, err = home.ListRenditions(t.Context(), ownLocations, ocpi.Query{Limit: 9}, ocpi.V211)
		wantError(t, "ListRenditions", err, nil)
		equal(t, "created again, without renditions and at the end", page.Objects, []store.Object{location("a"), location("b"), location("gone")})
	}},
	{name: "numbers of changes and creations only grow", run: func(t *testing.T, home Home) {
		var created, change int64
		step := func(what string, o store.Object, wantNew bool) {
			t.Helper()
			put(t, home, o)
			got := get(t, home, o.Key)
			if got.Change <= change {
				t.Errorf("%s: change %d after %d", what, got.Change, change)
			}
			if isNew := got.Created > created; isNew != wantNew {
				t.Errorf("%s: created %d after %d", what, got.Created, created)
			}
			created, change = max(created, got.Created), got.Change
		}
		remove := func(o store.Object) {
			t.Helper()
			wantError(t, "Delete", home.Write(t.Context(), func(tx store.Tx) error { return tx.Delete(o.Key) }), nil)
		}
		step("create", location("a"), true)
		step("update", location("a"), false)
		step("create a second", location("b"), true)
		remove(location("b"))
		step("create after deleting the newest", location("c"), true)
		remove(location("a"))
		remove(location("c"))
		step("create after deleting all", location("a"), true)
	}},
	{name: "Put ignores the numbers of its argument", run: func(t *testing.T, home Home) {
		put(t, home, location("a"), location("b"))
		before := get(t, home, location("a").Key)
		update := before
		update.Created, update.Change = 1000, -7
		put(t, home, update)
		after := get(t, home, location("a").Key)
		if after.Created != before.Created || after.Change <= before.Change {
			t.Errorf("created %d, change %d; before %d, %d", after.Created, after.Change, before.Created, before.Change)
		}
	}},
	{name: "a write that fails leaves nothing", run: func(t *testing.T, home Home) {
		old := location("old")
		put(t, home, old)
		err := home.Write(t.Context(), func(tx store.Tx) error {
			update := location("old")
			update.Body = []byte(`"new"`)
			if _, err := tx.Put(update); err != nil {
				return err
			}
			if _, err := tx.Put(object(ocpi.ModuleTariffs, xyz, "new")); err != nil {
				return err
			}
			return errTest
		})
		wantError(t, "Write", err, errTest)
		equal(t, "object", get(t, home, old.Key), old)
		equal(t, "tariffs", list(t, home, store.Selection{Module: ocpi.ModuleTariffs}, ocpi.Query{Limit: 9}), store.Page{})
	}},
	{name: "a write that panics leaves nothing and returns an error", run: func(t *testing.T, home Home) {
		err := home.Write(t.Context(), func(tx store.Tx) error {
			if _, err := tx.Put(location("a")); err != nil {
				return err
			}
			panic("out of order")
		})
		if err == nil || !strings.Contains(err.Error(), "out of order") {
			t.Errorf("error %v, want one that names the panic", err)
		}
		put(t, home, location("b"))
		equal(t, "ids", ids(list(t, home, ownLocations, ocpi.Query{Limit: 9}).Objects), []string{"b"})
	}},
	{name: "a write that fails does not disturb the others", run: func(t *testing.T, home Home) {
		const writers, writes = 16, 20
		var group sync.WaitGroup
		for w := range writers {
			group.Go(func() {
				for i := range writes {
					id := fmt.Sprintf("%d-%d", w, i)
					err := home.Write(t.Context(), func(tx store.Tx) error { return failSome(tx, w, id) })
					if failed := err != nil; failed != (w%4 != 0) {
						t.Errorf("write %s: error %v", id, err)
					}
				}
			})
		}
		group.Wait()
		page := list(t, home, ownLocations, ocpi.Query{Limit: 1000})
		equal(t, "total", page.Total, writers/4*writes)
		for _, o := range page.Objects {
			var w, i int
			if _, err := fmt.Sscanf(o.ID, "%d-%d", &w, &i); err != nil || w%4 != 0 {
				t.Errorf("object %q should not be there", o.ID)
			}
		}
	}},
	{name: "updates of one object from many callers are all applied", run: func(t *testing.T, home Home) {
		counter := location("counter")
		counter.LastUpdated = time.UnixMicro(0).UTC()
		put(t, home, counter)
		const callers, updates = 8, 25
		var group sync.WaitGroup
		for range callers {
			group.Go(func() {
				for range updates {
					err := home.Write(t.Context(), func(tx store.Tx) error {
						o, err := tx.Object(counter.Key)
						if err != nil {
							return err
						}
						o.LastUpdated = o.LastUpdated.Add(time.Second)
						_, err = tx.Put(o)
						return err
					})
					wantError(t, "Write", err, nil)
				}
			})
		}
		group.Wait()
		equal(t, "last_updated", get(t, home, counter.Key).LastUpdated, time.Unix(callers*updates, 0).UTC())
	}},
	{name: "a transaction cannot be used after its function returned", run: func(t *testing.T, home Home) {
		var kept store.Tx
		wantError(t, "Write", home.Write(t.Context(), func(tx store.Tx) error { kept = tx; return nil }), nil)
		if _, err := kept.Put(location("late")); err == nil {
			t.Error("Put: no error")
		}
		if _, err := kept.Object(location("late").Key); err == nil || errors.Is(err, store.ErrNotFound) {
			t.Errorf("Object: error %v", err)
		}
		if err := kept.Delete(location("late").Key); err == nil || errors.Is(err, store.ErrNotFound) {
			t.Errorf("Delete: error %v", err)
		}
		equal(t, "list", list(t, home, ownLocations, ocpi.Query{Limit: 9}), store.Page{})
	}},
	{name: "nothing is read or written for a context that has ended", run: func(t *testing.T, home Home) {
		put(t, home, location("a"))
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		err := home.Write(ctx, func(store.Tx) error { t.Error("the function ran"); return nil })
		wantError(t, "Write", err, context.Canceled)
		_, err = home.Object(ctx, location("a").Key)
		wantError(t, "Object", err, context.Canceled)
		_, err = home.List(ctx, ownLocations, ocpi.Query{Limit: 9})
		wantError(t, "List", err, context.Canceled)
		_, err = home.PartnerByToken(ctx, store.TokenHash{})
		wantError(t, "PartnerByToken", err, context.Canceled)
	}},
	{name: "a write whose context ends while it waits is not run", run: func(t *testing.T, home Home) {
		running, release := make(chan struct{}), make(chan struct{})
		first := make(chan error, 1)
		go func() {
			first <- home.Write(t.Context(), func(tx store.Tx) error {
				close(running)
				<-release
				return nil
			})
		}()
		<-running
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		defer cancel()
		err := home.Write(ctx, func(store.Tx) error { t.Error("the function ran"); return nil })
		wantError(t, "the write that waits", err, context.DeadlineExceeded)
		close(release)
		wantError(t, "the write before it", <-first, nil)
		put(t, home, location("a"))
	}},
	{name: "a write whose context ends while it runs has its outcome", run: func(t *testing.T, home Home) {
		ctx, cancel := context.WithCancel(t.Context())
		err := home.Write(ctx, func(tx store.Tx) error {
			cancel()
			_, err := tx.Put(location("a"))
			return err
		})
		wantError(t, "Write", err, nil)
		get(t, home, location("a").Key)
	}},
}

// failSome writes an object and then fails, depending on the writer: not at all, by an error, by a panic, or by the
// failure of a change that it ignores.
func failSome(tx store.Tx, writer int, id string) error {
	if _, err := tx.Put(location(id)); err != nil {
		return err
	}
	switch writer % 4 {
	case 1:
		return errTest
	case 2:
		panic(errTest)
	case 3:
		_, _ = tx.Put(token(id, ""))
	}
	return nil
}
