package tariff

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/shopspring/decimal"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// A Verdict is what comes of checking a CDR.
type Verdict string

// Verdicts.
const (
	Agrees    Verdict = "agrees"     // the tariff gives the costs that the CDR states
	Differs   Verdict = "differs"    // it gives others
	CannotSay Verdict = "cannot-say" // it cannot be priced, or taxes are not known
)

// A Code is the kind of a Finding.
type Code string

// The kinds of findings in CDRs.
const (
	PeriodsUnordered  Code = "periods-unordered"   // they are not in order of time
	PeriodsOverlap    Code = "periods-overlap"     // one lasts longer than until the next
	PeriodOutside     Code = "period-outside"      // it begins before the CDR does, or after its end
	PeriodSpansChange Code = "period-spans-change" // prices change within it
	PeriodTooLong     Code = "period-too-long"     // the charge has too many periods to be looked at closely
	VolumeNegative    Code = "volume-negative"     // a time below 0
	EnergyDiffers     Code = "energy-differs"      // the periods do not add up to total_energy
	EnergyInWh        Code = "energy-in-wh"        // the periods seem to be in Wh, where kWh are asked for
	TimeDiffers       Code = "time-differs"        // the periods do not add up to total_time
	ParkingDiffers    Code = "parking-differs"     // the periods do not add up to total_parking_time
	DurationDiffers   Code = "duration-differs"    // total_time is not the time from start to end
	CurrencyDiffers   Code = "currency-differs"    // the tariff is in another currency
	TariffMissing     Code = "tariff-missing"      // there is none
	TariffUnknown     Code = "tariff-unknown"      // a period names one that is not there
	TariffUnusable    Code = "tariff-unusable"     // it cannot be read
	TariffNotValid    Code = "tariff-not-valid"    // it was not valid yet, or no longer
	TariffOther       Code = "tariff-other"        // it is not the one that applied
	TotalsDiffer      Code = "totals-differ"       // the parts do not add up to total_cost
	CostDiffers       Code = "cost-differs"        // the tariff gives another cost
	CostUnknown       Code = "cost-unknown"        // the tariff gives no cost to compare with
)

// A Finding is something about a CDR or a tariff that is not as it should be.
type Finding struct {
	Code Code `json:"code"`
	// Pointer is the place in the object, as a JSON Pointer.
	Pointer string `json:"pointer"`
	Message string `json:"message"`
}

// A Difference is one cost that a CDR states and what the tariff gives instead.
type Difference struct {
	// Field is its name in the CDR, such as total_cost. AfterTaxes tells that it is the amount with taxes.
	Field      string
	AfterTaxes bool
	Stated     decimal.Decimal
	Computed   Amount
	// Agrees tells that they are the same, within the tolerance.
	Agrees bool
}

// An Audit is what Check finds out about a CDR.
type Audit struct {
	Verdict Verdict
	// Refused tells that it differs, and that the policy is not to pay such.
	Refused bool
	// BeforeTaxesOnly tells that there are taxes and that they were not compared: the CDR states none, or the tariff does not give them.
	BeforeTaxesOnly bool
	Findings        []Finding
	// Notes are what a person should know of the price and of the comparison.
	Notes []Note
	// Costs are those that the CDR states, each beside ours.
	Costs []Difference
	// Breakdown is our price; nil where there is none.
	Breakdown *Breakdown

	// unknown are those that the CDR states and that ours are not known of.
	unknown []Difference
	found   map[Code]int
}

// MostFindings is how many findings of one code an Audit has at most: a CDR of a million periods can have a million.
const MostFindings = 100

func (a *Audit) find(code Code, pointer, format string, args ...any) {
	if a.found[code]++; a.found[code] <= MostFindings {
		a.Findings = append(a.Findings, Finding{code, pointer, fmt.Sprintf(format, args...)})
	}
}

