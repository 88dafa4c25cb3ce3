package store

import "time"

// A Command is a command that was sent to a partner or received from one.
type Command struct {
	// ID is its name; nobody can guess it.
	ID string
	// Received tells that a partner sent it to us; otherwise we sent it.
	Received bool
	// Partner is the partner's name, Type the kind of command in the words of the model.
	Partner, Type string
	// State is how far it has come, in the words of the room of commands.
	State string
	// Match is what a session is matched by that belongs to it; empty for nothing.
	Match string
	// Created is when it was made, Changed when it was changed last.
	Created, Changed time.Time
	// Due is when something is to be done about it; zero for never.
	Due time.Time
	// Body is the rest, as the room of commands writes it.
	Body []byte
}

// A CommandFilter says which commands are wanted, newest first. Zero values stand for all.
type CommandFilter struct {
	// Received or Sent limits the list to one direction.
	Received, Sent bool
	Partner, Type  string
	State, Match   string
	// Since leaves out older ones, by Created.
	Since time.Time
	// Before is the ID of the command after which the list goes on, with older ones; Limit is how many there are at most.
	Before string
	Limit  int
}
