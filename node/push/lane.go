package push

import (
	"context"
	"errors"
	"time"

	"golang.org/x/time/rate"

	"github.com/roamwire/roamwire/node/store"
	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/ocpiclient"
)

// A lane pushes one module to one partner. One goroutine decides, and is the only one that writes what the lane remembers;
// each message is sent by a goroutine of its own.
//
// Where the lane is in the feed of changes:
//
//	0 ......... floor ................. read ......... latest
//	 dealt with   in queue and flying    not read yet
//
// The floor is the cursor on disk. What failed is held on disk beside it, and no longer keeps the floor back.
type lane struct {
	config  Config
	feed    *feed
	press   *press
	partner Partner
	module  ocpi.ModuleID
	limiter *rate.Limiter
	client  *ocpiclient.Client

	state laneState
	// selection is what is read: all that the partner sees or, while it is caught up with, what it sees anew. main is the
	// cursor of the whole, which waits for that.
	selection store.Selection
	main      int64
	// read is how far the feed was read; behind is set while there may be more. latest is the latest change of the module
	// that the lane has been told of.
	read   int64
	behind bool
	latest int64
	// queue are the objects that have changed and wait for their turn, each once; waiting are the same by key.
	queue   []*queued
	waiting map[store.Key]*queued
	// flying are the objects that are being sent.
	flying  map[store.Key]*flight
	results chan result
	notes   chan note
	// sent are objects that were sent in a state that the feed has not come to, with the change of that state.
	sent map[store.Key]int64
	// told are the sessions of which it is known, and not only remembered, what the partner has.
	told map[store.Key]bool

	// held are the objects that wait for another try; due is when the first of them does, and is worked out anew where stale.
	held  map[store.Key]*held
	due   time.Time
	stale bool
	// failing are the objects that the partner refused or failed over since it has last taken one; suspects is how many of them
	// had not been known to be bad. Many of them are a doubt whether it takes anything: then objects go one at a time, with pauses
	// that grow, until it takes one.
	failing  map[store.Key]bool
	suspects int
	doubts   int
	// words are what persons have said of CDRs that are being sent.
	words map[store.Key]word
	// rest is until when nothing is begun, because our own data could not be read.
	rest time.Time
	// nudge is what was last seen of requests by others to look at the held objects anew; looked is when.
	nudge  int64
	looked time.Time

	// parkings are the events about objects that were parked since the lane was saved.
	parkings []store.Event
	// keep and forget are what has changed since the lane was saved.
	saved  time.Time
	keep   map[store.Key]store.Delivery
	forget map[store.Key]bool
	dirty  bool
}

// A queued is an object that has changed since a cursor. change is what was read of that; nil where it is to be read when its
// turn comes, because more has changed.
type queued struct {
	key    store.Key
	since  int64
	change *store.Change
}

// A flight is the sending of what has changed in an object since a cursor, up to a change. again tells that more has changed.
type flight struct {
	since, change int64
	again         bool
}

// A held is an object that waits for another try, with what is remembered of it.
type held struct {
	store.Delivery
	memory memory
}

const (
	// stretch is how much of the feed is read at once.
	stretch = 256
	// saveEvery is how often a lane at work is saved.
	saveEvery = 200 * time.Millisecond
	// lookEvery is how often it is looked at whether a person wants something of the lane.
	lookEvery = 2 * time.Second
	// grace is how long what is under way may take when the lane is stopped.
	grace = 2 * time.Second
)

func newLane(config Config, f *feed, p *press, partner Partner, module ocpi.ModuleID) *lane {
	if partner.Policy.Concurrency > 0 {
		config.Concurrency = partner.Policy.Concurrency
	}
	l := &lane{
		config: config, feed: f, press: p, partner: partner, module: module,
		waiting: map[store.Key]*queued{}, flying: map[store.Key]*flight{}, sent: map[store.Key]int64{}, told: map[store.Key]bool{},
		results: make(chan result, config.Concurrency), notes: make(chan note),
		held: map[store.Key]*held{}, stale: true, failing: map[store.Key]bool{}, words: map[store.Key]word{},
		keep: map[store.Key]store.Delivery{}, forget: map[store.Key]bool{},
	}
	if partner.Policy.Rate > 0 {
		l.limiter = rate.NewLimiter(rate.Limit(partner.Policy.Rate), max(1, partner.Policy.Rate/10))
	}
	return l
}

// run pushes until ctx ends.
func (l *lane) run(ctx context.Context) error {
	if err := l.load(ctx); err != nil {
		return err
	}
	sending, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()
	context.AfterFunc(ctx, func() { time.AfterFunc(grace, end) })
	defer func() { l.finish(sending) }()
	for ctx.Err() == nil {
		latest, changed := l.feed.at(l.module)
		if latest > l.latest {
			l.latest, l.behind = latest, true
		}
		l.caughtUp()
		if err := errors.Join(l.look(ctx), l.fill(ctx)); err != nil {
			return err
		}
		l.begin(ctx, sending)
		l.noteWait()
		if err := l.save(ctx, false); err != nil && ctx.Err() == nil {
			l.troubled(ctx, err)
		}
		l.wait(ctx, changed)
	}
	return nil
}

// noteWait notes since when something waits for the partner.
func (l *lane) noteWait() {
	busy := l.behind && l.latest > l.read || len(l.queue) > 0 || len(l.flying) > 0
	switch {
	case !busy && !l.state.Waiting.IsZero():
		l.state.Waiting, l.dirty = time.Time{}, true
	case busy && l.state.Waiting.IsZero():
		l.state.Waiting = l.config.Now()
	}
}

// troubleRest is how long nothing is sent after what has become of it could not be kept.
const troubleRest = 5 * time.Second

// troubled rests because the lane could not be saved, as on a full disk: what is sent meanwhile would be sent again.
func (l *lane) troubled(ctx context.Context, err error) {
	l.rest = l.config.Now().Add(troubleRest)
	l.saved = l.config.Now()
	l.config.Logger.ErrorContext(ctx, "cannot keep how far pushes have come; nothing is pushed until that works", "partner", l.partner.Name, "module", l.module, "error", err)
}

// finish waits for what is under way and saves the lane.
func (l *lane) finish(sending context.Context) {
	for len(l.flying) > 0 {
		select {
		case r := <-l.results:
			l.take(r)
		case n := <-l.notes:
			n.done <- context.Canceled
		}
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(sending), grace)
	defer cancel()
	if err := l.save(ctx, true); err != nil {
		l.config.Logger.Error("cannot save how far pushes have come", "partner", l.partner.Name, "module", l.module, "error", err)
	}
}
