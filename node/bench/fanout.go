package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/roamwire/roamwire/node"
	"github.com/roamwire/roamwire/node/object"
	"github.com/roamwire/roamwire/node/partner"
	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/handshake"
	"github.com/roamwire/roamwire/ocpi/ocpitest"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// One node pushes to many partners in this process, of which one is dead and one is slow.
const (
	manyPartners = 50
	deadPartner  = manyPartners - 1
	slowPartner  = manyPartners - 2
	slowness     = 2 * time.Second
	// laneWorkers is how many requests a lane has under way at once, and so how many the bare client has for each partner.
	laneWorkers = 8
	// fannedOut is how many locations the many are told of; each change is of the status of the first EVSE of another one.
	fannedOut = 2000
	// missed is how many locations change while a partner is away, and missedTimes how often each does.
	missed      = 20_000
	missedTimes = 5
)

// A crowd is the partners, and what has reached them.
type crowd struct {
	partners []*member
	network  ocpitest.Sample
	// changed is when the location with this number was changed last, in nanoseconds since 1970. Number 0 is none.
	changed []atomic.Int64
}

func newCrowd(locations int) *crowd {
	return &crowd{network: ocpitest.Network(ocpi.NewParty("NL", "GPE")), changed: make([]atomic.Int64, locations+1)}
}

// A member is a partner that takes everything and keeps nothing.
type member struct {
	crowd  *crowd
	name   string
	party  ocpi.Party
	url    string
	server *http.Server
	// A slow partner answers late, and one that is away answers that it does not.
	slow, away atomic.Bool

	messages atomic.Int64
	mu       sync.Mutex
	lags     []time.Duration
}

// toMany measures what gets through to many partners, beside what the bare client gets through to them.
func (b *bench) toMany(ctx context.Context) (err error) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	c := newCrowd(fannedOut)
	defer func() { err = errors.Join(err, c.close()) }()
	cpo, ended, err := b.nodeFor(ctx, "fanout", c)
	if err != nil {
		return err
	}
	defer func() {
		stop()
		err = errors.Join(err, <-ended)
	}()
	if err := c.join(ctx, cpo, manyPartners); err != nil {
		return err
	}
	c.partners[slowPartner].slow.Store(true)
	if err := c.partners[deadPartner].server.Close(); err != nil {
		return err
	}
	if err := wait(ctx, 3*time.Second); err != nil { // until the lanes of all are there
		return err
	}
	for _, step := range []func(context.Context, *node.Node, *crowd) error{b.idle, b.throughput, b.lag} {
		if err := step(ctx, cpo, c); err != nil {
			return err
		}
	}
	return nil
}

// nodeFor starts a CPO with the locations of a crowd.
func (b *bench) nodeFor(ctx context.Context, name string, c *crowd) (cpo *node.Node, ended chan error, err error) {
	party := ocpi.NewParty("NL", "GPE")
	cpo, err = b.nodeOf(ctx, name, party, ocpi.RoleCPO)
	if err != nil {
		return nil, nil, err
	}
	ended = make(chan error, 1)
	go func() { ended <- cpo.Run(ctx) }()
	for from := 1; from < len(c.changed); from += 1000 {
		var items []object.Item[v230.Location]
		for n := from; n < min(from+1000, len(c.changed)); n++ {
			items = append(items, object.Item[v230.Location]{Party: party, Object: c.location(n)})
		}
		if _, err := cpo.Objects.Locations.Put(ctx, items...); err != nil {
			return nil, nil, err
		}
	}
	return cpo, ended, nil
}

// back measures what a partner gets that was away: each object once, in its present state.
func (b *bench) back(ctx context.Context) (err error) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	c := newCrowd(missed)
	defer func() { err = errors.Join(err, c.close()) }()
	cpo, ended, err := b.nodeFor(ctx, "back", c)
	if err != nil {
		return err
	}
	defer func() {
		stop()
		err = errors.Join(err, <-ended)
	}()
	if err := c.join(ctx, cpo, 1); err != nil {
		return err
	}
	away := c.partners[0]
	away.away.Store(true)
	left := time.Now()
	for i := range missedTimes {
		status := []v230.Status{v230.StatusCharging, v230.StatusBlocked}[i%2]
		if err := c.change(ctx, cpo, status, missed, b.away/(missed*missedTimes)); err != nil {
			return err
		}
	}
	if err := wait(ctx, 2*time.Second); err != nil {
		return err
	}
	c.reset()
	away.away.Store(false)
	began := time.Now()
	gone := began.Sub(left)
	if err := c.arrivedAt(ctx, c.partners, missed); err != nil {
		return err
	}
	took := time.Since(began)
	if err := wait(ctx, 2*time.Second); err != nil { // more must not come
		return err
	}
	messages := away.messages.Load()
	b.add(messages == missed && took < 2*time.Minute, fmt.Sprintf("a partner is back after %s and %d changes of %d objects", gone.Round(time.Second), missed*missedTimes, missed),
		"20,000 messages, under 2 min", "%d messages in %s, with the wait for the next try", messages, took.Round(100*time.Millisecond))
	return nil
}

