package push

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/roamwire/roamwire/node/store"
	"github.com/roamwire/roamwire/ocpi"
)

// begin begins as many sends as may be under way: first held objects that are due, then what the feed brings. While the
// lane waits for its partner, one message is sent when it is time to ask.
func (l *lane) begin(ctx, sending context.Context) {
	now := l.config.Now()
	room := l.config.Concurrency - len(l.flying)
	waits := l.state.Breaker.open()
	if now.Before(l.rest) || waits && now.Before(l.state.Breaker.Until) {
		return
	}
	if waits {
		room = min(room, 1-len(l.flying))
		l.behind = true
	}
	if l.doubting() {
		if now.Before(l.state.Doubt) {
			return
		}
		room = min(room, 1-len(l.flying))
	}
	asks := waits || l.doubting()
	if nothingToDo := len(l.queue) == 0 && !l.anyDue(now) && !waits && (!asks || !l.anyHeld()); room <= 0 || nothingToDo {
		return
	}
	if l.client == nil && !l.connect(ctx) {
		return
	}
	if asks && l.turnOfNews() {
		if waits && len(l.queue) == 0 {
			l.readOne(ctx)
		}
		room = l.beginQueued(ctx, sending, room)
	}
	room = l.beginHeld(ctx, sending, room)
	if room > 0 && waits && len(l.queue) == 0 && !l.readOne(ctx) {
		l.state.Breaker, l.dirty = breaker{}, true // there is nothing to wait with
	}
	l.beginQueued(ctx, sending, room)
}

// turnOfNews reports whether the partner is asked with an object that has not failed, which tells more than one that has. It is
// the turn of either now and then: an object may be all that is wrong with the partner.
func (l *lane) turnOfNews() bool {
	if b := l.state.Breaker; b.open() {
		return b.Waits%2 == 1
	}
	return l.doubts%heldTurn != 0
}

// doubtAfter is how many objects the partner must refuse or fail over, without taking one, to be doubted; doubtAfterBad is the same
// where they are known to be bad. heldTurn is how often it is a held one's turn then.
const (
	doubtAfter    = 5
	doubtAfterBad = 50
	heldTurn      = 3
)

// doubting reports whether the partner refuses or fails over one object after the other.
func (l *lane) doubting() bool { return l.suspects >= doubtAfter || len(l.failing) >= doubtAfterBad }

// connect makes the client, which keeps to the rate of requests.
func (l *lane) connect(ctx context.Context) bool {
	client, err := l.config.Client(ctx, l.partner.Name)
	if err != nil {
		l.failed(err, verdict{fault: absent, atOnce: true})
		return false
	}
	if l.limiter != nil {
		client = client.InTurn(l.limiter.Wait)
	}
	l.client = client
	return true
}

// anyDue reports whether a held object is due.
func (l *lane) anyDue(now time.Time) bool {
	due := l.firstDue()
	return !due.IsZero() && !due.After(now)
}

// firstDue is when the first held object that is not being sent is due; zero for never.
func (l *lane) firstDue() time.Time {
	if !l.stale {
		return l.due
	}
	l.due, l.stale = time.Time{}, false
	for key, h := range l.held {
		if l.flying[key] == nil && !h.Due.IsZero() && (l.due.IsZero() || h.Due.Before(l.due)) {
			l.due = h.Due
		}
	}
	return l.due
}

// anyHeld reports whether there is a held object that is not parked.
func (l *lane) anyHeld() bool {
	for _, h := range l.held {
		if !h.memory.Parked {
			return true
		}
	}
	return false
}

// beginHeld begins with held objects that are due. While the partner is asked whether it takes anything, any of them will do.
func (l *lane) beginHeld(ctx, sending context.Context, room int) int {
	now, asks := l.config.Now(), l.state.Breaker.open() || l.doubting()
	if len(l.held) == 0 || !asks && !l.anyDue(now) {
		return room
	}
	var due []*held
	for key, h := range l.held {
		if l.flying[key] == nil && !h.Due.IsZero() && (!h.Due.After(now) || asks && !h.memory.Parked) {
			due = append(due, h)
		}
	}
	slices.SortFunc(due, func(a, b *held) int { return cmp.Or(a.Due.Compare(b.Due), cmp.Compare(a.Key.ID, b.Key.ID)) })
	for _, h := range due {
		if room == 0 {
			break
		}
		if l.beginOne(ctx, sending, h.Key, h.memory.Since, nil) {
			room--
		}
	}
	return room
}

// beginQueued begins with what the feed has brought.
func (l *lane) beginQueued(ctx, sending context.Context, room int) int {
	n := 0
	for _, q := range l.queue {
		if room == 0 || l.config.Now().Before(l.rest) {
			break
		}
		n++
		delete(l.waiting, q.key)
		if h := l.held[q.key]; h != nil { // it failed meanwhile, and has its turn
			continue
		}
		if l.beginOne(ctx, sending, q.key, q.since, q.change) {
			room--
		}
	}
	clear(l.queue[:n])
	l.queue = l.queue[n:]
	return room
}

// beginOne begins to send an object, in its newest state where change is nil. It reports false where there is nothing to send.
func (l *lane) beginOne(ctx, sending context.Context, key store.Key, since int64, change *store.Change) bool {
	if change == nil {
		found, err := l.config.Store.ChangeOf(ctx, key, since)
		switch {
		case errors.Is(err, store.ErrNotFound):
			l.letGo(key)
			return false
		case err != nil:
			l.postpone(key, since, err)
			return false
		}
		change = &found
	}
	if !l.sees(change) { // it was shown to the partner before, or was meant for another one all along
		l.letGo(key)
		return false
	}
	l.send(sending, change, since)
	return true
}

// letGo forgets that an object is held: there is nothing to send, or nobody to send it to.
func (l *lane) letGo(key store.Key) {
	if h := l.held[key]; h != nil {
		l.release(key, h.memory, h.Sent)
	}
}

// postpone keeps an object for later that could not be read from our own data.
func (l *lane) postpone(key store.Key, since int64, err error) {
	l.state.Error, l.state.Failed = fmt.Sprintf("our own data: %v", err), l.config.Now()
	l.rest = l.config.Now().Add(l.config.Backoff.First)
	if l.held[key] == nil && l.waiting[key] == nil {
		l.push(&queued{key: key, since: since})
	}
}

// send sends one object in a goroutine of its own.
func (l *lane) send(ctx context.Context, c *store.Change, since int64) {
	l.flying[c.Key] = &flight{since: since, change: c.Change}
	l.stale = true
	j := &job{
		config: &l.config, partner: &l.partner, change: *c, client: l.client, press: l.press, placed: l.state.Placed, notes: l.notes,
		told: l.told[c.Key], since: since,
	}
	j.known, j.sent = l.known(c.Key)
	go func() {
		if limit := l.partner.Policy.Timeout; limit > 0 {
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeout(ctx, limit)
			defer cancel()
		}
		l.results <- j.do(ctx)
	}()
}

// known is what is remembered of an object, where that may not be on disk; nil where it is.
func (l *lane) known(key store.Key) (m *memory, sent int64) {
	if h := l.held[key]; h != nil {
		return new(h.memory), h.Sent
	}
	if d, ok := l.keep[key]; ok {
		if m, err := readMemory(d); err == nil {
			return &m, d.Sent
		}
	}
	if l.forget[key] || !remembers(l.module) {
		return &memory{}, 0
	}
	return nil, 0
}

// remembers reports whether something is remembered of what was sent of a module.
func remembers(module ocpi.ModuleID) bool {
	return module == ocpi.ModuleSessions || module == ocpi.ModuleCDRs
}