// Check prices a CDR again and compares it with the costs that it states. Tariffs are those that applied, as is known from elsewhere;
// without any, those in the CDR are taken.
func Check(cdr *v230.CDR, tariffs []*v230.Tariff, policy Policy) *Audit {
	a := &Audit{found: map[Code]int{}}
	if policy.Zone == nil {
		policy.Zone = ZoneOf(&cdr.CDRLocation)
	}
	charge := ChargeOfCDR(cdr)
	a.checkPeriods(cdr)
	a.checkVolumes(cdr, &charge)
	tariffs = a.tariffsOf(cdr, tariffs)
	compiled := a.compile(cdr, tariffs)
	if compiled != nil {
		a.price(cdr, &charge, compiled, policy)
	}
	a.decide(policy)
	return a
}

// tariffsOf are the tariffs to price with: those that are known to have applied, or the CDR's own.
func (a *Audit) tariffsOf(cdr *v230.CDR, known []*v230.Tariff) []*v230.Tariff {
	var own []*v230.Tariff
	for i := range cdr.Tariffs {
		own = append(own, &cdr.Tariffs[i])
	}
	if len(known) == 0 {
		return own
	}
	for i, t := range own {
		same := false
		for _, k := range known {
			same = same || sameID(string(t.ID), string(k.ID))
		}
		if !same {
			a.find(TariffOther, fmt.Sprintf("/tariffs/%d", i), "tariff %s is not among those that applied", t.ID)
		}
	}
	return known
}

// compile reads the tariffs; nil where the CDR cannot be priced with them.
func (a *Audit) compile(cdr *v230.CDR, tariffs []*v230.Tariff) (compiled []*Tariff) {
	if len(tariffs) == 0 {
		a.find(TariffMissing, "/tariffs", "there is no tariff to price it with")
		return nil
	}
	for _, t := range tariffs {
		if t.Currency != cdr.Currency {
			a.find(CurrencyDiffers, tariffPointer(cdr, t, "/currency"), "tariff %s is in %s, the CDR in %s", t.ID, t.Currency, cdr.Currency)
			return nil
		}
		began := beginOf(cdr, t)
		if t.StartDateTime != nil && began.Compare(*t.StartDateTime) < 0 {
			a.find(TariffNotValid, tariffPointer(cdr, t, "/start_date_time"), "tariff %s is valid from %s, and applies from %s", t.ID, t.StartDateTime, began)
		}
		if t.EndDateTime != nil && began.Compare(*t.EndDateTime) >= 0 {
			a.find(TariffNotValid, tariffPointer(cdr, t, "/end_date_time"), "tariff %s was valid until %s, and applies from %s", t.ID, t.EndDateTime, began)
		}
		c, err := Compile(t)
		if err != nil {
			var unusable *TariffError
			errors.As(err, &unusable)
			a.find(TariffUnusable, tariffPointer(cdr, t, unusable.Pointer), "%s", err)
			return nil
		}
		compiled = append(compiled, c)
	}
	return compiled
}

// tariffPointer is the place of a member of a tariff in the CDR. A tariff from elsewhere is not in it: then it is that of the CDR's own of
// the same id, or of all its tariffs.
func tariffPointer(cdr *v230.CDR, t *v230.Tariff, member string) string {
	for i := range cdr.Tariffs {
		if &cdr.Tariffs[i] == t {
			return fmt.Sprintf("/tariffs/%d%s", i, member)
		}
	}
	for i := range cdr.Tariffs {
		if sameID(string(cdr.Tariffs[i].ID), string(t.ID)) {
			return fmt.Sprintf("/tariffs/%d", i)
		}
	}
	return "/tariffs"
}

// beginOf is when a tariff begins to apply: at the first period that names it, or from the start (PR-09).
func beginOf(cdr *v230.CDR, t *v230.Tariff) ocpi.DateTime {
	began, named := cdr.StartDateTime, false
	for i := range cdr.ChargingPeriods {
		p := &cdr.ChargingPeriods[i]
		if p.TariffID != nil && sameID(string(*p.TariffID), string(t.ID)) && (!named || p.StartDateTime.Compare(began) < 0) {
			began, named = p.StartDateTime, true
		}
	}
	return began
}

