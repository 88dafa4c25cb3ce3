package convert

import (
	"fmt"

	"github.com/shopspring/decimal"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/v211"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// A tax says how the prices of a tariff are to be read.
type tax bool

const taxIncluded tax = true

// tariff raises a tariff: prices of 2.1.1 are without VAT (requirement TAR-11).
func (u *up) tariff(in *v211.Tariff, out *v230.Tariff) {
	u.bulkTariff(in, out)
	out.CountryCode, out.PartyID = partyFields(u.env.Owner)
	out.TaxIncluded = v230.TaxIncludedNo
	out.Extra = u.extra(in.Extra, &namesTariff, nil)
}

func (d *down) tariff(in *v230.Tariff, out *v211.Tariff) {
	out.Extra, _ = d.extra(in.Extra, &namesTariff)
	d.bulkTariff(in, out)
	d.tax = d.taxOf(in.TaxIncluded)
	out.Elements = those(d, "elements", in.Elements, (*down).usableElement)
	if len(out.Elements) == 0 && len(in.Elements) > 0 {
		d.withhold("elements", "2.1.1 can say none of the elements: do not send the tariff")
	}
	d.lostParty(in.CountryCode, in.PartyID, d.env.Owner)
	lostField(d, "type", in.Type)
	d.lostLimits(in)
}

// lostLimits tells what 2.1.1 does not know of the limits of a tariff, and what they are to whoever computes with its elements. The
// tariff is sent all the same: its prices are what they were, and a driver without any is told less.
func (d *down) lostLimits(in *v230.Tariff) {
	if in.MinPrice != nil {
		d.lose("min_price", "2.1.1 has no lower limit: a session can cost more than the elements say")
	}
	if in.MaxPrice != nil {
		d.lose("max_price", "2.1.1 has no upper limit: a session can cost less than the elements say")
	}
	if in.StartDateTime != nil {
		d.lose("start_date_time", "2.1.1 has no beginning: the tariff is taken to be valid already")
	}
	if in.EndDateTime != nil {
		d.lose("end_date_time", "2.1.1 has no end: the tariff is taken to be valid for good")
	}
}

// usableTariff leaves out a tariff of a CDR whose elements were all left out: 2.1.1 requires at least one.
func (d *down) usableTariff(in *v230.Tariff, out *v211.Tariff) bool {
	d.tariff(in, out)
	usable := len(out.Elements) > 0 || len(in.Elements) == 0
	if !usable {
		d.loseHere("2.1.1 can say none of its elements, the tariff is left out")
	}
	return usable
}

func (d *down) taxOf(t v230.TaxIncluded) tax {
	switch t {
	case v230.TaxIncludedNo:
	case v230.TaxIncludedYes:
		d.lose("tax_included", "prices of 2.1.1 are without taxes")
		return taxIncluded
	case v230.TaxIncludedNA:
		d.lose("tax_included", "2.1.1 does not say that no taxes apply, the prices are as they are")
	default:
		d.lose("tax_included", "2.1.1 does not know "+string(t)+", the prices are taken to be without taxes")
	}
	return false
}

// usableElement leaves out an element with restrictions that 2.1.1 does not have. Without them its prices would apply
// where they must not.
func (d *down) usableElement(in *v230.TariffElement, out *v211.TariffElement) bool {
	if r := in.Restrictions; r != nil && (r.MinCurrent != nil || r.MaxCurrent != nil || r.Reservation != nil) {
		d.loseHere("2.1.1 cannot restrict prices by current or to reservations, the element is left out")
		return false
	}
	d.tariffElement(in, out)
	return true
}

// tariffRestrictions raises restrictions.
func (u *up) tariffRestrictions(in *v211.TariffRestrictions, out *v230.TariffRestrictions) {
	u.bulkTariffRestrictions(in, out)
	out.Extra = u.extra(in.Extra, &namesTariffRestrictions, nil)
}

// tariffRestrictions lowers restrictions; usableElement has looked for those that 2.1.1 does not have.
func (d *down) tariffRestrictions(in *v230.TariffRestrictions, out *v211.TariffRestrictions) {
	out.Extra, _ = d.extra(in.Extra, &namesTariffRestrictions)
	d.bulkTariffRestrictions(in, out)
}

func (u *up) priceComponent(in *v211.PriceComponent, out *v230.PriceComponent) {
	u.bulkPriceComponent(in, out)
	out.Extra = u.extra(in.Extra, &namesPriceComponent, nil)
}

func (d *down) priceComponent(in *v230.PriceComponent, out *v211.PriceComponent) {
	out.Extra, _ = d.extra(in.Extra, &namesPriceComponent)
	d.bulkPriceComponent(in, out)
	out.Price = in.Price
	if d.tax == taxIncluded {
		out.Price = d.withoutTax(in)
	}
	if in.VAT != nil {
		d.lose("vat", "2.1.1 has no VAT: whoever computes the cost must know the rate")
	}
}

// withoutTax takes the VAT out of a price, rounded to the four decimals of a number in older versions (requirements ZT-02,
// TF-70).
func (d *lowering) withoutTax(in *v230.PriceComponent) ocpi.Number {
	hundred := decimal.NewFromInt(100)
	if in.VAT == nil || !hundred.Add(in.VAT.Decimal()).IsPositive() {
		d.lose("price", "the price is sent with the taxes in it, because their rate is not known")
		return in.Price
	}
	net := ocpi.NewNumber(in.Price.Decimal().Mul(hundred).DivRound(hundred.Add(in.VAT.Decimal()), 4))
	if net.Equal(in.Price) {
		return in.Price
	}
	d.lose("price", fmt.Sprintf("VAT of %s %% is taken out: %s becomes %s", in.VAT, in.Price, net))
	return net
}
