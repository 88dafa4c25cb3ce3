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

// A laneState is the State of a store.Lane.
type laneState struct {
	Breaker breaker `json:"breaker,omitzero"`
	// Sent counts messages that got through, Success is when the last one did.
	Sent    int64     `json:"sent,omitzero"`
	Success time.Time `json:"success,omitzero"`
	// Error is the last failure, Failed when it was.
	Error  string    `json:"error,omitempty"`
	Failed time.Time `json:"failed,omitzero"`
	// Doubt is until when nothing is sent because the partner has refused one object after the other; zero where it has not.
	Doubt time.Time `json:"doubt,omitzero"`
	// Waiting is since when there is something that the partner has not got; zero while there is nothing.
	Waiting time.Time `json:"waiting,omitzero"`
	// Placed is a CDR of which it is known where the partner has it: others are looked for at places like it.
	Placed placed `json:"placed,omitzero"`

	// Since is when the partner registered; Terms are those under which it was called last.
	Since time.Time `json:"since,omitzero"`
	Terms string    `json:"terms,omitempty"`
	// Birth is the latest change from before the lane: what was deleted by then is no news to the partner.
	Birth int64 `json:"birth,omitzero"`
	// Parties and Audience are what the cursor stands for: whose objects, and to whom they may be shown.
	Parties  []ocpi.Party `json:"parties,omitempty"`
	Audience []ocpi.Party `json:"audience,omitempty"`
	// Version is the one that the cursor stands for: what that cannot say was passed over.
	Version ocpi.Version `json:"version,omitempty"`
	// Left are our parties whose objects the partner does not get any more, each with the cursor at which that began.
	Left []leftAt `json:"left,omitempty"`
	// CatchUp is what the partner sees anew and has not got yet.
	CatchUp *catchUp `json:"catch_up,omitempty"`
}

// A placed is a CDR that the partner has, and where: its Location, or confirmed where the partner did not say. Of the latter the
// Party is known too.
type placed struct {
	Party    ocpi.Party `json:"party,omitzero"`
	ID       string     `json:"id"`
	Location string     `json:"location"`
}

// A leftAt is a party of ours with a cursor.
type leftAt struct {
	Party  ocpi.Party `json:"party"`
	Cursor int64      `json:"cursor"`
}

// A catchUp is the reading of the feed for parties that a partner did not see before, or not for a while. It goes before all
// else, from a cursor of its own.
type catchUp struct {
	Parties []ocpi.Party `json:"parties"`
	Cursor  int64        `json:"cursor"`
	// Birth is the lane's, for these parties.
	Birth int64 `json:"birth,omitzero"`
}

// load reads where the lane is, and what has changed for it while it did not run.
func (l *lane) load(ctx context.Context) error {
	stored, err := l.config.Store.Lane(ctx, l.partner.Name, l.module)
	if err != nil && !isNotFound(err) {
		return err
	}
	isNew := isNotFound(err)
	if !isNew {
		if err := json.Unmarshal(stored.State, &l.state); err != nil {
			return fmt.Errorf("read lane %s of %s: %w", l.module, l.partner.Name, err)
		}
		l.main, l.nudge = stored.Cursor, stored.Nudge
		if len(l.state.Parties) == 0 { // it was saved before this was
			l.state.Since, l.state.Parties, l.state.Audience, l.state.Terms = l.partner.Since, l.partner.Parties, l.partner.Audience, l.partner.Terms
		}
		if l.state.Version == "" { // it was saved when there was one version
			l.state.Version = ocpi.V211
		}
		if isNew, err = l.endOld(ctx); err != nil {
			return err
		}
	}
	if isNew {
		err = l.create(ctx)
	} else {
		err = l.resume(ctx)
	}
	if err != nil {
		return err
	}
	l.direct()
	l.behind, l.dirty = true, true
	return l.save(ctx, true)
}

// endOld ends the lane of a registration that has ended, and reports whether it has. What was held for that is for nobody else.
// CDRs are money: where the same party has registered again, their lane goes on with those that it has not got.
func (l *lane) endOld(ctx context.Context) (ended bool, err error) {
	if l.state.Since.Equal(l.partner.Since) {
		return false, nil
	}
	samePartner := slices.ContainsFunc(l.state.Audience, func(p ocpi.Party) bool { return slices.Contains(l.partner.Audience, p) })
	if samePartner && l.module == ocpi.ModuleCDRs {
		l.state.Since, l.state.Terms = l.partner.Since, ""
		return false, nil
	}
	l.state, l.nudge = laneState{}, 0
	return true, l.config.Store.RemoveLane(ctx, l.partner.Name, l.module)
}

// create makes a new lane. It begins with everything there is, but for sessions and CDRs, which would be a history, and where
// the policy says otherwise.
func (l *lane) create(ctx context.Context) (err error) {
	l.state.Since, l.state.Terms, l.state.Parties, l.state.Audience = l.partner.Since, l.partner.Terms, l.partner.Parties, l.partner.Audience
	l.state.Version = l.partner.Version
	if l.state.Birth, err = l.config.Store.LatestChange(ctx, l.module, ""); err != nil {
		return err
	}
	l.main, err = l.first(ctx, l.partner.Parties)
	return err
}

