package object_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/roamwire/roamwire/node/object"
	"github.com/roamwire/roamwire/node/store/sqlite"
	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/ocpiserver"
	"github.com/roamwire/roamwire/ocpi/ocpitest"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// evses are the EVSEs of a location with their status.
func evses(t *testing.T, r *object.Received[v230.Location], id ocpi.CiString) map[string]v230.Status {
	t.Helper()
	l, err := r.Get(t.Context(), partner, key(string(id)))
	if err != nil {
		t.Fatal(err)
	}
	statuses := map[string]v230.Status{}
	for _, evse := range l.EVSEs {
		statuses[string(evse.UID)] = evse.Status
	}
	return statuses
}

// pair is a location with two EVSEs that are available.
func pair() v230.Location {
	l := ocpitest.Network(foreign).Location(1)
	second := l.EVSEs[0]
	l.EVSEs = append(l.EVSEs[:1:1], second)
	for i, uid := range []ocpi.CiString{"A", "B"} {
		l.EVSEs[i].UID, l.EVSEs[i].Status = uid, v230.StatusAvailable
	}
	return l
}

// takenPair is that location, taken from a list.
func takenPair(t *testing.T) (*sqlite.DB, *object.Received[v230.Location], v230.Location) {
	t.Helper()
	db, _ := open(t)
	r := object.ReceivedLocations(db)
	location := pair()
	take(t, r, location)
	return db, r, location
}

// Requirements L-03, L-16: an EVSE that was counted as removed comes back when the partner lists it again, though its own
// time is older than that of our mark.
func TestAnEVSEThatWasMarkedAsRemovedComesBack(t *testing.T) {
	db, _ := open(t)
	r := object.ReceivedLocations(db)
	both := pair()
	first := both
	first.EVSEs = both.EVSEs[:1]
	take(t, r, both)
	taken := take(t, r, first)
	if len(taken.MissingEVSEs) != 1 || taken.MissingEVSEs[0].EVSE != "B" {
		t.Fatalf("missing: %+v", taken.MissingEVSEs)
	}
	if diff := cmp.Diff(map[string]v230.Status{"A": v230.StatusAvailable, "B": v230.StatusAvailable}, evses(t, r, both.ID)); diff != "" {
		t.Errorf("one list without it has changed it: %s", diff)
	}
	now := at(both.LastUpdated, 100000000)
	if err := object.RemoveEVSEs(t.Context(), r, partner, key(string(both.ID)), []string{"B"}, now.Time()); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]v230.Status{"A": v230.StatusAvailable, "B": v230.StatusRemoved}, evses(t, r, both.ID)); diff != "" {
		t.Error(diff)
	}
	// What else changes is taken, by a clock that is behind ours, and does not take the mark away.
	first.EVSEs = append([]v230.EVSE(nil), first.EVSEs...)
	for i, status := range []v230.Status{v230.StatusCharging, v230.StatusBlocked} {
		first.EVSEs[0].Status, first.EVSEs[0].LastUpdated = status, at(first.EVSEs[0].LastUpdated, i+1)
		if got := take(t, r, first); got.Updated != 1 {
			t.Errorf("%s: %s", status, counts(got))
		}
		if diff := cmp.Diff(map[string]v230.Status{"A": status, "B": v230.StatusRemoved}, evses(t, r, both.ID)); diff != "" {
			t.Error(diff)
		}
	}
	both.EVSEs[0] = first.EVSEs[0]
	if got := take(t, r, both); got.Updated != 1 || len(got.MissingEVSEs) != 0 {
		t.Errorf("it is back: %s", counts(got))
	}
	if got := evses(t, r, both.ID)["B"]; got != v230.StatusAvailable {
		t.Errorf("B is %s", got)
	}
}

