package sqlite

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ncruces/go-sqlite3"

	"github.com/roamwire/roamwire/node/store"
	"github.com/roamwire/roamwire/ocpi"
)

// raw opens a file without looking at what is in it.
func raw(t *testing.T, path string) *conn {
	t.Helper()
	c, err := openConn(t.Context(), path, Options{}.withDefaults(), sqlite3.OPEN_READWRITE|sqlite3.OPEN_CREATE, "")
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func execute(t *testing.T, path, sql string) {
	t.Helper()
	c := raw(t, path)
	if err := errors.Join(c.Exec(sql), c.close()); err != nil {
		t.Fatal(err)
	}
}

func openTest(t *testing.T, path string) *DB {
	t.Helper()
	db, err := Open(t.Context(), path, Options{Readers: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

func TestCountingAWindowGivesTheSameFromInsideAndOutside(t *testing.T) {
	db := openTest(t, filepath.Join(t.TempDir(), "node.db"))
	const objects = 5000
	start := time.Unix(0, 0)
	err := db.Write(t.Context(), func(tx store.Tx) error {
		for i := range objects {
			o := store.Object{Key: store.Key{Module: ocpi.ModuleTariffs, ID: fmt.Sprint(i)}, LastUpdated: start.Add(time.Duration(i) * time.Second)}
			if _, err := tx.Put(o); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, span := range [][2]int{{0, objects}, {0, 2500}, {2500, objects}, {1, 999}, {1, 1001}, {10, objects - 10}, {1200, 3800}, {4500, 400}} {
		q := ocpi.Query{Limit: objects, DateFrom: start.Add(time.Duration(span[0]) * time.Second), DateTo: start.Add(time.Duration(span[1]) * time.Second)}
		page, err := db.List(t.Context(), store.Selection{Module: ocpi.ModuleTariffs}, q)
		if want := max(span[1]-span[0], 0); err != nil || page.Total != want || len(page.Objects) != want {
			t.Errorf("%v: total %d, %d objects, error %v; want %d", span, page.Total, len(page.Objects), err, want)
		}
	}
}

func TestAWriteThatWaitsTooLongForAnotherProcessSaysSo(t *testing.T) {
	path := filepath.Join(t.TempDir(), "node.db")
	db, err := Open(t.Context(), path, Options{BusyTimeout: 50 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	other := raw(t, path)
	defer other.close()
	if err := other.Exec(`BEGIN IMMEDIATE`); err != nil {
		t.Fatal(err)
	}
	if err := putOne(t, db, "a", 10); err == nil || !strings.Contains(err.Error(), "another process is writing") {
		t.Errorf("error %v", err)
	}
	if err := other.Exec(`ROLLBACK`); err != nil {
		t.Fatal(err)
	}
	if err := putOne(t, db, "a", 10); err != nil {
		t.Errorf("after the other process has finished: %v", err)
	}
}

func TestAFullDiskFailsTheWriteAndNothingElse(t *testing.T) {
	path := filepath.Join(t.TempDir(), "node.db")
	db := openTest(t, path)
	if err := putOne(t, db, "a", 10); err != nil {
		t.Fatal(err)
	}
	limitPages(t, db, `PRAGMA max_page_count = 40`)
	if err := putOne(t, db, "b", 1<<20); err == nil || !strings.Contains(err.Error(), "the disk is full") {
		t.Errorf("error %v", err)
	}
	if _, err := db.Object(t.Context(), tariffKey("a")); err != nil {
		t.Errorf("what was there before: %v", err)
	}
	if _, err := db.Object(t.Context(), tariffKey("b")); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("what did not fit: %v", err)
	}
	limitPages(t, db, `PRAGMA max_page_count = 1000000`)
	if err := putOne(t, db, "b", 1<<20); err != nil {
		t.Errorf("when there is room again: %v", err)
	}
}

func limitPages(t *testing.T, db *DB, pragma string) {
	t.Helper()
	var limitErr error
	// The writer's connection may be used in its goroutine only.
	err := db.writer.do(t.Context(), func(tx *tx) error {
		limitErr = tx.conn.query(func(*sqlite3.Stmt) {}, pragma)
		return nil
	})
	if err := errors.Join(err, limitErr); err != nil {
		t.Fatal(err)
	}
}

func tariffKey(id string) store.Key { return store.Key{Module: ocpi.ModuleTariffs, ID: id} }

func putOne(t *testing.T, db *DB, id string, size int) error {
	return db.Write(t.Context(), func(tx store.Tx) error {
		_, err := tx.Put(store.Object{Key: tariffKey(id), Body: make([]byte, size)})
		return err
	})
}

// What one write has made and was undone is not there for those that share its transaction: a party's first object, and the
// first of a version.
func TestAWriteThatFailsLeavesNothingToTheNext(t *testing.T) {
	path := filepath.Join(t.TempDir(), "node.db")
	db := openTest(t, path)
	c, err := openWriter(t.Context(), path, Options{}.withDefaults())
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	put := func(id string, failure error) *job {
		return &job{done: make(chan struct{}), fn: func(tx *tx) error {
			_, err := tx.Put(store.Object{
				Key:  store.Key{Module: ocpi.ModuleLocations, Party: ocpi.NewParty("NL", "ABC"), ID: id},
				Body: []byte(`{}`), Renditions: map[ocpi.Version][]byte{ocpi.V211: []byte(`{"id":"` + id + `"}`)},
			})
			return errors.Join(err, failure)
		}}
	}
	failure := errors.New("changed its mind")
	batch := []*job{put("L1", failure), put("L2", nil), put("L3", failure), put("L4", nil)}
	(&writer{conn: c, watch: &watch{}, memory: &memory{}}).commit(batch)
	for i, j := range batch {
		if want := []error{failure, nil, failure, nil}[i]; !errors.Is(j.err, want) || want == nil && j.err != nil {
			t.Errorf("job %d: %v", i+1, j.err)
		}
	}
	page, err := db.ListRenditions(t.Context(), store.Selection{Module: ocpi.ModuleLocations}, ocpi.Query{}, ocpi.V211)
	if err != nil || page.Total != 2 {
		t.Fatal(page.Total, err)
	}
	for i, o := range page.Objects {
		if want := []string{`{"id":"L2"}`, `{"id":"L4"}`}[i]; string(o.Rendition) != want {
			t.Errorf("object %d: %s, want %s", i+1, o.Rendition, want)
		}
	}
}
