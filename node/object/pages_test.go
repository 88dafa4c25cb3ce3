package object

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/roamwire/roamwire/node/store"
	"github.com/roamwire/roamwire/ocpi"
)

func page(text string) ocpi.Page[jsontext.Value] {
	return ocpi.Page[jsontext.Value]{Items: []jsontext.Value{jsontext.Value(text)}}
}

func TestEachPageHasItsOwnKey(t *testing.T) {
	a, b := ocpi.NewParty("NL", "AAA"), ocpi.NewParty("NL", "BBB")
	keys := map[pageKey]string{}
	for _, sel := range []store.Selection{{}, {Parties: []ocpi.Party{a}}, {Parties: []ocpi.Party{b}}, {Parties: []ocpi.Party{a, b}}, {Audience: []ocpi.Party{a}}, {Audience: []ocpi.Party{a, b}}} {
		for _, q := range []ocpi.Query{{}, {Limit: 2}, {Limit: 25}, {Limit: 2, Cursor: "5"}, {Offset: 2}, {Offset: 25, Limit: 2}, {Cursor: "25"}, {Limit: 2, Offset: 5}} {
			for _, v := range ocpi.Versions() {
				key, name := keyOf(sel, v, q), fmt.Sprintf("%+v %+v %s", sel, q, v)
				if other, taken := keys[key]; taken {
					t.Errorf("the same key for\n%s\n%s", name, other)
				}
				keys[key] = name
			}
		}
	}
}

func TestAPageIsRememberedUntilSomethingChanges(t *testing.T) {
	var p pages
	key := keyOf(store.Selection{}, ocpi.V211, ocpi.Query{Limit: 1})
	p.put(7, key, page("1"))
	if _, ok := p.get(7, key); !ok {
		t.Error("the page is not remembered")
	}
	if _, ok := p.get(8, key); ok {
		t.Error("the page is remembered after a change")
	}
	p.put(8, key, page("2"))
	p.put(7, key, page("old"))
	if got, ok := p.get(8, key); !ok || string(got.Items[0]) != "2" {
		t.Errorf("got %s", got.Items)
	}
}

func TestWhatIsRememberedIsBounded(t *testing.T) {
	var p pages
	item := strings.Repeat("x", 900)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for i := range 100_000 {
		piece := make([]byte, 32<<10) // as the store reads them
		p.put(1, pageKey{offset: i}, ocpi.Page[jsontext.Value]{Items: []jsontext.Value{append(piece[:0], item...)}})
		p.put(1, pageKey{offset: i, limit: 1}, ocpi.Page[jsontext.Value]{})
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if p.bytes > pagesBytes || len(p.kept) > pagesBytes/900 {
		t.Errorf("%d pages of %d bytes are kept", len(p.kept), p.bytes)
	}
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 2*pagesBytes {
		t.Errorf("memory has grown by %d bytes", grown)
	}
}
