package tariff

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/roamwire/roamwire/ocpi/exact"
)

// Write writes the report for people, with times as they are at the location.
func (r *Report) Write(w io.Writer, zone *time.Location) error {
	text := bufio.NewWriter(w)
	for i := range r.Periods {
		r.Periods[i].write(text, r.Currency, zone)
	}
	for i := range r.Steps {
		r.Steps[i].write(text)
	}
	for i := range r.Limits {
		r.Limits[i].write(text, r.Currency)
	}
	for i := range r.Costs {
		r.Costs[i].write(text, r.Currency)
	}
	for _, n := range r.Notes {
		fmt.Fprintf(text, "note: %s\n", n)
	}
	for _, f := range r.Findings {
		fmt.Fprintf(text, "%s %s: %s\n", f.Code, f.Pointer, f.Message)
	}
	return text.Flush()
}

func (p *ReportPart) write(w io.Writer, currency string, zone *time.Location) {
	start := p.Start.In(zone)
	fmt.Fprint(w, start.Format("Mon 2006-01-02 15:04:05 -0700"))
	if end := p.End.In(zone); !p.End.IsZero() {
		format := "15:04:05"
		if end.Format("2006-01-02 -0700") != start.Format("2006-01-02 -0700") {
			format = "Mon 2006-01-02 15:04:05 -0700"
		}
		fmt.Fprint(w, " to ", end.Format(format))
	}
	fmt.Fprintln(w)
	for i := range p.Lines {
		p.Lines[i].write(w, currency)
	}
	for i := range p.Unpriced {
		u := &p.Unpriced[i]
		fmt.Fprintf(w, "  %-12s %s has no price\n", named(u.Dimension, u.Reservation), quantityText(u.Dimension, u.Quantity))
		writeSkipped(w, u.Skipped)
	}
	if len(p.Lines) == 0 && len(p.Unpriced) == 0 {
		fmt.Fprintln(w, "  nothing to bill")
	}
}

func (l *ReportLine) write(w io.Writer, currency string) {
	fmt.Fprintf(w, "  %-12s", named(l.Dimension, l.Reservation))
	if l.Dimension != Flat {
		fmt.Fprintf(w, " %s", quantityText(l.Dimension, l.Quantity))
		if l.Added != "" {
			fmt.Fprintf(w, " + %s %s", l.Added, l.Unit)
		}
		fmt.Fprintf(w, " ×")
	}
	fmt.Fprintf(w, " %s = %s", l.Price, amounts(l.Before, l.After, currency))
	if l.VAT != "" {
		fmt.Fprintf(w, " (VAT %s %%)", l.VAT)
	}
	fmt.Fprintf(w, "  [tariff %s, element %d, price component %d", l.Tariff, l.Element, l.Component)
	if l.Restrictions != "" {
		fmt.Fprintf(w, ": %s", l.Restrictions)
	}
	fmt.Fprintln(w, "]")
	writeSkipped(w, l.Skipped)
}

// mostSkipped is how many elements are told that do not apply: people read no more.
const mostSkipped = 10

func writeSkipped(w io.Writer, skipped []ReportSkipped) {
	for i, s := range skipped {
		if i == mostSkipped {
			fmt.Fprintf(w, "               nor %d others\n", len(skipped)-i)
			return
		}
		fmt.Fprintf(w, "               not element %d: %s\n", s.Element, s.Reason)
	}
}

// named is the name of a dimension, and whether it is one of the reservation.
func named(d Dimension, reservation bool) string {
	if reservation {
		return d.String() + " of the reservation"
	}
	return d.String()
}

func quantityText(d Dimension, quantity string) string {
	if d == Energy {
		return quantity + " kWh"
	}
	return clock(quantity)
}

func (s *ReportStep) write(w io.Writer) {
	fmt.Fprintf(w, "step_size %s of tariff %s, element %d, price component %d: %s %s of %s are billed as %s, %s more\n",
		s.Size, s.Tariff, s.Element, s.Component, s.Total, s.Unit, named(s.Dimension, s.Reservation), s.Rounded, s.Added)
}

func (l *ReportLimit) write(w io.Writer, currency string) {
	taxes, was := "before taxes", "more"
	if l.AfterTaxes {
		taxes = "with taxes"
	}
	if l.Name == "min_price" {
		was = "less"
	}
	fmt.Fprintf(w, "%s: %s %s %s are billed, because %s is %s\n", l.Name, l.Limit, currency, taxes, l.Was, was)
}

func (c *ReportCost) write(w io.Writer, currency string) {
	zero := func(s string) bool { d, err := exact.Parse(s); return err == nil && d.IsZero() }
	stated := c.StatedBefore != "" || c.StatedAfter != ""
	if zero(c.Before) && zero(c.After) && !stated && c.Name != "total_cost" {
		return
	}
	fmt.Fprintf(w, "%-22s %s", c.Name, amounts(c.Before, c.After, currency))
	if stated {
		fmt.Fprintf(w, "; the CDR states %s: %s", amounts(c.StatedBefore, c.StatedAfter, currency), c.comparison())
	}
	fmt.Fprintf(w, "\n")
}

// comparison is what comes of comparing what is stated with ours.
func (c *ReportCost) comparison() string {
	switch {
	case c.BeforeDiffers || c.AfterDiffers:
		return "DIFFERS"
	case c.Before != "" && c.StatedBefore != "", c.After != "" && c.StatedAfter != "":
		return "agrees"
	default:
		return "cannot be compared"
	}
}

// texts are the amounts before and after taxes, with at least so many digits; empty where not known.
func (c Cost) texts(places int32) (before, after string) {
	if !c.NoBefore {
		before = c.Before.text(places)
	}
	if !c.NoAfter {
		after = c.After.text(places)
	}
	return before, after
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
	d, err := exact.Parse(seconds)
	if err != nil || d.Abs().Cmp(exact.New(1, 12)) > 0 {
		return seconds + " s"
	}
	whole := d.IntPart()
	rest := d.Sub(exact.New(whole, 0))
	text := fmt.Sprintf("%d:%02d:%02d", whole/3600, whole/60%60, whole%60)
	if !rest.IsZero() {
		text += strings.TrimPrefix(rest.Abs().String(), "0")
	}
	return text + " h"
}
