// Package store defines what the node keeps: the records, the errors, and the rules every home of the data must
// follow. The homes are store/sqlite and, later, store/postgres; store/storetest is the suite they must pass.
//
// There is no interface of everything here. Each room of the node declares the few methods it needs, and the homes
// have them all.
package store

import (
	"errors"
	"slices"
	"time"

	"github.com/roamwire/roamwire/ocpi"
)

// ErrNotFound is returned for an object or partner that is not there.
var ErrNotFound = errors.New("not found")

// ErrExists is returned when a partner is stored whose name or one of its tokens is taken, or one of its parties in the
// same role. Parties of partners with ocpi.AccessRegistration are not counted: they are not registered.
var ErrExists = errors.New("already there")

// ErrNudged is returned for a lane that is saved by who does not know yet what somebody else has changed in it.
var ErrNudged = errors.New("it was changed by somebody else")

// ErrNewerFormat is returned by opening data that a newer version of the program has written.
var ErrNewerFormat = errors.New("the data was written by a newer version of this program")

// A Key identifies a stored object. The whole of it is the identity: two partners' 1012 are two locations.
type Key struct {
	Module ocpi.ModuleID
	// Source is the name of the partner the object came from; empty for our own objects.
	Source string
	// Party owns the object.
	Party ocpi.Party
	// ID compares exactly, because 2.1.1 ids do; only CDR ids compare without case (requirement CDR-17), and others where
	// AnyCase says so.
	ID string
	// TokenType is part of a token's identity and empty for everything else. When a token is looked up, empty means
	// the RFID token with this ID if there is one, and the oldest other one if not.
	TokenType string
	// AnyCase is for looking an object up as partners of 2.2 and later mean it (requirement DT-31): where there is none with
	// this ID, the key stands for the oldest whose id differs from it in the case of ASCII letters alone. An object that is
	// put under such a key replaces the one it stands for, and its ID. What the store returns never has it.
	AnyCase bool
}

// An Object is a stored object of any module.
type Object struct {
	Key
	// Created is the object's place in the order of creation; given by the store, never changed.
	Created int64
	// Change is the number of the commit that last changed the object; given by the store, larger with every change.
	Change int64
	// LastUpdated is the object's own last_updated, by which lists are filtered.
	LastUpdated time.Time
	// Audience is the one party that may list the object, such as the eMSP whose driver a session belongs to. The
	// zero Party means every partner.
	Audience ocpi.Party
	// Withheld are the versions that cannot say the object: partners of those may not list it. Most objects have none.
	Withheld []ocpi.Version
	// Body is the object as JSON in the model's terms (package v230).
	Body []byte
	// Renditions are the object as the JSON that partners of a version get, made when it is written so that a page
	// needs no translation. Only our own objects, which are listed, have them. Writing an object replaces them all.
	Renditions map[ocpi.Version][]byte
	// Rendition is, in a page of renditions, the one asked for.
	Rendition []byte
	// Touched says, to Put, which parts of a location are other than before, for the feed of changes; nil for all of it.
	// An object that is new is new as a whole, whatever Touched says.
	Touched []Part
	// Times are the partner's own times of those parts of the object that show another, as the room of objects writes them;
	// empty for most objects.
	Times []byte
}

// A Selection says which objects a list is about.
type Selection struct {
	Module ocpi.ModuleID
	// Source is the partner the objects came from; empty for our own.
	Source string
	// Parties limits the list to objects of these owners; empty means all owners.
	Parties []ocpi.Party
	// TokenType limits a selection of tokens to one type; empty for all.
	TokenType string
	// Audience are the parties that ask. Objects meant for another party are left out; with no asking party, every
	// object that is meant for someone is left out.
	Audience []ocpi.Party
	// AnyAudience includes objects whoever they are meant for. It is for our own use.
	AnyAudience bool
	// Version is the version of who asks: objects that are withheld from it are left out. Empty for our own use, and
	// includes all.
	Version ocpi.Version
	// AnyCase is that of a Key, where one object of the selection is looked up by its id.
	AnyCase bool
}

// Sees reports whether the selection includes objects for this audience that are withheld from these versions.
func (s *Selection) Sees(audience ocpi.Party, withheld []ocpi.Version) bool {
	if s.Version != "" && slices.Contains(withheld, s.Version) {
		return false
	}
	return audience == ocpi.Party{} || s.AnyAudience || slices.Contains(s.Audience, audience)
}

// A Page is part of a list, oldest object first by creation.
type Page struct {
	Objects []Object
	// Total is the number of objects that match selection and dates.
	Total int
	// Next is the cursor that continues after the last object; empty on the last page.
	Next string
}

// A Tx is one transaction of a Write.
type Tx interface {
	// Object reads an object as this transaction sees it, or ErrNotFound.
	Object(Key) (Object, error)
	// Change returns the number of an object's latest change as this transaction sees it, or ErrNotFound. It costs less
	// than reading the object.
	Change(Key) (int64, error)
	// Removed returns the number of the latest change that removed an object which is not there; 0 where none has, or where it
	// is there again.
	Removed(Key) (int64, error)
	// Put creates the object or replaces the one with its key, which keeps its Created. It ignores Created and
	// Change of its argument.
	Put(Object) (created bool, err error)
	// Delete removes an object, or returns ErrNotFound.
	Delete(Key) error
	// Keeps reports whether objects have a rendition, as this transaction sees it. They do after Keep or a Put with one, until it
	// is removed for all of them.
	Keeps(rendition ocpi.Version) (bool, error)
	Keep(rendition ocpi.Version) error
	// Emit writes an event; its Number and Time are given by the store.
	Emit(Event) error
	// Command reads a command as this transaction sees it, or ErrNotFound; PutCommand creates it or replaces the one with
	// its ID.
	Command(id string) (Command, error)
	PutCommand(Command) error
}

// A TokenHash is the SHA-256 of a partner's token: the token itself is not kept.
type TokenHash [32]byte

// A Partner is a platform that we exchange messages with, or are about to.
type Partner struct {
	ocpi.Partner
	// Tokens are those the partner may call us with.
	Tokens []Token
	// Relation is the rest, as the room that registers partners writes it; its secrets are encrypted. It is empty for a
	// partner of a file from before there were registrations.
	Relation []byte
	// Policy is what the operator has decided about the exchange of data with the partner, as the room of partners writes
	// it; empty for the defaults.
	Policy []byte
	// Added is when the partner was added.
	Added time.Time
}

// A Token is a token a partner may call us with.
type Token struct {
	Hash TokenHash
	// Status says what it is good for.
	Status string
	// Expires is when it is good no longer, Used when it was first used; zero for never and not yet.
	Expires, Used time.Time
}

// Token returns the token with a hash.
func (p *Partner) Token(hash TokenHash) (Token, bool) {
	for _, t := range p.Tokens {
		if t.Hash == hash {
			return t, true
		}
	}
	return Token{}, false
}
