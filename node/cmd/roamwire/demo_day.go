package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/roamwire/roamwire/node"
	"github.com/roamwire/roamwire/node/simulate"
	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// How much of a day is told.
const (
	// tellEvery is how long after an event no other is told, unless it is the first of its kind.
	tellEvery = 2 * time.Second
	// countEvery is how often everything is counted.
	countEvery = 10 * time.Second
	// waitForCopy is how long the eMSP may take to get something before that is told instead.
	waitForCopy = 5 * time.Second
	// lookEvery is how often it is looked at whether it has it.
	lookEvery = 5 * time.Millisecond
)

// busyMorning is the simulated time at which the day of the demo begins, in UTC.
const busyMorning = 7 * time.Hour

// A demoDay is the CPO's chargers in use, and what the eMSPs see of it.
type demoDay struct {
	told   *narrator
	cpo    *node.Node
	emsps  []*demoEMSP
	events chan happened

	mu sync.Mutex
	// counts of what has happened.
	statuses, sessions, cdrs int
	// kinds are those of events told so far, last is when one was.
	kinds map[string]bool
	last  time.Time
}

// A happened is an event with the real time at which it was stored.
type happened struct {
	simulate.Event
	stored time.Time
}

// live lets the chargers be used and tells of it, until ctx ends.
func (s *story) live(ctx context.Context, speed int, seed uint64) {
	if speed <= 0 {
		return
	}
	if seed == 0 {
		seed = rand.Uint64()
	}
	day := &demoDay{told: s.told, cpo: s.cpo, emsps: s.emsps, events: make(chan happened, 4), kinds: map[string]bool{}}
	var tokens []v230.Token
	for _, e := range s.emsps {
		tokens = append(tokens, e.tokens()...)
	}
	simulation := simulate.New(simulate.Config{
		Network: s.cpo.Network(demoCPO), Speed: speed, Begin: lastWeek(time.Now()),
		Tokens: tokens,
		Rand:   rand.New(rand.NewPCG(seed, 0)), Tell: day.happened, Logger: s.logger,
	})
	s.told.say("\nFrom here on the CPO's chargers are in use, %d times as fast as the clock, and the eMSPs' copies follow.\n", speed)
	var work sync.WaitGroup
	work.Go(func() { simulation.Run(ctx) })
	work.Go(func() { s.cpo.AnswerCommands(ctx, simulation) })
	work.Go(func() {
		if err := s.charge(ctx, simulation); err != nil && ctx.Err() == nil {
			s.told.say("The charge from the app did not go as it should: %v", err)
		}
	})
	work.Go(func() { day.tell(ctx) })
	work.Wait()
}

// lastWeek is the morning of a day a week ago. At the default speed the simulation comes to the present after more than an
// hour, and then goes on as fast as the clock.
func lastWeek(now time.Time) time.Time {
	return now.UTC().Truncate(24*time.Hour).AddDate(0, 0, -7).Add(busyMorning)
}

// happened counts an event, and passes on what is to be told.
func (d *demoDay) happened(e simulate.Event) {
	now := time.Now()
	d.mu.Lock()
	defer d.mu.Unlock()
	if e.Status != "" {
		d.statuses++
	}
	if e.CDR != nil {
		d.cdrs++
	}
	if e.Session != nil && e.Session.Status == v230.SessionStatusPending {
		d.sessions++
	}
	kind := kindOf(e)
	if d.kinds[kind] && now.Sub(d.last) < tellEvery {
		return
	}
	select {
	case d.events <- happened{e, now}:
		d.kinds[kind], d.last = true, now
	default: // enough is waiting to be told
	}
}

// kindOf says what sort of event it is.
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

// tell prints events, each with what the eMSP sees of it, and counts now and then.
func (d *demoDay) tell(ctx context.Context) {
	count := time.NewTicker(countEvery)
	defer count.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case e := <-d.events:
			d.told.say("%s simulated  %s %s", e.At.Format("15:04"), e.EVSE, eventWords(e.Event))
			for _, emsp := range d.emsps {
				if part := concerning(e.Event, emsp.party); part != (simulate.Event{}) {
					d.told.say("                 %-11s (%s) %s", emsp.name, emsp.version, d.follow(ctx, emsp, happened{part, e.stored}))
				}
			}
		case <-count.C:
			d.count(ctx)
		}
	}
}

