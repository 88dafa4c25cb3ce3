// Package pull fetches partners' objects: all of them when a partner is registered and from time to time again, and what is
// new in between.
//
// How far the pulls of each module have come is on disk. A cursor moves only when the whole window was stored, and each
// window begins a little before the last one ended, because partners' clocks and commits are not in order. A lease keeps
// two processes from pulling the same thing at once.
package pull

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/roamwire/roamwire/node/store"
	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/ocpiclient"
)

// A Store is what this package needs of the node's home.
type Store interface {
	// Pull returns how far the pulls of a module have come, or store.ErrNotFound; Pulls returns all.
	Pull(ctx context.Context, partner string, module ocpi.ModuleID) (store.Pull, error)
	SavePull(ctx context.Context, p store.Pull) error
	// Lease takes or renews a lease; store.ErrLeased where another process has it.
	Lease(ctx context.Context, l store.Lease, now time.Time) error
	Release(ctx context.Context, name, holder string) error
	// LatestChange is the number of the latest change in a module. It costs next to nothing.
	LatestChange(ctx context.Context, module ocpi.ModuleID, source string) (int64, error)
	// Index lists objects without their bodies, by their creation.
	Index(ctx context.Context, sel store.Selection, after int64, limit int) ([]store.Object, error)
	// Missing are the objects that were missing from the last pull of everything.
	Missing(ctx context.Context, source string, module ocpi.ModuleID) ([]store.Missing, error)
	ChangeMissing(ctx context.Context, keep, forget []store.Missing) error
}

// A Taker stores what partners have.
type Taker interface {
	// Pages goes over a partner's list and stores each page before it asks for the next.
	Pages(ctx context.Context, client *ocpiclient.Client, from *ocpi.Partner, q ocpi.Query, each func(Page) error) error
	// Remove takes back an object, or an EVSE of a location, that the partner does not have any more.
	Remove(ctx context.Context, from *ocpi.Partner, m store.Missing, at time.Time) error
}

// A Page is what became of one page.
type Page struct {
	// Total is the number of objects by the partner's count; -1 where it does not say.
	Total int
	// Objects are those of the page, also the broken ones.
	Objects int
	Counts  Counts
	// Keys are the objects that were there; Newest is the newest last_updated of them, Oldest the oldest.
	Keys           []store.Key
	Newest, Oldest time.Time
	// MissingEVSEs are EVSEs that we have in a location of the page and the partner has not.
	MissingEVSEs []store.Missing
	// Problems are the objects that could not be stored. Named are the ids of those that could not be read and have no key
	// for it; Unnamed tells that one of them has not even an id.
	Problems []Problem
	Named    []string
	Unnamed  bool
}

// Counts are what became of objects.
type Counts struct {
	Created   int `json:"created"`
	Updated   int `json:"updated"`
	Unchanged int `json:"unchanged"`
	// Older are objects of which we have a newer state.
	Older int `json:"older"`
	// Refused are objects that could not be stored.
	Refused int `json:"refused"`
	// Gone are objects that count as removed.
	Gone int `json:"gone"`
}

func (c *Counts) add(d Counts) {
	c.Created += d.Created
	c.Updated += d.Updated
	c.Unchanged += d.Unchanged
	c.Older += d.Older
	c.Refused += d.Refused
	c.Gone += d.Gone
}

// A Problem is an object that could not be stored.
type Problem struct {
	ID     string `json:"id"`
	Reason string `json:"reason"`
}

// A Partner is a registered partner as far as pulls are concerned.
type Partner struct {
	*ocpi.Partner
	// Modules are those it offers.
	Modules []ocpi.ModuleID
	Policy  Policy
}

// A Policy is what the operator has decided about pulls from a partner. The zero Policy is the default.
type Policy struct {
	Off    bool
	Except []ocpi.ModuleID
	// Every is the time between pulls of what is new. Default 1 hour.
	Every time.Duration
	// FullEvery is the time between pulls of everything. Default every night.
	FullEvery time.Duration
	// GoneAfter is how many pulls of everything in a row an object must be missing from to count as gone. Default 2.
	GoneAfter int
	// Limit is how many objects a page should have. Default 100.
	Limit int
}

