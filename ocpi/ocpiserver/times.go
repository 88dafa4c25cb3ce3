package ocpiserver

import (
	"context"
	"maps"
	"net/url"
	"strings"
	"time"

	"github.com/roamwire/roamwire/ocpi"
)

// PartnerTimes are the partner's own times of those parts of an object whose last_updated is another: one of ours, because
// the partner gave none, or that of a part inside of it. What the partner says next is older only if it is older by these.
//
// They are found by the part's PartPath, and are JSON for whoever keeps them.
type PartnerTimes map[string]ocpi.DateTime

// PartPath names a part of a location: an EVSE by its uid, a connector by that and its id. The object itself is the empty
// path.
func PartPath(ids ...string) string {
	escaped := make([]string, len(ids))
	for i, id := range ids {
		escaped[i] = url.PathEscape(id)
	}
	return strings.Join(escaped, "/")
}

// Of is the partner's own time of a part that shows another, or the same.
func (t PartnerTimes) Of(part string, shown ocpi.DateTime) ocpi.DateTime {
	if own, other := t[part]; other {
		return own
	}
	return shown
}

// MaxAhead is how far a time may be in the future: partners' clocks are not exact. Nothing is older than one beyond that: the
// part could not be changed until then.
const MaxAhead = 5 * time.Minute

// Times is what the server and a Receiver tell each other about one change, through its context. A Receiver that does not
// look at it takes some of what a partner sends next for older, where the partner gives no times or its clock is behind.
type Times struct {
	// Before are those of the object that is there. The Receiver sets them before it calls the server's function.
	Before PartnerTimes
	// After are those of the object as it is stored. The server sets them in its function.
	After PartnerTimes
}

// begin is called first in each function that a Receiver calls: it may be called again with another object.
func (t *Times) begin() { t.After = maps.Clone(t.Before) }

// set notes the partner's own time of a part, if the part shows another.
func (t *Times) set(part string, own, shown ocpi.DateTime) {
	if own.Equal(shown) {
		delete(t.After, part)
		return
	}
	if t.After == nil {
		t.After = PartnerTimes{}
	}
	t.After[part] = own
}

// replace forgets a part and what is in it: the partner has said all of it anew, or that it is gone.
func (t *Times) replace(part string) {
	maps.DeleteFunc(t.After, func(path string, _ ocpi.DateTime) bool { return path == part || strings.HasPrefix(path, part+"/") })
}

type timesKey struct{}

// WithTimes returns a context that carries the Times of a change. The server makes one for each; tests of a Receiver can too.
func WithTimes(ctx context.Context, times *Times) context.Context {
	return context.WithValue(ctx, timesKey{}, times)
}

// TimesOf returns the Times of a change; nil where there are none.
func TimesOf(ctx context.Context) *Times {
	times, _ := ctx.Value(timesKey{}).(*Times)
	return times
}
