package ocpiserver

import (
	"context"
	"fmt"
	"slices"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/quirk"
	"github.com/roamwire/roamwire/ocpi/wire"
)

// change is the context of a change, with its Times.
func (c *call) change() context.Context { return WithTimes(c.ctx(), &c.times) }

// older refuses what would put a part of an object back to an earlier state: messages overtake each other, and the last to
// come is not always the last that was meant. A message that says the same again is no harm. Nothing is older than a time
// that is still to come: the object could not be changed until then.
func (c *call) older(object, pointer, part string, was, is ocpi.DateTime) error {
	was = c.times.Before.Of(part, was)
	switch {
	case is.Compare(was) >= 0:
		return nil
	case c.toCome(was):
		c.count(quirk.FutureTimestamps)
		return nil
	}
	c.count(quirk.OlderUpdate)
	if c.partner.Receive.AllowOlder {
		return nil
	}
	return ocpi.Unusable(object, []ocpi.Finding{{
		Pointer: pointer + "/last_updated", Code: ocpi.FindingConsistency, Unusable: true,
		Message: fmt.Sprintf("%s is older than %s of the %s that is here, which stays", is, was, object),
	}})
}

// olderLocation refuses a location, or a change of it, that would put it or one of its EVSEs back.
func (c *call) olderLocation(before, after *wire.Location) error {
	if err := c.older("Location", "", "", before.LastUpdated, after.LastUpdated); err != nil {
		return err
	}
	known := c.evses(before)
	for i := range after.EVSEs {
		was := known(after.EVSEs[i].UID)
		if was == nil {
			continue
		}
		if err := c.olderEVSE(fmt.Sprintf("/evses/%d", i), was, &after.EVSEs[i]); err != nil {
			return err
		}
	}
	return nil
}

// evses finds the EVSEs of a location: by their very uid, or else since 2.2 by one in another case (requirement DT-31); nil for
// none.
func (c *call) evses(l *wire.Location) func(uid ocpi.CiString) *wire.EVSE {
	exactly, folded := make(map[ocpi.CiString]*wire.EVSE, len(l.EVSEs)), map[string]*wire.EVSE{}
	for i := range l.EVSEs {
		exactly[l.EVSEs[i].UID] = &l.EVSEs[i]
		if c.anyCase() {
			folded[l.EVSEs[i].UID.Fold()] = &l.EVSEs[i]
		}
	}
	return func(uid ocpi.CiString) *wire.EVSE {
		if evse := exactly[uid]; evse != nil || !c.anyCase() {
			return evse
		}
		return folded[uid.Fold()]
	}
}

// anyCase reports whether ids are the same whatever their case in the version of the call.
func (c *call) anyCase() bool { return c.version.Compare(ocpi.V221) >= 0 }

// olderEVSE refuses an EVSE that would put it or one of its connectors back. What is newer than all that the EVSE shows is
// newer than its connectors.
func (c *call) olderEVSE(pointer string, before, after *wire.EVSE) error {
	err := c.older("EVSE", pointer, PartPath(string(before.UID)), before.LastUpdated, after.LastUpdated)
	if err != nil || after.LastUpdated.Compare(before.LastUpdated) >= 0 {
		return err
	}
	for i := range after.Connectors {
		is := &after.Connectors[i]
		j := slices.IndexFunc(before.Connectors, func(n wire.Connector) bool { return n.ID == is.ID })
		if j < 0 && c.anyCase() {
			j = slices.IndexFunc(before.Connectors, func(n wire.Connector) bool { return n.ID.Equal(is.ID) })
		}
		if j < 0 {
			continue
		}
		part := PartPath(string(before.UID), string(before.Connectors[j].ID))
		if err := c.older("Connector", fmt.Sprintf("%s/connectors/%d", pointer, i), part, before.Connectors[j].LastUpdated, is.LastUpdated); err != nil {
			return err
		}
	}
	return nil
}

// timeless counts a PATCH without a time of its own: it gets ours (requirement TF-40).
func (c *call) timeless(given ocpi.Field[ocpi.DateTime]) {
	if _, ok := given.Get(); !ok {
		c.count(quirk.MissingLastUpdated)
	}
}

// patched notes the partner's own time of a part that was patched: the one it gives, or else the one from before. A time that
// is not the partner's goes on being shown until the partner's own is as late.
func (c *call) patched(part string, given ocpi.Field[ocpi.DateTime], was ocpi.DateTime, is *ocpi.DateTime) {
	before := c.times.Before.Of(part, was)
	own, ok := given.Get()
	if !ok {
		own = before
	}
	if !before.Equal(was) && !c.toCome(was) {
		advance(is, was)
	}
	c.times.set(part, own, *is)
}

// toCome reports whether a time is still to come.
func (c *call) toCome(t ocpi.DateTime) bool { return t.Time().After(c.now().Time().Add(MaxAhead)) }

// patchLocation holds the rules for the EVSEs in the PATCH of a location (requirement TF-38). They have been merged.
func patchLocation(c *call, patch *wire.Patch[wire.Location], before, after *wire.Location) error {
	uids, named := patch.EVSEs.Get()
	switch {
	case named && c.partner.Receive.EVSEs == ocpi.RejectEVSEs:
		return ocpi.Unusable("Location", []ocpi.Finding{{
			Pointer: "/evses", Code: ocpi.FindingConsistency, Unusable: true,
			Message: "EVSEs are not taken in the PATCH of a location; PATCH or PUT each by itself",
		}})
	case named && c.partner.Receive.EVSEs == ocpi.ReplaceEVSEs:
		name := func(uid string) string {
			if c.anyCase() {
				return ocpi.CiString(uid).Fold()
			}
			return uid
		}
		stays := make(map[string]bool, len(uids))
		for _, uid := range uids {
			stays[name(uid)] = true
		}
		after.EVSEs = slices.DeleteFunc(slices.Clone(after.EVSEs), func(e wire.EVSE) bool { return !stays[name(string(e.UID))] })
		for i := range before.EVSEs {
			if uid := string(before.EVSEs[i].UID); !stays[name(uid)] {
				c.times.replace(PartPath(uid))
			}
		}
	}
	c.patchedEVSEs(patch, before, after)
	return c.olderLocation(before, after)
}

// patchedEVSEs does for the EVSEs in the PATCH of a location what patched does for the location: where neither it nor the
// EVSE has a time, an EVSE that has changed has ours.
func (c *call) patchedEVSEs(patch *wire.Patch[wire.Location], before, after *wire.Location) {
	_, timed := patch.LastUpdated.Get()
	known := make(map[ocpi.CiString]ocpi.DateTime, len(before.EVSEs))
	for i := range before.EVSEs {
		known[before.EVSEs[i].UID] = before.EVSEs[i].LastUpdated
	}
	for i := range after.EVSEs {
		part, is := PartPath(string(after.EVSEs[i].UID)), after.EVSEs[i].LastUpdated
		was, ok := known[after.EVSEs[i].UID]
		switch {
		case ok && is.Equal(was): // it has not changed
		case ok && !timed && is.Equal(c.now()):
			c.times.set(part, c.times.Before.Of(part, was), is)
		default:
			c.times.set(part, is, is)
		}
	}
}
