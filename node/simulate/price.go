package simulate

import (
	"slices"
	"strings"
	"time"

	"github.com/shopspring/decimal"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// A moment is what restrictions of tariffs look at: the local time, and how long the session had lasted and how much energy
// in kWh had flowed by then.
type moment struct {
	at     time.Time
	lasted time.Duration
	energy decimal.Decimal
}

// prices are the components that apply at a moment, for each dimension; nil for free of charge.
type prices struct{ energy, time, parking *v230.PriceComponent }

func pricesAt(t *v230.Tariff, m moment) prices {
	return prices{
		energy: priceOf(t, v230.TariffDimensionTypeEnergy, m), time: priceOf(t, v230.TariffDimensionTypeTime, m),
		parking: priceOf(t, v230.TariffDimensionTypeParkingTime, m),
	}
}

// priceOf is the price of a dimension: that of the first element that applies and has one.
func priceOf(t *v230.Tariff, dimension v230.TariffDimensionType, m moment) *v230.PriceComponent {
	if t == nil {
		return nil
	}
	for i := range t.Elements {
		if !applies(t.Elements[i].Restrictions, m) {
			continue
		}
		for j := range t.Elements[i].PriceComponents {
			if p := &t.Elements[i].PriceComponents[j]; p.Type == dimension {
				return p
			}
		}
	}
	return nil
}

// applies reports whether the restrictions of an element let it apply. Elements for reservations do not, nor do those
// restricted to a current or power, which are not simulated finely enough.
func applies(r *v230.TariffRestrictions, m moment) bool {
	if r == nil {
		return true
	}
	if r.Reservation != nil || r.MinCurrent != nil || r.MaxCurrent != nil || r.MinPower != nil || r.MaxPower != nil {
		return false
	}
	lasted := int(m.lasted / time.Second)
	date := m.at.Format(time.DateOnly)
	weekday := v230.DayOfWeek(strings.ToUpper(m.at.Weekday().String()))
	return inHours(r, m.at.Format("15:04")) &&
		(r.StartDate == nil || date >= *r.StartDate) && (r.EndDate == nil || date < *r.EndDate) &&
		(r.MinKWh == nil || m.energy.Cmp(r.MinKWh.Decimal()) >= 0) && (r.MaxKWh == nil || m.energy.Cmp(r.MaxKWh.Decimal()) < 0) &&
		(r.MinDuration == nil || lasted >= *r.MinDuration) && (r.MaxDuration == nil || lasted < *r.MaxDuration) &&
		(len(r.DayOfWeek) == 0 || slices.Contains(r.DayOfWeek, weekday))
}

// inHours reports whether a time of day is within the hours of an element, which can go past midnight.
func inHours(r *v230.TariffRestrictions, at string) bool {
	from, to := "00:00", "24:00"
	if r.StartTime != nil {
		from = *r.StartTime
	}
	if r.EndTime != nil && *r.EndTime != "00:00" {
		to = *r.EndTime
	}
	if to <= from {
		return at >= from || at < to
	}
	return at >= from && at < to
}

// The units in which step_size is given (requirement TAR-12).
var (
	whPerKWh       = decimal.New(1000, 0)
	secondsPerHour = decimal.New(3600, 0)
)

// A use is a quantity at a price: Wh or seconds.
type use struct {
	price    *v230.PriceComponent
	quantity decimal.Decimal
}

// bill is what charging periods cost by a tariff, without taxes, in cents exactly. No price may change within a period. A
// step_size rounds up once in a session, on the last price, and that of TIME not where parking is paid as well (requirement
// TAR-13).
func bill(t *v230.Tariff, zone *time.Location, periods []v230.ChargingPeriod) ocpi.Number {
	var energy, charging, parking []use
	var m moment
	cost := decimal.Zero
	for i := range periods {
		p := &periods[i]
		m.at = p.StartDateTime.Time().In(zone)
		m.lasted = p.StartDateTime.Time().Sub(periods[0].StartDateTime.Time())
		if flat := priceOf(t, v230.TariffDimensionTypeFlat, m); i == 0 && flat != nil {
			cost = flat.Price.Decimal()
		}
		at := pricesAt(t, m)
		flown := volume(p, v230.CdrDimensionTypeEnergy)
		energy = used(energy, at.energy, flown.Mul(whPerKWh))
		charging = used(charging, at.time, volume(p, v230.CdrDimensionTypeTime).Mul(secondsPerHour))
		parking = used(parking, at.parking, volume(p, v230.CdrDimensionTypeParkingTime).Mul(secondsPerHour))
		m.energy = m.energy.Add(flown)
	}
	roundUp(energy)
	if len(parking) > 0 {
		roundUp(parking)
	} else {
		roundUp(charging)
	}
	cost = cost.Add(sum(energy).Div(whPerKWh)).Add(sum(charging).Add(sum(parking)).Div(secondsPerHour))
	return ocpi.NewNumber(limited(t, cost).Round(2))
}

// used adds a quantity that is paid for.
func used(uses []use, price *v230.PriceComponent, quantity decimal.Decimal) []use {
	if price == nil || quantity.Sign() == 0 {
		return uses
	}
	return append(uses, use{price, quantity})
}

// roundUp rounds the whole quantity up to the step of the last price.
func roundUp(uses []use) {
	if len(uses) == 0 {
		return
	}
	last := &uses[len(uses)-1]
	if last.price.StepSize <= 1 {
		return
	}
	total := decimal.Zero
	for _, u := range uses {
		total = total.Add(u.quantity)
	}
	step := decimal.New(int64(last.price.StepSize), 0)
	if rest := total.Mod(step); rest.Sign() > 0 {
		last.quantity = last.quantity.Add(step.Sub(rest))
	}
}

func sum(uses []use) (cost decimal.Decimal) {
	for _, u := range uses {
		cost = cost.Add(u.quantity.Mul(u.price.Price.Decimal()))
	}
	return cost
}

// limited keeps a cost within the least and the most that a session costs.
func limited(t *v230.Tariff, cost decimal.Decimal) decimal.Decimal {
	if t.MinPrice != nil && cost.Cmp(t.MinPrice.BeforeTaxes.Decimal()) < 0 {
		cost = t.MinPrice.BeforeTaxes.Decimal()
	}
	if t.MaxPrice != nil && cost.Cmp(t.MaxPrice.BeforeTaxes.Decimal()) > 0 {
		cost = t.MaxPrice.BeforeTaxes.Decimal()
	}
	return cost
}
