package pull

import (
	"testing"
	"time"
)

// A partner that was silent is pulled from when it is heard again, and one that speaks all the time is not (requirement
// TF-66).
func TestSilenceIsCaughtUpWith(t *testing.T) {
	p := New(Config{Silence: time.Minute})
	at := time.Date(2026, time.November, 23, 12, 0, 0, 0, time.UTC)
	for _, tt := range []struct {
		after time.Duration
		woken bool
	}{{0, false}, {time.Minute, false}, {3 * time.Minute, true}, {4 * time.Minute, false}} {
		p.Heard("p", at.Add(tt.after))
		if _, woken := p.woken.LoadAndDelete("p"); woken != tt.woken {
			t.Errorf("after %s: woken %t", tt.after, woken)
		}
	}
	p.Heard("", at.Add(time.Hour)) // nobody we know
}
