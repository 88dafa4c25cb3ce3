package node

import (
	"context"
	"errors"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/roamwire/roamwire/node/audit"
	"github.com/roamwire/roamwire/node/backend"
	"github.com/roamwire/roamwire/node/event"
	"github.com/roamwire/roamwire/node/object"
	"github.com/roamwire/roamwire/node/store"
	"github.com/roamwire/roamwire/node/store/sqlite"
	"github.com/roamwire/roamwire/ocpi/tariff"
)

var _ audit.Store = (*sqlite.DB)(nil)

// Auditor returns what checks partners' CDRs.
func (d *Data) Auditor() *audit.Auditor {
	return audit.New(audit.Config{
		Store: d.db, Policy: d.pricePolicy, Tell: d.tellChecked, Logger: d.config.Logger, Now: d.config.Now,
	})
}

// pricePolicy is how a partner's tariffs are read: as its version says, and as was decided about it.
func (d *Data) pricePolicy(ctx context.Context, partner string) (tariff.Policy, error) {
	p, err := d.db.Partner(ctx, partner)
	if errors.Is(err, store.ErrNotFound) { // it is gone, and has left its CDRs here
		return tariff.Policy{}, nil
	}
	if err != nil {
		return tariff.Policy{}, err
	}
	decided, err := d.Partners.Policy(ctx, partner)
	if err != nil {
		return tariff.Policy{}, err
	}
	policy := tariff.PolicyFor(p.Version)
	if decided.Price.Tolerance != "" {
		if policy.Tolerance, err = tariff.ParseTolerance(decided.Price.Tolerance); err != nil {
			return policy, err
		}
	}
	for name, value := range decided.Price.Rules {
		if err := policy.Set(name, value); err != nil {
			return policy, err
		}
	}
	return policy, nil
}

// auditing is what came of checks, as the API needs it.
type auditing struct{ *audit.Auditor }

// Checks implements backend.Auditor.
func (a auditing) Checks(ctx context.Context, want store.CheckFilter, after int64, limit int) ([]store.CDRCheck, error) {
	return a.List(ctx, want, after, limit)
}

// Price implements backend.Auditor.
func (a auditing) Price(ctx context.Context, cdr store.Key) (jsontext.Value, error) {
	e, err := a.Explain(ctx, cdr)
	if err != nil {
		return nil, err
	}
	return json.Marshal(e.Report)
}

// Months implements backend.Auditor.
func (a auditing) Months(ctx context.Context, want store.CheckFilter) ([]backend.Month, error) {
	months, err := a.Reconcile(ctx, want)
	var shown []backend.Month
	for i := range months {
		m := &months[i]
		shown = append(shown, backend.Month{
			Partner: m.Partner, Month: m.Month, Currency: m.Currency, CDRs: m.CDRs, Energy: m.Energy.String(), Stated: m.Stated.String(),
			StatedJudged: m.Judged.String(), Computed: m.Computed.String(), Difference: m.Difference().String(),
			Agree: m.Agree, Differ: m.Differ, CannotSay: m.CannotSay,
		})
	}
	return shown, err
}

// tellChecked counts, and makes the event of a CDR that was checked.
func (d *Data) tellChecked(c *store.CDRCheck, before tariff.Verdict, report *tariff.Report) store.Event {
	if d.checked != nil {
		d.checked(c.Source, c.Verdict)
	}
	checked := event.CheckedCDR{
		Partner: c.Source, Party: c.Party, ID: c.ID, Verdict: c.Verdict, Before: string(before), Currency: c.Currency, Stated: c.Stated, Computed: c.Computed,
	}
	for _, f := range report.Findings {
		checked.Findings = append(checked.Findings, event.CDRFinding{Code: string(f.Code), Pointer: f.Pointer, Message: f.Message})
	}
	return d.happened(event.CDRChecked, object.Subject(c.Key), c.Source, c.Module, &checked)
}
