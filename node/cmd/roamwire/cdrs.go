package main

import (
	"cmp"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/shopspring/decimal"

	"github.com/roamwire/roamwire/node"
	"github.com/roamwire/roamwire/node/audit"
	"github.com/roamwire/roamwire/node/backend"
	"github.com/roamwire/roamwire/node/store"
	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/tariff"
)

type cdrsCmd struct {
	List      cdrsListCmd      `cmd:"" default:"withargs" help:"List CDRs of partners, and whether they agree with their tariffs."`
	Show      cdrsShowCmd      `cmd:"" help:"Show how the price of a CDR comes about."`
	Check     cdrsCheckCmd     `cmd:"" help:"Check CDRs now, those that were not checked yet or with --all others too."`
	Reconcile cdrsReconcileCmd `cmd:"" help:"Add up what partners have billed, by month, as CSV."`
}

// checkFlags say which checks are meant.
type checkFlags struct {
	dataFlag
	Partner string   `help:"Only CDRs of this partner." placeholder:"NAME"`
	From    dayFlag  `help:"Only charges that ended on this day or later: 2026-01-31, or 2026-01 for the first of a month." placeholder:"DAY"`
	To      dayFlag  `help:"Only charges that ended before this day." placeholder:"DAY"`
	Status  []string `help:"Only CDRs with this verdict: agrees, differs or cannot-say. Can be repeated." enum:"agrees,differs,cannot-say" placeholder:"VERDICT"`
}

func (f *checkFlags) filter() store.CheckFilter {
	return store.CheckFilter{Source: f.Partner, Verdicts: f.Status, From: time.Time(f.From), To: time.Time(f.To)}
}

// Validate refuses what cannot be meant.
func (f *checkFlags) Validate() error {
	from, to := time.Time(f.From), time.Time(f.To)
	if !from.IsZero() && !to.IsZero() && !to.After(from) {
		return errors.New("no day is at or after --from and before --to")
	}
	return nil
}

// audited calls do with what checks CDRs.
func (f *checkFlags) audited(ctx context.Context, do func(*audit.Auditor) error) (err error) {
	var data *node.Data
	if data, err = f.existing(ctx); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, data.Close()) }()
	auditor := data.Auditor()
	if err := f.known(ctx, data, auditor); err != nil {
		return err
	}
	return do(auditor)
}

// known refuses a partner that is not there and has left no CDR: who mistypes a name must not read that there is nothing to tell.
func (f *checkFlags) known(ctx context.Context, data *node.Data, auditor *audit.Auditor) error {
	if f.Partner == "" {
		return nil
	}
	partners, err := data.Partners.List(ctx)
	if err != nil {
		return err
	}
	for i := range partners {
		if partners[i].ID == f.Partner {
			return nil
		}
	}
	left, err := auditor.List(ctx, store.CheckFilter{Source: f.Partner}, 0, 1)
	if err == nil && len(left) == 0 {
		err = fmt.Errorf("there is no partner %s; \"roamwire partner list\" lists them", f.Partner)
	}
	return err
}

// A dayFlag is a day in UTC, or the first of a month.
type dayFlag time.Time

// UnmarshalText implements encoding.TextUnmarshaler.
func (d *dayFlag) UnmarshalText(text []byte) error {
	for _, layout := range []string{time.DateOnly, "2006-01"} {
		if t, err := time.Parse(layout, string(text)); err == nil {
			*d = dayFlag(t)
			return nil
		}
	}
	return fmt.Errorf("%q is no day such as 2026-01-31", text)
}

type cdrsListCmd struct {
	checkFlags
	JSON bool `help:"Write one JSON object for each CDR." name:"json"`
}

// Run lists checks.
func (c *cdrsListCmd) Run(ctx context.Context, s streams) error {
	return c.audited(ctx, func(a *audit.Auditor) error {
		table := tabwriter.NewWriter(s.out, 0, 0, 2, ' ', 0)
		if !c.JSON {
			fmt.Fprintln(table, "ENDED (UTC)\tPARTNER\tCDR\tVERDICT\tSTATED\tTARIFF\tDIFFERENCE\tWHY")
		}
		for after := int64(0); ; {
			checks, err := a.List(ctx, c.filter(), after, 500)
			if err != nil {
				return err
			}
			if len(checks) == 0 {
				return table.Flush()
			}
			after = checks[len(checks)-1].Created
			for i := range checks {
				if err := c.print(s, table, &checks[i]); err != nil {
					return err
				}
			}
		}
	})
}

func (c *cdrsListCmd) print(s streams, table *tabwriter.Writer, k *store.CDRCheck) error {
	if c.JSON {
		raw, err := json.Marshal(backend.CheckOf(k))
		if err == nil {
			_, err = fmt.Fprintf(s.out, "%s\n", raw)
		}
		return err
	}
	_, err := fmt.Fprintf(table, "%s\t%s\t%s/%s/%s\t%s\t%s %s\t%s\t%s\t%s\n", k.Ended.Format("2006-01-02 15:04"), oneLine(k.Source),
		k.Party.CountryCode, k.Party.PartyID, oneLine(k.ID), k.Verdict, k.Stated, oneLine(k.Currency), cmp.Or(k.Computed, "?"), cmp.Or(k.Difference(), "?"), codesOf(k))
	return err
}

