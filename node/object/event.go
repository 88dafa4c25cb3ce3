package object

import (
	"fmt"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/roamwire/roamwire/node/store"
	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/convert"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// What happens to objects, as the second half of the type of an event: "location.changed".
const (
	Created = "created"
	Changed = "changed"
	Removed = "removed"
)

// A Happening is the data of an event about an object.
type Happening struct {
	Party     ocpi.Party `json:"party"`
	ID        string     `json:"id"`
	TokenType string     `json:"token_type,omitempty"`
	// Partial tells that Before and After hold what identifies the location and the EVSEs that are other than before.
	Partial bool `json:"partial,omitzero"`
	// Before and After are the object in the model's terms; one of them is missing where it was created or removed.
	Before jsontext.Value `json:"before,omitempty"`
	After  jsontext.Value `json:"after,omitempty"`
}

// Subject names an object in an event, as in "locations/NL/GPE/LOC-1"; a token also by its type.
func Subject(key store.Key) string {
	parts := []string{string(key.Module), key.Party.CountryCode, key.Party.PartyID, key.ID}
	if key.TokenType != "" {
		parts = append(parts, key.TokenType)
	}
	return strings.Join(parts, "/")
}

// event tells of an object that was created, changed or removed, with the stored forms before and after; nil for none.
func (k kind[T]) event(key store.Key, before, after []byte) (store.Event, error) {
	what := Changed
	switch {
	case before == nil:
		what = Created
	case after == nil:
		what = Removed
	}
	return k.tell(key, what, Happening{Before: before, After: after})
}

// change tells of an object that was changed: of a location in which only parts have changed, with those parts alone.
func (k kind[T]) change(stored, record *store.Object, before, after *T, parts []store.Part) (e store.Event, err error) {
	if len(parts) == 0 || k.narrow == nil {
		return k.event(record.Key, stored.Body, record.Body)
	}
	h := Happening{Partial: true}
	if h.Before, err = json.Marshal(k.narrow(before, parts)); err != nil {
		return e, err
	}
	if h.After, err = json.Marshal(k.narrow(after, parts)); err != nil {
		return e, err
	}
	return k.tell(record.Key, Changed, h)
}

func (k kind[T]) tell(key store.Key, what string, h Happening) (store.Event, error) {
	h.Party, h.ID, h.TokenType = key.Party, key.ID, key.TokenType
	h.Before, h.After = convert.StripLeftovers(h.Before), convert.StripLeftovers(h.After)
	data, err := json.Marshal(&h)
	if err != nil {
		return store.Event{}, fmt.Errorf("write what happened to %s %s: %w", k.name, key.ID, err)
	}
	return store.Event{
		Type: strings.ToLower(k.name) + "." + what, Subject: Subject(key), Partner: key.Source, Module: key.Module, Data: data,
	}, nil
}

// A narrowLocation is a location with no more than the EVSEs that are told of.
type narrowLocation struct {
	CountryCode ocpi.CiString `json:"country_code"`
	PartyID     ocpi.CiString `json:"party_id"`
	ID          ocpi.CiString `json:"id"`
	EVSEs       []*v230.EVSE  `json:"evses"`
	LastUpdated ocpi.DateTime `json:"last_updated"`
}

// narrow is a location with the EVSEs of some parts alone.
func narrow(l *v230.Location, parts []store.Part) any {
	n := narrowLocation{CountryCode: l.CountryCode, PartyID: l.PartyID, ID: l.ID, LastUpdated: l.LastUpdated}
	for i := range l.EVSEs {
		if slices.ContainsFunc(parts, func(p store.Part) bool { return p.EVSE == string(l.EVSEs[i].UID) }) {
			n.EVSEs = append(n.EVSEs, &l.EVSEs[i])
		}
	}
	return &n
}

// put stores a partner's object and tells of it. stored is what was there, with no Body where there was nothing.
func (k kind[T]) put(tx store.Tx, record, stored store.Object) (created bool, err error) {
	e, err := k.event(record.Key, stored.Body, record.Body)
	if err != nil {
		return false, err
	}
	return put(tx, record, e)
}

func put(tx store.Tx, record store.Object, e store.Event) (created bool, err error) {
	if created, err = tx.Put(record); err != nil {
		return false, err
	}
	return created, tx.Emit(e)
}

// remove deletes an object and tells of it.
func (k kind[T]) remove(tx store.Tx, key store.Key) error {
	stored, err := tx.Object(key)
	if err != nil {
		return err
	}
	key = stored.Key
	e, err := k.event(key, stored.Body, nil)
	if err != nil {
		return err
	}
	if err := tx.Delete(key); err != nil {
		return err
	}
	return tx.Emit(e)
}

// touchedParts are the parts of an object that are other than before; nil for all of it, or for an object without parts.
func (k kind[T]) touchedParts(before, after *T) []store.Part {
	if k.touched == nil {
		return nil
	}
	return k.touched(before, after)
}
