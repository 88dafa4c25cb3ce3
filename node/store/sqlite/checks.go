package sqlite

import (
	"context"
	"fmt"
	"slices"

	"github.com/ncruces/go-sqlite3"

	"github.com/roamwire/roamwire/node/store"
	"github.com/roamwire/roamwire/ocpi"
)

// Unchecked are partners' CDRs that were not checked by these rules in their present state, in the order of creation: at most limit
// of them after the one given.
func (db *DB) Unchecked(ctx context.Context, rules string, after int64, limit int) (cdrs []store.Object, err error) {
	err = db.read(ctx, func(c *conn) error {
		cdrs = nil
		return c.query(func(s *sqlite3.Stmt) {
			var o store.Object
			o.Module, o.Source = ocpi.ModuleCDRs, s.ColumnText(9)
			o.Party = ocpi.Party{CountryCode: s.ColumnText(6), PartyID: s.ColumnText(7)}
			scan(s, &o)
			o.Body = s.ColumnBlob(8, nil)
			cdrs = append(cdrs, o)
		}, `SELECT o.created, o.id, o.token_type, o.audience, o.change, o.last_updated, c.country_code, c.party_id, b.json, c.source
			FROM collection c JOIN object o ON o.collection = c.id JOIN content b ON b.id = o.created
			LEFT JOIN cdr_check k ON k.object = o.created
			WHERE c.module = 'cdrs' AND c.source <> '' AND o.created > ?1 AND (k.object IS NULL OR k.change <> o.change OR k.rules <> ?2)
			ORDER BY o.created LIMIT ?3`, after, rules, limit)
	})
	if err != nil {
		return nil, fmt.Errorf("find CDRs that are not checked: %w", explain(err))
	}
	return cdrs, nil
}

// SaveChecks writes what came of checks, all in one transaction, and the events that tell of it. A CDR that has gone, or changed
// since, is left out.
func (db *DB) SaveChecks(ctx context.Context, checks []store.CDRCheck, events ...store.Event) error {
	err := db.writer.do(ctx, func(t *tx) error {
		for _, e := range events {
			if err := t.Emit(e); err != nil {
				return err
			}
		}
		return t.saveChecks(checks)
	})
	if err != nil {
		return fmt.Errorf("write checks of CDRs: %w", explain(err))
	}
	return nil
}

func (t *tx) saveChecks(checks []store.CDRCheck) error {
	for i := range checks {
		k := &checks[i]
		err := t.conn.run(`REPLACE INTO cdr_check (object, change, source, verdict, rules, ended, checked, energy, currency, stated, computed, report)
			SELECT created, change, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12 FROM object WHERE created = ?1 AND change = ?2`,
			k.Created, k.Change, k.Source, k.Verdict, k.Rules, k.Ended.UnixMicro(), k.Checked.UnixMicro(), k.Energy, k.Currency, k.Stated, k.Computed, k.Report)
		if err != nil {
			return fmt.Errorf("%s: %w", describe(k.Key), err)
		}
	}
	return nil
}

// Checks are what came of checking CDRs, in the order in which those came: at most limit of them after the one given.
func (db *DB) Checks(ctx context.Context, want store.CheckFilter, after int64, limit int) (checks []store.CDRCheck, err error) {
	from, to := int64(0), int64(1<<62)
	if !want.From.IsZero() {
		from = want.From.UnixMicro()
	}
	if !want.To.IsZero() {
		to = want.To.UnixMicro()
	}
	err = db.look(ctx, func(c *conn) error {
		checks = nil
		return c.some(func(s *sqlite3.Stmt) bool {
			k := store.CDRCheck{
				Key: store.Key{
					Module: ocpi.ModuleCDRs, Source: s.ColumnText(2), Party: ocpi.Party{CountryCode: s.ColumnText(3), PartyID: s.ColumnText(4)}, ID: s.ColumnText(5),
				},
				Created: s.ColumnInt64(0), Change: s.ColumnInt64(1), Verdict: s.ColumnText(6), Rules: s.ColumnText(7),
				Ended: timeOrNever(s.ColumnInt64(8)), Checked: timeOrNever(s.ColumnInt64(9)), Energy: s.ColumnText(10), Currency: s.ColumnText(11),
				Stated: s.ColumnText(12), Computed: s.ColumnText(13), Report: s.ColumnBlob(14, nil),
			}
			if len(want.Verdicts) == 0 || slices.Contains(want.Verdicts, k.Verdict) {
				checks = append(checks, k)
			}
			return len(checks) < limit
		}, `SELECT k.object, k.change, k.source, c.country_code, c.party_id, o.id, k.verdict, k.rules, k.ended, k.checked, k.energy, k.currency,
				k.stated, k.computed, k.report
			FROM cdr_check k JOIN object o ON o.created = k.object JOIN collection c ON c.id = o.collection
			WHERE k.object > ?1 AND (?2 = '' OR k.source = ?2) AND k.ended >= ?3 AND k.ended < ?4 ORDER BY k.object`,
			after, want.Source, from, to)
	})
	if err != nil {
		return nil, fmt.Errorf("read checks of CDRs: %w", explain(err))
	}
	return checks, nil
}
