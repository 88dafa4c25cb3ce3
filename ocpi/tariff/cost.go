package tariff

import (
	"github.com/roamwire/roamwire/ocpi/exact"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// A Cost is an amount before and after taxes, as far as they are known.
type Cost struct {
	Before, After Amount
	// NoBefore and NoAfter tell that the amount is not known: a price includes taxes whose rate is not given, or taxes come on top
	// that are not.
	NoBefore, NoAfter bool
	// Taxes are those that are known, by their rates.
	Taxes []Tax
}

// A Tax is the part of a cost that is VAT of one rate.
type Tax struct {
	// Rate is in percent.
	Rate   exact.Decimal
	Amount Amount
}

// Add returns c + d.
func (c Cost) Add(d Cost) Cost {
	switch {
	case c.isNothing():
		return d
	case d.isNothing():
		return c
	}
	sum := Cost{
		Before: c.Before.Add(d.Before), After: c.After.Add(d.After),
		NoBefore: c.NoBefore || d.NoBefore, NoAfter: c.NoAfter || d.NoAfter,
		Taxes: append([]Tax(nil), c.Taxes...),
	}
	for _, t := range d.Taxes {
		sum.addTax(t)
	}
	return sum
}

// isNothing reports whether it is a cost of 0.
func (c *Cost) isNothing() bool {
	return c.Before.Sign() == 0 && c.After.Sign() == 0 && !c.NoBefore && !c.NoAfter && len(c.Taxes) == 0
}

func (c *Cost) addTax(t Tax) {
	for i := range c.Taxes {
		if c.Taxes[i].Rate.Equal(t.Rate) {
			c.Taxes[i].Amount = c.Taxes[i].Amount.Add(t.Amount)
			return
		}
	}
	c.Taxes = append(c.Taxes, t)
}

// rounded rounds every amount.
func (c Cost) rounded(r Rounding) Cost {
	if !r.Round {
		return c
	}
	round := func(a Amount) Amount { return AmountOf(a.Round(r.Places, r.Mode)) }
	c.Before, c.After = round(c.Before), round(c.After)
	taxes := make([]Tax, len(c.Taxes))
	for i, t := range c.Taxes {
		taxes[i] = Tax{t.Rate, round(t.Amount)}
	}
	c.Taxes = taxes
	return c
}

// scaled returns c times a fraction.
func (c Cost) scaled(by, of Amount) Cost {
	scale := func(a Amount) Amount {
		return Amount{a.num.Mul(by.num).Mul(of.denominator()), a.denominator().Mul(by.denominator()).Mul(of.num)}
	}
	c.Before, c.After = scale(c.Before), scale(c.After)
	taxes := make([]Tax, len(c.Taxes))
	for i, t := range c.Taxes {
		taxes[i] = Tax{t.Rate, scale(t.Amount)}
	}
	c.Taxes = taxes
	return c
}

// A taxing is how prices are taxed: what the tariff says, and a rate of VAT.
type taxing struct {
	included v230.TaxIncluded
	rate     *exact.Decimal
}

// taxing is the number of a way of taxing among those of the tariff.
func (t *Tariff) taxing(included v230.TaxIncluded, rate *exact.Decimal) int {
	key := ""
	if rate != nil {
		key = rate.String() // the same for 10 and 10.0
	}
	number, known := t.rates[key]
	if !known {
		number = len(t.taxes)
		t.rates[key] = number
		t.taxes = append(t.taxes, taxing{included, rate})
	}
	return number
}

// cost is that of an amount as prices give it (PR-21, PR-26, A19, A20).
func (t *taxing) cost(price Amount, p *Policy) Cost {
	if price.Sign() == 0 {
		return Cost{Before: price, After: price}
	}
	rate := t.rate
	switch t.included {
	case v230.TaxIncludedNA:
		return Cost{Before: price, After: price}
	case v230.TaxIncludedYes:
		if rate == nil || p.IncludedRate == IncludedRateIgnored {
			return Cost{After: price, NoBefore: true}
		}
		before := price.Mul(hundred).Div(hundred.Add(*rate))
		return Cost{Before: before, After: price, Taxes: []Tax{{*rate, price.Sub(before)}}}
	default:
		if rate == nil && p.WithoutRate == WithoutRateUntaxed {
			return Cost{Before: price, After: price}
		}
		if rate == nil {
			return Cost{Before: price, NoAfter: true}
		}
		tax := price.Mul(rate.Shift(-2))
		return Cost{Before: price, After: price.Add(tax), Taxes: []Tax{{*rate, tax}}}
	}
}
