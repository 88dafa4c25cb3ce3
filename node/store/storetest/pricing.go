package storetest

import (
	"fmt"
	"testing"
	"time"

	"github.com/roamwire/roamwire/node/store"
	"github.com/roamwire/roamwire/ocpi"
)

// tariffAt is a tariff as it was from some minutes after noon.
func tariffAt(source, id string, minutes int) store.Object {
	o := object(ocpi.ModuleTariffs, abc, id)
	o.Source, o.LastUpdated = source, noon.Add(time.Duration(minutes)*time.Minute)
	o.Body = []byte(fmt.Sprintf("%s from %d", id, minutes))
	return o
}

var pricingTests = []test{
	{name: "the states of a tariff are kept, also when it is gone", run: func(t *testing.T, home Home) {
		first, second, third := tariffAt("p", "T", 0), tariffAt("p", "T", 10), tariffAt("p", "T", 20)
		put(t, home, first, tariffAt("other", "T", 5), tariffAt("p", "t", 7))
		put(t, home, second)
		state := func(o store.Object, until time.Time) store.TariffState {
			return store.TariffState{Key: o.Key, Since: o.LastUpdated, Until: until, Body: o.Body}
		}
		states := func(key store.Key) []store.TariffState {
			t.Helper()
			got, err := home.TariffStates(t.Context(), key)
			wantError(t, "TariffStates", err, nil)
			return got
		}
		equal(t, "two states", states(first.Key), []store.TariffState{state(second, time.Time{}), state(first, second.LastUpdated)})
		wantError(t, "Write", home.Write(t.Context(), func(tx store.Tx) error { return tx.Delete(first.Key) }), nil)
		got := states(first.Key)
		if len(got) != 2 || got[0].Until.IsZero() {
			t.Fatalf("after it is removed: %+v", got)
		}
		put(t, home, third)
		if got := states(first.Key); len(got) != 3 || !got[0].Until.IsZero() || string(got[0].Body) != string(third.Body) {
			t.Errorf("when it is there again: %+v", got)
		}
		anyCase := first.Key
		anyCase.AnyCase = true
		if got := states(anyCase); len(got) != 4 {
			t.Errorf("in any case: %+v", got)
		}
		none := first.Key
		none.ID = "U"
		equal(t, "of a tariff that never was", len(states(none)), 0)
	}},
	{name: "a tariff that comes with an earlier time was so for no time at all", run: func(t *testing.T, home Home) {
		put(t, home, tariffAt("p", "T", 10))
		put(t, home, tariffAt("p", "T", 5))
		got, err := home.TariffStates(t.Context(), tariffAt("p", "T", 0).Key)
		wantError(t, "TariffStates", err, nil)
		if len(got) != 2 || !got[1].Until.Equal(got[1].Since) || !got[0].Until.IsZero() {
			t.Errorf("%+v", got)
		}
	}},
	{name: "a tariff that is published again as it was stays the same state", run: func(t *testing.T, home Home) {
		said := func(minutes int, price string) store.Object {
			o := tariffAt("p", "T", minutes)
			o.Body = []byte(fmt.Sprintf(`{"id":"T","price":%s,"last_updated":%q}`, price, o.LastUpdated.Format(time.RFC3339)))
			return o
		}
		first, changed := said(0, "0.3"), said(20, "0.4")
		put(t, home, first)
		put(t, home, said(10, "0.3"))
		got, err := home.TariffStates(t.Context(), first.Key)
		wantError(t, "TariffStates", err, nil)
		equal(t, "one state", got, []store.TariffState{{Key: first.Key, Since: first.LastUpdated, Body: first.Body}})
		put(t, home, changed)
		put(t, home, said(30, "0.3"))
		got, err = home.TariffStates(t.Context(), first.Key)
		wantError(t, "TariffStates", err, nil)
		if len(got) != 3 || !got[2].Until.Equal(changed.LastUpdated) || !got[1].Until.Equal(noon.Add(30*time.Minute)) || !got[0].Until.IsZero() {
			t.Errorf("what was once so is another state when it is so again: %+v", got)
		}
	}},
	{name: "a tariff from the future is so from now on", run: func(t *testing.T, home Home) {
		future := tariffAt("p", "T", 0)
		future.LastUpdated = time.Now().Add(time.Hour).Truncate(time.Second)
		put(t, home, future)
		got, err := home.TariffStates(t.Context(), future.Key)
		wantError(t, "TariffStates", err, nil)
		if len(got) != 1 || time.Since(got[0].Since).Abs() > time.Minute {
			t.Errorf("%+v", got)
		}
	}},
	{name: "old states of tariffs are removed, present ones stay", run: func(t *testing.T, home Home) {
		for minutes := range 5 {
			put(t, home, tariffAt("p", "T", minutes))
		}
		n, err := home.TrimTariffStates(t.Context(), noon.Add(3*time.Minute), 1)
		wantError(t, "TrimTariffStates", err, nil)
		equal(t, "removed", n, 1)
		n, err = home.TrimTariffStates(t.Context(), noon.Add(time.Hour), 100)
		wantError(t, "TrimTariffStates", err, nil)
		equal(t, "removed", n, 3)
		got, err := home.TariffStates(t.Context(), tariffAt("p", "T", 0).Key)
		wantError(t, "TariffStates", err, nil)
		equal(t, "left", len(got), 1)
	}},
	{name: "CDRs are unchecked until they are checked in their present state by the present rules", run: func(t *testing.T, home Home) {
		var cdrs []store.Object
		for i := range 5 {
			o := object(ocpi.ModuleCDRs, abc, fmt.Sprint("C", i))
			o.Source = []string{"p", "q"}[i%2]
			cdrs = append(cdrs, o)
		}
		put(t, home, cdrs...)
		put(t, home, object(ocpi.ModuleCDRs, abc, "ours"), location("L"))
		latest, err := home.LatestCDR(t.Context())
		wantError(t, "LatestCDR", err, nil)
		last, err := home.Object(t.Context(), cdrs[4].Key)
		wantError(t, "Object", err, nil)
		equal(t, "the latest of a partner's", latest, last.Change)
		all := func(read func(after int64) ([]store.CDRToCheck, error)) (found []store.Object, before []string) {
			t.Helper()
			for after := int64(0); ; {
				some, err := read(after)
				wantError(t, "read", err, nil)
				if len(some) == 0 {
					return found, before
				}
				for _, o := range some {
					found, before, after = append(found, o.Object), append(before, o.Before), o.Created
				}
			}
		}
		unchecked := func(rules string) []store.Object {
			t.Helper()
			found, _ := all(func(after int64) ([]store.CDRToCheck, error) { return home.Unchecked(t.Context(), rules, after, 2) })
			count, err := home.CountUnchecked(t.Context(), rules)
			wantError(t, "CountUnchecked", err, nil)
			equal(t, "how many", count, len(found))
			return found
		}
		equal(t, "unchecked", unchecked("1"), cdrs)
		var checks []store.CDRCheck
		for i, o := range unchecked("1")[:3] {
			checks = append(checks, store.CDRCheck{
				Key: o.Key, Created: o.Created, Change: o.Change, Verdict: []string{"agrees", "differs"}[i%2], Rules: "1",
				Ended: noon.Add(time.Duration(i) * time.Hour), Checked: noon, Energy: "1.5", Currency: "EUR", Stated: "2.00", Computed: "1.99", Report: []byte(`{}`),
			})
		}
		save := func(before string, checks ...store.CDRCheck) {
			t.Helper()
			var saved []store.NewCheck
			for _, c := range checks {
				told := &store.Event{Type: "cdr.checked", Subject: c.ID, Data: []byte(c.Verdict)}
				saved = append(saved, store.NewCheck{CDRCheck: c, Before: before, Event: told})
			}
			wantError(t, "SaveChecks", home.SaveChecks(t.Context(), saved), nil)
		}
		told := func() (texts []string) {
			t.Helper()
			events, _, err := home.Events(t.Context(), store.EventFilter{Types: []string{"cdr.checked"}}, 0, 99)
			wantError(t, "Events", err, nil)
			for _, e := range events {
				texts = append(texts, e.Subject+" "+string(e.Data))
			}
			return texts
		}
		save("", checks...)
		save("", checks[0]) // which somebody else has checked meanwhile
		equal(t, "each is told once", told(), []string{"C0 agrees", "C1 differs", "C2 agrees"})
		equal(t, "unchecked", unchecked("1"), cdrs[3:])
		equal(t, "by other rules", unchecked("2"), cdrs)
		_, before := all(func(after int64) ([]store.CDRToCheck, error) { return home.Unchecked(t.Context(), "2", after, 2) })
		equal(t, "what came of it before", before, []string{"agrees", "differs", "agrees", "", ""})
		again := func(want store.CheckFilter) []string {
			t.Helper()
			found, _ := all(func(after int64) ([]store.CDRToCheck, error) { return home.CheckedCDRs(t.Context(), want, after, 1) })
			return ids(found)
		}
		equal(t, "checked before", again(store.CheckFilter{}), []string{"C0", "C1", "C2"})
		equal(t, "that agreed", again(store.CheckFilter{Verdicts: []string{"agrees"}}), []string{"C0", "C2"})
		equal(t, "of two verdicts", again(store.CheckFilter{Verdicts: []string{"cannot-say", "differs"}}), []string{"C1"})
		equal(t, "of a partner since", again(store.CheckFilter{Source: "p", From: noon.Add(time.Hour)}), []string{"C2"})
		list := func(want store.CheckFilter, after int64, limit int) []store.CDRCheck {
			t.Helper()
			got, err := home.Checks(t.Context(), want, after, limit)
			wantError(t, "Checks", err, nil)
			return got
		}
		never, err := home.CountUnchecked(t.Context(), "")
		wantError(t, "CountUnchecked", err, nil)
		equal(t, "never checked", never, 2)
		for _, want := range []store.CheckFilter{{}, {Source: "p"}, {Verdicts: []string{"differs"}}, {From: noon.Add(time.Hour)}} {
			count, err := home.CountChecks(t.Context(), want)
			wantError(t, "CountChecks", err, nil)
			equal(t, "how many", count, len(list(want, 0, 9)))
		}
		equal(t, "all", list(store.CheckFilter{}, 0, 9), checks)
		equal(t, "some", list(store.CheckFilter{}, checks[0].Created, 1), checks[1:2])
		equal(t, "of a partner", list(store.CheckFilter{Source: "p"}, 0, 9), []store.CDRCheck{checks[0], checks[2]})
		equal(t, "that differ", list(store.CheckFilter{Verdicts: []string{"differs"}}, 0, 9), checks[1:2])
		equal(t, "of an hour", list(store.CheckFilter{From: noon.Add(time.Hour), To: noon.Add(2 * time.Hour)}, 0, 9), checks[1:2])

		changed := cdrs[0]
		changed.Body = []byte(`"changed"`)
		put(t, home, changed)
		equal(t, "one has changed", ids(unchecked("1")), []string{"C0", "C3", "C4"})
		_, before = all(func(after int64) ([]store.CDRToCheck, error) { return home.Unchecked(t.Context(), "2", after, 9) })
		equal(t, "of its present state nothing is known", before, []string{"", "differs", "agrees", "", ""})
		save("", checks[0]) // of the state before
		equal(t, "it stays unchecked", ids(unchecked("1")), []string{"C0", "C3", "C4"})
		wantError(t, "Write", home.Write(t.Context(), func(tx store.Tx) error { return tx.Delete(cdrs[1].Key) }), nil)
		equal(t, "the check of one that is gone", len(list(store.CheckFilter{Verdicts: []string{"differs"}}, 0, 9)), 0)
		save("differs", checks[1])
		equal(t, "nothing is told of what has changed or gone", len(told()), 3)
	}},
	{name: "a check of a charge that ended before 1970 is one as others", run: func(t *testing.T, home Home) {
		o := object(ocpi.ModuleCDRs, abc, "OLD")
		o.Source = "p"
		put(t, home, o)
		cdrs, err := home.Unchecked(t.Context(), "1", 0, 9)
		wantError(t, "Unchecked", err, nil)
		check := store.CDRCheck{
			Key: o.Key, Created: cdrs[0].Created, Change: cdrs[0].Change, Verdict: "differs", Rules: "1", Ended: noon.AddDate(-100, 0, 0), Checked: noon, Report: []byte(`{}`),
		}
		wantError(t, "SaveChecks", home.SaveChecks(t.Context(), []store.NewCheck{{CDRCheck: check}}), nil)
		checks, err := home.Checks(t.Context(), store.CheckFilter{}, 0, 9)
		wantError(t, "Checks", err, nil)
		equal(t, "checks", checks, []store.CDRCheck{check})
	}},
}
