package storetest

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/roamwire/roamwire/node/store"
	"github.com/roamwire/roamwire/ocpi"
)

// model runs random sequences of actions on a home and on a plain slice, and compares what they give.
func model(t *testing.T, home Home) {
	sequences := 0
	rapid.Check(t, func(r *rapid.T) {
		sequences++
		m := &modelTest{T: t, home: home, sources: []string{fmt.Sprint("a", sequences), fmt.Sprint("b", sequences)}}
		r.Repeat(map[string]func(*rapid.T){"write": m.write, "get": m.get, "list": m.list})
	})
}

// A modelTest is one sequence. All sequences use the same home, but each has sources of its own, so that it starts
// with nothing.
type modelTest struct {
	*testing.T
	home    Home
	plain   plainHome
	sources []string
}

// A plainHome is the objects in the order of creation.
type plainHome struct{ objects []store.Object }

func (p *plainHome) index(key store.Key) int {
	best := -1
	for i, o := range p.objects {
		if matches(o.Key, key) && (best < 0 || meant(key, o.Key, p.objects[best].Key)) {
			best = i
		}
	}
	return best
}

// meant reports whether of two objects that a key can stand for it is the later one.
func meant(key, later, earlier store.Key) bool {
	if exact := later.ID == key.ID; exact != (earlier.ID == key.ID) {
		return exact
	}
	return later.TokenType == "RFID" && earlier.TokenType != "RFID"
}

func matches(stored, asked store.Key) bool {
	if asked.Module == ocpi.ModuleTokens && asked.TokenType == "" {
		asked.TokenType = stored.TokenType
	}
	if (asked.AnyCase || asked.Module == ocpi.ModuleCDRs) && strings.EqualFold(stored.ID, asked.ID) {
		asked.ID = stored.ID
	}
	asked.AnyCase = false
	return stored == asked
}

func (p *plainHome) put(o store.Object) (created bool) {
	i := p.index(o.Key)
	o.AnyCase = false
	if i >= 0 {
		p.objects[i] = o
		return false
	}
	p.objects = append(p.objects, o)
	return true
}

func (p *plainHome) delete(key store.Key) bool {
	i := p.index(key)
	if i < 0 {
		return false
	}
	p.objects = slices.Delete(p.objects, i, i+1)
	return true
}

func (p *plainHome) list(s store.Selection, q ocpi.Query) (objects []store.Object) {
	for _, o := range p.objects {
		if o.Module == s.Module && o.Source == s.Source && in(q, o) &&
			(s.TokenType == "" || s.TokenType == o.TokenType) &&
			(len(s.Parties) == 0 || slices.Contains(s.Parties, o.Party)) &&
			(s.AnyAudience || o.Audience == ocpi.Party{} || slices.Contains(s.Audience, o.Audience)) {
			objects = append(objects, o)
		}
	}
	return objects
}

var (
	anyModule  = rapid.SampledFrom([]ocpi.ModuleID{ocpi.ModuleLocations, ocpi.ModuleCDRs, ocpi.ModuleTokens})
	anyParty   = rapid.SampledFrom([]ocpi.Party{abc, xyz})
	anyForWhom = rapid.SampledFrom([]ocpi.Party{{}, {}, msp, xyz})
	anyID      = rapid.StringMatching(`[aA][bB]?[0-3]?`)
	anyTime    = rapid.Map(rapid.IntRange(0, 40), func(n int) time.Time { return noon.Add(time.Duration(n) * time.Microsecond) })
	anyBound   = rapid.OneOf(rapid.Just(time.Time{}), anyTime)
)

func (m *modelTest) key(r *rapid.T, tokenTypes ...string) store.Key {
	key := store.Key{
		Module: anyModule.Draw(r, "module"),
		Source: rapid.SampledFrom(m.sources).Draw(r, "source"),
		Party:  anyParty.Draw(r, "party"),
		ID:     anyID.Draw(r, "id"),

		AnyCase: rapid.Bool().Draw(r, "any case"),
	}
	if key.Module == ocpi.ModuleTokens {
		key.TokenType = rapid.SampledFrom(tokenTypes).Draw(r, "type")
	}
	return key
}

