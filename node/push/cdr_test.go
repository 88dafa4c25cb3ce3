package push

import (
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/roamwire/roamwire/ocpi"
)

// taken, lost and cut are what becomes of a POST: it is stored and answered, it is stored and the answer is lost, and neither.
func taken(place string) func(string) (int, time.Duration, bool, string) {
	return func(id string) (int, time.Duration, bool, string) { return http.StatusCreated, 0, false, place + id }
}

func lost(place string) func(string) (int, time.Duration, bool, string) {
	return func(id string) (int, time.Duration, bool, string) { return http.StatusCreated, 0, true, place + id }
}

func cut(string) (int, time.Duration, bool, string) { return http.StatusOK, 0, true, "" }

// Requirements CDR-05 and CDR-08: the answer is lost, and the partner has its CDRs where only the Location of another one
// leads to.
func TestACDRIsLookedForWhereOthersAre(t *testing.T) {
	r, b := cdrRig(t, Policy{})
	b.answer = taken("/archive/2026/")
	r.start()
	r.putCDR(1)
	r.until("the first is there", ocpi.ModuleCDRs, func(s Status) bool { return s.Sent == 1 && settled(s) })
	b.set(lost("/archive/2026/"))
	second := r.putCDR(2)
	r.until("the second is found", ocpi.ModuleCDRs, func(s Status) bool { return b.count(second) > 0 && settled(s) })
	if n := b.count(second); n != 1 {
		t.Errorf("it was billed %d times", n)
	}
}

// Requirement CDR-08: what certainly did not arrive is posted again, a while after it was lost: the partner may be slow.
func TestACDRThatDidNotArriveIsPostedAgain(t *testing.T) {
	r, b := cdrRig(t, Policy{})
	r.config.Backoff.Settle = 700 * time.Millisecond
	b.answer = taken("/cdrs/")
	r.start()
	r.putCDR(1)
	r.until("the first is there", ocpi.ModuleCDRs, func(s Status) bool { return s.Sent == 1 && settled(s) })
	b.set(cut)
	began := time.Now()
	second := r.putCDR(2)
	r.until("it is not known whether the second arrived", ocpi.ModuleCDRs, func(s Status) bool { return len(s.Held) == 1 && s.Held[0].Unclear && s.Held[0].Attempts > 1 })
	b.set(taken("/cdrs/"))
	r.until("the second is there", ocpi.ModuleCDRs, settled)
	if took := time.Since(began); b.count(second) != 1 || took < r.config.Backoff.Settle {
		t.Errorf("posted again after %s, billed %d times", took, b.count(second))
	}
}

// Where a partner cannot tell whether it has a CDR, a person does.
func TestAPersonSettlesACDR(t *testing.T) {
	for name, test := range map[string]struct {
		outcome Outcome
		billed  int
	}{"it arrived": {Arrived, 1}, "it did not arrive": {NotArrived, 2}} {
		t.Run(name, func(t *testing.T) {
			r, b := cdrRig(t, Policy{})
			b.answer = lost("/x/hidden-")
			r.start()
			id := r.putCDR(1)
			parked := r.until("it is parked", ocpi.ModuleCDRs, func(s Status) bool { return len(s.Parked) == 1 })
			if p := parked.Parked[0]; !p.Unclear || b.count(id) != 1 || !strings.Contains(p.Reason, "not known") {
				t.Fatalf("%+v after %d posts", p, b.count(id))
			}
			b.set(taken("/x/hidden-"))
			if n, err := Settle(t.Context(), r.db, time.Now(), "p", id, test.outcome); n != 1 || err != nil {
				t.Fatalf("%d %v", n, err)
			}
			r.until("it is settled", ocpi.ModuleCDRs, func(s Status) bool { return settled(s) && len(s.Parked) == 0 })
			if n := b.count(id); n != test.billed {
				t.Errorf("it was posted %d times, want %d", n, test.billed)
			}
			if n, err := Settle(t.Context(), r.db, time.Now(), "p", id, test.outcome); n != 0 || err != nil {
				t.Errorf("settled again: %d %v", n, err)
			}
		})
	}
}

