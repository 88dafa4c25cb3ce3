package backend

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/roamwire/roamwire/node/store"
)

// Webhooks are the endpoints that events are sent to.
type Webhooks interface {
	Webhooks(ctx context.Context) ([]Webhook, error)
	// AddWebhook makes one, with a name of its own where none is given, and returns it with its secret.
	AddWebhook(ctx context.Context, id string, settings WebhookSettings) (Webhook, error)
	// ChangeWebhook changes one as one atomic step, or returns store.ErrNotFound.
	ChangeWebhook(ctx context.Context, id string, fn func(*WebhookSettings) error) (Webhook, error)
	RemoveWebhook(ctx context.Context, id string) error
	// DeadEvents are events that an endpoint did not take, after a number.
	DeadEvents(ctx context.Context, id string, after int64, limit int) ([]DeadEvent, error)
	// Replay sends events again, and returns how many.
	Replay(ctx context.Context, id string, what Replay) (int, error)
	// Try sends an event now that tells of nothing.
	Try(ctx context.Context, id string) (WebhookTry, error)
}

// WebhookSettings are what the operator decides about a webhook.
type WebhookSettings struct {
	URL         string   `json:"url" format:"uri" minLength:"1" doc:"Where events are sent by POST"`
	Description string   `json:"description,omitempty" maxLength:"500" doc:"For people"`
	Types       []string `json:"types,omitempty" doc:"Only events of these types, as in location.changed or location.*. Default: all"`
	Partners    []string `json:"partners,omitempty" doc:"Only events about these partners. Default: all"`
	Modules     []string `json:"modules,omitempty" doc:"Only events of these modules. Default: all"`
	Disabled    bool     `json:"disabled,omitzero" required:"false" doc:"Nothing is sent; what happens meanwhile is sent later, as far as it is kept"`
	Secret      string   `json:"secret,omitempty" doc:"What signs the messages (Standard Webhooks): whsec_ and Base64. One is made where none is given when the webhook is added; it is shown once. After a change the old one signs too for a day"`
}

// A Webhook is an endpoint that events are sent to.
type Webhook struct {
	ID string `json:"id"`
	WebhookSettings
	Created     time.Time `json:"created"`
	Cursor      int64     `json:"cursor" doc:"The number of the last event that was dealt with"`
	Waiting     int       `json:"waiting,omitzero" required:"false" doc:"How many events wait; 1,000 stands for that or more"`
	Oldest      time.Time `json:"oldest_waiting,omitzero" required:"false" doc:"When the first of them happened"`
	Dead        int       `json:"dead,omitzero" required:"false" doc:"How many events are kept that it did not take; 1,000 stands for that or more"`
	Sent        int64     `json:"sent" doc:"How many events it took"`
	LastSuccess time.Time `json:"last_success,omitzero" required:"false"`
	LastFailure time.Time `json:"last_failure,omitzero" required:"false"`
	LastError   string    `json:"last_error,omitempty"`
	Failures    int       `json:"failures,omitzero" required:"false" doc:"How many messages in a row have failed"`
	NextTry     time.Time `json:"next_try,omitzero" required:"false"`
	Reason      string    `json:"disabled_reason,omitempty" doc:"Why the node has disabled it"`
}

// A DeadEvent is an event that an endpoint did not take.
type DeadEvent struct {
	Number int64     `json:"number" doc:"The event's number"`
	Event  JSON      `json:"event" doc:"The event as it was sent"`
	Reason string    `json:"reason" doc:"Why it was not taken"`
	Died   time.Time `json:"died" doc:"When it was given up"`
}

// A WebhookTry is what an endpoint answered to an event that tells of nothing.
type WebhookTry struct {
	Taken bool     `json:"taken" doc:"Whether the endpoint answers as it should"`
	HTTP  int      `json:"http_status,omitzero" required:"false" doc:"The HTTP status of its answer; missing where there was none"`
	Error string   `json:"error,omitempty"`
	Took  Duration `json:"took" doc:"How long it took, as in 120ms"`
}

// A Replay says which events are sent again.
type Replay struct {
	Numbers []int64 `json:"numbers,omitempty" doc:"These dead events. Without numbers, after and since: all dead ones"`
	After   *int64  `json:"after,omitempty" doc:"All events after this number that are kept, dead or not; 0 for all that are kept"`
	// Since is zero for none.
	Since time.Time `json:"since,omitzero" required:"false" doc:"All events since this time that are kept, dead or not"`
}

type (
	addHookInput struct {
		Body struct {
			ID string `json:"id,omitempty" maxLength:"64" doc:"Its name, of letters, digits, hyphens, underscores and dots. Default: one that is made"`
			WebhookSettings
		}
	}
	hookInput struct {
		ID string `path:"id"`
	}
	patchHookInput struct {
		ID      string `path:"id"`
		RawBody []byte `contentType:"application/merge-patch+json"`
	}
	deadInput struct {
		ID    string `path:"id"`
		After int64  `query:"after" minimum:"0" doc:"Only events after this number: next of the page before"`
		Limit int    `query:"limit" minimum:"1" maximum:"1000" default:"100"`
	}
	replayInput struct {
		ID   string `path:"id"`
		Body Replay
	}
)

