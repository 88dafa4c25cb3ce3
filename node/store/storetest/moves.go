package storetest

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/roamwire/roamwire/node/store"
	"github.com/roamwire/roamwire/ocpi"
)

var moveTests = []test{
	{name: "a lane is what was saved last", run: func(t *testing.T, home Home) {
		_, err := home.Lane(t.Context(), "p", ocpi.ModuleLocations)
		wantError(t, "Lane", err, store.ErrNotFound)
		lanes, err := home.Lanes(t.Context())
		wantError(t, "Lanes", err, nil)
		nothing(t, "no lanes", lanes)
		saveLane(t, home, lane("q", ocpi.ModuleTariffs, 3), nil, nil)
		saveLane(t, home, lane("p", ocpi.ModuleTariffs, 2), nil, nil)
		saveLane(t, home, lane("p", ocpi.ModuleLocations, 1), nil, nil)
		last := lane("p", ocpi.ModuleTariffs, 1<<40)
		last.State = nil
		saveLane(t, home, last, nil, nil)
		got, err := home.Lane(t.Context(), "p", ocpi.ModuleTariffs)
		wantError(t, "Lane", err, nil)
		equal(t, "lane", got, last)
		lanes, err = home.Lanes(t.Context())
		wantError(t, "Lanes", err, nil)
		equal(t, "lanes by partner and module", lanes, []store.Lane{lane("p", ocpi.ModuleLocations, 1), last, lane("q", ocpi.ModuleTariffs, 3)})
	}},
	{name: "a lane is saved with its deliveries", run: func(t *testing.T, home Home) {
		a, b, c := delivery("p", location("a").Key), delivery("p", location("b").Key), delivery("p", location("c").Key)
		a.Held, a.Due = true, noon
		b.Sent = 7
		saveLane(t, home, lane("p", ocpi.ModuleLocations, 1), []store.Delivery{a, b}, nil)
		equal(t, "a", deliveryOf(t, home, "p", a.Key), a)
		equal(t, "b", deliveryOf(t, home, "p", b.Key), b)
		b.Sent, b.State = 9, nil
		saveLane(t, home, lane("p", ocpi.ModuleLocations, 2), []store.Delivery{b, c}, []store.Key{a.Key, location("none").Key})
		noDelivery(t, home, "p", a.Key)
		equal(t, "b, kept again", deliveryOf(t, home, "p", b.Key), b)
		equal(t, "c", deliveryOf(t, home, "p", c.Key), c)
		noDelivery(t, home, "q", b.Key)
		noDelivery(t, home, "p", object(ocpi.ModuleTariffs, abc, "b").Key)
		noDelivery(t, home, "p", object(ocpi.ModuleLocations, xyz, "b").Key)
	}},
	{name: "who sees a cursor finds the deliveries that were saved with it", two: func(t *testing.T, home, other Home) {
		key := location("a").Key
		const saves = 40
		saved := make(chan error, 1)
		go func() {
			for n := range int64(saves) {
				d := delivery("p", key)
				d.Sent = n
				if err := home.SaveLane(t.Context(), lane("p", ocpi.ModuleLocations, n), []store.Delivery{d}, nil); err != nil {
					saved <- err
					return
				}
			}
			saved <- nil
		}()
		for last := int64(-1); last < saves-1; {
			select {
			case err := <-saved:
				wantError(t, "SaveLane", err, nil)
				saved = nil
			default:
			}
			l, err := other.Lane(t.Context(), "p", ocpi.ModuleLocations)
			if errors.Is(err, store.ErrNotFound) {
				continue
			}
			wantError(t, "Lane", err, nil)
			d := deliveryOf(t, other, "p", key)
			if l.Cursor < last || d.Sent < l.Cursor {
				t.Fatalf("the cursor was %d and is %d, what was sent %d", last, l.Cursor, d.Sent)
			}
			if saved == nil && l.Cursor < saves-1 {
				t.Fatalf("the last cursor is %d", l.Cursor)
			}
			last = l.Cursor
		}
	}},
	{name: "the delivery of a token is one of its type", run: func(t *testing.T, home Home) {
		rfid, other := delivery("p", token("1", "RFID").Key), delivery("p", token("1", "OTHER").Key)
		rfid.Sent, other.Sent = 1, 2
		keepDelivery(t, home, rfid)
		keepDelivery(t, home, other)
		equal(t, "RFID", deliveryOf(t, home, "p", rfid.Key), rfid)
		equal(t, "OTHER", deliveryOf(t, home, "p", other.Key), other)
	}},
	{name: "what is held can be changed by somebody else, and its lane is told", two: func(t *testing.T, home, other Home) {
		a, b, sent := delivery("p", location("a").Key), delivery("p", location("b").Key), delivery("p", location("sent").Key)
		a.Held, b.Held = true, true
		for _, d := range []store.Delivery{a, b, sent} {
			keepDelivery(t, home, d)
		}
		later := func(d *store.Delivery) error { d.Due = noon; return nil }
		n, err := other.ChangeHeld(t.Context(), "p", ocpi.ModuleLocations, "a", later)
		wantError(t, "ChangeHeld", err, nil)
		equal(t, "changed by id", n, 1)
		a.Due = noon
		equal(t, "a", deliveryOf(t, home, "p", a.Key), a)
		equal(t, "b", deliveryOf(t, home, "p", b.Key), b)
		n, err = other.ChangeHeld(t.Context(), "p", "", "", func(d *store.Delivery) error { d.Held = false; return nil })
		wantError(t, "ChangeHeld", err, nil)
		equal(t, "all that were held", n, 2)
		nothing(t, "nothing is held", heldOf(t, home, "p"))
		broken := errors.New("broken")
		late := lane("p", ocpi.ModuleLocations, 1)
		wantError(t, "SaveLane by who does not know of that", home.SaveLane(t.Context(), late, []store.Delivery{a}, nil), store.ErrNudged)
		nothing(t, "still nothing is held", heldOf(t, home, "p"))
		late.Nudge = 2
		saveLane(t, home, late, []store.Delivery{b}, nil)
		_, err = other.ChangeHeld(t.Context(), "p", "", "", func(d *store.Delivery) error { d.Sent = 99; return broken })
		wantError(t, "ChangeHeld that fails", err, broken)
		equal(t, "nothing changed", deliveryOf(t, home, "p", b.Key), b)
		got, err := home.Lane(t.Context(), "p", ocpi.ModuleLocations)
		wantError(t, "Lane", err, nil)
		equal(t, "nudges", got.Nudge, int64(2))
	}},
	{name: "held deliveries come by when they are due, those that wait for a person last", run: func(t *testing.T, home Home) {
		held := func(id string, due time.Time) store.Delivery {
			d := delivery("p", location(id).Key)
			d.Held, d.Due = true, due
			return d
		}
		late, early, person, second := held("late", noon.Add(time.Hour)), held("early", noon), held("person", time.Time{}), held("second", noon.Add(time.Microsecond))
		sent := delivery("p", location("sent").Key)
		elsewhere := held("elsewhere", noon)
		elsewhere.Partner = "q"
		tariff := held("tariff", noon)
		tariff.Key.Module = ocpi.ModuleTariffs
		for _, d := range []store.Delivery{person, late, sent, second, elsewhere, early, tariff} {
			keepDelivery(t, home, d)
		}
		equal(t, "held", heldOf(t, home, "p"), []store.Delivery{early, second, late, person})
		early.Held, early.Due = false, time.Time{}
		person.Due = noon
		keepDelivery(t, home, early)
		keepDelivery(t, home, person)
		equal(t, "held after some changes", heldOf(t, home, "p"), []store.Delivery{person, second, late})
		nothing(t, "held for nobody", heldOf(t, home, "nobody"))
	}},
	{name: "a lane is removed with its deliveries and no others", run: func(t *testing.T, home Home) {
		mine, tariff, theirs := delivery("p", location("a").Key), delivery("p", object(ocpi.ModuleTariffs, abc, "a").Key), delivery("q", location("a").Key)
		saveLane(t, home, lane("p", ocpi.ModuleLocations, 1), []store.Delivery{mine}, nil)
		saveLane(t, home, lane("p", ocpi.ModuleTariffs, 2), []store.Delivery{tariff}, nil)
		saveLane(t, home, lane("q", ocpi.ModuleLocations, 3), []store.Delivery{theirs}, nil)
		for range 2 { // there is no harm in removing what is not there
			wantError(t, "RemoveLane", home.RemoveLane(t.Context(), "p", ocpi.ModuleLocations), nil)
		}
		lanes, err := home.Lanes(t.Context())
		wantError(t, "Lanes", err, nil)
		equal(t, "lanes", lanes, []store.Lane{lane("p", ocpi.ModuleTariffs, 2), lane("q", ocpi.ModuleLocations, 3)})
		noDelivery(t, home, "p", mine.Key)
		equal(t, "of another module", deliveryOf(t, home, "p", tariff.Key), tariff)
		equal(t, "of another partner", deliveryOf(t, home, "q", theirs.Key), theirs)
	}},
	{name: "a pull is what was saved last", run: func(t *testing.T, home Home) {
		_, err := home.Pull(t.Context(), "p", ocpi.ModuleLocations)
		wantError(t, "Pull", err, store.ErrNotFound)
		nothing(t, "no pulls", pulls(t, home))
		one, two, three := pull("p", ocpi.ModuleLocations), pull("p", ocpi.ModuleTariffs), pull("o", ocpi.ModuleTariffs)
		for _, p := range []store.Pull{two, one, three} {
			savePull(t, home, p)
		}
		one.State = []byte("later")
		savePull(t, home, one)
		equal(t, "pulls by partner and module", pulls(t, home), []store.Pull{three, one, two})
		got, err := home.Pull(t.Context(), "p", ocpi.ModuleLocations)
		wantError(t, "Pull", err, nil)
		equal(t, "pull", got, one)
	}},
	{name: "what is missing is kept and forgotten by object and EVSE", run: func(t *testing.T, home Home) {
		key := location("a").Key
		key.Source = "p"
		whole, evse := store.Missing{Key: key, Pulls: 1, Since: noon}, store.Missing{Key: key, EVSE: "1", Pulls: 2, Since: noon.Add(time.Second)}
		typed := store.Missing{Key: token("1", "OTHER").Key, Pulls: 1}
		typed.Key.Source = "p"
		theirs := whole
		theirs.Key.Source = "q"
		changeMissing(t, home, []store.Missing{whole, evse, typed, theirs}, nil)
		equal(t, "locations of p", missing(t, home, "p", ocpi.ModuleLocations), []store.Missing{whole, evse})
		equal(t, "tokens of p", missing(t, home, "p", ocpi.ModuleTokens), []store.Missing{typed})
		equal(t, "locations of q", missing(t, home, "q", ocpi.ModuleLocations), []store.Missing{theirs})
		nothing(t, "tariffs of p", missing(t, home, "p", ocpi.ModuleTariffs))
		evse.Pulls++
		forgotten := store.Missing{Key: key}
		changeMissing(t, home, []store.Missing{evse}, []store.Missing{forgotten, {Key: location("none").Key}})
		equal(t, "later", missing(t, home, "p", ocpi.ModuleLocations), []store.Missing{evse})
		changeMissing(t, home, []store.Missing{whole}, []store.Missing{whole})
		equal(t, "forgotten and kept in one go", missing(t, home, "p", ocpi.ModuleLocations), []store.Missing{whole, evse})
	}},
	{name: "what is kept under a lease that was lost is not kept", two: func(t *testing.T, home, other Home) {
		mine := store.Lease{Name: "n", Holder: "one", Until: noon.Add(time.Minute)}
		theirs := store.Lease{Name: "n", Holder: "two", Until: noon.Add(time.Hour)}
		gone := []store.Missing{{Key: location("a").Key, Pulls: 1, Since: noon}}
		gone[0].Key.Source = "p"
		keeps := func(what string, want error) {
			t.Helper()
			wantError(t, what+": SavePull", home.SavePull(t.Context(), pull("p", ocpi.ModuleLocations), mine), want)
			wantError(t, what+": ChangeMissing", home.ChangeMissing(t.Context(), gone, nil, mine), want)
		}
		keeps("before it was taken", store.ErrLeased)
		nothing(t, "no pulls", pulls(t, home))
		nothing(t, "nothing missing", missing(t, home, "p", ocpi.ModuleLocations))
		wantError(t, "Lease", home.Lease(t.Context(), mine, noon), nil)
		keeps("while it holds", nil)
		wantError(t, "Lease of another", other.Lease(t.Context(), theirs, noon.Add(2*time.Minute)), nil)
		keeps("after another has it", store.ErrLeased)
		wantError(t, "Release", other.Release(t.Context(), "n", "two"), nil)
		keeps("after another had it", store.ErrLeased)
	}},
	{name: "a partner is removed with all that moved, and one of the same name begins anew", run: func(t *testing.T, home Home) {
		move := func(name string) {
			key := location("a").Key
			saveLane(t, home, lane(name, ocpi.ModuleLocations, 5), []store.Delivery{delivery(name, key)}, nil)
			savePull(t, home, pull(name, ocpi.ModuleLocations))
			key.Source = name
			changeMissing(t, home, []store.Missing{{Key: key, Pulls: 1, Since: noon}}, nil)
		}
		count := func(name string) (n int) {
			if _, err := home.Lane(t.Context(), name, ocpi.ModuleLocations); err == nil {
				n++
			}
			if _, err := home.Delivery(t.Context(), name, location("a").Key); err == nil {
				n++
			}
			if _, err := home.Pull(t.Context(), name, ocpi.ModuleLocations); err == nil {
				n++
			}
			return n + len(missing(t, home, name, ocpi.ModuleLocations))
		}
		for _, name := range []string{"p", "q"} {
			p := partner(name, name)
			p.Roles = nil
			wantError(t, "AddPartner", home.AddPartner(t.Context(), p), nil)
			move(name)
		}
		wantError(t, "RemovePartner", home.RemovePartner(t.Context(), "p"), nil)
		equal(t, "left of p", count("p"), 0)
		equal(t, "left of q", count("q"), 4)
		move("p") // by who has not heard of it yet
		p := partner("p", "p")
		p.Roles = nil
		wantError(t, "AddPartner", home.AddPartner(t.Context(), p), nil)
		equal(t, "of the new p", count("p"), 0)
		equal(t, "of q", count("q"), 4)
	}},
	{name: "a lease has one holder until it ends", two: leases},
	{name: "of many who want a lease at once one gets it", two: func(t *testing.T, home, other Home) {
		var group sync.WaitGroup
		var mu sync.Mutex
		var holders []string
		for i, door := range []Home{home, other, home, other, home, other} {
			group.Go(func() {
				l := store.Lease{Name: "n", Holder: string(rune('a' + i)), Until: noon.Add(time.Minute)}
				err := door.Lease(t.Context(), l, noon)
				if err == nil {
					mu.Lock()
					defer mu.Unlock()
					holders = append(holders, l.Holder)
				} else if !errors.Is(err, store.ErrLeased) {
					t.Errorf("Lease: %v", err)
				}
			})
		}
		group.Wait()
		equal(t, "holders", len(holders), 1)
	}},
	{name: "nothing moves for a context that has ended", run: func(t *testing.T, home Home) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		d := delivery("p", location("a").Key)
		for what, err := range map[string]error{
			"SaveLane":      home.SaveLane(ctx, lane("p", ocpi.ModuleLocations, 1), []store.Delivery{d}, nil),
			"RemoveLane":    home.RemoveLane(ctx, "p", ocpi.ModuleLocations),
			"SavePull":      home.SavePull(ctx, pull("p", ocpi.ModuleLocations), store.Lease{}),
			"ChangeMissing": home.ChangeMissing(ctx, []store.Missing{{Key: d.Key}}, nil, store.Lease{}),
			"Lease":         home.Lease(ctx, store.Lease{Name: "n", Holder: "h", Until: noon}, noon),
			"Release":       home.Release(ctx, "n", "h"),
		} {
			if err == nil || !errors.Is(err, ctx.Err()) {
				t.Errorf("%s: error %v", what, err)
			}
		}
		noDelivery(t, home, "p", d.Key)
		_, err := home.Lane(t.Context(), "p", ocpi.ModuleLocations)
		wantError(t, "Lane", err, store.ErrNotFound)
	}},
}

