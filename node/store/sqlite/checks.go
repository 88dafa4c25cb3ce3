package sqlite

import (
	"context"
	"fmt"
	"math"
	"strings"

	"github.com/ncruces/go-sqlite3"

	"github.com/roamwire/roamwire/node/store"
	"github.com/roamwire/roamwire/ocpi"
)

// Unchecked are partners' CDRs that were not checked by these rules in their present state, in the order of creation: at most limit
// of them after the one given. It reads all objects that were created after that, in their order, and so sorts nothing.
func (db *DB) Unchecked(ctx context.Context, rules string, after int64, limit int) ([]store.CDRToCheck, error) {
	cdrs, err := db.toCheck(ctx, `SELECT o.created, o.id, o.token_type, o.audience, o.change, o.last_updated, c.country_code, c.party_id, b.json, c.source,
			CASE k.change WHEN o.change THEN k.verdict ELSE '' END
		FROM object o CROSS JOIN collection c ON c.id = o.collection CROSS JOIN content b ON b.id = o.created
		LEFT JOIN cdr_check k ON k.object = o.created
		WHERE `+uncheckedWhere+`
		ORDER BY o.created LIMIT ?3`, after, rules, limit)
	if err != nil {
		return nil, fmt.Errorf("find CDRs that are not checked: %w", err)
	}
	return cdrs, nil
}

// uncheckedWhere is the condition for what is unchecked after ?1, by the rules ?2, which are empty for any.
const uncheckedWhere = `c.module = 'cdrs' AND c.source <> '' AND o.created > ?1
	AND (k.object IS NULL OR k.change <> o.change OR ?2 <> '' AND k.rules <> ?2)`

