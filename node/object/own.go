package object

import (
	"context"
	"errors"
	"fmt"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/roamwire/roamwire/node/store"
	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/convert"
	"github.com/roamwire/roamwire/ocpi/v230"
	"github.com/roamwire/roamwire/ocpi/wire"
)

// Own are our objects of one module. It is the ocpiserver.Sender, Getter and RenderedSender of the module.
type Own[T any] struct {
	kind     kind[T]
	store    Store
	versions []wire.Codecs
	pages    pages
	// location looks up one of our locations, for versions whose sessions and CDRs carry a copy of it.
	location func(ctx context.Context, owner ocpi.Party, id string) (v230.Location, error)
}

// Objects are our objects of all modules.
type Objects struct {
	Locations *Own[v230.Location]
	Sessions  *Own[v230.Session]
	CDRs      *Own[v230.CDR]
	Tariffs   *Own[v230.Tariff]
	Tokens    *Own[v230.Token]
}

// New returns our objects of all modules. Each object is rendered for the given versions when it is written.
func New(s Store, versions []ocpi.Version) (*Objects, error) {
	var codecs []wire.Codecs
	for _, v := range versions {
		c, ok := wire.For(v)
		if !ok {
			return nil, fmt.Errorf("version %s is not served yet", v)
		}
		codecs = append(codecs, c)
	}
	o := &Objects{
		Locations: &Own[v230.Location]{kind: locations, store: s, versions: codecs},
		Sessions:  &Own[v230.Session]{kind: sessions, store: s, versions: codecs},
		CDRs:      &Own[v230.CDR]{kind: cdrs, store: s, versions: codecs},
		Tariffs:   &Own[v230.Tariff]{kind: tariffs, store: s, versions: codecs},
		Tokens:    &Own[v230.Token]{kind: tokens, store: s, versions: codecs},
	}
	location := func(ctx context.Context, owner ocpi.Party, id string) (v230.Location, error) {
		return o.Locations.Find(ctx, []ocpi.Party{owner}, id)
	}
	o.Sessions.location, o.CDRs.location = location, location
	return o, nil
}

// An Item is an object to be written, with its owner.
type Item[T any] struct {
	Party  ocpi.Party
	Object T
}

