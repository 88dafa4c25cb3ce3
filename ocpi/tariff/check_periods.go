package tariff

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/roamwire/roamwire/ocpi/exact"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// checkPeriods looks at where periods begin.
func (a *Audit) checkPeriods(cdr *v230.CDR) {
	for i := range cdr.ChargingPeriods {
		at, pointer := cdr.ChargingPeriods[i].StartDateTime, fmt.Sprintf("/charging_periods/%d/start_date_time", i)
		if i > 0 && at.Compare(cdr.ChargingPeriods[i-1].StartDateTime) < 0 {
			a.find(PeriodsUnordered, pointer, "it begins at %s, before the one before it", at)
		}
		if at.Compare(cdr.StartDateTime) < 0 {
			a.find(PeriodOutside, pointer, "it begins at %s, the CDR at %s", at, cdr.StartDateTime)
		} else if at.Compare(cdr.EndDateTime) > 0 {
			a.find(PeriodOutside, pointer, "it begins at %s, the CDR ends at %s", at, cdr.EndDateTime)
		}
	}
}

// Quantities may differ by rounding: hours are mostly written with three or four digits, kWh with two to four.
var (
	secondsSlack = exact.New(36, 0)  // 0.01 h
	energySlack  = exact.New(11, -3) // 0.011 kWh
)

// pointer is the place of a period in the CDR as it was given.
func (p *Period) pointer() string { return fmt.Sprintf("/charging_periods/%d", p.given) }

// checkVolumes looks at whether quantities add up.
func (a *Audit) checkVolumes(cdr *v230.CDR, charge *Charge) {
	var energy, charging, parking, reserved exact.Decimal
	for i := range charge.Periods {
		p := &charge.Periods[i]
		pointer := p.pointer()
		if p.Charging.Sign() < 0 || p.Parking.Sign() < 0 || p.Reserved.Sign() < 0 {
			a.find(VolumeNegative, pointer, "it lasts less than no time")
		}
		lasts := p.lasts()
		if until := elapsed(p.Start, p.End); lasts.Sub(until).Cmp(secondsSlack) > 0 {
			a.tooLong(pointer, lasts, until, i+1 == len(charge.Periods))
		}
		energy, charging = energy.Add(p.Energy), charging.Add(p.Charging)
		parking, reserved = parking.Add(p.Parking), reserved.Add(p.Reserved)
	}
	a.checkEnergy(cdr, energy)
	hours := func(seconds exact.Decimal) exact.Decimal { return seconds.DivRound(hour, 4) }
	if time := charging.Add(parking); !time.IsZero() {
		if stated := cdr.TotalTime.Exact().Mul(hour); differ(stated, time) && differ(stated, time.Add(reserved)) {
			a.find(TimeDiffers, "/total_time", "total_time is %s h, the periods have %s", cdr.TotalTime, hours(time))
		}
	}
	if cdr.TotalParkingTime != nil && !charging.Add(parking).IsZero() && differ(cdr.TotalParkingTime.Exact().Mul(hour), parking) {
		a.find(ParkingDiffers, "/total_parking_time", "total_parking_time is %s h, the periods have %s", cdr.TotalParkingTime, hours(parking))
	}
	lasted := elapsed(cdr.StartDateTime.Time(), cdr.EndDateTime.Time())
	if stated := cdr.TotalTime.Exact().Mul(hour); differ(stated, lasted) && differ(stated, lasted.Sub(reserved)) {
		a.find(DurationDiffers, "/total_time", "total_time is %s h, from start to end it is %s h", cdr.TotalTime, hours(lasted))
	}
}

// checkEnergy looks at whether the energy of the periods adds up, and whether it is in kWh (PO-06).
func (a *Audit) checkEnergy(cdr *v230.CDR, energy exact.Decimal) {
	total := cdr.TotalEnergy.Exact()
	lasted := elapsed(cdr.StartDateTime.Time(), cdr.EndDateTime.Time())
	switch off := energy.Sub(total).Abs(); {
	case !statesEnergy(cdr):
	case off.Cmp(energySlack) <= 0:
	case total.Sign() > 0 && energy.Sub(total.Mul(kilo)).Abs().Cmp(total) < 0:
		a.find(EnergyInWh, "/charging_periods", "the periods have %s kWh and total_energy is %s: they seem to be in Wh", energy, total)
	default:
		a.find(EnergyDiffers, "/total_energy", "total_energy is %s kWh, the periods have %s", total, energy)
	}
	if lasted.Sign() > 0 && total.Mul(hour).Cmp(largestKW.Mul(lasted)) > 0 {
		a.find(EnergyInWh, "/total_energy", "total_energy is %s kWh in %s, which is more than any vehicle takes: it seems to be in Wh", total, clock(lasted.String()))
	}
}

