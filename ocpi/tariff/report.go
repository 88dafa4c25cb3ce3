package tariff

import (
	"slices"
	"time"

	"github.com/roamwire/roamwire/ocpi/exact"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// A Report is a price, and what was checked against it, for people and for machines. Amounts and prices are decimal texts with at least
// the digits of the currency, and amounts with at most twelve after the point; those that have more end in "…".
type Report struct {
	Verdict Verdict `json:"verdict,omitzero"`
	// BeforeTaxesOnly tells that there are taxes and that they were not compared: the CDR states none, or the tariff does not give them.
	BeforeTaxesOnly bool          `json:"before_taxes_only,omitzero"`
	Currency        string        `json:"currency,omitzero"`
	Periods         []ReportPart  `json:"periods,omitzero"`
	Steps           []ReportStep  `json:"steps,omitzero"`
	Limits          []ReportLimit `json:"limits,omitzero"`
	Costs           []ReportCost  `json:"costs,omitzero"`
	Findings        []Finding     `json:"findings,omitzero"`
	Notes           []Note        `json:"notes,omitzero"`

	places int32 // the digits of the currency
}

// A ReportPart is a period and what is billed for it.
type ReportPart struct {
	Start time.Time `json:"start_date_time"`
	// End is absent where it is not known.
	End   time.Time    `json:"end_date_time,omitzero"`
	Lines []ReportLine `json:"lines,omitzero"`
	// Unpriced is what costs nothing because no element has a price for it.
	Unpriced []ReportUnpriced `json:"unpriced,omitzero"`
}

// A ReportLine is what one price component bills in a period.
type ReportLine struct {
	Dimension   Dimension `json:"dimension"`
	Reservation bool      `json:"reservation,omitzero"`
	// Tariff, Element and Component say where the price is; elements and components are numbered from 0, as in JSON Pointers.
	Tariff    string `json:"tariff_id"`
	Element   int    `json:"element"`
	Component int    `json:"price_component"`
	// Restrictions are those of the element in words; absent where it always applies.
	Restrictions string `json:"restrictions,omitzero"`
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

// A ReportUnpriced is a quantity of a period that has no price.
type ReportUnpriced struct {
	Dimension   Dimension `json:"dimension"`
	Reservation bool      `json:"reservation,omitzero"`
	Quantity    string    `json:"quantity"`
	Unit        string    `json:"unit"`
	// Skipped are the elements that have a price for the dimension at other times, and why they do not apply.
	Skipped []ReportSkipped `json:"skipped,omitzero"`
}

// A ReportSkipped is an element that does not apply, by the restrictions that do not hold, and why in words.
type ReportSkipped struct {
	Element int    `json:"element"`
	By      string `json:"restriction"`
	Reason  string `json:"reason"`
}

// A ReportStep is what a step_size added, and which it was.
type ReportStep struct {
	Dimension   Dimension `json:"dimension"`
	Reservation bool      `json:"reservation,omitzero"`
	Tariff      string    `json:"tariff_id"`
	Element     int       `json:"element"`
	Component   int       `json:"price_component"`
	Size        string    `json:"step_size"`
	Total       string    `json:"total"`
	Rounded     string    `json:"rounded"`
	Added       string    `json:"added"`
	Unit        string    `json:"unit"`
}

// A ReportLimit is what min_price or max_price changed.
type ReportLimit struct {
	// Name is min_price or max_price.
	Name string `json:"name"`
	// AfterTaxes tells that it is the limit with taxes.
	AfterTaxes bool `json:"after_taxes,omitzero"`
	// Limit is what is billed, and Was what it would have been.
	Limit string `json:"limit"`
	Was   string `json:"was"`
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
	line := 0
	for i := range b.moments {
		part := ReportPart{Start: b.moments[i].at, End: b.moments[i].period.End}
		lines := b.linesOf(i)
		for range lines {
			part.Lines = append(part.Lines, r.line(b, line))
			line++
		}
		for _, u := range b.unpriced(i, lines) {
			part.Unpriced = append(part.Unpriced, ReportUnpriced{
				u.Dimension, u.Reservation, u.Quantity.String(), unitOf(u.Dimension), skippedOf(u.Skipped),
			})
		}
		r.Periods = append(r.Periods, part)
	}
	return r
}

// summaryOf reports a price without its periods.
func summaryOf(b *Breakdown) *Report {
	r := &Report{Currency: b.Currency, Notes: b.Notes, places: minorUnits(b.Currency)}
	for _, s := range b.Steps {
		l := &b.Lines[s.Line]
		r.Steps = append(r.Steps, ReportStep{
			Dimension: l.Dimension, Reservation: l.Reservation, Tariff: string(l.Tariff.source.ID), Element: l.Element, Component: l.Component,
			Size: s.Size.String(), Total: s.Total.String(), Rounded: s.Rounded.String(), Added: s.Rounded.Sub(s.Total).String(),
			Unit: stepUnit(l.Dimension),
		})
	}
	for _, l := range b.Limits {
		r.Limits = append(r.Limits, ReportLimit{l.name(), l.AfterTaxes, r.money(l.Limit), l.Was.text(r.places)})
	}
	for _, c := range append(partsOf(&v230.CDR{}, b), part{field: "total_cost", cost: b.Total}) {
		out := ReportCost{Name: c.field}
		out.Before, out.After = c.cost.texts(r.places)
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
	r.Verdict, r.BeforeTaxesOnly, r.Findings, r.Notes = a.Verdict, a.BeforeTaxesOnly, a.Findings, a.Notes
	for _, d := range slices.Concat(a.Costs, a.unknown) {
		for i := range r.Costs {
			c := &r.Costs[i]
			switch {
			case c.Name != d.Field:
			case d.AfterTaxes:
				c.StatedAfter, c.AfterDiffers = r.money(d.Stated), !d.Agrees
			default:
				c.StatedBefore, c.BeforeDiffers = r.money(d.Stated), !d.Agrees
			}
		}
	}
	return r
}

// money is an amount that has as many digits as it has, and at least those of the currency.
func (r *Report) money(d exact.Decimal) string { return moneyText(d, r.places) }

func (r *Report) line(b *Breakdown, i int) ReportLine {
	l := &b.Lines[i]
	out := ReportLine{
		Dimension: l.Dimension, Reservation: l.Reservation, Tariff: string(l.Tariff.source.ID), Element: l.Element, Component: l.Component,
		Restrictions: l.Tariff.elements[l.Element].words(),
		Quantity:     l.Quantity.String(), Unit: unitOf(l.Dimension), Price: r.money(l.Price), Skipped: skippedOf(b.Why(i)),
	}
	if !l.Added.IsZero() {
		out.Added = l.Added.String()
	}
	if l.taxing.rate != nil {
		out.VAT = l.taxing.rate.String()
	}
	out.Before, out.After = b.Cost(i).texts(r.places)
	return out
}

func skippedOf(skipped []Skipped) (out []ReportSkipped) {
	for _, s := range skipped {
		out = append(out, ReportSkipped(s))
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

// name is that of the limit in a tariff.
func (l *Limited) name() string {
	if l.Minimum {
		return "min_price"
	}
	return "max_price"
}
