package ocpiserver

import (
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"strconv"
	"sync"
	"time"

	"github.com/roamwire/roamwire/ocpi"
)

// Whoever guesses tokens is slowed down: an address may send a few wrong tokens at once, and then two a second; the
// answers to more come late, and beyond that with 429. Right tokens are never slowed down, whatever else comes from the
// address, which may be a proxy's.
const (
	wrongBurst = 5
	wrongEvery = 500 * time.Millisecond
	// wrongWait is the longest that an answer is held back, wrongWaiting how many are at the same time.
	wrongWait    = 5 * time.Second
	wrongWaiting = 256
	// wrongAddresses is how many addresses are remembered before those that are quiet again are forgotten.
	wrongAddresses = 10_000
)

// A throttle counts wrong tokens by address.
type throttle struct {
	mu sync.Mutex
	// free is when an address has its whole burst back.
	free    map[netip.Addr]time.Time
	waiting int
}

// wrong counts a wrong token and says how long to hold back the answer. ok is false where it is not worth waiting.
func (t *throttle) wrong(from netip.Addr, now time.Time) (wait time.Duration, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.free == nil {
		t.free = map[netip.Addr]time.Time{}
	}
	t.forgetQuiet(now)
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

func (t *throttle) forgetQuiet(now time.Time) {
	if len(t.free) < wrongAddresses {
		return
	}
	for address, free := range t.free {
		if free.Before(now) {
			delete(t.free, address)
		}
	}
	if len(t.free) >= wrongAddresses { // an attack from everywhere: counting begins anew
		clear(t.free)
	}
}

func (t *throttle) waited() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.waiting--
}

// slowDown holds back the answer to a wrong token. It returns the error to answer with instead, for an address that sends
// far too many.
func (c *call) slowDown() error {
	t := &c.server.wrongTokens
	wait, ok := t.wrong(sender(c.r), time.Now()) // the network's time, as in limitTime
	if !ok {
		c.w.Header().Set("Retry-After", strconv.Itoa(int(wait/time.Second)+1))
		return &ocpi.Error{HTTP: http.StatusTooManyRequests, Code: ocpi.StatusClientError, Message: fmt.Sprintf("too many wrong tokens; wait %s", wait.Round(time.Second))}
	}
	if wait == 0 {
		return nil
	}
	defer t.waited()
	sleep(c.ctx(), wait)
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
