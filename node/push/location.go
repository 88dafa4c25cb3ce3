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
	parts := j.change.Parts
	if len(parts) == 0 || len(parts) > maxParts || again || j.partner.Policy.Whole {
		return false, j.wholeLocation(ctx)
	}
	for _, part := range parts {
		sentWhole, err := j.part(ctx, part)
		if sentWhole || err != nil {
			return false, err
		}
	}
	return false, nil
}

func (j *job) wholeLocation(ctx context.Context) error {
	_, err := j.part(ctx, store.Part{})
	return err
}

// part sends a part of a location, or all of it for the zero Part. It returns whole where it has sent all of it.
func (j *job) part(ctx context.Context, part store.Part) (whole bool, err error) {
	message, err := j.print(ctx, part, func(ctx context.Context) (text, error) { return j.writePart(ctx, part) })
	if err != nil {
		return false, err
	}
	_, err = j.client.Send(ctx, message.Message)
	if errors.Is(err, ocpi.ErrNotFound) && !message.whole {
		return j.missing(ctx, part)
	}
	return message.whole, err
}

// writePart writes the smallest message about a part of a location.
func (j *job) writePart(ctx context.Context, part store.Part) (text, error) {
	location, err := read[v230.Location](j.change.Body)
	if err != nil {
		return text{}, err
	}
	to := j.client.EMSP().Locations
	evse, ok := find(location.EVSEs, func(e v230.EVSE) bool { return string(e.UID) == part.EVSE })
	if !ok {
		m, err := to.ComposePut(ctx, location)
		return text{m, true}, err
	}
	connector, ok := find(evse.Connectors, func(c v230.Connector) bool { return string(c.ID) == part.Connector })
	var m ocpiclient.Message
	switch {
	case ok:
		m, err = to.ComposePutConnector(ctx, j.key(), part.EVSE, connector)
	case part.Status:
		m, err = to.ComposeStatus(ctx, j.key(), evse)
	default:
		m, err = to.ComposePutEVSE(ctx, j.key(), evse)
	}
	return text{m, false}, err
}

func find[T any](all []T, is func(T) bool) (found T, ok bool) {
	if i := slices.IndexFunc(all, is); i >= 0 {
		return all[i], true
	}
	return found, false
}

// missing finds out what the partner lacks, and sends that (requirement TF-41).
func (j *job) missing(ctx context.Context, part store.Part) (whole bool, err error) {
	_, err = j.client.EMSP().Locations.Get(ctx, j.key())
	if err == nil && (part.Status || part.Connector != "") {
		evse := store.Part{EVSE: part.EVSE}
		message, err := j.print(ctx, evse, func(ctx context.Context) (text, error) { return j.writePart(ctx, evse) })
		if err != nil {
			return false, err
		}
		if _, err = j.client.Send(ctx, message.Message); err == nil {
			return message.whole, nil
		}
	}
	var e *ocpiclient.Error
	if errors.As(err, &e) && e.Kind == ocpiclient.TryLater {
		return false, err
	}
	return true, j.wholeLocation(ctx)
}
