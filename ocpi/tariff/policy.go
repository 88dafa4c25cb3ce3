package tariff

import (
	"time"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/exact"
)

// A Policy decides what OCPI leaves open. The zero value is the default in every respect; fields name the question by its number in
// this project's list of ambiguous points (A1 to A23).
type Policy struct {
	// Flat says how often FLAT components are billed in one session (A1).
	Flat FlatPolicy
	// TimeStep says which time is rounded up to its step_size where charging goes on after parking (A2).
	TimeStep TimeStepPolicy
	// StepTotal says which quantities count towards the total that is rounded up (A3).
	StepTotal StepTotalPolicy
	// StepTariffs says what is rounded where several tariffs apply one after the other (A4).
	StepTariffs StepTariffsPolicy
	// MinPrice says which charges cost at least min_price (A5).
	MinPrice MinPricePolicy
	// Limits says what min_price and max_price do where several tariffs apply (A6).
	Limits LimitsPolicy
	// LimitParts says whether the parts of the total are limited with it (A7).
	LimitParts LimitPartsPolicy
	// LimitTaxes says whether the limit with taxes is derived where the tariff has only the one without (A8).
	LimitTaxes LimitTaxesPolicy
	// FedBack says how energy that was fed back counts for step_size (A9).
	FedBack FedBackPolicy
	// Unmeasured says whether a restriction on current or power matches in a period that does not say it (A10).
	Unmeasured UnmeasuredPolicy
	// Measured says which of the currents or powers of a period is compared (A11).
	Measured MeasuredPolicy
	// Durations says whether min_duration and max_duration count the time that passes or that of the clock on the wall, which
	// differ where summer time begins or ends (A12).
	Durations DurationsPolicy
	// Midnights says when a restriction applies from 00:00 to 00:00 (A13).
	Midnights SameTimesPolicy
	// SameTimes says when a restriction applies whose start_time is its end_time, other than at 00:00 (A14).
	SameTimes SameTimesPolicy
	// WrappedDay says which day a time after midnight belongs to in a restriction that wraps over midnight (A15).
	WrappedDay WrappedDayPolicy
	// ParkingFlat says where FLAT components go that stand beside PARKING_TIME in their element (A16).
	ParkingFlat ParkingFlatPolicy
	// Throttled says what a period is in which the vehicle got no energy though it did not stop asking (A17).
	Throttled ThrottledPolicy
	// ParkingWithoutPrice says what parking costs in a tariff that has a price for TIME and none for PARKING_TIME (A18).
	ParkingWithoutPrice ParkingPolicy
	// IncludedRate says what a VAT rate means in a tariff whose prices include taxes (A19).
	IncludedRate IncludedRatePolicy
	// WithoutRate says what a component without a VAT rate means in a tariff whose prices do not include taxes (A20). In 2.2.1 it is
	// that there is no VAT; see PolicyFor.
	WithoutRate WithoutRatePolicy
	// RoundParts says whether the parts of the total are rounded before they are added up (A21).
	RoundParts bool
	// Dimensions says which dimensions a CDR has that is made here (A22).
	Dimensions DimensionsPolicy
	// Differing says what becomes of a CDR whose total its tariff does not give (A23).
	Differing DifferingPolicy
	// WithoutTariff says what a period costs that names no tariff.
	WithoutTariff WithoutTariffPolicy

	// Rounding is how amounts are rounded in the end.
	Rounding Rounding
	// Tolerance is how far an amount of a CDR may be from ours, in its currency, until they differ; nil for one of its smallest
	// units, such as a cent. Half a unit of the last digit that the CDR writes is allowed anyway.
	Tolerance *exact.Decimal
	// Zone is the time zone of the location, for times of day, days and dates; nil for UTC. Package timezone knows that of a
	// location.
	Zone *time.Location
	// MaxPeriods bounds the periods of a charge, as given and as divided; 0 for DefaultMaxPeriods.
	MaxPeriods int
}

// DefaultMaxPeriods is how many periods a charge has at most.
const DefaultMaxPeriods = 1_000_000

// PolicyFor is the default policy for what a partner of a version sends: in 2.2.1 a component without a VAT rate is not taxed (PR-21).
func PolicyFor(v ocpi.Version) Policy {
	if v == ocpi.V221 {
		return Policy{WithoutRate: WithoutRateUntaxed}
	}
	return Policy{}
}

func (p *Policy) maxPeriods() int {
	if p.MaxPeriods > 0 {
		return p.MaxPeriods
	}
	return DefaultMaxPeriods
}

func (p *Policy) zone() *time.Location {
	if p.Zone == nil {
		return time.UTC
	}
	return p.Zone
}

// Rounding is how amounts are rounded. The zero value rounds nothing.
type Rounding struct {
	// Places are the digits after the point, if Round is set.
	Round  bool
	Places int32
	Mode   RoundingMode
}

// A RoundingMode says which way an amount is rounded that lies between two.
type RoundingMode int

// Ways of rounding.
const (
	RoundHalfUp   RoundingMode = iota // to the nearer one, and away from zero from the middle
	RoundHalfEven                     // to the nearer one, and to the even one from the middle
	RoundUp                           // away from zero
	RoundDown                         // towards zero
)

// A FlatPolicy says how often FLAT components are billed.
type FlatPolicy int

// Policies for FLAT.
const (
	FlatOnce   FlatPolicy = iota // the first that becomes active, once for the session and once for its reservation
	FlatEach                     // each component once, when it first becomes active
	FlatAlways                   // a component again whenever it becomes active again
)

// A TimeStepPolicy says which time is rounded up.
type TimeStepPolicy int

