package convert

import (
	"github.com/shopspring/decimal"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/v221"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// A price of 2.2.1 is an amount without VAT and, where known, the amount with VAT. One of 2.3.0 is an amount before
// taxes and a list of taxes (requirement ZY-01). What is to pay is the same in both.

// vatName is the name of the one tax that 2.2.1 knows (requirement ZY-03).
const vatName = "VAT"

func (u *up221) price(in *v221.Price, out *v230.Price) {
	var left leftover
	out.BeforeTaxes = in.ExclVAT
	if in.InclVAT != nil {
		out.Taxes = u.vat(in.ExclVAT, *in.InclVAT, &left)
	}
	out.Extra = u.extra(in.Extra, &names221Price, left)
}

// vat is the tax in an amount. The leftover keeps how the amount was written where adding them up writes it otherwise.
func (u *up221) vat(excl, incl ocpi.Number, left *leftover) []v230.TaxAmount {
	taxes, ok := taxBetween(excl, incl)
	if !ok {
		left.set("incl_vat", incl)
		u.lose("incl_vat", "the difference to excl_vat has too many digits to be written")
		return nil
	}
	if sum, ok := withTaxes(excl, taxes); !ok || sum.String() != incl.String() {
		left.set("incl_vat", incl)
	}
	return taxes
}

// taxBetween is the one tax that makes an amount with VAT of one without; false where it cannot be written.
func taxBetween(excl, incl ocpi.Number) ([]v230.TaxAmount, bool) {
	amount, ok := written(incl.Decimal().Sub(excl.Decimal()))
	if !ok {
		return nil, false
	}
	return []v230.TaxAmount{{Name: vatName, Amount: amount}}, true
}

// withTaxes is an amount with its taxes; false where it cannot be written.
func withTaxes(before ocpi.Number, taxes []v230.TaxAmount) (ocpi.Number, bool) {
	sum := before.Decimal()
	for i := range taxes {
		sum = sum.Add(taxes[i].Amount.Decimal())
	}
	return written(sum)
}

// written is a result as a Number, unless it has more digits than anybody would read.
func written(d decimal.Decimal) (ocpi.Number, bool) {
	n := ocpi.NewNumber(d)
	n, err := ocpi.ParseNumber(n.String())
	return n, err == nil
}

func (d *down221) price(in *v230.Price, out *v221.Price) {
	var left leftover
	out.Extra, left = d.extra(in.Extra, &names221Price)
	out.ExclVAT = in.BeforeTaxes
	said, ok := recall(left, "incl_vat", func(was *ocpi.Number) bool {
		return was != nil && isVATBetween(in.BeforeTaxes, *was, in.Taxes)
	})
	switch {
	case ok:
		out.InclVAT = said
	case len(in.Taxes) > 0: // an empty list says nothing about taxes, which is not that there are none
		out.InclVAT = d.inclVAT(in)
	}
}

// isVATBetween reports whether taxes are what an amount with VAT becomes in the model.
func isVATBetween(excl, incl ocpi.Number, taxes []v230.TaxAmount) bool {
	want, _ := taxBetween(excl, incl)
	return len(want) == len(taxes) && (len(want) == 0 || isVAT(&taxes[0]) && taxes[0].Amount.Equal(want[0].Amount))
}

// isVAT reports whether a tax says no more than that it is VAT, and how much.
func isVAT(t *v230.TaxAmount) bool {
	return t.Name == vatName && t.AccountNumber == nil && t.Percentage == nil && len(t.Extra) == 0
}

// inclVAT adds up the taxes. Their sum survives, not what each of them is.
func (d *down221) inclVAT(in *v230.Price) *ocpi.Number {
	sum, ok := withTaxes(in.BeforeTaxes, in.Taxes)
	if !ok {
		d.lose("taxes", "the amount with taxes has too many digits to be written, it is left out")
		return nil
	}
	if len(in.Taxes) > 1 {
		d.lose("taxes", "2.2.1 knows one tax, VAT: several are added up in incl_vat")
		return &sum
	}
	d.enter("taxes")
	d.at(0)
	d.lostOfTax(&in.Taxes[0])
	d.leave()
	return &sum
}

// lostOfTax reports what 2.2.1 has no place for in the one tax of a price. Its amount has one.
func (d *down221) lostOfTax(t *v230.TaxAmount) {
	if t.Name != vatName {
		d.lose("name", "2.2.1 calls the difference between incl_vat and excl_vat VAT")
	}
	lostField(d, "account_number", t.AccountNumber)
	lostField(d, "percentage", t.Percentage)
	d.lostExtra(t.Extra)
}

// names221PriceLimit compares the PriceLimit of 2.3.0 with the Price of 2.2.1, which is used for limits as well
// (requirement ZY-04).
var names221PriceLimit = names{old: []string{"excl_vat", "incl_vat"}, model: []string{"before_taxes", "after_taxes"}}

func (u *up221) priceLimit(in *v221.Price, out *v230.PriceLimit) {
	out.BeforeTaxes, out.AfterTaxes = in.ExclVAT, clone(in.InclVAT)
	out.Extra = u.extra(in.Extra, &names221PriceLimit, nil)
}

func (d *down221) priceLimit(in *v230.PriceLimit, out *v221.Price) {
	out.Extra, _ = d.extra(in.Extra, &names221PriceLimit)
	out.ExclVAT, out.InclVAT = in.BeforeTaxes, clone(in.AfterTaxes)
}
