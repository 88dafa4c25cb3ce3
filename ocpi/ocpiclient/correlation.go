package ocpiclient

import (
	"context"
	"crypto/rand"
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
	return WithCorrelationID(ctx, rand.Text())
}

func correlationID(ctx context.Context) string {
	id, _ := ctx.Value(correlationKey{}).(string)
	return id
}
