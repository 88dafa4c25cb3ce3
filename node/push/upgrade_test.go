package push

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/roamwire/roamwire/ocpi"
	v230 "github.com/roamwire/roamwire/ocpi/v230"
)

// putSession stores a session of ours under an id.
func (r *rig) putSession(id ocpi.CiString, status v230.SessionStatus) {
	s := session(status, 1)
	s.ID = id
	put(r, ocpi.ModuleSessions, string(id), s)
}

// A partner that moves to a later version gets its objects once more, in the words of that, but no session that has ended: there
// are many, and it has them. One that goes back to a version before gets nothing again, which would say less than it has.
func TestAPartnerThatMovesToALaterVersionGetsItsObjectsOnceMore_C12(t *testing.T) {
	r := newRig(t, Policy{})
	r.partner.Since = time.Now().Add(-time.Hour)
	r.partner.Version = ocpi.V211
	id := r.putTariff(1)
	r.putSession("ENDED", v230.SessionStatusCompleted)
	r.putSession("RUNNING", v230.SessionStatusActive)
	for _, step := range []struct {
		version ocpi.Version
		// tariff, running and ended are how many messages there are about each.
		tariff, running, ended int
	}{{ocpi.V211, 1, 1, 1}, {ocpi.V221, 1, 1, 0}, {ocpi.V230, 1, 1, 0}, {ocpi.V211, 0, 0, 0}, {ocpi.V221, 1, 1, 0}} {
		before := len(r.to.seen())
		r.partner.Version = step.version
		r.start()
		for module, id := range map[ocpi.ModuleID]string{ocpi.ModuleTariffs: id, ocpi.ModuleSessions: "RUNNING"} {
			r.until("it is sent", module, func(s Status) bool { return settled(s) && r.puts(before, id) >= step.tariff })
		}
		time.Sleep(100 * time.Millisecond)
		r.stop()
		if a, b, c := r.puts(before, id), r.puts(before, "RUNNING"), r.puts(before, "ENDED"); a != step.tariff || b != step.running || c != step.ended {
			t.Errorf("in %s the tariff was sent %d times, the running session %d times, and the other %d times", step.version, a, b, c)
		}
	}
}

// puts are how many messages had all of an object, but for the first messages.
func (r *rig) puts(after int, id string) (n int) {
	for _, c := range r.to.seen()[after:] {
		if strings.HasSuffix(c.path, "/"+id) && c.method == http.MethodPut {
			n++
		}
	}
	return n
}

// CDRs are not posted again because a partner moves to another version.
func TestNoCDRIsPostedTwiceByMovingToALaterVersion_C12(t *testing.T) {
	r, b := cdrRig(t, Policy{})
	b.set(func(string) (int, time.Duration, bool, string) { return http.StatusCreated, 0, false, "" })
	r.partner.Since = time.Now().Add(-time.Hour)
	r.partner.Version = ocpi.V211
	var ids []string
	for n := range 5 {
		ids = append(ids, r.putCDR(n+1))
	}
	for _, version := range []ocpi.Version{ocpi.V211, ocpi.V221, ocpi.V230, ocpi.V211, ocpi.V230} {
		r.partner.Version = version
		r.start()
		r.until("all is there", ocpi.ModuleCDRs, func(s Status) bool { return settled(s) && b.count(ids[len(ids)-1]) > 0 })
		time.Sleep(100 * time.Millisecond)
		r.stop()
	}
	for _, id := range ids {
		if b.count(id) != 1 {
			t.Errorf("%s was posted %d times", id, b.count(id))
		}
	}
}
