package tariff

import (
	"slices"

	"github.com/roamwire/roamwire/ocpi/exact"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// A part is one of those that a total is made of: the field of a CDR, what the CDR states in it, and ours.
type part struct {
	field  string
	stated *v230.Price
	cost   Cost
}

// partsOf are those of a CDR and of our price.
func partsOf(cdr *v230.CDR, b *Breakdown) []part {
	return []part{
		{"total_fixed_cost", cdr.TotalFixedCost, b.Fixed}, {"total_energy_cost", cdr.TotalEnergyCost, b.Energy},
		{"total_time_cost", cdr.TotalTimeCost, b.Time}, {"total_parking_cost", cdr.TotalParkingCost, b.Parking},
		{"total_reservation_cost", cdr.TotalReservationCost, b.Reservation},
	}
}

// checkTaxed tells where taxes are not compared though there are some: that the total agrees says nothing of them.
func (a *Audit) checkTaxed(cdr *v230.CDR, b *Breakdown) {
	stated := len(cdr.TotalCost.Taxes) > 0
	a.BeforeTaxesOnly = !b.Total.NoBefore && (b.Total.NoAfter || !stated && b.Total.Before.Cmp(b.Total.After) != 0)
	if a.BeforeTaxesOnly && !stated {
		a.Notes = append(a.Notes, NoteTaxesNotStated)
	}
}

// compare compares a cost that the CDR states, before taxes and with them.
func (a *Audit) compare(cdr *v230.CDR, field string, stated *v230.Price, cost Cost, sign exact.Decimal, policy Policy) {
	before := stated.BeforeTaxes.Exact()
	if cost.NoBefore {
		a.unknown = append(a.unknown, Difference{Field: field, Stated: before, Agrees: true})
		a.find(CostUnknown, "/"+field+"/before_taxes", "%s", NoteBeforeUnknown)
	} else {
		a.difference(cdr, field, false, before, cost.Before.Mul(sign), policy)
	}
	if len(stated.Taxes) == 0 { // it says nothing of taxes
		return
	}
	after := withTaxes(stated)
	if cost.NoAfter {
		a.unknown = append(a.unknown, Difference{Field: field, AfterTaxes: true, Stated: after, Agrees: true})
		a.find(CostUnknown, "/"+field+"/taxes", "%s", a.whyNoTaxes())
		return
	}
	a.difference(cdr, field, true, after, cost.After.Mul(sign), policy)
}

// whyNoTaxes says why costs with taxes are not known.
func (a *Audit) whyNoTaxes() Note {
	if slices.Contains(a.Notes, NoteLimitTaxes) && !slices.Contains(a.Notes, NoteTaxesUnknown) {
		return NoteLimitTaxes
	}
	return NoteTaxesUnknown
}

func (a *Audit) difference(cdr *v230.CDR, field string, afterTaxes bool, stated exact.Decimal, computed Amount, policy Policy) {
	d := Difference{Field: field, AfterTaxes: afterTaxes, Stated: stated, Computed: computed}
	d.Agrees = computed.Sub(AmountOf(stated)).Abs().Cmp(AmountOf(tolerance(cdr.Currency, stated, policy))) <= 0
	a.Costs = append(a.Costs, d)
	if d.Agrees {
		return
	}
	with := "before taxes"
	if afterTaxes {
		with = "with taxes"
	}
	places := minorUnits(cdr.Currency)
	a.find(CostDiffers, "/"+field, "%s is %s %s, the tariff gives %s: %s", field, moneyText(stated, places), with, computed.text(places),
		signed(AmountOf(stated).Sub(computed), places))
}

// signed is a difference as people read it.
func signed(a Amount, places int32) string {
	if a.Sign() > 0 {
		return "+" + a.text(places)
	}
	return a.text(places)
}

// tolerance is how far a stated amount may be from ours.
func tolerance(currency string, stated exact.Decimal, policy Policy) exact.Decimal {
	places := minorUnits(currency)
	allowed := exact.New(1, -places)
	if policy.Tolerance != nil {
		allowed = *policy.Tolerance
	}
	half := exact.New(5, -max(places, -stated.Exponent())-1)
	return exact.Max(allowed, half)
}

// checkSum looks at whether the parts that the CDR states add up to its total, where it has all and no limit holds. The breakdown is nil
// where there is no tariff that says so.
func (a *Audit) checkSum(cdr *v230.CDR, b *Breakdown) {
	if b != nil && (len(b.Limits) > 0 || b.Unlimited.NoBefore) {
		return
	}
	before := func(p *v230.Price) (exact.Decimal, bool) { return p.BeforeTaxes.Exact(), true }
	after := func(p *v230.Price) (exact.Decimal, bool) { return withTaxes(p), len(p.Taxes) > 0 }
	if a.sumDiffers(cdr, b, "before taxes", before) {
		return
	}
	a.sumDiffers(cdr, b, "with taxes", after)
}

// withTaxes is a cost with its taxes.
func withTaxes(p *v230.Price) exact.Decimal {
	sum := p.BeforeTaxes.Exact()
	for i := range p.Taxes {
		sum = sum.Add(p.Taxes[i].Amount.Exact())
	}
	return sum
}

// sumDiffers tells where the amounts of the parts do not add up to that of the total. Where one of them is not there it says nothing.
func (a *Audit) sumDiffers(cdr *v230.CDR, b *Breakdown, which string, amount func(*v230.Price) (exact.Decimal, bool)) bool {
	total, is := amount(&cdr.TotalCost)
	if !is {
		return false
	}
	sum, parts := exact.Decimal{}, int64(0)
	for _, p := range partsOf(cdr, &Breakdown{}) {
		if p.stated == nil {
			continue
		}
		part, is := amount(p.stated)
		if !is {
			return false
		}
		sum, parts = sum.Add(part), parts+1
	}
	stated := total
	if sum.Sign() > 0 && cdr.Credit != nil && *cdr.Credit {
		total = total.Neg() // its parts may be those of the CDR that it undoes
	}
	places := minorUnits(cdr.Currency)
	slack := exact.New(parts, -places)
	if parts == 0 || sum.Sub(total).Abs().Cmp(slack) <= 0 || !statesAll(cdr, b) && sum.Cmp(total.Add(slack)) <= 0 {
		return false
	}
	a.find(TotalsDiffer, "/total_cost", "total_cost is %s %s, its parts add up to %s", moneyText(stated, places), which, moneyText(sum, places))
	return true
}

// statesAll reports whether the CDR states every part that costs something.
func statesAll(cdr *v230.CDR, b *Breakdown) bool {
	if b == nil { // nobody knows which do
		return cdr.TotalFixedCost != nil && cdr.TotalEnergyCost != nil && (cdr.TotalTimeCost != nil || cdr.TotalParkingCost != nil)
	}
	for _, p := range partsOf(cdr, b) {
		if p.stated == nil && (p.cost.Before.Sign() != 0 || p.cost.After.Sign() != 0) {
			return false
		}
	}
	return true
}
