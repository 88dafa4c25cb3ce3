package sqlite_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/roamwire/roamwire/node/store"
	"github.com/roamwire/roamwire/node/store/sqlite"
	"github.com/roamwire/roamwire/ocpi"
)

const (
	benchLocations = 100_000
	pageLimit      = 50
)

var (
	benchParty = ocpi.NewParty("DE", "ROA")
	benchStart = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	locations  = store.Selection{Module: ocpi.ModuleLocations}
)

// BenchmarkStore measures one file with 100,000 locations of 2.5 kB, each with a rendition of 2.5 kB, one a minute
// last updated. It reports pages/s, updates/s and the like beside the usual figures.
func BenchmarkStore(b *testing.B) {
	path := filepath.Join(b.TempDir(), "node.db")
	db := openAt(b, path)
	fillBench(b, db)

	b.Run("page/first", func(b *testing.B) { benchPage(b, db, ocpi.Query{}) })
	b.Run("page/last by cursor", func(b *testing.B) { benchPage(b, db, ocpi.Query{Cursor: lastCursor(b, db)}) })
	b.Run("page/last by offset", func(b *testing.B) { benchPage(b, db, ocpi.Query{Offset: benchLocations - pageLimit}) })
	b.Run("page/window of an hour", func(b *testing.B) {
		from := benchStart.Add(benchLocations / 2 * time.Minute)
		benchPage(b, db, ocpi.Query{DateFrom: from, DateTo: from.Add(time.Hour)})
	})
	b.Run("page/window of everything", func(b *testing.B) { benchPage(b, db, ocpi.Query{DateFrom: benchStart}) })
	b.Run("page/window of the newer half", func(b *testing.B) {
		benchPage(b, db, ocpi.Query{DateFrom: benchStart.Add(benchLocations / 2 * time.Minute)})
	})
	b.Run("pages anywhere/in parallel", func(b *testing.B) { benchPages(b, db) })
	b.Run("object/in parallel", func(b *testing.B) { benchObject(b, db) })
	b.Run("partner by token/in parallel", func(b *testing.B) { benchPartner(b, db) })
	for _, callers := range []int{1, 2, 64} {
		b.Run(fmt.Sprintf("update/%d callers", callers), func(b *testing.B) { benchUpdate(b, db, callers) })
	}
	b.Run("update/64 callers beside pages", func(b *testing.B) { benchMixed(b, db) })
	b.Run("open", func(b *testing.B) { benchOpen(b, path) })
	b.Logf("resident: %d MB, log: %d MB", resident(b)>>20, fileSize(path+"-wal")>>20)
}

func benchKey(i int) store.Key {
	return store.Key{Module: ocpi.ModuleLocations, Party: benchParty, ID: fmt.Sprintf("LOC%08d", i)}
}

func benchLocation(i int) store.Object {
	json := fmt.Appendf(nil, `{"id":"LOC%08d","filler":%q}`, i, strings.Repeat(fmt.Sprint(i, " "), 2440/len(fmt.Sprint(i, " "))))
	return store.Object{
		Key:         benchKey(i),
		LastUpdated: benchStart.Add(time.Duration(i) * time.Minute),
		Body:        json,
		Renditions:  map[ocpi.Version][]byte{ocpi.V211: json},
	}
}

func fillBench(b *testing.B, db *sqlite.DB) {
	b.Helper()
	start := time.Now()
	for i := 0; i < benchLocations; i += 1000 {
		err := db.Write(b.Context(), func(tx store.Tx) error {
			for j := range 1000 {
				if _, err := tx.Put(benchLocation(i + j)); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	b.Logf("%d locations written in %v", benchLocations, time.Since(start).Round(time.Millisecond))
}

func readPage(b *testing.B, db *sqlite.DB, q ocpi.Query) store.Page {
	q.Limit = pageLimit
	page, err := db.ListRenditions(b.Context(), locations, q, ocpi.V211)
	if err != nil || len(page.Objects) != pageLimit || page.Objects[0].Rendition == nil {
		b.Errorf("%+v: %d objects, error %v", q, len(page.Objects), err)
	}
	return page
}

func lastCursor(b *testing.B, db *sqlite.DB) string {
	b.Helper()
	return readPage(b, db, ocpi.Query{Offset: benchLocations - 2*pageLimit}).Next
}

func benchPage(b *testing.B, db *sqlite.DB, q ocpi.Query) {
	b.ReportAllocs()
	for b.Loop() {
		readPage(b, db, q)
	}
	report(b, "pages/s")
}

func benchPages(b *testing.B, db *sqlite.DB) {
	cursors := []string{""}
	for offset := 0; offset < benchLocations-2*pageLimit; offset += benchLocations / 100 {
		cursors = append(cursors, readPage(b, db, ocpi.Query{Offset: offset}).Next)
	}
	b.ReportAllocs()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			readPage(b, db, ocpi.Query{Cursor: cursors[rand.IntN(len(cursors))]})
		}
	})
	report(b, "pages/s")
}

func benchObject(b *testing.B, db *sqlite.DB) {
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := db.Object(b.Context(), benchKey(rand.IntN(benchLocations))); err != nil {
				b.Error(err)
			}
		}
	})
	report(b, "objects/s")
}

