package store

import "time"

// A Feed is a stretch of the feed of changes.
//
// Every object carries the number of its latest change, and numbers are given in the order of commits: what a reader has
// seen up to a number is complete for good, because nothing can be committed below it later. A home whose transactions
// run beside each other must see to that, as by giving numbers from a row that stays locked until the commit; a database
// sequence alone would not do.
type Feed struct {
	// Changes are objects changed after the cursor, each once and in its present state, in the order of the first of their
	// changes that the cursor has not passed. A change that another of the same part or of the whole object followed does
	// not count: an object without parts stands at its latest change. An object of which more has changed after Next is
	// also in the stretch that follows.
	Changes []Change
	// Next is the cursor that continues after this stretch. It also passes over changes to objects that were not asked
	// for, so that it is above the cursor given even where Changes is empty, unless nothing has happened at all.
	Next int64
}

// A Change is an object that has changed since a cursor.
type Change struct {
	// Object is its present state. Where it was removed, Body is nil and the rest is as it was last; its Change is the
	// number of the removal.
	Object
	// Removed tells that the object was deleted and not created again since.
	Removed bool
	// Changed is when the latest change was made.
	Changed time.Time
	// Parts are what has changed in it since the cursor, where nothing outside of these parts has; nil where the object
	// has changed as a whole, which includes that it is new. A part within another that is listed too is left out.
	Parts []Part
}

// A Part is what can change inside a location: an EVSE, or a connector of an EVSE.
type Part struct {
	// EVSE is the uid of an EVSE. Connector is the id of one of its connectors; empty for the EVSE itself.
	EVSE, Connector string
	// Status tells that only the status of the EVSE has changed, and when that was.
	Status bool
}

// A Backlog is what a reader of the feed has before it.
type Backlog struct {
	// Objects is how many objects have changed since its cursor.
	Objects int
	// Oldest is when the object among them that has been as it is for longest was changed; zero where there is none. It may
	// have changed before, too.
	Oldest time.Time
}
