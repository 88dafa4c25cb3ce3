package push

import (
	"net/http"
	"path"
	"sync/atomic"
	"testing"
	"time"

	"github.com/roamwire/roamwire/ocpi"
)

// An object that failed by its state is tried soon in another one, however long it would have waited.
func TestAHeldObjectThatChangesIsTriedSoon(t *testing.T) {
	for name, status := range map[string]int{"it failed": http.StatusInternalServerError, "it was refused": http.StatusBadRequest} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, Policy{})
			r.to.answer = func(*http.Request) int { return status }
			r.start()
			id := r.putTariff(1)
			r.until("it is held", ocpi.ModuleTariffs, func(s Status) bool { return len(s.Held) == 1 })
			r.stop()
			held, err := r.db.Held(t.Context(), "p", ocpi.ModuleTariffs)
			if err != nil || len(held) != 1 {
				t.Fatal(held, err)
			}
			lane, err := r.db.Lane(t.Context(), "p", ocpi.ModuleTariffs)
			if err != nil {
				t.Fatal(err)
			}
			held[0].Due = time.Now().Add(time.Hour) // as after many tries
			if err := r.db.SaveLane(t.Context(), lane, held, nil); err != nil {
				t.Fatal(err)
			}
			r.to.setAnswer(nil)
			before := len(r.to.seen())
			r.start()
			time.Sleep(50 * time.Millisecond)
			if n := len(r.to.seen()) - before; n != 0 {
				t.Fatalf("%d messages about what is not due", n)
			}
			r.putTariff(1)
			r.until("it is there", ocpi.ModuleTariffs, settled)
			if c := r.to.seen()[before]; path.Base(c.path) != id {
				t.Errorf("%+v", c)
			}
		})
	}
}

// A person who wants objects to be tried again need not wait for a doubt to end.
func TestAPersonCanEndADoubt(t *testing.T) {
	r := newRig(t, Policy{})
	r.config.Backoff = Backoff{First: time.Hour, Longest: time.Hour, LongestHeld: time.Hour}
	var well atomic.Bool
	r.to.answer = func(*http.Request) int {
		if well.Load() {
			return http.StatusOK
		}
		return http.StatusNotFound
	}
	r.start()
	for n := range 8 {
		r.putTariff(n + 1)
	}
	r.until("the partner is doubted", ocpi.ModuleTariffs, func(s Status) bool { return !s.WaitsUntil.IsZero() })
	well.Store(true)
	if _, err := Retry(t.Context(), r.db, time.Now(), "p", "", ""); err != nil {
		t.Fatal(err)
	}
	r.until("all are there", ocpi.ModuleTariffs, settled)
}

// What was held while a partner was away goes out when it is back, also if the first that it says is that it refuses an object.
func TestARefusalEndsAWaitToo(t *testing.T) {
	r := newRig(t, Policy{})
	r.config.Backoff = Backoff{First: 100 * time.Millisecond, Longest: 100 * time.Millisecond, LongestHeld: time.Hour, Parked: time.Hour}
	var back atomic.Bool
	var first atomic.Pointer[string]
	r.to.answer = func(req *http.Request) int {
		id := path.Base(req.URL.Path)
		switch {
		case !back.Load():
			return http.StatusServiceUnavailable
		case first.CompareAndSwap(nil, &id), *first.Load() == id:
			return http.StatusBadRequest
		default:
			return http.StatusOK
		}
	}
	r.start()
	for n := range 6 {
		r.putTariff(n + 1)
	}
	r.until("the partner is away for long", ocpi.ModuleTariffs, func(s Status) bool { return s.Failures > 30 })
	back.Store(true)
	r.until("the others are there", ocpi.ModuleTariffs, func(s Status) bool { return s.Sent == 5 })
}

// Requirement TF-42: a tariff that the partner does not find need not be deleted there. A page that says nothing of OCPI, as while
// the partner is being repaired, is not taken for that at once.
func TestADeletionIsNotTakenForDoneByAPageThatIsNotOCPI(t *testing.T) {
	r := newRig(t, Policy{})
	r.start()
	id := r.putTariff(1)
	r.until("it is there", ocpi.ModuleTariffs, settled)
	var deletions, fails atomic.Int64
	fails.Store(2)
	r.to.setAnswer(func(req *http.Request) int {
		if req.Method == http.MethodDelete && fails.Add(-1) >= 0 {
			return http.StatusNotFound
		}
		if req.Method == http.MethodDelete {
			deletions.Add(1)
		}
		return http.StatusOK
	})
	r.to.plain.Store(true)
	w := world{rig: r, tariffs: map[string]bool{}}
	w.deleteTariff(id)
	r.until("it is deleted", ocpi.ModuleTariffs, func(s Status) bool { return settled(s) && len(s.Parked) == 0 })
	if deletions.Load() != 1 {
		t.Errorf("it was deleted %d times", deletions.Load())
	}

	r.to.setAnswer(refusing(http.StatusNotFound, id))
	r.putTariff(1)
	w.deleteTariff(id)
	r.until("it counts as gone", ocpi.ModuleTariffs, func(s Status) bool {
		if len(s.Held) > 0 {
			r.putNamed("OTHER")
		}
		return settled(s) && len(s.Parked) == 0
	})
}
