// Package push sends our objects to partners as they change: locations, sessions, CDRs and tariffs to eMSPs, tokens to
// CPOs.
//
// There is a lane for each partner and module. A lane reads the feed of changes from its own cursor, which is on disk, and
// sends the smallest message that says what has changed. The feed holds each object once, in its present state, so a
// partner that was away gets what is true now and not a history. What fails is held beside the lane and tried again, or
// parked for a person when the partner keeps refusing it, and the lane goes on. When nothing gets through, the lane waits
// for the partner, and asks with one message from time to time. No lane waits for another.
package push

import (
	"cmp"
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/roamwire/roamwire/node/store"
	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/ocpiclient"
)

// A Store is what this package needs of the node's home.
type Store interface {
	// Changes reads what has changed in a selection after a cursor.
	Changes(ctx context.Context, sel store.Selection, after int64, limit int) (store.Feed, error)
	// ChangeOf reads what has changed in one object after a cursor, or store.ErrNotFound.
	ChangeOf(ctx context.Context, key store.Key, after int64) (store.Change, error)
	// Backlog counts what a reader has before it.
	Backlog(ctx context.Context, sel store.Selection, after int64) (store.Backlog, error)
	// LatestChange is the number of the latest change in a module. It costs next to nothing.
	LatestChange(ctx context.Context, module ocpi.ModuleID, source string) (int64, error)

	// Lane returns a lane, or store.ErrNotFound; RemoveLane forgets one with its deliveries.
	Lane(ctx context.Context, partner string, module ocpi.ModuleID) (store.Lane, error)
	RemoveLane(ctx context.Context, partner string, module ocpi.ModuleID) error
	// SaveLane keeps a lane, and the deliveries that have changed with it, and writes events, as one step. It is
	// store.ErrNudged where the lane was nudged since its Nudge was read.
	SaveLane(ctx context.Context, lane store.Lane, keep []store.Delivery, forget []store.Key, events ...store.Event) error
	// Delivery returns what is remembered of an object at a partner, or store.ErrNotFound; Held returns those of a lane
	// that wait.
	Delivery(ctx context.Context, partner string, key store.Key) (store.Delivery, error)
	Held(ctx context.Context, partner string, module ocpi.ModuleID) ([]store.Delivery, error)
	// ChangeHeld changes deliveries that wait, as one step, and nudges their lane to look at them anew.
	ChangeHeld(ctx context.Context, partner string, module ocpi.ModuleID, id string, fn func(*store.Delivery) error) (int, error)
}

// A Partner is a registered partner as far as pushes are concerned.
type Partner struct {
	Name string
	// Role is the role in which it is called.
	Role ocpi.Role
	// Audience are its own parties; Parties are those of ours whose objects it gets.
	Audience, Parties []ocpi.Party
	// Version is the one agreed with it: what that cannot say is not sent.
	Version ocpi.Version
	// Modules are those it offers to take.
	Modules []ocpi.ModuleID
	// Since is when it became a partner.
	Since time.Time
	// Sole tells that there is no other partner in its role.
	Sole bool
	// Terms changes when a client made before is of no use any more.
	Terms  string
	Policy Policy
}

// A Policy is what the operator has decided about pushes to a partner. The zero Policy is the default.
type Policy struct {
	Off     bool
	Except  []ocpi.ModuleID
	Whole   bool
	FromNow bool
	// Rate is the largest number of requests in a second, Concurrency how many can be under way at once; 0 for no limit
	// and for the default.
	Rate, Concurrency int
	// Timeout is how long the sending of one object may take, with all its requests; 0 for as long as these take.
	Timeout time.Duration
}

// Config says where objects come from and where they go. Store, Partners and Client are required.
type Config struct {
	Store Store
	// Partners are those that can be pushed to. It is asked often.
	Partners func(ctx context.Context) ([]Partner, error)
	// Client makes the client for a partner.
	Client func(ctx context.Context, name string) (*ocpiclient.Client, error)
	// OnBack is told of a partner that answers again after its lane had to wait; nil for nobody.
	OnBack func(partner string)
	// Parked makes the event that tells of an object that is parked; it is written with the lane. Nil for none.
	Parked func(Parking) store.Event

	// Poll is how often the feed is looked at while there are changes, and a fifth as often while there are none. Default
	// 20 ms.
	Poll time.Duration
	// Concurrency is how many requests of one lane can be under way at once. Default 8.
	Concurrency int
	// Backoff says how long is waited after failures.
	Backoff Backoff

	Logger *slog.Logger
	Now    func() time.Time
}

// Backoff is how long is waited after failures. It doubles from First to Longest.
type Backoff struct {
	// First and Longest are for a partner that does not answer. Default 1 second and 1 minute.
	First, Longest time.Duration
	// LongestHeld is for one object that fails while others get through. Default 1 hour.
	LongestHeld time.Duration
	// Parked is how long a parked object waits until it is tried once more by itself; it doubles up to a day. Default 1 minute.
	Parked time.Duration
	// Settle is how long after a CDR was posted a partner that has lost the answer is not believed that the CDR is not
	// there: it may be slow. Default 2 minutes.
	Settle time.Duration
}

