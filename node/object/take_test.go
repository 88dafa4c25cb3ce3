package object_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/roamwire/roamwire/node/object"
	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/ocpitest"
	"github.com/roamwire/roamwire/ocpi/v230"
)

func at(base ocpi.DateTime, seconds int) ocpi.DateTime {
	return ocpi.NewDateTime(base.Time().Add(time.Duration(seconds) * time.Second))
}

// A taker is a Received or ReceivedCDRs.
type taker[T any] interface {
	Latest(context.Context, *ocpi.Partner) (int64, error)
	Take(context.Context, *ocpi.Partner, object.Fetched[T]) (object.Taken, error)
}

// asked is a list that is asked for now, and comes when it is taken.
func asked[T any](t *testing.T, r taker[T], objects ...T) object.Fetched[T] {
	t.Helper()
	since, err := r.Latest(t.Context(), partner)
	if err != nil {
		t.Fatal(err)
	}
	return object.Fetched[T]{Objects: objects, Since: since, At: now}
}

// now is after everything in the samples.
var now = time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)

func takeList[T any](t *testing.T, r taker[T], list object.Fetched[T]) object.Taken {
	t.Helper()
	taken, err := r.Take(t.Context(), partner, list)
	if err != nil {
		t.Fatal(err)
	}
	return taken
}

func take[T any](t *testing.T, r taker[T], objects ...T) object.Taken {
	t.Helper()
	return takeList(t, r, asked(t, r, objects...))
}

// counts is what became of the objects, in words.
func counts(taken object.Taken) string {
	return fmt.Sprintf("%d created, %d updated, %d unchanged, %d older, %d refused", taken.Created, taken.Updated, taken.Unchanged, taken.Older, len(taken.Refused))
}

