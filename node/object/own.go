package object

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/roamwire/roamwire/node/store"
	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/convert"
	"github.com/roamwire/roamwire/ocpi/v230"
	"github.com/roamwire/roamwire/ocpi/wire"
)

// Own are our objects of one module. It is the ocpiserver.Sender, Getter and RenderedSender of the module.
type Own[T any] struct {
	kind  kind[T]
	store Store
	inUse *inUse
	// anyCase tells that ids that differ in case alone are of one object: one of the versions says so.
	anyCase bool
	pages   pages
	count   LossCounter // nil for nobody
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

	inUse *inUse
}

// New returns our objects of all modules, for a node that speaks the given versions. An object is rendered, when it is written, for
// those of them that partners speak (see Expect).
//
// Where one of the versions is 2.2 or later, the ids of objects and of their parts are the same whatever their case (requirement
// DT-31), and stay as they were written first: partners of 2.1.1, to whom another case is another object, go on with those
// they know. Ids that are there already and differ in case alone stay objects of their own.
func New(s Store, versions []ocpi.Version) (*Objects, error) {
	var codecs []wire.Codecs
	folds := slices.ContainsFunc(versions, anyCase)
	for _, v := range versions {
		c, ok := wire.For(v)
		if !ok {
			return nil, fmt.Errorf("version %s is not served yet", v)
		}
		codecs = append(codecs, c)
	}
	in := newInUse(s, codecs)
	o := &Objects{
		inUse: in,

		Locations: &Own[v230.Location]{kind: locations, store: s, inUse: in, anyCase: folds},
		Sessions:  &Own[v230.Session]{kind: sessions, store: s, inUse: in, anyCase: folds},
		CDRs:      &Own[v230.CDR]{kind: cdrs, store: s, inUse: in, anyCase: folds},
		Tariffs:   &Own[v230.Tariff]{kind: tariffs, store: s, inUse: in, anyCase: folds},
		Tokens:    &Own[v230.Token]{kind: tokens, store: s, inUse: in, anyCase: folds},
	}
	location := func(ctx context.Context, owner ocpi.Party, id string) (v230.Location, error) {
		return o.Locations.Find(ctx, []ocpi.Party{owner}, id)
	}
	o.Sessions.location, o.CDRs.location = location, location
	return o, nil
}

// AnyCase reports whether ids that differ in case alone are of one object of ours.
func (o *Objects) AnyCase() bool { return o.Locations.anyCase }

// An Item is an object to be written, with its owner.
type Item[T any] struct {
	Party  ocpi.Party
	Object T
}

// Put creates or replaces objects of ours, all in one transaction, and returns how many were created. What an object
// says about its owner is replaced by its Item's Party, in the items too. An object that is the same as before changes
// nothing, and an EVSE that a location does not have any more stays in it as removed.
func (o *Own[T]) Put(ctx context.Context, items ...Item[T]) (created int, err error) {
	for range updateAttempts {
		created, err = o.tryPut(ctx, items, nil)
		if !errors.Is(err, errChanged) {
			break
		}
	}
	if errors.Is(err, errChanged) { // others keep changing them: do it while nobody else can
		err = o.store.Write(ctx, func(tx store.Tx) error {
			created, err = o.tryPut(ctx, items, tx)
			return err
		})
	}
	if err != nil {
		return 0, fmt.Errorf("store %d %ss: %w", len(items), o.kind.name, err)
	}
	return created, nil
}

// errChanged tells that somebody has changed an object meanwhile, or which versions are in use.
var errChanged = errors.New("it was changed meanwhile")

// A prepared is an object ready to be stored, if what is there is still what it was: a change, or 0 for nothing.
type prepared struct {
	record store.Object
	change int64
	same   bool
	// event tells of it.
	event store.Event
	// rendered are the versions it was rendered for, if it is still those that are in use.
	rendered *[]wire.Codecs
	inUse    *inUse
	// losses says how much each version cannot say of it, and lost tells that.
	losses map[ocpi.Version]int
	lost   func(ocpi.Version, int)
}

// tellLosses tells what each version cannot say of an object that was stored.
func (p *prepared) tellLosses() {
	for version, losses := range p.losses {
		p.lost(version, losses)
	}
}

