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

// While nothing has changed for quiet, the feed is looked at calm times less often: waking up costs more than looking.
const (
	quiet = time.Second
	calm  = 5
)

// run looks at the feed until ctx ends.
func (f *feed) run(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	var changed time.Time
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		if f.look(ctx) {
			changed = time.Now()
		}
		pause := f.config.Poll
		if time.Since(changed) > quiet {
			pause *= calm
		}
		timer.Reset(pause)
	}
}

// look tells the lanes what is new, and reports whether anything is.
func (f *feed) look(ctx context.Context) (found bool) {
	for _, module := range pushed {
		latest, err := f.config.Store.LatestChange(ctx, module, "")
		if err == nil && f.tell(module, latest) { // otherwise the next look finds it
			found = true
		}
	}
	return found
}

func (f *feed) tell(module ocpi.ModuleID, latest int64) (isNews bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := f.modules[module]
	if latest <= n.latest {
		return false
	}
	n.latest = latest
	close(n.changed)
	n.changed = make(chan struct{})
	return true
}

// at returns the latest change of a module as far as it is known, and a channel that is closed at the next.
func (f *feed) at(module ocpi.ModuleID) (latest int64, changed <-chan struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := f.modules[module]
	return n.latest, n.changed
}
