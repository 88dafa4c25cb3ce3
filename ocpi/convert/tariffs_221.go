package convert

import (
	"github.com/roamwire/roamwire/ocpi/v221"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// tariff raises a tariff: prices of 2.2.1 are without VAT (requirements ZT-01, ZT-02).
func (u *up221) tariff(in *v221.Tariff, out *v230.Tariff) {
	u.bulkTariff(in, out)
	out.TaxIncluded = v230.TaxIncludedNo
	out.MinPrice = optional(u, "min_price", in.MinPrice, (*up221).priceLimit)
	out.MaxPrice = optional(u, "max_price", in.MaxPrice, (*up221).priceLimit)
	out.Extra = u.extra(in.Extra, &names221Tariff, nil)
}

func (d *down221) tariff(in *v230.Tariff, out *v221.Tariff) {
	out.Extra, _ = d.extra(in.Extra, &names221Tariff)
	d.tax = in.TaxIncluded
	d.lostTaxIncluded()
	d.bulkTariff(in, out)
	out.MinPrice = optional(d, "min_price", in.MinPrice, (*down221).priceLimit)
	out.MaxPrice = optional(d, "max_price", in.MaxPrice, (*down221).priceLimit)
}

func (d *down221) lostTaxIncluded() {
	switch d.tax {
	case v230.TaxIncludedNo:
	case v230.TaxIncludedYes:
		d.lose("tax_included", "prices of 2.2.1 are without VAT")
	case v230.TaxIncludedNA:
		d.lose("tax_included", "2.2.1 says it price by price, by leaving out the rate of VAT")
	default:
		d.lose("tax_included", "2.2.1 does not know "+string(d.tax)+", the prices are taken to be without taxes")
	}
}

// priceComponent takes VAT out of a price that contains it. Where its rate is not known, 2.2.1 gets the price to pay and
// no rate, which means that no VAT comes on top (requirements DTA-07, ZT-05).
func (d *down221) priceComponent(in *v230.PriceComponent, out *v221.PriceComponent) {
	out.Extra, _ = d.extra(in.Extra, &names221PriceComponent)
	d.bulkPriceComponent(in, out)
	out.Price, out.VAT = in.Price, clone(in.VAT)
	switch d.tax {
	case v230.TaxIncludedYes:
		out.Price = d.withoutTax(in)
	case v230.TaxIncludedNA:
		if in.VAT != nil {
			d.lose("vat", "nothing is taxed in this tariff, and 2.2.1 would put the VAT on top")
			out.VAT = nil
		}
	default:
	}
}
