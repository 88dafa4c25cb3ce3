package sqlitelog

import (
	"context"
	"io"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/roamwire/roamwire/node/exchange"
	"github.com/roamwire/roamwire/ocpi"
)

// A disk that is full for a while costs exchanges and nothing else: SQLite is told that the file may not grow.
func TestAFullDiskIsRecoveredFrom(t *testing.T) {
	path := filepath.Join(t.TempDir(), "exchanges.db")
	var mu sync.Mutex
	full := true
	open := func(ctx context.Context) (exchange.Log, error) {
		l, err := Open(ctx, path)
		mu.Lock()
		defer mu.Unlock()
		if err == nil && full {
			err = l.conn.Exec(`PRAGMA max_page_count = 20`)
		}
		return l, err
	}
	var said strings.Builder
	r := exchange.New(open, exchange.Settings{}, exchange.Options{Logger: slog.New(slog.NewTextHandler(io.Writer(&said), nil))})
	record := func() {
		r.Observe(t.Context(), ocpi.Exchange{At: time.Now(), URL: "/" + strings.Repeat("x", 4000)})
	}
	for end := time.Now().Add(20 * time.Second); r.Dropped() == 0 && time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		record()
	}
	if r.Dropped() == 0 {
		t.Fatal("the disk is not full")
	}
	mu.Lock()
	full = false
	mu.Unlock()
	before := r.Recorded()
	for end := time.Now().Add(20 * time.Second); r.Recorded() < before+10 && time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		record()
	}
	if err := r.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if r.Recorded() < before+10 {
		t.Errorf("nothing is recorded after the disk has room again: %s", said.String())
	}
	if !strings.Contains(said.String(), "the disk is full") || !strings.Contains(said.String(), "recorded again") {
		t.Error(said.String())
	}
	l, err := Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if n, err := l.number(`SELECT count(*) FROM exchange`); err != nil || n != r.Recorded() {
		t.Errorf("%d are there, %d were recorded; %v", n, r.Recorded(), err)
	}
}
