package event

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/roamwire/roamwire/node/store"
	"github.com/roamwire/roamwire/ocpi"
)

// Webhooks manages webhooks and runs their lanes. Management works in any process; lanes run in one.
type Webhooks struct {
	config Config
	feed   *feed
	policy *policy
	client *http.Client
	// wake has the lanes looked at anew.
	wake chan struct{}

	lanes map[string]*running
}

// A running is a lane at work.
type running struct {
	version version
	stop    context.CancelFunc
	done    chan struct{}
}

func newWebhooks(config Config, f *feed) *Webhooks {
	p := newPolicy(config.Webhooks.RefusePrivate)
	return &Webhooks{
		config: config, feed: f, policy: p, client: newClient(config.Webhooks, p), wake: make(chan struct{}, 1), lanes: map[string]*running{},
	}
}

// newClient makes the client that calls endpoints. It takes no proxy from the environment, which would resolve the hosts itself.
func newClient(config WebhookConfig, p *policy) *http.Client {
	dialer := &net.Dialer{Timeout: config.Timeout, Control: p.control}
	return &http.Client{
		Timeout:       config.Timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			DialContext: dialer.DialContext, ForceAttemptHTTP2: true, TLSHandshakeTimeout: config.Timeout,
			MaxIdleConnsPerHost: 4, IdleConnTimeout: 90 * time.Second, MaxResponseHeaderBytes: 64 << 10, DisableCompression: true,
		},
	}
}

// all reads all webhooks.
func (w *Webhooks) all(ctx context.Context) ([]hook, error) {
	records, err := w.config.Store.Hooks(ctx)
	if err != nil {
		return nil, err
	}
	hooks := make([]hook, len(records))
	for i, record := range records {
		if hooks[i], err = readHook(record); err != nil {
			return nil, err
		}
	}
	return hooks, nil
}

func (w *Webhooks) find(ctx context.Context, id string) (hook, error) {
	records, err := w.config.Store.Hooks(ctx)
	if err != nil {
		return hook{}, err
	}
	i := slices.IndexFunc(records, func(record store.Hook) bool { return record.ID == id })
	if i < 0 {
		return hook{}, fmt.Errorf("webhook %s: %w", id, store.ErrNotFound)
	}
	return readHook(records[i])
}

// Add adds a webhook, which is told what happens from now on. The answer has its secret, which is not told again. It is an
// *Invalid, or store.ErrExists.
func (w *Webhooks) Add(ctx context.Context, hook Webhook) (WebhookStatus, error) {
	if err := hook.check(w.policy); err != nil {
		return WebhookStatus{}, err
	}
	if hook.ID == "" {
		hook.ID = "hook-" + strings.ToLower(rand.Text()[:12])
	}
	secret := hook.Secret
	if secret == "" {
		secret = newSecret()
	}
	hook.Secret = ""
	sealed, err := w.config.Sealer.Seal([]byte(secret))
	if err != nil {
		return WebhookStatus{}, fmt.Errorf("encrypt the secret of webhook %s: %w", hook.ID, err)
	}
	latest, err := w.config.Store.LatestEvent(ctx)
	if err != nil {
		return WebhookStatus{}, err
	}
	state := webhookState{Webhook: hook, Created: w.config.Now().UTC(), Secrets: []sealedSecret{{Sealed: sealed}}, Birth: rand.Text(), Revision: 1}
	record := store.Hook{ID: hook.ID, Cursor: latest}
	if err := state.save(&record); err != nil {
		return WebhookStatus{}, err
	}
	if err := w.config.Store.AddHook(ctx, record); err != nil {
		return WebhookStatus{}, err
	}
	w.poke()
	status, err := w.Get(ctx, hook.ID)
	status.Secret = secret
	return status, err
}

