package convert

import (
	"maps"
	"slices"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// A dialect is an older version as its translations need to know it.
type dialect struct {
	number   string // as in "2.1.1"
	leftover string // the member of the model's objects that keeps what only this version says
}

var (
	dialect211 = &dialect{"2.1.1", LeftoverMember}
	dialect221 = &dialect{"2.2.1", LeftoverMember221}
)

// A raising is one translation from an older version into the model.
type raising struct {
	trail
	env Env
}

// A lowering is one translation from the model into an older version.
type lowering struct {
	trail
	env Env
}

// An up is one translation from 2.1.1 into the model.
type up struct{ raising }

func newUp(env Env) *up {
	u := &up{raising{env: env}}
	u.begin(dialect211)
	return u
}

// A down is one translation from the model into 2.1.1.
type down struct {
	lowering
	tax tax // of the tariff whose elements are being translated
}

func newDown(env Env) *down {
	d := &down{lowering: lowering{env: env}}
	d.begin(dialect211)
	return d
}

// An up221 is one translation from 2.2.1 into the model.
type up221 struct{ raising }

func newUp221(env Env) *up221 {
	u := &up221{raising{env: env}}
	u.begin(dialect221)
	return u
}

// A down221 is one translation from the model into 2.2.1.
type down221 struct {
	lowering
	tax v230.TaxIncluded // of the tariff whose elements are being translated
}

func newDown221(env Env) *down221 {
	d := &down221{lowering: lowering{env: env}}
	d.begin(dialect221)
	return d
}

// A walker moves through the input.
type walker interface {
	enter(name string)
	at(index int)
	leave()
}

// A loser is a walker that reports what an older version cannot say.
type loser interface {
	walker
	number() string
	lose(name, reason string)
	loseHere(reason string)
}

// each converts a list of objects. An absent list stays absent and an empty one stays empty.
func each[W walker, A, B any](w W, name string, in []A, convert func(W, *A, *B)) []B {
	if in == nil {
		return nil
	}
	out := make([]B, len(in))
	w.enter(name)
	for i := range in {
		w.at(i)
		convert(w, &in[i], &out[i])
	}
	w.leave()
	return out
}

// those is each for lists of which convert leaves elements out by returning false. A loss has been recorded then.
func those[D walker, A, B any](d D, name string, in []A, convert func(D, *A, *B) bool) []B {
	if in == nil {
		return nil
	}
	out := make([]B, 0, len(in))
	d.enter(name)
	for i := range in {
		d.at(i)
		n := len(out)
		out = append(out, *new(B))
		if !convert(d, &in[i], &out[n]) {
			out = out[:n]
		}
	}
	d.leave()
	return out
}

// optional converts an object that may be absent.
func optional[W walker, A, B any](w W, name string, in *A, convert func(W, *A, *B)) *B {
	if in == nil {
		return nil
	}
	out := new(B)
	w.enter(name)
	convert(w, in, out)
	w.leave()
	return out
}

// clone copies an optional scalar, so that input and output share nothing that can be written to.
func clone[T any](in *T) *T {
	if in == nil {
		return nil
	}
	out := *in
	return &out
}

// castOptional copies an optional text into another type.
func castOptional[B, A ~string](in *A) *B {
	if in == nil {
		return nil
	}
	out := B(*in)
	return &out
}

// castList copies a list of texts into another type.
func castList[B, A ~string](in []A) []B {
	if in == nil {
		return nil
	}
	out := make([]B, len(in))
	for i, a := range in {
		out[i] = B(a)
	}
	return out
}

// time cuts a moment to whole seconds: 2.1.1 does not mention fractions, so they are accepted and not sent
// (requirement TF-69).
func (d *down) time(name string, t ocpi.DateTime) ocpi.DateTime {
	if t.Time().Nanosecond() == 0 {
		return t
	}
	d.lose(name, "2.1.1 sends whole seconds, the fraction is left out")
	return t.Truncate()
}

func (d *down) optionalTime(name string, t *ocpi.DateTime) *ocpi.DateTime {
	if t == nil {
		return nil
	}
	cut := d.time(name, *t)
	return &cut
}

// lostField records the loss of an optional field.
func lostField[D loser, T any](d D, name string, value *T) {
	if value != nil {
		d.lose(name, d.number()+" has no "+name+" here")
	}
}

// lostList records the loss of a list. An empty list says no more than an absent one (requirement TF-73).
func lostList[D loser, T any](d D, name string, list []T) {
	if len(list) > 0 {
		d.lose(name, d.number()+" has no "+name+" here")
	}
}

// lostExtra records the loss of the unknown members of an object that the older version has no place for.
func (d *lowering) lostExtra(extra ocpi.Extra) {
	if len(extra) == 0 {
		return
	}
	for _, name := range slices.Sorted(maps.Keys(extra)) {
		if !isLeftover(name) {
			d.lose(name, d.number()+" has no object here that could keep it")
		}
	}
}

// lostParty records that an object belongs to another party than the connection or URL says, and must not be sent as that
// party's. Where that is not known, the caller knows better.
func (d *down) lostParty(countryCode, partyID ocpi.CiString, said ocpi.Party) {
	if said == (ocpi.Party{}) || said == (ocpi.Party{CountryCode: string(countryCode), PartyID: string(partyID)}) {
		return
	}
	lost, reason := (*trail).withhold, "2.1.1 says the party outside the object, and there it is "+said.String()+": do not send it"
	if countryCode == "" && partyID == "" { // it says nothing that would become wrong
		lost, reason = (*trail).lose, "2.1.1 says the party outside the object, and there it is "+said.String()
	}
	if !countryCode.Equal(ocpi.CiString(said.CountryCode)) {
		lost(&d.trail, "country_code", reason)
	}
	if !partyID.Equal(ocpi.CiString(said.PartyID)) {
		lost(&d.trail, "party_id", reason)
	}
}

func partyFields(p ocpi.Party) (countryCode, partyID ocpi.CiString) {
	return ocpi.CiString(p.CountryCode), ocpi.CiString(p.PartyID)
}
