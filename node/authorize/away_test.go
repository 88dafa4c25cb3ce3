package authorize_test

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/roamwire/roamwire/node/authorize"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// moody is an eMSP that hangs as long as it is told to.
type moody struct {
	hang  atomic.Bool
	calls atomic.Int64
}

func (m *moody) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	m.calls.Add(1)
	if m.hang.Load() {
		hangs(w, r)
		return
	}
	answers(`{"allowed":"ALLOWED"}`)(w, r)
}

func TestADriverDoesNotWaitForAnEMSPThatIsKnownToBeAway(t *testing.T) {
	const deadline, rest = time.Second, 1500 * time.Millisecond
	e := newEMSPs(t)
	var emsp moody
	e.add(t, "one", emsp.ServeHTTP)
	e.add(t, "two", answers(`{"allowed":"ALLOWED"}`))
	e.sends(t, "one", "OFFLINE", whitelist("ALLOWED_OFFLINE"))
	e.sends(t, "one", "NEVER", whitelist("NEVER"))
	e.sends(t, "two", "TWO", whitelist("NEVER"))
	asker := e.asker(func(c *authorize.AskerConfig) { c.Deadline, c.Rest = deadline, rest })
	ask := func(uid string) authorize.Verdict {
		t.Helper()
		v, err := asker.Ask(t.Context(), authorize.Question{TokenUID: uid})
		if err != nil {
			t.Fatal(err)
		}
		return v
	}

	emsp.hang.Store(true)
	for range 3 {
		if v := ask("OFFLINE"); v.Trouble != authorize.Late || v.Allowed != allowed {
			t.Fatalf("%+v", v)
		}
	}
	for uid, want := range map[string]v230.AllowedType{"OFFLINE": allowed, "NEVER": notAllowed} {
		began := time.Now()
		v := ask(uid)
		if v.Trouble != authorize.Away || v.Allowed != want || v.By != authorize.ByFallback || !strings.Contains(v.Why, "asked again within 1.5s") {
			t.Errorf("%s: %+v", uid, v)
		}
		if took := time.Since(began); took > deadline {
			t.Errorf("%s waited for %s", uid, took)
		}
	}
	if n := emsp.calls.Load(); n != 3 {
		t.Errorf("it was asked %d times", n)
	}
	if v := ask("TWO"); v.By != authorize.ByRealtime || v.Allowed != allowed {
		t.Errorf("another eMSP: %+v", v)
	}

	// One question finds out that it is still away, the others do not wait for that.
	time.Sleep(rest + 100*time.Millisecond)
	var late atomic.Int64
	var work sync.WaitGroup
	for range 10 {
		work.Go(func() {
			if v, err := asker.Ask(t.Context(), authorize.Question{TokenUID: "OFFLINE"}); err == nil && v.Trouble == authorize.Late {
				late.Add(1)
			}
		})
	}
	work.Wait()
	if n := late.Load(); n != 1 {
		t.Errorf("%d questions found out that it is away", n)
	}

	// It is back: the first that asks is answered, and so are all after it.
	emsp.hang.Store(false)
	time.Sleep(rest + 100*time.Millisecond)
	for range 3 {
		if v := ask("NEVER"); v.By != authorize.ByRealtime || v.Allowed != allowed {
			t.Errorf("when it is back: %+v", v)
		}
	}
}

// What an eMSP answers at once keeps nobody waiting, and a driver who goes away says nothing about the eMSP.
func TestOnlyAnEMSPThatHangsIsLeftAlone(t *testing.T) {
	for _, tt := range []struct {
		name   string
		answer http.HandlerFunc
	}{
		{"it fails", fails(500)},
		{"it does not know the token", envelope(404, 2000, "")},
		{"it says nonsense", says("<html>")},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			e := newEMSPs(t)
			e.add(t, "one", tt.answer)
			e.sends(t, "one", "CARD", whitelist("NEVER"))
			asker := e.asker(func(c *authorize.AskerConfig) { c.Deadline = 10 * time.Second })
			for range 6 {
				if v, err := asker.Ask(t.Context(), authorize.Question{TokenUID: "CARD"}); err != nil || v.Trouble == authorize.Away {
					t.Fatalf("%+v, %v", v, err)
				}
			}
			if n := e.calls.Load(); n != 6 {
				t.Errorf("it was asked %d times", n)
			}
		})
	}
	t.Run("another eMSP is faster", func(t *testing.T) {
		t.Parallel()
		e := newEMSPs(t)
		e.add(t, "one", hangs)
		e.add(t, "two", answers(`{"allowed":"ALLOWED"}`))
		asker := e.asker(func(c *authorize.AskerConfig) { c.Deadline = 10 * time.Second })
		for range 6 {
			if v, err := asker.Ask(t.Context(), authorize.Question{TokenUID: "NEW"}); err != nil || v.Partner != "two" {
				t.Fatalf("%+v, %v", v, err)
			}
		}
		e.sends(t, "one", "CARD", whitelist("NEVER"))
		e.partners[0].Policy.Deadline = 100 * time.Millisecond
		if v, err := asker.Ask(t.Context(), authorize.Question{TokenUID: "CARD"}); err != nil || v.Trouble != authorize.Late {
			t.Errorf("%+v, %v", v, err)
		}
	})
}

func TestAnEMSPIsAskedNoMoreAtOnceThanItMayBe(t *testing.T) {
	e := newEMSPs(t)
	var now, most atomic.Int64
	e.add(t, "one", func(w http.ResponseWriter, r *http.Request) {
		n := now.Add(1)
		defer now.Add(-1)
		for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
		}
		time.Sleep(20 * time.Millisecond)
		answers(`{"allowed":"ALLOWED"}`)(w, r)
	})
	asked := make(chan struct{}, 4)
	e.add(t, "full", func(w http.ResponseWriter, r *http.Request) {
		asked <- struct{}{}
		hangs(w, r)
	})
	e.sends(t, "one", "CARD", whitelist("NEVER"))
	e.sends(t, "full", "OTHER", whitelist("ALLOWED_OFFLINE"))
	asker := e.asker(func(c *authorize.AskerConfig) { c.AtOnce, c.Deadline = 2, 10*time.Second })
	var work sync.WaitGroup
	for range 20 {
		work.Go(func() {
			if v, err := asker.Ask(t.Context(), authorize.Question{TokenUID: "CARD"}); err != nil || v.By != authorize.ByRealtime {
				t.Errorf("%+v, %v", v, err)
			}
		})
	}
	work.Wait()
	if most.Load() > 2 {
		t.Errorf("%d questions were under way at once", most.Load())
	}
	// Behind the one that it may be asked at once nobody is heard.
	asker = e.asker(func(c *authorize.AskerConfig) { c.AtOnce, c.Deadline = 1, time.Minute })
	ctx, giveUp := context.WithCancel(t.Context())
	work.Go(func() { _, _ = asker.Ask(ctx, authorize.Question{TokenUID: "OTHER"}) })
	<-asked
	e.partners[1].Policy.Deadline = 100 * time.Millisecond
	var behind sync.WaitGroup
	for range 3 {
		behind.Go(func() {
			v, err := asker.Ask(t.Context(), authorize.Question{TokenUID: "OTHER"})
			if err != nil || v.Allowed != allowed || v.By != authorize.ByFallback || v.Trouble != authorize.Busy {
				t.Errorf("%+v, %v", v, err)
			}
		})
	}
	behind.Wait()
	giveUp()
	work.Wait()
}
