package object_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/roamwire/roamwire/node/object"
	"github.com/roamwire/roamwire/node/store"
	"github.com/roamwire/roamwire/node/store/sqlite"
	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/ocpiserver"
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

// Requirements TF-17, DT-27: objects of a page that cannot be stored do not keep the others from it.
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

// Requirement TF-17: a location that becomes too large with what is kept of it is refused alone, and taken again when EVSEs
// that are gone have been removed.
func TestALocationThatGrowsTooLargeIsRefusedAlone(t *testing.T) {
	db, _ := open(t)
	r := object.ReceivedLocations(db)
	location := func(prefix string) v230.Location {
		l := ocpitest.Network(foreign).Location(1)
		l.ID = "LARGE"
		one := l.EVSEs[0]
		l.EVSEs = nil
		for i := range 5 {
			evse := one
			evse.UID = ocpi.CiString(fmt.Sprintf("%s%d", prefix, i))
			evse.PhysicalReference = new(strings.Repeat("x", 1<<20))
			l.EVSEs = append(l.EVSEs, evse)
		}
		return l
	}
	take(t, r, location("OLD"))
	got := take(t, r, location("NEW"), ocpitest.Network(foreign).Location(2))
	if counts(got) != "1 created, 0 updated, 0 unchanged, 0 older, 1 refused" || len(got.MissingEVSEs) != 5 {
		t.Fatalf("%s, %d EVSEs are missing: %v", counts(got), len(got.MissingEVSEs), got.Refused)
	}
	for _, m := range got.MissingEVSEs {
		if err := object.RemoveEVSEs(t.Context(), r, partner, key("LARGE"), []string{m.EVSE}, now); err != nil {
			t.Fatal(err)
		}
	}
	if got := counts(take(t, r, location("NEW"))); got != "0 created, 1 updated, 0 unchanged, 0 older, 0 refused" {
		t.Error(got)
	}
	if got := evses(t, r, "LARGE"); len(got) != 5 || got["NEW0"] == "" {
		t.Error(got)
	}
}

// What a partner pushes while a page is under way is not put back by the page.
func TestAPageDoesNotPutBackWhatWasPushedMeanwhile(t *testing.T) {
	t.Run("a deleted tariff", func(t *testing.T) {
		db, _ := open(t)
		r := object.ReceivedTariffs(db)
		tariff := ocpitest.Network(foreign).Tariff(1)
		take(t, r, tariff)
		list := asked(t, r, tariff)
		if err := r.Delete(t.Context(), partner, key(string(tariff.ID))); err != nil {
			t.Fatal(err)
		}
		if got := counts(takeList(t, r, list)); got != "0 created, 0 updated, 0 unchanged, 1 older, 0 refused" {
			t.Error(got)
		}
		if _, err := r.Get(t.Context(), partner, key(string(tariff.ID))); !errors.Is(err, ocpi.ErrNotFound) {
			t.Errorf("it is here again: %v", err)
		}
		if got := take(t, r, tariff); got.Created != 1 {
			t.Errorf("a list from after the deletion: %s", counts(got))
		}
	})
	t.Run("a status without a time", func(t *testing.T) {
		db, _ := open(t)
		r := object.ReceivedLocations(db)
		location := pair()
		take(t, r, location)
		list := asked(t, r, location)
		list.Objects[0].City = "Moved"
		push(t, r, location.ID, func(l *v230.Location, times *ocpiserver.Times) {
			times.After = ocpiserver.PartnerTimes{"A": l.EVSEs[0].LastUpdated}
			l.EVSEs[0].Status, l.EVSEs[0].LastUpdated = v230.StatusOutOfOrder, ocpi.NewDateTime(now)
		})
		takeList(t, r, list)
		if got := evses(t, r, location.ID)["A"]; got != v230.StatusOutOfOrder {
			t.Errorf("A is %s", got)
		}
		take(t, r, location) // by the time that it has been the partner's all along
		if got := evses(t, r, location.ID)["A"]; got != v230.StatusAvailable {
			t.Errorf("A is %s after another list", got)
		}
	})
	t.Run("a new EVSE", func(t *testing.T) {
		db, _ := open(t)
		r := object.ReceivedLocations(db)
		both := pair()
		first := both
		first.EVSEs = both.EVSEs[:1]
		take(t, r, first)
		list := asked(t, r, first)
		push(t, r, both.ID, func(l *v230.Location, _ *ocpiserver.Times) { l.EVSEs = both.EVSEs })
		if got := takeList(t, r, list); len(got.MissingEVSEs) > 0 {
			t.Errorf("missing: %+v", got.MissingEVSEs)
		}
		if got := take(t, r, first); len(got.MissingEVSEs) != 1 {
			t.Errorf("missing from another list: %+v", got.MissingEVSEs)
		}
	})
}

