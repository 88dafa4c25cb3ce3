// Package audit checks the CDRs that partners send: it prices each again with the tariff that applied, and keeps whether it agrees, by
// how much it differs, and why.
package audit

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"sync"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/roamwire/roamwire/node/store"
	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/tariff"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// A Store is what this package needs of the node's home.
type Store interface {
	// Unchecked are partners' CDRs that were not checked by these rules in their present state, in the order of creation.
	Unchecked(ctx context.Context, rules string, after int64, limit int) ([]store.Object, error)
	// SaveChecks writes what came of checks, and events, in one transaction.
	SaveChecks(ctx context.Context, checks []store.CDRCheck, events ...store.Event) error
	// Checks are what came of checks, in the order in which the CDRs came.
	Checks(ctx context.Context, want store.CheckFilter, after int64, limit int) ([]store.CDRCheck, error)
	// TariffStates are the states that a tariff had, the latest first.
	TariffStates(ctx context.Context, key store.Key) ([]store.TariffState, error)
	// TrimTariffStates removes states that ended before a time, at most limit of them.
	TrimTariffStates(ctx context.Context, before time.Time, limit int) (removed int, err error)
	// Object reads one object, or store.ErrNotFound.
	Object(ctx context.Context, key store.Key) (store.Object, error)
	// LatestChange returns the number of the latest change to an object of this module from this source.
	LatestChange(ctx context.Context, module ocpi.ModuleID, source string) (int64, error)
}

// Config says what is checked and how. Store and Policy are required.
type Config struct {
	Store Store
	// Policy is how the tariffs of a partner are read. Its time zone is that of the location, where we have that.
	Policy func(ctx context.Context, partner string) (tariff.Policy, error)
	// Tell makes the event of a check; nil for none. The verdict before is empty where there was none.
	Tell func(check *store.CDRCheck, before tariff.Verdict, report *tariff.Report) store.Event
	// Poll is how often Run looks for CDRs, and Again how often for tariffs of partners whose CDRs nobody could judge. Default 1 second
	// and 1 minute.
	Poll, Again time.Duration
	// KeepTariffs is how long tariffs are kept as they were, for CDRs that come late. Default 400 days.
	KeepTariffs time.Duration

	Logger *slog.Logger
	Now    func() time.Time
}

// An Auditor checks CDRs.
type Auditor struct {
	config Config
	// after is the CDR after which Run goes on.
	after int64
	// tariffs are the latest changes of partners' tariffs that Run has seen.
	tariffs map[string]int64
}

// New returns an Auditor.
func New(config Config) *Auditor {
	if config.Poll <= 0 {
		config.Poll = time.Second
	}
	if config.Again <= 0 {
		config.Again = time.Minute
	}
	if config.KeepTariffs <= 0 {
		config.KeepTariffs = 400 * 24 * time.Hour
	}
	if config.Now == nil {
		config.Now = time.Now
	}
	if config.Logger == nil {
		config.Logger = slog.New(slog.DiscardHandler)
	}
	return &Auditor{config: config, tariffs: map[string]int64{}}
}

// rules name what CDRs are checked by: when that changes, they are checked again.
const rules = tariff.Revision + ".1"

// atOnce is how many CDRs are read and written at once.
const atOnce = 500

// Progress is how far CheckAll has come.
type Progress struct{ Checked, Agree, Differ, CannotSay int }

// CheckAll checks CDRs again, whether or not they were checked before: those that are wanted, and those that were never checked. It tells
// of its progress after each stretch. CDRs that cannot be read are left out and told to the log.
func (a *Auditor) CheckAll(ctx context.Context, want store.CheckFilter, told func(Progress)) (sum Progress, err error) {
	if _, err := a.checkNew(ctx, 0, &sum, told); err != nil {
		return sum, err
	}
	for after := int64(0); ; {
		before, err := a.config.Store.Checks(ctx, want, after, atOnce)
		if err != nil || len(before) == 0 {
			return sum, err
		}
		if err := a.again(ctx, before, &sum); err != nil {
			return sum, err
		}
		after = before[len(before)-1].Created
		told(sum)
	}
}

// CheckNew checks what was not checked before, and tells of its progress.
func (a *Auditor) CheckNew(ctx context.Context, told func(Progress)) (sum Progress, err error) {
	_, err = a.checkNew(ctx, 0, &sum, told)
	return sum, err
}