func (p Policy) withDefaults() Policy {
	setDefault(&p.Every, time.Hour)
	setDefault(&p.GoneAfter, 2)
	setDefault(&p.Limit, 100)
	return p
}

func setDefault[T comparable](setting *T, value T) {
	var zero T
	if *setting == zero {
		*setting = value
	}
}

// Config says who is pulled from. Store, Partners, Client, Takers and Holder are required.
type Config struct {
	Store    Store
	Partners func(ctx context.Context) ([]Partner, error)
	Client   func(ctx context.Context, name string) (*ocpiclient.Client, error)
	Takers   map[ocpi.ModuleID]Taker
	// Holder is this process's name, for leases.
	Holder string
	// Overlap is how much of the last window is asked for again. Default 5 minutes.
	Overlap time.Duration
	// Parallel is how many pulls can be under way at once. Default 4.
	Parallel int
	// Silence is how long a partner must have been silent for what it has to be asked for when it is heard of again.
	// Default 30 minutes.
	Silence time.Duration
	// CatchUp is the time over which those pulls are spread. Default 5 seconds.
	CatchUp time.Duration

	Logger *slog.Logger
	Now    func() time.Time
}

// A Puller pulls.
type Puller struct {
	config Config
	busy   sync.Map // name of the partner -> struct{}
	heard  sync.Map // name of the partner -> *atomic.Int64, when it was last heard of

	mu    sync.Mutex
	wakes map[string]wake // name of the partner -> what is to be caught up with
}

// New returns a Puller.
func New(config Config) *Puller {
	setDefault(&config.Overlap, 5*time.Minute)
	setDefault(&config.Parallel, 4)
	setDefault(&config.Silence, 30*time.Minute)
	setDefault(&config.CatchUp, 5*time.Second)
	if config.Logger == nil {
		config.Logger = slog.Default()
	}
	if config.Now == nil {
		config.Now = time.Now
	}
	return &Puller{config: config, wakes: map[string]wake{}}
}

// modules are those that are pulled from a partner.
func (p Partner) modules() []ocpi.ModuleID {
	var all []ocpi.ModuleID
	if p.Has(ocpi.RoleCPO) {
		all = append(all, ocpi.ModuleLocations, ocpi.ModuleTariffs, ocpi.ModuleSessions, ocpi.ModuleCDRs)
	}
	if p.Has(ocpi.RoleEMSP) {
		all = append(all, ocpi.ModuleTokens)
	}
	return slices.DeleteFunc(all, func(m ocpi.ModuleID) bool { return !slices.Contains(p.Modules, m) })
}

// A State is how far the pulls of one module from one partner have come.
type State struct {
	Partner string        `json:"partner"`
	Module  ocpi.ModuleID `json:"module"`
	// Cursor is the time from which the next pull of what is new asks, less the overlap.
	Cursor time.Time `json:"cursor,omitzero"`
	// Due is when the next pull begins, FullDue when it is one of everything. NotBefore is until when the partner has asked
	// to be left alone.
	Due       time.Time `json:"due,omitzero"`
	FullDue   time.Time `json:"full_due,omitzero"`
	NotBefore time.Time `json:"not_before,omitzero"`
	// LastFull and LastDelta are when the last pulls of everything and of what is new were complete.
	LastFull  time.Time `json:"last_full,omitzero"`
	LastDelta time.Time `json:"last_delta,omitzero"`
	// Objects is how many there were in the last pull of everything, each counted once.
	Objects int `json:"objects"`
	// GoneAfter is how many pulls an object had to be missing from when what had vanished was last counted.
	GoneAfter int `json:"gone_after,omitzero"`
	// Last is what became of the objects of the last pull.
	Last Counts `json:"last,omitzero"`
	// LastError is why the last pull failed, at LastFailure; empty where it was complete. Failures counts those in a row.
	LastError   string    `json:"last_error,omitempty"`
	LastFailure time.Time `json:"last_failure,omitzero"`
	Failures    int       `json:"failures,omitzero"`
	// IgnoresDateFrom tells that the partner sends everything when it is asked for what is new.
	IgnoresDateFrom bool `json:"ignores_date_from,omitzero"`
	// Problems are the first objects of the last pull that could not be stored.
	Problems []Problem `json:"problems,omitempty"`
}

