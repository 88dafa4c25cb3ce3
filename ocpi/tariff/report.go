package tariff

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/shopspring/decimal"
)

// A Report is a price, and what was checked against it, for people and for machines. Amounts are decimal texts of at most twelve digits
// after the point; those that have more end in "…".
type Report struct {
	Verdict  Verdict      `json:"verdict,omitzero"`
	Currency string       `json:"currency,omitzero"`
	Periods  []ReportPart `json:"periods,omitzero"`
	Steps    []ReportStep `json:"steps,omitzero"`
	Limits   []string     `json:"limits,omitzero"`
	Costs    []ReportCost `json:"costs,omitzero"`
	Findings []Finding    `json:"findings,omitzero"`
	Notes    []Note       `json:"notes,omitzero"`
}

// A ReportPart is a period and what is billed for it.
type ReportPart struct {
	Start time.Time    `json:"start_date_time"`
	Lines []ReportLine `json:"lines,omitzero"`
}

// A ReportLine is what one price component bills in a period.
type ReportLine struct {
	Dimension   Dimension `json:"dimension"`
	Reservation bool      `json:"reservation,omitzero"`
	// Tariff, Element and Component say where the price is; elements and components are numbered from 0, as in JSON Pointers.
	Tariff    string `json:"tariff_id"`
	Element   int    `json:"element"`
	Component int    `json:"price_component"`
	// Quantity is in Unit: kWh, s, or nothing for flat prices. Added is what step_size adds.
	Quantity string `json:"quantity"`
	Added    string `json:"added,omitzero"`
	Unit     string `json:"unit,omitzero"`
	// Price is that of one kWh or hour, or the flat price; VAT its rate in percent.
	Price string `json:"price"`
	VAT   string `json:"vat,omitzero"`
	// Before and After are the cost before and after taxes; absent where not known.
	Before string `json:"before_taxes,omitzero"`
	After  string `json:"after_taxes,omitzero"`
	// Skipped are the elements before this one that have a price for the dimension too, and why they do not apply.
	Skipped []ReportSkipped `json:"skipped,omitzero"`
}

// A ReportSkipped is an element that does not apply, by the restrictions that do not hold.
type ReportSkipped struct {
	Element int    `json:"element"`
	By      string `json:"restriction"`
}

// A ReportStep is what a step_size added.
type ReportStep struct {
	Dimension Dimension `json:"dimension"`
	Size      string    `json:"step_size"`
	Total     string    `json:"total"`
	Rounded   string    `json:"rounded"`
	Unit      string    `json:"unit"`
}

// A ReportCost is one of the costs: ours, and where a CDR states it, the CDR's.
type ReportCost struct {
	// Name is that of the field in a CDR.
	Name          string `json:"name"`
	Before        string `json:"before_taxes,omitzero"`
	After         string `json:"after_taxes,omitzero"`
	StatedBefore  string `json:"stated_before_taxes,omitzero"`
	StatedAfter   string `json:"stated_after_taxes,omitzero"`
	BeforeDiffers bool   `json:"before_taxes_differ,omitzero"`
	AfterDiffers  bool   `json:"after_taxes_differ,omitzero"`
}

// ReportOf reports a price.
func ReportOf(b *Breakdown) *Report {
	r := summaryOf(b)
	for i := range b.moments {
		r.Periods = append(r.Periods, ReportPart{Start: b.moments[i].at})
	}
	for i := range b.Lines {
		part := &r.Periods[b.Lines[i].Period]
		part.Lines = append(part.Lines, b.line(i))
	}
	return r
}

// summaryOf reports a price without its periods.
func summaryOf(b *Breakdown) *Report {
	r := &Report{Currency: b.Currency, Notes: b.Notes}
	for _, s := range b.Steps {
		d := b.Lines[s.Line].Dimension
		r.Steps = append(r.Steps, ReportStep{Dimension: d, Size: s.Size.String(), Total: s.Total.String(), Rounded: s.Rounded.String(), Unit: stepUnit(d)})
	}
	for _, l := range b.Limits {
		r.Limits = append(r.Limits, l.String())
	}
	for _, c := range []struct {
		name string
		cost Cost
	}{
		{"total_fixed_cost", b.Fixed}, {"total_energy_cost", b.Energy}, {"total_time_cost", b.Time},
		{"total_parking_cost", b.Parking}, {"total_reservation_cost", b.Reservation}, {"total_cost", b.Total},
	} {
		out := ReportCost{Name: c.name}
		out.Before, out.After = texts(c.cost)
		r.Costs = append(r.Costs, out)
	}
	return r
}

// Report reports what was found out about a CDR.
func (a *Audit) Report() *Report { return a.reportAs(ReportOf) }

// Summary is Report without periods.
func (a *Audit) Summary() *Report { return a.reportAs(summaryOf) }

func (a *Audit) reportAs(priced func(*Breakdown) *Report) *Report {
	r := &Report{}
	if a.Breakdown != nil {
		r = priced(a.Breakdown)
	}
	r.Verdict, r.Findings = a.Verdict, a.Findings
	for _, d := range a.Costs {
		for i := range r.Costs {
			c := &r.Costs[i]
			switch {
			case c.Name != d.Field:
			case d.AfterTaxes:
				c.StatedAfter, c.AfterDiffers = d.Stated.String(), !d.Agrees
			default:
				c.StatedBefore, c.BeforeDiffers = d.Stated.String(), !d.Agrees
			}
		}
	}
	return r
}

// texts are the amounts of a cost before and after taxes; empty where not known.
func texts(c Cost) (before, after string) {
	if !c.NoBefore {
		before = c.Before.String()
	}
	if !c.NoAfter {
		after = c.After.String()
	}
	return before, after
}

