package sqlitelog_test

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/ncruces/go-sqlite3"

	"github.com/roamwire/roamwire/node/exchange"
	"github.com/roamwire/roamwire/node/exchange/sqlitelog"
	"github.com/roamwire/roamwire/node/store"
	"github.com/roamwire/roamwire/ocpi"
)

var start = time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)

func newPath(t *testing.T) string {
	t.Helper()
	return filepath.Join(t.TempDir(), "exchanges.db")
}

func open(t *testing.T, path string) *sqlitelog.Log {
	t.Helper()
	l, err := sqlitelog.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

func add(t *testing.T, l *sqlitelog.Log, records ...exchange.Record) {
	t.Helper()
	if err := l.Append(t.Context(), records); err != nil {
		t.Fatal(err)
	}
}

func list(t *testing.T, l *sqlitelog.Log, f exchange.Filter) []exchange.Record {
	t.Helper()
	records, err := l.List(t.Context(), f)
	if err != nil {
		t.Fatal(err)
	}
	return records
}

// ids are the request ids of what a filter selects.
func ids(t *testing.T, l *sqlitelog.Log, f exchange.Filter) string {
	t.Helper()
	var ids []string
	for _, r := range list(t, l, f) {
		ids = append(ids, r.RequestID)
	}
	return strings.Join(ids, " ")
}

func quiet() *slog.Logger { return slog.New(slog.NewTextHandler(io.Discard, nil)) }

func TestARecordComesBackWhole(t *testing.T) {
	l := open(t, newPath(t))
	records := []exchange.Record{
		{
			At: start, Direction: ocpi.Outbound, Partner: "p", Method: "PUT", URL: "https://x.example.com/a", Module: ocpi.ModuleTokens,
			Object: "LOC1/EVSE1", RequestID: "r", CorrelationID: "c", HTTP: 200, Status: 1000, Duration: 1234 * time.Microsecond,
			RequestSize: 5, ResponseSize: 100_000, Request: `{"a":1}`, Response: strings.Repeat(`{"id":"ü"}`, 10_000),
			Findings: []string{"a: b", "c"}, Quirks: []string{"q", "r"}, Losses: []string{"/a: lost", "and 7 more"}, Error: "e",
		},
		{At: start, Direction: ocpi.Inbound},
	}
	add(t, l, records...)
	got := list(t, l, exchange.Filter{Bodies: true})
	records[0].ID, records[1].ID = start.UnixMicro()+1234, start.UnixMicro()+1235
	if diff := cmp.Diff(records, got); diff != "" {
		t.Error(diff)
	}
}

func TestQuirksAreCountedForEachPartner(t *testing.T) {
	l := open(t, newPath(t))
	at := time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)
	add(t, l,
		exchange.Record{At: at, Partner: "a", Quirks: []string{"one", "two"}},
		exchange.Record{At: at.Add(time.Minute), Partner: "a", Quirks: []string{"two"}},
		exchange.Record{At: at.Add(time.Hour), Partner: "b", Quirks: []string{"two"}},
		exchange.Record{At: at.Add(time.Hour), Partner: "a"},
	)
	trimAll(t, l, exchange.Limits{Bodies: at.Add(time.Minute), Records: at.Add(2 * time.Hour), Size: 1 << 30})
	got, err := l.Quirks(t.Context(), "a")
	want := []exchange.QuirkCount{{Name: "two", Messages: 2, Last: at.Add(time.Minute)}, {Name: "one", Messages: 1, Last: at}}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Error(diff, err)
	}
}