// tryPut makes one attempt. The work is done beside the writer, or in its transaction where one is given.
func (o *Own[T]) tryPut(ctx context.Context, items []Item[T], tx store.Tx) (created int, err error) {
	if tx != nil {
		for i := range items {
			p, err := o.prepare(ctx, &items[i], tx, nil)
			if err != nil {
				return 0, err
			}
			if err := p.put(tx, &created); err != nil {
				return 0, err
			}
		}
		return created, nil
	}
	objects := make([]prepared, len(items))
	for i := range items {
		if objects[i], err = o.prepare(ctx, &items[i], nil, nil); err != nil {
			return 0, err
		}
	}
	err = o.store.Write(ctx, func(tx store.Tx) error {
		created = 0
		for _, p := range objects {
			if err := p.put(tx, &created); err != nil {
				return err
			}
		}
		return nil
	})
	return created, err
}

// put stores the object, and counts it if it is new.
func (p *prepared) put(tx store.Tx, created *int) error {
	change, err := tx.Change(p.record.Key)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	if change != p.change {
		return errChanged
	}
	if p.same {
		return nil
	}
	if same, err := p.inUse.read(tx, p.rendered); err != nil {
		return err
	} else if !same {
		return errChanged
	}
	isNew, err := put(tx, p.record, p.event)
	if isNew {
		*created++
	}
	if err == nil {
		p.tellLosses()
	}
	return err
}

// prepare finds out what an object changes. allow looks at it beside what is there, as Save says; nil for no look.
func (o *Own[T]) prepare(ctx context.Context, item *Item[T], tx store.Tx, allow func(before, after *T) error) (p prepared, err error) {
	stored, err := o.stored(ctx, o.lookupKey(o.key(item)), tx)
	if errors.Is(err, store.ErrNotFound) {
		if allow != nil {
			if err := allow(nil, &item.Object); err != nil {
				return p, err
			}
		}
		if err = o.render(ctx, item, new(T), &p); err == nil {
			p.event, err = o.kind.event(p.record.Key, nil, p.record.Body)
		}
		return p, err
	}
	if err != nil {
		return p, err
	}
	before, err := o.kind.read(stored)
	if err != nil {
		return p, err
	}
	o.Respell(&before, &item.Object)
	if allow != nil {
		if err := allow(&before, &item.Object); err != nil {
			return p, err
		}
		o.Respell(&before, &item.Object) // it may be another now
	}
	return o.compare(ctx, item, stored, before)
}

// lookupKey is a key by which an object of ours is looked up.
func (o *Own[T]) lookupKey(key ocpi.Key) store.Key {
	k := o.kind.storeKey("", key)
	k.AnyCase = o.anyCase
	return k
}

// Respell writes the id of an object, and those of its parts, as they were before, where they differ in case alone and that is
// the same to the node.
func (o *Own[T]) Respell(before, after *T) {
	was, is := o.kind.id(before), o.kind.id(after)
	if !o.anyCase || !was.Equal(*is) {
		return
	}
	*is = *was
	if o.kind.respell != nil {
		o.kind.respell(before, after)
	}
}

// compare finds out what an object changes of the one that is stored.
func (o *Own[T]) compare(ctx context.Context, item *Item[T], stored store.Object, before T) (p prepared, err error) {
	p.change = stored.Change
	if o.kind.keep != nil {
		o.kind.keep(&before, &item.Object)
	}
	if err = o.render(ctx, item, &before, &p); err != nil {
		return p, err
	}
	p.same = bytes.Equal(p.record.Body, stored.Body) && p.record.Audience == stored.Audience // the body says from whom it is withheld
	if p.same {
		return p, nil
	}
	p.record.Touched = o.kind.touchedParts(&before, &item.Object)
	p.event, err = o.kind.change(&stored, &p.record, &before, &item.Object, p.record.Touched)
	return p, err
}

func (o *Own[T]) key(item *Item[T]) ocpi.Key {
	key := ocpi.Key{Party: item.Party, ID: string(*o.kind.id(&item.Object))}
	if o.kind.tokenType != nil {
		key.TokenType = o.kind.tokenType(&item.Object)
	}
	return key
}

// Update changes an object of ours as one atomic step, or returns ocpi.ErrNotFound. fn may be called more than once, each
// time with the object as it then is. It must not change what the object is found by.
func (o *Own[T]) Update(ctx context.Context, key ocpi.Key, fn func(*T) error) error {
	return o.derive(ctx, key, func(stored store.Object, _ *T) (T, error) {
		after, err := o.kind.read(stored) // fn may change all of it, so it shares nothing with what was before
		if err == nil {
			err = fn(&after)
		}
		return after, err
	})
}

// A derivation makes the new state of an object of what is stored, read already as before, which it must leave as it is.
type derivation[T any] func(stored store.Object, before *T) (after T, err error)

