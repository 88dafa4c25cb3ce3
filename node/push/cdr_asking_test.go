package push

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/roamwire/roamwire/node/store"
	"github.com/roamwire/roamwire/ocpi"
)

func answering(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		fmt.Fprint(w, body)
	}
}

const notThere = `{"status_code":2000,"status_message":"no such thing","timestamp":"2026-01-01T00:00:00Z"}`

// Requirement CDR-08: a partner that does not let itself be asked for a CDR gets the others all the same, and the one once.
func TestACDRThatCannotBeAskedForKeepsNoOthersWaiting(t *testing.T) {
	for name, get := range map[string]http.HandlerFunc{
		"401":          answering(http.StatusUnauthorized, ""),
		"403":          answering(http.StatusForbidden, ""),
		"404, no OCPI": answering(http.StatusNotFound, "<html>"),
		"405":          answering(http.StatusMethodNotAllowed, ""),
		"500":          answering(http.StatusInternalServerError, ""),
		"501":          answering(http.StatusNotImplemented, ""),
		"502":          answering(http.StatusBadGateway, ""),
		"aborted":      func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"hanging":      func(http.ResponseWriter, *http.Request) { time.Sleep(300 * time.Millisecond) },
		"a list":       answering(http.StatusOK, `{"data":[],"status_code":1000,"timestamp":"2026-01-01T00:00:00Z"}`),
		"elsewhere": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", "http://127.0.0.2/cdrs")
			w.WriteHeader(http.StatusTemporaryRedirect)
		},
	} {
		t.Run(name, func(t *testing.T) {
			r, b := cdrRig(t, Policy{Timeout: 200 * time.Millisecond})
			b.get = get
			b.answer = lost("/x/hidden-")
			r.start()
			id := r.putCDR(1)
			r.until("it is held", ocpi.ModuleCDRs, func(s Status) bool {
				return len(s.Held) == 1 && s.Held[0].Attempts > 7 || len(s.Parked) == 1
			})
			b.set(taken("/x/hidden-"))
			for n := range 6 {
				other := r.putCDR(n + 2)
				r.until("another is there", ocpi.ModuleCDRs, func(Status) bool { return b.count(other) == 1 })
				time.Sleep(30 * time.Millisecond)
			}
			n := 8
			parked := r.until("the one is parked", ocpi.ModuleCDRs, func(s Status) bool {
				if s.Sent >= int64(n-2) && len(s.Parked) == 0 { // that the partner does not answer counts where others get through
					r.putCDR(n)
					n++
				}
				return len(s.Parked) == 1
			})
			if n := b.count(id); n != 1 || !parked.Parked[0].Unclear {
				t.Errorf("it was billed %d times, and is parked as %+v", n, parked.Parked[0])
			}
		})
	}
}

// The Location of CDRs may be on a host that does not get the token: then the partner cannot be asked there.
func TestCDRsThatAreOnAnotherHostKeepNoOthersWaiting(t *testing.T) {
	r, b := cdrRig(t, Policy{})
	b.get = answering(http.StatusNotFound, notThere)
	b.answer = taken("/cdrs/")
	r.start()
	first := r.putCDR(1)
	r.until("the first is there", ocpi.ModuleCDRs, func(s Status) bool { return s.Sent == 1 && settled(s) })
	r.stop()
	lane, err := r.db.Lane(t.Context(), "p", ocpi.ModuleCDRs)
	if err != nil {
		t.Fatal(err)
	}
	lane.State = []byte(`{"sent":1,"placed":{"id":"` + first + `","location":"https://archive.example.com/` + first + `"}}`)
	if err := r.db.SaveLane(t.Context(), lane, nil, nil); err != nil {
		t.Fatal(err)
	}
	b.set(lost("/cdrs/"))
	r.start()
	second := r.putCDR(2)
	for b.count(second) == 0 {
		time.Sleep(time.Millisecond)
	}
	b.set(taken("/cdrs/"))
	time.Sleep(50 * time.Millisecond)
	third := r.putCDR(3)
	r.until("another is there", ocpi.ModuleCDRs, func(Status) bool { return b.count(third) == 1 })
	r.until("the second is parked, or found", ocpi.ModuleCDRs, func(s Status) bool { return len(s.Held) == 0 })
	if n := b.count(second); n != 1 {
		t.Errorf("the second was billed %d times", n)
	}
}

// Where it is too early to believe that a CDR is not there, the partner is not asked again and again.
func TestAPartnerIsNotFloodedWithQuestions(t *testing.T) {
	r, b := cdrRig(t, Policy{Timeout: 20 * time.Millisecond})
	r.config.Backoff.Settle = time.Hour
	b.get = answering(http.StatusNotFound, notThere)
	b.answer = func(string) (int, time.Duration, bool, string) { return http.StatusOK, 40 * time.Millisecond, true, "" }
	r.start()
	for n := range 8 {
		r.putCDR(n + 1)
	}
	r.until("the lane waited, and all were asked for", ocpi.ModuleCDRs, func(s Status) bool {
		b.mu.Lock()
		defer b.mu.Unlock()
		return len(s.Held) == 8 && b.gets >= 2
	})
	time.Sleep(time.Second)
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.gets > 200 {
		t.Errorf("the partner was asked %d times for 8 CDRs within a second, before it would be believed", b.gets)
	}
}

