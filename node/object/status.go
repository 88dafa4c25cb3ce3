package object

import (
	"context"
	"slices"
	"time"

	"github.com/roamwire/roamwire/node/store"
	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// SetStatus sets the status of one of our EVSEs, as of a time, or returns ocpi.ErrNotFound. It is the change there are most of, so
// it copies no more of the location than it changes. changed is whether the EVSE was in another status before, updated when it
// was last updated.
func (o *Objects) SetStatus(
	ctx context.Context, location ocpi.Key, uid string, status v230.Status, at time.Time,
) (changed bool, updated ocpi.DateTime, err error) {
	err = o.Locations.derive(ctx, location, func(_ store.Object, before *v230.Location) (v230.Location, error) {
		after := *before
		i := o.Locations.indexEVSE(before.EVSEs, ocpi.CiString(uid))
		if i < 0 {
			return after, ocpi.NotFound("location %s has no EVSE %s", location.ID, uid)
		}
		after.EVSEs = slices.Clone(before.EVSEs)
		evse := &after.EVSEs[i]
		if changed = evse.Status != status; changed {
			evse.Status = status
			evse.LastUpdated = later(evse.LastUpdated, ocpi.NewDateTime(at).Truncate())
			after.LastUpdated = later(after.LastUpdated, evse.LastUpdated)
		}
		updated = evse.LastUpdated
		return after, nil
	})
	return changed, updated, err
}

// indexEVSE is where an EVSE of a location of ours is; -1 for nowhere.
func (o *Own[T]) indexEVSE(evses []v230.EVSE, uid ocpi.CiString) int {
	i := slices.IndexFunc(evses, func(e v230.EVSE) bool { return e.UID == uid })
	if i < 0 && o.anyCase {
		i = slices.IndexFunc(evses, func(e v230.EVSE) bool { return e.UID.Equal(uid) })
	}
	return i
}
