package main

import (
	"fmt"
	"iter"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/jsonschema"
)

// schemas are the tables of one version, as JSON Schema.
type schemas struct {
	definitions map[string]*schema
	values      map[string]bool // of all enums
}

// A schema is an object, an enum or a field.
type schema struct {
	Type       string         `json:"type"`
	Format     string         `json:"format"`
	Pattern    string         `json:"pattern"`
	Ref        string         `json:"$ref"`
	Items      *schema        `json:"items"`
	MinItems   int            `json:"minItems"`
	MaxLength  int            `json:"maxLength"`
	Enum       []string       `json:"enum"`
	Examples   []string       `json:"examples"` // of an open enum
	Required   []string       `json:"required"`
	Properties jsontext.Value `json:"properties"`
	members    []member
}

type member struct {
	name string
	*schema
}

func readTables(v ocpi.Version) (*schemas, error) {
	all, err := jsonschema.Definitions(v, "")
	if err != nil {
		return nil, err
	}
	s := &schemas{definitions: map[string]*schema{}, values: map[string]bool{unlisted: true}}
	for _, d := range all {
		one := new(schema)
		if err := json.Unmarshal(d.Schema, one); err != nil {
			return nil, err
		}
		if one.members, err = membersOf(one.Properties); err != nil {
			return nil, err
		}
		s.definitions[d.Name] = one
		for _, value := range slices.Concat(one.Enum, one.Examples) {
			s.values[value] = true
		}
	}
	return s, nil
}

// membersOf are the members of an object in the order of the tables.
func membersOf(properties jsontext.Value) ([]member, error) {
	if properties == nil {
		return nil, nil
	}
	var byName map[string]*schema
	if err := json.Unmarshal(properties, &byName); err != nil {
		return nil, err
	}
	var members []member
	dec := jsontext.NewDecoder(strings.NewReader(string(properties)))
	if _, err := dec.ReadToken(); err != nil {
		return nil, err
	}
	for dec.PeekKind() == '"' {
		name, err := dec.ReadToken()
		if err != nil {
			return nil, err
		}
		members = append(members, member{name.String(), byName[name.String()]})
		if err := dec.SkipValue(); err != nil {
			return nil, err
		}
	}
	return members, nil
}

func (s *schemas) resolve(f *schema) (*schema, string) {
	if f.Ref == "" {
		return f, ""
	}
	return s.definitions[f.Ref], f.Ref
}

// What samples are made of. A text is the same everywhere, so that references find what they refer to.
const (
	sampleText    = "x"
	otherText     = "y"
	notAvailable  = "#NA"
	sampleCountry = "DE"
	otherCountry  = "NL"
	unlisted      = "NEW_VALUE" // a value that no enum lists

	partyLength = 5 // of a country and a party in one text, as in hub_party_id
)

// How much of an object there is.
const (
	minimal = false // required members alone
	full    = true
)

// sample makes an object.
func (s *schemas) sample(object string, all bool) map[string]any {
	o, out := s.definitions[object], map[string]any{}
	for _, m := range o.members {
		if all || slices.Contains(o.Required, m.name) {
			out[m.name] = s.value(m.schema, all)
		}
	}
	return out
}

// value makes a value of a field: the first of all that can be tried.
func (s *schemas) value(f *schema, all bool) any {
	f, object := s.resolve(f)
	switch {
	case f.Items != nil:
		return []any{s.value(f.Items, all)}
	case f.members != nil:
		return s.sample(object, all)
	default:
		return choices(f)[0]
	}
}

// choices are the values of a scalar that are tried.
func choices(f *schema) []any {
	switch {
	case f.Enum != nil:
		return anys(f.Enum)
	case f.Examples != nil:
		return append(anys(f.Examples), unlisted)
	case f.Format == "date-time":
		return []any{"2026-01-01T00:00:00Z", "2026-01-01T00:00:00.5Z"}
	case f.Format == "date":
		return []any{"2026-01-01"}
	case f.Format == "uri":
		return []any{"https://x.example"}
	case strings.HasSuffix(f.Pattern, `\.[0-9]{5,7}$`):
		return []any{"5.123456", "5.1234567"}
	case strings.Contains(f.Pattern, `\.`):
		return []any{"5.123456"}
	case strings.HasSuffix(f.Pattern, "{2}$"):
		return []any{sampleCountry, otherCountry}
	case strings.HasSuffix(f.Pattern, "{3}$"):
		return []any{"DEU"}
	case f.Pattern != "":
		return []any{"08:00"}
	case f.Type == "string" && f.MaxLength == partyLength:
		return []any{sampleCountry + sampleText, sampleCountry + "Z", sampleText}
	case f.Type == "integer":
		return []any{7}
	case f.Type == "number":
		return []any{7.5}
	case f.Type == "boolean":
		return []any{true, false}
	default:
		return []any{sampleText, otherText, notAvailable}
	}
}

func anys(texts []string) []any {
	all := make([]any, len(texts))
	for i, text := range texts {
		all[i] = text
	}
	return all
}

// A step is a way to make another object of an object: it puts a value at a place, or takes it away.
type step struct {
	place []any // names and indices
	value any
	away  bool
	enum  bool
}

