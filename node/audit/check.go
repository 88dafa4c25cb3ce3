package audit

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"
	"runtime/debug"
	"sync"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"golang.org/x/sync/errgroup"

	"github.com/roamwire/roamwire/node/store"
	"github.com/roamwire/roamwire/ocpi/tariff"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// rules name what CDRs are checked by: when that changes, they are checked again.
const rules = tariff.Revision + ".2"

// atOnce is how many CDRs are read and written at once.
const atOnce = 500

// Progress is how far a run of checks has come.
type Progress struct {
	Checked, Agree, Differ, CannotSay int
	// Unreadable are CDRs that could not be checked at all, and of which the log tells.
	Unreadable int
	// Of is how many CDRs there were to check when the run began.
	Of int
}

func (p *Progress) add(v tariff.Verdict) {
	p.Checked++
	switch v {
	case tariff.Agrees:
		p.Agree++
	case tariff.Differs:
		p.Differ++
	default:
		p.CannotSay++
	}
}

// CheckAll checks CDRs whether or not they were checked before: those that are wanted, and those that were never checked. It tells of its
// progress after each stretch. CDRs that cannot be read are left out and told to the log.
func (a *Auditor) CheckAll(ctx context.Context, want store.CheckFilter, told func(Progress)) (sum Progress, err error) {
	checked, err := a.config.Store.CountChecks(ctx, want)
	if err != nil {
		return sum, err
	}
	never, err := a.config.Store.CountUnchecked(ctx, "")
	if err != nil {
		return sum, err
	}
	sum.Of = checked + never
	told(sum)
	if _, _, err := a.checkAgain(ctx, want, 0, math.MaxInt, &sum, told); err != nil {
		return sum, err
	}
	_, err = a.checkNew(ctx, 0, &sum, told)
	return sum, err
}

// CheckNew checks what was not checked before, and tells of its progress.
func (a *Auditor) CheckNew(ctx context.Context, told func(Progress)) (sum Progress, err error) {
	if sum.Of, err = a.config.Store.CountUnchecked(ctx, rules); err != nil {
		return sum, err
	}
	told(sum)
	_, err = a.checkNew(ctx, 0, &sum, told)
	return sum, err
}

// checkNew checks what is not checked after a CDR, and returns the last one.
func (a *Auditor) checkNew(ctx context.Context, after int64, sum *Progress, told func(Progress)) (last int64, err error) {
	return a.checkEach(ctx, func(ctx context.Context, after int64) ([]store.CDRToCheck, error) {
		return a.config.Store.Unchecked(ctx, rules, after, atOnce)
	}, after, sum, told)
}

// checkAgain checks what was checked before: at most so many after a CDR. It returns the last one, and whether that was all.
func (a *Auditor) checkAgain(
	ctx context.Context, want store.CheckFilter, after int64, most int, sum *Progress, told func(Progress),
) (last int64, all bool, err error) {
	last, err = a.checkEach(ctx, func(ctx context.Context, after int64) ([]store.CDRToCheck, error) {
		if most == 0 {
			return nil, nil
		}
		cdrs, err := a.config.Store.CheckedCDRs(ctx, want, after, min(most, atOnce))
		most -= len(cdrs)
		all = len(cdrs) == 0
		return cdrs, err
	}, after, sum, told)
	return last, all && err == nil, err
}

// A stretch is CDRs that are read, checked and written at once.
type stretch struct {
	cdrs    []store.CDRToCheck
	results []result
}

// checkEach checks the CDRs that read gives, those after one first, and returns the last one that was written. While a stretch is checked,
// the next is read and the one before is written.
func (a *Auditor) checkEach(
	ctx context.Context, read func(ctx context.Context, after int64) ([]store.CDRToCheck, error), after int64, sum *Progress, told func(Progress),
) (last int64, err error) {
	cdrs, err := read(ctx, after)
	if err != nil || len(cdrs) == 0 {
		return after, err
	}
	last = after
	from := newReader(a.config.Store, a.config.Policy)
	found, checked := make(chan []store.CDRToCheck), make(chan stretch)
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() (err error) {
		defer close(found)
		for err == nil && len(cdrs) > 0 {
			if err = give(ctx, found, cdrs); err == nil {
				cdrs, err = read(ctx, cdrs[len(cdrs)-1].Created)
			}
		}
		return err
	})
	group.Go(func() error {
		defer close(checked)
		for cdrs := range found {
			if err := give(ctx, checked, stretch{cdrs, a.check(ctx, from, cdrs)}); err != nil {
				return err
			}
		}
		return nil
	})
	group.Go(func() error {
		for s := range checked {
			if err := a.write(ctx, s, sum); err != nil {
				return err
			}
			last = s.cdrs[len(s.cdrs)-1].Created
			told(*sum)
		}
		return nil
	})
	err = group.Wait()
	return last, err
}

