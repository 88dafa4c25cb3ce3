package event

import (
	"context"
	"time"

	"github.com/roamwire/roamwire/node/store"
)

// A lane sends events to one endpoint, one after the other: the next one goes when the one before was taken or given up.
type lane struct {
	webhooks *Webhooks
	config   Config
	id       string
	hook     hook
	reader   *reader
	// queue is what was read and is not dealt with.
	queue []*message

	// cursor is the number up to which everything was dealt with, dead what was given up since the lane was saved.
	cursor int64
	dead   []store.DeadEvent
	// done are the replays that are over or further, by ID.
	done map[int64]int64
	// dirty is set where something was sent since the lane was saved, moved where it has only passed over events.
	dirty, moved bool
	saved        time.Time
	// disabled is why the webhook is to be disabled.
	disabled string
	// listening is set while the lane is counted among the consumers of the feed.
	listening bool
}

const (
	// saveEvery is how often a lane at work is saved. What it has sent since is sent again after a crash.
	saveEvery = 250 * time.Millisecond
	// saveMoved is how often a lane is saved that has nothing to send.
	saveMoved = 10 * time.Second
	// grace is how long a request may take that is under way when the lane is stopped.
	grace = 2 * time.Second
	// mostDead is how many events are given up before they are written.
	mostDead = 100
)

func newLane(w *Webhooks, id string) *lane { return &lane{webhooks: w, config: w.config, id: id} }

// run sends events until ctx ends or a person changes the webhook.
func (l *lane) run(ctx context.Context) error {
	if err := l.load(ctx); err != nil {
		return err
	}
	sending, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()
	context.AfterFunc(ctx, func() { time.AfterFunc(grace, end) })
	defer l.listen(false)
	defer l.finish()
	for ctx.Err() == nil {
		if err := l.step(ctx, sending); err != nil {
			return err
		}
	}
	return nil
}

// load reads where the lane is.
func (l *lane) load(ctx context.Context) (err error) {
	if l.hook, err = l.webhooks.find(ctx, l.id); err != nil {
		return err
	}
	l.cursor, l.saved = l.hook.record.Cursor, l.config.Now()
	l.reader = &reader{feed: l.webhooks.feed, want: l.hook.state.filter(), at: l.cursor}
	l.queue, l.dead, l.done, l.dirty, l.moved = nil, nil, map[int64]int64{}, false, false
	return nil
}

// state is how the lane is doing.
func (l *lane) state() *progress { return &l.hook.state.Lane }

// listen tells the feed whether the lane wants to hear what is new.
func (l *lane) listen(wanted bool) {
	switch {
	case wanted && !l.listening:
		l.webhooks.feed.enter()
	case !wanted && l.listening:
		l.webhooks.feed.leave()
	}
	l.listening = wanted
}

// step deals with what is next, or waits.
func (l *lane) step(ctx, sending context.Context) error {
	now := l.config.Now()
	if until := l.state().Until; until.After(now) {
		return l.rest(ctx, until.Sub(now))
	}
	l.listen(true)
	news := l.webhooks.feed.news()
	next, err := l.next(ctx)
	if err != nil {
		return err
	}
	if next == nil {
		return l.idle(ctx, news)
	}
	l.take(sending, next, l.send(sending, next))
	if l.disabled != "" {
		return l.disable(sending)
	}
	return l.save(sending, !l.state().Until.IsZero() || len(l.dead) > 0)
}

// rest waits for the endpoint. What gets too old meanwhile is given up.
func (l *lane) rest(ctx context.Context, pause time.Duration) error {
	l.listen(false)
	if old, err := l.giveUpOld(ctx); err != nil || old {
		return err
	}
	if len(l.queue) > 0 {
		pause = min(pause, max(time.Millisecond, l.dies(l.queue[0].at).Sub(l.config.Now())))
	}
	if err := l.save(ctx, false); err != nil {
		return err
	}
	if due, ok := l.due(); ok {
		pause = min(pause, max(time.Millisecond, due.Sub(l.config.Now())))
	}
	sleep(ctx, pause, nil)
	return nil
}