// trials are an object with the required members alone and one with all members; then, each of them with every optional
// member there or absent, every value of every enum, every list with a second element; then, the small one with two such
// steps, of which one is a choice among values at the top.
func (s *schemas) trials(object string) iter.Seq[map[string]any] {
	return func(yield func(map[string]any) bool) {
		for _, all := range []bool{minimal, full} {
			document := s.sample(object, all)
			if !yield(document) {
				return
			}
			for one := range s.steps(object, document) {
				changed := after(document, one)
				if !yield(changed) {
					return
				}
				if all || !one.enum || len(one.place) > 1 {
					continue
				}
				for next := range s.steps(object, changed) {
					if !yield(after(changed, next)) {
						return
					}
				}
			}
		}
	}
}

// steps are all steps from an object.
func (s *schemas) steps(object string, document map[string]any) iter.Seq[step] {
	return func(yield func(step) bool) { s.stepsIn(object, document, nil, yield) }
}

func (s *schemas) stepsIn(object string, document map[string]any, at []any, yield func(step) bool) bool {
	o := s.definitions[object]
	for _, m := range o.members {
		place := append(slices.Clone(at), m.name)
		value, there := document[m.name]
		switch {
		case !there: // with all its members and with the required ones
			if !yield(step{place: place, value: s.value(m.schema, full)}) || !yield(step{place: place, value: s.value(m.schema, minimal)}) {
				return false
			}
			continue
		case !slices.Contains(o.Required, m.name):
			if !yield(step{place: place, away: true}) {
				return false
			}
		}
		if !s.stepsOf(m.schema, value, place, yield) {
			return false
		}
	}
	return true
}

// stepsOf are the steps inside a value.
func (s *schemas) stepsOf(f *schema, value any, place []any, yield func(step) bool) bool {
	f, object := s.resolve(f)
	switch value := value.(type) {
	case map[string]any:
		return s.stepsIn(object, value, place, yield)
	case []any:
		two := append(slices.Clone(value), value[0])
		return yield(step{place: place, value: two}) && s.stepsOf(f.Items, value[0], append(slices.Clone(place), 0), yield)
	default:
		for _, choice := range choices(f) {
			if choice != value && !yield(step{place: place, value: choice, enum: f.Enum != nil || f.Examples != nil || f.Type == "boolean"}) {
				return false
			}
		}
		return true
	}
}

// after is what a step makes of a document.
func after(document map[string]any, s step) map[string]any {
	changed, _ := put(document, s.place, s).(map[string]any)
	return changed
}

// texts are the texts at a place in a document.
func texts(value any, pointer string) []string {
	name, rest, inside := strings.Cut(strings.TrimPrefix(pointer, "/"), "/")
	if inside {
		rest = "/" + rest
	}
	var found []string
	switch v := value.(type) {
	case string:
		return []string{v}
	case []any:
		for i, element := range v {
			if pointer == "" || name == strconv.Itoa(i) {
				found = append(found, texts(element, rest)...)
			}
		}
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(v)) {
			if pointer == "" || name == key {
				found = append(found, texts(v[key], rest)...)
			}
		}
	}
	return found
}

// put copies what it changes.
func put(value any, place []any, s step) any {
	if len(place) == 0 {
		return s.value
	}
	if list, ok := value.([]any); ok {
		list = slices.Clone(list)
		list[0] = put(list[0], place[1:], s)
		return list
	}
	object, _ := value.(map[string]any)
	object = maps.Clone(object)
	name := fmt.Sprint(place[0])
	if len(place) == 1 && s.away {
		delete(object, name)
		return object
	}
	object[name] = put(object[name], place[1:], s)
	return object
}

// objectsOn are the objects that a pointer leads through, with what is left of it there.
func (s *schemas) objectsOn(object, pointer string) iter.Seq2[string, string] {
	return func(yield func(string, string) bool) {
		parts := strings.Split(strings.TrimPrefix(pointer, "/"), "/")
		at := s.definitions[object]
		for i, part := range parts {
			if part == "*" {
				continue
			}
			j := slices.IndexFunc(at.members, func(m member) bool { return m.name == part })
			if j < 0 {
				return
			}
			field := at.members[j].schema
			rest := parts[i+1:]
			if field.Items != nil {
				field = field.Items
				if len(rest) == 0 {
					return // the list itself
				}
				rest = rest[1:]
			}
			next, name := s.resolve(field)
			if next.members == nil {
				return
			}
			left := ""
			if len(rest) > 0 {
				left = "/" + strings.Join(rest, "/")
			}
			if !yield(name, left) {
				return
			}
			at = next
		}
	}
}

var (
	indexForm  = regexp.MustCompile(`/\d+(/|$)`)
	numberForm = regexp.MustCompile(`\b\d+(\.\d+)*\b`)
)

// anyIndex is a pointer with * for its indices.
func anyIndex(pointer string) string { return indexForm.ReplaceAllString(pointer, "/*$1") }

// anyNumber is a text without its numbers, zeros and those of versions aside.
func anyNumber(text string) string {
	return numberForm.ReplaceAllStringFunc(text, func(number string) string {
		if number == "0" || ocpi.Version(number).Known() {
			return number
		}
		return "…"
	})
}

// without is a text without a word where it is there first.
func without(text, word string) string {
	words := strings.Split(text, " ")
	for i := range words {
		if bare := strings.TrimRight(words[i], ",:;"); bare == word {
			words[i] = "…" + strings.TrimPrefix(words[i], bare)
			return strings.Join(words, " ")
		}
	}
	return text
}
