package simulate_test

import (
	"errors"
	"log/slog"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/roamwire/roamwire/node/simulate"
	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// calm is a simulation to which nobody comes by themselves.
func calm(t *testing.T) (*simulate.Day, *network, func(seconds int)) {
	t.Helper()
	n, now := newNetwork(), noon
	d := simulate.New(simulate.Config{Network: n, Speed: 1200, Rand: rand.New(rand.NewPCG(1, 2)), Now: func() time.Time { return now }, Logger: slog.New(slog.DiscardHandler)})
	step := func(seconds int) {
		t.Helper()
		for range seconds {
			now = now.Add(time.Second)
			if err := d.Step(t.Context(), now); err != nil {
				t.Fatal(err)
			}
		}
	}
	step(1)
	return d, n, step
}

// order is for the first EVSE that is available.
func order(t *testing.T, n *network) simulate.Order {
	t.Helper()
	for _, l := range n.locations {
		for _, e := range l.EVSEs {
			if e.Status == v230.StatusAvailable {
				party := ocpi.NewParty(string(l.CountryCode), string(l.PartyID))
				return simulate.Order{
					Location: ocpi.Key{Party: party, ID: string(l.ID)}, EVSEUID: string(e.UID), ConnectorID: string(e.Connectors[0].ID),
					Token: sample.Tokens()[0], Method: v230.AuthMethodCommand, Reference: "REF", At: noon,
				}
			}
		}
	}
	t.Fatal("no EVSE is available")
	return simulate.Order{}
}

func TestASessionThatIsOrderedGrowsUntilItIsStopped(t *testing.T) {
	d, n, step := calm(t)
	o := order(t, n)
	session, err := d.Start(t.Context(), o)
	if err != nil || session.AuthMethod != v230.AuthMethodCommand || *session.AuthorizationReference != "REF" || !session.StartDateTime.Time().Equal(noon) {
		t.Fatalf("%+v, %v", session, err)
	}
	if err := d.CanStart(o); !errors.Is(err, simulate.ErrBusy) || !d.Charges(string(session.ID)) {
		t.Errorf("the EVSE is in use: %v", err)
	}
	step(60) // twenty hours, which is more than any battery takes
	states := n.sessions[session.ID]
	last := states[len(states)-1]
	if len(states) < 3 || last.Status != v230.SessionStatusActive || last.KWh.String() == "0" {
		t.Errorf("%d states, the last is %+v", len(states), last)
	}
	if err := d.Stop(t.Context(), string(session.ID)); err != nil {
		t.Fatal(err)
	}
	states = n.sessions[session.ID]
	last = states[len(states)-1]
	cdrs := n.cdrs[session.ID]
	if last.Status != v230.SessionStatusCompleted || len(cdrs) != 1 || cdrs[0].AuthMethod != v230.AuthMethodCommand || *cdrs[0].AuthorizationReference != "REF" {
		t.Errorf("%+v, CDRs %+v", last, cdrs)
	}
	if err := d.CanStart(o); err != nil {
		t.Errorf("the EVSE is free again: %v", err)
	}
	if err := d.Stop(t.Context(), string(session.ID)); !errors.Is(err, simulate.ErrNoSession) {
		t.Error(err)
	}
}

func TestASessionThatIsStoppedAtOnceHasACDRToo(t *testing.T) {
	d, n, _ := calm(t)
	session, err := d.Start(t.Context(), order(t, n))
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Stop(t.Context(), string(session.ID)); err != nil || len(n.cdrs[session.ID]) != 1 {
		t.Errorf("%v, CDRs %+v", err, n.cdrs)
	}
}

func TestAReservationIsForOneTokenAndEnds(t *testing.T) {
	d, n, step := calm(t)
	o := order(t, n)
	if err := d.Reserve(t.Context(), o, noon.Add(5*time.Second)); err != nil {
		t.Fatal(err)
	}
	other := o
	other.Token = sample.Tokens()[1]
	if err := d.CanStart(other); !errors.Is(err, simulate.ErrBusy) {
		t.Errorf("for another: %v", err)
	}
	if err := d.CanStart(o); err != nil {
		t.Errorf("for who has reserved: %v", err)
	}
	step(5)
	if err := d.CanStart(other); err != nil {
		t.Errorf("after it has ended: %v", err)
	}
	if err := d.Reserve(t.Context(), o, noon); err == nil {
		t.Error("it is over already")
	}
}

// Requirement DM-01: a reservation is known by its name as long as it lasts, and changed by another order of that name.
func TestAReservationIsChangedAndCancelled(t *testing.T) {
	d, n, step := calm(t)
	o := order(t, n)
	o.Reservation = "R1"
	other, nobodys := o, o
	other.Token, other.Reservation = sample.Tokens()[1], "R2"
	nobodys.Reservation = ""
	until := noon.Add(time.Hour)
	if err := d.CancelReservation(t.Context(), "R1"); !errors.Is(err, simulate.ErrNoReservation) || d.Reserved("R1") {
		t.Errorf("before it is made: %v", err)
	}
	for range 2 {
		if err := d.Reserve(t.Context(), o, until); err != nil {
			t.Fatal(err)
		}
	}
	if err := d.Reserve(t.Context(), other, until); !errors.Is(err, simulate.ErrBusy) || d.Reserved("R2") {
		t.Errorf("somebody else's: %v", err)
	}
	moved := o
	moved.EVSEUID, moved.ConnectorID = "", ""
	moved.Location = another(t, n, o).Location
	if err := d.Reserve(t.Context(), moved, until); err != nil {
		t.Fatal(err)
	}
	if err := d.CanStart(other); err != nil {
		t.Errorf("where the reservation was before: %v", err)
	}
	if err := d.CancelReservation(t.Context(), "R1"); err != nil || !d.Reserved("R1") {
		t.Error(err)
	}
	if err := d.CancelReservation(t.Context(), "R1"); !errors.Is(err, simulate.ErrNoReservation) {
		t.Errorf("a second time: %v", err)
	}
	if err := d.Reserve(t.Context(), other, noon.Add(5*time.Second)); err != nil {
		t.Fatal(err)
	}
	step(5)
	if err := d.CancelReservation(t.Context(), "R2"); !errors.Is(err, simulate.ErrNoReservation) {
		t.Errorf("after it has ended: %v", err)
	}
	if err := d.Reserve(t.Context(), nobodys, until); err != nil || d.Reserved("") {
		t.Error(err)
	}
	if err := d.CancelReservation(t.Context(), ""); !errors.Is(err, simulate.ErrNoReservation) {
		t.Errorf("one without a name: %v", err)
	}
}

// another is an order for another location with an EVSE that is available.
func another(t *testing.T, n *network, than simulate.Order) simulate.Order {
	t.Helper()
	for _, l := range n.locations {
		for _, e := range l.EVSEs {
			if e.Status == v230.StatusAvailable && string(l.ID) != than.Location.ID {
				than.Location.ID, than.EVSEUID, than.ConnectorID = string(l.ID), string(e.UID), ""
				return than
			}
		}
	}
	t.Fatal("there is no other")
	return than
}

func TestAPlugThatIsUnlockedEndsItsSession(t *testing.T) {
	d, n, _ := calm(t)
	o := order(t, n)
	session, err := d.Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Unlock(t.Context(), o); err != nil || d.Charges(string(session.ID)) {
		t.Error(err)
	}
	if err := d.Unlock(t.Context(), o); err != nil { // nothing is plugged in
		t.Error(err)
	}
	o.EVSEUID = "none"
	if err := d.Unlock(t.Context(), o); !errors.Is(err, simulate.ErrNoEVSE) || !d.Knows(o.Location) || d.Knows(ocpi.Key{ID: "none"}) {
		t.Error(err)
	}
	if _, err := d.Start(t.Context(), o); !errors.Is(err, simulate.ErrNoEVSE) {
		t.Error(err)
	}
}
