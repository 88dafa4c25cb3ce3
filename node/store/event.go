package store

import (
	"time"

	"github.com/roamwire/roamwire/ocpi"
)

// An Event is something that has happened and that the operator's own systems are told of. It is written by the transaction
// that makes it happen, so that none is lost and none is told that did not happen. Events are kept for a while: unlike the
// feed, which has each object once in its present state, they tell each change.
type Event struct {
	// Number is its place among all events, in the order of commits; given by the store. What a reader has seen up to a
	// number is complete for good, as with the feed.
	Number int64
	// Time is when it was written.
	Time time.Time
	// Type says what has happened, as in "location.changed"; Subject what it is about.
	Type, Subject string
	// Partner is the name of the partner it has to do with; empty for none. Module is empty where it is about none.
	Partner string
	Module  ocpi.ModuleID
	// Data is the rest, as JSON.
	Data []byte
}

// An EventFilter says which events are wanted. Empty lists stand for all.
type EventFilter struct {
	// Types are exact, or end with "*" and stand for all that begin so.
	Types    []string
	Partners []string
	Modules  []ocpi.ModuleID
}
