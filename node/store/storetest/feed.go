package storetest

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/roamwire/roamwire/node/store"
	"github.com/roamwire/roamwire/ocpi"
)

var feedTests = []test{
	{name: "each changed object comes once, in its present state, in the order of the changes", run: func(t *testing.T, home Home) {
		put(t, home, location("a"), location("b"))
		put(t, home, location("c"))
		a := location("a")
		a.Body, a.LastUpdated = []byte(`"new"`), noon.Add(time.Hour)
		put(t, home, a)
		feed := changes(t, home, ownLocations, 0, 9)
		equal(t, "changes", feed.Changes, []store.Change{changed(location("b")), changed(location("c")), changed(a)})
		for i, c := range feed.Changes {
			equal(t, "number of the change of "+c.ID, c.Change, get(t, home, c.Key).Change)
			equal(t, "place in the order of creation of "+c.ID, c.Created, get(t, home, c.Key).Created)
			if i > 0 && c.Change <= feed.Changes[i-1].Change {
				t.Errorf("change %d comes after change %d", c.Change, feed.Changes[i-1].Change)
			}
		}
	}},
	{name: "an empty feed leaves the cursor where it is, and a cursor never goes back", run: func(t *testing.T, home Home) {
		equal(t, "feed of nothing", changes(t, home, ownLocations, 0, 9), store.Feed{})
		put(t, home, location("a"))
		equal(t, "feed from far ahead", changes(t, home, ownLocations, 1<<40, 9), store.Feed{Next: 1 << 40})
		failed := home.Write(t.Context(), func(tx store.Tx) error {
			if _, err := tx.Put(location("b")); err != nil {
				return err
			}
			return errTest
		})
		wantError(t, "Write", failed, errTest)
		equal(t, "changes", changes(t, home, ownLocations, 0, 9).Changes, []store.Change{changed(location("a"))})
	}},
	{name: "after Next come only later changes", run: func(t *testing.T, home Home) {
		put(t, home, location("a"), location("b"))
		next := changes(t, home, ownLocations, 0, 9).Next
		equal(t, "nothing new", changes(t, home, ownLocations, next, 9), store.Feed{Next: next})
		put(t, home, location("a"))
		equal(t, "something new", changes(t, home, ownLocations, next, 9).Changes, []store.Change{changed(location("a"))})
	}},
	{name: "Next passes over changes that were not asked for", run: func(t *testing.T, home Home) {
		put(t, home, location("a"))
		next := changes(t, home, ownLocations, 0, 9).Next
		put(t, home, object(ocpi.ModuleTariffs, abc, "T"))
		feed := changes(t, home, ownLocations, next, 9)
		if len(feed.Changes) != 0 || feed.Next <= next {
			t.Errorf("after a change of another module Next goes from %d to %d with %d changes", next, feed.Next, len(feed.Changes))
		}
	}},
	{name: "stretches of any limit are the whole feed, and a limit below one is one", run: func(t *testing.T, home Home) {
		fill(t, home, 20)
		remove(t, home, location("3").Key)
		put(t, home, location("0"), location("6"))
		everything := store.Selection{Module: ocpi.ModuleLocations, AnyAudience: true}
		all := changes(t, home, everything, 0, 100).Changes
		equal(t, "objects in the feed", len(all), 20)
		for _, limit := range []int{1, 2, 7, 19, 20, 21} {
			equal(t, fmt.Sprintf("feed in stretches of %d", limit), stretches(t, home, everything, 0, limit), all)
		}
		for _, limit := range []int{0, -1} {
			feed := changes(t, home, everything, 0, limit)
			equal(t, fmt.Sprintf("feed with limit %d", limit), feed.Changes, all[:1])
			equal(t, fmt.Sprintf("Next with limit %d", limit), feed.Next, all[0].Change)
		}
	}},
	{name: "a removed object stays in the feed, without its body", run: func(t *testing.T, home Home) {
		tariff := object(ocpi.ModuleTariffs, abc, "T")
		tariff.Audience = msp
		put(t, home, tariff, object(ocpi.ModuleTariffs, abc, "U"))
		before := get(t, home, tariff.Key)
		began := time.Now().Truncate(time.Microsecond)
		remove(t, home, tariff.Key)
		tariffs := store.Selection{Module: ocpi.ModuleTariffs, Audience: []ocpi.Party{msp}}
		tariff.Body = nil
		want := store.Change{Object: tariff, Removed: true}
		for name, after := range map[string]int64{"from the beginning": 0, "after its creation": before.Change} {
			feed := changes(t, home, tariffs, after, 9)
			got := feed.Changes[len(feed.Changes)-1]
			equal(t, name, got, want)
			equal(t, name+": place in the order of creation", got.Created, before.Created)
			if got.Change <= before.Change+1 || got.Change > feed.Next || got.Changed.Before(began) {
				t.Errorf("%s: change %d at %s", name, got.Change, got.Changed)
			}
			nothing(t, name+": read again", changes(t, home, tariffs, feed.Next, 9).Changes)
		}
		equal(t, "ChangeOf", changeOf(t, home, tariff.Key, before.Change), want)
	}},
	{name: "an object that is created again has not been removed, and is new as a whole", run: func(t *testing.T, home Home) {
		put(t, home, location("a"))
		touch(t, home, "a", store.Part{EVSE: "1"})
		next := changes(t, home, ownLocations, 0, 9).Next
		remove(t, home, location("a").Key)
		again := location("a")
		again.Touched = []store.Part{{EVSE: "1", Status: true}}
		put(t, home, again)
		for _, after := range []int64{0, next} {
			equal(t, "changes", changes(t, home, ownLocations, after, 9).Changes, []store.Change{changed(location("a"))})
			equal(t, "backlog", backlog(t, home, ownLocations, after).Objects, 1)
		}
	}},
	{name: "ChangeOf knows what Changes knows, and the object also where nothing has changed", run: func(t *testing.T, home Home) {
		cdr, typed := object(ocpi.ModuleCDRs, abc, "CDR-a"), token("1", "OTHER")
		put(t, home, location("a"), location("b"), cdr, typed)
		next := changes(t, home, ownLocations, 0, 9).Next
		touch(t, home, "a", store.Part{EVSE: "1"})
		want := changed(location("a"))
		equal(t, "from the beginning", changeOf(t, home, want.Key, 0), want)
		want.Parts = []store.Part{{EVSE: "1"}}
		equal(t, "from later", changeOf(t, home, want.Key, next), want)
		equal(t, "unchanged", changeOf(t, home, location("b").Key, next), changed(location("b")))
		lower := cdr.Key
		lower.ID = "cdr-A"
		equal(t, "a CDR, whose id has no case (CDR-17)", changeOf(t, home, lower, 0), changed(cdr))
		anyType := typed.Key
		anyType.TokenType = ""
		equal(t, "a token of any type", changeOf(t, home, anyType, 0), changed(typed))
		for _, key := range []store.Key{location("none").Key, {Module: ocpi.ModuleTariffs, Party: abc, ID: "a"}, {Module: ocpi.ModuleLocations, Source: "p", Party: abc, ID: "a"}} {
			_, err := home.ChangeOf(t.Context(), key, 0)
			wantError(t, fmt.Sprintf("ChangeOf(%+v)", key), err, store.ErrNotFound)
		}
	}},
	{name: "feed, backlog and index are of what the selection says", run: selections},
	{name: "the parts of a location that changed after a cursor", run: parts},
	{name: "a stretch that ends between two changes of a location loses no part", run: func(t *testing.T, home Home) {
		put(t, home, location("a"), location("b"), location("c"))
		next := changes(t, home, ownLocations, 0, 9).Next
		touch(t, home, "a", store.Part{EVSE: "1"})
		touch(t, home, "b", store.Part{EVSE: "1"})
		touch(t, home, "c", store.Part{EVSE: "1"})
		touch(t, home, "a", store.Part{EVSE: "2"})
		for _, limit := range []int{1, 2, 3, 4} {
			got := map[string]bool{}
			for _, c := range stretches(t, home, ownLocations, next, limit) {
				for _, p := range c.Parts {
					got[c.ID+p.EVSE] = true
				}
			}
			equal(t, fmt.Sprintf("parts in stretches of %d", limit), got, map[string]bool{"a1": true, "a2": true, "b1": true, "c1": true})
		}
	}},
	{name: "a stretch that ends before the latest change of a location passes over none that was whole", run: func(t *testing.T, home Home) {
		put(t, home, location("a"), location("b"))
		touch(t, home, "a", store.Part{EVSE: "1", Status: true})
		whole := false
		for _, c := range stretches(t, home, ownLocations, 0, 1) {
			whole = whole || c.ID == "a" && c.Parts == nil
		}
		equal(t, "a came as a whole", whole, true)
	}},
	{name: "an object that is meant for others than before is new to them", run: func(t *testing.T, home Home) {
		secret := location("a")
		secret.Audience = xyz
		put(t, home, secret)
		next := changes(t, home, ownLocations, 0, 9).Next
		shown := location("a")
		shown.Touched = []store.Part{{EVSE: "1", Status: true}}
		put(t, home, shown)
		equal(t, "changes", changes(t, home, ownLocations, next, 9).Changes, []store.Change{changed(location("a"))})
	}},
	{name: "a backlog counts what the feed has, and knows since when", run: func(t *testing.T, home Home) {
		equal(t, "nothing", backlog(t, home, ownLocations, 0), store.Backlog{})
		began := time.Now().Truncate(time.Microsecond)
		put(t, home, location("a"), location("b"), location("c"))
		remove(t, home, location("b").Key)
		put(t, home, location("a"))
		all := changes(t, home, ownLocations, 0, 9)
		for i, after := range []int64{0, all.Changes[0].Change, all.Changes[1].Change, all.Changes[2].Change} {
			got := backlog(t, home, ownLocations, after)
			equal(t, "objects", got.Objects, len(all.Changes)-i)
			var oldest time.Time
			if i < len(all.Changes) {
				oldest = all.Changes[i].Changed
			}
			equal(t, "oldest", got.Oldest, oldest)
		}
		if oldest := backlog(t, home, ownLocations, 0).Oldest; oldest.Before(began) || oldest.After(time.Now()) {
			t.Errorf("oldest %s, began %s", oldest, began)
		}
	}},
	{name: "an index has no bodies, is in the order of creation and goes on after an object", run: func(t *testing.T, home Home) {
		put(t, home, location("c"), object(ocpi.ModuleLocations, xyz, "b"), location("a"), location("d"))
		put(t, home, location("c"))
		remove(t, home, location("a").Key)
		whole := list(t, home, ownLocations, ocpi.Query{Limit: 9}).Objects
		for i := range whole {
			whole[i].Body = nil
		}
		for _, limit := range []int{1, 2, 3, 4} {
			equal(t, fmt.Sprintf("index in steps of %d", limit), indexed(t, home, ownLocations, limit), whole)
		}
		got := index(t, home, ownLocations, 0, 9)
		for i := range whole {
			equal(t, "change", got[i].Change, whole[i].Change)
			equal(t, "created", got[i].Created, whole[i].Created)
		}
		equal(t, "a limit below one is one", index(t, home, ownLocations, 0, -1), whole[:1])
	}},
	{name: "whose time an object has is known wherever it is read", run: func(t *testing.T, home Home) {
		for _, times := range []string{`{"":"2026-03-04T12:00:00Z"}`, ""} {
			o := token("1", "OTHER")
			if o.Times = []byte(times); times == "" {
				o.Times = nil
			}
			put(t, home, o)
			tokens, anyType := store.Selection{Module: ocpi.ModuleTokens}, o.Key
			anyType.TokenType = ""
			found, err := home.Find(t.Context(), tokens, "1")
			wantError(t, "Find", err, nil)
			bare := o
			bare.Body = nil
			equal(t, "Object", get(t, home, o.Key), o)
			equal(t, "Object of any type", get(t, home, anyType), o)
			equal(t, "Find", found, o)
			equal(t, "List", list(t, home, tokens, ocpi.Query{Limit: 9}).Objects, []store.Object{o})
			equal(t, "Changes", changes(t, home, tokens, 0, 9).Changes, []store.Change{changed(o)})
			equal(t, "ChangeOf", changeOf(t, home, o.Key, 0), changed(o))
			equal(t, "Index", index(t, home, tokens, 0, 9), []store.Object{bare})
		}
	}},
	{name: "who follows the feed beside many writers ends with what is there", two: followBesideWriters},
	{name: "the feed does not pass over what a running transaction commits later", two: runningTransaction},
}

