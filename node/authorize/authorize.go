// Package authorize decides who may charge, in both roles: as CPO about the tokens that eMSPs have sent, by their whitelist
// or by asking their eMSP, and as eMSP about our own tokens, by a table or by asking the operator's system. Both tables are in
// table.go.
//
// Each decision is an event. It is on disk before the answer goes out, in the group commit that all writes share, so that no
// answer is without its event. Where the disk takes no more events there is no answer either, and a CPO decides by the
// whitelist.
package authorize

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/roamwire/roamwire/node/store"
	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/convert"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// A Store is what this package needs of the node's home.
type Store interface {
	// Object reads one object, or store.ErrNotFound.
	Object(ctx context.Context, key store.Key) (store.Object, error)
	// Find reads the oldest object with this id in a selection, or store.ErrNotFound.
	Find(ctx context.Context, sel store.Selection, id string) (store.Object, error)
	// ReceivedTokens reads the tokens of all partners with this uid, whatever the case of its letters.
	ReceivedTokens(ctx context.Context, uid string) ([]store.Object, error)
	// Write runs fn as one transaction that is on disk when Write returns without error.
	Write(ctx context.Context, fn func(store.Tx) error) error
}

// A Place is where a driver wants to charge, or may.
type Place struct {
	LocationID string `json:"location_id"`
	// EVSEUIDs and ConnectorIDs are which of them; empty for all.
	EVSEUIDs     []string `json:"evse_uids,omitempty"`
	ConnectorIDs []string `json:"connector_ids,omitempty"`
}

// references are the place in the model's terms, which keep connectors for versions that have them.
func (p *Place) references() *v230.LocationReferences {
	if p == nil {
		return nil
	}
	refs := v230.LocationReferences{LocationID: ocpi.CiString(p.LocationID)}
	for _, uid := range p.EVSEUIDs {
		refs.EVSEUIDs = append(refs.EVSEUIDs, ocpi.CiString(uid))
	}
	if len(p.ConnectorIDs) > 0 {
		refs = convert.WithConnectorIDs(refs, p.ConnectorIDs)
	}
	return &refs
}

// placeOf is the place that references are to; nil for none, and for those that name no location.
func placeOf(refs *v230.LocationReferences) *Place {
	if refs == nil || refs.LocationID == "" {
		return nil
	}
	p := &Place{LocationID: string(refs.LocationID), ConnectorIDs: convert.ConnectorIDs(*refs)}
	for _, uid := range refs.EVSEUIDs {
		p.EVSEUIDs = append(p.EVSEUIDs, string(uid))
	}
	return p
}

// narrowed is what is left of the place asked about after an answer, which names only those EVSEs and connectors where the
// driver may charge (requirement TOK-09). An answer without a place, or without EVSEs in it, is about all that was asked. It
// is false where nothing is left.
func narrowed(asked, answer *Place) (*Place, bool) {
	if asked == nil || answer == nil {
		return asked, true
	}
	if !strings.EqualFold(asked.LocationID, answer.LocationID) {
		return nil, false
	}
	left := &Place{LocationID: asked.LocationID}
	var evses, connectors bool
	left.EVSEUIDs, evses = common(asked.EVSEUIDs, answer.EVSEUIDs)
	left.ConnectorIDs, connectors = common(asked.ConnectorIDs, answer.ConnectorIDs)
	if !evses || !connectors {
		return nil, false
	}
	return left, true
}

// common is what is in both lists, of which an empty one stands for everything. It is false where that is nothing.
func common(asked, answer []string) ([]string, bool) {
	switch {
	case len(answer) == 0:
		return asked, true
	case len(asked) == 0:
		return answer, true
	}
	both := slices.DeleteFunc(slices.Clone(asked), func(id string) bool { return !contains(answer, id) })
	return both, len(both) > 0
}

// An Observation is one authorization, for counters.
type Observation struct {
	// Direction is ocpi.Inbound where a CPO has asked us, ocpi.Outbound where our CPO has asked.
	Direction ocpi.Direction
	// Partner is who has asked, or whose token it is; empty for nobody's.
	Partner string
	// Allowed is the answer, or where there is none Unknown, NeedsPlace or Abandoned.
	Allowed string
	By      By
	// Trouble says in a word why it was decided by less than it could have been; empty for no trouble.
	Trouble  Trouble
	Duration time.Duration
}

// What stands in the place of an answer where there is none.
const (
	// Unknown is about a token that is not there.
	Unknown = "UNKNOWN"
	// NeedsPlace is where the CPO was told to say where the driver wants to charge, and to ask again.
	NeedsPlace = "NEEDS_LOCATION"
	// Abandoned is where who asked has gone before there was an answer.
	Abandoned = "ABANDONED"
)

// Trouble is why an eMSP, or the operator's system, was not heard.
type Trouble string

// The troubles there are.
const (
	// Late is no answer in time.
	Late Trouble = "late"
	// Failed is no answer, or one that says that something went wrong.
	Failed Trouble = "failed"
	// Unusable is an answer that does not say whether the driver may charge.
	Unusable Trouble = "unusable"
	// Busy is that too many others are waiting for answers.
	Busy Trouble = "busy"
	// Away is an eMSP that has let so many questions run into their deadline that it is not asked for a while.
	Away Trouble = "away"
	// NotOffered is an eMSP that cannot be asked.
	NotOffered Trouble = "not offered"
)