// checkNew checks what is not checked after a CDR, and returns the last one.
func (a *Auditor) checkNew(ctx context.Context, after int64, sum *Progress, told func(Progress)) (last int64, err error) {
	for {
		cdrs, err := a.config.Store.Unchecked(ctx, rules, after, atOnce)
		if err != nil || len(cdrs) == 0 {
			return after, err
		}
		if err := a.check(ctx, cdrs, nil, sum); err != nil {
			return after, err
		}
		after = cdrs[len(cdrs)-1].Created
		told(*sum)
	}
}

// again checks CDRs that were checked before.
func (a *Auditor) again(ctx context.Context, before []store.CDRCheck, sum *Progress) error {
	var cdrs []store.Object
	verdicts := map[int64]tariff.Verdict{}
	for i := range before {
		o, err := a.config.Store.Object(ctx, before[i].Key)
		if errors.Is(err, store.ErrNotFound) {
			continue
		}
		if err != nil {
			return err
		}
		cdrs, verdicts[o.Created] = append(cdrs, o), tariff.Verdict(before[i].Verdict)
	}
	return a.check(ctx, cdrs, verdicts, sum)
}

// check checks CDRs, as many at once as there are processors, and stores what came of it.
func (a *Auditor) check(ctx context.Context, cdrs []store.Object, before map[int64]tariff.Verdict, sum *Progress) error {
	results := make([]result, len(cdrs))
	session := newSession(a.config.Store, a.config.Policy)
	next := make(chan int)
	var work sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		work.Go(func() {
			for i := range next {
				results[i] = a.one(ctx, session, &cdrs[i])
			}
		})
	}
	for i := range cdrs {
		next <- i
	}
	close(next)
	work.Wait()
	var checks []store.CDRCheck
	var events []store.Event
	for i := range results {
		r := &results[i]
		if r.err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			a.config.Logger.WarnContext(ctx, "a CDR cannot be checked", "partner", cdrs[i].Source, "id", cdrs[i].ID, "error", r.err)
			continue
		}
		checks = append(checks, r.check)
		sum.add(r.report.Verdict)
		if was := before[cdrs[i].Created]; a.config.Tell != nil && was != r.report.Verdict {
			events = append(events, a.config.Tell(&r.check, was, r.report))
		}
	}
	return a.config.Store.SaveChecks(ctx, checks, events...)
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

type result struct {
	check  store.CDRCheck
	report *tariff.Report
	err    error
}

// one checks one CDR.
func (a *Auditor) one(ctx context.Context, s *session, o *store.Object) (r result) {
	var cdr v230.CDR
	if r.err = json.Unmarshal(o.Body, &cdr, jsontext.AllowDuplicateNames(true)); r.err != nil {
		return r
	}
	applied, err := s.applied(ctx, o.Source, &cdr)
	if err != nil {
		r.err = err
		return r
	}
	audit := tariff.Check(&cdr, applied.Tariffs, applied.Policy)
	audit.Findings = append(audit.Findings, applied.Findings...)
	if r.report = audit.Summary(); audit.Verdict != tariff.Agrees { // of what is right nobody asks how it comes about
		r.report = audit.Report()
	}
	r.check = store.CDRCheck{
		Key: o.Key, Created: o.Created, Change: o.Change, Verdict: string(audit.Verdict), Rules: rules,
		Ended: cdr.EndDateTime.Time(), Checked: a.config.Now(), Energy: cdr.TotalEnergy.String(), Currency: cdr.Currency,
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

// moneyPlaces are the digits after the point that sums are kept with.
const moneyPlaces = 4

// An Explanation is how the price of a CDR comes about, with times at the location.
type Explanation struct {
	CDR    v230.CDR
	Report *tariff.Report
	Policy tariff.Policy
}

// Explain prices a partner's CDR anew, and stores nothing. The error is store.ErrNotFound where it is not there.
func (a *Auditor) Explain(ctx context.Context, key store.Key) (e Explanation, err error) {
	o, err := a.config.Store.Object(ctx, key)
	if err != nil {
		return e, err
	}
	if err := json.Unmarshal(o.Body, &e.CDR, jsontext.AllowDuplicateNames(true)); err != nil {
		return e, err
	}
	applied, err := newSession(a.config.Store, a.config.Policy).applied(ctx, o.Source, &e.CDR)
	if err != nil {
		return e, err
	}
	audit := tariff.Check(&e.CDR, applied.Tariffs, applied.Policy)
	audit.Findings = append(audit.Findings, applied.Findings...)
	e.Report, e.Policy = audit.Report(), applied.Policy
	return e, nil
}