// A conflict says that the CDR is there, which is asked about.
func TestAConflictIsAskedAbout(t *testing.T) {
	r, b := cdrRig(t, Policy{})
	b.answer = taken("/cdrs/")
	r.start()
	r.putCDR(1)
	r.until("the first is there", ocpi.ModuleCDRs, func(s Status) bool { return s.Sent == 1 && settled(s) })
	second := r.putCDRThat(2, func(id string) {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.at["/cdrs/"+id] = b.body(id)
	})
	b.set(func(string) (int, time.Duration, bool, string) { return http.StatusConflict, 0, false, "" })
	r.until("it counts as there", ocpi.ModuleCDRs, settled)
	if n := b.count(second); n != 0 {
		t.Errorf("it was posted %d times", n)
	}
}

// CDRs and sessions that do not say for whom they are go to the only eMSP there is, and to none of several.
func TestWhatNamesNoEMSPIsNotSentToSeveral(t *testing.T) {
	r, b := cdrRig(t, Policy{})
	b.answer = taken("/cdrs/")
	r.partner.Sole = false
	r.start()
	id := r.putCDR(1)
	parked := r.until("it is parked", ocpi.ModuleCDRs, func(s Status) bool { return len(s.Parked) == 1 })
	if b.count(id) != 0 || !strings.Contains(parked.Parked[0].Reason, "which eMSP") {
		t.Errorf("%+v after %d posts", parked.Parked[0], b.count(id))
	}
}

// A CDR of 2.1.1 does not say whose it is, and another party's of ours would be taken for one of the party that deals with the partner
// (requirement C-22). A person is told.
func TestACDRThatWouldBeTakenForAnotherPartysIsNotSent_C22(t *testing.T) {
	r, b := cdrRigOf(t, Policy{}, ocpi.NewParty("FR", "OTH"))
	b.answer = taken("/cdrs/")
	r.start()
	id := r.putCDR(1)
	parked := r.until("it is parked", ocpi.ModuleCDRs, func(s Status) bool { return len(s.Parked) == 1 })
	if b.count(id) != 0 || !strings.Contains(parked.Parked[0].Reason, "deals with FR/OTH") {
		t.Errorf("%+v after %d posts", parked.Parked[0], b.count(id))
	}
}

// What waits is as old as its first change that the partner has not got, also where it is held.
func TestTheOldestWaitingChange(t *testing.T) {
	r := newRig(t, Policy{})
	r.config.Backoff = Backoff{First: time.Hour, Longest: time.Hour, LongestHeld: time.Hour}
	r.to.answer = func(*http.Request) int { return http.StatusServiceUnavailable }
	r.start()
	first := time.Now()
	for n := range 20 {
		r.putTariff(n + 1)
	}
	r.until("it waits", ocpi.ModuleTariffs, func(s Status) bool { return !s.WaitsUntil.IsZero() && s.Backlog > 0 })
	time.Sleep(400 * time.Millisecond)
	second := time.Now()
	for n := range 20 {
		r.putTariff(n + 1)
	}
	if s := r.status(ocpi.ModuleTariffs); s.Oldest.Before(first) || !s.Oldest.Before(second) {
		t.Errorf("%s after the first change", s.Oldest.Sub(first))
	}
}

// A party that a partner does not see for a while: what has changed meanwhile is sent when it sees it again, and no more.
func TestAPartyThatIsShownAgainIsCaughtUpWith(t *testing.T) {
	r := newRig(t, Policy{})
	r.partner.Parties = []ocpi.Party{us, other}
	r.start()
	r.putTariffOf(us, 1)
	r.putTariffOf(other, 2)
	r.putTariffOf(other, 3)
	r.until("all are there", ocpi.ModuleTariffs, settled)
	r.stop()
	r.partner.Parties = []ocpi.Party{us}
	r.start()
	r.putTariffOf(other, 2)
	r.putTariffOf(us, 4)
	r.until("ours are there", ocpi.ModuleTariffs, settled)
	r.stop()
	before := len(r.to.seen())
	if before != 4 {
		t.Fatalf("%d messages", before)
	}
	r.partner.Parties = []ocpi.Party{us, other}
	r.start()
	r.until("all are there again", ocpi.ModuleTariffs, func(s Status) bool { return len(r.to.seen()) > before && settled(s) })
	time.Sleep(100 * time.Millisecond)
	var paths []string
	for _, c := range r.to.seen()[before:] {
		paths = append(paths, c.path)
	}
	if len(paths) != 1 || !strings.HasSuffix(paths[0], "/"+string(tariff(2).ID)) {
		t.Errorf("sent again: %v", paths)
	}
}