// idle waits for something to happen.
func (l *lane) idle(ctx context.Context, news <-chan struct{}) error {
	if err := l.save(ctx, false); err != nil {
		return err
	}
	pause := time.Hour
	if due, ok := l.due(); ok {
		pause = max(time.Millisecond, due.Sub(l.config.Now()))
	}
	sleep(ctx, pause, news)
	return nil
}

func sleep(ctx context.Context, pause time.Duration, news <-chan struct{}) {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-news:
	case <-timer.C:
	}
}

// An item is something to send.
type item struct {
	message *message
	// key is its webhook-id, which stays the same however often it is sent.
	key string
	// replay is the ID of the replay that it belongs to; 0 for none.
	replay int64
}

// next returns what is to be sent next: that events were lost, then dead events that are to be sent again, then what happens.
func (l *lane) next(ctx context.Context) (*item, error) {
	for {
		if lost := l.state().Lost; lost != nil {
			m, err := writeLost(l.config.Source, *lost, l.config.Now())
			if err != nil {
				return nil, err
			}
			return &item{message: m, key: eventID + m.id}, nil
		}
		if again, err := l.nextReplay(ctx); again != nil || err != nil {
			return again, err
		}
		if len(l.queue) > 0 {
			return &item{message: l.queue[0], key: eventID + l.queue[0].id}, nil
		}
		more, err := l.read(ctx)
		if err != nil || !more {
			return nil, err
		}
	}
}

// eventID begins the webhook-id of an event.
const eventID = "evt_"

// read fills the queue, or passes over what is not wanted. There is no more where it does neither.
func (l *lane) read(ctx context.Context) (more bool, err error) {
	before := l.reader.at
	found, lost, err := l.reader.read(ctx)
	if err != nil {
		return false, err
	}
	if lost != nil {
		l.config.Logger.WarnContext(ctx, "events were removed before a webhook had them", "webhook", l.id, "first", lost.First, "last", lost.Last)
		if told := l.state().Lost; told != nil && told.First != 0 { // it has not heard of those either
			lost.First = told.First
		}
		l.state().Lost, l.state().LastLost, l.dirty = lost, lost, true
		l.cursor = l.reader.at
		return true, nil
	}
	if l.queue = found; len(found) == 0 && l.reader.at > l.cursor {
		l.cursor, l.moved = l.reader.at, true
	}
	return l.reader.at != before, nil
}

// nextReplay returns the next dead event that is to be sent again.
func (l *lane) nextReplay(ctx context.Context) (*item, error) {
	for len(l.hook.state.Replays) > 0 {
		r := &l.hook.state.Replays[0]
		dead, err := l.config.Store.DeadEvents(ctx, l.id, r.After, 1)
		if err != nil {
			return nil, err
		}
		if len(dead) > 0 && dead[0].Number <= r.Upto {
			m, err := write(l.config.Source, dead[0].Event)
			if err != nil {
				return nil, err
			}
			return &item{message: m, key: eventID + m.id, replay: r.ID}, nil
		}
		l.done[r.ID], l.dirty = r.Upto, true
		l.hook.state.Replays = l.hook.state.Replays[1:]
	}
	return nil, nil
}

// take deals with what came of sending something.
func (l *lane) take(ctx context.Context, it *item, a answer) {
	now := l.config.Now()
	s := l.state()
	l.dirty = true
	switch a.verdict {
	case taken:
		s.Sent++
		s.Success, s.Failures, s.Until, s.Since = now.UTC(), 0, time.Time{}, time.Time{}
		s.Refused, s.Refusing = 0, ""
		l.pass(ctx, it, nil)
		return
	case gone:
		s.Error, s.Failed = a.reason, now.UTC()
		l.disabled = a.reason
		return
	case stopped:
		return
	case refused, unreachable:
	}
	if s.Failures++; s.Failures == 1 || s.Since.IsZero() {
		s.Since = now.UTC()
	}
	s.Error, s.Failed = a.reason, now.UTC()
	if s.Refusing != it.key {
		s.Refused, s.Refusing = 0, it.key
	}
	if a.verdict == refused {
		s.Refused++
	}
	s.Until = now.Add(max(a.wait, l.pause())).UTC()
	switch {
	case s.Refused >= l.config.Webhooks.RefusedTries:
		// The others may be welcome: the next one goes at once. If it is not, the pauses go on where they were.
		s.Refused, s.Refusing = 0, ""
		if a.wait == 0 {
			s.Until = time.Time{}
		}
		l.pass(ctx, it, &a)
	case it.message.kind == EventsLost: // it is told however long that takes
	case !now.Before(l.dies(it.message.at)):
		l.pass(ctx, it, &a)
	}
}

