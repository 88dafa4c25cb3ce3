package push

import (
	"net/http"
	"testing"
	"time"

	"github.com/roamwire/roamwire/ocpi"
)

// What a person says of a CDR counts also if the partner is being asked for it, whatever the partner answers then.
func TestAPersonSettlesACDRWhileItIsAskedFor(t *testing.T) {
	for name, test := range map[string]struct {
		outcome Outcome
		billed  int
	}{"it arrived": {Arrived, 1}, "it did not arrive": {NotArrived, 2}} {
		t.Run(name, func(t *testing.T) {
			r, b := cdrRig(t, Policy{})
			asked, answer := make(chan bool, 100), make(chan bool)
			b.get = func(w http.ResponseWriter, _ *http.Request) {
				asked <- true
				<-answer
				w.WriteHeader(http.StatusNotImplemented)
			}
			b.answer = lost("/x/hidden-")
			r.start()
			id := r.putCDR(1)
			<-asked
			b.set(taken("/x/hidden-"))
			if n, err := Settle(t.Context(), r.db, time.Now(), "p", id, test.outcome); n != 1 || err != nil {
				t.Fatalf("%d %v", n, err)
			}
			close(answer)
			r.until("it is settled", ocpi.ModuleCDRs, func(s Status) bool { return settled(s) && len(s.Parked) == 0 })
			if n := b.count(id); n != test.billed {
				t.Errorf("it was billed %d times, want %d", n, test.billed)
			}
		})
	}
}

// A CDR of which a person says that it arrived is not posted, also if it was about to be.
func TestASettledCDRIsNotPostedAgain(t *testing.T) {
	r, b := cdrRig(t, Policy{})
	r.config.Backoff.Settle = time.Nanosecond
	asked, answer := make(chan bool, 100), make(chan bool)
	b.get = func(w http.ResponseWriter, req *http.Request) {
		asked <- true
		<-answer
		answering(http.StatusNotFound, notThere)(w, req)
	}
	b.answer = lost("/x/hidden-")
	r.start()
	id := r.putCDR(1)
	<-asked
	b.set(taken("/x/hidden-"))
	if n, err := Settle(t.Context(), r.db, time.Now(), "p", id, Arrived); n != 1 || err != nil {
		t.Fatalf("%d %v", n, err)
	}
	close(answer)
	r.until("it is settled", ocpi.ModuleCDRs, func(s Status) bool { return settled(s) && len(s.Parked) == 0 })
	if n := b.count(id); n != 1 {
		t.Errorf("it was billed %d times", n)
	}
}