// selections compares what each of the readings finds.
func selections(t *testing.T, home Home) {
	fill(t, home, 30)
	put(t, home, token("1", "RFID"), token("2", "OTHER"), token("1", "OTHER"), token("3", "RFID"))
	all := []store.Selection{
		{Module: ocpi.ModuleLocations},
		{Module: ocpi.ModuleLocations, Parties: []ocpi.Party{xyz}},
		{Module: ocpi.ModuleLocations, Parties: []ocpi.Party{xyz, abc}},
		{Module: ocpi.ModuleLocations, Parties: []ocpi.Party{msp}},
		{Module: ocpi.ModuleLocations, Audience: []ocpi.Party{xyz, msp}},
		{Module: ocpi.ModuleLocations, Audience: []ocpi.Party{xyz}},
		{Module: ocpi.ModuleLocations, AnyAudience: true},
		{Module: ocpi.ModuleLocations, Source: "partner"},
		{Module: ocpi.ModuleLocations, Source: "partner", AnyAudience: true},
		{Module: ocpi.ModuleLocations, Source: "nobody", AnyAudience: true},
		{Module: ocpi.ModuleLocations, TokenType: "RFID"},
		{Module: ocpi.ModuleTokens},
		{Module: ocpi.ModuleTokens, TokenType: "RFID"},
		{Module: ocpi.ModuleTokens, TokenType: "AD_HOC_USER"},
		{Module: ocpi.ModuleSessions, AnyAudience: true},
	}
	listed := make([][]string, len(all))
	for i, s := range all {
		name := fmt.Sprintf("%+v", s)
		listed[i] = ids(list(t, home, s, ocpi.Query{Limit: 100}).Objects)
		equal(t, "feed of "+name, changedIDs(changes(t, home, s, 0, 100).Changes), listed[i])
		equal(t, "backlog of "+name, backlog(t, home, s, 0).Objects, len(listed[i]))
		for _, limit := range []int{1, 3, 100} {
			equal(t, "index of "+name, ids(indexed(t, home, s, limit)), listed[i])
			equal(t, "feed by stretches of "+name, changedIDs(stretches(t, home, s, 0, limit)), listed[i])
		}
	}
	for _, s := range []store.Selection{{Module: ocpi.ModuleLocations}, {Module: ocpi.ModuleLocations, Source: "partner"}, {Module: ocpi.ModuleTokens}} {
		s.AnyAudience = true
		for _, o := range list(t, home, s, ocpi.Query{Limit: 100}).Objects {
			remove(t, home, o.Key)
		}
	}
	for i, s := range all {
		name := fmt.Sprintf("%+v", s)
		feed := changes(t, home, s, 0, 100).Changes
		equal(t, "feed of what was removed of "+name, changedIDs(feed), listed[i])
		equal(t, "something else in "+name, slices.ContainsFunc(feed, func(c store.Change) bool { return !c.Removed }), false)
		equal(t, "backlog of what was removed of "+name, backlog(t, home, s, 0).Objects, len(listed[i]))
		nothing(t, "index after removing all of "+name, index(t, home, s, 0, 100))
	}
}

