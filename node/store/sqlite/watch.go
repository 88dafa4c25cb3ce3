package sqlite

import (
	"os"
	"sync"
	"sync/atomic"
	"unsafe"
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

// settled reports whether the header was not being written: its two copies are the same.
func (m *moment) settled() bool {
	return [headerWords / 2]uint32(m[:headerWords/2]) == [headerWords / 2]uint32(m[headerWords/2:])
}

// commits counts the commits there have been, and begins anew after the last number of 32 bits.
func (m *moment) commits() uint32 { return m[2] }

// follows reports whether a moment is the one after a single commit.
func (m *moment) follows(before *moment) bool {
	return m.settled() && before.settled() && m.commits() == before.commits()+1
}

// older reports whether there have been commits since.
func (m *moment) older(than *moment) bool { return int32(m.commits()-than.commits()) < 0 }
