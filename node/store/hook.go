package store

import "time"

// A Hook is an address that events are sent to.
type Hook struct {
	// ID is its name.
	ID string
	// Cursor is the number of the event up to which everything was dealt with: taken, passed over, or kept as a DeadEvent.
	Cursor int64
	// State is the rest, as the room of events writes it; its secret is encrypted.
	State []byte
}

// A DeadEvent is an event that a hook did not take and that is not sent to it any more by itself.
type DeadEvent struct {
	Event
	// Reason is why it was not taken, Died when it was given up.
	Reason string
	Died   time.Time
}
