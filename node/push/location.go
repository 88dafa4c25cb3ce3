package push

import (
	"context"
	"errors"
	"slices"

	"github.com/roamwire/roamwire/node/store"
	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/ocpiclient"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// maxParts is how many parts of a location are sent by themselves; if more have changed, the location is sent whole.
const maxParts = 4

// location sends what has changed in a location: the status of an EVSE, an EVSE, a connector, or all of it (requirements
// L-10, L-15, L-20). After a failure all of it is sent: it is not known what the partner has.
func (j *job) location(ctx context.Context, again bool) (skipped bool, err error) {
	if j.change.Removed {
		return true, nil // OCPI has no word for it (requirement L-16)
	}
	location, err := read[v230.Location](j.change.Body)
	if err != nil {
		return false, err
	}
	to := j.client.EMSP().Locations
	parts := j.change.Parts
	if len(parts) == 0 || len(parts) > maxParts || again || j.partner.Policy.Whole {
		_, err := to.Put(ctx, location)
		return false, err
	}
	for _, part := range parts {
		whole, err := j.part(ctx, to, &location, part)
		if whole || err != nil {
			return false, err
		}
	}
	return false, nil
}

// part sends a part of a location. It returns whole where it has sent all of the location instead.
func (j *job) part(ctx context.Context, to ocpiclient.LocationReceiver, location *v230.Location, part store.Part) (whole bool, err error) {
	i := slices.IndexFunc(location.EVSEs, func(e v230.EVSE) bool { return string(e.UID) == part.EVSE })
	if i < 0 {
		_, err := to.Put(ctx, *location)
		return true, err
	}
	evse := location.EVSEs[i]
	switch {
	case part.Connector != "":
		n := slices.IndexFunc(evse.Connectors, func(c v230.Connector) bool { return string(c.ID) == part.Connector })
		if n < 0 {
			_, err = to.PutEVSE(ctx, j.key(), evse)
			break
		}
		_, err = to.PutConnector(ctx, j.key(), part.EVSE, evse.Connectors[n])
	case part.Status:
		err = to.PatchEVSE(ctx, j.key(), beforeStatus(evse), evse)
	default:
		_, err = to.PutEVSE(ctx, j.key(), evse)
	}
	if errors.Is(err, ocpi.ErrNotFound) {
		return j.missing(ctx, to, location, evse)
	}
	return false, err
}

// beforeStatus is an EVSE from which only the status has changed since.
func beforeStatus(evse v230.EVSE) v230.EVSE {
	if evse.Status == v230.StatusOutOfOrder {
		evse.Status = v230.StatusAvailable
	} else {
		evse.Status = v230.StatusOutOfOrder
	}
	return evse
}

// missing finds out what the partner lacks, and sends that (requirement TF-41).
func (j *job) missing(ctx context.Context, to ocpiclient.LocationReceiver, location *v230.Location, evse v230.EVSE) (whole bool, err error) {
	_, err = to.Get(ctx, j.key())
	if err == nil {
		_, err = to.PutEVSE(ctx, j.key(), evse)
		if err == nil {
			return false, nil
		}
	}
	var e *ocpiclient.Error
	if errors.As(err, &e) && e.Kind == ocpiclient.TryLater {
		return false, err
	}
	_, err = to.Put(ctx, *location)
	return true, err
}