// checkStated tells of what has a price and is in no period, so that it is not billed though the CDR has it in all.
func (a *Audit) checkStated(cdr *v230.CDR, charge *Charge, b *Breakdown) {
	sells := func(d Dimension) bool {
		return slices.ContainsFunc(b.tariffs, func(t *Tariff) bool { return t != nil && t.charges(d) })
	}
	if cdr.TotalEnergy.Sign() > 0 && !statesEnergy(cdr) && sells(Energy) {
		a.find(EnergyDiffers, "/charging_periods", "no period says how much energy it has, so that none is priced; total_energy is %s kWh", cdr.TotalEnergy)
	}
	timed := slices.ContainsFunc(charge.Periods, func(p Period) bool {
		return !p.Charging.IsZero() || !p.Parking.IsZero() || !p.Reserved.IsZero()
	})
	if cdr.TotalTime.Sign() > 0 && !timed && (sells(Time) || sells(Parking)) {
		a.find(TimeDiffers, "/charging_periods", "no period says how long the vehicle charged or parked, so that no time is priced; total_time is %s h", cdr.TotalTime)
	}
}

// tooLong tells of a period that lasts longer than until the next one, or than until the CDR ends.
func (a *Audit) tooLong(pointer string, lasts, until exact.Decimal, last bool) {
	long := clock(lasts.String())
	switch {
	case last && until.Sign() < 0: // that it begins after the end is told
	case last:
		a.find(PeriodOutside, pointer, "it lasts %s, and the CDR ends %s after it begins", long, clock(until.String()))
	default:
		a.find(PeriodsOverlap, pointer, "it lasts %s, and the next one begins %s after it", long, clock(until.String()))
	}
}

// statesEnergy reports whether periods say how much energy they have.
func statesEnergy(cdr *v230.CDR) bool {
	for i := range cdr.ChargingPeriods {
		for _, d := range cdr.ChargingPeriods[i].Dimensions {
			if d.Type == v230.CdrDimensionTypeEnergy {
				return true
			}
		}
	}
	return false
}

func differ(a, b exact.Decimal) bool { return a.Sub(b).Abs().Cmp(secondsSlack) > 0 }

// closeLook is how many periods more than it has a CDR is divided into at most to see where prices change: nobody reads of more.
const closeLook = 10_000

// checkCuts looks for periods in which prices change (PR-11).
func (a *Audit) checkCuts(charge *Charge, tariffs []*Tariff, policy Policy) {
	policy.MaxPeriods = min(policy.maxPeriods(), len(charge.Periods)+closeLook)
	divided, err := Divide(charge, tariffs, policy)
	if err != nil {
		a.find(PeriodTooLong, "/charging_periods", "%s", err)
		return
	}
	var parts *Breakdown
	for i, j := 0, 0; i < len(charge.Periods); i++ {
		first := j
		for j < len(divided.Periods) && (j == first || i+1 == len(charge.Periods) || divided.Periods[j].Start.Before(charge.Periods[i+1].Start)) {
			j++
		}
		if j-first > 1 {
			if parts == nil {
				if parts, err = Price(&divided, tariffs, policy); err != nil {
					a.find(PeriodTooLong, "/charging_periods", "%s", err)
					return
				}
			}
			a.find(PeriodSpansChange, charge.Periods[i].pointer(), "%s: it should have been %d periods, and is priced as it was when it began",
				parts.change(first), j-first)
		}
	}
	if total := a.Breakdown.Total; parts != nil && (parts.Total.Before.Cmp(total.Before) != 0 || parts.Total.After.Cmp(total.After) != 0) {
		places := minorUnits(parts.Currency)
		before, after := parts.Total.texts(places)
		a.Notes = append(a.Notes, Note("divided where prices change, with energy that flows evenly, it would cost "+amounts(before, after, parts.Currency)))
	}
}

// change says in words what changes from a period to the next.
func (b *Breakdown) change(period int) string {
	prices := func(period int, d Dimension, reservation bool) string {
		for _, l := range b.linesOf(period) {
			if l.Dimension == d && l.Reservation == reservation {
				return fmt.Sprintf("%s (element %d)", moneyText(l.Price, minorUnits(b.Currency)), l.Element)
			}
		}
		return "nothing"
	}
	var changes []string
	for _, reservation := range []bool{false, true} {
		for d := range dimensions {
			before, after := prices(period, d, reservation), prices(period+1, d, reservation)
			switch {
			case before == after, d == Flat && after == "nothing":
			case d == Flat:
				changes = append(changes, fmt.Sprintf("%s of %s is due", named(d, reservation), after))
			default:
				changes = append(changes, fmt.Sprintf("%s costs %s until then, and %s afterwards", named(d, reservation), before, after))
			}
		}
	}
	at := b.moments[period+1].at.UTC().Round(time.Second).Format(time.RFC3339)
	return "prices change within it, at " + at + ": " + strings.Join(changes, "; ")
}