// push changes a location as the server does where the partner pushes something.
func push(t *testing.T, r *object.Received[v230.Location], id ocpi.CiString, change func(*v230.Location, *ocpiserver.Times)) {
	t.Helper()
	times := &ocpiserver.Times{}
	err := r.Update(ocpiserver.WithTimes(t.Context(), times), partner, key(string(id)), func(l *v230.Location) error {
		change(l, times)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// A time in the future does not make what comes after it older.
func TestATimeInTheFutureDoesNotBlockAnObject(t *testing.T) {
	db, _ := open(t)
	r := object.ReceivedTariffs(db)
	tariff := ocpitest.Network(foreign).Tariff(1)
	good := tariff.LastUpdated
	tariff.LastUpdated = ocpi.NewDateTime(now.AddDate(73, 0, 0))
	take(t, r, tariff)
	tariff.Currency, tariff.LastUpdated = "XXX", good
	if got := take(t, r, tariff); got.Updated != 1 {
		t.Error(counts(got))
	}
	tariff.LastUpdated = ocpi.NewDateTime(now.Add(time.Minute)) // a clock that is ahead of ours
	take(t, r, tariff)
	tariff.LastUpdated = good
	if got := take(t, r, tariff); got.Older != 1 {
		t.Error(counts(got))
	}
}

// counted counts the transactions of a store.
type counted struct {
	*sqlite.DB
	writes atomic.Int64
}

func (c *counted) Write(ctx context.Context, fn func(store.Tx) error) error {
	c.writes.Add(1)
	return c.DB.Write(ctx, fn)
}

// Nobody waits until a large page is stored, or for one that changes nothing.
func TestALargePageIsStoredInStretches(t *testing.T) {
	db, _ := open(t)
	c := &counted{DB: db}
	r := object.ReceivedTariffs(c)
	var page []v230.Tariff
	for i := range 40 {
		tariff := ocpitest.Network(foreign).Tariff(1)
		tariff.ID, tariff.TariffAltURL = ocpi.CiString(fmt.Sprint(i)), new(strings.Repeat("x", 100<<10))
		page = append(page, tariff)
	}
	if got := take(t, r, page...); got.Created != len(page) || c.writes.Load() < 3 {
		t.Errorf("%s in %d transactions", counts(got), c.writes.Load())
	}
	before := c.writes.Load()
	if got := take(t, r, page...); got.Unchanged != len(page) || c.writes.Load() != before {
		t.Errorf("%s in %d transactions", counts(got), c.writes.Load()-before)
	}
}

// Pages and pushes of one object at the same time leave the newest, and what is new in a page once.
func TestPagesAndPushesAtTheSameTimeLeaveTheNewest(t *testing.T) {
	db, _ := open(t)
	r := object.ReceivedTariffs(db)
	tariff := ocpitest.Network(foreign).Tariff(1)
	take(t, r, tariff)
	const writers, each = 6, 20
	var wait sync.WaitGroup
	var created atomic.Int64
	for w := range writers {
		wait.Go(func() {
			for i := range each {
				x, fresh := tariff, tariff
				x.LastUpdated, fresh.ID = at(tariff.LastUpdated, i*writers+w), ocpi.CiString(fmt.Sprint("NEW", i))
				if w%2 == 0 {
					created.Add(int64(take(t, r, x, fresh, fresh).Created))
					continue
				}
				err := r.Update(t.Context(), partner, key(string(x.ID)), func(here *v230.Tariff) error {
					if x.LastUpdated.Compare(here.LastUpdated) > 0 {
						*here = x
					}
					return nil
				})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	wait.Wait()
	got, err := r.Get(t.Context(), partner, key(string(tariff.ID)))
	if err != nil || got.LastUpdated.Compare(at(tariff.LastUpdated, writers*each-1)) != 0 {
		t.Errorf("%s is left: %v", got.LastUpdated, err)
	}
	if created.Load() != each {
		t.Errorf("%d were created, want %d", created.Load(), each)
	}
}
