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

// event tells of an object that was created, changed or removed, with the stored forms before and after; nil for none. Of a
// location in which only parts have changed, it has those.
func (k kind[T]) event(key store.Key, before, after []byte, parts []store.Part) (store.Event, error) {
	h := Happening{Party: key.Party, ID: key.ID, TokenType: key.TokenType}
	what := Changed
	switch {
	case before == nil:
		what = Created
	case after == nil:
		what = Removed
	case len(parts) > 0:
		var err error
		if h.Before, err = narrowed(before, parts); err != nil {
			return store.Event{}, err
		}
		if h.After, err = narrowed(after, parts); err != nil {
			return store.Event{}, err
		}
		h.Partial = true
	}
	if !h.Partial {
		h.Before, h.After = convert.StripLeftovers(before), convert.StripLeftovers(after)
	}
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
	EVSEs       []narrowEVSE  `json:"evses"`
	LastUpdated ocpi.DateTime `json:"last_updated"`
}

// A narrowEVSE is an EVSE as it is stored, read no further than to know which it is.
type narrowEVSE struct {
	uid  string
	text jsontext.Value
}

// UnmarshalJSON keeps the text.
func (e *narrowEVSE) UnmarshalJSON(raw []byte) error {
	var id struct {
		UID string `json:"uid"`
	}
	if err := json.Unmarshal(raw, &id, jsontext.AllowDuplicateNames(true)); err != nil {
		return err
	}
	e.uid, e.text = id.UID, slices.Clone(raw)
	return nil
}

// MarshalJSON writes the text.
func (e narrowEVSE) MarshalJSON() ([]byte, error) { return e.text, nil }

// narrowed is a stored location with the EVSEs of some parts alone.
func narrowed(body []byte, parts []store.Part) (jsontext.Value, error) {
	var l narrowLocation
	if err := json.Unmarshal(body, &l, jsontext.AllowDuplicateNames(true)); err != nil {
		return nil, err
	}
	l.EVSEs = slices.DeleteFunc(l.EVSEs, func(e narrowEVSE) bool {
		return !slices.ContainsFunc(parts, func(p store.Part) bool { return p.EVSE == e.uid })
	})
	raw, err := json.Marshal(&l)
	return convert.StripLeftovers(raw), err
}

// put stores a partner's object and tells of it. stored is what was there, with no Body where there was nothing.
func (k kind[T]) put(tx store.Tx, record, stored store.Object, parts []store.Part) (created bool, err error) {
	e, err := k.event(record.Key, stored.Body, record.Body, parts)
	if err != nil {
		return false, err
	}
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
	e, err := k.event(key, stored.Body, nil, nil)
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
