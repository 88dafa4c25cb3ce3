package audit

import (
	"slices"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// samePrices reports whether every charge costs the same with both tariffs, as far as what they say of prices is the same: 0.3 is 0.30.
func samePrices(a, b *v230.Tariff) bool {
	return a.TaxIncluded == b.TaxIncluded && same(a.MinPrice, b.MinPrice, sameLimit) && same(a.MaxPrice, b.MaxPrice, sameLimit) &&
		slices.EqualFunc(a.Elements, b.Elements, sameElement)
}

// same reports whether both are missing, or there and equal.
func same[T any](a, b *T, equal func(a, b T) bool) bool {
	if a == nil || b == nil {
		return a == b
	}
	return equal(*a, *b)
}

func identical[T comparable](a, b T) bool { return a == b }

func sameLimit(a, b v230.PriceLimit) bool {
	return a.BeforeTaxes.Equal(b.BeforeTaxes) && same(a.AfterTaxes, b.AfterTaxes, ocpi.Number.Equal)
}

func sameElement(a, b v230.TariffElement) bool {
	return slices.EqualFunc(a.PriceComponents, b.PriceComponents, sameComponent) && sameRestrictions(a.Restrictions, b.Restrictions)
}

func sameComponent(a, b v230.PriceComponent) bool {
	return a.Type == b.Type && a.StepSize == b.StepSize && a.Price.Equal(b.Price) && same(a.VAT, b.VAT, ocpi.Number.Equal)
}

// sameRestrictions takes no restrictions for an object without any.
func sameRestrictions(a, b *v230.TariffRestrictions) bool {
	if a == nil {
		a = &v230.TariffRestrictions{}
	}
	if b == nil {
		b = &v230.TariffRestrictions{}
	}
	for _, texts := range [][2]*string{{a.StartTime, b.StartTime}, {a.EndTime, b.EndTime}, {a.StartDate, b.StartDate}, {a.EndDate, b.EndDate}} {
		if !same(texts[0], texts[1], identical) {
			return false
		}
	}
	for _, numbers := range [][2]*ocpi.Number{
		{a.MinKWh, b.MinKWh}, {a.MaxKWh, b.MaxKWh}, {a.MinCurrent, b.MinCurrent}, {a.MaxCurrent, b.MaxCurrent}, {a.MinPower, b.MinPower}, {a.MaxPower, b.MaxPower},
	} {
		if !same(numbers[0], numbers[1], ocpi.Number.Equal) {
			return false
		}
	}
	return same(a.MinDuration, b.MinDuration, identical) && same(a.MaxDuration, b.MaxDuration, identical) &&
		same(a.Reservation, b.Reservation, identical) && sameDays(a.DayOfWeek, b.DayOfWeek)
}

func sameDays(a, b []v230.DayOfWeek) bool {
	within := func(a, b []v230.DayOfWeek) bool {
		return !slices.ContainsFunc(a, func(d v230.DayOfWeek) bool { return !slices.Contains(b, d) })
	}
	return (len(a) == 0) == (len(b) == 0) && within(a, b) && within(b, a)
}