// Put creates or replaces objects of ours, all in one transaction, and returns how many were created. What an object
// says about its owner is replaced by its Item's Party, in the items too.
func (o *Own[T]) Put(ctx context.Context, items ...Item[T]) (created int, err error) {
	records := make([]store.Object, len(items))
	for i := range items {
		if records[i], err = o.render(ctx, &items[i]); err != nil {
			return 0, err
		}
	}
	err = o.store.Write(ctx, func(tx store.Tx) error {
		created = 0
		for _, record := range records {
			isNew, err := tx.Put(record)
			if err != nil {
				return err
			}
			if isNew {
				created++
			}
		}
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("store %d %ss: %w", len(items), o.kind.name, err)
	}
	return created, nil
}

// Owner is the party that an object names as its owner; the zero Party where it names none.
func (o *Own[T]) Owner(object *T) ocpi.Party {
	country, party := o.kind.party(object)
	return ocpi.NewParty(string(*country), string(*party))
}

// render makes the stored form of an object of ours, with what partners of each version get.
func (o *Own[T]) render(ctx context.Context, item *Item[T]) (store.Object, error) {
	key := ocpi.Key{Party: item.Party, ID: o.kind.id(&item.Object)}
	if o.kind.tokenType != nil {
		key.TokenType = o.kind.tokenType(&item.Object)
	}
	record, err := o.kind.record("", key, &item.Object)
	if err != nil {
		return record, err
	}
	record.Renditions = make(map[ocpi.Version][]byte, len(o.versions))
	for _, version := range o.versions {
		w, err := o.Write(ctx, version, item.Party, item.Object)
		if err != nil {
			return record, err
		}
		if !w.placeholder { // otherwise it is made when it is asked for, when more may be known
			record.Renditions[rendition(version.Version)] = w.Document
		}
		if convert.Withheld(w.Losses) {
			// Partners of the only version served so far must not get it, and nobody else is there to get it.
			record.Audience = nobody
		}
	}
	return record, nil
}

// nobody is the audience of what no partner may list. It is no party: country codes are letters.
var nobody = ocpi.Party{CountryCode: "-", PartyID: "-"}

// rendition is the name under which the store keeps what partners of a version get. When translations change, renditions
// made before are no longer found, and are made anew.
func rendition(v ocpi.Version) ocpi.Version { return v + "#" + convert.Revision }

// A Written is an object of ours as partners of a version get it.
type Written struct {
	Document jsontext.Value
	Losses   []convert.Loss
	// placeholder tells that a location was not there and something stands in its place.
	placeholder bool
}

// Write writes an object of ours in a version.
func (o *Own[T]) Write(ctx context.Context, version wire.Codecs, owner ocpi.Party, object T) (Written, error) {
	var w Written
	var failed error
	env := convert.Env{Owner: owner}
	if o.location != nil {
		env.Location = func(id string) (v230.Location, bool) {
			l, err := o.location(ctx, owner, id)
			w.placeholder = w.placeholder || err != nil
			if err != nil && !errors.Is(err, ocpi.ErrNotFound) {
				failed = err
			}
			return l, err == nil
		}
	}
	raw, losses, err := o.kind.codec(version).Write(object, env)
	w.Document, w.Losses = raw, losses
	return w, errors.Join(err, failed)
}

// List implements ocpiserver.Sender.
func (o *Own[T]) List(ctx context.Context, to *ocpi.Partner, q ocpi.Query) (ocpi.Page[T], error) {
	page, err := o.store.List(ctx, o.visible(to), q)
	if err != nil {
		return ocpi.Page[T]{}, err
	}
	return o.decode(page)
}

// All lists objects of ours with their owners, whoever may see them, for our own use.
func (o *Own[T]) All(ctx context.Context, parties []ocpi.Party, q ocpi.Query) (ocpi.Page[Item[T]], error) {
	records, err := o.store.List(ctx, store.Selection{Module: o.kind.module, Parties: parties, AnyAudience: true}, q)
	if err != nil {
		return ocpi.Page[Item[T]]{}, err
	}
	objects, err := o.decode(records)
	page := ocpi.Page[Item[T]]{Total: objects.Total, Next: objects.Next}
	for i, object := range objects.Items {
		page.Items = append(page.Items, Item[T]{Party: records.Objects[i].Party, Object: object})
	}
	return page, err
}

func (o *Own[T]) decode(page store.Page) (ocpi.Page[T], error) {
	objects := make([]T, len(page.Objects))
	for i, record := range page.Objects {
		var err error
		if objects[i], err = o.kind.read(record); err != nil {
			return ocpi.Page[T]{}, err
		}
	}
	return ocpi.Page[T]{Items: objects, Total: page.Total, Next: page.Next}, nil
}

// ListRendered implements ocpiserver.RenderedSender. An object that has no rendition, because the version or the
// translation is new or its location was not there, is translated now.
func (o *Own[T]) ListRendered(ctx context.Context, to *ocpi.Partner, v ocpi.Version, q ocpi.Query) (ocpi.Page[jsontext.Value], error) {
	sel := o.visible(to)
	if !rememberable(q) {
		page, _, err := o.readRendered(ctx, sel, v, q)
		return page, err
	}
	latest, err := o.store.LatestChange(ctx, sel.Module, sel.Source)
	if err != nil {
		return ocpi.Page[jsontext.Value]{}, err
	}
	key := keyOf(sel, v, q)
	if page, ok := o.pages.get(latest, key); ok {
		return page, nil
	}
	page, lasting, err := o.readRendered(ctx, sel, v, q)
	if err == nil && lasting {
		o.pages.put(latest, key, page)
	}
	return page, err
}

// readRendered reads a page. It lasts until something in the module changes, unless part of it was translated, which may
// depend on other modules.
func (o *Own[T]) readRendered(ctx context.Context, sel store.Selection, v ocpi.Version, q ocpi.Query) (page ocpi.Page[jsontext.Value], lasting bool, err error) {
	records, err := o.store.ListRenditions(ctx, sel, q, rendition(v))
	if err != nil {
		return page, false, err
	}
	items := make([]jsontext.Value, len(records.Objects))
	lasting = true
	for i, record := range records.Objects {
		if items[i] = record.Rendition; items[i] != nil {
			continue
		}
		lasting = false
		if items[i], err = o.translate(ctx, v, record); err != nil {
			return page, false, err
		}
	}
	return ocpi.Page[jsontext.Value]{Items: items, Total: records.Total, Next: records.Next}, lasting, nil
}

func (o *Own[T]) translate(ctx context.Context, v ocpi.Version, record store.Object) (jsontext.Value, error) {
	version, ok := wire.For(v)
	if !ok {
		return nil, fmt.Errorf("version %s is not served yet", v)
	}
	object, err := o.kind.read(record)
	if err != nil {
		return nil, err
	}
	w, err := o.Write(ctx, version, record.Party, object)
	return w.Document, err
}

// Get implements ocpiserver.Getter.
func (o *Own[T]) Get(ctx context.Context, to *ocpi.Partner, id string) (T, error) {
	return o.find(ctx, o.visible(to), id)
}

// Find returns the oldest object of ours with this id that one of the parties owns; of any party if none is given.
func (o *Own[T]) Find(ctx context.Context, parties []ocpi.Party, id string) (T, error) {
	return o.find(ctx, store.Selection{Module: o.kind.module, Parties: parties, AnyAudience: true}, id)
}

func (o *Own[T]) find(ctx context.Context, sel store.Selection, id string) (T, error) {
	record, err := o.store.Find(ctx, sel, id)
	if err != nil {
		var none T
		return none, o.kind.notFound(err, id)
	}
	return o.kind.read(record)
}

// visible selects what a partner may see: objects of the parties that deal with it, and of those that are meant for
// one party only, its own (requirements TF-16, CDR-02).
func (o *Own[T]) visible(to *ocpi.Partner) store.Selection {
	return store.Selection{Module: o.kind.module, Parties: to.Serves, Audience: to.Parties(ocpi.RoleEMSP)}
}
