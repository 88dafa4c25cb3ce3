// Package command is the room of commands under way, in both directions: those that our eMSP side has sent to CPOs, and those
// that eMSPs have sent to our CPO side. What becomes of a command is decided by the library's package command; this room keeps
// it in the node's store, tells of it as events in the same transaction, answers what can be answered from our own data, and
// finds the command that a session belongs to.
package command

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/roamwire/roamwire/node/store"
	"github.com/roamwire/roamwire/ocpi"
	library "github.com/roamwire/roamwire/ocpi/command"
	"github.com/roamwire/roamwire/ocpi/ocpiclient"
	"github.com/roamwire/roamwire/ocpi/ocpiserver"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// A Store is what this room needs of the node's home for commands.
type Store interface {
	Write(ctx context.Context, fn func(store.Tx) error) error
	Command(ctx context.Context, id string) (store.Command, error)
	Commands(ctx context.Context, want store.CommandFilter) ([]store.Command, error)
	MatchingCommands(ctx context.Context, partner, match string, since time.Time) ([]store.Command, error)
	DueCommands(ctx context.Context, received bool, by time.Time, limit int) ([]store.Command, error)
	TrimCommands(ctx context.Context, before time.Time, limit int) (removed int, err error)
}

// A Journal is what this room needs of the home to see sessions begin.
type Journal interface {
	Events(ctx context.Context, want store.EventFilter, after int64, limit int) (events []store.Event, next int64, err error)
	LatestEvent(ctx context.Context) (int64, error)
	Note(ctx context.Context, name string, value []byte) error
	ReadNote(ctx context.Context, name string) ([]byte, error)
}

// Clients returns what calls a partner, by name.
type Clients interface {
	Client(ctx context.Context, partner string) (*ocpiclient.Client, error)
}

// A Getter has single objects of ours, as far as a partner may see them, or ocpi.ErrNotFound.
type Getter[T any] interface {
	Get(ctx context.Context, to *ocpi.Partner, id string) (T, error)
}

// Config is what this room needs. All but Settings, Logger and Now is required.
type Config struct {
	Store   Store
	Journal Journal
	Clients Clients
	// Locations and Sessions are ours.
	Locations Getter[v230.Location]
	Sessions  Getter[v230.Session]
	// HasSession tells whether one of our parties that a partner deals with has a session, whoever's driver it is about; nil where
	// no partner is a smart charging provider.
	HasSession func(ctx context.Context, with *ocpi.Partner, id string) (bool, error)
	// Party returns which party of a partner's a command of ours is for; nil where partners have one each.
	Party func(ctx context.Context, c library.Command) ocpi.Party
	// BaseURL is where the node serves OCPI.
	BaseURL  string
	Settings Settings
	Logger   *slog.Logger
	Now      func() time.Time
}

// Settings say how long is waited for what. Zero values stand for the defaults.
type Settings struct {
	// AnswerWithin is how long an eMSP is kept waiting until a backend answers its command. Default 3 seconds; negative
	// for not at all.
	AnswerWithin time.Duration
	// Default is the answer that stands where no backend answers in that time, for each kind of command. Default REJECTED.
	Default map[v230.CommandType]v230.CommandResponseType
	// ResultWithin is how long a backend may take for the result of a command that was accepted, before the eMSP is told
	// TIMEOUT. Default 1 minute.
	ResultWithin time.Duration
	// DeliverWithin is how long it is tried to deliver a result. Default 1 hour.
	DeliverWithin time.Duration
	// SendWithin is how long it is tried to reach a partner to which no connection can be made. Default 15 seconds, but no
	// longer than Timeout; negative for one try.
	SendWithin time.Duration
	// Timeout is how long a command that we sent may take before it has ended as TIMEOUT. Default 2 minutes.
	Timeout time.Duration
	// Keep is how long commands are kept after anything has happened to them. Default 90 days.
	Keep time.Duration
}

// Check refuses settings that cannot be meant.
func (s Settings) Check() error {
	if min(s.ResultWithin, s.DeliverWithin, s.Timeout, s.Keep) < 0 {
		return errors.New("the times for commands cannot be negative")
	}
	for kind, answer := range s.Default {
		if !kind.Known() || !answer.Known() {
			return errors.New("the default answer " + string(answer) + " to " + string(kind) + " is none that the specification knows")
		}
	}
	return nil
}

const defaultKeep = 90 * 24 * time.Hour

// Commands are all commands under way.
type Commands struct {
	// Sender sends commands as eMSP and takes their results; Receiver takes commands as CPO.
	Sender   *library.Sender
	Receiver *library.Receiver

	config Config
	home   home
}

// New makes the room.
func New(config Config) *Commands {
	if config.Settings.Keep <= 0 {
		config.Settings.Keep = defaultKeep
	}
	if config.Logger == nil {
		config.Logger = slog.Default()
	}
	if config.Now == nil {
		config.Now = time.Now
	}
	s := config.Settings
	c := &Commands{config: config, home: home{config.Store}}
	c.Sender = library.NewSender(library.SenderConfig{
		Store: c.home, Client: config.Clients.Client, Party: config.Party, BaseURL: config.BaseURL, SendWithin: s.SendWithin, Timeout: s.Timeout,
		Logger: config.Logger, Now: config.Now,
	})
	c.Receiver = library.NewReceiver(library.ReceiverConfig{
		Store: c.home, Client: config.Clients.Client, Check: c.check, Routing: ocpiserver.RoutingOf, AnswerWithin: s.AnswerWithin, Default: s.Default,
		ResultWithin: s.ResultWithin, DeliverWithin: s.DeliverWithin, Logger: config.Logger, Now: config.Now,
	})
	return c
}

// Run keeps deadlines, delivers results, finds the commands of sessions and removes old commands, until ctx ends.
func (c *Commands) Run(ctx context.Context) {
	var work sync.WaitGroup
	work.Go(func() { c.Sender.Run(ctx) })
	work.Go(func() { c.Receiver.Run(ctx) })
	work.Go(func() { c.followSessions(ctx) })
	work.Go(func() { c.trim(ctx) })
	work.Wait()
}

// Close ends what is being sent. Nothing must be asked of the room afterwards.
func (c *Commands) Close() { c.Sender.Close() }

// Get returns a command of either direction, or library.ErrUnknown.
func (c *Commands) Get(ctx context.Context, id string) (library.Command, error) {
	return c.home.Command(ctx, id)
}

// List returns commands, newest first.
func (c *Commands) List(ctx context.Context, want store.CommandFilter) ([]library.Command, error) {
	stored, err := c.config.Store.Commands(ctx, want)
	if err != nil {
		return nil, err
	}
	return readAll(stored, func(*store.Command) bool { return true })
}

// How often old commands are removed, and how many at once: others write too.
const (
	trimEvery  = 10 * time.Minute
	trimAtOnce = 500
)

func (c *Commands) trim(ctx context.Context) {
	every := time.NewTicker(trimEvery)
	defer every.Stop()
	for {
		removed, err := c.config.Store.TrimCommands(ctx, c.config.Now().Add(-c.config.Settings.Keep), trimAtOnce)
		if err != nil && ctx.Err() == nil {
			c.config.Logger.ErrorContext(ctx, "cannot remove old commands", "error", err)
		}
		if err == nil && removed == trimAtOnce && ctx.Err() == nil {
			continue
		}
		select {
		case <-ctx.Done():
			return
		case <-every.C:
		}
	}
}