func (m *modelTest) object(r *rapid.T) store.Object {
	o := store.Object{
		Key:         m.key(r, "RFID", "OTHER", "APP_USER"),
		Audience:    anyForWhom.Draw(r, "audience"),
		LastUpdated: anyTime.Draw(r, "last_updated"),
		Body:        []byte(rapid.String().Draw(r, "body")),
	}
	for _, v := range rapid.SliceOfDistinct(rapid.SampledFrom(ocpi.Versions()), rapid.ID).Draw(r, "versions") {
		if o.Renditions == nil {
			o.Renditions = map[ocpi.Version][]byte{}
		}
		o.Renditions[v] = []byte(rapid.String().Draw(r, "rendition"))
	}
	return o
}

// write makes some changes in one transaction, which may fail in the end.
func (m *modelTest) write(r *rapid.T) {
	before := slices.Clone(m.plain.objects)
	fails := rapid.IntRange(0, 4).Draw(r, "fails") == 0
	err := m.home.Write(m.Context(), func(tx store.Tx) error {
		for range rapid.IntRange(1, 8).Draw(r, "changes") {
			if err := m.change(r, tx); err != nil {
				return err
			}
		}
		if fails {
			return errTest
		}
		return nil
	})
	if fails {
		m.plain.objects = before
	}
	if fails != errors.Is(err, errTest) || !fails && err != nil {
		r.Fatalf("Write: %v, should fail: %v", err, fails)
	}
}

func (m *modelTest) change(r *rapid.T, tx store.Tx) error {
	if rapid.IntRange(0, 3).Draw(r, "delete") == 0 {
		key := m.key(r, "", "RFID", "OTHER")
		if err := tx.Delete(key); errors.Is(err, store.ErrNotFound) == m.plain.delete(key) {
			r.Errorf("Delete(%+v): %v", key, err)
		}
		return nil
	}
	o := m.object(r)
	created, err := tx.Put(o)
	if want := m.plain.put(o); created != want {
		r.Errorf("Put(%+v): created %v", o.Key, created)
	}
	return err
}

func (m *modelTest) get(r *rapid.T) {
	key := m.key(r, "", "RFID", "OTHER")
	got, err := m.home.Object(m.Context(), key)
	i := m.plain.index(key)
	if i < 0 {
		if !errors.Is(err, store.ErrNotFound) {
			r.Fatalf("Object(%+v): %v", key, err)
		}
		return
	}
	want := m.plain.objects[i]
	want.Renditions = nil
	equal(r, "object", got, want)
}

func (m *modelTest) list(r *rapid.T) {
	s := store.Selection{
		Module:      anyModule.Draw(r, "module"),
		Source:      rapid.SampledFrom(m.sources).Draw(r, "source"),
		Parties:     rapid.SliceOfN(anyParty, 0, 2).Draw(r, "parties"),
		Audience:    rapid.SliceOfN(rapid.SampledFrom([]ocpi.Party{msp, xyz}), 0, 2).Draw(r, "audience"),
		AnyAudience: rapid.Bool().Draw(r, "any audience"),
	}
	if s.Module == ocpi.ModuleTokens {
		s.TokenType = rapid.SampledFrom([]string{"", "RFID", "OTHER"}).Draw(r, "type")
	}
	q := ocpi.Query{
		DateFrom: anyBound.Draw(r, "from"),
		DateTo:   anyBound.Draw(r, "to"),
		Limit:    rapid.IntRange(1, 20).Draw(r, "limit"),
	}
	want := m.plain.list(s, q)
	q.Offset = rapid.IntRange(0, len(want)+2).Draw(r, "offset")
	version := rapid.SampledFrom(ocpi.Versions()).Draw(r, "version")

	var got []store.Object
	for {
		page, err := m.home.ListRenditions(m.Context(), s, q, version)
		if err != nil {
			r.Fatalf("ListRenditions(%+v, %+v): %v", s, q, err)
		}
		equal(r, "total", page.Total, len(want))
		got = append(got, page.Objects...)
		if page.Next == "" {
			break
		}
		q.Cursor = page.Next
	}
	equal(r, "list", got, asRenditions(want[min(q.Offset, len(want)):], version))
	if !slices.IsSortedFunc(got, func(a, b store.Object) int { return cmp.Compare(a.Created, b.Created) }) {
		r.Errorf("not in the order of creation")
	}
}

// asRenditions leaves of each object what a list of renditions has.
func asRenditions(objects []store.Object, version ocpi.Version) []store.Object {
	objects = slices.Clone(objects)
	for i, o := range objects {
		if rendition, ok := o.Renditions[version]; ok {
			objects[i] = store.Object{Created: o.Created, Rendition: rendition}
		} else {
			objects[i].Renditions = nil
		}
	}
	return objects
}
