package object_test

import (
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/roamwire/roamwire/node/object"
	"github.com/roamwire/roamwire/node/store"
	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/ocpitest"
	"github.com/roamwire/roamwire/ocpi/v230"
	"github.com/roamwire/roamwire/ocpi/wire"
)

// twoEVSEs is a location of ours with the EVSEs A and B, and two connectors each.
func twoEVSEs() v230.Location {
	l := ocpitest.Network(own).Location(1)
	evse := l.EVSEs[0]
	l.EVSEs = nil
	for _, uid := range []ocpi.CiString{"A", "B"} {
		evse.UID, evse.Status = uid, v230.StatusAvailable
		second := evse.Connectors[0]
		second.ID = "2"
		evse.Connectors = []v230.Connector{evse.Connectors[0], second}
		evse.Connectors[0].ID = "1"
		l.EVSEs = append(l.EVSEs, evse)
	}
	return l
}

// Requirements L-10, L-15 and L-20: what partners are told is the smallest part that has changed.
func TestWhatHasChangedInALocation(t *testing.T) {
	type part = store.Part
	for name, test := range map[string]struct {
		change func(*v230.Location)
		want   []part
	}{
		"a status": {func(l *v230.Location) { l.EVSEs[1].Status = v230.StatusBlocked }, []part{{EVSE: "B", Status: true}}},
		"a status and its time": {func(l *v230.Location) {
			e := &l.EVSEs[1]
			e.Status, e.LastUpdated = v230.StatusBlocked, at(e.LastUpdated, 1)
			l.LastUpdated = e.LastUpdated
		}, []part{{EVSE: "B", Status: true}}},
		"two statuses":             {func(l *v230.Location) { l.EVSEs[0].Status, l.EVSEs[1].Status = v230.StatusBlocked, v230.StatusBlocked }, []part{{EVSE: "A", Status: true}, {EVSE: "B", Status: true}}},
		"a status and more":        {func(l *v230.Location) { l.EVSEs[1].Status, l.EVSEs[1].FloorLevel = v230.StatusBlocked, new("1") }, []part{{EVSE: "B"}}},
		"a status and a connector": {func(l *v230.Location) { l.EVSEs[1].Status, l.EVSEs[1].Connectors[0].MaxVoltage = v230.StatusBlocked, 1 }, []part{{EVSE: "B"}}},
		"a connector":              {func(l *v230.Location) { l.EVSEs[0].Connectors[1].MaxVoltage = 1 }, []part{{EVSE: "A", Connector: "2"}}},
		"both connectors": {func(l *v230.Location) {
			l.EVSEs[0].Connectors[0].MaxVoltage, l.EVSEs[0].Connectors[1].MaxVoltage = 1, 1
		}, []part{{EVSE: "A", Connector: "1"}, {EVSE: "A", Connector: "2"}}},
		"a connector less":           {func(l *v230.Location) { l.EVSEs[0].Connectors = l.EVSEs[0].Connectors[:1] }, []part{{EVSE: "A"}}},
		"connectors in other order":  {func(l *v230.Location) { c := l.EVSEs[0].Connectors; c[0], c[1] = c[1], c[0] }, []part{{EVSE: "A"}}},
		"an EVSE more":               {func(l *v230.Location) { e := l.EVSEs[0]; e.UID = "C"; l.EVSEs = append(l.EVSEs, e) }, []part{{EVSE: "C"}}},
		"an EVSE less, which stays":  {func(l *v230.Location) { l.EVSEs = l.EVSEs[:1] }, []part{{EVSE: "B", Status: true}}},
		"the location":               {func(l *v230.Location) { l.City = "Elsewhere" }, nil},
		"the location and a status":  {func(l *v230.Location) { l.City, l.EVSEs[0].Status = "Elsewhere", v230.StatusBlocked }, nil},
		"the time of the location":   {func(l *v230.Location) { l.LastUpdated = at(l.LastUpdated, 1) }, nil},
		"two EVSEs with the same id": {func(l *v230.Location) { l.EVSEs[1].UID = "A" }, []part{{EVSE: "A"}, {EVSE: "B", Status: true}}},
	} {
		t.Run(name, func(t *testing.T) {
			db, o := open(t)
			put(t, o.Locations, twoEVSEs())
			before, err := db.LatestChange(t.Context(), ocpi.ModuleLocations, "")
			if err != nil {
				t.Fatal(err)
			}
			changed := twoEVSEs()
			test.change(&changed)
			put(t, o.Locations, changed)
			feed, err := db.Changes(t.Context(), store.Selection{Module: ocpi.ModuleLocations}, before, 9)
			if err != nil || len(feed.Changes) != 1 {
				t.Fatalf("%d changes: %v", len(feed.Changes), err)
			}
			if diff := cmp.Diff(test.want, feed.Changes[0].Parts, cmpopts.EquateEmpty()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// Requirement L-16: an EVSE that its operator leaves out stays, as removed, and is not removed twice.
func TestAnEVSEThatIsLeftOutStaysAsRemoved(t *testing.T) {
	db, o := open(t)
	put(t, o.Locations, twoEVSEs())
	var first int64
	for i := range 2 {
		less := twoEVSEs()
		less.EVSEs, less.LastUpdated = less.EVSEs[:1], at(less.LastUpdated, 10)
		put(t, o.Locations, less)
		l, err := o.Locations.Find(t.Context(), []ocpi.Party{own}, string(less.ID))
		if err != nil || len(l.EVSEs) != 2 {
			t.Fatalf("%d EVSEs: %v", len(l.EVSEs), err)
		}
		if gone := l.EVSEs[1]; gone.UID != "B" || gone.Status != v230.StatusRemoved || gone.LastUpdated.Compare(less.LastUpdated) != 0 {
			t.Errorf("%s is %s since %s", gone.UID, gone.Status, gone.LastUpdated)
		}
		n, err := db.LatestChange(t.Context(), ocpi.ModuleLocations, "")
		if err != nil || i > 0 && n != first {
			t.Errorf("round %d: change %d after %d: %v", i, n, first, err)
		}
		first = n
	}
}

func TestAnUpdateOfOurOwnObjectKeepsItsID(t *testing.T) {
	_, o := open(t)
	tariff := ocpitest.Network(own).Tariff(1)
	put(t, o.Tariffs, tariff)
	key := ocpi.Key{Party: own, ID: string(tariff.ID)}
	err := o.Tariffs.Update(t.Context(), key, func(t *v230.Tariff) error { t.ID = "other"; return nil })
	if err == nil || !strings.Contains(err.Error(), "keeps its id") {
		t.Errorf("error %v", err)
	}
	if err := o.Tariffs.Update(t.Context(), ocpi.Key{Party: own, ID: "none"}, func(*v230.Tariff) error { return nil }); !errors.Is(err, ocpi.ErrNotFound) {
		t.Errorf("error %v", err)
	}
}

// However many change an object at the same time, no change is lost and none waits for ever.
func TestUpdatesOfOurOwnObjectAtTheSameTimeAreAllKept(t *testing.T) {
	_, o := open(t)
	put(t, o.Locations, twoEVSEs())
	const writers, updates = 8, 25
	key := ocpi.Key{Party: own, ID: string(twoEVSEs().ID)}
	var group sync.WaitGroup
	for range writers {
		group.Go(func() {
			for range updates {
				if err := o.Locations.Update(t.Context(), key, func(l *v230.Location) error { l.City += "x"; return nil }); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	l, err := o.Locations.Find(t.Context(), []ocpi.Party{own}, key.ID)
	if want := len(twoEVSEs().City) + writers*updates; err != nil || len(l.City) != want {
		t.Errorf("%d updates of %d: %v", len(l.City)-len(twoEVSEs().City), writers*updates, err)
	}
}

// What is written again as it is changes nothing.
func TestTheSameAgainIsNoChange(t *testing.T) {
	db, o := open(t)
	put(t, o.Locations, twoEVSEs())
	created, err := o.Locations.Put(t.Context(), object.Item[v230.Location]{Party: own, Object: twoEVSEs()})
	if created != 0 || err != nil {
		t.Errorf("%d created: %v", created, err)
	}
	if n, err := db.LatestChange(t.Context(), ocpi.ModuleLocations, ""); err != nil || n != 1 {
		t.Errorf("change %d: %v", n, err)
	}
}

// Requirements SES-12 and CDR-12: partners on 2.1.1 get a copy of the location. It is the location as it was, and the same in
// every message and list: a CDR that came again with another copy would be another CDR.
func TestTheCopyOfALocationStaysAsItWas(t *testing.T) {
	db, o := open(t)
	sample := ocpitest.Sample{CPO: own, EMSP: foreign}
	session, cdr := sample.Session(1), sample.CDR(1)
	put(t, o.Locations, sample.Locations()...)
	put(t, o.Sessions, session)
	put(t, o.CDRs, cdr)
	sessions, cdrs := rendered(t, o.Sessions), rendered(t, o.CDRs)
	key := ocpi.Key{Party: own, ID: string(cdr.CDRLocation.ID)}
	err := o.Locations.Update(t.Context(), key, func(l *v230.Location) error {
		for i := range l.EVSEs {
			l.EVSEs[i].Connectors[0].MaxVoltage++
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	before, err := db.LatestChange(t.Context(), ocpi.ModuleCDRs, "")
	if err != nil {
		t.Fatal(err)
	}
	put(t, o.CDRs, cdr)
	if n, err := db.LatestChange(t.Context(), ocpi.ModuleCDRs, ""); err != nil || n != before {
		t.Errorf("the same CDR again is change %d after %d: %v", n, before, err)
	}
	session.KWh = ocpi.NumberOf(77)
	put(t, o.Sessions, session)
	if diff := cmp.Diff(strings.Replace(sessions[0], sample.Session(1).KWh.String(), "77", 1), rendered(t, o.Sessions)[0]); diff != "" {
		t.Errorf("session (-want +got): %s", diff)
	}
	v211, _ := wire.For(ocpi.V211)
	stored, err := o.CDRs.Find(t.Context(), nil, string(cdr.ID))
	if err != nil {
		t.Fatal(err)
	}
	pushed, err := o.CDRs.Write(t.Context(), v211, own, stored)
	if diff := cmp.Diff(cdrs[0], string(pushed.Document)); diff != "" || err != nil {
		t.Errorf("CDR (-as listed +as pushed): %s%v", diff, err)
	}
}
