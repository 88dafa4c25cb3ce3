package store

import (
	"errors"
	"time"

	"github.com/roamwire/roamwire/ocpi"
)

// ErrLeased is returned where somebody else has what is asked for.
var ErrLeased = errors.New("it is taken by another process")

// A Pull is how far the pulls of one module from one partner have come.
type Pull struct {
	// Partner is the partner's name.
	Partner string
	Module  ocpi.ModuleID
	// State is everything about it, as the room that pulls writes it.
	State []byte
}

// A Missing is an object that we have from a partner, or a part of one, and that was not in the partner's list when all of
// it was pulled.
type Missing struct {
	Key Key
	// EVSE is the uid of the EVSE of a location that is missing; empty where all of the object is.
	EVSE string
	// Pulls is how many pulls in a row it was missing from.
	Pulls int
	// Since is when it was first missed.
	Since time.Time
}

// A Lease is the right to work on something alone for a while.
type Lease struct {
	// Name is what it is about.
	Name string
	// Holder is who has it: no two processes call themselves the same.
	Holder string
	// Until is when it ends unless it is renewed.
	Until time.Time
}
