package tariff

import (
	"errors"
	"fmt"
	"strings"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/exact"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// The kinds of findings in tariffs.
const (
	NeverApplies    Code = "never-applies"    // the restrictions of an element contradict each other
	NeverReached    Code = "never-reached"    // an earlier element always has the price, and it is another
	Duplicate       Code = "duplicate"        // an element has two prices of one dimension
	NotOfReserved   Code = "not-of-reserved"  // reservations have only FLAT and TIME
	TimesOverlap    Code = "times-overlap"    // the times of two elements overlap in part
	TimesGap        Code = "times-gap"        // at some times nothing has a price
	TimesEqual      Code = "times-equal"      // start_time is end_time, which OCPI does not define
	EndExclusive    Code = "end-exclusive"    // end_time seems to be meant as the last minute that counts
	StepZero        Code = "step-zero"        // a step_size of 0, which is none
	StepLarge       Code = "step-large"       // a step_size of which one is more than most charges have
	PriceNegative   Code = "price-negative"   // a price below 0
	RangeGap        Code = "range-gap"        // between two thresholds nothing has a price
	PerWh           Code = "per-wh"           // a price or restriction that seems to be of Wh, where kWh are meant
	PerW            Code = "per-w"            // a restriction that seems to be in W, where kW are meant
	PerMinute       Code = "per-minute"       // a price that seems to be of a minute, where that of an hour is meant
	VATFraction     Code = "vat-fraction"     // a rate that seems to be a fraction, where percent are meant
	LimitsCross     Code = "limits-cross"     // min_price is above max_price
	CurrencyUnknown Code = "currency-unknown" // no currency of ISO 4217
	ValidityEmpty   Code = "validity-empty"   // the tariff ends before it begins
	TooLarge        Code = "too-large"        // the tariff has too many elements, or mistakes, to be looked at closely
)

// Bounds beyond which a number is probably a mistake.
var (
	largestKWh     = exact.New(1000, 0)      // a charge of one MWh
	largestKW      = exact.New(2000, 0)      // more than any vehicle takes
	endless        = exact.New(1_000_000, 0) // nobody means Wh or W with that: it stands for no bound
	largestWh      = exact.New(10_000, 0)    // a step of 10 kWh
	largestTime    = exact.New(4*3600, 0)    // a step of four hours of charging
	largestParking = exact.New(24*3600, 0)   // a day of parking
)

// What Lint looks at and tells, so that the largest tariff takes no longer than some milliseconds.
const (
	// closely is how many elements are compared with each other.
	closely = 1000
	// mostFindings is how many are told.
	mostFindings = 500
)

// Lint looks for mistakes in a tariff that is valid by itself: it would be read otherwise than it was meant, or not at all. It says
// nothing of what may be meant: elements of which the first that applies counts, and times at which parking costs nothing.
func Lint(t *v230.Tariff) []Finding {
	l := &linter{tariff: t}
	l.whole()
	c, err := Compile(t)
	if err != nil {
		var unusable *TariffError
		errors.As(err, &unusable)
		l.find(TariffUnusable, unusable.Pointer, "nobody can price with it: %s", unusable.Reason)
		return l.findings
	}
	l.never, l.starts = make([]bool, len(c.elements)), map[int]bool{}
	for i := range c.elements {
		l.starts[c.elements[i].start] = true
	}
	for i := range t.Elements {
		l.element(i, &t.Elements[i], &c.elements[i])
	}
	l.compare(c)
	l.gaps(c)
	l.ranges(c)
	if l.untold > 0 {
		l.findings = append(l.findings, Finding{TooLarge, "", fmt.Sprintf("%d more findings are not told", l.untold)})
	}
	return l.findings
}

type linter struct {
	tariff   *v230.Tariff
	findings []Finding
	untold   int
	// never tells of each element that it cannot apply.
	never []bool
	// starts are the minutes of the day at which elements begin to apply.
	starts map[int]bool
}

func (l *linter) find(code Code, pointer, format string, args ...any) {
	if len(l.findings) >= mostFindings {
		l.untold++
		return
	}
	l.findings = append(l.findings, Finding{code, pointer, fmt.Sprintf(format, args...)})
}

// whole looks at what concerns the tariff as a whole.
func (l *linter) whole() {
	t := l.tariff
	if !isCurrency(t.Currency) {
		l.find(CurrencyUnknown, "/currency", "%q is no currency of ISO 4217", t.Currency)
	}
	if t.StartDateTime != nil && t.EndDateTime != nil && t.StartDateTime.Compare(*t.EndDateTime) >= 0 {
		l.find(ValidityEmpty, "/end_date_time", "it ends at %s, and begins at %s", t.EndDateTime, t.StartDateTime)
	}
	if t.MinPrice == nil || t.MaxPrice == nil {
		return
	}
	least, most := t.MinPrice, t.MaxPrice
	switch {
	case least.BeforeTaxes.Exact().Cmp(most.BeforeTaxes.Exact()) > 0:
		l.find(LimitsCross, "/min_price", "it costs at least %s and at most %s before taxes", least.BeforeTaxes, most.BeforeTaxes)
	case least.AfterTaxes != nil && most.AfterTaxes != nil && least.AfterTaxes.Exact().Cmp(most.AfterTaxes.Exact()) > 0:
		l.find(LimitsCross, "/min_price", "it costs at least %s and at most %s with taxes", least.AfterTaxes, most.AfterTaxes)
	}
}

func (l *linter) element(i int, in *v230.TariffElement, e *element) {
	at := fmt.Sprintf("/elements/%d", i)
	seen := map[v230.TariffDimensionType]bool{}
	for j := range in.PriceComponents {
		pc, at := &in.PriceComponents[j], fmt.Sprintf("%s/price_components/%d", at, j)
		if seen[pc.Type] {
			l.find(Duplicate, at, "the element has a price for %s already, which counts", pc.Type)
		}
		seen[pc.Type] = true
		if e.reservation != notReserved && pc.Type != v230.TariffDimensionTypeFlat && pc.Type != v230.TariffDimensionTypeTime {
			l.find(NotOfReserved, at+"/type", "a reservation has prices for FLAT and TIME alone")
		}
		l.component(pc, at)
	}
	if in.Restrictions != nil {
		l.restrictions(i, in.Restrictions, &e.restrictions)
	}
}

func (l *linter) component(pc *v230.PriceComponent, at string) {
	price := pc.Price.Exact()
	if pc.VAT != nil && pc.VAT.Sign() > 0 && pc.VAT.Exact().Cmp(one) < 0 {
		l.find(VATFraction, at+"/vat", "%s %% is very little: is it meant to be %s %%?", pc.VAT, pc.VAT.Exact().Mul(hundred))
	}
	switch {
	case price.IsZero():
		return // what costs nothing is not rounded
	case price.Sign() < 0:
		l.find(PriceNegative, at+"/price", "a price of %s pays the driver", pc.Price)
	case pc.Type == v230.TariffDimensionTypeEnergy && price.Cmp(exact.New(5, -minorUnits(l.tariff.Currency)-1)) < 0: // half a cent
		l.find(PerWh, at+"/price", "%s for a kWh is very little: is it the price of a Wh?", pc.Price)
	case isTime(pc.Type) && price.Cmp(exact.New(20, -minorUnits(l.tariff.Currency))) < 0: // 20 cents
		l.find(PerMinute, at+"/price", "%s for an hour is very little: is it the price of a minute?", pc.Price)
	}
	l.step(pc, at+"/step_size")
}

// isTime reports whether prices of a type are those of an hour.
func isTime(t v230.TariffDimensionType) bool {
	return t == v230.TariffDimensionTypeTime || t == v230.TariffDimensionTypeParkingTime
}

func (l *linter) step(pc *v230.PriceComponent, at string) {
	step := exact.New(int64(pc.StepSize), 0)
	switch pc.Type {
	case v230.TariffDimensionTypeEnergy:
		if step.Cmp(largestWh) > 0 {
			l.find(StepLarge, at, "energy is billed in blocks of %s kWh", step.Shift(-3))
		}
	case v230.TariffDimensionTypeTime:
		if step.Cmp(largestTime) > 0 {
			l.find(StepLarge, at, "time is billed in blocks of %s h", step.DivRound(hour, 2))
		}
	case v230.TariffDimensionTypeParkingTime:
		if step.Cmp(largestParking) > 0 {
			l.find(StepLarge, at, "parking is billed in blocks of %s h", step.DivRound(hour, 2))
		}
	case v230.TariffDimensionTypeFlat:
		return // it has no steps
	}
	if step.IsZero() {
		l.find(StepZero, at, "0 is no step; 1 is the smallest")
	}
}

// restrictions looks for those that contradict each other.
func (l *linter) restrictions(i int, in *v230.TariffRestrictions, r *restrictions) {
	at := fmt.Sprintf("/elements/%d/restrictions", i)
	never := func(member, format string, args ...any) {
		l.never[i] = true
		l.find(NeverApplies, at+member, format, args...)
	}
	for _, b := range []struct {
		name      string
		low, high *exact.Decimal
	}{{"kwh", r.minKWh, r.maxKWh}, {"current", r.minCurrent, r.maxCurrent}, {"power", r.minPower, r.maxPower}} {
		if b.low != nil && b.high != nil && b.low.Cmp(*b.high) >= 0 {
			never("/max_"+b.name, "min_%s is %s and max_%s is %s, which is not above it", b.name, b.low, b.name, b.high)
		}
	}
	switch {
	case r.maxDuration != nil && *r.maxDuration <= 0:
		never("/max_duration", "no session is shorter than %d s", *in.MaxDuration)
	case r.minDuration != nil && r.maxDuration != nil && *r.minDuration >= *r.maxDuration:
		never("/max_duration", "min_duration is %d and max_duration is %d, which is not above it", *in.MinDuration, *in.MaxDuration)
	}
	if r.endDate != 0 && r.startDate >= r.endDate {
		never("/end_date", "end_date is %s, which is not after start_date, %s", *in.EndDate, *in.StartDate)
	}
	if r.maxKWh != nil && r.maxKWh.Sign() <= 0 && (r.minKWh == nil || r.minKWh.Cmp(*r.maxKWh) < 0) {
		never("/max_kwh", "a session has %s kWh from its beginning: it applies only after more was fed back than drawn", in.MaxKWh)
	}
	if r.reservation != notReserved && r.minKWh != nil && r.minKWh.Sign() > 0 {
		never("/min_kwh", "in a reservation nothing is charged")
	}
	l.units(in, at)
	l.clock(in, r, at)
}

// units looks for Wh that were taken for kWh, and W for kW.
func (l *linter) units(in *v230.TariffRestrictions, at string) {
	if in.MinKWh != nil && in.MinKWh.Exact().Cmp(largestKWh) > 0 {
		l.find(PerWh, at+"/min_kwh", "%s kWh is more than a vehicle takes: are they Wh?", in.MinKWh)
	}
	if in.MaxKWh != nil && in.MaxKWh.Exact().Cmp(largestKWh) > 0 && !isEndless(in.MaxKWh) {
		l.find(PerWh, at+"/max_kwh", "%s kWh is more than a vehicle takes: are they Wh?", in.MaxKWh)
	}
	if in.MinPower != nil && in.MinPower.Exact().Cmp(largestKW) > 0 {
		l.find(PerW, at+"/min_power", "%s kW is more than a vehicle takes: are they W?", in.MinPower)
	}
	if in.MaxPower != nil && in.MaxPower.Exact().Cmp(largestKW) > 0 && !isNines(in.MaxPower) && in.MaxPower.Exact().Cmp(endless) < 0 {
		l.find(PerW, at+"/max_power", "%s kW is more than a vehicle takes: are they W?", in.MaxPower)
	}
}

// isEndless reports whether an upper bound is one of those that are written where none is meant: 9999, or 100000.
func isEndless(kWh *ocpi.Number) bool {
	text := kWh.Exact().String()
	return kWh.Exact().Cmp(endless) >= 0 || isNines(kWh) || strings.Trim(text[1:], "0") == "" && text[0] == '1'
}

// isNines reports whether a number is 9999 or the like.
func isNines(n *ocpi.Number) bool { return strings.Trim(n.Exact().String(), "9.") == "" }

// clock looks at times of day.
func (l *linter) clock(in *v230.TariffRestrictions, r *restrictions, at string) {
	if r.hasTimes && r.start == r.end && r.start != 0 {
		l.find(TimesEqual, at+"/end_time", "start_time and end_time are both %s, which is read as the whole day", *in.EndTime)
	}
	if in.EndTime != nil && r.end%60 == 59 && !l.starts[r.end] { // where another begins then, it is meant as it is
		l.find(EndExclusive, at+"/end_time", "end_time is no longer part of it: the minute from %s on is left out; %s may be meant",
			*in.EndTime, clockText((r.end+1)%dayMinutes))
	}
}

// clockText is a minute of the day as a time of day.
func clockText(minute int) string { return fmt.Sprintf("%02d:%02d", minute/60, minute%60) }
