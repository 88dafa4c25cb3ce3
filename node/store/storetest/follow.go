package storetest

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/roamwire/roamwire/node/store"
	"github.com/roamwire/roamwire/ocpi"
)

// A site is the body of a location whose parts can be told apart. Every number in it only grows.
type site struct {
	Name  int
	EVSEs map[string]charger
}

type charger struct {
	Status, Rest int
	Connectors   map[string]int
}

// A follower is what somebody knows who reads the feed and believes what it says of parts.
type follower struct {
	cursor  int64
	sites   map[store.Key]site
	changes map[store.Key]int64
}

func newFollower() *follower {
	return &follower{sites: map[store.Key]site{}, changes: map[store.Key]int64{}}
}

// read reads on, and reports whether there may be more.
func (f *follower) read(t *testing.T, home Home, limit int) (more bool) {
	t.Helper()
	feed := changes(t, home, ownLocations, f.cursor, limit)
	if len(feed.Changes) > limit || feed.Next < f.cursor || feed.Next == f.cursor && len(feed.Changes) > 0 {
		t.Fatalf("after %d, limit %d: %d changes, next %d", f.cursor, limit, len(feed.Changes), feed.Next)
	}
	once := map[store.Key]bool{}
	for _, c := range feed.Changes {
		if once[c.Key] {
			t.Errorf("%s is there twice in one stretch", c.ID)
		}
		once[c.Key] = true
		if c.Change <= f.cursor || c.Change < f.changes[c.Key] {
			t.Errorf("%s: change %d came after change %d and cursor %d", c.ID, c.Change, f.changes[c.Key], f.cursor)
		}
		f.changes[c.Key] = c.Change
		if err := f.take(c); err != nil {
			t.Errorf("%s, change %d: %v", c.ID, c.Change, err)
		}
	}
	f.cursor = feed.Next
	return len(feed.Changes) == limit
}

// take does what a change says, and no more.
func (f *follower) take(c store.Change) error {
	if c.Removed {
		delete(f.sites, c.Key)
		return nil
	}
	var now site
	if err := json.Unmarshal(c.Body, &now); err != nil {
		return err
	}
	known, ok := f.sites[c.Key]
	if c.Parts == nil {
		f.sites[c.Key] = now
		return nil
	}
	if !ok {
		return fmt.Errorf("parts %v of what never came as a whole", c.Parts)
	}
	for _, p := range c.Parts {
		evse, ok := known.EVSEs[p.EVSE]
		switch {
		case p.Connector != "" && ok:
			evse.Connectors[p.Connector] = now.EVSEs[p.EVSE].Connectors[p.Connector]
		case p.Status && ok:
			evse.Status = now.EVSEs[p.EVSE].Status
		case p.Connector == "" && !p.Status:
			evse = now.EVSEs[p.EVSE]
		default:
			return fmt.Errorf("part %v of an EVSE that never came as a whole", p)
		}
		known.EVSEs[p.EVSE] = evse
	}
	return nil
}

// check compares what the follower knows with what is there.
func (f *follower) check(t *testing.T, home Home) {
	t.Helper()
	for f.read(t, home, 10) {
	}
	want := map[store.Key]site{}
	for _, o := range follow(t, home, ownLocations, ocpi.Query{Limit: 100}) {
		var s site
		if err := json.Unmarshal(o.Body, &s); err != nil {
			t.Fatal(err)
		}
		want[o.Key] = s
	}
	equal(t, "what is known from the feed", f.sites, want)
}

// A builder changes a few locations of its own.
type builder struct {
	random *rand.Rand
	name   string
	sites  map[string]site
	step   int
}

// write makes some changes in one transaction, which sometimes fails in the end.
func (b *builder) write(t *testing.T, home Home) error {
	before := maps.Clone(b.sites)
	fails := b.random.IntN(8) == 0
	err := home.Write(t.Context(), func(tx store.Tx) error {
		for range 1 + b.random.IntN(3) {
			if err := b.change(tx); err != nil {
				return err
			}
		}
		if fails {
			return errTest
		}
		return nil
	})
	if fails {
		b.sites = before
		if err == errTest { //nolint:errorlint // it is returned as it is
			return nil
		}
		return fmt.Errorf("a write that fails: %w", err)
	}
	return err
}

