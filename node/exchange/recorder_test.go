package exchange_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/roamwire/roamwire/node/exchange"
	"github.com/roamwire/roamwire/ocpi"
)

// A memory is a log that does what a test says.
type memory struct {
	mu      sync.Mutex
	records []exchange.Record
	limits  []exchange.Limits
	opened  int
	// took is how long Append takes, more how often there is more to trim.
	took time.Duration
	more int
	err  error
	// block makes Append wait for its context.
	block bool
	// worked is how much time Append has taken.
	worked time.Duration
}

func (m *memory) open(context.Context) (exchange.Log, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.opened++
	return m, m.err
}

func (m *memory) Append(ctx context.Context, records []exchange.Record) error {
	if m.block {
		<-ctx.Done()
		return ctx.Err()
	}
	time.Sleep(m.took)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.worked += m.took
	if m.err == nil {
		m.records = append(m.records, records...)
	}
	return m.err
}

func (m *memory) Trim(_ context.Context, limits exchange.Limits) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.limits = append(m.limits, limits)
	m.more--
	return m.more > 0, m.err
}

func (m *memory) Close() error { return nil }

// fail makes the log fail from now on, or work again. It returns how often it has been opened.
func (m *memory) fail(err error) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.err = err
	return m.opened
}

func quiet() *slog.Logger { return slog.New(slog.NewTextHandler(io.Discard, nil)) }

func TestExchangesAreRecordedInTheirOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := new(memory)
		r := exchange.New(log.open, exchange.Settings{BodySize: 10}, exchange.Options{})
		if r.Capture() != 10 {
			t.Errorf("wants %d bytes", r.Capture())
		}
		body := []byte(`{"id":"1"}`)
		for i := range 1000 {
			r.Observe(t.Context(), ocpi.Exchange{RequestID: fmt.Sprint(i), RequestBody: body, RequestSize: 10})
			if i%100 == 0 {
				time.Sleep(time.Second)
			}
		}
		copy(body, "xxxxxxxxxx") // whoever brought it uses its memory again
		if err := r.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		if len(log.records) != 1000 || r.Recorded() != 1000 || r.Dropped() != 0 {
			t.Fatalf("%d records, %d recorded, %d dropped", len(log.records), r.Recorded(), r.Dropped())
		}
		for i, record := range log.records {
			if record.RequestID != fmt.Sprint(i) || record.Request != `{"id":"1"}` {
				t.Fatalf("record %d is %+v", i, record)
			}
		}
	})
}

func TestNothingIsRecordedWhenOff(t *testing.T) {
	log := new(memory)
	r := exchange.New(log.open, exchange.Settings{Off: true}, exchange.Options{})
	r.Start()
	r.Observe(t.Context(), ocpi.Exchange{})
	if err := r.Close(t.Context()); err != nil || log.opened > 0 || r.Capture() != 0 || r.Dropped() != 0 {
		t.Errorf("%v, opened %d times, wants %d bytes, dropped %d", err, log.opened, r.Capture(), r.Dropped())
	}
}

func TestNothingIsOpenedBeforeTheFirstExchange(t *testing.T) {
	log := new(memory)
	r := exchange.New(log.open, exchange.Settings{}, exchange.Options{})
	if err := r.Close(t.Context()); err != nil || log.opened > 0 {
		t.Errorf("%v, opened %d times", err, log.opened)
	}
}

// With more exchanges than can be written, bodies are left out first, then whole exchanges. All are counted, and nobody
// waits.
func TestOverloadIsCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &memory{took: time.Millisecond}
		r := exchange.New(log.open, exchange.Settings{}, exchange.Options{Logger: quiet()})
		body := bytes.Repeat([]byte{'1'}, 8<<10)
		const all = 100_000
		begun := time.Now()
		for range all {
			r.Observe(t.Context(), ocpi.Exchange{ResponseBody: body, ResponseSize: int64(len(body))})
		}
		if waited := time.Since(begun); waited > 0 {
			t.Errorf("those who brought exchanges waited for %s", waited)
		}
		if err := r.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		if r.Recorded() < 2000 || r.Recorded() > 5000 || r.Recorded()+r.Dropped() != all {
			t.Errorf("%d recorded, %d dropped", r.Recorded(), r.Dropped())
		}
		without := int64(0)
		for _, record := range log.records {
			if record.Response == "" {
				without++
			}
		}
		if without != r.WithoutBodies() || r.Recorded()-without < 32 || without < 1000 {
			t.Errorf("%d of %d without bodies, counted %d", without, r.Recorded(), r.WithoutBodies())
		}
	})
}

func TestLongTextsFillTheQueueToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := exchange.New((&memory{block: true}).open, exchange.Settings{}, exchange.Options{Logger: quiet()})
		url := "/" + strings.Repeat("x", 100_000)
		for range 1000 {
			r.Observe(t.Context(), ocpi.Exchange{URL: url})
		}
		if held := 1000 - r.Dropped(); held > 100 {
			t.Errorf("%d long URLs are held in memory", held)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_ = r.Close(ctx) // they are lost, and counted
		if r.Dropped() != 1000 {
			t.Errorf("%d counted as dropped", r.Dropped())
		}
	})
}

// However much there is to write, the writer works no more than a quarter of the time.
func TestTheWriterRests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &memory{took: 20 * time.Millisecond}
		r := exchange.New(log.open, exchange.Settings{}, exchange.Options{Logger: quiet()})
		begun := time.Now()
		for time.Since(begun) < 10*time.Second {
			for range 1000 {
				r.Observe(t.Context(), ocpi.Exchange{})
			}
			time.Sleep(10 * time.Millisecond)
		}
		log.mu.Lock()
		worked := log.worked
		log.mu.Unlock()
		if worked > 2600*time.Millisecond || worked < 2*time.Second {
			t.Errorf("worked for %s of 10 seconds", worked)
		}
		if err := r.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
}

// A log that cannot be written harms nobody: what is lost is counted, the program's log hears of it once a minute, and
// when it can be written again it is.
func TestAFailingLogIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var said strings.Builder
		log := &memory{err: errors.New("the disk is full")}
		r := exchange.New(log.open, exchange.Settings{}, exchange.Options{Logger: slog.New(slog.NewTextHandler(&said, &slog.HandlerOptions{
			ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
				if a.Key == slog.TimeKey {
					return slog.Attr{}
				}
				return a
			},
		}))})
		observe := func(n int, each time.Duration) {
			for range n {
				r.Observe(t.Context(), ocpi.Exchange{})
				time.Sleep(each)
			}
		}
		observe(150, time.Second)
		if n := log.fail(nil); r.Recorded() != 0 || n < 100 {
			t.Errorf("%d recorded, opened %d times", r.Recorded(), n)
		}
		observe(10, time.Second)
		log.fail(errors.New("locked"))
		observe(90, time.Second)
		log.fail(nil)
		observe(10, time.Second)
		if err := r.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		want := `level=ERROR msg="exchanges are not recorded" error="the disk is full" lost=0
level=ERROR msg="exchanges are not recorded" error="the disk is full" lost=0
level=ERROR msg="exchanges are not recorded" error="the disk is full" lost=0
level=INFO msg="exchanges are recorded again" lost=0
level=ERROR msg="exchanges are not recorded" error=locked lost=1
level=INFO msg="exchanges are recorded again" lost=0
`
		if diff := cmp.Diff(want, said.String()); diff != "" {
			t.Error(diff)
		}
		if r.Recorded()+r.Dropped() != 260 || r.Dropped() != 1 {
			t.Errorf("%d recorded, %d dropped", r.Recorded(), r.Dropped())
		}
	})
}

func TestCloseHasADeadline(t *testing.T) {
	for name, log := range map[string]*memory{
		"a log that can be interrupted": {block: true},
		"a log that hangs":              {took: time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := exchange.New(log.open, exchange.Settings{}, exchange.Options{Logger: quiet()})
				for range 1000 {
					r.Observe(t.Context(), ocpi.Exchange{})
				}
				begun := time.Now()
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				err := r.Close(ctx)
				if took := time.Since(begun); err == nil || took > 3*time.Second {
					t.Errorf("%v after %s", err, took)
				}
				time.Sleep(2 * log.took) // until it hangs no longer
			})
		})
	}
}

