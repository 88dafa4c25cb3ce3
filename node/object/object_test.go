package object_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/roamwire/roamwire/node/object"
	"github.com/roamwire/roamwire/node/store"
	"github.com/roamwire/roamwire/node/store/sqlite"
	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/ocpitest"
	"github.com/roamwire/roamwire/ocpi/v230"
)

var (
	own     = ocpi.NewParty("NL", "GPE")
	foreign = ocpi.NewParty("DE", "PTN")
	partner = &ocpi.Partner{ID: "p", Roles: []ocpi.PartyRole{{Role: ocpi.RoleCPO, Party: foreign}, {Role: ocpi.RoleEMSP, Party: foreign}}}
	all     = ocpi.Query{Limit: 100}
)

func openDB(t testing.TB) *sqlite.DB {
	t.Helper()
	db, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "test.db"), sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

func open(t *testing.T) (*sqlite.DB, *object.Objects) {
	t.Helper()
	db := openDB(t)
	o, err := object.New(db, []ocpi.Version{ocpi.V211})
	if err != nil {
		t.Fatal(err)
	}
	use(t, o, ocpi.V211)
	return db, o
}

// use has objects rendered for versions, as where a partner of each has come.
func use(t testing.TB, o *object.Objects, versions ...ocpi.Version) {
	t.Helper()
	o.Expect(versions...)
	if _, err := o.Render(t.Context(), slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
}

func put[T any](t *testing.T, o *object.Own[T], objects ...T) {
	t.Helper()
	var items []object.Item[T]
	for _, x := range objects {
		items = append(items, object.Item[T]{Party: own, Object: x})
	}
	if _, err := o.Put(t.Context(), items...); err != nil {
		t.Fatal(err)
	}
}

func rendered[T any](t *testing.T, o *object.Own[T]) []string {
	t.Helper()
	page, err := o.ListRendered(t.Context(), partner, ocpi.V211, all)
	if err != nil {
		t.Fatal(err)
	}
	if page.Total != len(page.Items) {
		t.Errorf("the total is %d, there are %d", page.Total, len(page.Items))
	}
	var texts []string
	for _, item := range page.Items {
		texts = append(texts, string(item))
	}
	return texts
}

// House rule 1: what 2.1.1 cannot say rightly is not sent.
func TestWhatMustNotBeSentIsNotListed(t *testing.T) {
	_, o := open(t)
	sample := ocpitest.Sample{CPO: own, EMSP: foreign}
	private, credit, reservation := sample.Location(1), sample.CDR(1), sample.Tariff(1)
	private.Publish = false
	credit.Credit = new(true)
	credit.ID = "CREDIT"
	reservation.ID = "RESERVATION"
	for i := range reservation.Elements {
		reservation.Elements[i].Restrictions = &v230.TariffRestrictions{Reservation: new(v230.ReservationRestrictionTypeReservation)}
	}
	put(t, o.Locations, private, sample.Location(2))
	put(t, o.CDRs, sample.CDR(1), credit)
	put(t, o.Tariffs, sample.Tariff(1), reservation)
	if got := rendered(t, o.Locations); len(got) != 1 || strings.Contains(got[0], `"id":"LOC1"`) {
		t.Errorf("locations: %s", got)
	}
	if got := rendered(t, o.CDRs); len(got) != 1 || strings.Contains(got[0], "CREDIT") {
		t.Errorf("CDRs: %s", got)
	}
	if got := rendered(t, o.Tariffs); len(got) != 1 || strings.Contains(got[0], "RESERVATION") {
		t.Errorf("tariffs: %s", got)
	}
	private.Publish = true
	put(t, o.Locations, private)
	if got := rendered(t, o.Locations); len(got) != 2 {
		t.Errorf("a location that is published now is not listed: %s", got)
	}
}

// A session of 2.1.1 carries its location. Where the location comes later, the session is complete from then on.
func TestASessionGetsItsLocationWhenThatComesLater(t *testing.T) {
	_, o := open(t)
	sample := ocpitest.Sample{CPO: own, EMSP: foreign}
	put(t, o.Sessions, sample.Session(1))
	if got := rendered(t, o.Sessions); !strings.Contains(got[0], "ZZZ") {
		t.Errorf("a placeholder is expected: %s", got)
	}
	put(t, o.Locations, sample.Locations()...)
	if got := rendered(t, o.Sessions); strings.Contains(got[0], "ZZZ") || !strings.Contains(got[0], `"city":"Enschede"`) {
		t.Errorf("the location is not there: %s", got)
	}
}

// broken is a store that cannot read locations.
type broken struct{ *sqlite.DB }

func (b broken) Find(ctx context.Context, sel store.Selection, id string) (store.Object, error) {
	if sel.Module == ocpi.ModuleLocations {
		return store.Object{}, errors.New("the disk is broken")
	}
	return b.DB.Find(ctx, sel, id)
}

func TestAFailingStoreIsNotAMissingLocation(t *testing.T) {
	db, _ := open(t)
	o, err := object.New(broken{db}, []ocpi.Version{ocpi.V211})
	if err != nil {
		t.Fatal(err)
	}
	_, err = o.Sessions.Put(t.Context(), object.Item[v230.Session]{Party: own, Object: ocpitest.Network(own).Session(1)})
	if err == nil || !strings.Contains(err.Error(), "the disk is broken") {
		t.Errorf("got %v", err)
	}
}

func key(id string) ocpi.Key { return ocpi.Key{Party: foreign, ID: id} }

// Updates are worked out beside each other and none is lost.
func TestUpdatesOfOneObjectAtTheSameTimeAreAllKept(t *testing.T) {
	db, _ := open(t)
	r := object.ReceivedLocations(db)
	location := ocpitest.Network(foreign).Location(1)
	if _, err := r.Put(t.Context(), partner, key("L"), location); err != nil {
		t.Fatal(err)
	}
	const writers, each = 8, 20
	var wait sync.WaitGroup
	for w := range writers {
		wait.Go(func() {
			for i := range each {
				err := r.Update(t.Context(), partner, key("L"), func(l *v230.Location) error {
					l.Facilities = append(l.Facilities, v230.Facility(fmt.Sprintf("%d-%d", w, i)))
					return nil
				})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	wait.Wait()
	got, err := r.Get(t.Context(), partner, key("L"))
	if err != nil {
		t.Fatal(err)
	}
	if n := len(got.Facilities) - len(location.Facilities); n != writers*each {
		t.Errorf("%d of %d updates are there", n, writers*each)
	}
}

func TestAnUpdateThatFailsOrIsTooLargeStoresNothing(t *testing.T) {
	db, _ := open(t)
	r := object.ReceivedLocations(db)
	location := ocpitest.Network(foreign).Location(1)
	if _, err := r.Put(t.Context(), partner, key("L"), location); err != nil {
		t.Fatal(err)
	}
	no := errors.New("no")
	if err := r.Update(t.Context(), partner, key("L"), func(l *v230.Location) error { l.Name = nil; return no }); !errors.Is(err, no) {
		t.Errorf("got %v", err)
	}
	var e *ocpi.Error
	err := r.Update(t.Context(), partner, key("L"), func(l *v230.Location) error { l.Name = new(strings.Repeat("x", 9<<20)); return nil })
	if !errors.As(err, &e) || e.Code != ocpi.StatusInvalidParameters {
		t.Errorf("got %v", err)
	}
	location.ID = ocpi.CiString(strings.Repeat("x", 1001)) // no URL could name it
	if _, err := r.Put(t.Context(), partner, key(string(location.ID)), location); !errors.As(err, &e) || e.Code != ocpi.StatusInvalidParameters {
		t.Errorf("got %v", err)
	}
	if err := r.Update(t.Context(), partner, key("none"), func(*v230.Location) error { return nil }); !errors.Is(err, ocpi.ErrNotFound) {
		t.Errorf("got %v", err)
	}
	got, err := r.Get(t.Context(), partner, key("L"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(location.Name, got.Name); diff != "" {
		t.Error(diff)
	}
}