// price prices the charge and compares the costs.
func (a *Audit) price(cdr *v230.CDR, charge *Charge, tariffs []*Tariff, policy Policy) {
	b, err := Price(charge, tariffs, policy)
	var unknown *UnknownTariffError
	switch {
	case errors.As(err, &unknown):
		a.find(TariffUnknown, charge.Periods[unknown.Period].pointer()+"/tariff_id", "it is priced with tariff %s, which is not there", unknown.ID)
		return
	case err != nil:
		a.find(CostUnknown, "", "%s", err)
		return
	}
	a.Breakdown = b
	a.Notes = slices.Clone(b.Notes)
	a.checkCuts(charge, tariffs, policy)
	sign := decimal.New(1, 0)
	if cdr.Credit != nil && *cdr.Credit { // it undoes another: its total is below 0
		sign = sign.Neg()
	}
	a.compare(cdr, "total_cost", &cdr.TotalCost, b.Total, sign, policy)
	for _, part := range []struct {
		field  string
		stated *v230.Price
		cost   Cost
	}{
		{"total_fixed_cost", cdr.TotalFixedCost, b.Fixed}, {"total_energy_cost", cdr.TotalEnergyCost, b.Energy},
		{"total_time_cost", cdr.TotalTimeCost, b.Time}, {"total_parking_cost", cdr.TotalParkingCost, b.Parking},
		{"total_reservation_cost", cdr.TotalReservationCost, b.Reservation},
	} {
		if part.stated != nil {
			by := one
			if part.stated.BeforeTaxes.Sign() < 0 {
				by = sign
			}
			a.compare(cdr, part.field, part.stated, part.cost, by, policy)
		}
	}
	a.checkSum(cdr, b)
	a.checkTaxed(cdr, b)
}

// checkTaxed tells where taxes are not compared though there are some: that the total agrees says nothing of them.
func (a *Audit) checkTaxed(cdr *v230.CDR, b *Breakdown) {
	stated := len(cdr.TotalCost.Taxes) > 0
	a.BeforeTaxesOnly = !b.Total.NoBefore && (b.Total.NoAfter || !stated && b.Total.Before.Cmp(b.Total.After) != 0)
	if a.BeforeTaxesOnly && !stated {
		a.Notes = append(a.Notes, NoteTaxesNotStated)
	}
}

// compare compares a cost that the CDR states, before taxes and with them.
func (a *Audit) compare(cdr *v230.CDR, field string, stated *v230.Price, cost Cost, sign decimal.Decimal, policy Policy) {
	before := stated.BeforeTaxes.Decimal()
	if cost.NoBefore {
		a.unknown = append(a.unknown, Difference{Field: field, Stated: before, Agrees: true})
		a.find(CostUnknown, "/"+field+"/before_taxes", "%s", NoteBeforeUnknown)
	} else {
		a.difference(cdr, field, false, before, cost.Before.Mul(sign), policy)
	}
	if len(stated.Taxes) == 0 { // it says nothing of taxes
		return
	}
	after := before
	for i := range stated.Taxes {
		after = after.Add(stated.Taxes[i].Amount.Decimal())
	}
	if cost.NoAfter {
		a.unknown = append(a.unknown, Difference{Field: field, AfterTaxes: true, Stated: after, Agrees: true})
		a.find(CostUnknown, "/"+field+"/taxes", "%s", a.whyNoTaxes())
		return
	}
	a.difference(cdr, field, true, after, cost.After.Mul(sign), policy)
}

// whyNoTaxes says why costs with taxes are not known.
func (a *Audit) whyNoTaxes() Note {
	if slices.Contains(a.Notes, NoteLimitTaxes) && !slices.Contains(a.Notes, NoteTaxesUnknown) {
		return NoteLimitTaxes
	}
	return NoteTaxesUnknown
}

