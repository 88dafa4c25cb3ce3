package object_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/roamwire/roamwire/node/object"
	"github.com/roamwire/roamwire/node/store"
	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/ocpitest"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// stored are n locations of ours, one in ten private, from a node that spoke 2.3.0 alone.
func stored(t *testing.T, n int) (object.Store, *object.Objects) {
	t.Helper()
	db := openDB(t)
	o, err := object.New(db, []ocpi.Version{ocpi.V230})
	if err != nil {
		t.Fatal(err)
	}
	var locations []v230.Location
	for i := range n {
		l := ocpitest.Network(own).Location(i + 1)
		l.Publish = i%10 != 0
		locations = append(locations, l)
	}
	put(t, o.Locations, locations...)
	return db, o
}

// withRenditions is how many objects of a module have a rendition for a version, and how many there are.
func withRenditions(t *testing.T, db object.Store, v ocpi.Version) (have, all int) {
	t.Helper()
	for after := int64(0); ; {
		lacking, next, err := db.Unrendered(t.Context(), ocpi.ModuleLocations, []ocpi.Version{object.Rendition(v)}, after, 7)
		if err != nil {
			t.Fatal(err)
		}
		if next == 0 {
			page, err := db.List(t.Context(), store.Selection{Module: ocpi.ModuleLocations, AnyAudience: true}, ocpi.Query{Limit: 1})
			if err != nil {
				t.Fatal(err)
			}
			return page.Total - have, page.Total
		}
		have, after = have+len(lacking), next
	}
}

// What was stored before a version was switched on is made ready for its partners: their totals do not count what is withheld,
// and nothing has changed for anybody else.
func TestWhatWasStoredBeforeAVersionIsRendered(t *testing.T) {
	db, _ := stored(t, 60)
	o, err := object.New(db, ocpi.Versions())
	if err != nil {
		t.Fatal(err)
	}
	o.Expect(ocpi.Versions()...)
	if _, total := listed(t, o.Locations, ocpi.V211); total != 60 {
		t.Errorf("before, 2.1.1 counts %d", total)
	}
	before, _ := db.LatestChange(t.Context(), ocpi.ModuleLocations, "")
	was, _ := listed(t, o.Locations, ocpi.V211)
	n, err := o.Render(t.Context(), slog.New(slog.DiscardHandler))
	if err != nil || n != 60 {
		t.Fatal(n, err)
	}
	for v, want := range map[ocpi.Version]int{ocpi.V211: 54, ocpi.V221: 60, ocpi.V230: 60} {
		texts, total := listed(t, o.Locations, v)
		if len(texts) != want || total != want {
			t.Errorf("%s lists %d of %d, want %d", v, len(texts), total, want)
		}
		if diff := cmp.Diff(was, texts); v == ocpi.V211 && diff != "" {
			t.Error(diff)
		}
	}
	if after, _ := db.LatestChange(t.Context(), ocpi.ModuleLocations, ""); after != before {
		t.Error("it is told as a change")
	}
	if have, all := withRenditions(t, db, ocpi.V211); have != all {
		t.Errorf("%d of %d", have, all)
	}
	if n, err := o.Render(t.Context(), slog.New(slog.DiscardHandler)); err != nil || n != 0 {
		t.Errorf("again: %d %v", n, err)
	}
}

// ending ends a context after some stretches.
type ending struct {
	object.Store
	left int
	end  context.CancelFunc
}

func (e *ending) Render(ctx context.Context, objects []store.Object) error {
	if e.left--; e.left == 0 {
		e.end()
	}
	return e.Store.Render(context.WithoutCancel(ctx), objects)
}

// Rendering goes on where it was when the process ended.
func TestRenderingGoesOnAfterARestart(t *testing.T) {
	db, _ := stored(t, 100)
	ctx, end := context.WithCancel(t.Context())
	o, err := object.New(&ending{Store: db, left: 2, end: end}, ocpi.Versions())
	if err != nil {
		t.Fatal(err)
	}
	o.Expect(ocpi.Versions()...)
	first, err := o.Render(ctx, slog.New(slog.DiscardHandler))
	if !errors.Is(err, context.Canceled) || first == 0 || first == 100 {
		t.Fatal(first, err)
	}
	o, err = object.New(db, ocpi.Versions())
	if err != nil {
		t.Fatal(err)
	}
	o.Expect(ocpi.Versions()...)
	second, err := o.Render(t.Context(), slog.New(slog.DiscardHandler))
	if err != nil || first+second != 100 {
		t.Errorf("%d and then %d: %v", first, second, err)
	}
}

// meddling changes an object between its reading and its rendition.
type meddling struct {
	object.Store
	meddle func()
}

func (m *meddling) Render(ctx context.Context, objects []store.Object) error {
	m.meddle()
	return m.Store.Render(ctx, objects)
}

// An object that is changed while what was there before is rendered keeps what belongs to its new state.
func TestRenderingLeavesWhatHasChangedMeanwhile(t *testing.T) {
	db, _ := stored(t, 3)
	m := &meddling{Store: db}
	o, err := object.New(m, ocpi.Versions())
	if err != nil {
		t.Fatal(err)
	}
	o.Expect(ocpi.Versions()...)
	m.meddle = func() {
		l := ocpitest.Network(own).Location(2)
		l.City = "Elsewhere"
		put(t, o.Locations, l)
		if err := o.Locations.Delete(t.Context(), ocpi.Key{Party: own, ID: string(ocpitest.Network(own).Location(3).ID)}); err != nil {
			t.Error(err)
		}
	}
	if _, err := o.Render(t.Context(), slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	texts, total := listed(t, o.Locations, ocpi.V221)
	if total != 2 || len(texts) != 2 || !strings.Contains(texts[1], `"city":"Elsewhere"`) {
		t.Errorf("%d: %v", total, fmt.Sprint(texts))
	}
}
