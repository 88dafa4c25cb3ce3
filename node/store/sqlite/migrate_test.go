package sqlite

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/roamwire/roamwire/node/store"
	"github.com/roamwire/roamwire/ocpi"
)

// oldFile makes a file as it was after so many migrations.
func oldFile(t *testing.T, formats int) (path string, c *conn) {
	t.Helper()
	entries, err := fs.ReadDir(migrations(), ".")
	if err != nil {
		t.Fatal(err)
	}
	files := fstest.MapFS{}
	for _, e := range entries[:formats] {
		text, err := fs.ReadFile(migrations(), e.Name())
		if err != nil {
			t.Fatal(err)
		}
		files[e.Name()] = &fstest.MapFile{Data: text}
	}
	path = filepath.Join(t.TempDir(), "old.db")
	if c, err = openWriter(t.Context(), path, Options{}.withDefaults()); err != nil {
		t.Fatal(err)
	}
	if err := migrate(t.Context(), c, path, files); err != nil {
		t.Fatal(err)
	}
	return path, c
}

// The objects of a file from before there was a feed are in the feed, each as a whole, and change as all others do.
// Of those with a time of ours it is kept that the partner has given none.
func TestObjectsOfFormerFormatsAreInTheFeed(t *testing.T) {
	for formats := 1; formats <= 4; formats++ {
		t.Run(fmt.Sprint("format ", formats), func(t *testing.T) {
			path, c := oldFile(t, formats)
			fill := []string{
				`INSERT INTO collection (id, module, source, country_code, party_id) VALUES (1, 'locations', '', 'NL', 'ABC')`,
				`INSERT INTO object (created, collection, id, id_key, token_type, audience, change, last_updated) VALUES (1, 1, 'L1', 'L1', '', '', 1, 1000000), (2, 1, 'L2', 'L2', '', '', 3, 2000000)`,
				`INSERT INTO content (id, json) VALUES (1, CAST('{"id":"L1"}' AS BLOB)), (2, CAST('{"id":"L2"}' AS BLOB))`,
				`UPDATE sequence SET value = 3 WHERE name = 'change'`,
			}
			wantTimes := ""
			if formats >= 3 { // which know when an object has changed as a whole, and whether its time is one of ours
				fill = append(fill, `UPDATE object SET whole = change`, `UPDATE object SET stamped = 1 WHERE created = 2`)
				wantTimes = `{"":"0001-01-01T00:00:00Z"}`
			}
			for _, sql := range fill {
				if err := c.run(sql); err != nil {
					t.Fatal(err)
				}
			}
			if err := c.close(); err != nil {
				t.Fatal(err)
			}
			db := openTest(t, path)
			selection := store.Selection{Module: ocpi.ModuleLocations}
			got := func(after int64) (texts []string) {
				feed, err := db.Changes(t.Context(), selection, after, 1)
				if err != nil {
					t.Fatal(err)
				}
				for _, c := range feed.Changes {
					texts = append(texts, fmt.Sprintf("%s %s %v", c.ID, c.Body, c.Parts))
				}
				return texts
			}
			objects, err := db.Index(t.Context(), selection, 0, 9)
			if err != nil || len(objects) != 2 || len(objects[0].Times) > 0 || string(objects[1].Times) != wantTimes {
				t.Errorf("the partner's times: %+v %v", objects, err)
			}
			for after, want := range map[int64]string{0: `L1 {"id":"L1"} []`, 1: `L2 {"id":"L2"} []`} {
				if diff := cmp.Diff([]string{want}, got(after)); diff != "" {
					t.Errorf("after %d: %s", after, diff)
				}
			}
			key := store.Key{Module: ocpi.ModuleLocations, Party: ocpi.NewParty("NL", "ABC"), ID: "L1"}
			err = db.Write(t.Context(), func(tx store.Tx) error {
				_, err := tx.Put(store.Object{Key: key, Body: []byte(`{"id":"L1"}`), Touched: []store.Part{{EVSE: "E"}}})
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]string{`L1 {"id":"L1"} [{E  false}]`}, got(3)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// A file from before there were registrations opens with its partners, who are called by the tokens they had.
func TestPartnersOfTheFirstFormatStay(t *testing.T) {
	path, c := oldFile(t, 1)
	hash := store.TokenHash{1, 2, 3}
	err := c.run(`INSERT INTO partner (name, token, roles, serves, version, added) VALUES ('p', ?1, '[{"role":"EMSP","country_code":"NL","party_id":"ABC"}]', '[]', '2.1.1', 1000000)`, hash[:])
	if err = errors.Join(err, c.close()); err != nil {
		t.Fatal(err)
	}
	db, err := Open(t.Context(), path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	added := time.Unix(1, 0).UTC()
	want := store.Partner{
		Partner:  ocpi.Partner{ID: "p", Version: ocpi.V211, Roles: []ocpi.PartyRole{{Role: ocpi.RoleEMSP, Party: ocpi.NewParty("NL", "ABC")}}},
		Tokens:   []store.Token{{Hash: hash, Status: "current", Used: added}},
		Relation: []byte{}, Added: added,
	}
	got, err := db.PartnerByToken(t.Context(), hash)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Error(diff)
	}
}

// What was for nobody, because there was 2.1.1 alone, is for whom it is meant, except in 2.1.1.
func TestWhatWasForNobodyIsWithheldFrom211Alone(t *testing.T) {
	path, c := oldFile(t, 8)
	for _, sql := range []string{
		`INSERT INTO collection (id, module, source, country_code, party_id) VALUES (1, 'locations', '', 'NL', 'ABC'), (2, 'cdrs', '', 'NL', 'ABC')`,
		`INSERT INTO object (created, collection, id, id_key, token_type, audience, change, last_updated) VALUES
			(1, 1, 'L1', 'L1', '', '-/-', 1, 1), (2, 1, 'L2', 'L2', '', '', 2, 2),
			(3, 2, 'C1', 'c1', '', '-/-', 3, 3), (4, 2, 'C2', 'c2', '', '-/-', 4, 4), (5, 2, 'C3', 'c3', '', 'DE/MSP', 5, 5)`,
		`INSERT INTO content (id, json) VALUES (1, CAST('{"publish":false}' AS BLOB)), (2, CAST('{}' AS BLOB)),
			(3, CAST('{"cdr_token":{"country_code":"de","party_id":"msp"}}' AS BLOB)), (4, CAST('{"cdr_token":{}}' AS BLOB)), (5, CAST('{}' AS BLOB))`,
		`UPDATE sequence SET value = 5 WHERE name = 'change'`,
	} {
		if err := c.run(sql); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.close(); err != nil {
		t.Fatal(err)
	}
	db := openTest(t, path)
	for module, want := range map[ocpi.ModuleID]map[ocpi.Version]string{
		ocpi.ModuleLocations: {ocpi.V211: "[L2] of 1", ocpi.V230: "[L1 L2] of 2"},
		ocpi.ModuleCDRs:      {ocpi.V211: "[C3] of 1", ocpi.V230: "[C1 C2 C3] of 3"},
	} {
		for version, want := range want {
			page, err := db.List(t.Context(), store.Selection{Module: module, Audience: []ocpi.Party{ocpi.NewParty("DE", "MSP")}, Version: version}, ocpi.Query{Limit: 9})
			if err != nil {
				t.Fatal(err)
			}
			var ids []string
			for _, o := range page.Objects {
				ids = append(ids, o.ID)
			}
			if got := fmt.Sprintf("%v of %d", ids, page.Total); got != want {
				t.Errorf("%s in %s: %s, want %s", module, version, got, want)
			}
		}
	}
	stranger, err := db.List(t.Context(), store.Selection{Module: ocpi.ModuleCDRs, Version: ocpi.V230}, ocpi.Query{Limit: 9})
	if err != nil || stranger.Total != 1 { // the CDR of whom nobody knows the eMSP
		t.Errorf("a stranger sees %d CDRs: %v", stranger.Total, err)
	}
}

// Requirement DT-31: what was stored while ids compared with case is all there, and is found in any case where that is asked for.
func TestObjectsOfFormerFormatsAreFoundInAnyCase(t *testing.T) {
	path, c := oldFile(t, 9)
	for _, sql := range []string{
		`INSERT INTO collection (id, module, source, country_code, party_id) VALUES (1, 'tariffs', 'p', 'NL', 'ABC'), (2, 'cdrs', 'p', 'NL', 'ABC')`,
		`INSERT INTO object (created, collection, id, id_key, token_type, audience, change, whole, last_updated) VALUES
			(1, 1, 'T1', 'T1', '', '', 1, 1, 1), (2, 1, 't1', 't1', '', '', 2, 2, 2), (3, 1, 'TÄ', 'TÄ', '', '', 3, 3, 3), (4, 2, 'C1', 'c1', '', '', 4, 4, 4)`,
		`INSERT INTO content (id, json) VALUES (1, x'31'), (2, x'32'), (3, x'33'), (4, x'34')`,
		`INSERT INTO removed (collection, id_key, token_type, id, audience, created, change, changed, last_updated) VALUES
			(1, 'G1', '', 'G1', '', 8, 5, 5, 5), (1, 'g1', '', 'g1', '', 9, 6, 6, 6)`,
		`UPDATE sequence SET value = 6 WHERE name = 'change'`,
	} {
		if err := c.run(sql); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.close(); err != nil {
		t.Fatal(err)
	}
	db := openTest(t, path)
	for asked, want := range map[string]string{
		"tariffs T1": "T1 1", "tariffs t1": "t1 2", "tariffs tÄ": "TÄ 3", "cdrs c1": "C1 4", "tariffs G1": "G1 removed 5", "tariffs g1": "g1 removed 6",
	} {
		module, id, _ := strings.Cut(asked, " ")
		key := store.Key{Module: ocpi.ModuleID(module), Source: "p", Party: ocpi.NewParty("NL", "ABC"), ID: id, AnyCase: true}
		got, err := db.ChangeOf(t.Context(), key, 0)
		if err != nil {
			t.Fatal(asked, err)
		}
		text := fmt.Sprintf("%s %s", got.ID, got.Body)
		if got.Removed {
			text = fmt.Sprintf("%s removed %d", got.ID, got.Change)
		}
		if text != want {
			t.Errorf("%s is %s, want %s", asked, text, want)
		}
	}
	feed, err := db.Changes(t.Context(), store.Selection{Module: ocpi.ModuleTariffs, Source: "p"}, 0, 9)
	if err != nil || len(feed.Changes) != 5 {
		t.Errorf("%d changes, want 5: %v", len(feed.Changes), err)
	}
}

func TestANewerFileIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "node.db")
	if err := openTest(t, path).Close(); err != nil {
		t.Fatal(err)
	}
	execute(t, path, `INSERT INTO schema_version (version_id, is_applied) VALUES (97, 1)`)
	_, err := Open(t.Context(), path, Options{})
	if !errors.Is(err, store.ErrNewerFormat) {
		t.Fatalf("error %v, want %v", err, store.ErrNewerFormat)
	}
	newest, _ := newestFormat(migrations())
	for _, part := range []string{path, "format 97", fmt.Sprintf("up to %d", newest), "restore a backup"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("error %q does not say %q", err, part)
		}
	}
}

func TestTheDatabaseOfAnotherProgramIsRefused(t *testing.T) {
	for name, sql := range map[string]string{
		"by its tables": `CREATE TABLE theirs (x)`,
		"by its mark":   `PRAGMA application_id = 7`,
	} {
		path := filepath.Join(t.TempDir(), name)
		execute(t, path, sql)
		if _, err := Open(t.Context(), path, Options{}); !errors.Is(err, errForeign) {
			t.Errorf("%s: error %v, want %v", name, err, errForeign)
		}
	}
}

func TestAMigrationFromEmptyReachesTheNewestFormat(t *testing.T) {
	path := filepath.Join(t.TempDir(), "node.db")
	openTest(t, path).Close()
	newest, err := newestFormat(migrations())
	if err != nil {
		t.Fatal(err)
	}
	c := raw(t, path)
	defer c.close()
	if format, err := c.format(); format != newest || err != nil {
		t.Errorf("format %d, error %v; want %d", format, err, newest)
	}
	if size, _, _ := c.number(`PRAGMA page_size`); size != pageSize {
		t.Errorf("page size %d, want %d", size, pageSize)
	}
}

func TestALaterMigrationKeepsWhatIsThere(t *testing.T) {
	path := filepath.Join(t.TempDir(), "node.db")
	db := openTest(t, path)
	if err := db.AddPartner(t.Context(), store.Partner{Partner: ocpi.Partner{ID: "partner"}}); err != nil {
		t.Fatal(err)
	}
	db.Close()
	files := fstest.MapFS{"9000_later.sql": {Data: []byte("-- +goose Up\nALTER TABLE partner ADD COLUMN note TEXT;\n")}}
	maps.Copy(files, all(t))
	c := raw(t, path)
	defer c.close()
	if err := migrate(t.Context(), c, path, files); err != nil {
		t.Fatal(err)
	}
	if n, _, err := c.number(`SELECT count(*) FROM partner WHERE note IS NULL`); n != 1 || err != nil {
		t.Errorf("%d partners, error %v", n, err)
	}
	if format, err := c.format(); format != 9000 || err != nil {
		t.Errorf("format %d, error %v", format, err)
	}
}

func TestAMigrationThatFailsLeavesTheFileAsItWas(t *testing.T) {
	path := filepath.Join(t.TempDir(), "node.db")
	openTest(t, path).Close()
	files := fstest.MapFS{"9000_later.sql": {Data: []byte("-- +goose Up\nALTER TABLE partner ADD COLUMN note TEXT;\nnonsense;\n")}}
	maps.Copy(files, all(t))
	c := raw(t, path)
	defer c.close()
	if err := migrate(t.Context(), c, path, files); err == nil {
		t.Error("no error")
	}
	if n, _, err := c.number(`SELECT count(*) FROM pragma_table_info('partner') WHERE name = 'note'`); n != 0 || err != nil {
		t.Errorf("%d columns of the failed migration, error %v", n, err)
	}
	openTest(t, path)
}

// all returns the migrations as they are.
func all(t *testing.T) fstest.MapFS {
	t.Helper()
	files := fstest.MapFS{}
	entries, err := migrationFiles.ReadDir("migrations")
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		data, err := migrationFiles.ReadFile("migrations/" + entry.Name())
		if err != nil {
			t.Fatal(err)
		}
		files[entry.Name()] = &fstest.MapFile{Data: data}
	}
	return files
}
