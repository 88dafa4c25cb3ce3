package store

import "time"

// An AccessKey lets the operator's own systems use the node's API.
type AccessKey struct {
	// Hash is the SHA-256 of the key, which is not kept.
	Hash TokenHash
	// Name says whose it is; no two are the same.
	Name string
	// Scopes are what it is good for, in the words of the room of the API.
	Scopes []string
	// Added is when it was made, Expires when it is good no longer; zero for never.
	Added, Expires time.Time
}

// An Answer is what a request with an idempotency key was answered, so that the same request gets the same answer again.
type Answer struct {
	// Key is the access key's name and the idempotency key.
	Key string
	// Request is the SHA-256 of what was asked.
	Request [32]byte
	// Begun is when the request came. Status is 0 while it has not been answered: it is under way, or was when the process
	// ended.
	Begun  time.Time
	Status int
	// Header and Body are the answer; Header is JSON.
	Header, Body []byte
}
