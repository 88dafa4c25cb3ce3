package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/roamwire/roamwire/node/store"
	"github.com/roamwire/roamwire/ocpi"
)

var listTests = []test{
	{name: "renditions that are missing are found and given without a change of the object", run: func(t *testing.T, home Home) {
		half, none, whole, received := location("L1"), location("L2"), location("L3"), location("L4")
		half.Renditions = map[ocpi.Version][]byte{ocpi.V211: []byte("1 in 2.1.1")}
		whole.Renditions = map[ocpi.Version][]byte{ocpi.V211: []byte("3 in 2.1.1"), ocpi.V221: []byte("3 in 2.2.1")}
		received.Source = "p"
		put(t, home, half, none, whole, received)
		versions := []ocpi.Version{ocpi.V211, ocpi.V221}
		var lacking []store.Object
		for after := int64(0); ; {
			some, next, err := home.Unrendered(t.Context(), ocpi.ModuleLocations, versions, after, 2)
			wantError(t, "Unrendered", err, nil)
			lacking = append(lacking, some...)
			if after = next; after == 0 {
				break
			}
		}
		half.Renditions = nil
		equal(t, "lacking", lacking, []store.Object{half, none})
		before, err := home.LatestChange(t.Context(), ocpi.ModuleLocations, "")
		wantError(t, "LatestChange", err, nil)

		lacking[0].Renditions = map[ocpi.Version][]byte{ocpi.V211: []byte("1 anew"), ocpi.V221: []byte("1 in 2.2.1")}
		lacking[0].Withheld = []ocpi.Version{ocpi.V211}
		lacking[1].Renditions = map[ocpi.Version][]byte{ocpi.V221: []byte("2 of before")}
		none.Body = []byte("2 changed")
		put(t, home, none)
		changed, err := home.LatestChange(t.Context(), ocpi.ModuleLocations, "")
		wantError(t, "LatestChange", err, nil)
		wantError(t, "Render", home.Render(t.Context(), lacking), nil)
		after, err := home.LatestChange(t.Context(), ocpi.ModuleLocations, "")
		wantError(t, "LatestChange", err, nil)
		if before == changed || after != changed {
			t.Errorf("changes: %d, %d, and %d after Render", before, changed, after)
		}
		for version, want := range map[ocpi.Version][]string{ocpi.V211: {"", "3 in 2.1.1"}, ocpi.V221: {"1 in 2.2.1", "", "3 in 2.2.1"}} {
			page, err := home.ListRenditions(t.Context(), store.Selection{Module: ocpi.ModuleLocations, Version: version}, ocpi.Query{Limit: 9}, version)
			wantError(t, "ListRenditions", err, nil)
			var got []string
			for _, o := range page.Objects {
				got = append(got, string(o.Rendition))
			}
			equal(t, "renditions in "+string(version), got, want)
			equal(t, "total in "+string(version), page.Total, len(want))
		}
		half.Withheld = []ocpi.Version{ocpi.V211}
		equal(t, "the object itself", get(t, home, half.Key), half)
	}},
	{name: "a rendition is kept from Keep or the first object that has it until it is removed for all", run: func(t *testing.T, home Home) {
		keeps := func(want ...ocpi.Version) {
			t.Helper()
			var got []ocpi.Version
			err := home.Write(t.Context(), func(tx store.Tx) error {
				for _, v := range ocpi.Versions() {
					if keeps, err := tx.Keeps(v); err != nil {
						return err
					} else if keeps {
						got = append(got, v)
					}
				}
				return nil
			})
			wantError(t, "Write", err, nil)
			equal(t, "kept", got, want)
		}
		keep := func(v ocpi.Version, with error) {
			t.Helper()
			err := home.Write(t.Context(), func(tx store.Tx) error {
				for range 2 {
					if err := tx.Keep(v); err != nil {
						return err
					}
				}
				if keeps, err := tx.Keeps(v); !keeps || err != nil {
					t.Errorf("within the transaction: %v %v", keeps, err)
				}
				return with
			})
			wantError(t, "Write", err, with)
		}
		keeps()
		keep(ocpi.V230, errTest)
		keeps()
		keep(ocpi.V221, nil)
		var objects []store.Object
		for i := range 1200 { // more than are removed at once
			o := location(fmt.Sprint("L", i))
			o.Renditions = map[ocpi.Version][]byte{ocpi.V211: []byte("old"), ocpi.V230: []byte("other")}
			objects = append(objects, o)
		}
		put(t, home, objects...)
		keeps(ocpi.V211, ocpi.V221, ocpi.V230)
		wantError(t, "KeepOnly", home.KeepOnly(t.Context(), []ocpi.Version{ocpi.V221, ocpi.V230}), nil)
		keeps(ocpi.V221, ocpi.V230)
		lacking, _, err := home.Unrendered(t.Context(), ocpi.ModuleLocations, []ocpi.Version{ocpi.V230}, 0, 2000)
		wantError(t, "Unrendered", err, nil)
		equal(t, "lacking 2.3.0", len(lacking), 0)
		keep(ocpi.V211, nil) // which has what was removed no more
		lacking, _, err = home.Unrendered(t.Context(), ocpi.ModuleLocations, []ocpi.Version{ocpi.V211}, 0, 2000)
		wantError(t, "Unrendered", err, nil)
		equal(t, "lacking 2.1.1", len(lacking), len(objects))
		wantError(t, "KeepOnly", home.KeepOnly(t.Context(), nil), nil)
		keeps()
	}},
	{name: "an empty list is a page without objects", run: func(t *testing.T, home Home) {
		for _, q := range []ocpi.Query{{Limit: 10}, {Limit: 10, Offset: 5}, {Limit: 10, DateFrom: noon}} {
			equal(t, "page", list(t, home, ownLocations, q), store.Page{})
		}
	}},
	{name: "the order is that of creation, whatever is updated (TF-27)", run: func(t *testing.T, home Home) {
		put(t, home, location("c"), location("a"))
		put(t, home, location("b"))
		update := location("a")
		update.LastUpdated = noon.Add(-time.Hour)
		put(t, home, update)
		update = location("c")
		update.LastUpdated = noon.Add(time.Hour)
		put(t, home, update)
		equal(t, "ids", ids(list(t, home, ownLocations, ocpi.Query{Limit: 9}).Objects), []string{"c", "a", "b"})
	}},
	{name: "date_from is inclusive and date_to exclusive (TF-31)", run: func(t *testing.T, home Home) {
		before, at, within, end := location("before"), location("at"), location("within"), location("end")
		before.LastUpdated = noon.Add(-time.Microsecond)
		within.LastUpdated = noon.Add(time.Hour - time.Microsecond)
		end.LastUpdated = noon.Add(time.Hour)
		put(t, home, end, within, at, before, location("at too"))
		for name, c := range map[string]struct {
			from, to time.Time
			want     []string
		}{
			"neither":         {want: []string{"end", "within", "at", "before", "at too"}},
			"from":            {from: noon, want: []string{"end", "within", "at", "at too"}},
			"to":              {to: noon.Add(time.Hour), want: []string{"within", "at", "before", "at too"}},
			"both":            {from: noon, to: noon.Add(time.Hour), want: []string{"within", "at", "at too"}},
			"both the same":   {from: noon, to: noon},
			"the wrong order": {from: noon.Add(time.Hour), to: noon},
			"another zone":    {from: noon.Add(time.Hour).In(time.FixedZone("", 7200)), want: []string{"end"}},
		} {
			page := list(t, home, ownLocations, ocpi.Query{Limit: 9, DateFrom: c.from, DateTo: c.to})
			equal(t, name, ids(page.Objects), c.want)
			equal(t, name+": total", page.Total, len(c.want))
		}
	}},
	{name: "pages by offset and by cursor are the whole list in order", run: func(t *testing.T, home Home) {
		selections := fill(t, home, 61)
		for name, selection := range selections {
			all := list(t, home, selection, ocpi.Query{Limit: 1000}).Objects
			for _, window := range windows(61) {
				q := window
				want := slices.DeleteFunc(slices.Clone(all), func(o store.Object) bool { return !in(q, o) })
				for _, q.Limit = range []int{1, 7, 50, len(want), 1000} {
					checkPages(t, home, name, selection, q, want)
				}
			}
		}
	}},
	{name: "a cursor goes on where an offset began", run: func(t *testing.T, home Home) {
		fill(t, home, 20)
		page := list(t, home, ownLocations, ocpi.Query{Limit: 3, Offset: 4})
		rest := follow(t, home, ownLocations, ocpi.Query{Limit: 3, Offset: 7, Cursor: page.Next})
		all := list(t, home, ownLocations, ocpi.Query{Limit: 1000}).Objects
		equal(t, "objects", append(page.Objects, rest...), all[4:])
	}},
	{name: "a limit below one is one, and an offset below zero is zero", run: func(t *testing.T, home Home) {
		put(t, home, location("a"), location("b"))
		for _, limit := range []int{0, -1} {
			page := list(t, home, ownLocations, ocpi.Query{Limit: limit, Offset: -1})
			equal(t, "ids", ids(page.Objects), []string{"a"})
		}
	}},
	{name: "an offset or limit of any size is fine (TF-33)", run: func(t *testing.T, home Home) {
		put(t, home, location("a"), location("b"))
		const most = int(^uint(0) >> 1)
		equal(t, "far offset", list(t, home, ownLocations, ocpi.Query{Limit: most, Offset: most}), store.Page{Total: 2})
		page := list(t, home, ownLocations, ocpi.Query{Limit: most, Offset: 1})
		equal(t, "great limit", ids(page.Objects), []string{"b"})
	}},
	{name: "a cursor that is not ours is the partner's mistake", run: func(t *testing.T, home Home) {
		put(t, home, location("a"), location("b"), location("c"))
		next := list(t, home, ownLocations, ocpi.Query{Limit: 1}).Next
		for _, cursor := range []string{"?", " ", "-1", "0", next + "!", "%00", "zzzzzzzzzzzzzzzzzzzzzzzz", "' OR 1=1"} {
			_, err := home.List(t.Context(), ownLocations, ocpi.Query{Limit: 1, Cursor: cursor})
			if e, ok := errors.AsType[*ocpi.Error](err); !ok || e.Code != ocpi.StatusInvalidParameters {
				t.Errorf("cursor %q: error %v, want status 2001", cursor, err)
			}
		}
	}},
	{name: "a cursor does not lead out of the selection", run: func(t *testing.T, home Home) {
		foreign := location("foreign")
		foreign.Source = "partner"
		secret := location("secret")
		secret.Audience = msp
		put(t, home, location("a"), foreign, secret, object(ocpi.ModuleLocations, xyz, "other"), location("b"), location("c"))
		selection := store.Selection{Module: ocpi.ModuleLocations, Parties: []ocpi.Party{abc}}
		everything := list(t, home, store.Selection{Module: ocpi.ModuleLocations, AnyAudience: true}, ocpi.Query{Limit: 2})
		page := list(t, home, selection, ocpi.Query{Limit: 9, Cursor: everything.Next})
		equal(t, "ids", ids(page.Objects), []string{"b", "c"})
	}},
	{name: "a list read by cursors is complete and in order while objects change (TF-27)", run: func(t *testing.T, home Home) {
		selections := fill(t, home, 300)
		for _, selection := range []store.Selection{ownLocations, selections["any audience"]} {
			want := old(list(t, home, selection, ocpi.Query{Limit: 1000}).Objects)
			stop := keepWriting(t, home)
			for range 10 {
				got := follow(t, home, selection, ocpi.Query{Limit: 17})
				equal(t, "ids", ids(old(got)), ids(want))
			}
			stop()
		}
	}},
	{name: "a page and its total are of the same moment", run: func(t *testing.T, home Home) {
		stop := keepWriting(t, home)
		defer stop()
		for range 50 {
			page := list(t, home, ownLocations, ocpi.Query{Limit: 1 << 20})
			equal(t, "total", page.Total, len(page.Objects))
		}
	}},
	{name: "totals count what the asking party may see (TF-25)", run: func(t *testing.T, home Home) {
		session := func(id string, audience ocpi.Party) store.Object {
			o := object(ocpi.ModuleSessions, abc, id)
			o.Audience = audience
			return o
		}
		put(t, home, session("1", msp), session("2", xyz), session("3", ocpi.Party{}), session("4", msp))
		for name, c := range map[string]struct {
			selection store.Selection
			want      []string
		}{
			"nobody":       {store.Selection{}, []string{"3"}},
			"one party":    {store.Selection{Audience: []ocpi.Party{msp}}, []string{"1", "3", "4"}},
			"two parties":  {store.Selection{Audience: []ocpi.Party{xyz, msp}}, []string{"1", "2", "3", "4"}},
			"a stranger":   {store.Selection{Audience: []ocpi.Party{abc}}, []string{"3"}},
			"ourselves":    {store.Selection{AnyAudience: true}, []string{"1", "2", "3", "4"}},
			"other owner":  {store.Selection{AnyAudience: true, Parties: []ocpi.Party{xyz}}, nil},
			"two owners":   {store.Selection{AnyAudience: true, Parties: []ocpi.Party{xyz, abc}}, []string{"1", "2", "3", "4"}},
			"other source": {store.Selection{AnyAudience: true, Source: "partner"}, nil},
		} {
			c.selection.Module = ocpi.ModuleSessions
			for _, from := range []time.Time{{}, noon} {
				page := list(t, home, c.selection, ocpi.Query{Limit: 1, DateFrom: from})
				equal(t, name+": total", page.Total, len(c.want))
				equal(t, name+": ids", ids(follow(t, home, c.selection, ocpi.Query{Limit: 1, DateFrom: from})), c.want)
			}
		}
	}},
	{name: "what a version cannot say is not listed, found, counted or fed to who asks in it", run: func(t *testing.T, home Home) {
		cdr := func(id string, withheld ...ocpi.Version) store.Object {
			o := object(ocpi.ModuleCDRs, abc, id)
			o.Audience, o.Withheld = msp, withheld
			return o
		}
		put(t, home, cdr("1"), cdr("2", ocpi.V211), cdr("3", ocpi.V211, ocpi.V221), cdr("4"))
		for name, c := range map[string]struct {
			selection store.Selection
			want      []string
		}{
			"2.1.1":             {store.Selection{Audience: []ocpi.Party{msp}, Version: ocpi.V211}, []string{"1", "4"}},
			"2.2.1":             {store.Selection{Audience: []ocpi.Party{msp}, Version: ocpi.V221}, []string{"1", "2", "4"}},
			"2.3.0":             {store.Selection{Audience: []ocpi.Party{msp}, Version: ocpi.V230}, []string{"1", "2", "3", "4"}},
			"a stranger, 2.3.0": {store.Selection{Audience: []ocpi.Party{xyz}, Version: ocpi.V230}, nil},
			"ourselves":         {store.Selection{AnyAudience: true}, []string{"1", "2", "3", "4"}},
		} {
			c.selection.Module = ocpi.ModuleCDRs
			for _, from := range []time.Time{{}, noon} {
				page := list(t, home, c.selection, ocpi.Query{Limit: 1, DateFrom: from})
				equal(t, name+": total", page.Total, len(c.want))
				equal(t, name+": ids", ids(follow(t, home, c.selection, ocpi.Query{Limit: 1, DateFrom: from})), c.want)
			}
			feed, err := home.Changes(t.Context(), c.selection, 0, 9)
			wantError(t, "Changes", err, nil)
			var fed []string
			for _, change := range feed.Changes {
				fed = append(fed, change.ID)
			}
			equal(t, name+": fed", fed, c.want)
			_, err = home.Find(t.Context(), c.selection, "3")
			if slices.Contains(c.want, "3") {
				wantError(t, name+": Find", err, nil)
			} else {
				wantError(t, name+": Find", err, store.ErrNotFound)
			}
		}
		found, err := home.Object(t.Context(), cdr("3").Key)
		wantError(t, "Object", err, nil)
		equal(t, "withheld from", found.Withheld, []ocpi.Version{ocpi.V211, ocpi.V221})
		put(t, home, cdr("3"))
		page := list(t, home, store.Selection{Module: ocpi.ModuleCDRs, Audience: []ocpi.Party{msp}, Version: ocpi.V211}, ocpi.Query{Limit: 9})
		equal(t, "once it can be said", ids(page.Objects), []string{"1", "3", "4"})
	}},
	{name: "a selection of tokens may be of one type", run: func(t *testing.T, home Home) {
		put(t, home, token("1", "RFID"), token("2", "OTHER"), token("1", "OTHER"), token("3", "RFID"))
		tokens := store.Selection{Module: ocpi.ModuleTokens}
		equal(t, "all", ids(follow(t, home, tokens, ocpi.Query{Limit: 1})), []string{"1", "2", "1", "3"})
		tokens.TokenType = "OTHER"
		page := list(t, home, tokens, ocpi.Query{Limit: 9})
		equal(t, "of one type", page.Objects, []store.Object{token("2", "OTHER"), token("1", "OTHER")})
		equal(t, "total", page.Total, 2)
		found, err := home.Find(t.Context(), tokens, "1")
		equal(t, "found", found, token("1", "OTHER"))
		wantError(t, "Find", err, nil)
		_, err = home.Find(t.Context(), tokens, "3")
		wantError(t, "Find of another type", err, store.ErrNotFound)
	}},
	{name: "an object that changes its audience keeps its place", run: func(t *testing.T, home Home) {
		put(t, home, location("a"), location("b"), location("c"))
		moved := location("b")
		moved.Audience = msp
		put(t, home, moved)
		page := list(t, home, ownLocations, ocpi.Query{Limit: 9})
		equal(t, "for nobody", ids(page.Objects), []string{"a", "c"})
		equal(t, "total for nobody", page.Total, 2)
		page = list(t, home, store.Selection{Module: ocpi.ModuleLocations, Audience: []ocpi.Party{msp}}, ocpi.Query{Limit: 9})
		equal(t, "for the party", ids(page.Objects), []string{"a", "b", "c"})
		equal(t, "total for the party", page.Total, 3)
	}},
	{name: "renditions are replaced with every write, and a missing one gives the body", run: func(t *testing.T, home Home) {
		renditions := func(q ocpi.Query, version ocpi.Version) []store.Object {
			t.Helper()
			page, err := home.ListRenditions(t.Context(), ownLocations, q, version)
			wantError(t, "ListRenditions", err, nil)
			equal(t, "page as List gives it", places(page.Objects), places(list(t, home, ownLocations, q).Objects))
			return page.Objects
		}
		with := func(json string) store.Object { return store.Object{Rendition: []byte(json)} }
		a, b, c := location("a"), location("b"), location("c")
		a.Renditions = map[ocpi.Version][]byte{ocpi.V211: []byte(`"a 2.1.1"`), ocpi.V221: []byte(`"a 2.2.1"`)}
		c.Renditions = map[ocpi.Version][]byte{ocpi.V211: []byte(`"c 2.1.1"`)}
		put(t, home, a, b, c)
		plain := func(o store.Object) store.Object { o.Renditions = nil; return o }

		all := ocpi.Query{Limit: 9}
		equal(t, "2.1.1", renditions(all, ocpi.V211), []store.Object{with(`"a 2.1.1"`), b, with(`"c 2.1.1"`)})
		equal(t, "2.2.1", renditions(all, ocpi.V221), []store.Object{with(`"a 2.2.1"`), b, plain(c)})
		equal(t, "a version nobody has", renditions(all, ocpi.V230), []store.Object{plain(a), b, plain(c)})
		equal(t, "second page", renditions(ocpi.Query{Limit: 1, Offset: 2}, ocpi.V211), []store.Object{with(`"c 2.1.1"`)})

		a.Renditions = map[ocpi.Version][]byte{ocpi.V221: []byte(`"new a"`)}
		a.Body = []byte(`"new"`)
		put(t, home, a, plain(c))
		equal(t, "2.1.1 after writing", renditions(all, ocpi.V211), []store.Object{plain(a), b, plain(c)})
		equal(t, "2.2.1 after writing", renditions(all, ocpi.V221), []store.Object{with(`"new a"`), b, plain(c)})
	}},
	{name: "the latest change of a module and source grows with each of its changes and with no other", run: func(t *testing.T, home Home) {
		latest := func(source string) int64 {
			t.Helper()
			n, err := home.LatestChange(t.Context(), ocpi.ModuleLocations, source)
			wantError(t, "LatestChange", err, nil)
			return n
		}
		equal(t, "before anything", latest(""), int64(0))
		put(t, home, location("a"))
		one := latest("")
		foreign := location("a")
		foreign.Source = "partner"
		put(t, home, foreign)
		equal(t, "after a partner's change", latest(""), one)
		if latest("partner") <= one {
			t.Error("the partner's change has no later number")
		}
		put(t, home, location("a"))
		two := latest("")
		wantError(t, "Delete", home.Write(t.Context(), func(tx store.Tx) error { return tx.Delete(location("a").Key) }), nil)
		three := latest("")
		if one >= two || two >= three {
			t.Errorf("a change and a deletion go from %d to %d to %d", one, two, three)
		}
		failed := home.Write(t.Context(), func(tx store.Tx) error {
			if _, err := tx.Put(location("b")); err != nil {
				return err
			}
			return errors.New("no")
		})
		if failed == nil {
			t.Error("a failing Write succeeded")
		}
	}},
}