func (c Config) withDefaults() Config {
	c.Poll = cmp.Or(c.Poll, 20*time.Millisecond)
	c.Concurrency = cmp.Or(c.Concurrency, 8)
	c.Backoff.First = cmp.Or(c.Backoff.First, time.Second)
	c.Backoff.Longest = cmp.Or(c.Backoff.Longest, time.Minute)
	c.Backoff.LongestHeld = cmp.Or(c.Backoff.LongestHeld, time.Hour)
	c.Backoff.Parked = cmp.Or(c.Backoff.Parked, time.Minute)
	c.Backoff.Settle = cmp.Or(c.Backoff.Settle, 2*time.Minute)
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return c
}

// A Pusher runs the lanes of all partners.
type Pusher struct {
	config Config
	feed   *feed
	press  *press

	mu    sync.Mutex
	lanes map[laneID]*running
}

// A laneID names a lane.
type laneID struct {
	partner string
	module  ocpi.ModuleID
}

// A running is a lane at work.
type running struct {
	partner Partner
	lane    *lane
	stop    context.CancelFunc
	done    chan struct{}
}

// New returns a Pusher.
func New(config Config) *Pusher {
	config = config.withDefaults()
	return &Pusher{config: config, feed: newFeed(config), press: newPress(), lanes: map[laneID]*running{}}
}

// partnersEvery is how often the Pusher looks for partners that have come, gone or changed.
const partnersEvery = time.Second

// Run pushes until ctx ends, and returns when nothing is under way any more.
func (p *Pusher) Run(ctx context.Context) {
	var work sync.WaitGroup
	work.Go(func() { p.feed.run(ctx) })
	every := time.NewTicker(partnersEvery)
	defer every.Stop()
	for ctx.Err() == nil {
		if err := p.arrange(ctx); err != nil && ctx.Err() == nil {
			p.config.Logger.ErrorContext(ctx, "cannot look for partners to push to", "error", err)
		}
		select {
		case <-ctx.Done():
		case <-every.C:
		}
	}
	for _, r := range p.lanes {
		<-r.done
	}
	work.Wait()
}

// arrange starts the lanes that are missing, and stops those that are wanted no longer or not as they are.
func (p *Pusher) arrange(ctx context.Context) error {
	partners, err := p.config.Partners(ctx)
	if err != nil {
		return err
	}
	wanted := map[laneID]Partner{}
	for _, partner := range partners {
		for _, module := range partner.lanes() {
			wanted[laneID{partner.Name, module}] = partner
		}
	}
	var stopped []laneID
	for id, r := range p.lanes {
		if partner, ok := wanted[id]; !ok || !partner.equal(r.partner) || r.ended() {
			r.stop()
			stopped = append(stopped, id)
		}
	}
	for _, id := range stopped {
		<-p.lanes[id].done
		p.mu.Lock()
		delete(p.lanes, id)
		p.mu.Unlock()
	}
	for id, partner := range wanted {
		if p.lanes[id] == nil {
			p.start(ctx, id, partner)
		}
	}
	return nil
}

func (r *running) ended() bool {
	select {
	case <-r.done:
		return true
	default:
		return false
	}
}

func (p *Pusher) start(ctx context.Context, id laneID, partner Partner) {
	ctx, stop := context.WithCancel(ctx)
	r := &running{partner: partner, lane: newLane(p.config, p.feed, p.press, partner, id.module), stop: stop, done: make(chan struct{})}
	p.mu.Lock()
	p.lanes[id] = r
	p.mu.Unlock()
	go func() {
		defer close(r.done)
		defer stop()
		if err := r.lane.run(ctx); err != nil && ctx.Err() == nil {
			p.config.Logger.ErrorContext(ctx, "pushes have stopped and are started again", "partner", id.partner, "module", id.module, "error", err)
		}
	}()
}

// lanes are the modules that are pushed to a partner.
func (p Partner) lanes() []ocpi.ModuleID {
	if p.Policy.Off || len(p.Parties) == 0 {
		return nil
	}
	pushed := []ocpi.ModuleID{ocpi.ModuleLocations, ocpi.ModuleTariffs, ocpi.ModuleSessions, ocpi.ModuleCDRs}
	if p.Role == ocpi.RoleCPO {
		pushed = []ocpi.ModuleID{ocpi.ModuleTokens}
	}
	return slices.DeleteFunc(pushed, func(m ocpi.ModuleID) bool {
		return !slices.Contains(p.Modules, m) || slices.Contains(p.Policy.Except, m)
	})
}

// selection is what the partner may be sent of a module.
func (p *Partner) selection(module ocpi.ModuleID) store.Selection {
	return store.Selection{Module: module, Parties: p.Parties, Audience: p.Audience, Version: p.Version}
}

// Sees reports whether the partner may be sent an object.
func (p *Partner) Sees(o *store.Object) bool {
	selection := p.selection(o.Module)
	return slices.Contains(p.Parties, o.Party) && selection.Sees(o.Audience, o.Withheld)
}

func (p Partner) equal(q Partner) bool {
	return p.Name == q.Name && p.Role == q.Role && p.Terms == q.Terms && p.Since.Equal(q.Since) && p.Sole == q.Sole && p.Version == q.Version &&
		slices.Equal(p.Audience, q.Audience) && slices.Equal(p.Parties, q.Parties) && slices.Equal(p.Modules, q.Modules) &&
		p.Policy.Off == q.Policy.Off && p.Policy.Whole == q.Policy.Whole && p.Policy.FromNow == q.Policy.FromNow &&
		p.Policy.Rate == q.Policy.Rate && p.Policy.Concurrency == q.Policy.Concurrency && p.Policy.Timeout == q.Policy.Timeout && slices.Equal(p.Policy.Except, q.Policy.Except)
}
