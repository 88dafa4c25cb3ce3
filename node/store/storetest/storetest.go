// Package storetest is the suite that every home of the node's data must pass. Its subtests say what a home does.
package storetest

import (
	"context"
	"testing"

	"github.com/roamwire/roamwire/node/store"
	"github.com/roamwire/roamwire/ocpi"
)

// A Home is everything a home of the data can do. It is declared here for the tests only: each room of the node
// declares the few methods that it needs.
type Home interface {
	// Write runs fn in a transaction that is on disk when Write returns nil, and leaves nothing otherwise.
	Write(ctx context.Context, fn func(store.Tx) error) error

	// Object returns one object with its body, or store.ErrNotFound.
	Object(ctx context.Context, key store.Key) (store.Object, error)
	// Find returns the oldest object of the selection with this id, a token of type RFID first.
	Find(ctx context.Context, selection store.Selection, id string) (store.Object, error)
	// List returns a page with bodies.
	List(ctx context.Context, selection store.Selection, q ocpi.Query) (store.Page, error)
	// ListRenditions returns a page with renditions of one version. An object that has one comes with Created and
	// Rendition alone, any other as from List.
	ListRenditions(ctx context.Context, selection store.Selection, q ocpi.Query, version ocpi.Version) (store.Page, error)
	// LatestChange returns the number of the latest change, which may be a deletion, to an object of this module from
	// this source; 0 if there never was one.
	LatestChange(ctx context.Context, module ocpi.ModuleID, source string) (int64, error)

	AddPartner(ctx context.Context, p store.Partner) error
	ChangePartner(ctx context.Context, name string, fn func(*store.Partner) error) error
	Partner(ctx context.Context, name string) (store.Partner, error)
	Partners(ctx context.Context) ([]store.Partner, error)
	PartnerByToken(ctx context.Context, token store.TokenHash) (store.Partner, error)
	RemovePartner(ctx context.Context, name string) error

	Note(ctx context.Context, name string, value []byte) error
	ReadNote(ctx context.Context, name string) ([]byte, error)
}

// Run runs the suite. The function opens a new, empty home and closes it when its test ends.
func Run(t *testing.T, open func(t *testing.T) Home) {
	for _, group := range []struct {
		name  string
		tests []test
	}{
		{"objects", objectTests},
		{"lists", listTests},
		{"writes", writeTests},
		{"partners", partnerTests},
	} {
		t.Run(group.name, func(t *testing.T) {
			for _, test := range group.tests {
				t.Run(test.name, func(t *testing.T) {
					t.Parallel()
					test.run(t, open(t))
				})
			}
		})
	}
	t.Run("any sequence of writes and reads gives what a plain model gives", func(t *testing.T) { model(t, open) })
}

type test struct {
	name string
	run  func(t *testing.T, home Home)
}
