// Package event tells the operator's own systems what happens: by a stream (Server-Sent Events, WebSocket) and by webhooks.
//
// Whatever happens is in the store's journal, written by the transaction that made it happen. Consumers read the journal by
// its numbers, each from its own place, so that one that was away goes on where it was. One goroutine follows the journal and
// writes each new event once, as CloudEvents JSON, for all that are listening; who is further behind reads the store. Nobody
// waits for anybody: a client of the stream that does not read is dropped, and a webhook has a lane of its own.
//
// Everything is told at least once, and in order: an event's number is its CloudEvents id, and larger than those before.
package event

import (
	"cmp"
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/roamwire/roamwire/node/store"
)

// A Store is what this package needs of the node's home.
type Store interface {
	Journal
	Hooks
	// TrimEvents removes the oldest events: those from before a time, and those above a count; at most limit at once.
	TrimEvents(ctx context.Context, before time.Time, count, limit int) (removed int, err error)
	Write(ctx context.Context, fn func(store.Tx) error) error
}

// A Journal holds what has happened.
type Journal interface {
	// Events returns the events after a number that are wanted, and the number to go on after: at most limit, and fewer where
	// they are large.
	Events(ctx context.Context, want store.EventFilter, after int64, limit int) (events []store.Event, next int64, err error)
	// LatestEvent is the number of the latest event, TrimmedEvents that of the last one that was removed. They cost next to
	// nothing.
	LatestEvent(ctx context.Context) (int64, error)
	TrimmedEvents(ctx context.Context) (int64, error)
	// FirstEventSince is the number of the first event that is kept from a time or later; 0 for none.
	FirstEventSince(ctx context.Context, since time.Time) (int64, error)
}

// Hooks keeps webhooks, and the events they did not take.
type Hooks interface {
	Hooks(ctx context.Context) ([]store.Hook, error)
	// AddHook adds a hook, or returns store.ErrExists.
	AddHook(ctx context.Context, h store.Hook) error
	// ChangeHook changes a hook and keeps dead events as one step, or returns store.ErrNotFound.
	ChangeHook(ctx context.Context, id string, fn func(*store.Hook) ([]store.DeadEvent, error)) error
	RemoveHook(ctx context.Context, id string) error
	// DeadEvents returns dead events of a hook after a number: at most limit, and fewer where they are large, but none only where
	// there are none.
	DeadEvents(ctx context.Context, hook string, after int64, limit int) ([]store.DeadEvent, error)
	// RemoveDeadEvents removes dead events of a hook; all of them where no number is given.
	RemoveDeadEvents(ctx context.Context, hook string, numbers ...int64) (removed int, err error)
}

// A Sealer encrypts what must not be readable on disk.
type Sealer interface {
	Seal(secret []byte) (sealed []byte, err error)
	Open(sealed []byte) (secret []byte, err error)
}

// Config says where events come from and how they are told. Store is required, and Sealer for webhooks.
type Config struct {
	Store  Store
	Sealer Sealer
	// Source is the CloudEvents source of all events, a URI reference. Default "/roamwire".
	Source string
	// Poll is how often the journal is looked at while something happens, and a fifth as often while nothing does. Default
	// 5 ms.
	Poll time.Duration

	Stream   StreamConfig
	Webhooks WebhookConfig
	Keep     Retention

	Logger *slog.Logger
	Now    func() time.Time
}

// StreamConfig is about clients of the stream.
type StreamConfig struct {
	// Heartbeat is how often a client hears something where there is nothing to tell. Default 15 seconds.
	Heartbeat time.Duration
	// WriteTimeout is how long a client may take for what it is sent; one that takes longer is dropped. Default 10 seconds.
	WriteTimeout time.Duration
	// MaxClients is how many there can be at once. Default 1,000.
	MaxClients int
	// Origins are the hosts whose web pages may open a WebSocket, besides the node's own, as in "*.example.com".
	Origins []string
}

// WebhookConfig is about webhooks.
type WebhookConfig struct {
	// Timeout is how long an endpoint may take to answer. Default 15 seconds.
	Timeout time.Duration
	// First and Longest are the pauses after failures, which double from the one to the other. Default 1 second and 1 hour.
	First, Longest time.Duration
	// RetryFor is how long an event is tried that is not taken. Default 5 days.
	RetryFor time.Duration
	// RefusedTries is how often at most an event is tried that the endpoint refuses (4xx). Default 10.
	RefusedTries int
	// RefusePrivate forbids endpoints at private and local addresses, and plain http. Link-local addresses, where clouds keep
	// their machines' secrets, are forbidden in any case.
	RefusePrivate bool
	// UserAgent is what the node calls itself. Default "roamwire".
	UserAgent string
}

// Retention says how long events are kept.
type Retention struct {
	// For is how long, Events how many. An event that an enabled webhook has not had yet counts for nothing here until it is
	// older than For. Default 7 days and 1,000,000.
	For    time.Duration
	Events int
	// DeadFor is how long events are kept that a webhook did not take. Default 30 days.
	DeadFor time.Duration
}

const day = 24 * time.Hour

func (c Config) withDefaults() Config {
	c.Source = cmp.Or(c.Source, "/roamwire")
	c.Poll = cmp.Or(c.Poll, 5*time.Millisecond)
	c.Stream.Heartbeat = cmp.Or(c.Stream.Heartbeat, 15*time.Second)
	c.Stream.WriteTimeout = cmp.Or(c.Stream.WriteTimeout, 10*time.Second)
	c.Stream.MaxClients = cmp.Or(c.Stream.MaxClients, 1000)
	c.Webhooks.Timeout = cmp.Or(c.Webhooks.Timeout, 15*time.Second)
	c.Webhooks.First = cmp.Or(c.Webhooks.First, time.Second)
	c.Webhooks.Longest = cmp.Or(c.Webhooks.Longest, time.Hour)
	c.Webhooks.RetryFor = cmp.Or(c.Webhooks.RetryFor, 5*day)
	c.Webhooks.RefusedTries = cmp.Or(c.Webhooks.RefusedTries, 10)
	c.Webhooks.UserAgent = cmp.Or(c.Webhooks.UserAgent, "roamwire")
	c.Keep.For = cmp.Or(c.Keep.For, 7*day)
	c.Keep.Events = cmp.Or(c.Keep.Events, 1_000_000)
	c.Keep.DeadFor = cmp.Or(c.Keep.DeadFor, 30*day)
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return c
}

// Events tells what happens. Without Run nothing is told, but webhooks can be managed.
type Events struct {
	config Config
	feed   *feed
	// Webhooks manages the webhooks.
	Webhooks *Webhooks

	clients clients
}

// New returns Events over a journal.
func New(config Config) *Events {
	config = config.withDefaults()
	f := newFeed(config)
	return &Events{config: config, feed: f, Webhooks: newWebhooks(config, f)}
}

// Run tells what happens until ctx ends. It returns when no request to a webhook is under way any more; streams end by
// themselves then.
func (e *Events) Run(ctx context.Context) {
	var work sync.WaitGroup
	work.Go(func() { e.feed.run(ctx) })
	work.Go(func() { e.Webhooks.run(ctx) })
	work.Go(func() { e.trim(ctx) })
	work.Wait()
}