// Ids grow, whatever the clock does: they are the order of the log.
func TestTheOrderIsThatOfRecording(t *testing.T) {
	l := open(t, newPath(t))
	for i, at := range []time.Duration{time.Hour, 0, time.Hour, 2 * time.Hour, time.Minute} {
		add(t, l, exchange.Record{At: start.Add(at), RequestID: fmt.Sprint(i)}, exchange.Record{At: start.Add(at), RequestID: fmt.Sprint(i, "b")})
	}
	if got := ids(t, l, exchange.Filter{}); got != "0 0b 1 1b 2 2b 3 3b 4 4b" {
		t.Error(got)
	}
	first := list(t, l, exchange.Filter{})[0].ID
	if got := ids(t, l, exchange.Filter{After: first, Limit: 3}); got != "3b 4 4b" {
		t.Error(got)
	}
	if got := ids(t, l, exchange.Filter{Since: start.Add(90 * time.Minute)}); got != "3 3b" {
		t.Error(got)
	}
}

func TestFiltersSelect(t *testing.T) {
	l := open(t, newPath(t))
	for _, r := range []exchange.Record{
		{RequestID: "1", Partner: "a", Direction: ocpi.Inbound, Module: ocpi.ModuleLocations, Object: "LOC1/EVSE1", HTTP: 200, Status: 1000},
		{RequestID: "2", Partner: "a", Direction: ocpi.Outbound, Module: ocpi.ModuleLocations, Object: "LOC11", HTTP: 404, Status: 2003},
		{RequestID: "3", Partner: "b", Direction: ocpi.Inbound, Module: ocpi.ModuleTokens, Object: "01***01", HTTP: 201, Status: 1000, CorrelationID: "c"},
		{RequestID: "4", Partner: "b", Direction: ocpi.Outbound, Module: ocpi.ModuleSessions, Object: "***", Error: "timeout"},
		{RequestID: "5", Direction: ocpi.Inbound, HTTP: 401, Status: 2000, CorrelationID: "c"},
		{RequestID: "6", Partner: "a", Direction: ocpi.Inbound, Module: ocpi.ModuleTokens, Object: "***", HTTP: 200, Status: 2001},
		{RequestID: "7", Partner: "a", Direction: ocpi.Outbound, Module: ocpi.ModuleCDRs, HTTP: 200, Status: 1000, Error: "no Location"},
	} {
		r.At = start
		add(t, l, r)
	}
	status := func(texts ...string) (all []exchange.Status) {
		for _, text := range texts {
			s, err := exchange.ParseStatus(text)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, s)
		}
		return all
	}
	for _, c := range []struct {
		name   string
		filter exchange.Filter
		want   string
	}{
		{"all", exchange.Filter{}, "1 2 3 4 5 6 7"},
		{"the newest", exchange.Filter{Limit: 2}, "6 7"},
		{"a partner", exchange.Filter{Partner: "b"}, "3 4"},
		{"a partner that is not there", exchange.Filter{Partner: "B"}, ""},
		{"a direction", exchange.Filter{Direction: ocpi.Outbound}, "2 4 7"},
		{"a module", exchange.Filter{Module: ocpi.ModuleTokens}, "3 6"},
		{"a location with its EVSEs", exchange.Filter{Object: "loc1"}, "1"},
		{"an EVSE", exchange.Filter{Object: "EVSE1"}, "1"},
		{"an EVSE of a location", exchange.Filter{Object: "LOC1/EVSE1"}, "1"},
		{"an id that is a part of one", exchange.Filter{Object: "LOC"}, ""},
		{"a token by its uid", exchange.Filter{Object: "012345678901"}, "3"},
		{"a token as it is shown", exchange.Filter{Object: "01***01"}, "3"},
		{"a short token is one of all short ones", exchange.Filter{Object: "1234", Module: ocpi.ModuleTokens}, "6"},
		{"a short id of another object is not", exchange.Filter{Object: "1234"}, ""},
		{"a wildcard is none", exchange.Filter{Object: "%"}, ""},
		{"a request", exchange.Filter{MessageID: "3"}, "3"},
		{"a correlation", exchange.Filter{MessageID: "c"}, "3 5"},
		{"an HTTP status", exchange.Filter{Status: status("404")}, "2"},
		{"HTTP statuses", exchange.Filter{Status: status("4xx")}, "2 5"},
		{"an OCPI status", exchange.Filter{Status: status("2003")}, "2"},
		{"OCPI statuses", exchange.Filter{Status: status("2xxx")}, "2 5 6"},
		{"several statuses", exchange.Filter{Status: status("201", "2003")}, "2 3"},
		{"what failed", exchange.Filter{Status: status("failed")}, "2 4 5 6 7"},
		{"all at once", exchange.Filter{Partner: "a", Direction: ocpi.Inbound, Module: ocpi.ModuleTokens, Status: status("2xxx"), Since: start}, "6"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := ids(t, l, c.filter); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestBodiesGoBeforeTheRest(t *testing.T) {
	l := open(t, newPath(t))
	for i := range 5000 {
		add(t, l, exchange.Record{At: start.Add(time.Duration(i) * time.Second), Request: "{}", Response: "[]"})
	}
	trimAll(t, l, exchange.Limits{Bodies: start.Add(3000 * time.Second), Records: start.Add(2000 * time.Second), Size: 1 << 30})
	records := list(t, l, exchange.Filter{Bodies: true})
	bodies := slices.IndexFunc(records, func(r exchange.Record) bool { return r.Request != "" || r.Response != "" })
	if len(records) != 3000 || bodies != 1000 || records[bodies].Response != "[]" {
		t.Errorf("%d records, the first with bodies is the %dth", len(records), bodies)
	}
	trimAll(t, l, exchange.Limits{Bodies: start.Add(time.Hour), Records: start.Add(24 * time.Hour), Size: 1 << 30})
	if n := len(list(t, l, exchange.Filter{})); n != 0 {
		t.Errorf("%d records are left", n)
	}
}

// trimAll trims until there is no more, and returns how many steps it took.
func trimAll(t *testing.T, l *sqlitelog.Log, limits exchange.Limits) (steps int) {
	t.Helper()
	for more := true; more; steps++ {
		var err error
		if more, err = l.Trim(t.Context(), limits); err != nil {
			t.Fatal(err)
		}
		if steps > 10_000 {
			t.Fatal("trimming does not end")
		}
	}
	return steps
}

// The file stays within its limit while more comes in, but for what has just come, bodies have half of it, and what is
// kept is the newest.
func TestTheFileStaysWithinItsLimit(t *testing.T) {
	path := newPath(t)
	l := open(t, path)
	limits := exchange.Limits{Size: 4 << 20}
	random := rand.NewChaCha8([32]byte{})
	body := func() string {
		raw := make([]byte, 1500)
		_, _ = random.Read(raw)        // never fails
		return hex.EncodeToString(raw) // of which half is left when it is compressed
	}
	const all = 8000
	for i := 0; i < all; i += 100 {
		var records []exchange.Record
		for j := range 100 {
			records = append(records, exchange.Record{At: start.Add(time.Duration(i+j) * time.Second), RequestID: fmt.Sprint(i + j), URL: strings.Repeat("u", 200), Request: body()})
		}
		add(t, l, records...)
		trimAll(t, l, limits)
		if info, err := os.Stat(path); err != nil || info.Size() > limits.Size+512<<10 {
			t.Fatalf("%v, %d bytes", err, info.Size())
		}
	}
	records := list(t, l, exchange.Filter{Bodies: true})
	withBodies := 0
	for _, r := range records {
		if r.Request != "" {
			withBodies++
		}
	}
	if n := len(records); n < 3000 || records[n-1].RequestID != fmt.Sprint(all-1) || withBodies < 800 || withBodies > 1400 {
		t.Errorf("%d records up to %s, %d with bodies", n, records[n-1].RequestID, withBodies)
	}
	// A limit that is lowered makes the file shorter.
	limits.Size = 1 << 20
	trimAll(t, l, limits)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Size() > limits.Size {
		t.Errorf("%v, %d bytes", err, info.Size())
	}
	l = open(t, path)
	if left := list(t, l, exchange.Filter{}); len(left) == 0 || left[len(left)-1].RequestID != fmt.Sprint(all-1) {
		t.Errorf("%d records are left", len(left))
	}
}

// Messages with callers that nobody knows make room before those with partners do, but for the last ones.
func TestStrangersGoFirst(t *testing.T) {
	l := open(t, newPath(t))
	limits := exchange.Limits{Size: 8 << 20}
	at := start
	fill := func(direction ocpi.Direction, partner string, n int, each time.Duration) {
		for range n / 100 {
			var records []exchange.Record
			for range 100 {
				at = at.Add(each)
				records = append(records, exchange.Record{At: at, Direction: direction, Partner: partner, URL: strings.Repeat("u", 500)})
			}
			add(t, l, records...)
			trimAll(t, l, limits)
		}
	}
	count := func() map[string]int {
		n := map[string]int{}
		for _, r := range list(t, l, exchange.Filter{}) {
			n[fmt.Sprint(r.Direction, r.Partner)]++
		}
		return n
	}
	fill(ocpi.Inbound, "partner", 3000, time.Second)
	fill(ocpi.Outbound, "", 1000, time.Second)
	fill(ocpi.Inbound, "", 30_000, 100*time.Millisecond)
	if n := count(); n["inpartner"] != 3000 || n["out"] != 1000 || n["in"] < 6000 {
		t.Errorf("while strangers call: %v", n)
	}
	fill(ocpi.Inbound, "partner", 12_000, time.Second)
	if n := count(); n["in"] != 0 || n["inpartner"] < 10_000 {
		t.Errorf("in the end: %v", n)
	}
}

// What trimming has freed is given back to the disk at once, and so is what a burst has left beside the file.
func TestTrimmingMakesTheFilesShorter(t *testing.T) {
	path := newPath(t)
	l := open(t, path)
	records := make([]exchange.Record, 3000)
	for i := range records {
		records[i] = exchange.Record{At: start, URL: strings.Repeat("u", 8000)}
	}
	limits := exchange.Limits{Size: 2 << 20}
	for range 2 {
		add(t, l, records...)
		trimAll(t, l, limits)
		for file, most := range map[string]int64{path: limits.Size, path + "-wal": 16 << 20} {
			if info, err := os.Stat(file); err != nil || info.Size() > most {
				t.Errorf("%s: %v, %d bytes", filepath.Base(file), err, info.Size())
			}
		}
	}
	// Somebody who reads is not waited for.
	reader, err := sqlite3.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	if err := reader.Exec(`BEGIN; SELECT count(*) FROM exchange`); err != nil {
		t.Fatal(err)
	}
	add(t, l, records...)
	begun := time.Now()
	trimAll(t, l, limits)
	if took := time.Since(begun); took > 4*time.Second {
		t.Errorf("it took %s", took)
	}
	if err := reader.Exec(`COMMIT`); err != nil {
		t.Fatal(err)
	}
	add(t, l, exchange.Record{At: start})
	trimAll(t, l, limits)
	if info, err := os.Stat(path); err != nil || info.Size() > limits.Size {
		t.Errorf("%v, %d bytes", err, info.Size())
	}
}

func TestARestartGoesOnWhereItStopped(t *testing.T) {
	path := newPath(t)
	openLog := func(ctx context.Context) (exchange.Log, error) { return sqlitelog.Open(ctx, path) }
	for round := range 3 {
		r := exchange.New(openLog, exchange.Settings{}, exchange.Options{})
		r.Observe(t.Context(), ocpi.Exchange{At: time.Now(), RequestID: fmt.Sprint(round)})
		if err := r.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	l, err := sqlitelog.OpenReader(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if got := ids(t, l, exchange.Filter{}); got != "0 1 2" {
		t.Error(got)
	}
	if err := l.Append(t.Context(), []exchange.Record{{}}); err == nil {
		t.Error("a reader writes")
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, others may read the file: %s", err, info.Mode())
	}
}

func TestFilesThatCannotBeUsed(t *testing.T) {
	database := func(sql string) func(*testing.T, string) {
		return func(t *testing.T, path string) {
			c, err := sqlite3.Open(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := errors.Join(c.Exec(sql), c.Close()); err != nil {
				t.Fatal(err)
			}
		}
	}
	newer := func(t *testing.T, path string) {
		l := open(t, path)
		add(t, l, exchange.Record{At: start})
		database(`PRAGMA user_version = 9`)(t, path)
	}
	for _, c := range []struct {
		name string
		make func(*testing.T, string)
		is   error
		want string
	}{
		{"a newer format", newer, store.ErrNewerFormat, "the data was written by a newer version of this program: the exchange log has format 9 and this program knows formats up to 1"},
		{"a database of another program", database(`CREATE TABLE x (y)`), nil, "another program"},
		{"the node's data", database(`PRAGMA application_id = 0x524f414d; CREATE TABLE x (y)`), nil, "another program"},
		{"no database", func(t *testing.T, path string) {
			if err := os.WriteFile(path, []byte(strings.Repeat("no database ", 1000)), 0o600); err != nil {
				t.Fatal(err)
			}
		}, sqlite3.NOTADB, "move it away"},
		{"a folder that is not there", func(t *testing.T, path string) {
			if err := os.Remove(filepath.Dir(path)); err != nil {
				t.Fatal(err)
			}
		}, fs.ErrNotExist, path404},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := newPath(t)
			c.make(t, path)
			for name, open := range map[string]func(context.Context, string) (*sqlitelog.Log, error){"to write": sqlitelog.Open, "to read": sqlitelog.OpenReader} {
				l, err := open(t.Context(), path)
				if err == nil {
					l.Close()
				}
				if err == nil || !strings.Contains(err.Error(), c.want) || c.is != nil && !errors.Is(err, c.is) {
					t.Errorf("opened %s: %v", name, err)
				}
			}
		})
	}
	if _, err := sqlitelog.OpenReader(t.Context(), newPath(t)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("there is no file: %v", err)
	}
}

const path404 = "no such file"

// Somebody removes the file while the node runs: a new one is begun, and the exchanges are in it.
func TestAFileThatIsRemovedIsMadeAnew(t *testing.T) {
	path := newPath(t)
	openLog := func(ctx context.Context) (exchange.Log, error) { return sqlitelog.Open(ctx, path) }
	r := exchange.New(openLog, exchange.Settings{}, exchange.Options{Logger: quiet()})
	r.Start()
	r.Observe(t.Context(), ocpi.Exchange{At: time.Now(), RequestID: "first"})
	waitFor(t, func() bool { return r.Recorded() == 1 })
	for _, suffix := range []string{"", "-wal", "-shm"} {
		_ = os.Remove(path + suffix) // some are not there
	}
	waitFor(t, func() bool {
		r.Observe(t.Context(), ocpi.Exchange{At: time.Now(), RequestID: "later"})
		_, err := os.Stat(path)
		return err == nil
	})
	if err := r.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := ids(t, open(t, path), exchange.Filter{Limit: 1}); got != "later" {
		t.Error(got)
	}
}

func waitFor(t *testing.T, done func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !done(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("it does not happen")
		}
	}
}

// A log that another process holds locked is waited for, and what does not fit into the queue meanwhile is counted.
func TestALockedFileIsWrittenLater(t *testing.T) {
	path := newPath(t)
	open(t, path)
	other, err := sqlite3.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if err := other.Exec(`BEGIN IMMEDIATE`); err != nil {
		t.Fatal(err)
	}
	openLog := func(ctx context.Context) (exchange.Log, error) { return sqlitelog.Open(ctx, path) }
	r := exchange.New(openLog, exchange.Settings{}, exchange.Options{Logger: quiet()})
	for range 20_000 {
		r.Observe(t.Context(), ocpi.Exchange{At: time.Now()})
	}
	time.Sleep(100 * time.Millisecond)
	if r.Recorded() != 0 || r.Dropped() < 10_000 {
		t.Errorf("%d recorded, %d dropped", r.Recorded(), r.Dropped())
	}
	if err := other.Exec(`COMMIT`); err != nil {
		t.Fatal(err)
	}
	if err := r.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := len(list(t, open(t, path), exchange.Filter{})); int64(n) != r.Recorded() || r.Recorded()+r.Dropped() != 20_000 || n < 2048 {
		t.Errorf("%d recorded of which %d are there, %d dropped", r.Recorded(), n, r.Dropped())
	}
}

// A context that ends interrupts a write that waits.
func TestAWaitingWriteCanBeInterrupted(t *testing.T) {
	path := newPath(t)
	l := open(t, path)
	other, err := sqlite3.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if err := other.Exec(`BEGIN IMMEDIATE`); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	begun := time.Now()
	if err := l.Append(ctx, []exchange.Record{{At: start}}); err == nil || time.Since(begun) > 2*time.Second {
		t.Errorf("%v after %s", err, time.Since(begun))
	}
	if err := other.Exec(`COMMIT`); err != nil {
		t.Fatal(err)
	}
	add(t, l, exchange.Record{At: start, RequestID: "after"})
	if got := ids(t, l, exchange.Filter{}); got != "after" {
		t.Error(got)
	}
}

// childPath is set in the environment of the process that writes beside this one.
const childPath = "ROAMWIRE_TEST_RECORD_TO"

// Two processes record into one file, as a node and a command beside it do, while this one reads: every record is there
// once, and a reader that goes on after the last it has seen misses none.
func TestProcessesShareTheFile(t *testing.T) {
	const each = 3000
	if path := os.Getenv(childPath); path != "" {
		recordMany(t, path, each)
		return
	}
	path := newPath(t)
	open(t, path)
	done := make(chan error, 2)
	for range 2 {
		child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$")
		child.Env = append(os.Environ(), childPath+"="+path)
		go func() {
			out, err := child.CombinedOutput()
			if err != nil {
				err = fmt.Errorf("%w: %s", err, out)
			}
			done <- err
		}()
	}
	reader, err := sqlitelog.OpenReader(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	seen, last := map[string]bool{}, int64(0)
	for running := 2; running > 0 || len(seen) < 2*each; {
		for _, r := range list(t, reader, exchange.Filter{After: last}) {
			if seen[r.RequestID] || r.ID <= last {
				t.Fatalf("%s is there twice", r.RequestID)
			}
			seen[r.RequestID], last = true, r.ID
		}
		select {
		case err := <-done:
			if err != nil {
				t.Fatal(err)
			}
			running--
		default:
			if running == 0 && len(list(t, reader, exchange.Filter{After: last})) == 0 && len(seen) < 2*each {
				t.Fatalf("the reader has seen %d of %d", len(seen), 2*each)
			}
		}
	}
}

func recordMany(t *testing.T, path string, n int) {
	openLog := func(ctx context.Context) (exchange.Log, error) { return sqlitelog.Open(ctx, path) }
	r := exchange.New(openLog, exchange.Settings{}, exchange.Options{})
	for i := range n {
		r.Observe(t.Context(), ocpi.Exchange{At: time.Now(), RequestID: fmt.Sprintf("%d-%d", os.Getpid(), i)})
		if i%50 == 0 {
			time.Sleep(10 * time.Millisecond)
		}
	}
	if err := r.Close(t.Context()); err != nil || r.Dropped() > 0 {
		t.Fatalf("%v, %d dropped", err, r.Dropped())
	}
}
