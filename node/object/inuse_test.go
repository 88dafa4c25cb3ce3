package object_test

import (
	"context"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/roamwire/roamwire/node/object"
	"github.com/roamwire/roamwire/node/store"
	"github.com/roamwire/roamwire/node/store/sqlite"
	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/ocpitest"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// An object is rendered for versions that partners speak, and for no other.
func TestObjectsAreRenderedForVersionsInUse(t *testing.T) {
	db, _ := stored(t, 1)
	o, err := object.New(db, ocpi.Versions())
	if err != nil {
		t.Fatal(err)
	}
	network := ocpitest.Network(own)
	check := func(when string, want211, want221 int) {
		t.Helper()
		for v, want := range map[ocpi.Version]int{ocpi.V211: want211, ocpi.V221: want221} {
			if have, _ := withRenditions(t, db, v); have != want {
				t.Errorf("%s: %d are rendered for %s, want %d", when, have, v, want)
			}
		}
	}
	put(t, o.Locations, network.Location(2))
	check("nobody speaks either", 0, 0)
	use(t, o, ocpi.V211)
	check("2.1.1 has come", 2, 0)
	put(t, o.Locations, network.Location(3), network.Location(4))
	check("objects are written", 4, 0)
	listed(t, o.Locations, ocpi.V221)
	use(t, o)
	check("2.2.1 has listed objects", 4, 4)
	if err := o.OnlyFor(t.Context(), ocpi.V230, ocpi.V221); err != nil {
		t.Fatal(err)
	}
	put(t, o.Locations, network.Location(5))
	check("2.1.1 has gone", 0, 5)
}

// Who writes in another process renders for the versions that are in use there.
func TestAnotherProcessRendersForTheSameVersions(t *testing.T) {
	file := filepath.Join(t.TempDir(), "test.db")
	var processes []*object.Objects
	var db *sqlite.DB
	for range 2 {
		var err error
		if db, err = sqlite.Open(t.Context(), file, sqlite.Options{}); err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		o, err := object.New(db, ocpi.Versions())
		if err != nil {
			t.Fatal(err)
		}
		processes = append(processes, o)
	}
	node, command := processes[0], processes[1]
	put(t, command.Locations, ocpitest.Network(own).Location(1))
	use(t, node, ocpi.V211)
	private := ocpitest.Network(own).Location(2)
	private.Publish = false
	put(t, command.Locations, private)
	if have, all := withRenditions(t, db, ocpi.V211); have != all || all != 2 {
		t.Errorf("%d of %d", have, all)
	}
	if texts, total := listed(t, node.Locations, ocpi.V211); len(texts) != 1 || total != 1 {
		t.Errorf("%d of %d", len(texts), total)
	}
}

// between does something before each transaction.
type between struct {
	object.Store
	do func()
}

func (b *between) Write(ctx context.Context, fn func(store.Tx) error) error {
	if b.do != nil {
		do := b.do
		b.do = nil
		do()
	}
	return b.Store.Write(ctx, fn)
}

// An object that is being written while a version comes into use is rendered for it: nothing would find it afterwards.
func TestAnObjectThatIsWrittenWhileAVersionComesIsRendered(t *testing.T) {
	db, other := stored(t, 0)
	b := &between{Store: db}
	o, err := object.New(b, ocpi.Versions())
	if err != nil {
		t.Fatal(err)
	}
	other, err = object.New(db, ocpi.Versions())
	if err != nil {
		t.Fatal(err)
	}
	private := ocpitest.Network(own).Location(1)
	private.Publish = false
	for i, write := range []func() error{
		func() error {
			_, err := o.Locations.Put(t.Context(), object.Item[v230.Location]{Party: own, Object: private})
			return err
		},
		func() error {
			private.City = "Elsewhere"
			_, err := o.Locations.Save(t.Context(), []object.Item[v230.Location]{{Party: own, Object: private}}, nil)
			return err
		},
		func() error {
			return o.Locations.Update(t.Context(), ocpi.Key{Party: own, ID: string(private.ID)}, func(l *v230.Location) error {
				l.City = "Here"
				return nil
			})
		},
	} {
		if err := other.OnlyFor(t.Context()); err != nil {
			t.Fatal(err)
		}
		b.do = func() { use(t, other, ocpi.V211) }
		if err := write(); err != nil {
			t.Fatal(i, err)
		}
		if have, all := withRenditions(t, db, ocpi.V211); have != all || all != 1 {
			t.Errorf("%d: %d of %d", i, have, all)
		}
		if texts, total := listed(t, other.Locations, ocpi.V211); total != 0 {
			t.Errorf("%d: 2.1.1 counts %d: %s", i, total, strings.Join(texts, "\n"))
		}
	}
}

// The first list in a version that is new waits for what is there, so that it counts no more than the partner gets.
func TestTheFirstListInAVersionCountsWhatItCanSay(t *testing.T) {
	db, _ := stored(t, 60)
	o, err := object.New(db, ocpi.Versions())
	if err != nil {
		t.Fatal(err)
	}
	o.Await()
	ctx, end := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		o.KeepRendered(ctx, slog.New(slog.DiscardHandler), func(_ int, err error) {
			if err != nil {
				t.Error(err)
			}
		})
	}()
	defer func() { end(); <-ended }()
	for v, want := range map[ocpi.Version]int{ocpi.V211: 54, ocpi.V221: 60, ocpi.V230: 60} {
		if texts, total := listed(t, o.Locations, v); len(texts) != want || total != want {
			t.Errorf("%s lists %d of %d, want %d", v, len(texts), total, want)
		}
	}
}

