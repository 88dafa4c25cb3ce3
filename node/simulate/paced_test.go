package simulate_test

import (
	"testing"
	"time"

	"github.com/shopspring/decimal"

	"github.com/roamwire/roamwire/node/simulate"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// Whatever partners are told of a session that somebody has ordered, it has happened already.
func TestAnOrderedSessionIsNeverAheadOfTheClock(t *testing.T) {
	for _, seconds := range []int{0, 1, 8, 9, 10, 100, 1234, 5000} {
		d, n, step := calm(t)
		begin := noon.Add(time.Second)
		o := order(t, n)
		o.At = begin
		session, err := d.Start(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		now := begin
		for range seconds {
			step(1)
			now = now.Add(time.Second)
			states := n.sessions[session.ID]
			if end := endOf(states[len(states)-1].ChargingPeriods, begin); end.After(now) {
				t.Fatalf("at %s it is known what happens until %s", now, end)
			}
		}
		if err := d.Stop(t.Context(), string(session.ID)); err != nil || len(n.cdrs[session.ID]) != 1 {
			t.Fatalf("%v, CDRs %+v", err, n.cdrs)
		}
		cdr := n.cdrs[session.ID][0]
		took := cdr.EndDateTime.Time().Sub(begin)
		if want := max(time.Second, now.Sub(begin)); took != want {
			t.Errorf("a session of %s has a CDR of %s", want, took)
		}
		// No connector of the sample can do more than 150 kW.
		most := decimal.NewFromInt(150).Mul(decimal.NewFromFloat(took.Hours()))
		if energy := cdr.TotalEnergy.Decimal(); energy.GreaterThan(most) || seconds >= 9 && !energy.IsPositive() {
			t.Errorf("%s kWh in %s", energy, took)
		}
		states := n.sessions[session.ID]
		if last := states[len(states)-1]; last.Status != v230.SessionStatusCompleted || !last.EndDateTime.Time().Equal(cdr.EndDateTime.Time()) {
			t.Errorf("%+v", last)
		}
	}
}

// endOf is when the last of a session's charging periods ends.
func endOf(periods []v230.ChargingPeriod, begin time.Time) time.Time {
	hours := decimal.Zero
	for _, p := range periods {
		for _, d := range p.Dimensions {
			if d.Type != v230.CdrDimensionTypeEnergy {
				hours = hours.Add(d.Volume.Decimal())
			}
		}
	}
	return begin.Add(time.Duration(hours.Mul(decimal.NewFromInt(3600)).Round(0).IntPart()) * time.Second)
}

// A reservation lasts as long by the clock as was asked for, also where the simulation has caught up with the clock.
func TestAReservationEndsByTheClock(t *testing.T) {
	n, now := newNetwork(), noon
	d := simulate.New(simulate.Config{Network: n, Speed: 1200, Begin: noon, Now: func() time.Time { return now }})
	o := order(t, n)
	step := func(seconds int) {
		for range seconds {
			now = now.Add(time.Second)
			if err := d.Step(t.Context(), now); err != nil {
				t.Fatal(err)
			}
		}
	}
	step(1)
	if err := d.Reserve(t.Context(), o, now.Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	other := o
	other.Token = sample.Tokens()[1]
	step(55)
	if err := d.CanStart(other); err == nil {
		t.Error("it has ended early")
	}
	step(10)
	if err := d.CanStart(other); err != nil {
		t.Errorf("it has not ended: %v", err)
	}
}
