// Package pull fetches partners' objects: all of them when a partner is registered and from time to time again, and what is
// new in between.
//
// How far the pulls of each module have come is on disk. A cursor moves only when the whole window was stored, and each
// window begins a little before the last one ended, because partners' clocks and commits are not in order. A lease keeps
// two processes from pulling the same thing at once.
package pull

import (
	"cmp"
	"context"
	"fmt"
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
	// Pull returns how far the pulls of a module have come, or store.ErrNotFound; Pulls returns all.
	Pull(ctx context.Context, partner string, module ocpi.ModuleID) (store.Pull, error)
	// SavePull and ChangeMissing are store.ErrLeased where the lease is not ours any more.
	SavePull(ctx context.Context, p store.Pull, under store.Lease, events ...store.Event) error
	// Lease takes or renews a lease; store.ErrLeased where another process has it.
	Lease(ctx context.Context, l store.Lease, now time.Time) error
	Release(ctx context.Context, name, holder string) error
	// LatestChange is the number of the latest change in a module. It costs next to nothing.
	LatestChange(ctx context.Context, module ocpi.ModuleID, source string) (int64, error)
	// Index lists objects without their bodies, by their creation.
	Index(ctx context.Context, sel store.Selection, after int64, limit int) ([]store.Object, error)
	// List reads a page, with the number of all objects there are.
	List(ctx context.Context, sel store.Selection, q ocpi.Query) (store.Page, error)
	// Missing are the objects that were missing from the last pull of everything.
	Missing(ctx context.Context, source string, module ocpi.ModuleID) ([]store.Missing, error)
	ChangeMissing(ctx context.Context, keep, forget []store.Missing, under store.Lease) error
}

// A Taker stores what partners have.
type Taker interface {
	// Pages goes over a partner's list and stores each page before it asks for the next.
	Pages(ctx context.Context, client *ocpiclient.Client, from *ocpi.Partner, q ocpi.Query, each func(Page) error) error
	// Remove takes back an object that the partner does not have any more, or some EVSEs of a location if there are any.
	Remove(ctx context.Context, from *ocpi.Partner, key store.Key, evses []string, at time.Time) error
}

// A Page is what became of one page.
type Page struct {
	// Position is the number of objects before the page in the list, Total how many there are by the partner's count; -1
	// where it does not say.
	Position, Total int
	// Objects are those of the page, also the broken ones.
	Objects int
	// More tells that the list goes on after the page, and Next at which offset by its Link; 0 where that names none.
	More   bool
	Next   int
	Counts Counts
	// Missing is, on the last page, how many objects fewer have come than Total says.
	Missing int
	// NoList tells that the answer held no list at all.
	NoList bool
	// Time is when the partner made the page, by its clock; zero where it does not say. Size is how many bytes it had.
	Time time.Time
	Size int
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
	// Place is given of an object that could not even be fetched; its ID says the same in words.
	Place *Place `json:"place,omitempty"`
}

// A Partner is a registered partner as far as pulls are concerned.
type Partner struct {
	*ocpi.Partner
	// Modules are those it offers.
	Modules []ocpi.ModuleID
	Policy  Policy
	// Since is when it registered.
	Since time.Time
}

// A Policy is what the operator has decided about pulls from a partner. The zero Policy is the default.
type Policy struct {
	// Off ends all pulls but those by command, and Except those of these modules.
	Off    bool
	Except []ocpi.ModuleID
	// Every is the time between pulls of what is new. Default 1 hour.
	Every time.Duration
	// FullEvery is the time between pulls of everything. Default every night. Sessions and CDRs, of which nothing vanishes,
	// are pulled like this every four weeks at most.
	FullEvery time.Duration
	// GoneAfter is how many pulls of everything in a row an object must be missing from to count as gone. Default 2.
	GoneAfter int
	// Limit is how many objects a page should have. Default 100.
	Limit int
}

func (p Policy) withDefaults() Policy {
	p.Every = cmp.Or(p.Every, time.Hour)
	p.GoneAfter = cmp.Or(p.GoneAfter, 2)
	p.Limit = cmp.Or(p.Limit, 100)
	return p
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
	// Parallel is how many pulls can be under way at once, and Patience how long one counts for that: a partner that is slow
	// must not keep others waiting. Default 4 and 5 seconds.
	Parallel int
	Patience time.Duration
	// Silence is how long a partner must have been silent for what it has to be asked for when it is heard of again.
	// Default 30 minutes.
	Silence time.Duration
	// CatchUp is the time over which those pulls are spread. Default 5 seconds.
	CatchUp time.Duration
	// MaxObjects and MaxBytes are how much is taken of one list. Default 2 million objects and 16 GiB.
	MaxObjects int
	MaxBytes   int64
	// Finished makes the event that tells of a pull that has come to its end; it is written with what came of it. Nil for none.
	Finished func(Finished) store.Event

	Logger *slog.Logger
	Now    func() time.Time
}

// A Puller pulls.
type Puller struct {
	config Config
	// began is when this process did.
	began time.Time
	busy  sync.Map // name of the partner -> struct{}
	heard sync.Map // name of the partner -> *atomic.Int64, when it was last heard of

	mu    sync.Mutex
	wakes map[string]wake // name of the partner -> what is to be caught up with
	// pauses are until when a module of a partner is left alone because a pull could not begin or was not complete.
	pauses map[string]pause
}

// New returns a Puller.
func New(config Config) *Puller {
	config.Overlap = cmp.Or(config.Overlap, 5*time.Minute)
	config.Parallel = cmp.Or(config.Parallel, 4)
	config.Patience = cmp.Or(config.Patience, 5*time.Second)
	config.MaxObjects = cmp.Or(config.MaxObjects, 2_000_000)
	config.MaxBytes = cmp.Or(config.MaxBytes, 16<<30)
	config.Silence = cmp.Or(config.Silence, 30*time.Minute)
	config.CatchUp = cmp.Or(config.CatchUp, 5*time.Second)
	if config.Logger == nil {
		config.Logger = slog.Default()
	}
	if config.Now == nil {
		config.Now = time.Now
	}
	return &Puller{config: config, began: config.Now(), wakes: map[string]wake{}, pauses: map[string]pause{}}
}

// modules are those that can be pulled from a partner.
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

// wanted are those of them that the policy does not except.
func (p Partner) wanted() []ocpi.ModuleID {
	return slices.DeleteFunc(p.modules(), func(m ocpi.ModuleID) bool { return slices.Contains(p.Policy.Except, m) })
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
	r, err := p.begin(ctx, partners[i], module, full)
	if err != nil {
		return State{}, err
	}
	defer r.release(ctx)
	r.progress = progress
	return r.pull(ctx)
}

// Modules are those that are pulled from a partner, by its policy too. Pull does pull others by their names.
func (p *Puller) Modules(ctx context.Context, name string) ([]ocpi.ModuleID, error) {
	partners, err := p.config.Partners(ctx)
	if err != nil {
		return nil, err
	}
	for _, partner := range partners {
		if partner.ID == name {
			return partner.wanted(), nil
		}
	}
	return nil, fmt.Errorf("pull from %s: there is no registered partner of this name", name)
}