func (o *Own[T]) derive(ctx context.Context, key ocpi.Key, after derivation[T]) error {
	for range updateAttempts {
		p, err := o.derived(ctx, key, nil, after)
		if err != nil {
			return err
		}
		err = o.store.Write(ctx, func(tx store.Tx) error { return p.put(tx, new(int)) })
		if !errors.Is(err, errChanged) {
			return err
		}
	}
	return o.store.Write(ctx, func(tx store.Tx) error { // others keep changing it: do it while nobody else can
		p, err := o.derived(ctx, key, tx, after)
		if err != nil {
			return err
		}
		return p.put(tx, new(int))
	})
}

// derived is the new state of the object with a key, ready to be stored. It is read through a transaction where one is given.
func (o *Own[T]) derived(ctx context.Context, key ocpi.Key, tx store.Tx, after derivation[T]) (p prepared, err error) {
	stored, err := o.stored(ctx, o.lookupKey(key), tx)
	if err != nil {
		return p, o.kind.notFound(err, key.ID)
	}
	before, err := o.kind.read(stored)
	if err != nil {
		return p, err
	}
	was := o.key(&Item[T]{Party: key.Party, Object: before})
	item := Item[T]{Party: key.Party}
	if item.Object, err = after(stored, &before); err != nil {
		return p, err
	}
	o.Respell(&before, &item.Object)
	if is := o.key(&item); is != was {
		return p, fmt.Errorf("%s %s keeps its id, it cannot become %s", o.kind.name, was.ID, strings.TrimSpace(is.ID+" "+is.TokenType))
	}
	return o.compare(ctx, &item, stored, before)
}

func (o *Own[T]) stored(ctx context.Context, key store.Key, tx store.Tx) (store.Object, error) {
	if tx == nil {
		return o.store.Object(ctx, key)
	}
	if _, err := o.inUse.read(tx, o.inUse.now()); err != nil { // what is rendered in the transaction is rendered for what it says
		return store.Object{}, err
	}
	return tx.Object(key)
}

// Delete removes an object of ours, or returns ocpi.ErrNotFound. Of what partners are told, only tariffs can go
// (requirement TF-42).
func (o *Own[T]) Delete(ctx context.Context, key ocpi.Key) error {
	return o.store.Write(ctx, func(tx store.Tx) error {
		return o.kind.notFound(o.kind.remove(tx, o.lookupKey(key)), key.ID)
	})
}

// Owner is the party that an object names as its owner; the zero Party where it names none.
func (o *Own[T]) Owner(object *T) ocpi.Party {
	country, party := o.kind.party(object)
	return ocpi.NewParty(string(*country), string(*party))
}

// render makes the stored form of an object of ours, with what partners of each version get, and puts it into p. before is the object as it
// was, or the zero T.
func (o *Own[T]) render(ctx context.Context, item *Item[T], before *T, p *prepared) (err error) {
	if o.kind.freeze != nil {
		look := o.lookup(ctx, item.Party)
		o.kind.freeze(&item.Object, before, look.env)
		if look.failed != nil {
			return look.failed
		}
	}
	if p.record, err = o.kind.record("", o.key(item), &item.Object); err != nil {
		return err
	}
	p.record.AnyCase = o.anyCase
	return o.translations(ctx, item, p)
}

// translations puts into p what partners of each version get of an object.
func (o *Own[T]) translations(ctx context.Context, item *Item[T], p *prepared) error {
	p.lost, p.inUse, p.rendered = o.lost, o.inUse, o.inUse.now()
	record := &p.record
	record.Withheld = nil
	record.Renditions = make(map[ocpi.Version][]byte, len(*p.rendered))
	for _, version := range *p.rendered {
		w, err := o.Write(ctx, version, item.Party, item.Object)
		if err != nil {
			return err
		}
		if !w.placeholder { // otherwise it is made when it is asked for, when more may be known
			record.Renditions[rendition(version.Version)] = packRendition(w.Document, w.Losses)
		}
		if len(w.Losses) > 0 {
			if p.losses == nil {
				p.losses = map[ocpi.Version]int{}
			}
			p.losses[version.Version] = len(w.Losses)
		}
		if convert.Withheld(w.Losses) {
			record.Withheld = append(record.Withheld, version.Version)
		}
	}
	slices.Sort(record.Withheld)
	return nil
}

// model is the version in which objects are stored.
const model = ocpi.V230

// rendition is the name under which the store keeps what partners of a version get. When translations change, renditions
// made before are no longer found, and are made anew. Objects in the model have no name: they are the bodies.
func rendition(v ocpi.Version) ocpi.Version {
	if v == model {
		return ""
	}
	return v + "#" + convert.Revision + "." + renditionForm
}

