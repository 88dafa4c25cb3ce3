package command

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/roamwire/roamwire/node/store"
	library "github.com/roamwire/roamwire/ocpi/command"
)

// The types of events about commands. Their subject is "commands/" and the command's ID, and their data the command.
const (
	// EventRequested: a partner wants something and waits for our answer.
	EventRequested = "command.requested"
	// EventAnswered: the CPO has answered, in either direction.
	EventAnswered = "command.answered"
	// EventFinished: it has ended, in either direction.
	EventFinished = "command.finished"
	// EventLate: a partner's result has come after the end of a command of ours.
	EventLate = "command.late"
	// EventCanceled: the CPO has given up a reservation that it had made, in either direction.
	EventCanceled = "command.canceled"
	// EventUndelivered: the result of a command, or the end of its reservation, could not be delivered and was given up.
	EventUndelivered = "command.undelivered"
	// EventSession: a session that belongs to the command was seen.
	EventSession = "command.session"
)

// A home is the node's store as the library's package command needs it. What it writes and the events about that are one
// transaction.
type home struct{ store Store }

var _ library.Store = home{}

// Add implements library.Store.
func (h home) Add(ctx context.Context, c library.Command) error {
	return h.store.Write(ctx, func(tx store.Tx) error {
		_, err := tx.Command(c.ID)
		if err == nil {
			return library.ErrExists
		}
		if !errors.Is(err, store.ErrNotFound) {
			return err
		}
		return put(tx, &library.Command{}, &c, nil)
	})
}

// Change implements library.Store.
func (h home) Change(ctx context.Context, id string, fn func(*library.Command) error) (changed library.Command, err error) {
	err = h.store.Write(ctx, func(tx store.Tx) error {
		stored, err := tx.Command(id)
		if err != nil {
			return unknown(err)
		}
		before, err := read(&stored)
		if err != nil {
			return err
		}
		if changed, err = read(&stored); err != nil {
			return err
		}
		if err := fn(&changed); err != nil {
			return err
		}
		return put(tx, &before, &changed, stored.Body)
	})
	if err != nil {
		return library.Command{}, err
	}
	return changed, nil
}

// Command implements library.Store.
func (h home) Command(ctx context.Context, id string) (library.Command, error) {
	stored, err := h.store.Command(ctx, id)
	if err != nil {
		return library.Command{}, unknown(err)
	}
	return read(&stored)
}

// Due implements library.Store.
func (h home) Due(ctx context.Context, received bool, by time.Time, limit int) ([]library.Command, error) {
	stored, err := h.store.DueCommands(ctx, received, by, limit)
	if err != nil {
		return nil, err
	}
	return readAll(stored, func(*store.Command) bool { return true })
}

// Matching implements library.Store.
func (h home) Matching(ctx context.Context, received bool, partner, match string, since time.Time) ([]library.Command, error) {
	stored, err := h.store.MatchingCommands(ctx, partner, match, since)
	if err != nil {
		return nil, err
	}
	return readAll(stored, func(c *store.Command) bool { return c.Received == received })
}

func unknown(err error) error {
	if errors.Is(err, store.ErrNotFound) {
		return library.ErrUnknown
	}
	return err
}

func read(stored *store.Command) (library.Command, error) {
	var c library.Command
	if err := json.Unmarshal(stored.Body, &c, jsontext.AllowDuplicateNames(true)); err != nil {
		return c, fmt.Errorf("read stored command %s: %w", stored.ID, err)
	}
	return c, nil
}

func readAll(stored []store.Command, wanted func(*store.Command) bool) ([]library.Command, error) {
	var commands []library.Command
	for i := range stored {
		if !wanted(&stored[i]) {
			continue
		}
		c, err := read(&stored[i])
		if err != nil {
			return nil, err
		}
		commands = append(commands, c)
	}
	return commands, nil
}

// put stores a command that is other than its stored form, and tells what has happened to it.
func put(tx store.Tx, before, after *library.Command, stored []byte) error {
	body, err := json.Marshal(after, jsontext.AllowDuplicateNames(true))
	if err != nil {
		return fmt.Errorf("write command %s: %w", after.ID, err)
	}
	if bytes.Equal(body, stored) {
		return nil
	}
	err = tx.PutCommand(store.Command{
		ID: after.ID, Received: after.Received, Partner: after.Partner, Type: string(after.Type), State: string(after.State),
		Match: after.Match, Created: after.Created, Changed: after.Changed, Due: after.Due, Body: body,
	})
	for _, name := range happenings(before, after) {
		if err == nil {
			err = tx.Emit(store.Event{
				Type: name, Subject: "commands/" + after.ID, Partner: after.Partner, Module: moduleOf(after), Data: body,
			})
		}
	}
	return err
}

// happenings are the types of events by which a command has become what it is.
func happenings(before, after *library.Command) []string {
	var names []string
	happened := func(name string, is bool) {
		if is {
			names = append(names, name)
		}
	}
	happened(EventRequested, before.ID == "" && after.State == library.Asked)
	happened(EventAnswered, before.Answer == nil && after.Answer != nil && before.End == nil)
	happened(EventFinished, before.End == nil && after.End != nil && after.Type != library.UpdateProfile)
	happened(EventProfile, after.Active != nil && (before.Active == nil || !bytes.Equal(before.Active.Profile, after.Active.Profile)))
	happened(EventLate, !after.Received && len(after.Steps) > len(before.Steps) && lateResult(&after.Steps[len(after.Steps)-1]))
	happened(EventCanceled, before.Canceled == nil && after.Canceled != nil)
	happened(EventUndelivered, givenUp(after) > givenUp(before))
	happened(EventSession, before.Session == nil && after.Session != nil)
	return names
}

// givenUp is how much of what the partner was to be told was given up.
func givenUp(c *library.Command) (count int) {
	if c.Delivery != nil && !c.Delivery.GivenUp.IsZero() {
		count++
	}
	if c.Canceled != nil && c.Canceled.Delivery != nil && !c.Canceled.Delivery.GivenUp.IsZero() {
		count++
	}
	return count
}

func lateResult(s *library.Step) bool { return s.What == library.Resulted && s.Late && !s.Again }
