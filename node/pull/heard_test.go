package pull_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/roamwire/roamwire/node/pull"
	"github.com/roamwire/roamwire/node/store"
	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/ocpiclient"
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
				r := newRigAt(t, time.Time{}, always(page(3, 0, 3)))
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

// A call that needed no pull does not keep a partner waiting that can be reached again.
func TestAWakeThatNeededNothingDoesNotDelayTheNext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRigAt(t, time.Time{}, always(page(3, 0, 3)))
		r.full(t)
		_, before := r.asked()
		r.running(t, func() {
			r.Heard(grenspaal, time.Now())
			time.Sleep(10 * time.Second)
			r.Wake(grenspaal)
			time.Sleep(10 * time.Second)
		})
		if _, after := r.asked(); after != before+1 {
			t.Errorf("%d pulls within 10 s, want 1", after-before)
		}
	})
}

// A catch-up that fails is made again soon, also with a partner that is otherwise asked for everything alone, at night.
func TestACatchUpThatFailsIsMadeAgain(t *testing.T) {
	for name, ignores := range map[string]bool{"date_from is heeded": false, "date_from is ignored": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRigAt(t, time.Time{}, nil)
				r.partner.Policy = pull.Policy{Every: 1000 * time.Hour, FullEvery: 1000 * time.Hour}
				all := page(20, 0, 20)
				all.Newest, all.Oldest = time.Now(), time.Now()
				if ignores {
					all.Oldest = time.Now().Add(-1000 * time.Hour)
				}
				r.list = always(all)
				r.full(t)
				if state, err := r.delta(t); err != nil || state.IgnoresDateFrom != ignores {
					t.Fatalf("%+v %v", state, err)
				}
				_, before := r.asked()
				r.running(t, func() {
					time.Sleep(time.Minute)
					r.answer(func(ocpi.Query) ([]pull.Page, error) { return nil, &ocpiclient.Error{HTTP: 503} })
					r.Wake(grenspaal)
					time.Sleep(4 * time.Minute)
					_, failed := r.asked()
					r.answer(always(all))
					time.Sleep(10 * time.Minute)
					if _, after := r.asked(); failed-before < 2 || failed-before > 3 || after-failed != 1 {
						t.Errorf("%d pulls failed in 4 minutes, then there were %d", failed-before, after-failed)
					}
				})
			})
		})
	}
}

// A partner that asks to be left alone is, also when it calls us.
func TestRetryAfterHoldsWhenAPartnerComesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRigAt(t, time.Time{}, always(page(3, 0, 3)))
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

// What one module was answered holds for the partner.
func TestRetryAfterHoldsForAllModules(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRigAt(t, time.Time{}, func(ocpi.Query) ([]pull.Page, error) {
			return nil, &ocpiclient.Error{HTTP: 429, Kind: ocpiclient.TryLater, RetryAfter: time.Hour}
		})
		r.partner.Modules = []ocpi.ModuleID{ocpi.ModuleLocations, ocpi.ModuleTariffs, ocpi.ModuleSessions, ocpi.ModuleCDRs}
		all := map[ocpi.ModuleID]pull.Taker{}
		for _, module := range r.partner.Modules {
			all[module] = r.shelf
		}
		running(t, r.another(func(c *pull.Config) { c.Takers = all }), func() { time.Sleep(59 * time.Minute) })
		if _, asked := r.asked(); asked != 1 {
			t.Errorf("asked %d times in the hour that it wanted to be left alone", asked)
		}
	})
}

// running does something while the Puller runs.
func (r *rig) running(t *testing.T, fn func()) { running(t, r.Puller, fn) }

func running(t *testing.T, p *pull.Puller, fn func()) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		p.Run(ctx)
	}()
	fn()
	stop()
	<-done
}

// However short we were away, what was pushed meanwhile is lost, and asked for (requirements TF-65, TF-66).
func TestAPartnerIsCaughtUpWithAfterWeWereAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRigAt(t, time.Time{}, always(page(3, 0, 3)))
		r.full(t)
		r.running(t, func() { r.Heard(grenspaal, time.Now()); time.Sleep(time.Minute) })
		time.Sleep(20 * time.Minute) // no process runs
		_, before := r.asked()
		next := r.another(func(c *pull.Config) { c.Holder = "the next process" })
		running(t, next, func() {
			time.Sleep(time.Second)
			next.Heard(grenspaal, time.Now())
			time.Sleep(10 * time.Minute)
		})
		if _, after := r.asked(); after != before+1 {
			t.Errorf("%d pulls in the 10 minutes after we came back, want 1", after-before)
		}
	})
}

// A catch-up waits for a lease that a process which was killed has left.
func TestACatchUpSurvivesALeftLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRigAt(t, time.Time{}, always(page(3, 0, 3)))
		r.partner.Policy = pull.Policy{Every: 24 * time.Hour, FullEvery: 1000 * time.Hour}
		r.full(t)
		time.Sleep(3 * time.Hour)
		now := time.Now()
		left := store.Lease{Name: "pull/" + grenspaal + "/tariffs", Holder: "killed", Until: now.Add(2 * time.Minute)}
		if err := r.db.Lease(t.Context(), left, now); err != nil {
			t.Fatal(err)
		}
		_, before := r.asked()
		r.running(t, func() {
			r.Heard(grenspaal, time.Now())
			time.Sleep(5 * time.Minute)
		})
		if _, after := r.asked(); after != before+1 {
			t.Errorf("%d pulls, want 1", after-before)
		}
		if said := strings.Count(r.log.String(), "a pull waits"); said == 0 || said > 3 {
			t.Errorf("said %d times that it waits", said)
		}
	})
}

// A pull by command that was under way, like the one of `roamwire pull`, does not keep what is due waiting for a minute.
func TestAPullWaitsBehindAnotherForAMoment(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRigAt(t, time.Time{}, always(page(3, 0, 3)))
		now := time.Now()
		other := store.Lease{Name: "pull/" + grenspaal + "/tariffs", Holder: "command", Until: now.Add(2 * time.Minute)}
		if err := r.db.Lease(t.Context(), other, now); err != nil {
			t.Fatal(err)
		}
		r.running(t, func() {
			time.Sleep(3 * time.Second)
			if _, n := r.asked(); n != 0 {
				t.Errorf("%d pulls beside the other", n)
			}
			if err := r.db.Release(t.Context(), other.Name, other.Holder); err != nil {
				t.Fatal(err)
			}
			time.Sleep(7 * time.Second)
			if _, n := r.asked(); n != 1 {
				t.Errorf("%d pulls within 7 s of the end of the other, want 1", n)
			}
		})
	})
}

// A pull that cannot even begin is told, and not tried every second.
func TestAPullThatCannotBeginIsToldAndWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRigAt(t, time.Time{}, always(page(3, 0, 3)))
		wrong := store.Pull{Partner: grenspaal, Module: ocpi.ModuleTariffs, State: []byte("no JSON")}
		if err := r.db.SavePull(t.Context(), wrong, store.Lease{}); err != nil {
			t.Fatal(err)
		}
		r.running(t, func() { time.Sleep(10 * time.Minute) })
		if said := strings.Count(r.log.String(), "a pull could not begin"); said < 5 || said > 11 {
			t.Errorf("told %d times in 10 minutes", said)
		}
	})
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
