package telemetry

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// A Lane is how far the pushes of a module to a partner have come.
type Lane struct {
	Partner, Module string
	// Backlog counts the objects that have changed and were not dealt with, Held those that wait for another try, Parked those
	// that wait for a person.
	Backlog, Held, Parked int
	// Oldest is when the first change that waits was made; zero for none.
	Oldest time.Time
	// Sent counts the messages that got through.
	Sent        int64
	LastSuccess time.Time
	// Waiting tells that the lane waits for its partner to come back.
	Waiting bool
}

// A Pull is how far the pulls of a module from a partner have come.
type Pull struct {
	Partner, Module     string
	LastFull, LastDelta time.Time
	// Objects is how many there were in the last pull of everything, Refused how many of the last pull were not stored.
	Objects, Refused int
	// Failures counts the pulls in a row that failed.
	Failures int
}

// Moves are all lanes and pulls of a node.
type Moves struct {
	Lanes []Lane
	Pulls []Pull
}

// Follow shows lanes and pulls as they are when the metrics are read. Where read fails it leaves them out, and counts that.
func (m *Metrics) Follow(read func(context.Context) (Moves, error), now func() time.Time) {
	failed := prometheus.NewCounter(prometheus.CounterOpts{
		Name: "roamwire_moves_unread_total", Help: "How often the state of pushes and pulls could not be read for these metrics.",
	})
	m.registry.MustRegister(failed, &follower{read: read, now: now, failed: failed, moves: describeMoves()})
}

// A follower is the prometheus.Collector of moves.
type follower struct {
	read   func(context.Context) (Moves, error)
	now    func() time.Time
	failed prometheus.Counter
	moves  moveDescriptions
}

type moveDescriptions struct {
	backlog, oldest, held, parked, sent, pushed, waiting *prometheus.Desc
	full, delta, objects, refused, failures              *prometheus.Desc
}

func describeMoves() moveDescriptions {
	describe := func(name, help string) *prometheus.Desc {
		return prometheus.NewDesc(name, help, []string{"partner", "module"}, nil)
	}
	return moveDescriptions{
		backlog:  describe("roamwire_push_backlog", "Objects that have changed and were not pushed yet."),
		oldest:   describe("roamwire_push_oldest_seconds", "How long the first change that was not pushed has waited, in seconds; 0 for none."),
		held:     describe("roamwire_push_held", "Objects that wait for another try."),
		parked:   describe("roamwire_push_parked", "Objects that a partner keeps refusing, and that wait for a person."),
		sent:     describe("roamwire_push_sent_total", "Messages that got through."),
		pushed:   describe("roamwire_push_last_success_timestamp_seconds", "When a message last got through."),
		waiting:  describe("roamwire_push_waiting", "1 while nothing is pushed because the partner is away, 0 otherwise."),
		full:     describe("roamwire_pull_last_full_timestamp_seconds", "When everything was last pulled."),
		delta:    describe("roamwire_pull_last_delta_timestamp_seconds", "When what is new was last pulled."),
		objects:  describe("roamwire_pull_objects", "Objects in the last pull of everything."),
		refused:  describe("roamwire_pull_refused", "Objects of the last pull that were not stored."),
		failures: describe("roamwire_pull_failures", "Pulls in a row that failed."),
	}
}

// Describe implements prometheus.Collector.
func (f *follower) Describe(to chan<- *prometheus.Desc) {
	d := f.moves
	for _, desc := range []*prometheus.Desc{
		d.backlog, d.oldest, d.held, d.parked, d.sent, d.pushed, d.waiting, d.full, d.delta, d.objects, d.refused, d.failures,
	} {
		to <- desc
	}
}

// longestRead bounds how long the metrics wait for the state of pushes and pulls.
const longestRead = 5 * time.Second

// Collect implements prometheus.Collector.
func (f *follower) Collect(to chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), longestRead)
	defer cancel()
	moves, err := f.read(ctx)
	if err != nil {
		f.failed.Inc()
		return
	}
	gauge, counter := prometheus.GaugeValue, prometheus.CounterValue
	d := f.moves
	for _, l := range moves.Lanes {
		show := func(desc *prometheus.Desc, kind prometheus.ValueType, value int64) {
			to <- prometheus.MustNewConstMetric(desc, kind, float64(value), l.Partner, l.Module)
		}
		show(d.backlog, gauge, int64(l.Backlog))
		show(d.oldest, gauge, f.waited(l.Oldest))
		show(d.held, gauge, int64(l.Held))
		show(d.parked, gauge, int64(l.Parked))
		show(d.sent, counter, l.Sent)
		show(d.pushed, gauge, unix(l.LastSuccess))
		show(d.waiting, gauge, yes(l.Waiting))
	}
	for _, p := range moves.Pulls {
		show := func(desc *prometheus.Desc, value int64) {
			to <- prometheus.MustNewConstMetric(desc, gauge, float64(value), p.Partner, p.Module)
		}
		show(d.full, unix(p.LastFull))
		show(d.delta, unix(p.LastDelta))
		show(d.objects, int64(p.Objects))
		show(d.refused, int64(p.Refused))
		show(d.failures, int64(p.Failures))
	}
}

// waited is for how many whole seconds something has waited.
func (f *follower) waited(since time.Time) int64 {
	if since.IsZero() {
		return 0
	}
	return int64(f.now().Sub(since) / time.Second)
}

// unix is a time as Prometheus has it; 0 for never.
func unix(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.Unix()
}

func yes(b bool) int64 {
	if b {
		return 1
	}
	return 0
}
