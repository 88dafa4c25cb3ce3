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

// fetch fetches and stores the list. From a page that is too large on, smaller ones are asked for, and an object that is too
// large alone is left out, so that what comes after it is not lost.
func (r *run) fetch(ctx context.Context, lease string) error {
	client, err := r.config.Client(ctx, r.partner.ID)
	if err != nil {
		return err
	}
	limit, left, inRow := r.policy.Limit, 0, 0
	for {
		pages := r.pages
		query := ocpi.Query{DateFrom: r.from, Offset: r.position, Limit: limit}
		err := r.config.Takers[r.module].Pages(ctx, client, r.partner.Partner, query, func(page Page) error {
			r.take(page)
			return r.renew(ctx, lease)
		})
		if !errors.Is(err, ocpiclient.ErrTooLarge) {
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
		r.leaveOut(err)
		limit = r.policy.Limit
	}
}

// leaveOut goes on after an object that cannot be fetched.
func (r *run) leaveOut(reason error) {
	r.counts.Refused++
	r.problem(Problem{ID: fmt.Sprintf("number %d of the list", r.position+1), Reason: reason.Error()})
	r.unnamed = true
	r.position++
}
