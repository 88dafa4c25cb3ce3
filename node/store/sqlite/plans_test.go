package sqlite

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/roamwire/roamwire/node/store"
	"github.com/roamwire/roamwire/ocpi"
)

// A statement that reads a whole table would be fast in every test and slow in every node.
func TestNoStatementReadsAWholeTable(t *testing.T) {
	db := openTest(t, filepath.Join(t.TempDir(), "node.db"))
	useEverything(t, db)
	small := []string{"SCAN form", "SCAN n VIRTUAL TABLE", "SCAN sqlite_master", "SCAN sqlite_schema", "SCAN schema_version", "SCAN partner USING INDEX", "CO-ROUTINE", "SCAN (subquery"}
	checked := 0
	for _, c := range []*conn{db.writer.conn, <-db.readers.idle} {
		for sql := range c.statements {
			if strings.HasPrefix(sql, "PRAGMA") {
				continue
			}
			checked++
			for _, step := range plan(t, c, sql) {
				if !strings.HasPrefix(step, "SCAN ") {
					continue
				}
				if !hasPrefix(step, small) {
					t.Errorf("%s\n%s", step, sql)
				}
			}
		}
		if c != db.writer.conn {
			db.readers.idle <- c
		}
	}
	if checked < 20 {
		t.Errorf("only %d statements were checked", checked)
	}
}

func hasPrefix(s string, prefixes []string) bool {
	for _, p := range prefixes {
		if strings.HasPrefix(s, p) {
			return true
		}
	}
	return false
}

func plan(t *testing.T, c *conn, sql string) (steps []string) {
	t.Helper()
	s, _, err := c.Prepare("EXPLAIN QUERY PLAN " + sql)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for s.Step() {
		steps = append(steps, s.ColumnText(3))
	}
	return steps
}

// useEverything brings every statement into use.
func useEverything(t *testing.T, db *DB) {
	t.Helper()
	noon := time.Date(2026, 11, 5, 12, 0, 0, 0, time.UTC)
	token := store.Object{Key: store.Key{Module: ocpi.ModuleTokens, ID: "1", TokenType: "RFID"}, LastUpdated: noon}
	token.Renditions = map[ocpi.Version][]byte{ocpi.V211: nil}
	second := token
	second.ID, second.Renditions, second.LastUpdated = "2", nil, noon.Add(time.Hour)
	anyType := token.Key
	anyType.TokenType = ""
	ctx, tokens := t.Context(), store.Selection{Module: ocpi.ModuleTokens}
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Error(err)
		}
	}
	check(db.Write(ctx, func(tx store.Tx) error {
		_, err1 := tx.Put(token)
		_, err2 := tx.Put(second)
		_, err3 := tx.Put(second)
		_, err4 := tx.Object(token.Key)
		third := second
		third.ID = "3"
		_, err5 := tx.Put(third)
		return errors.Join(err1, err2, err3, err4, err5, tx.Delete(third.Key))
	}))
	if err := db.Write(ctx, func(store.Tx) error { return context.Canceled }); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	p := store.Partner{Partner: ocpi.Partner{ID: "partner"}, Tokens: []store.Token{{Hash: store.TokenHash{1}}}}
	check(db.AddPartner(ctx, p))
	_, err := db.Object(ctx, token.Key)
	check(err)
	_, err = db.Object(ctx, anyType)
	check(err)
	_, err = db.Find(ctx, tokens, "1")
	check(err)
	for _, q := range []ocpi.Query{{Limit: 9}, {Limit: 9, DateFrom: noon}, {Limit: 9, DateTo: noon.Add(time.Minute), DateFrom: noon}} {
		_, err = db.List(ctx, tokens, q)
		check(err)
		_, err = db.ListRenditions(ctx, tokens, q, ocpi.V211)
		check(err)
	}
	_, err = db.Partners(ctx)
	check(err)
	_, err = db.PartnerByToken(ctx, p.Tokens[0].Hash)
	check(err)
	useRenditions(t, db, check)
	useFeed(t, db, check)
	useMoves(t, db, check)
	useChecks(t, db, check)
	check(db.RemovePartner(ctx, "partner"))
}

func useFeed(t *testing.T, db *DB, check func(error)) {
	t.Helper()
	ctx, locations := t.Context(), store.Selection{Module: ocpi.ModuleLocations}
	location := store.Object{Key: store.Key{Module: ocpi.ModuleLocations, ID: "1"}}
	gone := store.Object{Key: store.Key{Module: ocpi.ModuleLocations, ID: "2"}}
	check(db.Write(ctx, func(tx store.Tx) error {
		_, err1 := tx.Put(location)
		location.Touched = []store.Part{{EVSE: "1", Status: true}, {EVSE: "2"}}
		_, err2 := tx.Put(location)
		_, err3 := tx.Change(location.Key)
		_, err4 := tx.Put(gone)
		return errors.Join(err1, err2, err3, err4, tx.Delete(gone.Key))
	}))
	_, err := db.Changes(ctx, locations, 0, 9)
	check(err)
	changed, err := db.ChangeOf(ctx, location.Key, 0)
	check(err)
	_, err = db.Changes(ctx, locations, changed.Change-1, 9)
	check(err)
	_, err = db.ChangeOf(ctx, gone.Key, 0)
	check(err)
	_, err = db.Backlog(ctx, locations, 0)
	check(err)
	_, err = db.Index(ctx, locations, 0, 9)
	check(err)
	_, err = db.LatestChange(ctx, ocpi.ModuleLocations, "")
	check(err)
}

