package exchange

import (
	"strings"
	"sync"
	"time"

	"github.com/roamwire/roamwire/ocpi"
)

// Callers that nobody has recognised may be many and send what they like, so that they get a small share of the record:
// strangerBurst exchanges at once and strangersPerSecond after that, no bodies, and short texts.
const (
	strangerBurst      = 100
	strangersPerSecond = 10
	strangerURL        = 512
	strangerID         = 64
)

// isStranger reports whether an exchange is with a caller that was not recognised.
func isStranger(e *ocpi.Exchange) bool { return e.Direction == ocpi.Inbound && e.Partner == "" }

// strangers counts exchanges with strangers.
type strangers struct {
	mu sync.Mutex
	// free is when there will have been time for all of them.
	free time.Time
}

// admit reports whether one more is recorded.
func (s *strangers) admit(now time.Time) bool {
	const each = time.Second / strangersPerSecond
	s.mu.Lock()
	defer s.mu.Unlock()
	if earliest := now.Add(-strangerBurst * each); s.free.Before(earliest) {
		s.free = earliest
	}
	if s.free.Add(each).After(now) {
		return false
	}
	s.free = s.free.Add(each)
	return true
}

// shortened is an exchange with a stranger as it is queued. Its texts are cut to their length when it has lost its
// secrets.
func shortened(e ocpi.Exchange) ocpi.Exchange {
	e.RequestBody, e.ResponseBody = nil, nil
	if len(e.URL) > maxURL {
		e.URL = strings.Clone(e.URL[:maxURL]) // the rest of it is not held in memory
	}
	return e
}

// lengths are how long texts of an exchange may be in a record, in bytes.
type lengths struct{ url, id int }

func lengthsOf(e *ocpi.Exchange) lengths {
	if isStranger(e) {
		return lengths{url: strangerURL, id: strangerID}
	}
	return lengths{url: maxURL, id: maxText}
}