func leases(t *testing.T, home, other Home) {
	at := func(seconds int) time.Time { return noon.Add(time.Duration(seconds) * time.Second) }
	take := func(door Home, name, holder string, now, until int) error {
		return door.Lease(t.Context(), store.Lease{Name: name, Holder: holder, Until: at(until)}, at(now))
	}
	release := func(door Home, name, holder string) {
		t.Helper()
		wantError(t, "Release", door.Release(t.Context(), name, holder), nil)
	}
	wantError(t, "the first to ask", take(home, "n", "one", 0, 10), nil)
	wantError(t, "another name", take(other, "m", "two", 0, 10), nil)
	err := take(other, "n", "two", 1, 11)
	wantError(t, "while another has it", err, store.ErrLeased)
	for _, part := range []string{"one", at(10).Format(time.RFC3339)} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("error %q does not say %q", err, part)
		}
	}
	wantError(t, "renewed", take(home, "n", "one", 9, 20), nil)
	wantError(t, "after its first end", take(other, "n", "two", 15, 25), store.ErrLeased)
	release(other, "n", "two")
	wantError(t, "after a release by who does not have it", take(other, "n", "two", 16, 25), store.ErrLeased)
	wantError(t, "when it has ended", take(other, "n", "two", 20, 30), nil)
	wantError(t, "who had it, too late", take(home, "n", "one", 21, 31), store.ErrLeased)
	release(home, "n", "one")
	wantError(t, "who had it, after a release too late", take(home, "n", "one", 22, 31), store.ErrLeased)
	release(other, "n", "two")
	wantError(t, "after a release", take(home, "n", "one", 22, 31), nil)
	release(home, "m", "two")
	release(home, "unknown", "one")
	wantError(t, "through whichever door it was released", take(home, "m", "one", 1, 2), nil)
}

