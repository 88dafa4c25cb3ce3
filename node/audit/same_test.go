package audit

import (
	"reflect"
	"testing"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/v230"
)

func pricedTariff() v230.Tariff {
	number := func(s string) *ocpi.Number { return new(ocpi.MustNumber(s)) }
	return v230.Tariff{
		ID: "T", TaxIncluded: v230.TaxIncludedNo,
		MinPrice: &v230.PriceLimit{BeforeTaxes: ocpi.MustNumber("0.50"), AfterTaxes: number("0.60")}, MaxPrice: &v230.PriceLimit{BeforeTaxes: ocpi.NumberOf(50)},
		Elements: []v230.TariffElement{{
			PriceComponents: []v230.PriceComponent{{Type: v230.TariffDimensionTypeEnergy, Price: ocpi.MustNumber("0.30"), VAT: number("21"), StepSize: 1}},
			Restrictions: &v230.TariffRestrictions{
				StartTime: new("08:00"), EndTime: new("18:00"), StartDate: new("2026-01-01"), EndDate: new("2027-01-01"), MinKWh: number("1"), MaxKWh: number("2"),
				MinCurrent: number("3"), MaxCurrent: number("4"), MinPower: number("5"), MaxPower: number("6"), MinDuration: new(7), MaxDuration: new(8),
				DayOfWeek: []v230.DayOfWeek{v230.DayOfWeekMonday, v230.DayOfWeekFriday}, Reservation: new(v230.ReservationRestrictionTypeReservation),
			},
		}},
	}
}

// What is written otherwise is the same, and so is what has nothing to do with prices.
func TestTariffsWithTheSamePrices(t *testing.T) {
	a, b := pricedTariff(), pricedTariff()
	b.ID, b.LastUpdated, b.TariffAltURL = "U", ocpi.DateTime{}, new("https://example.com")
	b.Elements[0].PriceComponents[0].Price = ocpi.MustNumber("0.3")
	b.Elements[0].Restrictions.DayOfWeek = []v230.DayOfWeek{v230.DayOfWeekFriday, v230.DayOfWeekMonday, v230.DayOfWeekFriday}
	if !samePrices(&a, &b) {
		t.Error("they are the same")
	}
	a.Elements[0].Restrictions, b.Elements[0].Restrictions = nil, &v230.TariffRestrictions{}
	if !samePrices(&a, &b) || !samePrices(&b, &a) {
		t.Error("no restrictions are none")
	}
}

// Each member of restrictions matters, and so does all else that has to do with prices.
func TestTariffsWithOtherPrices(t *testing.T) {
	restrictions := reflect.TypeFor[v230.TariffRestrictions]()
	for field := range restrictions.Fields() {
		if field.Name == "Extra" {
			continue
		}
		a, b := pricedTariff(), pricedTariff()
		reflect.ValueOf(b.Elements[0].Restrictions).Elem().FieldByIndex(field.Index).SetZero()
		if samePrices(&a, &b) || samePrices(&b, &a) {
			t.Errorf("without %s they are other ones", field.Name)
		}
	}
	for name, change := range map[string]func(*v230.Tariff){
		"taxes":            func(t *v230.Tariff) { t.TaxIncluded = v230.TaxIncludedYes },
		"min_price":        func(t *v230.Tariff) { t.MinPrice.BeforeTaxes = ocpi.NumberOf(1) },
		"min_price, taxed": func(t *v230.Tariff) { t.MinPrice.AfterTaxes = nil },
		"max_price":        func(t *v230.Tariff) { t.MaxPrice = nil },
		"price":            func(t *v230.Tariff) { t.Elements[0].PriceComponents[0].Price = ocpi.MustNumber("0.31") },
		"vat":              func(t *v230.Tariff) { t.Elements[0].PriceComponents[0].VAT = nil },
		"step_size":        func(t *v230.Tariff) { t.Elements[0].PriceComponents[0].StepSize = 2 },
		"dimension":        func(t *v230.Tariff) { t.Elements[0].PriceComponents[0].Type = v230.TariffDimensionTypeTime },
		"components":       func(t *v230.Tariff) { t.Elements[0].PriceComponents = nil },
		"elements":         func(t *v230.Tariff) { t.Elements = append(t.Elements, t.Elements[0]) },
		"another time":     func(t *v230.Tariff) { t.Elements[0].Restrictions.StartTime = new("09:00") },
		"other energy":     func(t *v230.Tariff) { t.Elements[0].Restrictions.MaxKWh = new(ocpi.NumberOf(9)) },
		"another day":      func(t *v230.Tariff) { t.Elements[0].Restrictions.DayOfWeek[0] = v230.DayOfWeekSunday },
	} {
		a, b := pricedTariff(), pricedTariff()
		change(&b)
		if samePrices(&a, &b) || samePrices(&b, &a) {
			t.Errorf("%s: they are other ones", name)
		}
	}
}
