package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/roamwire/roamwire/node"
	"github.com/roamwire/roamwire/node/simulate"
	"github.com/roamwire/roamwire/ocpi/ocpitest"
)

// How much of a day is told.
const (
	// tellEvery is how long after an event no other is told, unless it is the first of its kind.
	tellEvery = 2 * time.Second
	// waitForPartner is how long the eMSP may take before that is told instead.
	waitForPartner = 5 * time.Second
)

// A demoDay is the CPO's chargers in use.
type demoDay struct {
	told   *narrator
	cpo    *node.Node
	events chan simulate.Event

	mu    sync.Mutex
	kinds map[string]bool
	last  time.Time
}

// live lets the chargers be used and tells of it, until ctx ends.
func (s *story) live(ctx context.Context, speed int) {
	if speed <= 0 {
		return
	}
	day := &demoDay{told: s.told, cpo: s.cpo, events: make(chan simulate.Event, 4), kinds: map[string]bool{}}
	simulation := simulate.New(simulate.Config{
		Network: s.cpo.Network(demoCPO), Speed: speed, Tell: day.happened, Logger: s.logger,
		Tokens: ocpitest.Sample{CPO: demoCPO, EMSP: demoEMSP, At: time.Now()}.Tokens(),
	})
	s.told.say("\nFrom here on the CPO's chargers are in use, %d times as fast as the clock, and the eMSP's copies follow.\n", speed)
	var work sync.WaitGroup
	work.Go(func() { simulation.Run(ctx) })
	work.Go(func() { day.tell(ctx) })
	work.Wait()
}

// happened passes on what is to be told: the first of each kind, and one every two seconds.
func (d *demoDay) happened(e simulate.Event) {
	d.mu.Lock()
	defer d.mu.Unlock()
	kind := kindOf(e)
	if d.kinds[kind] && time.Since(d.last) < tellEvery {
		return
	}
	select {
	case d.events <- e:
		d.kinds[kind], d.last = true, time.Now()
	default: // enough is waiting to be told
	}
}

func kindOf(e simulate.Event) string {
	switch {
	case e.CDR != nil:
		return "ended"
	case e.Session == nil:
		return "status"
	case e.Status != "":
		return "begun"
	default:
		return "gone on"
	}
}

func (d *demoDay) tell(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case e := <-d.events:
			d.told.say("%s simulated  %s %s; %s", e.At.Format("15:04"), e.EVSE, eventWords(e), d.follow(ctx))
		}
	}
}

// eventWords is what has happened at an EVSE.
func eventWords(e simulate.Event) string {
	switch kindOf(e) {
	case "ended":
		return fmt.Sprintf("%s, session %s ends with a CDR: %s kWh, %s %s", e.Status, e.Session.ID, e.CDR.TotalEnergy, e.CDR.TotalCost.BeforeTaxes, e.CDR.Currency)
	case "begun":
		return fmt.Sprintf("%s, session %s begins", e.Status, e.Session.ID)
	case "gone on":
		return fmt.Sprintf("session %s goes on: %s kWh", e.Session.ID, e.Session.KWh)
	default:
		return string(e.Status)
	}
}

// follow waits until the eMSP has confirmed everything, and says how long that took.
func (d *demoDay) follow(ctx context.Context) string {
	began := time.Now()
	for time.Since(began) < waitForPartner && ctx.Err() == nil {
		lanes, err := d.cpo.Pushes(ctx)
		if err != nil {
			return fmt.Sprintf("what the eMSP has cannot be read: %v", err)
		}
		waiting := 0
		for _, lane := range lanes {
			waiting += lane.Backlog + len(lane.Held) + len(lane.Parked)
		}
		if waiting == 0 {
			return fmt.Sprintf("the eMSP has confirmed it after %d ms", time.Since(began).Milliseconds())
		}
		time.Sleep(5 * time.Millisecond)
	}
	return "the eMSP has not confirmed it yet"
}