// eventWords is what has happened at an EVSE.
func eventWords(e simulate.Event) string {
	status := strings.ToLower(string(e.Status))
	if e.Status == v230.StatusOutOfOrder {
		status = "out of order"
	}
	switch kindOf(e) {
	case "ended":
		return fmt.Sprintf("%s, session %s and its CDR: %s kWh, %s %s",
			status, e.Session.ID, e.CDR.TotalEnergy, e.CDR.TotalCost.BeforeTaxes, e.CDR.Currency)
	case "begun":
		return fmt.Sprintf("%s, session %s of %s", status, e.Session.ID, cardOf(e.Session))
	case "gone on":
		return fmt.Sprintf("goes on, session %s: %s kWh", e.Session.ID, e.Session.KWh)
	default:
		return status
	}
}

// cardOf names a token by its beginning.
func cardOf(s *v230.Session) string {
	what, uid := "card", string(s.CDRToken.UID)
	if s.CDRToken.Type != v230.TokenTypeRFID {
		what = "token"
	}
	return fmt.Sprintf("%s %s…", what, uid[:min(4, len(uid))])
}

// concerning is the part of an event that an eMSP is told: statuses are for everyone, charges for the eMSP of the driver. It is
// zero where there is none.
func concerning(e simulate.Event, emsp ocpi.Party) simulate.Event {
	if e.Session != nil && ocpi.NewParty(string(e.Session.CDRToken.CountryCode), string(e.Session.CDRToken.PartyID)) != emsp {
		e.Session, e.CDR = nil, nil
	}
	if e.Session == nil && e.Status == "" {
		return simulate.Event{}
	}
	return e
}

// follow waits until an eMSP has all of an event, and says how long that took: from when the CPO stored the last of it to
// when the eMSP did.
func (d *demoDay) follow(ctx context.Context, emsp *demoEMSP, e happened) string {
	ctx, cancel := context.WithTimeout(ctx, waitForCopy)
	defer cancel()
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		latest, err := copied(ctx, emsp.Node, e.Event)
		if err == nil {
			return fmt.Sprintf("sees %s after %d ms", seen(e.Event), max(0, latest.Sub(e.stored)).Milliseconds())
		}
		if !errors.Is(err, ocpi.ErrNotFound) && ctx.Err() == nil {
			return fmt.Sprintf("copy cannot be read: %v", err)
		}
		select {
		case <-ctx.Done():
			return fmt.Sprintf("does not see %s within %d s", seen(e.Event), int(waitForCopy.Seconds()))
		case <-tick.C:
		}
	}
}

// seen says what of an event there is to see.
func seen(e simulate.Event) string {
	var parts []string
	if e.Status != "" {
		parts = append(parts, "the status")
	}
	if e.Session != nil {
		parts = append(parts, "the session")
	}
	if e.CDR != nil {
		parts = append(parts, "the CDR")
	}
	return strings.Join(parts, ", ")
}

// copied returns when an eMSP's copies got to where an event has brought the CPO's objects, or ocpi.ErrNotFound if one of
// them did not yet. A copy that is further already has got there.
func copied(ctx context.Context, emsp *node.Node, e simulate.Event) (latest time.Time, err error) {
	party := e.Location.Party
	if e.Session != nil {
		at, err := copiedObject(ctx, emsp, ocpi.ModuleSessions, ocpi.Key{Party: party, ID: string(e.Session.ID)},
			func(s *v230.Session) bool { return s.LastUpdated.Compare(e.Session.LastUpdated) >= 0 })
		if err != nil {
			return latest, err
		}
		latest = later(latest, at)
	}
	if e.CDR != nil {
		at, err := copiedObject(ctx, emsp, ocpi.ModuleCDRs, ocpi.Key{Party: party, ID: string(e.CDR.ID)}, func(*v230.CDR) bool { return true })
		if err != nil {
			return latest, err
		}
		latest = later(latest, at)
	}
	if e.Status == "" {
		return latest, nil
	}
	at, err := copiedObject(ctx, emsp, ocpi.ModuleLocations, e.Location, func(l *v230.Location) bool { return hasStatus(l, e) })
	return later(latest, at), err
}

