package pull

import (
	"context"
	"errors"
	"fmt"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/ocpiclient"
)

// errMovedUp says that the list has become shorter between two pages that were asked for apart; errResized that the
// next page is asked for apart, because of its size.
var (
	errMovedUp = errors.New("objects have moved up")
	errResized = errors.New("the next page is asked for apart")
)

// fetch fetches and stores the list. From a page on that is too large, or that the partner fails over, smaller ones are asked
// for, and an object that cannot be had alone is left out, so that what comes after it is not lost.
func (r *reading) fetch(ctx context.Context) error {
	client, err := r.config.Client(ctx, r.partner.ID)
	if err != nil {
		return err
	}
	n := newNarrowing(r.policy.Limit)
	for {
		err := r.fetchFrom(ctx, client, n)
		switch {
		case errors.Is(err, errMovedUp), errors.Is(err, errResized):
			n.widen(r.position)
			continue
		case err == nil:
			r.settle(ctx, n)
			return nil
		case !concernsContent(err):
			return err
		}
		if err := r.narrow(ctx, n, err); err != nil {
			return err
		}
		if len(n.doubted) > 0 && r.position == r.total && !r.opaque { // it was the last
			r.settle(ctx, n)
			return nil
		}
	}
}

// fetchFrom fetches and stores what comes after the last page.
func (r *reading) fetchFrom(ctx context.Context, client *ocpiclient.Client, n *narrowing) error {
	query := ocpi.Query{DateFrom: r.from, Offset: r.position, Limit: n.limit()}
	first := true
	err := r.config.Takers[r.module].Pages(ctx, client, r.partner.Partner, query, func(page Page) error {
		if gone := r.total - page.Total; first && gone > 0 && page.Total >= 0 && r.position > 0 {
			r.position, r.total, r.movedUp = max(0, r.position-gone), page.Total, true
			if n.movedUp++; n.movedUp > maxMovedUp {
				return fmt.Errorf("the total of the list has become smaller %d times", n.movedUp)
			}
			return errMovedUp
		}
		first = false
		return r.takeNext(ctx, &page, n)
	})
	if r.answersNotFound(err) {
		return nil
	}
	return err
}

// takeNext takes a page down that was stored, and decides how large the next is.
func (r *reading) takeNext(ctx context.Context, page *Page, n *narrowing) error {
	before := r.objects()
	if err := r.stored(ctx, page); err != nil {
		return err
	}
	if again := page.Objects > 0 && !page.Unnamed && r.objects() == before; again && r.opaque && len(n.doubted) > 0 && !r.movedUp {
		return fmt.Errorf("what comes after %s cannot be asked for: the partner does not go by offsets. %s", n.doubted[0].ID, n.doubted[0].Reason)
	}
	r.settle(ctx, n)
	switch {
	case !page.More:
		return nil
	case r.opaque && n.failure != nil: // small pages must not be followed to the end of a long list
		return noWay(n.failure)
	case !r.opaque && n.size > 0 && r.position > page.Position: // its Link may name a size of the partner's
		return errResized
	default:
		return nil
	}
}

// answersNotFound reports whether the partner says in this way that there is nothing new. That its list is not there at all
// shows when everything is pulled.
func (r *reading) answersNotFound(err error) bool {
	return r.pages == 0 && !r.from.IsZero() && r.state.FullFailures == 0 && errors.Is(err, ocpi.ErrNotFound)
}

// stored takes a page down that was stored.
func (r *reading) stored(ctx context.Context, page *Page) error {
	r.addPage(page)
	r.foreign = r.foreign || r.hasForeign(page)
	r.hasCome(page)
	for _, problem := range page.Problems {
		r.problem(ctx, problem)
	}
	if r.progress != nil {
		r.progress(r.objects(), r.total)
	}
	if r.entries > r.config.MaxObjects || r.size > r.config.MaxBytes {
		return fmt.Errorf("the list is too long: %d objects in %d bytes have come", r.entries, r.size)
	}
	return r.renew(ctx)
}
