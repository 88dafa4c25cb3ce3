// Package object keeps the objects of every module: our own, which partners pull, and those that partners push to
// us. It stands between ocpiserver, which speaks in the model's types, and the store, which keeps bytes.
package object

import (
	"context"
	"errors"
	"fmt"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/roamwire/roamwire/node/store"
	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/convert"
	"github.com/roamwire/roamwire/ocpi/v230"
	"github.com/roamwire/roamwire/ocpi/wire"
)

// A Store is what this package needs of the node's home.
type Store interface {
	// Object reads one object, or store.ErrNotFound.
	Object(ctx context.Context, key store.Key) (store.Object, error)
	// Find reads the oldest object with this id in a selection, or store.ErrNotFound.
	Find(ctx context.Context, sel store.Selection, id string) (store.Object, error)
	// List reads a page with bodies.
	List(ctx context.Context, sel store.Selection, q ocpi.Query) (store.Page, error)
	// ListRenditions reads a page with the renditions of a version; objects that lack it come with their Body instead.
	ListRenditions(ctx context.Context, sel store.Selection, q ocpi.Query, v ocpi.Version) (store.Page, error)
	// Unrendered returns those of some objects of ours, in the order of creation, that lack a rendition of one of the versions,
	// and after which to go on; 0 at the end.
	Unrendered(ctx context.Context, module ocpi.ModuleID, versions []ocpi.Version, after int64, limit int) ([]store.Object, int64, error)
	// Render gives objects that have not changed since other renditions and versions that they are withheld from.
	Render(ctx context.Context, objects []store.Object) error
	// KeepOnly removes all renditions but those with these names.
	KeepOnly(ctx context.Context, renditions []ocpi.Version) error
	// LatestChange returns the number of the latest change to an object of this module from this source.
	LatestChange(ctx context.Context, module ocpi.ModuleID, source string) (int64, error)
	// Write runs fn as one transaction that is on disk when Write returns without error.
	Write(ctx context.Context, fn func(store.Tx) error) error
}

// A kind is what one module's objects are: how to read their identity, and how each version writes them.
type kind[T any] struct {
	module ocpi.ModuleID
	name   string
	// id returns a pointer to an object's identifier, party to each part of its owner.
	id          func(*T) *ocpi.CiString
	party       func(*T) (country, party *ocpi.CiString)
	lastUpdated func(*T) *ocpi.DateTime
	// newest is when the object or anything in it was last updated; nil for objects without parts.
	newest    func(*T) ocpi.DateTime
	tokenType func(*T) string
	// audience is the one party an object is meant for; nil for modules that everyone may see.
	audience func(*T) ocpi.Party
	// touched says which parts of an object of ours are other than before, and keep puts into its new state what must not
	// vanish from it; nil for objects without parts.
	touched func(before, after *T) []store.Part
	keep    func(before, after *T)
	// respell writes the ids of the parts of an object of ours as they were before, where they differ in case alone; nil for
	// objects without parts.
	respell func(before, after *T)
	// narrow makes what events tell of an object in which only parts have changed; nil for objects without parts.
	narrow func(object *T, parts []store.Part) any
	// freeze keeps with an object of ours the copy of its location that partners of some versions get with it, as it was
	// before or else as it is now; nil for objects without such a copy.
	freeze func(after, before *T, env convert.Env)
	// merge puts into a partner's object that was fetched what must stay of the one that is here; nil for objects without parts.
	merge func(here, listed *T, m *merging)
	// same compares two objects of one id where they may never change; nil for others.
	same  func(a, b T, env convert.Env) (bool, error)
	codec func(wire.Codecs) wire.Codec[T]
}

