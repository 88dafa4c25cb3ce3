package node

import (
	"context"
	"errors"

	"github.com/roamwire/roamwire/node/audit"
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

// pricePolicy is how a partner's tariffs are read: as its version says.
func (d *Data) pricePolicy(ctx context.Context, partner string) (tariff.Policy, error) {
	p, err := d.db.Partner(ctx, partner)
	if errors.Is(err, store.ErrNotFound) { // it is gone, and has left its CDRs here
		return tariff.Policy{}, nil
	}
	return tariff.PolicyFor(p.Version), err
}

// tellChecked makes the event of a CDR that was checked.
func (d *Data) tellChecked(c *store.CDRCheck, before tariff.Verdict, report *tariff.Report) store.Event {
	checked := event.CheckedCDR{
		Partner: c.Source, Party: c.Party, ID: c.ID, Verdict: c.Verdict, Before: string(before), Currency: c.Currency, Stated: c.Stated, Computed: c.Computed,
	}
	for _, f := range report.Findings {
		if f.Code != tariff.Noted {
			checked.Findings = append(checked.Findings, event.CDRFinding{Code: string(f.Code), Pointer: f.Pointer, Message: f.Message})
		}
	}
	return d.happened(event.CDRChecked, object.Subject(c.Key), c.Source, c.Module, &checked)
}
