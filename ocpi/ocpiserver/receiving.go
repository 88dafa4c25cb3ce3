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
func (c *call) change() context.Context { return context.WithValue(c.ctx(), timesKey{}, &c.times) }

// older refuses what would put an object back to an earlier state: messages overtake each other, and the last to come is
// not always the last that was meant. A message that says the same again is no harm.
func (c *call) older(object, pointer string, was, is ocpi.DateTime) error {
	if is.Compare(was) >= 0 || c.times.StoredOurs {
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
	if err := c.older("Location", "", before.LastUpdated, after.LastUpdated); err != nil {
		return err
	}
	known := make(map[ocpi.CiString]ocpi.DateTime, len(before.EVSEs))
	for i := range before.EVSEs {
		known[before.EVSEs[i].UID] = before.EVSEs[i].LastUpdated
	}
	for i := range after.EVSEs {
		was, ok := known[after.EVSEs[i].UID]
		if !ok {
			continue
		}
		if err := c.older("EVSE", fmt.Sprintf("/evses/%d", i), was, after.EVSEs[i].LastUpdated); err != nil {
			return err
		}
	}
	return nil
}

// timeless counts a PATCH without a time of its own: it gets ours (requirement TF-40).
func (c *call) timeless(given ocpi.Field[ocpi.DateTime]) {
	_, ok := given.Get()
	if c.times.Ours = !ok; c.times.Ours {
		c.count(quirk.MissingLastUpdated)
	}
}

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
		stays := make(map[string]bool, len(uids))
		for _, uid := range uids {
			stays[uid] = true
		}
		after.EVSEs = slices.DeleteFunc(slices.Clone(after.EVSEs), func(e wire.EVSE) bool { return !stays[string(e.UID)] })
	}
	return c.olderLocation(before, after)
}
