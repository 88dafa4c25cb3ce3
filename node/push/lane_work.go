package push

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/roamwire/roamwire/node/store"
	"github.com/roamwire/roamwire/ocpi"
)

// fill reads the feed on, where there may be more and the lane does not wait for its partner.
func (l *lane) fill(ctx context.Context) error {
	for l.behind && !l.state.Breaker.open() && len(l.queue) < stretch {
		found, err := l.config.Store.Changes(ctx, l.selection, l.read, stretch)
		if err != nil {
			return err
		}
		l.enqueue(found.Changes)
		l.behind = len(found.Changes) == stretch
		if found.Next > l.read {
			l.read, l.dirty = found.Next, true
		}
	}
	return nil
}

func (l *lane) enqueue(changes []store.Change) {
	for _, c := range changes {
		l.queue = append(l.queue, queued{c, l.read})
	}
}

// look sees to it that what others have changed of the held objects is seen.
func (l *lane) look(ctx context.Context) error {
	if len(l.held) == 0 || l.config.Now().Sub(l.looked) < lookEvery {
		return nil
	}
	if err := l.save(ctx, true); err != nil {
		return err
	}
	return l.lookUp(ctx)
}

func (l *lane) lookUp(ctx context.Context) error {
	held, err := l.config.Store.Held(ctx, l.partner.Name, l.module)
	if err != nil {
		return err
	}
	l.looked = l.config.Now()
	clear(l.held)
	for _, d := range held {
		l.held[d.Key] = &d
	}
	return nil
}

// begin begins as many sends as may be under way: first held objects that are due, then what the feed brings. While the
// lane waits for its partner, one message is sent when it is time to ask.
func (l *lane) begin(ctx, sending context.Context) {
	room := l.config.Concurrency - len(l.flying)
	if l.state.Breaker.open() {
		if l.config.Now().Before(l.state.Breaker.Until) {
			return
		}
		room = min(room, 1-len(l.flying))
		l.behind = true
	}
	if room <= 0 {
		return
	}
	if l.client == nil {
		client, err := l.config.Client(ctx, l.partner.Name)
		if err != nil {
			l.failed(err, verdict{partner: true, atOnce: true})
			return
		}
		l.client = client
	}
	room = l.beginHeld(ctx, sending, room)
	if room > 0 && l.state.Breaker.open() && len(l.queue) == 0 {
		l.readOne(ctx)
	}
	l.beginQueued(sending, room)
}

// readOne reads one change, to ask with.
func (l *lane) readOne(ctx context.Context) {
	found, err := l.config.Store.Changes(ctx, l.selection, l.read, 1)
	if err != nil {
		return // the next turn tells
	}
	l.enqueue(found.Changes)
	l.read = max(l.read, found.Next)
	if len(found.Changes) == 0 {
		l.state.Breaker, l.dirty = breaker{}, true // there is nothing to wait with
	}
}

func (l *lane) beginHeld(ctx, sending context.Context, room int) int {
	if room <= 0 || len(l.held) == 0 {
		return room
	}
	now := l.config.Now()
	var due []*store.Delivery
	for key, d := range l.held {
		_, flying := l.flying[key]
		if !flying && !d.Due.IsZero() && (!d.Due.After(now) || l.state.Breaker.open()) {
			due = append(due, d)
		}
	}
	slices.SortFunc(due, func(a, b *store.Delivery) int { return cmp.Or(a.Due.Compare(b.Due), cmp.Compare(a.Key.ID, b.Key.ID)) })
	for _, d := range due[:min(room, len(due))] {
		m, err := readMemory(*d)
		if err != nil {
			l.config.Logger.ErrorContext(ctx, "cannot push", "error", err)
			continue
		}
		change, err := l.config.Store.ChangeOf(ctx, d.Key, m.Since)
		if errors.Is(err, store.ErrNotFound) {
			l.release(d.Key, m, d.Sent)
			continue
		}
		if err != nil {
			l.config.Logger.ErrorContext(ctx, "cannot push", "error", err)
			continue
		}
		l.send(sending, queued{change, m.Since})
		room--
	}
	return room
}

// beginQueued begins with what the feed has brought. An object that is being sent waits for that; one that is held is
// tried again with its new state where it was parked, and has its turn where it was not.
func (l *lane) beginQueued(sending context.Context, room int) {
	rest := l.queue[:0]
	for i, c := range l.queue {
		if room == 0 {
			rest = append(rest, l.queue[i:]...)
			break
		}
		if f, flying := l.flying[c.Key]; flying {
			if c.Change.Change > f.change { // otherwise it is what is being sent
				rest = append(rest, c)
			}
			continue
		}
		if l.ahead[c.Key] >= c.Change.Change {
			l.dirty = true
			continue
		}
		if d := l.held[c.Key]; d != nil {
			if d.Due.IsZero() {
				d.Due = l.config.Now()
				l.keep[c.Key] = *d
			}
			l.dirty = true
			continue
		}
		l.send(sending, c)
		room--
	}
	clear(l.queue[len(rest):])
	l.queue = rest
	if len(rest) == 0 && !l.behind {
		clear(l.ahead)
	}
}