func TestAfterCloseExchangesAreCounted(t *testing.T) {
	r := exchange.New(new(memory).open, exchange.Settings{}, exchange.Options{})
	for range 2 {
		if err := r.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	r.Observe(t.Context(), ocpi.Exchange{})
	if r.Dropped() != 1 {
		t.Errorf("%d dropped", r.Dropped())
	}
}

// Every exchange is recorded or counted, whoever brings it while the recorder is closed.
func TestNoExchangeIsForgotten(t *testing.T) {
	log := new(memory)
	r := exchange.New(log.open, exchange.Settings{}, exchange.Options{Logger: quiet()})
	var callers sync.WaitGroup
	for range 8 {
		callers.Go(func() {
			for range 5000 {
				r.Observe(t.Context(), ocpi.Exchange{ResponseBody: []byte("{}"), ResponseSize: 2})
			}
		})
	}
	time.Sleep(time.Millisecond)
	_ = r.Close(t.Context()) // some may be lost
	callers.Wait()
	if r.Recorded()+r.Dropped() != 40_000 || int64(len(log.records)) != r.Recorded() {
		t.Errorf("%d recorded of which %d are there, %d dropped", r.Recorded(), len(log.records), r.Dropped())
	}
}

// What is too old goes also while nothing happens, and all at once where there is much of it.
func TestTheLogIsTrimmedByTheClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &memory{more: 5}
		later := func() time.Time { return time.Now().Add(1000 * time.Hour) }
		r := exchange.New(log.open, exchange.Settings{BodyAge: time.Hour, Age: 10 * time.Hour, MaxSize: 5 << 20}, exchange.Options{Now: later})
		r.Start()
		time.Sleep(10*time.Minute + 30*time.Second)
		want := exchange.Limits{Bodies: later().Add(-time.Hour - 30*time.Second), Records: later().Add(-10*time.Hour - 30*time.Second), Size: 5 << 20}
		if err := r.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		if last := log.limits[len(log.limits)-1]; len(log.limits) != 5+10 || last != want {
			t.Errorf("%d times, in the end %+v, want %+v", len(log.limits), last, want)
		}
	})
}

// What has just been written may be too much: it is trimmed soon, also where nothing comes after it, and once.
func TestTheLogIsTrimmedAfterTheLastExchange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := new(memory)
		r := exchange.New(log.open, exchange.Settings{}, exchange.Options{})
		r.Start()
		time.Sleep(10*time.Second + 100*time.Millisecond)
		for range 2 {
			r.Observe(t.Context(), ocpi.Exchange{}) // the first makes the writer trim
			time.Sleep(200 * time.Millisecond)
		}
		trims := func() int {
			log.mu.Lock()
			defer log.mu.Unlock()
			return len(log.limits)
		}
		if n := trims(); n != 2 {
			t.Fatalf("trimmed %d times at first", n)
		}
		time.Sleep(1200 * time.Millisecond)
		if n := trims(); n != 3 {
			t.Errorf("trimmed %d times after the last exchange", n)
		}
		time.Sleep(10 * time.Second)
		if n := trims(); n != 3 {
			t.Errorf("trimmed %d times when there was nothing more", n)
		}
		if err := r.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
}

func TestSettingsThatCannotBeUsed(t *testing.T) {
	for _, s := range []exchange.Settings{{BodyAge: -1}, {Age: -1}, {MaxSize: 1000}, {MaxSize: -1}, {BodySize: 8<<20 + 1}} {
		if s.Check() == nil {
			t.Errorf("%+v is accepted", s)
		}
	}
	for _, s := range []exchange.Settings{{}, {BodySize: 8 << 20}, {BodySize: -1}} {
		if err := s.Check(); err != nil {
			t.Error(err)
		}
	}
}

func TestStatusesAsPeopleWriteThem(t *testing.T) {
	for text, want := range map[string]exchange.Status{
		"404": {From: 404, To: 404}, "4xx": {From: 400, To: 499}, "40X": {From: 400, To: 409},
		"2001": {OCPI: true, From: 2001, To: 2001}, "2xxx": {OCPI: true, From: 2000, To: 2999}, "Failed": {Failed: true},
	} {
		if got, err := exchange.ParseStatus(text); err != nil || got != want {
			t.Errorf("%s: %+v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "xxx", "4", "40", "20000", "4x4", "ok", "-404", "000"} {
		if got, err := exchange.ParseStatus(text); err == nil {
			t.Errorf("%s: %+v", text, got)
		}
	}
}
