//go:build unix

package main

import "syscall"

// keepPrivate makes every file of this program readable by its user alone: they hold partners' data.
func keepPrivate() { syscall.Umask(0o077) }
