package push

import (
	"fmt"
	"net/http"
	"path"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/roamwire/roamwire/ocpi"
)

// refusing answers some tariffs, by id, with a status and takes the others.
func refusing(status int, ids ...string) func(*http.Request) int {
	return func(req *http.Request) int {
		if slices.Contains(ids, path.Base(req.URL.Path)) {
			return status
		}
		return http.StatusOK
	}
}

// putNamed stores a tariff under a name.
func (r *rig) putNamed(id string) {
	t := tariff(1)
	t.ID = ocpi.CiString(id)
	put(r, ocpi.ModuleTariffs, id, t)
}

func (r *rig) arrived(id string) bool {
	return slices.ContainsFunc(r.to.seen(), func(c call) bool { return path.Base(c.path) == id })
}

// House rule 7, within a lane: objects that the partner fails over or refuses, however many, keep no other object waiting, and
// in the end they are parked.
func TestBadObjectsKeepNoGoodOnesWaiting(t *testing.T) {
	for name, test := range map[string]struct{ bad, status int }{
		"one, which fails":    {1, http.StatusInternalServerError},
		"five, which fail":    {5, http.StatusInternalServerError},
		"five, refused":       {5, http.StatusBadRequest},
		"thirty, refused":     {30, http.StatusBadRequest},
		"five, 404 of a kind": {5, http.StatusNotFound},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, Policy{})
			r.config.Backoff = Backoff{First: 20 * time.Millisecond, Longest: time.Minute, LongestHeld: 50 * time.Millisecond, Parked: time.Hour}
			var bad []string
			for i := range test.bad {
				bad = append(bad, fmt.Sprint("BAD", i))
			}
			r.to.answer = refusing(test.status, bad...)
			r.start()
			for i := range 30 {
				if i < test.bad {
					r.putNamed(bad[i])
				}
				r.putNamed(fmt.Sprint("GOOD", i))
			}
			r.until("the good ones are there", ocpi.ModuleTariffs, func(s Status) bool { return s.Sent >= 30 })
			time.Sleep(300 * time.Millisecond) // the bad ones fail by themselves meanwhile
			for i := range 20 {
				id := fmt.Sprint("LATER", i)
				r.putNamed(id)
				r.until("one that comes later is there", ocpi.ModuleTariffs, func(Status) bool { return r.arrived(id) })
				time.Sleep(60 * time.Millisecond)
			}
			r.until("the bad ones are parked", ocpi.ModuleTariffs, func(s Status) bool {
				if len(s.Parked) < test.bad {
					r.putNamed("AGAIN") // others get through
				}
				return len(s.Parked) == test.bad
			})
		})
	}
}

// Of money too: CDRs that are refused keep no others waiting.
func TestRefusedCDRsKeepNoOthersWaiting(t *testing.T) {
	r, b := cdrRig(t, Policy{})
	r.config.Backoff = Backoff{First: 50 * time.Millisecond, Longest: time.Minute, LongestHeld: time.Minute}
	var good atomic.Bool
	b.answer = func(string) (int, time.Duration, bool, string) {
		if good.Load() {
			return http.StatusCreated, 0, false, ""
		}
		return http.StatusBadRequest, 0, false, ""
	}
	r.start()
	for n := range 7 {
		r.putCDR(n + 1)
	}
	r.until("all are refused", ocpi.ModuleCDRs, func(s Status) bool { return len(s.Held) == 7 })
	refused := map[string]bool{}
	for _, h := range r.status(ocpi.ModuleCDRs).Held {
		refused[h.ID] = true
	}
	b.set(func(id string) (int, time.Duration, bool, string) {
		if refused[id] {
			return http.StatusBadRequest, 0, false, ""
		}
		return http.StatusCreated, 0, false, ""
	})
	id := r.putCDR(8)
	r.until("a good one is there", ocpi.ModuleCDRs, func(Status) bool { return b.count(id) == 1 })
}

// What was held for a party whose objects the partner does not see for a while is not lost.
func TestWhatIsHeldWhenAPartyIsLeftOutIsSentLater(t *testing.T) {
	r := newRig(t, Policy{})
	r.partner.Parties = []ocpi.Party{us, other}
	r.start()
	r.putTariffOf(other, 1)
	r.until("it is there", ocpi.ModuleTariffs, settled)
	r.to.setAnswer(func(*http.Request) int { return http.StatusServiceUnavailable })
	r.putTariffOf(other, 1)
	r.putTariffOf(other, 2)
	r.until("both are held", ocpi.ModuleTariffs, func(s Status) bool { return len(s.Held) == 2 })
	r.stop()
	r.partner.Parties = []ocpi.Party{us}
	r.to.setAnswer(nil)
	r.start()
	r.putTariffOf(us, 3)
	r.until("nothing is held", ocpi.ModuleTariffs, settled)
	r.stop()
	before := len(r.to.seen())
	r.partner.Parties = []ocpi.Party{us, other}
	r.start()
	r.until("what was held is sent", ocpi.ModuleTariffs, func(s Status) bool { return len(r.to.seen()) >= before+2 && settled(s) })
}

// A CDR of which it is not known whether it arrived stays one, also while its party is left out.
func TestAnUnclearCDRStaysUnclear(t *testing.T) {
	r, b := cdrRig(t, Policy{})
	r.partner.Parties = []ocpi.Party{us, other}
	b.answer = lost("/x/hidden-")
	r.start()
	id := r.putCDR(1)
	r.until("it is parked", ocpi.ModuleCDRs, func(s Status) bool { return len(s.Parked) == 1 })
	r.stop()
	r.partner.Parties = []ocpi.Party{other}
	b.set(taken("/x/hidden-"))
	r.start()
	if _, err := Retry(t.Context(), r.db, time.Now(), "p", ocpi.ModuleCDRs, ""); err != nil {
		t.Fatal(err)
	}
	r.until("it is not held", ocpi.ModuleCDRs, func(s Status) bool { return len(s.Held)+len(s.Parked) == 0 })
	r.stop()
	r.partner.Parties = []ocpi.Party{us, other}
	r.start()
	r.until("it is unclear again", ocpi.ModuleCDRs, func(s Status) bool { return len(s.Held)+len(s.Parked) == 1 })
	time.Sleep(200 * time.Millisecond)
	if n := b.count(id); n != 1 {
		t.Errorf("it was billed %d times", n)
	}
}
