package event

import (
	"context"
	"crypto/rand"
	"strings"
	"time"

	"github.com/roamwire/roamwire/node/store"
)

// A TestResult is what an endpoint answered to a try.
type TestResult struct {
	// Taken tells that it answers as it should.
	Taken bool `json:"taken"`
	// Status is the HTTP status, 0 where none came; Error is what is wrong.
	Status int           `json:"status,omitzero"`
	Error  string        `json:"error,omitempty"`
	Took   time.Duration `json:"took,format:units"`
}

// Test sends an event of type webhook.test to an endpoint now, beside what its lane does and whether or not it is disabled. It
// is store.ErrNotFound where there is no such webhook.
func (w *Webhooks) Test(ctx context.Context, id string) (TestResult, error) {
	h, err := w.find(ctx, id)
	if err != nil {
		return TestResult{}, err
	}
	name := "test_" + strings.ToLower(rand.Text()[:12])
	m, err := writeAs(w.config.Source, name, store.Event{Time: w.config.Now(), Type: WebhookTest, Subject: subject(id)})
	if err != nil {
		return TestResult{}, err
	}
	began := time.Now()
	a := w.post(ctx, &h.state, name, m.json())
	return TestResult{Taken: a.verdict == taken, Status: a.status, Error: a.reason, Took: time.Since(began)}, nil
}

// subject names a webhook in an event.
func subject(id string) string { return "webhooks/" + id }