// pause is how long is waited after as many failures as there were.
func (l *lane) pause() time.Duration {
	d := l.config.Webhooks.First
	for range l.state().Failures - 1 {
		if d *= 2; d >= l.config.Webhooks.Longest {
			return spread(l.config.Webhooks.Longest)
		}
	}
	return spread(d)
}

// dies is when an event of a time is given up that cannot be delivered. It counts from when it could have been sent: an event that
// is sent again is older.
func (l *lane) dies(since time.Time) time.Time {
	if failing := l.state().Since; failing.After(since) {
		since = failing
	}
	return since.Add(l.config.Webhooks.RetryFor)
}

// pass goes on to what is next, after an item was taken or given up.
func (l *lane) pass(ctx context.Context, it *item, failed *answer) {
	switch {
	case it.message.kind == EventsLost:
		l.state().Lost = nil
	case it.replay != 0:
		r := &l.hook.state.Replays[0]
		r.After = it.message.number
		l.done[r.ID] = r.After
		if failed != nil {
			return // it stays dead
		}
		l.revive(ctx, it.message.number)
	default:
		if failed != nil {
			l.bury(it.message, failed.reason)
		} else if it.message.number <= l.hook.state.Again {
			l.revive(ctx, it.message.number)
		}
		l.dequeue()
	}
}

// revive takes an event that was taken from among the dead ones, if it is there.
func (l *lane) revive(ctx context.Context, number int64) {
	dead, err := l.config.Store.DeadEvents(ctx, l.id, number-1, 1)
	if err == nil && len(dead) > 0 && dead[0].Number == number {
		_, err = l.config.Store.RemoveDeadEvents(ctx, l.id, number)
	}
	if err != nil {
		l.config.Logger.ErrorContext(ctx, "an event that was taken stays among the dead ones", "webhook", l.id, "event", number, "error", err)
	}
}

// dequeue is done with the first event of the queue.
func (l *lane) dequeue() {
	l.cursor = l.queue[0].number
	if l.queue = l.queue[1:]; len(l.queue) == 0 {
		l.cursor = max(l.cursor, l.reader.at)
	}
	l.dirty = true
}

// bury keeps an event as a dead one.
func (l *lane) bury(m *message, reason string) {
	e, err := m.event()
	if err != nil { // we wrote it ourselves
		l.config.Logger.Error("an event that was not taken is not kept", "webhook", l.id, "event", m.number, "error", err)
		return
	}
	l.dead = append(l.dead, store.DeadEvent{Event: e, Reason: reason, Died: l.config.Now().UTC()})
}

// giveUpOld gives up what is too old, without trying: the endpoint has taken nothing for all that time. It does not matter what
// would be sent before: the journal keeps events for only so long, whatever they wait for.
func (l *lane) giveUpOld(ctx context.Context) (found bool, err error) {
	l.giveUpReplays()
	if len(l.queue) == 0 {
		if more, err := l.read(ctx); err != nil || !more {
			return false, err
		}
		if len(l.queue) == 0 {
			return true, nil
		}
	}
	for len(l.queue) > 0 && len(l.dead) < mostDead && !l.config.Now().Before(l.dies(l.queue[0].at)) {
		l.bury(l.queue[0], l.state().Error)
		l.dequeue()
		found = true
	}
	if found {
		return true, l.save(ctx, true)
	}
	return false, nil
}

// giveUpReplays forgets what was to be sent again where the endpoint was away for too long. It stays dead.
func (l *lane) giveUpReplays() {
	since := l.state().Since
	if len(l.hook.state.Replays) == 0 || since.IsZero() || l.config.Now().Before(l.dies(since)) {
		return
	}
	for _, r := range l.hook.state.Replays {
		l.done[r.ID] = r.Upto
	}
	l.hook.state.Replays, l.dirty = nil, true
}
