package tariff

import (
	"errors"
	"fmt"
	"slices"

	"github.com/roamwire/roamwire/ocpi/exact"
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
	PeriodOutside     Code = "period-outside"      // it begins before the CDR does, or is not over at its end
	PeriodSpansChange Code = "period-spans-change" // prices change within it
	PeriodTooLong     Code = "period-too-long"     // the charge has too many periods to be looked at closely
	VolumeNegative    Code = "volume-negative"     // a time below 0
	EnergyDiffers     Code = "energy-differs"      // the periods do not add up to total_energy
	EnergyInWh        Code = "energy-in-wh"        // energy seems to be in Wh, where kWh are asked for
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
	Stated     exact.Decimal
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
	charge := ChargeOfCDR(cdr)
	a.checkPeriods(cdr)
	a.checkVolumes(cdr, &charge)
	compiled := a.compile(cdr, applying(cdr, a.tariffsOf(cdr, tariffs)))
	if compiled != nil {
		a.price(cdr, &charge, compiled, policy)
	}
	a.checkSum(cdr, a.Breakdown)
	a.decide(policy)
	return a
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
	a.checkStated(cdr, charge, b)
	a.checkCuts(charge, tariffs, policy)
	sign := exact.New(1, 0)
	if cdr.Credit != nil && *cdr.Credit { // it undoes another: its total is below 0
		sign = sign.Neg()
	}
	a.compare(cdr, "total_cost", &cdr.TotalCost, b.Total, sign, policy)
	for _, part := range partsOf(cdr, b) {
		if part.stated != nil {
			by := one
			if part.stated.BeforeTaxes.Sign() < 0 {
				by = sign
			}
			a.compare(cdr, part.field, part.stated, part.cost, by, policy)
		}
	}
	a.checkTaxed(cdr, b)
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
