// Package schema checks JSON documents against the tables of one version of the protocol. The tables are generated
// from ocpi/spec into the packages v211, v221 and v230.
package schema

import (
	"slices"
	"strings"

	"github.com/roamwire/roamwire/ocpi"
)

// An Object is the table of one object.
type Object struct {
	Name   string
	Fields []Field
	// Checks look at several fields of the object at once.
	Checks []CrossCheck
}

// A Field is a row of an object's table.
type Field struct {
	Name string
	Kind Kind
	Card Card
	// Max is the largest number of characters, or digits of an int; 0 means no limit.
	Max int
	// ID marks a field that is part of the object's identity.
	ID bool
	// Object is set for KindObject, Enum for KindEnum.
	Object *Object
	Enum   *Enum
	// Rules look at the value alone.
	Rules []Rule
	// MergeBy makes a PATCH merge this list by the named field of its elements instead of replacing it.
	MergeBy string
}

// A Kind is the type of a field.
type Kind uint8

// The kinds of the protocol's tables.
const (
	KindString Kind = iota
	KindCiString
	KindURL
	KindInt
	KindNumber
	KindBool
	KindDateTime
	KindEnum
	KindObject
)

func (k Kind) jsonType() string {
	switch k {
	case KindInt:
		return "a whole number"
	case KindNumber:
		return "a number"
	case KindBool:
		return "true or false"
	case KindObject:
		return "an object"
	default:
		return "a string"
	}
}

// want is what a field of this kind holds, or each element of its list.
func (k Kind) want() ocpi.Wanted {
	switch k {
	case KindURL:
		return ocpi.WantURL
	case KindInt:
		return ocpi.WantInt
	case KindNumber:
		return ocpi.WantNumber
	case KindBool:
		return ocpi.WantBool
	case KindDateTime:
		return ocpi.WantTimestamp
	case KindEnum:
		return ocpi.WantEnum
	case KindObject:
		return ocpi.WantObject
	default:
		return ocpi.WantString
	}
}

// want is what the field holds.
func (f *Field) want() ocpi.Wanted {
	if f.Card.list() {
		return ocpi.WantList
	}
	return f.Kind.want()
}

// A Card is a cardinality.
type Card uint8

// The four cardinalities of the protocol's tables.
const (
	One      Card = iota // 1
	Optional             // ?
	Any                  // *
	Some                 // +
)

func (c Card) required() bool { return c == One || c == Some }
func (c Card) list() bool     { return c == Any || c == Some }

// An Enum is a list of values.
type Enum struct {
	Name string
	// Open tells that the version allows values outside the list.
	Open   bool
	Values []string
}

func (e *Enum) has(value []byte) bool {
	return slices.Contains(e.Values, string(value))
}

// meant returns the value that differs from a wrong one only in case, blanks and hyphens; empty for none.
func (e *Enum) meant(value string) string {
	value = strings.NewReplacer(" ", "_", "-", "_").Replace(strings.TrimSpace(value))
	for _, v := range e.Values {
		if strings.EqualFold(v, value) {
			return v
		}
	}
	return ""
}

// A Rule looks at one value, given without quotes; it returns what is wrong, or nil.
type Rule func(value string) *ocpi.Finding

// A CrossCheck looks at the fields of one object, given as JSON whose types have been found right. The pointers of its
// findings are relative to the object.
type CrossCheck func(object []byte) []ocpi.Finding

// field finds a field by name. Partners mostly keep the order of the tables, so the search starts at hint.
func (o *Object) field(name []byte, hint int) int {
	for n := range o.Fields {
		i := (hint + n) % len(o.Fields)
		if o.Fields[i].Name == string(name) {
			return i
		}
	}
	return -1
}
