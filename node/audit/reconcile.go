package audit

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/shopspring/decimal"

	"github.com/roamwire/roamwire/node/store"
	"github.com/roamwire/roamwire/ocpi/tariff"
)

// A Month is what a partner has billed for charges that ended in a month, in one currency.
type Month struct {
	Partner, Month, Currency string
	// CDRs count all, credit CDRs too; Agree, Differ and CannotSay what came of checking them.
	CDRs, Agree, Differ, CannotSay int
	// Energy is in kWh. Stated is what the CDRs cost before taxes; Judged is the part of it that tariffs give a cost for, and Computed
	// is that cost.
	Energy, Stated, Judged, Computed decimal.Decimal
}

// Difference is how much more is billed than tariffs give.
func (m *Month) Difference() decimal.Decimal { return m.Judged.Sub(m.Computed) }

// Reconcile adds up what partners have billed, by partner, month in UTC, and currency.
func (a *Auditor) Reconcile(ctx context.Context, want store.CheckFilter) ([]Month, error) {
	months := map[[3]string]*Month{}
	for after := int64(0); ; {
		checks, err := a.config.Store.Checks(ctx, want, after, atOnce)
		if err != nil {
			return nil, err
		}
		if len(checks) == 0 {
			break
		}
		after = checks[len(checks)-1].Created
		for i := range checks {
			c := &checks[i]
			key := [3]string{c.Source, c.Ended.Format("2006-01"), c.Currency}
			if months[key] == nil {
				months[key] = &Month{Partner: key[0], Month: key[1], Currency: key[2]}
			}
			if err := months[key].add(c); err != nil {
				return nil, fmt.Errorf("CDR %s of %s: %w", c.ID, c.Source, err)
			}
		}
	}
	var sorted []Month
	for _, m := range months {
		sorted = append(sorted, *m)
	}
	slices.SortFunc(sorted, func(a, b Month) int {
		return strings.Compare(a.Partner+"\x00"+a.Month+a.Currency, b.Partner+"\x00"+b.Month+b.Currency)
	})
	return sorted, nil
}

func (m *Month) add(c *store.CDRCheck) error {
	energy, err := decimal.NewFromString(c.Energy)
	if err != nil {
		return err
	}
	stated, err := decimal.NewFromString(c.Stated)
	if err != nil {
		return err
	}
	m.CDRs++
	m.Energy, m.Stated = m.Energy.Add(energy), m.Stated.Add(stated)
	switch tariff.Verdict(c.Verdict) {
	case tariff.Agrees:
		m.Agree++
	case tariff.Differs:
		m.Differ++
	default:
		m.CannotSay++
	}
	if c.Computed == "" {
		return nil
	}
	computed, err := decimal.NewFromString(c.Computed)
	if err == nil {
		m.Judged, m.Computed = m.Judged.Add(stated), m.Computed.Add(computed)
	}
	return err
}

// List are checks in the order in which the CDRs came, at most limit of them after one; 0 for the first.
func (a *Auditor) List(ctx context.Context, want store.CheckFilter, after int64, limit int) ([]store.CDRCheck, error) {
	return a.config.Store.Checks(ctx, want, after, limit)
}