// fill writes n locations of our own, changing owner and audience from one to the next, each a minute younger than the
// one before; between them are objects of other lists. It returns some selections by name.
func fill(t *testing.T, home Home, n int) map[string]store.Selection {
	t.Helper()
	var objects []store.Object
	for i := range n {
		o := location(fmt.Sprint(i))
		o.LastUpdated = noon.Add(time.Duration(i) * time.Minute)
		if i%3 == 1 {
			o.Party = xyz
		}
		if i%5 == 1 {
			o.Audience = msp
		}
		elsewhere := o
		elsewhere.Source = "partner"
		objects = append(objects, o, elsewhere, object(ocpi.ModuleTariffs, abc, o.ID))
	}
	put(t, home, objects...)
	return map[string]store.Selection{
		"own":          ownLocations,
		"one party":    {Module: ocpi.ModuleLocations, Parties: []ocpi.Party{xyz}},
		"for one":      {Module: ocpi.ModuleLocations, Audience: []ocpi.Party{msp}},
		"any audience": {Module: ocpi.ModuleLocations, AnyAudience: true},
		"a partner's":  {Module: ocpi.ModuleLocations, Source: "partner", AnyAudience: true},
	}
}

// windows are narrow, wide and in between for what fill wrote.
func windows(n int) []ocpi.Query {
	at := func(i int) time.Time { return noon.Add(time.Duration(i) * time.Minute) }
	return []ocpi.Query{
		{},
		{DateFrom: at(n - 5)},
		{DateFrom: at(5)},
		{DateTo: at(9)},
		{DateTo: at(n - 9)},
		{DateFrom: at(n / 2), DateTo: at(n/2 + 11)},
		{DateFrom: at(3), DateTo: at(n - 2)},
		{DateFrom: at(n + 1)},
	}
}

