package ocpiserver

import (
	"errors"
	"net/http"
	"strings"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/convert"
	"github.com/roamwire/roamwire/ocpi/wire"
)

// An owned module is one whose objects a partner owns and pushes to us at
// {module}/{country_code}/{party_id}/{id} (requirements TF-43 to TF-48).
type owned[T any] struct {
	*speaker
	// owner is the role of the party that owns the objects.
	owner    ocpi.Role
	receiver Receiver[T]
	codec    wire.Codec[T]
	// idPath is the name of the object's id in the pattern, idField its name in the object.
	idPath, idField string
	id              func(*T) string
	// tokenType is set for tokens, whose type is part of their identity.
	tokenType func(*T) string
	// deleter is set for the module that partners may delete from (requirement TF-42).
	deleter Deleter
	// checkPatch refuses changes that the protocol rules out; nil for none.
	checkPatch  func(before, after *T) error
	lastUpdated func(*T) *ocpi.DateTime
	// older refuses a new state of an object with parts that is older than the one that is here; nil for objects without.
	older func(c *call, before, after *T) error
	// patched holds the rules for the parts that a PATCH names, in the place of older; nil for none.
	patched func(c *call, patch *wire.Patch[T], before, after *T) error
}

func (o owned[T]) methods() methods {
	m := methods{http.MethodGet: o.get, http.MethodPut: o.put}
	if o.codec.ReadPatch != nil { // tariffs have none since 2.2 (requirement DTA-01)
		m[http.MethodPatch] = o.patch
	}
	if o.deleter != nil {
		m[http.MethodDelete] = o.delete
	}
	return m
}

func (o owned[T]) delete(c *call) (answer, error) {
	key, err := o.key(c)
	if err != nil {
		return answer{}, err
	}
	return answer{}, o.deleter.Delete(c.ctx(), c.partner, key)
}

func (o owned[T]) key(c *call) (ocpi.Key, error) {
	party, err := c.owner(o.owner)
	if err != nil {
		return ocpi.Key{}, err
	}
	key := ocpi.Key{Party: party, ID: c.path(o.idPath)}
	if o.tokenType != nil {
		key.TokenType = strings.ToUpper(tokenType(c.r))
	}
	return key, nil
}

func (o owned[T]) get(c *call) (answer, error) {
	key, err := o.key(c)
	if err != nil {
		return answer{}, err
	}
	object, err := o.receiver.Get(c.ctx(), c.partner, key)
	if err != nil {
		return answer{}, err
	}
	return written(c, o.speaker, o.codec, object, key.Party)
}

// written is the answer that holds one object.
func written[T any](c *call, s *speaker, codec wire.Codec[T], object T, owner ocpi.Party) (answer, error) {
	raw, err := write(c, s, codec, object, s.env(c, owner), "")
	return answer{data: raw}, err
}

func (o owned[T]) put(c *call) (answer, error) {
	key, err := o.key(c)
	if err != nil {
		return answer{}, err
	}
	object, err := read(c, o.speaker, o.codec, key.Party)
	if err != nil {
		return answer{}, err
	}
	if err := o.sameID(o.codec.Object, o.idField, o.id(&object), key.ID); err != nil {
		return answer{}, err
	}
	if o.tokenType != nil {
		inBody := o.tokenType(&object)
		if key.TokenType != "" && key.TokenType != strings.ToUpper(inBody) {
			return answer{}, o.sameID(o.codec.Object, "type", inBody, key.TokenType)
		}
		key.TokenType = inBody
	}
	isNew, err := o.replace(c, key, object)
	return created(isNew), err
}

// replace stores an object, unless it is older than the one that is here.
func (o owned[T]) replace(c *call, key ocpi.Key, object T) (isNew bool, err error) {
	if r, ok := o.receiver.(Replacer[T]); ok {
		return r.Replace(c.change(), c.partner, key, object, func(before *T) error { return o.notOlder(c, before, &object) })
	}
	before, err := o.receiver.Get(c.ctx(), c.partner, key)
	if err == nil {
		err = o.notOlder(c, &before, &object)
	}
	if err != nil && !errors.Is(err, ocpi.ErrNotFound) {
		return false, err
	}
	return o.receiver.Put(c.ctx(), c.partner, key, object)
}