// House rule 5: a CDR that may have arrived stays one while it is deleted here and stored again.
func TestAnUnclearCDRThatIsStoredAgainIsAskedFor(t *testing.T) {
	r, b := cdrRig(t, Policy{})
	b.answer = lost("/x/hidden-")
	r.start()
	id := r.putCDR(1)
	r.until("it is held or parked", ocpi.ModuleCDRs, func(s Status) bool { return len(s.Held)+len(s.Parked) == 1 })
	err := r.db.Write(t.Context(), func(tx store.Tx) error {
		return tx.Delete(store.Key{Module: ocpi.ModuleCDRs, Party: us, ID: id})
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Retry(t.Context(), r.db, time.Now(), "p", "", ""); err != nil {
		t.Fatal(err)
	}
	r.until("it is let go", ocpi.ModuleCDRs, func(s Status) bool { return len(s.Held)+len(s.Parked) == 0 })
	b.set(taken("/x/hidden-"))
	r.putCDR(1)
	r.until("it is parked", ocpi.ModuleCDRs, func(s Status) bool { return len(s.Parked) == 1 || b.count(id) > 1 })
	if n := b.count(id); n != 1 {
		t.Errorf("it was billed %d times", n)
	}
}

// Requirements CDR-05, CDR-08: a partner that takes CDRs without saying where, and shows none, cannot tell that one is missing.
func TestAPartnerThatShowsNoCDRsIsNotBelievedThatOneIsMissing(t *testing.T) {
	r, b := cdrRig(t, Policy{})
	b.get = answering(http.StatusNotFound, notThere)
	b.answer = taken("nowhere")
	r.start()
	r.putCDR(1)
	r.until("the first is there", ocpi.ModuleCDRs, func(s Status) bool { return s.Sent == 1 && settled(s) })
	b.set(func(string) (int, time.Duration, bool, string) { return http.StatusCreated, 0, true, "nowhere" })
	second := r.putCDR(2)
	for b.count(second) == 0 {
		time.Sleep(time.Millisecond)
	}
	b.set(taken("nowhere"))
	r.until("it is parked", ocpi.ModuleCDRs, func(s Status) bool { return len(s.Parked) == 1 || b.count(second) > 1 })
	if n := b.count(second); n != 1 {
		t.Errorf("it was billed %d times", n)
	}
}

// An answer that leads to the result says that the CDR was taken in: it is asked for.
func TestACDRAnsweredWithSeeOtherIsAskedFor(t *testing.T) {
	r, b := cdrRig(t, Policy{})
	b.answer = func(id string) (int, time.Duration, bool, string) {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.posts[id]++
		return http.StatusSeeOther, 0, false, "/cdrs/" + id
	}
	r.start()
	id := r.putCDR(1)
	r.until("it is parked", ocpi.ModuleCDRs, func(s Status) bool { return len(s.Parked) == 1 || b.count(id) > 1 })
	if n := b.count(id); n != 1 {
		t.Errorf("it was billed %d times", n)
	}
}

// A clock that was ahead when a CDR was posted keeps nobody waiting for that long.
func TestAClockThatWasAheadHoldsNothingBack(t *testing.T) {
	r, b := cdrRig(t, Policy{})
	b.answer = taken("/cdrs/")
	r.start()
	r.putCDR(1)
	r.until("the first is there", ocpi.ModuleCDRs, func(s Status) bool { return s.Sent == 1 && settled(s) })
	r.stop()
	r.config.Now = func() time.Time { return time.Now().AddDate(4, 0, 0) }
	r.config.Backoff = Backoff{First: time.Minute, Longest: time.Minute, LongestHeld: time.Minute, Settle: 50 * time.Millisecond}
	b.set(cut)
	r.start()
	var ids []string
	for n := range 12 {
		ids = append(ids, r.putCDR(n+2))
	}
	r.until("it waits", ocpi.ModuleCDRs, func(s Status) bool { return !s.WaitsUntil.IsZero() })
	r.stop()
	r.config.Now = time.Now
	r.config.Backoff = Backoff{First: 5 * time.Millisecond, Longest: 20 * time.Millisecond, LongestHeld: 20 * time.Millisecond, Settle: 50 * time.Millisecond}
	b.set(taken("/cdrs/"))
	r.start()
	r.until("all are there", ocpi.ModuleCDRs, settled)
	for _, id := range ids {
		if n := b.count(id); n != 1 {
			t.Errorf("CDR %s was billed %d times", id, n)
		}
	}
}

// Requirement CDR-08: one of a partner's machines is broken, and says of everything that it is not there.
func TestACDRIsNotPostedAgainForABrokenMachine(t *testing.T) {
	r, b := cdrRig(t, Policy{})
	b.answer = taken("/cdrs/")
	r.start()
	first := r.putCDR(1)
	r.until("the first is there", ocpi.ModuleCDRs, func(s Status) bool { return s.Sent == 1 && settled(s) })
	b.set(lost("/cdrs/"))
	b.mu.Lock()
	asked := 0
	b.get = func(w http.ResponseWriter, req *http.Request) {
		b.mu.Lock()
		defer b.mu.Unlock()
		cdr := b.at[req.URL.Path]
		if req.URL.Path != "/cdrs/"+first {
			asked++
			if asked < 5 { // a try asks at two places
				w.WriteHeader(http.StatusNotFound)
				return
			}
		}
		answering(http.StatusOK, fmt.Sprintf(`{"data":%s,"status_code":1000,"timestamp":"2026-01-01T00:00:00Z"}`, cdr))(w, req)
	}
	b.mu.Unlock()
	r.config.Backoff.Settle = time.Nanosecond
	r.start()
	second := r.putCDR(2)
	r.until("it is found", ocpi.ModuleCDRs, func(s Status) bool { return b.count(second) > 0 && settled(s) })
	if n := b.count(second); n != 1 {
		t.Errorf("it was billed %d times", n)
	}
}
