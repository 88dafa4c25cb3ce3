package push

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/roamwire/roamwire/ocpi"
)

// A changing is a Store in which only locations change.
type changing struct {
	Store
	latest, looks atomic.Int64
}

func (c *changing) LatestChange(_ context.Context, module ocpi.ModuleID, _ string) (int64, error) {
	if module != ocpi.ModuleLocations {
		return 0, nil
	}
	c.looks.Add(1)
	return c.latest.Load(), nil
}

func TestTheFeedIsLookedAtLessOftenWhileNothingChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		home := &changing{}
		f := newFeed(Config{Store: home}.withDefaults())
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			f.run(ctx)
		}()
		time.Sleep(2 * time.Second)
		before := home.looks.Load()
		time.Sleep(10 * time.Second)
		if n := home.looks.Load() - before; n < 90 || n > 110 {
			t.Errorf("the feed was looked at %d times in 10 s, want about 100", n)
		}

		_, changed := f.at(ocpi.ModuleLocations)
		home.latest.Store(7)
		began := time.Now()
		<-changed
		if took := time.Since(began); took > 100*time.Millisecond {
			t.Errorf("a change was told after %s", took)
		}
		if latest, _ := f.at(ocpi.ModuleLocations); latest != 7 {
			t.Errorf("the latest change is %d, want 7", latest)
		}
		_, changed = f.at(ocpi.ModuleLocations)
		home.latest.Store(8)
		began = time.Now()
		<-changed
		if took := time.Since(began); took > 20*time.Millisecond {
			t.Errorf("the change after it was told after %s", took)
		}
		stop()
		<-ended
	})
}