// Lists wait for a version that is new when it comes, and not again.
func TestListsDoNotWaitForAVersionForever(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db, _ := stored(t, 3)
		o, err := object.New(db, ocpi.Versions())
		if err != nil {
			t.Fatal(err)
		}
		o.Await() // and nobody renders
		began := time.Now()
		for range 5 {
			if texts, _ := listed(t, o.Locations, ocpi.V211); len(texts) != 2 {
				t.Error(len(texts))
			}
		}
		if waited := time.Since(began); waited < time.Second || waited > 3*time.Second {
			t.Errorf("they waited %s in all", waited)
		}
	})
}

// Lists in a version that was in use before the start do not wait while everything is looked at.
func TestListsDoNotWaitAfterAStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db, _ := stored(t, 3)
		o, err := object.New(db, ocpi.Versions())
		if err != nil {
			t.Fatal(err)
		}
		use(t, o, ocpi.V211)
		if o, err = object.New(db, ocpi.Versions()); err != nil {
			t.Fatal(err)
		}
		if _, err := o.InUse(t.Context()); err != nil {
			t.Fatal(err)
		}
		o.Await()
		o.Expect(ocpi.V211)
		began := time.Now()
		listed(t, o.Locations, ocpi.V211)
		if waited := time.Since(began); waited != 0 {
			t.Errorf("it waited %s", waited)
		}
	})
}

// An object that is put again as it is has not changed, whoever it is withheld from since.
func TestTheSameObjectIsNoChangeForAVersionThatIsNew(t *testing.T) {
	db, o := stored(t, 0)
	private := ocpitest.Network(own).Location(1)
	private.Publish = false
	put(t, o.Locations, private)
	before, _ := db.LatestChange(t.Context(), ocpi.ModuleLocations, "")
	o, err := object.New(db, ocpi.Versions())
	if err != nil {
		t.Fatal(err)
	}
	o.Expect(ocpi.V211)
	put(t, o.Locations, private)
	use(t, o)
	put(t, o.Locations, private)
	if after, _ := db.LatestChange(t.Context(), ocpi.ModuleLocations, ""); after != before {
		t.Error("it has changed")
	}
	if _, total := listed(t, o.Locations, ocpi.V211); total != 0 {
		t.Error("2.1.1 counts it")
	}
}