// parts changes parts of one location after the other and reads the feed from every moment.
func parts(t *testing.T, home Home) {
	type part = store.Part
	status := func(evse string) part { return part{EVSE: evse, Status: true} }
	for _, c := range []struct {
		name string
		// touched are the changes, one after the other; nil is a change of the whole.
		touched [][]part
		// want are the parts that have changed since before each of them; nil for the whole.
		want [][]part
	}{
		{"a status", [][]part{{status("1")}}, [][]part{{status("1")}}},
		{"a status, twice", [][]part{{status("1")}, {status("1")}}, [][]part{{status("1")}, {status("1")}}},
		{"an EVSE", [][]part{{{EVSE: "1"}}}, [][]part{{{EVSE: "1"}}}},
		{"a connector", [][]part{{{EVSE: "1", Connector: "a"}}}, [][]part{{{EVSE: "1", Connector: "a"}}}},
		{"a status after more than a status", [][]part{{{EVSE: "1"}}, {status("1")}}, [][]part{{{EVSE: "1"}}, {status("1")}}},
		{"more than a status after a status", [][]part{{status("1")}, {{EVSE: "1"}}}, [][]part{{{EVSE: "1"}}, {{EVSE: "1"}}}},
		{"a status before and after more", [][]part{{status("1")}, {{EVSE: "1"}}, {status("1")}}, [][]part{{{EVSE: "1"}}, {{EVSE: "1"}}, {status("1")}}},
		{
			"a status and a connector of one EVSE are the EVSE",
			[][]part{{status("1")}, {{EVSE: "1", Connector: "a"}}, {status("1")}},
			[][]part{{{EVSE: "1"}}, {{EVSE: "1"}}, {status("1")}},
		},
		{
			"connectors of an EVSE that has changed are left out",
			[][]part{{{EVSE: "1", Connector: "a"}}, {{EVSE: "1"}}, {{EVSE: "1", Connector: "b"}}},
			[][]part{{{EVSE: "1"}}, {{EVSE: "1"}}, {{EVSE: "1", Connector: "b"}}},
		},
		{
			"several EVSEs, at once and one after the other",
			[][]part{{status("2"), {EVSE: "1", Connector: "b"}}, {{EVSE: "1", Connector: "a"}, {EVSE: "3"}}},
			[][]part{{{EVSE: "1", Connector: "a"}, {EVSE: "1", Connector: "b"}, status("2"), {EVSE: "3"}}, {{EVSE: "1", Connector: "a"}, {EVSE: "3"}}},
		},
		{"the whole after a part", [][]part{{status("1")}, nil}, [][]part{nil, nil}},
		{"a part after the whole", [][]part{nil, {status("1")}}, [][]part{nil, {status("1")}}},
		{"parts before the whole are not remembered", [][]part{{{EVSE: "2"}}, nil, {status("2")}}, [][]part{nil, nil, {status("2")}}},
		{"names of any kind", [][]part{{{EVSE: "é'\"%", Connector: "/ "}}}, [][]part{{{EVSE: "é'\"%", Connector: "/ "}}}},
	} {
		o := location(c.name)
		put(t, home, o)
		var cursors []int64
		for _, touched := range c.touched {
			cursors = append(cursors, changes(t, home, ownLocations, 0, 100).Next)
			o.Touched = touched
			put(t, home, o)
		}
		o.Touched = nil
		for i, after := range cursors {
			want := changed(o)
			want.Parts = c.want[i]
			name := fmt.Sprintf("%s, before change %d", c.name, i+1)
			feed := changes(t, home, ownLocations, after, 100)
			equal(t, name, feed.Changes, []store.Change{want})
			equal(t, name+": ChangeOf", changeOf(t, home, o.Key, after), want)
			if (feed.Changes[0].Parts == nil) != (c.want[i] == nil) {
				t.Errorf("%s: parts %#v", name, feed.Changes[0].Parts)
			}
		}
		equal(t, c.name+", from the beginning", changeOf(t, home, o.Key, 0), changed(o))
	}
}

