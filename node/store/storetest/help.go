package storetest

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/roamwire/roamwire/node/store"
	"github.com/roamwire/roamwire/ocpi"
)

var (
	abc = ocpi.NewParty("NL", "ABC")
	xyz = ocpi.NewParty("DE", "XYZ")
	msp = ocpi.NewParty("FR", "MSP")

	noon = time.Date(2026, 11, 5, 12, 0, 0, 0, time.UTC)
)

// object returns an object of our own, last updated at noon.
func object(module ocpi.ModuleID, party ocpi.Party, id string) store.Object {
	return store.Object{
		Key:         store.Key{Module: module, Party: party, ID: id},
		LastUpdated: noon,
		Body:        fmt.Appendf(nil, `{"id":%q}`, id),
	}
}

func location(id string) store.Object { return object(ocpi.ModuleLocations, abc, id) }

func token(uid, tokenType string) store.Object {
	o := object(ocpi.ModuleTokens, abc, uid)
	o.TokenType = tokenType
	return o
}

var ownLocations = store.Selection{Module: ocpi.ModuleLocations}

// put writes objects in one transaction.
func put(t *testing.T, home Home, objects ...store.Object) {
	t.Helper()
	err := home.Write(t.Context(), func(tx store.Tx) error {
		for _, o := range objects {
			if _, err := tx.Put(o); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatalf("Write: %v", err)
	}
}

func get(t *testing.T, home Home, key store.Key) store.Object {
	t.Helper()
	o, err := home.Object(t.Context(), key)
	if err != nil {
		t.Fatalf("Object(%+v): %v", key, err)
	}
	return o
}

func list(t *testing.T, home Home, selection store.Selection, q ocpi.Query) store.Page {
	t.Helper()
	page, err := home.List(t.Context(), selection, q)
	if err != nil {
		t.Fatalf("List(%+v, %+v): %v", selection, q, err)
	}
	return page
}

// follow lists everything by following cursors.
func follow(t *testing.T, home Home, selection store.Selection, q ocpi.Query) []store.Object {
	t.Helper()
	var all []store.Object
	for {
		page := list(t, home, selection, q)
		all = append(all, page.Objects...)
		if page.Next == "" {
			return all
		}
		if len(page.Objects) != q.Limit {
			t.Fatalf("a page that is not the last has %d objects, limit %d", len(page.Objects), q.Limit)
		}
		q.Cursor = page.Next
	}
}

func ids(objects []store.Object) []string {
	ids := make([]string, len(objects))
	for i, o := range objects {
		ids[i] = o.ID
	}
	return ids
}

// A reporter is a *testing.T or a *rapid.T.
type reporter interface {
	Helper()
	Errorf(format string, args ...any)
}

// equal fails the test if the two differ. Numbers and times given by the store are not compared.
func equal(t reporter, what string, got, want any) {
	t.Helper()
	opts := cmp.Options{cmpopts.EquateEmpty(), cmpopts.IgnoreFields(store.Object{}, "Created", "Change"), cmpopts.IgnoreFields(store.Change{}, "Changed")}
	if diff := cmp.Diff(want, got, opts); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func nothing[T any](t reporter, what string, got []T) {
	t.Helper()
	if len(got) > 0 {
		t.Errorf("%s: %+v", what, got)
	}
}

func wantError(t *testing.T, what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%s: error %v, want %v", what, err, want)
	}
}

// places are where objects stand in the order of creation.
func places(objects []store.Object) []int64 {
	var numbers []int64
	for _, o := range objects {
		numbers = append(numbers, o.Created)
	}
	return numbers
}
