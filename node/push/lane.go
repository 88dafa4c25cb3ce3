package push

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/go-json-experiment/json"
	"golang.org/x/time/rate"

	"github.com/roamwire/roamwire/node/store"
	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/ocpiclient"
)

// A lane pushes one module to one partner. One goroutine decides, and each message is sent by a goroutine of its own.
type lane struct {
	config    Config
	feed      *feed
	press     *press
	partner   Partner
	module    ocpi.ModuleID
	selection store.Selection
	limiter   *rate.Limiter
	client    *ocpiclient.Client

	state laneState
	// read is how far the feed was read, queue what was read and not begun; behind is set while there may be more.
	read   int64
	queue  []queued
	behind bool
	// latest is the latest change of the module that the lane has been told of.
	latest int64
	// flying are the objects that are being sent.
	flying  map[store.Key]flight
	results chan result
	// held are the objects that wait for another try.
	held   map[store.Key]*store.Delivery
	looked time.Time
	// ahead are objects that were sent in a state that the feed brings once more, with the change of that state: held ones,
	// and those of which more has changed after what was read.
	ahead map[store.Key]int64

	// keep and forget are what has changed since the lane was saved.
	saved  time.Time
	cursor int64
	keep   map[store.Key]store.Delivery
	forget map[store.Key]bool
	dirty  bool
}

// A queued is a change that was read from the feed, with the cursor it was read at: what has changed inside the object is
// known since then and not since its latest change.
type queued struct {
	store.Change
	since int64
}

// A flight is the sending of what has changed in an object since a cursor, up to a change.
type flight struct{ since, change int64 }

// A result is what came of sending one object.
type result struct {
	change store.Change
	since  int64
	memory memory
	// skipped tells that there was nothing to send.
	skipped bool
	err     error
}

const (
	// stretch is how much of the feed is read at once.
	stretch = 256
	// saveEvery is how often a lane at work is saved.
	saveEvery = 200 * time.Millisecond
	// lookEvery is how often held objects are looked up again: a person may have asked for another try.
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
		selection: store.Selection{Module: module, Parties: partner.Parties, Audience: partner.Audience},
		flying:    map[store.Key]flight{}, results: make(chan result, config.Concurrency),
		held: map[store.Key]*store.Delivery{}, ahead: map[store.Key]int64{}, keep: map[store.Key]store.Delivery{}, forget: map[store.Key]bool{},
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
		l.behind = l.behind || latest > l.latest
		l.latest = latest
		if err := errors.Join(l.look(ctx), l.fill(ctx)); err != nil {
			return err
		}
		l.begin(ctx, sending)
		if err := l.save(ctx, false); err != nil {
			return err
		}
		if err := l.wait(ctx, changed); err != nil {
			return err
		}
	}
	return nil
}

// load reads where the lane is. A new lane begins with everything there is, but for sessions and CDRs, which would be a
// history, and where the policy says otherwise.
func (l *lane) load(ctx context.Context) error {
	stored, err := l.config.Store.Lane(ctx, l.partner.Name, l.module)
	switch {
	case errors.Is(err, store.ErrNotFound):
		if l.partner.Policy.FromNow || l.module == ocpi.ModuleSessions || l.module == ocpi.ModuleCDRs {
			if l.read, err = l.beginning(ctx); err != nil {
				return err
			}
		}
		l.dirty = true
	case err != nil:
		return err
	default:
		l.read = stored.Cursor
		if err := json.Unmarshal(stored.State, &l.state); err != nil {
			return fmt.Errorf("read lane %s of %s: %w", l.module, l.partner.Name, err)
		}
	}
	l.cursor, l.behind = l.read, true
	if err := l.lookUp(ctx); err != nil {
		return err
	}
	return l.save(ctx, true)
}

// beginning is the cursor of a lane that begins with what was changed since the partner became one.
func (l *lane) beginning(ctx context.Context) (cursor int64, err error) {
	for {
		found, err := l.config.Store.Changes(ctx, l.selection, cursor, stretch)
		if err != nil {
			return 0, err
		}
		first := slices.IndexFunc(found.Changes, func(c store.Change) bool { return !c.Changed.Before(l.partner.Since) })
		switch {
		case first == 0:
			return cursor, nil
		case first > 0: // up to there it is to be passed over
			found, err = l.config.Store.Changes(ctx, l.selection, cursor, first)
			return found.Next, err
		}
		if len(found.Changes) == 0 || found.Next <= cursor {
			return max(cursor, found.Next), nil
		}
		cursor = found.Next
	}
}
