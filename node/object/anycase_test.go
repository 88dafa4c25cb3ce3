package object_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/roamwire/roamwire/node/object"
	"github.com/roamwire/roamwire/node/store"
	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/ocpitest"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// on is the partner with a version agreed on.
func on(v ocpi.Version) *ocpi.Partner {
	p := *partner
	p.Version = v
	return &p
}

// spellings are the ids of a partner's objects here, and what each has as its id, oldest first.
func spellings(t *testing.T, db interface {
	object.Store
}, module ocpi.ModuleID, source string) (ids []string) {
	t.Helper()
	page, err := db.List(t.Context(), store.Selection{Module: module, Source: source, AnyAudience: true}, all)
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range page.Objects {
		ids = append(ids, o.ID)
	}
	return ids
}

// Requirement DT-31: since 2.2 a partner's object is the same whatever the case of its id, and is kept with the id it came with
// last. In 2.1.1 another case is another object (TF-50), and none is lost where the partner moves on.
func TestAPartnersIDsAreTheSameInAnyCaseSince22(t *testing.T) {
	db, _ := open(t)
	r := object.ReceivedTariffs(db)
	tariff := ocpitest.Network(foreign).Tariff(1)
	push := func(v ocpi.Version, id, currency string) bool {
		t.Helper()
		x := tariff
		x.ID, x.Currency = ocpi.CiString(id), currency
		created, err := r.Put(t.Context(), on(v), key(id), x)
		if err != nil {
			t.Fatal(err)
		}
		return created
	}
	steps := []struct {
		version ocpi.Version
		id      string
		created bool
		want    []string
	}{
		{ocpi.V211, "T1", true, []string{"T1"}},
		{ocpi.V211, "t1", true, []string{"T1", "t1"}},
		{ocpi.V211, "T2", true, []string{"T1", "t1", "T2"}},
		{ocpi.V221, "t1", false, []string{"T1", "t1", "T2"}},
		{ocpi.V221, "t2", false, []string{"T1", "t1", "t2"}},
		{ocpi.V230, "T2", false, []string{"T1", "t1", "T2"}},
		{ocpi.V230, "t3", true, []string{"T1", "t1", "T2", "t3"}},
		{ocpi.V211, "T3", true, []string{"T1", "t1", "T2", "t3", "T3"}},
	}
	for i, step := range steps {
		currency := fmt.Sprintf("X%02d", i)
		if created := push(step.version, step.id, currency); created != step.created {
			t.Errorf("%d: %s in %s: created %t", i, step.id, step.version, created)
		}
		if diff := cmp.Diff(step.want, spellings(t, db, ocpi.ModuleTariffs, partner.ID)); diff != "" {
			t.Errorf("%d: %s", i, diff)
		}
		got, err := r.Get(t.Context(), on(step.version), key(step.id))
		if err != nil || string(got.ID) != step.id || got.Currency != currency {
			t.Errorf("%d: %s: %s %s %v", i, step.id, got.ID, got.Currency, err)
		}
	}
	if _, err := r.Get(t.Context(), on(ocpi.V211), ocpi.Key{Party: foreign, ID: "tX"}); !errors.Is(err, ocpi.ErrNotFound) {
		t.Error(err)
	}

	// PATCH, GET and DELETE by another case.
	deep := func(v ocpi.Version) (errs [3]bool) {
		update := r.Update(t.Context(), on(v), key("t2"), func(x *v230.Tariff) error { x.Currency = "EUR"; x.ID = "t2"; return nil })
		got, get := r.Get(t.Context(), on(v), key("t2"))
		if get == nil && (got.ID != "T2" || got.Currency != "EUR") {
			t.Errorf("after a PATCH: %s %s", got.ID, got.Currency)
		}
		remove := r.Delete(t.Context(), on(v), key("t2"))
		return [3]bool{errors.Is(update, ocpi.ErrNotFound), errors.Is(get, ocpi.ErrNotFound), errors.Is(remove, ocpi.ErrNotFound)}
	}
	if got := deep(ocpi.V211); got != [3]bool{true, true, true} {
		t.Errorf("2.1.1: not found %v", got)
	}
	if got := deep(ocpi.V230); got != [3]bool{} {
		t.Errorf("2.3.0: not found %v", got)
	}
	if diff := cmp.Diff([]string{"T1", "t1", "t3", "T3"}, spellings(t, db, ocpi.ModuleTariffs, partner.ID)); diff != "" {
		t.Error(diff)
	}
}

