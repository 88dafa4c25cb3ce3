package push

import (
	"fmt"
	"net/http"
	"path"
	"testing"
	"time"

	"github.com/roamwire/roamwire/ocpi"
)

// House rule 7, within a lane: an object at which the partner looks as if it were away, for as long as it is sent, keeps no
// others waiting.
func TestAnObjectAtWhichThePartnerSeemsAwayKeepsNoOthersWaiting(t *testing.T) {
	for name, answer := range map[string]func() int{
		"401":     func() int { return http.StatusUnauthorized },
		"403":     func() int { return http.StatusForbidden },
		"502":     func() int { return http.StatusBadGateway },
		"503":     func() int { return http.StatusServiceUnavailable },
		"hanging": func() int { time.Sleep(60 * time.Millisecond); return http.StatusOK },
		"aborted": func() int { panic(http.ErrAbortHandler) },
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, Policy{Timeout: 30 * time.Millisecond})
			r.to.answer = func(req *http.Request) int {
				if path.Base(req.URL.Path) == "BAD" {
					return answer()
				}
				return http.StatusOK
			}
			r.start()
			r.putNamed("BAD")
			r.until("the lane waits", ocpi.ModuleTariffs, func(s Status) bool { return !s.WaitsUntil.IsZero() })
			for n := range 10 {
				id := fmt.Sprint("GOOD", n)
				r.putNamed(id)
				r.until("another one is there", ocpi.ModuleTariffs, func(Status) bool { return r.arrived(id) })
			}
			r.until("all others are there", ocpi.ModuleTariffs, func(s Status) bool { return s.Sent >= 10 && s.Backlog == 0 })
		})
	}
}
