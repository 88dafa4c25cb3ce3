package object

import (
	"fmt"
	"sync"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/roamwire/roamwire/node/store"
	"github.com/roamwire/roamwire/ocpi"
)

// pages remembers pages of one module as partners get them, while nothing in the module changes. Partners that begin to
// pull ask for the same pages one after the other. Pages of a window of dates are not remembered: each poll has its own.
type pages struct {
	mu sync.Mutex
	// latest is the change up to which the pages hold.
	latest int64
	// age counts how often all were forgotten.
	age   int
	kept  map[pageKey]ocpi.Page[jsontext.Value]
	bytes int
}

const (
	// pagesBytes bounds what is remembered for a module.
	pagesBytes = 32 << 20
	// pageOverhead is about what a page costs besides its JSON.
	pageOverhead = 512
)

// A pageKey names a page: everything that decides what is on it.
type pageKey struct {
	parties, audience string
	version           ocpi.Version
	offset, limit     int
	cursor            string
	// age is how often all pages had been forgotten: one that was read before is not found after.
	age int
}

func keyOf(sel store.Selection, v ocpi.Version, q ocpi.Query) pageKey {
	return pageKey{
		parties: fmt.Sprint(sel.Parties), audience: fmt.Sprint(sel.Audience),
		version: v, offset: q.Offset, limit: q.Limit, cursor: q.Cursor,
	}
}

// rememberable reports whether it is worth it, and safe, to remember a page of this query.
func rememberable(q ocpi.Query) bool { return q.DateFrom.IsZero() && q.DateTo.IsZero() }

// get returns a page that holds up to the latest change.
func (p *pages) get(latest int64, key pageKey) (ocpi.Page[jsontext.Value], bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	page, ok := p.kept[key]
	return page, ok && p.latest == latest
}

// put remembers a page that was read after the latest change was. Something newer may be on it, which does no harm:
// the next reader is told of a later change and does not find it.
func (p *pages) put(latest int64, key pageKey, page ocpi.Page[jsontext.Value]) {
	page.Items = packed(page.Items)
	size := sizeOf(page)
	p.mu.Lock()
	defer p.mu.Unlock()
	if latest < p.latest || size > pagesBytes/4 || len(page.Items) == 0 {
		return
	}
	if latest > p.latest || p.kept == nil {
		p.latest, p.kept, p.bytes = latest, map[pageKey]ocpi.Page[jsontext.Value]{}, 0
	}
	p.drop(key)
	for other := range p.kept { // any will do: a partner that pulls everything would push out all others of an older age
		if p.bytes+size <= pagesBytes {
			break
		}
		p.drop(other)
	}
	p.kept[key] = page
	p.bytes += size
}

// forget forgets all pages, because something is other on them that is no change of an object.
func (p *pages) forget() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.kept, p.bytes = nil, 0
	p.age++
}

// ageNow is the age of the pages that are read from now on.
func (p *pages) ageNow() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.age
}

func (p *pages) drop(key pageKey) {
	if page, ok := p.kept[key]; ok {
		p.bytes -= sizeOf(page)
		delete(p.kept, key)
	}
}

func sizeOf(page ocpi.Page[jsontext.Value]) int {
	size := pageOverhead
	for _, item := range page.Items {
		size += len(item)
	}
	for _, loss := range page.Losses.First {
		size += len(loss.Pointer) + len(loss.Reason)
	}
	return size
}

// packed copies items into one piece of memory of exactly their size: the pieces they come in are larger.
func packed(items []jsontext.Value) []jsontext.Value {
	size := 0
	for _, item := range items {
		size += len(item)
	}
	piece := make([]byte, 0, size)
	copies := make([]jsontext.Value, len(items))
	for i, item := range items {
		start := len(piece)
		piece = append(piece, item...)
		copies[i] = piece[start:len(piece):len(piece)]
	}
	return copies
}