func give[T any](ctx context.Context, to chan<- T, what T) error {
	select {
	case to <- what:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// check checks CDRs, as many at once as there are processors.
func (a *Auditor) check(ctx context.Context, from *reader, cdrs []store.CDRToCheck) []result {
	results := make([]result, len(cdrs))
	next := make(chan int)
	var work sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		work.Go(func() {
			for i := range next {
				results[i] = a.one(ctx, from, &cdrs[i].Object)
			}
		})
	}
	for i := range cdrs {
		next <- i
	}
	close(next)
	work.Wait()
	return results
}

// write stores what came of checking a stretch, and tells of each CDR whose verdict is another one than before.
func (a *Auditor) write(ctx context.Context, s stretch, sum *Progress) error {
	if err := ctx.Err(); err != nil {
		return err // which may be all that is the matter with the results
	}
	var checks []store.NewCheck
	for i := range s.results {
		r, cdr := &s.results[i], &s.cdrs[i]
		if r.err != nil && !errors.Is(r.err, errUnreadable) {
			return r.err
		}
		if r.err != nil {
			a.config.Logger.WarnContext(ctx, "a CDR cannot be checked", "partner", cdr.Source, "id", cdr.ID, "error", r.err)
			sum.Unreadable++
			continue
		}
		check := store.NewCheck{CDRCheck: r.check, Before: cdr.Before}
		if was := tariff.Verdict(cdr.Before); a.config.Tell != nil && was != r.report.Verdict {
			check.Event = new(a.config.Tell(&r.check, was, r.report))
		}
		checks = append(checks, check)
		sum.add(r.report.Verdict)
	}
	return a.config.Store.SaveChecks(ctx, checks)
}

type result struct {
	check  store.CDRCheck
	report *tariff.Report
	err    error
}

// errUnreadable is an object in the store that is not what it should be: to try again would not help.
var errUnreadable = errors.New("it cannot be read")

func read(body []byte, object any) error {
	if err := json.Unmarshal(body, object, jsontext.AllowDuplicateNames(true)); err != nil {
		return fmt.Errorf("%w: %w", errUnreadable, err)
	}
	return nil
}

// one checks one CDR. Whatever a partner sends, the others' CDRs are checked.
func (a *Auditor) one(ctx context.Context, from *reader, o *store.Object) (r result) {
	defer func() {
		if p := recover(); p != nil {
			r.err = fmt.Errorf("%w: %v\n%s", errUnreadable, p, debug.Stack())
		}
	}()
	var cdr v230.CDR
	if r.err = read(o.Body, &cdr); r.err != nil {
		return r
	}
	audit, _, err := from.price(ctx, o.Source, &cdr)
	if err != nil {
		r.err = err
		return r
	}
	r.report = audit.Summary()
	r.check = store.CDRCheck{
		Key: o.Key, Created: o.Created, Change: o.Change, Verdict: string(audit.Verdict), Rules: rules,
		Ended: cdr.EndDateTime.Time(), Checked: a.config.Now(), Energy: energyOf(&cdr), Currency: cdr.Currency,
		Stated: cdr.TotalCost.BeforeTaxes.String(),
	}
	for _, c := range audit.Costs {
		if c.Field == "total_cost" && !c.AfterTaxes {
			r.check.Computed = c.Computed.Round(moneyPlaces, tariff.RoundHalfUp).String()
		}
	}
	if r.check.Report, err = json.Marshal(r.report); err != nil {
		r.err = fmt.Errorf("write the report: %w", err)
	}
	return r
}

// energyOf is the energy of a CDR; below 0 for a credit CDR, which takes back what another has billed.
func energyOf(cdr *v230.CDR) string {
	if cdr.Credit != nil && *cdr.Credit {
		return cdr.TotalEnergy.Decimal().Abs().Neg().String()
	}
	return cdr.TotalEnergy.String()
}

// moneyPlaces are the digits after the point that sums are kept with.
const moneyPlaces = 4
