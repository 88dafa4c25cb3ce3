package sqlite

import (
	"os"
	"sync"
	"sync/atomic"
	"unsafe"

	"github.com/roamwire/roamwire/node/store"
	"github.com/roamwire/roamwire/ocpi"
)

// A watch tells whether anything has been written to the database, by this process or another, without asking SQLite. In
// WAL mode every commit changes the header of the index of the log, which all connections share in memory and which
// SQLite itself looks at when a read begins: while the header is the same, a read gives the same.
//
// The header is described at https://www.sqlite.org/walformat.html (2.2): two copies of 48 bytes each.
type watch struct {
	mu sync.RWMutex
	// shared is the memory; nil where it cannot be had or is given back, and everything is read anew.
	shared []byte
}

// headerWords are the two copies of the header in words of 32 bits.
const headerWords = 2 * 48 / 4

// A moment is the state of the database; two equal moments are the same state.
type moment [headerWords]uint32

// open maps the shared memory of an open database.
func (w *watch) open(path string) {
	f, err := os.Open(path + "-shm")
	if err != nil {
		return
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || info.Size() < headerWords*4 {
		return
	}
	if shared, err := mapShared(f); err == nil {
		w.shared = shared
	}
}

func (w *watch) close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	shared := w.shared
	w.shared = nil
	if shared == nil {
		return nil
	}
	return unmapShared(shared)
}

// now returns the present moment. A header that is being written gives a moment like no other.
func (w *watch) now() (at moment, ok bool) {
	w.mu.RLock()
	defer w.mu.RUnlock()
	if w.shared == nil {
		return at, false
	}
	for i := range at {
		at[i] = atomic.LoadUint32((*uint32)(unsafe.Pointer(&w.shared[4*i])))
	}
	return at, true
}

// A memory holds what every request asks for, and what the node looks at every second, while nothing has been written.
type memory struct {
	mu       sync.Mutex
	at       moment
	partners map[store.TokenHash]store.Partner
	all      map[struct{}][]store.Partner
	latest   map[latestKey]int64
	access   map[store.TokenHash]store.AccessKey
}

type latestKey struct {
	module ocpi.ModuleID
	source string
}

// recall returns what is remembered under a key of this moment.
func recall[K comparable, V any](m *memory, of func(*memory) map[K]V, at moment, key K) (V, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.at != at {
		var none V
		return none, false
	}
	value, ok := of(m)[key]
	return value, ok
}

// remember keeps a value that was read after this moment. Something newer may be in it, which does no harm: the next
// moment is another.
func remember[K comparable, V any](m *memory, of func(*memory) map[K]V, at moment, key K, value V) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.at != at || m.partners == nil {
		m.at, m.partners, m.all, m.latest = at, map[store.TokenHash]store.Partner{}, map[struct{}][]store.Partner{}, map[latestKey]int64{}
		m.access = map[store.TokenHash]store.AccessKey{}
	}
	of(m)[key] = value
}

// through reads a value, or takes it from memory while nothing has been written since.
func through[K comparable, V any](db *DB, of func(*memory) map[K]V, key K, read func() (V, error)) (V, error) {
	at, watching := db.watch.now()
	if watching {
		if value, ok := recall(&db.memory, of, at, key); ok {
			return value, nil
		}
	}
	value, err := read()
	if err == nil && watching {
		remember(&db.memory, of, at, key, value)
	}
	return value, err
}

func partnersOf(m *memory) map[store.TokenHash]store.Partner { return m.partners }
func allOf(m *memory) map[struct{}][]store.Partner           { return m.all }
func latestOf(m *memory) map[latestKey]int64                 { return m.latest }