func in(q ocpi.Query, o store.Object) bool {
	return !o.LastUpdated.Before(q.DateFrom) && (q.DateTo.IsZero() || o.LastUpdated.Before(q.DateTo))
}

// checkPages reads a list by offsets and by cursors.
func checkPages(t *testing.T, home Home, name string, selection store.Selection, q ocpi.Query, want []store.Object) {
	t.Helper()
	name = fmt.Sprintf("%s, limit %d, from %v to %v", name, q.Limit, q.DateFrom, q.DateTo)
	if q.Limit > 0 {
		equal(t, name+": by cursor", follow(t, home, selection, q), want)
	}
	limit := max(q.Limit, 1)
	for q.Offset = 0; q.Offset <= len(want)+limit; q.Offset += limit {
		page := list(t, home, selection, q)
		rest := want[min(q.Offset, len(want)):]
		equal(t, name+": by offset", page.Objects, rest[:min(limit, len(rest))])
		equal(t, name+": total", page.Total, len(want))
		if more := len(rest) > limit; (page.Next != "") != more {
			t.Errorf("%s: at offset %d of %d the next cursor is %q", name, q.Offset, len(want), page.Next)
		}
	}
}

// keepWriting updates, inserts and deletes locations until the returned function is called.
func keepWriting(t *testing.T, home Home) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	var failed atomic.Pointer[error]
	go func() {
		defer close(done)
		for i := 0; ctx.Err() == nil; i++ {
			err := home.Write(context.WithoutCancel(ctx), func(tx store.Tx) error { return churn(tx, i) })
			if err != nil {
				failed.Store(&err)
				return
			}
		}
	}()
	return func() {
		t.Helper()
		cancel()
		<-done
		if err := failed.Load(); err != nil {
			t.Errorf("Write: %v", *err)
		}
	}
}

// old leaves out what keepWriting inserted.
func old(objects []store.Object) []store.Object {
	return slices.DeleteFunc(objects, func(o store.Object) bool { return strings.HasPrefix(o.ID, "new") })
}

func churn(tx store.Tx, i int) error {
	old := location(fmt.Sprint(i % 300 / 15 * 15)) // of ABC, for everybody
	if o, err := tx.Object(old.Key); err == nil {
		o.LastUpdated = o.LastUpdated.Add(time.Hour)
		if _, err := tx.Put(o); err != nil {
			return err
		}
	}
	if _, err := tx.Put(location(fmt.Sprintf("new %d", i))); err != nil {
		return err
	}
	if i%2 == 0 {
		return nil
	}
	return tx.Delete(location(fmt.Sprintf("new %d", i-1)).Key)
}