// Requirement DT-31: what is fetched is held against what is here whatever the case of its ids.
func TestAListIsTheSameInAnyCaseSince22(t *testing.T) {
	db, _ := open(t)
	r := object.ReceivedLocations(db)
	here := ocpitest.Network(foreign).Location(1)
	here.ID, here.EVSEs[0].UID, here.EVSEs[0].Connectors[0].ID = "LOC1", "EVSE1", "C1"
	take(t, r, here)
	listed := here
	listed.EVSEs = append([]v230.EVSE(nil), here.EVSEs...)
	listed.EVSEs[0].Connectors = append([]v230.Connector(nil), here.EVSEs[0].Connectors...)
	listed.ID, listed.EVSEs[0].UID, listed.EVSEs[0].Connectors[0].ID = "loc1", "evse1", "c1"
	list := asked(t, r, listed)
	taken, err := r.Take(t.Context(), on(ocpi.V221), list)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := counts(taken), "0 created, 1 updated, 0 unchanged, 0 older, 0 refused"; got != want || len(taken.MissingEVSEs) > 0 {
		t.Errorf("%s, want %s; missing %v", got, want, taken.MissingEVSEs)
	}
	if len(taken.Keys) != 1 || taken.Keys[0] != (store.Key{Module: ocpi.ModuleLocations, Source: "p", Party: foreign, ID: "loc1"}) {
		t.Errorf("%+v", taken.Keys)
	}
	got, err := r.Get(t.Context(), on(ocpi.V221), key("LOC1"))
	if err != nil || len(got.EVSEs) != len(here.EVSEs) || got.ID != "loc1" || got.EVSEs[0].UID != "EVSE1" || got.EVSEs[0].Connectors[0].ID != "C1" {
		t.Errorf("%+v %v", got, err)
	}
	again, err := r.Take(t.Context(), on(ocpi.V221), asked(t, r, listed))
	if want := "0 created, 0 updated, 1 unchanged, 0 older, 0 refused"; err != nil || counts(again) != want {
		t.Errorf("%s, want %s: %v", counts(again), want, err)
	}
	// What the partner has deleted since the list was asked for stays deleted, in whatever case it is listed.
	list = asked(t, r, here)
	if err := r.Delete(t.Context(), on(ocpi.V221), key("Loc1")); err != nil {
		t.Fatal(err)
	}
	if taken, err = r.Take(t.Context(), on(ocpi.V221), list); err != nil || taken.Older != 1 || taken.Created != 0 {
		t.Errorf("%s %v", counts(taken), err)
	}
	// In 2.1.1 it is another location with another EVSE.
	take(t, r, here)
	if taken := take(t, r, listed); taken.Created != 1 {
		t.Errorf("in 2.1.1: %s", counts(taken))
	}
}

// Requirement DT-31: where the node speaks 2.2 or later, an object of ours is the same whatever the case of its id and of those of
// its parts. They stay as they were first: to partners of 2.1.1 another case is another object.
func TestOurIDsStayAsTheyWereFirst(t *testing.T) {
	o := openFor(t, ocpi.Versions()...)
	l := twoEVSEs()
	l.ID = "LOC1"
	put(t, o.Locations, l)
	other := twoEVSEs()
	other.ID, other.City, other.EVSEs[0].UID, other.EVSEs[0].Connectors[0].MaxVoltage = "loc1", "Elsewhere", "a", 1
	other.EVSEs[1].Connectors[1].ID = "two"
	l.EVSEs[1].Connectors[1].ID = "TWO"
	put(t, o.Locations, l)
	put(t, o.Locations, other)
	got, err := o.Locations.Find(t.Context(), nil, "Loc1")
	if err != nil {
		t.Fatal(err)
	}
	var ids []ocpi.CiString
	for _, e := range got.EVSEs {
		ids = append(ids, e.UID)
	}
	if diff := cmp.Diff([]ocpi.CiString{"A", "B"}, ids); diff != "" || got.ID != "LOC1" || got.City != "Elsewhere" || got.EVSEs[1].Connectors[1].ID != "TWO" {
		t.Errorf("%s %s: %s", got.ID, got.City, diff)
	}
	if other.EVSEs[0].UID != "a" || other.EVSEs[1].Connectors[1].ID != "two" {
		t.Error("what was given has changed")
	}
	key := ocpi.Key{Party: own, ID: "lOC1"}
	if changed, _, err := o.SetStatus(t.Context(), key, "b", v230.StatusBlocked, now); err != nil || !changed {
		t.Errorf("status by another case: %t %v", changed, err)
	}
	for _, version := range []ocpi.Version{ocpi.V221, ocpi.V230} {
		if got, err := o.Locations.Get(t.Context(), on(version), "loc1"); err != nil || got.ID != "LOC1" {
			t.Errorf("%s: %s %v", version, got.ID, err)
		}
	}
	if _, err := o.Locations.Get(t.Context(), on(ocpi.V211), "loc1"); !errors.Is(err, ocpi.ErrNotFound) {
		t.Errorf("2.1.1 finds it in another case: %v", err)
	}
	outcomes, err := o.Locations.Save(t.Context(), []object.Item[v230.Location]{{Party: own, Object: idOf(l, "NEW")}, {Party: own, Object: idOf(l, "new")}, {Party: own, Object: idOf(l, "LOC1")}}, nil)
	if err != nil || !outcomes[0].Created || outcomes[1].Created || outcomes[2].Created {
		t.Errorf("two in one: %+v %v", outcomes, err)
	}
	if err := o.Locations.Delete(t.Context(), ocpi.Key{Party: own, ID: "nEW"}); err != nil {
		t.Error(err)
	}
}

func idOf(l v230.Location, id ocpi.CiString) v230.Location {
	l.ID = id
	return l
}

// Requirement TF-50: a node that speaks 2.1.1 alone keeps ids apart that differ in case.
func TestOurIDsCompareWithCaseIn211(t *testing.T) {
	o := openFor(t, ocpi.V211)
	l := twoEVSEs()
	put(t, o.Locations, idOf(l, "LOC1"), idOf(l, "loc1"))
	if texts, total := listed(t, o.Locations, ocpi.V211); total != 2 {
		t.Errorf("%d: %v", total, texts)
	}
}

// Ids that differ in case alone, from when the node spoke 2.1.1 alone, stay objects of their own.
func TestOurIDsThatDifferInCaseStayApart(t *testing.T) {
	db, o := open(t)
	l := twoEVSEs()
	lower := idOf(l, "loc1")
	lower.City = "Lower"
	put(t, o.Locations, idOf(l, "LOC1"), lower)
	o, err := object.New(db, ocpi.Versions())
	if err != nil {
		t.Fatal(err)
	}
	lower.City = "Lowest"
	put(t, o.Locations, lower)
	for id, city := range map[string]string{"LOC1": l.City, "loc1": "Lowest", "Loc1": l.City} {
		if got, err := o.Locations.Find(t.Context(), nil, id); err != nil || got.City != city {
			t.Errorf("%s is in %s: %v", id, got.City, err)
		}
	}
}
