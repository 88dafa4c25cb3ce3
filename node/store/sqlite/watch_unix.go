//go:build unix

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