// location is the location with a number; each has an EVSE.
func (c *crowd) location(n int) v230.Location {
	l := c.network.Location(n)
	if len(l.EVSEs) == 0 {
		l.EVSEs = c.network.Location(1).EVSEs
	}
	l.EVSEs = slices.Clone(l.EVSEs)
	l.EVSEs[0].Status = v230.StatusReserved
	l.ID = ocpi.CiString(strconv.Itoa(n))
	return l
}

// join registers the partners with the node.
func (c *crowd) join(ctx context.Context, cpo *node.Node, partners int) error {
	h, err := cpo.Registration(ctx)
	if err != nil {
		return err
	}
	for i := range partners {
		m, err := c.member(ctx, i)
		if err != nil {
			return err
		}
		c.partners = append(c.partners, m)
		if err := h.Register(ctx, m.name, handshake.Invitation{VersionsURL: m.url + "/versions", Token: "token-a-" + m.name}); err != nil {
			return err
		}
		err = cpo.Partners.ChangePolicy(ctx, m.name, func(p *partner.Policy) error {
			p.Push.FromNow, p.Push.Concurrency = true, laneWorkers
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (c *crowd) close() error {
	var errs []error
	for _, m := range c.partners {
		errs = append(errs, m.server.Close())
	}
	return errors.Join(errs...)
}

func (c *crowd) member(ctx context.Context, i int) (*member, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	m := &member{
		crowd: c, name: fmt.Sprintf("emsp%02d", i), party: ocpi.NewParty("DE", fmt.Sprintf("E%02d", i)), url: "http://" + listener.Addr().String(),
	}
	m.server = &http.Server{Handler: m, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = m.server.Serve(listener) }()
	return m, nil
}

// ServeHTTP answers as a partner of 2.1.1 that takes everything.
func (m *member) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	if m.slow.Load() {
		time.Sleep(slowness)
	}
	if m.away.Load() {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	data := "null"
	switch {
	case strings.HasSuffix(r.URL.Path, "/versions"):
		data = fmt.Sprintf(`[{"version":"2.1.1","url":"%s/2.1.1"}]`, m.url)
	case strings.HasSuffix(r.URL.Path, "/2.1.1"):
		data = fmt.Sprintf(`{"version":"2.1.1","endpoints":[{"identifier":"credentials","url":"%[1]s/credentials"},{"identifier":"locations","url":"%[1]s/locations"}]}`, m.url)
	case strings.HasSuffix(r.URL.Path, "/credentials"):
		data = fmt.Sprintf(`{"url":"%s/versions","token":"token-c-%s","party_id":%q,"country_code":%q,"business_details":{"name":%q}}`,
			m.url, m.name, m.party.PartyID, m.party.CountryCode, m.name)
	case r.Method == http.MethodPatch || r.Method == http.MethodPut:
		m.took(r.URL.Path)
	}
	w.Header().Set("Content-Type", "application/json")
	fmt.Fprintf(w, `{"data":%s,"status_code":1000,"status_message":"Success","timestamp":"2026-01-01T00:00:00Z"}`, data)
}

// took notes a message about /locations/NL/GPE/{number}, and of statuses of EVSEs below it how old they are.
func (m *member) took(path string) {
	m.messages.Add(1)
	parts := strings.Split(path, "/")
	n, err := strconv.Atoi(parts[len(parts)-2])
	if err != nil || n >= len(m.crowd.changed) {
		return
	}
	if at := m.crowd.changed[n].Load(); at != 0 {
		m.mu.Lock()
		m.lags = append(m.lags, time.Since(time.Unix(0, at)))
		m.mu.Unlock()
	}
}

// well are the partners that are neither dead nor slow.
func (c *crowd) well() []*member { return c.partners[:slowPartner] }

// reset forgets what has reached the partners.
func (c *crowd) reset() {
	for _, m := range c.partners {
		m.messages.Store(0)
		m.mu.Lock()
		m.lags = nil
		m.mu.Unlock()
	}
}

// idle measures what the node needs while nothing changes. The partners need nothing then.
func (b *bench) idle(ctx context.Context, _ *node.Node, _ *crowd) error {
	before, err := cpuTime()
	if err != nil {
		return err
	}
	began := time.Now()
	if err := wait(ctx, 2*b.duration); err != nil {
		return err
	}
	after, err := cpuTime()
	if err != nil {
		return err
	}
	share := float64(after-before) / float64(time.Since(began))
	b.add(share < 0.01, fmt.Sprintf("%d partners, nothing to do", manyPartners), "under 1 % of a CPU", "%.2f %%", 100*share)
	return nil
}

// throughput changes the status of an EVSE in each location as fast as it can, and waits until all well partners have them
// all. Then the bare client sends the same messages to them.
func (b *bench) throughput(ctx context.Context, cpo *node.Node, c *crowd) error {
	c.reset()
	began := time.Now()
	if err := c.change(ctx, cpo, v230.StatusCharging, fannedOut, 0); err != nil {
		return err
	}
	if err := c.arrived(ctx, fannedOut); err != nil {
		return err
	}
	ours := float64(fannedOut*len(c.well())) / time.Since(began).Seconds()
	bare, err := c.bare(ctx)
	if err != nil {
		return err
	}
	b.add(ours >= 0.6*bare, fmt.Sprintf("statuses to %d partners, one dead and one slow", manyPartners), "60 % of the bare client",
		"%.0f messages/s, bare client %.0f/s, %.0f %%", ours, bare, 100*ours/bare)
	return nil
}

// change changes the status of the first EVSE of locations; a pace is the time between two changes.
func (c *crowd) change(ctx context.Context, cpo *node.Node, status v230.Status, count int, pace time.Duration) error {
	const writers = 16
	numbers := make(chan int)
	failed := make(chan error, writers)
	for range writers {
		go func() {
			var err error
			for n := range numbers {
				uid := string(c.location(n).EVSEs[0].UID)
				now := time.Now()
				c.changed[n].Store(now.UnixNano())
				key := ocpi.Key{Party: ocpi.NewParty("NL", "GPE"), ID: strconv.Itoa(n)}
				_, _, failed := cpo.Objects.SetStatus(ctx, key, uid, status, now)
				err = cmp.Or(err, failed)
			}
			failed <- err
		}()
	}
	began := time.Now()
	for i := range count {
		if pace > 0 {
			if err := wait(ctx, time.Until(began.Add(time.Duration(i)*pace))); err != nil {
				break
			}
		}
		numbers <- 1 + i%(len(c.changed)-1)
	}
	close(numbers)
	var errs []error
	for range writers {
		errs = append(errs, <-failed)
	}
	return errors.Join(errs...)
}

// arrived waits until each well partner has got a number of messages.
func (c *crowd) arrived(ctx context.Context, messages int64) error {
	return c.arrivedAt(ctx, c.well(), messages)
}

func (c *crowd) arrivedAt(ctx context.Context, partners []*member, messages int64) error {
	deadline := time.Now().Add(2 * time.Minute)
	for time.Now().Before(deadline) {
		if !slices.ContainsFunc(partners, func(m *member) bool { return m.messages.Load() < messages }) {
			return nil
		}
		if err := wait(ctx, 5*time.Millisecond); err != nil {
			return err
		}
	}
	return errors.New("messages have not arrived after two minutes")
}

// bare sends as many messages as the node does, with as many requests under way, and nothing but net/http.
func (c *crowd) bare(ctx context.Context) (rate float64, err error) {
	transport := &http.Transport{MaxIdleConnsPerHost: laneWorkers}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport, Timeout: 30 * time.Second}
	began := time.Now()
	failed := make(chan error, manyPartners*laneWorkers)
	for _, m := range c.well() {
		var next atomic.Int64
		for range laneWorkers {
			go func() {
				for n := next.Add(1); n <= fannedOut; n = next.Add(1) {
					if err := patchBare(ctx, client, m, int(n), string(c.location(1).EVSEs[0].UID)); err != nil {
						failed <- err
						return
					}
				}
				failed <- nil
			}()
		}
	}
	for range len(c.well()) * laneWorkers {
		err = errors.Join(err, <-failed)
	}
	return float64(fannedOut*len(c.well())) / time.Since(began).Seconds(), err
}

func patchBare(ctx context.Context, client *http.Client, m *member, n int, uid string) error {
	body := []byte(`{"status":"CHARGING","last_updated":"2026-03-03T20:36:00Z"}`)
	url := m.url + "/locations/NL/GPE/" + strconv.Itoa(n) + "/" + uid
	request, err := http.NewRequestWithContext(ctx, http.MethodPatch, url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Authorization", "Token token-c-"+m.name)
	request.Header.Set("Content-Type", "application/json")
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	_, err = io.ReadAll(response.Body)
	return err
}

// lag changes statuses at a steady pace, and says how old they are when they reach the well partners.
func (b *bench) lag(ctx context.Context, cpo *node.Node, c *crowd) error {
	c.reset()
	changes := min(int(b.duration.Seconds()), fannedOut/changesPerSecond) * changesPerSecond
	if err := c.change(ctx, cpo, v230.StatusBlocked, changes, time.Second/changesPerSecond); err != nil {
		return err
	}
	if err := c.arrived(ctx, int64(changes)); err != nil {
		return err
	}
	var lags []time.Duration
	for _, m := range c.well() {
		m.mu.Lock()
		lags = append(lags, m.lags...)
		m.mu.Unlock()
	}
	slices.Sort(lags)
	p50, p99 := lags[len(lags)/2], lags[len(lags)*99/100]
	b.add(p99 < 5*time.Second, fmt.Sprintf("the %d others' lag, %d changes/s", len(c.well()), changesPerSecond), "p99 < 5 s",
		"p50 %s, p99 %s", p50.Round(time.Millisecond), p99.Round(time.Millisecond))
	return nil
}