// notOlder refuses a new state that is older than the one that is here.
func (o owned[T]) notOlder(c *call, before, after *T) error {
	if o.older != nil {
		return o.older(c, before, after)
	}
	return c.older(o.codec.Object, "", "", *o.lastUpdated(before), *o.lastUpdated(after))
}

func (o owned[T]) patch(c *call) (answer, error) {
	key, err := o.key(c)
	if err != nil {
		return answer{}, err
	}
	patch, err := readPatch(c, o.speaker, o.codec, key.Party, o.idField, key.ID)
	if err != nil {
		return answer{}, err
	}
	defer func() { c.lost(ocpi.Inbound, "", patch.Losses()) }()
	return answer{}, o.receiver.Update(c.change(), c.partner, key, func(object *T) error {
		c.times.begin()
		before := *object
		if err := patch.Apply(object, c.now()); err != nil {
			return err
		}
		if c.lookup != nil {
			return c.lookup
		}
		if o.checkPatch != nil {
			if err := o.checkPatch(&before, object); err != nil {
				return err
			}
		}
		if err := o.allowPatch(c, &patch, &before, object); err != nil {
			return err
		}
		c.patched("", patch.LastUpdated, *o.lastUpdated(&before), o.lastUpdated(object))
		return nil
	})
}

func (o owned[T]) allowPatch(c *call, patch *wire.Patch[T], before, after *T) error {
	if o.patched != nil {
		return o.patched(c, patch, before, after)
	}
	return o.notOlder(c, before, after)
}

// now is the time that changes without a time of their own get.
func (c *call) now() ocpi.DateTime { return ocpi.NewDateTime(c.started).Truncate() }

// advance moves a last_updated forward, never back.
func advance(lastUpdated *ocpi.DateTime, to ocpi.DateTime) {
	if to.Compare(*lastUpdated) > 0 {
		*lastUpdated = to
	}
}

// read reads an object from the body and keeps what was found about it.
func read[T any](c *call, s *speaker, codec wire.Codec[T], owner ocpi.Party) (T, error) {
	return readWith(c, codec, s.env(c, owner))
}

func readWith[T any](c *call, codec wire.Codec[T], env convert.Env) (T, error) {
	raw, err := c.body()
	if err != nil {
		var none T
		return none, err
	}
	object, report, err := codec.Read(raw, env, c.profile())
	c.note(report)
	if err == nil {
		err = wire.Claim(codec.Object, report.Document, env.Owner)
	}
	return object, err
}

func readPatch[T any](c *call, s *speaker, codec wire.Codec[T], owner ocpi.Party, idField, id string) (wire.Patch[T], error) {
	raw, err := c.body()
	if err != nil {
		return wire.Patch[T]{}, err
	}
	patch, report, err := codec.ReadPatch(raw, s.env(c, owner), c.profile())
	c.note(report)
	if err == nil {
		err = wire.Claim(codec.Object, report.Document, owner)
	}
	if err != nil {
		return patch, err
	}
	c.timeless(patch.LastUpdated)
	if given, ok := patch.ID.Get(); ok {
		return patch, s.sameID(codec.Object, idField, given, id)
	}
	return patch, nil
}

// same reports whether two identifiers name one object: since 2.2 their case does not matter (requirement DT-31).
func (s *speaker) same(a, b string) bool { return a == b || s.since22() && strings.EqualFold(a, b) }

// sameID refuses a body that is about another object than the URL (requirement TF-47).
func (s *speaker) sameID(object, field, inBody, inURL string) error {
	if s.same(inBody, inURL) {
		return nil
	}
	return ocpi.Unusable(object, []ocpi.Finding{{
		Pointer: "/" + field, Code: ocpi.FindingMismatch, Unusable: true,
		Message: "the body says " + quote(inBody) + ", the URL says " + quote(inURL),
	}})
}

func quote(s string) string {
	if len(s) > 40 {
		s = s[:40] + "…"
	}
	return `"` + strings.ToValidUTF8(s, "\ufffd") + `"`
}