func (b *builder) change(tx store.Tx) error {
	b.step++
	id := fmt.Sprint(b.name, b.random.IntN(4))
	o := location(id)
	s, ok := b.sites[id]
	switch what := b.random.IntN(10); {
	case !ok || what == 0:
		s = site{Name: b.step, EVSEs: map[string]charger{}}
		for _, uid := range []string{"1", "2", "3"} {
			s.EVSEs[uid] = b.charger()
		}
	case what == 1:
		delete(b.sites, id)
		return tx.Delete(o.Key)
	default:
		s, o.Touched = b.touch(s)
	}
	b.sites[id] = s
	var err error
	if o.Body, err = json.Marshal(s); err != nil {
		return err
	}
	_, err = tx.Put(o)
	return err
}

// touch changes one or two parts of a copy of a site.
func (b *builder) touch(s site) (site, []store.Part) {
	s.EVSEs = maps.Clone(s.EVSEs)
	var touched []store.Part
	for range 1 + b.random.IntN(2) {
		part := store.Part{EVSE: fmt.Sprint(1 + b.random.IntN(4))}
		c, known := s.EVSEs[part.EVSE]
		switch what := b.random.IntN(4); {
		case !known || what == 0:
			c = b.charger()
		case what == 1:
			part.Connector = fmt.Sprint(1 + b.random.IntN(2))
			c.Connectors = maps.Clone(c.Connectors)
			c.Connectors[part.Connector] = b.step
		default:
			part.Status = true
			c.Status = b.step
		}
		s.EVSEs[part.EVSE] = c
		touched = append(touched, part)
	}
	return s, touched
}

func (b *builder) charger() charger {
	return charger{Status: b.step, Rest: b.step, Connectors: map[string]int{"1": b.step, "2": b.step}}
}

// followBesideWriters reads the feed through both doors while writers come in through both.
func followBesideWriters(t *testing.T, home, other Home) {
	const writers, writes = 3, 40
	var group sync.WaitGroup
	for door, through := range map[string]Home{"home ": home, "other ": other} {
		for w := range writers {
			b := &builder{random: rand.New(rand.NewPCG(uint64(w), uint64(len(door)))), name: fmt.Sprint(door, w, " "), sites: map[string]site{}}
			group.Go(func() {
				for range writes {
					if err := b.write(t, through); err != nil {
						t.Errorf("writer %s: %v", b.name, err)
						return
					}
				}
			})
		}
	}
	written := make(chan struct{})
	go func() { group.Wait(); close(written) }()
	defer group.Wait()

	one, two := newFollower(), newFollower()
	for limit := 1; ; limit = limit%9 + 1 {
		one.read(t, home, limit)
		two.read(t, other, 10-limit)
		select {
		case <-written:
			one.check(t, other)
			two.check(t, home)
			return
		default:
		}
	}
}

// runningTransaction reads the feed while one transaction has made changes and not ended, and another wants to.
func runningTransaction(t *testing.T, home, other Home) {
	put(t, home, location("gone"), location("touched"))
	start := changes(t, home, ownLocations, 0, 9).Next
	made, end := make(chan struct{}), make(chan struct{})
	slow, fast := make(chan error, 1), make(chan error, 1)
	go func() {
		slow <- home.Write(t.Context(), func(tx store.Tx) error {
			defer close(made)
			if _, err := tx.Put(location("slow")); err != nil {
				return err
			}
			touched := location("touched")
			touched.Touched = []store.Part{{EVSE: "1"}}
			if _, err := tx.Put(touched); err != nil {
				return err
			}
			if err := tx.Delete(location("gone").Key); err != nil {
				return err
			}
			made <- struct{}{}
			<-end
			return nil
		})
	}()
	<-made
	go func() {
		fast <- other.Write(t.Context(), func(tx store.Tx) error {
			_, err := tx.Put(location("fast"))
			return err
		})
	}()

	seen := map[Home]map[string]bool{home: {}, other: {}}
	cursors := map[Home]int64{home: start, other: start}
	read := func() {
		for door := range seen {
			feed := changes(t, door, ownLocations, cursors[door], 9)
			cursors[door] = feed.Next
			for _, c := range feed.Changes {
				seen[door][c.ID] = true
			}
		}
	}
	for until := time.Now().Add(100 * time.Millisecond); time.Now().Before(until); {
		read()
	}
	if seen[home]["slow"] || seen[other]["slow"] {
		t.Error("the feed has what is not committed")
	}
	close(end)
	wantError(t, "the slow write", <-slow, nil)
	wantError(t, "the fast write", <-fast, nil)
	read()
	for _, got := range seen {
		equal(t, "seen", got, map[string]bool{"slow": true, "fast": true, "gone": true, "touched": true})
	}
}