// copiedObject returns when the eMSP's copy of an object was last changed, if it is as wanted.
func copiedObject[T any](ctx context.Context, n *node.Node, module ocpi.ModuleID, key ocpi.Key, wanted func(*T) bool) (time.Time, error) {
	raw, changed, err := n.Copy(ctx, demoCPOName, module, key)
	if err != nil {
		return time.Time{}, err
	}
	var object T
	if err := json.Unmarshal(raw, &object); err != nil {
		return time.Time{}, err
	}
	if !wanted(&object) {
		return time.Time{}, ocpi.ErrNotFound
	}
	return changed, nil
}

// hasStatus reports whether an EVSE is in the status that an event has brought, or has been changed since.
func hasStatus(l *v230.Location, e simulate.Event) bool {
	for i := range l.EVSEs {
		if evse := &l.EVSEs[i]; string(evse.UID) == e.EVSEUID {
			order := evse.LastUpdated.Time().Compare(e.LastUpdated)
			return order > 0 || order == 0 && evse.Status == e.Status
		}
	}
	return false
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// count prints how much has happened, and how much of it the eMSPs have.
func (d *demoDay) count(ctx context.Context) {
	d.mu.Lock()
	statuses, sessions, cdrs := d.statuses, d.sessions, d.cdrs
	d.mu.Unlock()
	begin := time.Now()
	arrived, behind, err := d.compare(ctx)
	if err != nil {
		if ctx.Err() == nil {
			d.told.say("So far: the copies cannot be compared: %v", err)
		}
		return
	}
	d.told.say("So far: statuses %d, sessions %d, CDRs %d. Of the CPO's objects as they were %d ms ago the eMSPs have %d, %d are behind.",
		statuses, sessions, cdrs, time.Since(begin).Milliseconds(), arrived, behind)
}

// compare counts the CPO's objects of which those eMSPs that should come to have the present state, and the others.
func (d *demoDay) compare(ctx context.Context) (arrived, behind int, err error) {
	ctx, cancel := context.WithTimeout(ctx, waitForCopy)
	defer cancel()
	for _, module := range []ocpi.ModuleID{ocpi.ModuleLocations, ocpi.ModuleTariffs, ocpi.ModuleSessions, ocpi.ModuleCDRs} {
		ours, err := d.cpo.LastUpdated(ctx, module, "")
		if err != nil {
			return 0, 0, err
		}
		missing, err := d.await(ctx, module, ours)
		if err != nil {
			return 0, 0, err
		}
		arrived, behind = arrived+len(ours)-missing, behind+missing
	}
	return arrived, behind, nil
}

// await waits until the eMSPs' copies are as new as ours, and returns how many are not when ctx ends.
func (d *demoDay) await(ctx context.Context, module ocpi.ModuleID, ours map[ocpi.Key]time.Time) (missing int, err error) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		if missing, err = d.missing(context.WithoutCancel(ctx), module, ours); err != nil || missing == 0 {
			return missing, err
		}
		select {
		case <-ctx.Done():
			return missing, nil
		case <-tick.C:
		}
	}
}

// missing counts the objects that not every eMSP has as they are, or, of sessions and CDRs, none.
func (d *demoDay) missing(ctx context.Context, module ocpi.ModuleID, ours map[ocpi.Key]time.Time) (missing int, err error) {
	wanted := len(d.emsps)
	if module == ocpi.ModuleSessions || module == ocpi.ModuleCDRs {
		wanted = 1
	}
	has := map[ocpi.Key]int{}
	for _, emsp := range d.emsps {
		copies, err := emsp.LastUpdated(ctx, module, demoCPOName)
		if err != nil {
			return 0, err
		}
		for key, at := range ours {
			if copied, ok := copies[key]; ok && !copied.Before(at) {
				has[key]++
			}
		}
	}
	for key := range ours {
		if has[key] < wanted {
			missing++
		}
	}
	return missing, nil
}
