package command

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/roamwire/roamwire/node/store"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// How the journal is read for sessions that begin.
const (
	followEvery   = time.Second
	eventsAtOnce  = 100
	sessionCursor = "commands.sessions"
	// noteEvery is after how many events the cursor is noted. Events that are read again change nothing.
	noteEvery = 1000
)

// followSessions finds the command of each session that begins, however late, until ctx ends.
func (c *Commands) followSessions(ctx context.Context) {
	every := time.NewTicker(followEvery)
	defer every.Stop()
	cursor, noted := int64(-1), int64(-1)
	for ctx.Err() == nil {
		var err error
		if cursor < 0 {
			cursor, err = c.readCursor(ctx)
			noted = cursor
		}
		if err == nil {
			cursor, err = c.matchSessions(ctx, cursor)
		}
		if err == nil && cursor-noted >= noteEvery {
			noted, err = cursor, c.noteCursor(ctx, cursor)
		}
		if err != nil && ctx.Err() == nil {
			c.config.Logger.ErrorContext(ctx, "cannot find the commands of sessions", "error", err)
		}
		select {
		case <-ctx.Done():
		case <-every.C:
		}
	}
	if cursor > noted {
		_ = c.noteCursor(context.WithoutCancel(ctx), cursor) // without it, some events are read again
	}
}

// readCursor is the number of the event to go on after: the latest one where the journal was never read. It is -1 with an error.
func (c *Commands) readCursor(ctx context.Context) (int64, error) {
	raw, err := c.config.Journal.ReadNote(ctx, sessionCursor)
	if errors.Is(err, store.ErrNotFound) {
		return c.firstCursor(ctx)
	}
	if err != nil {
		return -1, err
	}
	return strconv.ParseInt(string(raw), 10, 64)
}

// firstCursor begins with what comes from now on, and notes that: what comes before the next note must not be lost in a crash.
func (c *Commands) firstCursor(ctx context.Context) (int64, error) {
	latest, err := c.config.Journal.LatestEvent(ctx)
	if err == nil {
		err = c.noteCursor(ctx, latest)
	}
	if err != nil {
		return -1, err
	}
	return latest, nil
}

func (c *Commands) noteCursor(ctx context.Context, cursor int64) error {
	return c.config.Journal.Note(ctx, sessionCursor, strconv.AppendInt(nil, cursor, 10))
}

// matchSessions reads the journal to its end.
func (c *Commands) matchSessions(ctx context.Context, cursor int64) (int64, error) {
	latest, err := c.config.Journal.LatestEvent(ctx)
	if err != nil {
		return cursor, err
	}
	for cursor < latest {
		events, next, err := c.config.Journal.Events(ctx, store.EventFilter{Types: []string{"session.created"}}, cursor, eventsAtOnce)
		if err != nil || next == cursor {
			return cursor, err
		}
		for i := range events {
			if err := c.matchSession(ctx, &events[i]); err != nil {
				return cursor, err
			}
			cursor = events[i].Number
		}
		cursor = next
	}
	return cursor, nil
}

// matchSession finds the command of a session: one that we sent where the session is a partner's, and one that we received
// where it is ours.
func (c *Commands) matchSession(ctx context.Context, e *store.Event) error {
	var happening struct {
		After v230.Session `json:"after"`
	}
	if err := json.Unmarshal(e.Data, &happening, jsontext.AllowDuplicateNames(true)); err != nil {
		c.config.Logger.ErrorContext(ctx, "cannot read the session of an event", "event", e.Number, "error", err)
		return nil
	}
	var err error
	if e.Partner != "" {
		_, _, err = c.Sender.Session(ctx, e.Partner, happening.After)
	} else {
		_, _, err = c.Receiver.Session(ctx, "", happening.After)
	}
	return err
}
