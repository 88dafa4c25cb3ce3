package pull

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/roamwire/roamwire/node/store"
	"github.com/roamwire/roamwire/ocpi"
)

// A State is how far the pulls of one module from one partner have come.
type State struct {
	Partner string        `json:"partner"`
	Module  ocpi.ModuleID `json:"module"`
	// Registered is when the partner registered; what was before does not count.
	Registered time.Time `json:"registered,omitzero"`
	// Cursor is the time from which the next pull of what is new asks, less the overlap.
	Cursor time.Time `json:"cursor,omitzero"`
	// Due is when the next pull begins, DeltaDue when one of what is new does, FullDue when it is one of everything, and
	// LookBackDue when it is one of what was new in the last weeks, for sessions and CDRs.
	Due         time.Time `json:"due,omitzero"`
	DeltaDue    time.Time `json:"delta_due,omitzero"`
	FullDue     time.Time `json:"full_due,omitzero"`
	LookBackDue time.Time `json:"look_back_due,omitzero"`
	// NotBefore is until when the partner has asked to be left alone, with all its modules.
	NotBefore time.Time `json:"not_before,omitzero"`
	// LastFull and LastDelta are when the last pulls of everything and of what is new were complete.
	LastFull  time.Time `json:"last_full,omitzero"`
	LastDelta time.Time `json:"last_delta,omitzero"`
	// Version is the one in which everything was pulled last, or an earlier one in which something was since; empty where none
	// was kept yet.
	Version ocpi.Version `json:"version,omitzero"`
	// List is what is known of the partner's list. Where it has several parties there is one for each of them, in Lists, and List sums
	// them up.
	List
	Lists []List `json:"lists,omitempty"`
	// Mixed tells that the list of one of several parties had objects of another in it, as where a partner does not read whom it is
	// asked for.
	Mixed bool `json:"mixed,omitzero"`
	// Last is what became of the objects of the last pull.
	Last Counts `json:"last,omitzero"`
	// LastError is why the last pull failed, at LastFailure; empty where it was complete. Failures counts those in a row.
	LastError   string    `json:"last_error,omitempty"`
	LastFailure time.Time `json:"last_failure,omitzero"`
	Failures    int       `json:"failures,omitzero"`
	// FullError is why the last pull of everything failed, also while those of what is new are complete; FullFailures counts
	// those in a row.
	FullError    string `json:"full_error,omitempty"`
	FullFailures int    `json:"full_failures,omitzero"`
	// Problems are the first objects that could not be stored: those of the last pull, and those from before that have not
	// come again since the last pull of everything.
	Problems []Problem `json:"problems,omitempty"`
}

// A List is what is known of a list of a partner's.
type List struct {
	// Party is the one that is asked for it, where the partner has several.
	Party ocpi.Party `json:"party,omitzero"`
	// Objects is how many there were in the last pull of everything, each counted once.
	Objects int `json:"objects"`
	// Listed tells that there was an object in a list of everything at some time.
	Listed bool `json:"listed,omitzero"`
	// GoneAfter is how many pulls an object had to be missing from when what had vanished was last counted.
	GoneAfter int `json:"gone_after,omitzero"`
	// IgnoresDateFrom tells that the partner sends everything when it is asked for what is new.
	IgnoresDateFrom bool `json:"ignores_date_from,omitzero"`
	// ShortFull and ShortDelta tell of lists of everything and of what is new that end below their totals.
	ShortFull  Short `json:"short_full,omitzero"`
	ShortDelta Short `json:"short_delta,omitzero"`
	// UnsentFull, UnsentDelta and UnsentBack tell of lists of everything, of what is new, and of what was new in the last weeks
	// with objects that the partner could not send.
	UnsentFull  Unsent `json:"unsent_full,omitzero"`
	UnsentDelta Unsent `json:"unsent_delta,omitzero"`
	UnsentBack  Unsent `json:"unsent_back,omitzero"`
	// Unproven is why the last list of everything says nothing about what has vanished; empty where it does.
	Unproven string `json:"unproven,omitempty"`
	// Shrunk tells that the list has become much shorter, and what is missing is not removed yet.
	Shrunk Shrunk `json:"shrunk,omitzero"`
}

// A Short is a list that ended below its total.
type Short struct {
	// Lists is how many did in a row, Missing how many objects were missing from the smallest Total of the last.
	Lists   int `json:"lists,omitzero"`
	Missing int `json:"missing,omitzero"`
	Total   int `json:"total,omitzero"`
}

// shortLists is how many lists in a row must end below their totals for the partner to count what it does not list: until
// then something was lost, and afterwards it is complete what the partner gives.
const shortLists = 5

// Habit reports whether the partner's totals are not relied on any more.
func (s Short) Habit() bool { return s.Lists >= shortLists }

// longer is the one of two that has gone on for longer.
func (s Short) longer(other Short) Short {
	if other.Lists > s.Lists {
		return other
	}
	return s
}

// String tells it in words.
func (s Short) String() string {
	return fmt.Sprintf("the list ended after %d of %d objects", s.Total-s.Missing, s.Total)
}

// An Unsent is a list with objects that the partner could not send: every page with one of them fails.
type Unsent struct {
	// Lists is how many had some in a row, Objects how many the last had, and First is the first of those.
	Lists   int     `json:"lists,omitzero"`
	Objects int     `json:"objects,omitzero"`
	First   Problem `json:"first,omitzero"`
}

// unsentLists is how many lists in a row must have had such objects for the pull to go on without them: it may pass, and the
// whole list cannot be asked for again for ever.
const unsentLists = 5

// Habit reports whether such objects do not make a pull fail any more.
func (u Unsent) Habit() bool { return u.Lists >= unsentLists }

// String tells it in words.
func (u Unsent) String() string {
	if u.Objects == 1 {
		return fmt.Sprintf("the partner could not send %s: %s", u.First.ID, u.First.Reason)
	}
	return fmt.Sprintf("the partner could not send %d objects, such as %s: %s", u.Objects, u.First.ID, u.First.Reason)
}

// A Shrunk is a list that has become much shorter.
type Shrunk struct {
	// From is how many objects it had, Pulls how many times in a row it was shorter since.
	From  int `json:"from,omitzero"`
	Pulls int `json:"pulls,omitzero"`
}

// read reads the state of a module; a new one where there is none, or where the partner has registered anew since.
func (p *Puller) read(ctx context.Context, partner Partner, module ocpi.ModuleID) (State, error) {
	anew := State{Partner: partner.ID, Module: module, Registered: partner.Since}
	var state State
	stored, err := p.config.Store.Pull(ctx, partner.ID, module)
	if errors.Is(err, store.ErrNotFound) {
		return anew, nil
	}
	if err == nil {
		err = json.Unmarshal(stored.State, &state)
	}
	if err != nil {
		return anew, fmt.Errorf("read pulls of %s from %s: %w", module, partner.ID, err)
	}
	if !state.Registered.Equal(partner.Since) && state.LastFull.Before(partner.Since) {
		return anew, nil
	}
	return state, nil
}

func (p *Puller) save(ctx context.Context, state *State, under store.Lease, events ...store.Event) error {
	raw, err := json.Marshal(state)
	if err != nil {
		return err
	}
	return p.config.Store.SavePull(ctx, store.Pull{Partner: state.Partner, Module: state.Module, State: raw}, under, events...)
}
