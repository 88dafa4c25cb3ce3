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
	"time"

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