// first is the cursor at which the objects of parties begin that a partner has not seen yet.
func (l *lane) first(ctx context.Context, parties []ocpi.Party) (int64, error) {
	if l.partner.Policy.FromNow || l.module == ocpi.ModuleSessions || l.module == ocpi.ModuleCDRs {
		return l.beginning(ctx, parties)
	}
	return 0, nil
}

// resume goes on with a lane under what may be new terms and another policy.
func (l *lane) resume(ctx context.Context) error {
	if err := l.lookUp(ctx); err != nil {
		return err
	}
	l.state.Doubt = time.Time{} // which begins anew
	if longest := max(longestAsked, l.config.Backoff.Longest); l.ahead(l.state.Breaker.Until, longest) {
		l.state.Breaker.Until = l.config.Now()
	}
	if l.state.Terms != l.partner.Terms {
		l.state.Terms, l.state.Breaker = l.partner.Terms, breaker{}
		l.tryAllAgain()
	}
	return l.notice(ctx)
}

// ahead reports whether a time on disk is later than the longest wait can have made it: the clock was ahead then.
func (l *lane) ahead(at time.Time, longest time.Duration) bool {
	return at.Sub(l.config.Now()) > longest+longest/2
}

// notice finds out which parties' objects the partner sees no longer, and which anew.
func (l *lane) notice(ctx context.Context) error {
	shown := l.state.Parties
	for _, party := range shown {
		if !slices.Contains(l.partner.Parties, party) {
			l.leave(party)
		}
	}
	anew := slices.DeleteFunc(slices.Clone(l.partner.Parties), func(p ocpi.Party) bool { return slices.Contains(shown, p) })
	heard := slices.ContainsFunc(l.partner.Audience, func(p ocpi.Party) bool { return !slices.Contains(l.state.Audience, p) })
	if heard && (l.module == ocpi.ModuleSessions || l.module == ocpi.ModuleCDRs) {
		anew = l.partner.Parties // of all of them there may be some for the audience that has come
	}
	if l.state.Version.Compare(l.partner.Version) < 0 {
		anew = l.partner.Parties // of all of them there may be some that the version before could not say, or not in full
	}
	l.state.Parties, l.state.Audience, l.state.Version = l.partner.Parties, l.partner.Audience, l.partner.Version
	for _, party := range anew {
		if err := l.welcome(ctx, party); err != nil {
			return err
		}
	}
	return nil
}

// leave remembers how far a party's objects were sent that the partner does not get any more. What is held of them counts as
// not sent.
func (l *lane) leave(party ocpi.Party) {
	cursor := l.main
	for key, h := range l.held {
		if key.Party == party {
			cursor = min(cursor, h.memory.Since)
		}
	}
	if c := l.state.CatchUp; c != nil && slices.Contains(c.Parties, party) {
		cursor = min(cursor, c.Cursor)
		c.Parties = slices.DeleteFunc(slices.Clone(c.Parties), func(p ocpi.Party) bool { return p == party })
		if len(c.Parties) == 0 {
			l.state.CatchUp = nil
		}
	}
	l.state.Left = append(l.state.Left, leftAt{party, cursor})
}

// welcome has a party's objects caught up with.
func (l *lane) welcome(ctx context.Context, party ocpi.Party) error {
	c := l.state.CatchUp
	if c == nil {
		c = &catchUp{Cursor: l.main, Birth: l.main}
		l.state.CatchUp = c
	}
	cursor, err := l.first(ctx, []ocpi.Party{party})
	if err != nil {
		return err
	}
	if i := slices.IndexFunc(l.state.Left, func(at leftAt) bool { return at.Party == party }); i >= 0 {
		cursor, c.Birth = l.state.Left[i].Cursor, 0
		l.state.Left = slices.Delete(slices.Clone(l.state.Left), i, i+1)
	}
	if !slices.Contains(c.Parties, party) {
		c.Parties = append(slices.Clone(c.Parties), party)
	}
	c.Cursor = min(c.Cursor, cursor)
	return nil
}

// direct decides what is read next: what the partner is to be caught up with, or all that it sees.
func (l *lane) direct() {
	l.selection = l.partner.selection(l.module)
	l.read = l.main
	if c := l.state.CatchUp; c != nil {
		l.selection.Parties, l.read = c.Parties, c.Cursor
	}
}

// caughtUp goes on with the whole where the partner has got what it sees anew.
func (l *lane) caughtUp() {
	if l.state.CatchUp == nil || l.behind || len(l.queue) > 0 || len(l.flying) > 0 {
		return
	}
	l.state.CatchUp = nil
	l.direct()
	l.behind, l.dirty = true, true
}

// beginning is the cursor at which what has changed since the partner registered begins.
func (l *lane) beginning(ctx context.Context, parties []ocpi.Party) (cursor int64, err error) {
	selection := l.partner.selection(l.module)
	selection.Parties = parties
	for {
		found, err := l.config.Store.Changes(ctx, selection, cursor, stretch)
		if err != nil {
			return 0, err
		}
		first := slices.IndexFunc(found.Changes, func(c store.Change) bool { return !c.Changed.Before(l.partner.Since) })
		switch {
		case first == 0:
			return cursor, nil
		case first > 0: // up to there it is to be passed over
			found, err = l.config.Store.Changes(ctx, selection, cursor, first)
			return found.Next, err
		}
		if len(found.Changes) == 0 || found.Next <= cursor {
			return max(cursor, found.Next), nil
		}
		cursor = found.Next
	}
}
