package push

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/roamwire/roamwire/node/store"
	"github.com/roamwire/roamwire/ocpi"
)

// A Status is where a lane is.
type Status struct {
	Partner string        `json:"partner"`
	Module  ocpi.ModuleID `json:"module"`
	// Cursor is how far the feed was dealt with.
	Cursor int64 `json:"cursor"`
	// Backlog is how many objects have changed since; Oldest is since when the first that the partner has not got waits, also
	// among those that are held.
	Backlog int       `json:"backlog"`
	Oldest  time.Time `json:"oldest_waiting,omitzero"`
	// Held are objects that wait for another try, Parked those that wait for a person.
	Held   []Held `json:"held,omitempty"`
	Parked []Held `json:"parked,omitempty"`
	// Sent counts what got through, LastSuccess is when that was last.
	Sent        int64     `json:"sent"`
	LastSuccess time.Time `json:"last_success,omitzero"`
	LastError   string    `json:"last_error,omitempty"`
	LastFailure time.Time `json:"last_failure,omitzero"`
	// Failures is how many messages in a row have failed; WaitsUntil is when the partner is asked again, if the lane waits
	// for it.
	Failures   int       `json:"failures,omitzero"`
	WaitsUntil time.Time `json:"waits_until,omitzero"`
}

// A Held is an object that a partner did not take yet.
type Held struct {
	ID        string `json:"id"`
	Party     string `json:"party"`
	TokenType string `json:"token_type,omitempty"`
	// Attempts is how often it was tried, Refused how often the partner refused its present state.
	Attempts int    `json:"attempts"`
	Refused  int    `json:"refused,omitzero"`
	Reason   string `json:"reason"`
	// First and Failed are when the first and the last of the attempts failed.
	First  time.Time `json:"first,omitzero"`
	Failed time.Time `json:"failed,omitzero"`
	// Due is when it is tried again.
	Due time.Time `json:"due,omitzero"`
	// Unclear tells of a CDR of which it is not known whether it arrived.
	Unclear bool `json:"unclear,omitzero"`
}

// State returns where all lanes of the partners given are, from what is on disk.
func State(ctx context.Context, s Store, partners []Partner) ([]Status, error) {
	var all []Status
	for _, p := range partners {
		for _, module := range p.lanes() {
			lane, err := s.Lane(ctx, p.Name, module)
			if err != nil && !isNotFound(err) {
				return nil, err
			}
			status, err := laneStatus(ctx, s, p, module, lane)
			if err != nil {
				return nil, fmt.Errorf("state of lane %s of %s: %w", module, p.Name, err)
			}
			all = append(all, status)
		}
	}
	return all, nil
}

func laneStatus(ctx context.Context, s Store, p Partner, module ocpi.ModuleID, lane store.Lane) (Status, error) {
	status := Status{Partner: p.Name, Module: module, Cursor: lane.Cursor}
	var state laneState
	if len(lane.State) > 0 {
		if err := json.Unmarshal(lane.State, &state); err != nil {
			return status, err
		}
	}
	status.Sent, status.LastSuccess, status.LastError, status.LastFailure = state.Sent, state.Success, state.Error, state.Failed
	status.Failures, status.WaitsUntil = state.Breaker.Failures, later(state.Breaker.Until, state.Doubt)
	selection := p.selection(module)
	backlog, err := s.Backlog(ctx, selection, lane.Cursor)
	if err != nil {
		return status, err
	}
	status.Backlog, status.Oldest = backlog.Objects, backlog.Oldest
	if backlog.Objects > 0 && !state.Waiting.IsZero() { // backlog knows of the latest change of each object only
		status.Oldest = earlier(status.Oldest, state.Waiting)
	}
	waiting, err := s.Held(ctx, p.Name, module)
	if err != nil {
		return status, err
	}
	for _, d := range waiting {
		m, err := readMemory(d)
		if err != nil {
			return status, err
		}
		h := Held{
			ID: d.Key.ID, Party: d.Key.Party.String(), TokenType: d.Key.TokenType, Attempts: m.Attempts, Refused: m.Refused, Reason: m.Reason,
			First: m.First, Failed: m.Failed, Due: d.Due, Unclear: m.Posting,
		}
		status.Oldest = earlier(status.Oldest, m.First)
		if m.Parked {
			status.Parked = append(status.Parked, h)
		} else {
			status.Held = append(status.Held, h)
		}
	}
	return status, nil
}

// earlier is the earlier of two times of which either may be missing.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// Retry lets objects of a partner that are held or parked be tried again now: all of them, or those of a module, or the
// one with an id. It returns how many there are. A lane that waits for its partner asks it now. A lane that runs, in this
// process or another, sees it within seconds.
func Retry(ctx context.Context, s Store, now time.Time, partner string, module ocpi.ModuleID, id string) (int, error) {
	if module != "" && !slices.Contains(pushed[:], module) {
		return 0, fmt.Errorf("there is no module %s that is pushed: %v", module, pushed)
	}
	return s.ChangeHeld(ctx, partner, module, id, func(d *store.Delivery) error {
		d.Due = now
		return nil
	})
}

// An Outcome is what a person has found out about a CDR of which it was not known whether it arrived.
type Outcome int

// What can have become of a CDR.
const (
	// Arrived: the partner has it.
	Arrived Outcome = iota
	// NotArrived: the partner does not have it, and it is to be posted again.
	NotArrived
)

// Settle tells what a person has found out about a CDR of which it was not known whether it arrived. It returns how many CDRs
// with this id there are that wait for that.
func Settle(ctx context.Context, s Store, now time.Time, partner, id string, outcome Outcome) (settled int, err error) {
	_, err = s.ChangeHeld(ctx, partner, ocpi.ModuleCDRs, id, func(d *store.Delivery) error {
		m, err := readMemory(*d)
		if err != nil || !m.Posting {
			return err
		}
		settled++
		m.settled(outcome)
		d.Due, d.Held = now, outcome != Arrived
		d.State, err = json.Marshal(&m)
		return err
	})
	return settled, err
}
