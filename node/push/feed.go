package push

import (
	"context"
	"sync"
	"time"

	"github.com/roamwire/roamwire/ocpi"
)

// A feed tells lanes when there is something new, whichever process has written it.
type feed struct {
	config  Config
	mu      sync.Mutex
	modules map[ocpi.ModuleID]*news
}

// news is what is known of a module.
type news struct {
	latest  int64
	changed chan struct{}
}

func newFeed(config Config) *feed {
	f := &feed{config: config, modules: map[ocpi.ModuleID]*news{}}
	for _, module := range pushed {
		f.modules[module] = &news{changed: make(chan struct{})}
	}
	return f
}

var pushed = [...]ocpi.ModuleID{ocpi.ModuleLocations, ocpi.ModuleTariffs, ocpi.ModuleSessions, ocpi.ModuleCDRs, ocpi.ModuleTokens}

// run looks at the feed until ctx ends.
func (f *feed) run(ctx context.Context) {
	every := time.NewTicker(f.config.Poll)
	defer every.Stop()
	for {
		for _, module := range pushed {
			latest, err := f.config.Store.LatestChange(ctx, module, "")
			if err == nil { // otherwise the next look finds it
				f.tell(module, latest)
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-every.C:
		}
	}
}

func (f *feed) tell(module ocpi.ModuleID, latest int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if n := f.modules[module]; latest > n.latest {
		n.latest = latest
		close(n.changed)
		n.changed = make(chan struct{})
	}
}

// at returns the latest change of a module as far as it is known, and a channel that is closed at the next.
func (f *feed) at(module ocpi.ModuleID) (latest int64, changed <-chan struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := f.modules[module]
	return n.latest, n.changed
}
