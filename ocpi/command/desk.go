package command

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/roamwire/roamwire/ocpi/ocpiclient"
)

// Clients returns what calls a partner, by our name for it.
type Clients func(ctx context.Context, partner string) (*ocpiclient.Client, error)

// A desk is what both sides have: the store, and who waits for what becomes of a command.
type desk struct {
	store    Store
	received bool
	limits   limits
	client   Clients
	logger   *slog.Logger
	clock    func() time.Time

	mu      sync.Mutex
	waiting map[string][]chan struct{}
	// wake ends the pause of run.
	wake chan struct{}
}

func newDesk(store Store, received bool, client Clients, logger *slog.Logger, now func() time.Time) *desk {
	d := &desk{store: store, received: received, client: client, logger: logger, clock: now, waiting: map[string][]chan struct{}{}, wake: make(chan struct{}, 1)}
	if d.store == nil {
		d.store = new(Memory)
	}
	if d.logger == nil {
		d.logger = slog.Default()
	}
	if d.clock == nil {
		d.clock = time.Now
	}
	return d
}

// now is the present without the parts of a second that stores may not keep.
func (d *desk) now() time.Time { return d.clock().UTC().Truncate(time.Microsecond) }

// newID is a name that nobody can guess: more than 128 random bits.
func newID() string { return rand.Text() }

// change lets a command of this direction change, and tells those who wait for it.
func (d *desk) change(ctx context.Context, id string, fn func(*Command) error) (Command, error) {
	c, err := d.store.Change(ctx, id, func(c *Command) error {
		if c.Received != d.received {
			return ErrUnknown
		}
		return fn(c)
	})
	if err != nil {
		return c, err
	}
	d.tell(id)
	if !c.Due.IsZero() {
		d.wakeAt(c.Due)
	}
	return c, nil
}

// wakeAt ends the pause of run when something is due. What is due later is seen in time anyway.
func (d *desk) wakeAt(due time.Time) {
	switch in := due.Sub(d.now()); {
	case in <= 0:
		nudge(d.wake)
	case in < lookEvery:
		time.AfterFunc(in, func() { nudge(d.wake) })
	}
}

// happen lets a step happen to a command.
func (d *desk) happen(ctx context.Context, id string, s Step, l limits) (Command, error) {
	return d.change(ctx, id, func(c *Command) error {
		c.apply(s, l)
		return nil
	})
}

// Command returns a command, or ErrUnknown.
func (d *desk) Command(ctx context.Context, id string) (Command, error) {
	c, err := d.store.Command(ctx, id)
	if err == nil && c.Received != d.received {
		return Command{}, ErrUnknown
	}
	return c, err
}

// join returns what tells of each change of a command that is made in this process.
func (d *desk) join(id string) (changed <-chan struct{}, leave func()) {
	c := make(chan struct{}, 1)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.waiting[id] = append(d.waiting[id], c)
	return c, func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		var rest []chan struct{}
		for _, other := range d.waiting[id] {
			if other != c {
				rest = append(rest, other)
			}
		}
		if d.waiting[id] = rest; len(rest) == 0 {
			delete(d.waiting, id)
		}
	}
}

func (d *desk) tell(id string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, c := range d.waiting[id] {
		nudge(c)
	}
}

func nudge(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default: // it knows already
	}
}

// lookEvery is how often others are looked after that may change the store too. Deadlines are about as exact.
const lookEvery = time.Second

// await returns a command as soon as is holds, or, with the error of ctx, as it is when ctx ends.
func (d *desk) await(ctx context.Context, id string, is func(*Command) bool) (Command, error) {
	changed, leave := d.join(id)
	defer leave()
	for {
		c, err := d.Command(context.WithoutCancel(ctx), id)
		if err != nil || is(&c) {
			return c, err
		}
		again := time.NewTimer(lookEvery)
		select {
		case <-changed:
		case <-again.C:
		case <-ctx.Done():
			again.Stop()
			return c, ctx.Err()
		}
		again.Stop()
	}
}

// dueAtOnce is how many commands are looked at in one round, besides those that are being worked on, and moreAfter the pause
// before the next round where there are more: after a day off there may be thousands.
const (
	dueAtOnce = 100
	moreAfter = 10 * time.Millisecond
)

// run looks after what is due until ctx ends. under is how many that are due are being worked on already.
func (d *desk) run(ctx context.Context, under func() int, work func(context.Context, Command)) {
	for ctx.Err() == nil {
		limit := dueAtOnce + under()
		due, err := d.store.Due(ctx, d.received, d.now(), limit)
		if err != nil && ctx.Err() == nil {
			d.logger.ErrorContext(ctx, "cannot look after commands", "error", err)
		}
		for i := range due {
			work(ctx, due[i])
		}
		if len(due) == limit {
			d.pause(ctx, moreAfter)
		} else {
			d.pause(ctx, lookEvery)
		}
	}
}

func (d *desk) pause(ctx context.Context, longest time.Duration) {
	timer := time.NewTimer(longest)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-d.wake:
	case <-timer.C:
	}
}

// expire lets the deadline of a command pass.
func (d *desk) expire(ctx context.Context, c Command, l limits) {
	_, err := d.happen(ctx, c.ID, Step{At: d.now(), What: Deadline}, l)
	if err != nil && !errors.Is(err, ErrUnknown) && ctx.Err() == nil {
		d.logger.ErrorContext(ctx, "cannot end a command", "command", c.ID, "error", err)
	}
}
