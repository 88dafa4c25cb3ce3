package pull_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/roamwire/roamwire/node/pull"
	"github.com/roamwire/roamwire/node/store"
	"github.com/roamwire/roamwire/node/store/sqlite"
	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/ocpiclient"
)

var (
	them  = ocpi.NewParty("NL", "GRP")
	start = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
)

const grenspaal = "grenspaal"

// A shelf is a Taker whose lists are written down page by page, and which keeps what it takes in a real home.
type shelf struct {
	db *sqlite.DB

	mu sync.Mutex
	// list answers a query with pages, and an error after them.
	list    func(ocpi.Query) ([]pull.Page, error)
	queries []ocpi.Query
	// removed is what was, in so many calls.
	removed  []string
	removals int
	// refuse is the error of each removal.
	refuse error
}

func (s *shelf) Pages(ctx context.Context, _ *ocpiclient.Client, _ *ocpi.Partner, q ocpi.Query, each func(pull.Page) error) error {
	s.mu.Lock()
	s.queries = append(s.queries, q)
	pages, failure := s.list(q)
	s.mu.Unlock()
	for _, page := range pages {
		if err := s.put(ctx, page.Keys...); err != nil {
			return err
		}
		if err := each(page); err != nil {
			return err
		}
	}
	return failure
}

// answer changes what the list answers from now on.
func (s *shelf) answer(list func(ocpi.Query) ([]pull.Page, error)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.list = list
}

func (s *shelf) Remove(_ context.Context, _ *ocpi.Partner, key store.Key, evses []string, _ time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.removals++
	if s.refuse == nil {
		s.removed = append(s.removed, key.ID+strings.Join(evses, " "))
	}
	return s.refuse
}

func (s *shelf) put(ctx context.Context, keys ...store.Key) error {
	return s.db.Write(ctx, func(tx store.Tx) error {
		for _, key := range keys {
			if _, err := tx.Put(store.Object{Key: key, Body: []byte(`{}`), LastUpdated: start}); err != nil {
				return err
			}
		}
		return nil
	})
}

// names are what was removed.
func (s *shelf) names() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Sorted(slices.Values(s.removed))
}

// A rig is a Puller over a shelf, with one partner.
type rig struct {
	*shelf
	*pull.Puller
	partner pull.Partner
	// now is the time; zero for that of the clock.
	now time.Time
	log bytes.Buffer
}

func newRig(t *testing.T, list func(ocpi.Query) ([]pull.Page, error)) *rig {
	t.Helper()
	return newRigAt(t, start, list)
}

// newRigAt is a rig at a time; zero for that of the clock.
func newRigAt(t *testing.T, now time.Time, list func(ocpi.Query) ([]pull.Page, error)) *rig {
	t.Helper()
	db, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "data"), sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	r := &rig{shelf: &shelf{db: db, list: list}, now: now}
	r.partner = pull.Partner{
		Partner: &ocpi.Partner{ID: grenspaal, Roles: []ocpi.PartyRole{{Role: ocpi.RoleCPO, Party: them}}},
		Modules: []ocpi.ModuleID{ocpi.ModuleTariffs},
	}
	r.Puller = r.another(func(*pull.Config) {})
	return r
}

// another is a Puller beside the rig's, with the same home and the same partner.
func (r *rig) another(change func(*pull.Config)) *pull.Puller {
	config := pull.Config{
		Store: r.db, Holder: "test", Takers: map[ocpi.ModuleID]pull.Taker{ocpi.ModuleTariffs: r.shelf},
		Partners: func(context.Context) ([]pull.Partner, error) { return []pull.Partner{r.partner}, nil },
		Client:   func(context.Context, string) (*ocpiclient.Client, error) { return nil, nil },
		Logger:   slog.New(slog.NewTextHandler(&r.log, nil)), Now: r.clock,
	}
	change(&config)
	return pull.New(config)
}

func (r *rig) clock() time.Time {
	if r.now.IsZero() {
		return time.Now()
	}
	return r.now
}

// asked is the last query, and how many there were.
func (r *rig) asked() (last ocpi.Query, n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if n = len(r.queries); n > 0 {
		last = r.queries[n-1]
	}
	return last, n
}

// delta pulls what is new.
func (r *rig) delta(t *testing.T) (pull.State, error) {
	t.Helper()
	return r.Pull(t.Context(), grenspaal, ocpi.ModuleTariffs, false, nil)
}

// full pulls everything, which must be complete.
func (r *rig) full(t *testing.T) pull.State {
	t.Helper()
	state, err := r.Pull(t.Context(), grenspaal, ocpi.ModuleTariffs, true, nil)
	if err != nil {
		t.Fatal(err)
	}
	return state
}

func key(id string) store.Key {
	return store.Key{Module: ocpi.ModuleTariffs, Source: grenspaal, Party: them, ID: id}
}

// page is a page with objects T<from> up to and without T<to>, of a list of that many.
func page(total, from, to int) pull.Page {
	p := pull.Page{Position: from, Total: total, Objects: to - from, Newest: start.Add(-time.Hour), Oldest: start.Add(-time.Hour)}
	for i := from; i < to; i++ {
		p.Keys = append(p.Keys, key(fmt.Sprintf("T%d", i)))
	}
	return p
}

func always(pages ...pull.Page) func(ocpi.Query) ([]pull.Page, error) {
	return func(ocpi.Query) ([]pull.Page, error) { return pages, nil }
}