// LatestCDR returns the number of the latest change to a CDR of any partner; 0 where there was none.
func (db *DB) LatestCDR(ctx context.Context) (latest int64, err error) {
	err = db.look(ctx, func(c *conn) (err error) {
		latest, _, err = c.number(`SELECT coalesce(max(latest), 0) FROM collection WHERE module = 'cdrs' AND source <> ''`)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("read the latest change of partners' CDRs: %w", explain(err))
	}
	return latest, nil
}

// CountUnchecked counts partners' CDRs that were not checked by these rules in their present state, or with no rules, by any.
func (db *DB) CountUnchecked(ctx context.Context, rules string) (int, error) {
	n, err := db.countChecks(ctx, `SELECT count(*) FROM collection c JOIN object o ON o.collection = c.id LEFT JOIN cdr_check k ON k.object = o.created
		WHERE `+uncheckedWhere, int64(0), rules)
	if err != nil {
		return 0, fmt.Errorf("count CDRs that are not checked: %w", err)
	}
	return n, nil
}

// CountChecks counts the checks that are wanted.
func (db *DB) CountChecks(ctx context.Context, want store.CheckFilter) (int, error) {
	where, args := checksWhere(want, 0)
	n, err := db.countChecks(ctx, `SELECT count(*) FROM cdr_check k WHERE `+where, args...)
	if err != nil {
		return 0, fmt.Errorf("count checks of CDRs: %w", err)
	}
	return n, nil
}

func (db *DB) countChecks(ctx context.Context, sql string, args ...any) (n int, err error) {
	err = db.look(ctx, func(c *conn) error {
		count, _, err := c.number(sql, args...)
		n = int(count)
		return err
	})
	return n, explain(err)
}

// CheckedCDRs are the CDRs of checks, in the order in which they came: at most limit of them after the one given.
func (db *DB) CheckedCDRs(ctx context.Context, want store.CheckFilter, after int64, limit int) ([]store.CDRToCheck, error) {
	where, args := checksWhere(want, after)
	cdrs, err := db.toCheck(ctx, `SELECT o.created, o.id, o.token_type, o.audience, o.change, o.last_updated, c.country_code, c.party_id, b.json, c.source,
			CASE k.change WHEN o.change THEN k.verdict ELSE '' END
		FROM cdr_check k JOIN object o ON o.created = k.object JOIN collection c ON c.id = o.collection JOIN content b ON b.id = o.created
		WHERE `+where+` ORDER BY k.object LIMIT ?6`, append(args, limit)...)
	if err != nil {
		return nil, fmt.Errorf("find CDRs that were checked: %w", err)
	}
	return cdrs, nil
}

func (db *DB) toCheck(ctx context.Context, sql string, args ...any) (cdrs []store.CDRToCheck, err error) {
	err = db.read(ctx, func(c *conn) error {
		cdrs = nil
		return c.query(func(s *sqlite3.Stmt) {
			var o store.CDRToCheck
			o.Module, o.Source, o.Before = ocpi.ModuleCDRs, s.ColumnText(9), s.ColumnText(10)
			o.Party = ocpi.Party{CountryCode: s.ColumnText(6), PartyID: s.ColumnText(7)}
			scan(s, &o.Object)
			o.Body = s.ColumnBlob(8, nil)
			cdrs = append(cdrs, o)
		}, sql, args...)
	})
	return cdrs, explain(err)
}

// checksWhere is the condition for checks that are wanted after one, with its five arguments. A verdict alone is looked up in an index.
func checksWhere(want store.CheckFilter, after int64) (where string, args []any) {
	from, to := int64(math.MinInt64), int64(math.MaxInt64)
	if !want.From.IsZero() {
		from = want.From.UnixMicro()
	}
	if !want.To.IsZero() {
		to = want.To.UnixMicro()
	}
	where = "k.object > ?1 AND (?2 = '' OR k.source = ?2) AND k.ended >= ?3 AND k.ended < ?4 AND "
	if len(want.Verdicts) == 1 {
		return where + "k.verdict = ?5", []any{after, want.Source, from, to, want.Verdicts[0]}
	}
	verdicts := strings.Join(want.Verdicts, " ")
	return where + "(?5 = '' OR instr(' ' || ?5 || ' ', ' ' || k.verdict || ' '))", []any{after, want.Source, from, to, verdicts}
}

// SaveChecks writes what came of checks, all in one transaction, and the events that tell of it. A CDR that has gone, or changed
// since, is left out.
func (db *DB) SaveChecks(ctx context.Context, checks []store.NewCheck) error {
	err := db.writer.do(ctx, func(t *tx) error { return t.saveChecks(checks) })
	if err != nil {
		return fmt.Errorf("write checks of CDRs: %w", explain(err))
	}
	return nil
}

func (t *tx) saveChecks(checks []store.NewCheck) error {
	for i := range checks {
		k := &checks[i]
		err := t.tellChecked(k)
		if err == nil {
			err = t.saveCheck(&k.CDRCheck)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", describe(k.Key), err)
		}
	}
	return nil
}

// saveCheck writes one. Most are as before: what is in an index stays, and is not written again.
func (t *tx) saveCheck(k *store.CDRCheck) error {
	err := t.conn.run(`UPDATE cdr_check SET rules = ?5, checked = ?7, energy = ?8, currency = ?9, stated = ?10, computed = ?11, report = ?12
		WHERE object = ?1 AND change = ?2 AND source = ?3 AND verdict = ?4 AND ended = ?6`,
		k.Created, k.Change, k.Source, k.Verdict, k.Rules, k.Ended.UnixMicro(), k.Checked.UnixMicro(), k.Energy, k.Currency, k.Stated, k.Computed, k.Report)
	if err != nil || t.conn.Changes() > 0 {
		return err
	}
	return t.conn.run(`REPLACE INTO cdr_check (object, change, source, verdict, rules, ended, checked, energy, currency, stated, computed, report)
		SELECT created, change, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12 FROM object WHERE created = ?1 AND change = ?2`,
		k.Created, k.Change, k.Source, k.Verdict, k.Rules, k.Ended.UnixMicro(), k.Checked.UnixMicro(), k.Energy, k.Currency, k.Stated, k.Computed, k.Report)
}

// tellChecked writes the event of a check, unless what is stored is something else than was read.
func (t *tx) tellChecked(k *store.NewCheck) error {
	if k.Event == nil {
		return nil
	}
	_, asRead, err := t.conn.number(`SELECT 1 FROM object o LEFT JOIN cdr_check k ON k.object = o.created
		WHERE o.created = ?1 AND o.change = ?2 AND CASE k.change WHEN o.change THEN k.verdict ELSE '' END = ?3`, k.Created, k.Change, k.Before)
	if err != nil || !asRead {
		return err
	}
	return t.Emit(*k.Event)
}

// Checks are what came of checking CDRs, in the order in which those came: at most limit of them after the one given.
func (db *DB) Checks(ctx context.Context, want store.CheckFilter, after int64, limit int) (checks []store.CDRCheck, err error) {
	where, args := checksWhere(want, after)
	checks, err = db.checks(ctx, where+" ORDER BY k.object LIMIT ?6", append(args, limit)...)
	if err != nil {
		return nil, fmt.Errorf("read checks of CDRs: %w", err)
	}
	return checks, nil
}

func (db *DB) checks(ctx context.Context, where string, args ...any) (checks []store.CDRCheck, err error) {
	err = db.look(ctx, func(c *conn) error {
		checks = nil
		return c.query(func(s *sqlite3.Stmt) {
			checks = append(checks, store.CDRCheck{
				Key: store.Key{
					Module: ocpi.ModuleCDRs, Source: s.ColumnText(2), Party: ocpi.Party{CountryCode: s.ColumnText(3), PartyID: s.ColumnText(4)}, ID: s.ColumnText(5),
				},
				Created: s.ColumnInt64(0), Change: s.ColumnInt64(1), Verdict: s.ColumnText(6), Rules: s.ColumnText(7),
				Ended: timeOrNever(s.ColumnInt64(8)), Checked: timeOrNever(s.ColumnInt64(9)), Energy: s.ColumnText(10), Currency: s.ColumnText(11),
				Stated: s.ColumnText(12), Computed: s.ColumnText(13), Report: s.ColumnBlob(14, nil),
			})
		}, `SELECT k.object, k.change, k.source, c.country_code, c.party_id, o.id, k.verdict, k.rules, k.ended, k.checked, k.energy, k.currency,
				k.stated, k.computed, k.report
			FROM cdr_check k JOIN object o ON o.created = k.object JOIN collection c ON c.id = o.collection
			WHERE `+where, args...)
	})
	return checks, explain(err)
}