func change(t *testing.T, db interface {
	LatestChange(context.Context, ocpi.ModuleID, string) (int64, error)
}, module ocpi.ModuleID) int64 {
	t.Helper()
	n, err := db.LatestChange(t.Context(), module, partner.ID)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// Requirement TF-17: objects of a page that cannot be stored do not keep the others from it.
func TestAPageIsStoredWithoutWhatCannotBe(t *testing.T) {
	db, _ := open(t)
	r := object.ReceivedTariffs(db)
	tariff := func(id string) v230.Tariff {
		x := ocpitest.Network(foreign).Tariff(1)
		x.ID = ocpi.CiString(id)
		return x
	}
	same, newer, older, stranger, large := tariff("SAME"), tariff("NEWER"), tariff("OLDER"), tariff("STRANGER"), tariff("LARGE")
	take(t, r, same, newer, older)
	newer.LastUpdated, older.LastUpdated = at(newer.LastUpdated, 1), at(older.LastUpdated, -1)
	older.Currency = "XXX"
	stranger.PartyID = "ZZZ"
	large.TariffAltURL = new(strings.Repeat("x", 9<<20))
	before := change(t, db, ocpi.ModuleTariffs)
	taken := take(t, r, same, tariff(strings.Repeat("x", 1001)), newer, stranger, older, large, tariff("NEW"))
	if got, want := counts(taken), "1 created, 1 updated, 1 unchanged, 1 older, 3 refused"; got != want {
		t.Errorf("%s, want %s: %v", got, want, taken.Refused)
	}
	if len(taken.Keys) != 7 {
		t.Errorf("%d keys", len(taken.Keys))
	}
	if got, err := r.Get(t.Context(), partner, key("OLDER")); err != nil || got.Currency == "XXX" {
		t.Errorf("the older one is there: %v %v", got.Currency, err)
	}
	if got := change(t, db, ocpi.ModuleTariffs); got == before {
		t.Error("nothing has changed")
	}
	allowed := *partner
	allowed.Receive.AllowOlder = true
	if taken, err := r.Take(t.Context(), &allowed, asked(t, r, older)); err != nil || taken.Updated != 1 {
		t.Errorf("an older one that is let in: %s %v", counts(taken), err)
	}
}

// Requirement CDR-08: a CDR is stored once; what comes later with other content is told.
func TestCDRsThatAreFetchedAgainStayAsTheyAre(t *testing.T) {
	db, _ := open(t)
	r := object.NewReceivedCDRs(db)
	cdr := ocpitest.Network(foreign).CDR(1)
	take(t, r, cdr)
	before := change(t, db, ocpi.ModuleCDRs)
	other := cdr
	other.Remark = new("other")
	other.LastUpdated = at(cdr.LastUpdated, 10)
	if got := counts(take(t, r, cdr, other)); got != "0 created, 0 updated, 1 unchanged, 0 older, 1 refused" {
		t.Error(got)
	}
	if got, err := r.Get(t.Context(), partner, key(string(cdr.ID))); err != nil || got.Remark != nil && *got.Remark == "other" {
		t.Errorf("%v %v", got.Remark, err)
	}
	if change(t, db, ocpi.ModuleCDRs) != before {
		t.Error("something was written")
	}
}

// A CDR that comes again is the same whatever the case of its id and however its numbers are written, as where it is
// received (requirements CDR-08, CDR-17).
func TestACDRThatIsWrittenInAnotherWayIsTheSame(t *testing.T) {
	db, _ := open(t)
	r := object.NewReceivedCDRs(db)
	cdr := ocpitest.Network(foreign).CDR(1)
	cdr.ID, cdr.TotalEnergy = "cdr-a", ocpi.MustNumber("1.50")
	take(t, r, cdr)
	cdr.ID, cdr.TotalEnergy = "CDR-A", ocpi.MustNumber("1.5")
	if got := counts(take(t, r, cdr)); got != "0 created, 0 updated, 1 unchanged, 0 older, 0 refused" {
		t.Error(got)
	}
	cdr.TotalEnergy = ocpi.MustNumber("1.51")
	if got := counts(take(t, r, cdr)); got != "0 created, 0 updated, 0 unchanged, 0 older, 1 refused" {
		t.Error(got)
	}
}

// Requirements TF-38, L-16: what does not change an object is not a change, whichever way it comes.
func TestWhatIsTheSameIsNotWritten(t *testing.T) {
	db, _ := open(t)
	r := object.ReceivedLocations(db)
	location := ocpitest.Network(foreign).Location(1)
	location.ID = "L"
	if _, err := r.Put(t.Context(), partner, key("L"), location); err != nil {
		t.Fatal(err)
	}
	before := change(t, db, ocpi.ModuleLocations)
	for name, again := range map[string]func() error{
		"put": func() error {
			created, err := r.Put(t.Context(), partner, key("L"), location)
			if created {
				t.Error("it was there")
			}
			return err
		},
		"updated": func() error {
			return r.Update(t.Context(), partner, key("L"), func(l *v230.Location) error { *l = location; return nil })
		},
		"taken": func() error { take(t, r, location); return nil },
	} {
		if err := again(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if got := change(t, db, ocpi.ModuleLocations); got != before {
			t.Errorf("%s: change %d became %d", name, before, got)
		}
	}
	location.Name = new("other")
	if _, err := r.Put(t.Context(), partner, key("L"), location); err != nil || change(t, db, ocpi.ModuleLocations) == before {
		t.Errorf("a change of the name is none: %v", err)
	}
}

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
	if err := object.RemoveEVSEs(t.Context(), r, partner, key(string(both.ID)), "B", now.Time()); err != nil {
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
	db, _ := open(t)
	r := object.ReceivedLocations(db)
	location := pair()
	take(t, r, location)
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
	db, _ := open(t)
	r := object.ReceivedLocations(db)
	location := pair()
	take(t, r, location)
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
	db, _ := open(t)
	r := object.ReceivedLocations(db)
	location := pair()
	take(t, r, location)
	var before int64
	for range 2 {
		if err := object.RemoveEVSEs(t.Context(), r, partner, key(string(location.ID)), "", at(location.LastUpdated, 1000).Time()); err != nil {
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

// Of replacements that come at the same time, the newest is left, in whatever order they are done.
func TestReplacementsAtTheSameTimeLeaveTheNewest(t *testing.T) {
	db, _ := open(t)
	r := object.ReceivedTariffs(db)
	tariff := ocpitest.Network(foreign).Tariff(1)
	const writers = 16
	var wait sync.WaitGroup
	for i := range writers {
		wait.Go(func() {
			x := tariff
			x.LastUpdated = at(tariff.LastUpdated, i)
			_, err := r.Replace(t.Context(), partner, key(string(x.ID)), x, func(before *v230.Tariff) error {
				if x.LastUpdated.Compare(before.LastUpdated) < 0 {
					return ocpi.InvalidParameters("older")
				}
				return nil
			})
			if err != nil && !strings.Contains(err.Error(), "older") {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	got, err := r.Get(t.Context(), partner, key(string(tariff.ID)))
	if err != nil || got.LastUpdated.Compare(at(tariff.LastUpdated, writers-1)) != 0 {
		t.Errorf("%s is left: %v", got.LastUpdated, err)
	}
}
