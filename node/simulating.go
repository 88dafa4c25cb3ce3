package node

import (
	"context"
	"time"

	"github.com/roamwire/roamwire/node/object"
	"github.com/roamwire/roamwire/node/simulate"
	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// Network is what a party of ours has, for a simulation to bring to life.
func (d *Data) Network(party ocpi.Party) simulate.Network { return network{d.Objects, party} }

// A network is the simulate.Network of a party.
type network struct {
	objects *object.Objects
	party   ocpi.Party
}

// Locations implements simulate.Network.
func (n network) Locations(ctx context.Context) ([]v230.Location, error) {
	return everything(ctx, n.objects.Locations, n.party, func(*v230.Location) bool { return true })
}

// Tariffs implements simulate.Network.
func (n network) Tariffs(ctx context.Context) ([]v230.Tariff, error) {
	return everything(ctx, n.objects.Tariffs, n.party, func(*v230.Tariff) bool { return true })
}

// OpenSessions implements simulate.Network.
func (n network) OpenSessions(ctx context.Context) ([]v230.Session, error) {
	return everything(ctx, n.objects.Sessions, n.party, func(s *v230.Session) bool {
		return s.Status == v230.SessionStatusPending || s.Status == v230.SessionStatusActive
	})
}

// SetStatus implements simulate.Network.
func (n network) SetStatus(ctx context.Context, location ocpi.Key, evseUID string, status v230.Status, at time.Time) error {
	return n.objects.SetStatus(ctx, location, evseUID, status, at)
}

// PutSession implements simulate.Network.
func (n network) PutSession(ctx context.Context, session v230.Session) error {
	_, err := n.objects.Sessions.Put(ctx, object.Item[v230.Session]{Party: n.party, Object: session})
	return err
}

// PutCDR implements simulate.Network. What is the same as before changes nothing.
func (n network) PutCDR(ctx context.Context, cdr v230.CDR) error {
	_, err := n.objects.CDRs.Put(ctx, object.Item[v230.CDR]{Party: n.party, Object: cdr})
	return err
}

// readAtOnce is how many objects are read together.
const readAtOnce = 500

// everything reads all objects of a party that are wanted.
func everything[T any](ctx context.Context, own *object.Own[T], party ocpi.Party, wanted func(*T) bool) ([]T, error) {
	var objects []T
	for q := (ocpi.Query{Limit: readAtOnce}); ; {
		page, err := own.All(ctx, []ocpi.Party{party}, q)
		if err != nil {
			return nil, err
		}
		for i := range page.Items {
			if o := &page.Items[i].Object; wanted(o) {
				objects = append(objects, *o)
			}
		}
		if page.Next == "" {
			return objects, nil
		}
		q.Cursor = page.Next
	}
}