func lane(partner string, module ocpi.ModuleID, cursor int64) store.Lane {
	return store.Lane{Partner: partner, Module: module, Cursor: cursor, State: []byte("state of " + partner)}
}

func saveLane(t *testing.T, home Home, l store.Lane, keep []store.Delivery, forget []store.Key) {
	t.Helper()
	if err := home.SaveLane(t.Context(), l, keep, forget); err != nil {
		t.Fatalf("SaveLane: %v", err)
	}
}

func delivery(partner string, key store.Key) store.Delivery {
	return store.Delivery{Partner: partner, Key: key, State: []byte("state of " + key.ID)}
}

func keepDelivery(t *testing.T, home Home, d store.Delivery) {
	t.Helper()
	saveLane(t, home, lane(d.Partner, d.Key.Module, 1), []store.Delivery{d}, nil)
}

func deliveryOf(t *testing.T, home Home, partner string, key store.Key) store.Delivery {
	t.Helper()
	d, err := home.Delivery(t.Context(), partner, key)
	if err != nil {
		t.Fatalf("Delivery(%s, %+v): %v", partner, key, err)
	}
	return d
}

func noDelivery(t *testing.T, home Home, partner string, key store.Key) {
	t.Helper()
	_, err := home.Delivery(t.Context(), partner, key)
	wantError(t, "Delivery of "+key.ID+" to "+partner, err, store.ErrNotFound)
}