func (a *Audit) difference(cdr *v230.CDR, field string, afterTaxes bool, stated decimal.Decimal, computed Amount, policy Policy) {
	d := Difference{Field: field, AfterTaxes: afterTaxes, Stated: stated, Computed: computed}
	d.Agrees = computed.Sub(AmountOf(stated)).Abs().Cmp(AmountOf(tolerance(cdr.Currency, stated, policy))) <= 0
	a.Costs = append(a.Costs, d)
	if d.Agrees {
		return
	}
	with := "before taxes"
	if afterTaxes {
		with = "with taxes"
	}
	places := minorUnits(cdr.Currency)
	a.find(CostDiffers, "/"+field, "%s is %s %s, the tariff gives %s: %s", field, moneyText(stated, places), with, computed.text(places),
		signed(AmountOf(stated).Sub(computed), places))
}

// signed is a difference as people read it.
func signed(a Amount, places int32) string {
	if a.Sign() > 0 {
		return "+" + a.text(places)
	}
	return a.text(places)
}

// tolerance is how far a stated amount may be from ours.
func tolerance(currency string, stated decimal.Decimal, policy Policy) decimal.Decimal {
	places := minorUnits(currency)
	allowed := decimal.New(1, -places)
	if policy.Tolerance != nil {
		allowed = *policy.Tolerance
	}
	half := decimal.New(5, -max(places, -stated.Exponent())-1)
	return decimal.Max(allowed, half)
}

// decide comes to the verdict.
func (a *Audit) decide(policy Policy) {
	a.Verdict = Agrees
	compared := false
	for _, c := range a.Costs {
		compared = compared || c.Field == "total_cost"
		if !c.Agrees {
			a.Verdict = Differs
		}
	}
	if a.Verdict == Agrees && !compared {
		a.Verdict = CannotSay
	}
	a.Refused = a.Verdict == Differs && policy.Differing == DifferingRefused
}

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
	secondsSlack = decimal.New(36, 0)  // 0.01 h
	energySlack  = decimal.New(11, -3) // 0.011 kWh
)

// pointer is the place of a period in the CDR as it was given.
func (p *Period) pointer() string { return fmt.Sprintf("/charging_periods/%d", p.given) }

