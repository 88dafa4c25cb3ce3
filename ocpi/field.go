package ocpi

import (
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// A Field is one field of a PATCH. It knows three states that must not be mixed up: absent (leave the field alone),
// null (clear it) and a value (requirements TF-37, TF-39). The zero Field is absent.
type Field[T any] struct {
	// Value is the new value where Present and not Null.
	Value T
	// Present tells that the PATCH names the field.
	Present bool
	// Null tells that the PATCH sets the field to null.
	Null bool
}

// Set returns a Field that sets a value.
func Set[T any](value T) Field[T] { return Field[T]{Value: value, Present: true} }

// Clear returns a Field that sets null.
func Clear[T any]() Field[T] { return Field[T]{Present: true, Null: true} }

// Get returns the value, and whether the PATCH sets one.
func (f Field[T]) Get() (T, bool) { return f.Value, f.Present && !f.Null }

// ApplyTo sets a required field where the PATCH has a value for it. Null changes nothing: a required field cannot be
// cleared, which validation reports.
func (f Field[T]) ApplyTo(target *T) {
	if v, ok := f.Get(); ok {
		*target = v
	}
}

// ApplyToOptional sets or clears an optional field.
func (f Field[T]) ApplyToOptional(target **T) {
	if v, ok := f.Get(); ok {
		*target = &v
	} else if f.Null {
		*target = nil
	}
}

// ApplyToList sets or clears a list.
func ApplyToList[T any](f Field[[]T], target *[]T) {
	if v, ok := f.Get(); ok {
		*target = v
	} else if f.Null {
		*target = nil
	}
}

// MarshalJSONTo writes the value or null. An absent Field is left out by the omitzero of its struct.
func (f Field[T]) MarshalJSONTo(enc *jsontext.Encoder) error {
	if f.Null || !f.Present {
		return enc.WriteToken(jsontext.Null)
	}
	return json.MarshalEncode(enc, &f.Value)
}

// MarshalJSON is MarshalJSONTo for encoding/json.
func (f Field[T]) MarshalJSON() ([]byte, error) { return json.Marshal(f) }

// UnmarshalJSON is UnmarshalJSONFrom for encoding/json.
func (f *Field[T]) UnmarshalJSON(raw []byte) error { return json.Unmarshal(raw, f) }

// UnmarshalJSONFrom reads a value or null.
func (f *Field[T]) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	*f = Field[T]{Present: true}
	if dec.PeekKind() == 'n' {
		f.Null = true
		return dec.SkipValue()
	}
	return json.UnmarshalDecode(dec, &f.Value)
}
