package store

import (
	"time"

	"github.com/roamwire/roamwire/ocpi"
)

// A Lane is how far the pushes of one module to one partner have come.
type Lane struct {
	// Partner is the partner's name.
	Partner string
	Module  ocpi.ModuleID
	// Cursor is the number in the feed up to which everything was dealt with: sent, or kept as a Delivery that is held.
	Cursor int64
	// State is the rest, as the room that pushes writes it.
	State []byte
	// Nudge grows when somebody else has changed deliveries of the lane. It is given by the store; a lane is saved only by who
	// knows the present one.
	Nudge int64
}

// A Delivery is what a lane has to remember about one object at one partner.
type Delivery struct {
	// Partner is the partner's name.
	Partner string
	// Key is the object's. Its Source is always empty: only our own objects are pushed.
	Key Key
	// Sent is the number of the change that the partner is known to have; 0 for none.
	Sent int64
	// Held tells that the object has changed since and waits for another try, at Due; never by itself where Due is zero.
	Held bool
	Due  time.Time
	// State is the rest, as the room that pushes writes it.
	State []byte
}