// Policies for the step_size of times.
const (
	TimeStepLast    TimeStepPolicy = iota // that of the last period of either kind
	TimeStepParking                       // that of parking, if there is any
)

// A StepTotalPolicy says which quantities count towards the total that is rounded up.
type StepTotalPolicy int

// Policies for the total.
const (
	StepTotalBilled StepTotalPolicy = iota // those with a price
	StepTotalAll                           // all
)

// A StepTariffsPolicy says what is rounded where several tariffs apply.
type StepTariffsPolicy int

// Policies for step_size across tariffs.
const (
	StepOnce      StepTariffsPolicy = iota // once, with the last tariff
	StepPerTariff                          // for each tariff
)

// A MinPricePolicy says which charges cost at least min_price.
type MinPricePolicy int

// Policies for min_price.
const (
	MinPriceSessions MinPricePolicy = iota // sessions, also those without energy, and not reservations alone
	MinPriceAlways                         // all
	MinPriceConsumed                       // those with energy
)

// A LimitsPolicy says what limits do where several tariffs apply.
type LimitsPolicy int

// Policies for limits.
const (
	LimitsOfOne  LimitsPolicy = iota // they hold where one tariff applies alone
	LimitsOfLast                     // those of the last tariff hold
)

// A LimitPartsPolicy says whether parts are limited with their total.
type LimitPartsPolicy int

// Policies for the parts of a total that is limited.
const (
	LimitPartsLeft   LimitPartsPolicy = iota // they stay as they are
	LimitPartsScaled                         // they are scaled so that they add up to it
)

// A LimitTaxesPolicy says whether a limit with taxes is derived.
type LimitTaxesPolicy int

// Policies for limits with taxes.
const (
	LimitTaxesNone  LimitTaxesPolicy = iota // without one there is none
	LimitTaxesShare                         // it has the share of taxes that the whole cost has
)

// A FedBackPolicy says how energy that was fed back counts for step_size.
type FedBackPolicy int

// Policies for energy that was fed back.
const (
	FedBackNet  FedBackPolicy = iota // the net energy is rounded up if it is above 0
	FedBackLeft                      // nothing is rounded where any was fed back
)

// An UnmeasuredPolicy says whether a restriction matches where its quantity is not known.
type UnmeasuredPolicy int

// Policies for what was not measured.
const (
	UnmeasuredMatches UnmeasuredPolicy = iota
	UnmeasuredFails
)

// A MeasuredPolicy says which current or power of a period is compared.
type MeasuredPolicy int

// Policies for what was measured.
const (
	MeasuredBoth MeasuredPolicy = iota // the lowest with min_current and min_power, the highest with max_current and max_power
	MeasuredHigh                       // the highest with both
	MeasuredLow                        // the lowest with both
)

// A DurationsPolicy says which time durations count.
type DurationsPolicy int

// Policies for durations.
const (
	DurationsPassed DurationsPolicy = iota // the time that passes
	DurationsClock                         // that between what the clock on the wall shows
)

// A SameTimesPolicy says when a restriction applies whose start_time is its end_time.
type SameTimesPolicy int

// Policies for equal times.
const (
	SameTimesAllDay SameTimesPolicy = iota
	SameTimesNever
)

// A WrappedDayPolicy says which day a time after midnight belongs to.
type WrappedDayPolicy int

// Policies for the day.
const (
	WrappedDayOfInstant WrappedDayPolicy = iota // the day of the calendar
	WrappedDayOfStart                           // the day on which the restriction began to apply
)

// A ParkingFlatPolicy says where FLAT components go that stand beside PARKING_TIME.
type ParkingFlatPolicy int

// Policies for FLAT beside PARKING_TIME.
const (
	ParkingFlatFixed   ParkingFlatPolicy = iota // to the fixed costs
	ParkingFlatParking                          // to the costs of parking
)

// A ThrottledPolicy says what a period of charging without energy is.
type ThrottledPolicy int

// Policies for charging without energy.
const (
	ThrottledCharges ThrottledPolicy = iota // charging
	ThrottledParks                          // parking
)

// A ParkingPolicy says what parking costs where a tariff has no price for it.
type ParkingPolicy int

// Policies for parking without a price.
const (
	ParkingFree   ParkingPolicy = iota // nothing
	ParkingAsTime                      // what charging costs
)

// An IncludedRatePolicy says what a VAT rate means where prices include taxes.
type IncludedRatePolicy int

// Policies for rates in prices that include taxes.
const (
	IncludedRateContained IncludedRatePolicy = iota // it is in the price
	IncludedRateIgnored                             // it says nothing
)

// A WithoutRatePolicy says what a component without a VAT rate means.
type WithoutRatePolicy int

// Policies for components without a rate.
const (
	WithoutRateUnknown WithoutRatePolicy = iota // taxes come on top that are not known
	WithoutRateUntaxed                          // there are none
)

// A DimensionsPolicy says which dimensions a CDR has that is made here.
type DimensionsPolicy int

// Policies for dimensions.
const (
	DimensionsAll    DimensionsPolicy = iota // energy and time in any case
	DimensionsPriced                         // those with a price, and energy where nothing has one
)

// A DifferingPolicy says what becomes of a CDR whose total its tariff does not give.
type DifferingPolicy int

// Policies for CDRs that differ.
const (
	DifferingTold    DifferingPolicy = iota // it differs, and its total holds
	DifferingRefused                        // it must not be paid
)

// A WithoutTariffPolicy says what a period costs that names no tariff.
type WithoutTariffPolicy int

// Policies for periods without a tariff.
const (
	WithoutTariffOnly WithoutTariffPolicy = iota // what the only tariff says; the first of several, which is noted
	WithoutTariffFree                            // nothing, also where there is no tariff at all
)