// The kinds of every module that is kept.
var (
	locations = kind[v230.Location]{
		module: ocpi.ModuleLocations, name: "location",
		id:          func(l *v230.Location) *ocpi.CiString { return &l.ID },
		party:       func(l *v230.Location) (*ocpi.CiString, *ocpi.CiString) { return &l.CountryCode, &l.PartyID },
		lastUpdated: func(l *v230.Location) *ocpi.DateTime { return &l.LastUpdated },
		newest:      newest, touched: touched, keep: keepEVSEs, respell: respellParts, narrow: narrow, merge: mergeLocation,
		codec: func(c wire.Codecs) wire.Codec[v230.Location] { return c.Locations },
	}
	sessions = kind[v230.Session]{
		module: ocpi.ModuleSessions, name: "session",
		id:          func(s *v230.Session) *ocpi.CiString { return &s.ID },
		party:       func(s *v230.Session) (*ocpi.CiString, *ocpi.CiString) { return &s.CountryCode, &s.PartyID },
		lastUpdated: func(s *v230.Session) *ocpi.DateTime { return &s.LastUpdated },
		audience:    func(s *v230.Session) ocpi.Party { return driverOf(&s.CDRToken) },
		freeze:      convert.FreezeSessionLocation,
		codec:       func(c wire.Codecs) wire.Codec[v230.Session] { return c.Sessions },
	}
	cdrs = kind[v230.CDR]{
		module: ocpi.ModuleCDRs, name: "CDR",
		id:          func(d *v230.CDR) *ocpi.CiString { return &d.ID },
		party:       func(d *v230.CDR) (*ocpi.CiString, *ocpi.CiString) { return &d.CountryCode, &d.PartyID },
		lastUpdated: func(d *v230.CDR) *ocpi.DateTime { return &d.LastUpdated },
		audience:    func(d *v230.CDR) ocpi.Party { return driverOf(&d.CDRToken) },
		same:        wire.SameCDR,
		freeze:      convert.FreezeCDRLocation,
		codec:       func(c wire.Codecs) wire.Codec[v230.CDR] { return c.CDRs },
	}
	tariffs = kind[v230.Tariff]{
		module: ocpi.ModuleTariffs, name: "tariff",
		id:          func(t *v230.Tariff) *ocpi.CiString { return &t.ID },
		party:       func(t *v230.Tariff) (*ocpi.CiString, *ocpi.CiString) { return &t.CountryCode, &t.PartyID },
		lastUpdated: func(t *v230.Tariff) *ocpi.DateTime { return &t.LastUpdated },
		codec:       func(c wire.Codecs) wire.Codec[v230.Tariff] { return c.Tariffs },
	}
	tokens = kind[v230.Token]{
		module: ocpi.ModuleTokens, name: "token",
		id:          func(t *v230.Token) *ocpi.CiString { return &t.UID },
		party:       func(t *v230.Token) (*ocpi.CiString, *ocpi.CiString) { return &t.CountryCode, &t.PartyID },
		lastUpdated: func(t *v230.Token) *ocpi.DateTime { return &t.LastUpdated },
		tokenType:   func(t *v230.Token) string { return string(t.Type) },
		codec:       func(c wire.Codecs) wire.Codec[v230.Token] { return c.Tokens },
	}
)

// newest is when a location or anything in it was last updated: partners that ask for what is new must get a location
// also where only the time of an EVSE says so (requirement L-02).
func newest(l *v230.Location) ocpi.DateTime {
	latest := l.LastUpdated
	for i := range l.EVSEs {
		latest = later(latest, l.EVSEs[i].LastUpdated)
		for j := range l.EVSEs[i].Connectors {
			latest = later(latest, l.EVSEs[i].Connectors[j].LastUpdated)
		}
	}
	return latest
}

func later(a, b ocpi.DateTime) ocpi.DateTime {
	if b.Compare(a) > 0 {
		return b
	}
	return a
}

// driverOf is the eMSP whose driver a session or CDR is about; the zero Party where it is not known.
func driverOf(t *v230.CdrToken) ocpi.Party {
	if t.CountryCode == "" || t.PartyID == "" {
		return ocpi.Party{}
	}
	return ocpi.NewParty(string(t.CountryCode), string(t.PartyID))
}

// maxObject bounds the size of one object in bytes. Requests are bounded too, but many of them can make one object grow.
const maxObject = 8 << 20

// MaxDocument is the size of a document in bytes up to which the object in it is small enough in the model too, which
// needs more words.
const MaxDocument = maxObject / 2

// maxID bounds the length of an id in bytes, far above what OCPI allows: the id stands in the URL of the object.
const maxID = 1000

// record makes the stored form of an object, without renditions.
func (k kind[T]) record(source string, key ocpi.Key, object *T) (store.Object, error) {
	if len(key.ID) > maxID {
		return store.Object{}, ocpi.InvalidParameters("the id of the %s has %d bytes, %d are allowed", k.name, len(key.ID), maxID)
	}
	country, party := k.party(object)
	*country, *party = ocpi.CiString(key.Party.CountryCode), ocpi.CiString(key.Party.PartyID)
	*k.id(object) = ocpi.CiString(key.ID)
	body, err := json.Marshal(object)
	if err != nil {
		return store.Object{}, fmt.Errorf("write %s %s: %w", k.name, key.ID, err)
	}
	if len(body) > maxObject {
		return store.Object{}, ocpi.InvalidParameters("%s %s would have %d bytes, %d are allowed", k.name, key.ID, len(body), maxObject)
	}
	updated := *k.lastUpdated(object)
	if k.newest != nil {
		updated = k.newest(object)
	}
	o := store.Object{Key: k.storeKey(source, key), LastUpdated: updated.Time(), Body: body}
	if k.audience != nil {
		o.Audience = k.audience(object)
	}
	return o, nil
}

func (k kind[T]) storeKey(source string, key ocpi.Key) store.Key {
	return store.Key{Module: k.module, Source: source, Party: key.Party, ID: key.ID, TokenType: key.TokenType}
}

// read makes the object of its stored form.
func (k kind[T]) read(o store.Object) (T, error) {
	var object T
	// What the store holds was written by record; its names are unique.
	if err := json.Unmarshal(o.Body, &object, jsontext.AllowDuplicateNames(true)); err != nil {
		return object, fmt.Errorf("read stored %s %s: %w", k.name, o.ID, err)
	}
	return object, nil
}

// notFound turns the store's not found into the answer a partner gets.
func (k kind[T]) notFound(err error, id string) error {
	if !errors.Is(err, store.ErrNotFound) {
		return err
	}
	e := ocpi.NotFound("there is no %s %s", k.name, id)
	if k.module == ocpi.ModuleLocations {
		e.Code = ocpi.StatusUnknownLocation
	}
	return e
}
