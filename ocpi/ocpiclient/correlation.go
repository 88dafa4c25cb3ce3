package ocpiclient

import (
	"context"
	"crypto/rand"
	"fmt"
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