// codesOf are the codes of what was found.
func codesOf(k *store.CDRCheck) string {
	var report tariff.Report
	if err := json.Unmarshal(k.Report, &report); err != nil {
		return ""
	}
	var codes []string
	for _, f := range report.Findings {
		if len(codes) == 0 || codes[len(codes)-1] != string(f.Code) {
			codes = append(codes, string(f.Code))
		}
	}
	return strings.Join(codes, " ")
}

type cdrsShowCmd struct {
	dataFlag
	CDR     string `arg:"" help:"The CDR: its id with its owner, as in NL/GPE/CDR1." name:"cdr"`
	Partner string `help:"The partner that sent it." required:"" placeholder:"NAME"`
	JSON    bool   `help:"Write JSON." name:"json"`
}

// Run prices a CDR anew and shows how.
func (c *cdrsShowCmd) Run(ctx context.Context, s streams) error {
	parts := strings.SplitN(c.CDR, "/", 3)
	if len(parts) != 3 {
		return fmt.Errorf("%q is no CDR such as NL/GPE/CDR1", c.CDR)
	}
	flags := checkFlags{dataFlag: c.dataFlag}
	return flags.audited(ctx, func(a *audit.Auditor) error {
		key := store.Key{Module: ocpi.ModuleCDRs, Source: c.Partner, Party: ocpi.NewParty(parts[0], parts[1]), ID: parts[2], AnyCase: true}
		e, err := a.Explain(ctx, key)
		if errors.Is(err, store.ErrNotFound) {
			return fmt.Errorf("partner %s has sent no CDR %s", c.Partner, c.CDR)
		}
		if err != nil {
			return err
		}
		return printPrice(s, &e.CDR, e.Report, &e.Policy, c.JSON)
	})
}

type cdrsCheckCmd struct {
	checkFlags
	All bool `help:"Check again what was checked before, too: all of it, or what --partner, --from, --to and --status choose."`
}

// Validate refuses to choose among what was never checked.
func (c *cdrsCheckCmd) Validate() error {
	if want := c.filter(); !c.All && (want.Source != "" || len(want.Verdicts) > 0 || !want.From.IsZero() || !want.To.IsZero()) {
		return errors.New("--partner, --from, --to and --status choose what is checked again, with --all; what was never checked is checked in any case")
	}
	return c.checkFlags.Validate()
}

// Run checks CDRs.
func (c *cdrsCheckCmd) Run(ctx context.Context, s streams) error {
	return c.audited(ctx, func(a *audit.Auditor) error {
		bar := newCounter(s.err, "CDRs")
		check := a.CheckNew
		if c.All {
			check = func(ctx context.Context, told func(audit.Progress)) (audit.Progress, error) {
				return a.CheckAll(ctx, c.filter(), told)
			}
		}
		sum, err := check(ctx, func(p audit.Progress) { bar.of(p.Of); bar.set(p.Checked + p.Unreadable) })
		bar.finish()
		if err != nil {
			return fmt.Errorf("%w; %d CDRs were checked before that", err, sum.Checked)
		}
		fmt.Fprintf(s.out, "%d CDRs checked: %d agree, %d differ, of %d nobody can say\n", sum.Checked, sum.Agree, sum.Differ, sum.CannotSay)
		if sum.Unreadable > 0 {
			return fmt.Errorf("%d CDRs could not be checked", sum.Unreadable)
		}
		return nil
	})
}

type cdrsReconcileCmd struct {
	checkFlags
}

// Run writes CSV.
func (c *cdrsReconcileCmd) Run(ctx context.Context, s streams) error {
	return c.audited(ctx, func(a *audit.Auditor) error {
		months, err := a.Reconcile(ctx, c.filter())
		if err != nil {
			return err
		}
		w := csv.NewWriter(s.out)
		rows := [][]string{{
			"partner", "month", "currency", "cdrs", "kwh", "stated", "stated_judged", "computed", "difference", "agree", "differ", "cannot_say",
		}}
		for i := range months {
			m := &months[i]
			rows = append(rows, []string{
				cell(m.Partner), m.Month, cell(m.Currency), strconv.Itoa(m.CDRs), m.Energy.String(), money(m.Stated), money(m.Judged),
				money(m.Computed), money(m.Difference()), strconv.Itoa(m.Agree), strconv.Itoa(m.Differ), strconv.Itoa(m.CannotSay),
			})
		}
		return w.WriteAll(rows)
	})
}

// money is an amount with all its digits, of which there are two at least after the point: what is added up must still add up.
func money(d decimal.Decimal) string {
	if cents := d.Round(2); cents.Equal(d) {
		return cents.StringFixed(2)
	}
	return d.String()
}

// cell is a text of a partner's in a table that a spreadsheet may open: it is not taken for a formula.
func cell(text string) string {
	if text != "" && strings.ContainsRune("=+-@\t\r", rune(text[0])) {
		return "'" + text
	}
	return text
}
