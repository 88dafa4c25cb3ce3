// Package storetest is the suite that every home of the node's data must pass. Its subtests say what a home does.
package storetest

import (
	"context"
	"testing"
	"time"

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
	// ReceivedTokens returns the tokens of all partners with this uid, whatever the case of its letters, oldest first.
	ReceivedTokens(ctx context.Context, uid string) ([]store.Object, error)
	// List returns a page with bodies.
	List(ctx context.Context, selection store.Selection, q ocpi.Query) (store.Page, error)
	// ListRenditions returns a page with renditions of one version. An object that has one comes with Created and
	// Rendition alone, any other as from List.
	ListRenditions(ctx context.Context, selection store.Selection, q ocpi.Query, version ocpi.Version) (store.Page, error)
	// LatestChange returns the number of the latest change, which may be a deletion, to an object of this module from
	// this source; 0 if there never was one.
	LatestChange(ctx context.Context, module ocpi.ModuleID, source string) (int64, error)

	AddPartner(ctx context.Context, p store.Partner, events ...store.Event) error
	ChangePartner(ctx context.Context, name string, fn func(*store.Partner) ([]store.Event, error)) error
	Partner(ctx context.Context, name string) (store.Partner, error)
	Partners(ctx context.Context) ([]store.Partner, error)
	PartnerByToken(ctx context.Context, token store.TokenHash) (store.Partner, error)
	RemovePartner(ctx context.Context, name string, events ...store.Event) error

	Note(ctx context.Context, name string, value []byte) error
	ReadNote(ctx context.Context, name string) ([]byte, error)

	Pricing
	Feed
	Moves
	Backend
}

// Pricing is what CDRs are checked against, and what came of it.
type Pricing interface {
	// TariffStates are the states that a tariff had, the latest first.
	TariffStates(ctx context.Context, key store.Key) ([]store.TariffState, error)
	// TrimTariffStates removes states that ended before a time.
	TrimTariffStates(ctx context.Context, before time.Time, limit int) (int, error)
	// LatestCDR is the number of the latest change to a CDR of any partner.
	LatestCDR(ctx context.Context) (int64, error)
	// Unchecked are partners' CDRs that were not checked by these rules in their present state.
	Unchecked(ctx context.Context, rules string, after int64, limit int) ([]store.CDRToCheck, error)
	// CheckedCDRs are partners' CDRs that were checked.
	CheckedCDRs(ctx context.Context, want store.CheckFilter, after int64, limit int) ([]store.CDRToCheck, error)
	// CountUnchecked and CountChecks count those of Unchecked and Checks.
	CountUnchecked(ctx context.Context, rules string) (int, error)
	CountChecks(ctx context.Context, want store.CheckFilter) (int, error)
	// SaveChecks writes what came of checks, and the events that tell of it.
	SaveChecks(ctx context.Context, checks []store.NewCheck) error
	Checks(ctx context.Context, want store.CheckFilter, after int64, limit int) ([]store.CDRCheck, error)
}

// A Feed tells what has changed.
type Feed interface {
	// Changes returns what has changed in a selection after a cursor, in the order of the changes.
	Changes(ctx context.Context, selection store.Selection, after int64, limit int) (store.Feed, error)
	// Unrendered looks at some objects of ours and returns those without all of some renditions; Render gives them those.
	Unrendered(ctx context.Context, module ocpi.ModuleID, versions []ocpi.Version, after int64, limit int) ([]store.Object, int64, error)
	Render(ctx context.Context, objects []store.Object) error
	// KeepOnly removes all renditions but those with these names.
	KeepOnly(ctx context.Context, renditions []ocpi.Version) error
	// ChangeOf returns what has changed in one object, or store.ErrNotFound where neither it nor its removal is known.
	ChangeOf(ctx context.Context, key store.Key, after int64) (store.Change, error)
	Backlog(ctx context.Context, selection store.Selection, after int64) (store.Backlog, error)
	// Index returns objects without their bodies, in the order of creation, after the one with this Created.
	Index(ctx context.Context, selection store.Selection, after int64, limit int) ([]store.Object, error)
}

// Moves are how far pushes and pulls have come, and who works on what.
type Moves interface {
	Lane(ctx context.Context, partner string, module ocpi.ModuleID) (store.Lane, error)
	Lanes(ctx context.Context) ([]store.Lane, error)
	SaveLane(ctx context.Context, lane store.Lane, keep []store.Delivery, forget []store.Key, events ...store.Event) error
	RemoveLane(ctx context.Context, partner string, module ocpi.ModuleID) error
	Delivery(ctx context.Context, partner string, key store.Key) (store.Delivery, error)
	// ChangeHeld changes the deliveries that wait, as one step, and nudges their lanes.
	ChangeHeld(ctx context.Context, partner string, module ocpi.ModuleID, id string, fn func(*store.Delivery) error) (int, error)
	// Held returns the deliveries that wait, by when they are due; those that wait for a person come last.
	Held(ctx context.Context, partner string, module ocpi.ModuleID) ([]store.Delivery, error)

	Pull(ctx context.Context, partner string, module ocpi.ModuleID) (store.Pull, error)
	Pulls(ctx context.Context) ([]store.Pull, error)
	// SavePull and ChangeMissing are store.ErrLeased where the lease is not its holder's any more. The zero Lease asks for none.
	SavePull(ctx context.Context, p store.Pull, under store.Lease, events ...store.Event) error
	Missing(ctx context.Context, source string, module ocpi.ModuleID) ([]store.Missing, error)
	ChangeMissing(ctx context.Context, keep, forget []store.Missing, under store.Lease) error

	// Lease takes or renews a lease; the error is store.ErrLeased while somebody else has it.
	Lease(ctx context.Context, l store.Lease, now time.Time) error
	Release(ctx context.Context, name, holder string) error
}

// Run runs the suite. The function makes a new, empty home. Each call of what it returns opens that home, as another process
// would, until the test ends.
func Run(t *testing.T, create func(t *testing.T) (open func() Home)) {
	for _, group := range []struct {
		name  string
		tests []test
	}{
		{"objects", objectTests},
		{"lists", listTests},
		{"writes", writeTests},
		{"partners", partnerTests},
		{"feed", feedTests},
		{"moves", moveTests},
		{"backend", backendTests},
		{"tokens", tokenTests},
		{"pricing", pricingTests},
	} {
		t.Run(group.name, func(t *testing.T) {
			for _, test := range group.tests {
				t.Run(test.name, func(t *testing.T) {
					t.Parallel()
					open := create(t)
					if test.two != nil {
						test.two(t, open(), open())
						return
					}
					test.run(t, open())
				})
			}
		})
	}
	t.Run("any sequence of writes and reads gives what a plain model gives", func(t *testing.T) { model(t, create(t)()) })
}

type test struct {
	name string
	run  func(t *testing.T, home Home)
	// two is there instead of run for what two processes do with one home.
	two func(t *testing.T, home, other Home)
}