// send sends one object in a goroutine of its own.
func (l *lane) send(ctx context.Context, c queued) {
	l.flying[c.Key] = flight{c.since, c.Change.Change}
	j := &job{config: &l.config, partner: &l.partner, change: c.Change, client: l.client, press: l.press, placed: l.state.Placed}
	j.known = l.known(c.Key)
	go func() {
		r := result{change: c.Change, since: c.since}
		if l.limiter != nil {
			r.err = l.limiter.Wait(ctx)
		}
		if r.err == nil {
			r.memory, r.skipped, r.err = j.do(ctx)
		}
		l.results <- r
	}()
}

// known is what is remembered of an object, where that is not what is on disk; nil where it is.
func (l *lane) known(key store.Key) *store.Delivery {
	if d := l.held[key]; d != nil {
		return new(*d)
	}
	if d, ok := l.keep[key]; ok {
		return &d
	}
	if l.forget[key] {
		return &store.Delivery{Partner: l.partner.Name, Key: key}
	}
	return nil
}

// wait waits for results, news, or the time at which something is due.
func (l *lane) wait(ctx context.Context, changed <-chan struct{}) error {
	if l.state.Breaker.open() {
		changed = nil // what changes is read when the partner is back
	}
	timer := time.NewTimer(l.pause())
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-changed:
	case <-timer.C:
	case r := <-l.results:
		l.take(r)
		for len(l.results) > 0 {
			l.take(<-l.results)
		}
	}
	return nil
}

// longestPause is how long a lane sleeps that has nothing to do.
const longestPause = time.Minute

// pause is how long nothing is due.
func (l *lane) pause() time.Duration {
	now := l.config.Now()
	pause := longestPause
	sooner := func(at time.Time) { pause = max(0, min(pause, at.Sub(now))) }
	if l.dirty {
		sooner(l.saved.Add(saveEvery))
	}
	if len(l.held) > 0 {
		sooner(l.looked.Add(lookEvery))
	}
	full := len(l.flying) >= l.config.Concurrency
	if b := l.state.Breaker; b.open() {
		if len(l.flying) == 0 {
			sooner(b.Until)
		}
		return max(pause, time.Millisecond)
	}
	for key, d := range l.held {
		if _, flying := l.flying[key]; !flying && !full && !d.Due.IsZero() {
			sooner(d.Due)
		}
	}
	if l.behind && len(l.queue) < stretch && !full {
		return 0
	}
	return max(pause, time.Millisecond)
}

// take takes a result in.
func (l *lane) take(r result) {
	delete(l.flying, r.change.Key)
	l.dirty = true
	d := l.held[r.change.Key]
	if r.err == nil {
		if !r.skipped {
			l.succeeded()
		}
		if at := r.memory.Location; at != "" && at != confirmed {
			l.state.Placed = placed{r.change.ID, at}
		}
		l.passOver(r.change, d != nil)
		r.memory.Since, r.memory.Attempts, r.memory.Refused, r.memory.Reason, r.memory.Failed = 0, 0, 0, "", time.Time{}
		l.release(r.change.Key, r.memory, r.change.Change)
		return
	}
	if errors.Is(r.err, context.Canceled) { // the lane is being stopped
		l.hold(r, d, l.config.Now())
		return
	}
	v := judge(r.err)
	l.failed(r.err, v)
	l.fail(r, d, v)
}

// passOver sees to it that a state that was sent is not sent again when the feed comes to it.
func (l *lane) passOver(c store.Change, wasHeld bool) {
	if wasHeld || c.Change > l.read {
		l.ahead[c.Key] = c.Change
	}
	l.queue = slices.DeleteFunc(l.queue, func(q queued) bool { return q.Change.Change == c.Change })
}

// release ends the holding of an object.
func (l *lane) release(key store.Key, m memory, sent int64) {
	_, wasHeld := l.held[key]
	delete(l.held, key)
	delete(l.keep, key)
	l.dirty = true
	if !m.lasting() {
		if wasHeld { // otherwise it may still be waiting to be forgotten
			l.forget[key] = true
		}
		return
	}
	delete(l.forget, key)
	record, err := m.delivery(l.partner.Name, key, sent)
	if err != nil {
		l.config.Logger.Error("cannot keep what was sent", "error", err)
		return
	}
	l.keep[key] = record
}

// Bounds of tries of one object.
const (
	// maxRefusals is how often an object is sent that the partner refuses, before it is parked.
	maxRefusals = 3
	// maxAttempts is how often an object is tried that fails while others get through.
	maxAttempts = 15
)

