package tariff

import (
	"fmt"
	"slices"
	"strings"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/exact"
)

// A Setting is a field of Policy that is chosen by name, in flags and files.
type Setting struct {
	// Name is that of the setting, and Question the number of what OCPI leaves open (A1 to A23); empty for what is no such question.
	Name, Question string
	// Values are what can be chosen, the default first.
	Values []string

	get func(*Policy) int
	set func(*Policy, int)
}

// settings are all fields of Policy that are a choice, in their order there.
var settings = []Setting{
	choice("A1", "flat", func(p *Policy) *FlatPolicy { return &p.Flat }, "once", "each", "always"),
	choice("A2", "time-step", func(p *Policy) *TimeStepPolicy { return &p.TimeStep }, "last", "parking"),
	choice("A3", "step-total", func(p *Policy) *StepTotalPolicy { return &p.StepTotal }, "billed", "all"),
	choice("A4", "step-tariffs", func(p *Policy) *StepTariffsPolicy { return &p.StepTariffs }, "once", "per-tariff"),
	choice("A5", "min-price", func(p *Policy) *MinPricePolicy { return &p.MinPrice }, "sessions", "always", "consumed"),
	choice("A6", "limits", func(p *Policy) *LimitsPolicy { return &p.Limits }, "of-one", "of-last"),
	choice("A7", "limit-parts", func(p *Policy) *LimitPartsPolicy { return &p.LimitParts }, "left", "scaled"),
	choice("A8", "limit-taxes", func(p *Policy) *LimitTaxesPolicy { return &p.LimitTaxes }, "none", "share"),
	choice("A9", "fed-back", func(p *Policy) *FedBackPolicy { return &p.FedBack }, "net", "left"),
	choice("A10", "unmeasured", func(p *Policy) *UnmeasuredPolicy { return &p.Unmeasured }, "matches", "fails"),
	choice("A11", "measured", func(p *Policy) *MeasuredPolicy { return &p.Measured }, "both", "high", "low"),
	choice("A12", "durations", func(p *Policy) *DurationsPolicy { return &p.Durations }, "passed", "clock"),
	choice("A13", "midnights", func(p *Policy) *SameTimesPolicy { return &p.Midnights }, "all-day", "never"),
	choice("A14", "same-times", func(p *Policy) *SameTimesPolicy { return &p.SameTimes }, "all-day", "never"),
	choice("A15", "wrapped-day", func(p *Policy) *WrappedDayPolicy { return &p.WrappedDay }, "of-instant", "of-start"),
	choice("A16", "parking-flat", func(p *Policy) *ParkingFlatPolicy { return &p.ParkingFlat }, "fixed", "parking"),
	choice("A17", "throttled", func(p *Policy) *ThrottledPolicy { return &p.Throttled }, "charges", "parks"),
	choice("A18", "parking-without-price", func(p *Policy) *ParkingPolicy { return &p.ParkingWithoutPrice }, "free", "as-time"),
	choice("A19", "included-rate", func(p *Policy) *IncludedRatePolicy { return &p.IncludedRate }, "contained", "ignored"),
	choice("A20", "without-rate", func(p *Policy) *WithoutRatePolicy { return &p.WithoutRate }, "unknown", "untaxed"),
	{
		Name: "round-parts", Question: "A21", Values: []string{"no", "yes"},
		get: func(p *Policy) int { return map[bool]int{true: 1}[p.RoundParts] }, set: func(p *Policy, n int) { p.RoundParts = n == 1 },
	},
	choice("A22", "dimensions", func(p *Policy) *DimensionsPolicy { return &p.Dimensions }, "all", "priced"),
	choice("A23", "differing", func(p *Policy) *DifferingPolicy { return &p.Differing }, "told", "refused"),
	choice("", "without-tariff", func(p *Policy) *WithoutTariffPolicy { return &p.WithoutTariff }, "only", "free"),
}

func choice[T ~int](question, name string, field func(*Policy) *T, values ...string) Setting {
	return Setting{
		Name: name, Question: question, Values: values,
		get: func(p *Policy) int { return int(*field(p)) }, set: func(p *Policy, n int) { *field(p) = T(n) },
	}
}

// Settings are all settings.
func Settings() []Setting { return slices.Clone(settings) }

// In is what a policy chooses; empty for what has no name.
func (s *Setting) In(p *Policy) string {
	if n := s.get(p); n >= 0 && n < len(s.Values) {
		return s.Values[n]
	}
	return ""
}

// Set chooses the value of a setting. Errors name what there is.
func (p *Policy) Set(name, value string) error {
	n := slices.IndexFunc(settings, func(s Setting) bool { return s.Name == name })
	if n < 0 {
		var names []string
		for i := range settings {
			names = append(names, settings[i].Name)
		}
		return fmt.Errorf("%q is no pricing rule; there are %s", name, strings.Join(names, ", "))
	}
	v := slices.Index(settings[n].Values, value)
	if v < 0 {
		return fmt.Errorf("pricing rule %s is one of %s, not %q", name, strings.Join(settings[n].Values, ", "), value)
	}
	settings[n].set(p, v)
	return nil
}

// ParseTolerance reads a Policy's Tolerance, as in 0.05.
func ParseTolerance(text string) (*exact.Decimal, error) {
	n, err := ocpi.ParseNumber(text)
	if err != nil || n.Sign() < 0 {
		return nil, fmt.Errorf("%q is no tolerance such as 0.05", text)
	}
	tolerance := n.Exact()
	return &tolerance, nil
}