// Replayed is how many events are sent again.
type Replayed struct {
	Replayed int `json:"replayed"`
}

func (a *API) addWebhooks() {
	hooks := a.config.Webhooks
	if hooks == nil {
		return
	}
	base := operation{tag: "webhooks", scope: ScopeAdmin, result: schemaOf[Webhook](a)}
	list := base.as("GET", "/webhooks", "list-webhooks", "List webhooks")
	list.scope, list.result = ScopeRead, listOf(schemaOf[Webhook](a))
	add(a, list, func(ctx context.Context, _ *struct{}) (*answer, error) {
		all, err := hooks.Webhooks(ctx)
		if err != nil {
			return nil, err
		}
		return page(all, "")
	})
	get := base.as("GET", "/webhooks/{id}", "get-webhook", "Read a webhook")
	get.scope = ScopeRead
	add(a, get, func(ctx context.Context, in *hookInput) (*answer, error) { return a.webhook(ctx, in.ID) })
	create := base.as("POST", "/webhooks", "add-webhook", "Have events sent to a URL")
	create.statuses = []int{http.StatusCreated}
	add(a, create, func(ctx context.Context, in *addHookInput) (*answer, error) {
		hook, err := hooks.AddWebhook(ctx, in.Body.ID, in.Body.WebhookSettings)
		if err != nil {
			return nil, err
		}
		return answered(http.StatusCreated, hook)
	})
	schemaOf[WebhookSettings](a)
	change := base.as("PATCH", "/webhooks/{id}", "change-webhook", "Change a webhook")
	change.body, change.bodyType = "WebhookSettings"+patchSuffix, "application/merge-patch+json"
	add(a, change, func(ctx context.Context, in *patchHookInput) (*answer, error) {
		hook, err := hooks.ChangeWebhook(ctx, in.ID, func(s *WebhookSettings) error { return patchInto(a, s, in.RawBody) })
		if err != nil {
			return nil, hookError(err, in.ID)
		}
		return answered(http.StatusOK, hook)
	})
	remove := base.as("DELETE", "/webhooks/{id}", "remove-webhook", "Remove a webhook")
	remove.result, remove.statuses = nil, []int{http.StatusNoContent}
	add(a, remove, func(ctx context.Context, in *hookInput) (*answer, error) {
		return &answer{Status: http.StatusNoContent}, hookError(hooks.RemoveWebhook(ctx, in.ID), in.ID)
	})
	a.addDeadEvents(base)
}

func (a *API) addDeadEvents(base operation) {
	dead := base.as("GET", "/webhooks/{id}/dead", "list-dead-events", "List events that an endpoint did not take")
	dead.scope, dead.result = ScopeRead, listOf(schemaOf[DeadEvent](a))
	add(a, dead, func(ctx context.Context, in *deadInput) (*answer, error) {
		return a.deadEvents(ctx, in)
	})
	replay := base.as("POST", "/webhooks/{id}/replay", "replay-events", "Send events again")
	replay.result = schemaOf[Replayed](a)
	add(a, replay, func(ctx context.Context, in *replayInput) (*answer, error) {
		n, err := a.config.Webhooks.Replay(ctx, in.ID, in.Body)
		if err != nil {
			return nil, hookError(err, in.ID)
		}
		return answered(http.StatusOK, Replayed{n})
	})
	try := base.as("POST", "/webhooks/{id}/test", "test-webhook", "Send an event of type webhook.test now")
	try.result, try.doc = schemaOf[WebhookTry](a), "It is sent beside what waits, whether or not the webhook is disabled."
	add(a, try, func(ctx context.Context, in *hookInput) (*answer, error) {
		result, err := a.config.Webhooks.Try(ctx, in.ID)
		if err != nil {
			return nil, hookError(err, in.ID)
		}
		return answered(http.StatusOK, result)
	})
}

func (a *API) webhook(ctx context.Context, id string) (*answer, error) {
	all, err := a.config.Webhooks.Webhooks(ctx)
	if err != nil {
		return nil, err
	}
	for i := range all {
		if all[i].ID == id {
			return answered(http.StatusOK, all[i])
		}
	}
	return nil, hookError(store.ErrNotFound, id)
}

// hookError is what a failure with a webhook is told as.
func hookError(err error, id string) error {
	if isNotFound(err) {
		return problem(http.StatusNotFound, "there is no webhook %s", id)
	}
	return err
}

// deadEvents is a page of dead events. One of large events has fewer than were asked for.
func (a *API) deadEvents(ctx context.Context, in *deadInput) (*answer, error) {
	events, err := a.config.Webhooks.DeadEvents(ctx, in.ID, in.After, in.Limit)
	if err != nil {
		return nil, hookError(err, in.ID)
	}
	if len(events) == 0 {
		return page(events, "")
	}
	last := events[len(events)-1].Number
	more, err := a.config.Webhooks.DeadEvents(ctx, in.ID, last, 1)
	if err != nil {
		return nil, err
	}
	if len(more) == 0 {
		return page(events, "")
	}
	return page(events, strconv.FormatInt(last, 10))
}
