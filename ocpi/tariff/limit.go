package tariff

import "github.com/roamwire/roamwire/ocpi/v230"

// limit keeps the total within min_price and max_price (PR-22, A5 to A8). Its parts stay as they are, unless the policy says otherwise.
func (p *pricer) limit() {
	o := p.out
	o.Total = o.Unlimited
	t := p.limiting()
	if t != nil {
		if t.min != nil && p.hasMinimum() {
			p.within(t, t.min, true)
		}
		if t.max != nil {
			p.within(t, t.max, false)
		}
	}
	o.Total = o.Total.rounded(p.policy.Rounding)
	if len(o.Limits) > 0 && p.policy.LimitParts == LimitPartsScaled && o.Unlimited.Before.Sign() > 0 { // A7
		for _, part := range []*Cost{&o.Fixed, &o.Energy, &o.Time, &o.Parking, &o.Reservation} {
			*part = part.scaled(o.Total.Before, o.Unlimited.Before)
		}
	}
	for _, part := range []*Cost{&o.Fixed, &o.Energy, &o.Time, &o.Parking, &o.Reservation, &o.Unlimited} {
		*part = part.rounded(p.policy.Rounding)
	}
}

// limiting is the tariff whose limits hold; nil for none (A6).
func (p *pricer) limiting() *Tariff {
	if len(p.used) == 0 {
		return nil
	}
	last := p.used[len(p.used)-1]
	if len(p.used) == 1 || p.policy.Limits == LimitsOfLast {
		return last
	}
	for _, t := range p.used {
		if t.min != nil || t.max != nil {
			p.out.note(NoteLimitsIgnored)
		}
	}
	return nil
}

// hasMinimum reports whether the charge costs at least min_price (A5).
func (p *pricer) hasMinimum() bool {
	session, consumed := false, false
	for i := range p.charge.Periods {
		session = session || !p.charge.Periods[i].isReserved()
		consumed = consumed || p.charge.Periods[i].Energy.Sign() > 0
	}
	switch p.policy.MinPrice {
	case MinPriceAlways:
		return true
	case MinPriceConsumed:
		return consumed
	default:
		return session
	}
}

// untaxed reports whether no price of the tariff is taxed, so that amounts before and after taxes are the same, and so are its limits.
func (t *Tariff) untaxed(p *Policy) bool {
	for _, x := range t.taxes {
		none := x.included == v230.TaxIncludedNA || x.rate != nil && x.rate.IsZero() ||
			x.rate == nil && x.included != v230.TaxIncludedYes && p.WithoutRate == WithoutRateUntaxed
		if !none {
			return false
		}
	}
	return true
}

// within keeps the total at least at a minimum, or at most at a maximum, without taxes and with them.
func (p *pricer) within(t *Tariff, l *limit, minimum bool) {
	total := &p.out.Total
	beyond := func(a Amount, bound Amount) bool {
		if minimum {
			return a.Cmp(bound) < 0
		}
		return a.Cmp(bound) > 0
	}
	after, hasAfter := p.limitAfter(t, l)
	if bound := AmountOf(l.before); !total.NoBefore && beyond(total.Before, bound) {
		p.out.Limits = append(p.out.Limits, Limited{Minimum: minimum, Limit: l.before, Was: total.Before})
		total.Before = bound
	}
	if hasAfter && !total.NoAfter && beyond(total.After, after) {
		limit := Limited{Minimum: minimum, AfterTaxes: true, Was: total.After}
		if l.after != nil {
			limit.Limit = *l.after
		} else {
			limit.Limit = after.Round(exactPlaces, RoundHalfUp)
		}
		p.out.Limits = append(p.out.Limits, limit)
		total.After = after
	}
	if len(p.out.Limits) > 0 {
		total.Taxes = nil // they no longer say what the difference is
	}
	least := total.Before
	if total.NoBefore {
		least = AmountOf(l.before)
	}
	if minimum && !hasAfter && !total.NoAfter && total.After.Cmp(least) < 0 {
		total.After, total.NoAfter = Amount{}, true // it is more than the minimum without them, and nobody says how much
		p.out.note(NoteLimitTaxes)
	}
}

// limitAfter is a limit with taxes, where there is one (A8).
func (p *pricer) limitAfter(t *Tariff, l *limit) (after Amount, is bool) {
	total := &p.out.Total
	switch {
	case l.after != nil:
		return AmountOf(*l.after), true
	case t.untaxed(p.policy):
		return AmountOf(l.before), true
	case p.policy.LimitTaxes == LimitTaxesShare && total.Before.Sign() > 0 && !total.NoAfter && !total.NoBefore:
		return Amount{total.After.num.Mul(total.Before.denominator()).Mul(l.before), total.After.denominator().Mul(total.Before.num)}, true
	default:
		return Amount{}, false
	}
}
