package command

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"sync"
	"time"
)

// A Store keeps commands. What it has acknowledged must survive a crash.
type Store interface {
	// Add stores a new command, or returns ErrExists.
	Add(ctx context.Context, c Command) error
	// Change applies fn to a stored command as one atomic step and returns what it has become, or ErrUnknown. It stores
	// nothing and returns fn's error where fn fails. It may call fn more than once, each time with the command as it
	// then is.
	Change(ctx context.Context, id string, fn func(*Command) error) (Command, error)
	// Command returns a command, or ErrUnknown.
	Command(ctx context.Context, id string) (Command, error)
	// Due returns the commands of one direction about which something is to be done by a time, the most urgent first, at
	// most limit.
	Due(ctx context.Context, received bool, by time.Time, limit int) ([]Command, error)
	// Matching returns the commands of one direction with this Match that were created since a time, oldest first. The
	// empty partner stands for all.
	Matching(ctx context.Context, received bool, partner, match string, since time.Time) ([]Command, error)
}

// Memory is a Store in memory, for tests and programs that may forget. It keeps what has ended for a day. The zero Memory is ready.
type Memory struct {
	mu       sync.Mutex
	commands map[string]*Command
	// trimmed is when it was looked last for what may be forgotten.
	trimmed time.Time
}

const (
	memoryKeeps = 24 * time.Hour
	memoryTrims = time.Hour
)

// Add implements Store.
func (m *Memory) Add(_ context.Context, c Command) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.commands[c.ID] != nil {
		return ErrExists
	}
	if m.commands == nil {
		m.commands = map[string]*Command{}
	}
	m.commands[c.ID] = new(c.clone())
	if c.Created.Sub(m.trimmed) >= memoryTrims {
		m.trim(c.Created)
	}
	return nil
}

// trim forgets commands about which nothing has happened for long and nothing is to be done.
func (m *Memory) trim(now time.Time) {
	m.trimmed = now
	maps.DeleteFunc(m.commands, func(_ string, c *Command) bool {
		return c.Due.IsZero() && now.Sub(c.Created) > memoryKeeps && now.Sub(c.Changed) > memoryKeeps
	})
}

// Change implements Store.
func (m *Memory) Change(_ context.Context, id string, fn func(*Command) error) (Command, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	stored := m.commands[id]
	if stored == nil {
		return Command{}, ErrUnknown
	}
	c := stored.clone()
	if err := fn(&c); err != nil {
		return Command{}, err
	}
	m.commands[id] = &c
	return c.clone(), nil
}

// Command implements Store.
func (m *Memory) Command(_ context.Context, id string) (Command, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if c := m.commands[id]; c != nil {
		return c.clone(), nil
	}
	return Command{}, ErrUnknown
}

// Due implements Store.
func (m *Memory) Due(_ context.Context, received bool, by time.Time, limit int) ([]Command, error) {
	due := m.those(func(c *Command) bool { return c.Received == received && !c.Due.IsZero() && !c.Due.After(by) })
	slices.SortFunc(due, func(a, b Command) int { return a.Due.Compare(b.Due) })
	return due[:min(limit, len(due))], nil
}

// Matching implements Store.
func (m *Memory) Matching(_ context.Context, received bool, partner, match string, since time.Time) ([]Command, error) {
	found := m.those(func(c *Command) bool {
		return c.Received == received && (partner == "" || c.Partner == partner) && c.Match == match && !c.Created.Before(since)
	})
	return found, nil
}

// those are the commands of a kind, oldest first.
func (m *Memory) those(are func(*Command) bool) []Command {
	m.mu.Lock()
	defer m.mu.Unlock()
	var found []Command
	for _, c := range m.commands {
		if are(c) {
			found = append(found, c.clone())
		}
	}
	slices.SortFunc(found, func(a, b Command) int { return cmp.Or(a.Created.Compare(b.Created), cmp.Compare(a.ID, b.ID)) })
	return found
}
