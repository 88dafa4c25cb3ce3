package ocpiclient

import (
	"context"
	"crypto/rand"
	"fmt"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/quirk"
)

type correlationKey struct{}

// WithCorrelationID makes the calls under ctx carry this X-Correlation-ID. It belongs to one piece of work that may
// take several calls, also to several partners. Without one each call, or each list, has its own.
func WithCorrelationID(ctx context.Context, id string) context.Context {
	return context.WithValue(ctx, correlationKey{}, id)
}

// correlated returns ctx with a correlation id.
func correlated(ctx context.Context) context.Context {
	if correlationID(ctx) != "" {
		return ctx
	}
	return WithCorrelationID(ctx, newID())
}

func correlationID(ctx context.Context) string {
	id, _ := ctx.Value(correlationKey{}).(string)
	return id
}

// newID makes a message id: a random UUID of version 4, which is what some partners keep them as (requirement DT-15).
func newID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // it never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// checkMessageIDs notes an answer of OCPI that does not repeat the ids of its request, as answers do since 2.2 (requirement
// DT-15). One with the ids of something else is a finding too: somebody in between may mix up answers.
func (c *Client) checkMessageIDs(a *reply) {
	if !a.found || c.config.Version.Compare("2.2") < 0 {
		return
	}
	for _, id := range []struct{ header, sent string }{
		{"X-Request-ID", a.exchange.RequestID}, {"X-Correlation-ID", a.exchange.CorrelationID},
	} {
		got := a.header.Get(id.header)
		if got == id.sent {
			continue
		}
		c.count(a, quirk.OtherMessageIDs)
		if got != "" {
			a.exchange.Findings = append(a.exchange.Findings, ocpi.Finding{
				Code: ocpi.FindingMismatch, Message: "the answer has another " + id.header + " than the request",
			})
		}
	}
}
