package sqlite_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/roamwire/roamwire/node/store"
	"github.com/roamwire/roamwire/node/store/sqlite"
	"github.com/roamwire/roamwire/node/store/storetest"
	"github.com/roamwire/roamwire/ocpi"
)

var _ storetest.Home = (*sqlite.DB)(nil)

func TestStore(t *testing.T) {
	storetest.Run(t, func(t *testing.T) func() storetest.Home {
		path := newPath(t)
		return func() storetest.Home { return openAt(t, path) }
	})
}

func newPath(t testing.TB) string { return filepath.Join(t.TempDir(), "node.db") }

func openAt(t testing.TB, path string) *sqlite.DB {
	t.Helper()
	db, err := sqlite.Open(t.Context(), path, sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeDB(t, db) })
	return db
}

func closeDB(t testing.TB, db *sqlite.DB) {
	t.Helper()
	if err := db.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
}

func location(id string) store.Object {
	return store.Object{
		Key:         store.Key{Module: ocpi.ModuleLocations, Party: ocpi.NewParty("NL", "ABC"), ID: id},
		LastUpdated: time.Date(2026, 11, 5, 12, 0, 0, 0, time.UTC),
		Body:        fmt.Appendf(nil, `{"id":%q}`, id),
	}
}

func put(t *testing.T, db *sqlite.DB, objects ...store.Object) {
	t.Helper()
	err := db.Write(t.Context(), func(tx store.Tx) error {
		for _, o := range objects {
			if _, err := tx.Put(o); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func listAll(t *testing.T, db *sqlite.DB) store.Page {
	t.Helper()
	page, err := db.List(t.Context(), store.Selection{Module: ocpi.ModuleLocations, AnyAudience: true}, ocpi.Query{Limit: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	return page
}

func TestEverythingIsThereAfterReopening(t *testing.T) {
	path := newPath(t)
	db := openAt(t, path)
	b := location("b")
	b.Renditions = map[ocpi.Version][]byte{ocpi.V211: []byte(`"old"`)}
	b.Audience = ocpi.NewParty("FR", "MSP")
	put(t, db, location("a"), b, location("c"))
	put(t, db, location("a"))
	err := db.Write(t.Context(), func(tx store.Tx) error { return tx.Delete(location("c").Key) })
	if err != nil {
		t.Fatal(err)
	}
	p := store.Partner{Partner: ocpi.Partner{ID: "partner"}, Tokens: []store.Token{{Hash: store.TokenHash{1}, Status: "current"}}, Added: time.Unix(1, 0).UTC()}
	if err := db.AddPartner(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	before := listAll(t, db)
	closeDB(t, db)

	db = openAt(t, path)
	if diff := cmp.Diff(before, listAll(t, db)); diff != "" {
		t.Errorf("list (-before +after):\n%s", diff)
	}
	page, err := db.ListRenditions(t.Context(), store.Selection{Module: ocpi.ModuleLocations, AnyAudience: true}, ocpi.Query{Limit: 9}, ocpi.V211)
	if err != nil || string(page.Objects[1].Rendition) != `"old"` {
		t.Errorf("renditions %+v, error %v", page, err)
	}
	got, err := db.PartnerByToken(t.Context(), p.Tokens[0].Hash)
	if diff := cmp.Diff(p, got, cmpopts.EquateEmpty()); diff != "" || err != nil {
		t.Errorf("partner, error %v (-want +got):\n%s", err, diff)
	}
	put(t, db, location("d"))
	last := listAll(t, db).Objects[2]
	if last.Created <= 3 || last.Change <= 4 {
		t.Errorf("created %d, change %d: numbers were given again", last.Created, last.Change)
	}
}

func TestTwoHandlesOnOneFileSeeEachOther(t *testing.T) {
	path := newPath(t)
	one, two := openAt(t, path), openAt(t, path)
	const writes = 50
	var group sync.WaitGroup
	for name, db := range map[string]*sqlite.DB{"one": one, "two": two} {
		group.Go(func() {
			for i := range writes {
				err := db.Write(t.Context(), func(tx store.Tx) error {
					_, err := tx.Put(location(fmt.Sprint(name, i)))
					return err
				})
				if err != nil {
					t.Errorf("write by %s: %v", name, err)
				}
			}
		})
	}
	group.Wait()
	page := listAll(t, one)
	if diff := cmp.Diff(page, listAll(t, two)); diff != "" || page.Total != 2*writes {
		t.Errorf("total %d, lists (-one +two):\n%s", page.Total, diff)
	}
	changes := map[int64]bool{}
	for _, o := range page.Objects {
		changes[o.Change] = true
	}
	if len(changes) != 2*writes {
		t.Errorf("%d numbers of changes for %d writes", len(changes), 2*writes)
	}

	p := store.Partner{Partner: ocpi.Partner{ID: "partner"}, Tokens: []store.Token{{Hash: store.TokenHash{1}, Status: "current"}}}
	if err := one.AddPartner(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	if _, err := two.PartnerByToken(t.Context(), p.Tokens[0].Hash); err != nil {
		t.Errorf("partner added by one, asked from two: %v", err)
	}
	if err := two.RemovePartner(t.Context(), p.ID); err != nil {
		t.Error(err)
	}
	if _, err := one.PartnerByToken(t.Context(), p.Tokens[0].Hash); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("partner removed by two, asked from one: %v", err)
	}
}

func TestANewFileMayBeOpenedByManyAtOnce(t *testing.T) {
	path := newPath(t)
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			db, err := sqlite.Open(t.Context(), path, sqlite.Options{Readers: 1})
			if err != nil {
				t.Error(err)
				return
			}
			closeDB(t, db)
		})
	}
	group.Wait()
}

func TestAClosedStoreSaysSo(t *testing.T) {
	db := openAt(t, newPath(t))
	closeDB(t, db)
	for name, err := range map[string]error{
		"Write":          db.Write(t.Context(), func(store.Tx) error { t.Error("the function ran"); return nil }),
		"Object":         second(db.Object(t.Context(), location("a").Key)),
		"PartnerByToken": second(db.PartnerByToken(t.Context(), store.TokenHash{})),
	} {
		if !errors.Is(err, sqlite.ErrClosed) {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

func TestCloseWaitsForWritesThatHaveBegun(t *testing.T) {
	path := newPath(t)
	db := openAt(t, path)
	running, written := make(chan struct{}), make(chan error)
	go func() {
		written <- db.Write(t.Context(), func(tx store.Tx) error {
			close(running)
			time.Sleep(20 * time.Millisecond)
			_, err := tx.Put(location("a"))
			return err
		})
	}()
	<-running
	closed := make(chan struct{})
	go func() { closeDB(t, db); close(closed) }()
	if err := <-written; err != nil {
		t.Error(err)
	}
	<-closed
	if total := listAll(t, openAt(t, path)).Total; total != 1 {
		t.Errorf("%d objects, want 1", total)
	}
}

func TestPartsOfThePathMeanNothing(t *testing.T) {
	for _, name := range []string{"file:x?mode=memory", "a b%20#?.db", ":memory:"} {
		path := filepath.Join(t.TempDir(), name)
		db := openAt(t, path)
		put(t, db, location("a"))
		closeDB(t, db)
		if _, err := os.Stat(path); err != nil {
			t.Error(err)
		}
		if total := listAll(t, openAt(t, path)).Total; total != 1 {
			t.Errorf("%s: %d objects, want 1", name, total)
		}
	}
}

func TestWhatCannotBeOpenedIsRefusedWithAReason(t *testing.T) {
	for name, c := range map[string]struct {
		prepare func(t *testing.T, path string)
		want    string
	}{
		"a file that is not a database": {func(t *testing.T, path string) {
			write(t, path, strings.Repeat("This is no database. ", 1000))
		}, "not a database"},
		"a folder that does not exist": {func(t *testing.T, path string) {
			if err := os.Remove(filepath.Dir(path)); err != nil {
				t.Fatal(err)
			}
		}, "folder exists"},
		"a folder": {func(t *testing.T, path string) {
			if err := os.Mkdir(path, 0o777); err != nil {
				t.Fatal(err)
			}
		}, "cannot be opened"},
		"a file that may not be written": {func(t *testing.T, path string) {
			write(t, path, "")
			forbid(t, path, 0o400)
		}, "may not be written"},
		"a folder that may not be written": {func(t *testing.T, path string) {
			forbid(t, filepath.Dir(path), 0o500)
		}, "may not be written"},
	} {
		t.Run(name, func(t *testing.T) {
			path := newPath(t)
			c.prepare(t, path)
			_, err := sqlite.Open(t.Context(), path, sqlite.Options{})
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), path) {
				t.Errorf("error %q, want one that names the file and says %q", err, c.want)
			}
		})
	}
}

// forbid takes away permissions, or skips the test where that does not keep anyone from writing.
func forbid(t *testing.T, path string, mode os.FileMode) {
	t.Helper()
	if os.Geteuid() == 0 {
		t.Skip("root may write everywhere")
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.Chmod(path, 0o700) })
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestTheLogStaysShortBesideConstantReads(t *testing.T) {
	path := newPath(t)
	db := openAt(t, path)
	put(t, db, location("a"))
	stop := make(chan struct{})
	var group sync.WaitGroup
	for range 3 {
		group.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					listAll(t, db)
				}
			}
		})
	}
	large := location("large")
	large.Module = ocpi.ModuleTariffs // which the reads do not read
	large.Body = make([]byte, 4<<20)
	var longest int64
	for range 50 {
		put(t, db, large)
		longest = max(longest, fileSize(path+"-wal"))
	}
	close(stop)
	group.Wait()
	if longest > 100<<20 {
		t.Errorf("after writing 200 MiB the log has %d MiB", longest>>20)
	}
}

func second[T any](_ T, err error) error { return err }