// read reads the state of a module; a new one where there is none.
func (p *Puller) read(ctx context.Context, partner string, module ocpi.ModuleID) (State, error) {
	state := State{Partner: partner, Module: module}
	stored, err := p.config.Store.Pull(ctx, partner, module)
	if errors.Is(err, store.ErrNotFound) {
		return state, nil
	}
	if err == nil {
		err = json.Unmarshal(stored.State, &state)
	}
	if err != nil {
		return state, fmt.Errorf("read pulls of %s from %s: %w", module, partner, err)
	}
	return state, nil
}

func (p *Puller) save(ctx context.Context, state *State) error {
	raw, err := json.Marshal(state)
	if err != nil {
		return err
	}
	return p.config.Store.SavePull(ctx, store.Pull{Partner: state.Partner, Module: state.Module, State: raw})
}

// lookEvery is how often the Puller looks what is due.
const lookEvery = time.Second

// Run pulls what is due until ctx ends, and returns when nothing is under way any more.
func (p *Puller) Run(ctx context.Context) {
	var work sync.WaitGroup
	room := make(chan struct{}, p.config.Parallel)
	every := time.NewTicker(lookEvery)
	defer every.Stop()
	for ctx.Err() == nil {
		if err := p.look(ctx, &work, room); err != nil && ctx.Err() == nil {
			p.config.Logger.ErrorContext(ctx, "cannot look what is to be pulled", "error", err)
		}
		select {
		case <-ctx.Done():
		case <-every.C:
		}
	}
	work.Wait()
}

// look begins the pulls that are due, one of each partner at a time.
func (p *Puller) look(ctx context.Context, work *sync.WaitGroup, room chan struct{}) error {
	partners, err := p.config.Partners(ctx)
	if err != nil {
		return err
	}
	for _, partner := range partners {
		if partner.Policy.Off || ctx.Err() != nil {
			continue
		}
		if _, busy := p.busy.LoadOrStore(partner.ID, struct{}{}); busy {
			continue
		}
		woken := p.woken(partner.ID)
		work.Go(func() {
			defer p.busy.Delete(partner.ID)
			p.pullDue(ctx, partner, woken, room)
		})
	}
	return nil
}

// pullDue pulls the modules of a partner that are due, one after the other.
func (p *Puller) pullDue(ctx context.Context, partner Partner, woken wake, room chan struct{}) {
	for _, module := range partner.modules() {
		if slices.Contains(partner.Policy.Except, module) || ctx.Err() != nil {
			continue
		}
		state, err := p.read(ctx, partner.ID, module)
		if err != nil {
			p.config.Logger.ErrorContext(ctx, "cannot look what is to be pulled", "error", err)
			continue
		}
		if !state.due(p.config.Now(), woken) {
			continue
		}
		select {
		case room <- struct{}{}:
		case <-ctx.Done():
			return
		}
		_, _ = p.pull(ctx, partner, module, false, nil) // is logged, and kept in the state
		<-room
	}
}

// Pull pulls a module of a partner now: everything if full is set or nothing was pulled before, else what is new. progress
// is told of each page; nil for nobody.
func (p *Puller) Pull(ctx context.Context, name string, module ocpi.ModuleID, full bool, progress func(objects, total int)) (State, error) {
	partners, err := p.config.Partners(ctx)
	if err != nil {
		return State{}, err
	}
	i := slices.IndexFunc(partners, func(q Partner) bool { return q.ID == name })
	if i < 0 {
		return State{}, fmt.Errorf("pull from %s: there is no registered partner of this name", name)
	}
	if !slices.Contains(partners[i].modules(), module) {
		return State{}, fmt.Errorf("pull from %s: it does not offer %s", name, module)
	}
	return p.pull(ctx, partners[i], module, full, progress)
}

// Modules are those that can be pulled from a partner.
func (p *Puller) Modules(ctx context.Context, name string) ([]ocpi.ModuleID, error) {
	partners, err := p.config.Partners(ctx)
	if err != nil {
		return nil, err
	}
	for _, partner := range partners {
		if partner.ID == name {
			return partner.modules(), nil
		}
	}
	return nil, fmt.Errorf("pull from %s: there is no registered partner of this name", name)
}
