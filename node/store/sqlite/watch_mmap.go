// Only where SQLite's driver locks the shared memory by open file description: elsewhere, closing the file here would give
// up the locks the driver holds on it.

//go:build (linux || darwin) && !sqlite3_flock && !sqlite3_dotlk

package sqlite

import (
	"os"

	"golang.org/x/sys/unix"
)

// mapShared maps the first page of a file into memory, to read.
func mapShared(f *os.File) ([]byte, error) {
	return unix.Mmap(int(f.Fd()), 0, os.Getpagesize(), unix.PROT_READ, unix.MAP_SHARED)
}

func unmapShared(shared []byte) error { return unix.Munmap(shared) }
