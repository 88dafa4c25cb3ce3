package object

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/ocpiserver"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// A merging decides what is left of an object that is here and its state in a partner's list. It decides about each part by
// itself: a list may be older than a push of one EVSE and have news of another.
type merging struct {
	// theirs are the partner's own times of what is here, left those of what is left.
	theirs, left ocpiserver.PartnerTimes
	// pushed tells that what is here has changed since the list was asked for.
	pushed     bool
	allowOlder bool
	// anyCase tells that ids of parts that differ in case alone are of one part.
	anyCase bool
	// at is when the list came.
	at time.Time
	// small tells to leave out what can be, because the object has become too large.
	small bool

	// older tells that something of the list was older. missing are EVSEs that it does not have.
	older   bool
	missing []string
}

func (m *merging) begin() { m.left, m.older, m.missing = nil, false, nil }

// removedFor is how long an EVSE that is removed, and that the partner does not list any more, stays in its location.
const removedFor = 30 * 24 * time.Hour

// stays decides whether a part stays as it is here. The list is held against the partner's own time of the part; where the
// part may have been pushed after the list was made, against the time it shows. A listed part that the partner has not
// changed goes on showing what it shows here.
func (m *merging) stays(part string, here ocpi.DateTime, listed *ocpi.DateTime) bool {
	own := m.theirs.Of(part, here)
	var stays bool
	switch {
	case m.pushed:
		stays = listed.Compare(here) <= 0
	case m.allowOlder, m.toCome(own):
	default:
		stays = listed.Compare(own) < 0
	}
	if stays {
		m.older = m.older || listed.Compare(here) < 0
		m.keep(part)
		return true
	}
	if listed.Equal(own) && !m.toCome(here) {
		*listed = here
		m.keep(part)
	}
	return false
}

// toCome reports whether a time is still to come.
func (m *merging) toCome(t ocpi.DateTime) bool { return t.Time().After(m.at.Add(ocpiserver.MaxAhead)) }

// keep keeps the partner's own time of a part.
func (m *merging) keep(part string) {
	if own, other := m.theirs[part]; other {
		if m.left == nil {
			m.left = ocpiserver.PartnerTimes{}
		}
		m.left[part] = own
	}
}

// keepAll keeps the partner's own times of a part and of what is in it.
func (m *merging) keepAll(part string) {
	for path := range m.theirs {
		if path == part || strings.HasPrefix(path, part+"/") {
			m.keep(path)
		}
	}
}

// mergeLocation puts into a location that was listed what must stay of the one that is here.
func mergeLocation(here, listed *v230.Location, m *merging) {
	evses := mergeEVSEs(here.EVSEs, listed.EVSEs, m)
	if m.stays("", here.LastUpdated, &listed.LastUpdated) {
		*listed = *here
	}
	listed.EVSEs = evses
}

// mergeEVSEs are the EVSEs of a location that was listed, and those that are here and not in the list: one list without them
// is no proof that they are gone. Of what is removed they say so for a while.
func mergeEVSEs(here, listed []v230.EVSE, m *merging) []v230.EVSE {
	evses := slices.Clone(listed)
	if m.anyCase { // the partner's times of parts are known by the ids that are here
		evses, _ = respelled(here, evses, evseUID)
	}
	at := namesOf(evses, evseUID, false)
	for i := range here {
		evse := &here[i]
		if j, ok := at.find(evse.UID); ok {
			mergeEVSE(evse, &evses[j], m)
			continue
		}
		if m.forgets(evse) {
			continue
		}
		if !m.pushed { // it may have been pushed after the list was made
			m.missing = append(m.missing, string(evse.UID))
		}
		m.keepAll(ocpiserver.PartPath(string(evse.UID)))
		evses = append(evses, *evse)
	}
	return evses
}

// forgets reports whether an EVSE that is not listed need not stay: a location would grow for ever otherwise, where a partner
// gives its EVSEs new uids.
func (m *merging) forgets(evse *v230.EVSE) bool {
	return evse.Status == v230.StatusRemoved && !m.pushed && (m.small || m.at.Sub(evse.LastUpdated.Time()) > removedFor)
}

// mergeEVSE puts into an EVSE that was listed what must stay of the one that is here. The time of a connector shows in its
// EVSE: where the listed EVSE is not older than what the one here shows, its connectors are not either.
func mergeEVSE(here, listed *v230.EVSE, m *merging) {
	part := ocpiserver.PartPath(string(here.UID))
	if m.anyCase {
		listed.Connectors, _ = respelled(here.Connectors, listed.Connectors, connectorID)
	}
	newer := listed.LastUpdated.Compare(here.LastUpdated) >= 0
	if m.stays(part, here.LastUpdated, &listed.LastUpdated) {
		*listed = *here
		m.keepAll(part)
		return
	}
	if newer {
		return
	}
	listed.Connectors = slices.Clone(listed.Connectors)
	for i := range listed.Connectors {
		connector := &listed.Connectors[i]
		j := slices.IndexFunc(here.Connectors, func(c v230.Connector) bool { return c.ID == connector.ID })
		if j < 0 {
			continue
		}
		part := ocpiserver.PartPath(string(here.UID), string(connector.ID))
		if m.stays(part, here.Connectors[j].LastUpdated, &connector.LastUpdated) {
			*connector = here.Connectors[j]
		}
	}
}

// RemoveEVSEs marks EVSEs of a partner's location as removed: those with these uids, or all of them if there are none. The mark
// is ours: whatever the partner says of such an EVSE next is newer.
func RemoveEVSEs(ctx context.Context, r *Received[v230.Location], from *ocpi.Partner, key ocpi.Key, uids []string, at time.Time) error {
	named := make(map[string]bool, len(uids))
	for _, uid := range uids {
		named[uid] = true
	}
	times := &ocpiserver.Times{}
	return r.Update(ocpiserver.WithTimes(ctx, times), from, key, func(l *v230.Location) error {
		times.After = maps.Clone(times.Before)
		if times.After == nil {
			times.After = ocpiserver.PartnerTimes{}
		}
		for i := range l.EVSEs {
			evse := &l.EVSEs[i]
			if len(named) > 0 && !named[string(evse.UID)] || evse.Status == v230.StatusRemoved {
				continue
			}
			evse.Status = v230.StatusRemoved
			evse.LastUpdated = later(evse.LastUpdated, ocpi.NewDateTime(at).Truncate())
			times.After[ocpiserver.PartPath(string(evse.UID))] = ocpi.DateTime{}
		}
		return nil
	})
}
