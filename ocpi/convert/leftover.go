package convert

import (
	"bytes"
	"errors"
	"io"
	"maps"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/roamwire/roamwire/ocpi"
)

// LeftoverMember is the unknown member of a model object that holds what 2.1.1 said and 2.3.0 cannot say: a JSON
// object of 2.1.1 member names and their 2.1.1 values, null for a field that was absent. Each object has its own.
//
// A leftover is used on the way back to 2.1.1 only while translating it up gives what the model says now. So the model
// always wins: whoever changes it need not know of leftovers. Remove them with StripLeftovers before an object is sent
// to a partner.
const LeftoverMember = "ocpi_2_1_1"

// LeftoverMember221 is LeftoverMember for what 2.2.1 said. What an object keeps of one older version stays in it on the
// way through the other.
const LeftoverMember221 = "ocpi_2_2_1"

// leftoverPrefix is how the names of leftovers begin, in JSON.
const leftoverPrefix = `"ocpi_2_`

func isLeftover(name string) bool { return name == LeftoverMember || name == LeftoverMember221 }

// names are the members of an object that only one of the versions gives a meaning.
type names struct{ old, model []string }

// A leftover holds 2.1.1 members by name.
type leftover map[string]jsontext.Value

// set keeps a value. It fails only for objects that were made in Go and have no JSON form.
func (l *leftover) set(name string, value any) {
	raw, err := json.Marshal(value, json.Deterministic(true))
	if err != nil {
		return
	}
	l.setRaw(name, raw)
}

func (l *leftover) setRaw(name string, raw jsontext.Value) {
	if *l == nil {
		*l = leftover{}
	}
	(*l)[name] = raw
}

// leftoverOf returns the leftovers among unknown members of the model; nil where there are none.
func leftoverOf(extra ocpi.Extra) leftover {
	var left leftover
	if raw, ok := extra[LeftoverMember]; !ok || json.Unmarshal(raw, &left) != nil {
		return nil
	}
	return left
}

// recall returns what 2.1.1 said in a member, while that still holds. For members that can be absent, T is a pointer
// or slice.
func recall[T any](l leftover, name string, holds func(T) bool) (T, bool) {
	var nothing T
	raw, ok := l[name]
	if !ok {
		return nothing, false
	}
	value := new(T)
	if err := json.Unmarshal(raw, value); err != nil || !holds(*value) {
		return nothing, false
	}
	return *value, true
}

// extra raises the unknown members. Those whose names mean something in the model join the leftovers.
func (u *raising) extra(in ocpi.Extra, n *names, left leftover) ocpi.Extra {
	if len(in) == 0 && len(left) == 0 {
		return nil
	}
	out := make(ocpi.Extra, len(in)+1)
	maps.Copy(out, in)
	for _, name := range n.model {
		if value, ok := in[name]; ok {
			delete(out, name)
			left.setRaw(name, value)
			u.lose(name, "not a member of "+u.old.number+", and 2.3.0 gives the name a meaning of its own")
		}
	}
	own := u.old.leftover
	if value, ok := in[own]; ok {
		delete(out, own)
		left.setRaw(own, value)
		u.lose(own, "the name is reserved for leftovers")
	}
	if len(left) == 0 {
		return out
	}
	raw, err := json.Marshal(left, json.Deterministic(true))
	if err != nil { // unknown members that were made in Go and are not JSON
		u.loseHere("leftovers cannot be written: " + err.Error())
		return out
	}
	out[own] = raw
	return out
}

// extra lowers the unknown members, and returns the leftovers.
func (d *lowering) extra(in ocpi.Extra, n *names) (ocpi.Extra, leftover) {
	if len(in) == 0 {
		return nil, nil
	}
	out := in.Clone()
	for _, name := range n.old {
		if _, ok := out[name]; ok {
			delete(out, name)
			d.lose(name, "not a member of 2.3.0, and "+d.old.number+" gives the name a meaning of its own")
		}
	}
	own := d.old.leftover
	raw, ok := out[own]
	if !ok {
		return out, nil
	}
	delete(out, own)
	var left leftover
	if err := json.Unmarshal(raw, &left); err != nil {
		d.lose(own, "the name is reserved for leftovers, and this is none")
		return out, nil
	}
	for _, name := range n.model {
		if value, ok := left[name]; ok {
			out[name] = value
		}
	}
	if value, ok := left[own]; ok {
		out[own] = value
	}
	return out, left
}

