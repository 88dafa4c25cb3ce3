package node

import (
	"context"
	"errors"
	"net/http"

	"github.com/roamwire/roamwire/node/backend"
	"github.com/roamwire/roamwire/node/event"
	"github.com/roamwire/roamwire/node/partner"
	"github.com/roamwire/roamwire/node/store"
	"github.com/roamwire/roamwire/node/store/sqlite"
	"github.com/roamwire/roamwire/ocpi"
)

var _ event.Store = (*sqlite.DB)(nil)

// newEvents makes what tells the operator's systems what happens.
func (d *Data) newEvents() *event.Events {
	c := d.config
	return event.New(event.Config{
		Store: d.db, Sealer: sealer{d.Keys}, Source: c.PublicURL, Stream: event.StreamConfig{Origins: c.CORSOrigins},
		Webhooks: event.WebhookConfig{RefusePrivate: c.Events.RefusePrivate},
		Keep:     event.Retention{For: c.Events.Keep, Events: c.Events.KeepCount, DeadFor: c.Events.KeepDead},
		Logger:   c.Logger, Now: c.Now,
	})
}

// countEvents shows how many listen to events.
func (n *Node) countEvents() {
	n.metrics.Show("roamwire_stream_clients", "Clients that listen to the stream of events, by Server-Sent Events or WebSocket.",
		func() int64 { return n.events.Listening().Clients })
	n.metrics.Count("roamwire_stream_events_total", "Events that clients of the stream were sent.",
		func() int64 { return n.events.Listening().Sent })
	n.metrics.Count("roamwire_stream_dropped_total", "Clients of the stream that were dropped because they did not read.",
		func() int64 { return n.events.Listening().Dropped })
	n.metrics.Count("roamwire_stream_refused_total", "Clients of the stream that were refused because there were too many.",
		func() int64 { return n.events.Listening().Refused })
}

// A sealer encrypts the secrets of webhooks with the keys that encrypt partners' tokens.
type sealer struct{ keys *partner.Keyring }

// webhookSecrets stands where the keyring wants a partner's name. No partner can be called so.
const webhookSecrets = "webhooks of the operator"

// Seal implements event.Sealer.
func (s sealer) Seal(secret []byte) ([]byte, error) {
	sealed, err := s.keys.Seal(webhookSecrets, string(secret))
	return []byte(sealed), err
}

// Open implements event.Sealer.
func (s sealer) Open(sealed []byte) ([]byte, error) {
	secret, err := s.keys.Open(webhookSecrets, string(sealed))
	return []byte(secret), err
}

// webhooks are the endpoints that events are sent to, in the API's words.
type webhooks struct{ hooks *event.Webhooks }

// Webhooks implements backend.Webhooks.
func (w webhooks) Webhooks(ctx context.Context) ([]backend.Webhook, error) {
	all, err := w.hooks.List(ctx)
	if err != nil {
		return nil, err
	}
	shown := make([]backend.Webhook, len(all))
	for i := range all {
		shown[i] = webhookOut(&all[i])
	}
	return shown, nil
}

// AddWebhook implements backend.Webhooks.
func (w webhooks) AddWebhook(ctx context.Context, id string, settings backend.WebhookSettings) (backend.Webhook, error) {
	hook := event.Webhook{ID: id}
	webhookIn(&hook, settings)
	added, err := w.hooks.Add(ctx, hook)
	if errors.Is(err, store.ErrExists) {
		return backend.Webhook{}, backend.Refuse(http.StatusConflict, "there is a webhook %s already", id)
	}
	if err != nil {
		return backend.Webhook{}, webhookError("the webhook is not valid; nothing was stored", err)
	}
	return webhookOut(&added), nil
}