// fail holds an object for another try, or parks it. CDRs are money: what could not be sent at all is parked, and all else
// is tried until it gets through.
func (l *lane) fail(r result, d *store.Delivery, v verdict) {
	m := &r.memory
	if d != nil {
		before, _ := readMemory(*d)
		m.Attempts, m.Refused = before.Attempts, before.Refused
	}
	m.Attempts++
	m.Reason, m.Failed = r.err.Error(), l.config.Now()
	due := l.config.Now().Add(max(v.asked, spread(doubled(l.config.Backoff.First, m.Attempts-1, l.config.Backoff.LongestHeld))))
	if v.refused {
		m.Refused++
	}
	given := m.Refused >= maxRefusals || m.Attempts >= maxAttempts && !v.partner
	parked := v.hopeless || given && l.module != ocpi.ModuleCDRs
	if parked {
		due = time.Time{}
		l.config.Logger.Warn("an object is parked: the partner does not take it", "partner", l.partner.Name, "module", l.module, "id", r.change.ID, "error", r.err)
	}
	l.hold(r, d, due)
}

func (l *lane) hold(r result, d *store.Delivery, due time.Time) {
	r.memory.Since = r.since
	sent := int64(0)
	if d != nil {
		sent = d.Sent
	}
	record, err := r.memory.delivery(l.partner.Name, r.change.Key, sent)
	if err != nil {
		l.config.Logger.Error("cannot keep what is to be sent again", "error", err)
		return
	}
	record.Held, record.Due = true, due
	l.held[r.change.Key] = &record
	l.keep[r.change.Key] = record
	delete(l.forget, r.change.Key)
	l.dirty = true
}

// succeeded notes that a message got through. A partner that is back gets what was held at once.
func (l *lane) succeeded() {
	now := l.config.Now()
	l.state.Sent++
	l.state.Success = now
	if !l.state.Breaker.succeeded() {
		return
	}
	l.behind = true
	for key, d := range l.held {
		if !d.Due.IsZero() {
			d.Due = now
			l.keep[key] = *d
		}
	}
	l.config.Logger.Info("the partner takes pushes again", "partner", l.partner.Name, "module", l.module)
	if l.config.OnBack != nil {
		l.config.OnBack(l.partner.Name)
	}
}

// failed notes a failure, after which the lane may wait for its partner. What was read and not begun is read again then:
// it may have changed.
func (l *lane) failed(err error, v verdict) {
	l.state.Error, l.state.Failed, l.dirty = err.Error(), l.config.Now(), true
	if v.refused || v.hopeless {
		l.state.Breaker.succeeded() // the partner is there
		return
	}
	if v.partner {
		l.client = nil // is made anew: the partner may have moved, or its token changed
	}
	wasOpen := l.state.Breaker.open()
	l.state.Breaker.failed(l.config.Now(), v.atOnce, v.asked, l.config.Backoff)
	if wasOpen || !l.state.Breaker.open() {
		return
	}
	l.config.Logger.Warn("pushes wait for the partner", "partner", l.partner.Name, "module", l.module, "error", err)
	l.read, l.queue, l.behind = l.unread(), nil, true
}

// floor is the cursor: everything up to it was dealt with.
func (l *lane) floor() int64 {
	floor := l.unread()
	for key, f := range l.flying {
		if l.held[key] == nil { // a held one is on disk
			floor = min(floor, f.since)
		}
	}
	return floor
}

// unread is the cursor at which the feed is read again if the queue is dropped.
func (l *lane) unread() int64 {
	cursor := l.read
	for _, c := range l.queue {
		cursor = min(cursor, c.since)
	}
	return cursor
}

// save writes what has changed in the lane; unless now is set, not more often than needed.
func (l *lane) save(ctx context.Context, now bool) error {
	at := l.config.Now()
	if !l.dirty || !now && at.Sub(l.saved) < saveEvery && (len(l.flying) > 0 || len(l.queue) > 0 || l.behind) {
		return nil
	}
	state, err := json.Marshal(&l.state)
	if err != nil {
		return fmt.Errorf("write lane %s of %s: %w", l.module, l.partner.Name, err)
	}
	var keep []store.Delivery
	for _, d := range l.keep {
		keep = append(keep, d)
	}
	var forget []store.Key
	for key := range l.forget {
		forget = append(forget, key)
	}
	floor := l.floor()
	record := store.Lane{Partner: l.partner.Name, Module: l.module, Cursor: floor, State: state}
	if err := l.config.Store.SaveLane(ctx, record, keep, forget); err != nil {
		return err
	}
	l.cursor, l.saved, l.dirty = floor, at, false
	clear(l.keep)
	clear(l.forget)
	return nil
}

// finish waits for what is under way and saves the lane.
func (l *lane) finish(sending context.Context) {
	for len(l.flying) > 0 {
		l.take(<-l.results)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(sending), grace)
	defer cancel()
	if err := l.save(ctx, true); err != nil {
		l.config.Logger.Error("cannot save how far pushes have come", "partner", l.partner.Name, "module", l.module, "error", err)
	}
}
