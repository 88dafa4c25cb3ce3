package tariff_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/roamwire/roamwire/ocpi/exact"
	"github.com/roamwire/roamwire/ocpi/tariff"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// What Lint says never counts, no session is billed for.
func TestLintIsRightAboutWhatNeverCounts(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		source := anyTariff(r)
		never := map[string]tariff.Code{}
		for _, f := range tariff.Lint(source) {
			if f.Code == tariff.NeverReached || f.Code == tariff.NotOfReserved {
				never[strings.TrimSuffix(f.Pointer, "/type")] = f.Code
			}
			if f.Code == tariff.NeverApplies {
				element, _, _ := strings.Cut(f.Pointer, "/restrictions")
				never[element] = f.Code
			}
		}
		if len(never) == 0 {
			return
		}
		zone, err := time.LoadLocation(rapid.SampledFrom(zones).Draw(r, "zone"))
		if err != nil {
			r.Fatal(err)
		}
		tariffs, policy := compiled(r, source), tariff.Policy{Zone: zone}
		for range 5 {
			divided, err := tariff.Divide(new(chargeOf(anySession(r))), tariffs, policy)
			if err != nil {
				r.Fatal(err)
			}
			for _, l := range priced(r, divided, tariffs, policy).Lines {
				element := fmt.Sprintf("/elements/%d", l.Element)
				component := fmt.Sprintf("%s/price_components/%d", element, l.Component)
				if code := never[element] + never[component]; code != "" {
					r.Errorf("%s of %s is billed, and told as %s", l.Dimension, component, code)
				}
			}
		}
	})
}

// A gap is told if, and only if, there is a minute of the week in which charging costs nothing.
func TestLintFindsEveryGapInAWeek(t *testing.T) {
	sunday := time.Date(2026, 6, 14, 0, 0, 0, 0, time.UTC)
	rapid.Check(t, func(r *rapid.T) {
		m := newTariff()
		for i := range rapid.IntRange(1, 5).Draw(r, "elements") {
			restrictions := &v230.TariffRestrictions{StartTime: maybe(r, 2, anyClock, "start_time"), EndTime: maybe(r, 2, anyClock, "end_time")}
			if rapid.Bool().Draw(r, "days") {
				restrictions.DayOfWeek = rapid.SliceOfN(anyDay, 1, 7).Draw(r, "day_of_week")
			}
			m.element(energyD, fmt.Sprint(i+1), 1, restrictions)
		}
		tariffs := compiled(r, &m.Tariff)
		free := ""
		for hour := range 7 * 24 {
			for _, minute := range []int{0, 30, 59} { // when anything changes
				at := sunday.Add(time.Duration(hour*60+minute) * time.Minute)
				charge := tariff.Charge{Periods: []tariff.Period{{Start: at, End: at.Add(time.Second), Energy: exact.New(1, 0), Charging: exact.New(1, 0)}}}
				if len(priced(r, charge, tariffs, tariff.Policy{Zone: time.UTC}).Lines) == 0 {
					free = at.Format("Monday 15:04")
				}
			}
		}
		told := strings.Contains(strings.Join(linted(&m.Tariff), " "), string(tariff.TimesGap))
		if told != (free != "") {
			r.Errorf("told: %v, free on %q", told, free)
		}
	})
}