func benchPartner(b *testing.B, db *sqlite.DB) {
	p := store.Partner{Tokens: []store.Token{{Hash: sha256.Sum256([]byte(b.Name()))}}}
	p.ID = "partner"
	p.Roles = []ocpi.PartyRole{{Role: ocpi.RoleEMSP, Party: benchParty}}
	if err := db.AddPartner(b.Context(), p); err != nil {
		b.Fatal(err)
	}
	defer db.RemovePartner(b.Context(), p.ID)
	b.ReportAllocs()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := db.PartnerByToken(b.Context(), p.Tokens[0].Hash); err != nil {
				b.Error(err)
			}
		}
	})
	report(b, "partners/s")
}

// update changes one object as a PATCH does: read, change, write with a new rendition.
func update(ctx context.Context, db *sqlite.DB, i int, at time.Time) error {
	return db.Write(ctx, func(tx store.Tx) error {
		o, err := tx.Object(benchKey(i))
		if err != nil {
			return err
		}
		o.LastUpdated = at
		o.Renditions = map[ocpi.Version][]byte{ocpi.V211: o.Body}
		_, err = tx.Put(o)
		return err
	})
}

func benchUpdate(b *testing.B, db *sqlite.DB, callers int) {
	var done atomic.Int64
	took := make([]time.Duration, b.N)
	b.ReportAllocs()
	b.ResetTimer()
	finished := make(chan error)
	for range callers {
		go func() {
			for {
				n := done.Add(1)
				if n > int64(b.N) {
					break
				}
				start := time.Now()
				if err := update(b.Context(), db, rand.IntN(benchLocations), start); err != nil {
					finished <- err
					return
				}
				took[n-1] = time.Since(start)
			}
			finished <- nil
		}()
	}
	for range callers {
		if err := <-finished; err != nil {
			b.Error(err)
		}
	}
	report(b, "updates/s")
	slices.Sort(took)
	b.ReportMetric(took[b.N*99/100].Seconds()*1e3, "ms-p99")
	b.ReportMetric(took[b.N-1].Seconds()*1e3, "ms-worst")
}

// benchMixed counts updates while two goroutines read pages all the time.
func benchMixed(b *testing.B, db *sqlite.DB) {
	ctx, cancel := context.WithCancel(b.Context())
	var pages atomic.Int64
	stopped := make(chan struct{})
	for range 2 {
		go func() {
			for ctx.Err() == nil {
				readPage(b, db, ocpi.Query{Offset: rand.IntN(benchLocations / 10)})
				pages.Add(1)
			}
			stopped <- struct{}{}
		}()
	}
	benchUpdate(b, db, 64)
	b.ReportMetric(float64(pages.Load())/b.Elapsed().Seconds(), "pages/s")
	cancel()
	<-stopped
	<-stopped
}

func benchOpen(b *testing.B, path string) {
	for b.Loop() {
		db, err := sqlite.Open(b.Context(), path, sqlite.Options{})
		if err != nil {
			b.Fatal(err)
		}
		readPage(b, db, ocpi.Query{})
		if err := db.Close(); err != nil {
			b.Fatal(err)
		}
	}
}

func report(b *testing.B, unit string) {
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), unit)
}

// resident is the memory of this process in bytes; 0 where it cannot be known.
func resident(b *testing.B) int {
	b.Helper()
	statm, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	var size, pages int
	if _, err := fmt.Sscan(string(statm), &size, &pages); err != nil {
		return 0
	}
	return pages * os.Getpagesize()
}

func fileSize(path string) int64 {
	info, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return info.Size()
}