// heldOf are the locations that wait for a partner.
func heldOf(t *testing.T, home Home, partner string) []store.Delivery {
	t.Helper()
	held, err := home.Held(t.Context(), partner, ocpi.ModuleLocations)
	if err != nil {
		t.Fatalf("Held(%s): %v", partner, err)
	}
	return held
}

func pull(partner string, module ocpi.ModuleID) store.Pull {
	return store.Pull{Partner: partner, Module: module, State: []byte("state of " + partner)}
}

func savePull(t *testing.T, home Home, p store.Pull) {
	t.Helper()
	if err := home.SavePull(t.Context(), p, store.Lease{}); err != nil {
		t.Fatalf("SavePull: %v", err)
	}
}

func pulls(t *testing.T, home Home) []store.Pull {
	t.Helper()
	all, err := home.Pulls(t.Context())
	if err != nil {
		t.Fatalf("Pulls: %v", err)
	}
	return all
}

func changeMissing(t *testing.T, home Home, keep, forget []store.Missing) {
	t.Helper()
	if err := home.ChangeMissing(t.Context(), keep, forget, store.Lease{}); err != nil {
		t.Fatalf("ChangeMissing: %v", err)
	}
}

func missing(t *testing.T, home Home, source string, module ocpi.ModuleID) []store.Missing {
	t.Helper()
	all, err := home.Missing(t.Context(), source, module)
	if err != nil {
		t.Fatalf("Missing(%s, %s): %v", source, module, err)
	}
	return all
}
