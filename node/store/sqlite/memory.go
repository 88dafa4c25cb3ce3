package sqlite

import (
	"sync"

	"github.com/roamwire/roamwire/node/store"
	"github.com/roamwire/roamwire/ocpi"
)

// A memory holds what every request asks for, and what the node looks at every second. It holds as long as nobody has written,
// and through this process's own writes of objects and events, of which it knows what they change.
type memory struct {
	mu       sync.Mutex
	at       moment
	partners map[store.TokenHash]store.Partner
	all      map[struct{}][]store.Partner
	latest   map[latestKey]int64
	access   map[store.TokenHash]store.AccessKey
	tokens   map[string][]store.Object
}

type latestKey struct {
	module ocpi.ModuleID
	source string
}

// eventsKey and trimmedKey stand for all events where the latest changes of modules are remembered.
const (
	eventsKey  = "\x00events"
	trimmedKey = "\x00trimmed"
)

// maxTokens bounds how many tokens are remembered, maxToken the size of each in bytes. When there are too many, all are
// forgotten.
const (
	maxTokens = 16_384
	maxToken  = 2 << 10
)

// recall returns what is remembered under a key of this moment.
func recall[K comparable, V any](m *memory, of func(*memory) map[K]V, at *moment, key K) (V, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.at != *at {
		var none V
		return none, false
	}
	value, ok := of(m)[key]
	return value, ok
}

// remember keeps a value that was read after this moment. Something newer may be in it, which does no harm: the next
// moment is another. What was read before a moment that is known of is of no use any more.
func remember[K comparable, V any](m *memory, of func(*memory) map[K]V, at *moment, key K, value V) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.latest == nil || m.at != *at {
		if m.latest != nil && at.older(&m.at) {
			return
		}
		m.forget(at)
	}
	of(m)[key] = value
}

func (m *memory) forget(at *moment) {
	m.at = *at
	m.partners, m.all, m.access = map[store.TokenHash]store.Partner{}, map[struct{}][]store.Partner{}, map[store.TokenHash]store.AccessKey{}
	m.latest, m.tokens = map[latestKey]int64{}, map[string][]store.Object{}
}

// carry keeps what is remembered through a commit of this process that wrote objects, events and commands alone: latest are the
// numbers of the last changes it made, by collection, and collections those of which it is known what they hold.
func (m *memory) carry(before, after *moment, latest map[int64]int64, collections map[collectionKey]int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.latest == nil || m.at != *before || !after.follows(before) {
		return
	}
	m.at = *after
	known := 0
	raise := func(key latestKey, to int64) {
		if _, ok := m.latest[key]; ok {
			m.latest[key] = max(m.latest[key], to)
		}
	}
	if to, ok := latest[noCollection]; ok {
		raise(latestKey{source: eventsKey}, to)
		known++
	}
	for of, id := range collections {
		to, changed := latest[id]
		if !changed {
			continue
		}
		known++
		raise(latestKey{of.module, of.source}, to)
		if of.module == ocpi.ModuleTokens {
			clear(m.tokens)
		}
	}
	if known < len(latest) { // somewhere else too
		clear(m.latest)
		clear(m.tokens)
	}
}

// through reads a value, or takes it from memory while that holds.
func through[K comparable, V any](db *DB, of func(*memory) map[K]V, key K, read func() (V, error)) (V, error) {
	return throughIf(db, of, key, read, func(V) bool { return true })
}

// throughIf remembers only what is worth it.
func throughIf[K comparable, V any](db *DB, of func(*memory) map[K]V, key K, read func() (V, error), worth func(V) bool) (V, error) {
	at, watching := db.watch.now()
	watching = watching && at.settled()
	if watching {
		if value, ok := recall(&db.memory, of, &at, key); ok {
			return value, nil
		}
	}
	value, err := read()
	if err == nil && watching && worth(value) {
		remember(&db.memory, of, &at, key, value)
	}
	return value, err
}

// tokensThrough is through for the tokens found under a key. Their bodies are shared and must not be changed.
func (db *DB) tokensThrough(key string, read func() ([]store.Object, error)) ([]store.Object, error) {
	return throughIf(db, tokensOf, key, read, func(tokens []store.Object) bool {
		size := len(key)
		for i := range tokens {
			size += len(tokens[i].Body)
		}
		return size <= maxToken
	})
}

func partnersOf(m *memory) map[store.TokenHash]store.Partner { return m.partners }
func allOf(m *memory) map[struct{}][]store.Partner           { return m.all }
func latestOf(m *memory) map[latestKey]int64                 { return m.latest }
func accessOf(m *memory) map[store.TokenHash]store.AccessKey { return m.access }

func tokensOf(m *memory) map[string][]store.Object {
	if len(m.tokens) >= maxTokens {
		clear(m.tokens)
	}
	return m.tokens
}
