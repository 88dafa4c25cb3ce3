// Package simulate makes the chargers of a CPO live: they are plugged into and left, reserved, blocked and broken, and
// what happens at them becomes statuses, sessions and CDRs as a real network would have them. It is for demonstrations
// and for tests that want traffic.
package simulate

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strconv"
	"sync"
	"time"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// A Network is what is simulated: the objects of a CPO.
type Network interface {
	// Locations are all of the CPO's.
	Locations(ctx context.Context) ([]v230.Location, error)
	// Tariffs are those that apply to a session; none where charging is free of charge.
	Tariffs(ctx context.Context, session *v230.Session) ([]*v230.Tariff, error)
	// OpenSessions are those that have not ended: pending and active ones.
	OpenSessions(ctx context.Context) ([]v230.Session, error)
	// SetStatus sets the status of an EVSE, as of a time.
	SetStatus(ctx context.Context, location ocpi.Key, evseUID string, status v230.Status, at time.Time) error
	// PutSession creates or replaces a session.
	PutSession(ctx context.Context, session v230.Session) error
	// PutCDR creates a CDR. It can be called again with the same one, which changes nothing.
	PutCDR(ctx context.Context, cdr v230.CDR) error
}

// A Config says what is simulated, and how fast.
type Config struct {
	// Network is required.
	Network Network
	// Tokens are the cards and apps that may charge; those that are not valid do not. Without any, nobody comes.
	Tokens []v230.Token
	// Speed is how many simulated seconds pass in a second. Default 120, a day in 12 minutes.
	Speed int
	// Begin is the simulated time at the first step. Default: a week before it. Simulated time never overtakes the clock: when
	// it has come to the present it goes on as fast as the clock. A second run on the same data should begin where the first
	// has ended, so that two vehicles are never at one EVSE.
	Begin time.Time
	// Rand decides what happens. The same source and the same times of steps give the same day. Default: another day each
	// time.
	Rand *rand.Rand
	// Tell is told of what has happened, after it is stored; nil for nobody. It must not block.
	Tell func(Event)
	// Now is the clock of Run. Default time.Now.
	Now func() time.Time
	// Logger gets what could not be stored. Default slog.Default().
	Logger *slog.Logger
}

// An Event is something that has happened at an EVSE and is stored.
type Event struct {
	// At is the simulated time, in the time zone of the location.
	At       time.Time
	Location ocpi.Key
	// EVSE is its public id, or its uid where it has none; EVSEUID is its uid.
	EVSE, EVSEUID string
	// Status is the new status of the EVSE; empty where it is as before.
	Status v230.Status
	// LastUpdated is that of the EVSE.
	LastUpdated time.Time
	// Session is a session that has begun, gone on or ended; nil for none.
	Session *v230.Session
	// CDR is that of a session that has ended; nil for none.
	CDR *v230.CDR
}

// slice is the step of simulated time. Being a twentieth of an hour, it makes hours and kilowatt-hours come out exactly in
// decimals, and it divides the times at which prices change.
const (
	slice         = time.Hour / slicesPerHour
	slicesPerHour = 20
	slicesPerDay  = 24 * slicesPerHour
)

// A Day is a simulation. Any number of goroutines may use it, but not from within Tell.
//
// What partners compare, last_updated, is real time, while the times of sessions and CDRs, from which their costs follow,
// are simulated time.
type Day struct {
	config Config

	mu       sync.Mutex
	chargers []*charger
	// began and latest are when the first and the latest step were, passed is how many slices went by since began.
	began, latest time.Time
	passed        int
	// reservations are the names of those that were ordered.
	reservations map[string]bool
	// sessions counts those that have begun, for their ids.
	sessions int
}

// New returns a simulation that has not begun.
func New(config Config) *Day {
	if config.Speed <= 0 {
		config.Speed = 120
	}
	if config.Rand == nil {
		config.Rand = rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64()))
	}
	if config.Now == nil {
		config.Now = time.Now
	}
	if config.Logger == nil {
		config.Logger = slog.Default()
	}
	return &Day{config: config}
}

// Run makes steps until ctx ends. What fails is logged and tried again with the next step.
func (d *Day) Run(ctx context.Context) {
	tick := time.NewTicker(max(time.Second, min(slice/time.Duration(d.config.Speed), pace/4)))
	defer tick.Stop()
	for {
		if err := d.Step(ctx, d.config.Now()); err != nil && ctx.Err() == nil {
			d.config.Logger.WarnContext(ctx, "the simulation could not store what has happened", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// Step brings the simulation up to a time: at most one thing happens at each EVSE. The first step ends the sessions it
// finds. A step less than a second after the one before does nothing, because last_updated in 2.1.1 has whole seconds and
// must move forward.
//
// An error leaves the EVSEs it is about as they were; they go on with the next step.
func (d *Day) Step(ctx context.Context, now time.Time) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	now = now.UTC().Truncate(time.Second)
	if !now.After(d.latest) {
		return nil
	}
	d.latest = now
	if d.chargers == nil {
		return d.begin(ctx, now)
	}
	passed := min(int(now.Sub(d.began)*time.Duration(d.config.Speed)/slice), int(now.Sub(d.config.Begin)/slice))
	// After a long sleep of the machine, all EVSEs would have ended what they did; a day is enough for that.
	slices := max(0, min(passed-d.passed, slicesPerDay))
	d.passed = max(d.passed, passed)
	var errs []error
	for _, c := range d.chargers {
		if slices == 0 && !c.byTheClock() {
			continue
		}
		if err := d.advance(ctx, c, slices, now); err != nil {
			errs = append(errs, fmt.Errorf("simulate EVSE %s of location %s: %w", c.evse.UID, c.location.ID, err))
		}
	}
	return errors.Join(errs...)
}

// time is the simulated time.
func (d *Day) time() time.Time { return d.config.Begin.Add(time.Duration(d.passed) * slice) }

// sessionID makes the id of a new session. Those of an earlier run on the same data began in another second.
func (d *Day) sessionID() ocpi.CiString {
	d.sessions++
	return ocpi.CiString("S-" + strconv.FormatInt(d.began.Unix(), 36) + "-" + strconv.Itoa(d.sessions))
}

// tell tells of what has happened at an EVSE.
func (d *Day) tell(c *charger, e Event) {
	if d.config.Tell == nil {
		return
	}
	e.At, e.Location, e.EVSE, e.EVSEUID = d.time().In(c.zone), c.key(), c.publicID(), string(c.evse.UID)
	e.LastUpdated = c.evse.LastUpdated.Time()
	d.config.Tell(e)
}
