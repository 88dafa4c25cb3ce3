package object

import (
	"fmt"
	"sync"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/roamwire/roamwire/node/store"
	"github.com/roamwire/roamwire/ocpi"
)

// pages remembers pages of one module as partners get them, while nothing in the module changes. Partners that poll
// and partners that begin to pull ask for the same pages over and over.
type pages struct {
	mu sync.Mutex
	// latest is the change up to which the pages hold.
	latest int64
	kept   map[string]ocpi.Page[jsontext.Value]
	bytes  int
}

// pagesBytes bounds the JSON that is remembered for a module.
const pagesBytes = 32 << 20

// pageKey names a page: everything that decides what is on it.
func pageKey(sel store.Selection, v ocpi.Version, q ocpi.Query) string {
	return fmt.Sprint(sel.Parties, sel.Audience, v, q.DateFrom.UnixNano(), q.DateTo.UnixNano(), q.Offset, q.Limit, q.Cursor)
}

// get returns a page that holds up to the latest change.
func (p *pages) get(latest int64, key string) (ocpi.Page[jsontext.Value], bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	page, ok := p.kept[key]
	return page, ok && p.latest == latest
}

// put remembers a page that was read after the latest change was. Something newer may be on it, which does no harm:
// the next reader is told of a later change and does not find it.
func (p *pages) put(latest int64, key string, page ocpi.Page[jsontext.Value]) {
	size := 0
	for _, item := range page.Items {
		size += len(item)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if latest < p.latest || size > pagesBytes/4 {
		return
	}
	if latest > p.latest || p.kept == nil {
		p.latest, p.kept, p.bytes = latest, map[string]ocpi.Page[jsontext.Value]{}, 0
	}
	for other := range p.kept { // any will do: a partner that pulls everything would push out all others of an older age
		if p.bytes+size <= pagesBytes {
			break
		}
		p.drop(other)
	}
	p.drop(key)
	p.kept[key] = page
	p.bytes += size
}

func (p *pages) drop(key string) {
	for _, item := range p.kept[key].Items {
		p.bytes -= len(item)
	}
	delete(p.kept, key)
}