// List returns all webhooks, by id.
func (w *Webhooks) List(ctx context.Context) ([]WebhookStatus, error) {
	hooks, err := w.all(ctx)
	if err != nil {
		return nil, err
	}
	all := make([]WebhookStatus, len(hooks))
	for i, h := range hooks {
		if all[i], err = w.status(ctx, h); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// Get returns a webhook, or store.ErrNotFound.
func (w *Webhooks) Get(ctx context.Context, id string) (WebhookStatus, error) {
	h, err := w.find(ctx, id)
	if err != nil {
		return WebhookStatus{}, err
	}
	return w.status(ctx, h)
}

// secretsOverlap is how long a secret signs beside newer ones, mostSecrets how many sign at once: where a secret is changed
// twice, the endpoint may still have the first.
const (
	secretsOverlap = day
	mostSecrets    = 4
)

// Change changes a webhook by a function as one atomic step; its ID cannot be changed, and Secret is empty unless a new one
// is to sign. What failed is tried again at once. The function must be quick: others wait to write. It is an *Invalid,
// store.ErrNotFound, or the function's error.
func (w *Webhooks) Change(ctx context.Context, id string, change func(*Webhook) error) (WebhookStatus, error) {
	err := w.change(ctx, id, func(_ *store.Hook, s *webhookState) error {
		before := s.Webhook
		if err := change(&s.Webhook); err != nil {
			return err
		}
		if s.ID != before.ID {
			return invalid("/id", ocpi.FindingMismatch, "cannot be changed: it is %s", before.ID)
		}
		if err := s.check(w.policy); err != nil {
			return err
		}
		if s.Disabled != before.Disabled && !s.Untold { // it is still to be told why
			s.Reason = ""
		}
		if err := w.rotate(s); err != nil {
			return err
		}
		s.Lane.Until, s.Lane.Refused, s.Lane.Refusing = time.Time{}, 0, ""
		return nil
	})
	if err != nil {
		return WebhookStatus{}, err
	}
	return w.Get(ctx, id)
}

// rotate puts a new secret in front of those before.
func (w *Webhooks) rotate(s *webhookState) error {
	if s.Secret == "" {
		return nil
	}
	sealed, err := w.config.Sealer.Seal([]byte(s.Secret))
	if err != nil {
		return fmt.Errorf("encrypt the secret of webhook %s: %w", s.ID, err)
	}
	now := w.config.Now()
	if len(s.Secrets) > 0 {
		s.Secrets[0].Until = now.Add(secretsOverlap).UTC()
	}
	before := slices.DeleteFunc(s.Secrets, func(old sealedSecret) bool { return !now.Before(old.Until) })
	before = before[:min(len(before), mostSecrets-1)]
	s.Secret, s.Secrets = "", append([]sealedSecret{{Sealed: sealed}}, before...)
	return nil
}

// Reseal encrypts all secrets anew, with the key that is the first now.
func (w *Webhooks) Reseal(ctx context.Context) error {
	hooks, err := w.config.Store.Hooks(ctx)
	if err != nil {
		return err
	}
	for _, h := range hooks {
		err := w.change(ctx, h.ID, func(_ *store.Hook, s *webhookState) error {
			for i := range s.Secrets {
				secret, err := w.config.Sealer.Open(s.Secrets[i].Sealed)
				if err == nil {
					s.Secrets[i].Sealed, err = w.config.Sealer.Seal(secret)
				}
				if err != nil {
					return fmt.Errorf("encrypt the secret of webhook %s anew: %w", h.ID, err)
				}
			}
			return nil
		})
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
	}
	return nil
}

// Sealed returns how many webhooks there are, and the first of their secrets that cannot be decrypted.
func (w *Webhooks) Sealed(ctx context.Context) (webhooks int, unreadable error, err error) {
	hooks, err := w.all(ctx)
	if err != nil {
		return 0, nil, err
	}
	for _, h := range hooks {
		if _, err := w.keys(&h.state); err != nil && unreadable == nil {
			unreadable = fmt.Errorf("webhook %s: %w", h.record.ID, err)
		}
	}
	return len(hooks), unreadable, nil
}

// Remove removes a webhook with its dead events, or returns store.ErrNotFound.
func (w *Webhooks) Remove(ctx context.Context, id string) error {
	defer w.poke()
	return w.config.Store.RemoveHook(ctx, id)
}

// change changes a webhook as a person does.
func (w *Webhooks) change(ctx context.Context, id string, fn func(*store.Hook, *webhookState) error) error {
	defer w.poke()
	return w.config.Store.ChangeHook(ctx, id, func(record *store.Hook) ([]store.DeadEvent, error) {
		h, err := readHook(*record)
		if err != nil {
			return nil, err
		}
		if err := fn(record, &h.state); err != nil {
			return nil, err
		}
		h.state.Revision++
		return nil, h.state.save(record)
	})
}

// poke has the lanes looked at anew.
func (w *Webhooks) poke() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// mostCounted is how far events that wait are counted.
const mostCounted = 1000

func (w *Webhooks) status(ctx context.Context, h hook) (WebhookStatus, error) {
	lane := &h.state.Lane
	s := WebhookStatus{
		Webhook: h.state.Webhook, Created: h.state.Created, Cursor: h.record.Cursor, Replaying: len(h.state.Replays) > 0,
		Sent: lane.Sent, LastSuccess: lane.Success, LastError: lane.Error, LastFailure: lane.Failed,
		Failures: lane.Failures, NextTry: lane.Until, Lost: lane.LastLost,
	}
	s.ID = h.record.ID
	if s.Disabled {
		s.Reason = h.state.Reason
	}
	for at := h.record.Cursor; !s.More; {
		events, next, err := w.config.Store.Events(ctx, h.state.filter(), at, mostCounted+1-s.Backlog)
		if err != nil {
			return s, err
		}
		if len(events) > 0 && s.Oldest.IsZero() {
			s.Oldest = events[0].Time
		}
		if s.Backlog += len(events); s.Backlog > mostCounted {
			s.Backlog, s.More = mostCounted, true
		}
		if next == at {
			break
		}
		at = next
	}
	for after := int64(0); s.Dead < mostCounted; {
		dead, err := w.config.Store.DeadEvents(ctx, h.record.ID, after, mostCounted-s.Dead)
		if err != nil {
			return s, err
		}
		if len(dead) == 0 {
			break
		}
		s.Dead, after = s.Dead+len(dead), dead[len(dead)-1].Number
	}
	trimmed, err := w.config.Store.TrimmedEvents(ctx)
	if trimmed > h.record.Cursor {
		s.Lost = &Lost{First: h.record.Cursor + 1, Last: trimmed, Reason: LostTrimmed}
	}
	return s, err
}

// Dead returns the events that an endpoint did not take and that are not sent by themselves any more, after a number, at
// most limit of them and fewer where they are large; none only where there are none. It is store.ErrNotFound where there is no
// such webhook.
func (w *Webhooks) Dead(ctx context.Context, id string, after int64, limit int) ([]DeadEvent, error) {
	if _, err := w.find(ctx, id); err != nil {
		return nil, err
	}
	found, err := w.config.Store.DeadEvents(ctx, id, after, limit)
	if err != nil {
		return nil, err
	}
	dead := make([]DeadEvent, len(found))
	for i, d := range found {
		m, err := write(w.config.Source, d.Event)
		if err != nil {
			return nil, err
		}
		dead[i] = DeadEvent{
			Number: d.Number, Time: d.Time, Type: d.Type, Subject: d.Subject, Partner: d.Partner, Module: d.Module, Reason: d.Reason, Died: d.Died,
			Event: m.json(),
		}
	}
	return dead, nil
}

// A DeadEvent is an event that an endpoint did not take.
type DeadEvent struct {
	Number  int64         `json:"number"`
	Time    time.Time     `json:"time"`
	Type    string        `json:"type"`
	Subject string        `json:"subject,omitempty"`
	Partner string        `json:"partner,omitempty"`
	Module  ocpi.ModuleID `json:"module,omitempty"`
	// Reason is why it was not taken, Died when it was given up.
	Reason string    `json:"reason"`
	Died   time.Time `json:"died"`
	// Event is the CloudEvent that was sent.
	Event jsontext.Value `json:"event"`
}

// RemoveDead removes dead events of a webhook; all of them where no number is given. It returns how many there were.
func (w *Webhooks) RemoveDead(ctx context.Context, id string, numbers ...int64) (int, error) {
	if _, err := w.find(ctx, id); err != nil {
		return 0, err
	}
	return w.config.Store.RemoveDeadEvents(ctx, id, numbers...)
}

// A Replay says what is to be sent again. One of its fields is set.
type Replay struct {
	// Numbers are those of dead events, AllDead stands for all of them. They are sent before what is new.
	Numbers []int64 `json:"numbers,omitempty"`
	AllDead bool    `json:"all_dead,omitzero"`
	// After is the number after which all events are sent again that are kept; 0 for all that are.
	After *int64 `json:"after,omitempty"`
	// Since is the time since when all events are sent again that are kept; zero for none.
	Since time.Time `json:"since,omitzero"`
}

const mostReplays = 1000

// Replay has events sent again. It is an *Invalid, or store.ErrNotFound.
func (w *Webhooks) Replay(ctx context.Context, id string, what Replay) error {
	set := 0
	for _, given := range []bool{len(what.Numbers) > 0, what.AllDead, what.After != nil, !what.Since.IsZero()} {
		if given {
			set++
		}
	}
	switch {
	case set != 1:
		return invalid("", ocpi.FindingConsistency, "one of numbers, after and since")
	case len(what.Numbers) > mostReplays:
		return invalid("/numbers", ocpi.FindingLength, "is longer than %d entries", mostReplays)
	case what.After != nil:
		return w.replayAfter(ctx, id, *what.After)
	case !what.Since.IsZero():
		return w.replaySince(ctx, id, what.Since)
	}
	spans := []replay{{After: 0, Upto: 1<<63 - 1}}
	if !what.AllDead {
		var err error
		if spans, err = w.deadSpans(ctx, id, what.Numbers); err != nil {
			return err
		}
	}
	return w.change(ctx, id, func(_ *store.Hook, s *webhookState) error {
		if what.AllDead {
			s.Replays = nil // all are among them
		}
		if len(s.Replays)+len(spans) > mostReplays {
			return invalid("/numbers", ocpi.FindingLength, "is too much: %d replays wait already", len(s.Replays))
		}
		for _, span := range spans {
			span.ID = s.Revision*mostReplays + int64(len(s.Replays)) + 1
			s.Replays = append(s.Replays, span)
		}
		s.Lane.Until, s.Lane.Refused, s.Lane.Refusing = time.Time{}, 0, ""
		return nil
	})
}

// deadSpans makes one replay for each dead event.
func (w *Webhooks) deadSpans(ctx context.Context, id string, numbers []int64) (spans []replay, err error) {
	if _, err := w.find(ctx, id); err != nil {
		return nil, err
	}
	for i, n := range numbers {
		dead, err := w.config.Store.DeadEvents(ctx, id, n-1, 1)
		if err != nil {
			return nil, err
		}
		if n <= 0 || len(dead) == 0 || dead[0].Number != n {
			return nil, invalid(fmt.Sprintf("/numbers/%d", i), ocpi.FindingRange, "%d is no dead event of this webhook", n)
		}
		spans = append(spans, replay{After: n - 1, Upto: n})
	}
	slices.SortFunc(spans, func(a, b replay) int { return int(max(-1, min(1, a.Upto-b.Upto))) })
	return spans, nil
}

// replaySince moves the cursor of a webhook back to a time.
func (w *Webhooks) replaySince(ctx context.Context, id string, since time.Time) error {
	first, err := w.config.Store.FirstEventSince(ctx, since)
	if err != nil {
		return err
	}
	if first == 0 {
		return invalid("/since", ocpi.FindingRange, "is after all that has happened")
	}
	return w.rewind(ctx, id, first-1)
}

// replayAfter moves the cursor of a webhook back.
func (w *Webhooks) replayAfter(ctx context.Context, id string, after int64) error {
	trimmed, err := w.config.Store.TrimmedEvents(ctx)
	if err != nil {
		return err
	}
	if after == 0 {
		after = trimmed
	}
	if after < trimmed {
		return invalid("/after", ocpi.FindingRange, "must be 0 or at least %d: events up to there are kept no longer", trimmed)
	}
	latest, err := w.config.Store.LatestEvent(ctx)
	if err != nil {
		return err
	}
	if after > latest {
		return invalid("/after", ocpi.FindingRange, "must be at most %d: nothing has happened since", latest)
	}
	return w.rewind(ctx, id, after)
}

// rewind moves the cursor of a webhook back. One that is further behind stays there: it has not had those events once.
func (w *Webhooks) rewind(ctx context.Context, id string, after int64) error {
	return w.change(ctx, id, func(record *store.Hook, s *webhookState) error {
		s.Again = max(s.Again, record.Cursor)
		record.Cursor = min(record.Cursor, after)
		s.Epoch++
		s.Lane.Until, s.Lane.Since, s.Lane.Refused, s.Lane.Refusing = time.Time{}, time.Time{}, 0, ""
		return nil
	})
}

// lookEvery is how often webhooks are looked up: another process may have changed them.
const lookEvery = 2 * time.Second

// run runs the lanes of all webhooks until ctx ends.
func (w *Webhooks) run(ctx context.Context) {
	every := time.NewTicker(lookEvery)
	defer every.Stop()
	for ctx.Err() == nil {
		if err := w.arrange(ctx); err != nil && ctx.Err() == nil {
			w.config.Logger.ErrorContext(ctx, "cannot look for webhooks", "error", err)
		}
		select {
		case <-ctx.Done():
		case <-every.C:
		case <-w.wake:
		}
	}
	for _, r := range w.lanes {
		<-r.done
	}
}

// arrange starts the lanes that are missing, and stops those that are wanted no longer or not as they are.
func (w *Webhooks) arrange(ctx context.Context) error {
	hooks, err := w.config.Store.Hooks(ctx)
	if err != nil {
		return err
	}
	wanted := map[string]hook{}
	for _, record := range hooks {
		h, err := readHook(record)
		if err != nil { // the others go on
			w.config.Logger.ErrorContext(ctx, "a webhook cannot be read", "error", err)
			continue
		}
		if h.state.Untold {
			if err := w.tellDisabled(ctx, h); err != nil {
				return err
			}
		}
		if !h.state.Disabled {
			wanted[record.ID] = h
		}
	}
	var stopping sync.WaitGroup
	for id, r := range w.lanes {
		if h, ok := wanted[id]; ok && h.state.version() == r.version && !r.ended() {
			continue
		}
		r.stop()
		delete(w.lanes, id)
		stopping.Go(func() { <-r.done })
	}
	stopping.Wait()
	for id, h := range wanted {
		if w.lanes[id] == nil {
			w.start(ctx, id, h.state.version())
		}
	}
	return nil
}

// tellDisabled tells that a webhook was switched off: at least once, whenever the process ends.
func (w *Webhooks) tellDisabled(ctx context.Context, h hook) error {
	data, err := json.Marshal(&DisabledWebhook{ID: h.record.ID, URL: h.state.URL, Reason: h.state.Reason})
	if err != nil {
		return err
	}
	err = w.config.Store.Write(ctx, func(tx store.Tx) error {
		return tx.Emit(store.Event{Type: WebhookDisabled, Subject: subject(h.record.ID), Data: data})
	})
	if err != nil {
		return fmt.Errorf("tell that webhook %s was switched off: %w", h.record.ID, err)
	}
	err = w.config.Store.ChangeHook(ctx, h.record.ID, func(record *store.Hook) ([]store.DeadEvent, error) {
		h, err := readHook(*record)
		if err != nil {
			return nil, err
		}
		if h.state.Untold = false; !h.state.Disabled {
			h.state.Reason = ""
		}
		return nil, h.state.save(record)
	})
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	return err
}

func (r *running) ended() bool {
	select {
	case <-r.done:
		return true
	default:
		return false
	}
}

func (w *Webhooks) start(ctx context.Context, id string, of version) {
	ctx, stop := context.WithCancel(ctx)
	r := &running{version: of, stop: stop, done: make(chan struct{})}
	w.lanes[id] = r
	l := newLane(w, id)
	go func() {
		defer close(r.done)
		defer stop()
		if err := l.run(ctx); err != nil && ctx.Err() == nil && !errors.Is(err, errChanged) {
			w.config.Logger.ErrorContext(ctx, "a webhook has stopped and is started again", "webhook", id, "error", err)
		}
	}()
}

// trimDead removes dead events that have been kept for long enough.
func (w *Webhooks) trimDead(ctx context.Context) error {
	hooks, err := w.config.Store.Hooks(ctx)
	if err != nil {
		return err
	}
	before := w.config.Now().Add(-w.config.Keep.DeadFor)
	for _, h := range hooks {
		for {
			dead, err := w.config.Store.DeadEvents(ctx, h.ID, 0, batch)
			if err != nil {
				return err
			}
			var old []int64
			for _, d := range dead {
				if d.Died.Before(before) {
					old = append(old, d.Number)
				}
			}
			if len(old) == 0 {
				break
			}
			if _, err := w.config.Store.RemoveDeadEvents(ctx, h.ID, old...); err != nil {
				return err
			}
		}
	}
	return nil
}
