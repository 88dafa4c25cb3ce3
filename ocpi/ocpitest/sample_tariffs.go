package ocpitest

import (
	"github.com/shopspring/decimal"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// The tariffs of the network.
const (
	acTariff   ocpi.CiString = "AC-STANDARD"
	dcTariff   ocpi.CiString = "DC-FAST"
	freeTariff ocpi.CiString = "FREE"
)

// The prices of the tariffs, in euros without VAT.
var (
	acDayPrice     = decimal.New(35, -2) // per kWh
	acNightPrice   = decimal.New(29, -2) // per kWh
	acParkingPrice = decimal.New(3, 0)   // per hour
	acLongPrice    = decimal.New(60, -2) // per hour
	dcStartPrice   = decimal.New(1, 0)   // for each session
	dcEnergyPrice  = decimal.New(59, -2) // per kWh
	dcLongPrice    = decimal.New(12, 0)  // per hour
)

// Tariffs are the three of the network: AC-STANDARD, DC-FAST and FREE.
func (s Sample) Tariffs() []v230.Tariff {
	return []v230.Tariff{s.ACTariff(), s.DCTariff(), s.FreeTariff()}
}

// Tariff makes the nth tariff: those of Tariffs, and from the fourth on their like under ids of their own.
func (s Sample) Tariff(n int) v230.Tariff {
	all := s.Tariffs()
	t := all[(n-1)%len(all)]
	if n > len(all) {
		t.ID = id(string(t.ID)+"-", n)
	}
	return t
}

// ACTariff has a day price and a night price for energy, a price for parking in the daytime, and one for staying long
// on a working day.
func (s Sample) ACTariff() v230.Tariff {
	t := s.tariff(acTariff)
	t.TariffAltText = texts("Overdag 0,35 per kWh, 's nachts 0,29.", "Tags 0,35 je kWh, nachts 0,29.", "0.35 per kWh by day, 0.29 at night.")
	t.TariffAltURL = new("https://grenspaal.example.com/tariffs/ac")
	t.EnergyMix = greenMix()
	t.Elements = []v230.TariffElement{
		{
			PriceComponents: []v230.PriceComponent{
				{Type: v230.TariffDimensionTypeEnergy, Price: number(acDayPrice), StepSize: 1},
				{Type: v230.TariffDimensionTypeParkingTime, Price: number(acParkingPrice), StepSize: 900},
			},
			Restrictions: &v230.TariffRestrictions{StartTime: new("07:00"), EndTime: new("23:00")},
		},
		{
			PriceComponents: []v230.PriceComponent{{Type: v230.TariffDimensionTypeTime, Price: number(acLongPrice), StepSize: 300}},
			Restrictions: &v230.TariffRestrictions{
				MinDuration: new(4 * 3600),
				DayOfWeek: []v230.DayOfWeek{
					v230.DayOfWeekMonday, v230.DayOfWeekTuesday, v230.DayOfWeekWednesday, v230.DayOfWeekThursday, v230.DayOfWeekFriday,
				},
			},
		},
		{PriceComponents: []v230.PriceComponent{{Type: v230.TariffDimensionTypeEnergy, Price: number(acNightPrice), StepSize: 1}}},
	}
	return t
}

// DCTariff has a price for each start and for energy, and one for staying longer than three quarters of an hour.
func (s Sample) DCTariff() v230.Tariff {
	t := s.tariff(dcTariff)
	t.TariffAltText = texts("Snelladen: 1,00 per start en 0,59 per kWh.", "Schnellladen: 1,00 je Start und 0,59 je kWh.", "Fast charging: 1.00 to start and 0.59 per kWh.")
	t.Elements = []v230.TariffElement{
		{
			PriceComponents: []v230.PriceComponent{{Type: v230.TariffDimensionTypeTime, Price: number(dcLongPrice), StepSize: 60}},
			Restrictions:    &v230.TariffRestrictions{MinDuration: new(45 * 60)},
		},
		{PriceComponents: []v230.PriceComponent{
			{Type: v230.TariffDimensionTypeFlat, Price: number(dcStartPrice), StepSize: 1},
			{Type: v230.TariffDimensionTypeEnergy, Price: number(dcEnergyPrice), StepSize: 1},
		}},
	}
	return t
}

// FreeTariff is free of charge: a flat fee of nothing (requirement TAR-10).
func (s Sample) FreeTariff() v230.Tariff {
	t := s.tariff(freeTariff)
	t.TariffAltText = texts("Gratis voor gasten.", "Kostenlos für Gäste.", "Free of charge for guests.")
	t.Elements = []v230.TariffElement{{PriceComponents: []v230.PriceComponent{
		{Type: v230.TariffDimensionTypeFlat, Price: ocpi.MustNumber("0.00"), StepSize: 1},
	}}}
	return t
}

// tariff is what all tariffs share. Prices are without taxes, which is all that 2.1.1 can say (requirement TAR-11).
func (s Sample) tariff(id ocpi.CiString) v230.Tariff {
	t := v230.Tariff{ID: id, Currency: "EUR", TaxIncluded: v230.TaxIncludedNo, LastUpdated: s.ago(60 * day)}
	t.CountryCode, t.PartyID = owner(s.CPO)
	return t
}
