package sqlite

import (
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/roamwire/roamwire/node/store"
	"github.com/roamwire/roamwire/ocpi"
)

var drivers = ocpi.NewParty("DE", "ROA")

func tokenOf(uid, body string) store.Object {
	return store.Object{Key: store.Key{Module: ocpi.ModuleTokens, Party: drivers, ID: uid, TokenType: "RFID"}, Body: []byte(body)}
}

func putToken(t *testing.T, db *DB, o store.Object) {
	t.Helper()
	if err := db.Write(t.Context(), func(tx store.Tx) error { _, err := tx.Put(o); return err }); err != nil {
		t.Fatal(err)
	}
}

func emit(t *testing.T, db *DB) {
	t.Helper()
	if err := db.Write(t.Context(), func(tx store.Tx) error { return tx.Emit(store.Event{Type: "t", Subject: "s", Data: []byte(`{}`)}) }); err != nil {
		t.Fatal(err)
	}
}

// Partners, and the latest changes of other modules, are still known after objects and events were written here: then they
// cost nothing while data comes in.
func TestWhatIsRememberedOutlivesWritesOfData(t *testing.T) {
	db := openTest(t, filepath.Join(t.TempDir(), "test.db"))
	hash := store.TokenHash{1}
	if err := db.AddPartner(t.Context(), store.Partner{Partner: ocpi.Partner{ID: "p"}, Tokens: []store.Token{{Hash: hash}}, Added: time.Unix(1, 0)}); err != nil {
		t.Fatal(err)
	}
	putToken(t, db, tokenOf("A", `{"n":1}`))
	ask := func() (tariffs, tokens, events int64) {
		var errs []error
		for _, of := range []struct {
			module ocpi.ModuleID
			into   *int64
		}{{ocpi.ModuleTariffs, &tariffs}, {ocpi.ModuleTokens, &tokens}} {
			n, err := db.LatestChange(t.Context(), of.module, "")
			*of.into, errs = n, append(errs, err)
		}
		var err error
		events, err = db.LatestEvent(t.Context())
		_, errPartner := db.PartnerByToken(t.Context(), hash)
		_, errToken := db.Find(t.Context(), store.Selection{Module: ocpi.ModuleTokens}, "A")
		if err := errors.Join(append(errs, err, errPartner, errToken)...); err != nil {
			t.Fatal(err)
		}
		return tariffs, tokens, events
	}
	ask()
	emit(t, db)
	if err := putOne(t, db, "T", 10); err != nil { // a tariff
		t.Fatal(err)
	}
	db.memory.mu.Lock()
	now, _ := db.watch.now()
	if db.memory.at != now || len(db.memory.partners) != 1 || len(db.memory.tokens) != 1 || len(db.memory.latest) != 3 {
		t.Errorf("remembered: %d partners, %d tokens, %d latest changes, of the present moment: %t", len(db.memory.partners), len(db.memory.tokens), len(db.memory.latest), db.memory.at == now)
	}
	db.memory.mu.Unlock()
	tariffs, tokens, events := ask()
	db.memory.forget(&now)
	if a, b, c := ask(); a != tariffs || b != tokens || c != events {
		t.Errorf("remembered: %d, %d, %d; stored: %d, %d, %d", tariffs, tokens, events, a, b, c)
	}
}

// A token that has changed is found as it is now, whoever has changed it.
func TestATokenIsFoundAsItIsNow(t *testing.T) {
	path := filepath.Join(t.TempDir(), "test.db")
	one, two := openTest(t, path), openTest(t, path)
	find := func(db *DB) string {
		o, err := db.Find(t.Context(), store.Selection{Module: ocpi.ModuleTokens, TokenType: "RFID"}, "A")
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			t.Fatal(err)
		}
		return string(o.Body)
	}
	for i := range 100 {
		writer := []*DB{one, two}[i%2]
		body := fmt.Sprintf(`{"n":%d}`, i)
		putToken(t, writer, tokenOf("A", body))
		emit(t, one)
		for range 2 {
			if a, b := find(one), find(two); a != body || b != body {
				t.Fatalf("found %s and %s, want %s", a, b, body)
			}
		}
		if i%10 == 9 {
			if err := writer.Write(t.Context(), func(tx store.Tx) error { return tx.Delete(tokenOf("A", "").Key) }); err != nil {
				t.Fatal(err)
			}
			if a, b := find(one), find(two); a != "" || b != "" {
				t.Fatalf("deleted, and found %s and %s", a, b)
			}
		}
	}
}

// Who is removed by another process is not let in any more, however much is written and asked at the same time.
func TestARemovedPartnerIsNotRememberedBesideWrites(t *testing.T) {
	path := filepath.Join(t.TempDir(), "test.db")
	one, two := openTest(t, path), openTest(t, path)
	done := make(chan struct{})
	var work sync.WaitGroup
	hash := func(i int) store.TokenHash { return store.TokenHash{byte(i), byte(i >> 8), 1} }
	for w := range 4 {
		work.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-done:
					return
				default:
				}
				if err := putOne(t, one, fmt.Sprint(w), 10+i%7); err != nil {
					t.Error(err)
					return
				}
				_, _ = one.PartnerByToken(t.Context(), hash(i%200))
			}
		})
	}
	for i := range 200 {
		if err := two.AddPartner(t.Context(), store.Partner{Partner: ocpi.Partner{ID: fmt.Sprint(i)}, Tokens: []store.Token{{Hash: hash(i)}}, Added: time.Unix(1, 0)}); err != nil {
			t.Fatal(err)
		}
		if got, err := one.PartnerByToken(t.Context(), hash(i)); err != nil || got.ID != fmt.Sprint(i) {
			t.Fatalf("%d: added, and found as %q, %v", i, got.ID, err)
		}
		if err := two.RemovePartner(t.Context(), fmt.Sprint(i)); err != nil {
			t.Fatal(err)
		}
		if _, err := one.PartnerByToken(t.Context(), hash(i)); !errors.Is(err, store.ErrNotFound) {
			t.Fatalf("%d: removed, and found: %v", i, err)
		}
	}
	close(done)
	work.Wait()
}