func useChecks(t *testing.T, db *DB, check func(error)) {
	t.Helper()
	ctx, now := t.Context(), time.Now()
	key := store.Key{Module: ocpi.ModuleCDRs, Source: "partner", ID: "C"}
	tariff := store.Key{Module: ocpi.ModuleTariffs, Source: "partner", ID: "T"}
	check(db.Write(ctx, func(tx store.Tx) error {
		_, err := tx.Put(store.Object{Key: key, LastUpdated: now})
		if err == nil {
			_, err = tx.Put(store.Object{Key: tariff, LastUpdated: now})
		}
		return err
	}))
	_, err := db.TariffStates(ctx, tariff)
	check(err)
	_, err = db.TrimTariffStates(ctx, now, 1)
	check(err)
	_, err = db.LatestCDR(ctx)
	check(err)
	cdrs, err := db.Unchecked(ctx, "1", 0, 1)
	check(err)
	checked := store.CDRCheck{Key: key, Created: cdrs[0].Created, Change: cdrs[0].Change, Report: []byte("{}")}
	check(db.SaveChecks(ctx, []store.NewCheck{{CDRCheck: checked, Event: &store.Event{Data: []byte("{}")}}}))
	_, err = db.CountUnchecked(ctx, "1")
	check(err)
	for _, verdicts := range [][]string{nil, {"agrees"}, {"agrees", "differs"}} {
		_, err = db.CountChecks(ctx, store.CheckFilter{Verdicts: verdicts})
		check(err)
		_, err = db.CheckedCDRs(ctx, store.CheckFilter{Verdicts: verdicts}, 0, 1)
		check(err)
		_, err = db.Checks(ctx, store.CheckFilter{Verdicts: verdicts}, 0, 1)
		check(err)
	}
}

func useMoves(t *testing.T, db *DB, check func(error)) {
	t.Helper()
	ctx, now := t.Context(), time.Now()
	key := store.Key{Module: ocpi.ModuleLocations, ID: "1"}
	d := store.Delivery{Partner: "p", Key: key, Held: true}
	check(db.SaveLane(ctx, store.Lane{Partner: "p", Module: ocpi.ModuleLocations}, []store.Delivery{d}, nil))
	_, err := db.Lane(ctx, "p", ocpi.ModuleLocations)
	check(err)
	_, err = db.Delivery(ctx, "p", key)
	check(err)
	_, err = db.Held(ctx, "p", ocpi.ModuleLocations)
	check(err)
	check(db.SaveLane(ctx, store.Lane{Partner: "p", Module: ocpi.ModuleLocations}, nil, []store.Key{key}))
	check(db.RemoveLane(ctx, "p", ocpi.ModuleLocations))
	check(db.SavePull(ctx, store.Pull{Partner: "p", Module: ocpi.ModuleLocations}, store.Lease{}))
	_, err = db.Pull(ctx, "p", ocpi.ModuleLocations)
	check(err)
	gone := []store.Missing{{Key: key}}
	check(db.ChangeMissing(ctx, gone, gone, store.Lease{}))
	_, err = db.Missing(ctx, "p", ocpi.ModuleLocations)
	check(err)
	check(db.Lease(ctx, store.Lease{Name: "n", Holder: "h", Until: now}, now))
	check(db.Release(ctx, "n", "h"))
}

// useRenditions gives objects renditions, and takes them away.
func useRenditions(t *testing.T, db *DB, check func(error)) {
	t.Helper()
	check(db.Write(t.Context(), func(tx store.Tx) error { return tx.Keep(ocpi.V221) }))
	lacking, _, err := db.Unrendered(t.Context(), ocpi.ModuleTokens, []ocpi.Version{ocpi.V221}, 0, 9)
	check(err)
	if len(lacking) != 2 {
		t.Errorf("%d lack a rendition", len(lacking))
	}
	lacking[0].Renditions = map[ocpi.Version][]byte{ocpi.V221: []byte(`{}`)}
	check(db.Render(t.Context(), lacking))
	check(db.KeepOnly(t.Context(), []ocpi.Version{ocpi.V211}))
}

// Looking for CDRs that are not checked happens all the time, and over all of them: it neither sorts them nor begins at the first.
func TestLookingForUncheckedCDRsSortsNothing(t *testing.T) {
	db := openTest(t, filepath.Join(t.TempDir(), "node.db"))
	if _, err := db.Unchecked(t.Context(), "1", 1, 1); err != nil {
		t.Fatal(err)
	}
	c := <-db.readers.idle
	defer func() { db.readers.idle <- c }()
	looked := false
	for sql := range c.statements {
		if !strings.Contains(sql, "LEFT JOIN cdr_check") {
			continue
		}
		looked = true
		steps := plan(t, c, sql)
		if strings.Contains(strings.Join(steps, "\n"), "TEMP B-TREE") || !strings.HasPrefix(steps[0], "SEARCH o USING INTEGER PRIMARY KEY") {
			t.Errorf("%q", steps)
		}
	}
	if !looked {
		t.Error("no such statement")
	}
}