func (b *Breakdown) line(i int) ReportLine {
	l := &b.Lines[i]
	out := ReportLine{
		Dimension: l.Dimension, Reservation: l.Reservation, Tariff: string(l.Tariff.source.ID), Element: l.Element, Component: l.Component,
		Quantity: l.Quantity.String(), Unit: unitOf(l.Dimension), Price: l.Price.String(),
	}
	if !l.Added.IsZero() {
		out.Added = l.Added.String()
	}
	if l.taxing.rate != nil {
		out.VAT = l.taxing.rate.String()
	}
	out.Before, out.After = texts(b.Cost(i))
	for _, s := range b.Why(i) {
		out.Skipped = append(out.Skipped, ReportSkipped(s))
	}
	return out
}

func unitOf(d Dimension) string {
	return [...]string{Energy: "kWh", Time: "s", Parking: "s", Flat: ""}[d]
}

func stepUnit(d Dimension) string {
	if d == Energy {
		return "Wh"
	}
	return "s"
}

// String says what the limit did.
func (l *Limited) String() string {
	name, taxes, was := "max_price", "before taxes", "above"
	if l.Minimum {
		name, was = "min_price", "below"
	}
	if l.AfterTaxes {
		taxes = "after taxes"
	}
	return fmt.Sprintf("%s %s %s: %s is %s it", name, l.Limit, taxes, l.Was, was)
}

// Write writes the report for people, with times as they are at the location.
func (r *Report) Write(w io.Writer, zone *time.Location) error {
	var text strings.Builder
	for _, p := range r.Periods {
		fmt.Fprintf(&text, "%s\n", p.Start.In(zone).Format("Mon 2006-01-02 15:04:05 -0700"))
		for _, l := range p.Lines {
			l.write(&text, r.Currency)
		}
		if len(p.Lines) == 0 {
			fmt.Fprintf(&text, "  nothing has a price\n")
		}
	}
	for _, s := range r.Steps {
		fmt.Fprintf(&text, "step_size %s: %s %s of %s are billed as %s\n", s.Size, s.Total, s.Unit, s.Dimension, s.Rounded)
	}
	for _, l := range r.Limits {
		fmt.Fprintf(&text, "%s\n", l)
	}
	for _, c := range r.Costs {
		c.write(&text, r.Currency)
	}
	for _, n := range r.Notes {
		fmt.Fprintf(&text, "note: %s\n", n)
	}
	for _, f := range r.Findings {
		if f.Code != Noted { // those are notes
			fmt.Fprintf(&text, "%s %s: %s\n", f.Code, f.Pointer, f.Message)
		}
	}
	_, err := io.WriteString(w, text.String())
	return err
}

func (l *ReportLine) write(w *strings.Builder, currency string) {
	what := l.Dimension.String()
	if l.Reservation {
		what += " of the reservation"
	}
	quantity := l.Quantity
	if l.Dimension == Time || l.Dimension == Parking {
		quantity = clock(l.Quantity)
	}
	fmt.Fprintf(w, "  %-12s", what)
	if l.Dimension != Flat {
		fmt.Fprintf(w, " %s", quantity)
		if l.Dimension == Energy {
			fmt.Fprintf(w, " kWh")
		}
		if l.Added != "" {
			fmt.Fprintf(w, " + %s %s", l.Added, l.Unit)
		}
		fmt.Fprintf(w, " ×")
	}
	fmt.Fprintf(w, " %s = %s", l.Price, amounts(l.Before, l.After, currency))
	fmt.Fprintf(w, "  (tariff %s, element %d", l.Tariff, l.Element)
	for i, s := range l.Skipped {
		if i == 0 {
			fmt.Fprintf(w, "; not")
		}
		fmt.Fprintf(w, " %d: %s", s.Element, s.By)
		if i < len(l.Skipped)-1 {
			fmt.Fprintf(w, ",")
		}
	}
	fmt.Fprintf(w, ")\n")
}

func (c *ReportCost) write(w *strings.Builder, currency string) {
	zero := func(s string) bool { d, err := decimal.NewFromString(s); return err == nil && d.IsZero() }
	stated := c.StatedBefore != "" || c.StatedAfter != ""
	if zero(c.Before) && zero(c.After) && !stated && c.Name != "total_cost" {
		return
	}
	fmt.Fprintf(w, "%-22s %s", c.Name, amounts(c.Before, c.After, currency))
	if stated {
		agrees := "agrees"
		if c.BeforeDiffers || c.AfterDiffers {
			agrees = "DIFFERS"
		}
		fmt.Fprintf(w, "; the CDR states %s: %s", amounts(c.StatedBefore, c.StatedAfter, currency), agrees)
	}
	fmt.Fprintf(w, "\n")
}

// amounts are those before and after taxes.
func amounts(before, after, currency string) string {
	switch {
	case before == "" && after == "":
		return "unknown"
	case after == "":
		return before + " " + currency + " before taxes"
	case before == "":
		return after + " " + currency + " with taxes"
	case before == after:
		return before + " " + currency
	default:
		return before + " " + currency + ", " + after + " with taxes"
	}
}

// clock is a number of seconds in hours, minutes and seconds.
func clock(seconds string) string {
	d, err := decimal.NewFromString(seconds)
	if err != nil || d.Abs().Cmp(decimal.New(1, 12)) > 0 {
		return seconds + " s"
	}
	whole := d.IntPart()
	rest := d.Sub(decimal.New(whole, 0))
	text := fmt.Sprintf("%d:%02d:%02d", whole/3600, whole/60%60, whole%60)
	if !rest.IsZero() {
		text += strings.TrimPrefix(rest.Abs().String(), "0")
	}
	return text + " h"
}