// checkVolumes looks at whether quantities add up.
func (a *Audit) checkVolumes(cdr *v230.CDR, charge *Charge) {
	var energy, charging, parking, reserved decimal.Decimal
	for i := range charge.Periods {
		p := &charge.Periods[i]
		pointer := p.pointer()
		if p.Charging.Sign() < 0 || p.Parking.Sign() < 0 || p.Reserved.Sign() < 0 {
			a.find(VolumeNegative, pointer, "it lasts less than no time")
		}
		lasts := p.Charging.Add(p.Parking).Add(p.Reserved)
		if until := elapsed(p.Start, p.End); lasts.Sub(until).Cmp(secondsSlack) > 0 {
			a.find(PeriodsOverlap, pointer, "it lasts %s s, and there are %s s until the next period or the end", lasts, until)
		}
		energy, charging = energy.Add(p.Energy), charging.Add(p.Charging)
		parking, reserved = parking.Add(p.Parking), reserved.Add(p.Reserved)
	}
	total := cdr.TotalEnergy.Decimal()
	if d := energy.Sub(total).Abs(); statesEnergy(cdr) && d.Cmp(energySlack) > 0 {
		if total.Sign() > 0 && energy.Sub(total.Mul(kilo)).Abs().Cmp(total) < 0 {
			a.find(EnergyInWh, "/charging_periods", "the periods have %s kWh and total_energy is %s: they seem to be in Wh", energy, total)
		} else {
			a.find(EnergyDiffers, "/total_energy", "total_energy is %s kWh, the periods have %s", total, energy)
		}
	}
	hours := func(seconds decimal.Decimal) decimal.Decimal { return seconds.DivRound(hour, 4) }
	if time := charging.Add(parking); !time.IsZero() {
		if stated := cdr.TotalTime.Decimal().Mul(hour); differ(stated, time) && differ(stated, time.Add(reserved)) {
			a.find(TimeDiffers, "/total_time", "total_time is %s h, the periods have %s", cdr.TotalTime, hours(time))
		}
	}
	if cdr.TotalParkingTime != nil && !charging.Add(parking).IsZero() && differ(cdr.TotalParkingTime.Decimal().Mul(hour), parking) {
		a.find(ParkingDiffers, "/total_parking_time", "total_parking_time is %s h, the periods have %s", cdr.TotalParkingTime, hours(parking))
	}
	lasted := elapsed(cdr.StartDateTime.Time(), cdr.EndDateTime.Time())
	if stated := cdr.TotalTime.Decimal().Mul(hour); differ(stated, lasted) && differ(stated, lasted.Sub(reserved)) {
		a.find(DurationDiffers, "/total_time", "total_time is %s h, from start to end it is %s h", cdr.TotalTime, hours(lasted))
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

func differ(a, b decimal.Decimal) bool { return a.Sub(b).Abs().Cmp(secondsSlack) > 0 }

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

// linesOf are the lines of a period.
func (b *Breakdown) linesOf(period int) []Line {
	byPeriod := func(l Line, period int) int { return cmp.Compare(l.Period, period) }
	from, _ := slices.BinarySearchFunc(b.Lines, period, byPeriod)
	to, _ := slices.BinarySearchFunc(b.Lines, period+1, byPeriod)
	return b.Lines[from:to]
}

// checkSum looks at whether the parts that the CDR states add up to its total, where it has all and no limit holds.
func (a *Audit) checkSum(cdr *v230.CDR, b *Breakdown) {
	if len(b.Limits) > 0 || b.Unlimited.NoBefore {
		return
	}
	var sum, slack decimal.Decimal
	parts := 0
	for _, p := range []*v230.Price{cdr.TotalFixedCost, cdr.TotalEnergyCost, cdr.TotalTimeCost, cdr.TotalParkingCost, cdr.TotalReservationCost} {
		if p != nil {
			sum, parts = sum.Add(p.BeforeTaxes.Decimal()), parts+1
		}
	}
	slack = decimal.New(int64(parts), -minorUnits(cdr.Currency))
	total := cdr.TotalCost.BeforeTaxes.Decimal()
	if sum.Sign() > 0 && cdr.Credit != nil && *cdr.Credit {
		total = total.Neg() // its parts may be those of the CDR that it undoes
	}
	if parts == 0 || sum.Sub(total).Abs().Cmp(slack) <= 0 {
		return
	}
	if complete := a.statesAll(cdr, b); complete || sum.Cmp(total.Add(slack)) > 0 {
		places := minorUnits(cdr.Currency)
		a.find(TotalsDiffer, "/total_cost", "total_cost is %s before taxes, its parts add up to %s",
			moneyText(cdr.TotalCost.BeforeTaxes.Decimal(), places), moneyText(sum, places))
	}
}

// statesAll reports whether the CDR states every part that costs something.
func (a *Audit) statesAll(cdr *v230.CDR, b *Breakdown) bool {
	for _, p := range []struct {
		stated *v230.Price
		cost   Cost
	}{
		{cdr.TotalFixedCost, b.Fixed}, {cdr.TotalEnergyCost, b.Energy}, {cdr.TotalTimeCost, b.Time},
		{cdr.TotalParkingCost, b.Parking}, {cdr.TotalReservationCost, b.Reservation},
	} {
		if p.stated == nil && (p.cost.Before.Sign() != 0 || p.cost.After.Sign() != 0) {
			return false
		}
	}
	return true
}
