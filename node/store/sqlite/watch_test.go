package sqlite

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/roamwire/roamwire/node/store"
	"github.com/roamwire/roamwire/ocpi"
)

// A write by any handle on the file, as by another process, is seen by the next read: nothing old is remembered.
func TestWhatIsRememberedEndsWithTheNextWrite(t *testing.T) {
	path := filepath.Join(t.TempDir(), "test.db")
	one, err := Open(t.Context(), path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer one.Close()
	two, err := Open(t.Context(), path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer two.Close()
	if _, watching := one.watch.now(); !watching {
		t.Error("the database is not watched here")
	}
	for i := range 200 {
		writer, reader := one, two
		if i%2 == 0 {
			writer, reader = two, one
		}
		p := store.Partner{Partner: ocpi.Partner{ID: fmt.Sprint(i)}, Tokens: []store.Token{{Hash: store.TokenHash{byte(i), 1}}}, Added: time.Unix(1, 0)}
		if err := writer.AddPartner(t.Context(), p); err != nil {
			t.Fatal(err)
		}
		for range 3 {
			if got, err := reader.PartnerByToken(t.Context(), p.Tokens[0].Hash); err != nil || got.ID != p.ID {
				t.Fatalf("%d: added by one, the other finds %q, %v", i, got.ID, err)
			}
		}
		if err := writer.RemovePartner(t.Context(), p.ID); err != nil {
			t.Fatal(err)
		}
		if _, err := reader.PartnerByToken(t.Context(), p.Tokens[0].Hash); !errors.Is(err, store.ErrNotFound) {
			t.Fatalf("%d: removed by one, the other says %v", i, err)
		}
	}
}

// Beside a writer, the latest change that a reader is told is never older than what it was told before, nor than what
// the writer has been told is on disk.
func TestTheLatestChangeIsNeverOld(t *testing.T) {
	db, err := Open(t.Context(), filepath.Join(t.TempDir(), "test.db"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var mu sync.Mutex
	var committed int64
	done := make(chan struct{})
	var readers sync.WaitGroup
	for range 3 {
		readers.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				mu.Lock()
				least := committed
				mu.Unlock()
				got, err := db.LatestChange(t.Context(), ocpi.ModuleLocations, "")
				if err != nil || got < least {
					t.Errorf("the latest change is %d (%v), %d is on disk", got, err, least)
					return
				}
			}
		})
	}
	for range 500 {
		err := db.Write(t.Context(), func(tx store.Tx) error {
			_, err := tx.Put(store.Object{Key: store.Key{Module: ocpi.ModuleLocations, Party: ocpi.NewParty("NL", "ABC"), ID: "1"}, Body: []byte("{}")})
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		mu.Lock()
		committed++
		mu.Unlock()
	}
	close(done)
	readers.Wait()
}

// The files beside the database lie beside what a link points to. Others beside the link are not believed.
func TestADatabaseBehindALinkIsWatchedWhereItIs(t *testing.T) {
	folder, elsewhere := t.TempDir(), t.TempDir()
	target, link := filepath.Join(folder, "test.db"), filepath.Join(elsewhere, "link.db")
	if err := os.WriteFile(target, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(target, link); err != nil {
		t.Skip("no symbolic links here: ", err)
	}
	if err := os.WriteFile(link+"-shm", make([]byte, 32<<10), 0o600); err != nil {
		t.Fatal(err)
	}
	db, err := Open(t.Context(), link, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, watching := db.watch.now(); !watching {
		t.Error("the database is not watched here")
	}
	p := store.Partner{Partner: ocpi.Partner{ID: "p"}, Tokens: []store.Token{{Hash: store.TokenHash{1}}}, Added: time.Unix(1, 0)}
	if err := db.AddPartner(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	if _, err := db.PartnerByToken(t.Context(), p.Tokens[0].Hash); err != nil {
		t.Fatal(err)
	}
	if err := db.RemovePartner(t.Context(), p.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := db.PartnerByToken(t.Context(), p.Tokens[0].Hash); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("a partner that was removed is still let in: %v", err)
	}
}

func TestNothingIsRememberedAfterClose(t *testing.T) {
	db, err := Open(t.Context(), filepath.Join(t.TempDir(), "test.db"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.LatestChange(t.Context(), ocpi.ModuleLocations, ""); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := db.LatestChange(t.Context(), ocpi.ModuleLocations, ""); !errors.Is(err, ErrClosed) {
		t.Errorf("got %v", err)
	}
}
