package pull_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/roamwire/roamwire/ocpi/ocpiclient"

	"github.com/roamwire/roamwire/node/pull"
	"github.com/roamwire/roamwire/ocpi"
)

// A partner that comes back is caught up with, and one that was here is not asked for nothing (requirements TF-65, TF-66).
func TestAPartnerThatComesBackIsCaughtUpWith(t *testing.T) {
	for name, test := range map[string]struct {
		does     func(*rig)
		min, max int // pulls
	}{
		"it is silent and stays so": {func(*rig) { time.Sleep(3 * time.Hour) }, 0, 0},
		"it calls all the time": {func(r *rig) {
			for range 200 {
				r.Heard(grenspaal, time.Now())
				time.Sleep(time.Minute)
			}
		}, 0, 0},
		"its first call comes soon after a pull": {func(r *rig) {
			time.Sleep(10 * time.Minute)
			r.Heard(grenspaal, time.Now())
		}, 0, 0},
		"its first call comes long after a pull": {func(r *rig) {
			time.Sleep(40 * time.Minute)
			r.Heard(grenspaal, time.Now())
		}, 1, 1},
		"it calls after a silence": {func(r *rig) {
			r.Heard(grenspaal, time.Now())
			time.Sleep(31 * time.Minute)
			for range 5 {
				r.Heard(grenspaal, time.Now())
			}
		}, 1, 1},
		"it takes pushes again": {func(r *rig) { r.Wake(grenspaal) }, 1, 1},
		"it comes and goes all the time": {func(r *rig) {
			for range 100 {
				r.Wake(grenspaal)
				time.Sleep(3 * time.Second)
			}
		}, 4, 7},
		"somebody else is heard of": {func(r *rig) { r.Wake("another") }, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, always(page(3, 0, 3)))
				r.now = time.Time{}
				r.partner.Policy = pull.Policy{Every: 1000 * time.Hour, FullEvery: 1000 * time.Hour}
				r.full(t)
				_, before := r.asked()
				r.running(t, func() {
					time.Sleep(time.Minute)
					test.does(r)
					time.Sleep(2 * time.Minute)
				})
				if _, after := r.asked(); after-before < test.min || after-before > test.max {
					t.Errorf("%d pulls, want %d to %d", after-before, test.min, test.max)
				}
			})
		})
	}
}

// A partner that asks to be left alone is, also when it calls us.
func TestRetryAfterHoldsWhenAPartnerComesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, always(page(3, 0, 3)))
		r.now = time.Time{}
		r.partner.Policy = pull.Policy{Every: 1000 * time.Hour, FullEvery: 1000 * time.Hour}
		r.full(t)
		r.list = func(ocpi.Query) ([]pull.Page, error) {
			return nil, &ocpiclient.Error{HTTP: 429, RetryAfter: 3 * time.Hour}
		}
		if _, err := r.delta(t); err == nil {
			t.Fatal("no error")
		}
		_, before := r.asked()
		r.running(t, func() {
			r.Wake(grenspaal)
			time.Sleep(179 * time.Minute)
		})
		if _, after := r.asked(); after != before {
			t.Errorf("%d pulls before the time it asked for", after-before)
		}
	})
}

// running does something while the Puller runs.
func (r *rig) running(t *testing.T, fn func()) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		r.Run(ctx)
	}()
	fn()
	stop()
	<-done
}

// It is called with every request of every partner.
func BenchmarkHeard(b *testing.B) {
	p := pull.New(pull.Config{})
	at := time.Now()
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			p.Heard(grenspaal, at)
		}
	})
}
