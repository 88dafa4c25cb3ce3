package backend

import (
	"context"
	"net/http"
	"net/netip"
	"strconv"
	"sync"
	"time"
)

// Whoever guesses keys is slowed down: an address may send a few wrong ones at once, and then two a second; the answers to
// more come late, and beyond that with 429. Right keys are never slowed down, whatever else comes from the address.
const (
	wrongBurst = 5
	wrongEvery = 500 * time.Millisecond
	// wrongWait is the longest that an answer is held back, wrongWaiting how many are at the same time.
	wrongWait    = 5 * time.Second
	wrongWaiting = 256
	// wrongAddresses is how many addresses are remembered before counting begins anew.
	wrongAddresses = 10_000
)

// A throttle counts wrong keys by address.
type throttle struct {
	mu sync.Mutex
	// free is when an address has its whole burst back.
	free    map[netip.Addr]time.Time
	waiting int
}

// wrong counts a wrong key and says how long to hold back the answer. ok is false where it is not worth waiting.
func (t *throttle) wrong(from netip.Addr, now time.Time) (wait time.Duration, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.free == nil || len(t.free) >= wrongAddresses {
		t.free = map[netip.Addr]time.Time{}
	}
	free := t.free[from]
	if free.Before(now) {
		free = now
	}
	wait = max(0, free.Sub(now)-(wrongBurst-1)*wrongEvery)
	if wait > wrongWait || wait > 0 && t.waiting >= wrongWaiting {
		return wait, false
	}
	t.free[from] = free.Add(wrongEvery)
	if wait > 0 {
		t.waiting++
	}
	return wait, true
}

func (t *throttle) waited() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.waiting--
}

// slowDown holds back the answer to a wrong key. It returns what to answer instead to who sends far too many.
func (a *API) slowDown(r *http.Request) error {
	wait, ok := a.wrongKeys.wrong(sender(r), time.Now()) // the network's time, whatever the node's clock says
	if !ok {
		return problem(http.StatusTooManyRequests, "too many wrong keys; wait %s", wait.Round(time.Second)).
			with("Retry-After", strconv.Itoa(int(wait/time.Second)+1))
	}
	if wait == 0 {
		return nil
	}
	defer a.wrongKeys.waited()
	sleep(r.Context(), wait)
	return nil
}

func sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// sender is the address a request came from; of IPv6 the network, because one sender has as many addresses as it likes.
func sender(r *http.Request) netip.Addr {
	at, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	address := at.Addr().Unmap().WithZone("")
	if address.Is4() {
		return address
	}
	const network = 64
	prefix, err := address.Prefix(network)
	if err != nil {
		return address
	}
	return prefix.Addr()
}
