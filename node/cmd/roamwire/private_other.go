//go:build !unix

package main

// keepPrivate is left to the folder's permissions here.
func keepPrivate() {}
