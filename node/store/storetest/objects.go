package storetest

import (
	"bytes"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/roamwire/roamwire/node/store"
	"github.com/roamwire/roamwire/ocpi"
)

var objectTests = []test{
	{name: "an object comes back as it was written, without its renditions", run: func(t *testing.T, home Home) {
		o := location("L1")
		o.Source = "partner"
		o.Audience = msp
		o.LastUpdated = noon.Add(123456 * time.Microsecond)
		o.Renditions = map[ocpi.Version][]byte{ocpi.V211: []byte(`{"old":1}`)}
		put(t, home, o)
		got := get(t, home, o.Key)
		o.Renditions = nil
		equal(t, "object", got, o)
		if got.Created == 0 || got.Change == 0 {
			t.Errorf("Created %d, Change %d: want numbers", got.Created, got.Change)
		}
	}},
	{name: "an unknown object is not found", run: func(t *testing.T, home Home) {
		put(t, home, location("L1"))
		for _, key := range []store.Key{
			{Module: ocpi.ModuleLocations, Party: abc, ID: "L2"},
			{Module: ocpi.ModuleLocations, Party: xyz, ID: "L1"},
			{Module: ocpi.ModuleSessions, Party: abc, ID: "L1"},
			{Module: ocpi.ModuleLocations, Party: abc, ID: "L1", Source: "partner"},
			{Module: ocpi.ModuleTokens, Party: abc, ID: "L1"},
		} {
			_, err := home.Object(t.Context(), key)
			wantError(t, fmt.Sprintf("Object(%+v)", key), err, store.ErrNotFound)
		}
		_, err := home.Find(t.Context(), ownLocations, "L2")
		wantError(t, "Find", err, store.ErrNotFound)
	}},
	{name: "the same id from two partners is two objects", run: func(t *testing.T, home Home) {
		one, two, own := location("1012"), location("1012"), location("1012")
		one.Source, one.Body = "one", []byte(`"one"`)
		two.Source, two.Body = "two", []byte(`"two"`)
		put(t, home, one, two, own)
		equal(t, "from one", get(t, home, one.Key), one)
		equal(t, "from two", get(t, home, two.Key), two)
		equal(t, "our own", get(t, home, own.Key), own)
		equal(t, "list of one", list(t, home, store.Selection{Module: ocpi.ModuleLocations, Source: "one"}, ocpi.Query{Limit: 9}).Objects, []store.Object{one})
		equal(t, "list of our own", list(t, home, ownLocations, ocpi.Query{Limit: 9}).Objects, []store.Object{own})
	}},
	{name: "the same id under two parties is two objects", run: func(t *testing.T, home Home) {
		a, x := object(ocpi.ModuleLocations, abc, "1"), object(ocpi.ModuleLocations, xyz, "1")
		a.Body, x.Body = []byte(`"a"`), []byte(`"x"`)
		put(t, home, x, a)
		equal(t, "of ABC", get(t, home, a.Key), a)
		equal(t, "of XYZ", get(t, home, x.Key), x)
		found, err := home.Find(t.Context(), ownLocations, "1")
		equal(t, "the oldest is found", found, x)
		wantError(t, "Find", err, nil)
		found, err = home.Find(t.Context(), store.Selection{Module: ocpi.ModuleLocations, Parties: []ocpi.Party{abc}}, "1")
		equal(t, "the one of the selected party is found", found, a)
		wantError(t, "Find", err, nil)
	}},
	{name: "what is meant for another party is not found", run: func(t *testing.T, home Home) {
		o := object(ocpi.ModuleSessions, abc, "S1")
		o.Audience = msp
		put(t, home, o)
		_, err := home.Find(t.Context(), store.Selection{Module: ocpi.ModuleSessions}, "S1")
		wantError(t, "nobody asks", err, store.ErrNotFound)
		_, err = home.Find(t.Context(), store.Selection{Module: ocpi.ModuleSessions, Audience: []ocpi.Party{xyz}}, "S1")
		wantError(t, "another asks", err, store.ErrNotFound)
		found, err := home.Find(t.Context(), store.Selection{Module: ocpi.ModuleSessions, Audience: []ocpi.Party{xyz, msp}}, "S1")
		equal(t, "session", found, o)
		wantError(t, "the party itself asks", err, nil)
	}},
	{name: "CDR ids compare without case (CDR-17)", run: func(t *testing.T, home Home) {
		o := object(ocpi.ModuleCDRs, abc, "Cdr-Ä1")
		put(t, home, o)
		key := o.Key
		key.ID = "cDR-Ä1"
		equal(t, "CDR by another spelling", get(t, home, key), o)
		found, err := home.Find(t.Context(), store.Selection{Module: ocpi.ModuleCDRs}, "CDR-Ä1")
		equal(t, "found by another spelling", found, o)
		wantError(t, "Find", err, nil)

		o.ID = "CDR-Ä1"
		err = home.Write(t.Context(), func(tx store.Tx) error {
			created, err := tx.Put(o)
			if created {
				t.Error("another spelling made another CDR")
			}
			return err
		})
		wantError(t, "Write", err, nil)
		equal(t, "list", list(t, home, store.Selection{Module: ocpi.ModuleCDRs}, ocpi.Query{Limit: 9}).Objects, []store.Object{o})
	}},
	{name: "all other ids compare with case (TF-50)", run: func(t *testing.T, home Home) {
		for _, module := range []ocpi.ModuleID{ocpi.ModuleLocations, ocpi.ModuleSessions, ocpi.ModuleTariffs} {
			put(t, home, object(module, abc, "a"), object(module, abc, "A"))
			if got := list(t, home, store.Selection{Module: module}, ocpi.Query{Limit: 9}).Total; got != 2 {
				t.Errorf("%s: %d objects, want 2", module, got)
			}
		}
	}},
	{name: "a key of any case stands for the very id, or else for the oldest in another case (DT-31)", run: func(t *testing.T, home Home) {
		for _, module := range []ocpi.ModuleID{ocpi.ModuleLocations, ocpi.ModuleSessions, ocpi.ModuleTariffs, ocpi.ModuleTokens} {
			at := func(id string, anyCase bool) store.Key {
				key := object(module, abc, id).Key
				key.AnyCase = anyCase
				if module == ocpi.ModuleTokens {
					key.TokenType = "RFID"
				}
				return key
			}
			upper, lower := store.Object{Key: at("LOC1", false), Body: []byte(`1`)}, store.Object{Key: at("loc1", false), Body: []byte(`2`)}
			put(t, home, upper, lower)
			for id, want := range map[string]store.Object{"LOC1": upper, "loc1": lower, "Loc1": upper} {
				equal(t, "by "+id, get(t, home, at(id, true)), want)
				found, err := home.Find(t.Context(), store.Selection{Module: module, AnyCase: true}, id)
				equal(t, "found by "+id, found, want)
				wantError(t, "Find", err, nil)
				change, err := home.ChangeOf(t.Context(), at(id, true), 0)
				equal(t, "change by "+id, change.Object, want)
				wantError(t, "ChangeOf", err, nil)
			}
			_, err := home.Object(t.Context(), at("Loc1", false))
			wantError(t, "Object in one case", err, store.ErrNotFound)
			_, err = home.Find(t.Context(), store.Selection{Module: module}, "Loc1")
			wantError(t, "Find in one case", err, store.ErrNotFound)
			_, err = home.ChangeOf(t.Context(), at("Loc1", false), 0)
			wantError(t, "ChangeOf in one case", err, store.ErrNotFound)
			if module == ocpi.ModuleTokens {
				anyType := at("Loc1", true)
				anyType.TokenType = ""
				equal(t, "a token of any type and case", get(t, home, anyType), upper)
			}
		}
	}},
	{name: "what is put under a key of any case replaces what it stands for, and its id (DT-31)", run: func(t *testing.T, home Home) {
		put(t, home, location("LOC1"), location("LOC2"), location("loc2"))
		for _, id := range []string{"loc1", "Loc1", "loc2", "Loc2", "LOC3"} {
			o := location(id)
			o.AnyCase = true
			put(t, home, o)
		}
		page := list(t, home, ownLocations, ocpi.Query{Limit: 9})
		equal(t, "ids", ids(page.Objects), []string{"Loc1", "Loc2", "loc2", "LOC3"})
		equal(t, "total", page.Total, 4)
		feed, err := home.Changes(t.Context(), ownLocations, 0, 9)
		wantError(t, "Changes", err, nil)
		if len(feed.Changes) != 4 {
			t.Errorf("%d changes, want one of each object", len(feed.Changes))
		}
	}},
	{name: "what is deleted under a key of any case is what it stands for, and is known as removed (DT-31)", run: func(t *testing.T, home Home) {
		put(t, home, location("LOC1"), location("LOC2"), location("loc2"))
		key := func(id string, anyCase bool) store.Key {
			key := location(id).Key
			key.AnyCase = anyCase
			return key
		}
		err := home.Write(t.Context(), func(tx store.Tx) error {
			wantError(t, "Delete in one case", tx.Delete(key("loc1", false)), store.ErrNotFound)
			wantError(t, "Delete of what is gone", errors.Join(tx.Delete(key("loc1", true)), tx.Delete(key("loc2", true)), tx.Delete(key("loc2", true))), nil)
			for id, want := range map[string][2]bool{"LOC1": {true, true}, "loc1": {false, true}, "LOC2": {true, true}, "loc2": {true, true}, "LOC3": {}} {
				for i, anyCase := range []bool{false, true} {
					change, err := tx.Removed(key(id, anyCase))
					if err != nil || (change > 0) != want[i] {
						t.Errorf("%s, any case %t: removed by change %d, %v", id, anyCase, change, err)
					}
				}
			}
			return nil
		})
		wantError(t, "Write", err, nil)
		removed, err := home.ChangeOf(t.Context(), key("loc1", true), 0)
		if err != nil || !removed.Removed || removed.ID != "LOC1" {
			t.Errorf("%+v %v", removed, err)
		}
		put(t, home, location("loc2"))
		feed, err := home.Changes(t.Context(), ownLocations, 0, 9)
		wantError(t, "Changes", err, nil)
		var got []string
		for _, c := range feed.Changes {
			got = append(got, fmt.Sprint(c.ID, " ", c.Removed))
		}
		equal(t, "feed", got, []string{"LOC1 true", "LOC2 true", "loc2 false"})
	}},
	{name: "a token without a type is the RFID token, or else the oldest (TOK-03)", run: func(t *testing.T, home Home) {
		other, app, rfid := token("012345", "OTHER"), token("012345", "APP_USER"), token("012345", "RFID")
		put(t, home, other, app)
		anyType := token("012345", "").Key
		tokens := store.Selection{Module: ocpi.ModuleTokens}

		equal(t, "without an RFID token", get(t, home, anyType), other)
		put(t, home, rfid)
		equal(t, "with one", get(t, home, anyType), rfid)
		equal(t, "with a type", get(t, home, app.Key), app)
		found, err := home.Find(t.Context(), tokens, "012345")
		equal(t, "found", found, rfid)
		wantError(t, "Find", err, nil)

		err = home.Write(t.Context(), func(tx store.Tx) error {
			inside, err := tx.Object(anyType)
			equal(t, "in a transaction", inside, rfid)
			if err != nil {
				return err
			}
			return tx.Delete(anyType)
		})
		wantError(t, "Write", err, nil)
		equal(t, "after deleting it", get(t, home, anyType), other)
	}},
	{name: "a token is not stored without a type", run: func(t *testing.T, home Home) {
		err := home.Write(t.Context(), func(tx store.Tx) error {
			_, err := tx.Put(token("012345", ""))
			return err
		})
		if err == nil {
			t.Error("no error")
		}
	}},
	{name: "ids are any text", run: func(t *testing.T, home Home) {
		var objects []store.Object
		for _, id := range []string{"a/b", `it's "quoted"`, "%2F", "*", "ключ-鍵-🔑", "a b", " a", "'; DROP TABLE object; --", "é", "e\u0301"} {
			objects = append(objects, location(id))
		}
		put(t, home, objects...)
		for _, o := range objects {
			equal(t, "object", get(t, home, o.Key), o)
		}
		equal(t, "list", follow(t, home, ownLocations, ocpi.Query{Limit: 3}), objects)
	}},
	{name: "a body may be empty or large", run: func(t *testing.T, home Home) {
		empty, large := location("empty"), location("large")
		empty.Body = nil
		large.Body = make([]byte, 1<<20)
		for i := range large.Body {
			large.Body[i] = byte(i * 7)
		}
		large.Renditions = map[ocpi.Version][]byte{ocpi.V211: large.Body}
		put(t, home, empty, large)
		page, err := home.ListRenditions(t.Context(), ownLocations, ocpi.Query{Limit: 9}, ocpi.V211)
		wantError(t, "ListRenditions", err, nil)
		if !bytes.Equal(page.Objects[1].Rendition, large.Body) {
			t.Error("the large rendition is not as it was written")
		}
		if !bytes.Equal(get(t, home, large.Key).Body, large.Body) {
			t.Error("the large body is not as it was written")
		}
		equal(t, "the empty one", get(t, home, empty.Key), empty)
	}},
}
