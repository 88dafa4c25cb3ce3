package pull

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/ocpiclient"
)

// Objects that cannot be fetched are left out: this many of a list, and this many one after the other. More than that is a
// partner who fails over everything, or whose pages cannot be made smaller. maxFailed is how many pages of one pull may fail
// over what is on them: each costs the partner several tries.
const (
	maxLeftOut      = 20
	maxLeftOutInRow = 3
	maxFailed       = 100
)

// maxMovedUp is how often objects of one list may move up between pages that are asked for apart. More is a partner that counts
// now so and now so.
const maxMovedUp = 200

// A narrowing finds the object that a page cannot be had for, by asking for smaller and smaller pages.
type narrowing struct {
	// sizes are those that are tried, from the largest to 1. Each is a part of the one before, and pages begin at multiples
	// of their size: there are partners that make page numbers of offsets, and round them down.
	sizes []int
	// top is the place in sizes of the largest that can be had, size that of the present one.
	top, size int
	// failed is how many pages failed over what is on them, the last with failure; left is how many objects were left out, and
	// movedUp how often objects have moved up.
	failed, left, movedUp int
	failure               error
	// doubted are the objects left out since the last page that came. If none comes after them, it was not for them.
	doubted []leftOut
}

// A leftOut is an object that was left out.
type leftOut struct {
	Problem
	tooLarge bool
}

func newNarrowing(limit int) *narrowing {
	n := &narrowing{sizes: []int{limit}}
	for limit > 1 {
		limit = partOf(limit)
		n.sizes = append(n.sizes, limit)
	}
	return n
}

// partOf is the largest part of a size that is at most a quarter of it; a fifth where all its parts are tiny.
func partOf(size int) int {
	for part := size / 4; part > size/16; part-- {
		if size%part == 0 {
			return part
		}
	}
	return max(1, size/5)
}

func (n *narrowing) limit() int { return n.sizes[n.size] }

// widen makes pages as large as they can be at a position, until they are as large as ever.
func (n *narrowing) widen(position int) {
	if n.size > n.top {
		n.atMost(n.top, position)
	}
}

// atMost takes the largest size from a place in sizes on that a page at a position can have.
func (n *narrowing) atMost(place, position int) {
	n.size = place + slices.IndexFunc(n.sizes[place:], func(size int) bool { return position%size == 0 })
}

// concernsContent reports whether a page may be had if it is smaller.
func concernsContent(err error) bool {
	e, ok := errors.AsType[*ocpiclient.Error](err)
	return errors.Is(err, ocpiclient.ErrTooLarge) || ok && e.ConcernsContent()
}

// narrow decides what is asked for after a page that cannot be had: a smaller one, or what comes after it if it has one
// object only. It returns an error where that is to no avail.
func (r *reading) narrow(ctx context.Context, n *narrowing, err error) error {
	tooLarge := errors.Is(err, ocpiclient.ErrTooLarge)
	switch {
	case tooLarge:
	case r.opaque:
		return noWay(err)
	case n.failed == maxFailed:
		return fmt.Errorf("%w; it was the %dth page that failed", err, n.failed+1)
	default:
		n.failed++
		n.failure = err
	}
	if n.limit() == 1 {
		return r.leaveOut(n, err, tooLarge)
	}
	if tooLarge {
		n.top = n.size + 1
	}
	n.atMost(n.size+1, r.position)
	return r.renew(ctx)
}

// noWay is the failure of a partner whose Links do not say how to step over an object.
func noWay(err error) error {
	return fmt.Errorf("%w; what comes after the object that it fails over cannot be asked for, because its Links name no offset", err)
}

// leaveOut goes on after an object that cannot be fetched.
func (r *reading) leaveOut(n *narrowing, err error, tooLarge bool) error {
	switch {
	case n.left+len(n.doubted) == maxLeftOut:
		return fmt.Errorf("%w; %d objects before were left out", err, maxLeftOut)
	case len(n.doubted) == maxLeftOutInRow:
		return err
	}
	place := Place{Offset: r.position, From: r.from, Party: r.party}
	n.doubted = append(n.doubted, leftOut{Problem{ID: place.String(), Reason: err.Error(), Place: &place}, tooLarge})
	r.position++
	n.top, n.size = 0, 0
	if !r.opaque { // nothing is known of how such a partner makes pages
		n.atMost(0, r.position)
	}
	return nil
}

// settle takes down the objects that were left out before a page that has come, or before the end of the list.
func (r *reading) settle(ctx context.Context, n *narrowing) {
	for _, object := range n.doubted {
		n.left++
		r.counts.Refused++
		r.unnamed = true
		if !object.tooLarge {
			r.unsent = append(r.unsent, object.Problem)
		}
		r.problem(ctx, object.Problem)
	}
	n.doubted = nil
}

// A Place is where an object is in a list of which nothing else is known: so many objects come before it in the list of what
// has changed since From, or of everything where that is zero. Party is the one whose list it is, where there are several.
type Place struct {
	Offset int        `json:"offset"`
	From   time.Time  `json:"from,omitzero"`
	Party  ocpi.Party `json:"party,omitzero"`
}

// String names it for people, who count from 1.
func (p Place) String() string {
	list := "the list"
	if !p.From.IsZero() {
		list = "what has changed since " + p.From.UTC().Format(time.RFC3339)
	}
	if p.Party != (ocpi.Party{}) {
		list += " of " + p.Party.String()
	}
	return fmt.Sprintf("number %d of %s (offset %d)", p.Offset+1, list, p.Offset)
}