// An EVSE that a push has changed after the list was made keeps what the push said.
func TestAListTakesNoEVSEBack(t *testing.T) {
	_, r, location := takenPair(t)
	err := r.Update(t.Context(), partner, key(string(location.ID)), func(l *v230.Location) error {
		l.EVSEs[0].Status, l.EVSEs[0].LastUpdated = v230.StatusCharging, at(l.EVSEs[0].LastUpdated, 10)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	location.EVSEs[1].Status, location.EVSEs[1].LastUpdated = v230.StatusBlocked, at(location.LastUpdated, 100000)
	if got := take(t, r, location); got.Updated != 1 {
		t.Error(counts(got))
	}
	if diff := cmp.Diff(map[string]v230.Status{"A": v230.StatusCharging, "B": v230.StatusBlocked}, evses(t, r, location.ID)); diff != "" {
		t.Error(diff)
	}
}

// A list that was made before a push may still have news of other EVSEs: of each part the newer state is left.
func TestOfEachPartOfALocationTheNewerStateIsLeft(t *testing.T) {
	_, r, location := takenPair(t)
	base := location.LastUpdated
	err := r.Update(t.Context(), partner, key(string(location.ID)), func(l *v230.Location) error {
		l.City, l.LastUpdated = "New", at(base, 100)
		l.EVSEs[0].Status, l.EVSEs[0].LastUpdated = v230.StatusCharging, at(base, 100)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	location.EVSEs[1].Status, location.EVSEs[1].LastUpdated, location.LastUpdated = v230.StatusBlocked, at(base, 50), at(base, 50)
	for _, want := range []string{
		"0 created, 1 updated, 0 unchanged, 0 older, 0 refused",
		"0 created, 0 updated, 0 unchanged, 1 older, 0 refused",
	} {
		if got := counts(take(t, r, location)); got != want {
			t.Errorf("%s, want %s", got, want)
		}
		if diff := cmp.Diff(map[string]v230.Status{"A": v230.StatusCharging, "B": v230.StatusBlocked}, evses(t, r, location.ID)); diff != "" {
			t.Error(diff)
		}
		if l, err := r.Get(t.Context(), partner, key(string(location.ID))); err != nil || l.City != "New" || l.LastUpdated.Compare(at(base, 100)) != 0 {
			t.Errorf("%s of %s: %v", l.City, l.LastUpdated, err)
		}
	}
}

// All EVSEs of a location that is gone are marked, and marking them again changes nothing.
func TestAllEVSEsOfALocationAreMarkedOnce(t *testing.T) {
	db, r, location := takenPair(t)
	var before int64
	for range 2 {
		if err := object.RemoveEVSEs(t.Context(), r, partner, key(string(location.ID)), nil, at(location.LastUpdated, 1000).Time()); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(map[string]v230.Status{"A": v230.StatusRemoved, "B": v230.StatusRemoved}, evses(t, r, location.ID)); diff != "" {
			t.Error(diff)
		}
		if now := change(t, db, ocpi.ModuleLocations); before != 0 && now != before {
			t.Errorf("change %d became %d", before, now)
		} else {
			before = now
		}
	}
	if got := take(t, r, location); got.Updated != 1 {
		t.Errorf("it is back: %s", counts(got))
	}
}

// Requirement L-16: an EVSE that is removed stays in its location for a while, and as long as the partner lists it.
func TestEVSEsThatWereRemovedLongAgoAreForgotten(t *testing.T) {
	db, _ := open(t)
	r := object.ReceivedLocations(db)
	both := pair()
	both.EVSEs[1].Status = v230.StatusRemoved
	first := both
	first.EVSEs = both.EVSEs[:1]
	removed := both.EVSEs[1].LastUpdated.Time()
	take(t, r, both)
	for _, test := range []struct {
		days   int
		listed v230.Location
		want   int
	}{{29, first, 2}, {31, both, 2}, {31, first, 1}} {
		list := asked(t, r, test.listed)
		list.At = removed.Add(time.Duration(test.days) * 24 * time.Hour)
		takeList(t, r, list)
		if got := evses(t, r, both.ID); len(got) != test.want {
			t.Errorf("after %d days, with %d listed: %v", test.days, len(test.listed.EVSEs), got)
		}
	}
}

// Requirement L-16: an EVSE that the partner itself has removed does not come back by a list from before.
func TestAnEVSEThatThePartnerHasRemovedStaysRemoved(t *testing.T) {
	_, r, location := takenPair(t)
	push(t, r, location.ID, func(l *v230.Location, _ *ocpiserver.Times) {
		l.EVSEs[1].Status, l.EVSEs[1].LastUpdated = v230.StatusRemoved, at(l.EVSEs[1].LastUpdated, 100)
	})
	location.EVSEs[0].Status, location.EVSEs[0].LastUpdated = v230.StatusBlocked, at(location.LastUpdated, 50)
	take(t, r, location)
	if diff := cmp.Diff(map[string]v230.Status{"A": v230.StatusBlocked, "B": v230.StatusRemoved}, evses(t, r, location.ID)); diff != "" {
		t.Error(diff)
	}
}

// Requirement L-18: a location shows the time of its EVSEs here. Where the partner does not do the same, the location is held
// against its own time, and an EVSE against that of its own and not of its connectors.
func TestAPartIsHeldAgainstItsOwnTime(t *testing.T) {
	db, r, location := takenPair(t)
	base := location.LastUpdated
	raised := func(l *v230.Location, times *ocpiserver.Times) {
		times.After = ocpiserver.PartnerTimes{"": base, "A": l.EVSEs[0].LastUpdated}
		l.LastUpdated, l.EVSEs[0].LastUpdated, l.EVSEs[0].Connectors[0].LastUpdated = at(base, 20), at(base, 20), at(base, 20)
		l.EVSEs[0].Connectors[0].MaxAmperage = 7
	}
	push(t, r, location.ID, raised)
	before := change(t, db, ocpi.ModuleLocations)
	if got := take(t, r, location); got.Older != 1 || change(t, db, ocpi.ModuleLocations) != before {
		t.Errorf("the connector alone is older: %s", counts(got))
	}
	location.City, location.LastUpdated = "Moved", at(base, 10)
	location.EVSEs[0].Status, location.EVSEs[0].LastUpdated = v230.StatusCharging, at(base, 15)
	if got := take(t, r, location); got.Updated != 1 {
		t.Error(counts(got))
	}
	got, err := r.Get(t.Context(), partner, key(string(location.ID)))
	if err != nil || got.City != "Moved" || got.EVSEs[0].Status != v230.StatusCharging || got.EVSEs[0].Connectors[0].MaxAmperage != 7 {
		t.Errorf("%s, %s, %d A: %v", got.City, got.EVSEs[0].Status, got.EVSEs[0].Connectors[0].MaxAmperage, err)
	}
}
