package ocpi

import "time"

// A Query selects a page of a list (requirements TF-18 to TF-33).
type Query struct {
	// DateFrom selects objects last updated at or after this time; zero for no bound.
	DateFrom time.Time
	// DateTo selects objects last updated before this time; zero for no bound.
	DateTo time.Time
	// Offset is the number of matching objects to skip, counted in the order of creation.
	Offset int
	// Limit is the largest number of objects to return. The server has already bounded it.
	Limit int
	// Cursor continues where an earlier Page's Next stopped. It then takes the place of Offset, which still says how
	// many objects came before. The empty Cursor starts at Offset.
	Cursor string
}

// A Page is part of a list.
type Page[T any] struct {
	// Items are the objects, oldest first by creation, never by last update (requirement TF-27).
	Items []T
	// Total is the number of objects that match the query's filters, whatever its offset and limit, and that this
	// partner may see (requirement TF-25).
	Total int
	// Next is the cursor of the following page; empty on the last page, and for backends without cursors, where the
	// server continues by offset while Total is not reached.
	Next string
	// Losses are what the version of the items could not say, from a sender that has its objects as bytes; their pointers begin
	// with the place of the item. Otherwise it is empty: the server finds them when it translates the items.
	Losses Losses
}

// A Key identifies an object among those of one partner.
type Key struct {
	// Party owns the object.
	Party Party
	// ID is the object's identifier: Location.id, Session.id, CDR.id, Tariff.id or Token.uid.
	ID string
	// TokenType is the type of a token, which is part of its identity; empty where the partner did not say, which
	// stands for RFID if there is such a token, and for any other type otherwise (requirement TOK-03).
	TokenType string
}