// A Written is an object of ours as partners of a version get it.
type Written struct {
	Document jsontext.Value
	Losses   []convert.Loss
	// placeholder tells that a location was not there and something stands in its place.
	placeholder bool
}

// Write writes an object of ours in a version, without what the model keeps of other versions.
func (o *Own[T]) Write(ctx context.Context, version wire.Codecs, owner ocpi.Party, object T) (Written, error) {
	look := o.lookup(ctx, owner)
	raw, losses, err := o.kind.codec(version).Write(object, look.env)
	if version.Version != ocpi.V211 { // which has its own way of writing it
		raw = convert.StripLeftovers(raw)
	}
	return Written{raw, losses, look.missing}, errors.Join(err, look.failed)
}

// A lookup is a translation's view of our locations.
type lookup struct {
	env convert.Env
	// missing tells that a location was not there, failed that one could not be read.
	missing bool
	failed  error
}

func (o *Own[T]) lookup(ctx context.Context, owner ocpi.Party) *lookup {
	l := &lookup{env: convert.Env{Owner: owner}}
	if o.location == nil {
		return l
	}
	l.env.Location = func(id string) (v230.Location, bool) {
		location, err := o.location(ctx, owner, id)
		l.missing = l.missing || err != nil
		if err != nil && !errors.Is(err, ocpi.ErrNotFound) {
			l.failed = err
		}
		return location, err == nil
	}
	return l
}

// List implements ocpiserver.Sender.
func (o *Own[T]) List(ctx context.Context, to *ocpi.Partner, q ocpi.Query) (ocpi.Page[T], error) {
	page, err := o.store.List(ctx, o.visible(to, to.Version), q)
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
// translation is new or its location was not there, is translated now. What the version cannot say is not in the list.
func (o *Own[T]) ListRendered(ctx context.Context, to *ocpi.Partner, v ocpi.Version, q ocpi.Query) (ocpi.Page[jsontext.Value], error) {
	o.inUse.listed(ctx, v)
	sel := o.visible(to, v)
	if !rememberable(q) {
		page, _, err := o.readRendered(ctx, sel, v, q)
		return page, err
	}
	latest, err := o.store.LatestChange(ctx, sel.Module, sel.Source)
	if err != nil {
		return ocpi.Page[jsontext.Value]{}, err
	}
	key := keyOf(sel, v, q)
	key.age = o.pages.ageNow()
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
	items := make([]jsontext.Value, 0, len(records.Objects))
	lasting = true
	for _, record := range records.Objects {
		switch {
		case record.Rendition != nil && v == model:
			items = append(items, convert.StripLeftovers(record.Rendition))
		case record.Rendition != nil:
			items = append(items, unpackRendition(record.Rendition, len(items), &page.Losses))
		default:
			lasting = false
			w, err := o.translate(ctx, v, record)
			if err != nil {
				return page, false, err
			}
			convert.Tell(&page.Losses, ocpi.Outbound, "/"+strconv.Itoa(len(items)), w.Losses)
			if !convert.Withheld(w.Losses) { // the store does not know it yet
				items = append(items, w.Document)
			}
		}
	}
	page.Items, page.Total, page.Next = items, records.Total, records.Next
	return page, lasting, nil
}

func (o *Own[T]) translate(ctx context.Context, v ocpi.Version, record store.Object) (Written, error) {
	version, ok := wire.For(v)
	if !ok {
		return Written{}, fmt.Errorf("version %s is not served yet", v)
	}
	object, err := o.kind.read(record)
	if err != nil {
		return Written{}, err
	}
	w, err := o.Write(ctx, version, record.Party, object)
	o.lost(v, len(w.Losses))
	return w, err
}

// Get implements ocpiserver.Getter.
func (o *Own[T]) Get(ctx context.Context, to *ocpi.Partner, id string) (T, error) {
	return o.find(ctx, o.visible(to, to.Version), id)
}

// Find returns the oldest object of ours with this id that one of the parties owns; of any party if none is given.
func (o *Own[T]) Find(ctx context.Context, parties []ocpi.Party, id string) (T, error) {
	return o.find(ctx, store.Selection{Module: o.kind.module, Parties: parties, AnyAudience: true, AnyCase: o.anyCase}, id)
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
// one party only, its own (requirements TF-16, CDR-02). What the version cannot say is not among them.
func (o *Own[T]) visible(to *ocpi.Partner, v ocpi.Version) store.Selection {
	return store.Selection{Module: o.kind.module, Parties: to.Serves, Audience: to.Parties(ocpi.RoleEMSP), Version: v, AnyCase: anyCase(v)}
}