// House rule 5: while a CDR is being posted that is on disk, whatever else the lane keeps.
func TestThatACDRIsBeingPostedStaysOnDisk(t *testing.T) {
	r, b := cdrRig(t, Policy{})
	b.answer = func(string) (int, time.Duration, bool, string) { return http.StatusServiceUnavailable, 0, false, "" }
	r.config.Backoff = Backoff{First: 300 * time.Millisecond, Longest: 600 * time.Millisecond, LongestHeld: time.Minute}
	r.start()
	for n := range 6 {
		r.putCDR(n + 1)
	}
	r.until("it waits with all held", ocpi.ModuleCDRs, func(s Status) bool { return !s.WaitsUntil.IsZero() && len(s.Held) >= 5 })
	// The partner is back, and slow from the second CDR on.
	var n atomic.Int64
	b.set(func(string) (int, time.Duration, bool, string) {
		if n.Add(1) == 1 {
			return http.StatusCreated, 0, false, ""
		}
		return http.StatusCreated, 4 * time.Second, false, ""
	})
	for n.Load() < 4 {
		time.Sleep(5 * time.Millisecond)
	}
	time.Sleep(700 * time.Millisecond) // a SIGKILL now finds on disk:
	held, err := r.db.Held(t.Context(), "p", ocpi.ModuleCDRs)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range held {
		m, _ := readMemory(d)
		if b.count(d.Key.ID) > 0 && !m.Posting {
			t.Errorf("CDR %s is being posted (partner has it), and on disk is posting=%v due=%v: after a crash it is posted again without asking", d.Key.ID, m.Posting, d.Due)
		}
	}
}

// Requirement CDR-08: a lane that is stopped while CDRs wait for their turn remembers that they may have arrived.
func TestStoppingForgetsNothingOfCDRs(t *testing.T) {
	r, b := cdrRig(t, Policy{Rate: 1})
	r.config.Backoff = Backoff{First: 200 * time.Millisecond, Longest: 200 * time.Millisecond, LongestHeld: 200 * time.Millisecond}
	// The partner takes CDRs and the answers are lost.
	b.answer = func(string) (int, time.Duration, bool, string) { return http.StatusCreated, 0, true, "" }
	r.start()
	var ids []string
	for n := range 4 {
		ids = append(ids, r.putCDR(n+1))
	}
	r.until("all were posted", ocpi.ModuleCDRs, func(s Status) bool {
		for _, id := range ids {
			if b.count(id) == 0 {
				return false
			}
		}
		return true
	})
	// All four are tried again (they would be asked for); the node is stopped meanwhile, and started again.
	b.set(func(string) (int, time.Duration, bool, string) { return http.StatusCreated, 0, false, "" })
	time.Sleep(300 * time.Millisecond)
	r.stop()
	r.start()
	r.until("settled", ocpi.ModuleCDRs, settled)
	for _, id := range ids {
		if b.count(id) != 1 {
			t.Errorf("CDR %s was billed %d times", id, b.count(id))
		}
	}
}

// Requirement CDR-08: the partner has its CDRs at places that cannot be guessed.
func TestACDRIsNotPostedAgainWhereItCannotBeLookedFor(t *testing.T) {
	r, b := cdrRig(t, Policy{})
	b.answer = func(string) (int, time.Duration, bool, string) { return http.StatusCreated, 0, true, "/x/8f3ac1d2" }
	r.start()
	id := r.putCDR(1)
	for b.count(id) < 1 {
		time.Sleep(time.Millisecond)
	}
	b.set(func(string) (int, time.Duration, bool, string) { return http.StatusCreated, 0, false, "/x/77aa01" })
	time.Sleep(time.Second)
	if n := b.count(id); n != 1 {
		t.Errorf("the CDR was billed %d times", n)
	}
}
