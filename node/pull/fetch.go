package pull

import (
	"context"
	"errors"
	"fmt"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/ocpiclient"
)

// Objects that are too large by themselves are left out: this many of a list, and this many one after the other. More than
// that is a partner whose pages cannot be made smaller.
const (
	maxTooLarge      = 20
	maxTooLargeInRow = 3
)

// errMovedUp says that the list has become shorter between two pages that were asked for apart.
var errMovedUp = errors.New("objects have moved up")

// fetch fetches and stores the list. From a page that is too large on, smaller ones are asked for, and an object that is too
// large alone is left out, so that what comes after it is not lost.
func (r *run) fetch(ctx context.Context) error {
	client, err := r.config.Client(ctx, r.partner.ID)
	if err != nil {
		return err
	}
	limit, left, inRow := r.policy.Limit, 0, 0
	for {
		pages := r.pages
		err := r.fetchFrom(ctx, client, limit)
		switch {
		case errors.Is(err, errMovedUp):
			continue
		case !errors.Is(err, ocpiclient.ErrTooLarge):
			return err
		}
		if r.pages > pages {
			inRow = 0
		}
		if limit > 1 {
			limit /= 2
			continue
		}
		if left++; left > maxTooLarge || inRow == maxTooLargeInRow {
			return err
		}
		inRow++
		r.leaveOut(ctx, err)
		limit = r.policy.Limit
	}
}

// fetchFrom fetches and stores what comes after the last page.
func (r *run) fetchFrom(ctx context.Context, client *ocpiclient.Client, limit int) error {
	query := ocpi.Query{DateFrom: r.from, Offset: r.position, Limit: limit}
	first := true
	err := r.config.Takers[r.module].Pages(ctx, client, r.partner.Partner, query, func(page Page) error {
		if gone := r.total - page.Total; first && gone > 0 && page.Total >= 0 && r.position > 0 {
			r.position, r.total = max(0, r.position-gone), page.Total
			return errMovedUp
		}
		first = false
		return r.stored(ctx, &page)
	})
	if r.answersNotFound(err) {
		return nil
	}
	return err
}

// answersNotFound reports whether the partner says in this way that there is nothing new. That its list is not there at all
// shows when everything is pulled.
func (r *run) answersNotFound(err error) bool {
	return r.pages == 0 && !r.from.IsZero() && r.state.FullFailures == 0 && errors.Is(err, ocpi.ErrNotFound)
}

// stored takes a page down that was stored.
func (r *run) stored(ctx context.Context, page *Page) error {
	r.addPage(page)
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

// problem remembers and tells an object that could not be stored.
func (r *run) problem(ctx context.Context, p Problem) {
	if len(r.problems) == maxProblems {
		return
	}
	r.problems = append(r.problems, p)
	r.config.Logger.WarnContext(ctx, "an object was not stored", "partner", r.partner.ID, "module", r.module, "id", p.ID, "reason", p.Reason)
}

// leaveOut goes on after an object that cannot be fetched.
func (r *run) leaveOut(ctx context.Context, reason error) {
	r.counts.Refused++
	r.problem(ctx, Problem{ID: fmt.Sprintf("number %d of the list", r.position+1), Reason: reason.Error()})
	r.unnamed = true
	r.position++
}