// changed is the change of an object as a whole.
func changed(o store.Object) store.Change { return store.Change{Object: o} }

func changes(t *testing.T, home Home, s store.Selection, after int64, limit int) store.Feed {
	t.Helper()
	feed, err := home.Changes(t.Context(), s, after, limit)
	if err != nil {
		t.Fatalf("Changes(%+v, %d, %d): %v", s, after, limit, err)
	}
	return feed
}

// stretches reads the feed to its end, with many reads of this limit.
func stretches(t *testing.T, home Home, s store.Selection, after int64, limit int) (all []store.Change) {
	t.Helper()
	for {
		feed := changes(t, home, s, after, limit)
		all = append(all, feed.Changes...)
		if len(feed.Changes) > limit || feed.Next < after || feed.Next == after && len(feed.Changes) > 0 {
			t.Fatalf("after %d, limit %d: %d changes, next %d", after, limit, len(feed.Changes), feed.Next)
		}
		if len(feed.Changes) < limit {
			return all
		}
		after = feed.Next
	}
}

func changeOf(t *testing.T, home Home, key store.Key, after int64) store.Change {
	t.Helper()
	c, err := home.ChangeOf(t.Context(), key, after)
	if err != nil {
		t.Fatalf("ChangeOf(%+v, %d): %v", key, after, err)
	}
	return c
}