// ChangeWebhook implements backend.Webhooks.
func (w webhooks) ChangeWebhook(ctx context.Context, id string, fn func(*backend.WebhookSettings) error) (backend.Webhook, error) {
	changed, err := w.hooks.Change(ctx, id, func(hook *event.Webhook) error {
		settings := settingsOf(hook)
		if err := fn(&settings); err != nil {
			return err
		}
		webhookIn(hook, settings)
		return nil
	})
	if err != nil {
		return backend.Webhook{}, webhookError("the webhook is not valid; nothing was stored", err)
	}
	return webhookOut(&changed), nil
}

// RemoveWebhook implements backend.Webhooks.
func (w webhooks) RemoveWebhook(ctx context.Context, id string) error { return w.hooks.Remove(ctx, id) }

// DeadEvents implements backend.Webhooks.
func (w webhooks) DeadEvents(ctx context.Context, id string, after int64, limit int) ([]backend.DeadEvent, error) {
	dead, err := w.hooks.Dead(ctx, id, after, limit)
	if err != nil {
		return nil, err
	}
	shown := make([]backend.DeadEvent, len(dead))
	for i, d := range dead {
		shown[i] = backend.DeadEvent{Number: d.Number, Event: backend.JSON(d.Event), Reason: d.Reason, Died: d.Died}
	}
	return shown, nil
}

// Replay implements backend.Webhooks. What it returns is how many events wait for it then, where all after one or since a time are sent again.
func (w webhooks) Replay(ctx context.Context, id string, what backend.Replay) (int, error) {
	replay := event.Replay{Numbers: what.Numbers, After: what.After, Since: what.Since}
	replay.AllDead = len(what.Numbers) == 0 && what.After == nil && what.Since.IsZero()
	before, err := w.hooks.Get(ctx, id)
	if err != nil {
		return 0, err
	}
	if err := w.hooks.Replay(ctx, id, replay); err != nil {
		return 0, webhookError("this cannot be sent again", err)
	}
	switch {
	case replay.AllDead:
		return before.Dead, nil
	case len(what.Numbers) > 0:
		return len(what.Numbers), nil
	}
	after, err := w.hooks.Get(ctx, id)
	return after.Backlog, err
}

// Try implements backend.Webhooks.
func (w webhooks) Try(ctx context.Context, id string) (backend.WebhookTry, error) {
	result, err := w.hooks.Test(ctx, id)
	return backend.WebhookTry{Taken: result.Taken, HTTP: result.Status, Error: result.Error, Took: backend.Duration(result.Took)}, err
}

func settingsOf(w *event.Webhook) backend.WebhookSettings {
	s := backend.WebhookSettings{
		URL: w.URL, Description: w.Description, Types: w.Types, Partners: w.Partners, Disabled: w.Disabled, Secret: w.Secret,
	}
	for _, m := range w.Modules {
		s.Modules = append(s.Modules, string(m))
	}
	return s
}

func webhookIn(w *event.Webhook, s backend.WebhookSettings) {
	w.URL, w.Description, w.Types, w.Partners, w.Disabled, w.Secret = s.URL, s.Description, s.Types, s.Partners, s.Disabled, s.Secret
	w.Modules = moduleIDs(s.Modules)
}

func webhookOut(s *event.WebhookStatus) backend.Webhook {
	return backend.Webhook{
		ID: s.ID, WebhookSettings: settingsOf(&s.Webhook), Created: s.Created, Cursor: s.Cursor, Waiting: s.Backlog, Oldest: s.Oldest,
		Dead: s.Dead, Sent: s.Sent, LastSuccess: s.LastSuccess, LastFailure: s.LastFailure, LastError: s.LastError, Failures: s.Failures,
		NextTry: s.NextTry, Reason: s.Reason,
	}
}

// webhookError is what the room of events refuses, as the API tells it.
func webhookError(message string, err error) error {
	if invalid, ok := errors.AsType[*event.Invalid](err); ok {
		return &ocpi.Error{Code: ocpi.StatusInvalidParameters, Message: message, Findings: invalid.Findings}
	}
	return err
}