// An enum is a type that knows the values its version lists.
type enum interface {
	~string
	Known() bool
}

// foreign keeps a value that the older version does not list, so that the way back knows it came from there.
func foreign[E enum](left *leftover, name string, value E) {
	if !value.Known() {
		left.set(name, string(value))
	}
}

// foreignList is foreign for a list; it keeps the whole list.
func foreignList[E enum](left *leftover, name string, list []E) {
	for _, value := range list {
		if !value.Known() {
			left.set(name, list)
			return
		}
	}
}

// lowerEnum translates a value where the older version lists it, or said it itself.
func lowerEnum[E enum, M ~string](left leftover, name string, value M) (E, bool) {
	e := E(value)
	if e.Known() {
		return e, true
	}
	_, said := recall(left, name, func(was E) bool { return was == e })
	return e, said
}

// lowerOr translates a value, or else reports its loss and returns the value that stands in for it.
func lowerOr[E enum, D loser, M ~string](d D, left leftover, name string, value M, instead E) E {
	e, ok := lowerEnum[E](left, name, value)
	if ok {
		return e
	}
	d.lose(name, d.number()+" does not list "+string(value)+", it becomes "+string(instead))
	return instead
}

// lowerList translates a list of values, and leaves out those that the older version does not list.
func lowerList[E enum, D loser, M ~string](d D, left leftover, name string, list []M) []E {
	all := castList[E](list)
	if _, said := recall(left, name, func(was []E) bool { return equalLists(was, all) }); said {
		return all
	}
	kept := all[:0]
	d.enter(name)
	for i, value := range all {
		if value.Known() {
			kept = append(kept, value)
			continue
		}
		d.at(i)
		d.loseHere(d.number() + " does not list " + string(value) + ", it is left out")
	}
	d.leave()
	if len(kept) < len(all) && len(kept) == 0 {
		return nil
	}
	return kept
}

// equalLists compares lists and tells an absent one from an empty one.
func equalLists[T comparable](a, b []T) bool {
	if len(a) != len(b) || (a == nil) != (b == nil) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

// StripLeftovers removes LeftoverMember and LeftoverMember221 from the JSON of a model object, or of anything that contains model objects,
// at every level. Bytes without it are returned as they are, after one scan; so are bytes that are no JSON. Several
// values in a row, as in JSON lines, are all cleaned.
func StripLeftovers(raw []byte) []byte {
	if !bytes.Contains(raw, []byte(leftoverPrefix)) {
		return raw
	}
	s := stripper{dec: jsontext.NewDecoder(bytes.NewBuffer(raw))} // a Buffer is read where it is
	s.out.Grow(len(raw))
	s.enc = jsontext.NewEncoder(&s.out)
	var err error
	for err == nil {
		err = s.value()
	}
	if !errors.Is(err, io.EOF) {
		return raw
	}
	return bytes.TrimSuffix(s.out.Bytes(), []byte("\n"))
}

type stripper struct {
	dec *jsontext.Decoder
	enc *jsontext.Encoder
	out bytes.Buffer
}

// value copies one value without leftovers.
func (s *stripper) value() error {
	switch s.dec.PeekKind() {
	case '{':
		return s.inside('}', s.member)
	case '[':
		return s.inside(']', s.value)
	default:
		value, err := s.dec.ReadValue()
		if err != nil {
			return err
		}
		return s.enc.WriteValue(value)
	}
}

// inside copies an object or list, item by item.
func (s *stripper) inside(end jsontext.Kind, item func() error) error {
	if err := s.token(); err != nil {
		return err
	}
	for s.dec.PeekKind() != end {
		if err := item(); err != nil {
			return err
		}
	}
	return s.token()
}

func (s *stripper) token() error {
	token, err := s.dec.ReadToken()
	if err != nil {
		return err
	}
	return s.enc.WriteToken(token)
}

func (s *stripper) member() error {
	name, err := s.dec.ReadToken()
	if err != nil {
		return err
	}
	if isLeftover(name.String()) {
		return s.dec.SkipValue()
	}
	if err := s.enc.WriteToken(name); err != nil {
		return err
	}
	return s.value()
}