func backlog(t *testing.T, home Home, s store.Selection, after int64) store.Backlog {
	t.Helper()
	b, err := home.Backlog(t.Context(), s, after)
	if err != nil {
		t.Fatalf("Backlog(%+v, %d): %v", s, after, err)
	}
	return b
}

func index(t *testing.T, home Home, s store.Selection, after int64, limit int) []store.Object {
	t.Helper()
	objects, err := home.Index(t.Context(), s, after, limit)
	if err != nil {
		t.Fatalf("Index(%+v, %d, %d): %v", s, after, limit, err)
	}
	return objects
}

// indexed reads an index to its end as who compares lists does: a stretch that is not full is the last.
func indexed(t *testing.T, home Home, s store.Selection, limit int) (all []store.Object) {
	t.Helper()
	for after := int64(0); ; {
		objects := index(t, home, s, after, limit)
		all = append(all, objects...)
		if len(objects) < limit {
			return all
		}
		after = objects[len(objects)-1].Created
	}
}

func remove(t *testing.T, home Home, key store.Key) {
	t.Helper()
	if err := home.Write(t.Context(), func(tx store.Tx) error { return tx.Delete(key) }); err != nil {
		t.Fatalf("Write: %v", err)
	}
}

// touch changes parts of a location.
func touch(t *testing.T, home Home, id string, parts ...store.Part) {
	t.Helper()
	o := location(id)
	o.Touched = parts
	put(t, home, o)
}

func changedIDs(changes []store.Change) []string {
	ids := make([]string, len(changes))
	for i, c := range changes {
		ids[i] = c.ID
	}
	return ids
}
